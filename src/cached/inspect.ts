/**
 * Inspects and changes a cache as a whole: its entries, size, statistics and health.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Known } from "../CacheEntry.ts"
import type { StoreError } from "../CacheError.ts"
import type { Caching, Stats } from "../Caching.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import { bound, type SizeInput } from "../internal/options/size.ts"
import { globOf } from "./targets.ts"
import { streamWithCaching, withCaching } from "./withCaching.ts"

/**
 * Streams the metadata of all entries that may be served, in no particular order. Entries that are added or removed
 * while the stream runs may or may not be included.
 *
 * **When to use**
 *
 * Use in tools, to see ages, tags and lifetimes. The stream reads the entire store or, with a pattern, all ids that
 * begin with the pattern's text up to its first special character.
 *
 * **Details**
 *
 * A pattern must match the complete `CacheKey.id`: `*` matches any run of characters, `?` any one character, and
 * `[a-z]` one character of a set.
 *
 * **Example** (Listing entries by pattern)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * await Effect.runPromise(Effect.gen(function*() {
 *   yield* Cached.set("user:1", "Ada", { tags: ["users"] })
 *   yield* Cached.set("page:1", "<h1>")
 *   return yield* Cached.entries("user:*").pipe(Stream.map(({ id, tags }) => [id, ...tags]), Stream.runCollect)
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => [["user:1", "users"]]
 * ```
 *
 * @see `Cached.getMatching` for the values
 * @category accessors
 * @since 0.1.0
 */
export const entries = (pattern = "*"): Stream.Stream<Known, StoreError, Caching> => {
  const glob = globOf("Cached.entries", pattern)
  return streamWithCaching((caching) =>
    Stream.filter(caching.perform(Operations.entries, glob.prefix), ({ id }) => glob.matches(id))
  )
}

/**
 * Counts the entries in the store, or in memory if there is no store. A store may also count expired entries,
 * and take 5 seconds for it, unless `CachePolicy.storeTimeout` says otherwise.
 *
 * **When to use**
 *
 * Use for the total number of entries. `Cached.stats` has the number in memory and makes no request to the store.
 *
 * **Example** (Counting entries)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.andThen(Cached.set("answer", 42), Cached.size)
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => 1
 * ```
 *
 * @see {@link stats} for the entries in memory
 * @category accessors
 * @since 0.1.0
 */
export const size: Effect.Effect<number, StoreError, Caching> = withCaching((caching) =>
  caching.perform(Operations.size)
)

/**
 * Removes all entries and counters from memory and from the store, including those that other processes have stored.
 *
 * **When to use**
 *
 * Use in tools and between tests.
 *
 * **Example** (Emptying a cache)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.andThen(Cached.set("answer", 42), Effect.andThen(Cached.clear, Cached.size))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => 0
 * ```
 *
 * @see `Cached.invalidate` for the results of one class: `{ all: Class }`
 * @category mutations
 * @since 0.1.0
 */
export const clear: Effect.Effect<void, never, Caching> = withCaching((caching, policy) =>
  policy.disabled.has("clear") ? Effect.void : caching.perform(Operations.clear)
)

/**
 * Gets the statistics of the cache, collected since its layer was built.
 *
 * **When to use**
 *
 * Use for hit ratios and totals in metrics or on a status page. Use its `curve` to choose a capacity: the hit ratio
 * that the memory tier would have had at other capacities. Without the layer's option `curve: true`, the curve fails
 * with a `CacheConfigError`.
 *
 * **Details**
 *
 * - Each point is the hit ratio of an LRU cache with that capacity (or weight, if entries are weighed) for the reads
 *   since the layer was built. The adaptive eviction policy usually has a higher hit ratio, and rarely a lower one.
 * - At most 4096 ids are sampled (SHARDS: Waldspurger et al., FAST 2015), so memory use is bounded. If there are more
 *   ids, points are usually within 0.02 of the true hit ratio.
 * - A read of a value that has expired or was invalidated in memory is a miss at every capacity. Setting a value that
 *   was not in memory counts as a read. A failed load does not count.
 *
 * **Example** (Counting hits and loads)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const answer = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * await Effect.runPromise(Effect.gen(function*() {
 *   yield* Effect.all([answer, answer])
 *   const { hits, loads, misses } = yield* Cached.stats
 *   return { hits, loads, misses }
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => { hits: 1, loads: 1, misses: 1 }
 * ```
 *
 * **Example** (Finding the smallest capacity that hits almost as often as any)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const page = (i: number) => Cached.ttl(Effect.succeed(i), `page:${i % 1000}`, { ttl: "1 hour" })
 * const program = Effect.gen(function*() {
 *   for (let i = 0; i < 10_000; i++) yield* page(i)
 *   const { points } = yield* (yield* Cached.stats).curve
 *   const best = points.at(-1)!.hitRatio
 *   return points.find(({ hitRatio }) => hitRatio > best - 0.01)!.capacity
 * })
 * const cache = CacheLayer.memory({ capacity: 500, curve: true })
 * const capacity = await Effect.runPromise(program.pipe(Effect.provide(cache)))
 * capacity > 700 && capacity < 1400 // => true
 * ```
 *
 * @see `Cached.events` for individual events
 * @see `simulate` of `effect-cached/testing` for comparing other policies with recorded reads
 * @see {@link resize} for changing the capacity
 * @see `Store.timings` for the durations of store operations
 * @category accessors
 * @since 0.1.0
 */
export const stats: Effect.Effect<Stats, never, Caching> = withCaching((caching) =>
  Effect.map(
    caching.perform(Operations.stats),
    (stats) =>
      Object.defineProperty(stats, "curve", { value: Effect.suspend(() => caching.perform(Operations.curve)) }) as never
  )
)

/**
 * Changes the bound of the memory tier while the cache is in use: a number of entries, or a weight (also as a size like
 * `"10 MB"`) if the tier has a `maxWeight`. The surplus is evicted, a few entries in each turn of the event loop, and
 * the effect completes once the remaining entries fit. Without a memory tier, nothing happens.
 *
 * **When to use**
 *
 * Use to give a running cache the capacity that the curve of `Cached.stats` suggests, or to free memory for other uses.
 *
 * **Example** (Shrinking)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * await Effect.runPromise(Effect.gen(function*() {
 *   for (const key of ["a", "b", "c"]) yield* Cached.set(key, key)
 *   yield* Cached.resize(2)
 *   return (yield* Cached.stats).size
 * }).pipe(Effect.provide(CacheLayer.memory({ capacity: 10 })))) // => 2
 * ```
 *
 * @see {@link stats} for its `curve`, for choosing the capacity
 * @see `CacheLayer.withHeapLimit` for shrinking memory while the heap is almost full
 * @category mutations
 * @since 0.1.0
 */
export const resize = (capacity: SizeInput): Effect.Effect<void, never, Caching> =>
  withCaching((caching) => {
    bound("capacity of Cached.resize", capacity)
    return caching.perform(Operations.resize, capacity)
  })
