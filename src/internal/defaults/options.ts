/** Defaults and limits of options, which `docs/options/` has in words. Times are in milliseconds. */
import { leaseMillis, maxLoadMillis } from "./processes.ts"

/** The options for all reads of a layer that says none. */
export const noReadDefaults = {}

export const layer = {
  capacity: 10_000,
  /** No curve of hit ratios is drawn. */
  curve: false,
  /** Each entry counts as one. */
  weigher: undefined,
  /** The budget: all store steps of one read together. */
  storeTimeoutMillis: 500,
  leaseMillis,
  /** None: a load waits for another process as long as that renews its lease. */
  waitMillis: undefined,
  maxLoadMillis,
  /** How long memory is used while changes by other processes cannot be read. */
  maxStalenessMillis: 10_000,
  /** The part of cached values that entries inherit when their loads read them. */
  inherit: "life" as const,
  shutdownMillis: 5000,
  /** Which callers may wait for a load. */
  flights: "shared" as const
}

export const streams = {
  /** How large a stored stream may be, in bytes: 16 MiB. */
  maxBytes: 16_777_216,
  /** In a folder, the share of its `maxSize`. */
  shareOfMaxSize: 0.125,
  /** How long a run may take whose stream is stored. */
  maxRunMillis: 3_600_000,
  /** The longest `ttl` that a function may give. */
  maxTtlMillis: 86_400_000,
  /** The size of a page, in bytes. */
  pageBytes: 64 * 1024,
  /** The pages that a run without storage keeps for consumers that are behind. */
  windowPages: 16,
  /** The pages of a store that are read before a consumer asks for them. */
  pagesAhead: 2,
  /** How long a consumer that is behind these pages may delay the others. */
  lagMillis: 5000,
  /** The pages of a stream stay in memory with its manifest up to this many bytes. */
  decodedBytes: 1_048_576,
  /** How long the pages of a replaced run are kept for its readers. */
  replacedMillis: 60_000,
  /** Above this number of pages, the oldest are removed early. */
  replacedPages: 500,
  /** How often these limits are checked. */
  replacedLookMillis: 1000,
  /** How many replaced runs are remembered. The pages of others expire. */
  replacedRuns: 1000
}

export const refresh = {
  concurrency: 16,
  /** One refresh, retries included. */
  timeoutMillis: 60_000
}

/** `simulate` of `effect-cached/testing`: the seed, and the capacities as shares of the ids. */
export const simulation = { seed: 1, shares: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5] }

/** `CacheLayer.withHeapLimit`: the share of the heap above which memory shrinks. */
export const heap = { above: 0.8 }

/** `Cached.hottest` and `Cached.coldest`: how many entries, and how many at most. */
export const ranked = { count: 10, most: 1000 }

/** Retries of a failed refresh, with exponential backoff and jitter. */
export const refreshRetries = { times: 2, firstMillis: 100 }

/** The size of the folders of `CacheLayer.disk` and `files`, in bytes: 1 GiB. */
export const maxSize = 1_073_741_824

/** The largest value in those folders, in bytes: 8 MiB. */
export const maxValue = 8_388_608

/** The smallest `maxSize`, and the share of it for one value. In a database it includes the log and the reserve. */
export const folders = {
  disk: { leastMaxSize: 1_048_576, valueShare: 0.25 },
  files: { leastMaxSize: 1, valueShare: 1 }
}

/** A database of a browser: `maxSize` in bytes, the limits of its options, and the time limit for opening it. */
export const browser = { maxSize: 104_857_600, leastMaxSize: 64 * 1024, valueShare: 0.25, openMillis: 10_000 }

/** How long a stale value is served without another load, after a load failed. */
export const retryAfterMillis = 5000

export const retryAfterOfFailoverMillis = 0

/** `beta` of `probabilistic`: the optimum of the paper. */
export const beta = 1

/** Options of `Strategy.dynamic`. */
export const dynamic = { hits: 3, refreshAfter: 1, ttl: "24 hours" } as const

export const incrementBy = 1

/** `Cached.warm`. The log names up to `named` failed keys of a chunk. */
export const warm = { concurrency: 16, chunk: 100, named: 10 }

export const testing = {
  lateMillis: 1000,
  yieldChance: 0.1,
  maxTasks: 1_000_000,
  /** How far `withTimePassing` moves the clock at once, and how far in all. */
  stepMillis: 50,
  atMostMillis: 24 * 60 * 60 * 1000
}
