/**
 * The lifetime of an entry that is a strategy's constant follows the constant of each reader: a release with a shorter one
 * serves nothing longer than that, and a release with a longer one prolongs what it reads before its end. Lifetimes from
 * functions, `set`, `touch` and `annotate` are no constants, so they stay.
 */
import type { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import type { Flights, Request } from "../state.ts"
import type { Policy } from "./callPolicy.ts"

interface Reading {
  readonly policy: Policy
  readonly request: Request
}

/**
 * Moves the deadlines of an entry whose lifetime is the constant of another strategy, or of another process, to those that
 * the request's own constant would have given it.
 */
export const adopt = (self: Flights, { policy, request }: Reading, entry: Entry, now: number): void => {
  const { constant, followed, slides, strategy } = request
  if (constant === undefined || entry.constant === undefined || request.isConstant(entry.constant)) return
  const { softTtl, ttl } = request.constantLifetime()
  const { createdAt, expiresAt, softExpiresAt } = entry
  // a soft invalidation made it stale, or it ends with its parts, or its pages end with it
  const mayGrow = now < expiresAt && softExpiresAt !== -Infinity && !entry.endsWithParts && followed === undefined
  // jitter may have shortened the reader's own lifetime: that is not undone
  const moved = (from: number, millis: number): number =>
    createdAt + millis < from ||
      mayGrow && from - createdAt < millis * (1 - (strategy.jitter ?? self.readDefaults.jitter ?? 0))
      ? createdAt + millis
      : from
  // the last read that moved a sliding end is unknown, so it counts from now on, and `slide` alone makes it later
  const end = slides ? Math.min(expiresAt, createdAt + softTtl, now + ttl) : moved(expiresAt, ttl)
  entry.live(constant, moved(softExpiresAt, softTtl), end)
  if (end === expiresAt) return
  Memory.reorder(self.memory, entry)
  if (end > expiresAt && policy.writes) self.storeTier?.steps.prolong(self.storeTier, entry)
}
