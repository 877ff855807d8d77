import { describe, expect, test } from 'vitest'
import { decodeStreams } from '../src/model/loglines'
import { decodeTrace, layOut, readTagSearch, rootOf, spanMatches, unfolded, type WireTrace } from '../src/model/trace'
import { interleave } from '../src/model/waterfall'

type WireSpan = WireTrace['spans'][number]
const span = (
  spanID: string,
  parent: string | null,
  startTime: number,
  duration: number,
  tags: WireSpan['tags'] = [],
): WireSpan => ({
  spanID,
  operationName: `op ${spanID}`,
  startTime,
  duration,
  tags,
  processID: 'p1',
  references: parent ? [{ refType: 'CHILD_OF', spanID: parent, traceID: 't' }] : [],
})
const make = (...spans: WireSpan[]) => decodeTrace({ traceID: 't', spans, processes: { p1: { serviceName: 'auth' } } })

describe('the order of a waterfall', () => {
  const trace = make(
    span('c', 'a', 30, 5),
    span('b', 'a', 10, 10, [{ key: 'error', value: true }]),
    span('d', 'b', 12, 2),
    span('a', null, 0, 100),
  )
  test('parents first, siblings by start', () =>
    expect(trace.spans.map((one) => [one.id, one.depth, one.below])).toEqual([
      ['a', 0, 3],
      ['b', 1, 1],
      ['d', 2, 0],
      ['c', 1, 0],
    ]))
  test('the whole trace', () => {
    expect([trace.startUs, trace.durationUs, trace.errors]).toEqual([0, 100, 1])
    expect(trace.services).toEqual([{ name: 'auth', spans: 4 }])
    expect(rootOf(trace)!.id).toBe('a')
  })
  test('bars lie within the trace', () => expect(layOut(trace.spans[3]!, trace)).toEqual({ left: 30, width: 5 }))
  test('folding hides what is below', () => {
    expect(unfolded(trace.spans, new Set(['b'])).map((one) => one.id)).toEqual(['a', 'b', 'c'])
    expect(unfolded(trace.spans, new Set(['a', 'b'])).map((one) => one.id)).toEqual(['a'])
  })
  test('finding', () => {
    expect(spanMatches(trace.spans[1]!, 'ERROR')).toBe(true)
    expect(spanMatches(trace.spans[0]!, 'error')).toBe(false)
  })
})

describe('traces that are not whole', () => {
  test('a span whose parent is missing is a root', () =>
    expect(make(span('b', 'lost', 5, 1), span('a', null, 0, 2)).spans.map((one) => [one.id, one.depth])).toEqual([
      ['a', 0],
      ['b', 0],
    ]))
  test('a circle of parents shows each span once', () =>
    expect(
      make(span('a', 'b', 0, 1), span('b', 'a', 1, 1), span('c', 'c', 2, 1))
        .spans.map((one) => one.id)
        .sort(),
    ).toEqual(['a', 'b', 'c']))
  test('20,000 spans below each other', () => {
    const deep = make(
      ...Array.from({ length: 20_000 }, (_none, index) => span(String(index), index ? String(index - 1) : null, index, 1)),
    )
    expect(deep.spans[19_999]!.depth).toBe(19_999)
  })
  test('no spans', () => expect(make().durationUs).toBe(0))
})

test('tags of a search', () =>
  expect(readTagSearch('http.status=500 error=true db="a \\"b\\""')).toEqual({
    'http.status': '500',
    error: 'true',
    db: 'a "b"',
  }))

test('log lines stand below the span that wrote them', () => {
  const trace = make(span('a', null, 0, 10), span('b', 'a', 1, 2))
  const lines = decodeStreams([
    {
      stream: { service: 'auth' },
      values: [
        ['3', '{"message":"late","span_id":"a"}'],
        ['1', '{"message":"early","span_id":"a"}'],
        ['2', '{"message":"b","span_id":"b"}'],
        ['4', 'none'],
      ],
    },
  ])
  expect(interleave(trace.spans, lines).map((row) => (row.kind === 'span' ? row.span.id : `${row.text} ${row.depth}`))).toEqual([
    'a',
    'early 1',
    'late 1',
    'b',
    'b 2',
  ])
})
