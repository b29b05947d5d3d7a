/**
 * Caches streams: stores their elements as they are emitted, and serves them once the stream has ended successfully.
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { StreamCut, StreamLagged } from "../CacheError.ts"
import type { Any } from "../CacheKey.ts"
import type { Caching } from "../Caching.ts"
import { streams } from "../internal/defaults/options.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import type { Ended, Streaming } from "../internal/engine/streams/request.ts"
import { lagMillis } from "../internal/options/lagMillis.ts"
import {
  checkGiven,
  type Checks,
  mistake,
  namesIn,
  optional,
  positiveMillis,
  refuseUnknown,
  requireObject,
  within
} from "../internal/options/options.ts"
import { sizeAboveZero, type SizeInput } from "../internal/options/size.ts"
import { fallsBack } from "../internal/strategy/make.ts"
import * as Strategy from "../Strategy.ts"
import type * as Ttl from "../Ttl.ts"
import type { CodecsOf, ErrorOf, KeyFor, Seen, ValueFor, ValueOf } from "./combinator.ts"
import {
  type AnyReadOptions,
  type FallbackOptions,
  fallbackOptions,
  type ReadOptions,
  readOptions,
  type TtlOptions
} from "./options.ts"
import { checked, streamWithCaching } from "./withCaching.ts"

/**
 * The summary of a successful stream, which functions among the options receive.
 * @category models
 * @since 0.1.0
 */
export interface StreamEnd extends Ended {
  readonly elements: number
  /** The size of the encoded elements or, without a store, an estimate of their size in memory. */
  readonly bytes: number
}

const ofReads = ["tags", "retryAfter", "shareLoad", "memoryTtl", "maxLoad", "minLoad", "inherit"] as const

/**
 * Options for {@link stream}, in addition to `key` and `ttl` or `strategy`.
 * @category options
 * @since 0.1.0
 */
export interface StreamOptions<in out E, in K>
  extends Pick<ReadOptions<StreamEnd, E, K>, typeof ofReads[number]>, FallbackOptions<E>
{
  /**
   * The maximum size of a stored stream. A larger stream reaches its consumers, but later consumers start another run.
   * @default 16 MiB; an eighth of `maxSize` if the store has one
   */
  readonly maxBytes?: SizeInput | undefined
  /**
   * The longest time that a run of the source may take if its elements are to be stored: at most an hour. With
   * `shareLoad: true`, the run renews its lease for this time.
   * @default 1 hour
   */
  readonly maxRun?: Ttl.Input | undefined
  /** The longest lifetime that a `ttl` function can set: elements are stored before it is called. @default 1 day */
  readonly maxTtl?: Ttl.Input | undefined
  /**
   * How to treat a consumer that is 16 pages (of 64 KiB) behind the run if the stream is not stored. `"fail"`: it fails
   * with `StreamLagged` after delaying others for 5 seconds in total. `"wait"`: the run and all others wait for it.
   * @default `"fail"`
   */
  readonly whenSlow?: "fail" | "wait" | undefined
  /**
   * When the consumer gets elements. `"atOnce"`: as they are emitted. `"whenComplete"`: only once the stream has
   * succeeded, so that until then `softTtl` can fall back on the whole stale stream.
   * @default `"atOnce"`
   */
  readonly emit?: "atOnce" | "whenComplete" | undefined
}

/**
 * The options for the lifetime of a stream: a `ttl` with its conditions, or a strategy.
 * @category models
 * @since 0.1.0
 */
export type StreamLifetime<E, K, OfStrategy = E> =
  | (TtlOptions<StreamEnd, E, K> & { readonly strategy?: undefined })
  | { readonly strategy: Strategy.Strategy<StreamEnd, OfStrategy, K>; readonly ttl?: undefined }

type Errors = StreamLagged | StreamCut

/** `X` is inferred from the key, as the types of combinators are. */
interface KeyedOptions<K, X, E> extends StreamOptions<E, KeyFor<K, X>> {
  readonly key: K & Seen<X, { readonly "~effect-cached/CacheKey": X }>
}

