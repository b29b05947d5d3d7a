/**
 * Circuit breakers.
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
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
import { type OnStoreError, type Placed, type PlaceOptions, step, type StoreErrorOf } from "./place.ts"

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
  /** How long outcomes count for `rate`: at most this long, and at least nine tenths of it. @default 1 minute */
  readonly window?: Ttl.Input | undefined
  /** The number of calls in `window` below which no `rate` opens the circuit. @default 10 */
  readonly minimumCalls?: number | undefined
  /** How long the circuit stays open before one call may test whether it can close. @default 30 seconds */
  readonly open?: Ttl.Input | undefined
  /**
   * The longest time the circuit stays open. Each failed probe doubles that time, up to this limit.
   * @default as `open`: it does not grow
   */
  readonly maxOpen?: Ttl.Input | undefined
  /** The time after which a probe without an outcome counts as failed. The call continues. @default 30 seconds */
  readonly probeTimeout?: Ttl.Input | undefined
  /**
   * Whether a call failed, unless it was interrupted. A stream that ended well has no value.
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

/** The generation of an admitted call, or `undefined` for a call that is not recorded. */
const generationOf = (
  { name }: Breaker,
  answer: Circuit.Answer | undefined
): Effect.Effect<number | undefined, CircuitOpen> => {
  if (answer === undefined) return Effect.undefined
  if (answer.isAdmitted) return Effect.succeed(answer.generation)
  const state = answer.phase === "HalfOpen" ? "HalfOpen" : "Open"
  return Effect.fail(new CircuitOpen({ key: name, state, retryAfterMillis: answer.leftMillis }))
}

const admit = (
  fiber: Fiber.Fiber<any, any>,
  breaker: Breaker
): Effect.Effect<number | undefined, CircuitOpen | StoreError> => {
  const answer = ask(fiber, breaker, breaker.admit)
  return Effect.isEffect(answer)
    ? Effect.flatMap(answer, (answer) => generationOf(breaker, answer))
    : generationOf(breaker, answer.now)
}

/** Records how a call ended. A failure of the place is ignored here, because the call already has its outcome. */
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

/** The outcome is that of the stream itself. A failure of its consumer says nothing about the service. */
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

/** In a pipe the compiler knows the guarded value. Elsewhere the next signature applies. */
type OfPipe<Self> = [Self] extends [never] ? { readonly "what is guarded is not known": never } : {}

/**
 * Stops calls to a failing service. After too many failures the circuit opens, and calls fail with `CircuitOpen`, which
 * says when the next one may run: a probe, whose outcome closes the circuit or opens it again. It caches nothing.
 *
 * **When to use**
 *
 * Use it around calls of a service that may be down, inside `Cached.failover` or `Cached.softTtl`. Callers then get the
 * last value at once, and the service gets time to recover.
 *
 * **Details**
 *
 * - The state is kept where the cache keeps its own: in memory, in the folder of `CacheLayer.disk`, on the server of
 *   `CacheLayer.redis`. All users of that place share one circuit for a key.
 * - The circuit opens after `failures` consecutive failures, or when a share of `rate` has failed in `window`; with
 *   both, whichever happens first. A circuit that closes starts counting from zero.
 * - An interrupted call does not count; an interrupted probe gives its place to another one. Calls admitted before the
 *   circuit changed run to their end and change nothing. A stream is one call, with the outcome at its end.
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
 *   Cached.failover({ key: "quote", ttl: "1 hour" })
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
  <const Mode extends OnStoreError | undefined = undefined>(
    options: Placed<Omit<CircuitBreakerOptions, "isFailure">, Mode> & { readonly isFailure?: undefined }
  ): <Self extends Guardable>(self: Self) => Guarded<Self, CircuitOpen | StoreErrorOf<Mode>>
  <Self extends Guardable = never, const Mode extends OnStoreError | undefined = undefined>(
    options: Placed<CircuitBreakerOptions<SuccessOf<Self>, ErrorOf<Self>>, Mode> & OfPipe<Self>
  ): (self: Self) => Guarded<Self, CircuitOpen | StoreErrorOf<Mode>>
  <A, E, const Mode extends OnStoreError | undefined = undefined>(
    options: Placed<CircuitBreakerOptions<A, E>, Mode>
  ): <Self extends GuardsOf<A, E>>(self: Self) => Guarded<Self, CircuitOpen | StoreErrorOf<Mode>>
  <Self extends Guardable, const Mode extends OnStoreError | undefined = undefined>(
    self: Self,
    options: Placed<CircuitBreakerOptions<SuccessOf<Self>, ErrorOf<Self>>, Mode>
  ): Guarded<Self, CircuitOpen | StoreErrorOf<Mode>>
} = guard(check, onEffect, onStream)
