/**
 * Decisions as values: what to do with what is stored, and how long to store what a load brings. Pure, so that every
 * strategy can be tested as a table; the engine alone carries decisions out.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import type { Timing } from "./CacheEntry.ts"
import { CacheConfigError } from "./CacheError.ts"
import * as Defaults from "./internal/defaults.ts"
import { refuseUnknown } from "./internal/options.ts"
import { toMillis } from "./Ttl.ts"

/**
 * Serve what is stored.
 *
 * @category decisions
 * @since 0.1.0
 */
export const Serve = "Serve"

/**
 * Serve what is stored, and load anew in the background.
 *
 * @category decisions
 * @since 0.1.0
 */
export const ServeAndRefresh = "ServeAndRefresh"

/**
 * Load; what is stored is of no use.
 *
 * @category decisions
 * @since 0.1.0
 */
export const Load = "Load"

/**
 * Load; where that fails or takes too long, serve what is stored.
 *
 * @category decisions
 * @since 0.1.0
 */
export const LoadOrStale = "LoadOrStale"

/**
 * What to do with what is stored.
 *
 * @category models
 * @since 0.1.0
 */
export type Decision = typeof Serve | typeof ServeAndRefresh | typeof Load | typeof LoadOrStale

/**
 * How long a result lives, in milliseconds from the end of its load. From `softTtl` on it is stale, from `ttl` on gone.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lifetime {
  readonly softTtl: number
  readonly ttl: number
}

/**
 * A caching strategy: two pure functions and a few preferences. Write your own by giving the two functions.
 *
 * @example
 * ```ts
 * import { Exit } from "effect"
 * import { Strategy } from "effect-cached"
 *
 * const officeHours: Strategy.Strategy = {
 *   name: "officeHours",
 *   decide: (entry, now) =>
 *     entry === undefined || now >= entry.expiresAt ? Strategy.Load : Strategy.Serve,
 *   lifetime: (exit) => Exit.isSuccess(exit) ? { softTtl: 60_000, ttl: 60_000 } : "skip"
 * }
 * officeHours.decide(undefined, 0, () => 0.5) // => "Load"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Strategy<in A = unknown, in E = unknown, in K = unknown> {
  readonly name: string
  /** what to do with `entry` at the time `now`; `random` gives numbers from 0 (included) to 1 (excluded) */
  readonly decide: (entry: Timing | undefined, now: number, random: () => number) => Decision
  /** how long to keep what a load brought, or not at all */
  readonly lifetime: (exit: Exit.Exit<A, E>, key: K) => Lifetime | "skip"
  /** where reads move the end of an entry: its new `expiresAt` when it is read at `now` */
  readonly touch?: ((entry: Timing, now: number) => number) | undefined
  /** it decides by `entry.reads`, which only a memory tier counts */
  readonly countsReads?: boolean | undefined
  /** the share of the lifetime that is taken off at random, 0 to 1 */
  readonly jitter?: number | undefined
  /** after a load failed where a stale value was at hand, serve that for so long before another try */
  readonly retryAfter?: Duration.Input | undefined
}

/**
 * A function of a load's outcome and its key.
 *
 * @category models
 * @since 0.1.0
 */
export type Of<in A, in E, in K, out O> = (exit: Exit.Exit<A, E>, key: K) => O

/**
 * What `untilInvalidated` takes, as a combinator.
 *
 * @category options
 * @since 0.1.0
 */
export interface UntilInvalidatedOptions<in A, in E, in K> {
  /**
   * store this outcome? Defects and interruptions are never asked about, nor stored
   *
   * @default successes
   */
  readonly when?: Of<A, E, K, boolean> | undefined
}

/**
 * What all timed strategies take.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options<in A, in E, in K> extends UntilInvalidatedOptions<A, E, K> {
  /**
   * how long a result is served at most, from the end of its load, or a function of outcome and key; zero or negative: it
   * is not stored
   */
  readonly ttl: Duration.Input | Of<A, E, K, Duration.Input>
  /**
   * the share of the lifetime that is taken off at random, 0 to 1, so that what was stored together does not expire
   * together
   *
   * @default 0
   */
  readonly jitter?: number | undefined
}

/**
 * What `softTtl` takes.
 *
 * @category options
 * @since 0.1.0
 */
export interface SoftTtlOptions<in A, in E, in K> extends Options<A, E, K> {
  /** from here on a read loads again, and falls back on what is stored */
  readonly softTtl: Duration.Input
}

