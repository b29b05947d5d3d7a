import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Stored } from "../../CacheEntry.ts"
import type { StoreError } from "../../CacheError.ts"
import type { CacheEvent } from "../../CacheEvent.ts"
import { ask, type Budget, budgetOf, isFault } from "./backend.ts"
import type { Fault } from "./flight.ts"
import * as Journal from "./journal.ts"
import * as Memory from "./memory.ts"
import type { Engine } from "./model.ts"
import { emit } from "./observe.ts"
import * as Policy from "./policy.ts"
import { detach } from "./refresh.ts"
import { strictly } from "./strict.ts"
import * as Tags from "./tags.ts"

/** What this process knows of the id is gone, at once. */
export const forget = (self: Engine, id: string): boolean => {
  self.mutations++
  detach(self, id)
  self.retryAt.delete(id)
  return Memory.remove(self.memory, id, "invalidated")
}

/** Removes entries everywhere; answers how many were there, as far as this process or the store knew. */
export const invalidateIds = (self: Engine, ids: ReadonlyArray<string>): Effect.Effect<number> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.clockWith((clock) => {
      if (ids.length === 0) return Effect.succeed(0)
      self.stats.invalidations += ids.length
      if (self.watchers.events !== undefined) told(self, { ids })
      const now = clock.currentTimeMillisUnsafe()
      const present = ids.map((id) => {
        const isLive = now < (Memory.peek(self.memory, self.tags, id)?.expiresAt ?? 0)
        forget(self, id)
        return isLive
      })
      if (self.backend === undefined) return Effect.succeed(present.filter((was) => was).length)
      const { journal, store } = self.backend
      // in the journal before the first of them is asked: an interruption in between must not lose the others
      const items = ids.map((id) => Journal.add(journal, { _tag: "Id", id }))
      const removing = Effect.forEach(
        ids,
        (id, i) => acknowledged(self, items[i]!, "remove", store.remove(id)),
        { concurrency: 16 }
      )
      return Effect.map(
        orLost(self, items, restore(removing)),
        (removed) => removed.filter((was, i) => was === true || present[i]).length
      )
    })
  )

/**
 * What is in the journal is acknowledged or lost, at whatever step it is interrupted, for which it is added where it
 * cannot be: what is neither would not be tried again, and the store never believed about it.
 */
const orLost = <A, R>(
  self: Engine,
  items: ReadonlyArray<Journal.Item>,
  effect: Effect.Effect<A, never, R>
): Effect.Effect<A, never, R> =>
  Effect.onError(effect, () => Effect.sync(() => items.forEach((item) => lose(self, item))))

/** Kills all that has one of the tags, or (soft) marks it as stale. */
export const invalidateTags = (
  self: Engine,
  tags: ReadonlyArray<string>,
  mode: Tags.Mode = "hard"
): Effect.Effect<void> =>
  Effect.uninterruptibleMask((restore) => {
    if (tags.length === 0) return Effect.void
    self.stats.invalidations += tags.length
    self.mutations++
    Tags.invalidate(self.tags, tags, mode)
    if (self.watchers.events !== undefined) told(self, { tags, mode })
    if (self.backend === undefined) return Effect.void
    const target = Journal.tagsTarget(self.backend.journal, tags, mode)
    const item = Journal.add(self.backend.journal, target)
    const telling = acknowledged(self, item, "invalidate tags", self.backend.store.invalidateTags(tags, target.mode))
    return Effect.map(orLost(self, [item], restore(telling)), () => {
      // what was read from the store between the first step and its answer may be older, and was not yet distrusted
      self.mutations++
      Tags.invalidate(self.tags, tags, mode)
    })
  })

const told = (self: Engine, what: Partial<Extract<CacheEvent, { readonly _tag: "Invalidate" }>>): void =>
  emit(self, { _tag: "Invalidate", ids: [], tags: [], mode: "hard", all: false, ...what })

