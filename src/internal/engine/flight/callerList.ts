/** The callers of one flight. */
import type { Caller } from "./flight.ts"

/**
 * The callers of one flight, in the order in which they joined. A popular key has thousands: a `Set` costs too much.
 */
export class Callers {
  private list: Array<Caller | undefined> = []
  size = 0

  add(caller: Caller): void {
    // a removed caller leaves a hole; while a load hangs many callers come and go, so holes are closed now and then
    if (this.list.length > 2 * this.size + 32) this.closeUp()
    caller.place = this.list.length
    this.list.push(caller)
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
    this.list = []
    this.size = 0
  }

  /** leaves out callers that are removed meanwhile */
  forEach(visit: (caller: Caller) => void): void {
    for (const caller of this.list) {
      if (caller !== undefined && this.has(caller)) visit(caller)
    }
  }

  /** as `forEach`, for few callers: a generator allocates at every step */
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
  }
}
