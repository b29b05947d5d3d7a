/** The steps of a flight that uses a store: fetch the entry, acquire the lease, load, commit the result. */
import { fitsStore, withDependencies } from "#platform/engine/derived/dependencies"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { TagVersion } from "../../../CacheEntry.ts"
import type { StoreError } from "../../../CacheError.ts"
import type { CommitRequest, Store } from "../../../ports/store.ts"
import { leftToOthersMillis } from "../../defaults/processes.ts"
import { only } from "../../store/many.ts"
import { isKeptOut } from "../../store/tooLarge.ts"
import { failStrict, missed, serveStaleToLate } from "../flight/callers.ts"
import { beginAsking, isOutdated, loadEnded } from "../flight/flight.ts"
import { exitOf, toEntry } from "../flight/result.ts"
import { isStorable } from "../flight/watches.ts"
import { answerBehind } from "../flight/work.ts"
import { counted } from "../load/load.ts"
import { Entry, protectedUntilOf } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import { adopt } from "../request/adopt.ts"
import { planOf, servedAs } from "../request/decide.ts"
import { declaredTags } from "../request/requestTags.ts"
import { planOfFlight } from "../request/rules.ts"
import { holdOff } from "../request/throttle.ts"
import type { Flight, Flights } from "../state.ts"
import { ask, type Asking } from "../storeTier/ask.ts"
import { encode } from "../storeTier/codec.ts"
import { isFault } from "../storeTier/faults.ts"
import { fetch } from "../storeTier/fetch.ts"
import { addUnanswered } from "../storeTier/makeStoreTier.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import { asksTogether, type Budget, Rejected, rejectedBy, type WriteGrant } from "../storeTier/storeTier.ts"
import { type LateMarkers, versionsToWrite } from "../storeTier/tagVersions.ts"
import * as Job from "../telemetry/job.ts"
import { noteWritten } from "../telemetry/writtenBytes.ts"
import { acquireLease, LeasedElsewhere } from "./acquireLease.ts"
import { orAfterOthers } from "./commitAfter.ts"
import { commitTogether, getTogether, isCrowded, readsTogether } from "./together.ts"

export const throughStore = Effect.fnUntraced(function*(
  self: Flights,
  flight: Flight,
  load: Effect.Effect<unknown, unknown, any>
): Effect.fn.Return<unknown, unknown, any> {
  const tier = self.storeTier!
  const budget: Budget = {
    leftMillis: flight.storeMillis ?? flight.request.batch?.options.leftMillis ?? flight.policy.storeTimeoutMillis ??
      tier.storeTimeoutMillis,
    flight
  }
  const canShare = readsTogether(tier)
  const isTogether = flight.readsStore && asksTogether(tier, flight.counters)
  const isCrowd = flight.readsStore && (canShare || isTogether) && isCrowded(self, { tier, budget }, flight)
  const get = isCrowd && canShare ? getTogether(self, tier) : undefined
  const reading: Reading = { tier, budget, get }
  // `acquireLease` then also asks for the entry. Many flights ask for their leases in waves instead.
  const isOneQuestion = isTogether && flight.policy.writes &&
    flight.request.batch === undefined && !Pending.isPending(tier.pending, flight.id) && !isCrowd
  if (flight.readsStore && !isOneQuestion) {
    const found = yield* lookUp(self, flight, reading)
    if (found !== undefined) return yield* found.exit
  }
  if (!flight.policy.writes) return yield* counted(flight, load)
  const grant = yield* acquireLease(self, flight, reading, {
    serves: (found) => serves(self, flight, found),
    lookUp: lookUp(self, flight, reading)
  })
  if (grant instanceof Entry) return yield* grant.exit
  missed(self, flight)
  if (Exit.isExit(grant)) return yield* grant
  if (grant === LeasedElsewhere) return yield* leaveToOthers(self, flight, self.time.now(flight.starter.clock))
  if (flight.lease !== undefined) flight.lease.markers = grant?.markers
  flight.conclude = (exit) => conclude(self, flight, grant && { ...grant, tier, budget }, exit)
  return yield* Effect.flatMap(Effect.exit(counted(flight, load)), flight.conclude)
})

