/** Makes flights, and moves them from phase to phase. A flight is one load of one id, shared by its callers. */
import type * as Exit from "effect/Exit"
import { monotonicMillis } from "../../time/monotonic.ts"
import type { Entry } from "../memory/entry.ts"
import { endAttempt, makeAttempt } from "../request/attempt.ts"
import { noContext } from "../request/context.ts"
import type { Attempt, Flight, Flights, Policy, ReadContext } from "../state.ts"
import { linkTo } from "../telemetry/spans.ts"
import { countersOf } from "../telemetry/stats.ts"
import { isFresh } from "../telemetry/tell.ts"
import { CallerList } from "./callerList.ts"

interface FlightOptions {
  readonly id: string
  readonly request: Flight["request"]
  readonly policy: Policy
  readonly refresh: boolean
  readonly rejectedWriteId: string | undefined
  readonly readsStore: boolean
  readonly parent: Flight | undefined
  readonly stale: Entry | undefined
  readonly protectedUntil?: number | undefined
  readonly storeMillis?: number | undefined
  readonly starter: ReadContext
  /** The tag epoch at the flight's start, if the flight started before `makeFlight` was called. */
  readonly bornAt?: number | undefined
}

export const makeFlight = (self: Flights, options: FlightOptions): Flight => {
  const { id, parent, policy, readsStore, refresh, rejectedWriteId, request, stale, starter } = options
  const flight: Flight = {
    engine: self,
    id,
    request,
    policy,
    refresh,
    bornAt: options.bornAt ?? self.tagEpochs.epoch,
    since: self.watches.step,
    readsStore,
    storeMillis: options.storeMillis,
    depth: parent === undefined ? 1 : parent.depth + 1,
    callers: new CallerList(),
    counters: countersOf(self, request.key),
    phase: "Queued",
    attempt: makeAttempt(id),
    storable: true,
    pinned: refresh,
    abandoned: false,
    isOrphan: false,
    hasRerun: false,
    restartedAt: undefined,
    restarts: 0,
    patient: undefined,
    ranTooLong: false,
    askedAt: 0,
    changedAt: 0,
    rejectedWriteId,
    protectedUntil: options.protectedUntil ?? -Infinity,
    stale,
    fault: undefined,
    found: undefined,
    entry: undefined,
    exit: undefined,
    loaded: undefined,
    isBehind: false,
    endedAt: 0,
    asOf: 0,
    versions: undefined,
    older: undefined,
    newer: undefined,
    starter,
    parent,
    fiber: undefined,
    lease: undefined,
    waveAnswer: undefined,
    unit: undefined,
    after: undefined,
    limit: undefined,
    conclude: undefined,
    trace: undefined
  }
  flight.attempt.flight = flight
  if (starter.span !== undefined) linkTo(flight, starter.span)
  request.batch?.add(flight)
  return flight
}

export const hasBegun = ({ attempt }: Flight): boolean => attempt.startedAt !== undefined

export const isToCome = (flight: Flight): boolean => flight.storable && flight.phase !== "Ended" && !hasBegun(flight)

/** Whether the store has yet to answer the flight. Until then, the flight's callers do not count as misses. */
export const isAskingStore = ({ phase, readsStore }: Flight): boolean =>
  phase === "AskingStore" || (phase === "Queued" && readsStore)

export const isRefresh = ({ policy, refresh }: Flight): boolean => refresh || policy.joins === "refresh"

export const isDerivedFromStale = ({ attempt, found }: Flight): boolean =>
  found === undefined ? attempt.fromStale : !isFresh(found.served)

/** Whether the load determines tags, which are known only at its end. */
export const hasLateTags = ({ attempt, request: { options } }: Flight): boolean =>
  typeof options.tags === "function" || attempt.annotations?.tags !== undefined

/** Whether the store's answer may be from before a change or, once the load has begun, its result. */
export const isOutdated = ({ askedAt, changedAt }: Flight): boolean => changedAt > askedAt

export const noteChanged = (flight: Flight): void => {
  flight.changedAt = flight.engine.mutations
}

/** Whether memory was cleared because of `maxStaleness` after the load began, so that the result may be too old. */
export const isBeforeClear = ({ storeTier }: Flights, flight: Flight): boolean =>
  storeTier?.untracked === true && hasBegun(flight) && storeTier.clearedAt > flight.askedAt

/** Moves a flight from `Queued` to `AskingStore`, or to `AwaitingLease` if the flight does not read the store. */
export const begin = (flight: Flight): void => {
  flight.phase = flight.readsStore ? "AskingStore" : "AwaitingLease"
}

/** Notes that the store is being asked. A change that is reported from now on may make the answer outdated. */
export const beginAsking = (flight: Flight): void => {
  const { mutations, storeTier } = flight.engine
  flight.askedAt = mutations
  flight.asOf = storeTier!.captures
}

/** Moves a flight to `Loading`. Changes made before this moment do not make the result outdated. */
export const beginLoading = (flight: Flight, now: number): void => {
  const { engine: { isPrivate, mutations, storeTier, watches }, policy } = flight
  // The private refresh whose load began last replaces those that overlap with it.
  if (isPrivate && policy.joins === "refresh") flight.since = ++watches.step
  flight.phase = "Loading"
  countFrom(flight, now)
  flight.askedAt = mutations
  if (storeTier !== undefined) flight.asOf = storeTier.captures
}

/** The duration of the load counts from now. */
export const countFrom = ({ attempt, starter }: Flight, now: number): void => {
  attempt.startedAt = now
  attempt.aliveAt = attempt.beganAt = monotonicMillis(starter.clock)
}

export const nextAttempt = (flight: Flight, now: number): Attempt => {
  endAttempt(flight.attempt)
  const attempt = makeAttempt(flight.id)
  attempt.flight = flight
  flight.attempt = attempt
  flight.askedAt = flight.engine.mutations
  countFrom(flight, now)
  return attempt
}

/** Moves a flight from `Loading` to `Storing`. From now on, the result is stored even if the last caller leaves. */
export const loadEnded = (flight: Flight): void => {
  flight.phase = "Storing"
  flight.conclude = undefined
  flight.pinned = true
  endAttempt(flight.attempt)
}

export const endFlight = (flight: Flight, exit: Exit.Exit<unknown, unknown>, now: number): void => {
  flight.phase = "Ended"
  flight.exit = exit
  flight.endedAt = now
  flight.limit?.interruptUnsafe()
  // If this flight leads a batch call, the call may continue for other keys. The wait graph then needs the attempt.
  if (flight.request.batch?.isLedBy(flight) !== true) endAttempt(flight.attempt)
}

/** Clears the fields that only a running flight needs, so that a chain of loads does not retain all its flights. */
export const letGo = (flight: Flight): void => {
  flight.starter = noContext
  flight.parent = undefined
  flight.fiber = undefined
  flight.unit = undefined
  flight.patient = undefined
  flight.after = undefined
  flight.limit = undefined
  flight.conclude = undefined
}
