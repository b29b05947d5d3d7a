/** How the engine handles a failing store, and how much stores keep. Times are in milliseconds. */

/** How long after the first half of a broadcast write its second half counts as missing. */
export const broadcasts = { unfinishedMillis: 1000 }

/** How many changes wait for a busy process. Beyond, it no longer knows which entries have changed. */
export const waitingChanges = 20_000

/** After so many timeouts in a row the store is skipped, and twice as long after each failed probe. */
export const circuit = { timeouts: 3, firstMillis: 1000, longestMillis: 30_000 }

/** Pauses before unsent invalidations are sent again. */
export const replay = { firstMillis: 1000, longestMillis: 30_000 }

/** Invalidations and sets to repeat on an older copy of the data. Above `count`, everything is cleared instead. */
export const recentInvalidations = { millis: 10_000, count: 1000 }

/** How long `clear` of a part of a store frees room before it answers. The rest is invisible, and expires. */
export const sweepMillis = 100

/**
 * How busy the program is: the fraction of time that counts while the event loop is never idle; the extra time
 * otherwise, because timers are late; the most that one interval counts, with and without knowledge of idle time.
 */
export const programTime = { lookMillis: 5, busyTimes: 10, lateMillis: 3, mostMillis: 50, unknownMillis: 200 }

/** While the program is busy, an operation of a store that measures its work waits this many times `storeTimeout`. */
export const busyProgramTimes = 60

/** Pauses before a fiber of the cache that has died is started again. */
export const restart = { firstMillis: 100, longestMillis: 30_000 }

/** Above this number of unsent invalidations one `clear` replaces all of them. */
export const pendingInvalidations = 10_000

/** Markers that a store keeps. A removed one costs a load, never a stale read. */
export const markersKept = 100_000

/** How many entries of a storage are checked for those of an earlier process. */
export const firstEntries = 1000

/** Changes that a shared store keeps. A process that is further behind gets a `Gap`. */
export const changesKept = 10_000

/** Ids whose leases, and names whose counters, `clear` of a part of a store finds. It does not reach others. */
export const leasesRemembered = 10_000

/** Ids of commits that the store has not answered yet. */
export const unansweredCommits = 10_000

/** How often a look-up asks again for entries whose tags were invalidated after it asked. */
export const lookupsAgain = 8
