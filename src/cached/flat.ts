/**
 * The options of a read with a strategy, in one flat object. There is one interface for each strategy, because for a
 * union or an intersection, the first line of a type error does not name the option.
 * @since 0.1.0
 */
import type * as Strategy from "../ports/strategy.ts"
import type { FallbackOptions, Outages, ReadOptions, Timeout } from "./options.ts"

/** The words for the strategies. */
export type Word =
  | "ttl"
  | "softTtl"
  | "refreshAhead"
  | "probabilistic"
  | "sliding"
  | "maxHits"
  | "failover"
  | "untilInvalidated"

/** The option `strategy` of a function. */
export type GivenStrategy = Word | Strategy.Strategy<any, any, any>

/** Lets the compiler infer `X` from `Inferred`. Once `X` is known, this type accepts any argument. */
export type Seen<X, Inferred> = [unknown, X] extends [never, unknown] ? Inferred : unknown

/** Infers the strategy and the timeout from options that are checked otherwise. It then disappears from their type. */
export type Infer<S, T> = Seen<S, { readonly strategy?: S }> & Seen<T, { readonly timeout?: T }>

/**
 * Requires `fallbackOn` of an effect that can fail. While `Causes` is `unknown`, the compiler has not yet read a lookup
 * that is written in place, and would refuse the options for good.
 */
export type IfSure<Causes, Then, Else> = unknown extends Causes ? Then : [Causes] extends [never] ? Then : Else

/**
 * The options beside a strategy. `S` is a word, or the type of a strategy of one's own; `W`, the type of the option
 * `strategy`, and `never` for combinators. `E`: the failures that can be stored. `Causes`: those of the effect.
 */
export type OptionsOf<S, A, E, Causes, K, T, W = S, Own = never> = [S] extends ["ttl"] ? TtlOptions<A, E, K, W>
  : [S] extends ["softTtl"] ? IfSure<
      Causes,
      SoftTtlOptions<A, E, K, W, Outages<Causes, T>>,
      SoftTtlThatNamesOutages<A, E, K, W, Outages<Causes, T>>
    >
  : [S] extends ["refreshAhead"] ? RefreshAheadOptions<A, E, K, W>
  : [S] extends ["probabilistic"] ? ProbabilisticOptions<A, E, K, W>
  : [S] extends ["sliding"] ? SlidingOptions<A, E, K, W>
  : [S] extends ["maxHits"] ? MaxHitsOptions<A, E, K, W>
  : [S] extends ["failover"] ? IfSure<
      Causes,
      FailoverOptions<A, E, K, W, Outages<Causes, T>>,
      FailoverThatNamesOutages<A, E, K, W, Outages<Causes, T>>
    >
  : [S] extends ["untilInvalidated"] ? UntilInvalidatedOptions<A, E, K, W>
  : [S] extends [undefined] ? WithStrategyOptions<A, E, K, Outages<Causes, T>, Own>
  : OwnStrategyOptions<A, E, K, Outages<Causes, T>>

interface WordOptions<A, E, K, W> extends ReadOptions<A, E, K>, Timeout<K> {
  readonly strategy?: W
}

interface TtlOptions<A, E, K, W> extends WordOptions<A, E, K, W>, Strategy.TtlOptions<A, E, K> {}

interface SoftTtlOptions<A, E, K, W, Out>
  extends WordOptions<A, E, K, W>, Strategy.SoftTtlOptions<A, E, K>, FallbackOptions<Out>
{}

interface SoftTtlThatNamesOutages<A, E, K, W, Out> extends SoftTtlOptions<A, E, K, W, Out> {
  readonly fallbackOn: Out
}

interface RefreshAheadOptions<A, E, K, W> extends WordOptions<A, E, K, W>, Strategy.RefreshAheadOptions<A, E, K> {}

interface ProbabilisticOptions<A, E, K, W> extends WordOptions<A, E, K, W>, Strategy.ProbabilisticOptions<A, E, K> {}

interface SlidingOptions<A, E, K, W> extends WordOptions<A, E, K, W>, Strategy.SlidingOptions<A, E, K> {}

interface MaxHitsOptions<A, E, K, W> extends WordOptions<A, E, K, W>, Strategy.MaxHitsOptions<A, E, K> {}

interface FailoverOptions<A, E, K, W, Out>
  extends WordOptions<A, E, K, W>, Strategy.TtlOptions<A, E, K>, FallbackOptions<Out>
{}

interface FailoverThatNamesOutages<A, E, K, W, Out> extends FailoverOptions<A, E, K, W, Out> {
  readonly fallbackOn: Out
}

interface UntilInvalidatedOptions<A, E, K, W> extends WordOptions<A, E, K, W> {}

interface WithStrategyOptions<A, E, K, Out, Own> extends ReadOptions<A, E, K>, Timeout<K>, FallbackOptions<Out> {
  readonly strategy?: Own | undefined
}

interface OwnStrategyOptions<A, E, K, Out> extends ReadOptions<A, E, K>, Timeout<K>, FallbackOptions<Out> {
  readonly strategy: Word | Strategy.Strategy<A, E, K>
}
