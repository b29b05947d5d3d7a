/**
 * Cached functions, which declare a key class, its load and its strategy in one place.
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Key from "../CacheKey.ts"
import {
  type AnyClass,
  type Arguments,
  codeOf,
  type Error as KeyError,
  type Input,
  type Services,
  type Success
} from "../CacheKey.ts"
import type { Caching } from "../Caching.ts"
import { provided } from "../internal/engine/request/context.ts"
import { define } from "../internal/key/define.ts"
import type { NoTag } from "../ports/strategy.ts"
import type { Strategy } from "../Strategy.ts"
import {
  checkFn,
  checkNamedFn,
  checkStringFn,
  type FnOptions as AnyFnOptions,
  type StringFnOptions,
  stringKey
} from "./checkCall.ts"
import type { Seen } from "./combinator.ts"
import * as Combine from "./combine.ts"
import { invalidate } from "./invalidation.ts"
import type { FallbackOptions, Given, ReadOptions, TagOf, Timeout, TimeoutError } from "./options.ts"

/**
 * A cached function of one payload, made by {@link fn} or {@link recursive}.
 * @category models
 * @since 0.1.0
 */
export interface CachedFn<K extends Key.Any, In, E, R> {
  (...payload: Arguments<In>): Effect.Effect<Success<K>, E, R>
  readonly key: (...payload: Arguments<In>) => K
  readonly invalidate: (...payload: Arguments<In>) => Effect.Effect<void, never, Caching>
  /** Loads the result again, as under `CachePolicy.refresh`. If the load fails, the stored value stays. */
  readonly refresh: (...payload: Arguments<In>) => Effect.Effect<Success<K>, E, R>
}

type Instance<C extends AnyClass> = InstanceType<C>

/** `KE` is the failure type that the key of a cached function declares; `E`, the failure type of its load. @internal */
export interface OptionsFor<K, A, KE, E, T>
  extends FallbackOptions<E | TimeoutError<T>, TagOf<E> | NoTag<TagOf<E>>>, Timeout<T, K>, ReadOptions<A, KE, K>
{
  readonly strategy: Strategy<A, KE, K>
}

/** Only `lookup` determines the failure type `E` of a load. Functions among the other options receive such failures. */
interface FnOptions<K, A, KE, E, R, T> extends OptionsFor<K, A, KE, NoInfer<E> | KE, T> {
  readonly lookup: (key: K) => Effect.Effect<NoInfer<A>, E, R>
}

interface RecursiveOptions<C extends AnyClass, K, A, KE, E, R, T>
  extends OptionsFor<K, A, KE, Exclude<NoInfer<E>, FailureOfSelf> | KE, T>
{
  readonly lookup: (
    key: K,
    self: (
      ...payload: Arguments<Input<C>>
    ) => Effect.Effect<A, FailureOfSelf | KE | TimeoutError<T>, Services<K> | Caching>
  ) => Effect.Effect<NoInfer<A>, E, R>
}

type NamedClass<
  Name extends string,
  Fields extends Schema.Struct.Fields,
  S extends Schema.Constraint,
  E extends Schema.Constraint,
  I extends Key.Indexes<Fields>
> = Key.KeyClass<NamedKey<Fields, S, E>, Name, Fields, S, E, I>

type NamedKey<
  Fields extends Schema.Struct.Fields,
  S extends Schema.Constraint,
  E extends Schema.Constraint
> = InstanceType<Key.KeyClass<unknown, string, Fields, S, E>>

interface NamedFnOptions<
  Fields extends Schema.Struct.Fields,
  S extends Schema.Constraint,
  E extends Schema.Constraint,
  I extends Key.Indexes<NoInfer<Fields>>,
  E2,
  R,
  T
> extends
  NamedKeyOptions<Fields, S, E, I>,
  Omit<
    FnOptions<
      NamedKey<NoInfer<Fields>, NoInfer<S>, NoInfer<E>>,
      NoInfer<S["Type"]>,
      NoInfer<E["Type"]>,
      E2,
      R,
      T
    >,
    "tags"
  >
{}

/**
 * The options for the key class that `Cached.fn` declares if its first argument is a name.
 * @category options
 * @since 0.1.0
 */
export interface NamedKeyOptions<
  Fields extends Schema.Struct.Fields,
  S extends Schema.Constraint,
  E extends Schema.Constraint,
  I extends Key.Indexes<NoInfer<Fields>>
> extends Omit<Key.Options<Fields, S, E, I>, "version"> {
  /**
   * A part of the key's fingerprint: change it when results change in a way that no schema shows. `"code"` uses the
   * source text of `lookup`, so results that different code has stored are not used (`CacheKey.codeOf` lists limits).
   * @default none
   */
  readonly version?: "code" | (string & {}) | undefined
}

interface AnyNamedOptions extends Partial<NamedKeyOptions<any, any, any, any>> {
  readonly lookup: (...args: ReadonlyArray<never>) => Effect.Effect<unknown, unknown, any>
}

/**
 * A cached function with string keys, made by {@link fn}.
 * @category models
 * @since 0.1.0
 */
