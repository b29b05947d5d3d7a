/**
 * Stubs for keys that only one bulk call wants. A flight takes several hundred bytes and a microsecond, so such a key
 * has a stub, which becomes a flight as soon as anything else looks up the id's flight. Over a store, the stub also
 * becomes a flight if its lease is another process's, or when its result is about to be stored.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { stubs as limits } from "../../defaults/bounds.ts"
import type { IdMap } from "../../idMap.ts"
import * as Turns from "../../time/turns.ts"
import { publish } from "../flight/complete.ts"
import { makeFlight } from "../flight/flight.ts"
import { toEntry } from "../flight/result.ts"
import * as Watches from "../flight/watches.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { refusal } from "../read/validate.ts"
import { allowFallback } from "../request/answers.ts"
import * as Policy from "../request/callPolicy.ts"
import { readContextOf } from "../request/context.ts"
import { declaredTags } from "../request/requestTags.ts"
import { isLimited, optionOf, rulesOf } from "../request/rules.ts"
import type { Batch, Flight, Flights, Request, StubIndex } from "../state.ts"
import { tellLoad, tellMiss } from "../telemetry/tell.ts"
import type { Missing, StubSteps } from "./missingKey.ts"
import type { Reading } from "./reading.ts"

type Scratch = { -readonly [name in keyof Flight]: Flight[name] }

interface StubsOfCall extends StubSteps {
  readonly stubs: IdMap<Missing>
  /** Whether no result may be stored and no stub joined, because everything was invalidated. */
  isDetached: boolean
  /** The engine's `mutations` when the stubs were made, and after changes of the store may have been missed. */
  readonly askedAt: number
  changedAt: number
  /** The number of stubs that `waitingToFlights` has made flights. */
  shown: number
  readonly engine: Flights
  readonly reading: Reading
  readonly batch: Batch
  /** Adds the read as a caller of the flight that a stub has become. */
  readonly join: (stub: Missing, request: Request, flight: Flight) => void
  readonly answer: (stub: Missing, exit: Exit.Exit<unknown, unknown>) => void
  /** A single flight object, reused for each stub in turn to put the stub's result in memory. */
  scratch: Scratch | undefined
}

/** Returns `undefined` if all keys need flights, for example because of timeouts, `copy`, listeners or a cluster. */
export const make = (
  engine: Flights,
  reading: Reading,
  options: Pick<StubsOfCall, "batch" | "join" | "answer">
): StubsOfCall | undefined => {
  const { fiber, many: { isPerKey, template }, policy } = reading
  const { span, within } = readContextOf(engine, fiber)
  const isPlain = policy === Policy.standard && !isPerKey && within === undefined &&
    (engine.throughStore === undefined || span === undefined && isOneServer(engine)) &&
    !engine.isPrivate && engine.listeners.events === undefined &&
    optionOf(engine, template, "copy") === undefined && !isLimited(engine, template)
  const { missing } = reading
  const { stubs } = engine.flights
  if (!isPlain || missing.size < limits.least || (stubs?.calls.size ?? 0) >= limits.calls) return undefined
  const { calls } = engine.flights.stubs ??= makeIndex()
  const self: StubsOfCall = {
    engine,
    reading,
    ...options,
    stubs: missing,
    isDetached: false,
    askedAt: engine.mutations,
    changedAt: 0,
    shown: 0,
    scratch: undefined,
    requestOf: ({ key, tags }) => {
      const request = reading.many.requestOf(key, options.batch)
      if (tags !== undefined) rulesOf(engine, request).tags = tags
      return request
    },
    toFlight: (stub) => toFlight(self, stub),
    end: (stub, exit, leader) => end(self, stub, exit, leader)
  }
  calls.add(self)
  return self
}

/** In a transaction, loads run other steps, and on a cluster each flight asks alone. */
const isOneServer = ({ storeTier }: Flights): boolean =>
  storeTier !== undefined && storeTier.store.capabilities.sharded !== true

const makeIndex = (): StubIndex => {
  const calls = new Set<StubsOfCall>()
  const all = function*(): Iterable<Missing> {
    for (const { stubs } of calls) yield* stubs.values()
  }
  return {
    calls,
    all,
    toFlight: (id, asking) => {
      for (const call of calls) {
        const stub = call.isDetached || call === asking ? undefined : call.stubs.get(id)
        if (stub?.isOpen === true) return stub.toFlight()
      }
      return undefined
    },
    allToFlights: Effect.suspend(() => Turns.forEach(all(), (one) => void (one.isOpen && one.toFlight()))),
    detachAll: () => {
      for (const call of calls) call.isDetached = true
      for (const { batch, stubs } of calls) batch.releaseLeases(stubs.values())
    },
    releaseOutdated: (isGone) => {
      for (const { batch, engine, stubs } of calls) batch.releaseLeases(outdated(engine, stubs, isGone))
    },
    outdateAll: () => {
      for (const call of calls) call.changedAt = call.engine.mutations
    },
    waitingToFlights: (limit) => {
      for (const call of calls) {
        if (call.batch.doing() !== "waiting") continue
        for (const stub of call.stubs.values()) {
          if (call.shown >= limit) break
          if (!stub.isOpen) continue
          stub.toFlight()
          call.shown++
        }
      }
    }
  }
}

