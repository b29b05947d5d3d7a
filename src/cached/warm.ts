/**
 * Filling a cache ahead of its readers, and keeping entries fresh without them.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { CacheClosed, CacheConfigError } from "../CacheError.ts"
import * as Key from "../CacheKey.ts"
import type { Any } from "../CacheKey.ts"
import * as Defaults from "../internal/defaults.ts"
import { checkOptions, type Checks, optional } from "../internal/options.ts"
import { isMany } from "./combine.ts"

/** a function that `Cached.fn`, `Cached.recursive` or `Cached.many` has made */
type AnyCached = ((...input: any) => Effect.Effect<any, any, any>) & {
  readonly key: (...payload: any) => Any
  readonly refresh: (...input: any) => Effect.Effect<any, any, any>
}

type PayloadOf<F extends AnyCached> = Parameters<F["key"]>[0]

type ServicesOf<F extends AnyCached> = Effect.Services<ReturnType<F>>

/**
 * How far a warming has come: `done + failed` of `total` are asked for.
 *
 * @category models
 * @since 0.1.0
 */
export interface WarmProgress {
  /** are in the cache now, or were before */
  readonly done: number
  readonly failed: number
  readonly total: number
}

/**
 * How much of a warming runs at once.
 *
 * @category options
 * @since 0.1.0
 */
export interface WarmOptions {
  /**
   * how many loads at once, or calls of a function of many
   *
   * @default 16
   */
  readonly concurrency?: number | undefined
  /**
   * how many payloads a call, for a function of many
   *
   * @default 100
   */
  readonly chunk?: number | undefined
}

/**
 * Reads payloads through a cached function, so that what is missing is loaded: before a server takes requests, or after
 * an import. What is there already is not loaded again. Tells after each read, or each call of a function of many, how
 * far it is; nothing for no payloads. A load that fails is counted, logged at debug, and stops nothing.
 *
 * ```ts
 * import { Effect, Schema, Stream } from "effect"
 * import { Cached, CacheKey, CacheLayer, Strategy } from "effect-cached"
 *
 * class Square extends CacheKey.Class<Square>()("Square", { payload: { n: Schema.Int }, success: Schema.Int }) {}
 *
 * const square = Cached.fn(Square, {
 *   lookup: ({ n }) => n < 0 ? Effect.fail("negative") : Effect.succeed(n * n),
 *   strategy: Strategy.ttl({ ttl: "1 hour" })
 * })
 *
 * const warming = Cached.warm(square, [{ n: 1 }, { n: -1 }, { n: 2 }], { concurrency: 4 })
 * const progress = await Effect.runPromise(Stream.runCollect(warming).pipe(Effect.provide(CacheLayer.memory())))
 * progress.length // => 3
 * progress[2] // => { done: 2, failed: 1, total: 3 }
 * ```
 *
 * @category bulk
 * @since 0.1.0
 */
export const warm = <F extends AnyCached>(
  self: F,
  payloads: Iterable<PayloadOf<F>>,
  options: WarmOptions = {}
): Stream.Stream<WarmProgress, never, ServicesOf<F>> => {
  checkOptions("Cached.warm", options, warmOptions)
  const concurrency = options.concurrency ?? Defaults.warm.concurrency
  const chunk = isMany(self) ? options.chunk ?? Defaults.warm.chunk : 1
  return Stream.suspend(() => {
    const all = Array.from(payloads)
    let done = 0
    let failed = 0
    const read = (part: ReadonlyArray<PayloadOf<F>>) =>
      Effect.map(failuresOf(self, part), (failures): WarmProgress => {
        failed += failures
        done += part.length - failures
        return { done, failed, total: all.length }
      })
    return Stream.fromIterable(all).pipe(
      Stream.grouped(chunk),
      Stream.mapEffect(read, { concurrency, unordered: true })
    )
  })
}

const count = (name: string) =>
  optional((given: number, of) => {
    if (Number.isInteger(given) && given > 0) return
    throw new CacheConfigError({ message: `${name} of ${of} is a number from 1 on, not ${given}` })
  })

const warmOptions: Checks<WarmOptions> = { concurrency: count("concurrency"), chunk: count("chunk") }

