/** A chart over time; the drawing code loads when the first chart is shown. */
import type { JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { useTheme } from '../state/theme'
import type { Drawing, PlotSpec } from './drawing'

export type { PlotSeries, PlotSpec, Point } from './drawing'

export function Plot(props: PlotSpec & { label: string; height: number }): JSX.Element {
  const box = useRef<HTMLDivElement>(null)
  const drawing = useRef<Drawing | null>(null)
  const latest = useRef(props)
  latest.current = props
  const theme = useTheme()
  const [width, setWidth] = useState(0)
  useLayoutEffect(() => {
    const watch = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)))
    watch.observe(box.current!)
    return () => watch.disconnect()
  }, [])
  useEffect(() => {
    if (!width) return
    let gone = false
    void import('./drawing').then(({ draw }) => {
      if (!gone && box.current) drawing.current = draw(box.current, latest.current, width, props.height)
    })
    return () => {
      gone = true
      drawing.current?.destroy()
      drawing.current = null
    }
  }, [props.series, props.times, props.points, props.tz, props.threshold, props.stacked, width, props.height, theme])
  return <div ref={box} class="plot" role="img" aria-label={props.label} style={{ height: `${props.height}px` }} />
}
