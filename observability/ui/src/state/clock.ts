/** The moment that "now" means: it moves when the user asks again, so that all parts of a page agree. */
import { useEffect, useMemo, useState } from 'preact/hooks'
import { parse } from '../model/duration'
import { resolve, type Range } from '../model/timerange'
import { usePlace } from './place'

const listeners = new Set<() => void>()
let asOf = Date.now()

export function refresh(): void {
  asOf = Date.now()
  for (const listener of [...listeners]) listener()
}

/** The page's range in milliseconds. */
export function useRange(): Range & { asOf: number } {
  const { params } = usePlace()
  const [moment, move] = useState(asOf)
  useEffect(() => {
    const listener = (): void => move(asOf)
    listeners.add(listener)
    listener()
    return () => void listeners.delete(listener)
  }, [])
  const from = params.get('from')
  const to = params.get('to')
  return useMemo(() => ({ ...resolve(from, to, moment), asOf: moment }), [from, to, moment])
}

export const useZone = (): string => usePlace().params.get('tz') ?? 'browser'

/** Refreshes by itself as the URL's `refresh` says, while the page is seen. */
export function useAutoRefresh(): void {
  const interval = parse(usePlace().params.get('refresh') ?? '')
  useEffect(() => {
    if (!interval) return
    const timer = setInterval(() => !document.hidden && refresh(), Math.max(interval, 1000))
    return () => clearInterval(timer)
  }, [interval])
}
