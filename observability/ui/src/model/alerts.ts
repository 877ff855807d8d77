/** Alerts and silences, and the rules behind them. */
import { escapeRegex, quote } from './logquery'
import type { Labels } from './loglines'

export interface Alert {
  id: string
  labels: Labels
  annotations: Labels
  startsMs: number
  generatorUrl: string
  state: 'active' | 'suppressed' | 'unprocessed'
  silencedBy: string[]
  inhibitedBy: string[]
}

export interface AlertGroup {
  labels: Labels
  receiver: string
  alerts: Alert[]
}

export interface Rule {
  name: string
  group: string
  expr: string
  /** uid of the data source that evaluates it. */
  source: string
  state: string
  health: string
  error: string
  forS: number
  labels: Labels
}

export interface Matcher {
  name: string
  value: string
  isRegex: boolean
  isEqual: boolean
}

export interface Silence {
  id: string
  matchers: Matcher[]
  startsMs: number
  endsMs: number
  createdBy: string
  comment: string
  state: 'active' | 'pending' | 'expired'
}

export interface WireAlert {
  fingerprint: string
  labels: Labels
  annotations?: Labels
  startsAt: string
  generatorURL?: string
  status: { state: Alert['state']; silencedBy?: string[] | null; inhibitedBy?: string[] | null }
}

export interface WireSilence {
  id: string
  matchers: { name: string; value: string; isRegex: boolean; isEqual?: boolean }[]
  startsAt: string
  endsAt: string
  createdBy: string
  comment: string
  status: { state: Silence['state'] }
}

export const decodeAlert = (wire: WireAlert): Alert => ({
  id: wire.fingerprint,
  labels: wire.labels,
  annotations: wire.annotations ?? {},
  startsMs: Date.parse(wire.startsAt),
  generatorUrl: wire.generatorURL ?? '',
  state: wire.status.state,
  silencedBy: wire.status.silencedBy ?? [],
  inhibitedBy: wire.status.inhibitedBy ?? [],
})

export const decodeSilence = (wire: WireSilence): Silence => ({
  id: wire.id,
  matchers: wire.matchers.map((one) => ({ ...one, isEqual: one.isEqual ?? true })),
  startsMs: Date.parse(wire.startsAt),
  endsMs: Date.parse(wire.endsAt),
  createdBy: wire.createdBy,
  comment: wire.comment,
  state: wire.status.state,
})

export const SEVERITIES = ['critical', 'error', 'warning', 'info'] as const

/** The worst first, then the oldest. */
export function sortAlerts(alerts: readonly Alert[]): Alert[] {
  const rank = (one: Alert): number =>
    (SEVERITIES.indexOf(one.labels.severity as (typeof SEVERITIES)[number]) + SEVERITIES.length) % SEVERITIES.length
  return [...alerts].sort((a, b) => rank(a) - rank(b) || a.startsMs - b.startsMs || (a.id < b.id ? -1 : 1))
}

/** Each alert once, although it may be in the groups of several receivers. */
export function uniqueAlerts(groups: readonly AlertGroup[]): Alert[] {
  return sortAlerts([...new Map(groups.flatMap((one) => one.alerts).map((one) => [one.id, one])).values()])
}

/** What is firing and nobody has silenced: what the incident page is about. */
export const isLoud = (alert: Alert): boolean => alert.state !== 'suppressed'

/** The API's body of a silence of exactly these labels. */
export function makeSilence(labels: Labels, nowMs: number, durationMs: number, createdBy: string, comment: string): object {
  return {
    matchers: Object.entries(labels).map(([name, value]) => ({ name, value, isRegex: false, isEqual: true })),
    startsAt: new Date(nowMs).toISOString(),
    endsAt: new Date(nowMs + durationMs).toISOString(),
    createdBy,
    comment,
  }
}

export const writeMatcher = (one: Matcher): string =>
  `${one.name}${one.isEqual ? (one.isRegex ? '=~' : '=') : one.isRegex ? '!~' : '!='}${quote(one.value)}`

/** The rule of an alert: by name, and where several have it by the labels that the rule sets. */
export function ruleOf(alert: Alert, rules: readonly Rule[]): Rule | undefined {
  const named = rules.filter((rule) => rule.name === alert.labels.alertname)
  return (
    named.find((rule) =>
      Object.entries(rule.labels).every(([name, value]) => value.includes('{{') || alert.labels[name] === value),
    ) ?? named[0]
  )
}

/** The expression in a generator's address (`g0.expr`), for alerts whose rule is not known. */
export function exprOfUrl(url: string): string | null {
  try {
    return new URL(url).searchParams.get('g0.expr')
  } catch {
    return null
  }
}

/** Services that alerts name. */
export const servicesOf = (alerts: readonly Alert[]): string[] =>
  [...new Set(alerts.flatMap((one) => (one.labels.service ? [one.labels.service] : [])))].sort()

/** The error lines that may explain the alerts: of their services, else of all. */
export function errorQuery(services: readonly string[]): string {
  const who = services.length ? services.map(escapeRegex).join('|') : '.+'
  return `{service=~${quote(who)}, level=~"warn|warning|error|critical|fatal"}`
}
