/** The shell: who is logged in, where they are, and the page for it. */
import type { ComponentType, JSX } from 'preact'
import { useCallback, useEffect, useState } from 'preact/hooks'
import { whenSignedOut } from './api/http'
import { fetchUser, logOut } from './api/session'
import { fetchSources, type Source } from './api/sources'
import { linkTo, readPath } from './model/place'
import { Link } from './parts/link'
import { Failure } from './parts/notices'
import { TimePicker } from './parts/timepicker'
import { LoginPage } from './pages/login'
import { refresh, useAutoRefresh, useRange } from './state/clock'
import { go, usePlace } from './state/place'
import { useQuery } from './state/query'
import { Sources } from './state/session'
import { toggleTheme, useTheme } from './state/theme'

type Page = ComponentType<{ argument: string }>

const pages: Record<string, () => Promise<{ default: Page }>> = {
  'explore/logs': () => import('./pages/logs'),
  'explore/traces': () => import('./pages/traces'),
  trace: () => import('./pages/trace'),
  'explore/metrics': () => import('./pages/metrics'),
  alerts: () => import('./pages/alerts'),
  incident: () => import('./pages/incident'),
  dashboards: () => import('./pages/dashboards'),
  d: () => import('./pages/dashboard'),
}

const NAVIGATION: [string, string][] = [
  ['/incident', 'Incident'],
  ['/explore/logs', 'Logs'],
  ['/explore/metrics', 'Metrics'],
  ['/explore/traces', 'Traces'],
  ['/alerts', 'Alerts'],
  ['/dashboards', 'Dashboards'],
]

export function App(): JSX.Element {
  const [state, setState] = useState<{ sources?: Source[]; out?: boolean; error?: Error }>({})
  const start = useCallback(() => {
    fetchUser()
      .then(fetchSources)
      .then(
        (sources) => setState({ sources }),
        (error: Error) => setState((old) => (old.out ? old : { error })),
      )
  }, [])
  useEffect(() => {
    whenSignedOut(() => setState({ out: true }))
    start()
  }, [])
  if (state.out)
    return (
      <LoginPage
        onDone={() => {
          setState({})
          start()
        }}
      />
    )
  if (state.error)
    return (
      <main>
        <Failure error={state.error} what="the page" onRetry={start} />
      </main>
    )
  if (!state.sources) return <main aria-busy="true" />
  return (
    <Sources.Provider value={state.sources}>
      <Shell onLogOut={() => void logOut().then(() => setState({ out: true }))} />
    </Sources.Provider>
  )
}

function Shell(props: { onLogOut: () => void }): JSX.Element {
  const place = usePlace()
  const [name, argument] = readPath(place.path)
  const theme = useTheme()
  useAutoRefresh()
  useKeys()
  useEffect(() => {
    document.title = `${NAVIGATION.find(([path]) => path.slice(1) === name)?.[1] ?? (argument || 'OpsConductor')} · OpsConductor`
  }, [name, argument])
  return (
    <>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <header>
        <Link to="/incident" class="brand">
          OpsConductor
        </Link>
        <nav aria-label="Pages">
          {NAVIGATION.map(([path, title]) => (
            <Link
              key={path}
              to={path}
              current={
                path.slice(1) === name ||
                (path === '/explore/traces' && name === 'trace') ||
                (path === '/dashboards' && name === 'd')
              }
            >
              {title}
            </Link>
          ))}
        </nav>
        <span class="grow" />
        <TimePicker />
        <button
          onClick={toggleTheme}
          aria-label={theme === 'dark' ? 'Use light colours' : 'Use dark colours'}
          title="Light or dark"
        >
          {theme === 'dark' ? '☀' : '☾'}
        </button>
        <button onClick={props.onLogOut}>Log out</button>
      </header>
      <main id="main" class={`page page-${name.replace('/', '-')}`}>
        {name in pages ? <LazyPage key={name} name={name} argument={argument} /> : <NoPage />}
      </main>
    </>
  )
}

/** A page's code comes with its first visit. */
function LazyPage({ name, argument }: { name: string; argument: string }): JSX.Element {
  const page = useQuery(name, () => pages[name]!())
  const Page = page.data?.default
  if (page.error) return <Failure error={page.error} what="the page's code" onRetry={() => location.reload()} />
  return Page ? (
    <Page key={argument} argument={argument} />
  ) : (
    <div class="notice" role="status">
      Loading …
    </div>
  )
}

const NoPage = (): JSX.Element => (
  <div class="notice">
    <strong>There is no such page.</strong> <Link to="/incident">Go to the incident page</Link>
  </div>
)

/** Keys that work on every page outside of fields: / query, r refresh, y copy an absolute link, j and k rows, g and a letter a page. */
function useKeys(): void {
  const { fromMs, toMs } = useRange()
  useEffect(() => {
    let pending = false
    const press = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement
      if (event.metaKey || event.ctrlKey || event.altKey || target.closest('input, textarea, select, [contenteditable=true]'))
        return
      const page = pending ? NAVIGATION.find(([, title]) => title[0]!.toLowerCase() === event.key) : undefined
      pending = event.key === 'g'
      if (page) go(linkTo(page[0], new URLSearchParams(location.search)))
      else if (event.key === 'r') refresh()
      else if (event.key === '/') {
        event.preventDefault()
        document.querySelector<HTMLElement>('.cm-content, main input')?.focus()
      } else if ((event.key === 'j' || event.key === 'k') && !target.closest('.rows')) {
        const rows = document.querySelector<HTMLElement>('.rows')
        rows?.focus()
        rows?.dispatchEvent(new KeyboardEvent('keydown', { key: event.key }))
      } else if (event.key === 'y') void copyLink(fromMs, toMs)
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [fromMs, toMs])
}

/** A link that still means the same range tomorrow. */
async function copyLink(fromMs: number, toMs: number): Promise<void> {
  const link = new URL(location.href)
  link.searchParams.set('from', String(Math.round(fromMs)))
  link.searchParams.set('to', String(Math.round(toMs)))
  await navigator.clipboard.writeText(link.href)
}
