/**
 * The lock and the guard store of this process. A holder keeps its lock while its scope is open, unless the event loop
 * is blocked for longer than the lease.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as memory from "../../internal/guard/memory.ts"
import * as processLocks from "../../internal/lock/process.ts"
import * as Lock from "../../Lock.ts"
import { lockAndGuards } from "../shared/lockAndGuards.ts"

/**
 * Provides a new `Lock` and a new `GuardStore`, independent of all others.
 *
 * **When to use**
 *
 * Use to separate the locks and limits of a test, or of one part of the program, from all others.
 *
 * **Example** (Keeping limits apart)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Guard } from "effect-cached"
 * import { MemoryGuards } from "effect-cached/memory"
 *
 * const call = Effect.succeed("called").pipe(Guard.rateLimit({ key: "api", limit: 1, window: "1 minute" }))
 * const once = call.pipe(Effect.provide(MemoryGuards.layer))
 * await Effect.runPromise(once) // => "called"
 * await Effect.runPromise(once) // => "called"
 * ```
 *
 * @see `SqliteGuards.layer` for processes on one machine
 * @see `RedisGuards.layer` for processes on several machines
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never> = Layer.effectContext(
  Effect.sync(() => lockAndGuards(Lock.make(processLocks.make()), memory.make()))
)
