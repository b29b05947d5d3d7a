/** Invalidates ids, tags or everything: in memory immediately, then in the store. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { RemovalCause } from "../../../CacheEvent.ts"
import { chunk, many } from "../../defaults/bounds.ts"
import { siblingsOf } from "../../key/fingerprints.ts"
import { chunksOf } from "../../time/chunks.ts"
import { forEach } from "../../time/turns.ts"
import { detach, detachBegun } from "../flight/ending.ts"
import { noteAll, noteChange } from "../flight/watches.ts"
import type { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import type { Flight, Flights } from "../state.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"
import { tellInvalidated } from "../telemetry/tell.ts"
import { releaseOutdated } from "./outdated.ts"

/**
 * Invalidates an id in this process, and the same payload under other fingerprints of its class. Returns whether memory
 * had an entry of the id.
 */
export const forget = (self: Flights, id: string): boolean => {
  forgetOthers(self, id)
  return forgetOne(self, id)
}

/** The store removes them together with the id. They are pending until then, although no caller waits for it. */
export const forgetOthers = (self: Flights, id: string): void => {
  const { keyClasses, storeTier: tier } = self
  for (const other of siblingsOf(keyClasses.fingerprints, id)) {
    tier?.steps.removeLater(tier, other)
    forgetOne(self, other)
  }
}

const forgetOne = (self: Flights, id: string): boolean => {
  change(self, id, "hard")
  return Memory.remove(self.memory, id, "invalidated")
}

/** The common part of all changes of an id by this process: no load from before it is stored or joined. */
export const change = (self: Flights, id: string, how: "set" | TagEpochs.Mode): void => {
  self.mutations++
  if (how === "set") detach(self, id)
  else detachBegun(self, id, how)
  self.retryAt.delete(id)
  TagEpochs.idChanged(self.tagEpochs, id)
}

/** Invalidates ids. Returns how many of them existed, according to memory or the store. */
export const invalidateIds = (self: Flights, ids: ReadonlyArray<string>): Effect.Effect<number> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.clockWith((clock) => {
      if (ids.length === 0) return Effect.succeed(0)
      const now = self.time.now(clock)
      return Effect.flatMapEager(forgetMany(self, ids, now), ({ items, present }) => {
        const { storeTier: tier } = self
        if (tier === undefined) return Effect.succeed(present.filter((was) => was).length)
        // Repeats steps of `forget`: an entry that depends on the ids may have been read before the store answered.
        const again = Effect.sync(() => {
          self.mutations++
          for (const id of ids) {
            noteChange(self, id)
            TagEpochs.idChanged(self.tagEpochs, id)
          }
        })
        return Effect.map(
          Effect.ensuring(tier.steps.remove(tier, ids, items, restore), again),
          (removed) => removed.filter((was, i) => was || present[i]).length
        )
      })
    })
  )

/**
 * Makes the entries of ids stale, and invalidates dependents and running loads. Returns how many entries of memory were
 * not stale in this way before.
 */
export const softenIds = (self: Flights, ids: ReadonlyArray<string>): Effect.Effect<number> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.clockWith((clock) => {
      if (ids.length === 0) return Effect.succeed(0)
      const now = self.time.now(clock)
      const { storeTier: tier } = self
      let softened = 0
      const here = forEachChunk(ids, (part) => {
        for (const id of part) {
          const entry = Memory.peek(self.memory, self.tagEpochs, id)
          if (entry !== undefined && now < entry.expiresAt && entry.softExpiresAt !== -Infinity) softened++
          forgetOthers(self, id)
          softenHere(self, id)
        }
        tellInvalidated(self, { ids: part, mode: "soft" })
      })
      if (tier === undefined) return Effect.map(here, () => softened)
      const there = Effect.forEach(ids, (id) => Effect.exit(softenThere(self, tier, id, restore)), {
        concurrency: many.concurrency
      })
      return Effect.flatMap(Effect.andThen(here, there), (exits) => Effect.as(Exit.asVoidAll(exits), softened))
    })
  )

const softenHere = (self: Flights, id: string, marked?: string): void => {
  change(self, id, "soft")
  const entry = Memory.peek(self.memory, self.tagEpochs, id)
  if (entry === undefined) return
  // A newer entry than the marked one may be known meanwhile.
  if (marked === undefined || entry.writeId === marked) entry.softExpiresAt = -Infinity
  else if (entry.softExpiresAt !== -Infinity) Memory.remove(self.memory, id, "unverified")
}

/** If the store cannot mark the entry, it removes it. Memory keeps its copy, which is stale. */
const softenThere = (
  self: Flights,
  tier: StoreTier,
  id: string,
  restore: <A>(effect: Effect.Effect<A>) => Effect.Effect<A>
): Effect.Effect<unknown> =>
  Effect.flatMap(
    Effect.onInterrupt(restore(tier.steps.soften(tier, id)), () => Effect.sync(() => tier.steps.removeLater(tier, id))),
    (marked) => {
      softenHere(self, id, marked)
      return marked === undefined
        ? tier.steps.remove(tier, [id], [Pending.add(tier.pending, { _tag: "Id", id })], restore)
        : Effect.void
    }
  )

