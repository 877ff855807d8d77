/** One dashboard from Grafana's JSON. */
import type { JSX } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { fetchDashboard, resolveVariables } from '../api/dashboards'
import type { Dashboard, Section } from '../model/dashboard'
import { DEFAULT_FROM, DEFAULT_TO } from '../model/timerange'
import type { Values } from '../model/variables'
import { Loaded } from '../parts/notices'
import { PanelCard } from '../parts/panel'
import { VariableBar } from '../parts/variablebar'
import { useRange } from '../state/clock'
import { patch, usePlace } from '../state/place'
import { useQuery } from '../state/query'
import { useSources } from '../state/session'

export default function DashboardPage({ argument }: { argument: string }): JSX.Element {
  const dashboard = useQuery(argument, (signal) => fetchDashboard(argument, signal))
  return (
    <Loaded query={dashboard} what="the dashboard">
      {(data) => <DashboardView dashboard={data} />}
    </Loaded>
  )
}

function DashboardView({ dashboard }: { dashboard: Dashboard }): JSX.Element {
  const { params } = usePlace()
  const sources = useSources()
  const range = useRange()
  useShippedTime(dashboard)
  const names = dashboard.variables.map((one) => one.name)
  const chosen = names.map((name) => params.getAll(`var-${name}`).join()).join(';')
  const values = useQuery(`${dashboard.uid} ${chosen} ${range.asOf}`, (signal) =>
    resolveVariables(dashboard.variables, (name) => params.getAll(`var-${name}`), sources, range, signal),
  )
  return (
    <>
      <h1>{dashboard.title}</h1>
      <Loaded query={values} what="variables">
        {(data) => (
          <>
            <VariableBar values={data} />
            {dashboard.sections.map((section) => (
              <SectionView key={section.id} section={section} values={data} />
            ))}
          </>
        )}
      </Loaded>
    </>
  )
}

/** The range and refresh that the dashboard ships with hold until the user chooses. */
function useShippedTime(dashboard: Dashboard): void {
  const { params } = usePlace()
  useEffect(() => {
    const shipped = dashboard.from !== DEFAULT_FROM || dashboard.to !== DEFAULT_TO
    patch(
      {
        ...(shipped && !params.has('from') && !params.has('to') ? { from: dashboard.from, to: dashboard.to } : {}),
        ...(dashboard.refresh && !params.has('refresh') ? { refresh: dashboard.refresh } : {}),
      },
      true,
    )
  }, [dashboard.uid])
}

function SectionView({ section, values }: { section: Section; values: Values }): JSX.Element {
  const [open, setOpen] = useState(!section.collapsed)
  const panels = useMemo(() => [...section.panels].sort((a, b) => a.y - b.y || a.x - b.x), [section])
  return (
    <>
      {section.title && (
        <button class="quiet section" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? '▾' : '▸'} {section.title}
        </button>
      )}
      {open && (
        <div class="grid">
          {panels.map((one) => (
            <PanelCard key={one.id} panel={one} values={values} row={one.y + 1} />
          ))}
        </div>
      )}
    </>
  )
}
