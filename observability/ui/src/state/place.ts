/** The address bar as state: pages read it, and every action writes it, so that Back restores everything. */
import { useEffect, useState } from 'preact/hooks'
import { patchParams, write, type Patch, type Place } from '../model/place'

const listeners = new Set<() => void>()
const read = (): Place => ({ path: location.pathname, params: new URLSearchParams(location.search) })
let current: Place = read()

function announce(): void {
  current = read()
  for (const listener of [...listeners]) listener()
}
addEventListener('popstate', announce)

export const place = (): Place => current

/** Go to an address of this site; replace does not make a step for Back. */
export function go(address: string, replace = false): void {
  history[replace ? 'replaceState' : 'pushState'](null, '', address)
  announce()
}

/** Change state of this page. */
export function patch(change: Patch, replace = false): void {
  go(write(current.path, patchParams(current.params, change)), replace)
}

export function usePlace(): Place {
  const [seen, see] = useState(current)
  useEffect(() => {
    const listener = (): void => see(current)
    listeners.add(listener)
    listener()
    return () => void listeners.delete(listener)
  }, [])
  return seen
}
