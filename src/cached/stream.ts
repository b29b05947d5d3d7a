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
import { checkGiven, type Checks, mistake, optional, positiveMillis, within } from "../internal/options/options.ts"
import { sizeAboveZero, type SizeInput } from "../internal/options/size.ts"
import { softTtl, ttl, untilInvalidated } from "../internal/strategy/kinds.ts"
import type * as Strategy from "../ports/strategy.ts"
import type * as Ttl from "../Ttl.ts"
import { type FnOptions, requireForm, strategyIn, withKey } from "./checkCall.ts"
import type { AnyFailure, CodecsOf, ErrorOf, Fits, IfUnknown, KeyFor, KeyOf, ValueFor } from "./combinator.ts"
import type { IfSure, Seen } from "./flat.ts"
import {
  type AnyReadOptions,
  type FallbackOptions,
  fallbackOptions,
  type Outages,
  type ReadOptions,
  readOptions
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

const ofReads = [
  "when",
  "storeIf",
  "storeFailures",
  "tags",
  "retryAfter",
  "shareLoad",
  "memoryTtl",
  "maxLoad",
  "minLoad",
  "inherit"
] as const

/**
 * Options for {@link stream}, in addition to those of its strategy.
 * @category options
 * @since 0.1.0
 */
interface StreamOptions<in out E, in K> extends Pick<ReadOptions<StreamEnd, E, K>, typeof ofReads[number]> {
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

type Errors = StreamLagged | StreamCut

type Words = "ttl" | "softTtl" | "untilInvalidated"

interface WithTtl<E, K, S> extends StreamOptions<E, K>, Strategy.TtlOptions<StreamEnd, E, K> {
  readonly strategy?: S
}

interface WithSoftTtl<E, K, S, Out>
  extends StreamOptions<E, K>, Strategy.SoftTtlOptions<StreamEnd, E, K>, FallbackOptions<Out>
{
  readonly strategy: S
}

interface WithSoftTtlAndOutages<E, K, S, Out> extends WithSoftTtl<E, K, S, Out> {
  readonly fallbackOn: Out
}

interface WithoutTtl<E, K, S> extends StreamOptions<E, K> {
  readonly strategy: S
}

/** The options beside a strategy, of which there is one interface for each, as in `flat.ts`. */
type OptionsBy<S, E, Causes, K> = [S] extends ["ttl"] ? WithTtl<E, K, S>
  : [S] extends ["softTtl"]
    ? IfSure<Causes, WithSoftTtl<E, K, S, Outages<Causes>>, WithSoftTtlAndOutages<E, K, S, Outages<Causes>>>
  : WithoutTtl<E, K, S>

type ElementsOf<Self> = Self extends Stream.Stream<infer A, any, any> ? A : never

type FailuresOf<Self> = Self extends Stream.Stream<any, infer E, any> ? E : never

type OptionsFor<S, K, X, Self, E> =
  & Seen<S, { readonly strategy?: S }>
  & OptionsBy<
    S,
    E,
    IfUnknown<Self, AnyFailure, E>,
    KeyFor<K, X>
  >

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
 * - `strategy` is `"ttl"`, the default, `"untilInvalidated"` or `"softTtl"`. With `softTtl`, a consumer that has not
 *   received anything yet can fall back on the whole stale stream.
 * - Each process runs the source, and the first to finish stores the elements. With `shareLoad: true`, one process runs
 *   it.
 *
 * **Example** (Reading a stream twice)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let runs = 0
 * const rows = Stream.suspend(() => Stream.make(++runs, 2, 3)).pipe(Cached.stream("rows", { ttl: "1 hour" }))
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
  <K extends Any | string, X, Self, S extends Words = "ttl">(
    key: K & KeyOf<X> & IfUnknown<Self, unknown, Fits<X, ElementsOf<NoInfer<Self>>>>,
    options: OptionsFor<S, K, X, NoInfer<Self>, IfUnknown<Self, any, FailuresOf<NoInfer<Self>> | ErrorOf<X>>>
  ): <A, E, R>(
    self: Stream.Stream<A, E, R> & IfUnknown<Self, Stream.Stream<ValueFor<X, A>, unknown, unknown>, Self>
  ) => Stream.Stream<ValueFor<X, A>, E | ErrorOf<X> | Errors, Exclude<R, Scope.Scope> | CodecsOf<X> | Caching>
  <A, E, R, K extends Any | string, X, S extends Words = "ttl">(
    self: Stream.Stream<A, E, R>,
    key: K & KeyOf<X> & Fits<X, NoInfer<A>>,
    options: OptionsFor<S, K, X, true, NoInfer<E> | ErrorOf<X>>
  ): Stream.Stream<ValueFor<X, A>, E | ErrorOf<X> | Errors, Exclude<R, Scope.Scope> | CodecsOf<X> | Caching>
} = ((first: unknown, second: unknown, third?: unknown): unknown => {
  const read = third === undefined ? parse(first, second) : parse(second, third)
  const of = (origin: unknown) => {
    if (!Stream.isStream(origin)) throw mistake(`${name} needs a stream: for an effect use another combinator`)
    const streaming: Streaming = { ...read, origin: origin as Streaming["origin"] }
    return streamWithCaching((cache) => cache.perform(Operations.stream, streaming))
  }
  return third === undefined ? of : of(first)
}) as never

const name = "Cached.stream"

type Own = Omit<StreamOptions<any, any>, typeof ofReads[number]>

interface AnyOptions extends FnOptions, Own {
  readonly [lagMillis]?: number
}

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

/** The strategies that the engine supports for streams. */
const words = { ttl, softTtl, untilInvalidated }

const example = `"rows", { ttl: "1 hour" }`

const parse = (key: unknown, given: unknown): Omit<Streaming, "origin"> => {
  requireForm(name, Stream.isStream(key) ? {} : key, Stream.isStream(key) ? undefined : given, example)
  const options = given as AnyOptions
  const call = withKey(name, key)
  const without = Object.keys(readOptions).filter((option) => !(ofReads as ReadonlyArray<string>).includes(option))
  const others = Object.keys(ownOptions)
  const strategy = strategyIn({ name: call, before: "Cached.stream(key", words, others, without }, options)
  return within(call, () => {
    checkGiven(name, options as object, ownOptions)
    const { emit, maxBytes, maxRun, maxTtl, whenSlow } = options
    return {
      key: checked(key as Streaming["key"]),
      strategy,
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
