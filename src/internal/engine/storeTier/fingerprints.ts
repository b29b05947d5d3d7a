/**
 * Lets an invalidation by key reach what other releases of the program have stored for the same payload. An internal
 * entry for each key class records its fingerprints. A fingerprint is recorded before the first load whose result may
 * be stored, and each removal reads the record while it removes its own ids. So a removal knows the fingerprint of
 * every load that began before it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Stored } from "../../../CacheEntry.ts"
import type { StoreError } from "../../../CacheError.ts"
import type { Store } from "../../../ports/store.ts"
import { keyClasses } from "../../defaults/bounds.ts"
import { fingerprints as limits } from "../../defaults/processes.ts"
import { partsOf, siblingsOf } from "../../key/fingerprints.ts"
import { remember } from "../../remember.ts"
import * as MarkerEntries from "../../store/markers/markerEntries.ts"
import { newVersion } from "../../store/markers/markers.ts"
import { fingerprintsId } from "../../store/pageIds.ts"
import { chunksOf } from "../../time/chunks.ts"
import type { Tokens } from "../../token.ts"

type Asked<A = void> = Effect.Effect<A, StoreError>

/** Records a fingerprint, then believes for a while that it is there. Emptied when the store may have lost entries. */
export type Recorded = Map<string, Asked>

/** Wraps a store. Only removals, writes by hand and the first load of a class ask it for more. */
export const acrossFingerprints = (store: Store, recorded: Recorded, tokens: Tokens): Store => {
  /** Records the fingerprints of ids that are about to be written. Concurrent callers share one attempt. */
  const recordAll = (ids: ReadonlyArray<string>): Asked => {
    const recording = new Set<Asked>()
    for (const id of ids) {
      const [name, own] = partsOf(id) ?? []
      if (name === undefined || own === undefined) continue
      const once = recorded.get(name + own) ?? Effect.runSync(Effect.cachedWithTTL(
        Effect.suspend(() => record(store, name, own, newVersion(tokens))),
        (exit) => Exit.isSuccess(exit) ? limits.trustMillis : 0
      ))
      recording.add(once)
      remember(recorded, name + own, once, keyClasses)
    }
    return Effect.all(recording, { discard: true })
  }
  // Before the write, which then counts as carried out only if the others are removed.
  const removingOthers = <A>(ids: ReadonlyArray<string>, write: Asked<A>): Asked<A> =>
    Effect.andThen(recordAll(ids), Effect.andThen(removeAlso(store, ids, Effect.void), write))
  return {
    ...store,
    acquire: (id, options) =>
      Effect.tap(store.acquire(id, options), ({ _tag }) =>
        // Without a record the load may not store its result, so others need not wait for it. Not a finalizer, because
        // the release may hang. If the budget ends first, the lease is released like that of any late grant.
        Effect.tapCause(
          recordAll(_tag === "Granted" ? [id] : []),
          () => Effect.ignore(store.release(id, options.owner))
        )),
    acquireMany: (requests) => Effect.andThen(recordAll(requests.map(({ id }) => id)), store.acquireMany(requests)),
    set: (id, entry, condition) =>
      condition === undefined
        ? removingOthers([id], store.set(id, entry))
        : Effect.tap(store.set(id, entry, condition), (isSet) => removingOthers(isSet ? [id] : [], Effect.void)),
    setMany: (requests) => removingOthers(requests.map(({ id }) => id), store.setMany(requests)),
    remove: (id, options) => removeAlso(store, [id], store.remove(id, options)),
    removeMany: (ids) => removeAlso(store, ids, store.removeMany(ids)),
    // Not in the same step, because a cluster has the others in other slots.
    transact: store.transact && ((request) => {
      const written = request.steps.flatMap((step) => step._tag === "Set" || step._tag === "Remove" ? step.id : [])
      return removingOthers(written, store.transact!(request))
    })
  }
}

/** Adds a fingerprint to the record, unless it is there, without losing those that other processes add meanwhile. */
const record = Effect.fnUntraced(function*(store: Store, name: string, own: string, version: string) {
  const id = fingerprintsId(name)
  for (let left = limits.tries; left > 0; left--) {
    const now = yield* Clock.currentTimeMillis
    const [entry] = yield* store.getMany([id])
    const uses = usesIn(entry, now)
    if (now - (uses.get(own) ?? -Infinity) < limits.renewMillis) return
    uses.delete(own)
    const text = Array.from(uses.set(own, now), ([fingerprint, usedAt]) => `${fingerprint} ${usedAt};`).join("")
    const expiresAt = now + limits.lifeMillis
    const meta = { ...MarkerEntries.toStored(version, now).meta, softExpiresAt: expiresAt, expiresAt }
    const condition = entry === undefined
      ? { _tag: "IfAbsent" } as const
      : { _tag: "IfUnchanged", writeId: entry.meta.writeId } as const
    // The last try replaces a record that the store has, but cannot read.
    const next = { meta, payload: new TextEncoder().encode(text) }
    if (yield* store.set(id, next, left === 1 ? undefined : condition)) return
  }
})

/** Removes ids, and reads the records at the same time. Then removes the same payloads under other fingerprints. */
const removeAlso = Effect.fnUntraced(function*<A>(store: Store, ids: ReadonlyArray<string>, remove: Asked<A>) {
  const names = Array.from(new Set(ids.flatMap((id) => partsOf(id)?.[0] ?? [])))
  if (names.length === 0) return yield* remove
  const [removed, records] = yield* Effect.all([remove, store.getMany(names.map(fingerprintsId))], { concurrency: 2 })
  const now = yield* Clock.currentTimeMillis
  const known = new Map(names.map((name, i) => [name, Array.from(usesIn(records[i], now).keys())]))
  for (const part of chunksOf(ids.flatMap((id) => siblingsOf(known, id)))) yield* store.removeMany(part)
  return removed
})

/** When each recorded fingerprint was used, the oldest use first. Ignores any other text. */
const usesIn = (entry: Stored | undefined, now: number): Map<string, number> => {
  const text = new TextDecoder().decode(entry?.payload.subarray(0, limits.most * 32))
  const all = Array.from(
    text.matchAll(/([\w-]{8}) (\d{1,15});/g),
    // The clock of another machine may be ahead.
    ([, fingerprint = "", usedAt]) => [fingerprint, Math.min(Number(usedAt), now)] as const
  )
  return new Map(all.filter(([, usedAt]) => now - usedAt < limits.lifeMillis).slice(1 - limits.most))
}
