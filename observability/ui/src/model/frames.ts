/** Prometheus' and Loki's numbers → columns on one grid of times. */
import type { Labels } from './loglines'

export interface Series {
  labels: Labels
  name: string
  /** One value a time of the frame; null where there is none. */
  values: (number | null)[]
}

export interface Frame {
  /** Seconds since the epoch, ascending, a step apart. */
  times: number[]
  series: Series[]
}

export interface MatrixItem {
  metric: Labels
  values?: [number, string][]
  value?: [number, string]
}

export const EMPTY: Frame = { times: [], series: [] }

/** A range query's answer on the grid that was asked for; a missed step stays a gap. */
export function decodeMatrix(items: readonly MatrixItem[], startS: number, endS: number, stepS: number): Frame {
  const count = Math.max(0, Math.floor((endS - startS) / stepS + 1e-6)) + 1
  const times = Array.from({ length: count }, (_none, index) => startS + index * stepS)
  const series = items.map((item) => {
    const values = new Array<number | null>(count).fill(null)
    for (const [time, text] of item.values ?? []) {
      const index = Math.round((time - startS) / stepS)
      if (index >= 0 && index < count) values[index] = finite(text)
    }
    return { labels: item.metric, name: nameSeries(item.metric), values }
  })
  return { times, series }
}

const finite = (text: string): number | null => {
  const value = Number(text)
  return Number.isFinite(value) ? value : null
}

/** As Prometheus writes a series: name{label="value"}. */
export function nameSeries(labels: Labels): string {
  const { __name__: name = '', ...rest } = labels
  const inner = Object.entries(rest)
    .map(([label, value]) => `${label}="${value}"`)
    .join(', ')
  return inner ? `${name}{${inner}}` : name || '{}'
}

/** A legend's text: "{{label}}" filled in; "" and "__auto" are the series' name. */
export function writeLegend(format: string | undefined, labels: Labels, fallback: string): string {
  if (!format || format === '__auto') return fallback
  return format.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (_all, label: string) => labels[label] ?? '')
}

/** The last number of a series, as stat panels and legends show it. */
export function lastValue(values: readonly (number | null)[]): number | null {
  for (let at = values.length - 1; at >= 0; at--) if (values[at] !== null && values[at] !== undefined) return values[at]!
  return null
}

export type Reducer = 'lastNotNull' | 'last' | 'max' | 'min' | 'mean' | 'sum' | 'count' | 'first'

export function reduce(values: readonly (number | null)[], how: string): number | null {
  const known = values.filter((one): one is number => one !== null)
  if (!known.length) return null
  switch (how) {
    case 'max':
      return Math.max(...known)
    case 'min':
      return Math.min(...known)
    case 'sum':
      return known.reduce((a, b) => a + b, 0)
    case 'mean':
      return known.reduce((a, b) => a + b, 0) / known.length
    case 'count':
      return known.length
    case 'first':
    case 'firstNotNull':
      return known[0]!
    default:
      return known[known.length - 1]!
  }
}

export interface Exemplar {
  timeS: number
  value: number
  traceId: string
  labels: Labels
  series: Labels
}

export interface ExemplarItem {
  seriesLabels: Labels
  exemplars: { labels: Labels; value: string; timestamp: number }[]
}

/** Exemplars that lead to a trace. */
export function decodeExemplars(items: readonly ExemplarItem[]): Exemplar[] {
  return items.flatMap((item) =>
    item.exemplars.flatMap((one) => {
      const traceId = one.labels.trace_id ?? one.labels.traceID ?? one.labels.traceId
      return traceId
        ? [{ timeS: one.timestamp, value: Number(one.value), traceId, labels: one.labels, series: item.seriesLabels }]
        : []
    }),
  )
}

export interface Row {
  labels: Labels
  value: number | null
}

/** An instant query's answer, one row a series. */
export const decodeVector = (items: readonly MatrixItem[]): Row[] =>
  items.map((item) => ({ labels: item.metric, value: item.value ? Number(item.value[1]) : null }))

/** The columns that tell rows apart, in order of their names. */
export const labelColumns = (rows: readonly { labels: Labels }[]): string[] =>
  [...new Set(rows.flatMap((row) => Object.keys(row.labels)))].sort()
