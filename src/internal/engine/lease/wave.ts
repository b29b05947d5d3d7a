/** Runs store operations for many flights at once, both for the flights of bulk calls and for single flights. */
import * as Effect from "effect/Effect"
import type { StoreError } from "../../../CacheError.ts"
import type { Acquired, CommitRequest, Markers } from "../../../ports/store.ts"
import { many } from "../../defaults/bounds.ts"
import { only } from "../../store/many.ts"
import { monotonicNow } from "../../time/monotonic.ts"
import * as Turns from "../../time/turns.ts"
import { forEachWave } from "../../time/waves.ts"
import { failStrict } from "../flight/callers.ts"
import { releaseLease } from "../flight/ending.ts"
import { beginAsking, isAskingStore } from "../flight/flight.ts"
import { declaredTags } from "../request/requestTags.ts"
import { optionOf } from "../request/rules.ts"
import type { Flight, FlightLease, Flights, Request, Stub, WaveContext } from "../state.ts"
import { ask, askForAll, type Many } from "../storeTier/ask.ts"
import { spawn, supervise, type Worker } from "../storeTier/background.ts"
import { damaged, isFault, isRefusal } from "../storeTier/faults.ts"
import { areAmong } from "../storeTier/fetch.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import { type Budget, Elsewhere, type Fault, type StoreTier, type WriteGrant } from "../storeTier/storeTier.ts"
import { isLate, leaseOf, renewalMillis, renewalPauseMillis, renewMillisOf } from "./held.ts"
import { beside, lacksMarkers, markersIn, readMarkers, type Tags, tagsOf } from "./markersOfWave.ts"
import { release } from "./releases.ts"

export interface Wave {
  readonly tier: StoreTier
  readonly engine: Flights
  readonly owner: string
  readonly budgetMillis: number
  /** An array, because a `Set` of a million flights blocks the event loop whenever it grows. */
  renewed: Array<Renewed | Stub>
  renewedLeft: number
  renewal: Worker | undefined
  renewedSince: number
  /** Whether the store has exceeded the budget of a request. If so, it is not asked again. */
  isTooSlow: boolean
  /** The budget of the read, if one wave contains all flights. Otherwise, each request of a wave has its own budget. */
  readonly whole: Budget | undefined
  /** Whether results are committed in waves, too: not that of a load that asks alone. */
  readonly isOfSeveral: boolean
  /** The last markers that were read. They are good for later requests, too: the loads begin even later. */
  known: Tags | undefined
  readonly context: WaveContext["starter"]["context"]
  readonly renewMillis: number
}

export const makeWave = (first: WaveContext, whole: Budget | undefined, isOfSeveral = true): Wave => {
  const { engine, policy, request, starter } = first
  const tier = engine.storeTier!
  return {
    tier,
    engine,
    owner: engine.tokens.next(8),
    budgetMillis: policy.storeTimeoutMillis ?? tier.storeTimeoutMillis,
    renewed: [],
    renewedLeft: 0,
    renewal: undefined,
    renewedSince: 0,
    isTooSlow: false,
    whole,
    isOfSeveral,
    known: undefined,
    context: starter.context,
    renewMillis: renewMillisOf({ engine, request })
  }
}

export const askWave = <A>(
  self: Wave,
  operation: string,
  request: Effect.Effect<A, StoreError>
): Effect.Effect<A | StoreError> =>
  Effect.map(ask(self.tier, budgetOf(self), operation, request), (answer) => {
    noteTimeout(self, answer)
    return answer
  })

const noteTimeout = (self: Wave, answer: unknown): void => {
  if (isFault(answer) && answer.reason === "Timeout") self.isTooSlow = true
}

export const budgetOf = ({ budgetMillis, isTooSlow, whole }: Wave): Budget =>
  whole ?? { leftMillis: isTooSlow ? 0 : budgetMillis }

const requestAll = <A, B>(
  self: Wave,
  items: ReadonlyArray<A>,
  many: Many<A, B>
): Effect.Effect<ReadonlyArray<B | StoreError>> =>
  Effect.map(askForAll(self.tier, budgetOf(self), items, many), (answers) => {
    if (answers.every(isFault)) answers.forEach((answer) => noteTimeout(self, answer))
    return answers
  })

/** A flight, or a key of a bulk call that has no flight yet. */
export type WaveMember = { readonly flight: Flight } | Stub & { readonly flight: undefined }

const idOf = (member: WaveMember): string => member.flight === undefined ? member.id : member.flight.id

const requestOf = (member: WaveMember): Request =>
  member.flight === undefined ? member.requestOf() : member.flight.request

const isWanted = (member: WaveMember): boolean =>
  member.flight === undefined ? member.isOpen : member.flight.exit === undefined

