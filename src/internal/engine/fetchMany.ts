import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { ask, type Budget, type Found, isFault, reviveNow } from "./backend.ts"
import type { Fault } from "./flight.ts"
import * as Journal from "./journal.ts"
import type { Key } from "./keys.ts"
import type { Engine } from "./model.ts"
import * as Tags from "./tags.ts"

/** no entry has it: who wants to know of tags alone asks for it */
export const nobody = "~"

/** As `fetch`, for many: one question for all entries, and one for all their tags. */
export const fetchMany = Effect.fnUntraced(function*(
  self: Engine,
  budget: Budget,
  keys: ReadonlyArray<Key>,
  ids: ReadonlyArray<string>
): Effect.fn.Return<ReadonlyArray<Found | Fault>, never, any> {
  const backend = self.backend!
  // the time of asking, not of the answer: what is invalidated in between must kill it
  const bornAt = Tags.epochNow(self.tags)
  const asked = ids.filter((id) => !Journal.distrustsId(backend.journal, id))
  const answer = asked.length === 0 ? [] : yield* ask(self, budget, "getMany", backend.store.getMany(asked))
  if (isFault(answer)) return ids.map(() => answer)
  const tags = Array.from(new Set(answer.flatMap((stored) => stored?.meta.tags.map(({ tag }) => tag) ?? [])))
  const versions = tags.length === 0 ? undefined : yield* ask(self, budget, "get", backend.store.get(nobody, tags))
  if (isFault(versions)) return ids.map(() => versions)
  const now = (yield* Clock.Clock).currentTimeMillisUnsafe()
  const found: Array<Found | Fault> = []
  let next = 0
  for (const [i, id] of ids.entries()) {
    const stored = id === asked[next] ? answer[next++] : undefined
    found.push(
      stored === undefined
        ? undefined
        : yield* reviveNow(self, { key: keys[i]!, id, stored, bornAt, now, tags, versions: versions?.versions ?? [] })
    )
  }
  return found
})
