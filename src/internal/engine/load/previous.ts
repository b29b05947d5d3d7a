/** The previous value of a load: the value that its result replaces. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { isStorable } from "../flight/watches.ts"
import { Entry } from "../memory/entry.ts"
import { isOfStream } from "../memory/manifest.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { declaredTags } from "../request/requestTags.ts"
import type { Attempt } from "../state.ts"
import { budgetOf } from "../storeTier/ask.ts"
import { fetch } from "../storeTier/fetch.ts"

/** The previous value, if any. It stays the same in an attempt: the load may ask the origin if it is still valid. */
export const previousOf = (attempt: Attempt): Effect.Effect<Entry | undefined, never, any> => {
  const { flight } = attempt
  if (attempt.previous !== undefined || flight === undefined) return Effect.succeed(attempt.previous ?? undefined)
  const { engine, id, policy, request } = flight
  // A batch call loads many values, and a stream has elements. Neither has a single previous value.
  const hasNone = request.batch !== undefined || request.settled !== undefined
  if (hasNone || policy.disabled.has("get")) return Effect.undefined
  return Effect.flatMap(Clock.Clock, (clock) => {
    const usable = (entry: Entry | undefined): Entry | undefined =>
      // If the flight is not storable, the id was invalidated or set after the load began: the result replaces nothing.
      isStorable(engine, flight) && entry !== undefined && entry.outcome === "success" &&
        !isOfStream(entry) &&
        engine.time.now(clock) < entry.expiresAt &&
        !TagEpochs.changedSince(engine.tagEpochs, entry.tags, entry.checkedAt)
        ? entry
        : undefined
    const known = usable(flight.stale) ?? usable(Memory.peek(engine.memory, engine.tagEpochs, id))
    // Asks the store unless `known` is the newest: the store was perhaps not asked before, or its entry was rejected.
    const isNewest = flight.rejectedWriteId === undefined
      ? policy.readsEntries
      : known?.writeId === flight.rejectedWriteId
    if (engine.storeTier === undefined || isNewest) return Effect.succeed(remember(attempt, known))
    return Effect.map(
      fetch(engine.storeTier, budgetOf(engine.storeTier, policy), {
        key: request.key,
        id,
        tags: declaredTags(engine, request)
      }),
      (found) => remember(attempt, found instanceof Entry ? usable(found) : undefined)
    )
  })
}

const remember = (attempt: Attempt, entry: Entry | undefined): Entry | undefined =>
  (attempt.previous === undefined ? attempt.previous = entry ?? null : attempt.previous) ?? undefined
