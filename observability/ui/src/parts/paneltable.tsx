import type { JSX } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { lookOf, type Panel } from '../model/dashboard'
import type { Row } from '../model/frames'
import { makeTable } from '../model/table'
import { formatValue } from '../model/units'

const ROWS = 500

/** A table panel; a click on a column's name sorts by it. */
export function PanelTable(props: {
  panel: Panel
  results: readonly { refId: string; rows: readonly Row[] }[]
  caption: string
}): JSX.Element {
  const { panel } = props
  const table = useMemo(() => makeTable(props.results, panel.transformations), [props.results, panel])
  const [sort, setSort] = useState<{ column: number; down: boolean } | null>(null)
  const rows = useMemo(() => {
    if (!sort) return table.rows
    const sorted = [...table.rows].sort((a, b) => compare(a[sort.column]!, b[sort.column]!))
    return sort.down ? sorted.reverse() : sorted
  }, [table, sort])
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={props.caption || 'Table'}>
      <table class="data">
        <thead>
          <tr>
            {table.columns.map((name, column) => (
              <th
                key={name}
                scope="col"
                aria-sort={sort?.column === column ? (sort.down ? 'descending' : 'ascending') : undefined}
              >
                <button class="quiet" onClick={() => setSort({ column, down: sort?.column === column ? !sort.down : true })}>
                  {name}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, ROWS).map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <Cell key={column} cell={cell} panel={panel} column={table.columns[column]!} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > ROWS && (
        <p class="hint">
          The first {ROWS} of {rows.length} rows.
        </p>
      )}
    </div>
  )
}

function Cell({ cell, panel, column }: { cell: string | number | null; panel: Panel; column: string }): JSX.Element {
  if (typeof cell !== 'number') return <td>{cell ?? ''}</td>
  const look = lookOf(panel, column)
  const mapping = panel.mappings.find((one) => one.matches(cell))
  return <td class="number">{mapping?.text || formatValue(cell, look.unit, look.decimals)}</td>
}

const compare = (a: string | number | null, b: string | number | null): number =>
  typeof a === 'number' && typeof b === 'number' ? a - b : String(a ?? '').localeCompare(String(b ?? ''))
