/** Carries faults to the boundary of `CachePolicy.strict`. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { CacheClosed, CacheConfigError, CacheCycle } from "../../../CacheError.ts"
import type { Fault } from "../storeTier/storeTier.ts"

/** Carries a fault as a defect: inner effects declare no such error, and a user's handler could catch an error. */
export class StrictFault {
  readonly fault: Fault
  constructor(fault: Fault) {
    this.fault = fault
  }
}

export const strictly = (fault: Fault): Effect.Effect<never> => Effect.die(new StrictFault(fault))

/** Turns a `StrictFault` into a typed failure at the boundary. */
export const surfacing = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | Fault, R> =>
  Effect.catchCause(self, (cause): Effect.Effect<never, E | Fault> => {
    for (const reason of cause.reasons) {
      if (Cause.isDieReason(reason) && reason.defect instanceof StrictFault) return Effect.fail(reason.defect.fault)
    }
    return Effect.failCause(cause)
  })

/** Whether an exit is an error of the read itself rather than the outcome of a load. */
export const isRefusal = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) &&
  exit.cause.reasons.some((reason) =>
    Cause.isDieReason(reason) && refusals.some((refusal) => reason.defect instanceof refusal)
  )

const refusals = [CacheClosed, CacheConfigError, CacheCycle, StrictFault]
