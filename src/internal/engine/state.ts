/** The types of an engine's state. Types only, so that rooms can share them without importing each other. */
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
  /** Whether each reader runs its own load, for platforms that silently cancel a request with its loads. */
  readonly isPrivate: boolean
  /** Runs a load between the steps of the store. A cache without a store does not bundle this. */
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
  /** Flights by id that can no longer be joined but still load. Meanwhile no other load of the id starts. */
  readonly ending: Map<string, Flight>
  /** Milliseconds that an abandoned load may continue before another one starts. */
  readonly endingMillis: number
  readonly inherit: Inherit
  readonly readDefaults: ReadDefaults
  readonly work: Work
  readonly refreshing: Refreshing
  readonly leaseWaits: LeaseWaits
  readonly questions: Questions
  /** The number of flights that are writing a value which their callers have already received. */
  behind: number
  /** Ids whose last load failed, with the pause until the next try. */
  readonly retryAt: Map<string, Pause>
  /** Ids whose load failed with an answer, with the `writeId`s of the stale values that are no longer a fallback. */
  readonly answered: Map<string, ReadonlyArray<string | undefined>>
  /** Counters of key classes whose loads fail while stale values are served, until a load of the class succeeds. */
  readonly failing: Set<Counters>
  readonly watches: Watches
  /** Open SQL transactions for which a debug log says that they bypass the cache. */
  readonly transactions: WeakSet<object>
  /** The context of the last read in this turn of the event loop. */
  lastReadContext: ReadContext | undefined
  readonly forgetReadContext: () => void
  onIdle: (() => void) | undefined
}

/**
 * - `Queued`: not started. Waits for a refresh slot, for another flight of its id, or for the scheduler.
 * - `AskingStore`: the store has not answered, and the callers do not yet count as misses.
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
  /** The tag epoch when the flight started. */
  bornAt: number
  /** The last step of `watches` before the flight started. */
  readonly since: number
  readonly readsStore: boolean
  /** The budget for all steps of the store together. `undefined`: the policy or the layer decides. */
  readonly storeMillis: number | undefined
  readonly depth: number
  readonly callers: Callers
  readonly counters: Counters

  phase: Phase
  attempt: Attempt
  /** Whether the result may enter memory and the store. `false` after an invalidation or `set` of the id. */
  storable: boolean
  /** Whether the flight continues without callers: as a refresh, after a soft timeout, or during the result's write. */
  pinned: boolean
  abandoned: boolean
  /** Whether the flight was interrupted because it ran too long without callers. */
  ranTooLong: boolean

  /** Whether the stored entry has changed since the store was last asked, so that a pending answer may be outdated. */
  changedWhileAsked: boolean
  /** The `writeId` of the entry that a reader rejected, which the store must not return again. */
  rejectedWriteId: string | undefined
  /** The `expiresAt` of a good value in the store that this load replaces. No failure may replace it earlier. */
  protectedUntil: number
  /** The entry served if the load fails. */
  stale: Entry | undefined
  fault: Fault | undefined

  found: FoundEntry | undefined
  entry: Entry | undefined
  exit: Exit.Exit<unknown, unknown> | undefined
  /** The value that is being written, for callers that do not wait for the write. */
  loaded: Exit.Exit<unknown, unknown> | undefined
  isBehind: boolean
  /** When the flight ended, or its load while the result is being written, in epoch milliseconds. */
  endedAt: number

  /** The number of captures when the store was asked, the load began, or the result was stored. */
  asOf: number
  versions: ReadonlyArray<TagVersion> | undefined
  /** Tags of the ids on which the found entry depends. They count as having a dependent until the flight has ended. */
  held: ReadonlyArray<string> | undefined

  olderRunning: Flight | undefined
  newerRunning: Flight | undefined

  // The fields below are released when the flight ends.
  starter: ReadContext
  /** The flight whose load started this one. `undefined` for a refresh, because nothing waits for it. */
  parent: Flight | undefined
  /** The fiber of the flight, or its place in a batch call that runs it. */
  fiber: Pick<Fiber.Fiber<unknown, unknown>, "interruptUnsafe"> | undefined
  lease: FlightLease | undefined
  /** The slot or queue place of a refresh, perhaps shared with other flights of a batch. */
  unit: Unit | undefined
  /** Queued flights of the same id, which start once this flight has ended or is no longer storable. */
  after: Array<Flight> | undefined
  limit: Fiber.Fiber<unknown> | undefined
  /** Writes the load's outcome. `launch` calls it if the load interrupted itself (`renewed`). */
  conclude: ((exit: Exit.Exit<unknown, unknown>) => Effect.Effect<unknown, unknown, any>) | undefined
  trace: Trace | undefined
}

