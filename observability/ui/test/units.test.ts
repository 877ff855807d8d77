import { expect, test } from 'vitest'
import { parse, show, showAge, write } from '../src/model/duration'
import { formatValue } from '../src/model/units'

test.each([
  [1234, 'short', undefined, '1.23 k'],
  [0.0123, 's', undefined, '12.3 ms'],
  [90, 's', undefined, '1.5 m'],
  [0, 's', undefined, '0 s'],
  [2048, 'bytes', undefined, '2 KiB'],
  [0.256, 'percentunit', 1, '25.6%'],
  [12, 'reqps', undefined, '12 req/s'],
  [1500, 'reqps', undefined, '1.5 k req/s'],
  [3, 'none', 2, '3.00'],
  [1, 'bool_yes_no', undefined, 'Yes'],
  [-2500, 'short', undefined, '-2.5 k'],
])('%d as %s', (value, unit, decimals, text) => expect(formatValue(value, unit, decimals)).toBe(text))

test('durations there and back', () => {
  expect([parse('1h30m'), parse('250ms'), parse('x'), parse('')]).toEqual([5_400_000, 250, null, null])
  expect([write(60_000), write(90_000), write(1500)]).toEqual(['1m', '90s', '1500ms'])
  expect([show(12), show(12_345), show(1_234_567), show(61e6)]).toEqual(['12 µs', '12.3 ms', '1.23 s', '1 m 1 s'])
  expect([showAge(5000), showAge(7_500_000), showAge(200_000_000)]).toEqual(['5 s', '2 h 5 m', '2 d'])
})
