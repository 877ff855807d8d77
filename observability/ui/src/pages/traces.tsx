/** Explore traces: search and list. */
import type { JSX } from 'preact'
import { fetchOperations, fetchServices, searchTraces } from '../api/traces'
import type { Source } from '../api/sources'
import { linkTo } from '../model/place'
import { Empty, Loaded } from '../parts/notices'
import { TraceList, TraceScatter } from '../parts/tracelist'
import { refresh, useRange } from '../state/clock'
import { go, patch, usePlace } from '../state/place'
import { useQuery } from '../state/query'
import { useSource } from '../state/session'

const DURATION = '\\d+(\\.\\d+)?(us|µs|ms|s|m)'

export default function TracesPage(): JSX.Element {
  const source = useSource('jaeger')
  return source ? <Traces source={source} /> : <Empty>No data source of type jaeger is provisioned.</Empty>
}

function Traces({ source }: { source: Source }): JSX.Element {
  const { params } = usePlace()
  const range = useRange()
  const services = useQuery(`${source.uid} ${range.asOf}`, (signal) => fetchServices(source, signal))
  const service = params.get('service') ?? services.data?.[0] ?? ''
  const search = {
    service,
    operation: params.get('operation') ?? '',
    tags: params.get('tags') ?? '',
    minDuration: params.get('min') ?? '',
    maxDuration: params.get('max') ?? '',
    limit: Number(params.get('limit') ?? 50),
  }
  const key = service ? `${source.uid} ${JSON.stringify(search)} ${range.fromMs} ${range.toMs}` : null
  const traces = useQuery(key, (signal) => searchTraces(source, search, range, signal))
  return (
    <>
      <h1 class="hidden">Traces</h1>
      <Loaded
        query={services}
        what="services"
        empty={(data) =>
          !data.length && (
            <>
              <strong>No service has sent a span yet.</strong>
              <span>Services send spans to the address in OTEL_EXPORTER_OTLP_ENDPOINT.</span>
            </>
          )
        }
      >
        {(data) => <SearchForm key={params.toString()} source={source} services={data} service={service} />}
      </Loaded>
      {key && (
        <Loaded
          query={traces}
          what="traces"
          empty={(data) =>
            !data.length && (
              <>
                <strong>No trace matches.</strong>
                <span>Take a longer range, or fewer tags and durations.</span>
              </>
            )
          }
        >
          {(data) => (
            <>
              <TraceScatter traces={data} />
              <div class="hint" role="status">
                {data.length} traces{data.length >= search.limit ? ', the newest of the range; raise the limit for more' : ''}
              </div>
              <TraceList traces={data} />
            </>
          )}
        </Loaded>
      )}
    </>
  )
}

function SearchForm(props: { source: Source; services: string[]; service: string }): JSX.Element {
  const { params } = usePlace()
  const operations = useQuery(`${props.source.uid} ${props.service}`, (signal) =>
    fetchOperations(props.source, props.service, signal),
  )
  const field = (name: string): string => params.get(name) ?? ''
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const data = new FormData(event.currentTarget as HTMLFormElement)
    const id = String(data.get('id')).trim()
    if (id) return go(linkTo(`/trace/${id}`, params))
    refresh()
    const names = ['operation', 'tags', 'min', 'max', 'limit']
    patch({ service: props.service, sel: null, ...Object.fromEntries(names.map((name) => [name, String(data.get(name) ?? '')])) })
  }
  const choose = (event: Event): void =>
    patch({ service: (event.currentTarget as HTMLSelectElement).value, operation: null, sel: null })
  return (
    <form class="search chips" onSubmit={submit}>
      <label>
        Service{' '}
        <select name="service" value={props.service} onChange={choose}>
          {props.services.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <label>
        Operation
        <select name="operation" value={field('operation')} onChange={(event) => event.currentTarget.form!.requestSubmit()}>
          <option value="">all</option>
          {(operations.data ?? []).map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <label>
        Tags <input name="tags" size={32} defaultValue={field('tags')} placeholder="http.response.status_code=500" />
      </label>
      <label>
        At least <input name="min" size={6} defaultValue={field('min')} placeholder="100ms" pattern={DURATION} />
      </label>
      <label>
        At most <input name="max" size={6} defaultValue={field('max')} placeholder="2s" pattern={DURATION} />
      </label>
      <label>
        Limit <input name="limit" type="number" min={1} max={1500} defaultValue={params.get('limit') ?? '50'} />
      </label>
      <label>
        Trace id <input name="id" size={14} pattern="[0-9a-fA-F]{1,32}" />
      </label>
      <button class="primary">Search</button>
    </form>
  )
}
