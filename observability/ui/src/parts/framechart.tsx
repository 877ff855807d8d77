/** A chart of a frame with its legend; a click on a name shows that series alone. */
import type { JSX } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { cssColor } from '../model/dashboard'
import { lastValue, type Exemplar, type Frame } from '../model/frames'
import { formatValue } from '../model/units'
import { linkTo } from '../model/place'
import { useZone } from '../state/clock'
import { go, patch, usePlace } from '../state/place'
import { seriesColor } from './palette'
import { Plot } from './plot'

export interface ChartLook {
  unit?: string
  decimals?: number
  bars?: boolean
  stacked?: boolean
  fill?: number
  width?: number
  min?: number
  max?: number
  threshold?: number
  colors?: (name: string) => string | undefined
}

const LEGEND_ROWS = 40

export function FrameChart(props: {
  frame: Frame
  label: string
  height: number
  look?: ChartLook
  exemplars?: readonly Exemplar[]
  legend?: boolean
}): JSX.Element {
  const { frame, look = {} } = props
  const tz = useZone()
  const { params } = usePlace()
  const [only, setOnly] = useState<string | null>(null)
  const known = only !== null && frame.series.some((one) => one.name === only)
  const series = useMemo(
    () =>
      frame.series.map((one, index) => ({
        name: one.name,
        values: one.values,
        color: look.colors?.(one.name) ?? seriesColor(index),
        bars: look.bars,
        fill: look.fill,
        width: look.width,
        hidden: known && one.name !== only,
      })),
    [frame, only, look.bars, look.fill],
  )
  const points = useMemo(
    () => props.exemplars?.map((one) => ({ timeS: one.timeS, value: one.value, id: one.traceId })),
    [props.exemplars],
  )
  const format = (value: number): string => formatValue(value, look.unit, look.decimals)
  return (
    <figure class="chart">
      <Plot
        label={`${props.label}: ${frame.series.length} series`}
        height={props.height}
        times={frame.times}
        series={series}
        points={points}
        tz={tz}
        format={format}
        stacked={look.stacked}
        threshold={look.threshold}
        min={look.min}
        max={look.max}
        onZoom={(fromS, toS) => patch({ from: String(Math.floor(fromS * 1000)), to: String(Math.ceil(toS * 1000)) })}
        onPoint={(id) => go(linkTo(`/trace/${id}`, params))}
      />
      {props.legend !== false && (
        <figcaption class="legend">
          {series.slice(0, LEGEND_ROWS).map((one, index) => (
            <button
              key={`${index} ${one.name}`}
              class="quiet"
              aria-pressed={known && one.name === only}
              onClick={() => setOnly(only === one.name ? null : one.name)}
            >
              <i style={{ background: cssColor(one.color) }} />
              {one.name} <b>{showLast(one.values, format)}</b>
            </button>
          ))}
          {series.length > LEGEND_ROWS && <span class="hint">and {series.length - LEGEND_ROWS} more</span>}
        </figcaption>
      )}
    </figure>
  )
}

function showLast(values: readonly (number | null)[], format: (value: number) => string): string {
  const last = lastValue(values)
  return last === null ? '' : format(last)
}
