/** Reads many entries from the store at once. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Stored, TagVersion } from "../../../CacheEntry.ts"
import type { Key } from "../../key/ofKey.ts"
import * as Turns from "../../time/turns.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { ask } from "./ask.ts"
import { isFault } from "./faults.ts"
import { reviveNow, reviveUnsafe } from "./fetch.ts"
import * as Pending from "./pendingInvalidations.ts"
import { type Asked, type Budget, type Fault, type Fetched, NeedsEffect, type StoreTier } from "./storeTier.ts"
import { ownWrite } from "./written.ts"

export const noEntryId = "~"

export const allTags = (entries: ReadonlyArray<Stored | undefined>): ReadonlyArray<string> => {
  const names = new Set<string>()
  let known: ReadonlyArray<TagVersion> | undefined
  for (const entry of entries) {
    // Most entries share the tags of the previous one, which are already in the set.
    if (entry === undefined || entry.meta.tags === known) continue
    known = entry.meta.tags
    for (const { tag } of known) names.add(tag)
  }
  return Array.from(names)
}

interface AskedMany extends Pick<Asked, "isGone"> {
  readonly keys: ReadonlyArray<Key>
  readonly ids: ReadonlyArray<string>
}

/** Like `fetch`, for many entries: one request for the entries, and one for all their tags. */
export const fetchMany = Effect.fnUntraced(function*(
  tier: StoreTier,
  budget: Budget,
  { ids, isGone = Pending.isPending, keys }: AskedMany
): Effect.fn.Return<ReadonlyArray<Fetched | Fault>, never, any> {
  // The epoch is read first, because an invalidation during the request must end these entries.
  const { tagEpochs } = tier.front
  let bornAt = TagEpochs.epochNow(tagEpochs)
  const asked = ids.filter((id) => !isGone(tier.pending, id))
  const answer = asked.length === 0 ? [] : yield* ask(tier, budget, "getMany", tier.store.getMany(asked))
  if (isFault(answer)) return yield* orOwn(tier, ids, isGone, answer)
  const tags = allTags(answer)
  // The store is asked for the tags after this, so no earlier change is missed.
  if (TagEpochs.followTags(tagEpochs, tags)) bornAt = tagEpochs.epoch
  return yield* reviveAll(tier, budget, { keys, ids, asked, answer, tags, bornAt, isGone })
})

const orOwn = (
  tier: StoreTier,
  ids: ReadonlyArray<string>,
  isGone: typeof Pending.isPending,
  fault: Fault
): Effect.Effect<ReadonlyArray<Fetched | Fault>> =>
  Effect.clockWith((clock) => {
    const now = tier.front.time.now(clock)
    return Effect.succeed(ids.map((id) => (isGone(tier.pending, id) ? ownWrite(tier, id, now) : undefined) ?? fault))
  })

interface Answered {
  readonly keys: ReadonlyArray<Key>
  readonly ids: ReadonlyArray<string>
  readonly asked: ReadonlyArray<string>
  readonly answer: ReadonlyArray<Stored | undefined>
  readonly tags: ReadonlyArray<string>
  readonly bornAt: number
  readonly isGone: typeof Pending.isPending
}

const reviveAll = Effect.fnUntraced(function*(
  tier: StoreTier,
  budget: Budget,
  { answer, asked, bornAt, ids, isGone, keys, tags }: Answered
): Effect.fn.Return<ReadonlyArray<Fetched | Fault>, never, any> {
  const versions = tags.length === 0 ? undefined : yield* ask(tier, budget, "get", tier.store.get(noEntryId, tags))
  if (isFault(versions)) return yield* orOwn(tier, ids, isGone, versions)
  yield* budget.inTurn ?? Effect.void
  const clock = yield* Clock.Clock
  const now = tier.front.time.now(clock)
  const found: Array<Fetched | Fault> = []
  const add = (one: Fetched | Fault) => void found.push(one)
  let at = 0
  let next = 0
  yield* Turns.forEachEffect(ids, (id) => {
    const key = keys[at++]!
    const stored = id === asked[next] ? answer[next++] : undefined
    if (stored === undefined) return add(isGone(tier.pending, id) ? ownWrite(tier, id, now) : undefined)
    const reviving = { key, id, stored, bornAt, now, tags, versions: versions?.versions ?? [] }
    const revived = reviveUnsafe(tier, reviving)
    return revived === NeedsEffect ? Effect.map(reviveNow(tier, reviving), add) : add(revived)
  })
  return found
})
