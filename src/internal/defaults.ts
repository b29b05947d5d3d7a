/**
 * Every number that a user or an operator can meet, once. Times are milliseconds.
 *
 * What has an option is its default; `docs/options.md` says the same in words, and a test compares the two.
 */

// ---------------------------------------------------------------------------------------------------------------------
// options
// ---------------------------------------------------------------------------------------------------------------------

/** how long a load is exclusive across the processes that share a store, and how often others may take over */
const leaseMillis = 5000

/** how long a load waits for that of another process: the first holder may die, and the one that takes over too */
export const waitOf = (leaseMillis: number): number => 2 * leaseMillis

/** Options of layers. */
export const layer = {
  /** entries in memory */
  capacity: 10_000,
  /** all store steps of one read together */
  storeTimeoutMillis: 500,
  leaseMillis,
  waitMillis: waitOf(leaseMillis),
  /** how long memory may hold what another process has changed, while it cannot hear of it */
  maxStalenessMillis: 10_000,
  /** closing waits so long for loads that somebody waits for */
  shutdownMillis: 5000
}

/** Refreshes in the background. */
export const refresh = {
  concurrency: 16,
  /** one refresh, tries included */
  timeoutMillis: 60_000
}

/** How often a failed refresh is tried again, with exponential backoff and jitter. */
export const refreshRetries = { times: 2, firstMillis: 100 }

/** What the folders of `CacheLayer.disk` and `files` may hold, in bytes: 1 GiB. */
export const maxSize = 1024 ** 3

/** After a load has failed where a stale value was at hand: that is served for so long without another try. */
export const retryAfterMillis = 5000

/** `failover` tries with every read. */
export const retryAfterOfFailoverMillis = 0

/** Of `probabilistic`: the optimum of the paper. */
export const beta = 1

/** What `Strategy.dynamic` is. */
export const dynamic = { hits: 3, refreshAfter: 1, ttl: "24 hours" } as const

/** `Cached.increment` */
export const incrementBy = 1

/** `Cached.warm` */
export const warm = { concurrency: 16, chunk: 100 }

/** `ChaosStore` and `SeededScheduler` */
export const testing = { lateMillis: 1000, yieldChance: 0.1, maxTasks: 1_000_000 }

// ---------------------------------------------------------------------------------------------------------------------
// several processes
// ---------------------------------------------------------------------------------------------------------------------

/**
 * The times at which a process looks at what others do. They stay in this order, or a change of another process is heard
 * later than the documentation says:
 *
 * - `pollMillis`: how often it asks a store what others have changed, while it reads;
 * - `waitingPollMillis`: how often one that waits for another's load looks again; not longer than a change may go unseen;
 * - `lateMillis`: from then on what the store has told about tags is no longer believed, because the process was stopped
 *   or busy and may not have heard. It is longer than `pollMillis`, or nothing told would ever be of use, and it is the
 *   100 ms within which an invalidation is heard.
 */
export const polling = { pollMillis: 50, waitingPollMillis: 50, lateMillis: 100 }

/** How often one that waits for a lock of another process looks again. */
export const lockPollMillis = 50

/** So long a stale value stays where another process refreshes it: then that has stored a new one, or this one tries. */
export const leftToOthersMillis = 250

/** After so many failed loads in a row, one process after the other, those who wait fail with the last of them. */
export const sharedFailures = 3

/** A failure that is older than this is not among them. */
export const sharedFailureMillis = 1000

/** A lease whose process never comes back dies after so many times its length, and not before this time. */
export const leaseLife = { times: 10, leastMillis: 3_600_000 }

/** The row of a lock whose holder never comes back: one that was only suspended may find its own. */
export const lockLifeMillis = 86_400_000

/** A file that a process has begun to write is nobody's after this time. */
export const draftMillis = 3_600_000

/** So often a load looks at what another process has stored and rejects it, before it stays out of the store. */
export const leaseAttempts = 3

// ---------------------------------------------------------------------------------------------------------------------
// a store that fails
// ---------------------------------------------------------------------------------------------------------------------

/** After so many timeouts in a row a store is left alone, at first for `firstMillis`, for twice that after each probe. */
export const circuit = { timeouts: 3, firstMillis: 1000, longestMillis: 30_000 }

/** When the store is told again what it has not acknowledged. */
export const replay = { firstMillis: 1000, longestMillis: 30_000 }

/** When a store whose changes could not be followed is listened to again. */
export const following = { firstMillis: 100, longestMillis: 30_000 }

/** Above so many invalidations that a store has not acknowledged, one `clear` takes the place of all. */
export const pendingInvalidations = 10_000

// ---------------------------------------------------------------------------------------------------------------------
// bounds of tables
// ---------------------------------------------------------------------------------------------------------------------

/** Markers of tags that a store keeps: one that is forgotten costs a load, and never a stale read. */
export const markersKept = 100_000

/** Changes that a shared store keeps for those who ask later; who is further behind is told of a gap. */
export const changesKept = 10_000

/** Entries of which `CacheLayer.disk` remembers that this process has read them. */
export const readsRemembered = 10_000

/** Ids whose leases `clear` of a part of a store gives back; for others the next load waits until the lease ends. */
export const leasesRemembered = 10_000

/** Tags whose last invalidation memory knows, hard and soft each; what is forgotten is a miss. */
export const tagEpochs = 10_000

/** Ids that are not tried again for a while because their load has failed. */
export const throttledIds = 10_000

/** Key classes whose tags' versions are known between two polls. */
export const knownTagVersions = 1000

/** Warnings that are said once each. */
export const onceWarnings = 1000

/** Events or removals that wait for a slow listener; the oldest are lost. */
export const waitingEvents = 1024

/** Links of a load's span to those who wait for it: as many as OpenTelemetry keeps. */
export const spanLinks = 128

/** Ids in one step of a scan, of an invalidation of many or by pattern, and of a look at all entries. */
export const chunk = 256

/** Operations on many ids: plain steps at once, and operations that may wait at once. */
export const many = { steps: 64, concurrency: 16 }
