/** A read that moves the end of an entry. */
import * as Effect from "effect/Effect"
import type { Request } from "../flight/request.ts"
import type { Entry } from "../memory/entry.ts"
import { ask } from "../storeTier/ask.ts"
import type { Flights } from "./flights.ts"

/**
 * A read moves the end of an entry. The store hears of it at most ten times in a lifetime, so that others, and the next
 * start, know of it; a touch that fails is the next one's to make good.
 */
export const slide = (self: Flights, request: Request, entry: Entry, now: number): void => {
  const { createdAt, expiresAt, softExpiresAt, writeId } = entry
  // marked as stale: whoever serves it still, it is to end soon
  if (softExpiresAt === -Infinity) return
  const moved = request.strategy.touch!(entry, now)
  // an entry of another strategy has deadlines of its own: no read makes them earlier
  if (!(moved > expiresAt)) return
  entry.expiresAt = moved
  const { storeTier: tier } = self
  if (tier === undefined || writeId === undefined) return
  const step = (moved - now) / 10
  const before = now - (moved - expiresAt)
  if (Math.floor((now - createdAt) / step) === Math.floor((before - createdAt) / step)) return
  const { storeTimeoutMillis, background, store } = tier
  const touch = ask(
    tier,
    { leftMillis: storeTimeoutMillis },
    "touch",
    store.touch(entry.id, { writeId, softExpiresAt, expiresAt: moved })
  )
  const touching = Effect.runForkWith(self.context)(touch)
  if (touching.pollUnsafe() !== undefined) return
  background.add(touching)
  touching.addObserver(() => background.delete(touching))
}
