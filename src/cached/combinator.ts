/**
 * The type of a combinator: an effect and a key (of a class, or a string) become a cached effect.
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Any, Types } from "../CacheKey.ts"
import type { Caching } from "../Caching.ts"
import type {
  FallbackOptions,
  Given,
  MaxHitsOptions,
  ProbabilisticOptions,
  ReadOptions,
  RefreshAheadOptions,
  SlidingOptions,
  SoftTtlOptions,
  StoreOptions,
  TagOf,
  Timeout,
  TimeoutError,
  TtlOptions
} from "./options.ts"

/**
 * The options of each combinator, by its name. Each is an interface, because for a composed type the compiler reports
 * first that it does not fit, and only then which option is missing.
 *
 * - `X`: the `CacheKey.Types` of a key of a class, `unknown` beside a string. It is inferred from the key, because a
 *   condition on `K` stays open where that is a parameter of the caller.
 * - `Self`: the effect of a pipe, which the compiler knows before the options, so that they can be wrong for it;
 *   otherwise `unknown`.
 * - `A`, `E`, `Causes`: the value and the failures that functions take. Beside a key of a class `A` and `E` are not
 *   used.
 * - `T`: the `timeout`; `Tag`: the tags in `fallbackOn`; `Stored`: those in `storeFailures` beside a string.
 * @internal
 */
interface OptionsBy<K, X, Self, A, E, Causes, T, Tag extends string, Stored extends string> {
  readonly ttl: TtlOptionsFor<K, X, Self, A, E, T, Stored>
  readonly softTtl: SoftTtlOptionsFor<K, X, Self, A, E, Causes, T, Tag, Stored>
  readonly refreshAhead: RefreshAheadOptionsFor<K, X, Self, A, E, T, Stored>
  readonly probabilistic: ProbabilisticOptionsFor<K, X, Self, A, E, T, Stored>
  readonly sliding: SlidingOptionsFor<K, X, Self, A, E, T, Stored>
  readonly maxHits: MaxHitsOptionsFor<K, X, Self, A, E, T, Stored>
  readonly failover: FailoverOptionsFor<K, X, Self, A, E, Causes, T, Tag, Stored>
  readonly untilInvalidated: UntilInvalidatedOptionsFor<K, X, Self, A, E, T, Stored>
}

/** The options of every combinator. @internal */
export interface ReadOptionsFor<K, X, Self, A, E, T>
  extends ReadOptions<ValueFor<X, A>, FailureFor<X, E>, KeyFor<K, X>>, Timeout<T, KeyFor<K, X>>
{
  readonly key: K & Seen<X, { readonly "~effect-cached/CacheKey": X }> & KeyBeside<NoInfer<Self>, X>
}

type KeyBeside<Self, X> = IfUnknown<X, unknown, IfUnknown<Self, unknown, KeyForValue<Effect.Success<Self>>>>

/** @internal */
export type IfUnknown<X, Then, Else> = unknown extends X ? Then : Else

/** A key that takes values of `A`. Its name is in the compiler's message. */
interface KeyForValue<A> {
  readonly "~effect-cached/CacheKey": { readonly _takes: (value: A) => void }
}

/** The tags that an option may name: those of the effect, or any in `Tag` if it is not known yet. @internal */
export type TagBeside<Self, X, Tag extends string> = IfUnknown<Self, Tag, TagOf<Effect.Error<Self> | ErrorOf<X>>>

/** `Causes`: the failures of the effect that `fallbackWhen` takes. @internal */
export interface FallbackFor<Causes, T, Tag extends string> extends FallbackOptions<Causes | TimeoutError<T>, Tag> {}

/** A type to infer `X` from that requires nothing: it is `unknown` once `X` is inferred. @internal */
export type Seen<X, Inferred> = [unknown, X] extends [never, unknown] ? Inferred : unknown

type StoreFor<O, Self, X, Stored extends string> = Omit<O, "storeFailures"> & {
  /** The tags of the failures that are stored. @default none; beside `when`, those that it accepts */
  readonly storeFailures?:
    | (unknown extends X ? ReadonlyArray<TagBeside<Self, X, Stored>> : ReadonlyArray<TagOf<ErrorOf<X>>>)
    | undefined
}

interface TtlOptionsFor<K, X, Self, A, E, T, Stored extends string>
  extends
    ReadOptionsFor<K, X, Self, A, E, T>,
    StoreFor<TtlOptions<ValueFor<X, A>, FailureFor<X, E>, KeyFor<K, X>>, NoInfer<Self>, X, Stored>
{}

interface SoftTtlOptionsFor<K, X, Self, A, E, Causes, T, Tag extends string, Stored extends string>
  extends
    ReadOptionsFor<K, X, Self, A, E, T>,
    FallbackFor<Causes, T, TagBeside<NoInfer<Self>, X, Tag>>,
    StoreFor<SoftTtlOptions<ValueFor<X, A>, FailureFor<X, E>, KeyFor<K, X>>, NoInfer<Self>, X, Stored>
{}

interface RefreshAheadOptionsFor<K, X, Self, A, E, T, Stored extends string>
  extends
    ReadOptionsFor<K, X, Self, A, E, T>,
    StoreFor<RefreshAheadOptions<ValueFor<X, A>, FailureFor<X, E>, KeyFor<K, X>>, NoInfer<Self>, X, Stored>
{}