/**
 * What `refreshAhead` takes.
 *
 * @category options
 * @since 0.1.0
 */
export interface RefreshAheadOptions<in A, in E, in K> extends Options<A, E, K> {
  /** from here on a read is served at once and refreshes in the background */
  readonly refreshAfter: Duration.Input
}

/**
 * What `probabilistic` takes.
 *
 * @category options
 * @since 0.1.0
 */
export interface ProbabilisticOptions<in A, in E, in K> extends Options<A, E, K> {
  /**
   * above 1 refreshes earlier, below 1 later
   *
   * @default 1, the paper's optimum
   */
  readonly beta?: number | undefined
}

/**
 * What `sliding` takes.
 *
 * @category options
 * @since 0.1.0
 */
export interface SlidingOptions<in A, in E, in K> extends Omit<Options<A, E, K>, "ttl"> {
  /** it expires when it was not read for so long */
  readonly idle: Duration.Input
  /**
   * and after so long in any case
   *
   * @default never
   */
  readonly ttl?: Duration.Input | Of<A, E, K, Duration.Input> | undefined
}

/**
 * What `maxHits` takes.
 *
 * @category options
 * @since 0.1.0
 */
export interface MaxHitsOptions<in A, in E, in K> extends Options<A, E, K> {
  /** it expires after so many reads of this process, the load that brought it not counted */
  readonly hits: number
  /**
   * from this read on each read also refreshes in the background, one refresh at a time; a new value counts from 0
   *
   * @default no refresh
   */
  readonly refreshAfter?: number | undefined
}

/**
 * The part of a strategy that combinators share: how to decide, how to read the options, which there are. It is
 * `this`-free but for its options, so that a combinator's effect can be its own strategy.
 *
 * @internal
 */
export interface Kind<O> {
  readonly name: string
  readonly options: ReadonlySet<string>
  readonly retryAfter: Duration.Input | undefined
  readonly decide: (options: O, entry: Timing | undefined, now: number, random: () => number) => Decision
  /** the decision rests on nothing but the entry's deadlines: no dice, and no clock where it has none */
  readonly deadlinesOnly: boolean
  /** it serves whatever is before both deadlines: then a hit need not ask */
  readonly servesFresh: boolean
  readonly lifetime: (options: O, ttl: number) => Lifetime
  readonly ttl: (options: O) => unknown
  readonly touch: ((options: O, entry: Timing, now: number) => number) | undefined
  readonly countsReads: boolean
  /** a load that fails is answered with what is stored: the combinator takes `fallbackWhen` */
  readonly fallsBack: boolean
}

/** the options of all strategies */
interface AnyOptions {
  readonly ttl?: Duration.Input | Of<any, any, any, Duration.Input> | undefined
  readonly when?: Of<any, any, any, boolean> | undefined
  readonly jitter?: number | undefined
  readonly softTtl?: Duration.Input | undefined
  /** a time, or (for `maxHits`) a number of reads */
  readonly refreshAfter?: Duration.Input | undefined
  readonly beta?: number | undefined
  readonly idle?: Duration.Input | undefined
  readonly hits?: number | undefined
}

const common: ReadonlyArray<keyof AnyOptions> = ["ttl", "when", "jitter"]

const kind = (
  name: string,
  own: ReadonlyArray<keyof AnyOptions>,
  parts: Pick<Kind<AnyOptions>, "decide"> & Partial<Kind<AnyOptions>>
): Kind<AnyOptions> => ({
  name,
  options: new Set([...common, ...own]),
  retryAfter: undefined,
  deadlinesOnly: true,
  servesFresh: true,
  lifetime: (_, ttl) => ({ softTtl: ttl, ttl }),
  ttl: (options) => options.ttl,
  touch: undefined,
  countsReads: false,
  fallsBack: false,
  ...parts
})

const isGone = (entry: Timing | undefined, now: number): entry is undefined =>
  entry === undefined || now >= entry.expiresAt

