/** Variables of dashboards: what their text in queries stands for. */
import { write as writeDuration } from './duration'
import { escapeRegex, quote } from './logquery'
import type { Range } from './timerange'

export const ALL = '$__all'

export interface VariableSpec {
  name: string
  label: string
  type: string
  query: string
  regex: string
  multi: boolean
  includeAll: boolean
  allValue: string
  hidden: boolean
  sourceType: string
  sourceUid: string
  /** What is chosen as shipped. */
  current: string[]
  options: string[]
  sort: number
}

export interface Variable {
  spec: VariableSpec
  options: string[]
  value: string[]
}

export type Values = ReadonlyMap<string, Variable>

type Wire = Record<string, unknown>

const list = (value: unknown): string[] =>
  Array.isArray(value) ? value.map(String) : value === undefined || value === null || value === '' ? [] : [String(value)]

export function decodeVariable(wire: Wire): VariableSpec {
  const query = wire.query
  const source = wire.datasource as { type?: string; uid?: string } | string | null | undefined
  const current = wire.current as { value?: unknown } | undefined
  const type = String(wire.type ?? 'query')
  return {
    name: String(wire.name ?? ''),
    label: String(wire.label || wire.name || ''),
    type,
    query:
      typeof query === 'string' ? query : String((query as Wire | undefined)?.query ?? writeLogQuery(query as Wire | undefined)),
    regex: typeof wire.regex === 'string' ? wire.regex : '',
    multi: Boolean(wire.multi),
    includeAll: Boolean(wire.includeAll),
    allValue: typeof wire.allValue === 'string' ? wire.allValue : '',
    hidden: wire.hide === 2 || type === 'constant',
    sourceType: typeof source === 'object' ? (source?.type ?? '') : '',
    sourceUid: typeof source === 'object' ? (source?.uid ?? '') : (source ?? ''),
    current: list(current?.value),
    options: ((wire.options as Wire[] | undefined) ?? []).map((one) => String(one.value)).filter((one) => one !== ALL),
    sort: Number(wire.sort ?? 0),
  }
}

/** Log stores' variables are objects: label, and the selector of its streams. */
function writeLogQuery(query: Wire | undefined): string {
  if (!query?.label) return ''
  return query.stream ? `label_values(${String(query.stream)}, ${String(query.label)})` : `label_values(${String(query.label)})`
}

export type VariableQuery =
  | { kind: 'values'; label: string; match: string }
  | { kind: 'names' }
  | { kind: 'metrics'; pattern: string }
  | { kind: 'result'; expr: string }
  | { kind: 'none' }

/** "label_values(up{a="b"}, service)" and its like. */
export function readVariableQuery(text: string): VariableQuery {
  const call = /^\s*(label_values|label_names|metrics|query_result)\s*\((.*)\)\s*$/s.exec(text)
  if (!call) return text.trim() ? { kind: 'result', expr: text } : { kind: 'none' }
  const inside = call[2]!.trim()
  if (call[1] === 'label_names') return { kind: 'names' }
  if (call[1] === 'metrics') return { kind: 'metrics', pattern: inside }
  if (call[1] === 'query_result') return { kind: 'result', expr: inside }
  const last = /^(?:(.*),)?\s*([a-zA-Z_]\w*)\s*$/s.exec(inside)
  return last ? { kind: 'values', label: last[2]!, match: (last[1] ?? '').trim() } : { kind: 'none' }
}

/** Custom and interval variables: "a, b, text : value". */
export const readCustom = (query: string): string[] =>
  query
    .split(/(?<!\\),/)
    .map((one) =>
      one
        .replaceAll('\\,', ',')
        .trim()
        .replace(/^.*\s:\s/, ''),
    )
    .filter(Boolean)

/** Options after the regex of the variable: its first group where it has one, sorted and once each. */
export function filterOptions(options: readonly string[], regex: string, sort: number): string[] {
  const parts = /^\/(.*)\/([a-z]*)$/s.exec(regex)
  let found = [...options]
  if (regex) {
    const pattern = new RegExp(parts ? parts[1]! : `^${regex}$`, (parts?.[2] ?? '').replace('g', ''))
    found = found.flatMap((one) => {
      const match = pattern.exec(one)
      return match ? [match.groups?.value ?? match[1] ?? match[0]] : []
    })
  }
  found = [...new Set(found)]
  if (sort === 1 || sort === 5) found.sort()
  else if (sort === 2 || sort === 6) found.sort().reverse()
  else if (sort === 3) found.sort((a, b) => parseFloat(a) - parseFloat(b))
  else if (sort === 4) found.sort((a, b) => parseFloat(b) - parseFloat(a))
  return found
}