interface Reading extends Asking {
  readonly get: Store["get"] | undefined
}

/** Asks the store for the entry without the lease. Returns the entry if the flight's callers can be served with it. */
const lookUp = Effect.fnUntraced(function*(
  self: Flights,
  flight: Flight,
  reading: Reading
): Effect.fn.Return<Entry | undefined, never, any> {
  const { budget, tier } = reading
  const rejected = flight.rejectedWriteId
  beginAsking(flight)
  const found = yield* fetch(tier, budget, {
    key: flight.request.key,
    id: flight.id,
    tags: declaredTags(self, flight.request),
    get: reading.get
  })
  if (isFault(found)) {
    missed(self, flight)
    failStrict(self, flight, found)
  } else if (isOutdated(flight)) flight.rejectedWriteId = undefined
  else if (found instanceof Rejected) {
    if (found.fault !== undefined) failStrict(self, flight, found.fault)
    flight.rejectedWriteId = rejectedBy(found) ?? rejected
  } else if (found !== undefined && found.writeId !== rejected && serves(self, flight, found)) {
    // A value that the store has not acknowledged does not enter memory again, where it could stay too long.
    if (Pending.isPending(tier.pending, flight.id)) flight.changedAt = Infinity
    return found
  }
  missed(self, flight)
  return undefined
})

interface Writing extends WriteGrant, Asking {
  readonly lateMarkers?: LateMarkers | undefined
}

const conclude = Effect.fnUntraced(function*(
  self: Flights,
  flight: Flight,
  writing: Writing | undefined,
  exit: Exit.Exit<unknown, unknown>
): Effect.fn.Return<unknown, unknown, any> {
  const answer = endLoad(self, flight, { exit, isWritten: writing !== undefined, clock: yield* Clock.Clock })
  if (flight.entry !== undefined && writing !== undefined) yield* write(self, flight, flight.entry, writing)
  return yield* answer
})

interface Ended {
  readonly exit: Exit.Exit<unknown, unknown>
  readonly isWritten: boolean
  readonly clock: Clock.Clock
}

/** Makes the entry of a flight whose load has ended. Returns the answer, which some callers get before the write. */
export const endLoad = (
  self: Flights,
  flight: Flight,
  { clock, exit, isWritten }: Ended
): Exit.Exit<unknown, unknown> => {
  loadEnded(flight)
  const outcome = exitOf(flight, exit)
  const now = self.time.now(clock)
  flight.entry = toEntry(self, flight, outcome, now)
  // Callers share a failure, whatever has changed, unless it is stored and so can be outdated like a value.
  if (flight.entry === undefined && Exit.isFailure(outcome)) flight.changedAt = 0
  if (flight.entry !== undefined && flight.storable) Pending.giveUp(self.storeTier!.pending, flight.id)
  if (flight.entry !== undefined && !isWritten) unsaved(flight)
  // With `copy`, callers receive the entry's own copy, because the user's code may change the value during the write.
  const answer = flight.entry?.exit ?? outcome
  if (flight.entry !== undefined && isWritten && Exit.isSuccess(answer)) {
    flight.endedAt = now
    flight.loaded = answer
    answerBehind(self, flight)
  }
  return answer
}

/** The store could not keep a result that should be stored. */
const unsaved = ({ starter, storable }: Flight): void => {
  if (storable) Job.note(starter.context, "unsaved", 1)
}

/** Serves the stale value and starts no load for a moment, so that the process with the lease can store a new one. */
const leaveToOthers = (self: Flights, flight: Flight, now: number): Effect.Effect<unknown, unknown> => {
  const entry = flight.stale!
  flight.found = { entry, served: "storeDue", refreshDue: false, mutations: self.mutations }
  if (flight.storable) holdOff(self, flight.id, now, leftToOthersMillis)
  return entry.exit
}

