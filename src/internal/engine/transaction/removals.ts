/** Removals inside a transaction. The commit does not check whether the removed entries existed. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Stored } from "../../../CacheEntry.ts"
import { hasEnded } from "../../store/conditions.ts"
import * as Invalidate from "../invalidation/invalidate.ts"
import type { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import * as Policy from "../request/callPolicy.ts"
import { ask, budgetOf } from "../storeTier/ask.ts"
import { isFault } from "../storeTier/faults.ts"
import { validityOf } from "../storeTier/fetch.ts"
import { allTags, noEntryId } from "../storeTier/fetchMany.ts"
import { lock } from "./locks.ts"
import { isSwept, nextOrder, type Overlay, rebase } from "./overlay.ts"

/** Removes distinct ids. Returns how many of them existed, according to memory and the store. */
export const remove = Effect.fnUntraced(
  function*(self: Overlay, ids: ReadonlyArray<string>): Effect.fn.Return<number> {
    if (ids.length === 0) return 0
    yield* lock(self, ids)
    const now = self.root.base.time.now(yield* Clock.Clock)
    const known = ids.map((id) => isThere(self, id, now))
    const unknown = ids.filter((_, i) => known[i] === undefined)
    const stored = yield* inStore(self, unknown, now)
    yield* Invalidate.invalidateIds(self.own, ids)
    for (const id of ids) self.writes.set(id, { _tag: "Remove", order: nextOrder(self) })
    return known.filter((is) => is === true).length + stored
  }
)

const isThere = (self: Overlay, id: string, now: number): boolean | undefined => {
  const entry = entryIn(self, id, now)
  if (entry !== undefined) return entry !== null && now < entry.expiresAt
  return self.root.base.storeTier === undefined ? false : undefined
}

/** The entry in memory, at this level or below. `null` if it was removed, `undefined` if memory has no record of it. */
const entryIn = (self: Overlay, id: string, now: number): Entry | null | undefined => {
  rebase(self, id, now)
  const own = Memory.peek(self.own.memory, self.own.tagEpochs, id)
  if (own !== undefined) return own
  if (self.isCleared || self.writes.has(id)) return null
  const { base } = self.root
  const below = self.parent === undefined
    ? Memory.peek(base.memory, base.tagEpochs, id)
    : entryIn(self.parent, id, now)
  return below && isSwept(self, below.tags) ? null : below
}

const inStore = Effect.fnUntraced(
  function*(self: Overlay, ids: ReadonlyArray<string>, now: number): Effect.fn.Return<number> {
    const { storeTier: tier } = self.root.base
    if (tier === undefined || ids.length === 0) return 0
    const budget = budgetOf(tier, yield* Policy.Current)
    const found = yield* ask(tier, budget, "getMany", tier.store.getMany(ids))
    if (isFault(found)) return 0
    const tags = allTags(found)
    const answer = tags.length === 0 ? undefined : yield* ask(tier, budget, "get", tier.store.get(noEntryId, tags))
    if (isFault(answer)) return 0
    return found.filter((entry) =>
      entry !== undefined && isLive(self, entry, now) &&
      validityOf(tier, entry.meta, tags, answer?.versions ?? []) !== "gone"
    ).length
  }
)

const isLive = (self: Overlay, { meta }: Stored, now: number): boolean => {
  const names = meta.tags.map(({ tag }) => tag)
  for (let level: Overlay | undefined = self; level !== undefined; level = level.parent) {
    if (isSwept(level, names)) return false
  }
  return !hasEnded(meta, now)
}
