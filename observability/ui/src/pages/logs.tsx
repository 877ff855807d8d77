/** Explore logs: query, histogram, lines, live tail. */
import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { fetchFieldNames, fetchLabelNames, fetchLabelValues, fetchLines, fetchLogNumbers, fetchVolume } from '../api/logs'
import type { Source } from '../api/sources'
import { isMetricQuery } from '../model/logquery'
import { fromMs } from '../model/nanoseconds'
import { stepFor } from '../model/timerange'
import { FrameChart } from '../parts/framechart'
import { LogList } from '../parts/loglist'
import { Empty, Failure, Loaded } from '../parts/notices'
import { QueryEditor } from '../parts/queryeditor'
import { VolumeChart } from '../parts/volume'
import { refresh, useRange } from '../state/clock'
import { patch, usePlace } from '../state/place'
import { useQuery } from '../state/query'
import { useSource } from '../state/session'
import { useTail } from '../state/tail'

export const DEFAULT_QUERY = '{service=~".+"}'
const LIMITS = [100, 500, 1000, 5000]

export default function LogsPage(): JSX.Element {
  const source = useSource('loki')
  return source ? <Logs source={source} /> : <Empty>No data source of type loki is provisioned.</Empty>
}

function Logs({ source }: { source: Source }): JSX.Element {
  const { params } = usePlace()
  const range = useRange()
  const expr = params.get('q') ?? DEFAULT_QUERY
  const live = params.get('live') === '1'
  const language = useMemo(
    () => ({
      name: 'logql' as const,
      names: {
        labels: () => fetchLabelNames(source, range),
        values: (label: string) => fetchLabelValues(source, label, range),
        fields: (selector: string) => fetchFieldNames(source, selector, range),
      },
    }),
    [source, range],
  )
  const run = (text: string): void => {
    if (!live) refresh()
    patch({ q: text, sel: null })
  }
  const toggleLive = (): void => {
    if (live) refresh() // the range up to now, so that the lines just seen stay in sight
    patch({ live: live ? null : '1', sel: null })
  }
  const metric = isMetricQuery(expr)
  return (
    <>
      <h1 class="hidden">Logs</h1>
      <QueryEditor language={language} text={expr} label="LogQL query" onRun={run} />
      <div class="chips">
        <label>
          Lines{' '}
          <select value={params.get('limit') ?? '1000'} onChange={(event) => patch({ limit: event.currentTarget.value })}>
            {LIMITS.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        <button aria-pressed={live} disabled={metric} onClick={toggleLive}>
          {live ? 'Stop live tail' : 'Live tail'}
        </button>
        <button
          aria-pressed={params.get('wrap') === '1'}
          onClick={() => patch({ wrap: params.get('wrap') === '1' ? null : '1' }, true)}
        >
          Wrap lines
        </button>
        <button
          aria-pressed={params.get('view') === 'raw'}
          onClick={() => patch({ view: params.get('view') === 'raw' ? null : 'raw' }, true)}
        >
          As written
        </button>
        <span class="grow" />
        <span class="hint">
          <kbd>j</kbd> <kbd>k</kbd> move <kbd>Enter</kbd> fields <kbd>t</kbd> trace <kbd>/</kbd> query
        </span>
      </div>
      {metric ? (
        <Numbers source={source} expr={expr} />
      ) : live ? (
        <LiveLines source={source} expr={expr} />
      ) : (
        <StoredLines source={source} expr={expr} />
      )}
    </>
  )
}

function Numbers({ source, expr }: { source: Source; expr: string }): JSX.Element {
  const range = useRange()
  const stepMs = stepFor(range, 240)
  const query = useQuery(`${source.uid} ${expr} ${range.fromMs} ${range.toMs}`, (signal) =>
    fetchLogNumbers(source, expr, range, stepMs, signal),
  )
  return (
    <Loaded
      query={query}
      what="numbers"
      expr={expr}
      empty={(frame) => !frame.series.length && 'No line of this range matches the query.'}
    >
      {(frame) => <FrameChart frame={frame} label={expr} height={360} />}
    </Loaded>
  )
}

function StoredLines({ source, expr }: { source: Source; expr: string }): JSX.Element {
  const { params } = usePlace()
  const range = useRange()
  const limit = Number(params.get('limit') ?? 1000)
  const key = `${source.uid} ${expr} ${range.fromMs} ${range.toMs}`
  const lines = useQuery(`${key} ${limit}`, (signal) =>
    fetchLines(source, { expr, start: fromMs(range.fromMs), end: fromMs(range.toMs), limit }, signal),
  )
  const volume = useQuery(key, (signal) => fetchVolume(source, expr, range, signal))
  return (
    <>
      <div class="volume-box">
        <Loaded query={volume} what="the histogram">
          {(data) => (
            <VolumeChart
              volume={data}
              onZoom={(fromS, toS) => patch({ from: String(Math.floor(fromS * 1000)), to: String(Math.ceil(toS * 1000)) })}
            />
          )}
        </Loaded>
      </div>
      <Loaded query={lines} what="lines" expr={expr} empty={(data) => !data.length && <NoLines expr={expr} />}>
        {(data) => (
          <>
            <div class="hint" role="status">
              {data.length.toLocaleString('en')} lines{data.length >= limit ? `, the newest ${limit} of the range` : ''}
            </div>
            <LogList lines={data} source={source} expr={expr} />
          </>
        )}
      </Loaded>
    </>
  )
}

const NoLines = ({ expr }: { expr: string }): JSX.Element => (
  <>
    <strong>No line of this range matches.</strong>
    <span>
      Take a longer range, or take away the last filter of <code>{expr}</code>.
    </span>
  </>
)

function LiveLines({ source, expr }: { source: Source; expr: string }): JSX.Element {
  const tail = useTail(source, expr)
  return (
    <>
      <div class="chips live">
        <span class="pulse" aria-hidden="true" />
        <span role="status">
          {tail.paused ? `Paused; ${tail.waiting} lines wait` : `Live: ${tail.lines.length} lines`}
          {tail.dropped ? `, ${tail.dropped} dropped by the store` : ''}
        </span>
        <button class="primary" onClick={tail.toggle}>
          {tail.paused ? 'Go on' : 'Pause'}
        </button>
        <button onClick={tail.clear}>Clear</button>
      </div>
      {tail.error && <Failure error={new Error(tail.error)} what="the live tail" query={expr} onRetry={tail.restart} />}
      {tail.lines.length ? (
        <LogList lines={tail.lines} source={source} expr={expr} />
      ) : (
        <Empty>
          Waiting for lines that match <code>{expr}</code> …
        </Empty>
      )}
    </>
  )
}
