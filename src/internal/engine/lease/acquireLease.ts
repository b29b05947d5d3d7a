/** The lease of a flight: acquired before the load, awaited while another process holds it, renewed while loading. */
import { hold } from "#platform/engine/derived/dependencies"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { TagVersion } from "../../../CacheEntry.ts"
import type { AcquireOptions, Markers } from "../../../ports/store.ts"
import * as Defaults from "../../defaults/processes.ts"
import { noneIsGone } from "../../store/markers/markers.ts"
import { failStrict } from "../flight/callers.ts"
import { releaseLease } from "../flight/ending.ts"
import { beginAsking } from "../flight/flight.ts"
import { Entry } from "../memory/entry.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { declaredTags } from "../request/requestTags.ts"
import { optionOf } from "../request/rules.ts"
import type { Flight, FlightLease, Flights, LeaseAnswer, LeaseHit } from "../state.ts"
import { ask, type Asking } from "../storeTier/ask.ts"
import { supervise } from "../storeTier/background.ts"
import { isFault } from "../storeTier/faults.ts"
import { fetch, reviveNow } from "../storeTier/fetch.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import { decode } from "../storeTier/sharedFailure.ts"
import type { Budget, Fault, StoreTier } from "../storeTier/storeTier.ts"
import { answeredInWave, Elsewhere, isLate, leaseOf, lookBefore, nowOf, type WriteGrant } from "./held.ts"
import { waitForLease } from "./leaseWaits.ts"
import { acquireTogether, isCrowded } from "./together.ts"
import { askEvidence } from "./unasked.ts"

/** Another process holds the lease. This flight is a refresh without callers, so it need not load. */
export const LeasedElsewhere = Symbol("Elsewhere")

type Acquiring = WriteGrant | Entry | Exit.Failure<unknown, unknown> | typeof LeasedElsewhere | undefined

/**
 * Acquires the lease, and checks the stored entry again in the same step. Waits while another process renews the lease.
 * Returns a grant to store the result, an entry that `serves` accepts, the last failure of several leaders in a row,
 * `LeasedElsewhere`, or `undefined` if the load may start but its result cannot be stored.
 */
export const acquireLease = Effect.fnUntraced(function*(
  self: Flights,
  flight: Flight,
  { budget, tier }: Asking,
  serves: (entry: Entry) => boolean
): Effect.fn.Return<Acquiring, never, any> {
  const { pending, leaseMillis, store } = tier
  const { id, request } = flight
  const failWith = (fault: Fault): undefined => void failStrict(self, flight, fault)
  // Reads of the result in memory do not ask the store, so changes by other processes must be tracked.
  self.tagEpochs.ensureTracking?.()
  if (Pending.isPending(pending, id)) return undefined
  let elsewhere = answeredInWave.get(flight)
  answeredInWave.delete(flight)
  if (elsewhere === undefined && isCrowded(self, { budget, tier }, flight)) {
    const acquired = yield* acquireTogether(self, flight, { budget, tier })
    if (!(acquired instanceof Elsewhere)) return acquired
    elsewhere = acquired
  }
  const declared = declaredTags(self, request)
  let markers = elsewhere?.markers
  if (elsewhere === undefined && (declared.length > 0 || typeof request.options.tags === "function")) {
    const answer = yield* ask(tier, budget, "markers", store.markers(declared))
    if (!isFault(answer)) markers = answer
    // This fault matters only to declared tags. For tags known only after the load, the `seq` from `acquire` is enough.
    else if (declared.length > 0) return failWith(answer)
  }
  askEvidence(self, tier, flight)
  const owner = elsewhere?.owner ?? self.tokens.next(8)
  const isExclusive = !self.isPrivate && (optionOf(self, request, "lease") ?? store.capabilities.shared)
  let rejected = 0
  let waited = false
  while (rejected < Defaults.leaseAttempts) {
    const askedAt = nowOf(tier)
    const options = { owner, leaseMillis, rejectedWriteId: flight.rejectedWriteId, join: !isExclusive }
    const asked = elsewhere?.answer ?? (yield* askAlone(flight, { budget, tier }, options))
    elsewhere = undefined
    if (isFault(asked) || asked._tag !== "Granted") flight.lease = undefined
    if (isFault(asked)) return failWith(asked)
    let acquired: LeaseAnswer
    if (asked._tag === "Wait") {
      if (flight.refresh && flight.callers.size === 0 && flight.stale !== undefined) return LeasedElsewhere
      waited = true
      acquired = yield* waitForLease(self, tier, { flight, owner, leftMillis: asked.leftMillis })
      // The budget limits a slow store, not the wait for another process, so the full budget is available again.
      budget.leftMillis = flight.policy.storeTimeoutMillis ?? tier.storeTimeoutMillis
      if (isFault(acquired)) return failWith(acquired)
      if (acquired._tag === "Granted") flight.lease = leaseOf(tier, owner)
    } else acquired = asked
    if (acquired._tag === "Granted") {
      if (waited && acquired.failures !== undefined && acquired.failures.count >= Defaults.sharedFailures) {
        const { note } = acquired.failures
        const failure = yield* decode(tier, request.key, note)
        if (failure !== undefined) {
          // Releases the lease with the note of this failure, so that the next waiting process gets it too.
          yield* ask(tier, budget, "release", store.release(id, owner, note))
          flight.lease = undefined
          return failure
        }
      }
      if (isExclusive) {
        flight.lease = acquired.hold?.(flight) ?? renewing(tier, flight, owner)
        // After a wait, the load may be allowed although another process holds the lease. The first renewal finds out.
        if (!waited) flight.lease.heldUntil = askedAt + leaseMillis
      }
      lookBefore(self, flight)
      // If the result will not be stored, other processes need not wait for it.
      if (!flight.storable) releaseLease(flight)
      // If the load determines the tags, `seq` shows whether one of them was invalidated during the load.
      const { generation, hold, seq } = acquired
      const isOfWave = hold !== undefined
      return { generation, isOfWave, markers: markers ?? (seq === undefined ? undefined : { seq, markers: [] }) }
    }
    rejected++
    if (!flight.policy.readsStore) {
      const { expiresAt, outcome, tags, writeId } = acquired.entry.meta
      flight.rejectedWriteId = writeId
      if (outcome === "success" && isGood(tags, declared, markers)) flight.protectedUntil = expiresAt
      continue
    }
    const found = yield* isWhole(flight, acquired, declared)
      ? reviveAcquired(tier, flight, acquired)
      : fetchAcquired(tier, budget, flight, declared)
    if (isFault(found)) return failWith(found)
    if (flight.changedWhileAsked) continue
    if (found instanceof Entry && serves(found)) return found
    flight.rejectedWriteId = found?.writeId ?? acquired.entry.meta.writeId
  }
  return undefined
})

