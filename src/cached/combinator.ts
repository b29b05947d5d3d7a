/**
 * The type of a combinator: makes a cached effect from an effect and a key (of a class, or a string).
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Any, CacheKey, Error as KeyError } from "../CacheKey.ts"
import type { Caching } from "../Caching.ts"
import type * as Ttl from "../Ttl.ts"
import type {
  FallbackOptions,
  Given,
  OwnOptions,
  ReadOptions,
  StoreOptions,
  TagOf,
  Timeout,
  TimeoutError,
  TtlOptions
} from "./options.ts"
import type { ValueOf } from "./withCaching.ts"

/** @internal */
export interface StringKey {
  readonly key: string
}

/** @internal */
export type KeyOf<A, E, KR, K> = { readonly key: K & CacheKey<A, E, KR> }

/**
 * Kinds of combinators: with a required `ttl` (and a fallback on a stale value), with an optional one, or without.
 *
 * @internal
 */
export interface TimedKind {
  readonly ttl: true
}

/** @internal */
export interface FallbackKind extends TimedKind {
  readonly fallsBack: true
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
type Outcome<Kind, A, E, K> =
  & ReadOptions<A, E, K>
  & (Kind extends TimedKind ? TtlOptions<A, E, K>
    : Kind extends MaybeTimedKind ? Omit<TtlOptions<A, E, K>, "ttl"> & Partial<Pick<TtlOptions<A, E, K>, "ttl">>
    : StoreOptions<A, E, K>)

/**
 * The options without functions, whose parameters would be `any` before their overload is tried.
 *
 * @internal
 */
export interface Fixed extends Omit<ReadOptions<unknown, unknown, string>, "tags" | "copy"> {
  readonly tags?: ReadonlyArray<string> | undefined
  readonly copy?: Exclude<ReadOptions<unknown, unknown, string>["copy"], Function>
}

interface FixedConditions<Tag> extends Fixed {
  // Without these, the parameters of such functions would be `any` before their overload is tried.
  readonly when?: undefined
  readonly storeIf?: undefined
  readonly storeFailures?: ReadonlyArray<Tag> | undefined
}

interface FixedMaybeTimed<Tag> extends FixedConditions<Tag>, Pick<TtlOptions<unknown, unknown, unknown>, "jitter"> {
  readonly ttl?: Ttl.Input | undefined
}

interface FixedTimed<Tag> extends FixedMaybeTimed<Tag> {
  readonly ttl: Ttl.Input
}

/** @internal */
type FixedOutcome<Kind, Tag> = Kind extends TimedKind ? FixedTimed<Tag>
  : Kind extends MaybeTimedKind ? FixedMaybeTimed<Tag>
  : FixedConditions<Tag>

/** @internal */
type FixedOwn<O> = keyof O extends never ? {}
  : { readonly [Name in keyof O]: Exclude<O[Name], (...args: never) => unknown> }

/** @internal */
type Fallback<Kind, E, Tag extends string> = Kind extends FallbackKind ? FallbackOptions<E, Tag> : {}

/**
 * A requirement on an effect whose options were given first: its failures are those that `fallbackWhen` takes, and have
 * the tags named by `fallbackOn` and `storeFailures`.
 *
 * @internal
 */
export type FailsWith<E, Failures, Tag extends string> = [Tag] extends [TagOf<E>]
  ? Effect.Effect<unknown, Failures, unknown>
  : { readonly "fallbackOn or storeFailures names no failure of this effect": Exclude<Tag, TagOf<E>> }

/**
 * A combinator that caches an effect, data-first and data-last.
 *
 * **Details**
 *
 * With a key of a class, the effect's value must be the key's, but it may fail with more than the key declares. With a
 * string key, the types are those of the effect.
 *
 * **Gotchas**
 *
 * The effect has its own scope, which closes when the load ends: a resource (`Effect.acquireRelease`) is released
 * before its first reader gets it. Share resources with `RcMap`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Combinator<Kind, Own extends keyof OwnOptions<unknown, unknown, unknown> = "none"> {
  // The defaults are for mistakes: the compiler continues with this signature and would also report unknown types.
  <
    A = any,
    E = never,
    KR = never,
    K extends CacheKey<A, E, KR> = CacheKey<A, E, KR>,
    Failures = unknown,
    T extends Given<K> = undefined,
    Tag extends string = never
  >(
    options:
      & KeyOf<A, E, KR, K>
      & OwnOptions<NoInfer<A>, NoInfer<E>, K>[Own]
      & Timeout<T, K>
      & Outcome<Kind, NoInfer<A>, NoInfer<E>, K>
      & Fallback<Kind, NoInfer<E> | Failures | TimeoutError<T>, Tag>
  ): <A2 extends A, E2, R>(
    self: Effect.Effect<A2, E2, R> & FailsWith<E | E2, Failures, Tag>
  ) => Effect.Effect<A, E | E2 | TimeoutError<T>, Exclude<R, Scope.Scope> | KR | Caching>
  <Failures, T extends Given<string> = undefined, Tag extends string = never>(
    options:
      & StringKey
      & FixedOwn<OwnOptions<unknown, unknown, string>[Own]>
      & Timeout<T, string>
      & FixedOutcome<Kind, Tag>
      & Fallback<Kind, Failures | TimeoutError<T>, Tag>
  ): <A, E, R>(
    self: Effect.Effect<A, E, R> & FailsWith<E, Failures, Tag>
  ) => Effect.Effect<A, E | TimeoutError<T>, Exclude<R, Scope.Scope> | Caching>
  <A, E, T extends Given<string> = undefined>(
    options:
      & StringKey
      & OwnOptions<A, E, string>[Own]
      & Timeout<T, string>
      & Outcome<Kind, A, E, string>
      & Fallback<Kind, NoInfer<E> | TimeoutError<T>, TagOf<NoInfer<E>>>
  ): <R>(
    self: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | TimeoutError<T>, Exclude<R, Scope.Scope> | Caching>
  <
    A2 extends A,
    E2,
    R,
    A = any,
    E = never,
    KR = never,
    K extends CacheKey<A, E, KR> = CacheKey<A, E, KR>,
    T extends Given<K> = undefined
  >(
    self: Effect.Effect<A2, E2, R>,
    options:
      & KeyOf<A, E, KR, K>
      & OwnOptions<NoInfer<A>, NoInfer<E>, K>[Own]
      & Timeout<T, K>
      & Outcome<Kind, NoInfer<A>, NoInfer<E>, K>
      & Fallback<Kind, NoInfer<E | E2> | TimeoutError<T>, TagOf<NoInfer<E | E2>>>
  ): Effect.Effect<A, E | E2 | TimeoutError<T>, Exclude<R, Scope.Scope> | KR | Caching>
  <A, E, R, T extends Given<string> = undefined>(
    self: Effect.Effect<A, E, R>,
    options:
      & StringKey
      & OwnOptions<NoInfer<A>, NoInfer<E>, string>[Own]
      & Timeout<T, string>
      & Outcome<Kind, NoInfer<A>, NoInfer<E>, string>
      & Fallback<Kind, NoInfer<E> | TimeoutError<T>, TagOf<NoInfer<E>>>
  ): Effect.Effect<A, E | TimeoutError<T>, Exclude<R, Scope.Scope> | Caching>
  <K extends Any | string>(options: { readonly key: K } & OptionsOf<Kind, Own, K> & Unfit): never
  <K extends Any | string, E>(
    self: Effect.Effect<ValueOf<K>, E, unknown>,
    options: { readonly key: K } & OptionsOf<Kind, Own, K, NoInfer<E>> & Unfit
  ): never
}

/**
 * The types of a read determined by its key, and none for a string. `E`: the failures of its effect, if known.
 *
 * @internal
 */
export interface Beside<K, E> {
  readonly value: K extends string ? any : ValueOf<K>
  /** The failures that can be stored. */
  readonly failure: K extends string ? E : KeyError<K>
  readonly failures: unknown extends E ? unknown : K extends string ? E : E | KeyError<K>
  readonly tags: unknown extends E ? string : TagOf<E> | (K extends string ? never : TagOf<KeyError<K>>)
}

type AllOptions<Kind, Own extends keyof OwnOptions<unknown, unknown, unknown>, K, B extends Beside<K, any>> =
  & { readonly key: unknown }
  & OwnOptions<B["value"], B["failure"], K>[Own]
  & Timeout<Given<K>, K>
  & Outcome<Kind, B["value"], B["failure"], K>
  & Fallback<Kind, B["failures"], B["tags"]>

/**
 * The options of a combinator without its key, as a named type. The compiler explains the last signature it has tried.
 * That is one for all kinds of keys: otherwise all mistakes would be explained as if for a string key.
 *
 * @internal
 */
type OptionsOf<Kind, Own extends keyof OwnOptions<unknown, unknown, unknown>, K, E = unknown> = {
  readonly [Name in keyof AllOptions<Kind, Own, K, Beside<K, E>>]: AllOptions<Kind, Own, K, Beside<K, E>>[Name]
}

/**
 * A requirement that no options meet: a signature with it only explains mistakes.
 *
 * @internal
 */
export interface Unfit {
  readonly "each option is right by itself, but not beside the others": never
}
