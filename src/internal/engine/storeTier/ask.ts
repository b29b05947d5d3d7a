/** Runs operations of the store within a budget. A fault is an answer like any other. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { StoreError } from "../../../CacheError.ts"
import type { TouchOptions } from "../../../ports/store.ts"
import { afterProgramMillis, programMillis, untilPassed } from "../../time/programTime.ts"
import * as TurnLimit from "../../time/turnLimit.ts"
import { spawn } from "./background.ts"
import * as Circuit from "./circuit.ts"
import { isListing, noteFault, recovered } from "./faults.ts"
import type { Budget, StoreTier } from "./storeTier.ts"

/** The store tier, and the budget to ask it with. */
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

/**
 * Runs an operation of the store. It never fails and never takes longer than the budget: a fault is an answer like any
 * other. An operation that ignores its interruption is not waited for.
 */
export const ask = <A>(
  tier: StoreTier,
  budget: Budget,
  operation: string,
  effect: Effect.Effect<A, StoreError>
): Effect.Effect<A | StoreError> =>
  Effect.withFiber((fiber) => {
    tier.front.tagEpochs.ensureTracking?.()
    const clock = fiber.getRef(Clock.Clock)
    const { workedMillis } = tier.store
    const timeNow = workedMillis ?? (() => programMillis(clock))
    const startedAt = timeNow()
    const fail = (reason: StoreError["reason"], cause?: unknown) =>
      new StoreError({ store: tier.store.name, operation, reason, ...(cause === undefined ? {} : { cause }) })
    const late = (millis: number) =>
      Effect.andThen(
        workedMillis === undefined ? afterProgramMillis(clock, millis) : untilPassed(workedMillis, millis),
        // thousands of operations that begin at once time out at once
        TurnLimit.pass(tier.timeouts)
      )
    if (budget.leftMillis <= 0) return Effect.succeed(fail("Timeout"))
    let permit: Circuit.Permit | undefined
    const asked = Effect.suspend(() => {
      // others wait for a lease that is not released, and nobody waits here: no circuit keeps it back, or learns from it
      if (operation !== "release") {
        permit = Circuit.admit(tier.circuit, clock.currentTimeMillisUnsafe())
        if (permit === undefined) return Effect.succeed(fail("Unavailable"))
      }
      return Effect.map(
        exitBefore(effect, late(budget.leftMillis)),
        (exit): A | StoreError => {
          budget.leftMillis -= timeNow() - startedAt
          if (exit !== undefined && Exit.isSuccess(exit)) {
            if (permit !== undefined) Circuit.answered(tier.circuit)
            recovered(tier, operation)
            return exit.value
          }
          const fault = exit === undefined
            ? fail("Timeout")
            : faultOf(exit.cause, (cause) => fail("Unavailable", cause))
          if (permit === undefined) return noteFault(tier, operation, fault, clock)
          if (fault.reason === "Timeout" && isListing(operation)) Circuit.gaveUp(tier.circuit, permit)
          else if (fault.reason === "Timeout") {
            Circuit.timedOut(tier.circuit, permit, clock.currentTimeMillisUnsafe())
          } else {
            Circuit.answered(tier.circuit)
          }
          return noteFault(tier, operation, fault, clock)
        }
      )
    })
    // around all steps: a probe that is interrupted before its first step, or after its last, must not block the
    // circuit
    return Effect.onInterrupt(asked, () =>
      Effect.sync(() => {
        if (permit !== undefined) Circuit.gaveUp(tier.circuit, permit)
      }))
  })

export const faultOf = (cause: Cause.Cause<unknown>, orElse: (defect: unknown) => StoreError): StoreError => {
  const error = Cause.squash(cause)
  return error instanceof StoreError ? error : orElse(error)
}

/** The exit of an effect, or `undefined` if `late` ends before it: then it is interrupted, and not waited for. */
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
          // before the interruption: the effect may end within that step, which would look like an answer
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

/** A touch that fails is not repeated: the next one moves the deadline. */
export const touch = (tier: StoreTier, id: string, touched: TouchOptions): void => {
  const { background, front, store, storeTimeoutMillis } = tier
  spawn(background, front.context, ask(tier, { leftMillis: storeTimeoutMillis }, "touch", store.touch(id, touched)))
}
