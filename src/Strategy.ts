/**
 * Strategies: what to do with a stored entry, and how long to keep a new result, as values.
 *
 * A strategy is pure and can be tested as a table. The engine alone carries its decisions out.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type { Timing } from "./CacheEntry.ts"
import { CacheConfigError } from "./CacheError.ts"
import * as Defaults from "./internal/defaults/options.ts"
import {
  answerOf,
  inCall,
  isListOfText,
  nearest,
  noOption,
  requireObject,
  unknownOf
} from "./internal/options/options.ts"
import type * as Ttl from "./Ttl.ts"
import { toMillis } from "./Ttl.ts"

/**
 * The decision to serve what is stored.
 *
 * **Example** (Deciding for a fresh entry)
 *
 * ```ts
 * import { Strategy } from "effect-cached"
 *
 * const entry = { createdAt: 0, softExpiresAt: 100, expiresAt: 100, loadMillis: 5, outcome: "success" } as const
 * Strategy.ttl({ ttl: 100 }).decide(entry, 99, () => 0.5) === Strategy.Serve // => true
 * ```
 *
 * @category decisions
 * @since 0.1.0
 */
export const Serve = "Serve"

/**
 * The decision to serve what is stored, and to load anew in the background.
 *
 * **Example** (Deciding for an entry that is due for a refresh)
 *
 * ```ts
 * import { Strategy } from "effect-cached"
 *
 * const strategy = Strategy.refreshAhead({ ttl: 100, refreshAfter: 60 })
 * const entry = { createdAt: 0, softExpiresAt: 60, expiresAt: 100, loadMillis: 5, outcome: "success" } as const
 * strategy.decide(entry, 60, () => 0.5) === Strategy.ServeAndRefresh // => true
 * ```
 *
 * @category decisions
 * @since 0.1.0
 */
export const ServeAndRefresh = "ServeAndRefresh"

/**
 * The decision to load, and to make no use of what is stored.
 *
 * **Example** (Deciding without an entry)
 *
 * ```ts
 * import { Strategy } from "effect-cached"
 *
 * Strategy.ttl({ ttl: 100 }).decide(undefined, 0, () => 0.5) === Strategy.Load // => true
 * ```
 *
 * @category decisions
 * @since 0.1.0
 */
export const Load = "Load"

/**
 * The decision to load, and to serve what is stored if the load fails or takes too long.
 *
 * **Example** (Deciding for a stale entry)
 *
 * ```ts
 * import { Strategy } from "effect-cached"
 *
 * const strategy = Strategy.softTtl({ ttl: 100, softTtl: 60 })
 * const entry = { createdAt: 0, softExpiresAt: 60, expiresAt: 100, loadMillis: 5, outcome: "success" } as const
 * strategy.decide(entry, 60, () => 0.5) === Strategy.LoadOrStale // => true
 * ```
 *
 * @category decisions
 * @since 0.1.0
 */
export const LoadOrStale = "LoadOrStale"

/**
 * The answer of a strategy: what to do with a stored entry.
 *
 * @category models
 * @since 0.1.0
 */
export type Decision = typeof Serve | typeof ServeAndRefresh | typeof Load | typeof LoadOrStale

/**
 * How long a result lives, in milliseconds from the end of its load.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lifetime {
  /** from here on it is stale: the strategy decides what that means */
  readonly softTtl: number
  /** from here on it is never served */
  readonly ttl: number
}

/**
 * A caching strategy: two pure functions, and some preferences.
 *
 * **Details**
 *
 * Of your own strategy give `decide` and `lifetime`; everything else is optional.
 *
 * **Example** (Writing a strategy)
 *
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
  /** the name of the strategy */
  readonly name: string
  /** what to do with `entry` at the time `now`; `random` gives numbers from 0 (included) to 1 (excluded) */
  readonly decide: (entry: Timing | undefined, now: number, random: () => number) => Decision
  /** how long to keep the outcome of a load; `"skip"`: it is not stored */
  readonly lifetime: (exit: Exit.Exit<A, E>, key: K) => Lifetime | "skip"
  /** where reads move the end of an entry: its new `expiresAt` after a read at `now` */
  readonly touch?: ((entry: Timing, now: number) => number) | undefined
  /** whether it decides by `entry.reads`, which only memory counts */
  readonly countsReads?: boolean | undefined
  /** the share of the lifetime that is taken off at random, 0 to 1 */
  readonly jitter?: number | undefined
  /** how long a stale value is served without another load, after a load has failed */
  readonly retryAfter?: Ttl.Input | undefined
}

