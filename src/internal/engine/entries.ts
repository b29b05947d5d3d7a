import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type { Stored } from "../../CacheEntry.ts"
import { StoreError } from "../../CacheError.ts"
import type { SetCondition } from "../../Store.ts"
import { tokenUnsafe } from "../token.ts"
import { ask, type Budget, budgetOf, encode, fetch, type Found, isFault, versionsOf } from "./backend.ts"
import { Entry } from "./entry.ts"
import { fetchMany } from "./fetchMany.ts"
import type { Fault } from "./flight.ts"
import { forget, invalidateIds, replaceInStore, replay } from "./invalidate.ts"
import * as Journal from "./journal.ts"
import { idOf, type Key, tagsOf, tagsWith } from "./keys.ts"
import * as Memory from "./memory.ts"
import type { Engine } from "./model.ts"
import { countersOf, tell } from "./observe.ts"
import * as Policy from "./policy.ts"
import { believesMemory } from "./read.ts"
import { detach } from "./refresh.ts"
import { strictly } from "./strict.ts"
import * as Tags from "./tags.ts"
import { nowOf } from "./waiting.ts"

/**
 * What is cached under keys and within its ttl, without loading: the way of `getOption`, `getMany`, `has`, `expiresIn`.
 * What memory does not have the store is asked for, all of it at once.
 */
export const lookupMany = (
  self: Engine,
  keys: ReadonlyArray<Key>
): Effect.Effect<ReadonlyArray<Entry | undefined>, never, any> =>
  Effect.withFiber((fiber) => {
    const policy = fiber.getRef(Policy.Current)
    if (policy.invalidates && !policy.bypass) {
      return Effect.as(
        invalidateIds(self, keys.map(idOf)),
        keys.map(() => undefined)
      )
    }
    const entries = keys.map((key) => inMemory(self, fiber, policy, key))
    const missing = keys.filter((_, i) => entries[i] === undefined)
    if (missing.length === 0 || self.backend === undefined || !policy.readsStore) return Effect.succeed(entries)
    const { mutations } = self
    const budget = budgetOf(self, policy)
    const fetched: Effect.Effect<ReadonlyArray<Found | Fault>, never, any> = missing.length === 1
      ? Effect.map(fetch(self, budget, missing[0]!, idOf(missing[0]!), tagsOf(missing[0]!)), (found) => [found])
      : fetchMany(self, budget, missing, missing.map(idOf))
    return Effect.flatMap(fetched, (found) => {
      const fault = found.find(isFault)
      if (fault !== undefined && policy.strict) return strictly(fault)
      let next = 0
      for (const [i, key] of keys.entries()) {
        if (entries[i] !== undefined) continue
        const answer = found[next++]
        if (!(answer instanceof Entry)) continue
        entries[i] = answer
        // what was written or invalidated meanwhile is newer than this answer
        if (policy.writes && self.mutations === mutations && !self.flights.has(idOf(key))) {
          answer.keptUntil = -Infinity
          Memory.put(self.memory, answer)
        }
      }
      return Effect.succeed(entries)
    })
  })

export const lookup = (self: Engine, key: Key): Effect.Effect<Entry | undefined, never, any> =>
  Effect.map(lookupMany(self, [key]), ([entry]) => entry)

/** As `lookup`, and what it finds has a `writeId`: in memory alone an entry is given one when somebody asks. */
export const find = (self: Engine, key: Key): Effect.Effect<Entry | undefined, never, any> =>
  Effect.flatMap(lookup(self, key), (entry) =>
    entry === undefined || entry.writeId !== undefined
      ? Effect.succeed(entry)
      : Effect.map(Random.Random, (random) => {
        entry.writeId ??= tokenUnsafe(random, 16)
        return entry
      }))

const inMemory = (
  self: Engine,
  fiber: Fiber.Fiber<any, any>,
  policy: Policy.Policy,
  key: Key
): Entry | undefined => {
  if (!policy.readsMemory || !believesMemory(self, policy)) return undefined
  const entry = Memory.peek(self.memory, self.tags, idOf(key))
  if (entry === undefined) return undefined
  const now = nowOf(fiber)
  const { keptUntil = Infinity } = entry
  // what a look-up has brought no reader has limited
  if (now >= entry.expiresAt || (now >= keptUntil && keptUntil !== -Infinity)) return undefined
  self.memory.policy.read(entry)
  return entry
}

