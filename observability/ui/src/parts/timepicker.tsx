import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { DEFAULT_FROM, DEFAULT_TO, describe, PRESETS, readTime } from '../model/timerange'
import { refresh, useRange, useZone } from '../state/clock'
import { patch, usePlace } from '../state/place'

const REFRESH = ['', '5s', '10s', '30s', '1m', '5m']
const ZONES: [string, string][] = [
  ['browser', 'Browser time'],
  ['utc', 'UTC'],
]

/** The page's time range: presets, any range, time zone and refresh. */
export function TimePicker(): JSX.Element {
  const { params } = usePlace()
  const tz = useZone()
  const from = params.get('from') ?? DEFAULT_FROM
  const to = params.get('to') ?? DEFAULT_TO
  return (
    <div class="timepicker">
      <Pages />
      <Menu key={`${from} ${to} ${tz}`} from={from} to={to} tz={tz} />
      <button onClick={refresh} title="Ask again (r)">
        Refresh
      </button>
      <select
        aria-label="Refresh by itself"
        value={params.get('refresh') ?? ''}
        onChange={(event) => patch({ refresh: event.currentTarget.value }, true)}
      >
        {REFRESH.map((one) => (
          <option key={one} value={one}>
            {one || 'Off'}
          </option>
        ))}
      </select>
    </div>
  )
}

/** Half a range to either side. */
function Pages(): JSX.Element {
  const { fromMs, toMs } = useRange()
  const shift = (by: number): void => {
    const delta = ((toMs - fromMs) / 2) * by
    patch({ from: String(Math.round(fromMs + delta)), to: String(Math.round(toMs + delta)) })
  }
  return (
    <>
      <button onClick={() => shift(-1)} aria-label="Earlier" title="Earlier">
        ‹
      </button>
      <button onClick={() => shift(1)} aria-label="Later" title="Later">
        ›
      </button>
    </>
  )
}

function Menu(props: { from: string; to: string; tz: string }): JSX.Element {
  const box = useRef<HTMLDetailsElement>(null)
  const [draft, setDraft] = useState(props)
  const bad = [draft.from, draft.to].find((text) => readTime(text, Date.now()) === null)
  const apply = (from: string, to: string): void => {
    if (box.current) box.current.open = false
    refresh()
    patch({ from, to })
  }
  useEffect(() => {
    const close = (event: Event): void => {
      if (box.current?.open && !box.current.contains(event.target as Node)) box.current.open = false
    }
    addEventListener('click', close)
    return () => removeEventListener('click', close)
  }, [])
  return (
    <details ref={box} class="menu" onKeyDown={(event) => event.key === 'Escape' && (box.current!.open = false)}>
      <summary>{describe(props.from, props.to, props.tz)}</summary>
      <div class="menu-body">
        <div class="presets">
          {PRESETS.map(([value, name]) => (
            <button
              key={value}
              class="quiet"
              aria-pressed={props.from === value && props.to === DEFAULT_TO}
              onClick={() => apply(value, DEFAULT_TO)}
            >
              {name}
            </button>
          ))}
        </div>
        <form
          class="stack"
          onSubmit={(event) => {
            event.preventDefault()
            if (!bad) apply(draft.from, draft.to)
          }}
        >
          <label>
            From <input value={draft.from} onInput={(event) => setDraft({ ...draft, from: event.currentTarget.value })} />
          </label>
          <label>
            To <input value={draft.to} onInput={(event) => setDraft({ ...draft, to: event.currentTarget.value })} />
          </label>
          {bad !== undefined && (
            <span class="hint" role="alert">
              Write now-1h, an ISO time or milliseconds instead of “{bad}”.
            </span>
          )}
          <label>
            Time zone
            <select value={props.tz} onChange={(event) => patch({ tz: event.currentTarget.value })}>
              {[...ZONES, ...(ZONES.some(([zone]) => zone === props.tz) ? [] : [[props.tz, props.tz] as [string, string]])].map(
                ([zone, name]) => (
                  <option key={zone} value={zone}>
                    {name}
                  </option>
                ),
              )}
            </select>
          </label>
          <button class="primary" disabled={bad !== undefined}>
            Apply
          </button>
        </form>
      </div>
    </details>
  )
}
