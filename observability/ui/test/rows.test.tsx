// @vitest-environment happy-dom
import { render } from 'preact'
import { act } from 'preact/test-utils'
import { expect, test, vi } from 'vitest'
import { Rows } from '../src/parts/rows'

test('a grid of 100,000 rows renders those in sight, and keys move the selection', async () => {
  const rows = Array.from({ length: 100_000 }, (_none, index) => String(index))
  const select = vi.fn()
  const box = document.createElement('div')
  document.body.append(box)
  await act(() =>
    render(
      <Rows
        rows={rows}
        keyOf={(row) => row}
        rowHeight={20}
        label="Lines"
        columns={1}
        selected="1"
        onSelect={select}
        render={(row) => <span role="gridcell">{row}</span>}
      />,
      box,
    ),
  )
  const grid = box.querySelector<HTMLElement>('[role=grid]')!
  expect(grid.getAttribute('aria-rowcount')).toBe('100000')
  expect(grid.querySelectorAll('[role=row]').length).toBeLessThan(200)
  expect(grid.querySelector('[aria-selected=true]')!.textContent).toBe('1')
  for (const key of ['j', 'k', 'Home', 'End']) grid.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))
  expect(select.mock.calls.map(([key]) => key as string)).toEqual(['2', '0', '0', '99999'])
})
