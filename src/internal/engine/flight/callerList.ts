/** The callers of one flight. */
import type { Caller, Callers } from "../state.ts"

const none: Array<Caller | undefined> = []

/**
 * The callers of one flight, in the order in which they joined. A popular key has thousands: a `Set` costs too much.
 */
export class CallerList implements Callers {
  /** see `CallerEffect.one` */
  static readonly one = new CallerList()
  private list: Array<Caller | undefined> = none
  /** `next` has passed those before it */
  private answered = 0
  size = 0

  add(caller: Caller): void {
    // a removed caller leaves a hole; while a load hangs many callers come and go, so holes are closed now and then
    if (this.list.length > 2 * this.size + 32) this.closeUp()
    caller.place = this.list.length
    // a list of one: most flights have one caller, and the first `push` makes room for many
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

  /** Removes the first caller and answers with it. */
  next(): Caller | undefined {
    while (this.answered < this.list.length) {
      const caller = this.list[this.answered++]
      if (caller === undefined) continue
      this.delete(caller)
      return caller
    }
    return undefined
  }

  /** for few callers: a generator allocates at every step. Leaves out callers that are removed meanwhile */
  *[Symbol.iterator](): Generator<Caller> {
    for (const caller of this.list) {
      if (caller !== undefined && this.has(caller)) yield caller
    }
  }

  /** makes a new list: an iteration over the old one may be under way */
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
