/** Spans of a trace as bars over its time, with its log lines between them. */
import type { JSX } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { show } from '../model/duration'
import type { LogLine } from '../model/loglines'
import { interleave, type WaterfallRow } from '../model/waterfall'
import { linkTo } from '../model/place'
import { layOut, ticksOf, unfolded, type Span, type Trace } from '../model/trace'
import { go, patch, usePlace } from '../state/place'
import { spanLogsPatch } from './spandetail'
import { nameColor } from './palette'
import { Rows } from './rows'

interface Props {
  trace: Trace
  /** Ids of the spans that the filter found; others are dimmed. */
  found: ReadonlySet<string> | null
  lines?: readonly LogLine[]
}

export function Waterfall({ trace, found, lines }: Props): JSX.Element {
  const { params } = usePlace()
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set())
  const rows = useMemo(() => interleave(unfolded(trace.spans, folded), lines ?? []), [trace, folded, lines])
  const fold = (id: string): void => {
    const next = new Set(folded)
    if (!next.delete(id)) next.add(id)
    setFolded(next)
  }
  const press = (key: string, row: WaterfallRow): void => {
    if (row.kind !== 'span') return
    if (key === 'x' || key === 'Enter') fold(row.span.id)
    else if (key === 'l') go(linkTo('/explore/logs', params, spanLogsPatch(row.span, trace)))
  }
  return (
    <div class="waterfall">
      <div class="ruler" aria-hidden="true">
        <span class="name" />
        <span class="ticks">
          {ticksOf(trace).map((us, index) => (
            <span key={index}>{show(us)}</span>
          ))}
        </span>
      </div>
      <Rows
        rows={rows}
        keyOf={(row) => row.key}
        rowHeight={24}
        columns={2}
        tree
        label="Spans"
        class="spans"
        selected={params.get('span')}
        onSelect={(key) => patch({ span: key }, true)}
        onKey={press}
        rowProps={(row) => ({
          'aria-level': row.depth + 1,
          'aria-expanded': row.kind === 'span' && row.span.below ? !folded.has(row.span.id) : undefined,
          class: `row${row.kind === 'line' || (found && !found.has(row.key)) ? ' faint' : ''}`,
        })}
        render={(row) =>
          row.kind === 'span' ? (
            <SpanRow span={row.span} trace={trace} folded={folded.has(row.span.id)} onFold={fold} />
          ) : (
            <LineRow row={row} trace={trace} />
          )
        }
      />
    </div>
  )
}

const indent = (depth: number): { paddingLeft: string } => ({ paddingLeft: `${6 + Math.min(depth, 20) * 14}px` })

function SpanRow({
  span,
  trace,
  folded,
  onFold,
}: {
  span: Span
  trace: Trace
  folded: boolean
  onFold: (id: string) => void
}): JSX.Element {
  const { left, width } = layOut(span, trace)
  const after = left + width <= 88
  const label = after ? { left: `${left + width}%` } : left > 12 ? { right: `${100 - left}%` } : { right: '4px' }
  return (
    <div class="span" role="presentation" onClick={() => patch({ span: span.id }, true)}>
      <div role="gridcell" class="name" style={indent(span.depth)} title={`${span.service} ${span.operation}`}>
        {span.below > 0 ? (
          <button
            class="fold"
            tabIndex={-1}
            aria-label={folded ? 'Unfold' : 'Fold'}
            onClick={(event) => {
              event.stopPropagation()
              onFold(span.id)
            }}
          >
            {folded ? '▸' : '▾'}
          </button>
        ) : (
          <span class="fold" />
        )}
        <i style={{ background: nameColor(span.service) }} />
        <b>{span.service}</b> {span.operation}
        {span.isError && <span class="level level-error"> error</span>}
        {folded && <span class="hint"> +{span.below}</span>}
      </div>
      <div role="gridcell" class="timeline">
        <span
          class={`bar${span.isError ? ' bad' : ''}`}
          style={{ left: `${left}%`, width: `${width}%`, background: nameColor(span.service) }}
        />
        <span class={`took${!after && left <= 12 ? ' inside' : ''}`} style={label}>
          {show(span.durationUs)}
        </span>
      </div>
    </div>
  )
}

function LineRow({ row, trace }: { row: WaterfallRow & { kind: 'line' }; trace: Trace }): JSX.Element {
  const at = Math.max(0, Math.min(100, ((row.line.ms * 1000 - trace.startUs) / (trace.durationUs || 1)) * 100))
  return (
    <div class="span" role="presentation">
      <div role="gridcell" class="name" style={indent(row.depth)} title={row.line.line}>
        <span class="fold" />
        <span class={`level level-${row.line.level}`}>{row.line.level}</span> {row.line.labels.service}: {row.text}
      </div>
      <div role="gridcell" class="timeline">
        <span class={`dot level-${row.line.level}`} style={{ left: `${at}%` }} />
      </div>
    </div>
  )
}
