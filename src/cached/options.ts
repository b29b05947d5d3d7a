/**
 * The options of combinators and cached functions: each once, with its check. The tables of the documentation are made
 * from the comments here (`npm run docs`).
 *
 * The engine reads these options too, so this file stands on the lowest floor.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type { LoadTimeout } from "../CacheError.ts"
import type * as CacheKey from "../CacheKey.ts"
import { type Checks, isListOfText, mistake, optional, refuseUnless } from "../internal/options/options.ts"
import { checkJitter } from "../internal/strategy/validate.ts"
import type * as Strategy from "../Strategy.ts"
import type * as Ttl from "../Ttl.ts"
import { toMillis } from "../Ttl.ts"

/**
 * What an entry takes over from the values that caches served inside its load.
 *
 * **Details**
 *
 * - `"age"`: its life counts from the birth of the oldest of them, so that nothing in it is older than its `ttl`
 * - `"life"`: it ends with the first of them that ends, and with the results of loads that it waited for
 * - `"changes"`: as `"life"`, and it ends with each invalidation, removal and write by hand of any of them: it carries their
 *   tags and their ids, those of what they were made of with `"changes"` included
 * - `"refuse"`: it is not stored if there are any
 * - `false`: nothing; its life counts from the end of its load, whatever it is made of
 *
 * @category options
 * @since 0.1.0
 */
export type Inherit = "age" | "life" | "changes" | "refuse" | false

/**
 * Options for every combinator and cached function.
 *
 * @category options
 * @since 0.1.0
 */
export interface ReadOptions<in out A, in E, in K> {
  /**
   * tags of the entry, in place of the `tags` of its key class: a list, or a function of outcome and key
   *
   * @default those of the key
   */
  readonly tags?: ReadonlyArray<string> | Strategy.Of<A, E, NoInfer<K>, ReadonlyArray<string>> | undefined
  /**
   * how long a stale value is served without another load, after a load has failed
   *
   * @default 5 seconds; 0 for `failover`
   */
  readonly retryAfter?: Ttl.Input | undefined
  /**
   * `true`: one load across the processes that share the store; `false`: this process loads beside the others, and
   * invalidations hold all the same
   *
   * @default `true` where the store is shared
   */
  readonly lease?: boolean | undefined
  /**
   * `false`: this caller gets a value that it has loaded before the store has answered to its write, which goes on in the
   * background. Under `CachePolicy.strict` it waits all the same
   *
   * @default `true`
   */
  readonly waitForWrite?: boolean | undefined
  /**
   * how long this caller waits for a load before it gets the stale value, if its strategy falls back on one (a duration, or
   * a function of the key); the load goes on in the background
   */
  readonly softTimeout?: Ttl.Input | OfKey<K> | undefined
  /**
   * how the value is copied when it is stored, and for each caller, so that neither the load nor a caller can change the
   * cached one: `"structured"` for plain data (`structuredClone`, which turns instances of classes into plain objects and
   * refuses functions), or a function. `"freeze"` copies nothing: plain objects and arrays are frozen once, when they are
   * stored or decoded, so that a change throws where it happens
   *
   * @default the value itself
   */
  readonly copy?: "structured" | "freeze" | ((value: A) => A) | undefined
  /**
   * how long memory answers before a read asks the store again, 0 for not at all; without a store it does nothing
   *
   * @default as long as the entry lives
   */
  readonly memoryTtl?: Ttl.Input | undefined
  /**
   * only a result whose load took longer than this is stored, if `when` accepts it too
   *
   * @default none: every result is stored
   */
  readonly minLoad?: Ttl.Input | undefined
  /**
   * what the entry takes over from values that caches served inside its load: `"age"` (its life counts from the birth of the
   * oldest of them), `"life"` (it ends with the first of them), `"refuse"` (it is not stored then), or `false` (nothing)
   *
   * @default that of the layer
   */
  readonly inherit?: Inherit | undefined
}

export type {
  MaxHitsOptions,
  Options as TtlOptions,
  ProbabilisticOptions,
  RefreshAheadOptions,
  SlidingOptions,
  SoftTtlOptions,
  TagOf,
  UntilInvalidatedOptions as StoreOptions
} from "../Strategy.ts"

/**
 * Options for strategies that fall back on a stale value. `E`: what the effect may fail with.
 *
 * @category options
 * @since 0.1.0
 */
export interface FallbackOptions<E, Tag extends string = Strategy.TagOf<E>> {
  /**
   * tags of the failures that are answered with the stale value, as a timeout always is. Every other typed failure is an
   * answer: the caller gets it, and the value is no fallback any more until a load succeeds
   *
   * @default every typed failure that is not stored
   */
  readonly fallbackOn?: ReadonlyArray<Tag> | undefined
  /**
   * whether a failed load is answered with the stale value; an interrupted one never is. Beside `fallbackOn`: which
   * other failures are
   *
   * @default typed failures and timeouts; beside `fallbackOn` none
   */
  readonly fallbackWhen?: ((cause: Cause.Cause<E>) => boolean) | undefined
}

/** @internal */
export interface Timeout<T, K> {
  /**
   * how long this caller waits for a load before it fails with `LoadTimeout`, or gets the stale value if its strategy
   * falls back on one: a duration, or a function of the key
   */
  readonly timeout?: T | OfKey<K>
}

