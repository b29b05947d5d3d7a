/**
 * Strategies: values that decide whether to serve a stored entry or to load, and how long to keep a new result. A
 * strategy is pure, so its tests need neither a cache nor a clock. Which outcomes are stored is an option of each read.
 * @since 0.1.0
 */
import * as Kinds from "./internal/strategy/kinds.ts"
import { make } from "./internal/strategy/make.ts"
import type {
  MaxHitsOptions,
  ProbabilisticOptions,
  RefreshAheadOptions,
  SlidingOptions,
  SoftTtlOptions,
  Strategy,
  TtlOptions
} from "./ports/strategy.ts"

export type { Decision, Lifetime, Strategy } from "./ports/strategy.ts"

/**
 * Creates a strategy that serves an entry until `ttl`, and then loads it again.
 *
 * **When to use**
 *
 * Use if a value may be up to `ttl` old, and the first read after `ttl` can wait for a load.
 *
 * **Example** (Deciding by age)
 *
 * ```ts
 * import { Strategy } from "effect-cached"
 *
 * const strategy = Strategy.ttl({ ttl: 100 })
 * const entry = { createdAt: 0, softExpiresAt: 100, expiresAt: 100, loadMillis: 5, outcome: "success" } as const
 * strategy.decide(entry, 99, () => 0.5) // => "Serve"
 * strategy.decide(entry, 100, () => 0.5) // => "Load"
 * ```
 *
 * @see {@link softTtl} for a source that is sometimes down
 * @see {@link refreshAhead} for reads that do not wait for a load
 * @category constructors
 * @since 0.1.0
 */
export const ttl = <A = unknown, E = unknown, K = unknown>(options: TtlOptions<A, E, K>): Strategy<A, E, K> =>
  make(Kinds.ttl, options)

/**
 * Creates a strategy that serves an entry until `softTtl`. From `softTtl` until `ttl`, a read loads again, and falls
 * back to the stored value if the load fails or takes too long.
 *
 * **When to use**
 *
 * Use if the source is sometimes down or slow, and an older value is better than none.
 *
 * **Example** (Falling back on a stale value)
 *
 * ```ts
 * import { Exit } from "effect"
 * import { Strategy } from "effect-cached"
 *
 * const strategy = Strategy.softTtl({ ttl: "10 minutes", softTtl: "7 minutes" })
 * strategy.lifetime(Exit.succeed("sunny"), "report") // => { softTtl: 420_000, ttl: 600_000 }
 * const entry = { createdAt: 0, softExpiresAt: 420_000, expiresAt: 600_000, loadMillis: 5, outcome: "success" } as const
 * strategy.decide(entry, 500_000, () => 0.5) // => "LoadOrStale"
 * ```
 *
 * @see {@link failover} for a load on every read
 * @category constructors
 * @since 0.1.0
 */
export const softTtl = <A = unknown, E = unknown, K = unknown>(options: SoftTtlOptions<A, E, K>): Strategy<A, E, K> =>
  make(Kinds.softTtl, options)

/**
 * Creates a strategy that serves an entry until `ttl`, and from `refreshAfter` on also refreshes it in the background.
 *
 * **When to use**
 *
 * Use for frequently read values, so that no reader waits for a load.
 *
 * **Example** (Refreshing in the background)
 *
 * ```ts
 * import { Strategy } from "effect-cached"
 *
 * const strategy = Strategy.refreshAhead({ ttl: 100, refreshAfter: 60 })
 * const entry = { createdAt: 0, softExpiresAt: 60, expiresAt: 100, loadMillis: 5, outcome: "success" } as const
 * strategy.decide(entry, 60, () => 0.5) // => "ServeAndRefresh"
 * ```
 *
 * @see {@link softTtl} for reads that wait for the new value
 * @see {@link probabilistic} for many processes that read the same keys
 * @category constructors
 * @since 0.1.0
 */
export const refreshAhead = <A = unknown, E = unknown, K = unknown>(
  options: RefreshAheadOptions<A, E, K>
): Strategy<A, E, K> => make(Kinds.refreshAhead, options)

/**
 * Creates a strategy that serves an entry until `ttl`, and refreshes it in the background at random. The closer `ttl`
 * is, and the slower the last load was, the more likely a refresh is (XFetch: Vattani, Chierichetti, Lowenstein,
 * "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015).
 *
 * **When to use**
 *
 * Use if many processes share a store: they refresh at different times without any communication.
 *
 * **Example** (Refreshing by chance)
 *
 * ```ts
 * import { Strategy } from "effect-cached"
 *
 * const strategy = Strategy.probabilistic({ ttl: 100 })
 * const entry = { createdAt: 0, softExpiresAt: 100, expiresAt: 100, loadMillis: 20, outcome: "success" } as const
 * strategy.decide(entry, 90, () => 0.5) // => "ServeAndRefresh"
 * strategy.decide(entry, 90, () => 0.9) // => "Serve"
 * ```
 *
 * @see {@link refreshAhead} for a refresh at a fixed age
 * @category constructors
 * @since 0.1.0
 */
