/**
 * The types of the port for strategies. The built-in strategies are words with options.
 * @since 0.1.0
 */
import type * as Exit from "effect/Exit"
import type { Timing } from "../CacheEntry.ts"
import type * as Ttl from "../Ttl.ts"

/**
 * A strategy's decision on whether to serve a stored entry, to load, or both.
 *
 * **Details**
 *
 * - `"Serve"` serves the stored value.
 * - `"ServeAndRefresh"` serves the stored value, and loads again in the background.
 * - `"LoadOrStale"` loads, and serves the stored value if the load fails or takes too long.
 * - `"Load"` loads, and ignores the stored value.
 *
 * **Example** (Deciding for a stale entry)
 *
 * ```ts
 * import type { Strategy } from "effect-cached"
 *
 * const patient: Strategy.Strategy["decide"] = (entry, now) =>
 *   entry === undefined ? "Load" : now < entry.softExpiresAt ? "Serve" : "LoadOrStale"
 * const entry = { createdAt: 0, softExpiresAt: 60, expiresAt: 100, loadMillis: 5, outcome: "success" } as const
 * patient(entry, 60, () => 0.5) // => "LoadOrStale"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Decision = "Serve" | "ServeAndRefresh" | "Load" | "LoadOrStale"

/**
 * The lifetime of a result, in milliseconds from the end of its load.
 * @category models
 * @since 0.1.0
 */
export interface Lifetime {
  /** The time after which the result is stale. The strategy then decides whether to serve it. */
  readonly softTtl: number
  /** The time after which the result is never served. */
  readonly ttl: number
}

/**
 * A caching strategy: two pure functions, and some settings. A custom strategy needs `name`, `decide` and `lifetime`.
 *
 * **Example** (Writing a strategy)
 *
 * ```ts
 * import type { Strategy } from "effect-cached"
 *
 * const officeHours: Strategy.Strategy = {
 *   name: "officeHours",
 *   decide: (entry, now) =>
 *     entry === undefined || now >= entry.expiresAt ? "Load" : "Serve",
 *   lifetime: () => ({ softTtl: 60_000, ttl: 60_000 })
 * }
 * officeHours.decide(undefined, 0, () => 0.5) // => "Load"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Strategy<in A = unknown, in E = unknown, in K = unknown> {
  readonly name: string
  /** Decides what to do with `entry` at the time `now`. `random` returns numbers of at least 0 and below 1. */
  readonly decide: (entry: Timing | undefined, now: number, random: () => number) => Decision
  /**
   * How long to keep the outcome of a load that is to be stored: a value or, if `when` or `storeFailures` of the read
   * accepts it, a failure. `"skip"` stores nothing.
   */
  readonly lifetime: (exit: Exit.Exit<A, E>, key: K) => Lifetime | "skip"
  /** Returns the new `expiresAt` of an entry after a read at `now`. Only for strategies whose reads prolong entries. */
  readonly touch?: ((entry: Timing, now: number) => number) | undefined
  /** Whether `decide` uses `entry.reads`, which only the memory tier counts. */
  readonly countsReads?: boolean | undefined
  /** The largest share of the lifetime to subtract at random, 0 to 1. */
  readonly jitter?: number | undefined
  /** How long a stale value is served after a failed load, before another load begins. */
  readonly retryAfter?: Ttl.Input | undefined
  /** How old a load may be that a reader without a `timeout` joins, before it runs again. @internal */
  readonly patienceMillis?: number | undefined
}

/**
 * A function of a load's outcome and its key.
 * @category models
 * @since 0.1.0
 */
export type Of<in A, in E, in K, out O> = (exit: Exit.Exit<A, E>, key: K) => O

/**
 * The tags of an effect's failures: the `_tag` of each member of `E` that has one, or any string if `E` is unknown.
 * @category models
 * @since 0.1.0
 */
export type TagOf<E> = unknown extends E ? string
  : E extends { readonly _tag: infer Tag extends string } ? Tag
  : never

/** This text, which the compiler shows in place of `never`, if there are no tags that an option may name. @internal */
export type NoTag<Tag extends string, Text extends string = "there is no failure with a _tag"> = [Tag] extends [never]
  ? Text
  : never

/**
 * The options that all strategies with a time limit share.
 * @category options
 * @since 0.1.0
 */
export interface TtlOptions<in A, in E, in K> {
  /**
   * How long a result is served after its load: a duration, or a function of the outcome and the key. With `inherit`, a
   * result may expire earlier, together with cached values that its load read. A `ttl` of zero or less stores nothing.
   */
  readonly ttl: Ttl.Input | Of<A, E, K, Ttl.Input>
  /** The largest share of the lifetime, 0 to 1, to subtract at random, which spreads expirations. @default 0 */
  readonly jitter?: number | undefined
}

