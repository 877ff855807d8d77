import { describe, expect, test } from 'vitest'
import { align, formatTime, readTime, resolve, stepFor } from '../src/model/timerange'

const NOW = Date.parse('2026-01-02T03:04:05.678Z')

describe('times of a range', () => {
  test.each([
    ['now', NOW],
    ['now-1h', NOW - 3_600_000],
    ['now-1h30m', NOW - 5_400_000],
    ['now+5s', NOW + 5000],
    ['1767323045678', 1767323045678],
    ['2026-01-01T00:00:00Z', Date.parse('2026-01-01T00:00:00Z')],
    ['soon', null],
    ['now-5x', null],
  ])('%s', (text, ms) => expect(readTime(text, NOW)).toBe(ms))
  test('without a URL it is the last hour', () =>
    expect(resolve(null, null, NOW)).toEqual({ fromMs: NOW - 3_600_000, toMs: NOW }))
  test('what cannot be read is the last hour', () => expect(resolve('soon', 'now', NOW).fromMs).toBe(NOW - 3_600_000))
  test('a range is never empty nor backwards', () => {
    const { fromMs, toMs } = resolve('now', 'now-1h', NOW)
    expect(fromMs).toBeLessThan(toMs)
  })
})

describe('steps', () => {
  test.each([
    [3_600_000, 90, 60_000],
    [900_000, 90, 10_000],
    [86_400_000, 90, 1_800_000],
    [1000, 90, 1000],
  ])('%i ms in %i points', (length, points, step) => expect(stepFor({ fromMs: 0, toMs: length }, points)).toBe(step))
  test('never below the least', () => expect(stepFor({ fromMs: 0, toMs: 60_000 }, 300, 15_000)).toBe(15_000))
  test('aligned ends cover the range and stay when it moves within a step', () => {
    expect(align({ fromMs: 61_234, toMs: 119_999 }, 60_000)).toEqual({ fromMs: 60_000, toMs: 120_000 })
    expect(align({ fromMs: 62_000, toMs: 119_000 }, 60_000)).toEqual({ fromMs: 60_000, toMs: 120_000 })
  })
})

describe('formatting', () => {
  test('in the zone, on a 24-hour clock', () => {
    expect(formatTime(NOW, 'utc', 'milli')).toBe('2026-01-02 03:04:05.678')
    expect(formatTime(NOW, 'Asia/Tokyo', 'minute')).toBe('12:04')
    expect(formatTime(NOW + 12 * 3_600_000, 'utc', 'minute')).toBe('15:04')
  })
  test('an unknown zone does not break the page', () => expect(formatTime(NOW, 'Nowhere/City', 'second')).toMatch(/^2026-01-0\d/))
})