/** What holds: the URL's choice, else the shipped one, where it still exists; else all or the first. */
export function chooseValue(spec: VariableSpec, options: readonly string[], chosen: readonly string[]): string[] {
  if (spec.type === 'textbox' || spec.type === 'constant')
    return chosen.length ? [...chosen] : spec.current.length ? spec.current : [spec.query]
  for (const wanted of [chosen, spec.current]) {
    const kept = wanted.filter((one) => options.includes(one) || (one === ALL && spec.includeAll))
    if (kept.length) return spec.multi ? kept : kept.slice(0, 1)
  }
  if (spec.includeAll) return [ALL]
  return options.length ? [options[0]!] : []
}

/** The values that a variable's choice comes to. */
const expand = (variable: Variable): string[] => (variable.value.includes(ALL) ? variable.options : variable.value)

function format(variable: Variable, how: string): string {
  const { spec } = variable
  if (variable.value.includes(ALL) && spec.allValue) return spec.allValue
  const values = expand(variable)
  switch (how) {
    case 'regex':
      return values.length === 1 ? escapeRegex(values[0]!) : `(${values.map(escapeRegex).join('|')})`
    case 'pipe':
      return values.join('|')
    case 'csv':
    case 'raw':
    case 'text':
      return values.join(',')
    case 'singlequote':
      return values.map((one) => `'${one.replaceAll("'", "\\'")}'`).join(',')
    case 'doublequote':
      return values.map(quote).join(',')
    case 'queryparam':
      return values.map((one) => `var-${spec.name}=${encodeURIComponent(one)}`).join('&')
    case 'percentencode':
      return encodeURIComponent(values.join(','))
    case 'query':
      if (!spec.multi && !spec.includeAll) return values[0] ?? ''
      // Within a string of the query each backslash of the regex is doubled.
      return (values.length === 1 ? escapeRegex(values[0]!) : `(${values.map(escapeRegex).join('|')})`).replaceAll('\\', '\\\\')
    default:
      return values.length > 1 ? values.join(' + ') : (values[0] ?? '')
  }
}

const REFERENCE = /\$\{(\w+)(?:\.[\w.]+)?(?::(\w+))?\}|\[\[(\w+)(?::(\w+))?\]\]|\$(\w+)/g

/** Text with its variables filled in; how is "query" in queries and "text" in titles. What is not known stays. */
export function interpolate(text: string, values: Values, how: 'query' | 'text', builtins: Record<string, string> = {}): string {
  return text.replace(REFERENCE, (whole, a?: string, aFormat?: string, b?: string, bFormat?: string, c?: string) => {
    const name = a ?? b ?? c ?? ''
    if (name in builtins) return builtins[name]!
    const variable = values.get(name)
    if (!variable) return whole
    const wanted = aFormat ?? bFormat
    return format(variable, wanted ?? (how === 'query' ? 'query' : 'shown'))
  })
}

/** $__interval and its like for a range that is drawn with steps of stepMs and scraped every scrapeMs. */
export function builtinsOf(range: Range, stepMs: number, scrapeMs: number): Record<string, string> {
  const rangeMs = range.toMs - range.fromMs
  const rate = Math.max(stepMs + scrapeMs, 4 * scrapeMs)
  return {
    __interval: writeDuration(stepMs),
    __interval_ms: String(stepMs),
    __auto: writeDuration(stepMs),
    __auto_interval: writeDuration(stepMs),
    __rate_interval: writeDuration(Math.round(rate / 1000) * 1000),
    __rate_interval_ms: String(rate),
    __range: `${Math.max(1, Math.round(rangeMs / 1000))}s`,
    __range_s: String(Math.round(rangeMs / 1000)),
    __range_ms: String(Math.round(rangeMs)),
    __from: String(Math.round(range.fromMs)),
    __to: String(Math.round(range.toMs)),
  }
}
