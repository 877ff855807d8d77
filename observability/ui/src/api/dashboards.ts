/** Dashboards as the server read them from its files, and the data of their panels. */
import { parse } from '../model/duration'
import { decodeDashboard, lookOf, type Dashboard, type Panel, type SourceRef, type Target } from '../model/dashboard'
import { reduce, writeLegend, type Frame, type Row, type Series } from '../model/frames'
import type { LogLine } from '../model/loglines'
import { fromMs } from '../model/nanoseconds'
import { stepFor, type Range } from '../model/timerange'
import {
  builtinsOf,
  chooseValue,
  filterOptions,
  interpolate,
  readCustom,
  readVariableQuery,
  type Values,
  type Variable,
  type VariableSpec,
} from '../model/variables'
import { ask } from './http'
import { fetchLabelNames, fetchLabelValues, fetchLines, fetchLogNumbers } from './logs'
import { fetchInstant, fetchLabels, fetchRange, fetchValues } from './metrics'
import { pick, type Kind, type Source } from './sources'

const POINTS = 250
const LINES = 500
const SCRAPE_MS = 15_000
const KINDS = new Set<string>(['loki', 'prometheus', 'jaeger', 'alertmanager'])

export interface DashboardItem {
  uid: string
  title: string
  folderTitle: string
  tags: string[]
}

export const fetchDashboards = (signal?: AbortSignal): Promise<DashboardItem[]> => ask('/api/search', { signal })

export async function fetchDashboard(uid: string, signal?: AbortSignal): Promise<Dashboard> {
  const { dashboard } = await ask<{ dashboard: Record<string, unknown> }>(`/api/dashboards/uid/${encodeURIComponent(uid)}`, {
    signal,
  })
  return decodeDashboard(dashboard)
}

/** The source that a panel names, by uid or by name, perhaps through a variable. */
export function findSource(sources: readonly Source[], ref: SourceRef | null, values: Values): Source | undefined {
  const uid = interpolate(ref?.uid ?? '', values, 'text')
  const named = sources.find((one) => one.uid === uid || one.name === uid)
  if (named) return named
  if (ref && KINDS.has(ref.type)) return pick(sources, ref.type as Kind)
  return sources.find((one) => one.isDefault) ?? pick(sources, 'prometheus')
}

/** Options and values of all variables, in their order, as later ones may need earlier ones. */
export async function resolveVariables(
  specs: readonly VariableSpec[],
  chosen: (name: string) => string[],
  sources: readonly Source[],
  range: Range,
  signal?: AbortSignal,
): Promise<Values> {
  const values = new Map<string, Variable>()
  for (const spec of specs) {
    const options = await fetchOptions(spec, values, sources, range, signal)
    values.set(spec.name, { spec, options, value: chooseValue(spec, options, chosen(spec.name)) })
  }
  return values
}

async function fetchOptions(
  spec: VariableSpec,
  values: Values,
  sources: readonly Source[],
  range: Range,
  signal?: AbortSignal,
): Promise<string[]> {
  if (spec.type === 'datasource') return sources.filter((one) => one.type === spec.query).map((one) => one.uid)
  if (spec.type === 'custom' || spec.type === 'interval') return readCustom(spec.query)
  if (spec.type !== 'query') return spec.options
  const source = findSource(sources, { type: spec.sourceType, uid: spec.sourceUid }, values)
  if (!source) return []
  const query = readVariableQuery(interpolate(spec.query, values, 'query', builtinsOf(range, stepFor(range, POINTS), SCRAPE_MS)))
  const logs = source.type === 'loki'
  let found: string[] = []
  if (query.kind === 'values')
    found = logs
      ? await fetchLabelValues(source, query.label, range, query.match)
      : await fetchValues(source, query.label, range, query.match, signal)
  else if (query.kind === 'names') found = logs ? await fetchLabelNames(source, range) : await fetchLabels(source, range, signal)
  else if (query.kind === 'metrics')
    found = (await fetchValues(source, '__name__', range, undefined, signal)).filter((one) => new RegExp(query.pattern).test(one))
  else if (query.kind === 'result') found = (await fetchInstant(source, query.expr, range.toMs, signal)).map(writeResult)
  return filterOptions(found, interpolate(spec.regex, values, 'text'), spec.sort)
}

const writeResult = (row: Row): string => {
  const { __name__: name = '', ...labels } = row.labels
  return `${name}{${Object.entries(labels)
    .map(([label, value]) => `${label}="${value}"`)
    .join(',')}} ${row.value ?? ''}`
}

