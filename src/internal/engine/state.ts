/** The types of an engine's state. Types only, so that rooms need not import each other for them. */
import type * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Schedule from "effect/Schedule"
import type { SchedulerDispatcher } from "effect/Scheduler"
import type * as Tracer from "effect/Tracer"
import type { AnyReadOptions, Inherit, ReadDefaults } from "../../cached/options.ts"
import type { TagVersion } from "../../CacheEntry.ts"
import type { CacheKey } from "../../CacheKey.ts"
import type { Acquired } from "../../ports/store.ts"
import type { Lifetime, Strategy } from "../../Strategy.ts"
import type * as Ttl from "../../Ttl.ts"
import type { Behind, Fifo } from "../fifo.ts"
import type { Key } from "../key/ofKey.ts"
import type { Turning } from "../time/turns.ts"
import type { Entry } from "./memory/entry.ts"
import type { MemoryTier } from "./memory/memory.ts"
import type { Worker } from "./storeTier/background.ts"
import type { Evidence, Fault, StoreTier } from "./storeTier/storeTier.ts"
import type { Detector } from "./telemetry/detect.ts"
import type { Trace } from "./telemetry/spans.ts"
import type { Counters } from "./telemetry/telemetry.ts"

interface Pause {
  readonly until: number
  readonly millis: number
}

export interface Flights extends MemoryTier {
  readonly storeTier: StoreTier | undefined
  /** Each reader runs its own load: a platform that cancels a request silently, such as a Worker, leaves nothing. */
  readonly isPrivate: boolean
  /** The steps of a load through the store. A cache without a store does not bundle them. */
  readonly throughStore:
    | ((
      self: Flights,
      flight: Flight,
      load: Effect.Effect<unknown, unknown, any>
    ) => Effect.Effect<unknown, unknown, any>)
    | undefined
  readonly storeReads: StoreReads | undefined
  readonly flights: FlightsById
  /** Flights that have a fiber, joinable or not. */
  readonly running: Running
  /** Flights that can no longer be joined but still load, by id. No other load of the id starts meanwhile. */
  readonly ending: Map<string, Flight>
  /** Milliseconds that an abandoned load may continue before another one starts. */
  readonly endingMillis: number
  readonly inherit: Inherit
  readonly readDefaults: ReadDefaults
  readonly work: Work
  readonly refreshing: Refreshing
  readonly leaseWaits: LeaseWaits
  readonly questions: Questions
  /** The number of flights writing a value that their callers already have. */
  behind: number
  /** Ids whose last load failed, with the pause until the next try. */
  readonly retryAt: Map<string, Pause>
  /** Ids whose load failed with an answer, with the `writeId`s of the values that it ends as a fallback. */
  readonly answered: Map<string, ReadonlyArray<string | undefined>>
  /** The counters of failing key classes with stale values. An incident lasts until a load of the class succeeds. */
  readonly failing: Set<Counters>
  readonly watches: Watches
  /** Open SQL transactions whose bypass of the cache has been logged at debug level. */
  readonly transactions: WeakSet<object>
  /** The context of the last read in this turn of the event loop. */
  lastReadContext: ReadContext | undefined
  readonly forgetReadContext: () => void
  onIdle: (() => void) | undefined
}

/**
 * - `Queued`: not started. Waits for a slot of refreshes, for another flight of its id, or for the scheduler.
 * - `AskingStore`: the callers are not yet counted as misses.
 * - `AwaitingLease`: the store has no usable entry.
 * - `Loading`: the user's effect runs.
 * - `Storing`: the load has ended and its result is being written.
 * - `Ended`: `exit` is defined.
 */
type Phase = "Queued" | "AskingStore" | "AwaitingLease" | "Loading" | "Storing" | "Ended"

