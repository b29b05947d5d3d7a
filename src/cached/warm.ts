/**
 * Fills a cache before it is read, and keeps entries fresh on a schedule.
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schedule from "effect/Schedule"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { CacheClosed, CacheConfigError } from "../CacheError.ts"
import type { Any } from "../CacheKey.ts"
import { Caching } from "../Caching.ts"
import { jobsOfTurn } from "../internal/defaults/bounds.ts"
import * as Defaults from "../internal/defaults/options.ts"
import { cacheOf, type Operation } from "../internal/engine/boundCache.ts"
import type { Details } from "../internal/engine/telemetry/telemetry.ts"
import { idOf } from "../internal/key/ofKey.ts"
import { checkOptions, type Checks, mistake, positiveCount, requireList } from "../internal/options/options.ts"
import { lastingDispatcher } from "../internal/time/lastingDispatcher.ts"
import * as TurnLimit from "../internal/time/turnLimit.ts"
import { isMany } from "./combine.ts"

/** A function made by `Cached.fn`, `Cached.recursive` or `Cached.many`. */
type AnyCached = ((...input: any) => Effect.Effect<any, any, any>) & {
  readonly key: (...payload: any) => Any
  readonly refresh: (...input: any) => Effect.Effect<any, any, any>
}

type PayloadOf<F extends AnyCached> = Parameters<F["key"]>[0]

type ServicesOf<F extends AnyCached> = Effect.Services<ReturnType<F>>

/**
 * The progress of `Cached.warm`: `done + failed` of `total` payloads are finished.
 * @category models
 * @since 0.1.0
 */
export interface WarmProgress {
  /** The number of payloads that were read from the cache or loaded. */
  readonly done: number
  /** The number of payloads that could not be loaded. */
  readonly failed: number
  readonly total: number
}

/**
 * Options for `Cached.warm`.
 * @category options
 * @since 0.1.0
 */
interface WarmOptions {
  /** How many reads run at once; for a function made by `Cached.many`, how many calls. @default 16 */
  readonly concurrency?: number | undefined
  /** How many payloads a function made by `Cached.many` gets in one call. @default 100 */
  readonly chunk?: number | undefined
}

/**
 * Calls a cached function for each payload, so that missing results are loaded, and streams the progress.
 *
 * **When to use**
 *
 * Use before a server accepts requests, or after an import.
 *
 * **Details**
 *
 * - Emits one element after each read or, for a function made by `Cached.many`, after each call.
 * - A failed load is counted and logged at debug level, and the other payloads are still read. An invalid option or a
 *   closed cache ends the stream with a defect.
 *
 * **Example** (Loading results ahead of their readers)
 *
 * ```ts
 * import { Effect, Schema, Stream } from "effect"
 * import { Cached, CacheKey, CacheLayer } from "effect-cached"
 *
 * class Square extends CacheKey.Class<Square>()("Square", { payload: { n: Schema.Int }, success: Schema.Int }) {}
 * const load = ({ n }: Square) => n < 0 ? Effect.fail("negative") : Effect.succeed(n * n)
 * const square = Cached.fn(Square, load, { ttl: "1 hour" })
 * const warming = Cached.warm(square, [{ n: 1 }, { n: -1 }, { n: 2 }], { concurrency: 4 })
 * const progress = await Effect.runPromise(Stream.runCollect(warming).pipe(Effect.provide(CacheLayer.memory())))
 * progress.length // => 3
 * progress[2] // => { done: 2, failed: 1, total: 3 }
 * ```
 *
 * @see {@link keepFresh} for loading again on a schedule
 * @see `Cached.many` for loading many payloads in one call
 * @category caching
 * @since 0.1.0
 */
