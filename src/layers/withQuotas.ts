/**
 * Quotas that limit how much of a cache's memory a key class takes.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import { CacheConfigError } from "../CacheError.ts"
import * as Caching from "../Caching.ts"
import { cacheOf } from "../internal/engine/boundCache.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import { bytesIn, type SizeInput } from "../internal/options/size.ts"

/**
 * The quota of each key class in memory, by class name: a number of entries or, if the layer has a `maxWeight`, a
 * weight (also as a size like `"10 MB"`).
 * @category models
 * @since 0.1.0
 */
interface Quotas {
  readonly [keyClass: string]: SizeInput
}

type CacheLayer = Layer.Layer<Caching.Caching, unknown, unknown>

/**
 * Limits key classes to a quota of a cache's memory, so that one class cannot evict the entries of all others. The
 * quotas change the cache of the given layer. If that layer is also provided without quotas, and its cache is already
 * used, building the layer with quotas dies with a `CacheConfigError`.
 *
 * **When to use**
 *
 * Use if one key class has very many keys, such as searches, and another has few keys that matter more.
 *
 * **Details**
 *
 * - A class that has reached its quota evicts its own entries, by the layer's eviction policy. Other classes and string
 *   keys share the rest of `capacity` or `maxWeight`.
 * - A quota is a limit, not a reservation: if memory as a whole is full, any entry may be evicted.
 * - An entry that is heavier than the quota of its class is not kept in memory. Each entry of a class with a quota
 *   takes about 150 additional bytes.
 *
 * **Example** (Keeping searches from evicting users)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cached, CacheKey, CacheLayer } from "effect-cached"
 *
 * const payload = { of: Schema.String }
 * class User extends CacheKey.Class<User>()("User", { payload, success: Schema.String }) {}
 * class Search extends CacheKey.Class<Search>()("Search", { payload, success: Schema.String }) {}
 * const program = Effect.gen(function*() {
 *   yield* Cached.set(new User({ of: "1" }), "Ada")
 *   for (let i = 0; i < 1000; i++) yield* Cached.set(new Search({ of: `${i}` }), "found")
 *   return [yield* Cached.has(new User({ of: "1" })), (yield* Cached.stats).size]
 * })
 * const cache = CacheLayer.memory({ capacity: 100 }).pipe(CacheLayer.withQuotas({ Search: 20 }))
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => [true, 21]
 * ```
 *
 * @see `Weigher.atMost` for a limit on each entry
 * @see {@link withHeapLimit} for a limit on the process heap
 * @category combinators
 * @since 0.1.0
 */
export const withQuotas: {
  (quotas: Quotas): <Out, E, R>(cache: Layer.Layer<Out, E, R> & CacheLayer) => Layer.Layer<Out, E, R>
  <Out, E, R>(cache: Layer.Layer<Out, E, R> & CacheLayer, quotas: Quotas): Layer.Layer<Out, E, R>
} = dual(
  (given) => Layer.isLayer(given[0]),
  <Out, E, R>(cache: Layer.Layer<Out, E, R> & CacheLayer, quotas: Quotas): Layer.Layer<Out, E, R> => {
    check(quotas)
    // A copy, because the caller may change the object after the check.
    const own = { ...quotas }
    return Layer.tap(
      cache as Layer.Layer<Out | Caching.Caching, E, R>,
      (context: Context.Context<Caching.Caching>) =>
        Effect.sync(() => cacheOf(Context.get(context, Caching.Caching)).perform(Operations.enforceQuotas, own))
    )
  }
)

const check = (quotas: Quotas): void => {
  if (typeof quotas !== "object" || quotas === null) {
    throw new CacheConfigError({
      message: "The quotas of CacheLayer.withQuotas must be an object, like { Search: 1000 }"
    })
  }
  for (const [name, most] of Object.entries(quotas)) {
    if (bytesIn(most)) continue
    throw new CacheConfigError({
      message: `The quota of "${name}" in CacheLayer.withQuotas must be a whole number of at least 1, or a size like ` +
        `"100 MB", not ${typeof most === "string" ? `"${most}"` : String(most)}`
    })
  }
}
