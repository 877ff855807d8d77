import { describe, expect, test } from 'vitest'
import { decodeStreams, fieldsOf, mergeLines, parseLine, summarize, traceIdOf, type LogLine } from '../src/model/loglines'

const TRACE = '57ebe66f8ba854d9d4d42aa6d1aedd86'
const JSON_LINE = `{"time":"t","level":"info","message":"request","trace_id":"${TRACE}","http.route":"/health","duration_ms":0.5,"extra":{"a":1,"b":null}}`

const one = (line: string, labels = {}, metadata = {}): LogLine =>
  decodeStreams([{ stream: labels, values: [['1', line, { structuredMetadata: metadata }]] }])[0]!

describe('streams', () => {
  test('newest first over streams, by every digit', () => {
    const lines = decodeStreams([
      {
        stream: { level: 'info' },
        values: [
          ['1795396729217298001', 'b'],
          ['1795396724191705000', 'd'],
        ],
      },
      {
        stream: { level: 'ERR' },
        values: [
          ['1795396729217298002', 'a'],
          ['1795396729217298000', 'c'],
        ],
      },
    ])
    expect(lines.map((line) => line.line)).toEqual(['a', 'b', 'c', 'd'])
    expect(lines[0]!.ns).toBe('1795396729217298002')
    expect(lines.map((line) => line.level)).toEqual(['error', 'info', 'error', 'info'])
  })
  test('equal lines of one time keep keys of their own', () => {
    const lines = decodeStreams([
      {
        stream: { a: 'b' },
        values: [
          ['1', 'x'],
          ['1', 'x'],
        ],
      },
    ])
    expect(new Set(lines.map((line) => line.key)).size).toBe(2)
  })
  test('the key does not depend on what else was answered', () => {
    const alone = decodeStreams([{ stream: { a: 'b' }, values: [['5', 'x']] }])[0]!.key
    const among = decodeStreams([
      {
        stream: { a: 'b' },
        values: [
          ['6', 'y'],
          ['5', 'x'],
        ],
      },
    ]).find((line) => line.line === 'x')!.key
    expect(among).toBe(alone)
  })
  test('level from attached fields', () => expect(one('x', {}, { detected_level: 'warning' }).level).toBe('warn'))
})

describe('fields', () => {
  test('JSON, nested with _', () => {
    const { parser, parts } = parseLine(JSON_LINE)
    expect(parser).toBe('json')
    expect(Object.fromEntries(parts)).toMatchObject({ 'http.route': '/health', duration_ms: '0.5', extra_a: '1' })
  })
  test('logfmt with quotes', () =>
    expect(parseLine('level=info msg="a \\"b\\"" n=1').parts).toEqual([
      ['level', 'info'],
      ['msg', 'a "b"'],
      ['n', '1'],
    ]))
  test('plain text and broken JSON have none', () => {
    expect(parseLine('ready to accept connections').parser).toBeNull()
    expect(parseLine('{"a": ').parser).toBeNull()
  })
  test('labels win over what the line says', () => {
    const fields = fieldsOf(one(JSON_LINE, { level: 'error', service: 'auth' }, { pod: 'p' }))
    expect(fields.filter((field) => field.name === 'level')).toEqual([{ name: 'level', value: 'error', origin: 'label' }])
    expect(fields.find((field) => field.name === 'pod')!.origin).toBe('metadata')
    expect(fields.find((field) => field.name === 'duration_ms')!.origin).toBe('json')
  })
  test('a row shows the message and what says more', () => {
    const { message, rest } = summarize(one(JSON_LINE))
    expect(message).toBe('request')
    expect(rest.map(([name]) => name)).toEqual(['http.route', 'duration_ms', 'extra_a'])
    expect(summarize(one('plain')).message).toBe('plain')
    const request = summarize(
      one(
        '{"message":"request","http.request.method":"GET","http.route":"/a/{id}","url.path":"/a/1","http.response.status_code":503,"duration_ms":2}',
      ),
    )
    expect(request).toEqual({ message: 'request GET /a/1 503', rest: [['duration_ms', '2']] })
  })
})

describe('the trace of a line', () => {
  test('by its field', () => expect(traceIdOf(one(JSON_LINE))).toBe(TRACE))
  test('by the data source’s pattern', () => expect(traceIdOf(one(`trace ${TRACE} ended`), [/trace ([0-9a-f]{32})/])).toBe(TRACE))
  test('by an attached field', () => expect(traceIdOf(one('x', {}, { trace_id: TRACE }))).toBe(TRACE))
  test('none', () => expect(traceIdOf(one('{"trace_id":"-"}'))).toBeNull())
})

test('live lines merge without doubles, bounded', () => {
  const old = decodeStreams([
    {
      stream: {},
      values: [
        ['1', 'a'],
        ['2', 'b'],
      ],
    },
  ])
  const fresh = decodeStreams([
    {
      stream: {},
      values: [
        ['2', 'b'],
        ['3', 'c'],
      ],
    },
  ])
  expect(mergeLines(fresh, old, 10).map((line) => line.line)).toEqual(['c', 'b', 'a'])
  expect(mergeLines(fresh, old, 2).map((line) => line.line)).toEqual(['c', 'b'])
})
