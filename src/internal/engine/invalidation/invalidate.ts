/** Invalidation by id, by tag and of everything: in memory at once, in the store as soon as it answers. */
import * as Effect from "effect/Effect"
import type { Stored } from "../../../CacheEntry.ts"
import type { StoreError } from "../../../CacheError.ts"
import type { CacheEvent } from "../../../CacheEvent.ts"
import { chunk } from "../../defaults.ts"
import * as Policy from "../flight/callPolicy.ts"
import { detach } from "../flight/detach.ts"
import type { Flights } from "../flight/flights.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { ask, budgetOf } from "../storeTier/ask.ts"
import { isFault } from "../storeTier/faults.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import type { Fault, StoreTier } from "../storeTier/storeTier.ts"
import { strictly } from "../storeTier/strict.ts"
import { emit } from "../telemetry/events.ts"
import { markUnsent } from "./replay.ts"

/** What this process knows of the id is gone, at once. */
export const forget = (self: Flights, id: string): boolean => {
  self.mutations++
  detach(self, id)
  self.retryAt.delete(id)
  return Memory.remove(self.memory, id, "invalidated")
}

/** Removes entries everywhere; answers how many were there, as far as this process or the store knew. */
export const invalidateIds = (self: Flights, ids: ReadonlyArray<string>): Effect.Effect<number> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.clockWith((clock) => {
      if (ids.length === 0) return Effect.succeed(0)
      self.stats.invalidations += ids.length
      emitInvalidate(self, { ids })
      const now = clock.currentTimeMillisUnsafe()
      const present = ids.map((id) => {
        const isLive = now < (Memory.peek(self.memory, self.tagEpochs, id)?.expiresAt ?? 0)
        forget(self, id)
        return isLive
      })
      const { storeTier: tier } = self
      if (tier === undefined) return Effect.succeed(present.filter((was) => was).length)
      const { pending } = tier
      // in the journal before the first of them is asked: an interruption in between must not lose the others
      const items = ids.map((id) => Pending.add(pending, { _tag: "Id", id }))
      return Effect.map(
        orUnsent(tier, items, restore(removeFromStore(tier, ids, items))),
        (removed) => removed.filter((was, i) => was || present[i]).length
      )
    })
  )

/** Answers what was there, as far as the store says. */
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
  const starts = Array.from({ length: Math.ceil(ids.length / chunk) }, (_, i) => i * chunk)
  const parts = Effect.forEach(starts, (from) => {
    const part = ids.slice(from, from + chunk)
    const answered = acknowledged(tier, items.slice(from, from + chunk), "remove", store.removeMany(part))
    return Effect.map(answered, (removed) => removed ?? part.map(() => false))
  })
  return Effect.map(parts, (removed) => removed.flat())
}

/**
 * What is in the journal is acknowledged or lost, at whatever step it is interrupted, for which it is added where it
 * cannot be: what is neither would not be tried again, and the store never believed about it.
 */
const orUnsent = <A, R>(
  tier: StoreTier,
  items: ReadonlyArray<Pending.Item>,
  effect: Effect.Effect<A, never, R>
): Effect.Effect<A, never, R> =>
  Effect.onError(effect, () => Effect.sync(() => items.forEach((item) => markUnsent(tier, item))))

/** Kills all that has one of the tags, or (soft) marks it as stale. */
export const invalidateTags = (
  self: Flights,
  tags: ReadonlyArray<string>,
  mode: TagEpochs.Mode = "hard"
): Effect.Effect<void> =>
  Effect.uninterruptibleMask((restore) => {
    if (tags.length === 0) return Effect.void
    self.stats.invalidations += tags.length
    self.mutations++
    TagEpochs.invalidate(self.tagEpochs, tags, mode)
    emitInvalidate(self, { tags, mode })
    const { storeTier: tier } = self
    if (tier === undefined) return Effect.void
    const target = Pending.tagsTarget(tier.pending, tags, mode)
    const item = Pending.add(tier.pending, target)
    const telling = acknowledged(tier, [item], "invalidate tags", tier.store.invalidateTags(tags, target.mode))
    return Effect.map(orUnsent(tier, [item], restore(telling)), () => {
      // what was read from the store between the first step and its answer may be older, and was not yet distrusted
      self.mutations++
      TagEpochs.invalidate(self.tagEpochs, tags, mode)
    })
  })

const emitInvalidate = (self: Flights, what: Partial<Extract<CacheEvent, { readonly _tag: "Invalidate" }>>): void =>
  emit(self, { _tag: "Invalidate", ids: [], tags: [], mode: "hard", all: false, ...what })

/** Empties the cache, here and in the store. */
export const clear = (self: Flights): Effect.Effect<void> =>
  Effect.uninterruptibleMask((restore) => {
    forgetAll(self)
    self.counters.clear()
    emitInvalidate(self, { all: true })
    const { storeTier: tier } = self
    if (tier === undefined) return Effect.void
    const item = Pending.add(tier.pending, { _tag: "All" })
    const telling = acknowledged(tier, [item], "clear", tier.store.clear)
    return Effect.map(orUnsent(tier, [item], restore(telling)), () => forgetAll(self))
  })

/** What this process knows is gone, and what it loads is stored nowhere. */
export const forgetAll = (self: Flights): void => {
  self.mutations++
  for (const id of self.flights.keys()) detach(self, id)
  self.retryAt.clear()
  Memory.clear(self.memory, "invalidated")
}

/**
 * Puts an explicit value in the place of what the store has; what runs is revoked by it. From its beginning, when the
 * value is not even encoded, the store is not believed about the id: its older value must not fill memory.
 */
export const replaceInStore = <R>(
  tier: StoreTier,
  id: string,
  value: Effect.Effect<Stored | undefined | Fault, never, R>
): Effect.Effect<Stored | undefined | Fault, never, R> =>
  Effect.uninterruptibleMask((restore) => {
    const { pending, store } = tier
    const item = Pending.add(pending, { _tag: "Id", id })
    const { clears } = pending
    const replacing = Effect.tap(value, (stored) => {
      // what came later has been, or will be, acknowledged for itself: it must not be undone
      if (pending.ids.get(id) !== item) return Effect.void
      // what cannot be stored must not leave an older value behind
      return stored === undefined || isFault(stored) || pending.clears !== clears
        ? acknowledged(tier, [item], "remove", store.remove(id))
        : acknowledged(tier, [item], "set", store.set(id, stored))
    })
    return orUnsent(tier, [item], restore(replacing))
  })

/**
 * Asks the store for what the journal holds, inside `orLost`. What it does not acknowledge stays there, is tried again in
 * the background, and until then the store is not believed about it. The caller goes on, unless it is strict.
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
