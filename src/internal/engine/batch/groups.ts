/**
 * The flights of a call for many keys take the steps of the store in groups: where thousands ask at once, the last ones
 * wait for longer than the store may take, and are told that it is too slow.
 */
import type * as Clock from "effect/Clock"
import { groups as limits } from "../../defaults/bounds.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import * as Turns from "../../time/turns.ts"
import type { Flight, Groups } from "../state.ts"

/** A call that has items left, and goes on when no more flights than so many are inside. */
interface Waiting {
  readonly at: number
  readonly clock: Clock.Clock
  /** how many of the group before have yet to leave */
  older: number
  /** when the first of this group has left, in milliseconds of a monotonic clock */
  firstAt: number | undefined
  readonly goOn: (millis: number) => void
}

export const make = (): Groups => {
  const inside = new Set<Flight>()
  const waiting = new Set<Waiting>()

  const lookAt = (one: Waiting): void => {
    if (one.older-- <= 0) one.firstAt ??= monotonicMillis(one.clock)
    if (inside.size > one.at) return
    waiting.delete(one)
    one.goOn(one.firstAt === undefined ? 0 : monotonicMillis(one.clock) - one.firstAt)
  }

  return {
    entered: (flight) => void inside.add(flight),
    left: (flight) => {
      if (inside.delete(flight)) waiting.forEach(lookAt)
    },
    forEach: (items, turning, step, end) => {
      let size = limits.first
      let older = 0
      const goOn = (millis: number): void => {
        size = millis < limits.quickMillis ? Math.min(limits.most, size * 2) : Math.max(limits.least, size / 2)
        older = inside.size
        more()
      }
      const more = Turns.forEachUnsafe(items, turning, (item) => {
        step(item)
        if (inside.size < size) return true
        waiting.add({ at: size / 2, clock: turning.clock, older, firstAt: undefined, goOn })
        return false
      }, end)
    }
  }
}
