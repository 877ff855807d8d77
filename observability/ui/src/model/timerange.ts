/** The time range of a page: from, to and tz of the URL, and what they come to at a moment. */
import { parse as parseDuration } from './duration'

export interface Range {
  fromMs: number
  toMs: number
}

export const DEFAULT_FROM = 'now-1h'
export const DEFAULT_TO = 'now'

export const PRESETS: readonly (readonly [string, string])[] = [
  ['now-5m', 'Last 5 minutes'],
  ['now-15m', 'Last 15 minutes'],
  ['now-1h', 'Last hour'],
  ['now-6h', 'Last 6 hours'],
  ['now-24h', 'Last 24 hours'],
  ['now-7d', 'Last 7 days'],
]

/** Milliseconds of "now", "now-1h", epoch milliseconds or an ISO time; null where it is none of them. */
export function readTime(text: string, nowMs: number): number | null {
  const relative = /^now(?:([+-])(\w+))?$/.exec(text.trim())
  if (relative) {
    const delta = relative[2] ? parseDuration(relative[2]) : 0
    return delta === null ? null : nowMs + (relative[1] === '-' ? -delta : delta)
  }
  if (/^\d{11,}$/.test(text)) return Number(text)
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? null : ms
}

/** The range of a URL at a moment; what cannot be read falls back to the last hour. */
export function resolve(from: string | null, to: string | null, nowMs: number): Range {
  const toMs = readTime(to ?? DEFAULT_TO, nowMs) ?? nowMs
  const fromMs = readTime(from ?? DEFAULT_FROM, nowMs) ?? toMs - 3_600_000
  return fromMs < toMs ? { fromMs, toMs } : { fromMs: toMs - 60_000, toMs }
}

/** What the button of the range says. */
export function describe(from: string, to: string, tz: string): string {
  const preset = to === DEFAULT_TO && PRESETS.find(([value]) => value === from)
  if (preset) return preset[1]
  const name = (text: string): string => {
    const ms = text.startsWith('now') ? null : readTime(text, 0)
    return ms === null ? text : formatTime(ms, tz, 'second')
  }
  return `${name(from)} to ${name(to)}`
}

const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 604_800]

/** The smallest round step in milliseconds that needs at most `points`; never below minMs. */
export function stepFor(range: Range, points: number, minMs = 1000): number {
  const ideal = Math.max((range.toMs - range.fromMs) / points, minMs)
  return (STEPS_S.find((s) => s * 1000 >= ideal) ?? 604_800) * 1000
}

/** The range with its ends on multiples of the step, so that a later look gives the same buckets. */
export function align(range: Range, stepMs: number): Range {
  return { fromMs: Math.floor(range.fromMs / stepMs) * stepMs, toMs: Math.ceil(range.toMs / stepMs) * stepMs }
}

const STYLES: Record<string, Intl.DateTimeFormatOptions> = {
  minute: { hour: '2-digit', minute: '2-digit' },
  clock: { hour: '2-digit', minute: '2-digit', second: '2-digit' },
  day: { month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' },
  second: { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' },
}
const formats = new Map<string, Intl.DateTimeFormat>()

/** A time in the page's zone: tz is "browser", "utc" or a name such as "Europe/Berlin". */
export function formatTime(ms: number, tz: string, style: 'minute' | 'clock' | 'day' | 'second' | 'milli'): string {
  if (style === 'milli')
    return `${formatTime(ms, tz, 'second')}.${String(Math.floor(((ms % 1000) + 1000) % 1000)).padStart(3, '0')}`
  const key = `${tz} ${style}`
  let format = formats.get(key)
  if (!format) {
    format = new Intl.DateTimeFormat('sv-SE', { ...STYLES[style], hourCycle: 'h23', ...zone(tz) })
    formats.set(key, format)
  }
  return format.format(ms)
}

function zone(tz: string): { timeZone?: string } {
  if (tz === 'browser') return {}
  const timeZone = tz === 'utc' ? 'UTC' : tz
  try {
    new Intl.DateTimeFormat('en', { timeZone })
    return { timeZone }
  } catch {
    return {}
  }
}