export const warm = <F extends AnyCached>(
  self: F,
  payloads: Iterable<PayloadOf<F>>,
  options: WarmOptions = {}
): Stream.Stream<WarmProgress, never, ServicesOf<F>> => {
  checkCached("Cached.warm", self, "[{ id: 1 }, { id: 2 }]")
  requireList("Cached.warm", payloads, "payload")
  checkOptions("Cached.warm", options, warmOptions)
  const concurrency = options.concurrency ?? Defaults.warm.concurrency
  const chunk = isMany(self) ? options.chunk ?? Defaults.warm.chunk : 1
  return Stream.unwrap(Effect.map(Effect.service(Scheduler.Scheduler), (scheduler) => {
    const all = Array.from(payloads)
    // Without this limit, reads that end at once would all run in one turn of the event loop.
    const limit = TurnLimit.make(Math.max(1, Math.floor(jobsOfTurn / chunk)), lastingDispatcher(scheduler))
    let done = 0
    let failed = 0
    const read = (part: ReadonlyArray<PayloadOf<F>>) =>
      Effect.map(Effect.andThen(TurnLimit.pass(limit), failuresOf(self, part)), (failures): WarmProgress => {
        failed += failures
        done += part.length - failures
        return { done, failed, total: all.length }
      })
    return Stream.fromIterable(all).pipe(
      Stream.grouped(chunk),
      Stream.mapEffect(read, { concurrency, unordered: true })
    )
  }))
}

const checkCached = (name: string, self: unknown, others: string): void => {
  if (typeof self === "function" && "key" in self && "refresh" in self) return
  throw mistake(
    `${name} needs a cached function, not ${Effect.isEffect(self) ? "an effect" : `a value of type ${typeof self}`}: ` +
      `make one with Cached.fn, and pass ${name}(cached, ${others})`
  )
}

const warmOptions: Checks<WarmOptions> = { concurrency: positiveCount("concurrency"), chunk: positiveCount("chunk") }

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
    const names = namesOf(self, failedOf(part, exit))
    const text = `${failures} of ${part.length} results could not be loaded: ${names.text}`
    return Effect.as(logged(Effect.logDebug, names.keys, text, causes[0]!), failures)
  })

/** Returns the causes of a failed read: one for the whole read or, with `Cached.many`, one for each failed key. */
const causesOf = (self: AnyCached, exit: Exit.Exit<unknown, unknown>): ReadonlyArray<Cause.Cause<unknown>> => {
  if (Exit.isFailure(exit)) return [exit.cause]
  if (!isMany(self)) return []
  return (exit.value as ReadonlyArray<Exit.Exit<unknown, unknown>>).filter(Exit.isFailure).map(({ cause }) => cause)
}

const failedOf = <A>(part: ReadonlyArray<A>, exit: Exit.Exit<unknown, unknown>): ReadonlyArray<A> =>
  Exit.isFailure(exit)
    ? part
    : part.filter((_, i) => Exit.isFailure((exit.value as ReadonlyArray<Exit.Exit<unknown, unknown>>)[i]!))

interface Names {
  readonly keys: ReadonlyArray<Any>
  readonly text: string
}

const namesOf = (self: AnyCached, payloads: ReadonlyArray<unknown>): Names => {
  const keys = payloads.slice(0, Defaults.warm.named).map((payload) => self.key(payload))
  const names = keys.map((key) => `"${idOf(key)}"`).join(", ")
  const left = payloads.length - keys.length
  return { keys, text: left > 0 ? `${names} and ${left} more` : names }
}

/** Logs a line about keys as their cache shows their ids (`CacheLayer.withTelemetry`). */
const logged = (
  log: typeof Effect.logDebug,
  keys: ReadonlyArray<Any>,
  text: string,
  cause: Cause.Cause<unknown>
): Effect.Effect<void> =>
  Effect.contextWith((context: Context.Context<never>) => {
    const caching = Context.getOrUndefined(context as Context.Context<Caching>, Caching)
    let line: Line = [text, cause]
    if (caching !== undefined) { for (const key of keys) line = cacheOf(caching).perform(shown, key, line) }
    return log(...line)
  })

