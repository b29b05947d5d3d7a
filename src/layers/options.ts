/**
 * The options of all cache layers, and how each option configures a cache. `npm run generate` makes tables in the
 * documentation from the comments in this file.
 * @since 0.1.0
 */
import * as Schedule from "effect/Schedule"
import { strategyOf } from "../cached/checkCall.ts"
import { checkInherit, type Inherit, type ReadDefaults, readDefaults } from "../cached/options.ts"
import * as Caching from "../Caching.ts"
import { policyOf } from "../internal/eviction/policies.ts"
import {
  checkAll,
  type Checks,
  positiveMillis as positive,
  refuseUnknown,
  refuseUnless,
  within
} from "../internal/options/options.ts"
import { bound, type SizeInput, wholeNumber } from "../internal/options/size.ts"
import type { Eviction, EvictionName } from "../ports/eviction.ts"
import type { Weigher } from "../ports/weigher.ts"
import type { Input } from "../Strategy.ts"
import type * as Ttl from "../Ttl.ts"

/**
 * Options of background refreshes.
 * @category options
 * @since 0.1.0
 */
interface RefreshOptions {
  /** How many refreshes run at once. Others wait in a bounded queue, from which the newest starts first. @default 16 */
  readonly concurrency?: number | undefined
  /** How long one refresh may take, including retries. @default 1 minute */
  readonly timeout?: Ttl.Input | undefined
  /** The `Schedule` for retries of a refresh. @default 2 times, with exponential backoff from 100 ms and jitter */
  readonly retry?: Schedule.Schedule<unknown, unknown> | undefined
}

/**
 * Options of every ready-made layer.
 * @category options
 * @since 0.1.0
 */
export interface MemoryOptions {
  /** The maximum number of entries in memory. @default 10,000 */
  readonly capacity?: number | undefined
  /**
   * The maximum total weight of the entries in memory, instead of `capacity`: a number, or a size like `"100 MB"`. This
   * option requires a `weigher`.
   * @default none: entries are counted
   */
  readonly maxWeight?: SizeInput | undefined
  /** Computes an entry's weight for `maxWeight`, like `Weigher.bytes`. @default none: entries are counted */
  readonly weigher?: Weigher | undefined
  /**
   * Which entry leaves when memory is full: `"adaptive"`, `"s3Fifo"`, `"wTinyLfu"`, `"lru"`, `"fifo"`,
   * `"leastRecentlyUpdated"`, or your own `Eviction`.
   * @default `"adaptive"`
   */
  readonly eviction?: EvictionName | Eviction | undefined
  /** If `true`, `curve` of `Cached.stats` estimates hit ratios of other capacities, in up to 1 MB. @default `false` */
  readonly curve?: boolean | undefined
  /** Options of background refreshes: `concurrency`, `timeout`, `retry`. @default each has its own */
  readonly refresh?: RefreshOptions | undefined
  /**
   * How the cached values that a load reads limit its result. `"life"`: it expires no later than any of them.
   * `"changes"`: it is also invalidated with any of them. `"age"`: its lifetime counts from the creation of the oldest
   * one. `"refuse"`: it is not stored. `false`: no limit.
   *
   * A read can override it.
   * @default `"life"`
   */
  readonly inherit?: Inherit | undefined
  /**
   * The strategy of `Cached.withStrategy` calls that pass none, like `{ ttl: "1h" }`. (Cached functions always have
   * one.) Its `ttl`, if constant, is also the default `ttl` of `Cached.set` and `Cached.setMany`.
   * @default none: every `Cached.withStrategy` must pass one
   */
  readonly strategy?: Input | undefined
  /**
   * The default options of all reads: `retryAfter`, `jitter`, `softTimeout`, `fallbackOn`, `copy`, `memoryTtl`,
   * `minLoad`, `shareLoad`, `waitForWrite`. A read or a strategy may override each option separately.
   * @default each has its own
   */
  readonly defaults?: ReadDefaults | undefined
  /**
   * How long a load may take while readers without a `timeout` wait for it. A reader that joins a longer load makes it
   * run again, because it may hang. With a store, a load also renews its lease for this time: after that, another
   * process may load. A key class or a read may override it.
   * @default 1 minute
   */
  readonly maxLoad?: Ttl.Input | undefined
  /** How long a closing layer waits for loads that still have callers. @default 5 seconds */
  readonly shutdownTimeout?: Ttl.Input | undefined
  /**
   * `"private"`: each reader runs its own load, which neither joins nor delays another, and readers share only stored
   * results. Refreshes are passed to `CachePolicy.WaitUntil`; without that service, they do not run. Use it in
   * Cloudflare Workers, where one request must not wait for another.
   * @default `"shared"`
   */
  readonly flights?: "shared" | "private" | undefined
}

