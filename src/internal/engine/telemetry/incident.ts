/**
 * One incident of a store: from the first fault until the store answers. The log reports its beginning and its end. An
 * answer to any operation ends it, unless another operation has kept failing while the store answered.
 */
import type { StoreErrorReason } from "../../../CacheError.ts"
import { incidentMillis } from "../../defaults/bounds.ts"
import { lengthOf } from "../../text/failures.ts"

export interface Incident {
  /** The time of the first fault (monotonic milliseconds, like all times here). `undefined`: there is no incident. */
  since: number | undefined
  /** The kinds of faults logged in this incident. Empty if an earlier incident was logged too recently. */
  readonly logged: Set<Kind>
  loggedAt: number
  /** By operation: its last fault, unless the operation has succeeded since. */
  readonly failing: Map<string, Failing>
}

interface Failing {
  at: number
  /** Whether the store answers other operations although this one fails. */
  isAlone: boolean
}

type Kind = "away" | "Denied" | "refused"

export const make = (): Incident => ({ since: undefined, logged: new Set(), loggedAt: -Infinity, failing: new Map() })

export const failed = (self: Incident, operation: string, reason: StoreErrorReason, now: number): boolean => {
  const { failing, logged } = self
  const kind = kindOf(reason)
  const former = failing.get(operation)
  // A refusal shows that the store answers. Reading changes is soon repeated, so only its own success ends its fault.
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

/** Notes an answer. Call only while `failing` is not empty. If a logged incident ends, returns its length as text. */
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
