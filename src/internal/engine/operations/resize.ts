/** Changes the capacity of memory: `Cached.resize`. */
import * as Effect from "effect/Effect"
import { chunk } from "../../defaults/bounds.ts"
import { boundOfMemory, type SizeInput } from "../../options/size.ts"
import type { Engine } from "../engine.ts"
import * as Memory from "../memory/memory.ts"

/** Lowers the capacity in steps while excess entries leave, so that a concurrent put need not evict them all. */
export const resize = (self: Engine, given: SizeInput): Effect.Effect<void> =>
  Effect.clockWith((clock) => {
    const { memory } = self
    if (memory.capacity === 0) return Effect.void
    const capacity = boundOfMemory("capacity of Cached.resize", given, Memory.isWeighed(memory))
    const mine = ++memory.resizes
    memory.policy.resized?.(capacity)
    const step = Effect.suspend((): Effect.Effect<void> => {
      if (memory.resizes !== mine) return Effect.void
      Memory.shrink(memory, capacity, self.time.now(clock), chunk)
      return memory.capacity === capacity ? Effect.void : Effect.andThen(Effect.yieldNow, step)
    })
    return step
  })
