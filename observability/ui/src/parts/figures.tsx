/** Single values: stat, gauge and bars, in plain SVG and HTML. */
import type { JSX } from 'preact'
import { colorVariable, cssColor, lookOf, thresholdColor, type Panel } from '../model/dashboard'
import { reduce, type Frame, type Series } from '../model/frames'
import { formatValue } from '../model/units'

interface Props {
  panel: Panel
  frame: Frame
}

const SHOWN = 24

function show(panel: Panel, series: Series): { value: number | null; text: string; color: string | undefined } {
  const value = reduce(series.values, panel.reducer)
  const mapping = panel.mappings.find((one) => one.matches(value))
  const look = lookOf(panel, series.name)
  const color = colorVariable(look.color ?? mapping?.color ?? thresholdColor(panel.thresholds, value))
  return {
    value,
    text: mapping?.text || (value === null ? 'No data' : formatValue(value, look.unit, look.decimals)),
    color: cssColor(color),
  }
}

export function Stat({ panel, frame }: Props): JSX.Element {
  const many = frame.series.length > 1
  return (
    <div class="stats" tabIndex={0} role="group" aria-label={panel.title || panel.type}>
      {frame.series.slice(0, SHOWN).map((one, index) => {
        const { text, color } = show(panel, one)
        return (
          <div key={index} class="stat">
            <strong style={{ color }}>{text}</strong>
            {many && <span class="hint">{one.name}</span>}
            <Spark values={one.values} color={color ?? 'var(--accent)'} />
          </div>
        )
      })}
    </div>
  )
}

const SPARK_WIDTH = 100
const SPARK_HEIGHT = 24

function Spark({ values, color }: { values: readonly (number | null)[]; color: string }): JSX.Element | null {
  const known = values.filter((one): one is number => one !== null)
  if (known.length < 2) return null
  const low = Math.min(...known)
  const high = Math.max(...known)
  const points = values.flatMap((one, index) =>
    one === null
      ? []
      : [
          `${(index / (values.length - 1)) * SPARK_WIDTH},${SPARK_HEIGHT - 1 - ((one - low) / (high - low || 1)) * (SPARK_HEIGHT - 2)}`,
        ],
  )
  return (
    <svg class="spark" viewBox={`0 0 ${SPARK_WIDTH} ${SPARK_HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <polyline points={points.join(' ')} fill="none" style={{ stroke: color }} vector-effect="non-scaling-stroke" />
    </svg>
  )
}

/** A part of [min, max], 0 to 1; without limits 0 to 100, or to 1 where the unit is a share. */
function partOf(panel: Panel, value: number | null): number {
  const low = panel.look.min ?? 0
  const high = panel.look.max ?? (panel.look.unit === 'percentunit' ? 1 : 100)
  return value === null ? 0 : Math.max(0, Math.min(1, (value - low) / (high - low || 1)))
}

const RADIUS = 40

export function Gauge({ panel, frame }: Props): JSX.Element {
  const arc = (part: number): string => {
    const angle = Math.PI * (1 - part)
    return `M ${50 - RADIUS} 50 A ${RADIUS} ${RADIUS} 0 0 1 ${50 + RADIUS * Math.cos(angle)} ${50 - RADIUS * Math.sin(angle)}`
  }
  return (
    <div class="stats" tabIndex={0} role="group" aria-label={panel.title || panel.type}>
      {frame.series.slice(0, SHOWN).map((one, index) => {
        const { value, text, color } = show(panel, one)
        return (
          <div key={index} class="gauge">
            <svg viewBox="0 0 100 56" role="img" aria-label={`${one.name}: ${text}`}>
              <path d={arc(1)} class="track" />
              <path d={arc(partOf(panel, value))} class="level-arc" style={{ stroke: color ?? 'var(--accent)' }} />
              <text x="50" y="50" text-anchor="middle">
                {text}
              </text>
            </svg>
            {frame.series.length > 1 && <span class="hint">{one.name}</span>}
          </div>
        )
      })}
    </div>
  )
}

export function Bars({ panel, frame }: Props): JSX.Element {
  const shown = frame.series
    .map((one) => ({ name: one.name, ...show(panel, one) }))
    .sort((a, b) => (b.value ?? 0) - (a.value ?? 0))
  const most = panel.look.max ?? Math.max(...shown.map((one) => one.value ?? 0), 0)
  return (
    <div class="bars">
      {shown.slice(0, SHOWN * 2).map((one, index) => (
        <div key={index}>
          <span>{one.name}</span>
          <b>{one.text}</b>
          <span
            class="bar"
            style={{
              width: `${most > 0 ? Math.max(0, ((one.value ?? 0) / most) * 100) : 0}%`,
              background: one.color ?? 'var(--accent)',
            }}
          />
        </div>
      ))}
    </div>
  )
}
