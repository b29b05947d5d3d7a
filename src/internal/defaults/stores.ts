/** What the engine does with a store that fails, and what stores keep. Times are in milliseconds. */

/** How long after the first half of a write that a tab tells the others of, the second counts as missing. */
export const broadcasts = { unfinishedMillis: 1000 }

/** How many changes wait for a process that is too busy to hear them. Of more it is not known any more which they are. */
export const waitingChanges = 20_000

/**
 * After `timeouts` timeouts in a row the store is skipped: for `firstMillis`, twice as long after each failed probe.
 */
export const circuit = { timeouts: 3, firstMillis: 1000, longestMillis: 30_000 }

/** Pauses before unsent invalidations are sent again. */
export const replay = { firstMillis: 1000, longestMillis: 30_000 }

/**
 * How long, and how many, invalidations and sets are remembered, to do them again in an older copy of what is stored. Above
 * the number everything is cleared instead.
 */
export const recentInvalidations = { millis: 10_000, count: 1000 }

/** How long `clear` of a part of a store frees room before it answers: what is left is invisible, and expires. */
export const sweepMillis = 100

/**
 * How busy the program is: how often that is looked at; which part of the time counts while the event loop finds no rest;
 * how much more than the loop has rested counts otherwise, as timers come late; and how much one look counts at most, also
 * where it is unknown how long the loop has rested.
 */
export const programTime = { lookMillis: 5, busyTimes: 10, lateMillis: 3, mostMillis: 50, unknownMillis: 200 }

/** An operation of a store that tells how long it works waits for so many times `storeTimeout` where the program is busy. */
export const busyProgramTimes = 60

/** Pauses before a fiber of the cache that has died is started again. */
export const restart = { firstMillis: 100, longestMillis: 30_000 }

/** Above this number of unsent invalidations one `clear` replaces all of them. */
export const pendingInvalidations = 10_000

/** Markers that a store keeps: a removed one costs a load, never a stale read. */
export const markersKept = 100_000

/** Entries of a storage in which those of an earlier process are looked for. */
export const firstEntries = 1000

/** Changes that a shared store keeps: a process that is further behind gets a `Gap`. */
export const changesKept = 10_000

/** Ids whose leases, and names whose counters, `clear` of a part of a store finds; it does not reach others. */
export const leasesRemembered = 10_000

/** Ids of results that the store was asked to commit and has not answered. */
export const unansweredCommits = 10_000

/** How often a look-up asks again for entries whose tags were invalidated since it has asked for them. */
export const lookupsAgain = 8
