/** Acquires a flight's lease before the load, waits while another process holds it, and renews it during the load. */
import { hold } from "#platform/engine/derived/dependencies"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { TagVersion } from "../../../CacheEntry.ts"
import type { StoreError } from "../../../CacheError.ts"
import type { Acquired, Markers } from "../../../ports/store.ts"
import * as Defaults from "../../defaults/processes.ts"
import { noneIsGone } from "../../store/markers/markers.ts"
import { failStrict, missed } from "../flight/callers.ts"
import { releaseLease } from "../flight/ending.ts"
import { beginAsking, isAskingStore } from "../flight/flight.ts"
import { Entry } from "../memory/entry.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { declaredTags } from "../request/requestTags.ts"
import { optionOf } from "../request/rules.ts"
import type { Flight, FlightLease, Flights, LeaseAnswer, LeaseGrant, LeaseHit } from "../state.ts"
import { ask, type Asking } from "../storeTier/ask.ts"
import { supervise } from "../storeTier/background.ts"
import { tagNames } from "../storeTier/codec.ts"
import { damaged, isFault, strictFault } from "../storeTier/faults.ts"
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
import { isLate, leaseOf, lookBefore, nowOf, renewalMillis, renewalPauseMillis, takeAnswer } from "./held.ts"
import { waitForLease } from "./leaseWaits.ts"
import { release } from "./releases.ts"
import { acquireTogether, isCrowded } from "./together.ts"
import { askEvidence } from "./unasked.ts"

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
  { budget, tier }: Asking,
  { lookUp, serves }: Using
): Effect.fn.Return<Acquiring, never, any> {
  const { pending, leaseMillis, store } = tier
  const { id, request } = flight
  const failWith = (fault: Fault): undefined => void failStrict(self, flight, fault)
  // Reads of the result in memory do not ask the store, so changes by other processes must be tracked.
  self.tagEpochs.ensureTracking?.()
  if (Pending.isPending(pending, id)) return undefined
  const answered = takeAnswer(flight)
  let elsewhere = answered instanceof Elsewhere ? answered : undefined
  if (elsewhere === undefined && !isAskingStore(flight) && isCrowded(self, { budget, tier }, flight)) {
    const acquired = yield* acquireTogether(self, flight, { budget, tier })
    if (!(acquired instanceof Elsewhere)) return acquired
    elsewhere = acquired
  }
  const declared = declaredTags(self, request)
  let markers = elsewhere?.markers
  const needsMarkers = elsewhere === undefined && (declared.length > 0 || typeof request.options.tags === "function")
  // Over a network, markers of declared tags are read during `acquire`. For other tags, the grant's `seq` is enough.
  const isTogether = needsMarkers && store.distanceMillis !== undefined
  if (needsMarkers && !isTogether) {
    const answer = yield* readMarkers({ tier, budget }, declared)
    if (isFault(answer)) return failWith(answer)
    markers = answer
  }
  askEvidence(self, tier, flight)
  const owner = elsewhere?.owner ?? self.tokens.next(8)
  const isExclusive = !self.isPrivate && (optionOf(self, request, "lease") ?? store.capabilities.shared)
  let rejected = 0
  let waited = false
  while (rejected < Defaults.leaseAttempts) {
    const askedAt = nowOf(tier)
    const bornAt = TagEpochs.epochNow(tier.front.tagEpochs)
    const isFirst = isAskingStore(flight)
    const options = { owner, leaseMillis, rejectedWriteId: flight.rejectedWriteId, join: !isExclusive }
    const acquire = store.acquire(id, options)
    const readsMarkers = isTogether && declared.length > 0 && markers === undefined
    const question = readsMarkers
      ? withMarkers(acquire, store.markers(declared), (read) => {
        markers = read
      })
      : acquire
    const asked = elsewhere?.answer ?? (yield* askAlone(flight, { budget, tier }, { owner, isExclusive, question }))
    elsewhere = undefined
    if (isFault(asked) || asked._tag !== "Granted") flight.lease = undefined
    // A full server refuses all writes, such as `acquire`, but still answers reads.
    if (isFault(asked)) return (isFirst ? yield* lookUp : undefined) ?? failWith(asked)
    let acquired: LeaseAnswer
    if (asked._tag === "Wait") {
      missed(self, flight)
      if (flight.refresh && flight.callers.size === 0 && flight.stale !== undefined) return LeasedElsewhere
      waited = true
      acquired = yield* waitForLease(self, tier, { flight, owner, leftMillis: asked.leftMillis })
      // The budget limits a slow store, not the wait for another process, so the full budget is available again.
      budget.leftMillis = flight.policy.storeTimeoutMillis ?? tier.storeTimeoutMillis
      if (isFault(acquired)) return failWith(acquired)
      if (acquired._tag === "Granted") flight.lease = leaseOf(tier, owner)
    } else acquired = asked
    if (acquired._tag === "Granted") {
      // Set again if the flight was detached, because its release may have reached the store before the grant.
      if (isExclusive) flight.lease ??= leaseOf(tier, owner)
      if (isTogether && markers === undefined && (declared.length > 0 || acquired.seq === undefined)) {
        const answer = yield* readMarkers({ tier, budget }, declared)
        if (isFault(answer)) {
          releaseLease(flight)
          return failWith(answer)
        }
        markers = answer
      }
      if (isFirst && acquired.isDamaged === true) damaged(tier, request.key, id)
      const failure = waited ? yield* failureOf(flight, { budget, tier }, acquired, owner) : undefined
      if (failure !== undefined) return failure
      if (isExclusive) {
        flight.lease = acquired.hold?.(flight) ?? renewing(tier, flight, owner)
        // After a wait, the load may start although another process holds the lease. The first renewal shows this.
        if (!waited) flight.lease.heldUntil = askedAt + leaseMillis
      }
      lookBefore(self, flight)
      // If the result will not be stored, other processes need not wait for it.
      if (!flight.storable) releaseLease(flight)
      // If the load determines the tags, `seq` shows whether one of them was invalidated during the load.
      const { generation, hold, seq } = acquired
      if (seq !== undefined) markers ??= { seq, markers: [] }
      return { generation, isOfWave: hold !== undefined, markers }
    }
    if (!isFirst) rejected++
    if (!flight.policy.readsStore) {
      const { expiresAt, outcome, tags, writeId } = acquired.entry.meta
      flight.rejectedWriteId = writeId
      if (outcome === "success" && isGood(tags, declared, markers)) flight.protectedUntil = expiresAt
      continue
    }
    const hit = readsMarkers && !waited ? withTags(acquired, { tags: declared, bornAt }, markers) : acquired
    const found = yield* useHit(flight, { tier, budget }, hit, declared)
    if (isFault(found)) return failWith(found)
    if (!flight.changedWhileAsked && isNewFor(flight, found) && serves(found)) return found
    missed(self, flight)
    if (flight.changedWhileAsked) continue
    const refused = strictFault(found)
    if (refused !== undefined) failWith(refused)
    flight.rejectedWriteId = found?.writeId ?? acquired.entry.meta.writeId
  }
  return undefined
})

