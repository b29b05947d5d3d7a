/** Defaults and limits of stores in buckets of objects. Times are in milliseconds. */

export const region = "us-east-1"

export const prefix = "effect-cached"

/** The largest value to store: 4 MiB. A checksum of it holds the event loop for a few milliseconds. */
export const maxValue = 4_194_304

/** How long the server may take to answer a request. */
export const requestMillis = 10_000

/** The time that one read may spend on the bucket, if the program sets none. */
export const storeMillis = 2000

/** For how long the version of a tag is trusted if memory is trusted for any time. */
export const tagMillis = 5000

/**
 * How often a request is repeated that the server could not take (503, 429, a lost connection), the pauses between, and
 * the longest `Retry-After` that is waited for.
 */
export const repeats = { times: 3, firstMillis: 100, mostMillis: 2000, longestWaitMillis: 5000 }

/** How often a bucket is probed until all answers arrive at once. */
export const probes = 5

/** How often an object is read and written again because other processes wrote it, and the longest pause between. */
export const races = { times: 100, firstMillis: 4, mostMillis: 100 }

/** The number of objects whose last known state is remembered, which saves a request before a write. */
export const remembered = 10_000

/** The longest name of an object below the prefix, and how much of a longer one is kept before its hash. */
export const names = { longest: 600, kept: 400 }

/** How often one of the processes cleans up: each clean-up lists all objects. In milliseconds. */
export const tidyMillis = 86_400_000

/**
 * From this age on, an object may be deleted. A server refuses what was signed more than 15 minutes ago, by clocks that
 * may differ by as much, so that no write arrives any longer that was sent before the object was there.
 */
export const settledMillis = 3_600_000

/** How the size of an object tells its life: as a number of steps, above `leastMillis`, each longer by this factor. */
export const lives = { leastMillis: 60_000, factor: 2 ** 0.25, count: 128 }

/**
 * How many of the oldest versions of tags a clean-up remembers and removes, how many more it puts in order at once, and
 * how many requests it sends at once.
 */
export const oldest = { known: 1000, added: 500, concurrency: 8 }

/** For how long a process that closes gives back its turn to clean up. */
export const closeMillis = 1000

/** How many requests one listing, or one `clear`, sends at once. */
export const concurrency = 16
