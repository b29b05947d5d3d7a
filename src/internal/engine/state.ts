/** The types of an engine's state. This file has no code, so that all modules can import it without cycles. */
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
import type { Behind, Fifo } from "../fifo.ts"
import type { Key } from "../key/ofKey.ts"
import type { Annotations } from "../options/annotations.ts"
import type * as Collections from "./collections.ts"
import type { Entry } from "./memory/entry.ts"
import type { MemoryTier } from "./memory/memory.ts"
import type { Worker } from "./storeTier/background.ts"
import type { Elsewhere, Fault, StoreTier, TagsRead, WriteGrant } from "./storeTier/storeTier.ts"
import type { Detector } from "./telemetry/detect.ts"
import type { Trace } from "./telemetry/spans.ts"
import type { Counters } from "./telemetry/telemetry.ts"
import type { Served } from "./telemetry/tell.ts"

type AnyLoad = Effect.Effect<unknown, unknown, any>

export interface Flights extends MemoryTier {
  readonly storeTier: StoreTier | undefined
  /** Whether each reader runs its own load. Needed on platforms where the end of a request cancels its loads. */
  readonly isPrivate: boolean
  /** Runs a load with the store operations before and after it. Caches without a store do not bundle this function. */
  readonly throughStore: ((self: Flights, flight: Flight, load: AnyLoad) => AnyLoad) | undefined
  readonly storeReads: StoreReads | undefined
  readonly flights: FlightsById
  /** Flights that have started but not ended, whether or not they can be joined. */
  readonly running: Running
  /** By id, flights that still load but are not joinable. While one is listed, no storable load of its id starts. */
  readonly ending: Map<string, Flight>
  /** How many milliseconds an abandoned load may continue before another load of its id starts. */
  readonly endingMillis: number
  readonly inherit: Inherit
  readonly readDefaults: ReadDefaults
  /** After this time without a result, a load whose readers have no timeout is run again (`flight/patience.ts`). */
  readonly maxLoadMillis: number
  readonly durations: Durations
  readonly work: Work
  readonly refreshing: Refreshing
  readonly leaseWaits: LeaseWaits
  readonly questions: Questions
  /** The number of flights that are still writing a value that their callers have already received. */
  behind: number
  /** By id, a pause before the next load: after a failed load, or during a refresh in another process or request. */
  readonly retryAt: Map<string, { readonly until: number; readonly millis: number }>
  /** By id, the `writeId`s of stale values that must not be served instead of a failure (see `request/answers.ts`). */
  readonly answered: Map<string, ReadonlyArray<string | undefined>>
  /** The counters of key classes whose loads currently fail while stale values are served. */
  readonly failing: Set<Counters>
  readonly watches: Watches
  /** The SQL transactions for which the bypass of the cache was logged. It is logged once per transaction. */
  readonly transactions: WeakSet<object>
  /** The context of the last read in this turn of the event loop. */
  lastReadContext: ReadContext | undefined
  readonly forgetReadContext: () => void
  onIdle: (() => void) | undefined
}

