/**
 * Declares the options of combinators and cached functions, with their checks. `npm run generate` makes tables in the
 * documentation from the comments in this file.
 *
 * The engine uses these options too, so this file belongs to the lowest layer of the architecture (floor 1).
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type { LoadTimeout } from "../CacheError.ts"
import type * as CacheKey from "../CacheKey.ts"
import {
  type Checks,
  isListOfText,
  mistake,
  optional,
  positiveMillis,
  refuseUnless
} from "../internal/options/options.ts"
import { checkJitter } from "../internal/strategy/validate.ts"
import type { NoTag, Of, TagOf } from "../ports/strategy.ts"
import type * as Ttl from "../Ttl.ts"
import { toMillis } from "../Ttl.ts"

/**
 * How an entry inherits from its inputs, which are the cached values that its load has read.
 *
 * - `"life"`, the default: the entry expires no later than its inputs and the results of loads that its load waited for
 * - `"changes"`: like `"life"`, and the entry is also invalidated when an input is invalidated, removed or set by hand:
 *   it carries the tags and ids of its inputs, including those that the inputs inherited with `"changes"`
 * - `"age"`: the entry's lifetime counts from the creation of its oldest input. A result past its `ttl` is not stored
 * - `"refuse"`: the entry is not stored if it has inputs
 * - `false`: the entry inherits nothing, and its lifetime counts from the end of its load
 * @category options
 * @since 0.1.0
 */
export type Inherit = "life" | "changes" | "age" | "refuse" | false

/**
 * Options for every combinator and cached function. An outcome is stored if all of `when`, `storeIf` and
 * `storeFailures` that are given accept it.
 * @category options
 * @since 0.1.0
 */
export interface ReadOptions<in out A, in out E, in K> {
  /**
   * Whether to store an outcome. Not called for defects and interruptions, which are never stored.
   * @default only successes, and the failures that `storeFailures` names
   */
  readonly when?: Of<A, E, NoInfer<K>, boolean> | undefined
  /** Whether to store a value. Not called for failures. @default every value is stored */
  readonly storeIf?: ((value: A, key: NoInfer<K>) => boolean) | undefined
  /** The tags (`_tag`) of the failures to store. @default none; with `when`, the failures that it accepts */
  readonly storeFailures?: ReadonlyArray<StoredTags<E>> | undefined
  /**
   * The tags of the entry, in place of the `tags` of its key class: a list, or a function of the outcome and the key.
   * @default the tags of the key class
   */
  readonly tags?: ReadonlyArray<string> | Of<A, E, NoInfer<K>, ReadonlyArray<string>> | undefined
  /** How long reads get the stale value without loading after a failed load. @default 5 seconds; 0 for `failover` */
  readonly retryAfter?: Ttl.Input | undefined
  /**
   * Whether processes that share the store also share loads. `true`: only one of them loads a key at a time. `false`:
   * this process loads on its own. Invalidations reach all processes in both cases.
   * @default `true` if the store is shared
   */
  readonly shareLoad?: boolean | undefined
  /**
   * Whether the caller waits until the store has acknowledged the write of the loaded value. If `false`, the write
   * continues in the background. Under `CachePolicy.strict`, the caller always waits.
   * @default `true`; `false` over a store that reports an answer time of 8 ms or longer, such as a distant Redis server
   */
  readonly waitForWrite?: boolean | undefined
  /**
   * How long the caller waits for a load before it gets the stale value, if the strategy falls back on it. The load
   * continues in the background. The time must be below `timeout`, and may be a function of the key.
   */
  readonly softTimeout?: Ttl.Input | OfKey<K> | undefined
  /**
   * How the value is copied when it is stored, and again for each caller: `"structured"` for plain data
   * (`structuredClone`, which rejects functions and drops the classes of instances), or a function. `"freeze"` makes no
   * copies: plain objects and arrays are frozen once, when they are stored or decoded.
   * @default no copy
   */
  readonly copy?: "structured" | "freeze" | ((value: A) => A) | undefined
  /** How long memory answers reads before a read asks the store. 0: every read asks. @default the entry's lifetime */
  readonly memoryTtl?: Ttl.Input | undefined
  /**
   * How long a load may take while readers without a `timeout` wait for it. A reader that joins a longer load makes it
   * run again, because it may hang. The load also renews its lease for this time. Give loads that take longer a longer
   * time, or `"Infinity"`.
   * @default the `maxLoad` of the key class, or of the layer
   */
  readonly maxLoad?: Ttl.Input | undefined
  /** Stores a result only if its load took longer than this duration and `when` accepts the result. @default none */
  readonly minLoad?: Ttl.Input | undefined
  /**
   * How the entry inherits from cached values that its load reads. `"life"`: it expires no later than any of them.
   * `"changes"`: it is also invalidated with any of them. `"age"`: its lifetime counts from the creation of the oldest
   * one. `"refuse"`: it is not stored if there are any. `false`: no limit.
   * @default the layer's `inherit`
   */
  readonly inherit?: Inherit | undefined
}

