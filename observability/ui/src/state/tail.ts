/** A live tail that can be paused: what comes meanwhile waits, bounded. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { openTail } from '../api/logs'
import type { Source } from '../api/sources'
import { mergeLines, type LogLine } from '../model/loglines'

const KEPT_LINES = 5000
const DRAW_EVERY_MS = 150

export interface LiveTail {
  lines: LogLine[]
  paused: boolean
  waiting: number
  dropped: number
  error: string
  toggle: () => void
  clear: () => void
  restart: () => void
}

export function useTail(source: Source, expr: string): LiveTail {
  const [lines, setLines] = useState<LogLine[]>([])
  const [paused, setPaused] = useState(false)
  const [waiting, setWaiting] = useState(0)
  const [dropped, setDropped] = useState(0)
  const [error, setError] = useState('')
  const [attempt, again] = useState(0)
  const buffer = useRef<LogLine[]>([])
  const held = useRef(false)
  held.current = paused

  const flush = (): void => {
    const fresh = buffer.current
    if (!fresh.length) return
    buffer.current = []
    setWaiting(0)
    setLines((old) => mergeLines(fresh, old, KEPT_LINES))
  }
  useEffect(() => {
    setError('')
    const tail = openTail(
      source,
      expr,
      (fresh, lost) => {
        buffer.current = [...fresh, ...buffer.current].slice(0, KEPT_LINES)
        if (lost) setDropped((count) => count + lost)
        if (held.current) setWaiting(buffer.current.length)
      },
      setError,
    )
    const timer = setInterval(() => !held.current && flush(), DRAW_EVERY_MS)
    return () => {
      tail.close()
      clearInterval(timer)
    }
  }, [source.uid, expr, attempt])
  return {
    lines,
    paused,
    waiting,
    dropped,
    error,
    toggle: () => setPaused((old) => !old),
    clear: () => setLines([]),
    restart: () => again((count) => count + 1),
  }
}
