/** The log store's API. Spec: Loki HTTP API. */
import { decodeMatrix, type Frame, type MatrixItem } from '../model/frames'
import { bucketsOf, decodeVolume, type Volume } from '../model/histogram'
import { decodeStreams, fieldsOf, type LogLine, type Streams } from '../model/loglines'
import { volumeQuery } from '../model/logquery'
import { write as writeDuration } from '../model/duration'
import { fromMs, type Nanos } from '../model/nanoseconds'
import { align, type Range } from '../model/timerange'
import { ask, query } from './http'
import { through, type Source } from './sources'

const CATEGORIZE = { 'X-Loki-Response-Encoding-Flags': 'categorize-labels' }

interface Answer {
  data: { resultType: 'streams' | 'matrix' | 'vector'; result: unknown[] }
}

export interface LinesQuery {
  expr: string
  start: Nanos
  end: Nanos
  limit: number
  direction?: 'forward' | 'backward'
}

/** Lines within [start, end), newest first. */
export async function fetchLines(source: Source, spec: LinesQuery, signal?: AbortSignal): Promise<LogLine[]> {
  const { expr, start, end, limit, direction = 'backward' } = spec
  const path = through(source, `/loki/api/v1/query_range?${query({ query: expr, start, end, limit, direction })}`)
  const { data } = await ask<Answer>(path, { headers: CATEGORIZE, signal })
  return data.resultType === 'streams' ? decodeStreams(data.result as Streams[]) : []
}

export async function fetchVolume(source: Source, expr: string, range: Range, signal?: AbortSignal): Promise<Volume> {
  const buckets = bucketsOf(range)
  const items = await fetchMatrix(source, volumeQuery(expr, writeDuration(buckets.stepMs)), buckets, buckets.stepMs, signal)
  return decodeVolume(items, buckets)
}

async function fetchMatrix(
  source: Source,
  expr: string,
  range: Range,
  stepMs: number,
  signal?: AbortSignal,
): Promise<MatrixItem[]> {
  const spec = { query: expr, start: fromMs(range.fromMs), end: fromMs(range.toMs), step: `${stepMs / 1000}` }
  const { data } = await ask<Answer>(through(source, `/loki/api/v1/query_range?${query(spec)}`), { signal })
  return data.resultType === 'matrix' ? (data.result as MatrixItem[]) : []
}

/** A metric query's numbers. */
export async function fetchLogNumbers(
  source: Source,
  expr: string,
  range: Range,
  stepMs: number,
  signal?: AbortSignal,
): Promise<Frame> {
  const aligned = align(range, stepMs)
  const items = await fetchMatrix(source, expr, aligned, stepMs, signal)
  return decodeMatrix(items, aligned.fromMs / 1000, aligned.toMs / 1000, stepMs / 1000)
}

export async function fetchLabelNames(source: Source, range: Range): Promise<string[]> {
  const spec = { start: fromMs(range.fromMs), end: fromMs(range.toMs) }
  return (await ask<{ data?: string[] }>(through(source, `/loki/api/v1/labels?${query(spec)}`))).data ?? []
}

export async function fetchLabelValues(source: Source, name: string, range: Range, selector?: string): Promise<string[]> {
  const spec = { start: fromMs(range.fromMs), end: fromMs(range.toMs), query: selector }
  const path = `/loki/api/v1/label/${encodeURIComponent(name)}/values?${query(spec)}`
  return (await ask<{ data?: string[] }>(through(source, path))).data ?? []
}

/** Names of fields within recent lines of a selector, for completion. */
export async function fetchFieldNames(source: Source, selector: string, range: Range): Promise<string[]> {
  const lines = await fetchLines(source, { expr: selector, start: fromMs(range.fromMs), end: fromMs(range.toMs), limit: 50 })
  return [
    ...new Set(
      lines.flatMap((line) =>
        fieldsOf(line)
          .filter((one) => one.origin !== 'label')
          .map((one) => one.name.replace(/\W/g, '_')),
      ),
    ),
  ].sort()
}

export interface Tail {
  close: () => void
}

/** Lines as they come. `onEnd` is told why the store ended the tail. */
export function openTail(
  source: Source,
  expr: string,
  onLines: (lines: LogLine[], dropped: number) => void,
  onEnd: (reason: string) => void,
): Tail {
  const origin = location.origin.replace(/^http/, 'ws')
  const socket = new WebSocket(`${origin}${through(source, `/loki/api/v1/tail?${query({ query: expr, limit: 100 })}`)}`)
  let closed = false
  socket.onmessage = (event: MessageEvent<string>) => {
    const frame = JSON.parse(event.data) as { streams?: Streams[] | null; dropped_entries?: unknown[] | null }
    onLines(decodeStreams(frame.streams ?? []), frame.dropped_entries?.length ?? 0)
  }
  socket.onclose = (event) => {
    if (!closed) onEnd(event.reason || 'The connection ended.')
  }
  return {
    close: () => {
      closed = true
      socket.close()
    },
  }
}