/** Acquires leases, and notes the `waveAnswer` of each flight, and the `generation` of each stub. */
export const acquire = Effect.fnUntraced(function*(
  self: Wave,
  wave: ReadonlyArray<WaveMember>
): Effect.fn.Return<void, never, any> {
  const { engine, tier: { pending } } = self
  engine.tagEpochs.ensureTracking?.()
  const asked = wave.filter((member) => !Pending.isPending(pending, idOf(member)))
  if (asked.length === 0) return
  const tags = tagsOf(self, asked.map(requestOf))
  const isAhead = tags.isNeeded && !tags.isBeside && tags.markers === undefined
  const answer = isAhead ? yield* askWave(self, "markers", readMarkers(self, tags)) : undefined
  return yield* acquireLeases(self, isFault(answer) ? failTagged(engine, asked, answer) : asked, tags)
})

/** Returns the flights without declared tags. The others lack markers: strict callers fail, and no result is stored. */
const failTagged = (engine: Flights, members: ReadonlyArray<WaveMember>, fault: Fault): ReadonlyArray<WaveMember> =>
  members.filter((member) => {
    const hasNone = declaredTags(engine, requestOf(member)).length === 0
    if (!hasNone && isWanted(member)) failStrict(engine, member.flight ?? member.toFlight(), fault)
    return hasNone
  })

const acquireLeases = Effect.fnUntraced(function*(
  self: Wave,
  members: ReadonlyArray<WaveMember>,
  tags: Tags
): Effect.fn.Return<void, never, any> {
  const { engine, owner, tier } = self
  const { leaseMillis, store } = tier
  const asked = members.filter(isWanted)
  if (asked.length === 0) return
  const { bornAt, isBeside } = tags
  const markersOf = markersIn(engine, tags)
  const isExclusive = !engine.isPrivate &&
    (optionOf(engine, requestOf(asked[0]!), "shareLoad") ?? store.capabilities.shared)
  const hasLease = isExclusive || store.capabilities.shared
  const common: NonNullable<Stub["lease"]> = { owner, isExclusive, hasLease, markersOf, seq: undefined }
  for (const member of asked) {
    const { flight } = member
    if (flight === undefined) member.lease = common
    else {
      beginAsking(flight)
      flight.lease = hasLease ? leaseIn(self, flight, common) : undefined
    }
  }
  const isSent = budgetOf(self).leftMillis > 0
  const askedAt = monotonicNow(tier.front)
  const requests = asked.map((member) => ({
    id: idOf(member),
    owner,
    leaseMillis,
    rejectedWriteId: (member.flight ?? member).rejectedWriteId,
    join: !isExclusive
  }))
  const answers = yield* requestAll(self, requests, {
    operation: "acquire",
    all: (requests) => beside(self, tags, store.acquire(requests))
  })
  const isLacking = isBeside && answers.some((answer) => lacksMarkers(tags, answer))
  // The lease of a flight that was detached is noted again: its release may have reached the store before the grant.
  if (isLacking && hasLease) {
    for (const { flight } of asked) if (flight !== undefined) flight.lease ??= leaseIn(self, flight, common)
  }
  const reread = isLacking ? yield* askWave(self, "markers", readMarkers(self, tags)) : undefined
  const isUnknown = (member: WaveMember): boolean =>
    isFault(reread) && declaredTags(engine, requestOf(member)).length > 0
  const { epoch } = engine.tagEpochs
  engine.tagEpochs.look?.()
  const late: Array<string> = []
  asked.forEach((member, i) => {
    const answer = answers[i]!
    const granted = !isFault(answer) && answer._tag === "Granted" ? answer : undefined
    if (member.flight === undefined && (!member.isOpen || granted !== undefined && !isUnknown(member))) {
      // Its reader has left, or everything was invalidated meanwhile.
      if (granted === undefined ? isSent && isLate(tier, answer) : !member.isOpen || !member.storable) {
        return void late.push(member.id)
      }
      if (granted === undefined) return
      member.generation = granted.generation
      if (granted.seq !== undefined) common.seq = Math.min(granted.seq, common.seq ?? Infinity)
      if (member.bornAt === epoch) member.bornAt = engine.tagEpochs.epoch
      if (isExclusive) renew(self, member)
      return
    }
    const flight = member.flight ?? member.toFlight()
    if (isFault(answer)) {
      if (isSent && isLate(tier, answer)) releaseLease(flight)
      flight.lease = undefined
      // A full server refuses all writes, such as `acquire`, but still answers reads (`acquireLease`).
      if (isAskingStore(flight)) return void (flight.waveAnswer = answer)
      return failStrict(engine, flight, answer)
    }
    if (answer._tag !== "Granted") {
      flight.lease = undefined
      if (flight.exit !== undefined) return
      const declared = declaredTags(engine, flight.request)
      const markers = markersOf(flight.request)
      const isWhole = isBeside && answer._tag === "Hit" && areAmong(answer.entry.meta.tags, declared)
      const versions = isWhole ? markers?.markers.map(({ version }) => version) : undefined
      const tagsRead = versions && { tags: declared, versions, bornAt }
      flight.waveAnswer = new Elsewhere({ ...answer, tagsRead }, owner, markers)
      return
    }
    // The flight was abandoned or detached meanwhile, and its release may have reached the store before the grant.
    if (flight.exit !== undefined || !flight.storable || hasLease && flight.lease === undefined) {
      flight.lease = undefined
      return void late.push(flight.id)
    }
    if (isFault(reread) && isUnknown(member)) {
      releaseLease(flight)
      return failStrict(engine, flight, reread)
    }
    if (answer.isDamaged === true && isAskingStore(flight)) damaged(tier, flight.request.key, flight.id)
    if (flight.bornAt === epoch) flight.bornAt = engine.tagEpochs.epoch
    if (isExclusive) {
      flight.lease!.heldUntil = askedAt + leaseMillis
      renew(self, flight.lease!.renewal as Renewed)
    }
    flight.waveAnswer = grantOf(answer, markersOf(flight.request), self.isOfSeveral)
  })
  if (hasLease) releaseAll(self, late)
})