/**
 * A function of the outcome of a load and its key.
 *
 * @category models
 * @since 0.1.0
 */
export type Of<in A, in E, in K, out O> = (exit: Exit.Exit<A, E>, key: K) => O

/**
 * The tags of the failures of an effect: the `_tag` of each member of `E` that has one; any text where `E` is unknown.
 *
 * @category models
 * @since 0.1.0
 */
export type TagOf<E> = unknown extends E ? string
  : E extends { readonly _tag: infer Tag extends string } ? Tag
  : never

/**
 * Options for every strategy: which outcomes are stored. An outcome is stored where all of them accept it that are
 * given.
 *
 * @category options
 * @since 0.1.0
 */
export interface UntilInvalidatedOptions<in A, in out E, in K> {
  /**
   * whether an outcome is stored; it is never asked about defects and interruptions, which are not stored
   *
   * @default only successes are stored, and the failures that `storeFailures` names
   */
  readonly when?: Of<A, E, K, boolean> | undefined
  /**
   * whether a value is stored; it is never asked about failures
   *
   * @default every value is stored
   */
  readonly storeIf?: ((value: A, key: K) => boolean) | undefined
  /**
   * tags of the failures that are stored
   *
   * @default none; beside `when` those that it accepts
   */
  readonly storeFailures?: ReadonlyArray<TagOf<E>> | undefined
}

/**
 * Options for every timed strategy: which outcomes are stored, and for how long.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options<in A, in out E, in K> extends UntilInvalidatedOptions<A, E, K> {
  /**
   * how long a result is served at most, from the end of its load (from the birth of the oldest cached value in it, if there
   * is one: `inherit`): a duration, or a function of outcome and key; zero or negative: it is not stored
   */
  readonly ttl: Ttl.Input | Of<A, E, K, Ttl.Input>
  /**
   * the share of the lifetime that is taken off at random, 0 to 1, so that results stored together do not expire
   * together
   *
   * @default 0
   */
  readonly jitter?: number | undefined
}

/**
 * Options for `softTtl`.
 *
 * @category options
 * @since 0.1.0
 */
export interface SoftTtlOptions<in A, in out E, in K> extends Options<A, E, K> {
  /**
   * the age from which a read loads again, and falls back on what is stored: a duration, or a function of outcome and key;
   * zero or negative: every read loads
   */
  readonly softTtl: Ttl.Input | Of<A, E, K, Ttl.Input>
}

/**
 * Options for `refreshAhead`.
 *
 * @category options
 * @since 0.1.0
 */
export interface RefreshAheadOptions<in A, in out E, in K> extends Options<A, E, K> {
  /**
   * the age from which a read is served at once and refreshes in the background: a duration, or a function of outcome and
   * key; zero or negative: every read refreshes
   */
  readonly refreshAfter: Ttl.Input | Of<A, E, K, Ttl.Input>
}

/**
 * Options for `probabilistic`.
 *
 * @category options
 * @since 0.1.0
 */
export interface ProbabilisticOptions<in A, in out E, in K> extends Options<A, E, K> {
  /**
   * how early to refresh: above 1 earlier, below 1 later
   *
   * @default 1, the paper's optimum
   */
  readonly beta?: number | undefined
}

/**
 * Options for `sliding`.
 *
 * @category options
 * @since 0.1.0
 */
export interface SlidingOptions<in A, in out E, in K> extends Omit<Options<A, E, K>, "ttl"> {
  /** how long an entry lives without being read */
  readonly idle: Ttl.Input
  /**
   * how long a result is served at most, however often it is read: a duration, or a function of outcome and key
   *
   * @default for ever
   */
  readonly ttl?: Ttl.Input | Of<A, E, K, Ttl.Input> | undefined
}

