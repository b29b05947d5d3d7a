/** Time for measuring durations, because the wall clock can be set in between. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** Milliseconds that only grow, from an arbitrary origin. */
export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

/** The real clock of the machine: the one that a program has unless it provides another. */
export const machineClock = Context.get(Context.empty(), Clock.Clock)

/** A real server answers in real time: if a test moved the timers, a healthy server would seem not to answer. */
export const onMachineClock = Effect.provideService(Clock.Clock, machineClock)
