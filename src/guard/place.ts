/**
 * Finds the store where guards keep their state (the guard store), and handles its failures.
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { StoreError } from "../CacheError.ts"
import { Caching, disabled } from "../Caching.ts"
import { GuardStore } from "../GuardStore.ts"
import * as GuardsDefaults from "../internal/defaults/guards.ts"
import * as OptionsDefaults from "../internal/defaults/options.ts"
import { cacheOf } from "../internal/engine/boundCache.ts"
import { lineOf, noteGuardFault, noteGuardRefusal } from "../internal/engine/operationTable.ts"
import * as Policy from "../internal/engine/request/callPolicy.ts"
import { strictly } from "../internal/engine/request/strict.ts"
import * as memory from "../internal/guard/memory.ts"
import { lengthOf } from "../internal/text/failures.ts"
import { monotonicMillis } from "../internal/time/monotonic.ts"
import type * as Port from "../ports/guardStore.ts"

/**
 * The behavior of a rate limit or circuit breaker while the store that keeps its state fails.
 *
 * - `"local"`: continues with a separate state in each process
 * - `"allow"`: admits every call
 * - `"fail"`: fails the call with the `StoreError`
 * @category options
 * @since 0.1.0
 */
export type OnStoreError = "local" | "allow" | "fail"

/**
 * The options of guards that keep state.
 * @category options
 * @since 0.1.0
 */
export interface PlaceOptions {
  /**
   * The behavior while the guard's store fails: `"local"` (keeps a state in this process), `"allow"` or `"fail"`.
   * @default `"local"`
   */
  readonly onStoreError?: OnStoreError | undefined
}

/**
 * The options of a guard. The literal type of `onStoreError` decides whether the guard fails with `StoreError`.
 * @category options
 * @since 0.1.0
 */
export type Placed<Options extends PlaceOptions, Mode> = {
  readonly [
    // One mapped type, because for an intersection the compiler would not say first which option is missing.
    Name in keyof Options
  ]: Name extends keyof PlaceOptions ? Mode : Options[Name]
}

/**
 * The error that a guard adds if its `onStoreError` may be `"fail"`.
 * @category models
 * @since 0.1.0
 */
export type StoreErrorOf<Mode> = "fail" extends Mode ? StoreError : never

/** @internal */
export type AnyFiber = Fiber.Fiber<any, any>

/** Guard states in memory, by owner: a cache, the clock if there is no cache, or a failing guard store. */
const places = new WeakMap<object, memory.MemoryGuards>()

const inMemory = (owner: object): memory.MemoryGuards => {
  const place = places.get(owner) ?? memory.make()
  places.set(owner, place)
  return place
}

/** @internal */
export const placeOf = (fiber: AnyFiber): Port.GuardStore => {
  const given = fiber.getRef(GuardStore)
  if (given !== undefined) return given
  const cache = Context.getOrUndefined(fiber.context as Context.Context<Caching>, Caching)
  // All programs share the disabled cache, so each clock has its own state: times of two clocks cannot be compared.
  return inMemory(cache === undefined || cache === disabled ? fiber.getRef(Clock.Clock) : cache)
}

/** @internal */
export interface Asked<Input, Answer> {
  readonly kind: Port.Kind<any, Input, Answer>
  readonly name: string
  readonly input: Input
  /** Whether an answer is valid. An invalid answer counts as a failure of the guard store. */
  readonly isAnswer: (answer: unknown) => answer is Answer
  readonly onStoreError: OnStoreError
}

/** Runs a guard step, synchronously if its state is in memory. An answer of `undefined` admits the call. @internal */
export const step = <Input, Answer>(
  fiber: AnyFiber,
  asked: Asked<Input, Answer>
): { readonly now: Answer } | Effect.Effect<Answer | undefined, StoreError> => {
  const place = placeOf(fiber)
  return place.runUnsafe === undefined
    ? through(fiber, place, asked)
    : { now: place.runUnsafe(asked.kind, asked.name, asked.input, memory.nowOf(fiber.getRef(Clock.Clock))) }
}

/** Monotonic times in milliseconds: when a guard store first failed, and when it may be asked again. */
interface Outage {
  readonly since: number
  readonly restsUntil: number
  /** Whether the store gave nothing but corrupt answers: it is not down, and does not rest. */
  readonly isCorrupt: boolean
}

const failing = new WeakMap<Port.GuardStore, Outage>()

/** Whether a guard store failed so recently that it is not asked again yet. */
const isResting = (fiber: AnyFiber, place: Port.GuardStore): boolean => {
  const outage = failing.get(place)
  return outage !== undefined && !outage.isCorrupt && millisOf(fiber) < outage.restsUntil
}

