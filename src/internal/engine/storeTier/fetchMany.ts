/** Reads many entries from the store at once. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { turnMillis } from "../../defaults.ts"
import type { Key } from "../../key/ofKey.ts"
import { monotonicMillis } from "../../monotonic.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { ask } from "./ask.ts"
import { isFault } from "./faults.ts"
import { reviveNow } from "./fetch.ts"
import * as Pending from "./pendingInvalidations.ts"
import type { Budget, Fault, Found, StoreTier } from "./storeTier.ts"

/** An id that no entry has: `get` with it answers the versions of tags alone. */
export const noEntryId = "~"

/** As `fetch`, for many: one request for all entries, and one for all their tags. */
export const fetchMany = Effect.fnUntraced(function*(
  tier: StoreTier,
  budget: Budget,
  keys: ReadonlyArray<Key>,
  ids: ReadonlyArray<string>
): Effect.fn.Return<ReadonlyArray<Found | Fault>, never, any> {
  // the epoch before asking: an invalidation during the request must end these entries
  const bornAt = TagEpochs.epochNow(tier.front.tagEpochs)
  const asked = ids.filter((id) => !Pending.isPending(tier.pending, id))
  const answer = asked.length === 0 ? [] : yield* ask(tier, budget, "getMany", tier.store.getMany(asked))
  if (isFault(answer)) return ids.map(() => answer)
  const tags = Array.from(new Set(answer.flatMap((stored) => stored?.meta.tags.map(({ tag }) => tag) ?? [])))
  const versions = tags.length === 0 ? undefined : yield* ask(tier, budget, "get", tier.store.get(noEntryId, tags))
  if (isFault(versions)) return ids.map(() => versions)
  const clock = yield* Clock.Clock
  const now = clock.currentTimeMillisUnsafe()
  const found: Array<Found | Fault> = []
  let next = 0
  let turnBegan = monotonicMillis(clock)
  for (const [i, id] of ids.entries()) {
    if (monotonicMillis(clock) - turnBegan > turnMillis) {
      yield* Effect.yieldNow
      turnBegan = monotonicMillis(clock)
    }
    const stored = id === asked[next] ? answer[next++] : undefined
    found.push(
      stored === undefined
        ? undefined
        : yield* reviveNow(tier, { key: keys[i]!, id, stored, bornAt, now, tags, versions: versions?.versions ?? [] })
    )
  }
  return found
})