/**
 * Options of every layer with a store, in addition to the options of all layers.
 * @category options
 * @since 0.1.0
 */
export interface LayerOptions extends MemoryOptions {
  /** `false`: the cache has no memory tier, and every read asks the store. @default `true` */
  readonly memory?: boolean | undefined
  /** The total time that one read may spend on the store. `CachePolicy.storeTimeout` overrides it. @default 500 ms */
  readonly storeTimeout?: Ttl.Input | undefined
  /** How long a load's lease across processes lasts without renewal. Running loads renew it. @default 5 seconds */
  readonly lease?: Ttl.Input | undefined
  /**
   * How long a load waits for a running load of the same id in another process. Each time this duration has passed, one
   * of the waiting processes also loads. If a loading process dies, another one takes over once the lease has ended.
   * @default none: as long as the other process renews its lease
   */
  readonly wait?: Ttl.Input | undefined
  /**
   * How long entries in memory are trusted while changes by other processes cannot be received. Under
   * `CachePolicy.strict`, they are not trusted at all.
   * @default 10 seconds
   */
  readonly maxStaleness?: Ttl.Input | undefined
}

type Refresh = Caching.MakeOptions["refresh"]

/**
 * For each option, a function that checks the option and returns the settings that follow from it. `name` is the
 * option's name in errors. The settings of a later function override those of an earlier one.
 */
type Parts<O, Made> = {
  readonly [Name in keyof O]-?: (given: NonNullable<O[Name]>, name: string, layer: string) => Partial<Made>
}

const flag = (name: string, given: boolean): boolean => {
  refuseUnless(typeof given === "boolean", `${name} must be true or false`)
  return given
}

const refreshParts: Parts<RefreshOptions, Refresh> = {
  concurrency: (given, name) => ({ concurrency: wholeNumber(name, given) }),
  timeout: (given, name) => ({ timeoutMillis: positive(name, given) }),
  retry: (given, name) => {
    refuseUnless(Schedule.isSchedule(given), `${name} must be a Schedule`)
    return { retry: given }
  }
}

const bounds = "capacity bounds entries, maxWeight with Weigher.bytes (of effect-cached/adapters) their size"

const memoryParts: Parts<MemoryOptions, Caching.MakeOptions> = {
  capacity: (given, name) => ({
    capacity: wholeNumber(name, given, ` (${bounds})`)
  }),
  maxWeight: (given, name) => ({ capacity: bound(name, given) }),
  weigher: (given, name) => {
    refuseUnless(typeof given === "function", `${name} must be a function, like Weigher.bytes`)
    return { weigher: given }
  },
  eviction: (given, name) => ({ eviction: policyOf(name, given) }),
  curve: (given, name) => ({ curve: flag(name, given) }),
  refresh: (given, name, layer) => {
    refuseUnknown(name, given, Object.keys(refreshParts))
    return { refresh: made(given, refreshParts, { defaults: Caching.defaults.refresh, layer, prefix: "refresh." }) }
  },
  inherit: (given, name) => {
    checkInherit(given, name)
    return { inherit: given }
  },
  strategy: (given, _, layer) => ({ strategy: within(layer, () => strategyOf(given)) }),
  defaults: (given, name) => {
    refuseUnknown(name, given, Object.keys(readDefaults))
    within(name, () => checkAll(name, given, readDefaults))
    // Reads each option by name, because a spread would not copy the getters of a class instance.
    const names = Object.keys(readDefaults) as Array<keyof ReadDefaults>
    return { readDefaults: Object.fromEntries(names.map((name) => [name, given[name]])) }
  },
  maxLoad: (given, name) => ({ maxLoadMillis: positive(name, given) }),
  shutdownTimeout: (given, name) => ({ shutdownMillis: positive(name, given) }),
  flights: (given, name) => {
    refuseUnless(given === "shared" || given === "private", `${name} must be "shared" or "private"`)
    return { flights: given }
  }
}

