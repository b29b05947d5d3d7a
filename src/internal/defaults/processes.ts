/** How processes that share a store or locks wait for each other and notify each other. Times are in milliseconds. */

/**
 * The length of a lease, which is renewed while the load runs. After it, another process may take over from a dead one.
 */
export const leaseMillis = 5000

/** How long a load renews its lease. After that, another process may load although this load still hangs. */
export const maxLoadMillis = 600_000

/**
 * How often a process looks for changes by others. The times must stay in this order, or a change is seen later than
 * the documentation says:
 *
 * - `pollMillis`: how often it polls the changes of a store, while there are reads;
 * - `lateMillis`: how long after a poll its tag versions may be used. A process that was stopped or busy polls late.
 *   This is the 100 ms within which an invalidation is seen. It exceeds `pollMillis`, or the versions could never be
 *   used.
 */
export const polling = { pollMillis: 50, lateMillis: 100 }

/**
 * How often loads that wait for other processes ask for their leases again: after a quarter of the time that they have
 * waited, within these bounds, and `afterEndMillis` after a lease ends without renewal. Requests that are due within
 * `togetherMillis` are sent as one. A change of the stored entry wakes the loads at once.
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

/**
 * How long the row of a lock is kept whose holder does not return. A holder that was only suspended may find its own.
 */
export const lockLifeMillis = 86_400_000

/** How often a load may reject an entry that another process stored meanwhile. After that, its result is not stored. */
export const leaseAttempts = 3

/** Pauses before the stream of changes is followed again. */
export const following = { firstMillis: 100, longestMillis: 30_000 }

/**
 * How a process detects circular waits between processes: `looksOfLease` times within a lease, for at most `loads` of
 * its leased loads and `waits` of each, over at most `hops` other processes. One look takes at most `steps` steps.
 */
export const circles = { looksOfLease: 6, loads: 50, waits: 20, hops: 8, steps: 5_000 }
