/** Bounds of tables, and how much is done in one turn of the event loop. Times are in milliseconds. */

/** What one entry derives from (`inherit: "changes"`). */
export const dependencies = {
  /** ids of one group (what is before their first `:`) known one by one: beyond, a change of any id of the group counts */
  idsOfGroup: 64,
  /** tags that an entry may have in a store: one with more stays in memory */
  tags: 256
}

/** Tags whose last invalidation memory keeps, for hard and soft each: a removed one costs misses. */
export const tagEpochs = 10_000

/** Long keys whose hashes are remembered, and the characters of all of them together. */
export const longTexts = { count: 16, units: 4_194_304 }

/** Ids of a key class that are remembered by the values of its fields. */
export const knownIds = 1024

/** Ids that are not loaded again within `retryAfter`. */
export const throttledIds = 10_000

/** Ids whose stale value is no fallback any more, because a load has answered since. */
export const answeredIds = 10_000

/** Answers of one call of many that are kept although nobody asked for them, and a tenth of memory at most. */
export const unaskedAnswers = 1000

/** Ids of which is remembered that they have changed while calls of many run: beyond, all count as changed till then. */
export const watchedIds = 20_000

/** Tags of what loads have read that are kept, though no load runs that has read it. */
export const keptDependencies = 1000

/** Key classes whose tag versions are kept between two polls. */
export const knownTagVersions = 1000

/** Key classes that are remembered to find two with the same ids: of one that is not, nobody is told. */
export const keyClasses = 1000

/**
 * Transactions: what one may write, in steps and in bytes of values; its time, in all tries; and how often it is tried again
 * after a conflict, with pauses that grow from the first.
 */
export const transaction = {
  steps: 20_000,
  bytes: 33_554_432,
  isolation: "locked" as const,
  timeoutMillis: 10_000,
  retries: { times: 5, firstMillis: 10 }
}

/**
 * Updates (`Cached.update`): how often one is tried where others write meanwhile, with pauses that grow from the first up
 * to the longest; and how long a function that takes its time keeps the other updates of its key waiting.
 */
export const update = { tries: 30, firstMillis: 1, mostMillis: 250, turnMillis: 1000 }

/** The outbox of SQL transactions: from which age on a row is one of a process that died, and how often it is looked for. */
export const outbox = { olderMillis: 5000, everyMillis: 10_000 }

/** How seldom the beginning of an incident of the store is logged. */
export const incidentMillis = 10_000

/** Warnings that are logged once each. */
export const onceWarnings = 1000

/** Parts of a value that are looked at to estimate its size. */
export const lookedAtOfValue = 1000

/** Results of a key class of which each is checked by its schema where there is no store, and how large they may be. */
export const checkedResults = 100
export const checkedBytes = 100_000

/** Parts of a value that are looked at, to see whether it may be a resource. */
export const lookedAtParts = 100

/** Events or removals that are kept for a slow listener; beyond, the oldest are lost. */
export const waitingEvents = 1024

/** Characters of a value that `Cached.logEvents` shows. */
export const loggedCharacters = 200

/** Parts of a value that is shown as a whole: of a larger one only the beginning is looked at. */
export const previewedParts = 1000

/** Links of a load's span to the spans of its callers: as many as OpenTelemetry keeps. */
export const spanLinks = 128

/** Refreshes that wait for a slot, a batch counting as one: beyond, the one that was asked for first is dropped. */
export const queuedRefreshes = 1000

/** Loads whose callers did not wait for the write (`waitForWrite: false`): beyond, they do. */
export const writesBehind = 1000

/** Answers to callers, interruptions and starts of refreshes before other fibers and timers get a turn. */
export const jobsOfTurn = 256

/** Reads of a store that answers at once before other fibers and timers get a turn: each may start a load. */
export const storeReadsOfTurn = 128

/** Operations of the store that time out before other fibers and timers get a turn. */
export const timeoutsOfTurn = 64

/** How often what has expired leaves memory, while the cache is used. */
export const sweepEveryMillis = 1000

/** Entries whose deadlines are looked at in one step: a memory with a million of them would hold the event loop. */
export const enteringDeadlines = 1024

/** Ids in one step: of an invalidation of many ids or by pattern, and of `entries`. */
export const chunk = 256

/**
 * Operations on many ids: plain steps before other fibers get a turn, `firstSteps` of them and then up to `steps` while
 * they are quick; `concurrency` operations that may wait.
 */
export const many = { firstSteps: 8, steps: 64, concurrency: 16 }

/** How many flights of a call for many keys ask the store at once: more while it answers all of them quickly. */
export const groups = { first: 256, least: 64, most: 2048, quickMillis: 25 }

/** How long plain steps may go on before other fibers and timers get a turn. */
export const turnMillis = 5

/** Invalidations of one fiber that are repeated when it ends, where its SQL transaction does not say when it does. */
export const repeatsOfFiber = 1000

/** Calls of each combinator whose options are checked where it is called; those of later ones before their first load. */
export const checkedCalls = 1000
