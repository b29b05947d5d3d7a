/**
 * Applies the constant lifetime of a reader's strategy to an entry stored under another constant, for example by an
 * older release. A shorter constant limits the entry. A longer one prolongs it if it is read before it expires. The
 * shorter constant of a profile limits reads only: once it is raised, the entry has the lifetime that it had before.
 * Lifetimes from functions, `set`, `touch` and `annotate` are not constants and stay unchanged.
 */
import type { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import type { Flights, Request } from "../state.ts"
import type { Policy } from "./callPolicy.ts"

interface Reading {
  readonly policy: Policy
  readonly request: Request
}

/** Moves an entry's deadlines to where the constant lifetime of the reader's request would have put them. */
export const adopt = (self: Flights, { policy: { writes }, request }: Reading, entry: Entry, now: number): void => {
  const { constant, followed, slides, strategy } = request
  if (constant === undefined || entry.constant === undefined || request.isConstant(entry.constant)) return
  const { softTtl, ttl } = request.constantLifetime()
  const { createdAt, expiresAt, memoryUntil, softExpiresAt } = entry
  // Softly invalidated entries, entries that expire with the values they derive from, and streams (whose pages expire
  // with the manifest) are not prolonged. A read that must not write leaves the prolonging to a later read.
  const mayGrow = writes && now < memoryUntil && softExpiresAt !== -Infinity && !entry.endsWithParts &&
    followed === undefined
  // A lifetime that jitter alone may have shortened is not prolonged.
  const moved = (from: number, millis: number): number =>
    createdAt + millis < from ||
      mayGrow && from - createdAt < millis * (1 - (strategy.jitter ?? self.readDefaults.jitter ?? 0))
      ? createdAt + millis
      : from
  // Nothing shows when a sliding deadline last moved, so the ttl counts from `now`. Only `slide` extends the deadline.
  const end = slides ? Math.min(memoryUntil, createdAt + softTtl, now + ttl) : moved(memoryUntil, ttl)
  entry.live(
    writes ? constant : entry.constant,
    moved(softExpiresAt, softTtl),
    end,
    request.isProfiled === true ? memoryUntil : end
  )
  if (end === expiresAt) return
  Memory.reorder(self.memory, entry)
  if (end > memoryUntil) self.storeTier?.steps.prolong(self.storeTier, entry)
}
