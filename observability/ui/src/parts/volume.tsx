/** The histogram of lines by level. */
import type { JSX } from 'preact'
import type { Volume } from '../model/histogram'
import { useZone } from '../state/clock'
import { Plot } from './plot'

export function VolumeChart(props: { volume: Volume; onZoom: (fromS: number, toS: number) => void }): JSX.Element {
  const tz = useZone()
  const { volume } = props
  const text = volume.levels.map((one) => `${one.level} ${one.total}`).join(', ')
  return (
    <figure class="card volume">
      <Plot
        label={`Lines by level over time: ${text || 'none'}`}
        height={96}
        times={volume.times}
        tz={tz}
        stacked
        series={volume.levels.map((one) => ({ name: one.level, values: one.counts, color: `--level-${one.level}`, bars: true }))}
        onZoom={props.onZoom}
      />
      <figcaption class="chips">
        {volume.levels.map((one) => (
          <span key={one.level} class={`level level-${one.level}`}>
            {one.level} {one.total.toLocaleString('en')}
          </span>
        ))}
      </figcaption>
    </figure>
  )
}
