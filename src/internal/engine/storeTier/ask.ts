/** Runs operations of the store within a time budget. Returns faults as values. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { StoreError } from "../../../CacheError.ts"
import type { TouchOptions } from "../../../ports/store.ts"
import { slowMillis, waves } from "../../defaults/bounds.ts"
import { jobs } from "../../defaults/stores.ts"
import { only } from "../../store/many.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import { afterProgramMillis, programMillis, untilPassed } from "../../time/programTime.ts"
import * as TurnLimit from "../../time/turnLimit.ts"
import * as TurnTime from "../../time/turnTime.ts"
import { forEachWave } from "../../time/waves.ts"
import type { Entry } from "../memory/entry.ts"
import { emit } from "../telemetry/events.ts"
import * as Job from "../telemetry/job.ts"
import { step } from "../telemetry/steps.ts"
import { spawn } from "./background.ts"
import * as Circuit from "./circuit.ts"
import { isFault, isListing, noteFault, recovered } from "./faults.ts"
import type { Budget, StoreTier } from "./storeTier.ts"

export interface Asking {
  readonly tier: StoreTier
  readonly budget: Budget
}

export const budgetOf = (
  tier: StoreTier,
  { storeTimeoutMillis }: { readonly storeTimeoutMillis: number | undefined }
): Budget => ({
  leftMillis: storeTimeoutMillis ?? tier.storeTimeoutMillis
})

/** The current time on the clock that measures the budgets of this store's operations. */
export const timeOf = ({ front, store }: StoreTier): number =>
  store.workedMillis?.() ?? programMillis(Context.get(front.context, Clock.Clock))

/** Waits until that much of a budget has passed. */
export const lateBy = (
  { store: { workedMillis } }: StoreTier,
  clock: Clock.Clock,
  millis: number
): Effect.Effect<void> =>
  workedMillis === undefined ? afterProgramMillis(clock, millis) : untilPassed(workedMillis, millis)

/**
 * Runs one operation. Returns a fault instead of failing, and does not wait for an interrupted operation to end. A
 * synchronous store blocks the thread, so many operations at once run in several turns of the event loop. The wait for
 * a turn is not a part of the budget.
 */
export const ask = <A>(
  tier: StoreTier,
  budget: Budget,
  operation: string,
  effect: Effect.Effect<A, StoreError>
): Effect.Effect<A | StoreError> => {
  const asked = askPatiently({ tier, budget, operation, effect })
  return tier.turns === undefined || budget.leftMillis <= 0 ? asked : Effect.andThen(TurnTime.pass(tier.turns), asked)
}

const patient: ReadonlySet<string> = new Set(["get", "getMany", "markers", "acquire", "commit"])

const passing: ReadonlySet<string> = new Set<StoreError["reason"]>(["Timeout", "Unavailable", "Full"])

interface Asked<A> {
  readonly tier: StoreTier
  readonly budget: Budget
  readonly operation: string
  readonly effect: Effect.Effect<A, StoreError>
}

/** In a job, repeats an operation until the store answers or the patience ends. Each try has the whole budget. */
const askPatiently = <A>(asked: Asked<A>): Effect.Effect<A | StoreError> =>
  Effect.withFiber((fiber) => {
    const { budget, operation, tier } = asked
    const job = patient.has(operation) ? fiber.getRef(Job.Current) : undefined
    if (job === undefined) return askNow(fiber, asked)
    const clock = fiber.getRef(Clock.Clock)
    const since = monotonicMillis(clock)
    const leftMillis = Math.max(budget.leftMillis, tier.storeTimeoutMillis)
    const attempt = (pauseMillis: number): Effect.Effect<A | StoreError> =>
      Effect.flatMap(Effect.suspend(() => askNow(fiber, asked)), (answer) => {
        if (!isFault(answer)) {
          if (operation === "commit") job.isOut = false
        } else if (!job.isOut && !tier.background.isClosed && passing.has(answer.reason)) {
          job.isOut = monotonicMillis(clock) - since >= job.patienceMillis
          const again = Effect.suspend(() => {
            budget.leftMillis = leftMillis
            return attempt(Math.min(pauseMillis * 2, jobs.longestMillis))
          })
          if (!job.isOut) return Effect.delay(again, pauseMillis)
        }
        return Effect.succeed(answer)
      })
    return attempt(jobs.firstMillis)
  })

