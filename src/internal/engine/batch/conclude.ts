/** The end of a read of many keys: separates failures of the whole read from failures of one key. */
import type * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { isRefusal } from "../request/strict.ts"
import type { Batch } from "../state.ts"

type Exits = ReadonlyArray<Exit.Exit<unknown, unknown>>

/** The result of the whole read. It fails if a key was refused, or if a failed call is visible in the answers. */
export const conclude = (exits: Exits, batches: Iterable<Batch>): Exit.Exit<Exits, unknown> => {
  const refused = exits.find(isRefusal)
  if (refused !== undefined) return refused as Exit.Exit<never, unknown>
  for (const { failed } of batches) {
    if (failed !== undefined && isShown(failed, exits)) return Exit.failCause(failed)
  }
  return Exit.succeed(exits)
}

/** Whether a failed call is visible in the answers. It is invisible if every key fell back to a stale value. */
const isShown = (failed: Cause.Cause<unknown>, exits: Exits): boolean =>
  exits.some((exit) => Exit.isFailure(exit) && (exit.cause === failed || sameReasons(exit.cause, failed)))

const sameReasons = (one: Cause.Cause<unknown>, other: Cause.Cause<unknown>): boolean =>
  one.reasons.length === other.reasons.length &&
  one.reasons.every((reason, i) => {
    const against = other.reasons[i]!
    return reason._tag === "Fail" && against._tag === "Fail"
      ? reason.error === against.error
      : reason._tag === "Die" && against._tag === "Die"
      ? reason.defect === against.defect
      : reason._tag === against._tag
  })