/**
 * - `Queued`: not started. Waits for a refresh slot, for another flight of its id, or for the scheduler.
 * - `AskingStore`: the store has not answered, and the callers do not yet count as misses.
 * - `AwaitingLease`: the store has no usable entry, and the flight waits for the lease.
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
  bornAt: number
  since: number
  readonly readsStore: boolean
  /** The time budget for all store operations together. If `undefined`, the batch, policy or layer determines it. */
  readonly storeMillis: number | undefined
  readonly depth: number
  readonly callers: Callers
  readonly counters: Counters

  phase: Phase
  attempt: Attempt
  /** Whether the result may enter memory and the store. `false`, for example, after an invalidation of the id. */
  storable: boolean
  /** Whether the flight continues without callers: as a refresh, after a soft timeout, or while writing its result. */
  pinned: boolean
  abandoned: boolean
  /** Whether the caller in whose context the load runs has left. */
  isOrphan: boolean
  /** Whether the load has run once more because it failed after that. */
  hasRerun: boolean
  /** When the load was interrupted to run again (`patience.ts`), in monotonic time. `undefined` once it runs. */
  restartedAt: number | undefined
  restarts: number
  /** A caller that was found to be more patient than the load is old. */
  patient: Caller | undefined
  /** Whether the flight was interrupted because it ran too long without callers. */
  ranTooLong: boolean

  /** The engine's `mutations` when the store was last asked, or when the load began. */
  askedAt: number
  /** The engine's `mutations` after the last change that the answer or the load may have missed (`isOutdated`). */
  changedAt: number
  /** The `writeId` of an entry that a reader rejected. The store must not return that entry again. */
  rejectedWriteId: string | undefined
  /** The `expiresAt` of a good stored value that this load replaces. Until then, no failure may overwrite the value. */
  protectedUntil: number
  stale: Entry | undefined
  fault: Fault | undefined

  found: FoundEntry | undefined
  entry: Entry | undefined
  exit: Exit.Exit<unknown, unknown> | undefined
  /** The loaded value that is being written, for callers that do not wait for the write. */
  loaded: Exit.Exit<unknown, unknown> | undefined
  isBehind: boolean
  /** In epoch milliseconds: when the flight ended or, while the result is being written, when its load ended. */
  endedAt: number

  /** The tier's `captures` when the store was asked, the load began or the result was stored, whichever was last. */
  asOf: number
  versions: ReadonlyArray<TagVersion> | undefined

  older: Flight | undefined
  newer: Flight | undefined

  // The fields below are cleared when the flight ends.
  starter: ReadContext
  /** The flight whose load started this one. `undefined` outside loads, and for a refresh that no load waits for. */
  parent: Flight | undefined
  /** The flight's fiber or, if a batch call runs the flight, an object that interrupts the flight. */
  fiber: Pick<Fiber.Fiber<unknown, unknown>, "interruptUnsafe"> | undefined
  lease: FlightLease | undefined
  waveAnswer: WriteGrant | Elsewhere | Fault | undefined
  /** The refresh slot of the flight, or its place in the queue. Other flights of the same batch may share it. */
  unit: Unit | undefined
  /** Queued flights for the same id. They start once this flight has ended or no longer blocks the id. */
  after: Array<Flight> | undefined
  limit: Fiber.Fiber<unknown> | undefined
  /** Writes the load's outcome. If the load has interrupted itself (`renewed`), a new fiber runs this function. */
  conclude: ((exit: Exit.Exit<unknown, unknown>) => Effect.Effect<unknown, unknown, any>) | undefined
  trace: Trace | undefined
}

export interface Caller {
  /** Another flight takes the callers over if the load of a batch or stream is run again. */
  flight: Flight
  readonly request: Request
  readonly policy: Policy
  readonly context: ReadContext
  readonly within: Attempt | undefined
  /** The tag epoch when the caller joined, or -1 if the load certainly sees every change that the caller knows of. */
  joinedAt: number
  /** When the caller joined, in monotonic milliseconds. `undefined` for a caller with neither timeouts nor a span. */
  readonly since: number | undefined
  readonly span: Tracer.AnySpan | undefined
  readonly stale: Entry | undefined
  readonly joined: boolean
  /** Whether the caller joined before the load began. `undefined` on platforms where results have no dependencies. */
  isEarly?: boolean
  readonly resume: Resume
  timers: ReadonlyArray<Fiber.Fiber<unknown>>
  pastSoftTimeout: boolean
  place: number
}

export type FlightLease = Collections.LeaseOf<Flight>

export interface FoundEntry {
  readonly entry: Entry
  /** `stale`: in place of a load, because one failed less than `retryAfter` ago. */
  readonly served: Served
  readonly refreshDue: boolean
  /** The engine's `mutations` when the entry was found. */
  readonly mutations: number
}

