/** Where the user is: a path and the flat query string that holds all state of the page. */
export interface Place {
  path: string
  params: URLSearchParams
}

/** null removes; a list repeats the name. */
export type Patch = Record<string, string | readonly string[] | null>

/** What is kept when the user goes to another page. */
export const KEPT = ['from', 'to', 'tz', 'refresh'] as const

export function patchParams(params: URLSearchParams, patch: Patch): URLSearchParams {
  const next = new URLSearchParams(params)
  for (const [name, value] of Object.entries(patch)) {
    next.delete(name)
    if (typeof value === 'string') {
      if (value) next.set(name, value)
    } else for (const one of value ?? []) next.append(name, one)
  }
  return next
}

/** The address of another page that keeps the time range. */
export function linkTo(path: string, params: URLSearchParams, patch: Patch = {}): string {
  const kept = new URLSearchParams()
  for (const name of KEPT) {
    const value = params.get(name)
    if (value) kept.set(name, value)
  }
  return write(path, patchParams(kept, patch))
}

export function write(path: string, params: URLSearchParams): string {
  const query = params.toString()
  return query ? `${path}?${query}` : path
}

/** The page's name and its argument: "/trace/abc" → ["trace", "abc"]. */
export function readPath(path: string): [string, string] {
  const parts = path.split('/').filter(Boolean)
  if (parts[0] === 'explore') return [`explore/${parts[1] ?? 'logs'}`, '']
  return [parts[0] ?? 'incident', decodeURIComponent(parts[1] ?? '')]
}
