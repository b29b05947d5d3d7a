/**
 * The options of all layers: each option once, with its effect on a cache. The tables of the documentation are made
 * from the comments here (`npm run docs`).
 * @since 0.1.0
 */
import * as Schedule from "effect/Schedule"
import { checkStrategy } from "../cached/checkCall.ts"
import { checkInherit, type Inherit, type ReadDefaults, readDefaults } from "../cached/options.ts"
import * as Caching from "../Caching.ts"
import {
  checkAll,
  type Checks,
  positiveMillis as positive,
  refuseUnknown,
  refuseUnless,
  within
} from "../internal/options/options.ts"
import { bound, type SizeInput, wholeNumber } from "../internal/options/size.ts"
import type { Eviction } from "../ports/eviction.ts"
import type { Weigher } from "../ports/weigher.ts"
import type { Strategy } from "../Strategy.ts"
import type * as Ttl from "../Ttl.ts"

/**
 * Options of refreshes in the background.
 * @category options
 * @since 0.1.0
 */
export interface RefreshOptions {
  /** How many run at once. More of them wait in a bounded queue, and the latest request starts first. @default 16 */
  readonly concurrency?: number | undefined
  /** How long one may take, including retries. @default 1 minute */
  readonly timeout?: Ttl.Input | undefined
  /** The `Schedule` of its retries if it fails. @default 2 times, with exponential backoff from 100 ms and jitter */
  readonly retry?: Schedule.Schedule<unknown, unknown> | undefined
}

/**
 * Options of every ready-made layer.
 * @category options
 * @since 0.1.0
 */
export interface MemoryOptions {
  /** The largest number of entries in memory. @default 10,000 */
  readonly capacity?: number | undefined
  /**
   * The largest total weight of the entries in memory, instead of `capacity`: a number, or a size like `"100 MB"`. It
   * needs a `weigher`.
   * @default none: entries are counted
   */
  readonly maxWeight?: SizeInput | undefined
  /** The weight of an entry against `maxWeight`, like `Weigher.bytes`. @default none: entries are counted */
  readonly weigher?: Weigher | undefined
  /** The policy that selects the entry to evict from a full memory tier. @default `Eviction.adaptive` */
  readonly eviction?: Eviction | undefined
  /** `true`: `Cached.curve` estimates the hit ratio at other capacities, in at most 1 MB. @default `false` */
  readonly curve?: boolean | undefined
  /** Options of refreshes in the background: `concurrency`, `timeout`, `retry`. @default each has its own */
  readonly refresh?: RefreshOptions | undefined
  /**
   * The inheritance from cached values read during a load. `"life"`: it expires no later than the earliest of them.
   * `"changes"`: also when any of them is invalidated. `"age"`: its life counts from the birth of the oldest of them.
   * `"refuse"`: it is not stored. `false`: nothing. A read may override it.
   * @default `"life"`
   */
  readonly inherit?: Inherit | undefined
  /**
   * The strategy of `Cached.withStrategy({ key })`; cached functions name theirs. Its constant `ttl` is that of each
   * `Cached.set` and `Cached.setMany` without one.
   * @default none: `Cached.withStrategy` names one
   */
  readonly strategy?: Strategy | undefined
  /**
   * The default options of all reads: `retryAfter`, `jitter`, `softTimeout`, `fallbackOn`, `fallbackWhen`, `copy`,
   * `memoryTtl`, `minLoad`, `lease`, `waitForWrite`. A read overrides each of them by itself, and so does a strategy.
   * @default each has its own
   */
  readonly defaults?: ReadDefaults | undefined
  /** How long closing waits for loads with callers. @default 5 seconds */
  readonly shutdownTimeout?: Ttl.Input | undefined
  /**
   * `"private"`: each reader runs its own load, which neither joins nor delays another, and its result is shared once
   * stored. Refreshes are handed to `CachePolicy.WaitUntil`, and without it there are none. For Workers, where one
   * request may not wait for another.
   * @default `"shared"`
   */
  readonly flights?: "shared" | "private" | undefined
}

/**
 * Options of every layer over a store, in addition to those of all layers.
 * @category options
 * @since 0.1.0
 */
