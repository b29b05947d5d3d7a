/**
 * Quotas of key classes within the memory of a cache.
 *
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
 * What the entries of key classes may take of memory at most, by the name of the class: so many entries, or so much weight,
 * also as a size like `"10 MB"`, where the layer has a `maxWeight`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Quotas {
  readonly [keyClass: string]: SizeInput
}

type CacheLayer = Layer.Layer<Caching.Caching, unknown, unknown>

/**
 * Gives key classes a quota of the memory of a cache: one class cannot push out all others.
 *
 * **When to use**
 *
 * Use where one class has very many keys, such as searches, and another few that matter more.
 *
 * **Details**
 *
 * - A class has never more than its quota, and its own entries leave for what it stores: which ones says the eviction policy of
 *   the layer. Classes that are not named, and string keys, have what `capacity` or `maxWeight` leaves.
 * - A quota is a limit and no reservation: where all entries together are too many, any may leave.
 * - An entry that alone weighs more than its quota is not kept in memory.
 * - Each entry of a class with a quota takes some 150 bytes more.
 * - Throws a `CacheConfigError` for a quota that is no whole number of at least 1.
 *
 * **Gotchas**
 *
 * It changes the cache of the layer that it is given. A layer that is also provided without it, and in use already, dies with a
 * `CacheConfigError` when it is built.
 *
 * **Example** (Keeping searches from pushing out users)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cached, CacheKey, CacheLayer } from "effect-cached"
 *
 * class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.String }) {}
 * class Search extends CacheKey.Class<Search>()("Search", { payload: { text: Schema.String }, success: Schema.String }) {}
 *
 * const program = Effect.gen(function*() {
 *   yield* Cached.set(new User({ id: 1 }), "Ada")
 *   for (let i = 0; i < 1000; i++) yield* Cached.set(new Search({ text: `${i}` }), "found")
 *   return [yield* Cached.has(new User({ id: 1 })), (yield* Cached.stats).size]
 * })
 * const cache = CacheLayer.memory({ capacity: 100 }).pipe(CacheLayer.withQuotas({ Search: 20 }))
 *
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => [true, 21]
 * ```
 *
 * @see `Weigher.atMost` for a limit of a single entry
 *
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
    // what the caller changes later is not what was checked
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
      message: `The quota of "${name}" in CacheLayer.withQuotas must be a whole number of at least 1, not ${
        String(most)
      }`
    })
  }
}
