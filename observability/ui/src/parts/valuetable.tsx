import type { JSX } from 'preact'
import { labelColumns, type Exemplar, type Row } from '../model/frames'
import { formatTime } from '../model/timerange'
import { formatValue } from '../model/units'
import { useZone } from '../state/clock'
import { Link } from './link'

/** One row a series, a column a label, the value last. */
export function ValueTable(props: { rows: readonly Row[]; caption: string; unit?: string; decimals?: number }): JSX.Element {
  const columns = labelColumns(props.rows)
  return (
    <table class="data">
      <caption class="hint">{props.caption}</caption>
      <thead>
        <tr>
          {columns.map((one) => (
            <th key={one} scope="col">
              {one === '__name__' ? 'metric' : one}
            </th>
          ))}
          <th scope="col" class="number">
            value
          </th>
        </tr>
      </thead>
      <tbody>
        {props.rows.map((row, index) => (
          <tr key={index}>
            {columns.map((one) => (
              <td key={one}>{row.labels[one] ?? ''}</td>
            ))}
            <td class="number">
              {row.value === null ? '' : props.unit ? formatValue(row.value, props.unit, props.decimals) : String(row.value)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** The way to the traces for those who use no mouse. */
export function ExemplarTable({ exemplars }: { exemplars: readonly Exemplar[] }): JSX.Element {
  const tz = useZone()
  const slowest = [...exemplars].sort((a, b) => b.value - a.value).slice(0, 20)
  return (
    <details>
      <summary>The greatest exemplars</summary>
      <table class="data">
        <thead>
          <tr>
            <th scope="col">time</th>
            <th scope="col">trace</th>
            <th scope="col">series</th>
            <th scope="col" class="number">
              value
            </th>
          </tr>
        </thead>
        <tbody>
          {slowest.map((one, index) => (
            <tr key={index}>
              <td class="nowrap">{formatTime(one.timeS * 1000, tz, 'second')}</td>
              <td>
                <Link to={`/trace/${one.traceId}`}>{one.traceId}</Link>
              </td>
              <td>
                {Object.entries(one.series)
                  .filter(([name]) => !['__name__', 'le'].includes(name))
                  .map(([name, value]) => `${name}=${value}`)
                  .join(' ')}
              </td>
              <td class="number">{Number(one.value.toPrecision(6))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  )
}
