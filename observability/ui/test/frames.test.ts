import { describe, expect, test } from 'vitest'
import {
  decodeExemplars,
  decodeMatrix,
  decodeVector,
  labelColumns,
  lastValue,
  nameSeries,
  reduce,
  writeLegend,
} from '../src/model/frames'
import { bucketsOf, decodeVolume } from '../src/model/histogram'

describe('a range answer', () => {
  const frame = decodeMatrix(
    [
      {
        metric: { __name__: 'up', job: 'a' },
        values: [
          [100, '1'],
          [130, '3'],
        ],
      },
      {
        metric: {},
        values: [
          [115, 'NaN'],
          [130, '+Inf'],
        ],
      },
    ],
    100,
    145,
    15,
  )
  test('lies on the grid that was asked for', () => expect(frame.times).toEqual([100, 115, 130, 145]))
  test('a missed step is a gap, and so is what is no number', () => {
    expect(frame.series[0]!.values).toEqual([1, null, 3, null])
    expect(frame.series[1]!.values).toEqual([null, null, null, null])
  })
  test('names', () => {
    expect(frame.series[0]!.name).toBe('up{job="a"}')
    expect(nameSeries({})).toBe('{}')
    expect(writeLegend('{{ job }} of {{none}}', { job: 'a' }, 'x')).toBe('a of ')
    expect(writeLegend('__auto', {}, 'x')).toBe('x')
  })
  test('times with a fraction', () =>
    expect(decodeMatrix([{ metric: {}, values: [[0.3, '1']] }], 0, 0.3, 0.1).series[0]!.values).toEqual([null, null, null, 1]))
})

test('reducers', () => {
  const values = [null, 2, 4, null]
  expect(lastValue(values)).toBe(4)
  expect(['lastNotNull', 'max', 'min', 'mean', 'sum', 'count', 'first'].map((how) => reduce(values, how))).toEqual([
    4, 4, 2, 3, 6, 2, 2,
  ])
  expect(reduce([null], 'max')).toBeNull()
})

test('an instant answer', () => {
  const rows = decodeVector([
    { metric: { b: '1' }, value: [0, '2'] },
    { metric: { a: '1' }, value: [0, 'NaN'] },
  ])
  expect(rows[0]).toEqual({ labels: { b: '1' }, value: 2 })
  expect(labelColumns(rows)).toEqual(['a', 'b'])
})

test('exemplars lead to traces, others are left out', () =>
  expect(
    decodeExemplars([
      {
        seriesLabels: { a: 'b' },
        exemplars: [
          { labels: { trace_id: 'x' }, value: '0.5', timestamp: 12.5 },
          { labels: {}, value: '1', timestamp: 1 },
        ],
      },
    ]),
  ).toEqual([{ timeS: 12.5, value: 0.5, traceId: 'x', labels: { trace_id: 'x' }, series: { a: 'b' } }]))

describe('the histogram', () => {
  const range = { fromMs: 1_000_500, toMs: 1_089_900 }
  const buckets = bucketsOf(range, 90)
  test('its steps cover the range: a count at t looks back over (t − step, t]', () => {
    expect(buckets.stepMs).toBe(1000)
    expect(buckets.fromMs - buckets.stepMs).toBeLessThanOrEqual(range.fromMs)
    expect(buckets.toMs).toBeGreaterThanOrEqual(range.toMs)
    expect(buckets.fromMs % buckets.stepMs).toBe(0)
  })
  test('levels of one meaning are one, from the worst; a bar stands where its lines are', () => {
    const at = buckets.fromMs / 1000
    const volume = decodeVolume(
      [
        {
          metric: { level: 'info' },
          values: [
            [at, '2'],
            [at + 1, '1'],
          ],
        },
        { metric: { level: 'ERROR' }, values: [[at, '1']] },
        { metric: { detected_level: 'err' }, values: [[at, '4']] },
      ],
      buckets,
    )
    expect(volume.levels.map((one) => [one.level, one.total])).toEqual([
      ['error', 5],
      ['info', 3],
    ])
    expect(volume.levels[0]!.counts[0]).toBe(5)
    expect(volume.times[0]).toBe(at - 1)
  })
})