// `Object.assign` instead of a spread, because bundlers can drop this call if its result is unused.
const layerParts: Parts<LayerOptions, Caching.MakeOptions> = Object.assign(
  {},
  memoryParts,
  {
    // `memory` comes after `capacity`, because `memory: false` overrides the capacity.
    memory: (given, name) => flag(name, given) ? {} : { capacity: 0 },
    storeTimeout: (given, name) => ({ storeTimeoutMillis: positive(name, given) }),
    lease: (given, name) => {
      const leaseMillis = positive(name, given)
      refuseUnless(
        leaseMillis !== Infinity,
        `${name} must be finite, so that a process can take over from one that died`
      )
      return { leaseMillis }
    },
    wait: (given, name) => ({ waitMillis: positive(name, given) }),
    maxStaleness: (given, name) => ({ maxStalenessMillis: positive(name, given) })
  } satisfies Parts<Omit<LayerOptions, keyof MemoryOptions>, Caching.MakeOptions>
)

interface Making<Made> {
  readonly defaults: Made
  readonly layer: string
  readonly prefix: string
}

const made = <O extends object, Made extends object>(
  options: O,
  parts: Parts<O, Made>,
  { defaults, layer, prefix }: Making<Made>
): Made => {
  const all = { ...defaults }
  for (const option of Object.keys(parts) as Array<keyof O & string>) {
    const given = options[option]
    if (given === undefined || given === null) continue
    Object.assign(all, parts[option](given as never, `${prefix}${option} of ${layer}`, layer))
  }
  return all
}

export const checkMemory = (given: MemoryOptions | undefined): Caching.MakeOptions => {
  const layer = "CacheLayer.memory"
  const options = given ?? {}
  refuseUnknown(layer, options, Object.keys(memoryParts), homes)
  checkBounds(layer, options)
  return made(options, memoryParts, { defaults: Caching.defaults, layer, prefix: "" })
}

/** Checks the options of a layer with a store. `own` checks the options that only this layer has. */
export const checkLayer = <O extends LayerOptions>(
  layer: string,
  given: O | undefined,
  own: Checks<Omit<O, keyof LayerOptions>>,
  ownHomes?: { readonly [option: string]: string }
): Caching.MakeOptions => {
  const names = [...Object.keys(own), ...Object.keys(layerParts)]
  const options: Partial<O> = given ?? {}
  refuseUnknown(layer, options, names, { ...homes, ...ownHomes })
  checkBounds(layer, options)
  refuseUnless(
    !(options.curve && options.memory === false),
    `${layer} needs its memory for the curve: leave out memory: false`
  )
  checkAll<Omit<O, keyof LayerOptions>>(layer, options as O, own)
  const checked = made<LayerOptions, Caching.MakeOptions>(options, layerParts, {
    defaults: Caching.defaults,
    layer,
    prefix: ""
  })
  refuseUnless(
    !(checked.strategy?.countsReads && options.memory === false),
    `${layer} needs its memory for the strategy "${checked.strategy?.name}", which counts reads: leave out memory: false`
  )
  return checked
}

/** Hints in error messages about options that only other layers or other cache libraries have. */
const homes = { max: `${bounds}.`, maxSize: `${bounds}.`, ttl: "strategy says how long entries live." }

/** Checks that memory is bounded either by `capacity`, or by `maxWeight` with a `weigher`. */
const checkBounds = (layer: string, { capacity, maxWeight, weigher }: MemoryOptions): void =>
  refuseUnless(
    (maxWeight === undefined) === !weigher && (!weigher || !capacity),
    `${layer} must be bounded by capacity, or by maxWeight with a weigher, like Weigher.bytes`
  )
