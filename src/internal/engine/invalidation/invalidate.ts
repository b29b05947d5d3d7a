/** Invalidation by id, by tag and of everything: in memory at once, then in the store. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { CacheEvent } from "../../../CacheEvent.ts"
import { chunk } from "../../defaults.ts"
import { detach } from "../flight/ending.ts"
import type { Flights } from "../flight/flights.ts"
import { noteAll } from "../flight/watches.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import { emit } from "../telemetry/events.ts"
import { startsOf } from "./chunks.ts"

/**
 * Removes an id in this process: from memory, from the flights, from the throttled ids. Answers whether it was in
 * memory.
 */
export const forget = (self: Flights, id: string): boolean => {
  self.mutations++
  detach(self, id)
  self.retryAt.delete(id)
  return Memory.remove(self.memory, id, "invalidated")
}

/** Removes entries in memory and in the store. Answers how many there were, as far as memory or the store knew. */
export const invalidateIds = (self: Flights, ids: ReadonlyArray<string>): Effect.Effect<number> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.clockWith((clock) => {
      if (ids.length === 0) return Effect.succeed(0)
      self.stats.invalidations += ids.length
      const now = clock.currentTimeMillisUnsafe()
      return Effect.flatMapEager(forgetMany(self, ids, now), ({ items, present }) => {
        const { storeTier: tier } = self
        if (tier === undefined) return Effect.succeed(present.filter((was) => was).length)
        return Effect.map(
          tier.steps.remove(tier, ids, items, restore),
          (removed) => removed.filter((was, i) => was || present[i]).length
        )
      })
    })
  )

interface Forgotten {
  /** for each id, whether memory had an entry of it that might be served */
  readonly present: Array<boolean>
  /** for each id, where there is a store */
  readonly items: Array<Pending.Item>
}

/**
 * Removes ids in this process, and makes them pending, all before the store is asked for the first: an interruption
 * must not lose the others. Of many it takes some in one turn.
 */
const forgetMany = (self: Flights, ids: ReadonlyArray<string>, now: number): Effect.Effect<Forgotten> => {
  const forgotten: Forgotten = { present: [], items: [] }
  const { storeTier: tier } = self
  const step = (from: number): void => {
    const part = ids.length <= chunk ? ids : ids.slice(from, from + chunk)
    // pending before anything changes here: whoever hears of that may read, and must not find it in the store
    if (tier !== undefined) {
      for (const id of part) {
        forgotten.items.push(Pending.add(tier.pending, { _tag: "Id", id }))
      }
    }
    Memory.together(self.memory, () => {
      for (const id of part) {
        forgotten.present.push(now < (Memory.peek(self.memory, self.tagEpochs, id)?.expiresAt ?? -Infinity))
        forget(self, id)
      }
      // in the turn in which they are forgotten, for the same reason
      emitInvalidate(self, { ids: part })
    })
  }
  step(0)
  if (ids.length <= chunk) return Effect.succeed(forgotten)
  const [, ...others] = startsOf(ids)
  const rest = Effect.forEach(others, (from) => Effect.map(Effect.yieldNow, () => step(from)), { discard: true })
  return Effect.as(rest, forgotten)
}

/** Removes every entry that has one of the tags, or (soft) makes it stale. */
export const invalidateTags = (
  self: Flights,
  tags: ReadonlyArray<string>,
  mode: TagEpochs.Mode = "hard"
): Effect.Effect<void> =>
  Effect.uninterruptibleMask((restore) => {
    if (tags.length === 0) return Effect.void
    self.stats.invalidations += tags.length
    const forgetTags = (): void => {
      self.mutations++
      TagEpochs.invalidate(self.tagEpochs, tags, mode)
    }
    const begin = (): void => {
      forgetTags()
      emitInvalidate(self, { tags, mode })
    }
    const { storeTier: tier } = self
    if (tier === undefined) return Exit.succeed(begin())
    const item = Pending.add(tier.pending, Pending.tagsTarget(tier.pending, tags, mode))
    begin()
    // once more: an entry read from the store before its answer may be older than the invalidation
    return Effect.map(tier.steps.send(tier, item, restore), forgetTags)
  })

const emitInvalidate = (self: Flights, what: Partial<Extract<CacheEvent, { readonly _tag: "Invalidate" }>>): void =>
  emit(self, { _tag: "Invalidate", ids: [], tags: [], mode: "hard", all: false, ...what })

/** Empties the cache, here and in the store. */
export const clear = (self: Flights): Effect.Effect<void> =>
  Effect.uninterruptibleMask((restore) => {
    const begin = (): void => {
      forgetAll(self)
      self.counters.clear()
      emitInvalidate(self, { all: true })
    }
    const { storeTier: tier } = self
    if (tier === undefined) return Exit.succeed(begin())
    const item = Pending.add(tier.pending, { _tag: "All" })
    begin()
    return Effect.map(tier.steps.send(tier, item, restore), () => forgetAll(self))
  })

/** Removes everything in this process: no entry stays in memory, and no flight is storable any more. */
export const forgetAll = (self: Flights): void => {
  self.mutations++
  noteAll(self)
  Memory.together(self.memory, () => {
    for (const { id } of self.flights.all()) detach(self, id)
    self.retryAt.clear()
    Memory.clear(self.memory, "invalidated")
  })
}
