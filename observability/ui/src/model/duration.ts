/** Durations as queries write them: "5m", "1h30m", "250ms". */
const UNIT_MS: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  M: 2_592_000_000,
  y: 31_536_000_000,
}

/** Milliseconds, or null where the text is no duration. */
export function parse(text: string): number | null {
  const part = /(\d+(?:\.\d+)?)(ms|[smhdwMy])/y
  let total = 0
  let at = 0
  while (at < text.length) {
    part.lastIndex = at
    const found = part.exec(text)
    if (!found) return null
    total += Number(found[1]) * (UNIT_MS[found[2]!] ?? 0)
    at = part.lastIndex
  }
  return text ? total : null
}

/** The largest unit that divides: 90000 → "90s", 3600000 → "1h". */
export function write(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const)
    if (ms >= UNIT_MS[unit]! && ms % UNIT_MS[unit]! === 0) return ms / UNIT_MS[unit]! + unit
  return `${Math.round(ms)}ms`
}

/** For people: "1.2 s", "340 ms", "12 µs"; from microseconds, as traces count. */
export function show(us: number): string {
  if (us >= 60e6) return `${Math.floor(us / 60e6)} m ${Math.round((us % 60e6) / 1e6)} s`
  if (us >= 1e6) return `${round(us / 1e6)} s`
  if (us >= 1e3) return `${round(us / 1e3)} ms`
  return `${round(us)} µs`
}

/** How long ago, coarsely: "3 m", "2 h". */
export function showAge(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000))
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} m`
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} m`
  return `${Math.floor(s / 86_400)} d`
}

const round = (value: number): string => String(Number(value.toPrecision(3)))
