/**
 * Estimates the frequencies of recent ids with a count-min sketch (Cormode and Muthukrishnan, 2005): four rows of
 * counters up to 15, which are halved after ten counts per entry (Einziger, Friedman and Manes, "TinyLFU", ACM TOS
 * 2017).
 */
const rows = [0x9e3779b1, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f]
const most = 15
const countersOfEntry = 4
const countsOfEntry = 10

export class FrequencySketch {
  private readonly counters: Uint8Array
  /** A view of the same counters, four per word. */
  private readonly words: Uint32Array
  private readonly mask: number
  private readonly sample: number
  private counts = 0

  constructor(entries: number) {
    let width = 16
    while (width < countersOfEntry * entries) width *= 2
    this.mask = width - 1
    this.counters = new Uint8Array(rows.length * width)
    this.words = new Uint32Array(this.counters.buffer)
    this.sample = Math.max(16, countsOfEntry * entries)
  }

  count(hash: number): void {
    const { counters } = this
    let isCounted = false
    for (let row = 0; row < rows.length; row++) {
      const place = this.placeOf(hash, row)
      if (counters[place]! >= most) continue
      counters[place]!++
      isCounted = true
    }
    if (!isCounted || ++this.counts < this.sample) return
    this.halve()
  }

  /** Halves all counters, four at a time, because a sketch for a million entries has sixteen million counters. */
  private halve(): void {
    const { words } = this
    for (let i = 0; i < words.length; i++) words[i] = (words[i]! >>> 1) & 0x07070707
    this.counts >>= 1
  }

  frequencyOf(hash: number): number {
    let least = most
    for (let row = 0; row < rows.length; row++) least = Math.min(least, this.counters[this.placeOf(hash, row)]!)
    return least
  }

  private placeOf(hash: number, row: number): number {
    return ((Math.imul(hash, rows[row]!) >>> 7) & this.mask) + row * (this.mask + 1)
  }
}
