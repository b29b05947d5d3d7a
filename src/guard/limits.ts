/**
 * The guards that limit how many calls run in a time window (rate limits).
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { RateLimitExceeded } from "../CacheError.ts"
import { guards } from "../internal/defaults/guards.ts"
import { type Admission as Answer, isAdmission } from "../internal/guard/admission.ts"
import * as Bucket from "../internal/guard/bucket.ts"
import { fixedWindow } from "../internal/guard/fixedWindow.ts"
import { slidingCounter } from "../internal/guard/slidingCounter.ts"
import { slidingLog } from "../internal/guard/slidingLog.ts"
import { checkOptions, type Checks, mistake, optional } from "../internal/options/options.ts"
import type * as Ttl from "../Ttl.ts"
import { toMillis } from "../Ttl.ts"
import { checkCount, checkOneOf, checkOnStoreError, checkTime } from "./checks.ts"
import { type AnyEffect, type AnyStream, guard, type Guardable, type Guarded } from "./guardable.ts"
import { checkKey, type KeyOptions, nameOf } from "./guardKey.ts"
import {
  type Asked,
  noteRefusal,
  type OnStoreError,
  type Placed,
  type PlaceOptions,
  step,
  type StoreErrorOf
} from "./place.ts"

const algorithms = ["fixed-window", "sliding-log", "sliding-counter", "token-bucket"] as const

/**
 * The options of `Guard.rateLimit`.
 * @category options
 * @since 0.1.0
 */
export interface RateLimitOptions extends KeyOptions, PlaceOptions {
  /** The number of calls to admit in a window. Failed calls count as well. */
  readonly limit: number
  /** The length of a window. */
  readonly window: Ttl.Input
  /**
   * `"fixed-window"`: a window begins with its first call. `"sliding-log"`: the limit, of 10,000 at most, holds in any
   * window. `"sliding-counter"`: the same with counts alone; uneven calls may reach twice the limit.
   * `"token-bucket"`: `limit` calls at once, and one more every `window / limit`.
   * @default `"fixed-window"`
   */
  readonly algorithm?: typeof algorithms[number] | undefined
  /**
   * How long all calls are refused after a call has exceeded the limit of a fixed window.
   * @default none: calls are refused until the window ends
   */
  readonly ban?: Ttl.Input | undefined
  /** Whether a call during a ban restarts the ban. @default `false` */
  readonly renewBan?: boolean | undefined
}

const checks: Checks<RateLimitOptions> = {
  key: checkKey,
  limit: checkCount("limit"),
  window: checkTime("window"),
  onStoreError: checkOnStoreError,
  algorithm: optional(checkOneOf("algorithm", ...algorithms)),
  ban: optional(checkTime("ban")),
  renewBan: optional(checkOneOf("renewBan", true, false))
}

/** A limit with checked options: the request to the guard store, and the function that interprets its answer. */
interface Limit<Input, Given> extends Asked<Input, Given> {
  readonly key: string
  readonly limit: number
  readonly admissionOf: (answer: Given) => Answer
}

type AnyLimit = Limit<any, any>

const same = (answer: Answer): Answer => answer

const checkRateLimit = (options: RateLimitOptions): AnyLimit => {
  const what = "Guard.rateLimit"
  checkOptions(what, options, checks)
  const { algorithm = "fixed-window", ban, limit, onStoreError = "local", renewBan = false } = options
  const windowMillis = toMillis(options.window)
  const name = nameOf(options.key)
  const of = { key: name, name, limit, onStoreError }
  if (algorithm !== "fixed-window" && (ban !== undefined || options.renewBan !== undefined)) {
    throw mistake(`${what} can have a ban only with algorithm: "fixed-window", not with "${algorithm}"`)
  }
  if (algorithm === "token-bucket") {
    const refillMillis = windowMillis / limit
    const admissionOf = ({ elapsedMillis, remaining }: Bucket.Taken): Answer => ({
      isAdmitted: remaining >= 0,
      remaining: Math.max(0, remaining),
      retryAfterMillis: remaining >= 0
        ? 0
        : Math.max(1, Math.ceil(Math.ceil(-remaining) * refillMillis - elapsedMillis))
    })
    const input: Bucket.Input = { tokens: 1, limit, refillMillis }
    return { ...of, kind: Bucket.bucket, input, isAnswer: Bucket.isTaken, admissionOf }
  }
  const ofWindow = { ...of, isAnswer: isAdmission, admissionOf: same }
  if (algorithm === "fixed-window") {
    if (renewBan && ban === undefined) throw mistake(`${what}: renewBan needs a ban`)
    const banMillis = ban === undefined ? 0 : toMillis(ban)
    return { ...ofWindow, kind: fixedWindow, input: { limit, windowMillis, banMillis, renewsBan: renewBan } }
  }
  if (algorithm === "sliding-log" && limit > guards.longestLog) {
    throw mistake(
      `limit of ${what} must be at most ${guards.longestLog}: for ${limit} use algorithm: "sliding-counter"`
    )
  }
  return {
    ...ofWindow,
    kind: algorithm === "sliding-log" ? slidingLog : slidingCounter,
    input: { limit, windowMillis }
  }
}

/**
 * The state of a rate limit right after a call was admitted, as {@link admission} returns it.
 * @category models
 * @since 0.1.0
 */
