/**
 * The layer that disables caching.
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import * as Caching from "../Caching.ts"

/**
 * A layer that caches nothing: every cached effect runs as if it were not wrapped.
 *
 * **When to use**
 *
 * Use to test or run a program without caching.
 *
 * **Example** (Loading every time)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let loads = 0
 * const count = Effect.sync(() => ++loads).pipe(Cached.ttl("count", { ttl: "1 hour" }))
 * await Effect.runPromise(Effect.all([count, count]).pipe(Effect.provide(CacheLayer.disabled))) // => [1, 2]
 * ```
 *
 * @see {@link memory} for a cache
 * @see `CachePolicy.bypass` for a single effect
 * @category layers
 * @since 0.1.0
 */
export const disabled: Layer.Layer<Caching.Caching> = Layer.succeed(Caching.Caching, Caching.disabled)