/**
 * Options for `maxHits`.
 *
 * @category options
 * @since 0.1.0
 */
export interface MaxHitsOptions<in A, in out E, in K> extends Options<A, E, K> {
  /** how many reads of this process an entry serves, without the read that loaded it */
  readonly hits: number
  /**
   * the number of the read from which each read also refreshes in the background, one refresh at a time; a new value
   * counts from 0
   *
   * @default no refresh
   */
  readonly refreshAfter?: number | undefined
}

/**
 * The part of a strategy that all its combinators share: how to decide, and which options there are. Its functions get
 * the options as an argument, so that a combinator's effect can be its own strategy.
 *
 * @internal
 */
export interface Kind<O> {
  readonly name: string
  readonly options: ReadonlySet<string>
  readonly retryAfter: Ttl.Input | undefined
  readonly decide: (options: O, entry: Timing | undefined, now: number, random: () => number) => Decision
  /** it decides by the deadlines of the entry alone: no random numbers, and no clock if there is no deadline */
  readonly deadlinesOnly: boolean
  /** it serves every entry before both deadlines, so a hit need not ask it */
  readonly servesFresh: boolean
  /** `beside`: what the option of that name gives, where it is no function any more */
  readonly lifetime: (options: O, ttl: number, beside: unknown) => Lifetime
  readonly ttl: (options: O) => unknown
  /** throws for its own options that make no sense */
  readonly check: ((options: O) => void) | undefined
  /** the option that gives its lifetime beside `ttl` */
  readonly beside: keyof O | undefined
  readonly touch: ((options: O, entry: Timing, now: number) => number) | undefined
  readonly countsReads: boolean
  /** a failed load is answered with what is stored, and the combinator has the options `fallbackOn` and `fallbackWhen` */
  readonly fallsBack: boolean
}

/** The options of all strategies. */
interface AnyOptions {
  readonly ttl?: Ttl.Input | Of<any, any, any, Ttl.Input> | undefined
  readonly when?: Of<any, any, any, boolean> | undefined
  readonly storeIf?: ((value: any, key: any) => boolean) | undefined
  readonly storeFailures?: ReadonlyArray<string> | undefined
  readonly jitter?: number | undefined
  readonly softTtl?: Ttl.Input | Of<any, any, any, Ttl.Input> | undefined
  /** a time, or (for `maxHits`) a number of reads */
  readonly refreshAfter?: Ttl.Input | Of<any, any, any, Ttl.Input> | undefined
  readonly beta?: number | undefined
  readonly idle?: Ttl.Input | undefined
  readonly hits?: number | undefined
}

const conditions = ["when", "storeIf", "storeFailures"] as const satisfies ReadonlyArray<
  keyof UntilInvalidatedOptions<unknown, unknown, unknown>
>
const common: ReadonlyArray<keyof AnyOptions> = ["ttl", "jitter", ...conditions]

/** The options that only some strategies have. Their names alone say where an option belongs that another has not. */
const own = {
  ttl: [],
  softTtl: ["softTtl"],
  refreshAhead: ["refreshAfter"],
  probabilistic: ["beta"],
  sliding: ["idle"],
  maxHits: ["hits", "refreshAfter"],
  failover: [],
  untilInvalidated: []
} as const satisfies { readonly [name: string]: ReadonlyArray<keyof AnyOptions> }

type Name = keyof typeof own

const optionsOf = (name: Name): ReadonlySet<string> =>
  new Set(name === "untilInvalidated" ? conditions : [...common, ...own[name]])

/** @internal */
export const fallingBack: ReadonlyArray<string> = ["softTtl", "failover"] satisfies ReadonlyArray<Name>

/**
 * The names of the strategies that have an option.
 *
 * @internal
 */
export const strategiesWith = (option: string): ReadonlyArray<string> =>
  (Object.keys(own) as Array<Name>).filter((name) => optionsOf(name).has(option))

