/** Limits of table sizes, and of the work in one turn of the event loop. Times are in milliseconds. */

/** Limits of the dependencies of one derived entry (`inherit: "changes"`). */
export const dependencies = {
  /** If a load reads more ids of a group (the text before the first `:`) than this, it depends on the whole group. */
  idsOfGroup: 64,
  /** The maximum number of tags of a stored entry. An entry with more tags stays in memory only. */
  tags: 256
}

/** How many tags at least are remembered with their last hard (or soft) invalidation. Forgetting causes misses only. */
export const tagEpochs = 10_000

/** The number of long keys whose hashes are remembered, and the total length of these keys in UTF-16 code units. */
export const longTexts = { count: 16, units: 4_194_304 }

/** The number of ids that each key class remembers, to find them by the field values of a key (a power of two). */
export const knownIds = 1024

/** The maximum number of ids that wait for `retryAfter` before they are loaded again. */
export const throttledIds = 10_000

/** The number of ids of which it is remembered how long their loads take. */
export const knownDurations = 10_000

/** From this many keys on, the lookup of a bulk call begins in a turn of its own. */
export const longCall = 4096

/** The maximum number of remembered ids for which a failed load has ruled out falling back to the stale value. */
export const answeredIds = 10_000

/** How many results one bulk lookup keeps for unrequested keys. They take at most a tenth of memory. */
export const unaskedAnswers = 1000

/** How many changed ids are remembered during bulk calls. A full list is cleared, and all ids count as changed then. */
export const watchedIds = 20_000

/** How many changed ids at least are remembered, once something derives from others. Forgetting causes misses only. */
export const changedIds = 50_000

export const knownTagVersions = 1000

/** The number of key classes that are compared to find two with the same ids. Above it, the oldest is forgotten. */
export const keyClasses = 1000

/** Limits of a transaction: steps, bytes of values, the time for all attempts, and retries after a conflict. */
export const transaction = {
  steps: 20_000,
  bytes: 33_554_432,
  isolation: "locked" as const,
  timeoutMillis: 10_000,
  retries: { times: 5, firstMillis: 10 }
}

/** `Cached.bits`: its bytes, and the bits of a cell. The times of `Cached.countInWindow`. */
export const cells = { bytes: 1_048_576, size: 1, times: 10_000 }

/** `Cached.update`: attempts and pauses while others write the key, and how long a slow update delays the next. */
export const update = { tries: 30, firstMillis: 1, mostMillis: 250, turnMillis: 1000 }

/** The outbox of SQL transactions: the age at which a row counts as abandoned, and the time between two checks. */
export const outbox = { olderMillis: 5000, everyMillis: 10_000 }

/** The minimum time between two log messages about the start of a store incident. */
export const incidentMillis = 10_000

export const onceWarnings = 1000

/** From this many caches of one kind on, all closed after loads and none with a hit, there is a warning. */
export const uselessCaches = 20

export const lookedAtOfValue = 1000

/** How many shapes of objects `Weigher.bytes` remembers, to tell rows from objects whose field names are data. */
export const knownShapes = 1000

/** Without a store: how many results of a key class are schema-checked (later ones rarely), and their largest size. */
export const checkedResults = 100
export const checkedBytes = 100_000

/** The number of parts that are inspected to find out whether a value may be a resource, such as a connection. */
export const lookedAtParts = 100

/** The maximum number of events or removals that are kept for a slow listener. Above it, the oldest are lost. */
export const waitingEvents = 1024

/** From this duration on, the event `Slow` reports an operation of the store. */
export const slowMillis = 100

/** The maximum number of characters of a value that `Cached.logEvents` shows. */
export const loggedCharacters = 200

/** A value with at most this many parts is shown whole. Of a larger value, only the beginning is inspected. */
export const previewedParts = 1000

/** The maximum number of links from a load's span to its callers' spans, which is also OpenTelemetry's limit. */
export const spanLinks = 128

/** The maximum number of refreshes that wait for a slot (a batch counts as one). Above it, the oldest is dropped. */
export const queuedRefreshes = 1000

/** The number of loads whose callers need not wait for the write (`waitForWrite: false`). Above it, callers wait. */
export const writesBehind = 1000

/** The number of answers, interruptions and refresh starts after which other fibers and timers get a turn. */
export const jobsOfTurn = 256

/** The number of reads of a store, each of which may start a load, after which other fibers get a turn. */
export const storeReadsOfTurn = 128

/** The number of timed-out store operations after which other fibers and timers get a turn. */
export const timeoutsOfTurn = 64

/** How often expired entries are removed from memory while the cache is used. */
export const sweepEveryMillis = 1000

/** How many entries one search for an expired entry checks. A million at once would block the event loop. */
export const enteringDeadlines = 1024

/** The maximum number of ids in one step of `entries`, or of an invalidation by pattern or of many ids. */
export const chunk = 256

/** Operations on many ids: items of the first group, steps per look at the clock, bytes of a group, concurrency. */
export const many = { firstSteps: 8, steps: 64, bytes: 1_048_576, concurrency: 16 }

/** A bulk call with at least `least` missing keys has stubs instead of flights. At most `calls` calls have them. */
export const stubs = { least: 32, calls: 8 }

/** How many flights of a bulk call ask the store at once. Quick answers double the number, slow answers halve it. */
export const groups = { first: 256, least: 64, most: 2048, quickMillis: 25 }

/**
 * How many items of a long list are sent to a store in one wave, and the maximum number of waves at once. If a store
 * answers within `quickMillis`, the next wave of a read has twice as many items, up to `most`.
 */
export const waves = { size: 256, atOnce: 8, most: 1024, quickMillis: 25 }

/** Loads per turn that ask for leases alone or are resumed by a wave; the longest wait for a wave, in store budgets. */
export const together = { alone: 8, ofTurn: 64, budgets: 10 }

/** If the store takes at least this long to answer, a load requests its entry and its lease together. */
export const farMillis = 8

/** On a nearer store, too, while reads load more often than so many times for each entry that they find. */
export const loadsPerHit = 2

/** How long synchronous steps may run before other fibers and timers get a turn. */
export const turnMillis = 5

/** How many invalidations are repeated at the end of a fiber, if its SQL transaction's commit cannot be observed. */
export const repeatsOfFiber = 1000

/** How many calls of each combinator check their options immediately. In later calls, the load checks them. */
export const checkedCalls = 1000

/** In how many values of a key class, and elements of an array, fields are sought that its schema does not declare. */
export const undeclaredSamples = 100

/** The most characters in the name of a cache. */
export const longestNameOfCache = 100

/** How long a store may take to count its entries: a million take longer than a read should wait for. */
export const sizeMillis = 5000
