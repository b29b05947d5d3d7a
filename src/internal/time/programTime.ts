/**
 * The time in which this program could have heard an answer. Where it is busy, what has been answered waits to be read, and
 * timers run before that: a timeout by the clock would end operations of a store that answers well, thousands at once. So
 * while something waits it is looked every few milliseconds how busy the program is. As long as its event loop finds no
 * rest, a tenth of the time counts; of a step that is longer than half a second, and of a stop of the process, less.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { busyProgramTimes, programTime as limits } from "../defaults/stores.ts"
import { monotonicMillis } from "./monotonic.ts"

/** What goes by a clock of its own, like a test, has the time of that. */
const realClock = Context.get(Context.empty(), Clock.Clock)

/** While timers are faked their time is all that passes. They are compared, and not called. */
const timers = (): unknown => (globalThis as { readonly [name: string]: unknown })["setTimeout"]
const realTimers = timers()
const isReal = (clock: Clock.Clock): boolean => clock === realClock && timers() === realTimers

// of the event loop, so one for all that wait
let waiting = 0
let isLooking = false
let passedMillis = 0
let lookedAt = 0
let restedMillis = NaN

/** Milliseconds that only grow, from an arbitrary beginning: those of the clock, unless something waits for an answer. */
export const programMillis = (clock: Clock.Clock): number =>
  isLooking && isReal(clock) ? passedMillis : monotonicMillis(clock)

/** From now on something waits for an answer, until `endWaiting`. By a clock of its own it may wait for ever. */
export const startWaiting = (clock: Clock.Clock): void => {
  if (clock !== realClock) return
  waiting++
  if (isLooking || timers() !== realTimers) return
  isLooking = true
  passedMillis = lookedAt = monotonicMillis(realClock)
  restedMillis = loopRestedMillis()
  Effect.runFork(looking)
}

export const endWaiting = (clock: Clock.Clock): void => {
  if (clock === realClock) waiting--
}

/** Ends when so many milliseconds of the program have passed. */
export const afterProgramMillis = (clock: Clock.Clock, millis: number): Effect.Effect<void> =>
  isReal(clock)
    ? Effect.acquireUseRelease(
      Effect.sync(() => startWaiting(clock)),
      () => untilPassed(() => programMillis(clock), millis),
      () => Effect.sync(() => endWaiting(clock))
    )
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

const looking = Effect.whileLoop({
  // what sleeps by a faked timer may never wake: until the next operation the time of the clock counts
  while: () => isLooking = waiting > 0 && timers() === realTimers,
  body: () => Effect.sleep(limits.lookMillis),
  step: () => {
    const tookMillis = monotonicMillis(realClock) - lookedAt
    const restedBefore = restedMillis
    lookedAt += tookMillis
    restedMillis = loopRestedMillis()
    passedMillis += Math.min(tookMillis, counted(tookMillis, restedMillis - restedBefore))
  }
})

/** How much of the time since the last look counts. */
const counted = (tookMillis: number, rested: number): number => {
  // not known: a timer of a page that nobody sees is late, too, and the program is not busy
  if (Number.isNaN(rested)) return limits.unknownMillis
  const least = tookMillis / limits.busyTimes
  // a process that was stopped has rested, too
  return Math.min(limits.mostMillis, rested === 0 ? least : Math.max(least, limits.lateMillis + rested))
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
