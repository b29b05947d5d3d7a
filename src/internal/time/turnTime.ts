/** Limits how long operations run in one turn of the event loop. The others run in later turns, in order. */
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"
import { Fifo } from "../fifo.ts"
import { monotonicMillis } from "./monotonic.ts"
import { type Turning, turns } from "./turns.ts"

export interface TurnTime extends Turning {
  readonly waiting: Fifo<() => void>
  beganAt: number | undefined
}

export const make = (turning: Turning): TurnTime => ({ ...turning, waiting: new Fifo(), beganAt: undefined })

/** Waits for a turn with time left. The caller then runs its operation in the same step. `runSync` cannot wait. */
export const pass = (self: TurnTime): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    if (self.beganAt === undefined) begin(self)
    const isFree = self.waiting.size === 0 && hasTime(self)
    return isFree || fiber.getRef(Scheduler.Scheduler).executionMode === "sync" ? Effect.void : nextTurn(self)
  })

const nextTurn = (self: TurnTime): Effect.Effect<void> =>
  Effect.callback((resume) => {
    let isInterrupted = false
    // The fiber may have yielded since `pass`. If the turn has ended since, no later one is planned that resumes it.
    if (self.beganAt === undefined) begin(self)
    self.waiting.push(() => {
      if (!isInterrupted) resume(Effect.void)
    })
    return Effect.sync(() => isInterrupted = true)
  })

const begin = (self: TurnTime): void => {
  self.beganAt = monotonicMillis(self.clock)
  self.dispatcher.scheduleTask(() => endTurn(self), 0)
}

const endTurn = (self: TurnTime): void => {
  self.beganAt = undefined
  if (self.waiting.size === 0) return
  begin(self)
  do self.waiting.shift()!()
  while (self.waiting.size > 0 && hasTime(self))
}

const hasTime = ({ beganAt, clock }: TurnTime): boolean => monotonicMillis(clock) - beganAt! < turns.millis
