/** Acquires a flight's lease before the load, waits while another process holds it, and renews it during the load. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { TagVersion } from "../../../CacheEntry.ts"
import type { Markers } from "../../../ports/store.ts"
import * as Defaults from "../../defaults/processes.ts"
import { noneIsGone } from "../../store/markers/markers.ts"
import { failStrict, missed } from "../flight/callers.ts"
import { releaseLease } from "../flight/ending.ts"
import { beginAsking, isAskingStore, isOutdated } from "../flight/flight.ts"
import { Entry } from "../memory/entry.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { declaredTags } from "../request/requestTags.ts"
import type { Flight, Flights, LeaseAnswer, LeaseGrant, LeaseHit } from "../state.ts"
import { ask, type Asking } from "../storeTier/ask.ts"
import { tagNames } from "../storeTier/codec.ts"
import { isFault, strictFault } from "../storeTier/faults.ts"
import { areAmong, fetch, reviveNow } from "../storeTier/fetch.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import { decode } from "../storeTier/sharedFailure.ts"
import {
  Elsewhere,
  type Fault,
  type Fetched,
  mayBeValid,
  type StoreTier,
  type WriteGrant
} from "../storeTier/storeTier.ts"
import { leaseOf, lookBefore, takeAnswer } from "./held.ts"
import { waitForLease } from "./leaseWaits.ts"
import { knownOf } from "./markersOfWave.ts"
import { release } from "./releases.ts"
import { acquireTogether, isCrowded } from "./together.ts"
import { acquire, grantOf, makeWave, renewTogether, type Wave } from "./wave.ts"

/** Another process holds the lease. This flight is a refresh without callers, so it need not load. */
export const LeasedElsewhere = Symbol("Elsewhere")

type Acquiring = WriteGrant | Entry | Exit.Failure<unknown, unknown> | typeof LeasedElsewhere | undefined

interface Using {
  /** Whether the flight's callers can be served with the entry. */
  readonly serves: (entry: Entry) => boolean
  /** Asks the store for the entry without the lease. Returns the entry if it can be served. */
  readonly lookUp: Effect.Effect<Entry | undefined, never, any>
}

/**
 * Acquires the lease, and checks the stored entry in the same step. Waits while another process renews the lease.
 * Returns a grant to store the result, an entry that `serves` accepts, the last failure of several leaders in a row,
 * `LeasedElsewhere`, or `undefined` if the load may start but its result cannot be stored.
 */
export const acquireLease = Effect.fnUntraced(function*(
  self: Flights,
  flight: Flight,
  asking: Asking,
  { lookUp, serves }: Using
): Effect.fn.Return<Acquiring, never, any> {
  const { budget, tier } = asking
  const { request } = flight
  const failWith = (fault: Fault): undefined => void failStrict(self, flight, fault)
  if (Pending.isPending(tier.pending, flight.id)) return undefined
  const declared = declaredTags(self, request)
  let wave: Wave | undefined
  let rejected = 0
  while (rejected < Defaults.leaseAttempts) {
    const isFirst = isAskingStore(flight)
    const answer = takeAnswer(flight) ?? (wave === undefined && !isFirst && isCrowded(self, asking, flight)
      ? yield* acquireTogether(self, flight, asking)
      : yield* acquireAlone(flight, wave ??= makeWave(flight, budget, false)))
    // A full server refuses all writes, such as `acquire`, but still answers reads.
    if (isFault(answer)) return (yield* lookUp) ?? failWith(answer)
    if (!(answer instanceof Elsewhere)) return answer
    const { markers, owner } = answer
    wave ??= { ...makeWave(flight, budget, false), owner, known: markers && knownOf(flight, declared, markers) }
    let acquired: LeaseAnswer
    if (answer.answer._tag === "Wait") {
      missed(self, flight)
      if (flight.refresh && flight.callers.size === 0 && flight.stale !== undefined) return LeasedElsewhere
      acquired = yield* waitForLease(self, tier, { flight, owner, leftMillis: answer.answer.leftMillis })
      // The budget limits a slow store, not the wait for another process, so the full budget is available again.
      budget.leftMillis = flight.policy.storeTimeoutMillis ?? tier.storeTimeoutMillis
      if (isFault(acquired)) return failWith(acquired)
    } else acquired = answer.answer
    if (acquired._tag === "Granted") {
      return yield* afterWait(self, flight, asking, { granted: acquired, markers, owner })
    }
    if (!isFirst) rejected++
    if (!flight.policy.readsEntries) {
      const { expiresAt, outcome, tags, writeId } = acquired.entry.meta
      flight.rejectedWriteId = writeId
      if (outcome === "success" && isGood(tags, declared, markers)) flight.protectedUntil = expiresAt
      continue
    }
    const found = yield* useHit(flight, asking, acquired, declared)
    if (isFault(found)) return failWith(found)
    if (!isOutdated(flight) && isNewFor(flight, found) && serves(found)) return found
    missed(self, flight)
    if (isOutdated(flight)) continue
    const refused = strictFault(found)
    if (refused !== undefined) failWith(refused)
    flight.rejectedWriteId = found?.writeId ?? acquired.entry.meta.writeId
  }
  return undefined
})