/** Asks a guard store. Unless `strict`, fails at once for a while after a failure, so that no call waits. @internal */
export const askUnlessResting = <A>(
  fiber: AnyFiber,
  place: Port.GuardStore,
  question: Question<A>
): Effect.Effect<A, StoreError> =>
  Effect.suspend(() =>
    !fiber.getRef(Policy.Current).strict && isResting(fiber, place)
      ? Effect.fail(new StoreError({ store: place.name, operation: question.operation, reason: "Unavailable" }))
      : ask(fiber, place, question)
  )

const through = <Input, Answer>(
  fiber: AnyFiber,
  place: Port.GuardStore,
  asked: Asked<Input, Answer>
): Effect.Effect<Answer | undefined, StoreError> => {
  const { input, isAnswer, kind, name, onStoreError } = asked
  const { strict } = fiber.getRef(Policy.Current)
  const local = () => {
    if (onStoreError === "allow") return undefined
    return inMemory(place).runUnsafe(kind, name, input, memory.nowOf(fiber.getRef(Clock.Clock)))
  }
  if (!strict && onStoreError !== "fail" && isResting(fiber, place)) return Effect.sync(local)
  return Effect.catch(
    ask(fiber, place, {
      operation: kind.name,
      run: Effect.suspend(() => place.run(kind, name, input)),
      isAnswer
    }),
    (error): Effect.Effect<Answer | undefined, StoreError> => {
      if (strict) return strictly(error)
      return onStoreError === "fail" ? Effect.fail(error) : Effect.sync(local)
    }
  )
}

interface Question<A> {
  readonly operation: string
  readonly run: Effect.Effect<A, StoreError>
  readonly isAnswer: (answer: unknown) => answer is A
}

/** Asks a guard store within the store timeout. Counts each failure, and logs the first of several in a row. */
const ask = <A>(
  fiber: AnyFiber,
  place: Port.GuardStore,
  { isAnswer, operation, run }: Question<A>
): Effect.Effect<A, StoreError> => {
  // A guard store in memory neither waits nor fails.
  if (place.runUnsafe !== undefined) return run
  const { storeTimeoutMillis } = fiber.getRef(Policy.Current)
  const because = (reason: StoreError["reason"], cause?: unknown) =>
    new StoreError({ store: place.name, operation, reason, ...cause === undefined ? {} : { cause } })
  const within = Effect.timeoutOrElse(run, {
    duration: storeTimeoutMillis ?? OptionsDefaults.layer.storeTimeoutMillis,
    orElse: () => Effect.fail(because("Timeout"))
  })
  return Effect.matchCauseEffect(within, {
    onSuccess: (answer) => {
      if (!isAnswer(answer)) return failed(fiber, place, because("Corrupt"))
      recovered(fiber, place)
      return Effect.succeed(answer)
    },
    onFailure: (cause) => {
      // An interruption inside the guard store is a failure. If the caller is interrupted, this handler does not run.
      const thrown = Cause.squash(cause)
      return failed(fiber, place, thrown instanceof StoreError ? thrown : because("Unavailable", thrown))
    }
  })
}

/** Counts a call that a guard refuses. @internal */
export const noteRefusal = (fiber: AnyFiber, kind: string): void => {
  const cache = Context.getOrUndefined(fiber.context as Context.Context<Caching>, Caching)
  if (cache !== undefined) cacheOf(cache).perform(noteGuardRefusal, kind)
}

const failed = (fiber: AnyFiber, place: Port.GuardStore, error: StoreError): Effect.Effect<never, StoreError> => {
  const cache = Context.getOrUndefined(fiber.context as Context.Context<Caching>, Caching)
  if (cache !== undefined) cacheOf(cache).perform(noteGuardFault, error.operation, error.reason)
  const now = millisOf(fiber)
  const restsUntil = now + GuardsDefaults.guards.restMillis
  const outage = failing.get(place)
  if (outage === undefined) {
    const text = `${error.message}. Guards work without it (see onStoreError)`
    const shown = cache === undefined ? text : cacheOf(cache).perform(lineOf, text, { fault: error })
    log(fiber, Effect.logWarning(shown))
  }
  const isCorrupt = error.reason === "Corrupt" && outage?.isCorrupt !== false
  failing.set(place, { since: outage?.since ?? now, restsUntil, isCorrupt })
  return Effect.fail(error)
}

const recovered = (fiber: AnyFiber, place: Port.GuardStore): void => {
  const outage = failing.get(place)
  // Another corrupt answer within this time is not logged again.
  if (outage === undefined || outage.isCorrupt && millisOf(fiber) < outage.restsUntil) return
  failing.delete(place)
  if (outage.isCorrupt) return
  const length = lengthOf(millisOf(fiber) - outage.since)
  log(fiber, Effect.logInfo(`The store "${place.name}" of guards answers again after ${length}`))
}

// Logs in a separate fiber, so that a logger that throws does not fail the guarded call.
const log = (fiber: AnyFiber, line: Effect.Effect<void>): void => {
  Effect.runForkWith(fiber.context as Context.Context<never>)(line)
}

const millisOf = (fiber: AnyFiber): number => monotonicMillis(fiber.getRef(Clock.Clock))
