/** Found traces: a list, and a chart of when and how long. */
import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { show } from '../model/duration'
import { linkTo } from '../model/place'
import { formatTime } from '../model/timerange'
import { rootOf, type Trace } from '../model/trace'
import { useZone } from '../state/clock'
import { go, patch, usePlace } from '../state/place'
import { Link } from './link'
import { nameColor } from './palette'
import { Plot } from './plot'
import { Rows } from './rows'

export function TraceScatter({ traces }: { traces: readonly Trace[] }): JSX.Element {
  const tz = useZone()
  const { params } = usePlace()
  const data = useMemo(() => {
    const sorted = [...traces].sort((a, b) => a.startUs - b.startUs)
    return {
      times: sorted.map((one) => one.startUs / 1e6),
      series: [{ name: 'duration', values: sorted.map((one) => one.durationUs), points: false, width: 0 }],
      points: sorted.map((one) => ({ timeS: one.startUs / 1e6, value: one.durationUs, id: one.id })),
    }
  }, [traces])
  return (
    <figure class="card">
      <Plot
        label={`Duration of ${traces.length} traces over time; the list below has the same data`}
        height={130}
        tz={tz}
        {...data}
        format={show}
        onPoint={(id) => go(linkTo(`/trace/${id}`, params))}
      />
    </figure>
  )
}

export function TraceList({ traces, label = 'Traces' }: { traces: readonly Trace[]; label?: string }): JSX.Element {
  const { params } = usePlace()
  const longest = Math.max(1, ...traces.map((one) => one.durationUs))
  return (
    <Rows
      rows={traces}
      keyOf={(one) => one.id}
      rowHeight={44}
      columns={1}
      label={label}
      class="traces"
      selected={params.get('sel')}
      onSelect={(key) => patch({ sel: key }, true)}
      onKey={(key, one) => (key === 'Enter' || key === 't') && go(linkTo(`/trace/${one.id}`, params))}
      render={(one) => <TraceRow trace={one} longest={longest} />}
    />
  )
}

function TraceRow({ trace, longest }: { trace: Trace; longest: number }): JSX.Element {
  const tz = useZone()
  const root = rootOf(trace)
  return (
    <div role="gridcell" class="trace">
      <div class="trace-name">
        <Link to={`/trace/${trace.id}`}>
          <b>{root?.service}</b> {root?.operation}
        </Link>
        <span class="hint">{formatTime(trace.startUs / 1000, tz, 'milli').slice(5)}</span>
        <span class="hint">{trace.spans.length} spans</span>
        {trace.errors > 0 && (
          <span class="level level-error">
            {trace.errors} {trace.errors === 1 ? 'error' : 'errors'}
          </span>
        )}
        <span class="hint services">
          {trace.services.map((one) => (
            <span key={one.name}>
              <i style={{ background: nameColor(one.name) }} />
              {one.name} {one.spans}
            </span>
          ))}
        </span>
      </div>
      <div class="meter">
        <span class="bar" style={{ width: `${(trace.durationUs / longest) * 100}%` }} />
        <b>{show(trace.durationUs)}</b>
      </div>
    </div>
  )
}