interface ProbabilisticOptionsFor<K, X, Self, A, E, T, Stored extends string>
  extends
    ReadOptionsFor<K, X, Self, A, E, T>,
    StoreFor<ProbabilisticOptions<ValueFor<X, A>, FailureFor<X, E>, KeyFor<K, X>>, NoInfer<Self>, X, Stored>
{}

interface SlidingOptionsFor<K, X, Self, A, E, T, Stored extends string>
  extends
    ReadOptionsFor<K, X, Self, A, E, T>,
    StoreFor<SlidingOptions<ValueFor<X, A>, FailureFor<X, E>, KeyFor<K, X>>, NoInfer<Self>, X, Stored>
{}

interface MaxHitsOptionsFor<K, X, Self, A, E, T, Stored extends string>
  extends
    ReadOptionsFor<K, X, Self, A, E, T>,
    StoreFor<MaxHitsOptions<ValueFor<X, A>, FailureFor<X, E>, KeyFor<K, X>>, NoInfer<Self>, X, Stored>
{}

interface FailoverOptionsFor<K, X, Self, A, E, Causes, T, Tag extends string, Stored extends string>
  extends
    ReadOptionsFor<K, X, Self, A, E, T>,
    FallbackFor<Causes, T, TagBeside<NoInfer<Self>, X, Tag>>,
    StoreFor<TtlOptions<ValueFor<X, A>, FailureFor<X, E>, KeyFor<K, X>>, NoInfer<Self>, X, Stored>
{}

interface UntilInvalidatedOptionsFor<K, X, Self, A, E, T, Stored extends string>
  extends
    ReadOptionsFor<K, X, Self, A, E, T>,
    StoreFor<StoreOptions<ValueFor<X, A>, FailureFor<X, E>, KeyFor<K, X>>, NoInfer<Self>, X, Stored>
{}

/** @internal */
export type ValueFor<X, A> = unknown extends X ? A : ValueOf<X>
type FailureFor<X, E> = unknown extends X ? E : ErrorOf<X>

/** @internal */
export type KeyFor<K, X> = unknown extends X ? string : K

/** The failures that a key declares. @internal */
export type ErrorOf<X> = X extends Types<any, infer E, any> ? E : never

/** The values that an effect may give beside a key. @internal */
export type ValueOf<X> = X extends Types<infer A, any, any> ? A : unknown

/** The services that the codecs of a key need. @internal */
export type CodecsOf<X> = X extends Types<any, any, infer R> ? R : never

/**
 * A requirement on an effect whose options were given before it: its values and failures are those that functions among
 * the options take, and its failures have the tags that `fallbackOn` and `storeFailures` name. In a pipe the
 * options are checked themselves instead, so that a mistake is reported at the option.
 * @internal
 */
export type Fits<Self, X, E, Values, Failures, Causes, Tag extends string> = [IfUnknown<Self, Tag, never>] extends
  [TagOf<E | ErrorOf<X>>] ? IfUnknown<
    Self,
    & Effect.Effect<ValueFor<X, Values>, IfUnknown<X, Failures, unknown>, unknown>
    & Effect.Effect<unknown, Causes, unknown>,
    Self
  >
  : { readonly "fallbackOn or storeFailures names no failure of this effect": Exclude<Tag, TagOf<E | ErrorOf<X>>> }

/**
 * A combinator that caches an effect, data-first and data-last, by the name of its strategy. With a key of a class, the
 * value of the effect must be the key's, and the effect may fail with more than the key declares.
 * @category models
 * @since 0.1.0
 */
export interface Combinator<
  Name extends keyof OptionsBy<never, never, never, never, never, never, never, never, never>
> {
  // One signature for each number of arguments. With several, the compiler reports first that none of them fits.
  <
    K extends Any | string,
    X,
    Self,
    Values,
    Failures,
    Causes,
    T extends Given<KeyFor<K, X>> = undefined,
    Tag extends string = never,
    Stored extends string = never
  >(
    options: OptionsBy<
      K,
      X,
      Self,
      IfUnknown<Self, Values, Effect.Success<Self>>,
      IfUnknown<Self, Failures, Effect.Error<Self>>,
      IfUnknown<Self, Causes, Effect.Error<Self>> | ErrorOf<X>,
      T,
      Tag,
      Stored
    >[Name]
  ): <A, E, R>(
    self:
      & Effect.Effect<A, E, R>
      & Fits<
        Self,
        X,
        E,
        Values,
        Failures,
        Causes,
        Tag | (unknown extends X ? Stored : never)
      >
  ) => Effect.Effect<
    ValueFor<X, A>,
    E | ErrorOf<X> | TimeoutError<T>,
    Exclude<R, Scope.Scope> | CodecsOf<X> | Caching
  >
  <A extends ValueOf<X>, E, R, K extends Any | string, X, T extends Given<KeyFor<K, X>> = undefined>(
    self: Effect.Effect<A, E, R>,
    options: OptionsBy<
      K,
      X,
      unknown,
      NoInfer<A>,
      NoInfer<E>,
      NoInfer<E | ErrorOf<X>>,
      T,
      TagOf<NoInfer<E> | ErrorOf<X>>,
      TagOf<NoInfer<E>>
    >[Name]
  ): Effect.Effect<
    ValueFor<X, A>,
    E | ErrorOf<X> | TimeoutError<T>,
    Exclude<R, Scope.Scope> | CodecsOf<X> | Caching
  >
}