export type Resume = (effect: Effect.Effect<unknown, unknown, any>) => void

interface Questions {
  /** The unanswered store requests that a new reader may join, by id. */
  readonly byId: Map<string, Question>
  readonly open: Set<Question>
  isTimed: boolean
}

export interface Question extends Watch {
  readonly id: string
  readonly askers: Array<Asker>
  mutations: number
  readonly clock: Clock.Clock
  readonly askedAt: number
  tags: ReadonlyArray<string>
  /** Whether the store was asked a second time, with the tags of the entry that it had returned. */
  isAgain: boolean
  isAnswered: boolean
  storeMillis: number | undefined
  /** Whether the answer has been put in memory, which is done at most once. */
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
  /** By id, the value of `step` at the last write, load or removal. */
  readonly changedAt: Map<string, number>
  /** An id that is missing from `changedAt` counts as changed at this value of `step`. */
  floor: number
}

export interface Watch {
  readonly bornAt: number
  readonly since: number
}

export interface Work extends WorkActions {
  /** Ended flights whose callers wait, callers to answer before a write ends, and abandoned flights to interrupt. */
  readonly ended: Fifo<Flight | Behind<Caller>>
  readonly starting: Fifo<Flight>
  readonly dispatcher: SchedulerDispatcher
  isWorking: boolean
  isScheduled: boolean
}

/** Steps that the work loop calls. Injected, because importing their modules would cause a cycle. */
export interface WorkActions {
  readonly respond: (self: Flights, caller: Caller) => void
  readonly start: (self: Flights, flight: Flight) => void
  /** Runs the load of a flight as a new attempt. */
  readonly again: (self: Flights, flight: Flight) => void
  readonly restartIfOutlasted: (self: Flights, flight: Flight, reader: undefined, now: number) => void
}

export interface LeaseWaits {
  /** The waits by id, so that a change to an id wakes only the flights that wait for the lease of that id. */
  readonly waiting: Map<string, Set<LeaseWait>>
  timer: { readonly at: number; readonly worker: Worker } | undefined
  isAsking: boolean
}

export interface LeaseWait {
  readonly flight: Flight
  readonly owner: string
  /** In monotonic milliseconds: when the flight began to wait (`since`), and when to ask again (`dueAt`). */
  readonly since: number
  dueAt: number
  /** The period in which one process may have held the lease without a break. */
  heldSince: number
  heldUntil: number
  isGone: boolean
  readonly resume: (answer: LeaseAnswer) => void
}

export type Durations = Collections.DurationsOf<Counters>

export type LeaseAnswer = LeaseGrant | LeaseHit | Fault

/** If many leases were granted at once, `hold` makes the flight's lease, which is renewed together with the others. */
export type LeaseGrant = Extract<Acquired, { _tag: "Granted" }> & { hold?: (flight: Flight) => FlightLease }

export type LeaseHit = Extract<Acquired, { _tag: "Hit" }> & { readonly tagsRead?: TagsRead | undefined }

interface Refreshing {
  readonly concurrency: number
  readonly timeoutMillis: number
  readonly retry: Schedule.Schedule<unknown, unknown> | undefined
  readonly running: Set<Unit>
  /** Units that wait for a slot. The most recently requested unit is the last. */
  readonly queue: Set<Unit>
}

/** The holder of one refresh slot: a flight, or all flights of a batch. Ended and detached flights leave the unit. */
export interface Unit {
  readonly flights: Set<Flight>
  /** Whether a caller has joined one of its flights, perhaps before the unit was complete. */
  isPromoted: boolean
}

