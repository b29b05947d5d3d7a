/**
 * The flights of a call for many keys take the steps of the store in groups: where thousands ask at once, the last ones
 * wait for longer than the store may take, and are told that it is too slow.
 */
import { groups as limits } from "../../defaults.ts"
import { monotonicMillis } from "../../monotonic.ts"
import * as Turns from "../../turns.ts"
import type { Flight } from "./flight.ts"

export interface Groups {
  /** the flight asks the store from here on */
  readonly entered: (flight: Flight) => void
  /** the store has answered it, or it waits for something else */
  readonly left: (flight: Flight) => void
  /**
   * Runs a step for each item, which may make a flight enter, and then `end`. Where a group is full, the next one waits
   * until half of its flights have left. Groups grow while they are quick.
   */
  readonly forEach: <A>(items: Iterable<A>, turning: Turns.Turning, step: (item: A) => void, end: () => void) => void
}

/** Somebody who goes on when no more flights than so many are inside. */
interface Waiting {
  readonly at: number
  readonly goOn: () => void
}

export const make = (): Groups => {
  const inside = new Set<Flight>()
  /** one for each call that has items left */
  const waiting = new Set<Waiting>()
  return {
    entered: (flight) => void inside.add(flight),
    left: (flight) => {
      if (!inside.delete(flight)) return
      for (const one of waiting) {
        if (inside.size > one.at) continue
        waiting.delete(one)
        one.goOn()
      }
    },
    forEach: (items, turning, step, end) => {
      const { clock } = turning
      let size = limits.first
      let beganAt = monotonicMillis(clock)
      const goOn = (): void => {
        const now = monotonicMillis(clock)
        const isQuick = now - beganAt < limits.quickMillis
        size = isQuick ? Math.min(limits.most, size * 2) : Math.max(limits.least, size / 2)
        beganAt = now
        more()
      }
      const more = Turns.forEachUnsafe(items, turning, (item) => {
        step(item)
        if (inside.size < size) return true
        waiting.add({ at: size / 2, goOn })
        return false
      }, end)
    }
  }
}
