/**
 * The type of a combinator, which turns an effect and a key into a cached effect.
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Any, Types } from "../CacheKey.ts"
import type { Caching } from "../Caching.ts"
import type * as Strategy from "../ports/strategy.ts"
import type { OptionsOf, Seen, Word } from "./flat.ts"
import type { Given, TimeoutError } from "./options.ts"

/** @internal */
export type IfUnknown<X, Then, Else> = unknown extends X ? Then : Else

/** @internal */
export type ValueFor<X, A> = unknown extends X ? A : ValueOf<X>

/** @internal */
type FailureFor<X, E> = unknown extends X ? E : ErrorOf<X>

/** @internal */
export type KeyFor<K, X> = unknown extends X ? string : K

/** The failures that the key class declares. @internal */
export type ErrorOf<X> = X extends Types<any, infer E, any> ? E : never

/** The values that an effect cached under this key may return. @internal */
type ValueOf<X> = X extends Types<infer A, any, any> ? A : unknown

/** The services that the key's codecs need. @internal */
export type CodecsOf<X> = X extends Types<any, any, infer R> ? R : never

/** Infers the types of a key's class: a conditional type on `K` stays unresolved if `K` is the caller's. @internal */
export type KeyOf<X> = Seen<X, { readonly "~effect-cached/CacheKey": X }>

/** A key that may have a value of type `A`: an instance of a class that has such values, or a string. @internal */
export type Fits<X, A> = IfUnknown<X, unknown, [A] extends [ValueOf<X>] ? unknown : KeyForValue<A>>

/** A key whose value type includes `A`. The compiler's error messages show the name of this interface. */
interface KeyForValue<A> {
  readonly "~effect-cached/CacheKey": { readonly _takes: (value: A) => void }
}

/** Any failure, for an effect that the compiler does not know yet: it may fail, and every tag is accepted. @internal */
export interface AnyFailure {
  readonly _tag: string
}

/** The options of a combinator for an effect `Self`, which is `unknown` outside of a pipe. @internal */
type OptionsFor<Name, K, X, Self, A, E, T> = OptionsOf<
  Name,
  ValueFor<X, A>,
  FailureFor<X, E>,
  IfUnknown<Self, AnyFailure, E | ErrorOf<X>>,
  KeyFor<K, X>,
  T,
  never,
  // Not of the types for `X`, which are unknown while a strategy is inferred that is made in place.
  Strategy.Input<A, K extends string ? E : ErrorOf<X>, NoInfer<K>>
>

/** The effect after a key and options. In a pipe, it was known before they were checked. @internal */
type After<Self, X, A> = unknown extends Self ? Fits<X, A> : Self

/**
 * A combinator, callable data-first or data-last, for the strategy `Name`. If the key is an instance of a key class,
 * the effect's value must have the type that the class declares, but the effect may fail with undeclared errors.
 * @category models
 * @since 0.1.0
 */
export interface Combinator<Name extends Word> {
  // Has only one overload for each number of arguments, so that type errors do not begin with "No overload matches".
  // In a pipe, the effect is known before the options are checked, so a mistake is reported at the option itself.
  <K extends Any | string, X, Self, T extends Given<KeyFor<K, X>> = undefined>(
    key: K & KeyOf<X> & IfUnknown<Self, unknown, Fits<X, Effect.Success<NoInfer<Self>>>>,
    options:
      & Seen<T, { readonly timeout?: T }>
      & OptionsFor<
        Name,
        K,
        X,
        NoInfer<Self>,
        IfUnknown<Self, any, Effect.Success<NoInfer<Self>>>,
        IfUnknown<Self, any, Effect.Error<NoInfer<Self>>>,
        T
      >
  ): <A, E, R>(self: Effect.Effect<A, E, R> & After<Self, X, A>) => Effect.Effect<
    ValueFor<X, A>,
    E | ErrorOf<X> | TimeoutError<T>,
    Exclude<R, Scope.Scope> | CodecsOf<X> | Caching
  >
  <A extends ValueOf<X>, E, R, K extends Any | string, X, T extends Given<KeyFor<K, X>> = undefined>(
    self: Effect.Effect<A, E, R>,
    key: K & KeyOf<X>,
    options:
      & Seen<T, { readonly timeout?: T }>
      & OptionsFor<Name, K, X, true, NoInfer<A>, NoInfer<E>, T>
  ): Effect.Effect<
    ValueFor<X, A>,
    E | ErrorOf<X> | TimeoutError<T>,
    Exclude<R, Scope.Scope> | CodecsOf<X> | Caching
  >
}

/**
 * A {@link Combinator} whose options may be left out. `Name` is `undefined` for `Cached.withStrategy`.
 * @category models
 * @since 0.1.0
 */
export interface BareCombinator<Name extends "untilInvalidated" | undefined> {
  <K extends Any | string, X, Self, T extends Given<KeyFor<K, X>> = undefined>(
    key: K & KeyOf<X> & IfUnknown<Self, unknown, Fits<X, Effect.Success<NoInfer<Self>>>>,
    options?:
      & Seen<T, { readonly timeout?: T }>
      & OptionsFor<
        Name,
        K,
        X,
        NoInfer<Self>,
        IfUnknown<Self, any, Effect.Success<NoInfer<Self>>>,
        IfUnknown<Self, any, Effect.Error<NoInfer<Self>>>,
        T
      >
  ): <A, E, R>(self: Effect.Effect<A, E, R> & After<Self, X, A>) => Effect.Effect<
    ValueFor<X, A>,
    E | ErrorOf<X> | TimeoutError<T>,
    Exclude<R, Scope.Scope> | CodecsOf<X> | Caching
  >
  // A strategy that is made in place sees `Loaded`: `A`, without its bound, which depends on `X`.
  <A extends ValueOf<X>, E, R, K extends Any | string, X, Loaded, T extends Given<KeyFor<K, X>> = undefined>(
    self: Effect.Effect<A, E, R> & Effect.Effect<Loaded, unknown, unknown>,
    key: K & KeyOf<X>,
    options: Seen<T, { readonly timeout?: T }> & OptionsFor<Name, K, X, true, NoInfer<Loaded>, NoInfer<E>, T>
  ): Effect.Effect<
    ValueFor<X, A>,
    E | ErrorOf<X> | TimeoutError<T>,
    Exclude<R, Scope.Scope> | CodecsOf<X> | Caching
  >
  // Last, because the compiler would try it with the arguments of the others. If the first argument is no effect, this
  // overload is ruled out by requiring more arguments than the call has.
  <A extends ValueOf<X>, E, R, K extends Any | string, X, Ids>(
    self: Effect.Effect<A, E, R> & Seen<Ids, { readonly "~effect/Effect": Ids }>,
    key: K & KeyOf<X>,
    ...beside: IfUnknown<Ids, [never, never], []>
  ): Effect.Effect<
    ValueFor<X, A>,
    E | ErrorOf<X>,
    Exclude<R, Scope.Scope> | CodecsOf<X> | Caching
  >
}
