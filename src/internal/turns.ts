/** Long lists in turns: other fibers and timers have theirs in between. */
import * as Effect from "effect/Effect"
import { many, turnMillis } from "./defaults.ts"
import { monotonicMillis } from "./monotonic.ts"

/** As `for`, without holding the event loop. */
export const forEach = <A>(items: Iterable<A>, step: (item: A) => void): Effect.Effect<void> =>
  Effect.clockWith((clock) => {
    const iterator = items[Symbol.iterator]()
    const turn = (): Effect.Effect<void> => {
      const beganAt = monotonicMillis(clock)
      for (let steps = 1;; steps++) {
        const next = iterator.next()
        if (next.done === true) return Effect.void
        step(next.value)
        // the clock costs more than a step
        if (steps % many.steps === 0 && monotonicMillis(clock) - beganAt >= turnMillis) {
          return Effect.flatMap(Effect.yieldNow, turn)
        }
      }
    }
    return Effect.suspend(turn)
  })
