/** Time for durations: the wall clock can be set while something runs. */
import type * as Clock from "effect/Clock"

/** Milliseconds that only grow, from an arbitrary beginning. */
export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
