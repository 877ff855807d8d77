/** Grafana's dashboard JSON → panels. */
import { decodeVariable, type VariableSpec } from './variables'

export interface SourceRef {
  type: string
  uid: string
}

export interface Target {
  refId: string
  expr: string
  legend: string
  instant: boolean
  source: SourceRef | null
}

export interface Threshold {
  value: number
  color: string
}

export interface FieldLook {
  unit?: string
  decimals?: number
  min?: number
  max?: number
  displayName?: string
  color?: string
}

export interface Override {
  match: (name: string) => boolean
  look: FieldLook
}

export interface Panel {
  id: number
  type: string
  title: string
  description: string
  x: number
  y: number
  width: number
  height: number
  source: SourceRef | null
  targets: Target[]
  /** The narrowest step, as a duration; "" where the source's holds. */
  interval: string
  look: FieldLook
  thresholds: Threshold[]
  mappings: Mapping[]
  overrides: Override[]
  custom: { bars: boolean; fill: number; width: number; stacked: boolean }
  reducer: string
  transformations: Transformation[]
  content: string
  contentMode: string
}

export interface Transformation {
  id: string
  options: Record<string, unknown>
}

export interface Mapping {
  matches: (value: number | null) => boolean
  text: string
  color?: string
}

export interface Section {
  id: number
  title: string
  collapsed: boolean
  panels: Panel[]
}

export interface Dashboard {
  uid: string
  title: string
  from: string
  to: string
  refresh: string
  sections: Section[]
  variables: VariableSpec[]
}

type Wire = Record<string, unknown>
const record = (value: unknown): Wire => (value && typeof value === 'object' && !Array.isArray(value) ? (value as Wire) : {})
const records = (value: unknown): Wire[] => (Array.isArray(value) ? value.map(record) : [])
const text = (value: unknown, fallback = ''): string => (typeof value === 'string' ? value : fallback)
const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)

/** Old types under the names of those that took their place. */
const SUCCESSORS: Record<string, string> = {
  graph: 'timeseries',
  singlestat: 'stat',
  'table-old': 'table',
  grafana_piechart_panel: 'piechart',
  'grafana-piechart-panel': 'piechart',
}

/** The types of panels that are shown; others show their query. */
export const SHOWN: ReadonlySet<string> = new Set([
  'timeseries',
  'stat',
  'gauge',
  'bargauge',
  'piechart',
  'table',
  'logs',
  'text',
])

export function decodeDashboard(wire: Wire): Dashboard {
  const time = record(wire.time)
  return {
    uid: text(wire.uid),
    title: text(wire.title, 'Dashboard'),
    from: text(time.from, 'now-1h'),
    to: text(time.to, 'now'),
    refresh: text(wire.refresh),
    sections: decodeSections(records(wire.panels), records(wire.rows)),
    variables: records(record(wire.templating).list)
      .filter((one) => one.type !== 'adhoc')
      .map(decodeVariable),
  }
}

/** Panels under the row that they stand below; before the first row under one without a title. */
function decodeSections(panels: Wire[], oldRows: Wire[]): Section[] {
  if (!panels.length && oldRows.length) return oldRows.map(decodeOldRow)
  const sections: Section[] = [{ id: -1, title: '', collapsed: false, panels: [] }]
  const y = (one: Wire): number => number(record(one.gridPos).y) ?? 0
  for (const one of [...panels].sort((a, b) => y(a) - y(b))) {
    if (one.type !== 'row') sections[sections.length - 1]!.panels.push(decodePanel(one))
    else
      sections.push({
        id: number(one.id) ?? sections.length,
        title: text(one.title),
        collapsed: Boolean(one.collapsed),
        panels: records(one.panels).map(decodePanel),
      })
  }
  return sections.filter((one) => one.title || one.panels.length).map(fromTop)
}

/** Before schema 16 rows held panels side by side, of widths that add up to 12. */
function decodeOldRow(row: Wire, index: number): Section {
  let x = 0
  let y = 0
  const panels = records(row.panels).map((one) => {
    const width = Math.min(24, (number(one.span) ?? 12) * 2)
    if (x + width > 24) [x, y] = [0, y + 8]
    const panel = decodePanel({ ...one, gridPos: { x, y, w: width, h: 8 } })
    x += width
    return panel
  })
  return { id: index, title: row.showTitle === false ? '' : text(row.title), collapsed: Boolean(row.collapse), panels }
}

function fromTop(section: Section): Section {
  const top = Math.min(...section.panels.map((one) => one.y))
  return { ...section, panels: section.panels.map((one) => ({ ...one, y: one.y - top })) }
}

function decodePanel(wire: Wire): Panel {
  const grid = record(wire.gridPos)
  const type = text(wire.type)
  const field = record(wire.fieldConfig)
  const defaults = record(field.defaults)
  const options = record(wire.options)
  return {
    id: number(wire.id) ?? 0,
    type: SUCCESSORS[type] ?? type,
    title: text(wire.title),
    description: text(wire.description),
    x: number(grid.x) ?? 0,
    y: number(grid.y) ?? 0,
    width: number(grid.w) ?? 12,
    height: number(grid.h) ?? 8,
    source: decodeSource(wire.datasource),
    targets: records(wire.targets)
      .filter((one) => !one.hide && (text(one.expr) || text(one.query)))
      .map(decodeTarget),
    interval: text(wire.interval).replace(/^>/, ''),
    look: decodeLook(wire, defaults),
    thresholds: decodeThresholds(defaults),
    mappings: records(defaults.mappings).flatMap(decodeMapping),
    overrides: records(field.overrides).map(decodeOverride),
    custom: decodeCustom(wire, record(defaults.custom)),
    reducer: text((record(options.reduceOptions).calcs as unknown[] | undefined)?.[0], 'lastNotNull'),
    transformations: records(wire.transformations).map((one) => ({ id: text(one.id), options: record(one.options) })),
    content: text(options.content, text(wire.content)),
    contentMode: text(options.mode, text(wire.mode, 'markdown')),
  }
}

