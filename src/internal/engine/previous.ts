import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { fetch } from "./backend.ts"
import { Entry } from "./entry.ts"
import type { Flight } from "./flight.ts"
import { tagsOf } from "./keys.ts"
import * as Memory from "./memory.ts"
import * as Tags from "./tags.ts"

/**
 * The value that a load is to replace, where it may still be served. Once told it stays the same for this load: what is
 * invalidated in between keeps the result out of the cache, but the load has asked the origin about this very value.
 */
export const previousOf = (flight: Flight): Effect.Effect<Entry | undefined, never, any> => {
  const { engine, id, policy, request } = flight
  if (flight.previous !== undefined || request.batch !== undefined) return Effect.succeed(flight.previous)
  return Effect.flatMap(Clock.Clock, (clock) => {
    // a load whose id was invalidated replaces nothing any more
    const usable = (entry: Entry | undefined): Entry | undefined =>
      flight.publishes && entry !== undefined && entry.outcome === "success" &&
        clock.currentTimeMillisUnsafe() < entry.expiresAt &&
        !Tags.changedSince(engine.tags, entry.tags, entry.bornAt)
        ? flight.previous = entry
        : undefined
    const known = usable(flight.stale) ?? usable(Memory.peek(engine.memory, engine.tags, id))
    // whoever reads normally has looked there already
    if (known !== undefined || engine.backend === undefined || policy.readsStore) return Effect.succeed(known)
    const budget = { leftMillis: policy.storeTimeoutMillis ?? engine.backend.budgetMillis }
    return Effect.map(
      fetch(engine, budget, request.key, id, tagsOf(request.key)),
      (found) => found instanceof Entry ? usable(found) : undefined
    )
  })
}
