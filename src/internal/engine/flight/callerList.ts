/** The callers of one flight, in the order in which they came. */
import type { Caller } from "./flight.ts"

/** Those who wait for a flight, in the order in which they came. A popular key has thousands: a `Set` costs too much. */
export class Callers {
  private list: Array<Caller | undefined> = []
  size = 0

  add(waiter: Caller): void {
    // who has left leaves a hole: most of them stay, but a load that hangs has many come and go
    if (this.list.length > 2 * this.size + 32) this.closeUp()
    waiter.place = this.list.length
    this.list.push(waiter)
    this.size++
  }

  has(waiter: Caller): boolean {
    return this.list[waiter.place] === waiter
  }

  delete(waiter: Caller): void {
    if (!this.has(waiter)) return
    this.list[waiter.place] = undefined
    this.size--
  }

  clear(): void {
    this.list = []
    this.size = 0
  }

  /** those among them who leave meanwhile are left out */
  forEach(visit: (waiter: Caller) => void): void {
    for (const waiter of this.list) {
      if (waiter !== undefined && this.has(waiter)) visit(waiter)
    }
  }

  /** as `forEach`, for where there are few: a generator allocates at every step */
  *[Symbol.iterator](): Generator<Caller> {
    for (const waiter of this.list) {
      if (waiter !== undefined && this.has(waiter)) yield waiter
    }
  }

  /** into a list of its own: the old one may be gone through just now */
  private closeUp(): void {
    const list: Array<Caller | undefined> = []
    for (const waiter of this.list) {
      if (waiter === undefined) continue
      waiter.place = list.length
      list.push(waiter)
    }
    this.list = list
  }
}