/**
 * Options for `softTtl`.
 * @category options
 * @since 0.1.0
 */
export interface SoftTtlOptions<in A, in E, in K> extends TtlOptions<A, E, K> {
  /**
   * The age from which a read loads again, and falls back to the stored value if the load fails: a duration below
   * `ttl`, or a function of the outcome and the key. If it is zero, or a function returns less, every
   * read loads.
   */
  readonly softTtl: Ttl.Input | Of<A, E, K, Ttl.Input>
}

/**
 * Options for `refreshAhead`.
 * @category options
 * @since 0.1.0
 */
export interface RefreshAheadOptions<in A, in E, in K> extends TtlOptions<A, E, K> {
  /**
   * The age from which each read still gets the stored value but also starts a background refresh: a duration below
   * `ttl`, or a function of the outcome and the key. If it is zero, or a function returns less,
   * every read starts a refresh.
   */
  readonly refreshAfter: Ttl.Input | Of<A, E, K, Ttl.Input>
}

/**
 * Options for `probabilistic`.
 * @category options
 * @since 0.1.0
 */
export interface ProbabilisticOptions<in A, in E, in K> extends TtlOptions<A, E, K> {
  /** How early to refresh: values above 1 refresh earlier, values below 1 later. @default 1, the XFetch optimum */
  readonly beta?: number | undefined
}

/**
 * Options for `sliding`.
 * @category options
 * @since 0.1.0
 */
export interface SlidingOptions<in A, in E, in K> extends Omit<TtlOptions<A, E, K>, "ttl"> {
  /** How long an entry stays cached without being read. */
  readonly idle: Ttl.Input
  /**
   * The longest time that a result is served, however often it is read: a duration, or a function of outcome and key.
   * @default forever
   */
  readonly ttl?: Ttl.Input | Of<A, E, K, Ttl.Input> | undefined
}

/**
 * Options for `maxHits`.
 * @category options
 * @since 0.1.0
 */
export interface MaxHitsOptions<in A, in E, in K> extends TtlOptions<A, E, K> {
  /** How many reads in this process an entry serves, not counting the read that loaded it. */
  readonly hits: number
  /** The number (from 1) of the first read that also starts a refresh, as all later reads do. @default no refresh */
  readonly refreshAfter?: number | undefined
}

interface OfTtl<A, E, K> extends TtlOptions<A, E, K> {
  readonly strategy?: "ttl" | undefined
  readonly softTtl?: never
  readonly refreshAfter?: never
  readonly beta?: never
  readonly idle?: never
  readonly hits?: never
}

interface OfSoftTtl<A, E, K> extends SoftTtlOptions<A, E, K> {
  readonly strategy: "softTtl"
}

interface OfRefreshAhead<A, E, K> extends RefreshAheadOptions<A, E, K> {
  readonly strategy: "refreshAhead"
}

interface OfProbabilistic<A, E, K> extends ProbabilisticOptions<A, E, K> {
  readonly strategy: "probabilistic"
}

interface OfSliding<A, E, K> extends SlidingOptions<A, E, K> {
  readonly strategy: "sliding"
}

interface OfMaxHits<A, E, K> extends MaxHitsOptions<A, E, K> {
  readonly strategy: "maxHits"
}

interface OfFailover<A, E, K> extends TtlOptions<A, E, K> {
  readonly strategy: "failover"
}

interface OfUntilInvalidated {
  readonly strategy: "untilInvalidated"
}

/** Without the word, the compiler would compare a misspelt option with the fields of a strategy of one's own. */
interface OfOnesOwn<A, E, K> extends Strategy<A, E, K> {
  readonly strategy?: never
}

/**
 * A strategy as an option of layers, endpoints and `Cached.withStrategy`: its word and its options, or one of your own.
 *
 * **Example** (Naming a strategy)
 *
 * ```ts
 * import type { Strategy } from "effect-cached"
 *
 * const patient: Strategy.Input = { strategy: "softTtl", softTtl: "5 minutes", ttl: "1 hour" }
 * patient.strategy // => "softTtl"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Input<A = unknown, E = unknown, K = unknown> =
  | OfTtl<A, E, K>
  | OfSoftTtl<A, E, K>
  | OfRefreshAhead<A, E, K>
  | OfProbabilistic<A, E, K>
  | OfSliding<A, E, K>
  | OfMaxHits<A, E, K>
  | OfFailover<A, E, K>
  | OfUntilInvalidated
  | OfOnesOwn<A, E, K>
