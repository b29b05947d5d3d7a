/**
 * Lets an invalidation by key reach what other releases of the program have stored for the same payload. An internal
 * entry for each key class records its fingerprints. A fingerprint is recorded before the first load whose result may
 * be stored, and each removal reads the record while it removes its own ids. So a removal knows the fingerprint of
 * every load that began before it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { Stored } from "../../../CacheEntry.ts"
import type { StoreError } from "../../../CacheError.ts"
import type { Acquired, Store } from "../../../ports/store.ts"
import { keyClasses, many } from "../../defaults/bounds.ts"
import { fingerprints as limits } from "../../defaults/processes.ts"
import { beginningOf, classOf, fingerprintOf, isOthers, isRecent, note, siblingsOf } from "../../key/fingerprints.ts"
import { remember } from "../../remember.ts"
import { fingerprintsId } from "../../store/pageIds.ts"
import { chunksOf } from "../../time/chunks.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import type { MemoryTier } from "../memory/memory.ts"

/**
 * The fingerprints of which this process believes that the store has recorded them, by the beginning of their ids:
 * until when, or a latch while one is being recorded. Emptied when the store may have lost its entries.
 */
export type Recorded = Map<string, number | Latch.Latch>

interface Self {
  readonly store: Store
  readonly front: Pick<MemoryTier, "keyClasses" | "tokens">
  readonly recorded: Recorded
}

/** Wraps a store. Only removals, writes by hand and the first load of a class ask it for more. */
export const acrossFingerprints = (store: Store, front: Self["front"], recorded: Recorded): Store => {
  const self: Self = { store, front, recorded }
  return {
    ...store,
    acquire: (id, options) =>
      Effect.tap(store.acquire(id, options), (answer) => recordGranted(self, [{ id, owner: options.owner }], [answer])),
    acquireMany: (requests) =>
      Effect.tap(store.acquireMany(requests), (answers) => recordGranted(self, requests, answers)),
    set: (id, entry, condition) => Effect.andThen(recordAll(self, [id]), store.set(id, entry, condition)),
    setMany: (requests) => Effect.andThen(recordAll(self, requests.map(({ id }) => id)), store.setMany(requests)),
    transact: store.transact && ((request) => {
      const written = request.steps.flatMap((step) => step._tag === "Set" ? step.id : [])
      return Effect.andThen(recordAll(self, written), store.transact!(request))
    }),
    remove: (id, options) => removeAlso(self, [id], isOthers(id) ? Effect.succeed(false) : store.remove(id, options)),
    removeMany: (ids) => {
      const own = ids.filter((id) => !isOthers(id))
      const removed = own.length === 0 ? Effect.succeed([]) : store.removeMany(own)
      return removeAlso(
        self,
        ids,
        Effect.map(removed, (were) => {
          let at = 0
          return ids.map((id) => !isOthers(id) && were[at++]!)
        })
      )
    }
  }
}

/** If a fingerprint cannot be recorded, the results of the loads may not be stored, so their leases are given back. */
const recordGranted = (
  self: Self,
  requests: ReadonlyArray<{ readonly id: string; readonly owner: string }>,
  answers: ReadonlyArray<Acquired>
): Effect.Effect<void, StoreError> => {
  const granted = requests.filter((_, i) => answers[i]!._tag === "Granted")
  const giveBack = ({ id, owner }: typeof requests[number]) => Effect.ignore(self.store.release(id, owner))
  return Effect.onError(
    recordAll(self, granted.map(({ id }) => id)),
    () => Effect.forEach(granted, giveBack, { concurrency: many.concurrency, discard: true })
  )
}

/** Records the fingerprints of ids that are about to be written. */
const recordAll = (self: Self, ids: ReadonlyArray<string>): Effect.Effect<void, StoreError> => {
  const beginnings = new Set(ids.map(beginningOf))
  beginnings.delete(undefined)
  return beginnings.size === 0
    ? Effect.void
    : Effect.forEach(beginnings, (beginning) => recordOnce(self, beginning!), { discard: true })
}

/** Concurrent calls share one attempt. If it fails, or is interrupted, the next call tries again. */
const recordOnce = (self: Self, beginning: string): Effect.Effect<void, StoreError> =>
  Effect.clockWith((clock) => {
    const { recorded } = self
    const known = recorded.get(beginning)
    if (typeof known === "object") return Effect.andThen(known.await, recordOnce(self, beginning))
    if (known !== undefined && monotonicMillis(clock) < known) return Effect.void
    const latch = Latch.makeUnsafe(false)
    remember(recorded, beginning, latch, keyClasses)
    return Effect.onExit(record(self, classOf(beginning)!, fingerprintOf(beginning)), (exit) => {
      // Otherwise the store may have lost its entries meanwhile, and the record with them.
      if (recorded.get(beginning) === latch) {
        if (exit._tag === "Success") recorded.set(beginning, monotonicMillis(clock) + limits.believedMillis)
        else recorded.delete(beginning)
      }
      return latch.open
    })
  })

