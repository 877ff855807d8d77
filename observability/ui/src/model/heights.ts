/** Heights of rows in a Fenwick tree: offsets and the row at an offset in O(log n), so that 100,000 rows scroll. */
export class Heights {
  private readonly tree: Float64Array
  private readonly own: Float64Array
  private readonly top: number

  constructor(
    readonly count: number,
    private readonly usual: number,
  ) {
    this.own = new Float64Array(count).fill(usual)
    this.tree = new Float64Array(count + 1)
    for (let at = 1; at <= count; at++) this.tree[at] = usual * (at & -at)
    this.top = count ? 1 << Math.floor(Math.log2(count)) : 0
  }

  of(index: number): number {
    return this.own[index] ?? this.usual
  }

  set(index: number, height: number): void {
    const delta = height - this.of(index)
    if (!delta || index >= this.count) return
    this.own[index] = height
    for (let at = index + 1; at <= this.count; at += at & -at) this.tree[at]! += delta
  }

  /** Pixels above a row; offset(count) is the height of all. */
  offset(index: number): number {
    let sum = 0
    for (let at = Math.min(index, this.count); at > 0; at -= at & -at) sum += this.tree[at]!
    return sum
  }

  /** The row that covers a pixel, within [0, count - 1]. */
  at(pixel: number): number {
    let index = 0
    let left = pixel
    for (let step = this.top; step > 0; step >>= 1) {
      const next = index + step
      if (next <= this.count && this.tree[next]! <= left) {
        index = next
        left -= this.tree[next]!
      }
    }
    return Math.max(0, Math.min(index, this.count - 1))
  }
}
