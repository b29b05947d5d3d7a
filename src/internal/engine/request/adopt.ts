/**
 * A lifetime that is a strategy's constant is that of whoever reads it: a release with a shorter one does not serve for
 * longer what an earlier one has stored, and one with a longer one serves it for longer, where it reads it before its
 * end. Lifetimes from functions, `set`, `touch` and `annotate` are no constant, and stay. What ends with its parts is
 * shortened and never prolonged, and so are streams, whose pages end with them.
 */
import type { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import type { Flights, Request } from "../state.ts"
import type { Policy } from "./callPolicy.ts"

/** Whether the lifetime of an entry is the constant of another strategy than this request's, or of another process. */
export const isOfOther = (request: Request, entry: Entry): boolean =>
  entry.constant !== undefined && !request.isConstant(entry.constant)

interface Reading {
  readonly policy: Policy
  readonly request: Request
}

/** Moves the deadlines of such an entry to those that the request's own constant would have given it. */
export const adopt = (self: Flights, { policy, request }: Reading, entry: Entry, now: number): void => {
  if (!isOfOther(request, entry) || request.constant === undefined) return
  const { softTtl, ttl } = request.constantLifetime()
  entry.constant = request.constant
  const { createdAt, expiresAt, softExpiresAt } = entry
  // what a soft invalidation made stale is not to live longer
  const mayGrow = now < expiresAt && softExpiresAt !== -Infinity && !entry.endsWithParts && !request.followed
  // what `jitter` has taken off is not given back
  const least = mayGrow ? 1 - (request.strategy.jitter ?? self.readDefaults.jitter ?? 0) : NaN
  const moved = (from: number, millis: number): number =>
    createdAt + millis < from || from - createdAt < millis * least ? createdAt + millis : from
  // a reader who knows no soft deadline leaves that of another
  if (request.slides || softTtl < ttl || mayGrow && softExpiresAt >= expiresAt || createdAt + softTtl < softExpiresAt) {
    entry.softExpiresAt = moved(softExpiresAt, softTtl)
  }
  // where reads move the end, it is not known when the last one was: this is one
  entry.expiresAt = moved(expiresAt, request.slides ? Math.min(softTtl, now + ttl - createdAt) : ttl)
  if (entry.expiresAt !== expiresAt) Memory.reorder(self.memory, entry)
  if (entry.expiresAt > expiresAt && policy.writes) {
    self.storeTier?.steps.prolong(self.work.dispatcher, self.storeTier, entry)
  }
}
