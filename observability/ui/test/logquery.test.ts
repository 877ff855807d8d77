import { describe, expect, test } from 'vitest'
import {
  filterState,
  findSelector,
  isMetricQuery,
  quote,
  readMatchers,
  selectorOf,
  toggleField,
  toggleLabel,
  traceQuery,
  volumeQuery,
} from '../src/model/logquery'

describe('selectors', () => {
  test('braces in strings do not count', () => {
    const query = '{a="}", b=`{`} |= "{x}"'
    expect(selectorOf(query)).toBe('{a="}", b=`{`}')
    expect(findSelector('rate({a="b"}[5m])')).toEqual([5, 12])
    expect(findSelector('no selector')).toBeNull()
  })
  test('matchers with escapes', () =>
    expect(readMatchers('{a="x\\"y\\\\", b!~`\\d+`}')).toEqual([
      { name: 'a', op: '=', value: 'x"y\\' },
      { name: 'b', op: '!~', value: '\\d+' },
    ]))
  test.each([
    ['{a="b"} |= "x"', false],
    [' \n{a="b"}', false],
    ['# why\n{a="b"}', false],
    ['rate({a="b"}[5m])', true],
    ['', false],
  ])('%j is a metric query: %j', (query, is) => expect(isMetricQuery(query)).toBe(is))
})

describe('filters in place', () => {
  test('+ adds to the selector and leaves the rest as it is', () =>
    expect(toggleLabel('{service=~".+"} |= "}" | json', 'service', 'auth', false)).toBe(
      '{service=~".+", service="auth"} |= "}" | json',
    ))
  test('the same filter again takes it off', () => {
    const query = '{cluster="business", service="auth"}'
    expect(toggleLabel(query, 'service', 'auth', false)).toBe('{cluster="business"}')
  })
  test('− turns + around', () =>
    expect(toggleLabel('{a="1", service="auth"}', 'service', 'auth', true)).toBe('{a="1", service!="auth"}'))
  test('the last matcher stays, as a selector may not be empty', () =>
    expect(toggleLabel('{service="auth"}', 'service', 'auth', false)).toBe('{service="auth"}'))
  test('within a metric query', () => expect(toggleLabel('rate({a="b"}[5m])', 'c', 'd', false)).toBe('rate({a="b", c="d"}[5m])'))
  test('a field of the line brings its parser once', () => {
    const first = toggleField('{a="b"}', 'http.route', '/x', false, 'json')
    expect(first).toBe('{a="b"} | json | http_route="/x"')
    expect(toggleField(first, 'status', '500', true, 'json')).toBe('{a="b"} | json | http_route="/x" | status!="500"')
    expect(toggleField(first, 'http.route', '/x', false, 'json')).toBe('{a="b"} | json')
    expect(toggleField(first, 'http.route', '/x', true, 'json')).toBe('{a="b"} | json | http_route!="/x"')
  })
  test('attached fields need no parser', () =>
    expect(toggleField('{a="b"}', 'pod', 'p-1', false, null)).toBe('{a="b"} | pod="p-1"'))
  test('state of a filter', () => {
    expect(filterState('{service="auth"}', 'service', 'auth', true)).toBe('=')
    expect(filterState('{a="b"} | json | x!="1"', 'x', '1', false)).toBe('!=')
    expect(filterState('{a="b"}', 'service', 'auth', true)).toBeNull()
  })
})

test('quoting', () => expect(quote('a"b\\c\nd')).toBe('"a\\"b\\\\c\\nd"'))
test('queries that pages make', () => {
  expect(traceQuery('abc')).toBe('{service=~".+"} |= "abc"')
  expect(volumeQuery('{a="b"} |= "x"', '10s')).toBe('sum by (level, detected_level) (count_over_time({a="b"} |= "x" [10s]))')
})