/** @internal */
export const kinds = {
  ttl: kind("ttl", [], {
    decide: (_, entry, now) => isGone(entry, now) ? Load : Serve
  }),
  softTtl: kind("softTtl", ["softTtl"], {
    fallsBack: true,
    decide: (_, entry, now) => isGone(entry, now) ? Load : now < (entry as Timing).softExpiresAt ? Serve : LoadOrStale,
    lifetime: (options, ttl) => ({ softTtl: within("softTtl", options.softTtl!, options, ttl), ttl })
  }),
  refreshAhead: kind("refreshAhead", ["refreshAfter"], {
    decide: (_, entry, now) =>
      isGone(entry, now) ? Load : now < (entry as Timing).softExpiresAt ? Serve : ServeAndRefresh,
    lifetime: (options, ttl) => ({ softTtl: within("refreshAfter", options.refreshAfter!, options, ttl), ttl })
  }),
  probabilistic: kind("probabilistic", ["beta"], {
    deadlinesOnly: false,
    servesFresh: false,
    decide: (options, entry, now, random) => {
      if (isGone(entry, now)) return Load
      // XFetch: the log of a random number is negative; the costlier the load, the earlier it is worth it
      const ahead = (entry as Timing).loadMillis * (options.beta ?? Defaults.beta)
      return ahead > 0 && now - ahead * Math.log(random()) >= (entry as Timing).expiresAt ? ServeAndRefresh : Serve
    }
  }),
  // reads move `expiresAt`; what they cannot move it past is in `softExpiresAt`
  sliding: kind("sliding", ["idle"], {
    decide: (_, entry, now) => isGone(entry, now) ? Load : Serve,
    ttl: (options) => options.ttl ?? Infinity,
    lifetime: (options, ttl) => {
      const idle = toMillis(options.idle!, "idle")
      if (idle <= 0) throw new CacheConfigError({ message: `idle is longer than nothing, not ${idle} ms` })
      return { softTtl: ttl, ttl: within("idle", idle, options, ttl) }
    },
    // never nearer: somebody else may have given it a longer life
    touch: (options, entry, now) =>
      Math.max(entry.expiresAt, Math.min(now + toMillis(options.idle!), entry.softExpiresAt))
  }),
  maxHits: kind("maxHits", ["hits", "refreshAfter"], {
    countsReads: true,
    servesFresh: false,
    decide: (options, entry, now) => {
      if (isGone(entry, now)) return Load
      const { reads = 0 } = entry as Timing
      if (reads >= options.hits!) return Load
      const { refreshAfter } = options
      return refreshAfter !== undefined && reads + 1 >= (refreshAfter as number) ? ServeAndRefresh : Serve
    }
  }),
  failover: kind("failover", [], {
    fallsBack: true,
    retryAfter: Defaults.retryAfterOfFailoverMillis,
    servesFresh: false,
    decide: (_, entry, now) => isGone(entry, now) ? Load : LoadOrStale
  }),
  untilInvalidated: kind("untilInvalidated", [], {
    options: new Set(["when"]),
    decide: (_, entry, now) => isGone(entry, now) ? Load : Serve,
    ttl: () => Infinity
  })
}

const within = (name: string, soft: Duration.Input, options: AnyOptions, ttl: number): number => {
  const millis = toMillis(soft, name)
  // where both are fixed a soft deadline behind the hard one is a mistake; where ttl is computed it only is not reached
  if (millis > ttl && typeof options.ttl !== "function" && ttl > 0) {
    throw new CacheConfigError({ message: `${name} (${millis} ms) is longer than ttl (${ttl} ms)` })
  }
  return Math.min(millis, ttl)
}

/**
 * How long to keep what a load brought. Throws where an option is no duration, or the user's function throws.
 *
 * @internal
 */
export const lifetimeOf = (
  kind: Kind<AnyOptions>,
  options: AnyOptions,
  exit: Exit.Exit<unknown, unknown>,
  key: unknown
): Lifetime | "skip" => {
  if (options.when === undefined ? Exit.isFailure(exit) : !options.when(exit, key)) return "skip"
  const input = kind.ttl(options) as Duration.Input | Of<unknown, unknown, unknown, Duration.Input>
  const ttl = toMillis(typeof input === "function" ? input(exit, key) : input)
  return ttl <= 0 ? "skip" : kind.lifetime(options, ttl)
}

/**
 * Throws a `CacheConfigError` for what can be seen to be wrong before a load has run.
 *
 * @internal
 */