type Line = readonly [text: string, cause: Details["cause"]]

const shown: Operation<[key: Any, line: Line], Line> = {
  over: ({ disguise }, key, [text, cause]) => {
    const [shown, details] = disguise?.line(text, { other: idOf(key), cause: cause! }) ?? [text, { cause }]
    return [shown, details.cause]
  },
  without: (_, line) => line,
  keyOf: (key) => key
}

/** Whether all later reads would fail too, because the configuration is wrong or the cache is closed. */
const isHopeless = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some((reason) =>
    Cause.isDieReason(reason) &&
    (reason.defect instanceof CacheConfigError || reason.defect instanceof CacheClosed)
  )

/**
 * Keeps a result fresh while the scope is open: reads it at once, then reloads it on a schedule, even if it is unused.
 *
 * **When to use**
 *
 * Use for the few values that every reader needs and no reader should wait for.
 *
 * **Details**
 *
 * - The loads run in the background, one at a time, until the scope closes or the schedule ends. To wait for the first
 *   value, call the cached function.
 * - If a load fails, the old value stays and `loadFailures` of `Cached.stats` grows. The first failure is logged as a
 *   warning. Further failures are not logged until a load has succeeded.
 * - For a function made by `Cached.many`, the payload is a list of payloads.
 *
 * **Example** (Loading once a minute)
 *
 * ```ts
 * import { Effect, Schedule, Schema } from "effect"
 * import { TestClock } from "effect/testing"
 * import { Cached, CacheKey, CacheLayer } from "effect-cached"
 *
 * class Rates extends CacheKey.Class<Rates>()("Rates", { success: Schema.Int }) {}
 * let loads = 0
 * const rates = Cached.fn(Rates, () => Effect.sync(() => ++loads), { ttl: "1 hour" })
 * const program = Effect.gen(function*() {
 *   yield* Cached.keepFresh(rates, undefined, Schedule.spaced("1 minute"))
 *   yield* TestClock.adjust("3 minutes")
 *   return yield* rates()
 * })
 * await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide([CacheLayer.memory(), TestClock.layer()]))) // => 4
 * ```
 *
 * @see {@link warm} for loading once
 * @category caching
 * @since 0.1.0
 */
export const keepFresh = <F extends AnyCached, X, R>(
  self: F,
  payload: Parameters<F>[0],
  schedule: Schedule.Schedule<X, unknown, never, R>
): Effect.Effect<void, never, ServicesOf<F> | R | Scope.Scope> =>
  Effect.suspend(() => {
    checkCached("Cached.keepFresh", self, "payload, schedule")
    let isFailing = false
    const first = Effect.sync(() => self.key(isMany(self) ? Array.from(payload as Iterable<unknown>)[0] : payload))
    const warn = (cause: Cause.Cause<unknown>) =>
      Effect.flatMap(first, (key) =>
        logged(
          Effect.logWarning,
          [key],
          `"${
            idOf(key)
          }" was not refreshed, because its load failed: the stored value stays until the schedule tries again`,
          cause
        ))
    const attempt = (read: () => Effect.Effect<unknown, unknown, ServicesOf<F>>) =>
      Effect.flatMap(Effect.exit(Effect.suspend(read)), (exit) => {
        const [cause] = causesOf(self, exit)
        const wasFailing = isFailing
        isFailing = cause !== undefined
        const warning = cause === undefined || wasFailing ? Effect.void : warn(cause)
        return cause !== undefined && isHopeless(cause)
          ? Effect.andThen(warning, Effect.failCause(cause as Cause.Cause<never>))
          : warning
      })
    const refreshing = Effect.schedule(
      attempt(() => self.refresh(payload)),
      schedule
    )
    return Effect.asVoid(Effect.forkScoped(Effect.andThen(attempt(() => self(payload)), refreshing)))
  })
