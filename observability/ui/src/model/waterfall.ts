/** Log lines between the spans that wrote them. */
import { parseLine, summarize, type LogLine } from './loglines'
import type { Span } from './trace'

export type WaterfallRow =
  | { kind: 'span'; key: string; depth: number; span: Span }
  | { kind: 'line'; key: string; depth: number; line: LogLine; text: string }

const SPAN_NAMES = ['span_id', 'spanID', 'spanId', 'span.id']

export function spanIdOf(line: LogLine): string | null {
  const known = { ...Object.fromEntries(parseLine(line.line).parts), ...line.labels, ...line.metadata }
  for (const name of SPAN_NAMES) if (known[name]) return known[name]
  return null
}

/** Each line below its span, in order of time; a line of no shown span comes after none of them. */
export function interleave(spans: readonly Span[], lines: readonly LogLine[]): WaterfallRow[] {
  const bySpan = new Map<string, LogLine[]>()
  for (const line of [...lines].sort((a, b) => a.ms - b.ms)) {
    const id = spanIdOf(line)
    if (!id) continue
    const found = bySpan.get(id)
    if (found) found.push(line)
    else bySpan.set(id, [line])
  }
  return spans.flatMap((span): WaterfallRow[] => [
    { kind: 'span', key: span.id, depth: span.depth, span },
    ...(bySpan.get(span.id) ?? []).map((line): WaterfallRow => ({
      kind: 'line',
      key: line.key,
      depth: span.depth + 1,
      line,
      text: summarize(line).message,
    })),
  ])
}
