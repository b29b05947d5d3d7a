import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Tracer from "effect/Tracer"
import type { SerializerError, StoreError } from "../../CacheError.ts"
import type { Entry } from "./entry.ts"
import type { Counters, Engine } from "./model.ts"
import type { Policy } from "./policy.ts"
import type { Request } from "./request.ts"
import type { Waiters } from "./waiters.ts"

/** What went wrong with the store while a flight used it: only strict callers hear of it. */
export type Fault = StoreError | SerializerError

export type Resume = (effect: Effect.Effect<unknown, unknown, any>) => void

/** One caller of a flight. */
export interface Waiter {
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
export interface Annotations {
  readonly tags?: ReadonlyArray<string> | undefined
  readonly ttl?: Duration.Input | undefined
  readonly etag?: string | undefined
}

/** The exclusive right of a flight's load, across processes. */
export interface Lease {
  readonly owner: string
  /** none while it is asked for */
  readonly keeper: Fiber.Fiber<unknown> | undefined
  /** the result is stored: there is nothing to give back */
  isStored: boolean
}

/** One load of one id, shared by all who wait for it. */
export interface Flight {
  readonly engine: Engine
  readonly id: string
  readonly request: Request
  readonly policy: Policy
  /** a refresh nobody waited for when it began */
  readonly refresh: boolean
  /** the tag epoch when it began */
  readonly bornAt: number
  /** what it must not find in the store, because it is why it runs */
  seen: string | undefined
  /** look into the store before loading */
  readonly fetches: boolean
  /** the flight whose load started this one; nobody waits for a refresh, so it has none */
  readonly parent: Flight | undefined
  readonly depth: number
  readonly waiters: Waiters
  /** the flights this load waits for now, and how many times: the edges of the wait graph that finds cycles */
  readonly waitsOn: Map<Flight, number>
  /** runs when there is room, or somebody waits for it */
  queued: boolean
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  exit: Exit.Exit<unknown, unknown> | undefined
  /** lives on with nobody waiting: a refresh, a soft timeout, a write under way */
  pinned: boolean
  /** cleared by whatever makes the result unfit for every tier */
  publishes: boolean
  /** its load has begun: it fetches and waits no more */
  isLoading: boolean
  lease: Lease | undefined
  /** it was changed since the store was last asked: an answer that is on its way may be older */
  outdated: boolean
  /** interrupted, perhaps before its fiber was known */
  abandoned: boolean
  /** the `expiresAt` of a value in the store that was only asked about to be replaced */
  goodUntil: number
  /** a stale value, in case the load fails */
  stale: Entry | undefined
  /** what came of it, to be put into the memory tier */
  entry: Entry | undefined
  /** it ended with what the store had: no load ran */
  served: boolean
  /** the store is being asked: whether its readers miss is not known yet */
  looking: boolean
  /** what the store had stands in for a load, that failed a moment ago */
  standsIn: boolean
  /** what the store had is due for a refresh */
  due: boolean
  fault: Fault | undefined
  startedAt: number
  readonly counters: Counters
  /** its load was given a stale value by another cached effect: what it makes of it is not stored */
  tainted: boolean
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
  overdue: boolean
  /** ends it when it runs on for too long with nobody waiting */
  limit: Fiber.Fiber<unknown> | undefined
}

/** The flight in whose load the present fiber runs. */
export const Within = Context.Reference<Flight | undefined>("effect-cached/Within", { defaultValue: () => undefined })

/**
 * The flight whose load the present fiber runs: as `Within`, but for what runs past the cache, which has no load of its
 * own.
 */
export const Loading = Context.Reference<Flight | undefined>("effect-cached/Loading", { defaultValue: () => undefined })

/** Flights that ended and interruptions to be made, each worked off by one loop: see `land` and `abandon`. */
export interface Loops {
  readonly landed: Array<Flight>
  landing: boolean
  readonly abandoned: Array<Flight>
  abandoning: boolean
}

export const makeLoops = (): Loops => ({ landed: [], landing: false, abandoned: [], abandoning: false })

/** Resumes from one loop: a load that ends inside another's resume would nest run loops without bound. */
export const land = (self: Loops, flight: Flight, answer: (waiter: Waiter) => void): void => {
  self.landed.push(flight)
  if (self.landing) return
  self.landing = true
  try {
    for (let next = self.landed.pop(); next !== undefined; next = self.landed.pop()) {
      next.waiters.forEach(answer)
      next.waiters.clear()
    }
  } finally {
    self.landing = false
  }
}

/** Interrupts from one loop: an interruption that abandons another load would nest run loops without bound. */
export const abandon = (self: Loops, flight: Flight): void => {
  flight.abandoned = true
  if (flight.fiber === undefined) return
  self.abandoned.push(flight)
  if (self.abandoning) return
  self.abandoning = true
  try {
    for (let next = self.abandoned.pop(); next !== undefined; next = self.abandoned.pop()) {
      next.fiber!.interruptUnsafe()
    }
  } finally {
    self.abandoning = false
  }
}

/**
 * It loads since before memory was last given up, and what others did since then cannot be heard: what it brings may be
 * older than the bound allows.
 */
export const isBeforeWipe = ({ backend }: Engine, { isLoading, startedAt }: Flight): boolean =>
  backend?.deaf === true && isLoading && startedAt < backend.wipedAt

export const addEdge = (from: Flight | undefined, to: Flight): void => {
  from?.waitsOn.set(to, (from.waitsOn.get(to) ?? 0) + 1)
}

export const removeEdge = (from: Flight | undefined, to: Flight): void => {
  const count = from?.waitsOn.get(to)
  if (count === undefined) return
  if (count === 1) from!.waitsOn.delete(to)
  else from!.waitsOn.set(to, count - 1)
}

/** Whether `from` waits for `to`, through however many others. Iterative, each flight once: chains are long. */
export const reaches = (from: Flight, to: Flight): boolean => {
  if (from === to) return true
  if (from.waitsOn.size === 0) return false
  const seen = new Set([from])
  // a set iterates over what is added to it meanwhile
  for (const flight of seen) {
    for (const next of flight.waitsOn.keys()) {
      if (next === to) return true
      seen.add(next)
    }
  }
  return false
}

/** The way from a load to one that it needs and is a part of. Of several caches two may load one id at once. */
export const pathTo = (within: Flight, to: Flight): ReadonlyArray<string> => {
  const path = [to.id]
  for (let flight: Flight | undefined = within; flight !== undefined; flight = flight.parent) {
    path.push(flight.id)
    if (flight === to) break
  }
  return path.reverse()
}
