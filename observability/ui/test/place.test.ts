import { describe, expect, test } from 'vitest'
import { linkTo, patchParams, readPath } from '../src/model/place'

describe('the address as state', () => {
  test('a patch sets, removes and repeats', () => {
    const params = new URLSearchParams('q=a&sel=1&var-x=1')
    expect(patchParams(params, { q: 'b', sel: null, 'var-x': ['2', '3'] }).toString()).toBe('q=b&var-x=2&var-x=3')
    expect(params.get('q')).toBe('a')
  })
  test('an empty value leaves nothing behind', () =>
    expect(patchParams(new URLSearchParams('q=a'), { q: '' }).toString()).toBe(''))
  test('another page keeps the time range and nothing else', () => {
    const params = new URLSearchParams('from=now-6h&to=now&tz=utc&q=x&sel=1')
    expect(linkTo('/trace/abc', params)).toBe('/trace/abc?from=now-6h&to=now&tz=utc')
    expect(linkTo('/explore/logs', params, { q: '{a="b"}', from: '5' })).toBe(
      '/explore/logs?to=now&tz=utc&q=%7Ba%3D%22b%22%7D&from=5',
    )
  })
  test.each([
    ['/', ['incident', '']],
    ['/explore/logs', ['explore/logs', '']],
    ['/trace/abc', ['trace', 'abc']],
    ['/d/a%2Fb', ['d', 'a/b']],
  ])('%s is page %j', (path, page) => expect(readPath(path)).toEqual(page))
})