/** Empties the cache, here and in the store. */
export const clear = (self: Engine): Effect.Effect<void> =>
  Effect.uninterruptibleMask((restore) => {
    forgetAll(self)
    if (self.watchers.events !== undefined) told(self, { all: true })
    if (self.backend === undefined) return Effect.void
    const item = Journal.add(self.backend.journal, { _tag: "All" })
    const telling = acknowledged(self, item, "clear", self.backend.store.clear)
    return Effect.map(orLost(self, [item], restore(telling)), () => forgetAll(self))
  })

/** What this process knows is gone, and what it loads is stored nowhere. */
export const forgetAll = (self: Engine): void => {
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
  self: Engine,
  id: string,
  value: Effect.Effect<Stored | undefined | Fault, never, R>
): Effect.Effect<Stored | undefined | Fault, never, R> =>
  Effect.uninterruptibleMask((restore) => {
    const { journal, store } = self.backend!
    const item = Journal.add(journal, { _tag: "Id", id })
    const { clears } = journal
    const replacing = Effect.tap(value, (stored) => {
      // what came later has been, or will be, acknowledged for itself: it must not be undone
      if (journal.ids.get(id) !== item) return Effect.void
      // what cannot be stored must not leave an older value behind
      return stored === undefined || isFault(stored) || journal.clears !== clears
        ? acknowledged(self, item, "remove", store.remove(id))
        : acknowledged(self, item, "set", store.set(id, stored))
    })
    return orLost(self, [item], restore(replacing))
  })

/**
 * Asks the store for what the journal holds, inside `orLost`. What it does not acknowledge stays there, is tried again in
 * the background, and until then the store is not believed about it. The caller goes on, unless it is strict.
 */
export const acknowledged = <A>(
  self: Engine,
  item: Journal.Item,
  operation: string,
  effect: Effect.Effect<A, StoreError>
): Effect.Effect<A | undefined> =>
  Effect.withFiber((fiber) => {
    const { journal } = self.backend!
    const policy = fiber.getRef(Policy.Current)
    const budget = budgetOf(self, policy)
    return Effect.flatMap(
      ask(self, budget, operation, effect),
      (answer): Effect.Effect<A | undefined> => {
        if (!isFault(answer)) {
          Journal.acknowledge(journal, item)
          return Effect.succeed(answer)
        }
        lose(self, item)
        return policy.strict ? strictly(answer) : Effect.undefined
      }
    )
  })

const lose = (self: Engine, item: Journal.Item): void => {
  Journal.lose(self.backend!.journal, item)
  if (self.backend!.replay !== undefined || self.closed) return
  self.backend!.replay = Effect.runForkWith(self.context)(replayUntilDone(self))
}

/** Tries what was lost again and again, a second apart at first, half a minute at most. */
const replayUntilDone = Effect.fnUntraced(function*(self: Engine) {
  let pauseMillis = 1000
  // the pause first: what ended at once would end before it is known that it runs
  do {
    yield* Effect.sleep(pauseMillis * (0.8 + 0.4 * (yield* Random.next)))
    if (yield* replay(self)) pauseMillis = 1000
    else pauseMillis = Math.min(30_000, pauseMillis * 2)
  } while (Journal.lost(self.backend!.journal).length > 0)
  self.backend!.replay = undefined
})

/** Asks once about each lost item, as a removal, within a budget each or for all; answers whether all were acknowledged. */
export const replay = Effect.fnUntraced(function*(self: Engine, all?: Budget) {
  const { budgetMillis, journal, store } = self.backend!
  for (const item of Journal.lost(journal)) {
    const budget: Budget = all ?? { leftMillis: budgetMillis }
    const { target } = item
    const answer = target._tag === "Id"
      ? yield* ask(self, budget, "remove", store.drop(target.id))
      : target._tag === "Tags"
      ? yield* ask(self, budget, "invalidate tags", store.invalidateTags(target.tags, target.mode))
      : yield* ask(self, budget, "clear", store.clear)
    if (isFault(answer)) return false
    Journal.acknowledge(journal, item)
    if (target._tag === "Tags") Tags.invalidate(self.tags, target.tags, target.mode)
  }
  return true
})
