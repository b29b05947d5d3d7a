/**
 * Caches whose single operations are disabled.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import { underPolicy } from "../cached/underPolicy.ts"
import * as Caching from "../Caching.ts"
import { cacheOf } from "../internal/engine/boundCache.ts"
import { disabling, type Operation } from "../internal/engine/request/callPolicy.ts"
import { requireList } from "../internal/options/options.ts"

type CacheLayer = Layer.Layer<Caching.Caching, unknown, unknown>

/**
 * Disables single operations of a cache for the whole program, as `CachePolicy.disable` does for one effect: `get`
 * (reads), `set` (writes), `remove`, `invalidate` and `clear`. They are disabled inside loads and transactions too.
 *
 * **When to use**
 *
 * Use to find the cause of a problem, or for a process that must not change a shared cache.
 *
 * **Example** (Reading without writing)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let loads = 0
 * const count = Effect.sync(() => ++loads).pipe(Cached.ttl("count", { ttl: "1 hour" }))
 * const cache = CacheLayer.memory().pipe(CacheLayer.withDisabled(["set"]))
 * await Effect.runPromise(Effect.all([count, count]).pipe(Effect.provide(cache))) // => [1, 2]
 * ```
 *
 * @see {@link disabled} for disabling all operations
 * @see `CachePolicy.disable` for the operations of one effect
 * @category combinators
 * @since 0.1.0
 */
export const withDisabled: {
  (
    operations: ReadonlyArray<Operation>
  ): <Out, E, R>(cache: Layer.Layer<Out, E, R> & CacheLayer) => Layer.Layer<Out, E, R>
  <Out, E, R>(cache: Layer.Layer<Out, E, R> & CacheLayer, operations: ReadonlyArray<Operation>): Layer.Layer<Out, E, R>
} = dual(
  2,
  <Out, E, R>(
    cache: Layer.Layer<Out, E, R> & CacheLayer,
    operations: ReadonlyArray<Operation>
  ): Layer.Layer<Out, E, R> => {
    const what = "CacheLayer.withDisabled"
    requireList(what, operations, "operation")
    const change = disabling(what, operations)
    const map = (context: Context.Context<Caching.Caching>) =>
      Context.add(context, Caching.Caching, underPolicy(cacheOf(Context.get(context, Caching.Caching)), change))
    return Layer.flatMap(
      cache as Layer.Layer<Caching.Caching, E, R>,
      (built) => Layer.succeedContext(map(built))
    ) as unknown as Layer.Layer<Out, E, R>
  }
)
