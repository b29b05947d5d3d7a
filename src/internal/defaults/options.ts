/** Defaults and limits of options, which `docs/options.md` lists. Times are in milliseconds. */
import { leaseMillis, maxLoadMillis } from "./processes.ts"

export const noReadDefaults = {}

export const layer = {
  capacity: 10_000,
  curve: false,
  weigher: undefined,
  /** The store budget: the time that all store steps of one read may take together. */
  storeTimeoutMillis: 500,
  leaseMillis,
  /** By default, a load waits for another process for as long as that process renews its lease. */
  waitMillis: undefined,
  maxLoadMillis,
  /** How long memory is trusted while changes by other processes cannot be read. */
  maxStalenessMillis: 10_000,
  /** By default, an entry inherits the lifetimes of the cached values that its load read. */
  inherit: "life" as const,
  shutdownMillis: 5000,
  flights: "shared" as const
}

export const streams = {
  /** The size limit of a stored stream, in bytes: 16 MiB. */
  maxBytes: 16_777_216,
  /** The size limit of a stored stream in a folder, as a fraction of the folder's `maxSize`. */
  shareOfMaxSize: 0.125,
  /** The time limit for running a stream that is stored. */
  maxRunMillis: 3_600_000,
  /** The longest `ttl` that a `ttl` function may return. */
  maxTtlMillis: 86_400_000,
  pageBytes: 64 * 1024,
  /** The number of pages that a run without storage keeps for slow consumers. */
  windowPages: 16,
  /** The number of stored pages that are read before a consumer asks for them. */
  pagesAhead: 2,
  /** How long a consumer that has fallen behind the window may delay the others. */
  lagMillis: 5000,
  /** Up to this size in bytes, the pages of a stream stay in memory with its manifest. */
  decodedBytes: 1_048_576,
  /** How long the pages of a replaced run are kept for its readers. */
  replacedMillis: 60_000,
  /** Above this number of pages of replaced runs, the oldest are removed early. */
  replacedPages: 500,
  /** How often the limits of replaced runs are checked. */
  replacedLookMillis: 1000,
  /** The maximum number of replaced runs to remember. The pages of any further runs remain until they expire. */
  replacedRuns: 1000,
  /** After this many slices of 256 pages of which none was stored, no further pages of the stream are removed. */
  slicesGone: 4
}

export const refresh = {
  concurrency: 16,
  /** The time limit of one refresh, including retries. */
  timeoutMillis: 60_000
}

/** `simulate` of `effect-cached/testing`: the seed, and the capacities as fractions of the number of ids. */
export const simulation = { seed: 1, shares: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5] }

/** `CacheLayer.withHeapLimit`: the fraction of the heap above which memory shrinks. */
export const heap = { above: 0.8 }

/** `Cached.ranking`: the default and the maximum number of entries. */
export const ranked = { count: 10, most: 1000 }

/** Retries of a failed refresh, with exponential backoff and jitter. */
export const refreshRetries = { times: 2, firstMillis: 100 }

/** The default `maxSize` of the folders of `CacheLayer.disk` and `CacheLayer.files`, in bytes: 1 GiB. */
export const maxSize = 1_073_741_824

/** The default `maxValue` of `CacheLayer.disk` and `CacheLayer.files`, in bytes: 8 MiB. */
export const maxValue = 8_388_608

/** The least `maxSize`, which includes a database's log and reserve, and the largest fraction of it for one value. */
export const folders = {
  disk: { leastMaxSize: 1_048_576, valueShare: 0.25 },
  files: { leastMaxSize: 1, valueShare: 1 }
}

/** A browser's database: `maxSize` in bytes, the limits of its options, and the time limit for opening it. */
export const browser = { maxSize: 104_857_600, leastMaxSize: 64 * 1024, valueShare: 0.25, openMillis: 10_000 }

/** How long a stale value is served after a failed load before another load begins. */
export const retryAfterMillis = 5000

export const retryAfterOfFailoverMillis = 0

