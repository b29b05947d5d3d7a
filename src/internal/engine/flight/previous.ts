/** The value that a load is to replace. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { budgetOf } from "../storeTier/ask.ts"
import { fetch } from "../storeTier/fetch.ts"
import type { Flight } from "./flight.ts"
import { declaredTags } from "./requestTags.ts"

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
      flight.storable && entry !== undefined && entry.outcome === "success" &&
        clock.currentTimeMillisUnsafe() < entry.expiresAt &&
        !TagEpochs.changedSince(engine.tagEpochs, entry.tags, entry.checkedAt)
        ? entry
        : undefined
    const known = usable(flight.stale) ?? usable(Memory.peek(engine.memory, engine.tagEpochs, id))
    // what was seen in the store may be another, or one that was not served though it is not too old
    const isNewest = flight.rejectedWriteId === undefined
      ? policy.readsStore
      : known?.writeId === flight.rejectedWriteId
    if (engine.storeTier === undefined || isNewest) return Effect.succeed(flight.previous ??= known)
    return Effect.map(
      fetch(engine.storeTier, budgetOf(engine.storeTier, policy), {
        key: request.key,
        id,
        tags: declaredTags(request)
      }),
      (found) => flight.previous ??= found instanceof Entry ? usable(found) : undefined
    )
  })
}
