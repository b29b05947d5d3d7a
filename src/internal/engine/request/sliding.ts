/** Sliding expiration: a read moves the entry's deadline. */
import type { Entry } from "../memory/entry.ts"
import type { Flights, Request } from "../state.ts"
import { movedBy } from "./rules.ts"

/** Moves the deadline, in the store at most ten times per lifetime. If the store fails, a later read tries again. */
export const slide = (self: Flights, request: Request, entry: Entry, now: number): void => {
  const { constant, createdAt, expiresAt, softExpiresAt, writeId } = entry
  if (softExpiresAt === -Infinity) return
  const moved = movedBy(self, request, entry, now)
  // An entry stored by another strategy may have a later deadline, which then stays.
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
