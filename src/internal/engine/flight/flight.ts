/** A flight: one load of one id, shared by all who wait for it. Its phases, and the steps from one to the next. */
import { derives, hold, release } from "#platform/engine/derived/dependencies"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { TagVersion } from "../../../CacheEntry.ts"
import type { Entry } from "../memory/entry.ts"
import { type Attempt, endAttempt, makeAttempt } from "../request/attempt.ts"
import type { Policy } from "../request/callPolicy.ts"
import { noContext, type ReadContext } from "../request/context.ts"
import type { Request } from "../request/request.ts"
import type { Worker } from "../storeTier/background.ts"
import type { Fault } from "../storeTier/storeTier.ts"
import { linkTo, type Trace } from "../telemetry/spans.ts"
import { type Counters, countersOf } from "../telemetry/stats.ts"
import { Callers } from "./callerList.ts"
import type { Flights } from "./flights.ts"
import type { Unit } from "./refreshing.ts"

export type Resume = (effect: Effect.Effect<unknown, unknown, any>) => void

/** One caller of a flight. */
export interface Caller {
  readonly flight: Flight
  readonly request: Request
  readonly policy: Policy
  /** the try of a load in which this caller runs */
  readonly within: Attempt | undefined
  /** the tag epoch when it joined */
  joinedAt: number
  /** when it joined, in epoch milliseconds; `undefined` for a caller without timeouts */
  readonly since: number | undefined
  /** the stale value that it may fall back on */
  readonly stale: Entry | undefined
  /** another caller, or a refresh, started the flight */
  readonly joined: boolean
  readonly resume: Resume
  timers: ReadonlyArray<Fiber.Fiber<unknown>>
  /** past its `softTimeout`: it takes a stale value as soon as there is one */
  pastSoftTimeout: boolean
  /** its index in the list of callers */
  place: number
}

/** The lease of a flight. */
export interface Lease {
  /** renews it; `undefined` until it is granted */
  readonly renewal: Worker | undefined
  readonly owner: string
  /** asks the store to release it, with a note of the failure where the load failed */
  readonly release: (flight: Flight, failure: Exit.Failure<unknown, unknown> | undefined) => void
  /** the result is committed, which ended the lease: it need not be released */
  isStored: boolean
}

/** The entry with which a flight ends that does not load. */
export interface Found {
  readonly entry: Entry
  /** a load around this one reads a stale value */
  readonly isStale: boolean
  /** a load failed within `retryAfter`, so the stale entry is served instead of a load */
  readonly insteadOfLoad: boolean
  /** a refresh of the entry is due */
  readonly refreshDue: boolean
}

/**
 * - `Queued`: it has not started. It waits for a slot of refreshes, for another flight of its id, or for the scheduler
 * - `AskingStore`: its callers are not yet counted as misses
 * - `AwaitingLease`: the store has no usable entry
 * - `Loading`: the user's effect runs
 * - `Storing`: the load has ended, its result is written
 * - `Ended`: it has an `exit`
 */
type Phase = "Queued" | "AskingStore" | "AwaitingLease" | "Loading" | "Storing" | "Ended"

/** One load of one id, shared by all who wait for it. */
export interface Flight {
  readonly engine: Flights
  readonly id: string
  readonly request: Request
  readonly policy: Policy
  /** it began without callers, to refresh an entry */
  readonly refresh: boolean
  /** the tag epoch when it began */
  bornAt: number
  /** the last step of `watches` before it began */
  readonly since: number
  /** it asks the store before it loads */
  readonly readsStore: boolean
  /** how long its steps of the store may take together; `undefined`: as its policy or the layer says */
  readonly storeMillis: number | undefined
  readonly depth: number
  readonly callers: Callers
  readonly counters: Counters

  phase: Phase
  /** the present try of its load, or the last one */
  attempt: Attempt
  /** its result may enter memory and the store; `false` after an invalidation or `set` of its id */
  storable: boolean
  /** goes on without callers: a refresh, after a soft timeout, or while its result is written */
  pinned: boolean
  /** it is to be interrupted; its fiber may not be known yet */
  abandoned: boolean
  /** it was interrupted because it ran too long without callers */
  timedOutUnattended: boolean

  /** the stored entry was changed since the store was last asked: an answer under way may be older */
  changedWhileAsked: boolean
  /** the `writeId` of the entry that was rejected: that entry does not end this flight */
  rejectedWriteId: string | undefined
  /** the `expiresAt` of a good value in the store that this load replaces: until then a failure must not */
  protectedUntil: number
  /** a stale value, in case the load fails */
  stale: Entry | undefined
  fault: Fault | undefined

  /** how it ended without a load */
  found: Found | undefined
  /** the entry that it found or made */
  entry: Entry | undefined
  exit: Exit.Exit<unknown, unknown> | undefined
  /** the value that is being written: callers that do not wait for the write get it */
  loaded: Exit.Exit<unknown, unknown> | undefined
  /** a caller has got it so */
  isBehind: boolean
  /** when it ended, or its load while it writes, in epoch milliseconds */
  endedAt: number

  /** how many captures there had been when the store was asked, or its load began, or its result was stored */
  asOf: number
  /** the versions of the tags of its result, once it is stored */
  versions: ReadonlyArray<TagVersion> | undefined
  /** tags of ids on which what it has found depends: until it has ended they count among the dependents */
  held: ReadonlyArray<string> | undefined

