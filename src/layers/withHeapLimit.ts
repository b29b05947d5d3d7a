/**
 * A limit that shrinks the memory tier of a cache while the process heap is almost full.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import { CacheConfigError } from "../CacheError.ts"
import * as Caching from "../Caching.ts"
import { heap as defaults } from "../internal/defaults/options.ts"
import { cacheOf } from "../internal/engine/boundCache.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import { refuseUnknown } from "../internal/options/options.ts"

/**
 * Options of `CacheLayer.withHeapLimit`.
 * @category options
 * @since 0.1.0
 */
interface HeapLimitOptions {
  /** The used share of `--max-old-space-size` above which the memory tier shrinks. @default 0.8 */
  readonly above?: number | undefined
}

type CacheLayer = Layer.Layer<Caching.Caching, unknown, unknown>

/**
 * Shrinks the memory tier of a cache while the process heap is almost full, so that a cache that is too large causes
 * misses instead of a crash. Works only in Node: elsewhere, the layer dies when it is built. A program still
 * runs out of memory if it fills the heap faster than garbage is collected, or with data outside the cache.
 *
 * **When to use**
 *
 * Use as a last resort, in addition to a suitable `capacity`, or `maxWeight` for values of very different sizes.
 *
 * **Details**
 *
 * - The heap is checked after each full garbage collection, without a timer, so an idle cache does nothing.
 * - Above the limit, the memory tier is bounded to half of its content, and the rest is evicted in steps. Below 90 % of
 *   the limit, the bound doubles with each collection, up to its old value. Only the first shrinking is logged.
 * - If `Cached.resize` sets a bound while the memory tier is shrunk, that bound replaces the old value.
 *
 * **Example** (Shrinking rather than failing)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const cache = CacheLayer.memory({ capacity: 1_000_000 }).pipe(CacheLayer.withHeapLimit({ above: 0.7 }))
 * await Effect.runPromise(Cached.set("answer", 42).pipe(Effect.andThen(Cached.size), Effect.provide(cache))) // => 1
 * ```
 *
 * @see {@link withQuotas} for limits on key classes
 * @see `Cached.resize` for a bound that the program sets
 * @category combinators
 * @since 0.1.0
 */
export const withHeapLimit: {
  // Only one signature for each number of arguments: with two, type errors begin with "No overload matches this call".
  (options?: HeapLimitOptions): <Out, E, R>(cache: Layer.Layer<Out, E, R> & CacheLayer) => Layer.Layer<Out, E, R>
  <Out, E, R>(
    cache: Layer.Layer<Out, E, R> & CacheLayer,
    options: HeapLimitOptions | undefined
  ): Layer.Layer<Out, E, R>
} = dual(
  (given) => Layer.isLayer(given[0]),
  <Out, E, R>(
    cache: Layer.Layer<Out, E, R> & CacheLayer,
    options: HeapLimitOptions = {}
  ): Layer.Layer<Out, E, R> => {
    const above = check(options)
    return Layer.tap(
      cache as Layer.Layer<Out | Caching.Caching, E, R>,
      Effect.fnUntraced(function*(context: Context.Context<Caching.Caching>) {
        const { watchHeap } = yield* Effect.promise(() => import("#node/drivers/memory/heap"))
        const listener = cacheOf(Context.get(context, Caching.Caching)).perform(Operations.pressureOn, above)
        yield* Effect.acquireRelease(Effect.sync(() => watchHeap(listener)), (stop) => Effect.sync(stop))
      })
    )
  }
)

const check = (options: HeapLimitOptions): number => {
  refuseUnknown("CacheLayer.withHeapLimit", options, ["above"])
  const above = options.above ?? defaults.above
  if (typeof above === "number" && above > 0 && above < 1) return above
  throw new CacheConfigError({
    message: `above of CacheLayer.withHeapLimit must be a share between 0 and 1, not ${
      typeof above === "string" ? JSON.stringify(above) : String(above)
    }`
  })
}