export interface Admission {
  readonly key: string
  readonly limit: number
  readonly count: number
  readonly remaining: number
}

const Current = Context.Reference<Option.Option<Admission>>("effect-cached/Guard/Admission", {
  defaultValue: Option.none
})

/**
 * The state of the innermost rate limit around the current effect: the calls counted so far, and the calls left. `None`
 * outside a rate limit, and in a call that is admitted although the guard store fails (`onStoreError: "allow"`). Use
 * it for headers such as `RateLimit-Remaining`.
 *
 * **Example** (Reporting the calls that are left)
 *
 * ```ts
 * import { Effect, Option } from "effect"
 * import { CacheLayer, Guard } from "effect-cached"
 *
 * const call = Effect.map(Guard.admission, Option.map(({ count, remaining }) => [count, remaining])).pipe(
 *   Guard.rateLimit({ key: "api", limit: 3, window: "1 minute" })
 * )
 * const program = Effect.andThen(call, call)
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => Option.some([2, 1])
 * ```
 *
 * @see {@link rateLimit} for limiting calls
 * @category accessors
 * @since 0.1.0
 */
export const admission: Effect.Effect<Option.Option<Admission>> = Current

/** Returns the state of the limit if the call was admitted, and fails if it was refused. */
const decide = (
  fiber: Fiber.Fiber<any, any>,
  limit: AnyLimit,
  answer: unknown
): Effect.Effect<Option.Option<Admission>, RateLimitExceeded> => {
  const { isAdmitted, remaining, retryAfterMillis } = limit.admissionOf(answer)
  if (isAdmitted) {
    return Effect.succeedSome({ key: limit.key, limit: limit.limit, count: limit.limit - remaining, remaining })
  }
  noteRefusal(fiber, limit.kind.name)
  return Effect.fail(new RateLimitExceeded({ key: limit.key, limit: limit.limit, retryAfterMillis }))
}

const admit = (
  fiber: Fiber.Fiber<any, any>,
  limit: AnyLimit
): Effect.Effect<Option.Option<Admission>, unknown> => {
  const answer = step(fiber, limit)
  if (!Effect.isEffect(answer)) return decide(fiber, limit, answer.now)
  return Effect.flatMap(answer, (answer) => answer === undefined ? Effect.succeedNone : decide(fiber, limit, answer))
}

const onEffect = (self: AnyEffect, limit: AnyLimit): AnyEffect =>
  Effect.withFiber((fiber) => Effect.flatMap(admit(fiber, limit), (told) => Effect.provideService(self, Current, told)))

const onStream = (self: AnyStream, limit: AnyLimit): AnyStream =>
  Stream.unwrap(
    Effect.withFiber((fiber) => Effect.map(admit(fiber, limit), (told) => Stream.provideService(self, Current, told)))
  )

type LimitFailure<Mode> = RateLimitExceeded | StoreErrorOf<Mode>

/** The signatures of a rate limit for effects and streams, data-first and data-last. */
interface Limiting {
  <const Mode extends OnStoreError | undefined = undefined>(
    options: Placed<RateLimitOptions, Mode>
  ): <Self extends Guardable>(self: Self) => Guarded<Self, LimitFailure<Mode>>
  <Self extends Guardable, const Mode extends OnStoreError | undefined = undefined>(
    self: Self,
    options: Placed<RateLimitOptions, Mode>
  ): Guarded<Self, LimitFailure<Mode>>
}

/**
 * Admits `limit` calls in a window, and fails further calls with `RateLimitExceeded`. The error's `retryAfterMillis`
 * says when to try again. The guard caches nothing.
 *
 * **When to use**
 *
 * Use it around calls to a service that limits its callers, with `Cached.softTtl` or `Cached.failover` around the
 * guarded effect. These serve the last value if a call is refused.
 *
 * **Details**
 *
 * - The limit's state is kept and shared where the cache keeps its entries (see `Guard.circuitBreaker`).
 * - Failed calls count; refused calls do not. A stream is one call.
 * - A fixed window begins with its first call, so up to twice `limit` calls may run around its end. With
 *   `algorithm: "sliding-log"`, the limit holds in any window.
 *
 * **Example** (Serving the last value instead of failing)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, Guard } from "effect-cached"
 *
 * let calls = 0
 * const quote = Effect.sync(() => ++calls).pipe(
 *   Guard.rateLimit({ key: "quotes", limit: 1, window: "1 minute" }),
 *   Cached.failover("quote", { ttl: "1 hour", fallbackOn: ["RateLimitExceeded"] })
 * )
 * await Effect.runPromise(Effect.all([quote, quote]).pipe(Effect.provide(CacheLayer.memory()))) // => [1, 1]
 * ```
 *
 * **Example** (Two calls in any second)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { CacheLayer, Guard } from "effect-cached"
 *
 * const call = Effect.succeed("called").pipe(
 *   Guard.rateLimit({ key: "api", limit: 2, window: "1 second", algorithm: "sliding-log" }),
 *   Effect.catchTag("RateLimitExceeded", () => Effect.succeed("refused"))
 * )
 * const program = Effect.all([call, call, call])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => ["called", "called", "refused"]
 * ```
 *
 * @see `Guard.circuitBreaker` for a service that fails
 * @category combinators
 * @since 0.1.0
 */
export const rateLimit: Limiting = guard(checkRateLimit, onEffect, onStream)
