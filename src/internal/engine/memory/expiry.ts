/**
 * Entries that have expired leave memory, and are told of, within a second, while the cache is used. A cache that was not
 * used for a second rests: it holds no timer, and the next operation wakes it before all else.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { many, sweepEveryMillis, turnMillis } from "../../defaults/bounds.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import * as Deadlines from "./deadlines.ts"
import * as Memory from "./memory.ts"

/** Removes all that has expired, in turns of the event loop. */
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
      // the clock costs more than a step, unless thousands of deadlines were looked at
      if ((entry === undefined || steps % many.steps === 0) && monotonicMillis(clock) - beganAt >= turnMillis) {
        return Effect.flatMap(Effect.yieldNow, () => sweep(self))
      }
    }
  })

export const makeSweeper = (tier: () => Memory.MemoryTier): Memory.Sweeper => {
  let fiber: Fiber.Fiber<void> | undefined
  /** the one of the first reader in another time, where there is one: in tests the layer often has the real time */
  let followed: Clock.Clock | undefined
  let isStopped = false

  /** `rests` is the question whether anybody comes within a second: who does is sent to `wake`. */
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
    // nothing tells in which time a step outside of a fiber is: the next one inside decides
    memory.rests = reader === undefined && !isStopped
    if (reader === undefined || isStopped) return
    const clock = followed ?? Context.get(context, Clock.Clock)
    const skew = reader.currentTimeMillisUnsafe() - clock.currentTimeMillisUnsafe()
    if (reader !== clock && Math.abs(skew) > sweepEveryMillis) {
      // with readers in several times it is not known what has expired
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
