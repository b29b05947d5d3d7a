/**
 * Eviction policies select the entry to remove when memory is full and no entry has expired. Memory contains only
 * complete results, so a running load is never evicted.
 * @since 0.1.0
 */
import { makeAdaptive } from "#platform/eviction/adaptive"
import { makeFifo, makeLeastRecentlyUpdated, makeLru } from "./internal/eviction/byAge.ts"
import { makeS3Fifo } from "./internal/eviction/s3Fifo.ts"
import { makeWTinyLfu } from "./internal/eviction/wTinyLfu.ts"
import type { Eviction } from "./ports/eviction.ts"

export type { Eviction, Node, Policy } from "./ports/eviction.ts"

/** A built-in policy. The engine calls it directly, but wraps a user's policy, which may throw. @internal */
export class Own implements Eviction {
  readonly name: string
  readonly make: Eviction["make"]

  constructor(name: string, make: Eviction["make"]) {
    this.name = name
    this.make = make
  }
}

/**
 * The default policy. It simulates three rules (LRU, LIRS and S3-FIFO) on a sample of ids without values, and the cache
 * follows the rule that would have had the most hits. A hash with a secret seed selects the sample. With a capacity of
 * at most 32 entries, the policy is `lru`. With a larger capacity, it is unspecified which entry is evicted next.
 *
 * **When to use**
 *
 * Use if the access pattern is unknown or changes. Under loops, scans and mixed workloads, `adaptive` gets more hits
 * than any fixed rule. Under workloads for which `lru` is the best rule, it gets only slightly fewer hits than `lru`.
 *
 * **Example** (Keeping a part of a loop)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { Eviction } from "effect-cached/adapters"
 *
 * const hitsOf = (eviction: Eviction.Eviction) =>
 *   Effect.gen(function*() {
 *     for (let i = 0; i < 20_000; i++) yield* Cached.ttl(Effect.succeed(i), `page:${i % 1000}`, { ttl: "1 hour" })
 *     return (yield* Cached.stats).hits
 *   }).pipe(Effect.provide(CacheLayer.memory({ capacity: 500, eviction })))
 * await Effect.runPromise(hitsOf(Eviction.lru)) // => 0
 * await Effect.runPromise(hitsOf(Eviction.adaptive)) > 5000 // => true
 * ```
 *
 * @see {@link lru} for a predictable rule
 * @category constructors
 * @since 0.1.0
 */
export const adaptive: Eviction = new Own("adaptive", makeAdaptive)

/**
 * S3-FIFO as published (SOSP 2023): a new entry enters a small queue, and stays only if it is read twice in that queue.
 *
 * **When to use**
 *
 * Use if many ids are read once and never again, as on the web. `adaptive` detects such a pattern by itself.
 *
 * **Example** (Evicting entries that are read once)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { Eviction } from "effect-cached/adapters"
 *
 * const read = (key: string) => Cached.ttl(Effect.succeed(key), key, { ttl: "1 hour" })
 * const program = Effect.gen(function*() {
 *   for (let i = 0; i < 3; i++) yield* read("often")
 *   for (let i = 0; i < 1000; i++) yield* read(`once:${i}`)
 *   return yield* Cached.has("often")
 * })
 * const cache = CacheLayer.memory({ capacity: 100, eviction: Eviction.s3Fifo })
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => true
 * ```
 *
 * @see {@link adaptive} for a policy that also uses a variant of this rule
 * @category constructors
 * @since 0.1.0
 */
export const s3Fifo: Eviction = new Own("s3Fifo", makeS3Fifo)

/**
 * W-TinyLFU as in Caffeine, including its hill climber. New entries start in a window. Frequently read entries stay.
 *
 * **When to use**
 *
 * Use if the same ids stay popular for a long time. Hits cost more than in other policies: each updates a sketch.
 *
 * **Example** (Keeping frequently read entries)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { Eviction } from "effect-cached/adapters"
 *
 * const read = (key: string) => Cached.ttl(Effect.succeed(key), key, { ttl: "1 hour" })
 * const program = Effect.gen(function*() {
 *   for (let i = 0; i < 9; i++) yield* read("often")
 *   for (let i = 0; i < 1000; i++) yield* read(`once:${i}`)
 *   return yield* Cached.has("often")
 * })
 * const cache = CacheLayer.memory({ capacity: 100, eviction: Eviction.wTinyLfu })
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => true
 * ```
 *
 * @see {@link adaptive} for a policy that is better when popularity changes
 * @category constructors
 * @since 0.1.0
 */
export const wTinyLfu: Eviction = new Own("wTinyLfu", makeWTinyLfu)

/**
 * Evicts the entry that has not been read or written for the longest time (least recently used).
 *
 * **When to use**
 *
 * Use if it must be predictable which entry is evicted next.
 *
 * **Example** (Keeping the entries that are read)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { Eviction } from "effect-cached/adapters"
 *
 * const program = Effect.gen(function*() {
 *   yield* Cached.setMany([["a", 1], ["b", 2]])
 *   yield* Cached.getOption("a")
 *   yield* Cached.set("c", 3)
 *   return yield* Effect.filter(["a", "b", "c"], Cached.has)
 * })
 * const cache = CacheLayer.memory({ capacity: 2, eviction: Eviction.lru })
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => ["a", "c"]
 * ```
 *
 * @see {@link adaptive} for more hits
 * @see {@link fifo} for a policy where reads do not count
 * @category constructors
 * @since 0.1.0
 */
export const lru: Eviction = new Own("lru", makeLru)

/**
 * Evicts the entry that was added first (first in, first out). Neither a read nor a new value changes the order.
 *
 * **When to use**
 *
 * Use if all entries should stay for the same time, regardless of reads.
 *
 * **Example** (Evicting the first entry)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { Eviction } from "effect-cached/adapters"
 *
 * const program = Effect.gen(function*() {
 *   for (const key of ["a", "b", "a", "c"]) yield* Cached.set(key, key)
 *   return yield* Effect.filter(["a", "b", "c"], Cached.has)
 * })
 * const cache = CacheLayer.memory({ capacity: 2, eviction: Eviction.fifo })
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => ["b", "c"]
 * ```
 *
 * @see {@link leastRecentlyUpdated} for a policy where new values count
 * @category constructors
 * @since 0.1.0
 */
export const fifo: Eviction = new Own("fifo", makeFifo)

/**
 * Evicts the entry with the oldest value. Reads do not change the age of an entry: only a new value resets it.
 *
 * **When to use**
 *
 * Use for values, such as prices or positions, that become less useful with age even if they are read often.
 *
 * **Example** (Evicting the oldest value)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { Eviction } from "effect-cached/adapters"
 *
 * const program = Effect.gen(function*() {
 *   for (const key of ["a", "b", "a", "c"]) yield* Cached.set(key, key)
 *   return yield* Effect.filter(["a", "b", "c"], Cached.has)
 * })
 * const cache = CacheLayer.memory({ capacity: 2, eviction: Eviction.leastRecentlyUpdated })
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => ["a", "c"]
 * ```
 *
 * @see {@link lru} for a policy where reads count
 * @category constructors
 * @since 0.1.0
 */
export const leastRecentlyUpdated: Eviction = new Own("leastRecentlyUpdated", makeLeastRecentlyUpdated)