/** how many of them could not be read */
const failuresOf = <F extends AnyCached>(
  self: F,
  part: ReadonlyArray<PayloadOf<F>>
): Effect.Effect<number, never, ServicesOf<F>> =>
  Effect.flatMap(Effect.exit(Effect.suspend(() => isMany(self) ? self(part) : self(part[0]))), (exit) => {
    const causes = causesOf(self, exit)
    const failures = Exit.isFailure(exit) ? part.length : causes.length
    const refusal = causes.find(isHopeless)
    if (refusal !== undefined) return Effect.failCause(refusal as Cause.Cause<never>)
    if (failures === 0) return Effect.succeed(0)
    return Effect.as(
      Effect.logDebug(`${failures} of ${part.length} could not be warmed: ${nameOf(self, part)}`, causes[0]),
      failures
    )
  })

/** the failures of a read: of all of it, or of some of many */
const causesOf = (self: AnyCached, exit: Exit.Exit<unknown, unknown>): ReadonlyArray<Cause.Cause<unknown>> => {
  if (Exit.isFailure(exit)) return [exit.cause]
  if (!isMany(self)) return []
  return (exit.value as ReadonlyArray<Exit.Exit<unknown, unknown>>).filter(Exit.isFailure).map(({ cause }) => cause)
}

/** the next one would end in the same way */
const isHopeless = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some((reason) =>
    Cause.isDieReason(reason) &&
    (reason.defect instanceof CacheConfigError || reason.defect instanceof CacheClosed)
  )

const nameOf = (self: AnyCached, [first]: ReadonlyArray<unknown>): string => Key.id(self.key(first))

/**
 * Keeps a result fresh for as long as the scope is open: reads it at once, and from then on loads it anew whenever the
 * schedule says so, whether anybody reads it or not. For the few values that everybody needs and nobody shall wait for.
 *
 * One load at a time, merged with a refresh that is running. A failure keeps the old value; it is counted among
 * `loadFailures`, and the first of an incident, which lasts until a load has succeeded, is logged as a warning. Ends
 * with the schedule too. It reads in the background: to have the value before going on, read it.
 *
 * For a function of many the payload is the list of payloads.
 *
 * ```ts
 * import { Effect, Schedule, Schema } from "effect"
 * import { TestClock } from "effect/testing"
 * import { Cached, CacheKey, CacheLayer, Strategy } from "effect-cached"
 *
 * class Rates extends CacheKey.Class<Rates>()("Rates", { success: Schema.Int }) {}
 *
 * let loads = 0
 * const rates = Cached.fn(Rates, {
 *   lookup: () => Effect.sync(() => ++loads),
 *   strategy: Strategy.ttl({ ttl: "1 hour" })
 * })
 *
 * const program = Effect.gen(function*() {
 *   yield* Cached.keepFresh(rates, undefined, Schedule.spaced("1 minute"))
 *   yield* TestClock.adjust("3 minutes")
 *   return yield* rates()
 * })
 * const run = Effect.scoped(program).pipe(Effect.provide([CacheLayer.memory(), TestClock.layer()]))
 * await Effect.runPromise(run) // => 4
 * ```
 *
 * @category bulk
 * @since 0.1.0
 */
export const keepFresh = <F extends AnyCached, X, R>(
  self: F,
  payload: Parameters<F>[0],
  schedule: Schedule.Schedule<X, unknown, never, R>
): Effect.Effect<void, never, ServicesOf<F> | R | Scope.Scope> =>
  Effect.suspend(() => {
    let isFailing = false
    const name = Effect.sync(() => nameOf(self, isMany(self) ? Array.from(payload as Iterable<unknown>) : [payload]))
    const warn = (cause: Cause.Cause<unknown>) =>
      Effect.flatMap(name, (name) => Effect.logWarning(`"${name}" cannot be kept fresh; what is stored stays`, cause))
    const keep = (read: () => Effect.Effect<unknown, unknown, ServicesOf<F>>) =>
      Effect.flatMap(Effect.exit(Effect.suspend(read)), (exit) => {
        const [cause] = causesOf(self, exit)
        const wasFailing = isFailing
        isFailing = cause !== undefined
        const said = cause === undefined || wasFailing ? Effect.void : warn(cause)
        return cause !== undefined && isHopeless(cause)
          ? Effect.andThen(said, Effect.failCause(cause as Cause.Cause<never>))
          : said
      })
    const refreshing = Effect.schedule(keep(() => self.refresh(payload)), schedule)
    return Effect.asVoid(Effect.forkScoped(Effect.andThen(keep(() => self(payload)), refreshing)))
  })
