/**
 * The cache as a whole: its entries, size, counters and health.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { StoreError } from "../CacheError.ts"
import type { Caching, Known, Stats } from "../Caching.ts"
import type { Cache } from "../internal/engine/cache.ts"
import * as Glob from "../internal/glob.ts"
import { withCaching } from "./withCaching.ts"

const stream = <A>(f: (caching: Cache) => Stream.Stream<A, StoreError>) =>
  Stream.unwrap(withCaching((caching) => Effect.succeed(f(caching))))

/**
 * What is known of everything that is cached and may be served, a few at a time and in no particular order. A pattern
 * picks some: `*` is any run of characters, `?` is one, `[a-z]` one of a set; it is matched against `CacheKey.id`.
 *
 * It looks at everything the store has, or at what begins with what the pattern begins with: a tool for people, not for
 * every request. What comes and goes meanwhile may be told or not.
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
 * @category operations
 * @since 0.1.0
 */
export const entries = (pattern = "*"): Stream.Stream<Known, StoreError, Caching> => {
  const glob = Glob.make(pattern)
  return stream((caching) => Stream.filter(caching.entries(glob.prefix), ({ id }) => glob.matches(id)))
}

/**
 * The ids of everything that is cached and may be served: see `entries`.
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.andThen(Cached.set("user:1", "Ada"), Stream.runCollect(Cached.scan("user:?")))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => ["user:1"]
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const scan = (pattern = "*"): Stream.Stream<string, StoreError, Caching> =>
  Stream.map(entries(pattern), ({ id }) => id)

/**
 * How many entries there are: in the store, where there is one, which may count what has expired and is not cleaned up.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.andThen(Cached.set("answer", 42), Cached.size)
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => 1
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const size: Effect.Effect<number, StoreError, Caching> = withCaching((caching) => caching.size)

/**
 * Whether the store answers, within the store's time limit; fails with its `StoreError` where it does not.
 *
 * @category operations
 * @since 0.1.0
 */
export const ping: Effect.Effect<void, StoreError, Caching> = withCaching((caching) => caching.ping)

/**
 * Empties the cache: memory and store, whoever wrote there.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.andThen(Cached.set("answer", 42), Effect.andThen(Cached.clear, Cached.size))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => 0
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const clear: Effect.Effect<void, never, Caching> = withCaching((caching, policy) =>
  policy.disabled.has("clear") ? Effect.void : caching.clear
)

/**
 * What the cache has done since its layer was built.
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
 * @category operations
 * @since 0.1.0
 */
export const stats: Effect.Effect<Stats, never, Caching> = withCaching((caching) => caching.stats)
