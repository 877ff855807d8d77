import { expect, test } from 'vitest'
import { add, compare, fromMs, toMs } from '../src/model/nanoseconds'

test('the last digit survives', () => {
  const ns = '1795396729217298001'
  expect(add(ns, 1n)).toBe('1795396729217298002')
  expect(compare(ns, '1795396729217298002')).toBeLessThan(0)
  expect(compare(ns, ns)).toBe(0)
  expect(compare('999', '1000')).toBeLessThan(0)
})
test('milliseconds there and back', () => {
  expect(fromMs(1795396729217)).toBe('1795396729217000000')
  expect(toMs('1795396729217298000')).toBeCloseTo(1795396729217.298, 3)
})
