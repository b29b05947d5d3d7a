/** Invalidation by id, by tag and of everything: in memory at once, then in the store. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Stored } from "../../../CacheEntry.ts"
import type { StoreError } from "../../../CacheError.ts"
import type { CacheEvent } from "../../../CacheEvent.ts"
import { chunk } from "../../defaults.ts"
import * as Policy from "../flight/callPolicy.ts"
import { detach } from "../flight/ending.ts"
import type { Flights } from "../flight/flights.ts"
import { noteAll } from "../flight/watches.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { ask, budgetOf } from "../storeTier/ask.ts"
import { isFault } from "../storeTier/faults.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import type { Fault, StoreTier } from "../storeTier/storeTier.ts"
import { strictly } from "../storeTier/strict.ts"
import { emit } from "../telemetry/events.ts"
import { markUnsent } from "./replay.ts"

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
          orUnsent(tier, items, restore(removeFromStore(tier, ids, items))),
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

/** Where the chunks of a list begin. */
const startsOf = (list: ReadonlyArray<unknown>): ReadonlyArray<number> =>
  Array.from({ length: Math.ceil(list.length / chunk) }, (_, i) => i * chunk)

/** Removes ids from the store, in chunks. Answers for each whether it was there, as far as the store says. */
const removeFromStore = (
  tier: StoreTier,
  ids: ReadonlyArray<string>,
  items: ReadonlyArray<Pending.Item>
): Effect.Effect<ReadonlyArray<boolean>> => {
  const { store } = tier
  const [first] = ids
  if (first !== undefined && ids.length === 1) {
    return Effect.map(acknowledged(tier, items, "remove", store.remove(first)), (was) => [was === true])
  }
  const parts = Effect.forEach(startsOf(ids), (from) => {
    const part = ids.slice(from, from + chunk)
    const answered = acknowledged(tier, items.slice(from, from + chunk), "remove", store.removeMany(part))
    // a store that fails at once answers within this turn
    return Effect.map(
      from === 0 ? answered : Effect.andThen(Effect.yieldNow, answered),
      (removed) => removed ?? part.map(() => false)
    )
  })
  return Effect.map(parts, (removed) => removed.flat())
}

/**
 * Marks the items as unsent when the effect fails or is interrupted, at whatever step. An item that is neither
 * acknowledged nor unsent would never be sent again, and its reads would never use the store again. Add the items
 * outside of `restore`, so that no interruption falls between.
 */
const orUnsent = <A, R>(
  tier: StoreTier,
  items: ReadonlyArray<Pending.Item>,
  effect: Effect.Effect<A, never, R>
): Effect.Effect<A, never, R> =>
  Effect.onError(effect, () => Effect.sync(() => items.forEach((item) => markUnsent(tier, item))))

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
    const target = Pending.tagsTarget(tier.pending, tags, mode)
    const item = Pending.add(tier.pending, target)
    begin()
    const sending = acknowledged(tier, [item], "invalidateTags", tier.store.invalidateTags(tags, target.mode))
    // once more: an entry read from the store before its answer may be older than the invalidation
    return Effect.map(orUnsent(tier, [item], restore(sending)), forgetTags)
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
    const sending = acknowledged(tier, [item], "clear", tier.store.clear)
    return Effect.map(orUnsent(tier, [item], restore(sending)), () => forgetAll(self))
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

/**
 * Sets a value here, and in the store, which ends the generation of the id. The id is pending from the start, before the
 * value is here or encoded: until the store has acknowledged the value, its older one must not enter memory.
 */
export const replaceInStore = <R>(
  tier: StoreTier,
  id: string,
  replaceHere: () => void,
  value: Effect.Effect<Stored | undefined | Fault, never, R>
): Effect.Effect<Stored | undefined | Fault, never, R> =>
  Effect.uninterruptibleMask((restore) => {
    const { pending, store } = tier
    const item = Pending.add(pending, { _tag: "Id", id })
    const { clears } = pending
    replaceHere()
    const replacing = Effect.tap(value, (stored) => {
      // a later operation on the id is pending, or was acknowledged: this one must not undo it
      if (pending.ids.get(id) !== item) return Effect.void
      // a value that cannot be stored must not leave the older one in the store
      return stored === undefined || isFault(stored) || pending.clears !== clears
        ? acknowledged(tier, [item], "remove", store.remove(id))
        : acknowledged(tier, [item], "set", store.set(id, stored))
    })
    return orUnsent(tier, [item], restore(replacing))
  })

/**
 * Sends pending items to the store; to be called inside `orUnsent`. Items that the store does not acknowledge stay
 * pending and are marked as unsent. The caller goes on, unless it is strict.
 */
const acknowledged = <A>(
  tier: StoreTier,
  items: ReadonlyArray<Pending.Item>,
  operation: string,
  effect: Effect.Effect<A, StoreError>
): Effect.Effect<A | undefined> =>
  Effect.withFiber((fiber) => {
    const { pending } = tier
    const policy = fiber.getRef(Policy.Current)
    const budget = budgetOf(tier, policy)
    return Effect.flatMap(
      ask(tier, budget, operation, effect),
      (answer): Effect.Effect<A | undefined> => {
        if (!isFault(answer)) {
          for (const item of items) Pending.acknowledge(pending, item)
          return Effect.succeed(answer)
        }
        for (const item of items) markUnsent(tier, item)
        return policy.strict ? strictly(answer) : Effect.undefined
      }
    )
  })
