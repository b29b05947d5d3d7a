/** A clock for tests: its wall time can be set, and its monotonic time can stand still, as of a suspended machine. */
import { Clock, Effect } from "effect"

export interface WallAndMonotonic {
  readonly clock: Clock.Clock
  /** Sets the wall clock forward, or back if negative. The monotonic clock does not notice. */
  readonly set: (millis: number) => Effect.Effect<void>
  /** As if the last `millis` had passed while the machine was suspended, and its monotonic clock stood still. */
  readonly suspended: (millis: number) => Effect.Effect<void>
  /** How often the monotonic clock was read. */
  readonly looks: () => number
}

/** Follows the clock in use, such as a `TestClock`. */
export const wallAndMonotonic: Effect.Effect<WallAndMonotonic> = Effect.map(Clock.Clock, (clock) => {
  let wall = 0
  let monotonic = 0
  let looks = 0
  const now = () => clock.currentTimeMillisUnsafe() + wall
  const nanos = () => {
    looks++
    return clock.monotonicTimeNanosUnsafe() - BigInt(monotonic) * 1_000_000n
  }
  return {
    clock: {
      // A `TestClock` can still be adjusted.
      ...clock,
      currentTimeMillisUnsafe: now,
      currentTimeMillis: Effect.sync(now),
      currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe() + BigInt(wall) * 1_000_000n,
      currentTimeNanos: Effect.sync(() => clock.currentTimeNanosUnsafe() + BigInt(wall) * 1_000_000n),
      monotonicTimeNanosUnsafe: nanos,
      monotonicTimeNanos: Effect.sync(nanos)
    },
    set: (millis) => Effect.sync(() => void (wall += millis)),
    suspended: (millis) => Effect.sync(() => void (monotonic += millis)),
    looks: () => looks
  }
})
