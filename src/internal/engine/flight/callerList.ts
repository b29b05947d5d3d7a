/** The callers of one flight in order of joining. A popular key has thousands of callers, so a `Set` costs too much. */
import type { Caller, Callers } from "../state.ts"

const none: Array<Caller | undefined> = []

export class CallerList implements Callers {
  static readonly one = new CallerList()
  private list: Array<Caller | undefined> = none
  /** The index of the next caller that `next` looks at. */
  private answered = 0
  size = 0

  add(caller: Caller): void {
    // A removed caller leaves a hole. Holes are compacted occasionally, because callers come and go while a load hangs.
    if (this.list.length > 2 * this.size + 32) this.closeUp()
    caller.place = this.list.length
    // Most flights have one caller: the literal has room for one element, where a first `push` would allocate for many.
    if (this.list.length === 0) this.list = [caller]
    else this.list.push(caller)
    this.size++
  }

  has(caller: Caller): boolean {
    return this.list[caller.place] === caller
  }

  delete(caller: Caller): void {
    if (!this.has(caller)) return
    this.list[caller.place] = undefined
    this.size--
  }

  clear(): void {
    this.list = none
    this.answered = 0
    this.size = 0
  }

  next(): Caller | undefined {
    while (this.answered < this.list.length) {
      const caller = this.list[this.answered++]
      if (caller === undefined) continue
      this.delete(caller)
      return caller
    }
    return undefined
  }

  /** Skips callers removed during the iteration. A generator allocates for each step, so iterate only few callers. */
  *[Symbol.iterator](): Generator<Caller> {
    for (const caller of this.list) {
      if (caller !== undefined && this.has(caller)) yield caller
    }
  }

  /** Removes the holes. Makes a new list, because an iteration over the old list may be in progress. */
  private closeUp(): void {
    const list: Array<Caller | undefined> = []
    for (const caller of this.list) {
      if (caller === undefined) continue
      caller.place = list.length
      list.push(caller)
    }
    this.list = list
    this.answered = 0
  }
}
