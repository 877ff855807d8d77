/** Charts over time, drawn by uPlot. */
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { formatTime } from '../model/timerange'
import { seriesColor } from './palette'

export interface PlotSeries {
  name: string
  values: readonly (number | null)[]
  /** A CSS variable's name; by the series' number where there is none. */
  color?: string
  bars?: boolean
  fill?: number
  width?: number
  hidden?: boolean
  points?: boolean
}

export interface Point {
  timeS: number
  value: number
  id: string
}

export interface PlotSpec {
  times: readonly number[]
  series: readonly PlotSeries[]
  tz: string
  stacked?: boolean
  threshold?: number
  points?: readonly Point[]
  format?: (value: number) => string
  min?: number
  max?: number
  onZoom?: (fromS: number, toS: number) => void
  onPoint?: (id: string) => void
}

export interface Drawing {
  destroy: () => void
}

const POINT_PX = 5
const TOOLTIP_ROWS = 10

const css = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
const colorOf = (series: PlotSeries, index: number): string =>
  (series.color?.startsWith('--') ? css(series.color) : series.color) || seriesColor(index)

/** Sums from the bottom up; what is drawn first is the tallest. */
function stack(series: readonly PlotSeries[]): (number | null)[][] {
  const sums: (number | null)[][] = []
  let below: number[] = []
  for (const one of series) {
    const base = below
    below = one.values.map((value, index) => (base[index] ?? 0) + (one.hidden ? 0 : (value ?? 0)))
    sums.push(below)
  }
  return sums
}

export function draw(box: HTMLElement, spec: PlotSpec, width: number, height: number): Drawing {
  const format = spec.format ?? ((value: number) => String(Number(value.toPrecision(6))))
  const values = spec.stacked ? stack(spec.series) : spec.series.map((one) => [...one.values])
  // A stack is drawn from its top, so that each lower sum covers what is not the upper one's own.
  const order = spec.series.map((_one, index) => (spec.stacked ? spec.series.length - 1 - index : index))
  const bars = uPlot.paths.bars!({ size: [0.86, 60], align: 1 })
  const axis = {
    stroke: css('--fg2'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: css('--line'), width: 1 },
    ticks: { stroke: css('--line'), width: 1 },
  }
  const tooltip = makeTooltip(box, spec, format)
  const plot = new uPlot(
    {
      width,
      height,
      legend: { show: false },
      padding: [8, 8, 0, 0],
      cursor: {
        drag: { x: Boolean(spec.onZoom), y: false, setScale: false },
        focus: { prox: 16 },
        points: { show: !spec.stacked, size: 6 },
      },
      focus: { alpha: spec.stacked ? 1 : 0.3 },
      scales: { x: roomFor(spec), y: { range: (_plot, low, high) => limits(spec, low, high) } },
      axes: [
        { ...axis, space: 70, size: 24, values: (_plot, ticks) => nameTicks(ticks, spec.tz) },
        {
          ...axis,
          size: (_plot, labels) => Math.max(40, 22 + 6.8 * Math.max(0, ...(labels ?? []).map((one) => one.length))),
          space: 26,
          values: (_plot, ticks) => ticks.map(format),
        },
      ],
      series: [
        {},
        ...order.map((index) => {
          const one = spec.series[index]!
          const color = colorOf(one, index)
          const shape = one.bars
            ? { paths: bars, fill: color, width: 0 }
            : { width: one.width ?? 1.5, fill: one.fill ? `${color}${alpha(one.fill)}` : undefined }
          return {
            label: one.name,
            stroke: color,
            show: !one.hidden,
            spanGaps: false,
            points: { show: one.points ?? false },
            ...shape,
          }
        }),
      ],
      hooks: {
        setCursor: [(self) => tooltip.show(self)],
        setSelect: [
          (self) => {
            if (self.select.width > 4)
              spec.onZoom?.(self.posToVal(self.select.left, 'x'), self.posToVal(self.select.left + self.select.width, 'x'))
          },
        ],
        draw: [(self) => drawExtras(self, spec)],
        ready: [(self) => watchPoints(self, spec)],
      },
    },
    [spec.times, ...order.map((index) => values[index])] as uPlot.AlignedData,
    box,
  )
  return {
    destroy: () => {
      plot.destroy()
      tooltip.element.remove()
    },
  }
}

/** A bar stands to the right of its time, so the last one, the newest, needs its width beyond it. */
function roomFor({ series, times }: PlotSpec): uPlot.Scale {
  if (times.length < 2 || !series.some((one) => one.bars)) return {}
  return { range: [times[0]!, times.at(-1)! + times[1]! - times[0]!] }
}

const alpha = (fill: number): string =>
  Math.round(Math.min(1, fill) * 255)
    .toString(16)
    .padStart(2, '0')