type Tags<E> = TagOf<E> | NoTag<TagOf<E>>

type StoredTags<E> = TagOf<E> | NoTag<TagOf<E>, "there is no failure with a _tag, or the key class has no error">

/**
 * The failures after which the caller gets the stale value: tags, `"all"` for every typed failure, or a function of the
 * cause. `Causes` is the type of the effect's failures, `T` that of its `timeout`.
 */
export type Outages<Causes, T = undefined> =
  | ReadonlyArray<Tags<Causes>>
  | "all"
  | ((cause: Cause.Cause<Causes | TimeoutError<T>>) => boolean)

/**
 * The option of strategies that fall back on a stale value. `Out` is the type of {@link Outages}.
 * @category options
 * @since 0.1.0
 */
export interface FallbackOptions<Out = Outages<any>> {
  /**
   * The failures after which the caller gets the stale value, as it does after a timeout: tags, `"all"` for every typed
   * failure, or a function of the cause, which decides alone, also about timeouts and defects. Other typed failures are
   * answers: no stale value is served until a load succeeds.
   *
   * After an interruption, the caller never gets the stale value, and the function is not called.
   * @default none: the stale value is served after timeouts only
   */
  readonly fallbackOn?: Out | undefined
}

/** @internal */
export interface Timeout<K> {
  /**
   * How long the caller waits for a load, as a duration or a function of the key. After that, the caller
   * fails with `LoadTimeout`, or gets the stale value if its strategy falls back on one.
   */
  readonly timeout?: Given<K>
}

/** @internal */
export type TimeoutError<T> = T extends undefined ? never : LoadTimeout

/** A duration as a function of the key, called for each caller that waits for a load. */
type OfKey<K> = (key: K) => Ttl.Input

/** @internal */
export type Given<K> = Ttl.Input | OfKey<K> | undefined

/** The options of a read without the user's types, which the compiler checks at the public functions. @internal */
export type AnyReadOptions = ReadOptions<any, any, any> & FallbackOptions & Timeout<any>

const duration = (name: string) => optional((given: Ttl.Input) => void toMillis(given, name))

// Returns a constant in milliseconds, or `undefined` for a function, whose result is checked when it is called.
const constantOf = (name: string, given: Ttl.Input | OfKey<any>): number | undefined =>
  typeof given === "function" ? undefined : toMillis(given, name)

const waysToInherit: ReadonlySet<Inherit> = new Set(["life", "changes", "age", "refuse"])

/** Throws if `inherit` is not a valid value for the option. The error message begins with `what`. @internal */
export const checkInherit = (inherit: Inherit, what: string): void => {
  if (inherit === false || waysToInherit.has(inherit)) return
  throw mistake(`${what} must be "life", "changes", "age", "refuse" or false`)
}

