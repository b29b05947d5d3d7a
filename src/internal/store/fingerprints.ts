/**
 * Lets an invalidation by key reach what other releases of the program have stored for the same payload. An internal
 * entry for each key class records its fingerprints, also of those that only invalidate. A load does not wait until its
 * fingerprint is recorded, but its commit does: if the record has others, which may have been invalidated before they
 * could know of this one, the result is not stored. So a removal reaches every load that began before it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Stored } from "../../CacheEntry.ts"
import type { StoreError } from "../../CacheError.ts"
import type { Acquired, SetCondition, SetRequest, Store } from "../../ports/store.ts"
import { keyClasses } from "../defaults/bounds.ts"
import { fingerprints as limits } from "../defaults/processes.ts"
import { headOf, siblingsOf } from "../key/fingerprints.ts"
import { remember } from "../remember.ts"
import { chunksOf } from "../time/chunks.ts"
import type { Tokens } from "../token.ts"
import * as MarkerEntries from "./markers/markerEntries.ts"
import { newVersion } from "./markers/markers.ts"
import { fingerprintsId } from "./pageIds.ts"

type Asked<A> = Effect.Effect<A, StoreError>

interface Recording {
  /** Records the fingerprint, then believes for a while that it is there. Whether loads that began before are safe. */
  readonly run: Asked<boolean>
  isDone: boolean
}

/** By the beginning of ids. Emptied when the store may have lost its entries. */
export type Recorded = Map<string, Recording>

/** The fingerprints of each class as they were last read or written. */
type Known = Map<string, ReadonlyArray<string>>

/** Begins the generation of a load that began before its fingerprint was recorded. */
const early = "early:"

/** A request that may store something under an id, perhaps for a load. */
type Stores = { readonly _tag?: string; readonly id?: string; readonly generation?: string }

type Spawn = (job: Effect.Effect<unknown>) => void

/** Wraps a store. Only the first load of a class, invalidations of keys and writes by hand ask it for more. */
export const acrossFingerprints = (store: Store, recorded: Recorded, tokens: Tokens, spawn: Spawn): Store => {
  const known: Known = new Map()
  const isShared = store.capabilities.shared
  /** Concurrent callers share one attempt. */
  const recordingOf = (id: string): Recording | undefined => {
    const head = headOf(id)
    if (head === undefined) return undefined
    const before = recorded.get(head.text)
    if (before !== undefined) return before
    const recording: Recording = {
      isDone: false,
      run: Effect.runSync(Effect.cachedWithTTL(
        Effect.tap(
          record(store, known, tokens, [head.name, head.own]),
          () => Effect.sync(() => recording.isDone = true)
        ),
        (exit) => Exit.isSuccess(exit) ? limits.trustMillis : 0
      ))
    }
    remember(recorded, head.text, recording, keyClasses)
    return recording
  }
  const recordGranted = (id: string, answer: Acquired): Acquired => {
    const recording = answer._tag === "Granted" ? recordingOf(id) : undefined
    if (answer._tag !== "Granted" || recording === undefined || recording.isDone || !isShared) return answer
    spawn(Effect.exit(recording.run))
    return recording.isDone ? answer : { ...answer, generation: early + answer.generation }
  }
  /** Records the fingerprints of what is to be stored. If a load is not safe, the store refuses its generation. */
  const recordAll = <A extends Stores>(requests: ReadonlyArray<A>): Asked<ReadonlyArray<A>> => {
    const recorded = Effect.suspend(() => {
      const recordings = requests.map(({ id = "" }) => recordingOf(id))
      const safe = new Set<Recording | undefined>([undefined])
      const run = (one: Recording | undefined) =>
        one === undefined ? Effect.void : Effect.map(one.run, (isSafe) => void (isSafe && safe.add(one)))
      return Effect.map(
        Effect.forEach(new Set(recordings), run, { discard: true }),
        () =>
          requests.map((request, i) => {
            const { generation = "" } = request
            if (!generation.startsWith(early)) return request
            const isSafe = safe.has(recordings[i])
            return { ...request, generation: isSafe ? generation.slice(early.length) : "" }
          })
      )
    })
    // No other process may invalidate meanwhile, so nothing waits for the record.
    return isShared ? recorded : Effect.sync(() => (spawn(Effect.exit(recorded)), requests))
  }
  const removeAlso = <A>(ids: ReadonlyArray<string>, remove: Asked<A>): Asked<A> => {
    const names = namesOf(ids)
    if (names.length === 0) return remove
    const recording = recordAll(ids.map((id) => ({ id })))
    // Only this process changes the record of a store that is not shared, which is read again if it answers at once.
    const isRead = (name: string) => isShared || store.getUnsafe !== undefined || !known.has(name)
    const read = Effect.gen(function*() {
      const asked = names.filter(isRead)
      const records = asked.length === 0 ? [] : yield* store.getMany(asked.map(fingerprintsId))
      const now = yield* Clock.currentTimeMillis
      asked.forEach((name, i) => learn(known, name, usesIn(records[i], now)))
    })
    const removing = Effect.all([remove, Effect.andThen(recording, read)], { concurrency: 2 })
    return Effect.flatMap(removing, ([removed]) => {
      const siblings = chunksOf(ids.flatMap((id) => siblingsOf(known, id)))
      return Effect.as(Effect.forEach(siblings, store.remove, { discard: true }), removed)
    })
  }
  // Before the write, which then counts as carried out only if the others are removed.
  const removingOthers = <A>(ids: ReadonlyArray<string>, write: Asked<A>): Asked<A> =>
    Effect.andThen(removeAlso(ids, Effect.void), write)
  return {
    ...store,
    acquire: (requests) =>
      Effect.map(store.acquire(requests), (all) => all.map((answer, i) => recordGranted(requests[i]!.id, answer))),
    commit: (requests) => Effect.flatMap(recordAll(requests), store.commit),
    set: (requests) => {
      const idsOf = (are: (request: SetRequest, i: number) => boolean) => requests.filter(are).map(({ id }) => id)
      return removingOthers(
        idsOf(({ condition }) => condition === undefined),
        Effect.tap(
          store.set(requests),
          (isSet) => removeAlso(idsOf(({ condition }, i) => condition !== undefined && isSet[i]!), Effect.void)
        )
      )
    },
    remove: (ids) => removeAlso(ids, store.remove(ids)),
    // Not in the same step, because a cluster has the others in other slots.
    transact: store.transact && (({ checks, steps }) => {
      const written = steps.flatMap((step) => step._tag === "Set" || step._tag === "Remove" ? step.id : [])
      return Effect.flatMap(recordAll(steps), (steps) => removingOthers(written, store.transact!({ checks, steps })))
    })
  }
}

