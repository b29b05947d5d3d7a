/**
 * One incident of a store: from the first fault until the store answers. It has a first line in the log and a last one.
 * An answer to any operation ends it, except while an operation fails although the store answers others.
 */
import type { StoreErrorReason } from "../../../CacheError.ts"
import { incidentMillis } from "../../defaults/bounds.ts"
import { lengthOf } from "../../text/failures.ts"

export interface Incident {
  /** The time of the first fault (monotonic milliseconds, like all times here). `undefined`: there is no incident. */
  since: number | undefined
  /** The kinds of faults that were logged since then. Empty if an earlier incident was logged too recently. */
  readonly logged: Set<Kind>
  loggedAt: number
  /** The last faults of the operations that have not succeeded since. */
  readonly failing: Map<string, Failing>
}

interface Failing {
  at: number
  /** Whether the store answers other operations meanwhile. */
  isAlone: boolean
}

type Kind = "away" | "Denied" | "refused"

export const make = (): Incident => ({ since: undefined, logged: new Set(), loggedAt: -Infinity, failing: new Map() })

export const failed = (self: Incident, operation: string, reason: StoreErrorReason, now: number): boolean => {
  const { failing, logged } = self
  const kind = kindOf(reason)
  const former = failing.get(operation)
  // A refusal is an answer, and the engine itself soon asks for changes again.
  const isAlone = kind !== "away" || operation === changes ||
    (former?.isAlone === true && now - former.at < incidentMillis)
  // Now that the store is away, its next answer ends the whole incident.
  if (!isAlone) { for (const [name, one] of failing) if (name !== changes) one.isAlone = false }
  failing.set(operation, { at: now, isAlone })
  self.since ??= now
  const isNews = logged.size === 0
    ? now - self.loggedAt >= incidentMillis
    : kind !== "refused" && !logged.has(kind)
  if (!isNews) return false
  logged.add(kind)
  self.loggedAt = now
  return true
}

/** The operation that reads the changes of a polled store. */
export const changes = "listen"

const kindOf = (reason: StoreErrorReason): Kind =>
  reason === "Unavailable" || reason === "Timeout" ? "away" : reason === "Denied" ? reason : "refused"

/** Notes an answer while `failing` is not empty. Returns the length of the logged incident that it ends. */
export const answered = (self: Incident, operation: string, now: number): string | undefined => {
  const { failing, logged, since = Infinity } = self
  failing.delete(operation)
  let lasts = false
  for (const [name, one] of failing) {
    if (now - one.at >= incidentMillis) failing.delete(name)
    else if (one.at >= since) {
      lasts ||= one.isAlone
      one.isAlone = true
    }
  }
  if (lasts || self.since === undefined) return undefined
  self.since = undefined
  if (logged.size === 0) return undefined
  logged.clear()
  return lengthOf(now - since)
}
