/**
 * What combinators and cached functions take, and the types they have.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { LoadTimeout } from "../CacheError.ts"
import type { CacheKey } from "../CacheKey.ts"
import type { Caching } from "../Caching.ts"
import type { Of } from "../Strategy.ts"

/**
 * What every combinator and cached function takes.
 *
 * @category options
 * @since 0.1.0
 */
export interface ReadOptions<in out A, in E, in K> {
  /** tags of the entry, by default those of its key; a function sees the outcome */
  readonly tags?: ReadonlyArray<string> | Of<A, E, K, ReadonlyArray<string>> | undefined
  /** after a load failed, how long a stale value is served without another try; 5 seconds by default, 0 for `failover` */
  readonly retryAfter?: Duration.Input | undefined
  /**
   * one load across the processes that share the store; `false`: load beside them, guarded against invalidations all
   * the same. True by default
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
   */
  readonly copy?: "structured" | ((value: A) => A) | undefined
  /**
   * how long at most it is in memory before the store beneath is asked again, 0 for not at all; as long as in the store
   * by default. Without a store it says nothing
   */
  readonly memoryTtl?: Duration.Input | undefined
  /** only what took longer than this to load is stored, of what `when` lets pass; everything by default */
  readonly minLoad?: Duration.Input | undefined
}

/**
 * What is stored of what a load brings.
 *
 * @category options
 * @since 0.1.0
 */
export interface StoreOptions<in A, in E, in K> {
  /** store this outcome? Successes by default. Defects and interruptions are never asked about, nor stored */
  readonly when?: Of<A, E, K, boolean> | undefined
}

/**
 * How long that is served.
 *
 * @category options
 * @since 0.1.0
 */
export interface TtlOptions<in A, in E, in K> extends StoreOptions<A, E, K> {
  /** how long a result is served at most, from the end of its load; zero or negative: it is not stored */
  readonly ttl: Duration.Input | Of<A, E, K, Duration.Input>
  /** the share of the lifetime that is taken off at random, 0 to 1; none by default */
  readonly jitter?: number | undefined
}

/**
 * What a strategy takes that falls back on a stale value.
 *
 * @category options
 * @since 0.1.0
 */
export interface FallbackOptions {
  /** whether a failure is answered with the stale value: by default typed failures and timeouts. Never asked about interruption */
  // the effect may fail with more than its key says, and what that is shows only in the pipe
  readonly fallbackWhen?: ((cause: Cause.Cause<any>) => boolean) | undefined
}

/**
 * What `softTtl` takes beside that.
 *
 * @category options
 * @since 0.1.0
 */
export interface SoftTtlOptions extends FallbackOptions {
  /** from here on a read loads again, and falls back on what is stored */
  readonly softTtl: Duration.Input
}

/**
 * What `refreshAhead` takes beside that.
 *
 * @category options
 * @since 0.1.0
 */
export interface RefreshAheadOptions {
  /** from here on a read is served at once and refreshes in the background */
  readonly refreshAfter: Duration.Input
}

/**
 * What `sliding` takes beside that.
 *
 * @category options
 * @since 0.1.0
 */
export interface SlidingOptions {
  /** it expires when it was not read for so long */
  readonly idle: Duration.Input
}

/**
 * What `maxHits` takes beside that.
 *
 * @category options
 * @since 0.1.0
 */
export interface MaxHitsOptions {
  /** it expires after so many reads of this process, the load that brought it not counted */
  readonly hits: number
  /** from this read on each read also refreshes in the background, one refresh at a time; a new value counts from 0 */
  readonly refreshAfter?: number | undefined
}

/**
 * What `probabilistic` takes beside that.
 *
 * @category options
 * @since 0.1.0
 */
export interface ProbabilisticOptions {
  /** above 1 refreshes earlier, below 1 later; 1 by default, the paper's optimum */
  readonly beta?: number | undefined
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

/** @internal */
export type KeyOf<A, E, KR, K> = { readonly key: K & CacheKey<A, E, KR> }

/**
 * by the kind of a combinator's own options: fixed ones, those that depend on the outcome, and the rest
 *
 * @internal
 */
export interface TimedKind {
  readonly ttl: true
}

/** @internal */
export interface MaybeTimedKind {
  readonly ttl: "maybe"
}

/** @internal */
export interface UntimedKind {
  readonly ttl: false
}

/** @internal */
export type Outcome<Kind, A, E, K> =
  & ReadOptions<A, E, K>
  & (Kind extends TimedKind ? TtlOptions<A, E, K>
    : Kind extends MaybeTimedKind ? Omit<TtlOptions<A, E, K>, "ttl"> & Partial<Pick<TtlOptions<A, E, K>, "ttl">>
    : StoreOptions<A, E, K>)

/** @internal */
export interface Fixed {
  readonly tags?: ReadonlyArray<string> | undefined
  // named without its function: the parameter of that would be `any` before the overload for it is tried
  readonly copy?: "structured" | undefined
  readonly lease?: boolean | undefined
  readonly softTimeout?: Duration.Input | undefined
  readonly retryAfter?: Duration.Input | undefined
  readonly memoryTtl?: Duration.Input | undefined
  readonly minLoad?: Duration.Input | undefined
}

/** @internal */
export type FixedOutcome<Kind> =
  & Fixed
  // named, or the parameter of a `when` would be `any` before the overload for it is tried
  & { readonly when?: undefined }
  & (Kind extends TimedKind ? { readonly ttl: Duration.Input; readonly jitter?: number | undefined }
    : Kind extends MaybeTimedKind ? { readonly ttl?: Duration.Input | undefined; readonly jitter?: number | undefined }
    : {})

/**
 * A combinator that caches an effect, data-first and data-last. With a key its value must be the key's, and it may fail
 * with more than the key's error; with a string the types are the effect's.
 *
 * @category models
 * @since 0.1.0
 */
export interface Combinator<Kind, Own> {
  <A, E, KR, K extends CacheKey<A, E, KR>, T extends Given = undefined>(
    options: KeyOf<A, E, KR, K> & Own & Timeout<T> & Outcome<Kind, NoInfer<A>, NoInfer<E>, K>
  ): <A2 extends A, E2, R>(
    self: Effect.Effect<A2, E2, R>
  ) => Effect.Effect<A, E | E2 | TimeoutError<T>, Exclude<R, Scope.Scope> | KR | Caching>
  <T extends Given = undefined>(
    options: { readonly key: string } & Own & Timeout<T> & FixedOutcome<Kind>
  ): <A, E, R>(
    self: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | TimeoutError<T>, Exclude<R, Scope.Scope> | Caching>
  <A, E, T extends Given = undefined>(
    options: { readonly key: string } & Own & Timeout<T> & Outcome<Kind, A, E, string>
  ): <R>(
    self: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | TimeoutError<T>, Exclude<R, Scope.Scope> | Caching>
  <A2 extends A, E2, R, A, E, KR, K extends CacheKey<A, E, KR>, T extends Given = undefined>(
    self: Effect.Effect<A2, E2, R>,
    options: KeyOf<A, E, KR, K> & Own & Timeout<T> & Outcome<Kind, NoInfer<A>, NoInfer<E>, K>
  ): Effect.Effect<A, E | E2 | TimeoutError<T>, Exclude<R, Scope.Scope> | KR | Caching>
  <A, E, R, T extends Given = undefined>(
    self: Effect.Effect<A, E, R>,
    options: { readonly key: string } & Own & Timeout<T> & Outcome<Kind, NoInfer<A>, NoInfer<E>, string>
  ): Effect.Effect<A, E | TimeoutError<T>, Exclude<R, Scope.Scope> | Caching>
}
