/** The types of the state of an engine: flights, their callers and requests. Types alone, so that no room needs another one for them. */
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

/** Until when an id is throttled, in epoch milliseconds, and for how long. */
interface Pause {
  readonly until: number
  readonly millis: number
}

export interface Flights extends MemoryTier {
  readonly storeTier: StoreTier | undefined
  /**
   * each reader loads for itself: no flight is joined or held up, none is in a list, and nothing of one reader is done in
   * the turn of another. What a platform stops without a word (a request of a Worker) then leaves nothing behind
   */
  readonly isPrivate: boolean
  /** the steps of a load where there is a store; a cache without one does not load them */
  readonly throughStore:
    | ((
      self: Flights,
      flight: Flight,
      load: Effect.Effect<unknown, unknown, any>
    ) => Effect.Effect<unknown, unknown, any>)
    | undefined
  readonly storeReads: StoreReads | undefined
  /** flights that can be joined, by id */
  readonly flights: FlightsById
  /** flights that have a fiber, joinable or not */
  readonly running: Running
  /** flights that nobody joins any more and whose load runs on, by id: no other load of the id begins meanwhile */
  readonly ending: Map<string, Flight>
  /** how long a load that was abandoned may run on before another one begins, in milliseconds */
  readonly endingMillis: number
  /** what a result takes over from values that caches served inside its load, where the read does not say it */
  readonly inherit: Inherit
  /** the options of reads that do not say otherwise */
  readonly readDefaults: ReadDefaults
  readonly work: Work
  readonly refreshing: Refreshing
  readonly leaseWaits: LeaseWaits
  readonly questions: Questions
  /** how many flights write a value that callers have got already */
  behind: number
  /** ids whose last load failed, with the pause until the next try */
  readonly retryAt: Map<string, Pause>
  /** ids whose load has answered with a failure, with the `writeId`s of the values that are no fallback any more */
  readonly answered: Map<string, ReadonlyArray<string | undefined>>
  /**
   * the counters of the key classes whose loads fail while stale values are served: an incident lasts until one of
   * their loads succeeds
   */
  readonly failing: Set<Counters>
  /** the calls for many keys that run now: what changes meanwhile */
  readonly watches: Watches
  /** the open SQL transactions of which a debug line says that their reads bypass the cache */
  readonly transactions: WeakSet<object>
  /** of the last read in this turn of the event loop */
  lastReadContext: ReadContext | undefined
  readonly forgetReadContext: () => void
  /** called when the last flight has ended, while the cache closes */
  onIdle: (() => void) | undefined
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
  found: FoundEntry | undefined
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
  lease: FlightLease | undefined
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
export interface FlightLease {
  /** renews it; `undefined` until it is granted */
  readonly renewal: Worker | undefined
  readonly owner: string
  /** asks the store to release it, with a note of the failure where the load failed */
  readonly release: (flight: Flight, failure: Exit.Failure<unknown, unknown> | undefined) => void
  /** until when no other process has it, in monotonic milliseconds, as far as this one knows */
  heldUntil: number
  /** the result is committed, which ended the lease: it need not be released */
  isStored: boolean
}

/** The entry with which a flight ends that does not load. */
export interface FoundEntry {
  readonly entry: Entry
  /** a load around this one reads a stale value */
  readonly isStale: boolean
  /** a load failed within `retryAfter`, so the stale entry is served instead of a load */
  readonly insteadOfLoad: boolean
  /** a refresh of the entry is due */
  readonly refreshDue: boolean
}

export type Resume = (effect: Effect.Effect<unknown, unknown, any>) => void

export interface Questions {
  /** those that a new reader may wait for, by id */
  readonly byId: Map<string, Question>
  /** all without an answer; the first is the oldest */
  readonly open: Set<Question>
  /** something sleeps until the time of the oldest one is over */
  isTimed: boolean
}

export interface Question extends Watch {
  readonly id: string
  readonly askers: Array<Asker>
  /** the engine's `mutations` when it was asked */
  readonly mutations: number
  readonly clock: Clock.Clock
  /** in the time of the program */
  readonly askedAt: number
  /** the tags whose versions are asked for */
  tags: ReadonlyArray<string>
  /** it is asked the second time, with the tags of the entry that was found */
  isAgain: boolean
  isAnswered: boolean
  /** once it is answered: what is left of the time for steps of the store */
  storeMillis: number | undefined
  /** its answer has entered memory: it does so once */
  isInMemory: boolean
}

/** A reader that waits for an answer. */
export interface Asker {
  readonly reader: Reader
  readonly rejectedWriteId: string | undefined
  readonly resume: Resume
  isGone: boolean
}

export interface Watches {
  /** how many calls watch now */
  count: number
  /** moves with every change that is noted */
  step: number
  /** the last step in which an id was written, loaded or removed */
  readonly changedAt: Map<string, number>
  /** ids that are not in the list count as changed in this step */
  floor: number
}

export interface Watch {
  /** the tag epoch when it began */
  readonly bornAt: number
  /** the last step before it */
  readonly since: number
  /** what the store answered before; without it answers beyond the asked keys stay in memory */
  readonly evidence?: Evidence | undefined
}

export interface Work extends WorkActions {
  /**
   * ended flights whose callers wait for their answers, those that write behind callers, and abandoned ones that are to
   * be interrupted
   */
  readonly ended: Fifo<Flight | Behind<Caller>>
  /** queued flights that may start */
  readonly starting: Fifo<Flight>
  readonly dispatcher: SchedulerDispatcher
  isWorking: boolean
  isScheduled: boolean
}

/** Passed in, not imported: they work with what ends a flight, which would be a circle. */
export interface WorkActions {
  readonly respond: (self: Flights, caller: Caller) => void
  /** whether a caller of a flight that writes does not wait for that */
  readonly isBehind: (self: Flights, caller: Caller) => boolean
  readonly start: (self: Flights, flight: Flight) => void
}

export interface LeaseWaits {
  /** by id: a change of one wakes only its own, of thousands */
  readonly waiting: Map<string, Set<LeaseWait>>
  /** sleeps until the next question */
  timer: { readonly at: number; readonly worker: Worker } | undefined
  isAsking: boolean
}

export interface LeaseWait {
  readonly flight: Flight
  readonly owner: string
  /** when it began to wait, and when it is asked for again, in monotonic milliseconds */
  readonly since: number
  dueAt: number
  /** its flight was interrupted */
  isGone: boolean
  readonly resume: (answer: LeaseAnswer) => void
}

export type LeaseAnswer = Exclude<Acquired, { readonly _tag: "Wait" }> | Fault

interface Refreshing {
  readonly concurrency: number
  readonly timeoutMillis: number
  /** `undefined`: as the default says */
  readonly retry: Schedule.Schedule<unknown, unknown> | undefined
  /** the units that have a slot */
  readonly running: Set<Unit>
  /** the units that wait for one; the last was asked for last */
  readonly queue: Set<Unit>
}

/** What takes one slot: a flight, or all flights of a batch. Those that have ended, or were detached, leave it. */
export interface Unit {
  readonly flights: Set<Flight>
}

/** One read: the effect that a combinator makes, as the engine sees it. */
export interface Request<out A = unknown, out E = unknown> extends Effect.Effect<A, E, any> {
  readonly key: CacheKey<unknown, unknown, unknown> | string
  readonly load: Effect.Effect<A, E, any>
  readonly strategy: Strategy<any, any, any>
  readonly options: AnyReadOptions
  /** of the options, for hits: the options of a program have many shapes, and requests have one */
  readonly copy: AnyReadOptions["copy"]
  /** the strategy looks at deadlines only: without deadlines no clock is read, and a decision needs no random number */
  readonly deadlinesOnly: boolean
  /** the strategy serves every entry before both deadlines */
  readonly servesFresh: boolean
  /** reads move the entry's deadline: the strategy has a `touch` */
  readonly slides: boolean
  /**
   * what stands for the lifetime of its strategy, where that is a constant. `undefined` for a function of the result, and
   * for a strategy of one's own
   */
  readonly constant: unknown
  /** whether that of an entry stands for the same lifetime, which a hit need not look at then */
  readonly isConstant: (constant: unknown) => boolean
  /** the lifetime that `constant` stands for */
  readonly constantLifetime: () => Lifetime
  /** how a refresh loads; of a strategy that never refreshes `undefined` */
  readonly refreshLoad: ((self: Flights, flight: Flight) => Effect.Effect<unknown, unknown, any>) | undefined
  /** the batch that loads this key */
  readonly batch?: Batch | undefined
  /** of a stream: told which request leads the flight that it waits for */
  readonly followed?: ((leader: Request) => void) | undefined
  /** of a stream: told how the flight that it leads has ended */
  readonly settled?: ((flight: Flight) => void) | undefined
  /** how long its load renews its lease, where that is not the layer's `maxLoad` */
  readonly maxLoadMillis?: number | undefined
  /** throws a `CacheConfigError` for a wrong option, before the first load; `false`: it has no options of reads */
  readonly validate: () => boolean
  /** checked and parsed, once a miss needs them: a hit must not pay for them */
  rules: Rules | undefined
}

/** What a request asks for, or else its layer, checked and parsed. */
export interface Rules {
  /** those with which they were made: a request may be used with several caches */
  readonly defaults: ReadDefaults
  /** both timeouts: `undefined` for a function of the key too, until `askTimeouts` */
  readonly timeoutMillis: number | undefined
  readonly softTimeoutMillis: number | undefined
  /** the functions among them have been asked */
  readonly isAsked: boolean
  /** it has one of them, a function of the key included */
  readonly hasTimeouts: boolean
  /** 0 or less: a failed load is tried again at once */
  readonly retryAfterMillis: number
  readonly memoryTtlMillis: number | undefined
  readonly minLoadMillis: number | undefined
  /** `undefined`: as the layer says */
  readonly inherit: Inherit | undefined
  /** the share of the lifetime that is taken off at random */
  readonly jitter: number
  /** the tags that are known before a load: `declaredTags` */
  tags: ReadonlyArray<string> | undefined
}

/** What each step of a read needs. */
export interface Reader<out A = unknown, out E = unknown> {
  readonly engine: Flights
  readonly fiber: Fiber.Fiber<any, any>
  readonly request: Request<A, E>
  readonly id: string
  readonly policy: Policy
}

/** What a read knows when it joins or starts a flight. */
export interface Joining {
  readonly readsStore: boolean
  readonly stale: Entry | undefined
  readonly rejectedWriteId: string | undefined
  /** the hard deadline of a good value in the store that this read rejected; a failure must not replace it */
  readonly protectedUntil?: number | undefined
  /** what is left of the time for steps of the store; `undefined`: all of it */
  readonly storeMillis?: number | undefined
  /** the engine's `mutations` when the read decided to join */
  readonly mutations: number
}

/** What a read does where there is a store. A cache without one does not load it. */
export interface StoreReads {
  /** a strict read after the invalidations in its way; `undefined` where there are none */
  readonly afterUnsent: <A, E>(
    self: Flights,
    policy: Policy,
    request: Request<A, E>
  ) => Effect.Effect<A, E> | undefined
  /** a read inside a load, after the store was asked what it has to tell before; `undefined` where there is nothing to ask */
  readonly afterCapture: <A, E>(
    self: Flights,
    policy: Policy,
    within: Attempt,
    request: Request<A, E>
  ) => Effect.Effect<A, E> | undefined
  /** what a load asks the store for before it reads ids; `undefined`: nothing */
  readonly captureFirst: (
    self: Flights,
    reading: { readonly policy: Policy; readonly within: Attempt },
    ids: ReadonlyArray<string>
  ) => Effect.Effect<Policy> | undefined
  /** as `captureFirst`, before these requests are read, each of which has what is left of its timeouts; `undefined`: none has any */
  readonly captureMany: (
    self: Flights,
    reading: { readonly policy: Policy; readonly within: Attempt },
    requests: (() => ReadonlyArray<Request>) | undefined,
    ids: ReadonlyArray<string>
  ) => Effect.Effect<{ readonly policy: Policy; readonly shortened: (request: Request) => Request }> | undefined
  /** a read of what memory does not have: asks a synchronous store at once, then joins or starts a flight */
  readonly absent: <A, E>(reader: Reader<A, E>, rejectedWriteId: string | undefined) => Effect.Effect<A, E>
  /** asks the store before joining a load that has not done so */
  readonly askThenJoin: <A, E>(reader: Reader<A, E>, joining: Joining) => Effect.Effect<A, E>
  /** stores answers of a call beyond its keys, each the entry of a flight that never starts; calls `done` at the end */
  readonly storeUnasked: (flights: ReadonlyArray<Flight>, watch: Watch, done: () => void) => void
}

/** What a read needs of its fiber's context. */
export interface ReadContext {
  readonly context: Context.Context<never>
  readonly policy: Policy
  readonly clock: Clock.Clock
  /** the try of a load in which the fiber runs, or ran */
  readonly within: Attempt | undefined
  readonly span: Tracer.AnySpan | undefined
  /** what the loads that start here share, once one has started: see `loadContext` */
  shared: SharedContext | undefined
}

/** What the loads share that start in one context. */
export interface SharedContext {
  readonly context: Context.Context<never>
  /** log annotations around the load, without those of a load around this one; `undefined`: none */
  readonly annotations: { readonly [name: string]: unknown } | undefined
}

/** How the calls inside an effect use the cache. The constructors are in `CachePolicy`. */
export interface Policy {
  readonly readsMemory: boolean
  readonly readsStore: boolean
  readonly joins: "any" | "refresh" | "none"
  /** a load that starts here can be joined, and its result is stored */
  readonly writes: boolean
  /** the effect runs as if it were not wrapped */
  readonly bypass: boolean
  /** faults become failures of the caller, and memory is not used while untracked */
  readonly strict: boolean
  readonly storeTimeoutMillis: number | undefined
  readonly disabled: ReadonlySet<Operation>
  /** what each read invalidates its id with before anything else */
  readonly invalidate: ((self: Flights, ids: ReadonlyArray<string>) => Effect.Effect<unknown>) | undefined
  /** collects how reads are answered */
  readonly detector: Detector | undefined
}

/** The operations that `CachePolicy.disable` can switch off. */
export type Operation = "get" | "set" | "remove" | "invalidate" | "clear"

/** One try of a load. A second try is another one, and inherits nothing. */
export interface Attempt {
  readonly id: string
  /** `undefined` once the try has ended: fibers that outlive it are not inside the load, and do not keep the flight */
  flight: Flight | undefined
  /** when the load began, in epoch milliseconds; `undefined` until then */
  startedAt: number | undefined
  /** when the call ended that loaded it among others: its flight ends in its turn. Only of such a call */
  endedAt?: number
  /** how often memory had been cleared then, because changes could not be read */
  clears: number
  /** it read a stale value of another cached effect: its result is not stored */
  derivedFromStale: boolean
  /** what caches served inside it; `undefined` until one does */
  recorder: Recorder | undefined
  /** what it has read through the cache, where its result takes that over; `undefined` until it reads */
  dependencies: Dependencies | undefined
  /** it declared the previous value still valid, which ends it */
  renewed: boolean
  /** the previous value, once it has asked for it */
  previous: Entry | undefined
  /** what it says about its result */
  annotations: Annotations | undefined
  /** the edges of the wait graph: the flights that it waits for now, and how many times each */
  waitsOn: Map<Flight, number> | undefined
}

/** What a load says about its result beside the result. */
export interface Annotations {
  readonly tags?: ReadonlyArray<string> | undefined
  readonly ttl?: Ttl.Input | undefined
  readonly softTtl?: Ttl.Input | undefined
  readonly etag?: string | undefined
}

export interface Recorder {
  /** when the oldest value that was served was made, in epoch milliseconds; `Infinity`: none was served */
  oldestAt: number
  /** the id of that value */
  oldestId: string
  /** the first end of all that was read, in epoch milliseconds */
  endsAt: number
  /** the id of what ends first */
  endsId: string
}

export interface Dependencies {
  readonly engine: Flights
  /** the flight of the load */
  readonly flight: Flight
  readonly tags: Map<string, Dependency>
  /** how many ids of a group are among them; `undefined` as long as there are too few for any limit */
  groups: Map<string, number> | undefined
  /** what it read may be older than a change of it: the result is stored nowhere, nor what is made of it */
  isTainted: boolean
  /** the tags that the result has of its own, once that is known */
  own: ReadonlyArray<string> | undefined
  /** its tags count among the dependents */
  isRegistered: boolean
  /** what was noted last: an id is noted before it is read, and looked for again with the answer */
  lastId: string | undefined
  last: Dependency | undefined
}

/** A tag that a load has taken over. */
export interface Dependency {
  /** the tag epoch from before what has the tag was looked at: a later invalidation ends what is made of it */
  epoch: number
  /** of its marker in the store, from before too; `undefined` without a store, and where that did not tell once */
  version: string | undefined
  /** of the tag of an id: what answers for the id has to be of after that many captures of the store's markers */
  readonly since: number
}

/**
 * One call that loads many keys. Each key has a flight of its own, with its own callers, lease and write; only the
 * loads of these flights are one call.
 *
 * Fires when every flight has reached its load or dropped out (store hit, or another process holds the lease). A flight
 * that waits for a lease, or for another flight of its id, may come back: those that come back in one step get one more
 * call.
 */
export interface Batch {
  /** adds a flight when it is made */
  readonly add: (flight: Flight) => void
  /** the flight drops out: the call does not wait for it, unless it comes back */
  readonly dropOut: (flight: Flight) => void
  /** as `dropOut`, for a flight that is dropped: within an invalidation, so the call may begin in a later turn only */
  readonly drop: (flight: Flight, dispatcher: SchedulerDispatcher) => void
  /** the flight comes back, and the next call waits for it */
  readonly rejoin: (flight: Flight) => void
  /** the load of one key */
  readonly load: (key: Key) => Effect.Effect<unknown, unknown, any>
  /** the call in which the load of a flight runs now */
  readonly fiberOf: (flight: Flight) => Fiber.Fiber<unknown, unknown> | undefined
  /** whether a call runs as a part of the flight: it may go on for the others when the flight has ended */
  readonly isLedBy: (flight: Flight) => boolean
  /** begins with each of many keys, some at once */
  readonly inGroups: Groups["forEach"]
  /** every flight has entered */
  readonly close: () => void
  readonly options: BatchOptions
  /** why a whole call failed */
  failed: Cause.Cause<unknown> | undefined
  /** its failure was logged: once, not for each key */
  isLogged: boolean
  /** the store was asked for `evidence` */
  asksEvidence: boolean
  evidence: Evidence | undefined
}

export interface BatchOptions {
  readonly loadAll: LoadAll
  /** the request of one key: without it an answer that nobody asked for is not kept */
  readonly requestOf?: ((key: Key, batch: Batch) => Request) | undefined
  /** the rest of the read's store budget, where the read has asked the store already */
  readonly leftMillis?: number | undefined
  /** retries the whole call: the single flights do not */
  readonly retry?: Schedule.Schedule<unknown, unknown> | undefined
}

export type LoadAll = (
  keys: ReadonlyArray<Key>
) => Effect.Effect<BatchAnswers | ReadonlyMap<Key, Exit.Exit<unknown, unknown>>, unknown, any>

export type BatchAnswers = ReadonlyArray<Exit.Exit<unknown, unknown>>

export interface Groups {
  /** the flight asks the store from here on */
  readonly entered: (flight: Flight) => void
  /** the store has answered it, or it waits for something else */
  readonly left: (flight: Flight) => void
  /**
   * Runs a step for each item, which may make a flight enter, and then `end`. Where a group is full, the next one waits
   * until half of its flights have left. Groups grow while the answers come quickly, once the first one is there: how far
   * away a store is does not count, because it answers all at once.
   */
  readonly forEach: <A>(items: Iterable<A>, turning: Turning, step: (item: A) => void, end: () => void) => void
}

/** The callers of one flight, in the order in which they joined. */
export interface Callers extends Iterable<Caller> {
  readonly size: number
  readonly add: (caller: Caller) => void
  readonly has: (caller: Caller) => boolean
  readonly delete: (caller: Caller) => void
  readonly clear: () => void
  /** Removes the first caller and answers with it. */
  readonly next: () => Caller | undefined
}

/** The flights that can be joined, by id. */
export interface FlightsById {
  readonly size: number
  readonly get: (id: string) => Flight | undefined
  readonly has: (id: string) => boolean
  /** The flight takes the place of an older one of its id. */
  readonly set: (flight: Flight) => void
  /** Removes a flight, unless another one has taken its place. */
  readonly delete: (flight: Flight) => void
  /** A list, because those who walk it may end flights. */
  readonly all: () => ReadonlyArray<Flight>
}

/** The flights that have a fiber, joinable or not. */
export interface Running {
  readonly size: number
  readonly add: (flight: Flight) => void
  readonly delete: (flight: Flight) => void
  /** A list, because those who walk it end flights. */
  readonly all: () => ReadonlyArray<Flight>
}