/** The beginnings of classes that ids have. */
const namesOf = (ids: ReadonlyArray<string>): ReadonlyArray<string> => {
  const heads = new Set<ReturnType<typeof headOf>>()
  for (const id of ids) heads.add(headOf(id))
  return Array.from(new Set(Array.from(heads, (head) => head?.name))).filter((name) => name !== undefined)
}

const learn = (known: Known, name: string, uses: ReadonlyMap<string, number>): void =>
  void remember(known, name, Array.from(uses.keys()), keyClasses)

/** Adds a fingerprint to the record, unless it is there, without losing those that other processes add meanwhile. */
const record = Effect.fnUntraced(function*(
  store: Store,
  known: Known,
  tokens: Tokens,
  [name, own]: readonly [string, string]
) {
  const id = fingerprintsId(name)
  let uses = new Map<string, number>()
  let condition: SetCondition = { _tag: "IfAbsent" }
  let isSafe = true
  for (let left = limits.tries; left > 0; left--) {
    const now = yield* Clock.currentTimeMillis
    uses.delete(own)
    const next = toStored(uses.set(own, now), now, newVersion(tokens))
    // The last try replaces a record that the store has, but cannot read.
    const [isSet] = yield* store.set([{ id, entry: next, condition: left === 1 ? undefined : condition }])
    if (isSet === true) {
      learn(known, name, uses)
      return isSafe
    }
    const [entry] = yield* store.getMany([id])
    uses = usesIn(entry, now)
    const age = now - (uses.get(own) ?? now)
    // It may have been recorded only now, by another process of this release.
    isSafe = age > limits.trustMillis || Array.from(uses.keys()).every((one) => one === own)
    if (uses.has(own) && age < limits.renewMillis) {
      learn(known, name, uses)
      return isSafe
    }
    condition = entry === undefined ? condition : { _tag: "IfUnchanged", writeId: entry.meta.writeId }
  }
  return isSafe
})

const toStored = (uses: ReadonlyMap<string, number>, now: number, version: string): Stored => {
  const text = Array.from(uses, ([fingerprint, usedAt]) => `${fingerprint} ${usedAt};`).join("")
  const expiresAt = now + limits.lifeMillis
  const { meta } = MarkerEntries.toStored(version, now)
  const payload = new TextEncoder().encode(text)
  return { payload, meta: { ...meta, softExpiresAt: expiresAt, expiresAt }, extension: ".txt" }
}

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
