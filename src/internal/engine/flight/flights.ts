/** The part of the engine that flights need. */
import type { MemoryTier } from "../memory/memory.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"
import type { Counters } from "../telemetry/counters.ts"
import type { ReadContext } from "./context.ts"
import type { Flight } from "./flight.ts"
import type { Loops } from "./loops.ts"
import type { Refreshing } from "./refreshQueue.ts"

export interface Flights extends MemoryTier {
  readonly storeTier: StoreTier | undefined
  /** flights that can be joined, by id */
  readonly flights: Map<string, Flight>
  /** flights that have a fiber, joinable or not */
  readonly running: Set<Flight>
  readonly loops: Loops
  readonly refreshing: Refreshing
  /** ids whose last load failed, with the time of the next try in epoch milliseconds */
  readonly retryAt: Map<string, number>
  /**
   * the counters of the key classes whose loads fail while stale values are served: an incident lasts until one of
   * their loads succeeds
   */
  readonly failing: Set<Counters>
  /** of the last read */
  lastReadContext: ReadContext | undefined
  /** called when the last flight has ended, while the cache closes */
  onIdle: (() => void) | undefined
}
