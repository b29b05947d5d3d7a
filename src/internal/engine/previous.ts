import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { budgetOf, fetch } from "./backend.ts"
import { Entry } from "./entry.ts"
import type { Flight } from "./flight.ts"
import { declaredTags } from "./keys.ts"
import * as Memory from "./memory.ts"
import * as Tags from "./tags.ts"

/**
 * The value that a load is to replace, where it may still be served. Once told it stays the same for this load: what is
 * invalidated in between keeps the result out of the cache, but the load has asked the origin about this very value.
 */
export const previousOf = (flight: Flight): Effect.Effect<Entry | undefined, never, any> => {
  const { engine, id, policy, request } = flight
  if (flight.previous !== undefined || request.batch !== undefined || policy.disabled.has("get")) {
    return Effect.succeed(flight.previous)
  }
  return Effect.flatMap(Clock.Clock, (clock) => {
    // a load whose id was invalidated replaces nothing any more
    const usable = (entry: Entry | undefined): Entry | undefined =>
      // unfit to be stored: it was invalidated or set by its id since the load began
      flight.publishes && entry !== undefined && entry.outcome === "success" &&
        clock.currentTimeMillisUnsafe() < entry.expiresAt &&
        !Tags.changedSince(engine.tags, entry.tags, entry.checkedAt)
        ? entry
        : undefined
    const known = usable(flight.stale) ?? usable(Memory.peek(engine.memory, engine.tags, id))
    // what was seen in the store may be another, or one that was not served though it is not too old
    const isNewest = flight.seen === undefined ? policy.readsStore : known?.writeId === flight.seen
    if (engine.backend === undefined || isNewest) return Effect.succeed(flight.previous ??= known)
    return Effect.map(
      fetch(engine, budgetOf(engine, policy), request.key, id, declaredTags(request)),
      (found) => flight.previous ??= found instanceof Entry ? usable(found) : undefined
    )
  })
}
