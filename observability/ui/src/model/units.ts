/** Values with their units, as Grafana's field options name them. */
const SI = ['', 'k', 'M', 'G', 'T', 'P']
const IEC = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi']
const TIME_S: [number, string][] = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'm'],
  [1, 's'],
  [1e-3, 'ms'],
  [1e-6, 'µs'],
  [1e-9, 'ns'],
]
const TIME_UNITS: Record<string, number> = {
  s: 1,
  ms: 1e-3,
  µs: 1e-6,
  us: 1e-6,
  ns: 1e-9,
  m: 60,
  h: 3600,
  d: 86_400,
  dtdurations: 1,
  dthms: 1,
}
const RATES: Record<string, string> = {
  reqps: 'req/s',
  ops: 'ops/s',
  cps: 'c/s',
  wps: 'w/s',
  rps: 'r/s',
  iops: 'io/s',
  rpm: 'req/min',
  cpm: 'c/min',
  opm: 'ops/min',
}
const BYTES: Record<string, [string[], number, string]> = {
  bytes: [IEC, 1024, 'B'],
  decbytes: [SI, 1000, 'B'],
  bits: [IEC, 1024, 'b'],
  decbits: [SI, 1000, 'b'],
  Bps: [SI, 1000, 'B/s'],
  binBps: [IEC, 1024, 'B/s'],
  bps: [SI, 1000, 'b/s'],
  binbps: [IEC, 1024, 'b/s'],
  kbytes: [IEC, 1024, 'KiB'],
  mbytes: [IEC, 1024, 'MiB'],
}

export function formatValue(value: number, unit = 'short', decimals?: number): string {
  if (!Number.isFinite(value)) return String(value)
  if (unit === 'percent') return `${round(value, decimals)}%`
  if (unit === 'percentunit') return `${round(value * 100, decimals)}%`
  if (unit in TIME_UNITS) return formatSeconds(value * TIME_UNITS[unit]!, decimals)
  if (unit in BYTES) {
    const [names, base, suffix] = BYTES[unit]!
    return scale(value, names, base, suffix, decimals)
  }
  if (unit in RATES) return scale(value, SI, 1000, ` ${RATES[unit]}`, decimals)
  if (unit === 'none' || unit === 'string') return round(value, decimals)
  if (unit === 'bool_yes_no') return value ? 'Yes' : 'No'
  if (unit === 'bool') return value ? 'True' : 'False'
  if (unit === 'bool_on_off') return value ? 'On' : 'Off'
  if (unit === 'dateTimeAsIso' || unit === 'dateTimeFromNow') return new Date(value).toISOString().replace('T', ' ').slice(0, 19)
  if (unit === 'short' || unit === 'sishort' || unit === 'locale' || unit === '') return scale(value, SI, 1000, '', decimals)
  return `${scale(value, SI, 1000, '', decimals)} ${unit.replace(/^suffix:/, '')}`
}

function formatSeconds(seconds: number, decimals?: number): string {
  if (!seconds) return '0 s'
  const [size, name] = TIME_S.find(([one]) => Math.abs(seconds) >= one) ?? TIME_S[TIME_S.length - 1]!
  return `${round(seconds / size, decimals)} ${name}`
}

function scale(value: number, names: string[], base: number, suffix: string, decimals?: number): string {
  let size = 0
  let left = value
  while (Math.abs(left) >= base && size < names.length - 1) {
    left /= base
    size++
  }
  const name = names[size]! + suffix
  return `${round(left, decimals)}${name && !name.startsWith(' ') ? ' ' : ''}${name}`
}

const round = (value: number, decimals?: number): string =>
  decimals !== undefined && decimals !== null
    ? value.toFixed(decimals)
    : String(Number(value.toPrecision(Math.abs(value) >= 1000 ? 4 : 3)))
