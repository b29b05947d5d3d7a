/** Removes entries within a second after they expire. While the cache is unused, the sweeper rests without a timer. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { many, sweepEveryMillis, turnMillis } from "../../defaults/bounds.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import * as Deadlines from "./deadlines.ts"
import * as Memory from "./memory.ts"

export const sweep = (self: Memory.MemoryTier): Effect.Effect<void> =>
  Effect.clockWith((clock) => {
    const { memory } = self
    if (memory.sweeper?.clock() === null) return Effect.void
    const now = self.time.now(clock)
    const beganAt = monotonicMillis(clock)
    for (let steps = 1;; steps++) {
      const entry = Deadlines.firstExpired(memory.deadlines, now)
      if (entry !== undefined) Memory.expire(memory, entry, now)
      else if (Deadlines.nextDue(memory.deadlines, now) === undefined) return Effect.void
      // Reading the clock costs more than most steps, so it is read every few steps, and after a long one (no `entry`).
      if ((entry === undefined || steps % many.steps === 0) && monotonicMillis(clock) - beganAt >= turnMillis) {
        return Effect.flatMap(Effect.yieldNow, () => sweep(self))
      }
    }
  })

export const makeSweeper = (tier: () => Memory.MemoryTier): Memory.Sweeper => {
  let fiber: Fiber.Fiber<void> | undefined
  /**
   * The layer's clock, or that of the first reader whose time differs from it, for example a `TestClock`. `undefined`
   * before the first read, and `null` once the sweeper has stopped.
   */
  let followed: Clock.Clock | null | undefined

  /** Sweeps once a second. Sets `rests` after each sweep, and ends if `rests` is still set a second later. */
  const run = (self: Memory.MemoryTier): Effect.Effect<void> =>
    Effect.flatMap(sweep(self), () => {
      if (Deadlines.isEmpty(self.memory.deadlines)) return Effect.void
      self.memory.rests = true
      return Effect.flatMap(Effect.sleep(sweepEveryMillis), () => self.memory.rests ? Effect.void : run(self))
    })

  const wake = (): void => {
    const self = tier()
    const { context, memory } = self
    const reader = Fiber.getCurrent()?.getRef(Clock.Clock)
    // Outside a fiber the reader's clock is unknown, so the sweeper rests until an operation inside a fiber.
    memory.rests = reader === undefined && followed !== null
    if (reader === undefined || followed === null) return
    const own = Context.get(context, Clock.Clock)
    followed ??= own
    const skew = reader.currentTimeMillisUnsafe() - followed.currentTimeMillisUnsafe()
    if (reader !== followed && Math.abs(skew) > sweepEveryMillis) {
      // Readers now use a third clock, so no single clock decides which entries have expired. Sweeping stops for good.
      if (followed !== own) return stop()
      followed = reader
      fiber?.interruptUnsafe()
    }
    if (fiber !== undefined) return
    const started = Effect.runForkWith(Context.add(context, Clock.Clock, followed))(run(self))
    if (started.pollUnsafe() !== undefined) return
    fiber = started
    started.addObserver(() => {
      fiber = undefined
    })
  }

  const stop = (): void => {
    followed = null
    tier().memory.rests = false
    fiber?.interruptUnsafe()
  }

  return {
    noteEntry: () => {
      const { memory } = tier()
      if (followed === null || (fiber !== undefined && !memory.rests) || Deadlines.isEmpty(memory.deadlines)) return
      wake()
    },
    wake,
    stop,
    clock: () => followed
  }
}
