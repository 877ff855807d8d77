/** What a part of a page shows when it has no data to show, or not yet. */
import type { ComponentChildren, JSX } from 'preact'
import { ApiError } from '../api/http'
import type { Query } from '../state/query'

export function Failure(props: { error: Error; what: string; query?: string; onRetry?: () => void }): JSX.Element {
  const status = props.error instanceof ApiError && props.error.status ? ` (HTTP ${props.error.status})` : ''
  return (
    <div class="notice failure" role="alert">
      <strong>Cannot load {props.what}</strong>
      <span>
        {props.error.message}
        {status}
      </span>
      {props.query && <code>{props.query}</code>}
      {props.onRetry && <button onClick={props.onRetry}>Try again</button>}
    </div>
  )
}

export const Empty = (props: { children: ComponentChildren }): JSX.Element => <div class="notice">{props.children}</div>

/** Error, first load, empty or the data; a later load keeps the old data, dimmed. */
export function Loaded<T>(props: {
  query: Query<T>
  what: string
  expr?: string
  empty?: (data: T) => ComponentChildren
  children: (data: T) => ComponentChildren
}): JSX.Element {
  const { data, error, loading, retry, cancel } = props.query
  const empty = data !== undefined && !error ? props.empty?.(data) : null
  return (
    <div class={`loaded${loading && data !== undefined ? ' dimmed' : ''}`} aria-busy={loading}>
      {loading && (
        <div class="progress" role="status">
          <span class="hidden">Loading {props.what}</span>
          <button class="quiet" onClick={cancel}>
            Cancel
          </button>
        </div>
      )}
      {error && <Failure error={error} what={props.what} query={props.expr} onRetry={retry} />}
      {empty ? <Empty>{empty}</Empty> : data !== undefined && props.children(data)}
      {data === undefined && !error && <div class="notice">{loading ? `Loading ${props.what} …` : `No ${props.what}.`}</div>}
    </div>
  )
}
