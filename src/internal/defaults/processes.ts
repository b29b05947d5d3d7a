/** How processes that share a store or locks wait for each other and notify each other. Times are in milliseconds. */

/** A lease is renewed while the load runs. After this time, another process may take over from a dead one. */
export const leaseMillis = 5000

/** How long a load renews its lease. After that, another process may load although this load still hangs. */
export const maxLoadMillis = 600_000

/**
 * How often a process looks for changes by others. The times must stay in this order: an invalidation is seen within
 * `lateMillis`, even by a process that was stopped or busy and polls late. It exceeds `pollMillis`, or the tag versions
 * read with a poll could never be used.
 */
export const polling = { pollMillis: 50, lateMillis: 100 }

/**
 * Loads that wait for other processes ask again after a quarter of the time waited, within these bounds, and
 * `afterEndMillis` after a lease ends. Requests due within `togetherMillis` are sent as one.
 */
export const leasePoll = { firstMillis: 50, longestMillis: 1000, afterEndMillis: 5, togetherMillis: 5 }

/** A wait for other processes ends after this many times their longest load, because the store is no longer trusted. */
export const believedLeaders = 10

/** How many times its lease a load may outlive its last caller before another load of the id begins. */
export const endingLeases = 2

/** How often a wait for a lock of another process tries again. */
export const lockPollMillis = 50

/** How long a stale value is served while another process refreshes it, before this process checks again. */
export const leftToOthersMillis = 250

/** After this many failed leaders in a row, waiting processes fail with the last failure instead of loading. */
export const sharedFailures = 3

/** Failures older than this do not count towards `sharedFailures`. */
export const sharedFailureMillis = 1000

/** A lease whose process never returns is removed after this many times its length, and not before `leastMillis`. */
export const leaseLife = { times: 10, leastMillis: 3_600_000 }

/** The row of a holder that does not return is kept for so long, because one that was only suspended may find it. */
export const lockLifeMillis = 86_400_000

/** How often a load may reject an entry that another process stored meanwhile. After that, its result is not stored. */
export const leaseAttempts = 3

/** Pauses before the stream of changes is followed again. */
export const following = { firstMillis: 100, longestMillis: 30_000 }

/** Circular waits: looks within a lease, and how many leased loads, waits of each, and processes they cover. */
export const circles = { looksOfLease: 6, loads: 50, waits: 20, hops: 8, steps: 5_000 }