const kind = (
  name: Name,
  parts: Pick<Kind<AnyOptions>, "decide"> & Partial<Kind<AnyOptions>>
): Kind<AnyOptions> => ({
  name,
  options: optionsOf(name),
  retryAfter: undefined,
  deadlinesOnly: true,
  servesFresh: true,
  lifetime: (_, ttl) => ({ softTtl: ttl, ttl }),
  ttl: (options) => options.ttl,
  check: undefined,
  beside: undefined,
  touch: undefined,
  countsReads: false,
  fallsBack: fallingBack.includes(name),
  ...parts
})

const isGone = (entry: Timing | undefined, now: number): entry is undefined =>
  entry === undefined || now >= entry.expiresAt

/** @internal */
export const ttlKind = kind("ttl", {
  decide: (_, entry, now) => isGone(entry, now) ? Load : Serve
})

/** @internal */
export const softTtlKind = kind("softTtl", {
  beside: "softTtl",
  decide: (_, entry, now) => isGone(entry, now) ? Load : now < (entry as Timing).softExpiresAt ? Serve : LoadOrStale,
  lifetime: (options, ttl, softTtl) => ({ softTtl: within("softTtl", softTtl, options, ttl), ttl })
})

/** @internal */
export const refreshAheadKind = kind("refreshAhead", {
  beside: "refreshAfter",
  decide: (_, entry, now) =>
    isGone(entry, now) ? Load : now < (entry as Timing).softExpiresAt ? Serve : ServeAndRefresh,
  lifetime: (options, ttl, refreshAfter) => ({ softTtl: within("refreshAfter", refreshAfter, options, ttl), ttl })
})

/** @internal */
export const probabilisticKind = kind("probabilistic", {
  check: (options) => checkBeta(options),
  deadlinesOnly: false,
  servesFresh: false,
  decide: (options, entry, now, random) => {
    if (isGone(entry, now)) return Load
    // XFetch: the log of a random number is negative; the costlier the load, the earlier it is worth it
    const ahead = (entry as Timing).loadMillis * (options.beta ?? Defaults.beta)
    return ahead > 0 && now - ahead * Math.log(random()) >= (entry as Timing).expiresAt ? ServeAndRefresh : Serve
  }
})

/**
 * Its reads move `expiresAt`, up to `softExpiresAt`.
 *
 * @internal
 */
export const slidingKind = kind("sliding", {
  beside: "idle",
  decide: (_, entry, now) => isGone(entry, now) ? Load : Serve,
  ttl: (options) => options.ttl ?? Infinity,
  lifetime: (options, ttl) => {
    const idle = toMillis(options.idle!, "idle")
    if (idle <= 0) throw new CacheConfigError({ message: `idle cannot be ${idle} ms: pass a duration above zero` })
    return { softTtl: ttl, ttl: within("idle", idle, options, ttl) }
  },
  // never nearer: `Cached.touch` may have given it a longer life
  touch: (options, entry, now) =>
    Math.max(entry.expiresAt, Math.min(now + toMillis(options.idle!), entry.softExpiresAt))
})

/** @internal */
export const maxHitsKind = kind("maxHits", {
  check: (options) => checkHits(options),
  countsReads: true,
  servesFresh: false,
  decide: (options, entry, now) => {
    if (isGone(entry, now)) return Load
    const { reads = 0 } = entry as Timing
    if (reads >= options.hits!) return Load
    const { refreshAfter } = options
    return refreshAfter !== undefined && reads + 1 >= (refreshAfter as number) ? ServeAndRefresh : Serve
  }
})

/** @internal */
export const failoverKind = kind("failover", {
  retryAfter: Defaults.retryAfterOfFailoverMillis,
  servesFresh: false,
  decide: (_, entry, now) => isGone(entry, now) ? Load : LoadOrStale
})

/** @internal */
export const untilInvalidatedKind = kind("untilInvalidated", {
  decide: (_, entry, now) => isGone(entry, now) ? Load : Serve,
  ttl: () => Infinity
})

