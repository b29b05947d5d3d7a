/** Lookups: reads without a load. */
import { capture, capturedFirst, isCompared } from "#platform/engine/derived/dependencies"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { chunk, waves } from "../../defaults/bounds.ts"
import { lookupsAgain } from "../../defaults/stores.ts"
import { idOf, type Key, tagsOf } from "../../key/ofKey.ts"
import { sameIds } from "../../key/sameIds.ts"
import * as Turns from "../../time/turns.ts"
import { recordServed } from "../derived/recorder.ts"
import type { Engine } from "../engine.ts"
import { invalidateIds } from "../invalidation/invalidate.ts"
import { inTheWay, isStuck, sendAgain, unacknowledged } from "../invalidation/strictReads.ts"
import { Entry } from "../memory/entry.ts"
import { isOfStream } from "../memory/manifest.ts"
import * as Memory from "../memory/memory.ts"
import * as Policy from "../request/callPolicy.ts"
import { readContextOf, wallNow } from "../request/context.ts"
import { trustsMemory } from "../request/decide.ts"
import { strictly } from "../request/strict.ts"
import { askInWaves, budgetOf } from "../storeTier/ask.ts"
import * as Commits from "../storeTier/commits.ts"
import { isFault, strictFault } from "../storeTier/faults.ts"
import { fetch } from "../storeTier/fetch.ts"
import { fetchMany } from "../storeTier/fetchMany.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import { type Budget, type Fault, type Fetched, mayBeValid, Rejected, type StoreTier } from "../storeTier/storeTier.ts"
import { emitHit, emitOf } from "../telemetry/events.ts"
import { meet } from "../telemetry/keyClasses.ts"

/** Handles a fault of the store in a lookup. Without a handler, the lookup then finds only entries in memory. */
type OnFault<E> = (fault: Fault) => Effect.Effect<never, E>

/** Finds unexpired entries. Lookups are not counted as reads: the hit ratio covers only reads that may load. */
export const lookupMany = (
  self: Engine,
  keys: ReadonlyArray<Key>
): Effect.Effect<ReadonlyArray<Entry | undefined>, never, any> => {
  if (self.listeners.events === undefined) return recordedMany(self, keys)
  return Effect.withFiber((fiber) => {
    if (fiber.getRef(Policy.Current).bypass) return recordedMany(self, keys)
    const before = keys.map((key) => self.memory.entries.get(idOf(key)))
    return Effect.map(recordedMany(self, keys), (entries) => {
      for (const [i, key] of keys.entries()) {
        const entry = entries[i]
        if (entry === undefined) emitOf(self, key, idOf(key), { _tag: "Miss" })
        else emitHit(self, key, entry, entry === before[i] ? "memory" : "store")
      }
      return entries
    })
  })
}

const recordedMany = <E = never>(
  self: Engine,
  keys: ReadonlyArray<Key>,
  onFault?: OnFault<E>
): Effect.Effect<ReadonlyArray<Entry | undefined>, E, any> =>
  Effect.withFiber((fiber) => {
    const context = readContextOf(self, fiber)
    const { within } = context
    if (within === undefined) return storedMany(self, keys, onFault)
    const captured = capturedFirst(self, context, keys, () => recordedMany(self, keys, onFault))
    if (captured !== undefined) return captured
    // Absent entries are dependencies as well, because the load's result depends on their absence.
    for (const key of keys) capture(self, within, idOf(key))
    return Effect.map(storedMany(self, keys, onFault), (entries) => {
      for (const entry of entries) if (entry !== undefined) recordServed(self, within, entry, Infinity)
      return entries
    })
  })

