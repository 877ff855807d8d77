/** Home: what is firing and not silenced, with its chart, the error lines and the slowest traces that may explain it. */
import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { fetchGroups } from '../api/alerts'
import { fetchLines, fetchLogNumbers } from '../api/logs'
import { fetchRange, fetchRules } from '../api/metrics'
import { hasRules, type Source } from '../api/sources'
import { fetchServices, searchTraces } from '../api/traces'
import { errorQuery, exprOfUrl, isLoud, ruleOf, servicesOf, uniqueAlerts, type Alert, type Rule } from '../model/alerts'
import { splitComparison } from '../model/expression'
import { isMetricQuery } from '../model/logquery'
import { fromMs } from '../model/nanoseconds'
import { stepFor } from '../model/timerange'
import { AlertRow } from '../parts/alertrow'
import { FrameChart } from '../parts/framechart'
import { Link } from '../parts/link'
import { LogList } from '../parts/loglist'
import { Empty, Loaded } from '../parts/notices'
import { TraceList } from '../parts/tracelist'
import { useRange } from '../state/clock'
import { useQuery, type Query } from '../state/query'
import { useSource, useSources } from '../state/session'

const LINES = 200
const TRACES_EACH = 20
const TRACES = 30
const SERVICES = 12

export default function IncidentPage(): JSX.Element {
  const source = useSource('alertmanager')
  const { asOf } = useRange()
  const groups = useQuery(source ? `${source.uid} ${asOf}` : null, (signal) => fetchGroups(source!, signal))
  const alerts = useMemo(() => uniqueAlerts(groups.data ?? []), [groups.data])
  const loud = useMemo(() => alerts.filter(isLoud), [alerts])
  const services = useMemo(() => servicesOf(loud), [loud])
  const settled = !source || groups.data !== undefined || groups.error !== null
  return (
    <>
      <div class="chips">
        <h1>
          {loud.length
            ? `${loud.length} ${loud.length === 1 ? 'alert' : 'alerts'} firing`
            : groups.data
              ? 'Nothing is firing'
              : 'Incident'}
        </h1>
        {alerts.length > loud.length && <Link to="/alerts">{alerts.length - loud.length} silenced or inhibited</Link>}
      </div>
      {source && <Firing source={source} alerts={loud} query={groups} />}
      {settled && (
        <div class="halves">
          <ErrorLines services={services} />
          <SlowTraces services={services} />
        </div>
      )}
    </>
  )
}

function Firing({ source, alerts, query }: { source: Source; alerts: Alert[]; query: Query<unknown> }): JSX.Element {
  const { asOf } = useRange()
  const stores = useSources().filter(hasRules)
  const rules = useQuery(stores.map((one) => one.uid).join() + asOf, async (signal) => {
    const found = await Promise.allSettled(stores.map((one) => fetchRules(one, signal)))
    return found.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
  })
  return (
    <Loaded query={query} what="alerts">
      {() => (
        <div class="stack">
          {alerts.map((alert) => (
            <AlertRow key={alert.id} alert={alert} source={source} nowMs={asOf}>
              {rules.data && <AlertChart alert={alert} rule={ruleOf(alert, rules.data)} stores={stores} />}
            </AlertRow>
          ))}
        </div>
      )}
    </Loaded>
  )
}

function AlertChart({ alert, rule, stores }: { alert: Alert; rule: Rule | undefined; stores: Source[] }): JSX.Element | null {
  const range = useRange()
  const whole = rule?.expr ?? exprOfUrl(alert.generatorUrl)
  const store = stores.find((one) => one.uid === rule?.source) ?? stores.find((one) => one.type === 'prometheus')
  const { expr, threshold } = splitComparison(whole ?? '')
  const key = whole && store ? `${store.uid} ${expr} ${range.fromMs} ${range.toMs}` : null
  const frame = useQuery(key, (signal) => {
    const stepMs = stepFor(range, 160, 15_000)
    return store!.type === 'loki'
      ? fetchLogNumbers(store!, expr, range, stepMs, signal)
      : fetchRange(store!, expr, range, stepMs, signal)
  })
  const shown = useMemo(() => frame.data && { ...frame.data, series: closest(frame.data.series, alert) }, [frame.data, alert])
  if (!whole || !store || (store.type === 'loki' && !isMetricQuery(expr))) return null
  return (
    <div>
      <Loaded
        query={frame}
        what="the chart"
        expr={expr}
        empty={(data) => !data.series.length && 'The expression has no values in this range.'}
      >
        {() =>
          shown && (
            <FrameChart
              frame={shown}
              label={expr}
              height={120}
              legend={shown.series.length > 1}
              look={{ threshold: threshold ?? undefined }}
            />
          )
        }
      </Loaded>
      <Link to={store.type === 'loki' ? '/explore/logs' : '/explore/metrics'} with={{ q: whole }}>
        <code>{whole}</code>
      </Link>
    </div>
  )
}

/** The series of the alert itself where its labels tell, else all. */
function closest<S extends { labels: Record<string, string> }>(series: S[], alert: Alert): S[] {
  const own = series.filter((one) =>
    Object.entries(one.labels).every(
      ([name, value]) => name === '__name__' || alert.labels[name] === undefined || alert.labels[name] === value,
    ),
  )
  return own.length ? own : series
}

function ErrorLines({ services }: { services: string[] }): JSX.Element {
  const source = useSource('loki')
  const range = useRange()
  const expr = errorQuery(services)
  const lines = useQuery(source ? `${expr} ${range.fromMs} ${range.toMs}` : null, (signal) =>
    fetchLines(source!, { expr, start: fromMs(range.fromMs), end: fromMs(range.toMs), limit: LINES }, signal),
  )
  return (
    <section class="half" aria-label="Warnings and errors">
      <h2>
        Warnings and errors{services.length ? ` of ${services.join(', ')}` : ''}{' '}
        <Link to="/explore/logs" with={{ q: expr }}>
          open in logs
        </Link>
      </h2>
      {source ? (
        <Loaded query={lines} what="lines" expr={expr} empty={(data) => !data.length && 'No warnings or errors in this range.'}>
          {(data) => <LogList lines={data} source={source} label="Warnings and errors" />}
        </Loaded>
      ) : (
        <Empty>No data source of type loki is provisioned.</Empty>
      )}
    </section>
  )
}

function SlowTraces({ services }: { services: string[] }): JSX.Element {
  const source = useSource('jaeger')
  const range = useRange()
  const traces = useQuery(source ? `${services.join()} ${range.fromMs} ${range.toMs}` : null, async (signal) => {
    const names = (services.length ? services : await fetchServices(source!, signal)).slice(0, SERVICES)
    const found = await Promise.all(names.map((service) => searchTraces(source!, { service, limit: TRACES_EACH }, range, signal)))
    const unique = new Map(found.flat().map((one) => [one.id, one]))
    return [...unique.values()].sort((a, b) => b.durationUs - a.durationUs).slice(0, TRACES)
  })
  return (
    <section class="half" aria-label="Slowest traces">
      <h2>
        Slowest of the newest traces{services.length ? ` through ${services.join(', ')}` : ''}{' '}
        <Link to="/explore/traces" with={services[0] ? { service: services[0] } : {}}>
          open in traces
        </Link>
      </h2>
      {source ? (
        <Loaded query={traces} what="traces" empty={(data) => !data.length && 'No traces in this range.'}>
          {(data) => <TraceList traces={data} label="Slowest traces" />}
        </Loaded>
      ) : (
        <Empty>No data source of type jaeger is provisioned.</Empty>
      )}
    </section>
  )
}