export interface Flight {
  readonly engine: Flights
  readonly id: string
  readonly request: Request
  readonly policy: Policy
  readonly refresh: boolean
  /** The tag epoch at the start. */
  bornAt: number
  /** The last step of `watches` before the start. */
  readonly since: number
  readonly readsStore: boolean
  /** The total time for steps of the store. `undefined`: as the policy or the layer specifies. */
  readonly storeMillis: number | undefined
  readonly depth: number
  readonly callers: Callers
  readonly counters: Counters

  phase: Phase
  attempt: Attempt
  /** Whether the result may enter memory and the store. `false` after an invalidation or `set` of the id. */
  storable: boolean
  /** Continues without callers: a refresh, after a soft timeout, or while the result is written. */
  pinned: boolean
  abandoned: boolean
  /** Interrupted for running too long without callers. */
  ranTooLong: boolean

  /** The stored entry was changed after the store was last asked, so a pending answer may be outdated. */
  changedWhileAsked: boolean
  /** The `writeId` of the rejected entry, which must not end this flight. */
  rejectedWriteId: string | undefined
  /** The `expiresAt` of a good value in the store that this load replaces. Until then a failure must not replace it. */
  protectedUntil: number
  /** The fallback if the load fails. */
  stale: Entry | undefined
  fault: Fault | undefined

  found: FoundEntry | undefined
  entry: Entry | undefined
  exit: Exit.Exit<unknown, unknown> | undefined
  /** The value being written, for callers that do not wait for the write. */
  loaded: Exit.Exit<unknown, unknown> | undefined
  isBehind: boolean
  /** When the flight, or its load while the result is written, has ended, in epoch milliseconds. */
  endedAt: number

  /** The number of captures when the store was asked, the load began, or the result was stored. */
  asOf: number
  versions: ReadonlyArray<TagVersion> | undefined
  /** Tags of the ids on which the found entry depends. They count as dependents until the flight has ended. */
  held: ReadonlyArray<string> | undefined

  olderRunning: Flight | undefined
  newerRunning: Flight | undefined

  // The fields below are released at the end.
  starter: ReadContext
  /** The flight whose load started this one. `undefined` for a refresh, for which nothing waits. */
  parent: Flight | undefined
  /** Its fiber, or its place in a call for many keys, which runs it. */
  fiber: Pick<Fiber.Fiber<unknown, unknown>, "interruptUnsafe"> | undefined
  lease: FlightLease | undefined
  /** The slot of a refresh, or its place in the queue. */
  unit: Unit | undefined
  /** Queued flights of the same id, which start when this one has ended or is no longer storable. */
  after: Array<Flight> | undefined
  limit: Fiber.Fiber<unknown> | undefined
  /** Writes the outcome of the load. Called by `launch` if the load interrupted itself (`renewed`). */
  conclude: ((exit: Exit.Exit<unknown, unknown>) => Effect.Effect<unknown, unknown, any>) | undefined
  trace: Trace | undefined
}

export interface Caller {
  readonly flight: Flight
  readonly request: Request
  readonly policy: Policy
  /** The try of a load in which this caller runs. */
  readonly within: Attempt | undefined
  /** The tag epoch when it joined. */
  joinedAt: number
  /** When it joined, in epoch milliseconds. `undefined` for a caller without timeouts. */
  readonly since: number | undefined
  readonly stale: Entry | undefined
  /** Whether another caller, or a refresh, started the flight. */
  readonly joined: boolean
  readonly resume: Resume
  timers: ReadonlyArray<Fiber.Fiber<unknown>>
  pastSoftTimeout: boolean
  place: number
}

export interface FlightLease {
  /** `undefined` until the lease is granted. */
  readonly renewal: Worker | undefined
  readonly owner: string
  /** Asks the store to release the lease, with a note of a failed load's failure. */
  readonly release: (flight: Flight, failure: Exit.Failure<unknown, unknown> | undefined) => void
  /** The time until which this process knows that no other holds the lease, in monotonic milliseconds. */
  heldUntil: number
  /** The commit of the result has ended the lease, so it need not be released. */
  isStored: boolean
}

