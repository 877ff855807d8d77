/** One panel of a dashboard; it asks for its data when it comes into sight. */
import type { JSX } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { fetchPanel, findSource, type PanelData } from '../api/dashboards'
import { colorVariable, lookOf, SHOWN, type Panel } from '../model/dashboard'
import { interpolate, type Values } from '../model/variables'
import { useRange } from '../state/clock'
import { useQuery } from '../state/query'
import { useSources } from '../state/session'
import { Bars, Gauge, Stat } from './figures'
import { FrameChart } from './framechart'
import { Link } from './link'
import { LogList } from './loglist'
import { Markdown } from './markdown'
import { Loaded } from './notices'
import { PanelTable } from './paneltable'

const ROW_PX = 30
const GAP_PX = 8
const HEAD_PX = 34
const LEGEND_PX = 48

export function PanelCard(props: { panel: Panel; values: Values; row: number }): JSX.Element {
  const { panel, values } = props
  const box = useRef<HTMLElement>(null)
  const [seen, setSeen] = useState(false)
  useEffect(() => {
    const watch = new IntersectionObserver((entries) => entries.some((one) => one.isIntersecting) && setSeen(true), {
      rootMargin: '200px',
    })
    watch.observe(box.current!)
    return () => watch.disconnect()
  }, [])
  const title = interpolate(panel.title, values, 'text')
  const place = { gridColumn: `${panel.x + 1} / span ${panel.width}`, gridRow: `${props.row} / span ${panel.height}` }
  return (
    <section ref={box} class="card panel" style={place} aria-label={title || panel.type}>
      {title && <h2 title={panel.description}>{title}</h2>}
      {panel.type === 'text' ? (
        <Markdown text={interpolate(panel.content, values, 'text')} isHtml={panel.contentMode === 'html'} />
      ) : !SHOWN.has(panel.type) ? (
        <Unknown panel={panel} values={values} />
      ) : (
        seen && <Body panel={panel} values={values} title={title} />
      )}
    </section>
  )
}

function Body({ panel, values, title }: { panel: Panel; values: Values; title: string }): JSX.Element {
  const sources = useSources()
  const range = useRange()
  const chosen = [...values.values()].map((one) => one.value.join()).join(';')
  const data = useQuery(`${panel.id} ${chosen} ${range.fromMs} ${range.toMs}`, (signal) =>
    fetchPanel(panel, sources, values, range, signal),
  )
  return (
    <Loaded
      query={data}
      what={title || 'the panel'}
      empty={(one) =>
        isEmpty(one) && (
          <>
            No data. <code>{one.exprs.join('\n')}</code>
          </>
        )
      }
    >
      {(one) => <Shown panel={panel} data={one} title={title} />}
    </Loaded>
  )
}

const isEmpty = (data: PanelData): boolean =>
  data.kind === 'frame'
    ? !data.frame.series.length
    : data.kind === 'lines'
      ? !data.lines.length
      : data.results.every((one) => !one.rows.length)

function Shown({ panel, data, title }: { panel: Panel; data: PanelData; title: string }): JSX.Element | null {
  const look = useMemo(
    () => ({
      unit: panel.look.unit,
      decimals: panel.look.decimals,
      min: panel.look.min,
      max: panel.look.max,
      ...panel.custom,
      colors: (name: string) => colorVariable(lookOf(panel, name).color) ?? levelColor(name),
    }),
    [panel],
  )
  if (data.kind === 'lines') return <LogList lines={data.lines} source={data.source} label={title || 'Log lines'} />
  if (data.kind === 'rows') return <PanelTable panel={panel} results={data.results} caption={title} />
  const height = Math.max(60, panel.height * (ROW_PX + GAP_PX) - GAP_PX - HEAD_PX - LEGEND_PX - 16)
  if (panel.type === 'stat') return <Stat panel={panel} frame={data.frame} />
  if (panel.type === 'gauge') return <Gauge panel={panel} frame={data.frame} />
  if (panel.type === 'bargauge' || panel.type === 'piechart') return <Bars panel={panel} frame={data.frame} />
  return <FrameChart frame={data.frame} label={title} height={height} look={look} />
}

/** Series that are named by a log level have its colour. */
const levelColor = (name: string): string | undefined =>
  /^(critical|error|warn|info|debug)$/.test(name) ? `--level-${name}` : undefined

function Unknown({ panel, values }: { panel: Panel; values: Values }): JSX.Element {
  const source = findSource(useSources(), panel.source, values)
  const page = source?.type === 'loki' ? '/explore/logs' : source?.type === 'jaeger' ? '/explore/traces' : '/explore/metrics'
  return (
    <p class="hint">
      Panels of type {panel.type} are not shown.{' '}
      {panel.targets.map((one) => (
        <Link key={one.refId} to={page} with={{ q: interpolate(one.expr, values, 'query') }}>
          {one.expr}
        </Link>
      ))}
    </p>
  )
}