export const validate = (kind: Kind<AnyOptions>, options: AnyOptions, known = kind.options): void => {
  if (typeof options !== "object" || options === null) {
    throw new CacheConfigError({ message: `${kind.name} needs an object of options` })
  }
  refuseUnknown(kind.name, options, known)
  if (options.jitter !== undefined && !(options.jitter >= 0 && options.jitter <= 1)) {
    throw new CacheConfigError({ message: `jitter is a share from 0 to 1, not ${options.jitter}` })
  }
  if (options.beta !== undefined && !(options.beta > 0 && options.beta < Infinity)) {
    throw new CacheConfigError({ message: `beta is a number above 0, not ${options.beta}` })
  }
  if (options.when !== undefined && typeof options.when !== "function") {
    throw new CacheConfigError({ message: `when of ${kind.name} is a function` })
  }
  if (kind.countsReads) validateHits(options as never)
  const ttl = kind.ttl(options)
  kind.lifetime(options, typeof ttl === "function" ? Infinity : toMillis(ttl as Duration.Input))
}

const validateHits = ({ hits, refreshAfter }: MaxHitsOptions<unknown, unknown, unknown>): void => {
  if (!(Number.isInteger(hits) && hits >= 1)) {
    throw new CacheConfigError({ message: `hits is a whole number of at least 1, not ${hits}` })
  }
  if (refreshAfter === undefined) return
  if (!(Number.isInteger(refreshAfter) && refreshAfter >= 1 && refreshAfter <= hits)) {
    throw new CacheConfigError({
      message: `refreshAfter of maxHits is a number of reads from 1 to its hits (${hits}), not ${String(refreshAfter)}`
    })
  }
}

const make = <O extends AnyOptions>(kind: Kind<AnyOptions>, options: O): Strategy<any, any, any> => {
  validate(kind, options)
  const strategy: Strategy<any, any, any> = {
    name: kind.name,
    jitter: options.jitter,
    retryAfter: kind.retryAfter,
    countsReads: kind.countsReads,
    touch: kind.touch && ((entry, now) => kind.touch!(options, entry, now)),
    decide: (entry, now, random) => kind.decide(options, entry, now, random),
    lifetime: (exit, key) => lifetimeOf(kind, options, exit, key)
  }
  // not enumerable: who makes a strategy of their own from this one decides otherwise
  return Object.defineProperty(strategy, servesFresh, { value: kind.servesFresh })
}

/** @internal */
export const servesFresh = "~servesFresh"

/**
 * Serve until `ttl`, then load again.
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
 * @category strategies
 * @since 0.1.0
 */
export const ttl = <A = unknown, E = unknown, K = unknown>(options: Options<A, E, K>): Strategy<A, E, K> =>
  make(kinds.ttl, options)

/**
 * Serve until `softTtl`, then load again and fall back on what is stored until `ttl`.
 *
 * ```ts
 * import { Exit } from "effect"
 * import { Strategy } from "effect-cached"
 *
 * const strategy = Strategy.softTtl({ ttl: "10 minutes", softTtl: "7 minutes" })
 * const lifetime = strategy.lifetime(Exit.succeed("sunny"), "report")
 * lifetime // => { softTtl: 420_000, ttl: 600_000 }
 *
 * const entry = { createdAt: 0, softExpiresAt: 420_000, expiresAt: 600_000, loadMillis: 5, outcome: "success" } as const
 * strategy.decide(entry, 500_000, () => 0.5) // => "LoadOrStale"
 * ```
 *
 * @category strategies
 * @since 0.1.0
 */
export const softTtl = <A = unknown, E = unknown, K = unknown>(options: SoftTtlOptions<A, E, K>): Strategy<A, E, K> =>
  make(kinds.softTtl, options)

/**
 * Serve until `ttl`; from `refreshAfter` on each read also refreshes in the background, one refresh at a time.
 *
 * ```ts
 * import { Strategy } from "effect-cached"
 *
 * const strategy = Strategy.refreshAhead({ ttl: 100, refreshAfter: 60 })
 * const entry = { createdAt: 0, softExpiresAt: 60, expiresAt: 100, loadMillis: 5, outcome: "success" } as const
 * strategy.decide(entry, 60, () => 0.5) // => "ServeAndRefresh"
 * ```
 *
 * @category strategies
 * @since 0.1.0
 */
export const refreshAhead = <A = unknown, E = unknown, K = unknown>(
  options: RefreshAheadOptions<A, E, K>
): Strategy<A, E, K> => make(kinds.refreshAhead, options)