const leaseIn = (self: Wave, flight: Flight, { isExclusive }: NonNullable<Stub["lease"]>): FlightLease =>
  leaseOf(self.tier, self.owner, isExclusive ? new Renewed(self, flight) : undefined)

/** Hands the lease of a stub over to its flight. If the store has not answered, its answer is for the flight. */
export const handOver = (self: Wave, stub: Stub, flight: Flight): void => {
  const { generation, lease } = stub
  if (lease === undefined) return
  // Everything was invalidated, and the turn in which this lease is given up has not come yet.
  if (!flight.storable && generation !== undefined) return releaseLeases(self, [stub])
  stub.lease = undefined
  stub.generation = undefined
  if (lease.hasLease) flight.lease = leaseIn(self, flight, lease)
  if (generation === undefined) return
  if (lease.isExclusive) {
    // The worker that renews the stub's lease is not started again: it may have ended after `maxLoad`.
    const renewal = flight.lease!.renewal as Renewed
    renewal.isOpen = true
    self.renewed.push(renewal)
  }
  flight.waveAnswer = grantOf({ generation, seq: lease.seq }, lease.markersOf(flight.request))
}

/** Gives up the leases of stubs, those of many over several turns. */
export const releaseLeases = (self: Wave, stubs: Iterable<Stub>): void => {
  const ids: Array<string> = []
  const giving = Turns.forEach(stubs, (stub) => {
    const { generation, lease } = stub
    stub.lease = undefined
    stub.generation = undefined
    if (generation === undefined || lease?.hasLease !== true) return
    ids.push(stub.id)
    if (lease.isExclusive) endRenewal(self)
  })
  // One job, because the end of the layer waits for it and starts no other.
  inBackground(self, Effect.andThen(giving, Effect.suspend(() => releasing(self, ids))))
}

const inBackground = ({ tier: { background, front } }: Wave, work: Effect.Effect<void>): void =>
  spawn(background, front.context, work)

const releaseAll = (self: Wave, ids: ReadonlyArray<string>): void => {
  if (ids.length > 0) inBackground(self, releasing(self, ids))
}

/** Releases leases. If the store is too slow, the others end by themselves. */
const releasing = ({ owner, tier }: Wave, ids: ReadonlyArray<string>): Effect.Effect<void> => {
  let isTooSlow = false
  const releaseOne = (id: string): Effect.Effect<void> => {
    if (isTooSlow) return Effect.void
    return Effect.map(release(tier, { id, owner }), (answer) => {
      if (isFault(answer) && answer.reason === "Timeout") isTooSlow = true
    })
  }
  return Effect.forEach(ids, releaseOne, { concurrency: many.concurrency, discard: true })
}

export const grantOf = (
  { generation, seq }: Pick<Extract<Acquired, { readonly _tag: "Granted" }>, "generation" | "seq">,
  markers: Markers | undefined,
  isOfWave = true
): WriteGrant => ({
  generation,
  markers: markers ?? (seq === undefined ? undefined : { seq, markers: [] }),
  isOfWave
})

/** The renewal of one flight's lease. Once the last lease of a wave is no longer renewed, the wave's worker stops. */
class Renewed implements Worker {
  readonly wave: Wave
  readonly flight: Flight
  isOpen = false
  private restarts = -1
  private endsAt = 0

  constructor(wave: Wave, flight: Flight) {
    this.wave = wave
    this.flight = flight
  }

