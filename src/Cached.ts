/**
 * The language: combinators that cache effects, functions that are cached, and the operations on what is cached.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { CacheConfigError, type LoadTimeout } from "./CacheError.ts"
import type { AnyClass, Arguments, CacheKey, Error as KeyError, Input, Services, Success } from "./CacheKey.ts"
import * as Key from "./CacheKey.ts"
import { Caching, type Stats } from "./Caching.ts"
import * as Combine from "./internal/combine.ts"
import { escapeTag } from "./internal/engine/keys.ts"
import * as Policy from "./internal/engine/policy.ts"
import { refuseUnknown } from "./internal/options.ts"
import { kinds } from "./Strategy.ts"
import type { Of, Strategy } from "./Strategy.ts"
import { toMillis } from "./Ttl.ts"

// ---------------------------------------------------------------------------------------------------------------------
// options
// ---------------------------------------------------------------------------------------------------------------------

/**
 * What every combinator and cached function takes.
 *
 * @category options
 * @since 0.1.0
 */
export interface ReadOptions<in A, in E, in K> {
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
}

/**
 * @category options
 * @since 0.1.0
 */
export interface StoreOptions<in A, in E, in K> {
  /** store this outcome? Successes by default. Defects and interruptions are never asked about, nor stored */
  readonly when?: Of<A, E, K, boolean> | undefined
}

/**
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
 * @category options
 * @since 0.1.0
 */
export interface SoftTtlOptions extends FallbackOptions {
  /** from here on a read loads again, and falls back on what is stored */
  readonly softTtl: Duration.Input
}

/**
 * @category options
 * @since 0.1.0
 */
export interface RefreshAheadOptions {
  /** from here on a read is served at once and refreshes in the background */
  readonly refreshAfter: Duration.Input
}

/**
 * @category options
 * @since 0.1.0
 */
export interface ProbabilisticOptions {
  /** above 1 refreshes earlier, below 1 later; 1 by default, the paper's optimum */
  readonly beta?: number | undefined
}

interface Timeout<T> {
  /** this caller's own limit for the load: past it, it fails with `LoadTimeout`, or gets a stale value where the strategy falls back */
  readonly timeout?: T
}

type TimeoutError<T> = T extends undefined ? never : LoadTimeout

type Given = Duration.Input | undefined

type KeyOf<A, E, KR, K> = { readonly key: K & CacheKey<A, E, KR> }

/** by the kind of a combinator's own options: fixed ones, those that depend on the outcome, and the rest */
interface TimedKind {
  readonly ttl: true
}

interface UntimedKind {
  readonly ttl: false
}

type Outcome<Kind, A, E, K> =
  & ReadOptions<A, E, K>
  & (Kind extends TimedKind ? TtlOptions<A, E, K> : StoreOptions<A, E, K>)

interface Fixed {
  readonly tags?: ReadonlyArray<string> | undefined
  readonly lease?: boolean | undefined
  readonly softTimeout?: Duration.Input | undefined
  readonly retryAfter?: Duration.Input | undefined
}

type FixedOutcome<Kind> =
  & Fixed
  // named, or the parameter of a `when` would be `any` before the overload for it is tried
  & { readonly when?: undefined }
  & (Kind extends TimedKind ? { readonly ttl: Duration.Input; readonly jitter?: number | undefined } : {})

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

// ---------------------------------------------------------------------------------------------------------------------
// combinators
// ---------------------------------------------------------------------------------------------------------------------

/**
 * Runs the effect, stores its value, and serves that until it expires.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let calls = 0
 * const slow = Effect.sync(() => ++calls).pipe(Cached.ttl({ key: "slow", ttl: "1 hour" }))
 *
 * const program = Effect.all([slow, slow, slow])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 1, 1]
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const ttl: Combinator<TimedKind, {}> = Combine.combinator(kinds.ttl)

/**
 * After `softTtl` runs again, and where that fails, or takes longer than `softTimeout`, serves the stored value while
 * it is younger than `ttl`.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { TestClock } from "effect/testing"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let up = true
 * const report = Effect.suspend(() => up ? Effect.succeed("sunny") : Effect.fail("down")).pipe(
 *   Cached.softTtl({ key: "report", ttl: "10 minutes", softTtl: "7 minutes" })
 * )
 *
 * const program = Effect.gen(function*() {
 *   yield* report
 *   up = false
 *   yield* TestClock.adjust("8 minutes")
 *   return yield* report
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()), Effect.provide(TestClock.layer()))) // => "sunny"
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const softTtl: Combinator<TimedKind, SoftTtlOptions> = Combine.combinator(kinds.softTtl)

/**
 * After `refreshAfter` serves the stored value at once and refreshes it in the background: one refresh at a time, tried
 * again when it fails, ended when it hangs. A failed refresh leaves the value as it is.
 *
 * @category combinators
 * @since 0.1.0
 */