export interface FoundEntry {
  readonly entry: Entry
  /** The entry is stale, and a load around this one reads it. */
  readonly isStale: boolean
  /** The stale entry is served instead of a load, because one failed within `retryAfter`. */
  readonly insteadOfLoad: boolean
  readonly refreshDue: boolean
}

export type Resume = (effect: Effect.Effect<unknown, unknown, any>) => void

export interface Questions {
  /** The questions that a new reader may join, by id. */
  readonly byId: Map<string, Question>
  readonly open: Set<Question>
  isTimed: boolean
}

export interface Question extends Watch {
  readonly id: string
  readonly askers: Array<Asker>
  /** The engine's `mutations` when it was asked. */
  readonly mutations: number
  readonly clock: Clock.Clock
  readonly askedAt: number
  tags: ReadonlyArray<string>
  /** Asked a second time, with the tags of the entry found. */
  isAgain: boolean
  isAnswered: boolean
  storeMillis: number | undefined
  /** Whether the answer has entered memory, which it does once. */
  isInMemory: boolean
}

export interface Asker {
  readonly reader: Reader
  readonly rejectedWriteId: string | undefined
  readonly resume: Resume
  isGone: boolean
}

export interface Watches {
  count: number
  step: number
  /** The last step in which an id was written, loaded or removed. */
  readonly changedAt: Map<string, number>
  /** Ids missing from `changedAt` count as changed in this step. */
  floor: number
}

export interface Watch {
  readonly bornAt: number
  readonly since: number
  /** The answer of the store before the call. Without it, answers beyond the asked keys stay in memory. */
  readonly evidence?: Evidence | undefined
}

export interface Work extends WorkActions {
  /** Ended flights with waiting callers, flights that write behind callers, and abandoned flights to interrupt. */
  readonly ended: Fifo<Flight | Behind<Caller>>
  readonly starting: Fifo<Flight>
  readonly dispatcher: SchedulerDispatcher
  isWorking: boolean
  isScheduled: boolean
}

/** Injected, because importing what ends a flight would be circular. */
export interface WorkActions {
  readonly respond: (self: Flights, caller: Caller) => void
  /** Whether a caller of a flight that writes does not wait for the write. */
  readonly isBehind: (self: Flights, caller: Caller) => boolean
  readonly start: (self: Flights, flight: Flight) => void
}

export interface LeaseWaits {
  /** By id, so that a change of one wakes only its own flights out of thousands. */
  readonly waiting: Map<string, Set<LeaseWait>>
  timer: { readonly at: number; readonly worker: Worker } | undefined
  isAsking: boolean
}

export interface LeaseWait {
  readonly flight: Flight
  readonly owner: string
  /** When it began to wait, and when to ask again, in monotonic milliseconds. */
  readonly since: number
  dueAt: number
  isGone: boolean
  readonly resume: (answer: LeaseAnswer) => void
}

export type LeaseAnswer = Exclude<Acquired, { readonly _tag: "Wait" }> | Fault

interface Refreshing {
  readonly concurrency: number
  readonly timeoutMillis: number
  /** `undefined`: the default. */
  readonly retry: Schedule.Schedule<unknown, unknown> | undefined
  readonly running: Set<Unit>
  /** The units waiting for a slot, the latest request last. */
  readonly queue: Set<Unit>
}

/** The holder of one slot: a flight, or all flights of a batch. Flights that have ended or were detached leave it. */
export interface Unit {
  readonly flights: Set<Flight>
}

