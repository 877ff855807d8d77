/** Edits of a LogQL query that keep the rest of it as the user wrote it. */
export interface Matcher {
  name: string
  op: '=' | '!=' | '=~' | '!~'
  value: string
}

export const quote = (text: string): string =>
  `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('\t', '\\t')}"`

export const escapeRegex = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** Names of fields as the parsers `json` and `logfmt` make them: what is no letter or digit is "_". */
export const sanitize = (name: string): string => name.replace(/[^a-zA-Z0-9_]/g, '_').replace(/^(\d)/, '_$1')

/** Whether the query answers numbers: it does unless it starts with its selector. */
export const isMetricQuery = (query: string): boolean => !/^\s*(#.*\n\s*)*\{/.test(query) && query.trim() !== ''

/** Start and end (after the brace) of the first selector; braces in strings do not count. */
export function findSelector(query: string): [number, number] | null {
  let start = -1
  for (let at = 0; at < query.length; at++) {
    const char = query[at]
    if (char === '"' || char === '`') at = endOfString(query, at)
    else if (char === '{' && start < 0) start = at
    else if (char === '}' && start >= 0) return [start, at + 1]
  }
  return null
}

function endOfString(text: string, start: number): number {
  const close = text[start]
  let at = start + 1
  while (at < text.length && text[at] !== close) at += text[at] === '\\' && close === '"' ? 2 : 1
  return at
}

export function selectorOf(query: string): string {
  const span = findSelector(query)
  return span ? query.slice(...span) : '{}'
}

export function readMatchers(selector: string): Matcher[] {
  const part = /([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|`[^`]*`)/g
  return [...selector.matchAll(part)].map((found) => ({
    name: found[1]!,
    op: found[2] as Matcher['op'],
    value: unquote(found[3]!),
  }))
}

function unquote(text: string): string {
  const inner = text.slice(1, -1)
  if (text[0] === '`') return inner
  return inner.replace(/\\(.)/g, (_all, char: string) => ({ n: '\n', t: '\t' })[char] ?? char)
}

export const writeMatchers = (matchers: readonly Matcher[]): string =>
  `{${matchers.map((one) => one.name + one.op + quote(one.value)).join(', ')}}`

/** The query with label = value (or !=) in its selector; the same filter again takes it off. */
export function toggleLabel(query: string, name: string, value: string, negate: boolean): string {
  const op = negate ? '!=' : '='
  const span = findSelector(query)
  if (!span) return writeMatchers([{ name, op, value }]) + (query ? ` ${query}` : '')
  const matchers = readMatchers(query.slice(...span))
  const others = matchers.filter((one) => one.name !== name || one.value !== value)
  const had = matchers.some((one) => one.name === name && one.value === value && one.op === op)
  const next = had && others.length ? others : [...others, { name, op, value } as Matcher]
  return query.slice(0, span[0]) + writeMatchers(next) + query.slice(span[1])
}

/** The query with a filter on a parsed or attached field at its end; the same filter again takes it off. */
export function toggleField(
  query: string,
  name: string,
  value: string,
  negate: boolean,
  parser: 'json' | 'logfmt' | null,
): string {
  const filter = ` | ${sanitize(name)}${negate ? '!=' : '='}${quote(value)}`
  if (query.includes(filter)) return query.replace(filter, '')
  const opposite = ` | ${sanitize(name)}${negate ? '=' : '!='}${quote(value)}`
  const base = query.replace(opposite, '')
  const parsed = !parser || new RegExp(`\\|\\s*${parser}\\b`).test(base)
  return base + (parsed ? '' : ` | ${parser}`) + filter
}

/** Whether a filter on a field or label is in the query, and which. */
export function filterState(query: string, name: string, value: string, isLabel: boolean): '=' | '!=' | null {
  for (const op of ['=', '!='] as const) {
    if (isLabel && readMatchers(selectorOf(query)).some((one) => one.name === name && one.op === op && one.value === value))
      return op
    if (!isLabel && query.includes(` | ${sanitize(name)}${op}${quote(value)}`)) return op
  }
  return null
}

/** All lines that hold a trace's id: at least one matcher must not match the empty string. */
export const traceQuery = (traceId: string): string => `{service=~".+"} |= ${quote(traceId)}`

/** Counts by level over steps: the histogram above the lines, whatever their limit. */
export const volumeQuery = (query: string, step: string): string =>
  `sum by (level, detected_level) (count_over_time(${query} [${step}]))`
