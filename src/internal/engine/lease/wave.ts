/** Runs store operations for many flights at once, both for the flights of bulk calls and for single flights. */
import * as Effect from "effect/Effect"
import type { StoreError } from "../../../CacheError.ts"
import type { Acquired, CommitRequest, Markers } from "../../../ports/store.ts"
import { many } from "../../defaults/bounds.ts"
import { forEachWave } from "../../time/waves.ts"
import { failStrict } from "../flight/callers.ts"
import { releaseLease } from "../flight/ending.ts"
import { beginAsking } from "../flight/flight.ts"
import { declaredTags } from "../request/requestTags.ts"
import { optionOf } from "../request/rules.ts"
import type { Flight, FlightLease, Flights } from "../state.ts"
import { ask, askForAll, type Many } from "../storeTier/ask.ts"
import { supervise, type Worker } from "../storeTier/background.ts"
import { isFault, isRefusal } from "../storeTier/faults.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import { type Budget, Elsewhere, type Fault, type StoreTier, type WriteGrant } from "../storeTier/storeTier.ts"
import { isLate, leaseOf, lookBefore, nowOf, renewalMillis, renewalPauseMillis } from "./held.ts"
import { askEvidence } from "./unasked.ts"

export interface Wave {
  readonly tier: StoreTier
  readonly engine: Flights
  readonly owner: string
  readonly budgetMillis: number
  /** An array, because a `Set` of a million flights blocks the event loop whenever it grows. */
  renewed: Array<Renewed>
  renewedLeft: number
  renewal: Worker | undefined
  /** Whether the store has exceeded the budget of a request. If so, it is not asked again. */
  isTooSlow: boolean
  /** The budget of the read, if one wave contains all flights. Otherwise, each request of a wave has its own budget. */
  readonly whole: Budget | undefined
}