interface Forgotten {
  readonly present: Array<boolean>
  readonly items: Array<Pending.Item>
}

/** Removes all ids from memory and makes them pending before the store is asked about any, so that none gets lost. */
const forgetMany = (self: Flights, ids: ReadonlyArray<string>, now: number): Effect.Effect<Forgotten> => {
  const forgotten: Forgotten = { present: [], items: [] }
  const { storeTier: tier } = self
  const step = (part: ReadonlyArray<string>): void => {
    // Ids become pending before memory changes, because a removal listener may read and must not get old entries.
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
      // The event is emitted in the same turn as the removal, because the event's listener may also read the cache.
      tellInvalidated(self, { ids: part })
    })
  }
  return Effect.as(forEachChunk(ids, step), forgotten)
}

/** Runs a step for each chunk of a list: for the first at once, and for each of the others in a turn of its own. */
const forEachChunk = (
  list: ReadonlyArray<string>,
  step: (part: ReadonlyArray<string>) => void
): Effect.Effect<void> => {
  if (list.length <= chunk) return Exit.succeed(step(list))
  const [first, ...others] = chunksOf(list)
  step(first!)
  return Effect.forEach(others, (part) => Effect.map(Effect.yieldNow, () => step(part)), { discard: true })
}

export const invalidateTags = (
  self: Flights,
  tags: ReadonlyArray<string>,
  mode: TagEpochs.Mode = "hard"
): Effect.Effect<void> =>
  Effect.uninterruptibleMask((restore) => {
    if (tags.length === 0) return Effect.void
    const { storeTier: tier } = self
    const items: Array<Pending.Item> = []
    const begun = forEachChunk(tags, (tags) => {
      if (tier !== undefined) items.push(Pending.add(tier.pending, Pending.tagsTarget(tier.pending, tags, mode)))
      self.mutations++
      TagEpochs.invalidate(self.tagEpochs, tags, mode)
      tellInvalidated(self, { tags, mode })
      if (mode === "hard") releaseOutdated(self)
    })
    return tier === undefined ? begun : Effect.flatMapEager(begun, () => tier.steps.send(tier, items, restore))
  })

export const clear = (self: Flights): Effect.Effect<void> =>
  Effect.uninterruptibleMask((restore) => {
    const begin = (): Effect.Effect<void> => {
      const told = forgetAll(self)
      self.counters.clear()
      tellInvalidated(self, { all: true })
      return told
    }
    const { storeTier: tier } = self
    if (tier === undefined) return begin()
    const item = Pending.add(tier.pending, { _tag: "All" })
    const told = begin()
    return tier.steps.send(tier, [item], restore).pipe(
      Effect.ensuring(Effect.suspend(() => forgetAll(self))),
      Effect.andThen(told)
    )
  })

/** Removes everything from memory. The returned effect completes once all listeners have been notified. */
export const forgetAll = (self: Flights): Effect.Effect<void> => {
  self.mutations++
  noteAll(self)
  const left = Memory.together(self.memory, () => {
    const holders = holdersOf(self)
    self.flights.stubs?.detachAll()
    for (const { id } of self.flights.all()) detachBegun(self, id, "hard")
    self.retryAt.clear()
    return takeAll(self, "invalidated", holders)
  })
  return tellAll(self, left, "invalidated")
}

/**
 * Empties memory, because any entry may have changed. Current callers of flights keep their stale values as fallbacks,
 * but later callers must not get them.
 */
export const unverifyMemory = (self: Flights): void => {
  for (const flight of self.flights.all()) flight.stale = undefined
  const left = Memory.together(self.memory, () => takeAll(self, "unverified", holdersOf(self)))
  tellAll(self, left, "unverified")
}

/** Flights that may hold entries for long. Their entries are removed one by one, so that they do not retain others. */
const holdersOf = (self: Flights): ReadonlyArray<Flight> => [...self.flights.all(), ...self.running.all()]

type Left = ReadonlyMap<string, Entry | undefined>

const takeAll = (self: Flights, cause: RemovalCause, holders: ReadonlyArray<Flight>): Left => {
  const { history, memory, storeTier } = self
  // The records of fingerprints may be lost, like the entries.
  storeTier?.recorded.clear()
  for (const { id } of holders) Memory.remove(memory, id, cause)
  const left = Memory.empty(memory, cause)
  history?.emptied(left.values(), cause)
  return left
}

/** Notifies listeners over several turns, then completes. In `Memory.together`, completes before it notifies any. */
const tellAll = (self: Flights, left: Left, cause: RemovalCause): Effect.Effect<void> => {
  const { memory } = self
  if (memory.onRemoval === undefined) return Effect.void
  if (memory.untold !== undefined) {
    memory.untold.push(() => void tellAll(self, left, cause))
    return Effect.void
  }
  const telling = Effect.runForkWith(self.context)(forEach(left.values(), (entry) => {
    if (entry !== undefined) Memory.gone(memory, entry, cause)
  }))
  return telling.pollUnsafe() === undefined ? Effect.asVoid(Fiber.await(telling)) : Effect.void
}
