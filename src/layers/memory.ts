/**
 * The layer of a cache in the memory of the process.
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import * as Caching from "../Caching.ts"
import { makeInMemory } from "../internal/engine/boundCache.ts"
import { checkMemory, type MemoryOptions } from "./options.ts"

/**
 * A cache in the memory of the process. Values are stored as they are, without encoding.
 *
 * **When to use**
 *
 * Use for values that can be loaded again after a restart.
 *
 * **Example** (Bounding the number of entries)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory({ capacity: 1000 })))) // => 42
 * ```
 *
 * @see {@link disk} for results that survive a restart
 * @see {@link redis} for results that several machines share
 * @category layers
 * @since 0.1.0
 */
export const memory = (options?: MemoryOptions): Layer.Layer<Caching.Caching> => {
  return Layer.effect(Caching.Caching, makeInMemory(checkMemory(options)))
}
