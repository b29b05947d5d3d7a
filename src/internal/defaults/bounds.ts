/** Bounds of tables, and how much is done in one turn of the event loop. Times are in milliseconds. */

/** Bounds of the sources of one derived entry (`inherit: "changes"`). */
export const dependencies = {
  /** Ids of one group (the text before the first `:`). Beyond, a change of any id of the group counts. */
  idsOfGroup: 64,
  /** Tags that an entry may have in a store. An entry with more stays in memory. */
  tags: 256
}

/** Tags whose last invalidation memory keeps, hard and soft ones each. A removed one costs misses. */
export const tagEpochs = 10_000

/** Long keys whose hashes are remembered, and the characters of all of them together. */
export const longTexts = { count: 16, units: 4_194_304 }

/** Ids of a key class that are remembered by the values of its fields. */
export const knownIds = 1024

/** Ids that are not loaded again within `retryAfter`. */
export const throttledIds = 10_000

/** Ids whose stale value is no longer a fallback, because a load has answered since. */
export const answeredIds = 10_000

/** Answers that one bulk lookup gives beyond its keys and that are kept, up to a tenth of memory. */
export const unaskedAnswers = 1000

/** Answers beyond the asked keys that wait to be stored. Those of further calls stay in memory. */
export const unaskedWaiting = 10_000

/** Changed ids that are remembered while bulk calls run. Beyond, every id counts as changed until then. */
export const watchedIds = 20_000

/** Tags read by loads that are kept after those loads have ended. */
export const keptDependencies = 1000

export const knownTagVersions = 1000

/** Key classes that are remembered to find two with the same ids. Later classes are not checked. */
export const keyClasses = 1000

/** Transactions: the most steps and bytes of values, the time limit over all attempts, and retries after a conflict. */
export const transaction = {
  steps: 20_000,
  bytes: 33_554_432,
  isolation: "locked" as const,
  timeoutMillis: 10_000,
  retries: { times: 5, firstMillis: 10 }
}

/** Updates (`Cached.update`): tries while others write the key, and how long a slow function delays other updates. */
export const update = { tries: 30, firstMillis: 1, mostMillis: 250, turnMillis: 1000 }

/** The outbox of SQL transactions: when a row counts as left by a dead process, and how often rows are checked. */
export const outbox = { olderMillis: 5000, everyMillis: 10_000 }

/** The shortest time between two log lines about the beginning of an incident of the store. */
export const incidentMillis = 10_000

export const onceWarnings = 1000

export const lookedAtOfValue = 1000

/** Results of a key class that are checked by its schema if there is no store, and the largest size that is checked. */
export const checkedResults = 100
export const checkedBytes = 100_000

/** Parts of a value that are inspected to see whether it may be a resource. */
export const lookedAtParts = 100

/** Events or removals that are kept for a slow listener. Beyond, the oldest are lost. */
export const waitingEvents = 1024

/** Characters of a value that `Cached.logEvents` shows. */
export const loggedCharacters = 200

/** The most parts of a value that is shown whole. Only the beginning of a larger one is inspected. */
export const previewedParts = 1000

/** Links of a load's span to the spans of its callers: as many as OpenTelemetry keeps. */
export const spanLinks = 128

/** Refreshes that wait for a slot; a batch counts as one. Beyond, the oldest is dropped. */
export const queuedRefreshes = 1000

/** Loads whose callers do not wait for the write (`waitForWrite: false`). Beyond, they wait. */
export const writesBehind = 1000

/** Answers to callers, interruptions and starts of refreshes before other fibers and timers get a turn. */
export const jobsOfTurn = 256

/** Reads of a synchronous store before other fibers and timers get a turn. Each may start a load. */
export const storeReadsOfTurn = 128

/** Operations of the store that time out before other fibers and timers get a turn. */
export const timeoutsOfTurn = 64

/** How often expired entries are removed from memory while the cache is used. */
export const sweepEveryMillis = 1000

/** Entries whose deadlines are checked in one step. A million of them would block the event loop. */
export const enteringDeadlines = 1024

/** Ids in one step: of an invalidation of many ids or by pattern, and of `entries`. */
export const chunk = 256

/** Operations on many ids: synchronous steps before other fibers get a turn, more while they are quick. */
export const many = { firstSteps: 8, steps: 64, concurrency: 16 }

/** How many flights of a bulk call ask the store at once. The number grows while the store answers quickly. */
export const groups = { first: 256, least: 64, most: 2048, quickMillis: 25 }

/** How long synchronous steps may run before other fibers and timers get a turn. */
export const turnMillis = 5

/** Invalidations of one fiber that are repeated when it ends, if the end of its SQL transaction is unknown. */
export const repeatsOfFiber = 1000

/** Calls of each combinator whose options are checked at the call. Later ones are checked before their first load. */
export const checkedCalls = 1000