export interface SetOptions {
  readonly ttlMillis: number
  /** in place of the key's own */
  readonly tags: ReadonlyArray<string> | undefined
  readonly keepTtl: boolean
  readonly etag: string | undefined
  /** only where it holds */
  readonly condition: SetCondition | undefined
}

/**
 * Puts a value in, in place of what is there and of what is being loaded; `false`: the condition does not hold. Whether
 * it does only the store knows, where there is one: then its failure is the caller's.
 */
export const set = Effect.fnUntraced(function*(
  self: Engine,
  key: Key,
  value: unknown,
  options: SetOptions
): Effect.fn.Return<boolean, StoreError, any> {
  const policy = yield* Policy.Current
  const id = idOf(key)
  const { condition } = options
  if (options.ttlMillis <= 0 && condition === undefined) {
    yield* invalidateIds(self, [id])
    return true
  }
  // a part of the write, whatever the policy says about reads
  const reading: Policy.Policy = { ...policy, readsMemory: true, readsStore: true, invalidates: false }
  const kept = options.keepTtl ? yield* Effect.provideService(lookup(self, key), Policy.Current, reading) : undefined
  const now = (yield* Clock.Clock).currentTimeMillisUnsafe()
  const { mutations } = self
  const entry = new Entry({
    id,
    exit: Exit.succeed(value),
    createdAt: now,
    // it is as fresh as any other that is put in
    softExpiresAt: kept?.expiresAt ?? now + options.ttlMillis,
    expiresAt: kept?.expiresAt ?? now + options.ttlMillis,
    loadMillis: 0,
    tags: options.tags === undefined ? tagsOf(key) : tagsWith(key, options.tags),
    bornAt: Tags.epochNow(self.tags),
    writeId: tokenUnsafe(yield* Random.Random, 16),
    etag: options.etag,
    counters: countersOf(self, key)
  })
  const told = Effect.sync(() => {
    if (self.watchers.events !== undefined) tell(self, key, id, { _tag: "Set" })
  })
  if (condition !== undefined) {
    if (self.backend === undefined) {
      if (!holdsInMemory(self, id, condition, now)) return false
    } else {
      const done = yield* setIf(self, key, entry, condition, budgetOf(self, policy))
      if (done === undefined) return yield* set(self, key, value, options)
      if (!done) {
        doubt(self, id, condition)
        return false
      }
    }
    // what came in between is newer than this: then it is left to the store
    if (self.backend !== undefined && self.mutations !== mutations) {
      forget(self, id)
      yield* told
      return true
    }
  }
  // how long memory answers for it is the next reader's to say
  if (self.backend !== undefined) entry.keptUntil = -Infinity
  put(self, entry)
  yield* told
  if (self.backend === undefined || condition !== undefined) return true
  const stored = yield* replaceInStore(self, id, toStored(self, key, entry, budgetOf(self, policy)))
  if (isFault(stored) && policy.strict) yield* strictly(stored)
  return true
})

const holdsInMemory = (self: Engine, id: string, condition: SetCondition, now: number): boolean => {
  const entry = Memory.peek(self.memory, self.tags, id)
  const isLive = entry !== undefined && now < entry.expiresAt
  switch (condition._tag) {
    case "IfAbsent":
      return !isLive
    case "IfPresent":
      return isLive
    case "IfUnchanged":
      return isLive && entry.writeId === condition.writeId
  }
}

/** The store knows better than a copy here that says the condition holds: who reads it once more gets what is there. */
const doubt = (self: Engine, id: string, condition: SetCondition): void => {
  const copy = self.memory.entries.get(id)
  if (copy === undefined || condition._tag === "IfAbsent") return
  if (condition._tag === "IfPresent" || copy.writeId === condition.writeId) Memory.remove(self.memory, id, "doubted")
}

/**
 * In one step with its condition; what cannot be known is the caller's to know. `undefined`: a tag was invalidated before
 * the store was asked, so that the value would be born dead
 */
