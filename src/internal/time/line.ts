/** A line: so many may go on in one turn of the event loop, and the others in later turns, in their order. */
import * as Effect from "effect/Effect"
import type { SchedulerDispatcher } from "effect/Scheduler"
import { Fifo } from "../fifo.ts"

export interface Line {
  readonly ofTurn: number
  readonly dispatcher: SchedulerDispatcher
  readonly waiting: Fifo<() => void>
  /** How many more may go on. */
  left: number
  /** Those that have waited go on now. */
  isMoving: boolean
}

export const make = (ofTurn: number, dispatcher: SchedulerDispatcher): Line => ({
  ofTurn,
  dispatcher,
  waiting: new Fifo(),
  left: ofTurn,
  isMoving: false
})

/** Whether one may go on in this turn. If not, it waits (`turn`). */
export const enter = (self: Line): boolean => {
  if (self.left === 0 || (self.waiting.size > 0 && !self.isMoving)) return false
  if (--self.left === 0) self.dispatcher.scheduleTask(() => move(self), 0)
  return true
}

/** Ends when it is the turn of one that may not go on now. It has to `enter` then, in the same step. */
export const turn = ({ waiting }: Line): Effect.Effect<void> =>
  Effect.callback((resume) => {
    let isGone = false
    waiting.push(() => {
      if (!isGone) resume(Effect.void)
    })
    return Effect.sync(() => isGone = true)
  })

/** Goes on in this turn, or waits for a later one. */
export const pass = (self: Line): Effect.Effect<void> =>
  Effect.suspend(() => enter(self) ? Effect.void : Effect.andThen(turn(self), pass(self)))

/** In the next turn. */
const move = (self: Line): void => {
  const { waiting } = self
  self.left = self.ofTurn
  self.isMoving = true
  try {
    while (self.left > 0 && waiting.size > 0) waiting.shift()!()
  } finally {
    self.isMoving = false
  }
}
