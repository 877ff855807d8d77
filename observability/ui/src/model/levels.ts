/** Log levels under one name each, from the worst. */
export const LEVELS = ['critical', 'error', 'warn', 'info', 'debug', 'trace', 'unknown'] as const
export type Level = (typeof LEVELS)[number]

const NAMES: Record<string, Level> = {
  critical: 'critical',
  crit: 'critical',
  fatal: 'critical',
  panic: 'critical',
  alert: 'critical',
  emerg: 'critical',
  emergency: 'critical',
  error: 'error',
  err: 'error',
  eror: 'error',
  warn: 'warn',
  warning: 'warn',
  info: 'info',
  information: 'info',
  informational: 'info',
  notice: 'info',
  log: 'info',
  debug: 'debug',
  dbug: 'debug',
  trace: 'trace',
  verbose: 'trace',
}

export const readLevel = (text: string | undefined): Level => NAMES[(text ?? '').toLowerCase()] ?? 'unknown'
