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
    if (memory.sweeper?.isStopped() === true) return Effect.void
    const now = clock.currentTimeMillisUnsafe()
    const beganAt = monotonicMillis(clock)
    if (now < memory.deadlines.tick - sweepEveryMillis) Deadlines.rewind(memory.deadlines, now)
    for (let steps = 1;; steps++) {
      const entry = Deadlines.firstExpired(memory.deadlines, now)
      if (entry !== undefined) Memory.expire(memory, entry)
      else if (Deadlines.nextDue(memory.deadlines, now) === undefined) return Effect.void
      // Reading the clock costs more than most steps, so it is read every few steps, and after a long one (no `entry`).
      if ((entry === undefined || steps % many.steps === 0) && monotonicMillis(clock) - beganAt >= turnMillis) {
        return Effect.flatMap(Effect.yieldNow, () => sweep(self))
      }
    }
  })

export const makeSweeper = (tier: () => Memory.MemoryTier): Memory.Sweeper => {
  let fiber: Fiber.Fiber<void> | undefined
  /** The clock of the first reader whose time differs from the layer's clock, for example a `TestClock`. */
  let followed: Clock.Clock | undefined
  let isStopped = false

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
    memory.rests = reader === undefined && !isStopped
    if (reader === undefined || isStopped) return
    const clock = followed ?? Context.get(context, Clock.Clock)
    const skew = reader.currentTimeMillisUnsafe() - clock.currentTimeMillisUnsafe()
    if (reader !== clock && Math.abs(skew) > sweepEveryMillis) {
      // Readers now use a third clock, so no single clock decides which entries have expired. Sweeping stops for good.
      if (followed !== undefined) return stop()
      followed = reader
      fiber?.interruptUnsafe()
    }
    if (fiber !== undefined) return
    const started = Effect.runForkWith(followed === undefined ? context : Context.add(context, Clock.Clock, followed))(
      run(self)
    )
    if (started.pollUnsafe() !== undefined) return
    fiber = started
    started.addObserver(() => {
      fiber = undefined
    })
  }

  const stop = (): void => {
    isStopped = true
    tier().memory.rests = false
    fiber?.interruptUnsafe()
  }

  return {
    noteEntry: () => {
      const { memory } = tier()
      if (isStopped || (fiber !== undefined && !memory.rests) || Deadlines.isEmpty(memory.deadlines)) return
      wake()
    },
    wake,
    stop,
    isStopped: () => isStopped
  }
}
