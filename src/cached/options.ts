/**
 * What combinators and cached functions take: each option once, with its check. The documentation's tables are made from
 * the comments here (`npm run docs`).
 *
 * The engine reads these options too, so this file stands on the lowest floor.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import { CacheConfigError, type LoadTimeout } from "../CacheError.ts"
import { type Checks, optional } from "../internal/options.ts"
import type * as Strategy from "../Strategy.ts"
import { toMillis } from "../Ttl.ts"

/**
 * What every combinator and cached function takes.
 *
 * @category options
 * @since 0.1.0
 */
export interface ReadOptions<in out A, in E, in K> {
  /**
   * tags of the entry: a list, or a function of outcome and key
   *
   * @default those of the key
   */
  readonly tags?: ReadonlyArray<string> | Strategy.Of<A, E, K, ReadonlyArray<string>> | undefined
  /**
   * after a load failed with a stale value at hand, how long that is served without another try
   *
   * @default 5 seconds; 0 for `failover`
   */
  readonly retryAfter?: Duration.Input | undefined
  /**
   * one load across the processes that share the store; `false`: load beside them, guarded against invalidations all
   * the same
   *
   * @default `true` where the store is shared
   */
  readonly lease?: boolean | undefined
  /**
   * past it this caller gets the stale value, where its strategy would fall back on one, and the load goes on in the
   * background
   */
  readonly softTimeout?: Duration.Input | undefined
  /**
   * a copy of the value for each caller, so that none can change what is cached: `"structured"` for plain data
   * (`structuredClone`, which turns instances of classes into plain objects and refuses functions), or a function
   *
   * @default the value itself
   */
  readonly copy?: "structured" | ((value: A) => A) | undefined
  /**
   * how long at most memory answers before the store beneath is asked again, 0 for not at all; without a store it says
   * nothing
   *
   * @default as long as the entry lives
   */
  readonly memoryTtl?: Duration.Input | undefined
  /**
   * only what took longer than this to load is stored, of what `when` lets pass
   *
   * @default everything is
   */
  readonly minLoad?: Duration.Input | undefined
}

/**
 * What a strategy takes that falls back on a stale value.
 *
 * @category options
 * @since 0.1.0
 */
export interface FallbackOptions {
  /**
   * whether a failure is answered with the stale value; never asked about interruption
   *
   * @default typed failures and timeouts
   */
  // the effect may fail with more than its key says, and what that is shows only in the pipe
  readonly fallbackWhen?: ((cause: Cause.Cause<any>) => boolean) | undefined
}

/** @internal */
export interface Timeout<T> {
  /** this caller's own limit for the load: past it, it fails with `LoadTimeout`, or gets a stale value where the strategy falls back */
  readonly timeout?: T
}

/** @internal */
export type TimeoutError<T> = T extends undefined ? never : LoadTimeout

/** @internal */
export type Given = Duration.Input | undefined

/**
 * The options of a read without its types: those are the user's, and checked where options are given.
 *
 * @internal
 */
export type AnyReadOptions = ReadOptions<any, any, any> & FallbackOptions & Timeout<Given>

const duration = (name: string) => optional((given: Duration.Input) => void toMillis(given, name))

/**
 * How the options of every read are checked.
 *
 * @internal
 */
export const readOptions: Checks<ReadOptions<any, any, any> & Timeout<Given>> = {
  tags: optional((tags, of) => {
    if (typeof tags === "function") return
    if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === "string")) {
      throw new CacheConfigError({ message: `The tags of ${of} are a list of strings, or a function that gives one` })
    }
  }),
  timeout: duration("timeout"),
  retryAfter: duration("retryAfter"),
  lease: optional((lease, of) => {
    // the layer's option of that name is a duration
    if (typeof lease === "boolean") return
    throw new CacheConfigError({ message: `lease of ${of} is true or false; how long it is says the layer` })
  }),
  softTimeout: duration("softTimeout"),
  copy: optional((copy, of) => {
    if (copy === "structured" || typeof copy === "function") return
    throw new CacheConfigError({ message: `copy of ${of} is "structured", or a function that copies a value` })
  }),
  memoryTtl: duration("memoryTtl"),
  minLoad: duration("minLoad")
}

/**
 * How those of a strategy that falls back are checked.
 *
 * @internal
 */
export const fallbackOptions: Checks<FallbackOptions> = {
  fallbackWhen: optional((fallbackWhen, of) => {
    if (typeof fallbackWhen === "function") return
    throw new CacheConfigError({ message: `fallbackWhen of ${of} is a function` })
  })
}

// ---------------------------------------------------------------------------------------------------------------------
// of the strategies
// ---------------------------------------------------------------------------------------------------------------------

/**
 * What is stored of what a load brings.
 *
 * @category options
 * @since 0.1.0
 */
export interface StoreOptions<in A, in E, in K> extends Strategy.UntilInvalidatedOptions<A, E, K> {}

/**
 * How long that is served.
 *
 * @category options
 * @since 0.1.0
 */
export interface TtlOptions<in A, in E, in K> extends Strategy.Options<A, E, K> {}

type Own<O> = Omit<O, keyof Strategy.Options<unknown, unknown, unknown>>

/**
 * What `softTtl` takes beside that.
 *
 * @category options
 * @since 0.1.0
 */
export interface SoftTtlOptions extends FallbackOptions, Own<Strategy.SoftTtlOptions<unknown, unknown, unknown>> {}

/**
 * What `refreshAhead` takes beside that.
 *
 * @category options
 * @since 0.1.0
 */
export interface RefreshAheadOptions extends Own<Strategy.RefreshAheadOptions<unknown, unknown, unknown>> {}

/**
 * What `sliding` takes beside that.
 *
 * @category options
 * @since 0.1.0
 */
export interface SlidingOptions extends Own<Strategy.SlidingOptions<unknown, unknown, unknown>> {}

/**
 * What `maxHits` takes beside that.
 *
 * @category options
 * @since 0.1.0
 */
export interface MaxHitsOptions extends Own<Strategy.MaxHitsOptions<unknown, unknown, unknown>> {}

/**
 * What `probabilistic` takes beside that.
 *
 * @category options
 * @since 0.1.0
 */
export interface ProbabilisticOptions extends Own<Strategy.ProbabilisticOptions<unknown, unknown, unknown>> {}