export interface Request<out A = unknown, out E = unknown> extends Effect.Effect<A, E, any> {
  readonly key: CacheKey<unknown, unknown, unknown> | string
  readonly load: Effect.Effect<A, E, any>
  /** Adds the services that `Cached.make` has captured to the context of a caller. */
  readonly provide?: (<R>(caller: Context.Context<R>) => Context.Context<R>) | undefined
  readonly strategy: Strategy<any, any, any>
  readonly options: AnyReadOptions
  /** Copied from the options to make hits faster: V8 is slow to read properties of objects with many shapes. */
  readonly copy: AnyReadOptions["copy"]
  /** Whether the strategy needs only deadlines: no random number and, for an entry without deadlines, no clock. */
  readonly deadlinesOnly: boolean
  readonly servesFresh: boolean
  /** Whether reads extend the deadline, because the strategy has a `touch`. */
  readonly slides: boolean
  /** Identifies the strategy's constant lifetime. `undefined` for lifetime functions and custom strategies. */
  readonly constant: unknown
  /** Whether an entry's `constant` denotes this request's lifetime. If so, a hit keeps the entry's deadlines. */
  readonly isConstant: (constant: unknown) => boolean
  readonly constantLifetime: () => Lifetime
  /** Whether the lifetime is that of a profile, which limits reads and removes nothing. */
  readonly isProfiled?: boolean
  readonly refreshLoad: ((self: Flights, flight: Flight) => Effect.Effect<unknown, unknown, any>) | undefined
  readonly batch?: Batch | undefined
  /** Defined for streams. Called when the stream waits for a flight, with the request that started the flight. */
  readonly followed?: ((leader: Request) => void) | undefined
  /** Defined for streams. Whether the consumer has received elements of the run that it follows. */
  readonly hasBegun?: (() => boolean) | undefined
  /** Defined for streams. Called with a flight that this request started, once the flight has ended. */
  readonly settled?: ((flight: Flight) => void) | undefined
  /** Defined for streams: how long a run may take, and for how long it renews its lease. */
  readonly maxRunMillis?: number | undefined
  /** Throws a `CacheConfigError` for an invalid option, before the first load. Returns whether there are options. */
  readonly validate: () => boolean
  readonly isAgain?: boolean
  /** The validated options. Defined at the first miss, so that hits do not pay for the validation. */
  rules: Rules | undefined
}

/** The validated options of a request, completed by the layer's defaults. */
export interface Rules {
  /** The cache defaults that these rules contain. Kept for comparison, because several caches may use one request. */
  readonly defaults: ReadDefaults
  /** A timeout that is a function of the key stays `undefined` until `askTimeouts` evaluates the function. */
  readonly timeoutMillis: number | undefined
  /** The whole `timeout`, of which a read that is repeated has less left. */
  readonly patienceMillis: number | undefined
  readonly softTimeoutMillis: number | undefined
  readonly isAsked: boolean
  /** With 0 or less, the next read after a failed load loads again at once. */
  readonly retryAfterMillis: number
  readonly memoryTtlMillis: number | undefined
  readonly minLoadMillis: number | undefined
  /** The `maxLoad` of the read or of its key class. `undefined`: that of the layer. */
  readonly maxLoadMillis: number | undefined
  readonly inherit: Inherit | undefined
  /** The largest fraction of the lifetime that may be subtracted at random. */
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
  /** The hard deadline of a good stored value that this read rejected. Until then, no failure may overwrite it. */
  readonly protectedUntil?: number | undefined
  readonly storeMillis?: number | undefined
  /** The engine's `mutations` when the read decided to join or start a flight. */
  readonly mutations: number
}

/** The steps of a read that need a store. A cache without a store does not bundle them. */
export interface StoreReads {
  /** Sends the unsent invalidations that affect a strict read, then runs the read. `undefined` if there are none. */
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
  /** Answers a caller of a flight that found an entry: with the entry, or with a new read if the caller must load. */
  readonly foundOrRetry: (self: Flights, caller: Caller, found: FoundEntry) => Effect.Effect<unknown, unknown, any>
  readonly askThenJoin: <A, E>(reader: Reader<A, E>, joining: Joining) => Effect.Effect<A, E>
  readonly makeWaveSteps: (first: WaveContext, isOneWave: boolean) => WaveSteps
  /** Whether a caller is answered before its flight has written the result. */
  readonly isBehind: (self: Flights, caller: Caller) => boolean
}

