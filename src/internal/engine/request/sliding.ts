/** Sliding expiration: reads that move the deadline of an entry. */
import type { Entry } from "../memory/entry.ts"
import type { Flights, Request } from "../state.ts"
import { movedBy } from "./rules.ts"

/** Touches the store at most ten times per lifetime. A failed touch is not retried, because the next one moves it. */
export const slide = (self: Flights, request: Request, entry: Entry, now: number): void => {
  const { constant, createdAt, expiresAt, softExpiresAt, writeId } = entry
  // A soft invalidation made it stale, so its life is not extended.
  if (softExpiresAt === -Infinity) return
  const moved = movedBy(self, request, entry, now)
  // The entry may come from another strategy with a later deadline, which reads do not shorten.
  if (moved === undefined || moved <= expiresAt) return
  entry.expiresAt = moved
  const { storeTier: tier } = self
  if (tier === undefined || writeId === undefined) return
  const step = (moved - now) / 10
  const before = now - (moved - expiresAt)
  if (Math.floor((now - createdAt) / step) === Math.floor((before - createdAt) / step)) return
  const isConstant = constant !== undefined
  tier.steps.touch(tier, entry.id, { writeId, isConstant, softExpiresAt, expiresAt: moved })
}
