/** A clock by which a turn of the event loop is over at every look at it: as if each step took long. */
import { Clock, Effect } from "effect"

export const impatient = Effect.updateService(Clock.Clock, (clock) => {
  let nanos = 0n
  return Object.assign(Object.create(clock), { monotonicTimeNanosUnsafe: () => nanos += 1_000_000_000n })
})