interface StreamOptionsWithTtl<K, X, E> extends KeyedOptions<K, X, E>, TtlOptions<StreamEnd, E, KeyFor<K, X>> {
  readonly strategy?: undefined
}

/**
 * `S` is the type of `strategy`. Without one there is one interface, because the compiler does not say first which
 * option a union lacks.
 */
type OptionsFor<K, X, E, OfStrategy, S> = unknown extends S ? StreamOptionsWithTtl<K, X, E>
  : KeyedOptions<K, X, E> & StreamLifetime<E, KeyFor<K, X>, OfStrategy>

/**
 * Caches a stream: stores its elements as they are emitted, and serves them once the stream has succeeded. A key holds
 * a stream or the value of an effect: reading one as the other is a miss, and `Cached.getOption` finds no streams.
 *
 * **When to use**
 *
 * Use for results that are too large for one value, or whose first elements should arrive before the last ones exist.
 *
 * **Details**
 *
 * - One run of the source serves all concurrent consumers, each at its own pace. The fastest consumer drives the run. A
 *   late consumer starts with the first element.
 * - Only a complete stream is stored, and not one that fails or that all consumers have left. With `when` or
 *   `storeFailures`, a failure is stored as the end of the stream.
 * - If the key is an instance of a key class, `success` of the class is the schema of one element.
 * - `strategy` is `Strategy.ttl`, `untilInvalidated` or `softTtl`. With `softTtl`, a consumer that has received nothing
 *   yet can fall back on the whole stale stream.
 * - Each process runs the source, and the first to finish stores the elements. With `shareLoad: true`, one process runs it.
 *
 * **Example** (Reading a stream twice)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let runs = 0
 * const rows = Stream.suspend(() => Stream.make(++runs, 2, 3)).pipe(Cached.stream({ key: "rows", ttl: "1 hour" }))
 * const program = Effect.andThen(Stream.runDrain(rows), Stream.runCollect(rows))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 2, 3]
 * ```
 *
 * @see `Cached.fn` for results that are single values
 * @category combinators
 * @since 0.1.0
 */
export const stream: {
  // Has only one overload for each number of arguments, so that type errors do not begin with "No overload matches".
  // The strategy's failures are `any`, because it is created before the stream's failure type is known.
  <K extends Any | string, X, Failures, S>(
    options:
      & Seen<S, { readonly strategy: S }>
      & OptionsFor<K, X, ErrorOf<X> | Failures, unknown extends X ? Failures : any, S>
  ): <A extends ValueOf<X>, E, R>(
    self: Stream.Stream<A, E, R> & Stream.Stream<unknown, Failures, unknown>
  ) => Stream.Stream<ValueFor<X, A>, E | ErrorOf<X> | Errors, Exclude<R, Scope.Scope> | CodecsOf<X> | Caching>
  <A extends ValueOf<X>, E, R, K extends Any | string, X, S>(
    self: Stream.Stream<A, E, R>,
    options:
      & Seen<S, { readonly strategy: S }>
      & OptionsFor<K, X, NoInfer<E> | ErrorOf<X>, NoInfer<E> | ErrorOf<X>, S>
  ): Stream.Stream<ValueFor<X, A>, E | ErrorOf<X> | Errors, Exclude<R, Scope.Scope> | CodecsOf<X> | Caching>
} = ((first: unknown, second?: unknown): unknown => {
  const options = second ?? first
  const read = parse(options)
  const of = (origin: unknown) => {
    if (!Stream.isStream(origin)) throw mistake(`${name} needs a stream: for an effect use another combinator`)
    const streaming: Streaming = { ...read, origin: origin as Streaming["origin"] }
    return streamWithCaching((cache) => cache.perform(Operations.stream, streaming))
  }
  return second === undefined ? of : of(first)
}) as never

const name = "Cached.stream"

interface AnyOptions extends StreamOptions<any, any> {
  readonly key: Streaming["key"]
  readonly strategy?: Strategy.Strategy<any, any, any>
  readonly ttl?: unknown
  readonly [lagMillis]?: number
}

type Own = Omit<StreamOptions<any, any>, typeof ofReads[number] | keyof FallbackOptions<any>>