/** Like `lookupMany`, but does not record the reads. Asks the store, in waves, for all keys that are not in memory. */
export const storedMany = <E = never>(
  self: Engine,
  keys: ReadonlyArray<Key>,
  onFault?: OnFault<E>
): Effect.Effect<ReadonlyArray<Entry | undefined>, E, any> =>
  Effect.withFiber((fiber) => {
    const policy = fiber.getRef(Policy.Current)
    if (policy.invalidate !== undefined && !policy.bypass) {
      return Effect.as(
        invalidateIds(self, keys.map(idOf)),
        keys.map(() => undefined)
      )
    }
    const { storeTier: tier } = self
    const unsent = unsentOf(tier, policy, keys)
    if (unsent.length > 0) {
      return Effect.flatMap(
        sendAgain(tier!, policy, unsent),
        (left) =>
          isStuck(unsent, unsentOf(tier, left, keys))
            ? strictly(unacknowledged(tier!))
            : Effect.provideService(storedMany(self, keys, onFault), Policy.Current, left)
      )
    }
    const look = allInMemory(self, fiber, policy, keys)
    return Effect.flatMap(look, (entries): Effect.Effect<ReadonlyArray<Entry | undefined>, E, any> => {
      if (tier === undefined || !policy.readsEntries) return Effect.succeed(entries)
      const isInMemory = !entries.includes(undefined)
      // While a transaction is committed, a read may have put one of its new values in memory, beside an old one.
      if (isInMemory && (keys.length === 1 || tier.commits.current === undefined)) return Effect.succeed(entries)
      const budget = budgetOf(tier, policy)
      const orFault = (fault: Fault): Effect.Effect<ReadonlyArray<Entry | undefined>, E> =>
        policy.strict ? strictly(fault) : onFault === undefined ? Effect.succeed(entries) : onFault(fault)
      return Commits.lookup(tier, budget, new Set(keys.map(idOf)), {
        // If a commit was awaited, it may have changed what memory holds, so memory is checked again.
        run: (hasWaited) =>
          Effect.flatMap(
            hasWaited ? look : Effect.succeed(entries),
            (here): Effect.Effect<ReadonlyArray<Entry | undefined>, E, any> =>
              here.includes(undefined)
                ? complete(self, { tier, budget, keys, entries: here, orFault })
                : Effect.succeed(here)
          ),
        late: isInMemory ? () => Effect.succeed(entries) : orFault
      })
    })
  })

interface Completing<E> {
  readonly tier: StoreTier
  readonly budget: Budget
  readonly keys: ReadonlyArray<Key>
  readonly entries: Array<Entry | undefined>
  readonly orFault: (fault: Fault) => Effect.Effect<ReadonlyArray<Entry | undefined>, E>
}

const complete = <E>(
  self: Engine,
  { budget, entries, keys, orFault, tier }: Completing<E>
): Effect.Effect<ReadonlyArray<Entry | undefined>, E, any> => {
  const places: Array<number> = []
  const completed = Effect.suspend(() =>
    askInWaves(
      places,
      budget,
      (wave, budget) => completeWave(self, { tier, budget, keys, entries, orFault }, wave),
      waves.most
    )
  )
  let place = 0
  const missing = Turns.forEachNow(entries, (entry) => {
    if (entry === undefined) places.push(place)
    place++
  })
  return Effect.as(missing === undefined ? completed : Effect.andThen(missing, completed), entries)
}

const completeWave = Effect.fnUntraced(function*<E>(
  self: Engine,
  { budget, entries, keys, orFault, tier }: Completing<E>,
  places: ReadonlyArray<number>
): Effect.fn.Return<void, E, any> {
  const { strict, writes } = yield* Policy.Current
  const missing = places.map((place) => keys[place]!)
  const { mutations } = self
  const former = missing.map((key) => self.memory.entries.get(idOf(key)))
  const found = yield* foundIn(tier, budget, missing)
  const now = yield* Effect.clockWith((clock) => Effect.succeed(self.time.now(clock)))
  for (const [i, place] of places.entries()) {
    const answer = found[i]
    if (!(answer instanceof Entry)) continue
    entries[place] = answer
    const { id } = answer
    const isNewest = !Memory.hasNewer(self.memory, self.tagEpochs, answer, now) && self.mutations === mutations &&
      !self.flights.has(id) &&
      !Pending.isPending(tier.pending, id) && self.memory.entries.get(id) === former[i]
    if (writes && isNewest) {
      answer.memoryExpiresAt = -Infinity
      Memory.put(self.memory, answer, now)
    }
  }
  const fault = found.find(isFault) ?? (strict ? found.map(strictFault).find(isFault) : undefined)
  if (fault !== undefined) yield* orFault(fault)
})

type Found = ReadonlyArray<Fetched | Fault>

/**
 * Reads the stored entries of keys at one moment. If an entry is replaced before the versions of its tags are read, or
 * if an older invalidation is reported late, it looks invalid. All keys are then read again, at most a few times.
 */
