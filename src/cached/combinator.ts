/**
 * The type of a combinator: an effect and a key (of a class, or a string) become a cached effect.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { CacheKey } from "../CacheKey.ts"
import type { Caching } from "../Caching.ts"
import type { Given, ReadOptions, StoreOptions, Timeout, TimeoutError, TtlOptions } from "./options.ts"

/** @internal */
export type KeyOf<A, E, KR, K> = { readonly key: K & CacheKey<A, E, KR> }

/**
 * Kinds of combinators: those that require `ttl`, those that may have it, and those without.
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
type Outcome<Kind, A, E, K> =
  & ReadOptions<A, E, K>
  & (Kind extends TimedKind ? TtlOptions<A, E, K>
    : Kind extends MaybeTimedKind ? Omit<TtlOptions<A, E, K>, "ttl"> & Partial<Pick<TtlOptions<A, E, K>, "ttl">>
    : StoreOptions<A, E, K>)

/**
 * The options without their functions: the parameters of functions would be `any` before the overload for them is tried.
 *
 * @internal
 */
export interface Fixed extends Omit<ReadOptions<unknown, unknown, unknown>, "tags" | "copy"> {
  readonly tags?: ReadonlyArray<string> | undefined
  readonly copy?: "structured" | undefined
}

/** @internal */
type FixedOutcome<Kind> =
  & Fixed
  // without it the parameter of a `when` would be `any` before the overload for it is tried
  & { readonly when?: undefined }
  & (Kind extends TimedKind ? Pick<TtlOptions<unknown, unknown, unknown>, "jitter"> & { readonly ttl: Duration.Input }
    : Kind extends MaybeTimedKind
      ? Pick<TtlOptions<unknown, unknown, unknown>, "jitter"> & { readonly ttl?: Duration.Input | undefined }
    : {})

/**
 * A combinator that caches an effect, data-first and data-last.
 *
 * **Details**
 *
 * With a key of a class, the value of the effect must be the key's, and the effect may fail with more than the key
 * declares. With a string key, the types are those of the effect.
 *
 * **Gotchas**
 *
 * The effect has a scope of its own, which closes when the load ends: a resource (`Effect.acquireRelease`) is released
 * before its first reader has it. Share resources with `RcMap`.
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
