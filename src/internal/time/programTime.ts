/**
 * Measures the time in which this program could have received an answer. In a busy program, timers fire before waiting
 * answers are read, so a timeout by the clock would end thousands of operations of a healthy store at once. While an
 * operation waits, the program's load is measured every few milliseconds. If the event loop is never idle, a tenth of
 * the time counts; during a step longer than half a second, or while the process is stopped, even less.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { busyProgramTimes, programTime as limits } from "../defaults/stores.ts"
import { machineClock as realClock, monotonicMillis } from "./monotonic.ts"

/** The current `setTimeout`, only for comparison: if it has changed, a test fakes the timers. */
const timers = (): unknown => (globalThis as { readonly [name: string]: unknown })["setTimeout"]
const realTimers = timers()
/** Whether program time is used. Effects with another clock, such as tests, use the time of that clock. */
const isReal = (clock: Clock.Clock): boolean => clock === realClock && timers() === realTimers

// This state is shared by all waiting operations, because there is only one event loop.
let waiting = 0
let isLooking = false
let passedMillis = 0
let lookedAt = 0
let restedMillis = NaN

/** Milliseconds that never decrease: program time while an operation waits for an answer, otherwise clock time. */
export const programMillis = (clock: Clock.Clock): number =>
  isLooking && isReal(clock) ? passedMillis : monotonicMillis(clock)

/** Marks that an operation waits for an answer, until `endWaiting`. Ignores clocks of tests, which may stand still. */
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

export const afterProgramMillis = (clock: Clock.Clock, millis: number): Effect.Effect<void> =>
  isReal(clock)
    ? Effect.acquireUseRelease(
      Effect.sync(() => startWaiting(clock)),
      () => untilPassed(() => programMillis(clock), millis),
      () => Effect.sync(() => endWaiting(clock))
    )
    : Effect.sleep(millis)

/** Ends when `millis` have passed according to `timeNow`, or at the latest after a sleep of several times `millis`. */
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
  // The loop also ends if timers are faked, because a sleep might then never end. From then on, clock time counts.
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

const counted = (tookMillis: number, rested: number): number => {
  // If idle time is unknown, late timers do not prove a busy program: in a hidden page, they are late without load.
  if (Number.isNaN(rested)) return limits.unknownMillis
  const least = tookMillis / limits.busyTimes
  // `mostMillis` is needed if the process was stopped, because the runtime counts the time of the stop as idle.
  return Math.min(limits.mostMillis, rested === 0 ? least : Math.max(least, limits.lateMillis + rested))
}

/** The total time for which the event loop was idle. `NaN` if the runtime does not report it, or has just started. */
export const loopRestedMillis = (): number => {
  const { performance } = globalThis as { performance?: { eventLoopUtilization?: () => Utilization | undefined } }
  const used = performance?.eventLoopUtilization?.()
  return used !== undefined && used.active > 0 ? used.idle : NaN
}

interface Utilization {
  readonly idle: number
  readonly active: number
}