/** Adds a fingerprint to the record, unless it is there, without losing those that other processes add meanwhile. */
const record = Effect.fnUntraced(function*(self: Self, name: string, own: string): Effect.fn.Return<void, StoreError> {
  const { front: { keyClasses: { fingerprints }, tokens }, store } = self
  const id = fingerprintsId(name)
  for (let left = limits.tries; left > 0; left--) {
    const now = yield* Clock.currentTimeMillis
    const [entry] = yield* store.getMany([id])
    if (now - (learn(self, name, entry, now).get(own) ?? -Infinity) < limits.renewMillis) return
    // Also those that this process has read before, in case the record was lost.
    const others = Array.from(fingerprints.get(name) ?? []).filter(([, at]) => at <= now && isRecent(at, now))
    const next = toStored(new Map([...others, [own, now]]), now, tokens.next(16))
    const isSet = left === 1
      // The last try replaces a record that the store has, but cannot read.
      ? store.set(id, next)
      : store.set(
        id,
        next,
        entry === undefined || entry.meta.expiresAt <= now
          ? { _tag: "IfAbsent" }
          : { _tag: "IfUnchanged", writeId: entry.meta.writeId }
      )
    if (yield* isSet) return
  }
})

/** Notes the recorded fingerprints of a class, and returns when they were used. */
const learn = (
  { front: { keyClasses: { fingerprints } } }: Self,
  name: string,
  entry: Stored | undefined,
  now: number
): ReadonlyMap<string, number> => {
  const uses = usesIn(entry, now)
  for (const [fingerprint, usedAt] of uses) note(fingerprints, name, fingerprint, usedAt)
  return uses
}

/** Removes ids, and reads the records at the same time. Then removes the same payloads under other fingerprints. */
const removeAlso = Effect.fnUntraced(function*<A>(
  self: Self,
  ids: ReadonlyArray<string>,
  remove: Effect.Effect<A, StoreError>
): Effect.fn.Return<A, StoreError> {
  const { front: { keyClasses: { fingerprints } }, store } = self
  const names = Array.from(new Set(ids.map(classOf))).filter((name) => name !== undefined)
  if (names.length === 0) return yield* remove
  const [removed, records] = yield* Effect.all([remove, store.getMany(names.map(fingerprintsId))], { concurrency: 2 })
  const now = yield* Clock.currentTimeMillis
  names.forEach((name, i) => learn(self, name, records[i], now))
  const asked = new Set(ids)
  const siblings = ids.flatMap((id) => siblingsOf(fingerprints, id, now)).filter((id) => !asked.has(id))
  for (const part of chunksOf(siblings)) yield* store.removeMany(part)
  return removed
})

const toStored = (uses: ReadonlyMap<string, number>, now: number, writeId: string): Stored => ({
  payload: new TextEncoder().encode(JSON.stringify(Object.fromEntries(uses))),
  meta: {
    createdAt: now,
    softExpiresAt: now + limits.lifeMillis,
    expiresAt: now + limits.lifeMillis,
    loadMillis: 0,
    outcome: "success",
    tags: [],
    writeId,
    serializer: 0
  }
})

const none: ReadonlyMap<string, number> = new Map()

/** The recorded uses, the oldest first. None if the record is missing or damaged, so that it is written again. */
const usesIn = (entry: Stored | undefined, now: number): ReadonlyMap<string, number> => {
  if (entry === undefined || entry.payload.length > limits.bytes) return none
  try {
    const uses = Object.entries<unknown>(JSON.parse(new TextDecoder().decode(entry.payload)))
    const recent = uses.flatMap(([fingerprint, usedAt]): ReadonlyArray<[string, number]> =>
      /^[\w-]{8}$/.test(fingerprint) && typeof usedAt === "number" && isRecent(usedAt, now)
        // The clock of another machine may be ahead.
        ? [[fingerprint, Math.min(usedAt, now)]]
        : []
    )
    return new Map(recent.sort(([, a], [, b]) => a - b).slice(-limits.ofClass))
  } catch {
    return none
  }
}
