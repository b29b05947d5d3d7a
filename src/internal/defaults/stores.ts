/** How the engine handles a failing store, and how much stores keep. Times are in milliseconds. */

/** How long after a broadcast write's first message its second message counts as missing. */
export const broadcasts = { unfinishedMillis: 1000 }

/** How many changes may wait for a busy process. Above this, the process no longer knows which entries changed. */
export const waitingChanges = 20_000

/** After this many timeouts in a row the store is skipped, and for twice as long after each failed probe. */
export const circuit = { timeouts: 3, firstMillis: 1000, longestMillis: 30_000 }

/** Pauses before unsent invalidations are sent again. */
export const replay = { firstMillis: 1000, longestMillis: 30_000 }

/** Recent invalidations and sets, to repeat if an older copy of the data is restored. Above `count`, all is cleared. */
export const recentInvalidations = { millis: 10_000, count: 1000 }

/** How long `clear` of a store part deletes entries before it returns. The remaining ones are invisible, and expire. */
export const sweepMillis = 100

/**
 * The time in which the program could receive an answer: the fraction (1 / `busyTimes`) that counts while the event
 * loop is never idle, the extra time for late timers otherwise, and bounds per check, with and without known idle time.
 */
export const programTime = { lookMillis: 5, busyTimes: 10, lateMillis: 3, mostMillis: 50, unknownMillis: 200 }

/** While the program is busy, an operation of a store that measures its own work may take this many `storeTimeout`s. */
export const busyProgramTimes = 60

/** Pauses before a dead fiber of the cache is started again. */
export const restart = { firstMillis: 100, longestMillis: 30_000 }

/** Above this number of unsent invalidations, a single `clear` replaces all of them. */
export const pendingInvalidations = 10_000

/** The number of markers that a store keeps. Removing one causes at most a load, never a stale read. */
export const markersKept = 100_000

/** How many of the first entries read from a storage are checked for being those of an earlier process. */
export const firstEntries = 1000

/** The number of changes that a shared store keeps. A process that is further behind gets a `Gap`. */
export const changesKept = 10_000

/** Leased ids, and as many counters, that a store part remembers so that `clear` finds them. Others are not cleared. */
export const leasesRemembered = 10_000

/** The maximum number of ids with a commit that the store has not answered yet. */
export const unansweredCommits = 10_000

/** How many times a lookup asks the store again for entries whose tags were invalidated since it asked. */
export const lookupsAgain = 8