/** A store that shows a newer entry with the lease may still return the older one, which the reader has rejected. */
const isNewFor = ({ rejectedWriteId }: Flight, found: Fetched): found is Entry =>
  found instanceof Entry && found.writeId !== rejectedWriteId

/** A fault matters only to declared tags. For tags known only after the load, the `seq` from `acquire` is enough. */
const readMarkers = ({ budget, tier }: Asking, declared: ReadonlyArray<string>) =>
  Effect.map(
    ask(tier, budget, "markers", tier.store.markers(declared)),
    (answer) => isFault(answer) && declared.length === 0 ? undefined : answer
  )

/** Sends both requests at once. If only the markers cannot be read, the lease is acquired without them. */
const withMarkers = (
  acquire: Effect.Effect<Acquired, StoreError>,
  markers: Effect.Effect<Markers, StoreError>,
  note: (read: Markers | undefined) => void
): Effect.Effect<Acquired, StoreError> =>
  Effect.map(Effect.all([acquire, Effect.exit(markers)], { concurrency: 2 }), ([acquired, read]) => {
    note(Exit.isSuccess(read) ? read.value : undefined)
    return acquired
  })

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

interface Question {
  readonly owner: string
  readonly isExclusive: boolean
  readonly question: Effect.Effect<Acquired, StoreError>
}

