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

/** The previous value. Each call in a load returns the same one, about which the load may have asked the origin. */
export const previousOf = (attempt: Attempt): Effect.Effect<Entry | undefined, never, any> => {
  const { flight } = attempt
  if (attempt.previous !== undefined || flight === undefined) return Effect.succeed(attempt.previous)
  const { engine, id, policy, request } = flight
  // A batch call loads many values, and a stream has elements instead of a value.
  const hasNone = request.batch !== undefined || request.settled !== undefined
  if (hasNone || policy.disabled.has("get")) return Effect.undefined
  return Effect.flatMap(Clock.Clock, (clock) => {
    const usable = (entry: Entry | undefined): Entry | undefined =>
      // Not storable: the id was invalidated or set since the load began, so no value is left to replace.
      isStorable(engine, flight) && entry !== undefined && entry.outcome === "success" &&
        !isOfStream(entry) &&
        clock.currentTimeMillisUnsafe() < entry.expiresAt &&
        !TagEpochs.changedSince(engine.tagEpochs, entry.tags, entry.checkedAt)
        ? entry
        : undefined
    const known = usable(flight.stale) ?? usable(Memory.peek(engine.memory, engine.tagEpochs, id))
    // The store may have another entry than memory, or one that the reader rejected before it expired.
    const isNewest = flight.rejectedWriteId === undefined
      ? policy.readsStore
      : known?.writeId === flight.rejectedWriteId
    if (engine.storeTier === undefined || isNewest) return Effect.succeed(attempt.previous ??= known)
    return Effect.map(
      fetch(engine.storeTier, budgetOf(engine.storeTier, policy), {
        key: request.key,
        id,
        tags: declaredTags(engine, request)
      }),
      (found) => attempt.previous ??= found instanceof Entry ? usable(found) : undefined
    )
  })
}
