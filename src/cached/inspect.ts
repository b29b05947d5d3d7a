/**
 * The cache in all: its entries, size, counters and health.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { StoreError } from "../CacheError.ts"
import type { Caching, Known, Stats } from "../Caching.ts"
import * as Operations from "../internal/engine/operations.ts"
import { globOf } from "./targets.ts"
import { streamWithCaching, withCaching } from "./withCaching.ts"

/**
 * Streams the metadata of all entries that may be served, in no particular order.
 *
 * **Details**
 *
 * A pattern selects entries by `CacheKey.id`, which must match it completely: `*` is any run of characters, `?` is one,
 * `[a-z]` is one of a set. Entries that come or go while the stream runs may be missing or included.
 *
 * **Gotchas**
 *
 * It reads the entire store, or all ids that begin with the text before the first special character of the pattern. Use
 * it in tools, not for every request.
 *
 * **Example** (Listing entries by pattern)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.gen(function*() {
 *   yield* Cached.set("user:1", "Ada", { tags: ["users"] })
 *   yield* Cached.set("page:1", "<h1>")
 *   return yield* Cached.entries("user:*").pipe(Stream.map(({ id, tags }) => [id, ...tags]), Stream.runCollect)
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [["user:1", "users"]]
 * ```
 *
 * @see {@link scan} for the ids alone
 * @see `Cached.getMatching` for the values
 *
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
 * Streams the ids of all entries that may be served, in no particular order.
 *
 * **Example** (Listing ids by pattern)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.andThen(Cached.set("user:1", "Ada"), Stream.runCollect(Cached.scan("user:?")))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => ["user:1"]
 * ```
 *
 * @see {@link entries} for the metadata too, and for patterns
 *
 * @category accessors
 * @since 0.1.0
 */
export const scan = (pattern = "*"): Stream.Stream<string, StoreError, Caching> =>
  Stream.map(entries(pattern), ({ id }) => id)

/**
 * Counts the entries: those of the store, or of memory where there is no store.
 *
 * **Details**
 *
 * A store may count expired entries that it has not cleaned up.
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
 * @category accessors
 * @since 0.1.0
 */
export const size: Effect.Effect<number, StoreError, Caching> = withCaching((caching) =>
  caching.perform(Operations.size)
)

/**
 * Checks that the store answers within its budget, and fails with its `StoreError` if it does not.
 *
 * **Details**
 *
 * Without a store it succeeds.
 *
 * **Example** (Checking the health of a cache)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const health = Cached.ping.pipe(Effect.as("up"), Effect.catchTag("StoreError", () => Effect.succeed("down")))
 * await Effect.runPromise(health.pipe(Effect.provide(CacheLayer.memory()))) // => "up"
 * ```
 *
 * @category accessors
 * @since 0.1.0
 */
export const ping: Effect.Effect<void, StoreError, Caching> = withCaching((caching) => caching.perform(Operations.ping))

/**
 * Empties the cache: removes everything from memory and from the store, entries of other processes and counters too.
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
 * @category mutations
 * @since 0.1.0
 */
export const clear: Effect.Effect<void, never, Caching> = withCaching((caching, policy) =>
  policy.disabled.has("clear") ? Effect.void : caching.perform(Operations.clear)
)

/**
 * Gets the counters of the cache, from when its layer was built.
 *
 * **Example** (Counting hits and loads)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const answer = Effect.succeed(42).pipe(Cached.ttl({ key: "answer", ttl: "1 hour" }))
 *
 * const program = Effect.gen(function*() {
 *   yield* answer
 *   yield* answer
 *   const { hits, loads, misses } = yield* Cached.stats
 *   return { hits, loads, misses }
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => { hits: 1, loads: 1, misses: 1 }
 * ```
 *
 * @see `Cached.events` for what happens one by one
 *
 * @category accessors
 * @since 0.1.0
 */
export const stats: Effect.Effect<Stats, never, Caching> = withCaching((caching) => caching.perform(Operations.stats))
