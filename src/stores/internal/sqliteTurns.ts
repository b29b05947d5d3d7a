/**
 * Turns of the event loop. SQLite stops the process while it works, so who comes when a turn has taken long enough waits
 * for a later one: hundreds who come at once, each with some tenths of a millisecond, would stop it for too long.
 */
import * as Effect from "effect/Effect"
import type { SchedulerDispatcher } from "effect/Scheduler"
import { sqliteTurns as limits } from "../../internal/defaults.ts"

export interface Turns {
  /** Runs something in this turn, or in a later one, in the order in which they came. */
  readonly share: <A, E>(once: Effect.Effect<A, E>) => Effect.Effect<A, E>
}

/** `now` is of a monotonic clock; `dispatcher` runs what is to come in a later turn. */
export const make = (now: () => number, dispatcher: SchedulerDispatcher): Turns => {
  /** who waits, and since when: the oldest first */
  const waiting = new Map<() => void, number>()
  let startedAt: number | undefined

  const isOver = () => startedAt !== undefined && now() - startedAt >= limits.turnMillis

  const begin = () => {
    startedAt = now()
    dispatcher.scheduleTask(end, 0)
  }

  const end = () => {
    startedAt = undefined
    if (waiting.size === 0) return
    begin()
    for (const [wake, since] of waiting) {
      // Who has waited for so long goes on in any case: there is more work than turns.
      if (isOver() && now() - since < limits.waitMillis) return
      waiting.delete(wake)
      wake()
    }
  }

  const later = Effect.callback<void>((resume) => {
    const wake = () => resume(Effect.void)
    waiting.set(wake, now())
    return Effect.sync(() => waiting.delete(wake))
  })

  return {
    share: (once) =>
      Effect.suspend(() => {
        if (startedAt === undefined) begin()
        return waiting.size > 0 || isOver() ? Effect.andThen(later, once) : once
      })
  }
}