const serves = (self: Flights, flight: Flight, found: Entry): boolean => {
  const { request, starter } = flight
  const now = self.time.now(starter.clock)
  const plan = planOfFlight(request, () => {
    adopt(self, flight, found, now)
    return planOf(self, starter, request, found)
  })
  flight.rejectedWriteId = found.writeId
  if (plan === "Load") {
    flight.protectedUntil = protectedUntilOf(found)
    return false
  }
  if (plan === "LoadOrStale") {
    flight.stale = found
    missed(self, flight)
    serveStaleToLate(self, flight, now)
    return false
  }
  if (Memory.hasNewer(self.memory, self.tagEpochs, found, now)) flight.changedAt = Infinity
  flight.entry = found
  flight.found = {
    entry: found,
    served: servedAs(found, plan, now, "store"),
    refreshDue: plan === "ServeAndRefresh",
    mutations: self.mutations
  }
  return true
}

const write = Effect.fnUntraced(function*(
  self: Flights,
  flight: Flight,
  entry: Entry,
  asking: Writing
): Effect.fn.Return<void, never, any> {
  const prepared = yield* prepare(self, flight, entry, asking)
  if (prepared === undefined) return
  const { budget, tier } = asking
  const { entry: stored, generation, id } = prepared
  const accepted = yield* asking.isOfWave === true
    ? commitTogether(self, { id, generation, entry: stored, flight }, asking)
    : ask(tier, budget, "commit", only(tier.store.commit([{ id, generation, entry: stored }])))
  const final = self.isPrivate ? yield* orAfterOthers(asking, { ...prepared, flight }, accepted) : accepted
  committed(flight, prepared, final)
})

export interface Prepared extends CommitRequest {
  readonly tags: ReadonlyArray<TagVersion>
  readonly captures: number
}

/** Makes the request that commits an entry. Returns `undefined` if the entry must not enter the store. */
export const prepare = Effect.fnUntraced(function*(
  self: Flights,
  flight: Flight,
  entry: Entry,
  asking: Writing
): Effect.fn.Return<Prepared | undefined, never, any> {
  const { generation, markers, tier } = asking
  const { pending } = tier
  const { id, request } = flight
  if (!isStorable(self, flight)) return undefined
  if (Pending.isPending(pending, id) || Pending.areTagsPending(pending, entry.tags)) {
    unsaved(flight)
    return undefined
  }
  const { dependencies } = flight.attempt
  // The entry may still enter memory, which checks the tags by their epochs.
  if (dependencies !== undefined && !fitsStore(self, flight, dependencies, entry)) return undefined
  const own = yield* versionsToWrite(asking, dependencies?.own ?? entry.tags, declaredTags(self, request), markers)
  if (isFault(own)) {
    unsaved(flight)
    return void failStrict(self, flight, own)
  }
  if (own === undefined) return undefined
  const tags = dependencies === undefined ? own : withDependencies(dependencies, own)
  if (tags === undefined) {
    // One value that the load has read is older than a change, and another value is newer.
    flight.storable = false
    return undefined
  }
  const stored = yield* encode(tier, request.key, entry, tags)
  if (isFault(stored)) {
    unsaved(flight)
    return void failStrict(self, flight, stored)
  }
  if (stored === undefined || !flight.storable) return undefined
  if (self.listeners.events !== undefined) noteWritten(entry, stored.payload.length)
  addUnanswered(tier, id)
  // `captures` is taken before the commit, because a marker captured later may follow a removal of this entry.
  return { id, generation, entry: stored, tags, captures: tier.captures }
})

export const committed = (flight: Flight, { captures, id, tags }: Prepared, accepted: boolean | StoreError): void => {
  const { engine } = flight
  if (isFault(accepted) && !isKeptOut(accepted)) {
    unsaved(flight)
    return failStrict(engine, flight, accepted)
  }
  engine.storeTier!.unanswered.delete(id)
  if (isFault(accepted)) return
  // The generation has ended, so there may be a newer result, which this one must not hide in memory.
  if (!accepted) {
    flight.storable = false
    return
  }
  flight.versions = tags
  flight.asOf = captures
  if (flight.lease !== undefined) flight.lease.isStored = true
}