const askNow = <A>(
  fiber: Fiber.Fiber<any, any>,
  { budget, effect, operation, tier }: Asked<A>
): Effect.Effect<A | StoreError> => {
  tier.front.tagEpochs.ensureTracking?.()
  const clock = fiber.getRef(Clock.Clock)
  const { workedMillis } = tier.store
  const timeNow = workedMillis ?? (() => programMillis(clock))
  const startedAt = timeNow()
  const fail = (reason: StoreError["reason"], cause?: unknown) =>
    new StoreError({ store: tier.store.name, operation, reason, ...(cause === undefined ? {} : { cause }) })
  const late = (millis: number) =>
    // Thousands of operations that began together time out together, so their ends are spread over several turns.
    Effect.andThen(lateBy(tier, clock, millis), TurnLimit.pass(tier.timeouts))
  if (budget.leftMillis <= 0) {
    const fault = fail("Timeout")
    // The load begins without a lease, perhaps beside another process's, because earlier steps took too long.
    const isUntold = operation === "acquire" && tier.incident.since === undefined
    return Effect.succeed(isUntold ? noteFault(tier, operation, fault) : fault)
  }
  const end = step(budget.flight?.trace, operation, fiber)
  let permit: Circuit.Permit | undefined
  const asked = Effect.suspend(() => {
    // A lease is released even if the circuit is open: other processes wait for the release, and no caller does.
    // A job asks too: how long it waits does not depend on the circuit.
    if (operation !== "release" && budget.isLast !== true && fiber.getRef(Job.Current) === undefined) {
      permit = Circuit.admit(tier.circuit, clock.currentTimeMillisUnsafe())
      if (permit === undefined) {
        return Effect.succeed(fail("Unavailable", Circuit.refusal(tier.circuit, clock.currentTimeMillisUnsafe())))
      }
    }
    return Effect.map(
      exitBefore(effect, late(budget.leftMillis)),
      (exit): A | StoreError => {
        const millis = timeNow() - startedAt
        budget.leftMillis -= millis
        if (millis >= slowMillis) emit(tier.front, { _tag: "Slow", operation, millis })
        const { meter } = tier.front
        if (exit !== undefined && Exit.isSuccess(exit)) {
          meter?.asked(operation, "success", millis)
          end?.("success")
          if (permit !== undefined) Circuit.answered(tier.circuit)
          recovered(tier, operation)
          return exit.value
        }
        const fault = exit === undefined
          ? fail("Timeout")
          : faultOf(exit.cause, (cause) => fail("Unavailable", cause))
        meter?.asked(operation, fault.reason, millis)
        end?.(fault.reason)
        if (fault.reason === "Timeout" && budget.call !== undefined) budget.call.leftMillis = 0
        if (permit === undefined) return noteFault(tier, operation, fault)
        if (fault.reason === "Timeout" && isListing(operation)) Circuit.gaveUp(tier.circuit, permit)
        else if (fault.reason === "Timeout") {
          Circuit.timedOut(tier.circuit, permit, clock.currentTimeMillisUnsafe())
        } else {
          Circuit.answered(tier.circuit)
        }
        return noteFault(tier, operation, fault)
      }
    )
  })
  // The handler covers all steps, because a probe that is interrupted at any point must not block the circuit.
  return Effect.onInterrupt(asked, () =>
    Effect.sync(() => {
      if (permit !== undefined) Circuit.gaveUp(tier.circuit, permit)
    }))
}

/** An operation on many items. */
export interface Many<A, B> {
  readonly operation: string
  readonly all: (items: ReadonlyArray<A>) => Effect.Effect<ReadonlyArray<B>, StoreError>
}

/** Sends one request for all items, or one for each item if several servers hold the ids: one server may be down. */
export const askForAll = <A, B>(
  tier: StoreTier,
  budget: Budget,
  items: ReadonlyArray<A>,
  { all, operation }: Many<A, B>
): Effect.Effect<ReadonlyArray<B | StoreError>> => {
  if (tier.store.capabilities.sharded !== true) {
    return Effect.map(
      ask(tier, budget, operation, all(items)),
      (answers) => isFault(answers) ? items.map(() => answers) : answers
    )
  }
  const beganAt = timeOf(tier)
  const askOne = (item: A) => ask(tier, { ...budget }, operation, only(all([item])))
  return Effect.map(Effect.forEach(items, askOne, { concurrency: "unbounded" }), (answers) => {
    // If one server hangs, the others must still be asked in the next step, so time counts only if all have failed.
    if (answers.every(isFault)) budget.leftMillis -= timeOf(tier) - beganAt
    return answers
  })
}

/** Sends a long list in waves, each of which has the whole budget. After a timeout, no further wave is sent. */
export const askInWaves = <A, E, R>(
  items: ReadonlyArray<A>,
  budget: Budget,
  send: (wave: ReadonlyArray<A>, budget: Budget, from: number, inTurn: Effect.Effect<void>) => Effect.Effect<
    unknown,
    E,
    R
  >,
  most?: number
): Effect.Effect<void, E, R> =>
  items.length <= waves.size
    ? Effect.asVoid(send(items, budget, 0, Effect.void))
    : forEachWave(items, (wave, from, inTurn) =>
      Effect.suspend(() => send(wave, { ...budget, call: budget, inTurn }, from, inTurn)), most)