function limits(spec: PlotSpec, low: number, high: number): [number, number] {
  let bottom = Math.min(low ?? 0, spec.threshold ?? Infinity)
  let top = Math.max(high ?? 1, spec.threshold ?? -Infinity)
  if (!Number.isFinite(bottom)) bottom = 0
  if (!Number.isFinite(top)) top = 1
  // From zero, unless that would flatten what there is to see; a flat line has nothing to see.
  if (bottom > 0 && (bottom < top / 2 || top - bottom < top / 20)) bottom = 0
  if (top === bottom) top = bottom + (Math.abs(bottom) || 1)
  return [spec.min ?? (bottom < 0 ? bottom - (top - bottom) * 0.05 : bottom), spec.max ?? top + (top - bottom) * 0.05]
}

function nameTicks(ticks: number[], tz: string): string[] {
  const step = (ticks[1] ?? 0) - (ticks[0] ?? 0)
  const style = step >= 43_200 ? 'day' : step < 60 ? 'clock' : 'minute'
  return ticks.map((time) =>
    style === 'day' ? formatTime(time * 1000, tz, 'day').slice(0, 5) : formatTime(time * 1000, tz, style),
  )
}

/** The threshold, and the points; one above the chart stands at its upper edge, so that it does not flatten the rest. */
function drawExtras(plot: uPlot, spec: PlotSpec): void {
  const { ctx, bbox } = plot
  ctx.save()
  if (spec.threshold !== undefined) {
    const y = plot.valToPos(spec.threshold, 'y', true)
    ctx.strokeStyle = css('--err')
    ctx.setLineDash([6, 4])
    ctx.beginPath()
    ctx.moveTo(bbox.left, y)
    ctx.lineTo(bbox.left + bbox.width, y)
    ctx.stroke()
  }
  ctx.fillStyle = css('--accent')
  const size = POINT_PX * devicePixelRatio
  for (const point of spec.points ?? []) {
    const x = plot.valToPos(point.timeS, 'x', true)
    const y = Math.max(bbox.top + size, plot.valToPos(point.value, 'y', true))
    ctx.beginPath()
    ctx.moveTo(x, y - size)
    ctx.lineTo(x + size, y)
    ctx.lineTo(x, y + size)
    ctx.lineTo(x - size, y)
    ctx.fill()
  }
  ctx.restore()
}

function nearest(plot: uPlot, spec: PlotSpec, left: number, top: number): Point | null {
  let best: Point | null = null
  let distance = 10
  for (const point of spec.points ?? []) {
    const y = Math.max(POINT_PX, plot.valToPos(point.value, 'y'))
    const away = Math.hypot(plot.valToPos(point.timeS, 'x') - left, y - top)
    if (away < distance) [best, distance] = [point, away]
  }
  return best
}

function watchPoints(plot: uPlot, spec: PlotSpec): void {
  if (!spec.points?.length) return
  plot.over.addEventListener('click', (event) => {
    const point = nearest(plot, spec, event.offsetX, event.offsetY)
    if (point) spec.onPoint?.(point.id)
  })
  plot.over.addEventListener('mousemove', (event) => {
    plot.over.style.cursor = nearest(plot, spec, event.offsetX, event.offsetY) ? 'pointer' : ''
  })
}

function makeTooltip(
  box: HTMLElement,
  spec: PlotSpec,
  format: (value: number) => string,
): { element: HTMLElement; show: (plot: uPlot) => void } {
  const element = document.createElement('div')
  element.className = 'tooltip'
  element.hidden = true
  box.append(element)
  const show = (plot: uPlot): void => {
    const { left = -1, top = 0, idx } = plot.cursor
    const time = idx === null || idx === undefined ? undefined : spec.times[idx]
    element.hidden = left < 0 || time === undefined
    if (element.hidden || idx === null || idx === undefined) return
    const rows = spec.series
      .map((one, index) => ({ name: one.name, color: colorOf(one, index), value: one.hidden ? null : (one.values[idx] ?? null) }))
      .filter((one) => one.value !== null && (!spec.stacked || one.value !== 0))
    if (!spec.stacked) rows.sort((a, b) => b.value! - a.value!)
    const point = nearest(plot, spec, left, top)
    element.replaceChildren(
      line('time', formatTime(time! * 1000, spec.tz, 'second')),
      ...rows.slice(0, TOOLTIP_ROWS).map((one) => line('', `${one.name}  ${format(one.value!)}`, one.color)),
      ...(rows.length > TOOLTIP_ROWS ? [line('time', `and ${rows.length - TOOLTIP_ROWS} more`)] : []),
      ...(point ? [line('time', `exemplar ${format(point.value)}: click to open its trace`)] : []),
    )
    const right = left > plot.over.clientWidth / 2
    element.style.left = right ? '' : `${plot.over.offsetLeft + left + 12}px`
    element.style.right = right ? `${box.clientWidth - plot.over.offsetLeft - left + 12}px` : ''
    element.style.top = '4px'
  }
  return { element, show }
}

function line(className: string, text: string, color?: string): HTMLElement {
  const row = document.createElement('div')
  row.className = className
  if (color) {
    const mark = document.createElement('i')
    mark.style.background = color
    row.append(mark)
  }
  row.append(text)
  return row
}
