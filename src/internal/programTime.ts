/**
 * The time in which this program could have heard an answer. Where it is busy, what has been answered waits to be read, and
 * timers run before that: a timeout by the clock would end operations of a store that answers well, thousands at once. So
 * it is looked again and again how busy the program is. While its event loop finds no rest, a tenth of the time counts; of
 * a long step, and of a stop of the process, little more than the time between two looks.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { busyProgramTimes, programTime as limits } from "./defaults.ts"
import { monotonicMillis } from "./monotonic.ts"

/** What goes by a clock of its own, like a test, has the time of that. */
const realClock = Context.get(Context.empty(), Clock.Clock)

/** While timers are faked their time is all that passes. They are compared, and not called. */
const timers = (): unknown => Reflect.get(globalThis, "setTimeout")
const realTimers = timers()

// of the event loop, so one for all that wait
let passedMillis = 0
let lookedAt = 0
let restedMillis = NaN
let waiting = 0
let isLooking = false

/** Milliseconds that only grow, from an arbitrary beginning; while something waits for them. */
export const programMillis = (clock: Clock.Clock): number => clock === realClock ? passedMillis : monotonicMillis(clock)

/** Ends when so many milliseconds of the program have passed. */
export const afterProgramMillis = (clock: Clock.Clock, millis: number): Effect.Effect<void> =>
  clock === realClock && timers() === realTimers
    ? waitingFor(clock, untilPassed(() => passedMillis, millis))
    : Effect.sleep(millis)

/** Ends when so much of a time has passed; in any case after so many times that by the clock. */
export const untilPassed = (timeNow: () => number, millis: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const end = timeNow() + millis
    let leftMillis = millis * busyProgramTimes
    return Effect.whileLoop({
      while: () => timeNow() < end && leftMillis > 0,
      body: () => {
        const pauseMillis = Math.max(1, end - timeNow())
        leftMillis -= pauseMillis
        return Effect.sleep(pauseMillis)
      },
      step: () => {}
    })
  })

/** Runs what waits for a time to come. */
export const waitingFor = <A, E, R>(clock: Clock.Clock, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  if (clock !== realClock) return effect
  return Effect.suspend(() => {
    waiting++
    if (!isLooking) startLooking()
    return Effect.ensuring(effect, Effect.sync(() => waiting--))
  })
}

const startLooking = (): void => {
  isLooking = true
  lookedAt = monotonicMillis(realClock)
  restedMillis = loopRestedMillis()
  Effect.runFork(looking)
}

const looking = Effect.whileLoop({
  while: () => isLooking = waiting > 0,
  body: () => Effect.sleep(limits.lookMillis),
  step: () => {
    const tookMillis = monotonicMillis(realClock) - lookedAt
    const restedBefore = restedMillis
    lookedAt += tookMillis
    restedMillis = loopRestedMillis()
    passedMillis += counted(tookMillis, restedMillis - restedBefore)
  }
})

/** How much of the time since the last look counts. Where it is not known how long the loop has rested, it has. */
const counted = (tookMillis: number, rested: number): number => {
  if (rested === 0) return Math.min(tookMillis / limits.busyTimes, limits.mostMillis)
  // a process that was stopped has rested too
  return Math.min(tookMillis, limits.mostMillis, Number.isNaN(rested) ? Infinity : limits.lateMillis + rested)
}

/** How long the event loop has waited for something to do; `NaN` where the runtime does not tell, or has just begun. */
const loopRestedMillis = (): number => {
  const { performance } = globalThis as { performance?: { eventLoopUtilization?: () => Utilization | undefined } }
  const used = performance?.eventLoopUtilization?.()
  return used !== undefined && used.active > 0 ? used.idle : NaN
}

interface Utilization {
  readonly idle: number
  readonly active: number
}