export interface Caller {
  readonly flight: Flight
  readonly request: Request
  readonly policy: Policy
  /** The try of a load inside which this caller waits. */
  readonly within: Attempt | undefined
  /** The tag epoch when the caller joined. */
  readonly joinedAt: number
  /** When the caller joined, in epoch milliseconds. `undefined` for a caller without timeouts. */
  readonly since: number | undefined
  readonly stale: Entry | undefined
  /** Whether the flight was started by another caller or by a refresh. */
  readonly joined: boolean
  /** Whether the load had not begun when the caller joined. It then sees every change that the caller knows of. */
  readonly isEarly: boolean
  readonly resume: Resume
  timers: ReadonlyArray<Fiber.Fiber<unknown>>
  pastSoftTimeout: boolean
  place: number
}

export interface FlightLease {
  /** Renews the lease. `undefined` until the lease is granted. */
  readonly renewal: Worker | undefined
  readonly owner: string
  /** Asks the store to release the lease. If the load failed, adds a note of its failure. */
  readonly release: (flight: Flight, failure: Exit.Failure<unknown, unknown> | undefined) => void
  /** Until when, in monotonic milliseconds, this process knows that no other process holds the lease. */
  heldUntil: number
  /** Whether committing the result has ended the lease, so that it need not be released. */
  isStored: boolean
}

export interface FoundEntry {
  readonly entry: Entry
  /** Whether the entry is stale, so that the result of an outer load which reads it is not stored. */
  readonly isStale: boolean
  /** Whether the stale entry is served instead of a load, because a load failed within `retryAfter`. */
  readonly insteadOfLoad: boolean
  readonly refreshDue: boolean
}

export type Resume = (effect: Effect.Effect<unknown, unknown, any>) => void

export interface Questions {
  /** The open requests that a new reader may join, by id. */
  readonly byId: Map<string, Question>
  readonly open: Set<Question>
  isTimed: boolean
}

export interface Question extends Watch {
  readonly id: string
  readonly askers: Array<Asker>
  /** The engine's `mutations` when the store was asked. */
  readonly mutations: number
  readonly clock: Clock.Clock
  readonly askedAt: number
  tags: ReadonlyArray<string>
  /** Whether the store was asked again, with the tags of the entry it returned. */
  isAgain: boolean
  isAnswered: boolean
  storeMillis: number | undefined
  /** Whether the answer has entered memory, which it does at most once. */
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
  /** The last step in which each id was written, loaded or removed. */
  readonly changedAt: Map<string, number>
  /** An id missing from `changedAt` counts as changed in this step. */
  floor: number
}

