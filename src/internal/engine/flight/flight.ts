/** A flight: one load of one id, shared by all who wait for it. */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Tracer from "effect/Tracer"
import type { Entry } from "../memory/entry.ts"
import type { Worker } from "../storeTier/background.ts"
import type { Fault, StoreTier } from "../storeTier/storeTier.ts"
import { type Counters, countersOf } from "../telemetry/counters.ts"
import { Callers } from "./callerList.ts"
import type { Policy } from "./callPolicy.ts"
import type { Flights } from "./flights.ts"
import type { Request } from "./request.ts"

export type Resume = (effect: Effect.Effect<unknown, unknown, any>) => void

/** One caller of a flight. */
export interface Caller {
  readonly flight: Flight
  readonly request: Request
  readonly policy: Policy
  /** the flight in whose load this caller runs */
  readonly within: Flight | undefined
  /** the tag epoch when it joined */
  readonly joinedAt: number
  /** when it joined, in epoch milliseconds; 0 for a caller without timeouts */
  readonly since: number
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

/** What a load says about its result beside the result. */
interface Annotations {
  readonly tags?: ReadonlyArray<string> | undefined
  readonly ttl?: Duration.Input | undefined
  readonly etag?: string | undefined
}

/** The lease of a flight. */
export interface Lease {
  /** the store tier that granted it */
  readonly tier: StoreTier
  readonly owner: string
  /** renews it; `undefined` until it is granted */
  readonly renewal: Worker | undefined
  /** the result is committed, which ended the lease: it need not be released */
  isStored: boolean
}

/** One load of one id, shared by all who wait for it. */
export interface Flight {
  readonly engine: Flights
  readonly id: string
  readonly request: Request
  readonly policy: Policy
  /** it began without callers, to refresh an entry */
  readonly refresh: boolean
  /** the tag epoch when it began */
  readonly bornAt: number
  /** the `writeId` of the entry that was rejected: that entry does not end this flight */
  rejectedWriteId: string | undefined
  /** it asks the store before it loads */
  readonly readsStore: boolean
  /** the flight whose load started this one; `undefined` for a refresh, which nobody waits for */
  readonly parent: Flight | undefined
  readonly depth: number
  readonly callers: Callers
  /** the edges of the wait graph: the flights that this load waits for now, and how many times each */
  readonly waitsOn: Map<Flight, number>
  /** a refresh in the queue: it starts when there is room, or when a caller joins */
  queued: boolean
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  exit: Exit.Exit<unknown, unknown> | undefined
  /** goes on without callers: a refresh, after a soft timeout, or while its result is written */
  pinned: boolean
  /** its result may enter memory and the store; `false` after an invalidation or `set` of its id */
  storable: boolean
  /** its load has begun: it no longer asks the store or waits for a lease */
  isLoading: boolean
  lease: Lease | undefined
  /** the stored entry was changed since the store was last asked: an answer under way may be older */
  changedWhileAsked: boolean
  /** it is to be interrupted; its fiber may not be known yet */
  abandoned: boolean
  /** the `expiresAt` of a good value in the store that this load replaces: until then a failure must not */
  protectedUntil: number
  /** a stale value, in case the load fails */
  stale: Entry | undefined
  /** the entry that it found or made */
  entry: Entry | undefined
  /** it ended without a load: with a stored entry, or with the stale value while another process refreshes it */
  served: boolean
  /** the store has not answered yet, so its callers are not yet counted as misses */
  askingStore: boolean
  /** a stale entry of the store is served, because a load failed within `retryAfter` */
  servedInsteadOfLoad: boolean
  /** the entry of the store is served, and a refresh of it is due */
  refreshDue: boolean
  fault: Fault | undefined
  startedAt: number
  readonly counters: Counters
  /** its load read a stale value of another cached effect: its result is not stored */
  derivedFromStale: boolean
  /** its load declared the previous value still valid, which ends the load */
  renewed: boolean
  /** its load has ended: calls inside the load come too late */
  ended: boolean
  /** writes the outcome of the load; called by `launch` where the load interrupted itself (`renewed`) */
  conclude: ((exit: Exit.Exit<unknown, unknown>) => Effect.Effect<unknown, unknown, any>) | undefined
  /** the previous value, once its load has asked for it */
  previous: Entry | undefined
  /** what its load says about its result */
  annotations: Annotations | undefined
  /** the span of its load, once the load has begun */
  span: Tracer.Span | undefined
  /** links to the spans of its callers */
  links: Array<Tracer.SpanLink> | undefined
  /** the context of the fiber that started it */
  readonly context: Context.Context<never>
  /** it was interrupted because it ran too long without callers */
  timedOutUnattended: boolean
  /** interrupts it when it runs too long without callers */
  unattendedLimit: Fiber.Fiber<unknown> | undefined
}

/** The flight in whose load the present fiber runs. */
export const Within = Context.Reference<Flight | undefined>("effect-cached/Within", { defaultValue: () => undefined })

/**
 * The flight whose load the present fiber is: as `Within`, but `undefined` in an effect that bypasses the cache inside
 * a load, and in the call of a batch.
 */
export const Loading = Context.Reference<Flight | undefined>("effect-cached/Loading", { defaultValue: () => undefined })

/**
 * Whether the load began before memory was last cleared, while untracked: its result may be older than `maxStaleness`
 * allows.
 */
export const isBeforeClear = ({ storeTier }: Flights, { isLoading, startedAt }: Flight): boolean =>
  storeTier?.untracked === true && isLoading && startedAt < storeTier.clearedAt

interface FlightOptions {
  readonly id: string
  readonly request: Flight["request"]
  readonly policy: Policy
  readonly refresh: boolean
  readonly rejectedWriteId: string | undefined
  readonly readsStore: boolean
  readonly parent: Flight | undefined
  readonly stale: Entry | undefined
  readonly protectedUntil?: number
  readonly context: Context.Context<never>
}

const start = (self: Flights, options: FlightOptions): Flight => ({
  ...options,
  engine: self,
  bornAt: self.tagEpochs.epoch,
  depth: options.parent === undefined ? 1 : options.parent.depth + 1,
  callers: new Callers(),
  waitsOn: new Map(),
  queued: false,
  fiber: undefined,
  exit: undefined,
  pinned: options.refresh,
  storable: true,
  isLoading: false,
  lease: undefined,
  changedWhileAsked: false,
  abandoned: false,
  protectedUntil: options.protectedUntil ?? -Infinity,
  entry: undefined,
  served: false,
  askingStore: options.readsStore,
  servedInsteadOfLoad: false,
  refreshDue: false,
  fault: undefined,
  startedAt: 0,
  timedOutUnattended: false,
  unattendedLimit: undefined,
  counters: countersOf(self, options.request.key),
  derivedFromStale: false,
  renewed: false,
  ended: false,
  conclude: undefined,
  previous: undefined,
  annotations: undefined,
  span: undefined,
  links: undefined
})

export const makeFlight = (self: Flights, options: FlightOptions): Flight => {
  const flight = start(self, options)
  options.request.batch?.add(flight)
  return flight
}
