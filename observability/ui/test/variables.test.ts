import { describe, expect, test } from 'vitest'
import {
  ALL,
  builtinsOf,
  chooseValue,
  decodeVariable,
  filterOptions,
  interpolate,
  readCustom,
  readVariableQuery,
  type Values,
  type Variable,
} from '../src/model/variables'

const variable = (name: string, options: string[], value: string[], more: object = {}): [string, Variable] => [
  name,
  { spec: { ...decodeVariable({ name }), ...more }, options, value },
]
const values = (...all: [string, Variable][]): Values => new Map(all)

describe('queries of variables', () => {
  test.each([
    ['label_values(up{a=~"$x"}, service)', { kind: 'values', label: 'service', match: 'up{a=~"$x"}' }],
    ['label_values(service)', { kind: 'values', label: 'service', match: '' }],
    ['label_values(sum(rate(a[5m])) by (b, c), d)', { kind: 'values', label: 'd', match: 'sum(rate(a[5m])) by (b, c)' }],
    ['label_names()', { kind: 'names' }],
    ['metrics(^node_)', { kind: 'metrics', pattern: '^node_' }],
    ['query_result(topk(5, a))', { kind: 'result', expr: 'topk(5, a)' }],
  ])('%s', (text, query) => expect(readVariableQuery(text)).toEqual(query))
  test('of log stores', () =>
    expect(decodeVariable({ name: 'x', query: { label: 'level', stream: '{a="b"}' } }).query).toBe(
      'label_values({a="b"}, level)',
    ))
  test('custom', () => expect(readCustom('a, b , Two : 2')).toEqual(['a', 'b', '2']))
  test('regex, once each, sorted', () =>
    expect(filterOptions(['x="b"', 'x="a"', 'x="b"', 'y'], '/x="(.*)"/', 1)).toEqual(['a', 'b']))
})

describe('what holds', () => {
  const spec = { ...decodeVariable({ name: 'x', current: { value: ['b'] } }), includeAll: true, multi: true }
  test('the URL before the shipped one', () => expect(chooseValue(spec, ['a', 'b'], ['a'])).toEqual(['a']))
  test('what is gone does not hold', () => expect(chooseValue(spec, ['b'], ['a'])).toEqual(['b']))
  test('else all, else the first', () => {
    expect(chooseValue(spec, ['c'], [])).toEqual([ALL])
    expect(chooseValue({ ...spec, includeAll: false }, ['c', 'd'], [])).toEqual(['c'])
  })
})

describe('filling in', () => {
  const known = values(
    variable('one', ['a.b'], ['a.b']),
    variable('many', ['a.b', 'c'], ['a.b', 'c'], { multi: true }),
    variable('all', ['a', 'b'], [ALL], { includeAll: true, multi: true, allValue: '.*' }),
  )
  test.each([
    ['x="$one"', 'x="a.b"'],
    ['x=~"$many"', 'x=~"(a\\\\.b|c)"'],
    ['x=~"$all"', 'x=~".*"'],
    ['${many:pipe} [[one]] ${many:csv}', 'a.b|c a.b a.b,c'],
    ['in (${many:singlequote})', "in ('a.b','c')"],
    ['${many:regex}', '(a\\.b|c)'],
    ['$unknown ${__other}', '$unknown ${__other}'],
    ['rate(x[$__rate_interval])', 'rate(x[1m])'],
  ])('%s', (text, filled) => expect(interpolate(text, known, 'query', { __rate_interval: '1m' })).toBe(filled))
  test('titles show the values', () => expect(interpolate('of $many', known, 'text')).toBe('of a.b + c'))
})

test('intervals', () => {
  const range = { fromMs: 0, toMs: 3_600_000 }
  expect(builtinsOf(range, 15_000, 15_000)).toMatchObject({
    __interval: '15s',
    __rate_interval: '1m',
    __range: '3600s',
    __range_s: '3600',
    __interval_ms: '15000',
  })
  expect(builtinsOf(range, 300_000, 15_000).__rate_interval).toBe('315s')
})