function decodeTarget(wire: Wire): Target {
  return {
    refId: text(wire.refId, 'A'),
    expr: text(wire.expr) || text(wire.query),
    legend: text(wire.legendFormat),
    instant: (Boolean(wire.instant) && !wire.range) || wire.queryType === 'instant',
    source: decodeSource(wire.datasource),
  }
}

function decodeSource(value: unknown): SourceRef | null {
  if (typeof value === 'string') return { type: '', uid: value }
  const { type, uid } = record(value)
  return type || uid ? { type: text(type), uid: text(uid) } : null
}

function decodeLook(wire: Wire, defaults: Wire): FieldLook {
  const oldAxis = record((wire.yaxes as unknown[] | undefined)?.[0])
  return {
    unit: text(defaults.unit) || text(oldAxis.format) || text(wire.format) || undefined,
    decimals: number(defaults.decimals),
    min: number(defaults.min),
    max: number(defaults.max),
    displayName: text(defaults.displayName) || undefined,
    color: record(defaults.color).mode === 'fixed' ? text(record(defaults.color).fixedColor) : undefined,
  }
}

function decodeThresholds(defaults: Wire): Threshold[] {
  return records(record(defaults.thresholds).steps).map((one) => ({
    value: number(one.value) ?? -Infinity,
    color: text(one.color),
  }))
}

function decodeMapping(wire: Wire): Mapping[] {
  const options = record(wire.options)
  const result = record(options.result)
  const shown = { text: text(result.text), color: text(result.color) || undefined }
  if (wire.type === 'value') {
    return Object.entries(options).map(([key, one]) => ({
      matches: (value) => String(value) === key,
      text: text(record(one).text),
      color: text(record(one).color) || undefined,
    }))
  }
  if (wire.type === 'range')
    return [
      {
        matches: (value) =>
          value !== null && value >= (number(options.from) ?? -Infinity) && value <= (number(options.to) ?? Infinity),
        ...shown,
      },
    ]
  if (wire.type === 'special') return [{ matches: (value) => value === null && text(options.match).includes('null'), ...shown }]
  return []
}

function decodeOverride(wire: Wire): Override {
  const matcher = record(wire.matcher)
  const wanted = matcher.options
  const properties = new Map(records(wire.properties).map((one) => [text(one.id), one.value]))
  return {
    match: matcher.id === 'byName' ? (name) => name === wanted : matcher.id === 'byRegexp' ? toTest(text(wanted)) : () => false,
    look: {
      unit: text(properties.get('unit')) || undefined,
      decimals: number(properties.get('decimals')),
      displayName: text(properties.get('displayName')) || undefined,
      color: text(record(properties.get('color')).fixedColor) || undefined,
    },
  }
}

function toTest(pattern: string): (name: string) => boolean {
  const parts = /^\/(.*)\/([a-z]*)$/s.exec(pattern)
  try {
    const regex = new RegExp(parts ? parts[1]! : pattern, (parts?.[2] ?? '').replace('g', ''))
    return (name) => regex.test(name)
  } catch {
    return () => false
  }
}

function decodeCustom(wire: Wire, custom: Wire): Panel['custom'] {
  const stacking = text(record(custom.stacking).mode)
  return {
    bars: custom.drawStyle === 'bars' || wire.bars === true,
    fill: (number(custom.fillOpacity) ?? (number(wire.fill) ?? 0) * 10) / 100,
    width: number(custom.lineWidth) ?? number(wire.linewidth) ?? 1.5,
    stacked: stacking === 'normal' || stacking === 'percent' || wire.stack === true,
  }
}

/** A series' look: the panel's, then what its overrides say. */
export function lookOf(panel: Panel, name: string): FieldLook {
  let look = panel.look
  for (const one of panel.overrides) {
    if (one.match(name))
      look = { ...look, ...Object.fromEntries(Object.entries(one.look).filter(([, value]) => value !== undefined)) }
  }
  return look
}

/** The colour of the highest threshold that a value reaches. */
export function thresholdColor(thresholds: readonly Threshold[], value: number | null): string | undefined {
  if (value === null) return undefined
  return thresholds.filter((one) => value >= one.value).pop()?.color
}

/** Names of Grafana's colours → our variables, which have enough contrast in both themes. */
export function colorVariable(name: string | undefined): string | undefined {
  if (!name || name === 'text' || name === 'transparent') return undefined
  if (name.startsWith('#') || name.startsWith('rgb')) return name
  const found = /(green|red|orange|yellow|blue|purple)/.exec(name)?.[1]
  const known: Record<string, string> = {
    green: '--level-info',
    red: '--level-error',
    orange: '--level-warn',
    yellow: '--level-warn',
    blue: '--accent',
    purple: '--level-critical',
  }
  return found ? known[found] : undefined
}

export const cssColor = (color: string | undefined): string | undefined => (color?.startsWith('--') ? `var(${color})` : color)