export interface Request<out A = unknown, out E = unknown> extends Effect.Effect<A, E, any> {
  readonly key: CacheKey<unknown, unknown, unknown> | string
  readonly load: Effect.Effect<A, E, any>
  readonly strategy: Strategy<any, any, any>
  readonly options: AnyReadOptions
  /** Copied from the options for hits: options have many shapes, requests only one. */
  readonly copy: AnyReadOptions["copy"]
  /** The strategy depends on deadlines only. Without deadlines no clock is read, and no random number is needed. */
  readonly deadlinesOnly: boolean
  readonly servesFresh: boolean
  /** Reads extend the deadline: the strategy has a `touch`. */
  readonly slides: boolean
  /** Identifies the strategy's constant lifetime. `undefined` for a function and for a custom strategy. */
  readonly constant: unknown
  /** Whether an entry's `constant` is the same lifetime. If so, a hit need not check it further. */
  readonly isConstant: (constant: unknown) => boolean
  readonly constantLifetime: () => Lifetime
  readonly refreshLoad: ((self: Flights, flight: Flight) => Effect.Effect<unknown, unknown, any>) | undefined
  readonly batch?: Batch | undefined
  /** Hook of a stream: called with the request that leads the flight it waits for. */
  readonly followed?: ((leader: Request) => void) | undefined
  /** Hook of a stream: called with the flight it leads when the flight has ended. */
  readonly settled?: ((flight: Flight) => void) | undefined
  /** How long the load renews its lease, if not the layer's `maxLoad`. */
  readonly maxLoadMillis?: number | undefined
  /** Throws a `CacheConfigError` for an invalid option, before the first load. Returns `false` without read options. */
  readonly validate: () => boolean
  /** Validated and parsed at the first miss, so that a hit does not pay for it. */
  rules: Rules | undefined
}

/** The options of a request, completed by the layer's, validated and parsed. */
export interface Rules {
  /** A request may be used with several caches. */
  readonly defaults: ReadDefaults
  /** Both timeouts are `undefined` for a function of the key until `askTimeouts`. */
  readonly timeoutMillis: number | undefined
  readonly softTimeoutMillis: number | undefined
  readonly isAsked: boolean
  readonly hasTimeouts: boolean
  /** 0 or less: a failed load is retried at once. */
  readonly retryAfterMillis: number
  readonly memoryTtlMillis: number | undefined
  readonly minLoadMillis: number | undefined
  /** `undefined`: as the layer specifies. */
  readonly inherit: Inherit | undefined
  /** The share of the lifetime that is subtracted at random. */
  readonly jitter: number
  tags: ReadonlyArray<string> | undefined
}

export interface Reader<out A = unknown, out E = unknown> {
  readonly engine: Flights
  readonly fiber: Fiber.Fiber<any, any>
  readonly request: Request<A, E>
  readonly id: string
  readonly policy: Policy
}

export interface Joining {
  readonly readsStore: boolean
  readonly stale: Entry | undefined
  readonly rejectedWriteId: string | undefined
  /** The hard deadline of a good value in the store that this read rejected. A failure must not replace it earlier. */
  readonly protectedUntil?: number | undefined
  readonly storeMillis?: number | undefined
  /** The engine's `mutations` when the read decided to join. */
  readonly mutations: number
}

/** The reads of a cache over a store. A cache without one does not bundle them. */
export interface StoreReads {
  /** Runs a strict read after the pending invalidations that affect it. `undefined` if there are none, as below. */
  readonly afterUnsent: <A, E>(
    self: Flights,
    policy: Policy,
    request: Request<A, E>
  ) => Effect.Effect<A, E> | undefined
  readonly afterCapture: <A, E>(
    self: Flights,
    policy: Policy,
    within: Attempt,
    request: Request<A, E>
  ) => Effect.Effect<A, E> | undefined
  readonly captureFirst: (
    self: Flights,
    reading: { readonly policy: Policy; readonly within: Attempt },
    ids: ReadonlyArray<string>
  ) => Effect.Effect<Policy> | undefined
  /** `requests` is `undefined` if none has a timeout. */
  readonly captureMany: (
    self: Flights,
    reading: { readonly policy: Policy; readonly within: Attempt },
    requests: (() => ReadonlyArray<Request>) | undefined,
    ids: ReadonlyArray<string>
  ) => Effect.Effect<{ readonly policy: Policy; readonly shortened: (request: Request) => Request }> | undefined
  readonly absent: <A, E>(reader: Reader<A, E>, rejectedWriteId: string | undefined) => Effect.Effect<A, E>
  readonly askThenJoin: <A, E>(reader: Reader<A, E>, joining: Joining) => Effect.Effect<A, E>
  /** Stores answers of a call beyond its keys, each the entry of a flight that never starts. */
  readonly storeUnasked: (flights: ReadonlyArray<Flight>, watch: Watch, done: () => void) => void
}