const within = (name: keyof AnyOptions, soft: unknown, options: AnyOptions, ttl: number): number => {
  const millis = toMillis(soft as Ttl.Input, name)
  // what a function gives may have passed already
  if (typeof options[name] === "function") return Math.max(0, Math.min(millis, ttl))
  // with a fixed ttl a soft deadline behind the hard one is a mistake; with a computed ttl it is just not reached
  if (millis > ttl && typeof options.ttl !== "function" && ttl > 0) {
    throw new CacheConfigError({
      message: `${name} (${millis} ms) is longer than ttl (${ttl} ms): shorten ${name}, or lengthen ttl`
    })
  }
  return Math.min(millis, ttl)
}

/**
 * How long to keep the outcome of a load. Throws if an option is no duration, or if the user's function throws.
 *
 * @internal
 */
export const lifetimeOf = (
  kind: Kind<AnyOptions>,
  options: AnyOptions,
  exit: Exit.Exit<unknown, unknown>,
  key: unknown
): Lifetime | "skip" => {
  if (!isStored(options, exit, key)) return "skip"
  const given = (input: unknown): unknown => typeof input === "function" ? input(exit, key) : input
  const ttl = toMillis(given(kind.ttl(options)) as Ttl.Input)
  return ttl <= 0 ? "skip" : kind.lifetime(options, ttl, given(besideOf(kind, options)))
}

/** Whether all that is given accepts an outcome; a failure nobody accepts by saying nothing. */
const isStored = (
  { storeFailures, storeIf, when }: AnyOptions,
  exit: Exit.Exit<unknown, unknown>,
  key: unknown
): boolean => {
  if (when !== undefined && !answerOf("when", when(exit, key))) return false
  if (Exit.isSuccess(exit)) return storeIf === undefined || answerOf("storeIf", storeIf(exit.value, key))
  if (storeFailures === undefined) return when !== undefined
  return exit.cause.reasons.every((reason) => Cause.isFailReason(reason) && hasTag(reason.error, storeFailures))
}

/**
 * Whether a failure has one of the tags.
 *
 * @internal
 */
export const hasTag = (error: unknown, tags: ReadonlyArray<string>): boolean =>
  typeof error === "object" && error !== null && "_tag" in error && tags.includes(error._tag as string)

const besideOf = (kind: Kind<AnyOptions>, options: AnyOptions): unknown => kind.beside && options[kind.beside]

/**
 * Whether the options give a constant lifetime, which no function makes.
 *
 * @internal
 */
export const isConstant = (kind: Kind<AnyOptions>, options: AnyOptions): boolean =>
  typeof kind.ttl(options) !== "function" && typeof besideOf(kind, options) !== "function"

/**
 * The lifetime of a strategy whose options give a constant one. Throws if an option is no duration.
 *
 * @internal
 */
export const constantOf = (kind: Kind<AnyOptions>, options: AnyOptions): Lifetime => {
  const ttl = toMillis(kind.ttl(options) as Ttl.Input)
  return kind.lifetime(options, ttl, besideOf(kind, options))
}

/**
 * Throws a `CacheConfigError` for every mistake in the options of a strategy that shows before a load has run. The
 * caller refuses unknown options, and says which call was given them.
 *
 * @internal
 */
export const validate = (kind: Kind<AnyOptions>, options: AnyOptions): void => {
  checkJitter(options.jitter)
  kind.check?.(options)
  validateConditions(options)
  const ttl = kind.ttl(options)
  const beside = besideOf(kind, options)
  kind.lifetime(
    options,
    typeof ttl === "function" ? Infinity : toMillis(ttl as Ttl.Input),
    // what a function gives is not known yet
    typeof beside === "function" ? 0 : beside
  )
}

const validateConditions = ({ storeFailures, storeIf, when }: AnyOptions): void => {
  if (when !== undefined && typeof when !== "function") {
    throw new CacheConfigError({
      message: "when is no function: pass one from outcome and key to true or false"
    })
  }
  if (storeIf !== undefined && typeof storeIf !== "function") {
    throw new CacheConfigError({
      message: "storeIf is no function: pass one from value and key to true or false"
    })
  }
  if (storeFailures === undefined || isListOfText(storeFailures)) return
  throw new CacheConfigError({
    message: "storeFailures cannot be used: pass a list of the tags of failures"
  })
}

