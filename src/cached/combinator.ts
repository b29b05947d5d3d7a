/**
 * The type of a combinator, which turns an effect and a key into a cached effect.
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Any, Types } from "../CacheKey.ts"
import type { Caching } from "../Caching.ts"
import type { NoTag } from "../ports/strategy.ts"
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
 * The options of each combinator, by name. Each type is an interface, because for an intersection type, the compiler
 * would first report that the whole object does not fit, and only then which option is missing.
 *
 * - `X`: the `CacheKey.Types` of an instance of a key class, `unknown` for a string key. `X` is inferred from the key,
 *   because a conditional type on `K` stays unresolved if `K` is a type parameter of the caller.
 * - `Self`: in a pipe, the type of the effect; otherwise `unknown`. In a pipe, the compiler knows the effect before it
 *   checks the options, so it reports a mistake at the option itself.
 * - `A`, `E`, `Causes`: the value and failure types that functions among the options receive. With a key class, `X`
 *   determines them instead of `A` and `E`.
 * - `T`: the type of `timeout`. `Tag`: the tags in `fallbackOn`. `Stored`: the tags in `storeFailures` of a string key.
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

/** The options that every combinator takes. @internal */
export interface ReadOptionsFor<K, X, Self, A, E, T>
  extends ReadOptions<ValueFor<X, A>, FailureFor<X, E>, KeyFor<K, X>>, Timeout<T, KeyFor<K, X>>
{
  readonly key: K & Seen<X, { readonly "~effect-cached/CacheKey": X }> & KeyBeside<NoInfer<Self>, X>
}

type KeyBeside<Self, X> = IfUnknown<X, unknown, IfUnknown<Self, unknown, KeyForValue<Effect.Success<Self>>>>

/** @internal */
export type IfUnknown<X, Then, Else> = unknown extends X ? Then : Else

/** A key whose value type includes `A`. The compiler's error messages show the name of this interface. */
interface KeyForValue<A> {
  readonly "~effect-cached/CacheKey": { readonly _takes: (value: A) => void }
}

/** The failure tags that an option may name: those of effect and key, or `Tag` if the effect is unknown. @internal */
export type TagBeside<Self, X, Tag extends string> = IfUnknown<
  Self,
  Tag,
  TagOf<Effect.Error<Self> | ErrorOf<X>> | NoTag<TagOf<Effect.Error<Self> | ErrorOf<X>>>
>

/** The fallback options. `Causes` is the type of the effect's failures, which `fallbackWhen` receives. @internal */
export interface FallbackFor<Causes, T, Tag extends string> extends FallbackOptions<Causes | TimeoutError<T>, Tag> {}

/** Lets the compiler infer `X` from `Inferred`. Once `X` is known, this type accepts any argument. @internal */
export type Seen<X, Inferred> = [unknown, X] extends [never, unknown] ? Inferred : unknown

type StoreFor<O, Self, X, Stored extends string> = Omit<O, "storeFailures"> & {
  /** The tags of the failures that are stored. @default none; with `when`, the tags of the failures that it accepts */
  readonly storeFailures?:
    | (unknown extends X ? ReadonlyArray<TagBeside<Self, X, Stored>>
      : ReadonlyArray<
        TagOf<ErrorOf<X>> | NoTag<TagOf<ErrorOf<X>>, "the class of the key declares no error with a _tag">
      >)
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

/** The failures that the key class declares. @internal */
export type ErrorOf<X> = X extends Types<any, infer E, any> ? E : never

/** The values that an effect cached under this key may return. @internal */
export type ValueOf<X> = X extends Types<infer A, any, any> ? A : unknown

/** The services that the key's codecs need. @internal */
export type CodecsOf<X> = X extends Types<any, any, infer R> ? R : never

/**
 * The requirement on an effect that is passed after the options: functions among the options must accept its values
 * and failures, and its failures must have the tags that `fallbackOn` and `storeFailures` name. In a pipe, the
 * effect's type is already known, so the options are checked against that type, and this requirement is not needed.
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
 * A combinator, callable data-first or data-last, for the strategy `Name`. If the key is an instance of a key class,
 * the effect's value must have the type that the class declares, but the effect may fail with undeclared errors.
 * @category models
 * @since 0.1.0
 */
export interface Combinator<
  Name extends keyof OptionsBy<never, never, never, never, never, never, never, never, never>
> {
  // Has only one overload for each number of arguments, so that type errors do not begin with "No overload matches".
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
      TagOf<NoInfer<E> | ErrorOf<X>> | NoTag<TagOf<NoInfer<E> | ErrorOf<X>>>,
      TagOf<NoInfer<E>> | NoTag<TagOf<NoInfer<E>>>
    >[Name]
  ): Effect.Effect<
    ValueFor<X, A>,
    E | ErrorOf<X> | TimeoutError<T>,
    Exclude<R, Scope.Scope> | CodecsOf<X> | Caching
  >
}
