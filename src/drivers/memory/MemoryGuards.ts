/**
 * Locks inside this process, for callers that share one `Lock` value. A holder keeps its lock while its scope is open,
 * unless the event loop is blocked for longer than the lease.
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import * as processLocks from "../../internal/lock/process.ts"
import * as Lock from "../../Lock.ts"

/**
 * Provides a new `Lock`, independent of all others.
 *
 * **When to use**
 *
 * Use to keep the locks of a test, or of one part of the program, separate from all other locks.
 *
 * **Example** (Reading growing tokens)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Lock } from "effect-cached/adapters"
 * import { ProcessLock } from "effect-cached/memory"
 *
 * const held = Effect.gen(function*() {
 *   const lock = yield* Lock.Lock
 *   const { token } = yield* lock.acquire("report", { lease: "5 seconds", wait: "10 seconds" })
 *   return token
 * })
 * const program = Effect.zipWith(Effect.scoped(held), Effect.scoped(held), (first, second) => second > first)
 * await Effect.runPromise(program.pipe(Effect.provide(ProcessLock.layer))) // => true
 * ```
 *
 * @see `SqliteLock.layer` for processes on one machine
 * @see `RedisLock.layer` for processes on several machines
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never> = Layer.sync(Lock.Lock, () => Lock.make(processLocks.make()))
