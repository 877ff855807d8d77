/** Data that is fetched for a key: old data stays while new data loads. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'

export interface Query<T> {
  data: T | undefined
  error: Error | null
  loading: boolean
  retry: () => void
  cancel: () => void
}

/** Fetch whenever the key changes; a null key fetches nothing. */
export function useQuery<T>(key: string | null, load: (signal: AbortSignal) => Promise<T>): Query<T> {
  const [state, set] = useState<{ data?: T; error: Error | null; loading: boolean }>({ error: null, loading: key !== null })
  const [attempt, again] = useState(0)
  const running = useRef<AbortController | null>(null)
  useEffect(() => {
    if (key === null) {
      set({ error: null, loading: false })
      return
    }
    const control = new AbortController()
    running.current = control
    set((old) => ({ ...old, loading: true }))
    load(control.signal).then(
      (data) => !control.signal.aborted && set({ data, error: null, loading: false }),
      (error: Error) => !control.signal.aborted && set((old) => ({ ...old, error, loading: false })),
    )
    return () => control.abort()
  }, [key, attempt])
  const retry = useCallback(() => again((count) => count + 1), [])
  const cancel = useCallback(() => {
    running.current?.abort()
    set((old) => ({ ...old, loading: false }))
  }, [])
  return { data: state.data, error: state.error, loading: state.loading, retry, cancel }
}
