/** Sliding expiration: a read that moves the deadline of an entry. */
import type { Entry } from "../memory/entry.ts"
import type { Flights, Request } from "../state.ts"
import { movedBy } from "./rules.ts"

/**
 * Moves the hard deadline of an entry, as the strategy's `touch` says. The store is touched at most ten times in a
 * lifetime, for other processes and the next start. A touch that fails is not repeated: the next one moves the
 * deadline.
 */
export const slide = (self: Flights, request: Request, entry: Entry, now: number): void => {
  const { createdAt, expiresAt, softExpiresAt, writeId } = entry
  // a soft invalidation made it stale: it is not to live longer
  if (softExpiresAt === -Infinity) return
  const moved = movedBy(self, request, entry, now)
  // the entry may be of another strategy, with a later deadline: no read makes it earlier
  if (moved === undefined || moved <= expiresAt) return
  entry.expiresAt = moved
  const { storeTier: tier } = self
  if (tier === undefined || writeId === undefined) return
  const step = (moved - now) / 10
  const before = now - (moved - expiresAt)
  if (Math.floor((now - createdAt) / step) === Math.floor((before - createdAt) / step)) return
  tier.steps.touch(tier, entry.id, { writeId, softExpiresAt, expiresAt: moved })
}
