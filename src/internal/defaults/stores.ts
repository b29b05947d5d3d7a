/** How the engine handles a failing store, and how many items a store keeps. Times are in milliseconds. */

/** If the second message of a broadcast write is missing for this long, the changes in the first count as made. */
export const broadcasts = { unfinishedMillis: 1000 }

/** How many changes may wait for a busy process. Above this, the process no longer knows which entries changed. */
export const waitingChanges = 20_000

/** After `timeouts` timeouts in a row, the store is skipped for `firstMillis`. Each failed probe doubles this time. */
export const circuit = { timeouts: 3, firstMillis: 1000, longestMillis: 30_000 }

/** Pauses before a pipeline asks a store again that has failed. */
export const jobs = { firstMillis: 50, longestMillis: 1000 }

/**
 * Pauses before invalidations that did not reach the store are retried. A pass ends after `failures` failed requests in
 * a row. An invalidation that the store refuses again and again is left out of at most `skips` passes.
 */
export const replay = { firstMillis: 1000, longestMillis: 30_000, failures: 16, skips: 30 }

/** Recent invalidations and sets that are repeated if older data is restored. Above `count`, all data is cleared. */
export const recentInvalidations = { millis: 10_000, count: 1000 }

/**
 * How much of the time between two checks counts as time in which an answer could arrive: the idle time plus
 * `lateMillis`, or 1 / `busyTimes` of the time if the event loop was never idle, but at most `mostMillis`.
 */
export const programTime = { lookMillis: 5, busyTimes: 10, lateMillis: 3, mostMillis: 50, unknownMillis: 200 }

/** However little time counts (`programTime`, `workedMillis`), an operation waits for at most this many time limits. */
export const busyProgramTimes = 60

/** Pauses before a dead background fiber of the cache is started again. */
export const restart = { firstMillis: 100, longestMillis: 30_000 }

/** Above this number of unsent invalidations, a single `clear` replaces all of them. */
export const pendingInvalidations = 10_000

/** The number of markers that a store keeps. Removing one causes at most a load, never a stale read. */
export const markersKept = 100_000

/** How many of the first entries read from a storage are checked: an earlier process may have stored them. */
export const firstEntries = 1000

/** The number of changes that a shared store keeps. A process that is further behind gets a `Gap`. */
export const changesKept = 10_000

/** The maximum number of ids with a commit that the store has not answered yet. */
export const unansweredCommits = 10_000

/** How many times a lookup reads entries again that look invalid: they may have been replaced during the lookup. */
export const lookupsAgain = 8

/** Storages that the user brings: the longest key, concurrent reads of a listing, the longest life (of Memcached). */
export const byteStorages = { keyLength: 180, concurrency: 16, longestMillis: 2_592_000_000 }

/**
 * Tiers between memory and the last tier. `timeoutShare` and `lastShare` are the shares of the last tier's
 * `storeTimeout` that such a tier may take, and the last tier while a copy can stand in for it. `stalenessShare` is the
 * share of the last tier's `maxStaleness` that is left to copies. An incident ends after `calmMillis` without a fault.
 * Nothing waits for a lease in such a tier. It is short because the tier keeps its record ten times as long.
 */
export const middleTiers = {
  tagsKnown: 10_000,
  leaseMillis: 100,
  removedAtOnce: 256,
  copiesAtOnce: 256,
  calmMillis: 10_000,
  timeoutShare: 0.2,
  lastShare: 0.5,
  stalenessShare: 0.5
}