/** The part of its fiber's context that a read needs. */
export interface ReadContext {
  readonly context: Context.Context<never>
  readonly policy: Policy
  readonly clock: Clock.Clock
  readonly within: Attempt | undefined
  readonly span: Tracer.AnySpan | undefined
  /** Shared by the loads that start here, once one has started: see `loadContext`. */
  shared: SharedContext | undefined
}

export interface SharedContext {
  readonly context: Context.Context<never>
  /** Log annotations around the load, without those of an outer load. `undefined` if there are none. */
  readonly annotations: { readonly [name: string]: unknown } | undefined
}

/** How calls inside an effect use the cache. Constructed in `CachePolicy`. */
export interface Policy {
  readonly readsMemory: boolean
  readonly readsStore: boolean
  readonly joins: "any" | "refresh" | "none"
  /** A load that starts here can be joined, and its result is stored. */
  readonly writes: boolean
  readonly bypass: boolean
  /** Faults become failures of the caller, and memory is not used while untracked. */
  readonly strict: boolean
  readonly storeTimeoutMillis: number | undefined
  readonly disabled: ReadonlySet<Operation>
  /** Invalidates the ids of each read first. */
  readonly invalidate: ((self: Flights, ids: ReadonlyArray<string>) => Effect.Effect<unknown>) | undefined
  readonly detector: Detector | undefined
}

export type Operation = "get" | "set" | "remove" | "invalidate" | "clear"

/** One try of a load. A retry is a new try and inherits nothing. */
export interface Attempt {
  readonly id: string
  /** `undefined` once the try has ended: fibers that outlive it are not inside the load. */
  flight: Flight | undefined
  /** When the load began, in epoch milliseconds. `undefined` until then. */
  startedAt: number | undefined
  endedAt?: number
  /** How often memory had been cleared at the start, because changes could not be read. */
  clears: number
  /** Whether it read a stale cached value. If so, the result is not stored. */
  fromStale: boolean
  /** `undefined` until a cache serves something inside it. */
  recorder: Recorder | undefined
  /** `undefined` until it reads. */
  dependencies: Dependencies | undefined
  /** Whether it declared the previous value still valid, which ends the try. */
  renewed: boolean
  previous: Entry | undefined
  annotations: Annotations | undefined
  /** The edges of the wait graph: the flights it waits for now, with the number of times. */
  waitsOn: Map<Flight, number> | undefined
}

/** Declarations of a load about its result. */
export interface Annotations {
  readonly tags?: ReadonlyArray<string> | undefined
  readonly ttl?: Ttl.Input | undefined
  readonly softTtl?: Ttl.Input | undefined
  readonly etag?: string | undefined
}

export interface Recorder {
  /** Creation time of the oldest value served, in epoch milliseconds. `Infinity` if none was served. */
  oldestAt: number
  /** The id of that value. */
  oldestId: string
  endsAt: number
  endsId: string
}

export interface Dependencies {
  readonly engine: Flights
  readonly flight: Flight
  readonly tags: Map<string, Dependency>
  /** The number of ids by group. `undefined` while there are too few for a limit to matter. */
  groups: Map<string, number> | undefined
  /** A value read may be older than a change of it: neither the result nor anything derived from it is stored. */
  isTainted: boolean
  own: ReadonlyArray<string> | undefined
  isRegistered: boolean
  /** The last id noted. An id is noted before the read and looked up again with the answer. */
  lastId: string | undefined
  last: Dependency | undefined
}