export interface CachedStringFn<Args extends ReadonlyArray<unknown>, A, E, R> {
  (...args: Args): Effect.Effect<A, E, R>
  readonly key: (...args: Args) => string
  readonly invalidate: (...args: Args) => Effect.Effect<void, never, Caching>
  /** Loads the result again, as under `CachePolicy.refresh`. If the load fails, the stored value stays. */
  readonly refresh: (...args: Args) => Effect.Effect<A, E, R>
}

/**
 * Creates a cached function from a key class, a load and a strategy.
 *
 * **When to use**
 *
 * Use to declare key, load and strategy in one place if several places read, invalidate or warm the same results.
 *
 * **Details**
 *
 * Instead of a key class, the first argument may be
 *
 * - the name of a new key class, with the class's `payload` and `success` among the options. The class is then the
 *   function's property `Key`. With `version: "code"`, a change to the code of `lookup` changes the keys;
 * - a function that turns the arguments into a string key. The second argument is then the load. Use this form for
 *   values that stay in memory or are plain data.
 *
 * Like every combinator, a cached function closes the load's scope when the load ends: see `Cached.ttl`.
 *
 * **Example** (Caching a function)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cached, CacheKey, CacheLayer, Strategy } from "effect-cached"
 *
 * class Square extends CacheKey.Class<Square>()("Square", { payload: { n: Schema.Int }, success: Schema.Int }) {}
 * const square = Cached.fn(Square, {
 *   lookup: ({ n }) => Effect.succeed(n * n),
 *   strategy: Strategy.ttl({ ttl: "1 hour" })
 * })
 * await Effect.runPromise(square({ n: 7 }).pipe(Effect.provide(CacheLayer.memory()))) // => 49
 * ```
 *
 * **Example** (In one statement)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cached, CacheLayer, Strategy } from "effect-cached"
 *
 * const cube = Cached.fn("Cube", {
 *   payload: { n: Schema.Number },
 *   success: Schema.Number,
 *   version: "code",
 *   lookup: ({ n }) => Effect.succeed(n ** 3),
 *   strategy: Strategy.ttl({ ttl: "1 hour" })
 * })
 * const program = Effect.andThen(cube({ n: 3 }), Effect.all([cube({ n: 3 }), Cached.has(new cube.Key({ n: 3 }))]))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [27, true]
 * ```
 *
 * **Example** (With string keys)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, Strategy } from "effect-cached"
 *
 * const sum = Cached.fn(
 *   (a: number, b: number) => `sum:${a}:${b}`,
 *   (a, b) => Effect.succeed(a + b),
 *   { strategy: Strategy.ttl({ ttl: "1 hour" }) }
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
export const fn: {
  // This overload is first, because before the types are inferred, the compiler may consider only the first overload.
  // `Beside` leaves one overload for each number of arguments. With two, errors would begin with "No overload matches".
  <C extends AnyClass, E, R, T extends Given<Instance<C>> = undefined, Text = unknown, Result = unknown>(
    keyClass: C & First<Text, Result>,
    options: FnOptions<Instance<C>, Success<Instance<C>>, KeyError<Instance<C>>, E, R, T>,
    ...beside: Beside<"class", Text, Result>
  ): CachedFn<
    Instance<C>,
    Input<C>,
    E | KeyError<Instance<C>> | TimeoutError<T>,
    Exclude<R, Scope.Scope> | Services<Instance<C>> | Caching
  >
  <
    const Name extends string,
    S extends Schema.Constraint,
    E2,
    R,
    const Fields extends Schema.Struct.Fields = {},
    E extends Schema.Constraint = Schema.Never,
    const I extends Key.Indexes<NoInfer<Fields>> = readonly [],
    T extends Given<NamedKey<NoInfer<Fields>, NoInfer<S>, NoInfer<E>>> = undefined,
    Text = unknown,
    Result = unknown
  >(
    name: Name & First<Text, Result>,
    options: NamedFnOptions<Fields, S, E, I, E2, R, T>,
    ...beside: Beside<"name", Text, Result>
  ):
    & CachedFn<
      NamedKey<Fields, S, E>,
      Input<NamedClass<Name, Fields, S, E, I>>,
      E2 | E["Type"] | TimeoutError<T>,
      Exclude<R, Scope.Scope> | Services<NamedKey<Fields, S, E>> | Caching
    >
    & { readonly Key: NamedClass<Name, Fields, S, E, I> }
  <F extends (...args: any) => string, A, E, R, T extends Given<string> = undefined>(
    key: F,
    lookup: (...args: Parameters<F>) => Effect.Effect<A, E, R>,
    options: OptionsFor<string, NoInfer<A>, NoInfer<E>, NoInfer<E>, T>
  ): CachedStringFn<Parameters<F>, A, E | TimeoutError<T>, Exclude<R, Scope.Scope> | Caching>
  <Text = unknown, Result = unknown>(
    key: ToKey & First<Text, Result>,
    lookup: OverStrings,
    ...beside: Beside<"function", Text, Result>
  ): never
} = (first: AnyClass | string | ToKey, options: any, ofStrings?: any): never => {
  if (typeof first === "string") {
    checkNamedFn(`Cached.fn("${first}")`, options)
    const { error, id, ignore, indexes, payload, serializer, success, tags, unambiguous, version, ...rest } =
      options as AnyNamedOptions
    // Calls `define` directly in this function, because `define` finds the user's call at a fixed depth of the stack.
    const keyClass = define(first, {
      error,
      id,
      ignore,
      indexes,
      payload,
      serializer,
      success,
      tags,
      unambiguous,
      version: version === "code" ? codeOf(options.lookup) : version
    } as never)
    const named = (captured?: Combine.Captured): never => {
      const made: object = makeFn("Cached.fn", keyClass as never, rest as never, captured)
      if (captured === undefined) remadeBy(made, keyClass, named)
      return Object.assign(made, { Key: keyClass }) as never
    }
    return named()
  }
  return isToKey(first) ? makeStringFn(first, options, ofStrings) : makeFn("Cached.fn", first, options as never)
}

type OverStrings = "over string keys the lookup is the second argument, and the options are the third"

/** The first argument of `fn`. `Text` is inferred from a name, `Result` from a function, and neither from a class. */
type First<Text, Result> = Seen<Text | Result, { readonly codePointAt: Text } | ((...args: any) => Result)>

