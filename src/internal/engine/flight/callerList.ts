/** The callers of a flight, in order of joining. A popular key has thousands, for which a `Set` would cost too much. */
import type { Caller, Callers } from "../state.ts"

const none: Array<Caller | undefined> = []

export class CallerList implements Callers {
  static readonly one = new CallerList()
  private list: Array<Caller | undefined> = none
  private answered = 0
  size = 0

  add(caller: Caller): void {
    // Removed callers leave gaps. The gaps are closed from time to time, because many callers may come and go.
    if (this.list.length > 2 * this.size + 32) this.closeUp()
    caller.place = this.list.length
    // Most flights have one caller. A literal allocates space for one element, but a first `push` does so for many.
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

  /** Skips callers that are removed during the iteration. Each step allocates, so iterate over a few callers only. */
  *[Symbol.iterator](): Generator<Caller> {
    for (const caller of this.list) {
      if (caller !== undefined && this.has(caller)) yield caller
    }
  }

  /** Moves the callers to a new list without empty slots, because the old list may currently be iterated. */
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