  /** its neighbours in the list of flights that have a fiber */
  olderRunning: Flight | undefined
  newerRunning: Flight | undefined

  // what follows is let go when it ends
  /** of the fiber that started it */
  starter: ReadContext
  /** the flight whose load started this one; `undefined` for a refresh, which nobody waits for */
  parent: Flight | undefined
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  lease: Lease | undefined
  /** the slot of a refresh, or its place in their queue */
  unit: Unit | undefined
  /** queued flights of the same id that start when this one has ended, or is no longer storable */
  after: Array<Flight> | undefined
  /** ends the time that it may run without callers */
  limit: Fiber.Fiber<unknown> | undefined
  /** writes the outcome of the load; called by `launch` where the load interrupted itself (`renewed`) */
  conclude: ((exit: Exit.Exit<unknown, unknown>) => Effect.Effect<unknown, unknown, any>) | undefined
  /** where somebody traces */
  trace: Trace | undefined
}

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
  /** the tag epoch when it began, where that was before now */
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
    callers: new Callers(),
    counters: countersOf(self, request.key),
    phase: "Queued",
    attempt: makeAttempt(id),
    storable: true,
    pinned: refresh,
    abandoned: false,
    timedOutUnattended: false,
    changedWhileAsked: false,
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
    held: undefined,
    olderRunning: undefined,
    newerRunning: undefined,
    starter,
    parent,
    fiber: undefined,
    lease: undefined,
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

/** Whether its load has begun. */
export const hasBegun = ({ attempt }: Flight): boolean => attempt.startedAt !== undefined

/** Whether its load has not begun, and its result will be stored. */
export const isToCome = (flight: Flight): boolean => flight.storable && flight.phase !== "Ended" && !hasBegun(flight)

/** Whether the store has not answered yet, so that its callers are not yet counted as misses. */
export const isAskingStore = ({ phase, readsStore }: Flight): boolean =>
  phase === "AskingStore" || (phase === "Queued" && readsStore)

/** Whether it is a refresh: one of the background, or one that a caller asked for. */
export const isRefresh = ({ policy, refresh }: Flight): boolean => refresh || policy.joins === "refresh"

/** Whether its result derives from a stale value. */
export const isDerivedFromStale = ({ attempt, found }: Flight): boolean => found?.isStale ?? attempt.derivedFromStale

/**
 * Whether the load began before memory was last cleared, while untracked: its result may be older than `maxStaleness`
 * allows.
 */
export const isBeforeClear = ({ storeTier }: Flights, { attempt }: Flight): boolean =>
  storeTier?.untracked === true && attempt.startedAt !== undefined && attempt.clears !== storeTier.clears

/** `Queued` → `AskingStore`, or `AwaitingLease` where the store was asked before. */
export const begin = (flight: Flight): void => {
  flight.phase = flight.readsStore ? "AskingStore" : "AwaitingLease"
  const { engine, id, stale } = flight
  if (stale === undefined || !derives(stale)) return
  // nobody has looked after it since it left memory
  if (engine.memory.entries.get(id) === stale) hold(flight, stale.tags)
  else flight.stale = undefined
}

/** The answer to what is asked of the store from here on holds until somebody tells of a change. */
export const beginAsking = (flight: Flight): void => {
  flight.changedWhileAsked = false
  flight.asOf = flight.engine.storeTier!.captures
}

/** → `Loading`: a try of the load begins. Changes before it do not concern its result. */
export const beginLoading = (flight: Flight, now: number): void => {
  flight.phase = "Loading"
  flight.changedWhileAsked = false
  flight.attempt.startedAt = now
  flight.attempt.clears = flight.engine.storeTier?.clears ?? 0
  flight.asOf = flight.engine.storeTier?.captures ?? 0
}

/** One more try of the load: it inherits nothing from the one before. */
export const nextAttempt = (flight: Flight, now: number): Attempt => {
  endAttempt(flight.attempt)
  release(flight.attempt)
  const attempt = makeAttempt(flight.id)
  attempt.flight = flight
  attempt.startedAt = now
  attempt.clears = flight.engine.storeTier?.clears ?? 0
  return flight.attempt = attempt
}

/** `Loading` → `Storing`: from here on the result is stored even if the last caller leaves. */
export const loadEnded = (flight: Flight): void => {
  flight.phase = "Storing"
  flight.conclude = undefined
  flight.pinned = true
  endAttempt(flight.attempt)
}

/** → `Ended`. */
export const endFlight = (flight: Flight, exit: Exit.Exit<unknown, unknown>, now: number): void => {
  flight.phase = "Ended"
  flight.exit = exit
  flight.endedAt = now
  flight.limit?.interruptUnsafe()
  // a call that goes on for other keys is inside this try still: through it cycles are found
  if (flight.request.batch?.isLedBy(flight) !== true) endAttempt(flight.attempt)
}

/** Lets go what only a running flight needs: a program that goes on from one load to the next would keep them all. */
export const letGo = (flight: Flight): void => {
  flight.starter = noContext
  flight.parent = undefined
  flight.fiber = undefined
  flight.unit = undefined
  flight.after = undefined
  flight.limit = undefined
  flight.conclude = undefined
}
