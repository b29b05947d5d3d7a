/** Time for measuring durations, because the wall clock can be set in between. */
import type * as Clock from "effect/Clock"

/** Milliseconds that only grow, from an arbitrary origin. */
export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
