/**
 * The guard that stops calls to a failing service (circuit breaker).
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { IfUnknown } from "../cached/combinator.ts"
import { CircuitOpen, type StoreError } from "../CacheError.ts"
import * as Defaults from "../internal/defaults/guards.ts"
import * as Circuit from "../internal/guard/circuit.ts"
import { answerOf, checkOptions, type Checks, mistake, optional } from "../internal/options/options.ts"
import type * as Ttl from "../Ttl.ts"
import { toMillis } from "../Ttl.ts"
import { checkCount, checkOnStoreError, checkThat, checkTime } from "./checks.ts"
import {
  type AnyEffect,
  type AnyStream,
  type ErrorOf,
  guard,
  type Guardable,
  type Guarded,
  type GuardsOf,
  type SuccessOf
} from "./guardable.ts"
import { checkKey, type KeyOptions, nameOf } from "./guardKey.ts"
import { noteRefusal, type OnStoreError, type Placed, type PlaceOptions, step, type StoreErrorOf } from "./place.ts"

/**
 * The options of `Guard.circuitBreaker`.
 * @category options
 * @since 0.1.0
 */
export interface CircuitBreakerOptions<in A = unknown, in E = unknown> extends KeyOptions, PlaceOptions {
  /** The number of consecutive failures that opens the circuit. @default 5, unless there is a `rate` */
  readonly failures?: number | undefined
  /** The share of failures in `window` that opens the circuit, above 0 and at most 1. @default none */
  readonly rate?: number | undefined
  /** How long the outcome of a call counts toward `rate`: this time or up to 10 % less. @default 1 minute */
  readonly window?: Ttl.Input | undefined
  /** The minimum number of calls in `window` for `rate` to open the circuit. @default 10 */
  readonly minimumCalls?: number | undefined
  /** How long the circuit stays open before a call (the probe) may test the service. @default 30 seconds */
  readonly open?: Ttl.Input | undefined
  /**
   * The longest time that the circuit stays open. The open time doubles with each opening, up to this limit, until the
   * circuit has stayed closed for as long as it was open.
   * @default the value of `open`: the open time does not grow
   */
  readonly maxOpen?: Ttl.Input | undefined
  /** How long a probe may run before it counts as failed. The call itself continues. @default 30 seconds */
  readonly probeTimeout?: Ttl.Input | undefined
  /**
   * Decides whether a call failed, given its exit. Not used for interrupted calls. The exit of a successful stream has
   * the value `undefined`.
   * @default every failure and defect
   */
  readonly isFailure?: ((exit: Exit.Exit<A, E>) => boolean) | undefined
}

const checks: Checks<CircuitBreakerOptions> = {
  key: checkKey,
  failures: optional(checkCount("failures")),
  rate: optional(
    checkThat<number>("rate", "above 0 and at most 1", (given) => typeof given === "number" && given > 0 && given <= 1)
  ),
  window: optional(checkTime("window")),
  minimumCalls: optional(checkCount("minimumCalls")),
  open: optional(checkTime("open")),
  maxOpen: optional(checkTime("maxOpen")),
  probeTimeout: optional(checkTime("probeTimeout")),
  isFailure: optional(checkThat("isFailure", "a function of an Exit", (given) => typeof given === "function")),
  onStoreError: checkOnStoreError
}

interface Breaker {
  readonly name: string
  readonly admit: Circuit.Input
  readonly trip: Circuit.Trip
  readonly openTime: Circuit.OpenTime
  readonly isFailure: ((exit: Exit.Exit<any, any>) => boolean) | undefined
  readonly onStoreError: OnStoreError
}

const what = "Guard.circuitBreaker"

const idleMillis = Defaults.guards.idleMillis

const check = (options: CircuitBreakerOptions): Breaker => {
  checkOptions(what, options, checks)
  const { isFailure, onStoreError = "local", rate } = options
  const { guard } = Defaults
  if (rate === undefined && (options.window ?? options.minimumCalls) !== undefined) {
    throw mistake(`${what}: window and minimumCalls need a rate`)
  }
  const millis = toMillis(options.open ?? guard.openMillis)
  const openTime = { millis, longestMillis: toMillis(options.maxOpen ?? millis) }
  if (openTime.longestMillis < millis) throw mistake(`${what}: maxOpen must not be below open`)
  return {
    name: nameOf(options.key),
    admit: { _tag: "Admit", probeMillis: toMillis(options.probeTimeout ?? guard.probeMillis), openTime, idleMillis },
    trip: {
      failures: options.failures ?? (rate === undefined ? guard.failures : 0),
      rate: rate ?? 0,
      minimumCalls: options.minimumCalls ?? guard.minimumCalls,
      windowMillis: rate === undefined ? 0 : toMillis(options.window ?? guard.windowMillis),
      windowCalls: 0
    },
    openTime,
    isFailure,
    onStoreError
  }
}

const ask = (fiber: Fiber.Fiber<any, any>, { name, onStoreError }: Breaker, input: Circuit.Input) =>
  step(fiber, { kind: Circuit.circuit, name, input, isAnswer: Circuit.isAnswer, onStoreError })

/** Returns the generation for the call's outcome, or `undefined` to record no outcome. Fails if the call is refused. */
const generationOf = (
  fiber: Fiber.Fiber<any, any>,
  { name }: Breaker,
  answer: Circuit.Answer | undefined
): Effect.Effect<number | undefined, CircuitOpen> => {
  if (answer === undefined) return Effect.undefined
  if (answer.isAdmitted) return Effect.succeed(answer.generation)
  noteRefusal(fiber, Circuit.circuit.name)
  const state = answer.phase === "HalfOpen" ? "HalfOpen" : "Open"
  return Effect.fail(new CircuitOpen({ key: name, state, retryAfterMillis: answer.leftMillis }))
}