export const faultOf = (cause: Cause.Cause<unknown>, orElse: (defect: unknown) => StoreError): StoreError => {
  const error = Cause.squash(cause)
  return error instanceof StoreError ? error : orElse(error)
}

/** The exit of an effect. `undefined` if `late` ends first; the effect is then interrupted without waiting for it. */
export const exitBefore = <A, E>(
  effect: Effect.Effect<A, E>,
  late: Effect.Effect<void>
): Effect.Effect<Exit.Exit<A, E> | undefined> =>
  Effect.withFiber((parent) =>
    Effect.callback((resume) => {
      const run = Effect.runForkWith(parent.context)
      const fiber = run(effect)
      const answered = fiber.pollUnsafe()
      if (answered !== undefined) return resume(Effect.succeed(answered))
      const timer = run(Effect.andThen(
        late,
        Effect.sync(() => {
          // Resume before interrupting, because an effect that ends during the interruption would look like an answer.
          resume(Effect.undefined)
          fiber.interruptUnsafe()
        })
      ))
      fiber.addObserver((exit) => {
        timer.interruptUnsafe()
        resume(Effect.succeed(exit))
      })
      return Effect.sync(() => {
        timer.interruptUnsafe()
        fiber.interruptUnsafe()
      })
    })
  )

/** The exit of an effect behind a circuit. `"late"`: there was none in time. `"skipped"`: the circuit is open. */
export const exitThrough = <A, E>(
  circuit: Circuit.Circuit,
  { clock, millis }: { readonly clock: Clock.Clock; readonly millis: number },
  effect: Effect.Effect<A, E>
): Effect.Effect<Exit.Exit<A, E> | "late" | "skipped"> =>
  Effect.suspend((): Effect.Effect<Exit.Exit<A, E> | "late" | "skipped"> => {
    const permit = Circuit.admit(circuit, clock.currentTimeMillisUnsafe())
    if (permit === undefined) return Effect.succeed("skipped")
    const ended = Effect.map(exitBefore(effect, afterProgramMillis(clock, millis)), (exit) => {
      if (exit === undefined) Circuit.timedOut(circuit, permit, clock.currentTimeMillisUnsafe())
      else Circuit.answered(circuit)
      return exit ?? "late"
    })
    return Effect.onInterrupt(ended, () => Effect.sync(() => Circuit.gaveUp(circuit, permit)))
  })

/** Moves a stored entry's deadline in the background. A failure is not retried, because the next touch corrects it. */
export const touch = (tier: StoreTier, id: string, touched: TouchOptions): void =>
  spawn(tier.background, contextOf(tier), touchNow(tier, id, touched))

/** A store compares deadlines with the time of its caller, which may be virtual although that of the layer is not. */
const contextOf = ({ front: { context }, readerClock }: StoreTier): Context.Context<never> => {
  const clock = readerClock ?? Fiber.getCurrent()?.getRef(Clock.Clock)
  return clock === undefined ? context : Context.add(context, Clock.Clock, clock)
}

const touchNow = (tier: StoreTier, id: string, touched: TouchOptions): Effect.Effect<unknown> =>
  ask(tier, { leftMillis: tier.storeTimeoutMillis }, "touch", tier.store.touch(id, touched))

/** The latest deadline sent to the store for an entry, so that readers with different lifetimes do not resend it. */
const prolongedUntil = new WeakMap<Entry, number>()

/** Prolongs a stored entry a turn later, because the read may first put it in memory, and a listener may touch it. */
export const prolong = (tier: StoreTier, entry: Entry): void => {
  const { expiresAt, id, softExpiresAt, writeId } = entry
  if (writeId === undefined || prolongedUntil.get(entry)! >= expiresAt) return
  const { background, front } = tier
  const { mutations } = front
  const later = Effect.flatMap(Effect.yieldNow, () => {
    // `Cached.touch`, a soft invalidation or a reader with a shorter lifetime may have moved the deadline since.
    const isSame = front.memory.entries.get(id) === entry
      ? entry.softExpiresAt === softExpiresAt && entry.expiresAt >= expiresAt
      : front.mutations === mutations
    if (!isSame || prolongedUntil.get(entry)! >= expiresAt) return Effect.void
    prolongedUntil.set(entry, expiresAt)
    return touchNow(tier, id, { writeId, isConstant: true, softExpiresAt, expiresAt })
  })
  spawn(background, contextOf(tier), later)
}
