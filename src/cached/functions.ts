/**
 * Cached functions, which declare a key class, its load and its strategy in one place.
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Key from "../CacheKey.ts"
import type { AnyClass, Arguments, Error as KeyError, Input, Services, Success } from "../CacheKey.ts"
import type { Caching } from "../Caching.ts"
import { provided } from "../internal/engine/request/context.ts"
import { checkFn, checkFnToKey, type FnOptions, keyInCall, strategyIn } from "./checkCall.ts"
import * as Combine from "./combine.ts"
import type { GivenStrategy, Infer, OptionsOf } from "./flat.ts"
import { invalidate } from "./invalidation.ts"
import type { Given, TimeoutError } from "./options.ts"

/**
 * A cached function, made by {@link fn} or {@link recursive}. `K` is the type of its keys.
 * @category models
 * @since 0.1.0
 */
export interface CachedFn<Args extends ReadonlyArray<unknown>, K, A, E, R> {
  (...args: Args): Effect.Effect<A, E, R>
  readonly key: (...args: Args) => K
  readonly invalidate: (...args: Args) => Effect.Effect<void, never, Caching>
  /** Loads the result again, as under `CachePolicy.refresh`. If the load fails, the stored value stays. */
  readonly refresh: (...args: Args) => Effect.Effect<A, E, R>
}

type ToKey = (...args: any) => string | Key.Any

type KeyOf<F> = F extends AnyClass ? InstanceType<F>
  : F extends (...args: any) => infer K ? K extends Key.Any ? K : string
  : string

type ArgsOf<F> = F extends AnyClass ? Arguments<Input<F>> : F extends ToKey ? Parameters<F> : never

/** Only the arguments of a lookup may be conditional. Its whole type would fix `E` before the lookup is read. */
type LookupArgs<F> = F extends AnyClass ? [key: InstanceType<F>] : F extends ToKey ? Parameters<F> : never

/** The values that a lookup may return. */
type May<F> = KeyOf<F> extends string ? unknown : Success<KeyOf<F>>

type ValueOf<F, A> = KeyOf<F> extends string ? A : Success<KeyOf<F>>

type Declared<F> = KeyError<KeyOf<F>>

/** The compiler does not know the value of a lookup that is written in place when it first checks the options. */
type Known<A> = unknown extends A ? any : A

/** The failures that can be stored. */
type Stored<F, E> = KeyOf<F> extends string ? E : KeyError<KeyOf<F>>

type CodecsOf<F> = Services<KeyOf<F>>

/**
 * Creates a cached function from a key class, a lookup and options.
 *
 * **When to use**
 *
 * Use to declare key, lookup and options in one place if several places read, invalidate or warm the same results.
 *
 * **Details**
 *
 * - The first argument may also be a function that makes the key, an instance of a key class or a string, from the
 *   arguments of the cached function. The lookup then gets these arguments. Use strings for values that stay in memory
 *   or are plain data.
 * - `strategy` is a word, whose options stand beside it, or a `Strategy` of your own. Without one, it is `"ttl"`. Each
 *   word does what the combinator of that name does.
 * - With `"softTtl"` and `"failover"`, `fallbackOn` names the failures after which the stale value is served. Only a
 *   lookup that cannot fail needs none.
 * - Like every combinator, a cached function closes the load's scope when the load ends: see `Cached.ttl`.
 *
 * **Example** (Caching a function)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cached, CacheKey, CacheLayer } from "effect-cached"
 *
 * class Square extends CacheKey.Class<Square>()("Square", { payload: { n: Schema.Int }, success: Schema.Int }) {}
 * const square = Cached.fn(Square, ({ n }) => Effect.succeed(n * n), { ttl: "1 hour" })
 * await Effect.runPromise(square({ n: 7 }).pipe(Effect.provide(CacheLayer.memory()))) // => 49
 * ```
 *
 * **Example** (With string keys and another strategy)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const sum = Cached.fn(
 *   (a: number, b: number) => `sum:${a}:${b}`,
 *   (a, b) => Effect.succeed(a + b),
 *   { strategy: "refreshAhead", refreshAfter: "50 minutes", ttl: "1 hour" }
 * )
 * await Effect.runPromise(sum(1, 2).pipe(Effect.provide(CacheLayer.memory()))) // => 3
 * ```
 *
 * @see `Cached.many` for an origin that answers many keys at once
 * @see {@link recursive} for a function that calls itself
 * @see `Cached.ttl` for a single effect
 * @category constructors
 * @since 0.1.0
 */
export const fn: <
  F extends AnyClass | ToKey,
  A extends May<F>,
  E,
  R,
  S extends GivenStrategy = "ttl",
  T extends Given<KeyOf<F>> = undefined
>(
  key: F,
  lookup: (...args: LookupArgs<F>) => Effect.Effect<A, E, R>,
  options:
    & Infer<S, T>
    & OptionsOf<S, NoInfer<ValueOf<F, Known<A>>>, NoInfer<Stored<F, E>>, NoInfer<E | Declared<F>>, KeyOf<F>, T>
) => CachedFn<
  ArgsOf<F>,
  KeyOf<F>,
  ValueOf<F, A>,
  E | Declared<F> | TimeoutError<T>,
  Exclude<R, Scope.Scope> | CodecsOf<F> | Caching
> =
  ((key: AnyClass | ToKey, lookup: Lookup, options: FnOptions): unknown =>
    isToKey(key) ? makeFnToKey(key, { lookup, options }) : makeFn("Cached.fn", key, { lookup, options })) as never

type Lookup = Combine.Checked["lookup"]

