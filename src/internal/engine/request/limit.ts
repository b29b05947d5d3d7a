/**
 * Limits an entry's lifetime by the constant lifetime of its reader, if its own is a strategy's constant as well. A
 * release with a shorter ttl then does not serve entries of an earlier release for longer. Lifetimes from functions,
 * `set`, `touch` and `annotate` are not constants and stay.
 */
import type { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import type { MemoryTier } from "../memory/memory.ts"
import type { Request } from "../state.ts"

/** Whether an entry's lifetime is the constant of a different strategy or of another process. */
export const isOfOther = (request: Request, entry: Entry): boolean =>
  entry.constant !== undefined && !request.isConstant(entry.constant)

/** Shortens the deadlines of such an entry to those that this request's constant would have given it. */
export const limit = (self: Pick<MemoryTier, "memory">, request: Request, entry: Entry, now: number): void => {
  if (!isOfOther(request, entry)) return
  const { constant } = request
  if (constant === undefined) return
  const { softTtl, ttl } = request.constantLifetime()
  entry.constant = constant
  const softExpiresAt = entry.createdAt + softTtl
  // With sliding expiration the time of the last read is unknown, so it counts as now.
  const expiresAt = request.slides ? Math.min(softExpiresAt, now + ttl) : entry.createdAt + ttl
  if (softExpiresAt < entry.softExpiresAt) entry.softExpiresAt = softExpiresAt
  if (expiresAt >= entry.expiresAt) return
  entry.expiresAt = expiresAt
  Memory.reorder(self.memory, entry)
}
