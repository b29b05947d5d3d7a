/** How processes that share a store, or locks, wait for each other and hear of each other. Times are in milliseconds. */

/**
 * The length of a lease, which is renewed while the load runs: after it another process may take over from a dead one.
 */
export const leaseMillis = 5000

/** How long a load renews its lease: after that another process may load beside one that hangs. */
export const maxLoadMillis = 600_000

/**
 * How often a process looks for changes by others. The times must stay in this order, or a change is seen later than
 * the documentation says:
 *
 * - `pollMillis`: how often it polls the changes of a store, while there are reads;
 * - `lateMillis`: how long after a poll known tag versions may be used: a process that was stopped or busy polls late.
 *   It is the 100 ms within which an invalidation is seen, and longer than `pollMillis`, or the versions were never
 *   used.
 */
export const polling = { pollMillis: 50, lateMillis: 100 }

/**
 * How often loads that wait for other processes ask for their leases again: after a quarter of the time that they have
 * waited, within these bounds, and `afterEndMillis` after a lease ends that is not renewed. Those that are due within
 * `togetherMillis` are asked for in one question. A change of the stored entry wakes them at once.
 */
export const leasePoll = { firstMillis: 50, longestMillis: 1000, afterEndMillis: 5, togetherMillis: 5 }

/** A wait for other processes that takes longer than so many of their longest loads is ended: the store is not believed. */
export const believedLeaders = 10

/** How many times its lease a load may run on after its last caller has left, before another one of the id begins. */
export const endingLeases = 2

/** How often a wait for a lock of another process tries again. */
export const lockPollMillis = 50

/** How long a stale value is served while another process refreshes it; then this process looks again. */
export const leftToOthersMillis = 250

/** After this many failed leaders in a row the processes that wait fail with the last failure, instead of loading. */
export const sharedFailures = 3

/** A failure that is older than this is not among them. */
export const sharedFailureMillis = 1000

/** A lease whose process never comes back dies after so many times its length, and not before this time. */
export const leaseLife = { times: 10, leastMillis: 3_600_000 }

/** The row of a lock whose holder never comes back: one that was only suspended may find its own. */
export const lockLifeMillis = 86_400_000

/** How often a load may reject an entry that another process stored meanwhile. After that its result is not stored. */
export const leaseAttempts = 3

/** Pauses before the stream of changes is followed again. */
export const following = { firstMillis: 100, longestMillis: 30_000 }

/**
 * How a process looks for circles of loads of several processes: so many times in the length of a lease, for so many of its
 * loads that have leases and so many waits of each, and no further than so many other processes away. One look goes
 * through the loads in no more than so many steps.
 */
export const circles = { looksOfLease: 6, loads: 50, waits: 20, hops: 8, steps: 5_000 }
