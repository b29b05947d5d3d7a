import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Fault } from "./flight.ts"

/**
 * A store failure on its way from a read under `CachePolicy.strict` to that boundary. It travels as a defect, because
 * between the two the types do not speak of it: in the error channel it would arrive where the program expects its own.
 */
export class StrictFault {
  readonly fault: Fault
  constructor(fault: Fault) {
    this.fault = fault
  }
}

export const strictly = (fault: Fault): Effect.Effect<never> => Effect.die(new StrictFault(fault))

/** one such failure among the answers for many keys is the whole read's */
export const strictFailure = (
  exits: ReadonlyArray<Exit.Exit<unknown, unknown>>
): Exit.Failure<never, never> | undefined =>
  exits.find((exit): exit is Exit.Failure<never, never> => Exit.isFailure(exit) && exit.cause.reasons.some(isFault))

const isFault = (reason: Cause.Reason<unknown>): boolean =>
  Cause.isDieReason(reason) && reason.defect instanceof StrictFault

/** at the boundary the defect becomes a typed failure */
export const surfacing = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | Fault, R> =>
  Effect.catchCause(self, (cause): Effect.Effect<never, E | Fault> => {
    for (const reason of cause.reasons) {
      if (Cause.isDieReason(reason) && reason.defect instanceof StrictFault) return Effect.fail(reason.defect.fault)
    }
    return Effect.failCause(cause)
  })
