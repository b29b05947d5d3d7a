/** The part of the engine that flights need. */
import type { MemoryTier } from "../memory/memory.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"
import type { ReadContext } from "./context.ts"
import type { Flight } from "./flight.ts"
import type { Loops } from "./loops.ts"
import type { Refreshing } from "./refreshQueue.ts"

/** Until when an id is throttled, in epoch milliseconds, and for how long. */
interface Pause {
  readonly until: number
  readonly millis: number
}

export interface Flights extends MemoryTier {
  readonly storeTier: StoreTier | undefined
  /** flights that can be joined, by id */
  readonly flights: Map<string, Flight>
  /** flights that have a fiber, joinable or not */
  readonly running: Set<Flight>
  readonly loops: Loops
  readonly refreshing: Refreshing
  /** ids whose last load failed, with the pause until the next try */
  readonly retryAt: Map<string, Pause>
  /** of the last read */
  lastReadContext: ReadContext | undefined
  /** called when the last flight has ended, while the cache closes */
  onIdle: (() => void) | undefined
}