const ownOptions: Checks<Own> = {
  maxBytes: optional((size) => void sizeAboveZero("maxBytes", size)),
  maxRun: optional((given) => void runMillis(given)),
  maxTtl: optional((given) => void positiveMillis("maxTtl", given)),
  whenSlow: optional((given) => oneOf("whenSlow", given, ["fail", "wait"])),
  emit: optional((given) => oneOf("emit", given, ["atOnce", "whenComplete"]))
}

/** Parses `maxRun`, which is limited because the cache removes the pages of runs that are older than the limit. */
const runMillis = (given: Ttl.Input): number => {
  const millis = positiveMillis("maxRun", given)
  if (millis <= streams.maxRunMillis) return millis
  throw mistake(`maxRun must be at most ${Duration.format(Duration.millis(streams.maxRunMillis))}`)
}

const oneOf = (option: string, given: unknown, values: ReadonlyArray<string>): void => {
  if (values.includes(given as string)) return
  throw mistake(`${option} must be ${values.map((one) => `"${one}"`).join(" or ")}`)
}

/** The options of `Strategy.ttl` that `Cached.stream` takes directly if there is no `strategy`. */
const ofTtl = ["ttl", "jitter", "when", "storeIf", "storeFailures"]

const strategies: ReadonlySet<string> = new Set(["ttl", "softTtl", "untilInvalidated"])

/** Throws unless the strategy is one of the built-in strategies that the engine supports for streams. */
const checkStrategy = (strategy: unknown): void => {
  const isOwn = (typeof strategy === "object" || typeof strategy === "function") && strategy !== null &&
    Object.hasOwn(strategy, fallsBack)
  if (isOwn && strategies.has((strategy as Strategy.Strategy).name)) return
  throw mistake("strategy of a stream must be Strategy.ttl, Strategy.softTtl or Strategy.untilInvalidated")
}

const parse = (given: unknown): Omit<Streaming, "origin"> => {
  requireObject(name, Stream.isStream(given) ? undefined : given, "{ key: \"rows\", ttl: \"1 hour\" }")
  const options = given as AnyOptions
  const { key, strategy, ttl } = options
  return within(typeof key === "string" ? `${name} (key "${key}")` : name, () => {
    refuseUnknown(
      "it",
      options,
      namesIn(["key", "strategy"], ofTtl, ofReads, Object.keys(fallbackOptions), Object.keys(ownOptions))
    )
    checked(key)
    const lifetime = Object.fromEntries(
      ofTtl.flatMap((name) => name in options ? [[name, options[name as never]]] : [])
    )
    if (strategy !== undefined) {
      const [beside] = Object.keys(lifetime)
      if (beside !== undefined) throw mistake(`${beside} cannot stand beside a strategy: pass it to the strategy`)
      checkStrategy(strategy)
    } else if (ttl === undefined) {
      throw mistake("it needs a ttl, like \"1 hour\", or a strategy")
    }
    checkGiven(name, options as object, { ...readOptions, ...fallbackOptions, ...ownOptions })
    const { emit, maxBytes, maxRun, maxTtl, whenSlow } = options
    return {
      key,
      strategy: strategy ?? Strategy.ttl(lifetime as never),
      options: readOptionsOf(options),
      maxBytes: maxBytes === undefined ? undefined : sizeAboveZero("maxBytes", maxBytes),
      maxRunMillis: maxRun === undefined ? streams.maxRunMillis : runMillis(maxRun),
      maxTtlMillis: maxTtl === undefined ? streams.maxTtlMillis : positiveMillis("maxTtl", maxTtl),
      lagMillis: whenSlow === "wait" ? Infinity : options[lagMillis] ?? streams.lagMillis,
      emit: emit ?? "atOnce"
    }
  })
}

const readOptionsOf = (options: AnyOptions): AnyReadOptions =>
  Object.fromEntries(
    [...ofReads, ...Object.keys(fallbackOptions)].flatMap((name) => {
      const given = options[name as keyof AnyOptions]
      return given === undefined ? [] : [[name, given]]
    })
  )