export interface Watch {
  readonly bornAt: number
  readonly since: number
  /** The store's answer before the call. Without it, answers beyond the asked keys stay in memory. */
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

/** Steps that the work loop calls. Injected, because importing the code that ends flights would be circular. */
export interface WorkActions {
  readonly respond: (self: Flights, caller: Caller) => void
  /** Whether a caller of a flight that is writing does not wait for the write. */
  readonly isBehind: (self: Flights, caller: Caller) => boolean
  readonly start: (self: Flights, flight: Flight) => void
}

export interface LeaseWaits {
  /** By id, so that a change of an id wakes only the flights that wait for its lease. */
  readonly waiting: Map<string, Set<LeaseWait>>
  timer: { readonly at: number; readonly worker: Worker } | undefined
  isAsking: boolean
}

export interface LeaseWait {
  readonly flight: Flight
  readonly owner: string
  /** When the flight began to wait, and when to ask for the lease again, in monotonic milliseconds. */
  readonly since: number
  dueAt: number
  isGone: boolean
  readonly resume: (answer: LeaseAnswer) => void
}

export type LeaseAnswer = Exclude<Acquired, { readonly _tag: "Wait" }> | Fault

interface Refreshing {
  readonly concurrency: number
  readonly timeoutMillis: number
  /** `undefined`: the default retries. */
  readonly retry: Schedule.Schedule<unknown, unknown> | undefined
  readonly running: Set<Unit>
  /** Units waiting for a slot, the latest request last. */
  readonly queue: Set<Unit>
}

/** The holder of one refresh slot: a flight, or all flights of a batch. Ended and detached flights leave the unit. */
export interface Unit {
  readonly flights: Set<Flight>
}

export interface Request<out A = unknown, out E = unknown> extends Effect.Effect<A, E, any> {
  readonly key: CacheKey<unknown, unknown, unknown> | string
  readonly load: Effect.Effect<A, E, any>
  readonly strategy: Strategy<any, any, any>
  readonly options: AnyReadOptions
  /** Copied from the options so that hits read it quickly: options have many shapes, requests only one. */
  readonly copy: AnyReadOptions["copy"]
  /** Whether the strategy decides by deadlines only. Without deadlines, no clock and no random number is read then. */
  readonly deadlinesOnly: boolean
  readonly servesFresh: boolean
  /** Whether reads extend the deadline, because the strategy has a `touch`. */
  readonly slides: boolean
  /** Identifies the strategy's constant lifetime. `undefined` for a function, and for a custom strategy. */
  readonly constant: unknown
  /** Whether an entry's `constant` is the same lifetime, so that a hit need not check the entry further. */
  readonly isConstant: (constant: unknown) => boolean
  readonly constantLifetime: () => Lifetime
  readonly refreshLoad: ((self: Flights, flight: Flight) => Effect.Effect<unknown, unknown, any>) | undefined
  readonly batch?: Batch | undefined
  /** A stream's hook, called with the request that leads the flight which the stream waits for. */
  readonly followed?: ((leader: Request) => void) | undefined
  /** A stream's hook, called with a flight that the stream leads once the flight has ended. */
  readonly settled?: ((flight: Flight) => void) | undefined
  /** How long the load renews its lease, if it differs from the layer's `maxLoad`. */
  readonly maxLoadMillis?: number | undefined
  /** Throws a `CacheConfigError` for an invalid option, before the first load. Returns whether options were given. */
  readonly validate: () => boolean
  /** Whether a caller repeats its read (`retryRead`). Every load that it can join now began after that read. */
  readonly isAgain?: boolean
  /** The validated options. Defined at the first miss, so that a hit does not pay for it. */
  rules: Rules | undefined
}

/** The validated options of a request, completed by the layer's defaults. */
export interface Rules {
  /** The defaults behind these rules: a request may be used with several caches. */
  readonly defaults: ReadDefaults
  /** Both timeouts are `undefined` if they are functions of the key, until `askTimeouts` evaluates them. */
  readonly timeoutMillis: number | undefined
  readonly softTimeoutMillis: number | undefined
  readonly isAsked: boolean
  readonly hasTimeouts: boolean
  /** 0 or less: a failed load is retried immediately. */
  readonly retryAfterMillis: number
  readonly memoryTtlMillis: number | undefined
  readonly minLoadMillis: number | undefined
  /** `undefined`: the layer decides. */
  readonly inherit: Inherit | undefined
  /** The largest share of the lifetime that is subtracted at random. */
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
  /** The hard deadline of a good value in the store that this read rejected. No failure may replace it earlier. */
  readonly protectedUntil?: number | undefined
  readonly storeMillis?: number | undefined
  /** The engine's `mutations` when the read decided to join or start a flight. */
  readonly mutations: number
}

/** The steps of reads that need a store. A cache without one does not bundle them. */
export interface StoreReads {
  /** Runs a strict read after sending the unsent invalidations that affect it. `undefined` if there are none. */
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
  /** Captures markers before a read of many keys. `requests` is `undefined` if no request has a timeout. */
  readonly captureMany: (
    self: Flights,
    reading: { readonly policy: Policy; readonly within: Attempt },
    requests: (() => ReadonlyArray<Request>) | undefined,
    ids: ReadonlyArray<string>
  ) => Effect.Effect<{ readonly policy: Policy; readonly shortened: (request: Request) => Request }> | undefined
  readonly absent: <A, E>(reader: Reader<A, E>, rejectedWriteId: string | undefined) => Effect.Effect<A, E>
  readonly askThenJoin: <A, E>(reader: Reader<A, E>, joining: Joining) => Effect.Effect<A, E>
  /** Stores a call's answers beyond its keys. Each is the entry of a flight that never starts. */
  readonly storeUnasked: (flights: ReadonlyArray<Flight>, watch: Watch, done: () => void) => void
}

/** The part of a reading fiber's context that the read needs. */
export interface ReadContext {
  readonly context: Context.Context<never>
  readonly policy: Policy
  readonly clock: Clock.Clock
  readonly within: Attempt | undefined
  readonly span: Tracer.AnySpan | undefined
  /** Shared by the loads that start in this context. Defined once a load has started (`loadContext`). */
  shared: SharedContext | undefined
}

export interface SharedContext {
  readonly context: Context.Context<never>
  /** Log annotations around the load, except those of an outer load. `undefined` if there are none. */
  readonly annotations: { readonly [name: string]: unknown } | undefined
}

/** How calls inside an effect use the cache. `CachePolicy` constructs it. */
export interface Policy {
  readonly readsMemory: boolean
  readonly readsStore: boolean
  readonly joins: "any" | "refresh" | "none"
  /** Whether a load that starts under this policy can be joined and its result stored. */
  readonly writes: boolean
  readonly bypass: boolean
  /** Whether faults become failures of the caller, and memory is not used while untracked. */
  readonly strict: boolean
  readonly storeTimeoutMillis: number | undefined
  readonly disabled: ReadonlySet<Operation>
  /** Invalidates the ids of each read before the read. */
  readonly invalidate: ((self: Flights, ids: ReadonlyArray<string>) => Effect.Effect<unknown>) | undefined
  readonly detector: Detector | undefined
}

export type Operation = "get" | "set" | "remove" | "invalidate" | "clear"

/** One try of a load. A retry is a new try, and inherits nothing from the failed one. */
export interface Attempt {
  readonly id: string
  /** `undefined` once the try has ended: a fiber that outlives the try does not count as inside the load. */
  flight: Flight | undefined
  /** When the load began, in epoch milliseconds. `undefined` before that. */
  startedAt: number | undefined
  endedAt?: number
  /** How often memory had been cleared when the try began, because changes could not be read. */
  clears: number
  /** Whether the load has read a stale cached value, so that its result is not stored. */
  fromStale: boolean
  /** `undefined` until a cache serves a value inside the load. */
  recorder: Recorder | undefined
  /** `undefined` until the load reads through a cache. */
  dependencies: Dependencies | undefined
  /** Whether the load declared the previous value still valid, which ends the try. */
  renewed: boolean
  previous: Entry | undefined
  annotations: Annotations | undefined
  /** The edges of the wait graph: each flight that the load waits for, with the number of its waits. */
  waitsOn: Map<Flight, number> | undefined
}

/** Declarations that a load makes about its own result. */
export interface Annotations {
  readonly tags?: ReadonlyArray<string> | undefined
  readonly ttl?: Ttl.Input | undefined
  readonly softTtl?: Ttl.Input | undefined
  readonly etag?: string | undefined
}

export interface Recorder {
  /** When the oldest value served was created, in epoch milliseconds. `Infinity` if none was served. */
  oldestAt: number
  /** The id of the oldest value served. */
  oldestId: string
  endsAt: number
  endsId: string
}

export interface Dependencies {
  readonly engine: Flights
  readonly flight: Flight
  readonly tags: Map<string, Dependency>
  /** The number of ids in each group. `undefined` while there are too few ids for a group's limit to matter. */
  groups: Map<string, number> | undefined
  /** Whether a value that was read may be outdated, so that neither the result nor anything derived is stored. */
  isTainted: boolean
  own: ReadonlyArray<string> | undefined
  isRegistered: boolean
  /** The last id noted, cached because an id is noted before the read and looked up again with the answer. */
  lastId: string | undefined
  last: Dependency | undefined
}

/** A tag that a load's result inherits. */
export interface Dependency {
  /** The tag epoch before the tagged value was read. A later invalidation of the tag ends the derived result. */
  epoch: number
  /** The marker's version in the store before the read. `undefined` without a store, or if any read had no version. */
  version: string | undefined
  /** For the tag of an id: the capture number from which on the id's value may be read. */
  readonly since: number
}

/**
 * One call that loads many keys. Each key has a flight with its own callers, lease and write. The call starts when
 * every flight has reached its load or dropped out, because the store had its entry or another process holds its lease.
 * Flights that rejoin in one step, after a lease or another flight of their id, share another call.
 */
export interface Batch {
  readonly add: (flight: Flight) => void
  /** Drops a flight out of the call, which no longer waits for it unless the flight rejoins. */
  readonly dropOut: (flight: Flight) => void
  /** Like `dropOut`, but starts the call in a later turn, because this may run inside an invalidation. */
  readonly drop: (flight: Flight, dispatcher: SchedulerDispatcher) => void
  /** Runs the steps of a starting flight instead of a fiber of its own. Returns `false` if the flight needs a fiber. */
  readonly seat: (flight: Flight) => boolean
  readonly rejoin: (flight: Flight) => void
  /** The load of each of the batch's flights: waits for the call, and takes its answer. */
  readonly load: Effect.Effect<unknown, unknown, any>
  /** The fiber of the call that currently runs the flight's load. */
  readonly fiberOf: (flight: Flight) => Fiber.Fiber<unknown, unknown> | undefined
  /** Whether a call runs as part of the flight. The call may continue for other flights after the flight has ended. */
  readonly isLedBy: (flight: Flight) => boolean
  readonly inGroups: Groups["forEach"]
  readonly close: () => void
  readonly options: BatchOptions
  failed: Cause.Cause<unknown> | undefined
  /** Whether `failed` was logged, which happens once per call and not per key. */
  isLogged: boolean
  asksEvidence: boolean
  evidence: Evidence | undefined
}

export interface BatchOptions {
  readonly loadAll: LoadAll
  /** The request of a key. Without this function, answers for keys that were not requested are dropped. */
  readonly requestOf?: ((key: Key, batch: Batch) => Request) | undefined
  /** The remaining store budget, if the read has already asked the store. */
  readonly leftMillis?: number | undefined
  /** Retries the whole call. Single flights of a batch are not retried. */
  readonly retry?: Schedule.Schedule<unknown, unknown> | undefined
}

export type LoadAll = (
  keys: ReadonlyArray<Key>
) => Effect.Effect<BatchAnswers | ReadonlyMap<Key, Exit.Exit<unknown, unknown>>, unknown, any>

export type BatchAnswers = ReadonlyArray<Exit.Exit<unknown, unknown>>

export interface Groups {
  readonly entered: (flight: Flight) => void
  /** Notes that the store has answered the flight, or that the flight waits for something else. */
  readonly left: (flight: Flight) => void
  /**
   * Runs `step`, which may enter a flight, for each item, and then `end`. If a group is full, the next one waits until
   * half of its flights have left. Groups grow while answers come quickly, not counting the store's latency.
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
  /** A copy, because flights may end while their callers are iterated. */
  readonly all: () => ReadonlyArray<Flight>
}

export type Running = Pick<FlightsById, "size" | "delete" | "all"> & { readonly add: (flight: Flight) => void }