const setIf = Effect.fnUntraced(function*(
  self: Engine,
  key: Key,
  entry: Entry,
  condition: SetCondition,
  budget: Budget
): Effect.fn.Return<boolean | undefined, StoreError, any> {
  const { store } = self.backend!
  const unknown = { store: store.name, operation: "set", reason: "Unavailable" } as const
  if (!(yield* isBelieved(self, entry, budget))) return yield* new StoreError(unknown)
  const stored = yield* toStored(self, key, entry, budget)
  if (stored === undefined) return undefined
  if (isFault(stored)) {
    return yield* stored instanceof StoreError
      ? stored
      : new StoreError({ ...unknown, cause: stored })
  }
  // it may be carried out all the same
  const doubted = Effect.sync(() => forget(self, entry.id))
  const answer = yield* Effect.onInterrupt(
    ask(self, budget, "set", store.set(entry.id, stored, condition)),
    () => doubted
  )
  if (!isFault(answer)) return answer
  yield* doubted
  return yield* answer
})

/** What was invalidated and is not acknowledged is there for the store still: it is told once more, before it is asked. */
const isBelieved = (self: Engine, { id, tags }: Entry, budget: Budget): Effect.Effect<boolean> => {
  const { journal } = self.backend!
  const isLost = () =>
    Journal.lost(journal).some(({ target }) =>
      target._tag === "All" || (target._tag === "Id" ? target.id === id : target.tags.some((tag) => tags.includes(tag)))
    )
  return isLost() ? Effect.map(replay(self, budget), () => !isLost()) : Effect.succeed(true)
}

/** Gives what is there another lifetime from now on; `false` where there is nothing. */
export const touch = (self: Engine, key: Key, ttlMillis: number): Effect.Effect<boolean> =>
  ttlMillis > 0
    ? prolong(self, key, ttlMillis)
    // a removal would count what has expired too
    : Effect.tap(prolong(self, key, 0), () => invalidateIds(self, [idOf(key)]))

const prolong = (self: Engine, key: Key, ttlMillis: number): Effect.Effect<boolean> =>
  Effect.withFiber((fiber) => {
    const policy = fiber.getRef(Policy.Current)
    const id = idOf(key)
    const now = nowOf(fiber)
    const expiresAt = now + ttlMillis
    const entry = Memory.peek(self.memory, self.tags, id)
    const wasThere = entry !== undefined && now < entry.expiresAt
    if (wasThere) {
      entry.expiresAt = expiresAt
      if (entry.softExpiresAt !== -Infinity) entry.softExpiresAt = expiresAt
    }
    outdate(self, id)
    // what the store has under it may be what was invalidated
    if (self.backend === undefined || Journal.distrustsId(self.backend.journal, id)) return Effect.succeed(wasThere)
    const { store } = self.backend
    return Effect.flatMap(
      ask(self, budgetOf(self, policy), "touch", store.touch(id, { softExpiresAt: expiresAt, expiresAt })),
      (answer) => {
        outdate(self, id)
        // loaded meanwhile, and touched in the store alone
        if (self.memory.entries.get(id) !== entry) Memory.remove(self.memory, id, "doubted")
        return isFault(answer)
          ? policy.strict ? strictly(answer) : Effect.succeed(wasThere)
          : Effect.succeed(answer || wasThere)
      }
    )
  })

/** What was read from the store before has the old deadlines, and so has what is on its way from there or thither. */
const outdate = (self: Engine, id: string): void => {
  self.mutations++
  const flight = self.flights.get(id)
  if (flight !== undefined && (flight.ended || !flight.isLoading)) flight.outdated = true
}

/** An explicit value as the store takes it, `undefined` or a fault where it cannot be stored. */
const toStored = Effect.fnUntraced(function*(
  self: Engine,
  key: Key,
  entry: Entry,
  budget: Budget
): Effect.fn.Return<Stored | undefined | Fault, never, any> {
  const markers = entry.tags.length === 0
    ? { seq: 0, markers: [] }
    : yield* ask(self, budget, "markers", self.backend!.store.markers(entry.tags))
  const tags = isFault(markers) ? markers : yield* versionsOf(self, budget, entry.tags, entry.tags, markers)
  if (isFault(tags) || tags === undefined) return tags
  const stored = yield* encode(self, key, entry, tags)
  return Tags.changedSince(self.tags, entry.tags, entry.checkedAt) ? undefined : stored
})

const put = (self: Engine, entry: Entry): void => {
  self.mutations++
  detach(self, entry.id)
  self.retryAt.delete(entry.id)
  Memory.put(self.memory, entry)
}
