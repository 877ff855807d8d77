/** Explore metrics: query, chart with exemplars, table. */
import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { fetchExemplars, fetchInstant, fetchRange } from '../api/metrics'
import { through, type Source } from '../api/sources'
import { parse } from '../model/duration'
import { stepFor } from '../model/timerange'
import { FrameChart } from '../parts/framechart'
import { Empty, Loaded } from '../parts/notices'
import { QueryEditor } from '../parts/queryeditor'
import { ExemplarTable, ValueTable } from '../parts/valuetable'
import { refresh, useRange } from '../state/clock'
import { patch, usePlace } from '../state/place'
import { useQuery } from '../state/query'
import { useSource } from '../state/session'

const POINTS = 300
const DEFAULT_QUERY = 'histogram_quantile(0.95, sum by (service, le) (rate(http_server_request_duration_seconds_bucket[5m])))'

export default function MetricsPage(): JSX.Element {
  const source = useSource('prometheus')
  return source ? <Metrics source={source} /> : <Empty>No data source of type prometheus is provisioned.</Empty>
}

function Metrics({ source }: { source: Source }): JSX.Element {
  const { params } = usePlace()
  const expr = params.get('q') ?? DEFAULT_QUERY
  const table = params.get('view') === 'table'
  const language = useMemo(() => ({ name: 'promql' as const, url: through(source, '') }), [source])
  const run = (text: string): void => {
    refresh()
    patch({ q: text })
  }
  return (
    <>
      <h1 class="hidden">Metrics</h1>
      <QueryEditor language={language} text={expr} label="PromQL query" onRun={run} />
      <div class="chips" role="group" aria-label="View">
        <button aria-pressed={!table} onClick={() => patch({ view: null })}>
          Chart
        </button>
        <button aria-pressed={table} onClick={() => patch({ view: 'table' })}>
          Table
        </button>
        <label>
          <input
            type="checkbox"
            checked={params.get('exemplars') !== 'off'}
            onChange={(event) => patch({ exemplars: event.currentTarget.checked ? null : 'off' }, true)}
          />{' '}
          Exemplars
        </label>
      </div>
      {!expr.trim() ? (
        <Empty>Write a query, then press Enter.</Empty>
      ) : table ? (
        <Table source={source} expr={expr} />
      ) : (
        <Chart source={source} expr={expr} />
      )}
    </>
  )
}

function Chart({ source, expr }: { source: Source; expr: string }): JSX.Element {
  const { params } = usePlace()
  const range = useRange()
  const scrapeMs = parse(source.jsonData?.timeInterval ?? '') ?? 15_000
  const stepMs = stepFor(range, POINTS, scrapeMs)
  const key = `${source.uid} ${expr} ${range.fromMs} ${range.toMs}`
  const frame = useQuery(key, (signal) => fetchRange(source, expr, range, stepMs, signal))
  const wanted = params.get('exemplars') !== 'off'
  const exemplars = useQuery(wanted ? key : null, (signal) => fetchExemplars(source, expr, range, signal))
  return (
    <Loaded query={frame} what="the chart" expr={expr} empty={(data) => !data.series.length && <NoSeries />}>
      {(data) => (
        <div class="card">
          <FrameChart frame={data} label={expr} height={380} exemplars={wanted ? exemplars.data : undefined} />
          <p class="hint">
            {data.series.length} series, a point every {stepMs / 1000} s
            {wanted && exemplars.data?.length ? `, ${exemplars.data.length} exemplars (◆ opens the trace)` : ''}
            {wanted && exemplars.error ? `; exemplars: ${exemplars.error.message}` : ''}
          </p>
          {wanted && exemplars.data && exemplars.data.length > 0 && <ExemplarTable exemplars={exemplars.data} />}
        </div>
      )}
    </Loaded>
  )
}

function Table({ source, expr }: { source: Source; expr: string }): JSX.Element {
  const range = useRange()
  const rows = useQuery(`${source.uid} ${expr} ${range.toMs}`, (signal) => fetchInstant(source, expr, range.toMs, signal))
  return (
    <Loaded query={rows} what="the table" expr={expr} empty={(data) => !data.length && <NoSeries />}>
      {(data) => (
        <div class="card scroll">
          <ValueTable rows={data} caption={`${data.length} series at the end of the range`} />
        </div>
      )}
    </Loaded>
  )
}

const NoSeries = (): JSX.Element => (
  <>
    <strong>The query matches no series in this range.</strong>
    <span>Check the metric's name and labels (Ctrl-Space completes them), or take a longer range.</span>
  </>
)