/** A tag that a load has taken over. */
export interface Dependency {
  /** The tag epoch before the tagged value was read. A later invalidation ends the derived result. */
  epoch: number
  /** The marker's version in the store before the read. `undefined` without a store, or if it was ever missing. */
  version: string | undefined
  /** For the tag of an id: the number of captures after which the id's value must have been read. */
  readonly since: number
}

/**
 * One call that loads many keys, each of which has a flight with its own callers, lease and write. Fires when every
 * flight has reached its load or dropped out (store hit, or another process holds the lease). Flights that rejoin in
 * one step, after a lease or another flight of their id, share one more call.
 */
export interface Batch {
  readonly add: (flight: Flight) => void
  /** Drops out a flight, for which the call no longer waits unless it rejoins. */
  readonly dropOut: (flight: Flight) => void
  /** Like `dropOut`, but the call begins in a later turn, because this may run inside an invalidation. */
  readonly drop: (flight: Flight, dispatcher: SchedulerDispatcher) => void
  /** Takes the steps of a flight that begins, instead of a fiber of its own. Returns whether it does. */
  readonly seat: (flight: Flight) => boolean
  readonly rejoin: (flight: Flight) => void
  /** The load of each of its flights. */
  readonly load: Effect.Effect<unknown, unknown, any>
  /** The fiber of the call that currently runs the flight's load. */
  readonly fiberOf: (flight: Flight) => Fiber.Fiber<unknown, unknown> | undefined
  /** Whether a call runs as part of the flight. It may continue for the others when the flight has ended. */
  readonly isLedBy: (flight: Flight) => boolean
  readonly inGroups: Groups["forEach"]
  readonly close: () => void
  readonly options: BatchOptions
  failed: Cause.Cause<unknown> | undefined
  /** Whether `failed` was logged. Once per call, not per key. */
  isLogged: boolean
  asksEvidence: boolean
  evidence: Evidence | undefined
}

export interface BatchOptions {
  readonly loadAll: LoadAll
  /** The request of a key. Without it, answers for keys that were not requested are dropped. */
  readonly requestOf?: ((key: Key, batch: Batch) => Request) | undefined
  /** The rest of the store budget, if the read has already asked the store. */
  readonly leftMillis?: number | undefined
  /** Retries the whole call. Single flights do not retry. */
  readonly retry?: Schedule.Schedule<unknown, unknown> | undefined
}

export type LoadAll = (
  keys: ReadonlyArray<Key>
) => Effect.Effect<BatchAnswers | ReadonlyMap<Key, Exit.Exit<unknown, unknown>>, unknown, any>

export type BatchAnswers = ReadonlyArray<Exit.Exit<unknown, unknown>>

export interface Groups {
  readonly entered: (flight: Flight) => void
  /** The store has answered the flight, or the flight waits for something else. */
  readonly left: (flight: Flight) => void
  /**
   * Runs `step`, which may enter a flight, for each item, and then `end`. If a group is full, the next one waits until
   * half of its flights have left. Groups grow while answers come quickly, not counting the latency of the store.
   */
  readonly forEach: <A>(items: Iterable<A>, turning: Turning, step: (item: A) => void, end: () => void) => void
}

export interface Callers extends Iterable<Caller> {
  readonly size: number
  readonly add: (caller: Caller) => void
  readonly has: (caller: Caller) => boolean
  readonly delete: (caller: Caller) => void
  readonly clear: () => void
  readonly next: () => Caller | undefined
}

export interface FlightsById {
  readonly size: number
  readonly get: (id: string) => Flight | undefined
  readonly has: (id: string) => boolean
  readonly set: (flight: Flight) => void
  readonly delete: (flight: Flight) => void
  /** A copy, because iterating callers may end flights. */
  readonly all: () => ReadonlyArray<Flight>
}

export type Running = Pick<FlightsById, "size" | "delete" | "all"> & { readonly add: (flight: Flight) => void }
