/** Loki's streams → lines, newest first. */
import { readLevel, type Level } from './levels'
import { compare, toMs, type Nanos } from './nanoseconds'

export type Labels = Record<string, string>

export interface LogLine {
  key: string
  ns: Nanos
  ms: number
  line: string
  labels: Labels
  metadata: Labels
  level: Level
}

export interface Field {
  name: string
  value: string
  origin: 'label' | 'metadata' | 'json' | 'logfmt'
}

type Value = [Nanos, string, { structuredMetadata?: Labels; parsed?: Labels }?]
export interface Streams {
  stream: Labels
  values: Value[]
}

/** Lines of all streams, newest first; equal times keep the order of the answer. */
export function decodeStreams(streams: readonly Streams[]): LogLine[] {
  const lines: LogLine[] = []
  const seen = new Map<string, number>()
  for (const { stream, values } of streams) {
    const hash = hashText(JSON.stringify(Object.entries(stream).sort()))
    for (const [ns, line, extra] of values) {
      const base = `${ns}-${hash}-${hashText(line)}`
      const count = seen.get(base) ?? 0
      seen.set(base, count + 1)
      const metadata = { ...extra?.structuredMetadata }
      const level = readLevel(stream.level ?? metadata.level ?? metadata.detected_level ?? stream.detected_level)
      lines.push({ key: count ? `${base}.${count}` : base, ns, ms: toMs(ns), line, labels: stream, metadata, level })
    }
  }
  return lines.sort((a, b) => compare(b.ns, a.ns))
}

function hashText(text: string): string {
  let hash = 0
  for (let at = 0; at < text.length; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0
  return (hash >>> 0).toString(36)
}

/** The parts of a JSON object or of logfmt, in their order; empty where the line is neither. */
export function parseLine(line: string): { parser: 'json' | 'logfmt' | null; parts: [string, string][] } {
  if (line.startsWith('{')) {
    try {
      const parts: [string, string][] = []
      flatten('', JSON.parse(line) as unknown, parts)
      return { parser: 'json', parts }
    } catch {
      return { parser: null, parts: [] }
    }
  }
  const parts = [...line.matchAll(/(?:^|\s)([a-zA-Z_][\w.]*)=("(?:[^"\\]|\\.)*"|\S*)/g)].map((found): [string, string] => [
    found[1]!,
    found[2]!.startsWith('"') ? found[2]!.slice(1, -1).replace(/\\(.)/g, '$1') : found[2]!,
  ])
  return parts.length >= 2 ? { parser: 'logfmt', parts } : { parser: null, parts: [] }
}

function flatten(prefix: string, value: unknown, into: [string, string][]): void {
  if (value === null || value === undefined) return
  if (typeof value === 'object' && !Array.isArray(value)) {
    for (const [name, one] of Object.entries(value)) flatten(prefix ? `${prefix}_${name}` : name, one, into)
  } else into.push([prefix, typeof value === 'string' ? value : JSON.stringify(value)])
}

/** Everything known of a line, labels first; a name that is there twice counts once. */
export function fieldsOf(line: LogLine): Field[] {
  const { parser, parts } = parseLine(line.line)
  const fields: Field[] = Object.entries(line.labels).map(([name, value]) => ({ name, value, origin: 'label' }))
  for (const [name, value] of Object.entries(line.metadata)) fields.push({ name, value, origin: 'metadata' })
  const names = new Set(fields.map((one) => one.name))
  for (const [name, value] of parts) if (!names.has(name) && parser) fields.push({ name, value, origin: parser })
  return fields
}

const MESSAGE = ['message', 'msg', 'event']
const SHOWN_ELSEWHERE = new Set(['time', 'ts', 'timestamp', 'level', 'service', 'logger', 'trace_id', 'span_id', ...MESSAGE])

/** A request in a few words, by OpenTelemetry's names: method, path (else route) and status. */
const REQUEST = [['http.request.method'], ['url.path', 'http.route'], ['http.response.status_code']]

/** What one row shows: the message, a request's key facts, then the fields that say more. Plain text stays as it is. */
export function summarize(line: LogLine): { message: string; rest: [string, string][] } {
  const { parser, parts } = parseLine(line.line)
  const message = parser && parts.find(([name]) => MESSAGE.includes(name))?.[1]
  if (!message) return { message: line.line, rest: [] }
  const known = new Map(parts)
  const request = REQUEST.flatMap((names) => names.flatMap((name) => known.get(name) ?? []).slice(0, 1))
  const told = new Set(request.length > 1 ? REQUEST.flat() : [])
  return {
    message: request.length > 1 ? `${message} ${request.join(' ')}` : message,
    rest: parts.filter(([name]) => !SHOWN_ELSEWHERE.has(name) && !told.has(name)),
  }
}

const TRACE_NAMES = ['trace_id', 'traceID', 'traceId', 'traceid', 'trace.id']

/** The id of the line's trace: by the data source's derived fields, else by a field's name. */
export function traceIdOf(line: LogLine, patterns: readonly RegExp[] = []): string | null {
  for (const pattern of patterns) {
    const found = pattern.exec(line.line)?.[1]
    if (found) return found
  }
  const known: Labels = { ...Object.fromEntries(parseLine(line.line).parts), ...line.labels, ...line.metadata }
  for (const name of TRACE_NAMES) if (/^[0-9a-f]{16,32}$/i.test(known[name] ?? '')) return known[name]!
  return null
}

/** Newer lines in front, without doubles, at most `limit`. */
export function mergeLines(newer: readonly LogLine[], older: readonly LogLine[], limit: number): LogLine[] {
  const keys = new Set(older.map((one) => one.key))
  const fresh = newer.filter((one) => !keys.has(one.key))
  return [...fresh, ...older].sort((a, b) => compare(b.ns, a.ns)).slice(0, limit)
}
