/** Alerts in their groups, silences, and the rules behind them. */
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { expireSilence, fetchGroups, fetchSilences } from '../api/alerts'
import { fetchRules } from '../api/metrics'
import { hasRules, type Source } from '../api/sources'
import { isLoud, sortAlerts, writeMatcher, type AlertGroup, type Rule, type Silence } from '../model/alerts'
import { showAge } from '../model/duration'
import { formatTime } from '../model/timerange'
import { AlertRow } from '../parts/alertrow'
import { Link } from '../parts/link'
import { Empty, Failure, Loaded } from '../parts/notices'
import { refresh, useRange, useZone } from '../state/clock'
import { patch, usePlace } from '../state/place'
import { useQuery } from '../state/query'
import { useSource, useSources } from '../state/session'

const TABS: [string, string][] = [
  ['', 'Alerts'],
  ['silences', 'Silences'],
  ['rules', 'Rules'],
]

export default function AlertsPage(): JSX.Element {
  const source = useSource('alertmanager')
  const { params } = usePlace()
  const tab = params.get('tab') ?? ''
  if (!source) return <Empty>No data source of type alertmanager is provisioned.</Empty>
  return (
    <>
      <div class="chips">
        <h1>Alerts</h1>
        <div class="chips" role="group" aria-label="View">
          {TABS.map(([value, name]) => (
            <button key={value} aria-pressed={tab === value} onClick={() => patch({ tab: value })}>
              {name}
            </button>
          ))}
        </div>
      </div>
      {tab === 'silences' ? <Silences source={source} /> : tab === 'rules' ? <Rules /> : <Groups source={source} />}
    </>
  )
}

function Groups({ source }: { source: Source }): JSX.Element {
  const { params } = usePlace()
  const { asOf } = useRange()
  const all = params.get('suppressed') !== 'off'
  const groups = useQuery(`${source.uid} ${asOf}`, (signal) => fetchGroups(source, signal))
  return (
    <>
      <label>
        <input
          type="checkbox"
          checked={all}
          onChange={(event) => patch({ suppressed: event.currentTarget.checked ? null : 'off' }, true)}
        />{' '}
        Also silenced and inhibited ones
      </label>
      <Loaded query={groups} what="alerts" empty={(data) => !data.length && <strong>Nothing is firing.</strong>}>
        {(data) =>
          data.map((group) => (
            <Group
              key={`${group.receiver} ${JSON.stringify(group.labels)}`}
              group={group}
              source={source}
              all={all}
              nowMs={asOf}
            />
          ))
        }
      </Loaded>
    </>
  )
}

function Group(props: { group: AlertGroup; source: Source; all: boolean; nowMs: number }): JSX.Element | null {
  const alerts = sortAlerts(props.group.alerts).filter((one) => props.all || isLoud(one))
  if (!alerts.length) return null
  const labels = Object.entries(props.group.labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
  return (
    <section class="stack">
      <h2>
        {labels || 'All alerts'} <span class="hint">to {props.group.receiver}</span>
      </h2>
      {alerts.map((one) => (
        <AlertRow key={one.id} alert={one} source={props.source} nowMs={props.nowMs} />
      ))}
    </section>
  )
}

function Silences({ source }: { source: Source }): JSX.Element {
  const { asOf } = useRange()
  const [error, setError] = useState<Error | null>(null)
  const silences = useQuery(`${source.uid} ${asOf}`, (signal) => fetchSilences(source, signal))
  const expire = (one: Silence): void =>
    void expireSilence(source, one.id).then(() => {
      setError(null)
      refresh()
    }, setError)
  return (
    <>
      {error && <Failure error={error} what="the answer: the silence was not expired" />}
      <Loaded
        query={silences}
        what="silences"
        empty={(data) =>
          !data.length && (
            <>
              <strong>There are no silences.</strong>
              <span>Silence an alert from its row.</span>
            </>
          )
        }
      >
        {(data) => (
          <div class="card scroll">
            <table class="data">
              <thead>
                <tr>
                  <th scope="col">state</th>
                  <th scope="col">matchers</th>
                  <th scope="col">until</th>
                  <th scope="col">by</th>
                  <th scope="col">why</th>
                  <th scope="col">
                    <span class="hidden">Action</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {data.map((one) => (
                  <SilenceRow key={one.id} silence={one} onExpire={() => expire(one)} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Loaded>
    </>
  )
}

function SilenceRow({ silence, onExpire }: { silence: Silence; onExpire: () => void }): JSX.Element {
  const tz = useZone()
  const { asOf } = useRange()
  return (
    <tr>
      <td>
        <span class="badge">{silence.state}</span>
      </td>
      <td class="labels">
        {silence.matchers.map((one) => (
          <code key={one.name}>{writeMatcher(one)} </code>
        ))}
      </td>
      <td>
        {formatTime(silence.endsMs, tz, 'second')}
        {silence.state === 'active' && <span class="hint"> ({showAge(silence.endsMs - asOf)} left)</span>}
      </td>
      <td>{silence.createdBy}</td>
      <td>{silence.comment}</td>
      <td>
        {silence.state !== 'expired' && (
          <button class="danger" onClick={onExpire}>
            Expire
          </button>
        )}
      </td>
    </tr>
  )
}

function Rules(): JSX.Element {
  const { asOf } = useRange()
  const sources = useSources().filter(hasRules)
  return (
    <>
      {sources.map((source) => (
        <SourceRules key={source.uid} source={source} asOf={asOf} />
      ))}
    </>
  )
}

function SourceRules({ source, asOf }: { source: Source; asOf: number }): JSX.Element {
  const rules = useQuery(`${source.uid} ${asOf}`, (signal) => fetchRules(source, signal))
  return (
    <section class="stack">
      <h2>{source.name}</h2>
      <Loaded query={rules} what="rules" empty={(data) => !data.length && 'No alerting rules.'}>
        {(data) => (
          <div class="card scroll">
            <table class="data">
              <thead>
                <tr>
                  <th scope="col">state</th>
                  <th scope="col">rule</th>
                  <th scope="col">expression</th>
                  <th scope="col">for</th>
                </tr>
              </thead>
              <tbody>
                {data.map((rule, index) => (
                  <RuleRow key={index} rule={rule} source={source} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Loaded>
    </section>
  )
}

function RuleRow({ rule, source }: { rule: Rule; source: Source }): JSX.Element {
  const page = source.type === 'loki' ? '/explore/logs' : '/explore/metrics'
  return (
    <tr>
      <td>
        <span class={`badge state-${rule.state}`}>{rule.state}</span>
        {rule.error && <p class="level level-error">{rule.error}</p>}
      </td>
      <td>
        {rule.name} <span class="hint">{rule.group}</span>
      </td>
      <td>
        <Link to={page} with={{ q: rule.expr }}>
          <code>{rule.expr}</code>
        </Link>
      </td>
      <td class="nowrap">{rule.forS ? showAge(rule.forS * 1000) : ''}</td>
    </tr>
  )
}
