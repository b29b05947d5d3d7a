/** Lets the flights of a bulk call ask the store in groups, so that the last of thousands do not time out. */
import type * as Clock from "effect/Clock"
import { groups as limits } from "../../defaults/bounds.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import * as Turns from "../../time/turns.ts"
import type { Flight, Groups, Stub } from "../state.ts"

interface Waiting {
  readonly at: number
  readonly clock: Clock.Clock
  /** The number of flights of earlier groups for which `left` has not been called yet. */
  older: number
  /** When the first flight of this group left, in monotonic milliseconds. */
  firstAt: number | undefined
  readonly goOn: (millis: number) => void
}

export const make = (): Groups => {
  const inside = new Set<Flight | Stub>()
  const waiting = new Set<Waiting>()

  const lookAt = (one: Waiting): void => {
    if (one.older-- <= 0) one.firstAt ??= monotonicMillis(one.clock)
    if (inside.size > one.at) return
    waiting.delete(one)
    one.goOn(one.firstAt === undefined ? 0 : monotonicMillis(one.clock) - one.firstAt)
  }

  return {
    entered: (one) => void inside.add(one),
    left: (one) => {
      if (inside.delete(one)) waiting.forEach(lookAt)
    },
    has: (one) => inside.has(one),
    forEach: (items, turning, step, end) => {
      let size = limits.first
      let older: number | undefined
      const goOn = (millis: number): void => {
        size = millis < limits.quickMillis ? Math.min(limits.most, size * 2) : Math.max(limits.least, size / 2)
        older = undefined
        more()
      }
      const more = Turns.forEachUnsafe(items, turning, (item) => {
        // Counted here and not in `goOn`, because more flights leave between `goOn` and this turn.
        older ??= inside.size
        step(item)
        if (inside.size < size) return true
        waiting.add({ at: size / 2, clock: turning.clock, older, firstAt: undefined, goOn })
        return false
      }, end)
    }
  }
}
