/** The trace store's API. Spec: Jaeger query API v1. */
import { decodeTrace, readTagSearch, type Trace, type WireTrace } from '../model/trace'
import type { Range } from '../model/timerange'
import { ask, query } from './http'
import { through, type Source } from './sources'

interface Answer<T> {
  data: T | null
  errors?: { msg: string }[] | null
}

export interface TraceSearch {
  service: string
  operation?: string
  tags?: string
  minDuration?: string
  maxDuration?: string
  limit: number
}

export async function fetchServices(source: Source, signal?: AbortSignal): Promise<string[]> {
  return ((await ask<Answer<string[]>>(through(source, '/api/services'), { signal })).data ?? []).sort()
}

export async function fetchOperations(source: Source, service: string, signal?: AbortSignal): Promise<string[]> {
  const path = `/api/services/${encodeURIComponent(service)}/operations`
  return ((await ask<Answer<string[]>>(through(source, path), { signal })).data ?? []).sort()
}

/** Traces of a range, newest first. */
export async function searchTraces(source: Source, search: TraceSearch, range: Range, signal?: AbortSignal): Promise<Trace[]> {
  const tags = readTagSearch(search.tags ?? '')
  const spec = {
    ...search,
    tags: Object.keys(tags).length ? JSON.stringify(tags) : '',
    start: Math.floor(range.fromMs) * 1000,
    end: Math.ceil(range.toMs) * 1000,
  }
  const { data } = await ask<Answer<WireTrace[]>>(through(source, `/api/traces?${query(spec)}`), { signal })
  return (data ?? []).map(decodeTrace).sort((a, b) => b.startUs - a.startUs)
}

export async function fetchTrace(source: Source, id: string, signal?: AbortSignal): Promise<Trace | null> {
  const { data } = await ask<Answer<WireTrace[]>>(through(source, `/api/traces/${encodeURIComponent(id)}`), { signal })
  return data?.[0] ? decodeTrace(data[0]) : null
}
