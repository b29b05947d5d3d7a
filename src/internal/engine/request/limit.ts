/**
 * A lifetime that is a strategy's constant is limited by the constant of whoever reads it: a release with a shorter one
 * does not serve for longer what an earlier one has stored. Lifetimes from functions, `set`, `touch` and `annotate` are
 * nobody's constant, and stay.
 */
import type { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import type { MemoryTier } from "../memory/memory.ts"
import type { Request } from "../state.ts"

/** Whether the lifetime of an entry is the constant of another strategy than this request's, or of another process. */
export const isOfOther = (request: Request, entry: Entry): boolean =>
  entry.constant !== undefined && !request.isConstant(entry.constant)

/** Moves the deadlines of such an entry to those that this request's own constant would have given it, if sooner. */
export const limit = (self: Pick<MemoryTier, "memory">, request: Request, entry: Entry, now: number): void => {
  if (!isOfOther(request, entry)) return
  const { constant } = request
  if (constant === undefined) return
  const { softTtl, ttl } = request.constantLifetime()
  entry.constant = constant
  const softExpiresAt = entry.createdAt + softTtl
  // where reads move the end, it is not known when the last one was: this is one
  const expiresAt = request.slides ? Math.min(softExpiresAt, now + ttl) : entry.createdAt + ttl
  if (softExpiresAt < entry.softExpiresAt) entry.softExpiresAt = softExpiresAt
  if (expiresAt >= entry.expiresAt) return
  entry.expiresAt = expiresAt
  Memory.reorder(self.memory, entry)
}