export const probabilistic = <A = unknown, E = unknown, K = unknown>(
  options: ProbabilisticOptions<A, E, K>
): Strategy<A, E, K> => make(Kinds.probabilistic, options)

/**
 * Creates a strategy that serves an entry until it has not been read for the time `idle`, and no longer than `ttl`.
 * Reads from memory extend the lifetime of the entry in the store at most ten times per `idle`.
 *
 * **When to use**
 *
 * Use for values that should stay cached as long as they are in use: sessions, drafts, carts.
 *
 * **Example** (Extending an entry's life)
 *
 * ```ts
 * import { Strategy } from "effect-cached"
 *
 * const session = Strategy.sliding({ idle: 20, ttl: 480 })
 * const times = { createdAt: 0, softExpiresAt: 480, expiresAt: 20, loadMillis: 5 }
 * session.touch?.({ ...times, outcome: "success" }, 15) // => 35
 * session.decide({ ...times, outcome: "success" }, 20, () => 0.5) // => "Load"
 * ```
 *
 * @see {@link ttl} for a lifetime that reads do not extend
 * @category constructors
 * @since 0.1.0
 */
export const sliding = <A = unknown, E = unknown, K = unknown>(options: SlidingOptions<A, E, K>): Strategy<A, E, K> =>
  make(Kinds.sliding, options)

/**
 * Creates a strategy that serves an entry for `hits` reads in this process, and then loads it again. From read number
 * `refreshAfter` on, each read also starts a refresh in the background.
 *
 * **When to use**
 *
 * Use if a value may serve only a limited number of reads. Only the memory tier counts reads, so the cache needs a
 * memory tier. After an eviction, the count restarts at 0.
 *
 * **Example** (Deciding by reads)
 *
 * ```ts
 * import { Strategy } from "effect-cached"
 *
 * const sample = Strategy.maxHits({ hits: 3, refreshAfter: 2, ttl: "1 hour" })
 * const entry = { createdAt: 0, softExpiresAt: 9, expiresAt: 9, loadMillis: 1, outcome: "success" } as const
 * const after = (reads: number) => sample.decide({ ...entry, reads }, 1, () => 0.5)
 * Array.of(0, 1, 2, 3).map(after) // => ["Serve", "ServeAndRefresh", "ServeAndRefresh", "Load"]
 * ```
 *
 * @see {@link ttl} for a limit by age alone
 * @category constructors
 * @since 0.1.0
 */
export const maxHits = <A = unknown, E = unknown, K = unknown>(options: MaxHitsOptions<A, E, K>): Strategy<A, E, K> =>
  make(Kinds.maxHits, options)

/**
 * Creates a strategy that always loads, and serves the last good value until `ttl` if the load fails or takes too long.
 *
 * **When to use**
 *
 * Use to survive failures of the source. The strategy does not reduce the number of loads.
 *
 * **Example** (Loading on every read)
 *
 * ```ts
 * import { Strategy } from "effect-cached"
 *
 * const strategy = Strategy.failover({ ttl: 100 })
 * const entry = { createdAt: 0, softExpiresAt: 100, expiresAt: 100, loadMillis: 5, outcome: "success" } as const
 * strategy.decide(entry, 1, () => 0.5) // => "LoadOrStale"
 * ```
 *
 * @see {@link softTtl} for fewer loads
 * @category constructors
 * @since 0.1.0
 */
export const failover = <A = unknown, E = unknown, K = unknown>(options: TtlOptions<A, E, K>): Strategy<A, E, K> =>
  make(Kinds.failover, options)

/**
 * The strategy that serves an entry until its key or one of its tags is invalidated.
 *
 * **When to use**
 *
 * Use if the program learns of every change to a value and invalidates the value's key or tag.
 *
 * **Example** (Never expiring)
 *
 * ```ts
 * import { Exit } from "effect"
 * import { Strategy } from "effect-cached"
 *
 * Strategy.untilInvalidated.lifetime(Exit.succeed(1), "key") // => { softTtl: Infinity, ttl: Infinity }
 * ```
 *
 * @see {@link ttl} for changes that the program does not see
 * @category constructors
 * @since 0.1.0
 */
export const untilInvalidated: Strategy = make(Kinds.untilInvalidated, {})
