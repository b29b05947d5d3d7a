/** Kinds of failure. */
import * as Cause from "effect/Cause"

export const failedTyped = (cause: Cause.Cause<unknown>): boolean =>
  Cause.hasFails(cause) && !cause.reasons.some(Cause.isDieReason)