const askAlone = (flight: Flight, { budget, tier }: Asking, options: AcquireOptions) => {
  const { store } = tier
  const { join, owner } = options
  // Set before the store answers: if the flight is interrupted or the request times out, the lease must be released.
  if (join === false || store.capabilities.shared) flight.lease = leaseOf(tier, owner)
  beginAsking(flight)
  const isSent = budget.leftMillis > 0
  return Effect.map(ask(tier, budget, "acquire", store.acquire(flight.id, options)), (asked) => {
    // The store may still carry out an `acquire` that timed out, so a release follows.
    if (isSent && isLate(tier, asked)) releaseLease(flight)
    return asked
  })
}

/** Whether an entry needs no further request: no change was reported since, and the versions of its tags are known. */
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
      now: clock.currentTimeMillisUnsafe(),
      ...tagsRead ?? { bornAt: TagEpochs.epochNow(tier.front.tagEpochs), tags: [], versions: [] }
    })
  )

const fetchAcquired = (tier: StoreTier, budget: Budget, flight: Flight, tags: ReadonlyArray<string>) => {
  beginAsking(flight)
  const { id, request: { key } } = flight
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

/** Renews the lease after every third of its length, up to `maxLoad`: a hanging load must not block its id forever. */
const renewing = (tier: StoreTier, flight: Flight, owner: string): FlightLease => {
  const { leaseMillis, maxLoadMillis, store } = tier
  const pauseMillis = leaseMillis / 3
  let leftMillis = flight.request.maxLoadMillis ?? maxLoadMillis
  const renew: Effect.Effect<void> = Effect.suspend(() => {
    const until = nowOf(tier) + leaseMillis
    const asked = ask(tier, { leftMillis: leaseMillis }, "renew", store.renew(flight.id, owner, leaseMillis))
    return Effect.flatMap(asked, (renewed) => {
      if (!isFault(renewed)) lease.heldUntil = renewed ? until : -Infinity
      return renewed === false ? Effect.void : later
    })
  })
  const later: Effect.Effect<void> = Effect.flatMap(Effect.sleep(pauseMillis), () => {
    leftMillis -= pauseMillis
    return leftMillis > 0 ? renew : Effect.void
  })
  const work = { name: `renews the lease of "${flight.id}"`, context: flight.starter.context, run: later }
  const lease = leaseOf(tier, owner, supervise(tier.background, work))
  return lease
}