export const refreshAhead: Combinator<TimedKind, RefreshAheadOptions> = Combine.combinator(kinds.refreshAhead)

/**
 * Refreshes early with a probability that grows towards expiry and with the cost of the load (XFetch: Vattani,
 * Chierichetti, Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015).
 *
 * @category combinators
 * @since 0.1.0
 */
export const probabilistic: Combinator<TimedKind, ProbabilisticOptions> = Combine.combinator(kinds.probabilistic)

/**
 * Always runs the effect; where that fails, serves the last good value while it is younger than `ttl`.
 *
 * @category combinators
 * @since 0.1.0
 */
export const failover: Combinator<TimedKind, FallbackOptions> = Combine.combinator(kinds.failover)

/**
 * Runs the effect once, and serves its value until the key or one of its tags is invalidated.
 *
 * @category combinators
 * @since 0.1.0
 */
export const untilInvalidated: Combinator<UntimedKind, {}> = Combine.combinator(kinds.untilInvalidated)

type StrategyOptions<A, E, K> = FallbackOptions & ReadOptions<A, E, K> & { readonly strategy: Strategy<A, E, K> }

/**
 * Caches by any `Strategy`, your own among them.
 *
 * @category combinators
 * @since 0.1.0
 */
export const withStrategy: {
  <A, E, KR, K extends CacheKey<A, E, KR>, T extends Given = undefined>(
    options: KeyOf<A, E, KR, K> & Timeout<T> & StrategyOptions<NoInfer<A>, NoInfer<E>, K>
  ): <A2 extends A, E2, R>(
    self: Effect.Effect<A2, E2, R>
  ) => Effect.Effect<A, E | E2 | TimeoutError<T>, Exclude<R, Scope.Scope> | KR | Caching>
  <T extends Given = undefined>(
    options: { readonly key: string; readonly strategy: Strategy } & Timeout<T> & FallbackOptions & Fixed
  ): <A, E, R>(
    self: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | TimeoutError<T>, Exclude<R, Scope.Scope> | Caching>
  <A, E, T extends Given = undefined>(
    options: { readonly key: string } & Timeout<T> & StrategyOptions<A, E, string>
  ): <R>(
    self: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | TimeoutError<T>, Exclude<R, Scope.Scope> | Caching>
  <A2 extends A, E2, R, A, E, KR, K extends CacheKey<A, E, KR>, T extends Given = undefined>(
    self: Effect.Effect<A2, E2, R>,
    options: KeyOf<A, E, KR, K> & Timeout<T> & StrategyOptions<NoInfer<A>, NoInfer<E>, K>
  ): Effect.Effect<A, E | E2 | TimeoutError<T>, Exclude<R, Scope.Scope> | KR | Caching>
  <A, E, R, T extends Given = undefined>(
    self: Effect.Effect<A, E, R>,
    options: { readonly key: string } & Timeout<T> & StrategyOptions<NoInfer<A>, NoInfer<E>, string>
  ): Effect.Effect<A, E | TimeoutError<T>, Exclude<R, Scope.Scope> | Caching>
} = Combine.withStrategy

// ---------------------------------------------------------------------------------------------------------------------
// functions
// ---------------------------------------------------------------------------------------------------------------------

/**
 * A cached function of a key's payload.
 *
 * @category models
 * @since 0.1.0
 */
export interface CachedFn<K extends Key.Any, In, E, R> {
  (...payload: Arguments<In>): Effect.Effect<Success<K>, E, R>
  /** the key of a payload */
  readonly key: (...payload: Arguments<In>) => K
  readonly invalidate: (...payload: Arguments<In>) => Effect.Effect<void, never, Caching>
  /** loads anew, merged with a refresh that is running; a failure keeps the stored value */
  readonly refresh: (...payload: Arguments<In>) => Effect.Effect<Success<K>, E, R>
}

type Instance<C extends AnyClass> = InstanceType<C>

type FnOptions<C extends AnyClass, T> =
  & FallbackOptions
  & Timeout<T>
  & ReadOptions<Success<Instance<C>>, KeyError<Instance<C>>, Instance<C>>
  & { readonly strategy: Strategy<Success<Instance<C>>, KeyError<Instance<C>>, Instance<C>> }

/**
 * Makes a cached function of a key class: the key, its load and its strategy, in one place.
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cached, CacheKey, CacheLayer, Strategy } from "effect-cached"
 *
 * class Square extends CacheKey.Class<Square>()("Square", {
 *   payload: { n: Schema.Number },
 *   success: Schema.Number
 * }) {}
 *
 * const square = Cached.fn(Square, {
 *   lookup: ({ n }) => Effect.succeed(n * n),
 *   strategy: Strategy.ttl({ ttl: "1 hour" })
 * })
 *
 * await Effect.runPromise(square({ n: 7 }).pipe(Effect.provide(CacheLayer.memory()))) // => 49
 * ```
 *
 * @category functions
 * @since 0.1.0
 */
export const fn = <C extends AnyClass, E, R, T extends Given = undefined>(
  keyClass: C,
  options: FnOptions<C, T> & {
    readonly lookup: (key: Instance<C>) => Effect.Effect<NoInfer<Success<Instance<C>>>, E, R>
  }
): CachedFn<
  Instance<C>,
  Input<C>,
  E | KeyError<Instance<C>> | TimeoutError<T>,
  Exclude<R, Scope.Scope> | Services<Instance<C>> | Caching
> => makeFn(keyClass, options)

/**
 * As `fn`, for a function that calls itself: `self` is the cached function. Each value is computed once, however often
 * and however deep it is needed. A value that needs itself dies with `CacheCycle`.
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cached, CacheKey, CacheLayer, Strategy } from "effect-cached"
 *
 * class Fib extends CacheKey.Class<Fib>()("Fib", { payload: { n: Schema.Number }, success: Schema.BigInt }) {}
 *
 * const fib = Cached.recursive(Fib, {
 *   lookup: ({ n }, self) =>
 *     n < 2 ? Effect.succeed(BigInt(n)) : Effect.zipWith(self({ n: n - 1 }), self({ n: n - 2 }), (a, b) => a + b),
 *   strategy: Strategy.untilInvalidated
 * })
 *
 * await Effect.runPromise(fib({ n: 90 }).pipe(Effect.provide(CacheLayer.memory()))) // => 2880067194370816120n
 * ```
 *
 * @category functions
 * @since 0.1.0
 */
export const recursive = <C extends AnyClass, R = never, T extends Given = undefined>(
  keyClass: C,
  options: FnOptions<C, T> & {
    readonly lookup: (
      key: Instance<C>,
      self: (
        ...payload: Arguments<Input<C>>
      ) => Effect.Effect<
        Success<Instance<C>>,
        KeyError<Instance<C>> | TimeoutError<T>,
        Services<Instance<C>> | Caching
      >
    ) => Effect.Effect<NoInfer<Success<Instance<C>>>, KeyError<Instance<C>> | TimeoutError<T>, R>
  }
): CachedFn<
  Instance<C>,
  Input<C>,
  KeyError<Instance<C>> | TimeoutError<T>,
  Exclude<R, Scope.Scope> | Services<Instance<C>> | Caching
> => {
  const { lookup } = options
  const self = makeFn(keyClass, {
    ...options,
    lookup: typeof lookup === "function" ? (key: never) => lookup(key, self as never) : lookup
  } as never)
  return self as never
}

// the types are the callers': in here a key class is something to construct keys with
const makeFn = (keyClass: AnyClass, options: Combine.FnOptions): never => {
  Combine.validateFn(keyClass, options)
  const keyOf = (payload: unknown): Key.Any => new keyClass(payload)
  const call = (payload: unknown) => Combine.call(keyOf(payload), options)
  return Object.assign(call, {
    key: keyOf,
    invalidate: (payload: unknown) => invalidate(keyOf(payload)),
    refresh: (payload: unknown) => Combine.refreshing(call(payload))
  }) as never
}

// ---------------------------------------------------------------------------------------------------------------------
// the cache itself
// ---------------------------------------------------------------------------------------------------------------------

type AnyKey = Key.Any | string

type ValueOf<K> = K extends string ? unknown : Success<K>

type CodecsOf<K> = K extends string ? never : Services<K>

const use = <A, R = never>(
  f: (caching: Caching["Service"], policy: Policy.Policy) => Effect.Effect<A, never, R>
): Effect.Effect<A, never, R | Caching> =>
  Effect.withFiber<A, never, R | Caching>((fiber) =>
    f(Context.get(fiber.context as Context.Context<Caching>, Caching), fiber.getRef(Policy.Current))
  )

const checked = <K extends AnyKey>(key: K): K => {
  if (typeof key === "string" || Key.isCacheKey(key)) return key
  throw new CacheConfigError({ message: "A key is an instance of a CacheKey class, or a string" })
}

const idOf = (key: AnyKey): string => Key.id(checked(key))

const tagOf = (tag: string): string => {
  if (typeof tag === "string") return escapeTag(tag)
  throw new CacheConfigError({ message: `A tag is a string, not ${tag}` })
}

const tagsOf = (tags: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (Array.isArray(tags)) return tags.map(tagOf)
  throw new CacheConfigError({ message: "Tags are a list of strings" })
}

/**
 * The value stored under a key, if there is one within its ttl; nothing is loaded. A stored failure is no value.
 *
 * @category operations
 * @since 0.1.0
 */
export const getOption = <K extends AnyKey>(
  key: K
): Effect.Effect<Option.Option<ValueOf<K>>, never, CodecsOf<K> | Caching> =>
  use((caching) =>
    Effect.map(
      caching.lookup(checked(key)),
      (entry) =>
        entry !== undefined && Exit.isSuccess(entry.exit) ? Option.some(entry.exit.value as ValueOf<K>) : Option.none()
    )
  )

/**
 * What `set` takes beside key and value.
 *
 * @category options
 * @since 0.1.0
 */
export interface SetOptions {
  /** how long it is served; for ever by default. Zero or negative removes what is there */
  readonly ttl?: Duration.Input | undefined
  /** by default the key's */
  readonly tags?: ReadonlyArray<string> | undefined
  /** keep the expiry of what is there, if something is; otherwise a `set` without `ttl` is for ever */
  readonly keepTtl?: boolean | undefined
}

/**
 * Stores a value in place of what is there, and of what is being loaded at the moment.
 *
 * @category operations
 * @since 0.1.0
 */
export const set = <K extends AnyKey>(
  key: K,
  value: ValueOf<K>,
  options?: SetOptions
): Effect.Effect<void, never, CodecsOf<K> | Caching> =>
  use((caching, policy) => {
    if (!policy.writes || policy.disabled.has("set")) return Effect.void
    refuseUnknown("Cached.set", options ?? {}, ["ttl", "tags", "keepTtl"])
    return caching.set(checked(key), value, {
      ttlMillis: options?.ttl === undefined ? Infinity : toMillis(options.ttl),
      tags: options?.tags === undefined ? Key.tags(key) : tagsOf(options.tags),
      keepTtl: options?.keepTtl === true
    })
  })

/**
 * Whether something is stored under a key, a failure included.
 *
 * @category operations
 * @since 0.1.0
 */
export const has = <K extends AnyKey>(key: K): Effect.Effect<boolean, never, CodecsOf<K> | Caching> =>
  use((caching) => Effect.map(caching.lookup(checked(key)), (entry) => entry !== undefined))

/**
 * How long what is stored under a key is served still at most: none where nothing is stored, infinity where it does
 * not expire.
 *
 * @category operations
 * @since 0.1.0
 */
export const expiresIn = <K extends AnyKey>(
  key: K
): Effect.Effect<Option.Option<Duration.Duration>, never, CodecsOf<K> | Caching> =>
  use((caching) =>
    Effect.clockWith((clock) =>
      Effect.map(
        caching.lookup(checked(key)),
        Option.liftNullishOr((entry) =>
          entry === undefined ? undefined : Duration.millis(entry.expiresAt - clock.currentTimeMillisUnsafe())
        )
      )
    )
  )

/**
 * Removes what is stored under a key; `false` where nothing was. As `invalidate`, but says so.
 *
 * @category operations
 * @since 0.1.0
 */
export const remove = (key: AnyKey): Effect.Effect<boolean, never, Caching> =>
  use((caching, policy) =>
    policy.disabled.has("remove")
      ? Effect.succeed(false)
      : Effect.map(caching.invalidate([idOf(key)]), (removed) => removed > 0)
  )

/**
 * Empties the cache: memory and store, whoever wrote there.
 *
 * @category operations
 * @since 0.1.0
 */
export const clear: Effect.Effect<void, never, Caching> = use((caching, policy) =>
  policy.disabled.has("clear") ? Effect.void : caching.clear
)

/**
 * What the cache has done since its layer was built.
 *
 * @category operations
 * @since 0.1.0
 */
export const stats: Effect.Effect<Stats, never, Caching> = use((caching) => caching.stats)

// ---------------------------------------------------------------------------------------------------------------------
// invalidation
// ---------------------------------------------------------------------------------------------------------------------

/**
 * Makes sure that no read that starts after it sees what was loaded before it. A load that is running gives its result
 * to those who wait for it, and to nobody else.
 *
 * @category invalidation
 * @since 0.1.0
 */
export const invalidate = (key: AnyKey): Effect.Effect<void, never, Caching> => invalidateMany([key])

/**
 * Invalidates several keys.
 *
 * @category invalidation
 * @since 0.1.0
 */
export const invalidateMany = (keys: Iterable<AnyKey>): Effect.Effect<void, never, Caching> =>
  use((caching, policy) =>
    policy.disabled.has("invalidate")
      ? Effect.void
      : Effect.asVoid(caching.invalidate(Array.from(keys, idOf)))
  )

/**
 * Invalidates all that has a tag, whatever its key, in constant time.
 *
 * @category invalidation
 * @since 0.1.0
 */
export const invalidateTag = (tag: string): Effect.Effect<void, never, Caching> => invalidateTags([tag])

const invalidateTags = (tags: ReadonlyArray<string>): Effect.Effect<void, never, Caching> =>
  use((caching, policy) => policy.disabled.has("invalidate") ? Effect.void : caching.invalidateTags(tagsOf(tags)))

/**
 * What `invalidateAfter` invalidates: a key, or all that has a tag.
 *
 * @category models
 * @since 0.1.0
 */
export type Target = AnyKey | { readonly tag: string }

type Targets = Target | ReadonlyArray<Target>

/**
 * Invalidates once the effect has succeeded, and before its value is given on.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const rename = Effect.succeed("Ada").pipe(Cached.invalidateAfter(["user:1", { tag: "users" }]))
 *
 * await Effect.runPromise(rename.pipe(Effect.provide(CacheLayer.memory()))) // => "Ada"
 * ```
 *
 * @category invalidation
 * @since 0.1.0
 */
export const invalidateAfter: {
  <A>(
    targets: Targets | ((exit: Exit.Success<A>) => Targets)
  ): <E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | Caching>
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    targets: Targets | ((exit: Exit.Success<A>) => Targets)
  ): Effect.Effect<A, E, R | Caching>
} = dual(2, <A, E, R>(
  self: Effect.Effect<A, E, R>,
  targets: Targets | ((exit: Exit.Success<A>) => Targets)
): Effect.Effect<A, E, R | Caching> =>
  // what has happened is followed by its invalidation, whoever is interrupted then
  Effect.uninterruptibleMask((restore) =>
    Effect.tap(restore(self), (value) => {
      const given = typeof targets === "function" ? targets(Exit.succeed(value) as Exit.Success<A>) : targets
      const list = Array.isArray(given) ? given as ReadonlyArray<Target> : [given as Target]
      const tags: Array<string> = []
      const keys: Array<AnyKey> = []
      for (const target of list) {
        if (typeof target === "string" || Key.isCacheKey(target)) keys.push(target)
        else tags.push(target.tag)
      }
      return Effect.all([invalidateMany(keys), invalidateTags(tags)], { concurrency: "unbounded" })
    })
  ))

export { type StoreCall, tapStore, type TapStoreOptions } from "./internal/language/tapStore.ts"
