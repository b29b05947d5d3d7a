/** The queues of the engine's work loop. */

/** A first-in-first-out queue that does not move the remaining elements on each `shift`. */
export class Fifo<A> {
  private items: Array<A | undefined> = []
  private head = 0
  private end = 0

  get size(): number {
    return this.end - this.head
  }

  push(item: A): void {
    this.items[this.end++] = item
  }

  peek(): A | undefined {
    return this.items[this.head]
  }

  shift(): A | undefined {
    if (this.head === this.end) return undefined
    const item = this.items[this.head]
    this.items[this.head++] = undefined
    if (this.head === this.end) this.restart([])
    else if (this.head >= 1024 && this.head * 2 >= this.end) this.restart(this.items.slice(this.head, this.end))
    return item
  }

  /** Starts again at index 0. Keeps an emptied list if it is short, because a queue of one element empties often. */
  private restart(items: Array<A | undefined>): void {
    this.head = 0
    this.end = items.length
    if (items.length > 0 || this.items.length > 1024) this.items = items
  }
}

/** The callers of a flight that do not wait for its value to be written. They are answered during the write. */
export class Behind<Caller> {
  readonly callers: Iterator<Caller>

  constructor(callers: Iterable<Caller>) {
    this.callers = callers[Symbol.iterator]()
  }
}