/** A load that asks alone is a wave of one. */
const acquireAlone = (flight: Flight, wave: Wave) => Effect.map(acquire(wave, [{ flight }]), () => takeAnswer(flight))

interface Waited {
  readonly granted: LeaseGrant
  readonly markers: Markers | undefined
  readonly owner: string
}

/** Another process has ended, and left the lease to this one. The load may start although a third process loads. */
const afterWait = Effect.fnUntraced(function*(
  self: Flights,
  flight: Flight,
  asking: Asking,
  { granted, markers: before, owner }: Waited
): Effect.fn.Return<WriteGrant | Exit.Failure<unknown, unknown> | undefined, never, any> {
  const { budget, tier } = asking
  const { options } = flight.request
  const declared = declaredTags(self, flight.request)
  flight.lease = leaseOf(tier, owner)
  const lacksMarkers = declared.length > 0 || typeof options.tags === "function" && granted.seq === undefined
  const markers = before ??
    (lacksMarkers ? yield* ask(tier, budget, "markers", tier.store.markers(declared)) : undefined)
  if (isFault(markers) && declared.length > 0) {
    releaseLease(flight)
    return void failStrict(self, flight, markers)
  }
  const failure = yield* failureOf(flight, asking, granted, owner)
  if (failure !== undefined) return failure
  const { hold } = granted
  flight.lease = (hold ?? renewTogether(flight, owner))(flight)
  lookBefore(self, flight)
  // If the result will not be stored, other processes need not wait for it.
  if (!flight.storable) releaseLease(flight)
  return grantOf(granted, isFault(markers) ? undefined : markers, hold !== undefined)
})

/** A store that shows a newer entry with the lease may still return the older one, which the reader has rejected. */
const isNewFor = ({ rejectedWriteId }: Flight, found: Fetched): found is Entry =>
  found instanceof Entry && found.writeId !== rejectedWriteId

/** The last failure, if several leaders in a row have failed. A load that has waited fails with it, too. */
const failureOf = Effect.fnUntraced(function*(
  flight: Flight,
  { budget, tier }: Asking,
  { failures }: LeaseGrant,
  owner: string
): Effect.fn.Return<Exit.Failure<unknown, unknown> | undefined, never, any> {
  if (failures === undefined || failures.count < Defaults.sharedFailures.count) return undefined
  const failure = yield* decode(tier, flight.request.key, failures.note)
  if (failure === undefined) return undefined
  // Releases the lease with the note of this failure, so that the next waiting process also fails with it.
  yield* release(tier, { id: flight.id, owner, note: failures.note }, budget)
  flight.lease = undefined
  return failure
})

/** Decodes the entry of a hit. Asks for the entry again, at most a few times, if its tags may have changed. */
const useHit = Effect.fnUntraced(function*(
  flight: Flight,
  asking: Asking,
  hit: LeaseHit,
  declared: ReadonlyArray<string>
): Effect.fn.Return<Fetched | Fault, never, any> {
  let found: Fetched | Fault = isWhole(flight, hit, declared)
    ? yield* reviveAcquired(asking.tier, flight, hit)
    : yield* fetchAcquired(flight, asking, hit, declared)
  for (let i = 0; i < Defaults.leaseAttempts && mayBeValid(found) && !isOutdated(flight); i++) {
    found = yield* fetchAcquired(flight, asking, hit, declared)
  }
  return found
})

/** Whether a hit needs no further request: no change was reported meanwhile, and the entry's tag versions are known. */
const isWhole = (
  flight: Flight,
  { entry: { meta }, tagsRead }: LeaseHit,
  declared: ReadonlyArray<string>
): boolean => !isOutdated(flight) && (tagsRead !== undefined || (meta.tags.length === 0 && declared.length === 0))

const reviveAcquired = (tier: StoreTier, { id, request: { key } }: Flight, { entry: stored, tagsRead }: LeaseHit) =>
  Effect.clockWith((clock) =>
    reviveNow(tier, {
      key,
      id,
      stored,
      now: tier.front.time.now(clock),
      ...tagsRead ?? { bornAt: TagEpochs.epochNow(tier.front.tagEpochs), tags: [], versions: [] }
    })
  )

const fetchAcquired = (
  flight: Flight,
  { budget, tier }: Asking,
  { entry: { meta } }: LeaseHit,
  declared: ReadonlyArray<string>
) => {
  beginAsking(flight)
  const { id, request: { key } } = flight
  // The entry's own tags are known, so one request suffices.
  const tags = areAmong(meta.tags, declared) ? declared : tagNames(meta.tags)
  TagEpochs.followTags(tier.front.tagEpochs, tags)
  return fetch(tier, budget, { key, id, tags })
}

/** Whether none of the tags is known to be invalidated. A tag without a marker in `markers` counts as valid. */
const isGood = (
  tags: ReadonlyArray<TagVersion>,
  declared: ReadonlyArray<string>,
  markers: Markers | undefined
): boolean =>
  noneIsGone(
    { version: (tag) => markers?.markers[declared.indexOf(tag)]?.version },
    tags.filter(({ tag }) => declared.includes(tag))
  )
