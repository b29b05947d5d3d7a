import type * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import type * as Schedule from "effect/Schedule"
import type { Codec, Serializer } from "../../Serializer.ts"
import type { Store } from "../../Store.ts"
import type { Numbers } from "../store/numbers.ts"
import type { Batch } from "./batch.ts"
import type { Circuit } from "./circuit.ts"
import type { Flight, Loops } from "./flight.ts"
import type { Journal } from "./journal.ts"
import type { Memory } from "./memory.ts"
import type { Watchers } from "./observe.ts"
import type { Tags } from "./tags.ts"
import type { Told } from "./told.ts"
import type { Surroundings } from "./waiting.ts"

/** Plain counters, since the layer was built; what the memory tier evicted is counted there. */
export interface Counters {
  /** reads served from memory */
  hits: number
  /** reads served from the store */
  storeHits: number
  /** reads that found nothing that their strategy would simply serve */
  misses: number
  /** reads that waited for what another had begun: a load, or a look into the store */
  joined: number
  /** reads served with a stale value because the load failed or took too long */
  stale: number
  /** loads that ran, refreshes among them */
  loads: number
  /** loads that failed, refreshes among them */
  loadFailures: number
  /** refreshes in the background */
  refreshes: number
  /** keys and tags invalidated */
  invalidations: number
  /** operations that the store, the serializer or its codec failed */
  storeFailures: number
  /** results that came too late (invalidated or set while they were loaded), or were made from a stale one */
  refused: number
  /** results not stored because the strategy's or an option's function threw or gave nonsense */
  notStored: number
  /** invalidations that the store has never acknowledged when the layer was closed */
  lostInvalidations: number
}

export interface Codecs {
  readonly success: Codec<unknown, any>
  /** without an error schema failures stay in memory */
  readonly failure: Codec<unknown, any> | undefined
}

/** A store, and what the engine needs to live with it. */
export interface Backend {
  readonly store: Store
  readonly serializer: Serializer
  readonly codecs: WeakMap<object, Codecs>
  readonly plain: Codecs
  readonly budgetMillis: number
  /** for so long a load is exclusive across processes, and longer while its process prolongs it */
  readonly leaseMillis: number
  /** for so long a load waits for another process's */
  readonly waitMillis: number
  readonly journal: Journal
  readonly circuit: Circuit
  /** the operations that failed and have not succeeded since: an incident, which has been logged */
  readonly failing: Set<string>
  /** what was said already about values that do not fit the serializer */
  readonly warned: Set<string>
  /** leases on their way back */
  readonly releasing: Set<Fiber.Fiber<unknown>>
  /** for so long memory is believed where it cannot be heard what other processes did */
  readonly boundMillis: number
  /** asks the store what others did; none while there are no reads */
  follower: Fiber.Fiber<unknown> | undefined
  /** when it was last told */
  heardAt: number
  /** it cannot be told now, or never: what is in memory is believed for the bound at most */
  deaf: boolean
  readonly told: Told
  /** when all that was in memory was last given up, for having been believed long enough */
  wipedAt: number
  /** tries again what was lost */
  replay: Fiber.Fiber<unknown> | undefined
}

export interface Refreshing {
  readonly concurrency: number
  readonly timeoutMillis: number
  readonly retry: Schedule.Schedule<unknown, unknown>
  /** a batch is one */
  readonly running: Set<Flight | Batch>
  readonly queue: Set<Flight>
  /** the queue is worked off by one loop, like landings */
  draining: boolean
}

/** The whole state of one cache. All that changes it is synchronous. */
export interface Engine {
  readonly memory: Memory
  readonly tags: Tags
  /** what can be joined, by id */
  readonly flights: Map<string, Flight>
  /** what has a fiber, joinable or not */
  readonly running: Set<Flight>
  readonly loops: Loops
  readonly refreshing: Refreshing
  /** ids whose last load failed, with the time of the next try: a failing backend is not asked on every read */
  readonly retryAt: Map<string, number>
  readonly backend: Backend | undefined
  /** what has no key class, and what concerns the whole cache */
  readonly stats: Counters
  /** by the name of the key class */
  readonly classes: Map<string, Counters>
  readonly watchers: Watchers
  /** a hit is more than to be counted: it is watched, or a strategy lets it move a deadline */
  isAttentive: boolean
  /** of `increment`, where there is no store */
  readonly numbers: Numbers
  /** of the last read */
  surroundings: Surroundings | undefined
  /** where the layer was built: logs and replays run here */
  readonly context: Context.Context<never>
  /** moves with every write and invalidation: what was read from the store before it does not fill memory after it */
  mutations: number
  closed: boolean
  /** called when the last flight has ended, while the cache closes */
  onIdle: (() => void) | undefined
}
