/** Monotonic time for measuring durations. The wall clock is unsuitable: it may be changed during a measurement. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

interface Placed {
  readonly context: Context.Context<never>
}

/** The clock in the context of a fiber or an engine. */
export const clockOf = ({ context }: Placed): Clock.Clock => Context.get(context, Clock.Clock)

/** Monotonic time by the clock of a fiber or an engine. */
export const monotonicNow = (of: Placed): number => monotonicMillis(clockOf(of))

/** The machine's real clock, which a program uses unless it provides another. */
export const machineClock = Context.get(Context.empty(), Clock.Clock)

/** Runs an effect on the real clock: a server answers in real time, even if a test moves its own clock. */
export const onMachineClock = Effect.provideService(Clock.Clock, machineClock)
