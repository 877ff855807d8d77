import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import type { Source } from '../api/sources'
import { fieldsOf, type Field, type LogLine } from '../model/loglines'
import { filterState, isMetricQuery, toggleField, toggleLabel, writeMatchers } from '../model/logquery'
import { toMs } from '../model/nanoseconds'
import { patch, usePlace } from '../state/place'
import { Link } from './link'

const AROUND_MS = 60_000

/** The fields of one line; + keeps and − leaves out what has the same value, in place. */
export function LogFields(props: { line: LogLine; expr?: string; source: Source; trace: string | null }): JSX.Element {
  const { line, expr } = props
  const fields = useMemo(() => fieldsOf(line), [line])
  return (
    <>
      <div class="chips">
        {props.trace && (
          <Link to={`/trace/${props.trace}`} class="button">
            Open trace
          </Link>
        )}
        <Context line={line} />
        <button onClick={() => void navigator.clipboard.writeText(line.line)}>Copy line</button>
        {props.trace && (
          <Link to="/explore/logs" with={{ q: `{service=~".+"} |= "${props.trace}"` }} class="button">
            Lines of this trace
          </Link>
        )}
      </div>
      <table class="fields">
        <caption class="hidden">Fields of the line</caption>
        <tbody>
          {fields.map((field) => (
            <FieldRow key={`${field.origin} ${field.name}`} field={field} expr={expr} />
          ))}
        </tbody>
      </table>
      <pre class="whole">{line.line}</pre>
    </>
  )
}

/** What the same source wrote around the line, whatever its level. */
function Context({ line }: { line: LogLine }): JSX.Element {
  const { level: _level, detected_level: _detected, ...labels } = line.labels
  const q = writeMatchers(Object.entries(labels).map(([name, value]) => ({ name, op: '=', value })))
  const at = toMs(line.ns)
  const range = { from: String(Math.floor(at - AROUND_MS)), to: String(Math.ceil(at + AROUND_MS)) }
  return (
    <Link to="/explore/logs" with={{ q, sel: line.key, ...range }} class="button">
      Lines around it
    </Link>
  )
}

function FieldRow({ field, expr }: { field: Field; expr?: string }): JSX.Element {
  usePlace()
  const isLabel = field.origin === 'label'
  const parser = field.origin === 'json' || field.origin === 'logfmt' ? field.origin : null
  const state = expr ? filterState(expr, field.name, field.value, isLabel) : null
  const filter = (negate: boolean): void => {
    if (!expr) return
    const q = isLabel
      ? toggleLabel(expr, field.name, field.value, negate)
      : toggleField(expr, field.name, field.value, negate, parser)
    patch({ q, sel: null })
  }
  return (
    <tr>
      {expr && !isMetricQuery(expr) && (
        <td class="filters">
          <button
            aria-label={`Only lines with this ${field.name}`}
            aria-pressed={state === '='}
            title="Only this value"
            onClick={() => filter(false)}
          >
            +
          </button>
          <button
            aria-label={`No lines with this ${field.name}`}
            aria-pressed={state === '!='}
            title="Not this value"
            onClick={() => filter(true)}
          >
            −
          </button>
        </td>
      )}
      <th scope="row">{field.name}</th>
      <td>{field.value}</td>
    </tr>
  )
}