/** The stubs with leases whose tags were invalidated after their loads began. */
function* outdated(
  { tagEpochs }: Flights,
  stubs: IdMap<Missing>,
  isGone: Parameters<StubIndex["releaseOutdated"]>[0]
): Iterable<Missing> {
  for (const stub of stubs.values()) {
    const { bornAt, lease, tags = [] } = stub
    if (stub.generation === undefined || !TagEpochs.changedSince(tagEpochs, tags, bornAt)) continue
    if (isGone(tags, () => lease?.markersOf(stub.requestOf()))) yield stub
  }
}

/** Removes the stubs of a call. If no call has stubs, removes the index too: misses then need not look for any. */
export const close = (self: StubsOfCall): void => {
  const { flights } = self.engine
  flights.stubs?.calls.delete(self)
  if (flights.stubs?.calls.size === 0) flights.stubs = undefined
}

export const add = (self: StubsOfCall, stub: Missing): boolean => {
  const { batch, engine, reading: { many } } = self
  const { asked, id, key, stale } = stub
  const usesStore = engine.throughStore !== undefined
  const request = many.requestOf(key, batch)
  if (
    self.isDetached || !batch.hasLeader(usesStore) || stale !== undefined || usesStore && !asked ||
    engine.flights.has(id, self) || engine.ending.has(id) || engine.closed ||
    Memory.peek(engine.memory, engine.tagEpochs, id) !== undefined ||
    refusal(engine, request) !== undefined
  ) return false
  if (usesStore) stub.tags = declaredTags(engine, request)
  Watches.noteChange(engine, id)
  stub.steps = self
  // A stub must not keep an entry alive that memory has removed.
  if (stub.former !== undefined) stub.know({ former: undefined })
  stub.bornAt = engine.tagEpochs.epoch
  stub.isOpen = true
  batch.addStub(stub, usesStore)
  tellMiss(engine, key, id)
  return true
}

const toFlight = (self: StubsOfCall, stub: Missing): Flight => {
  const { batch, engine } = self
  const request = self.requestOf(stub)
  // This may poll the store. If a change of this id is reported then, the stub has become a flight already.
  readContextOf(engine, self.reading.fiber)
  if (stub.flight !== undefined) return stub.flight
  const flight = flightOf(self, stub, request)
  stub.flight = flight
  stub.isOpen = false
  flight.askedAt = self.askedAt
  flight.changedAt = self.changedAt
  if (self.isDetached) flight.storable = false
  else engine.flights.set(flight)
  self.join(stub, request, flight)
  batch.replaceStub(stub)
  return flight
}

const flightOf = ({ engine, reading: { fiber, policy } }: StubsOfCall, stub: Missing, request: Request): Flight =>
  makeFlight(engine, {
    id: stub.id,
    request,
    policy,
    refresh: false,
    rejectedWriteId: stub.rejectedWriteId,
    readsStore: false,
    parent: undefined,
    stale: undefined,
    starter: readContextOf(engine, fiber),
    bornAt: stub.bornAt
  })

/** Ends a stub with the result of its key. Returns `false` if the stub must become a flight first. */
const end = (self: StubsOfCall, stub: Missing, exit: Exit.Exit<unknown, unknown>, leader: Flight): boolean => {
  const { engine } = self
  if (Exit.isFailure(exit) || engine.listeners.events !== undefined) return false
  const { endedAt = 0, startedAt = 0 } = leader.attempt
  const request = self.requestOf(stub)
  const scratch = self.scratch ??= flightOf(self, stub, request) as Scratch
  scratch.id = stub.id
  scratch.request = request
  scratch.bornAt = stub.bornAt
  scratch.storable = !self.isDetached
  scratch.attempt.startedAt = startedAt
  scratch.attempt.endedAt = endedAt
  scratch.endedAt = endedAt
  scratch.entry = toEntry(engine, scratch, exit, endedAt)
  // A function of the user, called by `toEntry`, has looked up the id's flight, so the stub has become a flight.
  if (!stub.isOpen) return false
  stub.isOpen = false
  publish(engine, scratch)
  if (engine.failing.size > 0) engine.failing.delete(scratch.counters)
  allowFallback(engine, scratch)
  const millis = Math.max(0, endedAt - startedAt)
  tellLoad(engine, scratch, exit, millis)
  engine.meter?.served(scratch.counters, "load")
  self.answer(stub, scratch.entry?.exit ?? exit)
  return true
}
