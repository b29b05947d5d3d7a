/** A clock by which a turn of the event loop is just over at every look at it: as if each step took long. */
import { Clock, Effect } from "effect"
import { turnMillis } from "../../src/internal/defaults/bounds.ts"

export const impatient = Effect.updateService(Clock.Clock, (clock) => {
  let nanos = 0n
  return Object.assign(Object.create(clock), {
    monotonicTimeNanosUnsafe: () => nanos += BigInt(turnMillis) * 1_000_000n
  })
})