const askAlone = (flight: Flight, { budget, tier }: Asking, { isExclusive, owner, question }: Question) => {
  const { store } = tier
  // Set before the store answers: if the flight is interrupted or the request times out, the lease must be released.
  if (isExclusive || store.capabilities.shared) flight.lease = leaseOf(tier, owner)
  beginAsking(flight)
  const isSent = budget.leftMillis > 0
  return Effect.map(ask(tier, budget, "acquire", question), (asked) => {
    // The store may still carry out an `acquire` that timed out, so a release follows.
    if (isSent && isLate(tier, asked)) releaseLease(flight)
    return asked
  })
}

/** Adds the versions of the entry's tags to a hit, if they were read together with the entry. */
const withTags = (
  hit: LeaseHit,
  read: { readonly tags: ReadonlyArray<string>; readonly bornAt: number },
  markers: Markers | undefined
): LeaseHit =>
  markers !== undefined && areAmong(hit.entry.meta.tags, read.tags)
    ? { ...hit, tagsRead: { ...read, versions: markers.markers.map(({ version }) => version) } }
    : hit

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
  for (let i = 0; i < Defaults.leaseAttempts && mayBeValid(found) && !flight.changedWhileAsked; i++) {
    found = yield* fetchAcquired(flight, asking, hit, declared)
  }
  return found
})

/** Whether a hit needs no further request: no change was reported meanwhile, and the entry's tag versions are known. */
const isWhole = (
  { changedWhileAsked }: Flight,
  { entry: { meta }, tagsRead }: LeaseHit,
  declared: ReadonlyArray<string>
): boolean => !changedWhileAsked && (tagsRead !== undefined || (meta.tags.length === 0 && declared.length === 0))

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
  // The entry's own tags are known, so one request suffices. From here on, changes of these tags are noticed.
  const tags = areAmong(meta.tags, declared) ? declared : tagNames(meta.tags)
  if (tags !== declared) hold(flight, tags)
  return fetch(tier, budget, { key, id, tags, hold: (tags) => hold(flight, tags) })
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

/** Renews the lease after each third of its length, for up to `maxLoad`: a hung load must not block its id forever. */
const renewing = (tier: StoreTier, flight: Flight, owner: string): FlightLease => {
  const { leaseMillis, maxLoadMillis, store } = tier
  const storeTimeoutMillis = flight.policy.storeTimeoutMillis ?? tier.storeTimeoutMillis
  let leftMillis = flight.request.maxLoadMillis ?? maxLoadMillis
  const renew: Effect.Effect<void> = Effect.suspend(() => {
    const askedAt = nowOf(tier)
    const budget = { leftMillis: renewalMillis(leaseMillis, storeTimeoutMillis) }
    return Effect.flatMap(ask(tier, budget, "renew", store.renew(flight.id, owner, leaseMillis)), (renewed) => {
      if (!isFault(renewed)) lease.heldUntil = renewed ? askedAt + leaseMillis : -Infinity
      return renewed === false ? Effect.void : later(nowOf(tier) - askedAt)
    })
  })
  const later = (tookMillis: number): Effect.Effect<void> => {
    const pauseMillis = renewalPauseMillis(leaseMillis, tookMillis)
    return Effect.flatMap(Effect.sleep(pauseMillis), () => {
      leftMillis -= tookMillis + pauseMillis
      return leftMillis > 0 ? renew : Effect.void
    })
  }
  const work = { name: `renews the lease of "${flight.id}"`, context: flight.starter.context, run: later(0) }
  const lease = leaseOf(tier, owner, supervise(tier.background, work))
  return lease
}
