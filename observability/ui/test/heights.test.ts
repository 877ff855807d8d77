import { expect, test } from 'vitest'
import { Heights } from '../src/model/heights'

test('offsets and rows agree with plain sums', () => {
  const own = [20, 20, 300, 20, 75, 20, 20]
  const heights = new Heights(own.length, 20)
  own.forEach((height, index) => heights.set(index, height))
  const offset = (index: number): number => own.slice(0, index).reduce((a, b) => a + b, 0)
  for (let index = 0; index <= own.length; index++) expect(heights.offset(index)).toBe(offset(index))
  for (let pixel = 0; pixel < offset(own.length); pixel += 5) {
    const row = own.findIndex((_height, index) => pixel < offset(index + 1))
    expect(heights.at(pixel)).toBe(row)
  }
})
test('beyond the ends', () => {
  const heights = new Heights(3, 10)
  expect([heights.at(-5), heights.at(1000), new Heights(0, 10).offset(0)]).toEqual([0, 2, 0])
})
