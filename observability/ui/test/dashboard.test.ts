import { existsSync, readdirSync, readFileSync } from 'node:fs'
import process from 'node:process'
import { describe, expect, test } from 'vitest'
import { colorVariable, decodeDashboard, lookOf, SHOWN, thresholdColor } from '../src/model/dashboard'
import { makeTable } from '../src/model/table'
import { readVariableQuery } from '../src/model/variables'

const panel = (id: number, type: string, y: number, more: object = {}): object => ({
  id,
  type,
  title: `p${id}`,
  gridPos: { x: 0, y, w: 12, h: 8 },
  ...more,
})

describe('rows', () => {
  const { sections } = decodeDashboard({
    title: 'T',
    panels: [
      panel(3, 'stat', 9),
      panel(1, 'timeseries', 0),
      { id: 2, type: 'row', title: 'R', gridPos: { y: 8 } },
      { id: 4, type: 'row', title: 'S', collapsed: true, gridPos: { y: 17 }, panels: [panel(5, 'logs', 18)] },
    ],
  })
  test('hold the panels below them, from their own top', () =>
    expect(sections.map((one) => [one.title, one.collapsed, one.panels.map((each) => [each.id, each.y])])).toEqual([
      ['', false, [[1, 0]]],
      ['R', false, [[3, 0]]],
      ['S', true, [[5, 0]]],
    ]))
  test('of old dashboards', () => {
    const old = decodeDashboard({
      rows: [
        {
          title: 'R',
          panels: [
            { id: 1, type: 'graph', span: 6, targets: [{ expr: 'up' }] },
            { id: 2, type: 'singlestat', span: 6 },
            { id: 3, type: 'text', span: 12 },
          ],
        },
      ],
    })
    expect(old.sections[0]!.panels.map((one) => [one.type, one.x, one.y, one.width])).toEqual([
      ['timeseries', 0, 0, 12],
      ['stat', 12, 0, 12],
      ['text', 0, 8, 24],
    ])
  })
})

test('looks: overrides by name and by pattern, thresholds', () => {
  const decoded = decodeDashboard({
    panels: [
      panel(1, 'timeseries', 0, {
        fieldConfig: {
          defaults: {
            unit: 's',
            thresholds: {
              steps: [
                { color: 'green', value: null },
                { color: 'red', value: 1 },
              ],
            },
          },
          overrides: [
            {
              matcher: { id: 'byName', options: 'a' },
              properties: [
                { id: 'unit', value: 'bytes' },
                { id: 'displayName', value: 'A' },
              ],
            },
            {
              matcher: { id: 'byRegexp', options: '/^b/' },
              properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: 'dark-orange' } }],
            },
          ],
        },
      }),
    ],
  }).sections[0]!.panels[0]!
  expect(lookOf(decoded, 'a')).toMatchObject({ unit: 'bytes', displayName: 'A' })
  expect(lookOf(decoded, 'bc')).toMatchObject({ unit: 's', color: 'dark-orange' })
  expect([0, 1, null].map((value) => thresholdColor(decoded.thresholds, value))).toEqual(['green', 'red', undefined])
  expect([colorVariable('semi-dark-green'), colorVariable('#123456'), colorVariable('text')]).toEqual([
    '--level-info',
    '#123456',
    undefined,
  ])
})

test('hidden targets and those without an expression are not asked', () =>
  expect(
    decodeDashboard({
      panels: [panel(1, 'stat', 0, { targets: [{ expr: 'a', hide: true }, { expr: '' }, { refId: 'C', expr: 'c' }] })],
    }).sections[0]!.panels[0]!.targets.map((one) => one.refId),
  ).toEqual(['C']))

test('tables join targets by labels, then name, order and leave out columns', () => {
  const results = [
    {
      refId: 'A',
      rows: [
        { labels: { s: 'x' }, value: 1 },
        { labels: { s: 'y' }, value: 2 },
      ],
    },
    { refId: 'B', rows: [{ labels: { s: 'y' }, value: 3 }] },
  ]
  expect(makeTable(results, [])).toEqual({
    columns: ['s', 'Value #A', 'Value #B'],
    rows: [
      ['x', 1, null],
      ['y', 2, 3],
    ],
  })
  const organize = {
    id: 'organize',
    options: { excludeByName: { 'Value #A': true }, indexByName: { 'Value #B': 0, s: 1 }, renameByName: { s: 'Service' } },
  }
  expect(makeTable(results, [organize])).toEqual({
    columns: ['Value #B', 'Service'],
    rows: [
      [null, 'x'],
      [3, 'y'],
    ],
  })
})

test('the shipped dashboards: every panel has a place, a known type and a query', () => {
  const folder = new URL('../../../config/dashboards/', import.meta.url).pathname
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
  expect(files.length).toBeGreaterThan(0)
  for (const file of files) {
    const { sections } = decodeDashboard(JSON.parse(readFileSync(folder + file, 'utf8')) as Record<string, unknown>)
    for (const one of sections.flatMap((section) => section.panels)) {
      expect([...SHOWN]).toContain(one.type)
      expect(one.type === 'text' || one.targets.length > 0).toBe(true)
      expect(one.x + one.width).toBeLessThanOrEqual(24)
    }
  }
})

const vectors = process.env.OPSCONDUCTOR_CONFORMANCE && `${process.env.OPSCONDUCTOR_CONFORMANCE}/dashboards/`

test.skipIf(!vectors || !existsSync(vectors))(
  'public dashboards decode, and their panels are nearly all of a type that is shown',
  () => {
    const files = readdirSync(vectors!).filter((name) => name.endsWith('.json'))
    const panels = files.flatMap((file) => {
      const wire = JSON.parse(readFileSync(vectors! + file, 'utf8')) as Record<string, unknown>
      const { sections, variables } = decodeDashboard((wire.dashboard ?? wire) as Record<string, unknown>)
      for (const one of variables) expect(readVariableQuery(one.query)).toHaveProperty('kind')
      return sections.flatMap((section) => section.panels)
    })
    expect(panels.length).toBeGreaterThan(500)
    expect(panels.filter((one) => SHOWN.has(one.type)).length / panels.length).toBeGreaterThan(0.9)
    for (const one of panels) expect(Number.isFinite(one.x + one.y + one.width + one.height)).toBe(true)
  },
)