type KindOf<Text, Result> = unknown extends Text ? unknown extends Result ? "class" : "function" : "name"

/** Unless the first argument is of this kind, rules out an overload by requiring more arguments than any call has. */
type Beside<Kind, Text, Result> = KindOf<Text, Result> extends Kind ? [] : [never, never, never, never]

type ToKey = (...args: ReadonlyArray<never>) => string

const isToKey = (first: AnyClass | ToKey): first is ToKey =>
  typeof first === "function" && !("keyName" in first) && !/^class\b/.test(Function.prototype.toString.call(first))

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
 * import { Cached, CacheKey, CacheLayer, Strategy } from "effect-cached"
 *
 * class Fib extends CacheKey.Class<Fib>()("Fib", { payload: { n: Schema.Number }, success: Schema.BigInt }) {}
 * const fib = Cached.recursive(Fib, {
 *   lookup: ({ n }, self) =>
 *     n < 2 ? Effect.succeed(BigInt(n)) : Effect.zipWith(self({ n: n - 1 }), self({ n: n - 2 }), (a, b) => a + b),
 *   strategy: Strategy.untilInvalidated
 * })
 * await Effect.runPromise(fib({ n: 90 }).pipe(Effect.provide(CacheLayer.memory()))) // => 2880067194370816120n
 * ```
 *
 * @see {@link fn} for a function that does not call itself
 * @category constructors
 * @since 0.1.0
 */
export const recursive = <C extends AnyClass, E, R, T extends Given<Instance<C>> = undefined>(
  keyClass: C,
  options: RecursiveOptions<C, Instance<C>, Success<Instance<C>>, KeyError<Instance<C>>, E, R, T>
): CachedFn<
  Instance<C>,
  Input<C>,
  Exclude<E, FailureOfSelf> | KeyError<Instance<C>> | TimeoutError<T>,
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

// Untyped, because `fn` and `recursive` declare the types. The key class is only used to construct keys.
const makeFn = (name: string, keyClass: AnyClass, options: AnyFnOptions, captured?: Combine.Captured): never => {
  checkFn(name, keyClass, options)
  const keyOf = (payload: unknown): Key.Any => payload instanceof keyClass ? payload : new keyClass(payload)
  const callOf = Combine.callsOf(options, captured)
  const call = (payload: unknown) => callOf(keyOf(payload))
  if (captured === undefined) remadeBy(call, keyClass, (captured) => makeFn(name, keyClass, options, captured))
  return Object.assign(call, {
    key: keyOf,
    invalidate: (payload: unknown) => provided({ provide: captured?.provide }, invalidate(keyOf(payload))),
    refresh: (payload: unknown) => Combine.refreshing(call(payload))
  }) as never
}

const makeStringFn = (
  toKey: ToKey,
  lookup: StringFnOptions["lookup"],
  others: Omit<StringFnOptions, "lookup">,
  captured?: Combine.Captured
): never => {
  checkStringFn(lookup, others)
  const options: StringFnOptions = { ...others, lookup }
  const keyOf = (...args: ReadonlyArray<unknown>) => stringKey(toKey(...args as ReadonlyArray<never>))
  const callOf = Combine.callsByString(options, captured)
  const call = (...args: ReadonlyArray<unknown>) => callOf(keyOf(...args), args)
  if (captured === undefined) remadeBy(call, toKey, (captured) => makeStringFn(toKey, lookup, others, captured))
  return Object.assign(call, {
    key: keyOf,
    invalidate: (...args: ReadonlyArray<unknown>) =>
      provided({ provide: captured?.provide }, invalidate(keyOf(...args))),
    refresh: (...args: ReadonlyArray<unknown>) => Combine.refreshing(call(...args))
  }) as never
}

/** Says how `Cached.make` makes a function again. One that is made keeps what it has captured. */
const remadeBy = (self: object, of: object, remake: (captured: Combine.Captured) => unknown): void =>
  void Combine.remakers.set(self, (context, capture) => remake(capture(of, context)))