const foundIn = Effect.fnUntraced(function*(
  tier: StoreTier,
  budget: Budget,
  keys: ReadonlyArray<Key>
): Effect.fn.Return<Found, never, any> {
  let found = yield* askedFor(tier, budget, keys)
  for (let i = 0; i < lookupsAgain && found.some((one) => one instanceof Rejected && one.isInvalid); i++) {
    const before = found
    found = yield* askedFor(tier, budget, keys)
    const agree = before.every((one, i) => writeIdOf(one) === writeIdOf(found[i]))
    if (agree && !found.some(mayBeValid)) break
  }
  return found
})

const askedFor = (tier: StoreTier, budget: Budget, keys: ReadonlyArray<Key>): Effect.Effect<Found, never, any> => {
  const { isGone } = Pending
  const [key] = keys
  return keys.length === 1
    ? Effect.map(fetch(tier, budget, { key: key!, id: idOf(key!), tags: tagsOf(key!), isGone }), (found) => [found])
    : fetchMany(tier, budget, { keys, ids: keys.map(idOf), isGone })
}

const writeIdOf = (found: Fetched | Fault): string | undefined =>
  found instanceof Entry || found instanceof Rejected ? found.writeId : undefined

export const unsentOf = (
  tier: StoreTier | undefined,
  policy: Policy.Policy,
  keys: ReadonlyArray<Key>
): ReadonlyArray<Pending.Item> =>
  keys.flatMap((key) => inTheWay(tier, policy, { id: idOf(key), tags: () => tagsOf(key) }))

export const lookup = (self: Engine, key: Key): Effect.Effect<Entry | undefined, never, any> =>
  Effect.map(lookupMany(self, [key]), first)

/** The entry that a write replaces. The lookup is not recorded, because the value is not served. */
export const lookupUnrecorded = (self: Engine, key: Key): Effect.Effect<Entry | undefined, never, any> =>
  Effect.map(storedMany(self, [key]), first)

const first = ([entry]: ReadonlyArray<Entry | undefined>): Entry | undefined => entry

/** Like `lookup`, but the entry always has a `writeId`, which is generated here if there is no store. */
export const find = (self: Engine, key: Key): Effect.Effect<Entry | undefined, never, any> =>
  Effect.map(lookup(self, key), (entry) => {
    if (entry !== undefined) entry.writeId ??= self.tokens.next(16)
    return entry
  })

/** Looks keys up in memory. A removal listener may change a key between its places: the first place answers for all. */
const allInMemory = (
  self: Engine,
  fiber: Fiber.Fiber<any, any>,
  policy: Policy.Policy,
  keys: ReadonlyArray<Key>
): Effect.Effect<Array<Entry | undefined>> => {
  const looked = Turns.map(keys, (key) => inMemory(self, fiber, policy, key))
  if (keys.length === 1) return looked
  return Effect.suspend(() => {
    const removed = Memory.removed(self.memory)
    return Effect.map(looked, (entries) => {
      const mayDiffer = removed !== Memory.removed(self.memory) || (keys.length > chunk && entries.includes(undefined))
      if (!mayDiffer) return entries
      const answers = new Map<string, Entry | undefined>()
      return keys.map((key, i) => {
        const id = idOf(key)
        if (!answers.has(id)) answers.set(id, entries[i])
        return answers.get(id)
      })
    })
  })
}

const inMemory = (
  self: Engine,
  fiber: Fiber.Fiber<any, any>,
  policy: Policy.Policy,
  key: Key
): Entry | undefined => {
  if (!policy.readsEntries || !trustsMemory(self, policy)) return undefined
  if (isCompared(self, readContextOf(self, fiber).within, idOf(key))) return undefined
  const entry = Memory.peek(self.memory, self.tagEpochs, idOf(key))
  if (entry === undefined || isOfStream(entry)) return undefined
  const now = wallNow(self, fiber)
  const { memoryExpiresAt = Infinity } = entry
  // `-Infinity` means that a lookup or a write put the entry in memory, and that no reader's `memoryTtl` limits it yet.
  if (now >= entry.expiresAt || (now >= memoryExpiresAt && memoryExpiresAt !== -Infinity)) return undefined
  self.memory.policy.read(entry)
  if (sameIds.exist) meet(self, key)
  return entry
}
