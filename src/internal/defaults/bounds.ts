/** Bounds of tables, and of the work in one turn of the event loop. Times are in milliseconds. */

/** Bounds of the dependencies of one derived entry (`inherit: "changes"`). */
export const dependencies = {
  /** Ids in one group (the text before the first `:`). Above this, a change to any id in the group counts. */
  idsOfGroup: 64,
  /** Tags that an entry may have in a store. An entry with more tags stays in memory only. */
  tags: 256
}

/** Tags whose last hard invalidation is kept in memory, and as many for soft ones. Forgetting one causes misses. */
export const tagEpochs = 10_000

/** The number of long keys whose hashes are remembered, and the total length of these keys in UTF-16 code units. */
export const longTexts = { count: 16, units: 4_194_304 }

/** The number of ids that each key class remembers by its field values (a power of two). */
export const knownIds = 1024

/** The maximum number of ids that wait for `retryAfter` before they are loaded again. */
export const throttledIds = 10_000

/** The maximum number of ids whose stale value is no longer a fallback, because a later load has given an answer. */
export const answeredIds = 10_000

/** Results beyond the requested keys that are kept from one bulk lookup, up to a tenth of memory. */
export const unaskedAnswers = 1000

/** Results beyond the requested keys that may wait to be stored. Above this, later calls keep theirs in memory only. */
export const unaskedWaiting = 10_000

/** Changed ids that are remembered while bulk calls run. Above this, every id counts as changed up to that moment. */
export const watchedIds = 20_000

/** Tags read by loads that are still remembered after those loads have ended. */
export const keptDependencies = 1000

export const knownTagVersions = 1000

/** Key classes that are remembered to find two with the same ids. Above this, the oldest are forgotten. */
export const keyClasses = 1000

/** Bounds of a transaction: steps, bytes of values, the time for all attempts, and retries after a conflict. */
export const transaction = {
  steps: 20_000,
  bytes: 33_554_432,
  isolation: "locked" as const,
  timeoutMillis: 10_000,
  retries: { times: 5, firstMillis: 10 }
}

/** `Cached.update`: attempts while others write the key, and how long a slow function delays other updates. */
export const update = { tries: 30, firstMillis: 1, mostMillis: 250, turnMillis: 1000 }

/** The outbox of SQL transactions: when a row counts as left by a dead process, and how often rows are checked. */
export const outbox = { olderMillis: 5000, everyMillis: 10_000 }

/** The minimum time between two log messages about the start of a store incident. */
export const incidentMillis = 10_000

export const onceWarnings = 1000

export const lookedAtOfValue = 1000

/** Without a store: how many results of a key class are checked against its schema, and up to which size in bytes. */
export const checkedResults = 100
export const checkedBytes = 100_000

/** Parts of a value that are inspected to find out whether the value may be a resource, such as a connection. */
export const lookedAtParts = 100

/** Events or removals that are kept for a slow listener. Above this, the oldest are lost. */
export const waitingEvents = 1024

/** Characters of a value that `Cached.logEvents` shows. */
export const loggedCharacters = 200

/** The maximum number of parts of a value that is shown whole. Of a larger value, only the beginning is inspected. */
export const previewedParts = 1000

/** Links from a load's span to the spans of its callers: as many as OpenTelemetry keeps. */
export const spanLinks = 128

/** Refreshes that may wait for a slot; a batch counts as one. Above this, the oldest is dropped. */
export const queuedRefreshes = 1000

/** Loads whose callers need not wait for the write (`waitForWrite: false`). Above this, callers wait. */
export const writesBehind = 1000

/** Answers to callers, interruptions and refresh starts before other fibers and timers get a turn. */
export const jobsOfTurn = 256

/** Reads of a synchronous store before other fibers and timers get a turn. Each may start a load. */
export const storeReadsOfTurn = 128

/** Store operations that time out before other fibers and timers get a turn. */
export const timeoutsOfTurn = 64

/** How often expired entries are removed from memory while the cache is used. */
export const sweepEveryMillis = 1000

/** Entries whose deadlines are checked in one step, because a million at once would block the event loop. */
export const enteringDeadlines = 1024

/** Ids in one step of `entries`, of an invalidation of many ids, or of an invalidation by pattern. */
export const chunk = 256

/** Operations on many ids: synchronous steps before other fibers get a turn (more while they are quick). */
export const many = { firstSteps: 8, steps: 64, concurrency: 16 }

/** How many flights of a bulk call ask the store at once. The number grows while the store answers quickly. */
export const groups = { first: 256, least: 64, most: 2048, quickMillis: 25 }

/** Waves of a bulk call's results on their way to the store. */
export const wavesAtOnce = 8

/** How long synchronous steps may run before other fibers and timers get a turn. */
export const turnMillis = 5

/** Invalidations of one fiber that are repeated when it ends, if its SQL transaction's end cannot be observed. */
export const repeatsOfFiber = 1000

/** Calls of each combinator whose options are checked immediately. Later calls are checked before their first load. */
export const checkedCalls = 1000