export interface LayerOptions extends MemoryOptions {
  /** `false`: there is no memory tier, and every read asks the store. @default `true` */
  readonly memory?: boolean | undefined
  /**
   * The store budget: how long all store steps of one read may take together, unless `CachePolicy.storeTimeout` says
   * otherwise.
   * @default 500 ms
   */
  readonly storeTimeout?: Ttl.Input | undefined
  /** How long a load holds its cross-process lease, which is renewed while the load runs. @default 5 seconds */
  readonly lease?: Ttl.Input | undefined
  /**
   * How long loads wait for a live load of another process. After each such time, one of all waiting processes loads as
   * well. A process that has died is replaced at the end of its lease.
   * @default none: as long as the other process renews its lease
   */
  readonly wait?: Ttl.Input | undefined
  /** How long a load renews its lease. After that another process may take over. @default 10 minutes */
  readonly maxLoad?: Ttl.Input | undefined
  /**
   * How long memory is trusted while changes of other processes cannot be read. Under `CachePolicy.strict` not at all.
   * @default 10 seconds
   */
  readonly maxStaleness?: Ttl.Input | undefined
}

type Refresh = Caching.MakeOptions["refresh"]

/**
 * The effect of each option on a cache, or on its refreshes: an option without its part does not compile. `name` is
 * its name in errors. A later part overrides an earlier one.
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

const bounds = "capacity bounds entries, maxWeight with Weigher.bytes their size"

const memoryParts: Parts<MemoryOptions, Caching.MakeOptions> = {
  capacity: (given, name) => ({
    capacity: wholeNumber(name, given, ` (${bounds})`)
  }),
  maxWeight: (given, name) => ({ capacity: bound(name, given) }),
  weigher: (given, name) => {
    refuseUnless(typeof given === "function", `${name} must be a function, like Weigher.bytes`)
    return { weigher: given }
  },
  eviction: (given, name) => {
    refuseUnless(typeof given.make === "function", `${name} must be an Eviction, like Eviction.lru`)
    return { eviction: given }
  },
  curve: (given, name) => ({ curve: flag(name, given) }),
  refresh: (given, name, layer) => {
    refuseUnknown(name, given, Object.keys(refreshParts))
    return { refresh: made(given, refreshParts, { defaults: Caching.defaults.refresh, layer, prefix: "refresh." }) }
  },
  inherit: (given, name) => {
    checkInherit(given, name)
    return { inherit: given }
  },
  strategy: (given, _, layer) => {
    within(layer, () => checkStrategy(given))
    return { strategy: given }
  },
  defaults: (given, name) => {
    refuseUnknown(name, given, Object.keys(readDefaults))
    within(name, () => checkAll(name, given, readDefaults))
    // By name, because a spread copy of a class instance has no getters.
    const names = Object.keys(readDefaults) as Array<keyof ReadDefaults>
    return { readDefaults: Object.fromEntries(names.map((name) => [name, given[name]])) }
  },
  shutdownTimeout: (given, name) => ({ shutdownMillis: positive(name, given) }),
  flights: (given, name) => {
    refuseUnless(given === "shared" || given === "private", `${name} must be "shared" or "private"`)
    return { flights: given }
  }
}

// A call instead of a spread, which bundlers can drop where it is unused.
const layerParts: Parts<LayerOptions, Caching.MakeOptions> = Object.assign(
  {},
  memoryParts,
  {
    // After the capacity, which it overrides.
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
    maxLoad: (given, name) => ({ maxLoadMillis: positive(name, given) }),
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

/** The options of a layer over a store. `own` checks those specific to this layer. */
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
  return made<LayerOptions, Caching.MakeOptions>(options, layerParts, { defaults: Caching.defaults, layer, prefix: "" })
}

/** Hints for options that other caches name differently. */
const homes = { max: `${bounds}.`, maxSize: `${bounds}.`, ttl: "strategy says how long entries live." }

/** A bound is a number of entries, or a weight with a weigher. */
const checkBounds = (layer: string, { capacity, maxWeight, weigher }: MemoryOptions): void =>
  refuseUnless(
    (maxWeight === undefined) === !weigher && (!weigher || !capacity),
    `${layer} must be bounded by capacity, or by maxWeight with a weigher, like Weigher.bytes`
  )