export type WaveContext = Pick<Flight, "engine" | "policy" | "request" | "starter">

/** The store operations of a bulk call's flights, in waves. The call runs them itself, without a fiber per flight. */
export interface WaveSteps {
  /** Acquires leases. A flight with the answer `Elsewhere` needs its own fiber: to read an entry, or to wait. */
  readonly acquire: (members: ReadonlyArray<{ readonly flight: Flight } | Stub>) => Effect.Effect<void, never, any>
  /** Hands the lease of a stub over to the flight that the stub has become. */
  readonly handOver: (stub: Stub, flight: Flight) => void
  /** Releases the leases of stubs whose results will not be stored. */
  readonly releaseLeases: (stubs: Iterable<Stub>) => void
  /** Stores the outcomes of loads that have ended. Returns the answers for their callers, in the same order. */
  readonly store: (flights: ReadonlyArray<Flight>, outcomes: BatchAnswers) => Effect.Effect<BatchAnswers, never, any>
}

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
  /** The starter's log annotations, without the key of an outer load. `undefined` if there are none. */
  readonly annotations: { readonly [name: string]: unknown } | undefined
}

/** How calls inside an effect use the cache. `CachePolicy` makes values of this type. */
export interface Policy {
  /** Whether reads may use entries that are in memory or in the store. */
  readonly readsEntries: boolean
  readonly joins: "any" | "refresh" | "none"
  /** Whether loads under this policy can be joined, and whether their results can be stored. */
  readonly writes: boolean
  readonly bypass: boolean
  /** Whether the caller fails on a store fault, and ignores memory while other processes' changes are untracked. */
  readonly strict: boolean
  readonly storeTimeoutMillis: number | undefined
  readonly disabled: ReadonlySet<Operation>
  /** If defined, invalidates the ids of each read before the read looks for entries. */
  readonly invalidate: ((self: Flights, ids: ReadonlyArray<string>) => Effect.Effect<unknown>) | undefined
  readonly detector: Detector | undefined
  /** Runs each read in a span. `undefined` within such a read. */
  readonly trace: Detector["trace"]
}

export type Operation = "get" | "set" | "remove" | "invalidate" | "clear"

/** One attempt at a load. A retry is a new attempt, which inherits nothing from the failed attempt. */
export interface Attempt {
  readonly id: string
  /** `undefined` once the attempt has ended. A fiber that outlives the attempt no longer counts as inside the load. */
  flight: Flight | undefined
  /** When the load began, in epoch milliseconds. `undefined` before that. */
  startedAt: number | undefined
  /** When the load began, in monotonic time. */
  beganAt: number
  /** When the load last made progress, in monotonic time. `Infinity` while it waits for others. */
  aliveAt: number
  endedAt?: number
  /** Whether the load has read a stale cached value. If so, its result is not stored. */
  fromStale: boolean
  recorder: Recorder | undefined
  dependencies: Dependencies | undefined
  /** Whether the load declared that the previous value is still valid. This declaration ends the attempt. */
  renewed: boolean
  previous: Entry | null | undefined
  annotations: Annotations | undefined
  /** The load's edges in the wait graph: the flights that it waits for, each with the number of waits. */
  waitsOn: Map<Flight, number> | undefined
}

export interface Recorder {
  /** When the oldest served value was created, on the scale of `WallTime`. `Infinity` if no value was served. */
  oldestAt: number
  oldestId: string
  endsAt: number
  endsId: string
}

