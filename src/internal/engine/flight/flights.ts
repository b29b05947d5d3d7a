/** The part of the engine that flights need. */
import type * as Effect from "effect/Effect"
import type { Inherit, ReadDefaults } from "../../../cached/options.ts"
import type { LeaseWaits } from "../lease/leaseWaits.ts"
import type { MemoryTier } from "../memory/memory.ts"
import type { ReadContext } from "../request/context.ts"
import type { StoreReads } from "../request/reader.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"
import type { Counters } from "../telemetry/stats.ts"
import type { Flight } from "./flight.ts"
import type { FlightsById } from "./flightsById.ts"
import type { Questions } from "./questions.ts"
import type { Refreshing } from "./refreshing.ts"
import type { Running } from "./running.ts"
import type { Watches } from "./watches.ts"
import type { Work } from "./work.ts"

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
  /** ids whose load has answered with a failure, with the `writeId` of the value that is no fallback any more */
  readonly answered: Map<string, string>
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
