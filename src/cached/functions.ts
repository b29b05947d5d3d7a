/**
 * Cached functions: a key class, its load and its strategy in one place.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Key from "../CacheKey.ts"
import type { AnyClass, Arguments, Error as KeyError, Input, Services, Success } from "../CacheKey.ts"
import type { Caching } from "../Caching.ts"
import type { Strategy } from "../Strategy.ts"
import { checkFn, type FnOptions as AnyFnOptions } from "./checkCall.ts"
import * as Combine from "./combine.ts"
import { invalidate } from "./invalidation.ts"
import type { FallbackOptions, Given, ReadOptions, TagOf, Timeout, TimeoutError } from "./options.ts"

// ---------------------------------------------------------------------------------------------------------------------
// functions
// ---------------------------------------------------------------------------------------------------------------------

/**
 * A cached function of one payload, made by {@link fn} or {@link recursive}.
 *
 * @category models
 * @since 0.1.0
 */
export interface CachedFn<K extends Key.Any, In, E, R> {
  (...payload: Arguments<In>): Effect.Effect<Success<K>, E, R>
  /** gives the key of a payload */
  readonly key: (...payload: Arguments<In>) => K
  /** invalidates the result of a payload */
  readonly invalidate: (...payload: Arguments<In>) => Effect.Effect<void, never, Caching>
  /** loads anew, as under `CachePolicy.refresh`; a failure keeps the stored value */
  readonly refresh: (...payload: Arguments<In>) => Effect.Effect<Success<K>, E, R>
}

type Instance<C extends AnyClass> = InstanceType<C>

type FnOptions<C extends AnyClass, E, T> =
  & FallbackOptions<E | TimeoutError<T>, TagOf<E>>
  & Timeout<T, Instance<C>>
  & ReadOptions<Success<Instance<C>>, KeyError<Instance<C>>, Instance<C>>
  & { readonly strategy: Strategy<Success<Instance<C>>, KeyError<Instance<C>>, Instance<C>> }

/**
 * Creates a cached function from a key class, a load and a strategy.
 *
 * **Gotchas**
 *
 * The scope of `lookup` closes when the load ends: a resource (`Effect.acquireRelease`) is released before its first reader
 * has it. Share resources with `RcMap`, or close them in `Cached.onRemoval`.
 *
 * **Example** (Caching a function)
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
 * @see `Cached.many` for an origin that answers many keys at once
 * @see {@link recursive} for a function that calls itself
 *
 * @category constructors
 * @since 0.1.0
 */
export const fn = <C extends AnyClass, E, R, T extends Given<Instance<C>> = undefined>(
  keyClass: C,
  options: FnOptions<C, NoInfer<E> | KeyError<Instance<C>>, T> & {
    readonly lookup: (key: Instance<C>) => Effect.Effect<NoInfer<Success<Instance<C>>>, E, R>
  }
): CachedFn<
  Instance<C>,
  Input<C>,
  E | KeyError<Instance<C>> | TimeoutError<T>,
  Exclude<R, Scope.Scope> | Services<Instance<C>> | Caching
> => makeFn("Cached.fn", keyClass, options)

/**
 * Creates a cached function that can call itself: its load gets the cached function as `self`.
 *
 * **Details**
 *
 * Each value is loaded once, however often and however deep it is needed. A value that needs itself dies with
 * `CacheCycle`.
 *
 * **Example** (Computing Fibonacci numbers)
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
 * @see {@link fn} for a function that does not call itself
 *
 * @category constructors
 * @since 0.1.0
 */
export const recursive = <C extends AnyClass, R = never, T extends Given<Instance<C>> = undefined>(
  keyClass: C,
  options: FnOptions<C, KeyError<Instance<C>>, T> & {
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
  checkFn("Cached.recursive", keyClass, options as never)
  const { lookup } = options
  const self = makeFn("Cached.recursive", keyClass, {
    ...options,
    lookup: (key: never) => lookup(key, self as never)
  } as never)
  return self as never
}

// the callers have the types: in here a key class only constructs keys
const makeFn = (name: string, keyClass: AnyClass, options: AnyFnOptions): never => {
  checkFn(name, keyClass, options)
  const keyOf = (payload: unknown): Key.Any => payload instanceof keyClass ? payload : new keyClass(payload)
  const call = (payload: unknown) => Combine.call(keyOf(payload), options)
  return Object.assign(call, {
    key: keyOf,
    invalidate: (payload: unknown) => invalidate(keyOf(payload)),
    refresh: (payload: unknown) => Combine.refreshing(call(payload))
  }) as never
}
