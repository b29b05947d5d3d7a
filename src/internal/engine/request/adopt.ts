/**
 * Applies the constant lifetime of a reader's strategy to entries stored with another constant: after a release with a
 * shorter one nothing is served longer, and a longer one prolongs an entry read before its end. Lifetimes from
 * functions, `set`, `touch` and `annotate` are not constants, so they stay.
 */
import type { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import type { Flights, Request } from "../state.ts"
import type { Policy } from "./callPolicy.ts"

interface Reading {
  readonly policy: Policy
  readonly request: Request
}

/** Moves the deadlines to those that the request's own constant would have given the entry. */
export const adopt = (self: Flights, { policy: { writes }, request }: Reading, entry: Entry, now: number): void => {
  const { constant, followed, slides, strategy } = request
  if (constant === undefined || entry.constant === undefined || request.isConstant(entry.constant)) return
  const { softTtl, ttl } = request.constantLifetime()
  const { createdAt, expiresAt, softExpiresAt } = entry
  // Neither a softly invalidated entry, nor one that ends with its parts, nor a stream, whose pages end with it. A read
  // that does not write leaves it to the next one that does.
  const mayGrow = writes && now < expiresAt && softExpiresAt !== -Infinity && !entry.endsWithParts &&
    followed === undefined
  // Jitter may have shortened the reader's own lifetime. That is not undone.
  const moved = (from: number, millis: number): number =>
    createdAt + millis < from ||
      mayGrow && from - createdAt < millis * (1 - (strategy.jitter ?? self.readDefaults.jitter ?? 0))
      ? createdAt + millis
      : from
  // The last read that moved a sliding end is unknown, so it counts from now on, and only `slide` makes it later.
  const end = slides ? Math.min(expiresAt, createdAt + softTtl, now + ttl) : moved(expiresAt, ttl)
  entry.live(writes ? constant : entry.constant, moved(softExpiresAt, softTtl), end)
  if (end === expiresAt) return
  Memory.reorder(self.memory, entry)
  if (end > expiresAt) self.storeTier?.steps.prolong(self.storeTier, entry)
}
