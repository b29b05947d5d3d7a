/** Kinds of causes. */
import * as Cause from "effect/Cause"

/** Whether a cause is a typed failure, without any defect. */
export const failedTyped = (cause: Cause.Cause<unknown>): boolean =>
  Cause.hasFails(cause) && !cause.reasons.some(Cause.isDieReason)