export interface Dependencies {
  readonly engine: Flights
  readonly flight: Flight
  readonly tags: Map<string, Collections.Dependency>
  /** The number of ids in each group. `undefined` while there are too few ids to exceed a group's limit. */
  groups: Map<string, number> | undefined
  /** Whether the load may have read an outdated value. If so, its result and results derived from it are not stored. */
  isTainted: boolean
  own: ReadonlyArray<string> | undefined
  /** The last noted id. Cached, because each id is noted before its read and again when the answer arrives. */
  lastId: string | undefined
  last: Collections.Dependency | undefined
}

/**
 * One call that loads many keys. Each key has a stub, or a flight with its own callers, lease and write. The call
 * starts once every flight has reached its load or dropped out. A flight drops out if the store has its entry, or while
 * it waits for another process's lease or for an older flight. Flights that rejoin together share another call.
 */
export interface Batch {
  readonly add: (flight: Flight) => void
  /** Removes a flight from the call. The call does not wait for the flight unless it rejoins. */
  readonly dropOut: (flight: Flight) => void
  /** Like `dropOut`, but never starts the call in the current turn, because an invalidation may call this method. */
  readonly drop: (flight: Flight, dispatcher: SchedulerDispatcher) => void
  /** Lets the call run the steps of a starting flight. Returns `false` if the flight needs a fiber of its own. */
  readonly runWithoutFiber: (flight: Flight) => boolean
  readonly rejoin: (flight: Flight) => void
  /** Whether the call has a flight that can lead it. Only then may the call have stubs. */
  readonly hasLeader: (usesStore: boolean) => boolean
  readonly addStub: (stub: Stub, usesStore: boolean) => void
  readonly replaceStub: (stub: Stub) => void
  readonly leaveStubs: (stubs: Iterable<Stub>) => Effect.Effect<unknown>
  readonly releaseLeases: WaveSteps["releaseLeases"]
  /** The step of the call with the stubs. `undefined` if it has not begun. */
  readonly doing: () => "loading" | "waiting" | "storing" | undefined
  /** Runs something once the results of stubs are stored. */
  readonly whenStored: (run: () => void) => void
  readonly whileLeaving: <A>(leaving: Effect.Effect<A>) => Effect.Effect<A>
  /** The load of each flight in the batch. It waits for the call, and returns the answer for the flight's key. */
  readonly load: Effect.Effect<unknown, unknown, any>
  readonly fiberOf: (flight: Flight) => Fiber.Fiber<unknown, unknown> | undefined
  /** Whether a call runs as part of the flight. The call may continue for other flights after this flight has ended. */
  readonly isLedBy: (flight: Flight) => boolean
  readonly inGroups: Groups["forEach"]
  readonly close: () => void
  readonly options: BatchOptions
  failed: Cause.Cause<unknown> | undefined
  /** Whether a failed load of the batch was logged. Failures are logged once per call, not once per key. */
  isLogged: boolean
}

export interface BatchOptions {
  readonly loadAll: LoadAll
  /** Makes the request for a key. Without this function, answers for unrequested keys are dropped. */
  readonly requestOf?: ((key: Key, batch: Batch) => Request) | undefined
  /** The remaining store budget, if the read has already asked the store. */
  readonly leftMillis?: number | undefined
  /** Retries the whole call. Individual flights of a batch are not retried. */
  readonly retry?: Schedule.Schedule<unknown, unknown> | undefined
}

export type LoadAll = (
  keys: ReadonlyArray<Key>
) => Effect.Effect<BatchAnswers | ReadonlyMap<Key, Exit.Exit<unknown, unknown>>, unknown, any>

export type BatchAnswers = ReadonlyArray<Exit.Exit<unknown, unknown>>

export type Groups = Collections.GroupsOf<Flight | Stub>

export type Callers = Collections.CallersOf<Caller>

export interface FlightsById extends Collections.ById<Flight> {
  /** Keys of bulk calls for which no flight exists yet. `undefined` while there are none. */
  stubs: StubIndex | undefined
}

export type StubIndex = Collections.StubIndexOf<Flight>

export type Stub = Collections.StubOf<Flight>

export type Running = Collections.RunningOf<Flight>