const ofAllReads: Checks<Omit<ReadOptions<any, any, any>, OfOneRead>> = {
  retryAfter: duration("retryAfter"),
  shareLoad: optional((shareLoad) => {
    if (typeof shareLoad === "boolean") return
    throw mistake("shareLoad must be true or false")
  }),
  waitForWrite: optional((waitForWrite) =>
    refuseUnless(typeof waitForWrite === "boolean", "waitForWrite must be true or false")
  ),
  softTimeout: optional((softTimeout, _, beside) => {
    const { timeout = Infinity } = beside as Timeout<any>
    const [soft, hard] = [constantOf("softTimeout", softTimeout), constantOf("timeout", timeout)]
    // `Infinity` is allowed with any `timeout`, because it disables the layer's `softTimeout`.
    if (soft === undefined || hard === undefined || soft < hard || soft === Infinity) return
    throw mistake(`softTimeout (${soft} ms) must be shorter than timeout (${hard} ms)`)
  }),
  copy: optional((copy) =>
    refuseUnless(
      copy === "structured" || copy === "freeze" || typeof copy === "function",
      "copy must be \"structured\", \"freeze\" or a function that copies a value"
    )
  ),
  memoryTtl: duration("memoryTtl"),
  minLoad: duration("minLoad")
}

/** The checks for the options of every read. @internal */
export const readOptions: Checks<ReadOptions<any, any, any> & Timeout<any>> = {
  when: optional((when) =>
    refuseUnless(typeof when === "function", "when must be a function from outcome and key to true or false")
  ),
  storeIf: optional((storeIf) =>
    refuseUnless(typeof storeIf === "function", "storeIf must be a function from value and key to true or false")
  ),
  storeFailures: optional((tags) =>
    refuseUnless(isListOfText(tags), "storeFailures must be a list of the tags of failures")
  ),
  tags: optional((tags) => {
    if (typeof tags === "function") return
    if (!isListOfText(tags)) throw mistake("tags must be a list of strings, or a function that returns one")
  }),
  timeout: optional((timeout) => void constantOf("timeout", timeout)),
  ...ofAllReads,
  maxLoad: optional((given) => void positiveMillis("maxLoad", given)),
  inherit: optional((inherit) => checkInherit(inherit, "inherit"))
}

/** The checks for the options of strategies that fall back on a stale value. @internal */
export const fallbackOptions: Checks<FallbackOptions> = {
  fallbackOn: optional((given) =>
    refuseUnless(
      given === "all" || typeof given === "function" || isListOfText(given),
      "fallbackOn must be a list of tags of failures, \"all\" or a function of the cause"
    )
  )
}

/**
 * The read options that a layer cannot set in `ReadDefaults`: what is stored and its `tags` depend on the result,
 * `timeout` adds an error to the type of a read, and `inherit` and `maxLoad` are already options of the layer itself.
 */
type OfOneRead = "when" | "storeIf" | "storeFailures" | "tags" | "inherit" | "maxLoad"

/**
 * Options that a layer sets for all reads that do not override them: `retryAfter`, `jitter`, `softTimeout`,
 * `fallbackOn`, `copy`, `memoryTtl`, `minLoad`, `shareLoad` and `waitForWrite`.
 * @category options
 * @since 0.1.0
 */
export interface ReadDefaults
  extends Omit<ReadOptions<any, unknown, CacheKey.Any | string>, OfOneRead>, FallbackOptions<Outages<unknown>>
{
  /** The largest share of a lifetime, from 0 to 1, that is subtracted at random if the strategy has no `jitter`. */
  readonly jitter?: number | undefined
}

/** The checks for a layer's default read options. @internal */
export const readDefaults: Checks<ReadDefaults> = {
  ...ofAllReads,
  ...fallbackOptions,
  jitter: optional((jitter) => void checkJitter(jitter))
}
