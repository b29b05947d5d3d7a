/** Kinds of causes. */
import * as Cause from "effect/Cause"

/** Whether a cause is a typed failure, without any defect. */
export const failedTyped = (cause: Cause.Cause<unknown>): boolean =>
  Cause.hasFails(cause) && !cause.reasons.some(Cause.isDieReason)

/** Whether a cause may be stored: one typed failure, and nothing beside it. */
export const isCacheable = (cause: Cause.Cause<unknown>): boolean => cause.reasons.length === 1 && Cause.hasFails(cause)