/** @internal */
export type TimeoutError<T> = T extends undefined ? never : LoadTimeout

/** A duration as a function of the key, asked by each caller that waits for a load. */
type OfKey<K> = (key: K) => Ttl.Input

/** @internal */
export type Given<K> = Ttl.Input | OfKey<K> | undefined

/**
 * The options of a read without the user's types, which are checked where options are given.
 *
 * @internal
 */
export type AnyReadOptions = ReadOptions<any, any, any> & FallbackOptions<any, string> & Timeout<Given<any>, any>

const duration = (name: string) => optional((given: Ttl.Input) => void toMillis(given, name))

// what a function gives is checked where it is asked
const durationOfKey = (name: string) =>
  optional((given: Ttl.Input | OfKey<any>) => void (typeof given === "function" || toMillis(given, name)))

const waysToInherit: ReadonlySet<Inherit> = new Set(["age", "life", "changes", "refuse"])

/**
 * Throws for what is no way to inherit; `what` begins its message.
 *
 * @internal
 */
export const checkInherit = (inherit: Inherit, what: string): void => {
  if (inherit === false || waysToInherit.has(inherit)) return
  throw mistake(`${what} cannot be used: pass "age", "life", "changes", "refuse" or false`)
}

/**
 * The checks of the options of every read.
 *
 * @internal
 */
export const readOptions: Checks<ReadOptions<any, any, any> & Timeout<Given<any>, any>> = {
  tags: optional((tags) => {
    if (typeof tags === "function") return
    if (!isListOfText(tags)) {
      throw mistake("tags cannot be used: pass a list of strings, or a function that gives one")
    }
  }),
  timeout: durationOfKey("timeout"),
  retryAfter: duration("retryAfter"),
  lease: optional((lease) => {
    // the layer's option of that name is a duration
    if (typeof lease === "boolean") return
    throw mistake("lease cannot be used: pass true or false; its length is an option of the layer")
  }),
  waitForWrite: optional((waitForWrite) =>
    refuseUnless(typeof waitForWrite === "boolean", "waitForWrite cannot be used: pass true or false")
  ),
  softTimeout: durationOfKey("softTimeout"),
  copy: optional((copy) =>
    refuseUnless(
      copy === "structured" || copy === "freeze" || typeof copy === "function",
      "copy cannot be used: pass \"structured\", \"freeze\", or a function that copies a value"
    )
  ),
  memoryTtl: duration("memoryTtl"),
  minLoad: duration("minLoad"),
  inherit: optional((inherit) => checkInherit(inherit, "inherit"))
}

/**
 * The checks of the options of strategies that fall back.
 *
 * @internal
 */
export const fallbackOptions: Checks<FallbackOptions<any, string>> = {
  fallbackOn: optional((fallbackOn) =>
    refuseUnless(isListOfText(fallbackOn), "fallbackOn cannot be used: pass a list of the tags of failures")
  ),
  fallbackWhen: optional((fallbackWhen) =>
    refuseUnless(
      typeof fallbackWhen === "function",
      "fallbackWhen is no function: pass one from a Cause to true or false"
    )
  )
}

// ---------------------------------------------------------------------------------------------------------------------
// defaults
// ---------------------------------------------------------------------------------------------------------------------

/** What no layer says for all reads: what belongs to one result, what changes the failures of a read, and its own option. */
type OfOneRead = "tags" | "timeout" | "inherit"

/**
 * Options that a layer gives to all reads that do not say otherwise: `retryAfter`, `jitter`, `softTimeout`, `fallbackOn`,
 * `fallbackWhen`, `copy`, `memoryTtl`, `minLoad`, `lease` and `waitForWrite`.
 *
 * @category options
 * @since 0.1.0
 */
export interface ReadDefaults
  extends Omit<ReadOptions<any, unknown, CacheKey.Any | string>, OfOneRead>, FallbackOptions<unknown, string>
{
  /** the share of the lifetime that is taken off at random, 0 to 1, where the strategy takes none */
  readonly jitter?: number | undefined
}

const { inherit: _inherit, tags: _tags, timeout: _timeout, ...ofAllReads } = readOptions

/**
 * The checks of the defaults of a layer.
 *
 * @internal
 */
export const readDefaults: Checks<ReadDefaults> = {
  ...ofAllReads,
  ...fallbackOptions,
  jitter: optional((jitter) => void checkJitter(jitter))
}

// ---------------------------------------------------------------------------------------------------------------------
// options of the strategies
// ---------------------------------------------------------------------------------------------------------------------

type Own<O> = Omit<O, keyof Strategy.Options<unknown, unknown, unknown>>

/**
 * The options that only one combinator has, by its name.
 *
 * @internal
 */
export interface OwnOptions<A, E, K> {
  readonly none: {}
  readonly softTtl: Own<Strategy.SoftTtlOptions<A, E, K>>
  readonly refreshAhead: Own<Strategy.RefreshAheadOptions<A, E, K>>
  readonly sliding: Own<Strategy.SlidingOptions<A, E, K>>
  readonly maxHits: Own<Strategy.MaxHitsOptions<A, E, K>>
  readonly probabilistic: Own<Strategy.ProbabilisticOptions<A, E, K>>
}
