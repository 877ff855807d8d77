/** One alert: what, since when, what to do about it, and the silence of it. */
import type { ComponentChildren, JSX } from 'preact'
import { useState } from 'preact/hooks'
import { postSilence } from '../api/alerts'
import type { Source } from '../api/sources'
import { isLoud, makeSilence, type Alert } from '../model/alerts'
import { parse, showAge } from '../model/duration'
import { quote } from '../model/logquery'
import { refresh } from '../state/clock'
import { Link } from './link'

const DURATIONS = ['30m', '1h', '4h', '1d', '1w']

export function AlertRow(props: { alert: Alert; source: Source; nowMs: number; children?: ComponentChildren }): JSX.Element {
  const { alert } = props
  const [asking, setAsking] = useState(false)
  const { alertname = 'alert', severity = '', ...labels } = alert.labels
  return (
    <article class={`card alert severity-${severity}`} aria-label={`${alertname} ${labels.service ?? ''}`}>
      <div class="chips">
        <span class={`badge severity-${severity}`}>{severity || 'firing'}</span>
        <h2>{alertname}</h2>
        <span>{alert.annotations.summary ?? ''}</span>
        <span class="grow" />
        {!isLoud(alert) && <span class="badge">{alert.silencedBy.length ? 'silenced' : 'inhibited'}</span>}
        <span class="hint">for {showAge(props.nowMs - alert.startsMs)}</span>
        {labels.service && (
          <Link to="/explore/logs" with={{ q: `{service=${quote(labels.service)}}` }} class="button">
            Logs
          </Link>
        )}
        {labels.service && (
          <Link to="/explore/traces" with={{ service: labels.service }} class="button">
            Traces
          </Link>
        )}
        {alert.annotations.runbook_url && (
          <a class="button" href={alert.annotations.runbook_url} rel="noreferrer">
            Runbook
          </a>
        )}
        {alert.silencedBy.length === 0 && (
          <button aria-expanded={asking} onClick={() => setAsking(!asking)}>
            Silence
          </button>
        )}
      </div>
      {alert.annotations.description && <p>{alert.annotations.description}</p>}
      <div class="chips labels">
        {Object.entries(labels).map(([name, value]) => (
          <code key={name}>
            {name}={value}
          </code>
        ))}
      </div>
      {asking && (
        <SilenceForm
          alert={alert}
          source={props.source}
          onDone={() => {
            setAsking(false)
            refresh()
          }}
        />
      )}
      {props.children}
    </article>
  )
}

/** Labels can be taken off, so that the silence covers more. */
function SilenceForm(props: { alert: Alert; source: Source; onDone: () => void }): JSX.Element {
  const [off, setOff] = useState<ReadonlySet<string>>(new Set())
  const [error, setError] = useState('')
  const kept = Object.fromEntries(Object.entries(props.alert.labels).filter(([name]) => !off.has(name)))
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const data = new FormData(event.currentTarget as HTMLFormElement)
    const body = makeSilence(
      kept,
      Date.now(),
      parse(String(data.get('duration')))!,
      String(data.get('by')),
      String(data.get('comment')),
    )
    postSilence(props.source, body).then(props.onDone, (problem: Error) => setError(problem.message))
  }
  const toggle = (name: string): void => {
    const next = new Set(off)
    if (!next.delete(name)) next.add(name)
    setOff(next)
  }
  return (
    <form class="chips silence" onSubmit={submit} aria-label="New silence">
      {Object.entries(props.alert.labels).map(([name, value]) => (
        <label key={name}>
          <input type="checkbox" checked={!off.has(name)} onChange={() => toggle(name)} />{' '}
          <code>
            {name}={value}
          </code>
        </label>
      ))}
      <label>
        For{' '}
        <select name="duration" defaultValue="1h">
          {DURATIONS.map((one) => (
            <option key={one} selected={one === '1h'}>
              {one}
            </option>
          ))}
        </select>
      </label>
      <label>
        By <input name="by" defaultValue="admin" required size={10} />
      </label>
      <label>
        Why <input name="comment" required size={30} />
      </label>
      <button class="primary" disabled={!Object.keys(kept).length}>
        Silence
      </button>
      {error && (
        <span class="level level-error" role="alert">
          {error}
        </span>
      )}
    </form>
  )
}
