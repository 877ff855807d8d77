import type { JSX } from 'preact'
import { show } from '../model/duration'
import { quote } from '../model/logquery'
import type { Patch } from '../model/place'
import type { Span, Tag, Trace } from '../model/trace'
import { patch } from '../state/place'
import { Link } from './link'

const AROUND_US = 5 * 60e6

/** State of the logs page for the lines of a span's service within its trace. */
export function spanLogsPatch(span: Span, trace: Trace): Patch {
  return {
    q: `{service=${quote(span.service)}} |= ${quote(trace.id)}`,
    from: String(Math.floor((span.startUs - AROUND_US) / 1000)),
    to: String(Math.ceil((span.startUs + span.durationUs + AROUND_US) / 1000)),
  }
}

export function SpanDetail({ span, trace }: { span: Span; trace: Trace }): JSX.Element {
  return (
    <aside class="card detail-side" aria-label="The chosen span">
      <div class="chips">
        <h2>{span.operation}</h2>
        <span class="grow" />
        <button aria-label="Close the span" onClick={() => patch({ span: null }, true)}>
          ×
        </button>
      </div>
      <div class="chips">
        <Link to="/explore/logs" with={spanLogsPatch(span, trace)} class="button">
          Logs of this span
        </Link>
        <Link
          to="/explore/metrics"
          with={{ q: `sum(rate(http_server_request_duration_seconds_count{service=${quote(span.service)}}[5m]))` }}
          class="button"
        >
          Requests of {span.service}
        </Link>
      </div>
      <Tags
        title="Span"
        tags={[
          { key: 'service', value: span.service },
          { key: 'duration', value: show(span.durationUs) },
          { key: 'starts after', value: show(span.startUs - trace.startUs) },
          { key: 'span id', value: span.id },
          ...(span.parentId ? [{ key: 'parent', value: span.parentId }] : []),
        ]}
      />
      {span.warnings.map((text) => (
        <p key={text} class="level level-warn">
          {text}
        </p>
      ))}
      <Tags title="Attributes" tags={span.tags} />
      {span.events.map((event, index) => (
        <Tags key={index} title={`Event after ${show(event.timeUs - span.startUs)}`} tags={event.fields} />
      ))}
      <Tags title="Process" tags={span.process} />
    </aside>
  )
}

function Tags({ title, tags }: { title: string; tags: readonly Tag[] }): JSX.Element | null {
  if (!tags.length) return null
  return (
    <table class="fields">
      <caption>{title}</caption>
      <tbody>
        {tags.map((tag, index) => (
          <tr key={`${tag.key} ${index}`}>
            <th scope="row">{tag.key}</th>
            <td>{tag.value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
