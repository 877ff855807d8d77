/** The metric store's API. Spec: Prometheus HTTP API. */
import {
  decodeExemplars,
  decodeMatrix,
  decodeVector,
  type Exemplar,
  type ExemplarItem,
  type Frame,
  type MatrixItem,
  type Row,
} from '../model/frames'
import type { Labels } from '../model/loglines'
import type { Rule } from '../model/alerts'
import { align, type Range } from '../model/timerange'
import { ask, query } from './http'
import { through, type Source } from './sources'

interface Answer<T> {
  data: T
  warnings?: string[]
}

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }

/** As a form, for queries may be longer than an address. */
const post = <T>(source: Source, path: string, spec: Record<string, string | number>, signal?: AbortSignal): Promise<Answer<T>> =>
  ask(through(source, path), { method: 'POST', headers: FORM, body: query(spec), signal })

export async function fetchRange(
  source: Source,
  expr: string,
  range: Range,
  stepMs: number,
  signal?: AbortSignal,
): Promise<Frame> {
  const { fromMs, toMs } = align(range, stepMs)
  const [start, end, step] = [fromMs / 1000, toMs / 1000, stepMs / 1000]
  const { data } = await post<{ resultType: string; result: MatrixItem[] }>(
    source,
    '/api/v1/query_range',
    { query: expr, start, end, step },
    signal,
  )
  return decodeMatrix(data.resultType === 'matrix' ? data.result : [], start, end, step)
}

/** The values at one moment; a scalar is one row without labels. */
export async function fetchInstant(source: Source, expr: string, atMs: number, signal?: AbortSignal): Promise<Row[]> {
  const { data } = await post<{ resultType: string; result: MatrixItem[] | [number, string] }>(
    source,
    '/api/v1/query',
    { query: expr, time: atMs / 1000 },
    signal,
  )
  if (data.resultType === 'scalar' || data.resultType === 'string')
    return [{ labels: {}, value: Number((data.result as [number, string])[1]) }]
  return decodeVector(data.result as MatrixItem[])
}

export async function fetchExemplars(source: Source, expr: string, range: Range, signal?: AbortSignal): Promise<Exemplar[]> {
  const spec = { query: expr, start: range.fromMs / 1000, end: range.toMs / 1000 }
  return decodeExemplars((await post<ExemplarItem[] | null>(source, '/api/v1/query_exemplars', spec, signal)).data ?? [])
}

export async function fetchValues(
  source: Source,
  label: string,
  range: Range,
  match?: string,
  signal?: AbortSignal,
): Promise<string[]> {
  const spec = { start: range.fromMs / 1000, end: range.toMs / 1000, 'match[]': match }
  return (
    (await ask<Answer<string[]>>(through(source, `/api/v1/label/${encodeURIComponent(label)}/values?${query(spec)}`), { signal }))
      .data ?? []
  )
}

export async function fetchLabels(source: Source, range: Range, signal?: AbortSignal): Promise<string[]> {
  const spec = { start: range.fromMs / 1000, end: range.toMs / 1000 }
  return (await ask<Answer<string[]>>(through(source, `/api/v1/labels?${query(spec)}`), { signal })).data ?? []
}

interface WireRule {
  type: string
  name: string
  query: string
  duration?: number
  state?: string
  health?: string
  lastError?: string
  labels?: Labels
}

/** Alerting rules of a metric or a log store; both answer in the same form. */
export async function fetchRules(source: Source, signal?: AbortSignal): Promise<Rule[]> {
  const path = source.type === 'loki' ? '/prometheus/api/v1/rules' : '/api/v1/rules'
  const { data } = await ask<Answer<{ groups: { name: string; rules: WireRule[] }[] } | null>>(through(source, path), { signal })
  return (data?.groups ?? []).flatMap((group) =>
    group.rules
      .filter((rule) => rule.type === 'alerting')
      .map((rule) => ({
        name: rule.name,
        group: group.name,
        expr: rule.query,
        source: source.uid,
        state: rule.state ?? 'inactive',
        health: rule.health ?? '',
        error: rule.lastError ?? '',
        forS: rule.duration ?? 0,
        labels: rule.labels ?? {},
      })),
  )
}
