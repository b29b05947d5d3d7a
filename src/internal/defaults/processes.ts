/** How processes that share a store or locks wait for each other and notify each other. Times are in milliseconds. */

/** The length of a lease, which a running load renews. If its process dies, another takes over when the lease ends. */
export const leaseMillis = 5000

/**
 * How long a load may take. For this time it renews its lease. If its readers have no timeout, they then make it run
 * again, because it may hang.
 */
export const maxLoadMillis = 60_000

/**
 * How often a process polls for changes by others. An invalidation is seen within `lateMillis`, even by a process that
 * polls late because it was stopped or busy. `lateMillis` must exceed `pollMillis`: tag versions that were read since
 * the last poll are trusted until `lateMillis` after that poll, and should not expire before the next poll.
 */
export const polling = { pollMillis: 50, lateMillis: 100 }

/**
 * A load that waits for a lease asks again after a quarter of the time waited so far (at least `firstMillis`, at most
 * `longestMillis`), or `afterEndMillis` after the lease ends. One round asks for up to `most` loads that are due
 * within `togetherMillis`. Before the leases end, at most `ofMilli` loads ask in a millisecond.
 */
export const leasePoll = {
  firstMillis: 50,
  longestMillis: 1000,
  afterEndMillis: 5,
  togetherMillis: 5,
  most: 2048,
  ofMilli: 2
}

/**
 * How far wall clocks are believed. A stored entry created more than `aheadMillis` from now has ended: a clock was set
 * back, by more than the clocks of machines differ. A cache that is read compares the wall clock with the monotonic one
 * every `lookMillis`. Differences up to `slewMillis` are errors of measurement and the usual corrections.
 */
export const clocks = { aheadMillis: 10_000, lookMillis: 1000, slewMillis: 50 }

/** How long a load waits for other processes, in loads of maximum length. After that, it no longer trusts the store. */
export const believedLeaders = 10

/** How long a load that ignores its interruption blocks the next one for its id, in lease lengths (without `wait`). */
export const endingLeases = 2

/** How often a process tries again to acquire a lock that another process holds. */
export const lockPollMillis = 50

/** How long a stale value is served while another process refreshes it, before this process checks again. */
export const leftToOthersMillis = 250

/** After `count` failed loads in a row, each less than `millis` ago, waiting processes fail instead of loading too. */
export const sharedFailures = { count: 3, millis: 1000 }

/** The record of a lease whose process never returns is kept for `times` lease lengths, at least for `leastMillis`. */
export const leaseLife = { times: 10, leastMillis: 3_600_000 }

/** How long the row of a vanished lock holder is kept. A holder that was only suspended may still need it. */
export const lockLifeMillis = 86_400_000

/** If a load has rejected this many entries that other processes stored meanwhile, it does not store its own result. */
export const leaseAttempts = 3

/** Pauses before a process reads the stream of changes again after a failure. */
export const following = { firstMillis: 100, longestMillis: 30_000 }

/** Limits of the search for circular waits: checks per lease, loads that hold leases, waits, hops and steps. */
export const circles = { looksOfLease: 6, loads: 50, waits: 20, hops: 8, steps: 5_000 }

/**
 * The record of a class's fingerprints: how long each is kept after its last use, how old its use may be before it is
 * written again, how long a process believes that its own is there, how many are kept, and how often a process tries to
 * write if others write at the same time. A use within `trustMillis` may be the first of the release.
 */
export const fingerprints = { lifeMillis: 86_400_000, renewMillis: 3_600_000, trustMillis: 600_000, most: 16, tries: 8 }