const admit = (
  fiber: Fiber.Fiber<any, any>,
  breaker: Breaker
): Effect.Effect<number | undefined, CircuitOpen | StoreError> => {
  const answer = ask(fiber, breaker, breaker.admit)
  return Effect.isEffect(answer)
    ? Effect.flatMap(answer, (answer) => generationOf(fiber, breaker, answer))
    : generationOf(fiber, breaker, answer.now)
}

/** Records the outcome of a call. Ignores a failure of the guard store, so that the caller still gets the outcome. */
const record = (breaker: Breaker, generation: number | undefined, exit: Exit.Exit<any, any>): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    if (generation === undefined) return Effect.void
    const recorded = (outcome: Circuit.Outcome): Effect.Effect<void> => {
      const { openTime, trip } = breaker
      const answer = ask(fiber, breaker, { _tag: "Record", generation, outcome, trip, openTime, idleMillis })
      return Effect.isEffect(answer) ? Effect.ignore(answer) : Effect.void
    }
    if (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) return recorded("Ignored")
    if (breaker.isFailure === undefined) return recorded(Exit.isFailure(exit) ? "Failure" : "Success")
    let isFailure: boolean
    try {
      isFailure = answerOf(`isFailure of ${what}`, breaker.isFailure(exit))
    } catch (thrown) {
      return Effect.andThen(recorded("Ignored"), Effect.die(thrown))
    }
    return recorded(isFailure ? "Failure" : "Success")
  })

const onEffect = (self: AnyEffect, breaker: Breaker): AnyEffect =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      Effect.withFiber((fiber) => admit(fiber, breaker)),
      (generation) => Effect.onExit(restore(self), (exit) => record(breaker, generation, exit))
    )
  )

/** Guards a stream. A failure of the stream's consumer counts as a success, because the service has not failed. */
const onStream = (self: AnyStream, breaker: Breaker): AnyStream =>
  Stream.suspend(() => {
    let failed: Exit.Exit<never, unknown> | undefined
    const noting = Stream.tapCause(self, (cause) =>
      Effect.sync(() => {
        failed = Exit.failCause(cause)
      }))
    const ended = (exit: Exit.Exit<unknown, unknown>) =>
      failed ?? (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause) ? exit : Exit.void)
    return Stream.unwrap(
      Effect.as(
        Effect.acquireRelease(
          Effect.withFiber((fiber) => admit(fiber, breaker)),
          (generation, exit) => record(breaker, generation, ended(exit))
        ),
        noting
      )
    )
  })

/**
 * Stops calls to a failing service. After too many failures the circuit opens, and calls fail with `CircuitOpen` until
 * the error's `retryAfterMillis` has passed. The next call, a probe, closes the circuit or opens it again.
 *
 * **When to use**
 *
 * Use it around calls to a service that may be down, with `Cached.failover` or `Cached.softTtl` around the guarded
 * effect. Callers then get the last value at once, and the service gets time to recover. The guard caches nothing.
 *
 * **Details**
 *
 * - The circuit's state is kept where the cache keeps its entries: in memory, in the folder of `CacheLayer.disk`, or on
 *   the server of `CacheLayer.redis`. All processes that use the same folder or server share one circuit for a key.
 * - The circuit opens after `failures` consecutive failures or, if `rate` is set, once that share of the calls in
 *   `window` has failed. When the circuit closes, counting starts again from zero.
 * - An interrupted call does not count; after an interrupted probe, another call may probe. Calls that are running when
 *   the circuit opens or closes continue, but do not count. A stream is one call, which counts when it ends.
 *
 * **Example** (Serving the last value while a service is down)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, Guard } from "effect-cached"
 *
 * let calls = 0
 * const quote = Effect.suspend(() => ++calls === 1 ? Effect.succeed("quote") : Effect.fail("down")).pipe(
 *   Guard.circuitBreaker({ key: "quotes", failures: 2, open: "30 seconds" }),
 *   Cached.failover("quote", { ttl: "1 hour", fallbackOn: "all" })
 * )
 * await Effect.runPromise(Effect.all([quote, quote, quote, quote, quote]).pipe(Effect.provide(CacheLayer.memory())))
 * calls // => 3
 * ```
 *
 * @see `Guard.rateLimit` for a service that limits calls
 * @category combinators
 * @since 0.1.0
 */
export const circuitBreaker: {
  // In a pipe, `Self` is the type of what is guarded; otherwise `unknown`.
  // Has only one overload for each number of arguments, so that type errors do not begin with "No overload matches".
  <Self, A, E, const Mode extends OnStoreError | undefined = undefined>(
    options: Placed<CircuitBreakerOptions<IfUnknown<Self, A, SuccessOf<Self>>, IfUnknown<Self, E, ErrorOf<Self>>>, Mode>
  ): <Given extends Guardable>(
    self: IfUnknown<Self, GuardsOf<A, E>, Self> & IfUnknown<Self, Given, unknown>
  ) => Guarded<IfUnknown<Self, Given, Self>, CircuitOpen | StoreErrorOf<Mode>>
  <Self extends Guardable, const Mode extends OnStoreError | undefined = undefined>(
    self: Self,
    options: Placed<CircuitBreakerOptions<SuccessOf<Self>, ErrorOf<Self>>, Mode>
  ): Guarded<Self, CircuitOpen | StoreErrorOf<Mode>>
} = guard(check, onEffect, onStream)
