/** Jaeger's traces → spans in the order of a waterfall. */
export interface Tag {
  key: string
  value: string
}

export interface SpanEvent {
  timeUs: number
  fields: Tag[]
}

export interface Span {
  id: string
  parentId: string | null
  service: string
  operation: string
  kind: string
  startUs: number
  durationUs: number
  isError: boolean
  /** Depth in the tree; a span whose parent is missing is a root. */
  depth: number
  /** Number of spans below it, at any depth. */
  below: number
  tags: Tag[]
  process: Tag[]
  events: SpanEvent[]
  warnings: string[]
}

export interface Trace {
  id: string
  /** Parents before children, siblings by start. */
  spans: Span[]
  startUs: number
  durationUs: number
  services: { name: string; spans: number }[]
  errors: number
}

interface WireTag {
  key: string
  value: unknown
}

export interface WireTrace {
  traceID: string
  spans: {
    spanID: string
    operationName: string
    references?: { refType: string; spanID: string; traceID: string }[] | null
    startTime: number
    duration: number
    tags?: WireTag[] | null
    logs?: { timestamp: number; fields?: WireTag[] | null }[] | null
    processID: string
    warnings?: string[] | null
  }[]
  processes: Record<string, { serviceName: string; tags?: WireTag[] | null }>
}

const readTags = (tags: WireTag[] | null | undefined): Tag[] =>
  (tags ?? []).map(({ key, value }) => ({ key, value: typeof value === 'string' ? value : JSON.stringify(value) }))

export function decodeTrace(wire: WireTrace): Trace {
  const spans = wire.spans.map((one): Span => {
    const tags = readTags(one.tags)
    const tag = (key: string): string | undefined => tags.find((each) => each.key === key)?.value
    const parent = one.references?.find((reference) => reference.refType === 'CHILD_OF') ?? one.references?.[0]
    const process = wire.processes[one.processID]
    return {
      id: one.spanID,
      parentId: parent && parent.traceID === wire.traceID ? parent.spanID : null,
      service: process?.serviceName ?? 'unknown',
      operation: one.operationName,
      kind: tag('span.kind') ?? '',
      startUs: one.startTime,
      durationUs: one.duration,
      isError: tag('error') === 'true' || tag('otel.status_code') === 'ERROR',
      depth: 0,
      below: 0,
      tags,
      process: readTags(process?.tags),
      events: (one.logs ?? []).map((event) => ({ timeUs: event.timestamp, fields: readTags(event.fields) })),
      warnings: one.warnings ?? [],
    }
  })
  const startUs = spans.reduce((first, one) => Math.min(first, one.startUs), Infinity)
  const endUs = spans.reduce((last, one) => Math.max(last, one.startUs + one.durationUs), -Infinity)
  const counts = new Map<string, number>()
  for (const one of spans) counts.set(one.service, (counts.get(one.service) ?? 0) + 1)
  return {
    id: wire.traceID,
    spans: arrange(spans),
    startUs: spans.length ? startUs : 0,
    durationUs: spans.length ? endUs - startUs : 0,
    services: [...counts].map(([name, count]) => ({ name, spans: count })).sort((a, b) => b.spans - a.spans),
    errors: spans.filter((one) => one.isError).length,
  }
}

/** Depth first without recursion, as traces may be 10,000 spans deep; a circle of parents is broken at its first span. */
function arrange(spans: Span[]): Span[] {
  const ids = new Set(spans.map((one) => one.id))
  const children = new Map<string | null, Span[]>()
  for (const span of [...spans].sort((a, b) => b.startUs - a.startUs || a.durationUs - b.durationUs)) {
    const parent = span.parentId !== null && span.parentId !== span.id && ids.has(span.parentId) ? span.parentId : null
    const siblings = children.get(parent)
    if (siblings) siblings.push(span)
    else children.set(parent, [span])
  }
  const order: Span[] = []
  const seen = new Set<Span>()
  const visit = (roots: Span[]): void => {
    const stack = roots.map((span) => ({ span, depth: 0 }))
    while (stack.length) {
      const { span, depth } = stack.pop()!
      if (seen.has(span)) continue
      seen.add(span)
      span.depth = depth
      order.push(span)
      for (const child of children.get(span.id) ?? []) stack.push({ span: child, depth: depth + 1 })
    }
  }
  visit(children.get(null) ?? [])
  for (const span of spans) if (!seen.has(span)) visit([span])
  countBelow(order)
  return order
}

function countBelow(order: Span[]): void {
  const path: Span[] = []
  const leave = (): void => {
    const span = path.pop()!
    const above = path[path.length - 1]
    if (above) above.below += span.below + 1
  }
  for (const span of order) {
    while (path.length > span.depth) leave()
    path.push(span)
  }
  while (path.length) leave()
}

/** The spans that folding leaves in sight. */
export function unfolded(spans: readonly Span[], folded: ReadonlySet<string>): readonly Span[] {
  if (!folded.size) return spans
  const shown: Span[] = []
  let skipTo = 0
  spans.forEach((span, index) => {
    if (index < skipTo) return
    shown.push(span)
    if (folded.has(span.id)) skipTo = index + span.below + 1
  })
  return shown
}

/** Where a span's bar lies, in percent of the trace. */
export function layOut(span: Span, trace: Trace): { left: number; width: number } {
  const whole = trace.durationUs || 1
  return { left: ((span.startUs - trace.startUs) / whole) * 100, width: (span.durationUs / whole) * 100 }
}

/** Times for the ruler above the bars, in microseconds from the start. */
export const ticksOf = (trace: Trace, count = 5): number[] =>
  Array.from({ length: count }, (_none, index) => (trace.durationUs * index) / (count - 1))

/** Whether a span holds the text in its names or values. */
export function spanMatches(span: Span, text: string): boolean {
  const wanted = text.toLowerCase()
  const has = (value: string): boolean => value.toLowerCase().includes(wanted)
  return has(span.service) || has(span.operation) || has(span.id) || span.tags.some((tag) => has(tag.key) || has(tag.value))
}

/** The span that stands for the whole trace in a list. */
export const rootOf = (trace: Trace): Span | undefined => trace.spans.find((one) => one.parentId === null) ?? trace.spans[0]

/** Tags of a search as the user writes them, `http.response.status_code=500 error=true` → the API's JSON. */
export function readTagSearch(text: string): Record<string, string> {
  const tags: Record<string, string> = {}
  for (const found of text.matchAll(/([^\s=]+)=("(?:[^"\\]|\\.)*"|\S*)/g)) {
    tags[found[1]!] = found[2]!.startsWith('"') ? found[2]!.slice(1, -1).replace(/\\(.)/g, '$1') : found[2]!
  }
  return tags
}