/**
 * The share of the lifetime that is taken off at random. Throws a `CacheConfigError` for what is no share.
 *
 * @internal
 */
export const checkJitter = (jitter: number | undefined): number => {
  if (jitter === undefined) return 0
  if (typeof jitter === "number" && jitter >= 0 && jitter <= 1) return jitter
  throw new CacheConfigError({ message: `jitter cannot be ${String(jitter)}: pass a share from 0 to 1` })
}

const checkBeta = ({ beta }: AnyOptions): void => {
  if (beta === undefined || (beta > 0 && beta < Infinity)) return
  throw new CacheConfigError({ message: `beta cannot be ${beta}: pass a number above 0` })
}

const checkHits = (options: AnyOptions): void => {
  const { hits, refreshAfter } = options as MaxHitsOptions<unknown, unknown, unknown>
  if (!(Number.isInteger(hits) && hits >= 1)) {
    throw new CacheConfigError({ message: `hits cannot be ${hits}: pass a whole number of at least 1` })
  }
  if (refreshAfter === undefined) return
  if (!(Number.isInteger(refreshAfter) && refreshAfter >= 1 && refreshAfter <= hits)) {
    throw new CacheConfigError({
      message: `refreshAfter cannot be ${String(refreshAfter)}: pass a number of reads from 1 to hits (${hits})`
    })
  }
}

const checkOptions = (kind: Kind<AnyOptions>, options: AnyOptions): void => {
  const call = `Strategy.${kind.name}`
  requireObject(call, options, "{ ttl: \"1 hour\" }")
  const unknown = unknownOf(options, kind.options)
  if (unknown !== undefined) {
    throw new CacheConfigError({ message: `${call} has ${noOption(unknown, kind.options, homeOf(unknown, kind))}` })
  }
  try {
    validate(kind, options)
  } catch (thrown) {
    throw inCall(call, thrown)
  }
}

/** Where an option belongs that a strategy does not have. */
const homeOf = (option: string, { options }: Kind<AnyOptions>): string | undefined => {
  const [owner] = strategiesWith(option)
  if (owner !== undefined) return `it belongs to Strategy.${owner}.`
  if (nearest(option, Array.from(options)) !== undefined) return undefined
  return "options of a read stand beside the strategy, in Cached.fn or the combinator."
}

const make = <O extends AnyOptions>(kind: Kind<AnyOptions>, options: O): Strategy<any, any, any> => {
  checkOptions(kind, options)
  const strategy: Strategy<any, any, any> = {
    name: kind.name,
    jitter: options.jitter,
    retryAfter: kind.retryAfter,
    countsReads: kind.countsReads,
    touch: kind.touch && ((entry, now) => kind.touch!(options, entry, now)),
    decide: (entry, now, random) => kind.decide(options, entry, now, random),
    lifetime: (exit, key) => lifetimeOf(kind, options, exit, key)
  }
  // not enumerable, so that a strategy made by spreading this one does not get it
  return Object.defineProperties(strategy, {
    [servesFresh]: { value: kind.servesFresh },
    [fallsBack]: { value: kind.fallsBack },
    [constant]: { value: isConstant(kind, options) ? constantOf(kind, options) : undefined }
  })
}

/** @internal */
export const servesFresh = "~servesFresh"

/** @internal */
export const fallsBack = "~fallsBack"

/** @internal */
export const constant = "~constant"

/**
 * Creates a strategy that serves until `ttl`, then loads again.
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
 * @category constructors
 * @since 0.1.0
 */
export const ttl = <A = unknown, E = unknown, K = unknown>(options: Options<A, E, K>): Strategy<A, E, K> =>
  make(ttlKind, options)

/**
 * Creates a strategy that serves until `softTtl`, then loads again and falls back on what is stored until `ttl`.
 *
 * **Example** (Falling back on a stale value)
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
 * @category constructors
 * @since 0.1.0
 */
export const softTtl = <A = unknown, E = unknown, K = unknown>(options: SoftTtlOptions<A, E, K>): Strategy<A, E, K> =>
  make(softTtlKind, options)

