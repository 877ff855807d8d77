/** Rows of table panels: series of one or several targets, side by side where their labels agree. */
import type { Panel } from './dashboard'
import { labelColumns, type Row } from './frames'

export interface Table {
  columns: string[]
  rows: (string | number | null)[][]
}

/** One column a label, one a target; then the panel's transformations that name, order and leave out columns. */
export function makeTable(
  results: readonly { refId: string; rows: readonly Row[] }[],
  transformations: Panel['transformations'],
): Table {
  const labels = labelColumns(results.flatMap((one) => [...one.rows])).filter((one) => one !== '__name__')
  const values = results.map((one) => (results.length > 1 ? `Value #${one.refId}` : 'Value'))
  const joined = new Map<string, (string | number | null)[]>()
  results.forEach((result, index) => {
    for (const row of result.rows) {
      const key = labels.map((one) => row.labels[one] ?? '').join('\u0000')
      const found = joined.get(key) ?? [...labels.map((one) => row.labels[one] ?? ''), ...values.map(() => null)]
      found[labels.length + index] = row.value
      joined.set(key, found)
    }
  })
  return transformations
    .filter((one) => one.id === 'organize')
    .reduce((table, one) => organize(table, one.options), { columns: [...labels, ...values], rows: [...joined.values()] })
}

function organize(table: Table, options: Record<string, unknown>): Table {
  const excluded = (options.excludeByName ?? {}) as Record<string, boolean>
  const order = (options.indexByName ?? {}) as Record<string, number>
  const names = (options.renameByName ?? {}) as Record<string, string>
  const kept = table.columns
    .map((name, index) => ({ name, index, place: order[name] ?? 1000 + index }))
    .filter((one) => !excluded[one.name])
    .sort((a, b) => a.place - b.place)
  return {
    columns: kept.map((one) => names[one.name] || one.name),
    rows: table.rows.map((row) => kept.map((one) => row[one.index]!)),
  }
}
