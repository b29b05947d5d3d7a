/** Limits how many operations proceed in one turn of the event loop. The others proceed in later turns, in order. */
import * as Effect from "effect/Effect"
import type { SchedulerDispatcher } from "effect/Scheduler"
import { Fifo } from "../fifo.ts"

export interface TurnLimit {
  readonly perTurn: number
  readonly dispatcher: SchedulerDispatcher
  readonly waiting: Fifo<() => void>
  /** How many more operations may proceed before the next turn begins. */
  left: number
  isResuming: boolean
}

export const make = (perTurn: number, dispatcher: SchedulerDispatcher): TurnLimit => ({
  perTurn,
  dispatcher,
  waiting: new Fifo(),
  left: perTurn,
  isResuming: false
})

/** Counts an operation in this turn. Returns `false` if the limit is reached: then the caller waits with `nextTurn`. */
export const tryEnter = (self: TurnLimit): boolean => {
  if (self.left === 0 || (self.waiting.size > 0 && !self.isResuming)) return false
  if (--self.left === 0) self.dispatcher.scheduleTask(() => beginTurn(self), 0)
  return true
}

/** Waits for a turn that has not reached its limit. The caller then calls `tryEnter` in the same step. */
export const nextTurn = (self: TurnLimit): Effect.Effect<void> =>
  Effect.callback((resume) => {
    // The fiber may have yielded since `tryEnter`. If the next turn has begun, there may be no later one to resume it.
    if (self.left > 0 && self.waiting.size === 0) return resume(Effect.void)
    let isInterrupted = false
    self.waiting.push(() => {
      if (!isInterrupted) resume(Effect.void)
    })
    return Effect.sync(() => isInterrupted = true)
  })

export const pass = (self: TurnLimit): Effect.Effect<void> =>
  Effect.suspend(() => tryEnter(self) ? Effect.void : Effect.andThen(nextTurn(self), pass(self)))

const beginTurn = (self: TurnLimit): void => {
  self.left = self.perTurn
  self.isResuming = true
  while (self.left > 0 && self.waiting.size > 0) self.waiting.shift()!()
  self.isResuming = false
}
