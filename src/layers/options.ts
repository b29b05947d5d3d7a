/**
 * What all layers take, checked when a layer is made.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"
import { CacheConfigError } from "../CacheError.ts"
import * as Caching from "../Caching.ts"
import type { Eviction } from "../Eviction.ts"
import { refuseUnknown } from "../internal/options.ts"
import { toMillis } from "../Ttl.ts"

/**
 * What every ready-made layer takes.
 *
 * @category options
 * @since 0.1.0
 */
export interface MemoryOptions {
  /** entries in memory at most; 10,000 by default */
  readonly capacity?: number | undefined
  /** which entry leaves a full memory tier; `Eviction.lru` by default */
  readonly eviction?: Eviction | undefined
  /** refreshes in the background */
  readonly refresh?: {
    /** how many at once; 16 by default */
    readonly concurrency?: number | undefined
    /** how long one may take, tries included; 1 minute by default */
    readonly timeout?: Duration.Input | undefined
    /** when to try a failed one again; by default twice, with exponential backoff from 100 ms and jitter */
    readonly retry?: Schedule.Schedule<unknown, unknown> | undefined
  } | undefined
  /** how long closing waits for loads that somebody waits for; 5 seconds by default */
  readonly shutdownTimeout?: Duration.Input | undefined
}

/**
 * What every layer over a store takes beside that.
 *
 * @category options
 * @since 0.1.0
 */
export interface LayerOptions extends MemoryOptions {
  /** `false`: no memory tier, every read asks the store */
  readonly memory?: boolean | undefined
  /** how long all store steps of one read may take together; 500 ms by default */
  readonly storeTimeout?: Duration.Input | undefined
  /**
   * for so long a load is exclusive across the processes that share the store, and while its process is alive and
   * prolongs it; 5 seconds by default
   */
  readonly lease?: Duration.Input | undefined
  /** how long a load waits for that of another process before it runs beside it; twice the lease by default */
  readonly wait?: Duration.Input | undefined
  /**
   * how long this process may serve from memory what another has changed, while it cannot hear of it; 10 seconds by
   * default. Under `CachePolicy.strict` not at all
   */
  readonly maxStaleness?: Duration.Input | undefined
}

const memoryOptions = ["capacity", "eviction", "refresh", "shutdownTimeout"]
const storeOptions = ["memory", "storeTimeout", "lease", "wait", "maxStaleness"]
const refreshOptions = ["concurrency", "timeout", "retry"]
const folderOptions = ["directory", "maxSize"]

/** What each layer takes, by its name in `CacheLayer`. */
const known = {
  memory: new Set(memoryOptions),
  layerWith: new Set([...memoryOptions, ...storeOptions]),
  disk: new Set([...folderOptions, ...memoryOptions, ...storeOptions]),
  files: new Set([...folderOptions, "serializer", ...memoryOptions, ...storeOptions])
}

export const check = (name: keyof typeof known, given: LayerOptions | undefined): Caching.MakeOptions => {
  const layer = `CacheLayer.${name}`
  const options = objectOf(layer, given)
  const refresh = objectOf(`refresh of ${layer}`, options.refresh)
  refuseUnknown(layer, options, known[name])
  refuseUnknown(`refresh of ${layer}`, refresh, refreshOptions)
  const { defaults } = Caching
  const eviction = options.eviction ?? defaults.eviction
  const retry = refresh.retry ?? defaults.refresh.retry
  refuseUnless(`eviction of ${layer} is an Eviction, like Eviction.fifo`, typeof eviction.make === "function")
  refuseUnless(`memory of ${layer} is true or false`, typeof (options.memory ?? true) === "boolean")
  refuseUnless(`refresh.retry of ${layer} is a Schedule`, Schedule.isSchedule(retry))
  const duration = (name: string, input: Duration.Input | undefined, otherwise: number) =>
    positive(`${name} of ${layer}`, input, otherwise)
  const count = (name: string, value: number) => wholeNumber(`${name} of ${layer}`, value)
  const leaseMillis = duration("lease", options.lease, defaults.leaseMillis)
  refuseUnless(
    `lease of ${layer} is finite: nobody would take over from a process that died`,
    leaseMillis !== Infinity
  )
  return {
    capacity: options.memory === false ? 0 : count("capacity", options.capacity ?? defaults.capacity),
    eviction,
    store: undefined,
    storeTimeoutMillis: duration("storeTimeout", options.storeTimeout, defaults.storeTimeoutMillis),
    leaseMillis,
    waitMillis: duration("wait", options.wait, 2 * leaseMillis),
    maxStalenessMillis: duration("maxStaleness", options.maxStaleness, defaults.maxStalenessMillis),
    shutdownMillis: duration("shutdownTimeout", options.shutdownTimeout, defaults.shutdownMillis),
    refresh: {
      concurrency: count("refresh.concurrency", refresh.concurrency ?? defaults.refresh.concurrency),
      timeoutMillis: duration("refresh.timeout", refresh.timeout, defaults.refresh.timeoutMillis),
      retry
    }
  }
}

const objectOf = <A extends object>(what: string, options: A | undefined): Partial<A> => {
  refuseUnless(`The options of ${what} are an object`, typeof (options ?? {}) === "object")
  return options ?? {}
}

const refuseUnless = (rule: string, holds: boolean): void => {
  if (!holds) throw new CacheConfigError({ message: rule })
}

const wholeNumber = (name: string, value: number): number => {
  if ((Number.isInteger(value) && value >= 1) || value === Infinity) return value
  throw new CacheConfigError({ message: `${name} is a whole number of at least 1, not ${value}` })
}

const positive = (name: string, input: Duration.Input | undefined, otherwise: number): number => {
  if (input === undefined) return otherwise
  const millis = toMillis(input, name)
  if (millis > 0) return millis
  throw new CacheConfigError({ message: `${name} is longer than nothing, not ${millis} ms` })
}