export type PanelData =
  | { kind: 'frame'; frame: Frame; exprs: string[] }
  | { kind: 'rows'; results: { refId: string; rows: Row[] }[]; exprs: string[] }
  | { kind: 'lines'; lines: LogLine[]; source: Source; exprs: string[] }

/** What a panel shows, by its type and its sources. */
export async function fetchPanel(
  panel: Panel,
  sources: readonly Source[],
  values: Values,
  range: Range,
  signal?: AbortSignal,
): Promise<PanelData> {
  const asked = panel.targets.map((target) => prepare(panel, target, sources, values, range))
  const exprs = asked.map((one) => one.expr)
  const first = asked[0]
  if (panel.type === 'logs' && first) {
    const spec = { expr: first.expr, start: fromMs(range.fromMs), end: fromMs(range.toMs), limit: LINES }
    return { kind: 'lines', lines: await fetchLines(first.source, spec, signal), source: first.source, exprs }
  }
  if (panel.type === 'table') {
    const results = await Promise.all(
      asked.map(async (one) => ({ refId: one.target.refId, rows: await fetchRows(one, range, signal) })),
    )
    return { kind: 'rows', results, exprs }
  }
  const frames = await Promise.all(asked.map((one) => fetchFrame(one, range, signal)))
  return {
    kind: 'frame',
    frame: joinFrames(frames.map((frame, index) => nameSeriesOf(panel, asked[index]!.target, frame, values))),
    exprs,
  }
}

interface Asked {
  target: Target
  source: Source
  expr: string
  stepMs: number
}

function prepare(panel: Panel, target: Target, sources: readonly Source[], values: Values, range: Range): Asked {
  const source = findSource(sources, target.source ?? panel.source, values)
  if (!source) throw new Error('no data source of the panel is provisioned')
  if (source.type !== 'loki' && source.type !== 'prometheus')
    throw new Error(`panels of data sources of type ${source.type} are not shown; use its page`)
  const scrapeMs = parse(source.jsonData?.timeInterval ?? '') ?? SCRAPE_MS
  const leastMs = parse(panel.interval) ?? (source.type === 'prometheus' ? scrapeMs : 1000)
  const stepMs = stepFor(range, POINTS, leastMs)
  return { target, source, stepMs, expr: interpolate(target.expr, values, 'query', builtinsOf(range, stepMs, scrapeMs)) }
}

const fetchFrame = (asked: Asked, range: Range, signal?: AbortSignal): Promise<Frame> =>
  (asked.source.type === 'loki' ? fetchLogNumbers : fetchRange)(asked.source, asked.expr, range, asked.stepMs, signal)

async function fetchRows(asked: Asked, range: Range, signal?: AbortSignal): Promise<Row[]> {
  if (asked.source.type === 'prometheus') return fetchInstant(asked.source, asked.expr, range.toMs, signal)
  const frame = await fetchFrame(asked, range, signal)
  return frame.series.map((one) => ({ labels: one.labels, value: reduce(one.values, 'lastNotNull') }))
}

function nameSeriesOf(panel: Panel, target: Target, frame: Frame, values: Values): Frame {
  const legend = interpolate(target.legend, values, 'text')
  const alone = frame.series.length === 1 && !Object.keys(frame.series[0]!.labels).length
  const series = frame.series.map((one): Series => {
    const name = writeLegend(legend, one.labels, alone ? panel.title || one.name : one.name)
    return { ...one, name: lookOf(panel, name).displayName ?? name }
  })
  return { ...frame, series }
}

/** Frames of targets that have different steps meet on all of their times. */
function joinFrames(frames: Frame[]): Frame {
  const first = frames[0]
  if (!first) return { times: [], series: [] }
  if (frames.every((one) => one.times.length === first.times.length && one.times[0] === first.times[0]))
    return { times: first.times, series: frames.flatMap((one) => one.series) }
  const times = [...new Set(frames.flatMap((one) => one.times))].sort((a, b) => a - b)
  const place = new Map(times.map((time, index) => [time, index]))
  const series = frames.flatMap((frame) =>
    frame.series.map((one) => {
      const values = new Array<number | null>(times.length).fill(null)
      frame.times.forEach((time, index) => (values[place.get(time)!] = one.values[index]!))
      return { ...one, values }
    }),
  )
  return { times, series }
}