interface GivenFn {
  readonly lookup: Lookup
  readonly options: FnOptions
}

const isToKey = (key: AnyClass | ToKey): key is ToKey =>
  typeof key === "function" && !("keyName" in key) && !/^class\b/.test(Function.prototype.toString.call(key))

/**
 * Represents the undeclared failures of a {@link recursive} function inside its own load. The type is opaque, because
 * the compiler does not know these failures while it checks the load.
 * @category models
 * @since 0.1.0
 */
export interface FailureOfSelf {
  readonly "~effect-cached/FailureOfSelf": never
}

/**
 * Creates a cached function that can call itself: its load gets the cached function as `self`.
 *
 * **When to use**
 *
 * Use if a result is computed from other results of the same function: trees, graphs, bills of materials.
 *
 * **Details**
 *
 * - Each value is loaded once, however often it is needed. A load that needs its own result dies with `CacheCycle`.
 * - The load may fail with failures that its key does not declare. Inside the load, such a failure of `self` has the
 *   type {@link FailureOfSelf}. To inspect it, declare it as `error` of the key class.
 *
 * **Example** (Computing Fibonacci numbers)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cached, CacheKey, CacheLayer } from "effect-cached"
 *
 * class Fib extends CacheKey.Class<Fib>()("Fib", { payload: { n: Schema.Number }, success: Schema.BigInt }) {}
 * const fib = Cached.recursive(
 *   Fib,
 *   ({ n }, self) =>
 *     n < 2 ? Effect.succeed(BigInt(n)) : Effect.zipWith(self({ n: n - 1 }), self({ n: n - 2 }), (a, b) => a + b),
 *   { strategy: "untilInvalidated" }
 * )
 * await Effect.runPromise(fib({ n: 90 }).pipe(Effect.provide(CacheLayer.memory()))) // => 2880067194370816120n
 * ```
 *
 * @see {@link fn} for a function that does not call itself
 * @category constructors
 * @since 0.1.0
 */
export const recursive = <
  C extends AnyClass,
  E,
  R,
  S extends GivenStrategy = "ttl",
  T extends Given<InstanceType<C>> = undefined
>(
  keyClass: C,
  lookup: (
    key: InstanceType<C>,
    self: (
      ...payload: ArgsOf<C>
    ) => Effect.Effect<May<C>, FailureOfSelf | Declared<C> | TimeoutError<T>, CodecsOf<C> | Caching>
  ) => Effect.Effect<May<C>, E, R>,
  options:
    & Infer<S, T>
    & OptionsOf<S, May<C>, Declared<C>, NoInfer<Exclude<E, FailureOfSelf> | Declared<C>>, InstanceType<C>, T>
): CachedFn<
  ArgsOf<C>,
  InstanceType<C>,
  May<C>,
  Exclude<E, FailureOfSelf> | Declared<C> | TimeoutError<T>,
  Exclude<R, Scope.Scope> | CodecsOf<C> | Caching
> => {
  const call = lookup as (...args: ReadonlyArray<unknown>) => never
  const load = typeof call === "function" ? (key: never): never => call(key, self) : call
  const self: unknown = makeFn("Cached.recursive", keyClass, { lookup: load, options: options as FnOptions })
  return self as never
}

// Untyped, because `fn` and `recursive` declare the types. The key class is only used to construct keys.
const makeFn = (name: string, keyClass: AnyClass, given: GivenFn, captured?: Combine.Captured): object => {
  const { lookup, options } = given
  const call = checkFn(name, keyClass, lookup)
  const strategy = strategyIn({ name: call, before: `${name}(${keyClass.keyName}, lookup` }, options)
  const keyOf = (payload: unknown): Key.Any => payload instanceof keyClass ? payload : new keyClass(payload)
  const callOf = Combine.callsOf({ lookup, options, strategy }, captured)
  const made = (payload: unknown) => callOf(keyOf(payload))
  if (captured === undefined) remadeBy(made, keyClass, (captured) => makeFn(name, keyClass, given, captured))
  return withMembers(made, keyOf, captured)
}

const makeFnToKey = (toKey: ToKey, given: GivenFn, captured?: Combine.Captured): object => {
  const { lookup, options } = given
  const strategy = strategyIn({ name: checkFnToKey(lookup), before: "Cached.fn(() => key, lookup" }, options)
  const keyOf = (...args: ReadonlyArray<unknown>) => keyInCall(toKey(...args))
  const callOf = Combine.callsOf({ lookup, options, strategy }, captured)
  const made = (...args: ReadonlyArray<unknown>) => callOf(keyOf(...args), args)
  if (captured === undefined) remadeBy(made, toKey, (captured) => makeFnToKey(toKey, given, captured))
  return withMembers(made, keyOf, captured)
}

const withMembers = (
  made: (...args: ReadonlyArray<unknown>) => Effect.Effect<unknown, unknown, any>,
  key: (...args: ReadonlyArray<unknown>) => Key.Any | string,
  captured: Combine.Captured | undefined
): object =>
  Object.assign(made, {
    key,
    invalidate: (...args: ReadonlyArray<unknown>) => provided({ provide: captured?.provide }, invalidate(key(...args))),
    refresh: (...args: ReadonlyArray<unknown>) => Combine.refreshing(made(...args))
  })

/** Says how `Cached.make` makes a function again. One that is made keeps what it has captured. */
const remadeBy = (self: object, of: object, remake: (captured: Combine.Captured) => unknown): void =>
  void Combine.remakers.set(self, (context, capture) => remake(capture(of, context)))
