/** The right of a flight to load, across processes: asked for, waited for, and renewed while the load runs. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type { TagVersion } from "../../../CacheEntry.ts"
import type { Markers } from "../../../ports/store.ts"
import { toMillis } from "../../../Ttl.ts"
import * as Defaults from "../../defaults.ts"
import { noneIsGone } from "../../store/markers.ts"
import { tokenUnsafe } from "../../token.ts"
import { Entry } from "../memory/entry.ts"
import { ask, type Asking, monotonicMillis } from "../storeTier/ask.ts"
import { isFault } from "../storeTier/faults.ts"
import { fetch } from "../storeTier/fetch.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import { decode } from "../storeTier/sharedFailure.ts"
import type { Fault, StoreTier } from "../storeTier/storeTier.ts"
import { failStrict } from "./callers.ts"
import type { Flight, Lease } from "./flight.ts"
import type { Flights } from "./flights.ts"
import { releaseLease } from "./releaseLease.ts"
import { declaredTags } from "./requestTags.ts"

/** The right to store what a load will bring, and the versions of its tags from before the load. */
export interface Guard {
  readonly generation: string
  /** `undefined` where the store could not tell, and no tag was known before the load */
  readonly markers: Markers | undefined
}

/** Another process refreshes it: nobody here needs to. */
export const LeasedElsewhere = Symbol("Elsewhere")

/**
 * Asks the store for the right to load, and for one more look at what is stored. While another process holds it this
 * one waits, at most for its patience, then loads beside it, guarded all the same.
 *
 * `undefined`: the store cannot be asked, and what is loaded stays out of it. An entry: another has stored it
 * meanwhile, and `serves` says that it will do. A failure: those who were waited for have failed with it, one after the
 * other.
 */
export const acquireLease = Effect.fnUntraced(function*(
  self: Flights,
  flight: Flight,
  { budget, tier }: Asking,
  serves: (entry: Entry) => boolean
): Effect.fn.Return<Guard | Entry | Exit.Failure<unknown, unknown> | typeof LeasedElsewhere | undefined, never, any> {
  const { pending, leaseMillis, store, waitMillis } = tier
  const { id, request } = flight
  const failWith = (fault: Fault): undefined => void failStrict(self, flight, fault)
  // what is loaded without asking the store goes into memory all the same: others must be heard from here on
  self.tagEpochs.ensureTracking?.()
  if (Pending.isPending(pending, id)) return undefined
  const declared = declaredTags(request)
  let markers: Markers | undefined
  if (declared.length > 0 || typeof request.options.tags === "function") {
    const answer = yield* ask(tier, budget, "markers", store.markers(declared))
    if (!isFault(answer)) markers = answer
    // without it what is tagged by the load alone stays out of the store
    else if (declared.length > 0) return failWith(answer)
  }
  const clock = yield* Clock.Clock
  const owner = tokenUnsafe(yield* Random.Random, 8)
  const isExclusive = request.options.lease ?? store.capabilities.shared
  const patienceMillis = request.options.timeout === undefined ? waitMillis : toMillis(request.options.timeout)
  const startedAt = monotonicMillis(clock)
  let rejected = 0
  let waited = false
  while (rejected < Defaults.leaseAttempts) {
    const leftMillis = startedAt + patienceMillis - monotonicMillis(clock)
    const join = !isExclusive || leftMillis <= 0
    // given up before the answer is heard it may have been granted all the same
    if (isExclusive) flight.lease = { tier, owner, renewal: undefined, isStored: false }
    const acquired = yield* ask(
      tier,
      budget,
      "acquire",
      store.acquire(id, { owner, leaseMillis, rejectedWriteId: flight.rejectedWriteId, join })
    )
    if (isFault(acquired) || acquired._tag !== "Granted") flight.lease = undefined
    if (isFault(acquired)) return failWith(acquired)
    if (acquired._tag === "Granted") {
      if (waited && acquired.failures !== undefined && acquired.failures.count >= Defaults.sharedFailures) {
        const { note } = acquired.failures
        const failure = yield* decode(tier, request.key, note)
        if (failure !== undefined) {
          // for the next who waits
          yield* ask(tier, budget, "release", store.release(id, owner, note))
          flight.lease = undefined
          return failure
        }
      }
      if (isExclusive) flight.lease = renewing(tier, flight, owner)
      // what it loads is stored nowhere any more: nobody is to wait for that
      if (!flight.storable) releaseLease(flight)
      // where no tag is declared the load may name some all the same: then it counts what was invalidated since
      const { generation, seq } = acquired
      return { generation, markers: markers ?? (seq === undefined ? undefined : { seq, markers: [] }) }
    }
    if (acquired._tag === "Wait") {
      if (flight.refresh && flight.callers.size === 0 && flight.stale !== undefined) return LeasedElsewhere
      waited = true
      const pauseMillis = Math.max(1, Math.min(Defaults.polling.waitingPollMillis, acquired.leftMillis + 5, leftMillis))
      request.batch?.leave(flight, clock.currentTimeMillisUnsafe() + pauseMillis)
      yield* Effect.sleep(pauseMillis)
      // waiting for another process is not the store's slowness
      budget.leftMillis = flight.policy.storeTimeoutMillis ?? tier.storeTimeoutMillis
      request.batch?.comeBack(clock.currentTimeMillisUnsafe())
      continue
    }
    rejected++
    if (!flight.policy.readsStore) {
      // what is stored is to be replaced, whatever it is
      const { expiresAt, outcome, tags, writeId } = acquired.entry.meta
      flight.rejectedWriteId = writeId
      if (outcome === "success" && isGood(tags, declared, markers)) flight.protectedUntil = expiresAt
      continue
    }
    // not the one that was seen: it may be of use
    flight.changedWhileAsked = false
    const found = yield* fetch(tier, budget, { key: request.key, id, tags: declared })
    if (isFault(found)) return failWith(found)
    if (flight.changedWhileAsked) continue
    if (found instanceof Entry && serves(found)) return found
    flight.rejectedWriteId = found instanceof Entry ? found.writeId : found ?? acquired.entry.meta.writeId
  }
  return undefined
})

/** by the tags whose markers were asked for; the others count as they are */
const isGood = (
  tags: ReadonlyArray<TagVersion>,
  declared: ReadonlyArray<string>,
  markers: Markers | undefined
): boolean =>
  noneIsGone(
    { version: (tag) => markers?.markers[declared.indexOf(tag)]?.version },
    tags.filter(({ tag }) => declared.includes(tag))
  )

/** Prolongs the lease for as long as the load runs, or until another has it. */
const renewing = (tier: StoreTier, flight: Flight, owner: string): Lease => {
  const { leaseMillis, store } = tier
  const again: Effect.Effect<void> = Effect.flatMap(
    Effect.suspend(() => ask(tier, { leftMillis: leaseMillis }, "renew", store.renew(flight.id, owner, leaseMillis))),
    (kept) => kept === false ? Effect.void : later
  )
  const later = Effect.andThen(Effect.sleep(leaseMillis / 3), again)
  return { tier, owner, renewal: Effect.runForkWith(flight.context)(later), isStored: false }
}