export const makeWave = (first: Flight, whole: Budget | undefined): Wave => {
  const { engine, policy } = first
  const tier = engine.storeTier!
  return {
    tier,
    engine,
    owner: engine.tokens.next(8),
    budgetMillis: policy.storeTimeoutMillis ?? tier.storeTimeoutMillis,
    renewed: [],
    renewedLeft: 0,
    renewal: undefined,
    isTooSlow: false,
    whole
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

/** Acquires leases, and notes the `waveAnswer` of each flight that the store has answered. */
export const acquire = Effect.fnUntraced(function*(
  self: Wave,
  wave: ReadonlyArray<Flight>
): Effect.fn.Return<void, never, any> {
  const { engine, tier } = self
  const { pending, store } = tier
  engine.tagEpochs.ensureTracking?.()
  askEvidence(engine, tier, wave[0]!)
  const asked = wave.filter(({ id }) => !Pending.isPending(pending, id))
  if (asked.length === 0) return
  const declared = asked.map(({ request }) => declaredTags(engine, request))
  const names = Array.from(new Set(declared.flat()))
  const hasLate = asked.some(({ request }) => typeof request.options.tags === "function")
  const markers = names.length === 0 && !hasLate
    ? undefined
    : yield* askWave(self, "markers", store.markers(names))
  const withMarkers = isFault(markers) ? failTagged(engine, asked, declared, markers) : asked
  const pick = markers === undefined || isFault(markers) ? undefined : pickerOf(markers, names)
  return yield* acquireLeases(self, withMarkers, ({ request }) => pick?.(declaredTags(engine, request)))
})

/** Returns the flights without declared tags. The others lack markers: strict callers fail, and no result is stored. */
const failTagged = (
  engine: Flights,
  flights: ReadonlyArray<Flight>,
  declared: ReadonlyArray<ReadonlyArray<string>>,
  fault: Fault
): ReadonlyArray<Flight> =>
  flights.filter((flight, i) => {
    if (declared[i]!.length > 0) failStrict(engine, flight, fault)
    return declared[i]!.length === 0
  })

/** Returns a function that picks the markers of some tags. For all tags, the usual case, it returns `all` itself. */
export const pickerOf = (all: Markers, names: ReadonlyArray<string>) => {
  const places = new Map(names.map((name, i) => [name, i]))
  return (tags: ReadonlyArray<string>): Markers =>
    tags.length === names.length && tags.every((tag, i) => tag === names[i])
      ? all
      : { seq: all.seq, markers: tags.map((tag) => all.markers[places.get(tag)!]!) }
}

const acquireLeases = Effect.fnUntraced(function*(
  self: Wave,
  flights: ReadonlyArray<Flight>,
  markersOf: (flight: Flight) => Markers | undefined
): Effect.fn.Return<void, never, any> {
  const { engine, owner, tier } = self
  const { leaseMillis, store } = tier
  const asked = flights.filter(({ exit }) => exit === undefined)
  if (asked.length === 0) return
  const isExclusive = optionOf(engine, asked[0]!.request, "lease") ?? store.capabilities.shared
  const leases = asked.map((flight): FlightLease | undefined => {
    beginAsking(flight)
    const renewal = isExclusive ? new Renewed(self, flight) : undefined
    return flight.lease = isExclusive || store.capabilities.shared ? leaseOf(tier, owner, renewal) : undefined
  })
  const isSent = budgetOf(self).leftMillis > 0
  const askedAt = nowOf(tier)
  const requests = asked.map(({ id, rejectedWriteId }) => ({
    id,
    owner,
    leaseMillis,
    rejectedWriteId,
    join: !isExclusive
  }))
  const answers = yield* requestAll(self, requests, {
    operation: "acquire",
    all: store.acquireMany,
    one: ({ id, ...options }) => store.acquire(id, options)
  })
  const { epoch } = engine.tagEpochs
  lookBefore(engine, asked[0]!)
  asked.forEach((flight, i) => {
    const answer = answers[i]!
    if (isFault(answer)) {
      if (isSent && isLate(tier, answer)) releaseLease(flight)
      flight.lease = undefined
      return failStrict(engine, flight, answer)
    }
    if (answer._tag !== "Granted") {
      flight.lease = undefined
      if (flight.exit === undefined) flight.waveAnswer = new Elsewhere(answer, owner, markersOf(flight))
      return
    }
    // The flight was abandoned or detached meanwhile, and its release may have reached the store before the grant.
    if (flight.exit !== undefined || !flight.storable || flight.lease !== leases[i]) {
      flight.lease = undefined
      return leases[i]?.release(flight, undefined)
    }
    if (flight.bornAt === epoch) flight.bornAt = engine.tagEpochs.epoch
    if (isExclusive) {
      flight.lease!.heldUntil = askedAt + leaseMillis
      renew(self, flight.lease!.renewal as Renewed)
    }
    flight.waveAnswer = grantOf(answer, markersOf(flight))
  })
})

const grantOf = (
  { generation, seq }: Extract<Acquired, { readonly _tag: "Granted" }>,
  markers: Markers | undefined
): WriteGrant => ({
  generation,
  markers: markers ?? (seq === undefined ? undefined : { seq, markers: [] }),
  isOfWave: true
})

/** The renewal of one flight's lease. Once the last lease of a wave is no longer renewed, the wave's worker stops. */
class Renewed implements Worker {
  readonly wave: Wave
  readonly flight: Flight
  isOpen = false

  constructor(wave: Wave, flight: Flight) {
    this.wave = wave
    this.flight = flight
  }

  end(): void {
    if (this.isOpen) this.wave.renewedLeft--
    this.isOpen = false
  }

  interruptUnsafe(): void {
    const { wave } = this
    this.end()
    if (wave.renewedLeft > 0) return
    wave.renewed = []
    wave.renewal?.interruptUnsafe()
    wave.renewal = undefined
  }
}

export const renewTogether = (first: Flight, owner: string) => {
  const wave: Wave = { ...makeWave(first, undefined), owner }
  return (flight: Flight): FlightLease => {
    const renewed = new Renewed(wave, flight)
    renew(wave, renewed)
    return leaseOf(wave.tier, owner, renewed)
  }
}

const renew = (wave: Wave, one: Renewed): void => {
  one.isOpen = true
  wave.renewed.push(one)
  wave.renewedLeft++
  wave.renewal ??= renewing(wave, one.flight)
}

/** One worker renews all leases after every third of their length, for at most `maxLoad`. */
const renewing = (self: Wave, { request: { maxLoadMillis }, starter }: Flight): Worker => {
  const { budgetMillis, owner, tier } = self
  const { leaseMillis, store } = tier
  let leftMillis = maxLoadMillis ?? tier.maxLoadMillis
  const renewAll = (wave: ReadonlyArray<Renewed>): Effect.Effect<void> => {
    const held = wave.filter((one) => {
      const { exit, lease } = one.flight
      const isHeld = lease !== undefined && !lease.isStored && exit === undefined
      if (!isHeld) one.end()
      return isHeld
    })
    if (held.length === 0) return Effect.void
    const until = nowOf(tier) + leaseMillis
    const renewing = askForAll(tier, { leftMillis: renewalMillis(leaseMillis, budgetMillis) }, held, {
      operation: "renew",
      all: (held) => store.renewMany(held.map(({ flight }) => flight.id), owner, leaseMillis),
      one: ({ flight }) => store.renew(flight.id, owner, leaseMillis)
    })
    return Effect.map(renewing, (answers) =>
      held.forEach((one, i) => {
        const answer = answers[i]!
        const { lease } = one.flight
        if (isFault(answer)) return
        if (lease !== undefined) lease.heldUntil = answer ? until : -Infinity
        if (!answer) one.end()
      }))
  }
  const after = (tookMillis: number): Effect.Effect<void> => {
    const pauseMillis = renewalPauseMillis(leaseMillis, tookMillis)
    return Effect.flatMap(Effect.sleep(pauseMillis), () => {
      leftMillis -= tookMillis + pauseMillis
      if (leftMillis <= 0 || self.renewedLeft === 0) {
        self.renewal = undefined
        return Effect.void
      }
      const renewed = self.renewed = self.renewed.filter(({ isOpen }) => isOpen)
      const beganAt = nowOf(tier)
      return Effect.flatMap(forEachWave(renewed, renewAll), () => after(nowOf(tier) - beganAt))
    })
  }
  return supervise(tier.background, { name: "renews the leases of a wave", context: starter.context, run: after(0) })
}

export const commitAll = Effect.fnUntraced(function*(
  self: Wave,
  commits: ReadonlyArray<CommitRequest>
): Effect.fn.Return<ReadonlyArray<boolean | StoreError>> {
  const { store } = self.tier
  const requests = commits.map(({ entry, generation, id }) => ({ id, generation, entry }))
  const commitOne = ({ entry, generation, id }: CommitRequest) => store.commit(id, generation, entry)
  const accepted = yield* requestAll(self, requests, { operation: "commit", all: store.commitMany, one: commitOne })
  const [first] = accepted
  if (store.capabilities.sharded === true || !isFault(first) || !isRefusal("commit", first)) return accepted
  // The store has refused one of the values, but may have stored some of the others.
  const stored = yield* askWave(self, "getMany", store.getMany(requests.map(({ id }) => id)))
  const commitAlone = (request: CommitRequest, i: number): Effect.Effect<boolean | StoreError> =>
    !isFault(stored) && stored[i]?.meta.writeId === request.entry.meta.writeId
      ? Effect.succeed(true)
      : askWave(self, "commit", commitOne(request))
  return yield* Effect.forEach(requests, commitAlone, { concurrency: many.concurrency })
})