  /** Whether the lease is to be renewed now: for `maxLoad` from the start of the attempt that runs. */
  isHeldAt(now: number): boolean {
    const { exit, lease, restarts } = this.flight
    if (lease === undefined || lease.isStored || exit !== undefined) {
      this.end()
      return false
    }
    if (restarts !== this.restarts) {
      this.endsAt = (restarts === 0 ? this.wave.renewedSince : now) + renewMillisOf(this.flight)
    }
    this.restarts = restarts
    return now < this.endsAt
  }

  end(): void {
    if (this.isOpen) this.wave.renewedLeft--
    this.isOpen = false
  }

  interruptUnsafe(): void {
    this.end()
    stopIfDone(this.wave)
  }
}

const endRenewal = (wave: Wave): void => {
  wave.renewedLeft--
  stopIfDone(wave)
}

const stopIfDone = (wave: Wave): void => {
  if (wave.renewedLeft > 0) return
  wave.renewed = []
  wave.renewal?.interruptUnsafe()
  wave.renewal = undefined
}

const isRenewed = (one: Renewed | Stub): boolean =>
  one.isOpen && (one instanceof Renewed || one.generation !== undefined)

export const renewTogether = (first: Flight, owner: string) => {
  const wave: Wave = { ...makeWave(first, undefined), owner }
  return (flight: Flight): FlightLease => {
    const renewed = new Renewed(wave, flight)
    renew(wave, renewed)
    return leaseOf(wave.tier, owner, renewed)
  }
}

const renewedId = (one: Renewed | Stub): string => one instanceof Renewed ? one.flight.id : one.id

const renew = (wave: Wave, one: Renewed | Stub): void => {
  if (one instanceof Renewed) one.isOpen = true
  wave.renewed.push(one)
  wave.renewedLeft++
  wave.renewal ??= renewing(wave)
}

/** One worker renews all leases after every third of their length. */
const renewing = (self: Wave): Worker => {
  const { budgetMillis, context, owner, renewMillis, tier } = self
  const { leaseMillis, store } = tier
  self.renewedSince = monotonicNow(tier.front)
  const isStubHeld = (one: Stub, now: number): boolean => now < self.renewedSince + renewMillis && isRenewed(one)
  const renewAll = (wave: ReadonlyArray<Renewed | Stub>): Effect.Effect<void> => {
    const now = monotonicNow(tier.front)
    const held = wave.filter((one) => one instanceof Renewed ? one.isHeldAt(now) : isStubHeld(one, now))
    if (held.length === 0) return Effect.void
    const until = now + leaseMillis
    const renewing = askForAll(tier, { leftMillis: renewalMillis(leaseMillis, budgetMillis) }, held, {
      operation: "renew",
      all: (held) => store.renew(held.map(renewedId), owner, leaseMillis)
    })
    return Effect.map(renewing, (answers) =>
      held.forEach((one, i) => {
        const answer = answers[i]!
        if (isFault(answer)) return
        // A stub's lease that is lost is asked for until its load has ended, in vain.
        if (!(one instanceof Renewed)) return
        const { lease } = one.flight
        if (lease !== undefined) lease.heldUntil = answer ? until : -Infinity
        if (!answer) one.end()
      }))
  }
  const after = (tookMillis: number): Effect.Effect<void> => {
    const pauseMillis = renewalPauseMillis(leaseMillis, tookMillis)
    return Effect.flatMap(Effect.sleep(pauseMillis), () => {
      // Later than `maxLoad`, a load may still run again.
      if (self.renewedLeft === 0) {
        self.renewal = undefined
        return Effect.void
      }
      const renewed = self.renewed = self.renewed.filter(isRenewed)
      const beganAt = monotonicNow(tier.front)
      return Effect.flatMap(forEachWave(renewed, renewAll), () => after(monotonicNow(tier.front) - beganAt))
    })
  }
  return supervise(tier.background, { name: "renews the leases of a wave", context, run: after(0) })
}

export const commitAll = Effect.fnUntraced(function*(
  self: Wave,
  commits: ReadonlyArray<CommitRequest>
): Effect.fn.Return<ReadonlyArray<boolean | StoreError>> {
  const { store } = self.tier
  const requests = commits.map(({ entry, generation, id }) => ({ id, generation, entry }))
  const accepted = yield* requestAll(self, requests, { operation: "commit", all: store.commit })
  const [first] = accepted
  if (store.capabilities.sharded === true || !isFault(first) || !isRefusal("commit", first)) return accepted
  // The store has refused one of the values, but may have stored some of the others.
  const stored = yield* askWave(self, "getMany", store.getMany(requests.map(({ id }) => id)))
  const commitAlone = (request: CommitRequest, i: number): Effect.Effect<boolean | StoreError> =>
    !isFault(stored) && stored[i]?.meta.writeId === request.entry.meta.writeId
      ? Effect.succeed(true)
      : askWave(self, "commit", only(store.commit([request])))
  return yield* Effect.forEach(requests, commitAlone, { concurrency: many.concurrency })
})
