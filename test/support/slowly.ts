/** A clock whose monotonic time passes while a program looks at it, so that turns of the event loop become long. */
import { Clock, Effect } from "effect"

/** The test's clock, on which each look takes some time. */
export const slowly = (lookMillis: number): Effect.Effect<Clock.Clock> =>
  Effect.map(Clock.Clock, (clock): Clock.Clock => {
    let passed = 0n
    return {
      ...clock,
      currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
      currentTimeMillis: clock.currentTimeMillis,
      sleep: (duration) => clock.sleep(duration),
      monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe() + (passed += BigInt(lookMillis * 1e6))
    }
  })