/** The default `beta` of `probabilistic`, which the paper on XFetch shows to be optimal. */
export const beta = 1

export const incrementBy = 1

/** Defaults of `Cached.warm`. The log names up to `named` failed keys per chunk. */
export const warm = { concurrency: 16, chunk: 100, named: 10 }

export const transform = { chunk: 1000, concurrency: 4 }

export const testing = {
  lateMillis: 1000,
  yieldChance: 0.1,
  maxTasks: 1_000_000,
  /** How far `withTimePassing` moves the clock in each step, and the maximum for all steps together. */
  stepMillis: 50,
  atMostMillis: 24 * 60 * 60 * 1000
}

/** The defaults of `CacheMetrics.layer`. */
export const metrics = { name: "default", maxClasses: 100 }

/**
 * `effect-cached/explain`: the slots of the history, its names of tags, how many ids it notes of one clear, and for how
 * long a report of a tag that this process has invalidated may be of that same invalidation.
 */
export const history = { slots: 1024, tags: 256, ofClear: 2000, echoMillis: 1000 }

/** `CachedHttpClient` of `effect-cached/http`. */
export const http = {
  /** The name of the cache in `Cache-Status`. */
  name: "effect-cached",
  maxLoadMillis,
  maxVariants: 16,
  /** The largest body that is stored, in bytes: 8 MiB. */
  maxBody: 8_388_608,
  /** How many bytes of responses lie in memory, over a layer that does not weigh its entries: 64 MiB. */
  maxMemory: 67_108_864,
  /** How long a response is kept after it has become stale: until then it can be validated. */
  keepMillis: 86_400_000,
  /** How long a request waits for the load of another one. */
  waitMillis: 5000,
  /** Up to this size in bytes, a body of known length lies beside its fields. */
  inlineBytes: 65_536,
  /** How long a larger body in one piece is answered before it is read through the cache again. */
  wholeMillis: 1000,
  /** How long a reader that has fallen behind a body too large to be stored may delay the others. */
  lagMillis: 100,
  /** How many bytes of such bodies are remembered. */
  wholeBytes: 16_777_216,
  /** How long a larger body is kept after another one has replaced it, for those who have its fields already. */
  replacedMillis: 60_000,
  /** How long the requests of a resource do not wait for each other after a response that could not be shared. */
  unsharedMillis: 120_000,
  /** How many such resources are remembered. */
  mostUnshared: 10_000,
  /** How many resources are remembered whose last response has `Vary` or is for all. */
  mostKnown: 10_000,
  /** How many resources a server remembers by what requests say, and the most characters of such a path. */
  mostNamed: 1000,
  longestNamed: 500,
  /** How many digests of credentials are remembered. */
  mostDigests: 1000
}

/** `effect-cached/inspector`. */
export const inspector = {
  /** The time between two beats of a stream, and between two batches of events. */
  beatMillis: 2000,
  batchMillis: 200,
  slotMillis: 10_000,
  /** How late the timer of a slot may be. */
  lateMillis: 500,
  /** For how long slots are kept, and how long after the last look they are counted. */
  keptMillis: 3_600_000,
  /** Entries of a page, the entries with a rank, and flights of a beat. */
  page: 100,
  mostFlights: 500,
  /** Events of a batch. The others are counted. */
  mostEvents: 200,
  /** Pages that can be continued at the same time. */
  cursors: 16,
  streams: 8,
  /** Bytes that wait for one reader, and for all. */
  waitingBytes: 262_144,
  allWaitingBytes: 2_097_152,
  /** The time limit of a slice of a pass, and between two reports of how far it is. */
  sliceMillis: 4,
  reportMillis: 100,
  shortestToken: 32,
  /** Wrong tokens of a minute, after which further ones are refused with 429. */
  wrongTokens: 10,
  minuteMillis: 60_000,
  longestText: 1024,
  longestBody: 16_384,
  valueCharacters: 20_000
}

/** A law that is broken by a check which was later than this, in milliseconds, is checked again so many times. */
export const laws = { lateMillis: 100, tries: 10 }
