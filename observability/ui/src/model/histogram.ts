/** Counts by level over time, stacked from the worst level up. */
import { decodeMatrix, type Frame, type MatrixItem } from './frames'
import { LEVELS, readLevel, type Level } from './levels'
import { align, stepFor, type Range } from './timerange'

export const BARS = 90

export interface Buckets extends Range {
  stepMs: number
}

/** The buckets of a range: their ends are what is asked for, as a count looks back over its step. */
export function bucketsOf(range: Range, bars = BARS): Buckets {
  const stepMs = stepFor(range, bars)
  const { fromMs, toMs } = align(range, stepMs)
  return { fromMs: fromMs + stepMs, toMs, stepMs }
}

export interface Volume {
  /** Seconds, the start of each bucket. */
  times: number[]
  levels: { level: Level; counts: number[]; total: number }[]
}

export function decodeVolume(items: readonly MatrixItem[], buckets: Buckets): Volume {
  const frame: Frame = decodeMatrix(items, buckets.fromMs / 1000, buckets.toMs / 1000, buckets.stepMs / 1000)
  const counts = new Map<Level, number[]>()
  for (const { labels, values } of frame.series) {
    const level = readLevel(labels.level ?? labels.detected_level)
    const sum = counts.get(level) ?? new Array<number>(frame.times.length).fill(0)
    values.forEach((value, index) => (sum[index]! += value ?? 0))
    counts.set(level, sum)
  }
  const levels = LEVELS.flatMap((level) => {
    const found = counts.get(level)
    return found ? [{ level, counts: found, total: found.reduce((a, b) => a + b, 0) }] : []
  })
  return { times: frame.times.map((time) => time - buckets.stepMs / 1000), levels }
}
