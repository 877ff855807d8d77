import { describe, expect, test } from 'vitest'
import {
  decodeAlert,
  errorQuery,
  exprOfUrl,
  isLoud,
  makeSilence,
  ruleOf,
  servicesOf,
  uniqueAlerts,
  writeMatcher,
  type Rule,
  type WireAlert,
} from '../src/model/alerts'
import { splitComparison } from '../src/model/expression'

const wire = (
  fingerprint: string,
  severity: string,
  startsAt: string,
  state: WireAlert['status']['state'] = 'active',
): WireAlert => ({
  fingerprint,
  startsAt,
  labels: { alertname: 'Down', severity, service: 'auth' },
  status: { state, silencedBy: state === 'suppressed' ? ['s'] : [] },
})

describe('alerts', () => {
  const alerts = [
    'a warning 2026-01-01T00:00:00Z',
    'b critical 2026-01-02T00:00:00Z',
    'c critical 2026-01-01T00:00:00Z',
    'd odd 2025-01-01T00:00:00Z',
  ].map((text) => decodeAlert(wire(...(text.split(' ') as [string, string, string]))))
  test('each once, the worst first, then the oldest', () => {
    const groups = [
      { labels: {}, receiver: 'x', alerts },
      { labels: {}, receiver: 'y', alerts: alerts.slice(0, 2) },
    ]
    expect(uniqueAlerts(groups).map((one) => one.id)).toEqual(['c', 'b', 'a', 'd'])
  })
  test('silenced ones are not loud', () =>
    expect(isLoud(decodeAlert(wire('a', 'critical', '2026-01-01T00:00:00Z', 'suppressed')))).toBe(false))
  test('their services and the lines that may explain them', () => {
    expect(servicesOf(alerts)).toEqual(['auth'])
    expect(errorQuery(['auth', 'a.b'])).toBe('{service=~"auth|a\\\\.b", level=~"warn|warning|error|critical|fatal"}')
    expect(errorQuery([])).toContain('service=~".+"')
  })
  test('the rule of an alert, by the labels that the rule sets', () => {
    const rule = (severity: string): Rule => ({
      name: 'Down',
      group: '',
      expr: severity,
      source: '',
      state: '',
      health: '',
      error: '',
      forS: 0,
      labels: { severity },
    })
    expect(ruleOf(alerts[0]!, [rule('critical'), rule('warning')])!.expr).toBe('warning')
    expect(ruleOf(alerts[0]!, [])).toBeUndefined()
  })
  test('the expression of a generator’s address', () => {
    expect(exprOfUrl('http://x:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1')).toBe('up == 0')
    expect(exprOfUrl('')).toBeNull()
  })
})

test('a silence holds exactly the labels', () =>
  expect(makeSilence({ a: 'b' }, 0, 3_600_000, 'me', 'why')).toEqual({
    matchers: [{ name: 'a', value: 'b', isRegex: false, isEqual: true }],
    startsAt: '1970-01-01T00:00:00.000Z',
    endsAt: '1970-01-01T01:00:00.000Z',
    createdBy: 'me',
    comment: 'why',
  }))
test('matchers as text', () => expect(writeMatcher({ name: 'a', value: 'x|y', isRegex: true, isEqual: false })).toBe('a!~"x|y"'))

describe('what an expression compares', () => {
  test.each([
    ['up == 0', 'up', 0],
    ['rate(x[5m]) > 0.5', 'rate(x[5m])', 0.5],
    ['sum by (a) (rate(x{b=~"c>1"}[5m]))\n  > bool -1e3', 'sum by (a) (rate(x{b=~"c>1"}[5m]))', -1000],
    ['sum(rate({a="b"} |= "> 5" [5m])) >= 10', 'sum(rate({a="b"} |= "> 5" [5m]))', 10],
    ['a / b < 0.1', 'a / b', 0.1],
  ])('%s', (expr, left, threshold) => expect(splitComparison(expr)).toMatchObject({ expr: left, threshold }))
  test.each(['absent(up)', 'a > b', '(a > 1)', 'a > 1 and b > 2', 'count(up == 0)'])('%s stays whole', (expr) =>
    expect(splitComparison(expr)).toEqual({ expr, threshold: null, op: null }),
  )
})