/**
 * Serve until `ttl`; the nearer that comes and the longer the last load took, the likelier a read refreshes in the
 * background (XFetch: Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015).
 * Processes that share a store so refresh at different times without talking to each other.
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
 * @category strategies
 * @since 0.1.0
 */
export const probabilistic = <A = unknown, E = unknown, K = unknown>(
  options: ProbabilisticOptions<A, E, K>
): Strategy<A, E, K> => make(kinds.probabilistic, options)

/**
 * Serve until it was not read for `idle`, or until `ttl` in any case. Where there is a store, it hears of reads at most
 * ten times in an `idle`, so that what is read in one process lives on for the others and for the next start.
 *
 * @example
 * ```ts
 * import { Strategy } from "effect-cached"
 *
 * const session = Strategy.sliding({ idle: "20 minutes", ttl: "8 hours" })
 * const minutes = (n: number) => n * 60_000
 * const times = { createdAt: 0, softExpiresAt: minutes(480), expiresAt: minutes(20) }
 * const entry = { ...times, loadMillis: 5, outcome: "success" } as const
 *
 * session.touch?.(entry, minutes(15)) // => 2100000
 * session.decide(entry, minutes(20), () => 0.5) // => "Load"
 * ```
 *
 * @category strategies
 * @since 0.1.0
 */
export const sliding = <A = unknown, E = unknown, K = unknown>(options: SlidingOptions<A, E, K>): Strategy<A, E, K> =>
  make(kinds.sliding, options)

/**
 * Serve `hits` reads of this process, then load again; from the read `refreshAfter` on also refresh in the background.
 * Needs a memory tier, which counts the reads: an entry that was evicted from it counts from 0.
 *
 * @example
 * ```ts
 * import { Strategy } from "effect-cached"
 *
 * const sample = Strategy.maxHits({ hits: 3, refreshAfter: 2, ttl: "1 hour" })
 * const entry = { createdAt: 0, softExpiresAt: 9, expiresAt: 9, loadMillis: 1, outcome: "success" } as const
 * const after = (reads: number) => sample.decide({ ...entry, reads }, 1, () => 0.5)
 *
 * Array.of(0, 1, 2, 3).map(after) // => ["Serve", "ServeAndRefresh", "ServeAndRefresh", "Load"]
 * ```
 *
 * @category strategies
 * @since 0.1.0
 */
export const maxHits = <A = unknown, E = unknown, K = unknown>(options: MaxHitsOptions<A, E, K>): Strategy<A, E, K> =>
  make(kinds.maxHits, options)

/**
 * `maxHits` with `{ hits: 3, refreshAfter: 1, ttl: "24 hours" }`: each read is served at once and refreshes behind it.
 *
 * @example
 * ```ts
 * import { Strategy } from "effect-cached"
 *
 * const entry = { createdAt: 0, softExpiresAt: 9, expiresAt: 9, loadMillis: 1, outcome: "success", reads: 0 } as const
 * Strategy.dynamic.decide(entry, 1, () => 0.5) // => "ServeAndRefresh"
 * ```
 *
 * @category strategies
 * @since 0.1.0
 */
export const dynamic: Strategy = maxHits(Defaults.dynamic)

/**
 * Always load; where that fails serve the last good value while it is younger than `ttl`.
 *
 * ```ts
 * import { Strategy } from "effect-cached"
 *
 * const strategy = Strategy.failover({ ttl: 100 })
 * const entry = { createdAt: 0, softExpiresAt: 100, expiresAt: 100, loadMillis: 5, outcome: "success" } as const
 * strategy.decide(entry, 1, () => 0.5) // => "LoadOrStale"
 * ```
 *
 * @category strategies
 * @since 0.1.0
 */
export const failover = <A = unknown, E = unknown, K = unknown>(options: Options<A, E, K>): Strategy<A, E, K> =>
  make(kinds.failover, options)

/**
 * Serve until invalidated.
 *
 * ```ts
 * import { Exit } from "effect"
 * import { Strategy } from "effect-cached"
 *
 * Strategy.untilInvalidated.lifetime(Exit.succeed(1), "key") // => { softTtl: Infinity, ttl: Infinity }
 * Strategy.untilInvalidated.lifetime(Exit.fail("down"), "key") // => "skip"
 * ```
 *
 * @category strategies
 * @since 0.1.0
 */
export const untilInvalidated: Strategy = make(kinds.untilInvalidated, {})
