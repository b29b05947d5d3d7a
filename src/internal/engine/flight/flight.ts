/** A flight: one load of one id, shared by all who wait for it. */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Tracer from "effect/Tracer"
import type { Entry } from "../memory/entry.ts"
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
  /** the flight that this caller is a part of */
  readonly within: Flight | undefined
  /** the tag epoch when it joined */
  readonly joinedAt: number
  /** when it joined, in milliseconds of its clock */
  readonly since: number
  /** what it falls back on */
  readonly stale: Entry | undefined
  /** another has started the flight */
  readonly joined: boolean
  readonly resume: Resume
  timers: ReadonlyArray<Fiber.Fiber<unknown>>
  /** takes a stale value as soon as there is one */
  impatient: boolean
  /** among those who wait */
  place: number
}

/** What a load knows about its result beside the result. */
interface Annotations {
  readonly tags?: ReadonlyArray<string> | undefined
  readonly ttl?: Duration.Input | undefined
  readonly etag?: string | undefined
}

/** The exclusive right of a flight's load, across processes. */
export interface Lease {
  /** whose store has given it */
  readonly tier: StoreTier
  readonly owner: string
  /** none while it is asked for */
  readonly renewal: Fiber.Fiber<unknown> | undefined
  /** the result is stored: there is nothing to give back */
  isStored: boolean
}

/** One load of one id, shared by all who wait for it. */
export interface Flight {
  readonly engine: Flights
  readonly id: string
  readonly request: Request
  readonly policy: Policy
  /** a refresh nobody waited for when it began */
  readonly refresh: boolean
  /** the tag epoch when it began */
  readonly bornAt: number
  /** what it must not find in the store, because it is why it runs */
  rejectedWriteId: string | undefined
  /** look into the store before loading */
  readonly readsStore: boolean
  /** the flight whose load started this one; nobody waits for a refresh, so it has none */
  readonly parent: Flight | undefined
  readonly depth: number
  readonly callers: Callers
  /** the flights this load waits for now, and how many times: the edges of the wait graph that finds cycles */
  readonly waitsOn: Map<Flight, number>
  /** runs when there is room, or somebody waits for it */
  queued: boolean
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  exit: Exit.Exit<unknown, unknown> | undefined
  /** lives on with nobody waiting: a refresh, a soft timeout, a write under way */
  pinned: boolean
  /** cleared by whatever makes the result unfit for every tier */
  storable: boolean
  /** its load has begun: it fetches and waits no more */
  isLoading: boolean
  lease: Lease | undefined
  /** it was changed since the store was last asked: an answer that is on its way may be older */
  changedWhileAsked: boolean
  /** interrupted, perhaps before its fiber was known */
  abandoned: boolean
  /** the `expiresAt` of a value in the store that was only asked about to be replaced */
  protectedUntil: number
  /** a stale value, in case the load fails */
  stale: Entry | undefined
  /** what came of it, to be put into the memory tier */
  entry: Entry | undefined
  /** it ended with what the store had: no load ran */
  served: boolean
  /** the store is being asked: whether its readers miss is not known yet */
  askingStore: boolean
  /** what the store had stands in for a load, that failed a moment ago */
  servedInsteadOfLoad: boolean
  /** what the store had is due for a refresh */
  refreshDue: boolean
  fault: Fault | undefined
  startedAt: number
  readonly counters: Counters
  /** its load was given a stale value by another cached effect: what it makes of it is not stored */
  derivedFromStale: boolean
  /** its load has said that the value it was to replace is still right, and is ended by that */
  renewed: boolean
  /** its load has ended: what is said in its name from now on is too late */
  ended: boolean
  /** what is to be done with its load's outcome, where that may be stored: a load that has renewed is interrupted */
  conclude: ((exit: Exit.Exit<unknown, unknown>) => Effect.Effect<unknown, unknown, any>) | undefined
  /** what its load was told to be there already */
  previous: Entry | undefined
  /** what its load has said about its result */
  annotations: Annotations | undefined
  /** the span of its load, once that has begun */
  span: Tracer.Span | undefined
  /** the spans of those who wait for it */
  links: Array<Tracer.SpanLink> | undefined
  /** what its fiber runs in */
  readonly context: Context.Context<never>
  /** it was ended because it ran on for too long */
  timedOutUnattended: boolean
  /** ends it when it runs on for too long with nobody waiting */
  unattendedLimit: Fiber.Fiber<unknown> | undefined
}

/** The flight in whose load the present fiber runs. */
export const Within = Context.Reference<Flight | undefined>("effect-cached/Within", { defaultValue: () => undefined })

/**
 * The flight whose load the present fiber runs: as `Within`, but for what runs past the cache, which has no load of its
 * own.
 */
export const Loading = Context.Reference<Flight | undefined>("effect-cached/Loading", { defaultValue: () => undefined })

/**
 * It loads since before memory was last given up, and what others did since then cannot be heard: what it brings may be
 * older than the bound allows.
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
  protectedUntil: options.protectedUntil ?? 0,
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
  options.request.batch?.enter(flight)
  return flight
}

/** Starts a flight's fiber in the engine's care, with the starter's context but for what is the starter's own. */
