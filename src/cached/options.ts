/**
 * The options of combinators and cached functions: each once, with its check. The tables of the documentation are made
 * from the comments here (`npm run docs`).
 *
 * The engine reads these options too, so this file stands on the lowest floor.
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
 * How an entry inherits from the cached values read during its load.
 *
 * - `"life"`, the default: it expires no later than the earliest of them, and than the results of loads it waited for
 * - `"changes"`: like `"life"`, and it also ends with each invalidation, removal and write by hand of any of them: it
 *   carries their tags and ids, including those that they inherited with `"changes"`
 * - `"age"`: its life counts from the birth of the oldest of them. A result already past its `ttl` is not stored
 * - `"refuse"`: it is not stored if there are any
 * - `false`: it inherits nothing; its life counts from the end of its load
 * @category options
 * @since 0.1.0
 */
export type Inherit = "life" | "changes" | "age" | "refuse" | false

/**
 * Options for every combinator and cached function.
 * @category options
 * @since 0.1.0
 */
export interface ReadOptions<in out A, in E, in K> {
  /**
   * The tags of the entry, instead of the `tags` of its key class: a list, or a function of outcome and key.
   * @default those of the key
   */
  readonly tags?: ReadonlyArray<string> | Strategy.Of<A, E, NoInfer<K>, ReadonlyArray<string>> | undefined
  /** How long a stale value is served without another load after a failed one. @default 5 seconds; 0 for `failover` */
  readonly retryAfter?: Ttl.Input | undefined
  /**
   * `true`: one load across the processes that share the store. `false`: this process loads independently of others.
   * Invalidations apply in both cases.
   * @default `true` if the store is shared
   */
  readonly lease?: boolean | undefined
  /**
   * `false`: this caller gets its loaded value before the store has acknowledged the write, which continues. Under
   * `CachePolicy.strict` it waits nevertheless.
   * @default `true`
   */
  readonly waitForWrite?: boolean | undefined
  /**
   * How long this caller waits for a load before it gets the stale value, if its strategy falls back on one: a duration
   * below `timeout`, or a function of the key. The load continues in the background.
   */
  readonly softTimeout?: Ttl.Input | OfKey<K> | undefined
  /**
   * How the value is copied when it is stored, and for each caller: `"structured"` for plain data (`structuredClone`,
   * which refuses functions and loses the classes of instances), or a function. `"freeze"` copies nothing: plain
   * objects and arrays are frozen once, when they are stored or decoded.
   * @default the value itself
   */
  readonly copy?: "structured" | "freeze" | ((value: A) => A) | undefined
  /** How long memory answers before a read asks the store again; 0: not at all. @default as long as the entry lives */
  readonly memoryTtl?: Ttl.Input | undefined
  /** Stores only results whose load took longer than this, if `when` accepts them too. @default none */
  readonly minLoad?: Ttl.Input | undefined
  /**
   * The inheritance from cached values read during the load. `"life"`: it expires no later than the earliest of them.
   * `"changes"`: also when any of them is invalidated. `"age"`: its life counts from the birth of the oldest of them.
   * `"refuse"`: it is not stored. `false`: nothing.
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
 * Options for strategies that fall back on a stale value. `E`: the failures of the effect.
 * @category options
 * @since 0.1.0
 */
export interface FallbackOptions<E, Tag extends string = Strategy.TagOf<E>> {
  /**
   * The tags of the failures that are answered with the stale value, as a timeout always is. Every other typed failure
   * is an answer: the caller gets it, and the stale value is not used as a fallback again until a load succeeds.
   * @default every typed failure that is not stored
   */
  readonly fallbackOn?: ReadonlyArray<Tag> | undefined
  /**
   * Whether a failed load is answered with the stale value; an interrupted one never is. Together with `fallbackOn` it
   * decides about all other failures.
   * @default typed failures and timeouts, or none together with `fallbackOn`
   */
  readonly fallbackWhen?: ((cause: Cause.Cause<E>) => boolean) | undefined
}

/** @internal */
export interface Timeout<T, K> {
  /**
   * How long this caller waits for a load before it fails with `LoadTimeout`, or gets the stale value if its strategy
   * falls back on one: a duration, or a function of the key.
   */
  readonly timeout?: T | OfKey<K>
}

/** @internal */
export type TimeoutError<T> = T extends undefined ? never : LoadTimeout

/** A duration as a function of the key, evaluated for each caller that waits for a load. */
type OfKey<K> = (key: K) => Ttl.Input

/** @internal */
export type Given<K> = Ttl.Input | OfKey<K> | undefined

/** The options of a read without the user's types, which are checked at the call. @internal */
export type AnyReadOptions = ReadOptions<any, any, any> & FallbackOptions<any, string> & Timeout<Given<any>, any>

const duration = (name: string) => optional((given: Ttl.Input) => void toMillis(given, name))

// The result of a function is checked when it is called.
const constantOf = (name: string, given: Ttl.Input | OfKey<any>): number | undefined =>
  typeof given === "function" ? undefined : toMillis(given, name)

const waysToInherit: ReadonlySet<Inherit> = new Set(["life", "changes", "age", "refuse"])

/** Throws for an invalid way to inherit. `what` begins its message. @internal */
export const checkInherit = (inherit: Inherit, what: string): void => {
  if (inherit === false || waysToInherit.has(inherit)) return
  throw mistake(`${what} must be "life", "changes", "age", "refuse" or false`)
}

/** The checks of the options of every read. @internal */
export const readOptions: Checks<ReadOptions<any, any, any> & Timeout<Given<any>, any>> = {
  tags: optional((tags) => {
    if (typeof tags === "function") return
    if (!isListOfText(tags)) throw mistake("tags must be a list of strings, or a function that returns one")
  }),
  timeout: optional((timeout) => void constantOf("timeout", timeout)),
  retryAfter: duration("retryAfter"),
  lease: optional((lease) => {
    // The layer's option of that name is a duration.
    if (typeof lease === "boolean") return
    throw mistake("lease must be true or false: its length is an option of the layer")
  }),
  waitForWrite: optional((waitForWrite) =>
    refuseUnless(typeof waitForWrite === "boolean", "waitForWrite must be true or false")
  ),
  softTimeout: optional((softTimeout, _, beside) => {
    const { timeout = Infinity } = beside as Timeout<Ttl.Input | undefined, any>
    const [soft, hard] = [constantOf("softTimeout", softTimeout), constantOf("timeout", timeout)]
    // An infinite `softTimeout` disables that of the layer.
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
  minLoad: duration("minLoad"),
  inherit: optional((inherit) => checkInherit(inherit, "inherit"))
}

/** The checks of the options of strategies that fall back. @internal */
export const fallbackOptions: Checks<FallbackOptions<any, string>> = {
  fallbackOn: optional((fallbackOn) =>
    refuseUnless(isListOfText(fallbackOn), "fallbackOn must be a list of the tags of failures")
  ),
  fallbackWhen: optional((fallbackWhen) =>
    refuseUnless(
      typeof fallbackWhen === "function",
      "fallbackWhen must be a function from a Cause to true or false"
    )
  )
}

/**
 * The options without a default in a layer: they belong to one result, change the failures of a read, or exist there.
 */
type OfOneRead = "tags" | "timeout" | "inherit"

/**
 * Options that a layer sets for all reads that do not override them: `retryAfter`, `jitter`, `softTimeout`,
 * `fallbackOn`, `fallbackWhen`, `copy`, `memoryTtl`, `minLoad`, `lease` and `waitForWrite`.
 * @category options
 * @since 0.1.0
 */
export interface ReadDefaults
  extends Omit<ReadOptions<any, unknown, CacheKey.Any | string>, OfOneRead>, FallbackOptions<unknown, string>
{
  /** The share of the lifetime that is subtracted at random, 0 to 1, if the strategy has no `jitter`. */
  readonly jitter?: number | undefined
}

const { inherit: _inherit, tags: _tags, timeout: _timeout, ...ofAllReads } = readOptions

/** The checks of the defaults of a layer. @internal */
export const readDefaults: Checks<ReadDefaults> = {
  ...ofAllReads,
  ...fallbackOptions,
  jitter: optional((jitter) => void checkJitter(jitter))
}