/**
 * Creates a strategy that serves until `ttl`, and from `refreshAfter` on also refreshes in the background, one refresh
 * at a time.
 *
 * **Example** (Refreshing behind a read)
 *
 * ```ts
 * import { Strategy } from "effect-cached"
 *
 * const strategy = Strategy.refreshAhead({ ttl: 100, refreshAfter: 60 })
 * const entry = { createdAt: 0, softExpiresAt: 60, expiresAt: 100, loadMillis: 5, outcome: "success" } as const
 * strategy.decide(entry, 60, () => 0.5) // => "ServeAndRefresh"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const refreshAhead = <A = unknown, E = unknown, K = unknown>(
  options: RefreshAheadOptions<A, E, K>
): Strategy<A, E, K> => make(refreshAheadKind, options)

/**
 * Creates a strategy that serves until `ttl`, and refreshes in the background with a probability that grows towards
 * `ttl` and with the duration of the last load.
 *
 * **When to use**
 *
 * Use when many processes share a store: they refresh at different times without any communication.
 *
 * **Details**
 *
 * The algorithm is XFetch (Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB
 * 2015).
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
 * @category constructors
 * @since 0.1.0
 */
export const probabilistic = <A = unknown, E = unknown, K = unknown>(
  options: ProbabilisticOptions<A, E, K>
): Strategy<A, E, K> => make(probabilisticKind, options)

/**
 * Creates a strategy that serves until an entry was not read for `idle`, and until `ttl` at most.
 *
 * **Details**
 *
 * A read in memory is reported to the store at most ten times in an `idle`, so that an entry lives on for other
 * processes and for the next start.
 *
 * **Example** (Moving the end of an entry)
 *
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
 * @category constructors
 * @since 0.1.0
 */
export const sliding = <A = unknown, E = unknown, K = unknown>(options: SlidingOptions<A, E, K>): Strategy<A, E, K> =>
  make(slidingKind, options)

/**
 * Creates a strategy that serves `hits` reads of this process, then loads again; from read number `refreshAfter` on it
 * also refreshes in the background.
 *
 * **Gotchas**
 *
 * It needs a memory tier, which counts the reads. An entry that was evicted counts from 0.
 *
 * **Example** (Deciding by reads)
 *
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
 * @see {@link dynamic} for a ready-made one
 *
 * @category constructors
 * @since 0.1.0
 */
export const maxHits = <A = unknown, E = unknown, K = unknown>(options: MaxHitsOptions<A, E, K>): Strategy<A, E, K> =>
  make(maxHitsKind, options)

/**
 * The strategy `maxHits` with `{ hits: 3, refreshAfter: 1, ttl: "24 hours" }`: each read is served at once and
 * refreshes behind it.
 *
 * **Example** (Refreshing behind every read)
 *
 * ```ts
 * import { Strategy } from "effect-cached"
 *
 * const entry = { createdAt: 0, softExpiresAt: 9, expiresAt: 9, loadMillis: 1, outcome: "success", reads: 0 } as const
 * Strategy.dynamic.decide(entry, 1, () => 0.5) // => "ServeAndRefresh"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const dynamic: Strategy = maxHits(Defaults.dynamic)

/**
 * Creates a strategy that always loads, and serves the last good value until `ttl` if the load fails or takes too long.
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
 * @category constructors
 * @since 0.1.0
 */
export const failover = <A = unknown, E = unknown, K = unknown>(options: Options<A, E, K>): Strategy<A, E, K> =>
  make(failoverKind, options)

/**
 * The strategy that serves until the key or one of its tags is invalidated.
 *
 * **Example** (Living for ever)
 *
 * ```ts
 * import { Exit } from "effect"
 * import { Strategy } from "effect-cached"
 *
 * Strategy.untilInvalidated.lifetime(Exit.succeed(1), "key") // => { softTtl: Infinity, ttl: Infinity }
 * Strategy.untilInvalidated.lifetime(Exit.fail("down"), "key") // => "skip"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const untilInvalidated: Strategy = make(untilInvalidatedKind, {})
