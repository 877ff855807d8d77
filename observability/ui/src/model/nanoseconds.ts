/** Nanoseconds since the epoch as a decimal string: a JS number has too few digits for them. */
export type Nanos = string

export const fromMs = (ms: number): Nanos => `${Math.floor(ms)}000000`

/** Milliseconds with their fraction; good enough to draw and to show, never to ask with. */
export const toMs = (ns: Nanos): number => Number(ns.slice(0, -6)) + Number(ns.slice(-6)) / 1e6

export const add = (ns: Nanos, delta: bigint): Nanos => (BigInt(ns) + delta).toString()

/** Negative where a is earlier. */
export const compare = (a: Nanos, b: Nanos): number => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0)
