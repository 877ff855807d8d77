/** One trace: waterfall, the chosen span, and the log lines of the trace beside them. */
import type { JSX } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { fetchLines } from '../api/logs'
import type { Source } from '../api/sources'
import { fetchTrace } from '../api/traces'
import { show } from '../model/duration'
import type { LogLine } from '../model/loglines'
import { traceQuery } from '../model/logquery'
import { fromMs } from '../model/nanoseconds'
import { formatTime } from '../model/timerange'
import { rootOf, spanMatches, type Trace } from '../model/trace'
import { Link } from '../parts/link'
import { LogList } from '../parts/loglist'
import { Empty, Loaded } from '../parts/notices'
import { nameColor } from '../parts/palette'
import { SpanDetail } from '../parts/spandetail'
import { Waterfall } from '../parts/waterfall'
import { useRange, useZone } from '../state/clock'
import { patch, usePlace } from '../state/place'
import { useQuery } from '../state/query'
import { useSource } from '../state/session'

/** Clocks of services differ, and a line may come before or after its span. */
const AROUND_MS = 5 * 60_000
const LINES = 1000

export default function TracePage({ argument }: { argument: string }): JSX.Element {
  const source = useSource('jaeger')
  const range = useRange()
  const trace = useQuery(source ? `${source.uid} ${argument} ${range.asOf}` : null, (signal) =>
    fetchTrace(source!, argument, signal),
  )
  if (!source) return <Empty>No data source of type jaeger is provisioned.</Empty>
  return (
    <>
      <Loaded
        query={trace}
        what={`trace ${argument}`}
        empty={(data) => data === null && <strong>There is no trace {argument}.</strong>}
      >
        {(data) => data && <TraceView trace={data} />}
      </Loaded>
      {trace.error && <LostTraceLogs id={argument} />}
    </>
  )
}

function TraceView({ trace }: { trace: Trace }): JSX.Element {
  const { params } = usePlace()
  const logs = useSource('loki')
  const [filter, setFilter] = useState(params.get('find') ?? '')
  const span = trace.spans.find((one) => one.id === params.get('span'))
  const range = { fromMs: trace.startUs / 1000 - AROUND_MS, toMs: (trace.startUs + trace.durationUs) / 1000 + AROUND_MS }
  const lines = useQuery(logs ? `${logs.uid} ${trace.id}` : null, (signal) =>
    fetchLines(logs!, { expr: traceQuery(trace.id), start: fromMs(range.fromMs), end: fromMs(range.toMs), limit: LINES }, signal),
  )
  const found = useMemo(
    () => (filter ? new Set(trace.spans.filter((one) => spanMatches(one, filter)).map((one) => one.id)) : null),
    [filter, trace],
  )
  return (
    <>
      <TraceHead trace={trace} />
      <div class="chips">
        <label>
          Find spans{' '}
          <input
            type="search"
            value={filter}
            onInput={(event) => {
              setFilter(event.currentTarget.value)
              patch({ find: event.currentTarget.value }, true)
            }}
          />
        </label>
        {found && (
          <span class="hint" role="status">
            {found.size} of {trace.spans.length} spans
          </span>
        )}
        <button
          aria-pressed={params.get('lines') !== 'off'}
          onClick={() => patch({ lines: params.get('lines') === 'off' ? null : 'off' }, true)}
        >
          Log lines between spans
        </button>
        <span class="grow" />
        <span class="hint">
          <kbd>j</kbd> <kbd>k</kbd> move <kbd>x</kbd> fold <kbd>l</kbd> logs of the span
        </span>
      </div>
      <div class="beside">
        <Waterfall trace={trace} found={found} lines={params.get('lines') === 'off' ? undefined : lines.data} />
        {span && <SpanDetail span={span} trace={trace} />}
      </div>
      {logs && (
        <section class="trace-logs" aria-label="Log lines of the trace">
          <h2>Log lines of the trace</h2>
          <Loaded
            query={lines}
            what="lines"
            expr={traceQuery(trace.id)}
            empty={(data) => !data.length && 'No line holds the id of this trace.'}
          >
            {(data) => <TraceLines lines={data} source={logs} />}
          </Loaded>
        </section>
      )}
    </>
  )
}

/** In order of time, as the trace runs. */
function TraceLines({ lines, source }: { lines: LogLine[]; source: Source }): JSX.Element {
  const ascending = useMemo(() => [...lines].reverse(), [lines])
  return <LogList lines={ascending} source={source} label="Log lines of the trace" traceLinks={false} />
}

function TraceHead({ trace }: { trace: Trace }): JSX.Element {
  const tz = useZone()
  const root = rootOf(trace)
  return (
    <div class="trace-head">
      <h1>
        {root?.service}: {root?.operation}
      </h1>
      <div class="chips">
        <b>{show(trace.durationUs)}</b>
        <span>{formatTime(trace.startUs / 1000, tz, 'milli')}</span>
        <span>{trace.spans.length} spans</span>
        {trace.errors > 0 && (
          <span class="level level-error">
            {trace.errors} {trace.errors === 1 ? 'error' : 'errors'}
          </span>
        )}
        {trace.services.map((one) => (
          <span key={one.name} class="service-chip">
            <i style={{ background: nameColor(one.name) }} />
            {one.name} {one.spans}
          </span>
        ))}
        <code class="hint">{trace.id}</code>
      </div>
    </div>
  )
}

/** Spans may be lost or not there yet while the lines are. */
function LostTraceLogs({ id }: { id: string }): JSX.Element {
  return (
    <Empty>
      <span>
        Its log lines may be there:{' '}
        <Link to="/explore/logs" with={{ q: traceQuery(id) }}>
          look for lines of this trace
        </Link>
      </span>
    </Empty>
  )
}
