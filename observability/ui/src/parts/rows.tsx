/** A virtual grid: only rows in sight are in the page, whatever their number; j, k, Home and End move the selection. */
import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useId, useLayoutEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks'
import { Heights } from '../model/heights'

interface Props<T> {
  rows: readonly T[]
  keyOf: (row: T) => string
  rowHeight: number
  label: string
  class?: string
  selected: string | null
  onSelect: (key: string) => void
  /** Other keys, for the selected row. */
  onKey?: (key: string, row: T) => void
  render: (row: T, index: number, selected: boolean) => ComponentChildren
  rowProps?: (row: T) => Record<string, unknown>
  columns: number
  tree?: boolean
  /** Called near the end of the rows. */
  onEnd?: () => void
}

const OVERSCAN_PX = 200
const moves: Record<string, number> = {
  j: 1,
  ArrowDown: 1,
  k: -1,
  ArrowUp: -1,
  PageDown: 20,
  PageUp: -20,
  Home: -Infinity,
  End: Infinity,
}

export function Rows<T>(props: Props<T>): JSX.Element {
  const { rows, rowHeight, keyOf } = props
  const box = useRef<HTMLDivElement>(null)
  const id = useId()
  const known = useRef(new Map<string, number>())
  const [, redraw] = useReducer((count: number) => count + 1, 0)
  const [view, setView] = useState({ top: 0, height: 600 })
  const heights = useMemo(() => {
    const made = new Heights(rows.length, rowHeight)
    if (known.current.size) rows.forEach((row, index) => made.set(index, known.current.get(keyOf(row)) ?? rowHeight))
    return made
  }, [rows, rowHeight])
  const selected = useMemo(
    () => (props.selected ? rows.findIndex((row) => keyOf(row) === props.selected) : -1),
    [rows, props.selected],
  )

  useLayoutEffect(() => {
    const watch = new ResizeObserver(() => box.current && setView((old) => ({ ...old, height: box.current!.clientHeight })))
    watch.observe(box.current!)
    return () => watch.disconnect()
  }, [])
  useEffect(() => {
    if (selected < 0 || !box.current) return
    const top = heights.offset(selected)
    const { scrollTop, clientHeight } = box.current
    if (top < scrollTop || top + rowHeight > scrollTop + clientHeight) box.current.scrollTop = Math.max(0, top - clientHeight / 2)
  }, [selected, heights])

  const measure = (index: number, element: HTMLElement | null): void => {
    if (!element) return
    const height = element.offsetHeight
    if (height && height !== heights.of(index)) {
      heights.set(index, height)
      known.current.set(keyOf(rows[index]!), height)
      redraw(0)
    }
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.target !== box.current || event.metaKey || event.ctrlKey || event.altKey) return
    const move = moves[event.key]
    if (move !== undefined && rows.length) {
      event.preventDefault()
      const next = Math.max(0, Math.min(rows.length - 1, selected < 0 && move > 0 ? 0 : selected + move))
      props.onSelect(keyOf(rows[next]!))
    } else if (rows[selected]) props.onKey?.(event.key, rows[selected])
  }
  const onScroll = (): void => {
    const { scrollTop, clientHeight, scrollHeight } = box.current!
    setView({ top: scrollTop, height: clientHeight })
    if (scrollTop + clientHeight > scrollHeight - OVERSCAN_PX) props.onEnd?.()
  }

  const first = heights.at(view.top - OVERSCAN_PX)
  const last = heights.at(view.top + view.height + OVERSCAN_PX)
  const shown = rows.slice(first, last + 1)
  return (
    <div
      ref={box}
      class={`rows ${props.class ?? ''}`}
      role={props.tree ? 'treegrid' : 'grid'}
      aria-label={props.label}
      aria-rowcount={rows.length}
      aria-colcount={props.columns}
      aria-activedescendant={selected >= first && selected <= last ? `${id}-${selected}` : undefined}
      tabIndex={0}
      onScroll={onScroll}
      onKeyDown={onKeyDown}
    >
      <div class="rows-all" role="rowgroup" style={{ height: `${heights.offset(rows.length)}px` }}>
        {shown.map((row, offset) => {
          const index = first + offset
          return (
            <div
              key={keyOf(row)}
              id={`${id}-${index}`}
              ref={(element) => measure(index, element)}
              class="row"
              role="row"
              aria-rowindex={index + 1}
              aria-selected={index === selected}
              style={{ top: `${heights.offset(index)}px`, minHeight: `${rowHeight}px` }}
              {...props.rowProps?.(row)}
            >
              {props.render(row, index, index === selected)}
            </div>
          )
        })}
      </div>
    </div>
  )
}
