/** Lines of logs: virtual, with their fields, filters on them, and the way to their trace. */
import type { JSX } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { tracePatterns, type Source } from '../api/sources'
import { summarize, traceIdOf, type LogLine } from '../model/loglines'
import { linkTo } from '../model/place'
import { formatTime } from '../model/timerange'
import { useZone } from '../state/clock'
import { go, patch, usePlace } from '../state/place'
import { Link } from './link'
import { LogFields } from './logfields'
import { Rows } from './rows'

const SHOWN_CHARACTERS = 4000

interface Props {
  lines: readonly LogLine[]
  source: Source
  /** The query that filters change; without it the fields have no filters. */
  expr?: string
  label?: string
  /** Whether each line leads to its trace; not where all are of one. */
  traceLinks?: boolean
}

export function LogList(props: Props): JSX.Element {
  const { params } = usePlace()
  const tz = useZone()
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set())
  const patterns = useMemo(() => tracePatterns(props.source), [props.source])
  const raw = params.get('view') === 'raw'
  const toggle = (key: string): void => {
    const next = new Set(open)
    if (!next.delete(key)) next.add(key)
    setOpen(next)
  }
  const press = (key: string, line: LogLine): void => {
    const trace = key === 't' && traceIdOf(line, patterns)
    if (trace) go(linkTo(`/trace/${trace}`, params))
    else if (key === 'Enter' || key === 'x') toggle(line.key)
  }
  return (
    <Rows
      rows={props.lines}
      keyOf={(line) => line.key}
      rowHeight={22}
      columns={5}
      label={props.label ?? 'Log lines'}
      class={`loglines${params.get('wrap') === '1' ? ' wrap' : ''}`}
      selected={params.get('sel')}
      onSelect={(key) => patch({ sel: key }, true)}
      onKey={press}
      rowProps={(line) => ({ 'data-level': line.level })}
      render={(line) => (
        <>
          <Line
            line={line}
            raw={raw}
            tz={tz}
            open={open.has(line.key)}
            trace={props.traceLinks === false ? null : traceIdOf(line, patterns)}
            onToggle={() => {
              patch({ sel: line.key }, true)
              toggle(line.key)
            }}
          />
          {open.has(line.key) && (
            <div role="gridcell" class="detail">
              <LogFields line={line} expr={props.expr} source={props.source} trace={traceIdOf(line, patterns)} />
            </div>
          )}
        </>
      )}
    />
  )
}

function Line(props: {
  line: LogLine
  raw: boolean
  tz: string
  open: boolean
  trace: string | null
  onToggle: () => void
}): JSX.Element {
  const { line } = props
  return (
    <div
      class="line"
      role="presentation"
      onClick={(event) => !(event.target as Element).closest('a, button') && !getSelection()?.toString() && props.onToggle()}
    >
      <span role="gridcell">
        <button class="fold" tabIndex={-1} aria-expanded={props.open} aria-label="Fields" onClick={props.onToggle}>
          {props.open ? '▾' : '▸'}
        </button>
      </span>
      <span role="gridcell" class="time">
        {formatTime(line.ms, props.tz, 'milli').slice(5)}
      </span>
      <span role="gridcell" class={`level level-${line.level}`}>
        {line.level}
      </span>
      <span role="gridcell" class="service">
        {line.labels.service ?? line.labels.service_name ?? ''}
      </span>
      <span role="gridcell" class="text">
        {props.trace && (
          <Link to={`/trace/${props.trace}`} class="totrace" title="Open the trace (t)" label={`Open trace ${props.trace}`}>
            trace
          </Link>
        )}
        {props.raw ? line.line.slice(0, SHOWN_CHARACTERS) : <Summary line={line} />}
      </span>
    </div>
  )
}

function Summary({ line }: { line: LogLine }): JSX.Element {
  const { message, rest } = summarize(line)
  return (
    <>
      {message.slice(0, SHOWN_CHARACTERS)}
      {rest.map(([name, value]) => (
        <span key={name} class="pair">
          {' '}
          <b>{name}</b>={value.slice(0, 200)}
        </span>
      ))}
    </>
  )
}
