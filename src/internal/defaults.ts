/**
 * Every number that a user or an operator can meet, once. Times are in milliseconds.
 *
 * Where there is an option, the number is its default: `docs/options.md` has it in words, and a test compares the two.
 */

// ---------------------------------------------------------------------------------------------------------------------
// options
// ---------------------------------------------------------------------------------------------------------------------

/**
 * The length of a lease, which is renewed while the load runs: after it another process may take over from a dead one.
 */
const leaseMillis = 5000

/** The options for all reads of a layer that says none. */
export const noReadDefaults = {}

/** Options of layers. */
export const layer = {
  /** entries in memory */
  capacity: 10_000,
  /** no curve of hit ratios is drawn */
  curve: false,
  /** each entry counts as one */
  weigher: undefined,
  /** the budget: all store steps of one read together */
  storeTimeoutMillis: 500,
  leaseMillis,
  /** none: a load waits for another process as long as that renews its lease */
  waitMillis: undefined,
  /** how long a load renews its lease: after that another process may load beside one that hangs */
  maxLoadMillis: 600_000,
  /** how long memory is used while changes by other processes cannot be read */
  maxStalenessMillis: 10_000,
  /** what entries take over from values that caches served inside their loads */
  inherit: "age" as const,
  /** how long closing waits for loads with callers */
  shutdownMillis: 5000,
  /** who may wait for a load */
  flights: "shared" as const
}

/** Streams. */
export const streams = {
  /** how large a stored stream may be, in bytes: 16 MiB */
  maxBytes: 16_777_216,
  /** in a folder: the share of its `maxSize` */
  shareOfMaxSize: 0.125,
  /** how long a run may take whose stream is stored */
  maxRunMillis: 3_600_000,
  /** the longest `ttl` that a function may give */
  maxTtlMillis: 86_400_000,
  /** where a page is cut, in bytes */
  pageBytes: 64 * 1024,
  /** the pages that a run keeps for who is behind, where it is not stored */
  windowPages: 16,
  /** the pages of a store that are read before a consumer asks for them */
  pagesAhead: 2,
  /** how long a consumer that is behind them may hold others up */
  lagMillis: 5000,
  /** up to so many bytes the pages of a stream are in memory beside its manifest */
  decodedBytes: 1_048_576,
  /** how long the pages of a run are kept that another one has replaced, for its readers */
  replacedMillis: 60_000,
  /** so many such runs are remembered; the pages of others expire */
  replacedRuns: 1000
}

/** Refreshes in the background. */
export const refresh = {
  concurrency: 16,
  /** one refresh, retries included */
  timeoutMillis: 60_000
}

/** `simulate` of `effect-cached/testing`: the seed, and the capacities as shares of the ids. */
export const simulation = { seed: 1, shares: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5] }

/** `CacheLayer.withHeapLimit`: the share of the heap above which memory shrinks. */
export const heap = { above: 0.8 }

/** `Cached.hottest` and `Cached.coldest`: how many entries, and how many at most. */
export const ranked = { count: 10, most: 1000 }

/** Retries of a failed refresh, with exponential backoff and jitter. */
export const refreshRetries = { times: 2, firstMillis: 100 }

/** The size of the folders of `CacheLayer.disk` and `files`, in bytes: 1 GiB. */
export const maxSize = 1_073_741_824

/** The largest value in those folders, in bytes: 8 MiB. */
export const maxValue = 8_388_608

/**
 * The limits of those options: the smallest `maxSize` in bytes, and the share of it that one value may take. In a
 * database the log, and what is kept for a full disk, are parts of it.
 */
export const folders = {
  disk: { leastMaxSize: 1_048_576, valueShare: 0.25 },
  files: { leastMaxSize: 1, valueShare: 1 }
}

/** A database of a browser: `maxSize` in bytes, the limits of its options, and how long the browser may take to open it. */
export const browser = { maxSize: 104_857_600, leastMaxSize: 64 * 1024, valueShare: 0.25, openMillis: 10_000 }

/**
 * What tabs tell each other: how many changes wait for a tab that does not read them, and how long after the first half of
 * a write the second counts as missing.
 */
export const broadcasts = { kept: 10_000, unfinishedMillis: 1000 }

/**
 * The log beside a database, and the reserve for a full disk, which is as large: so many bytes, and this part of `maxSize`
 * at most. SQLite copies the log into the database at the part `copiedAt` of it, and then writes it from its beginning: so
 * it need not be emptied where one process writes. Who reads for longer than `pinnedMillis` keeps it from being emptied; when it has grown by `hopelessAfter` more
 * bounds since, another database is started.
 */
export const log = { bytes: 2_097_152, ofMaxSize: 0.125, copiedAt: 0.875, pinnedMillis: 1000, hopelessAfter: 4 }

/** How long a stale value is served without another load, after a load failed. */
export const retryAfterMillis = 5000

/** `retryAfter` of `failover`: every read loads. */
export const retryAfterOfFailoverMillis = 0

/** `beta` of `probabilistic`: the optimum of the paper. */
export const beta = 1

/** Options of `Strategy.dynamic`. */
export const dynamic = { hits: 3, refreshAfter: 1, ttl: "24 hours" } as const

/** `Cached.increment` */
export const incrementBy = 1

/** `Cached.warm`; of a chunk so many failed keys are named in the log */
export const warm = { concurrency: 16, chunk: 100, named: 10 }

/** Options of guards. */
export const guard = {
  /** `locked`: without end */
  waitMillis: Infinity,
  /** `circuitBreaker`, where it is told no condition: failures in a row */
  failures: 5,
  minimumCalls: 10,
  windowMillis: 60_000,
  openMillis: 30_000,
  probeMillis: 30_000,
  /** `bloom`: the share of items that are taken for added, and were not */
  errorRate: 0.01
}

/** `ChaosStore` and `SeededScheduler` */
export const testing = {
  lateMillis: 1000,
  yieldChance: 0.1,
  maxTasks: 1_000_000,
  /** how far `withTimePassing` moves the clock at once, and how far in all */
  stepMillis: 50,
  atMostMillis: 24 * 60 * 60 * 1000
}

// ---------------------------------------------------------------------------------------------------------------------
// several processes
// ---------------------------------------------------------------------------------------------------------------------

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

/** A file that a process has begun to write is nobody's after this time. */
export const draftMillis = 3_600_000

/** How often a load may reject an entry that another process stored meanwhile. After that its result is not stored. */
export const leaseAttempts = 3

// ---------------------------------------------------------------------------------------------------------------------
// a store that fails
// ---------------------------------------------------------------------------------------------------------------------

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

/** Pauses between attempts while another process writes to SQLite: they double from the first to the longest. */
export const busy = { firstMillis: 2, longestMillis: 50, lockMillis: 500 }

/**
 * Reads of a database that come within `betweenMillis` of one another, in one step of the program, are one transaction for
 * `longestMillis` at most. Where a step goes on for longer than `idleMillis` after a read (others wait for 5 ms) there is
 * none for `mistrust` times as long, and then until a step has ended in time.
 */
export const snapshot = { betweenMillis: 0.05, longestMillis: 1, idleMillis: 4, mistrust: 10 }

/**
 * After `aloneMillis` of one turn of the event loop the next writes into a database wait for a later one. There so many run
 * `together`, one such group after the other, until it has taken `turnMillis`. `ordinaryMillis` of each do not count for
 * `storeTimeout`, ten times what one takes: otherwise the last of many thousands would time out, and on a machine that
 * others use of some thousands, although the store is well.
 */
export const sqliteTurns = { aloneMillis: 2, together: 64, turnMillis: 10, ordinaryMillis: 0.5 }

/** Pauses before the stream of changes is followed again. */
export const following = { firstMillis: 100, longestMillis: 30_000 }

/** Pauses before a fiber of the cache that has died is started again. */
export const restart = { firstMillis: 100, longestMillis: 30_000 }

/** Above this number of unsent invalidations one `clear` replaces all of them. */
export const pendingInvalidations = 10_000

// ---------------------------------------------------------------------------------------------------------------------
// guards
// ---------------------------------------------------------------------------------------------------------------------

/**
 * State of guards. In memory so many `states` of a kind are kept, and each new one looks at `looksOfNew` others to remove
 * those that have expired. A log has `longestLog` times at most. A circuit that nobody asks for is forgotten after
 * `idleMillis`. A place that has failed is asked again after `restMillis`. Windows, bans and open times are a century at most.
 */
export const guards = {
  states: 100_000,
  looksOfNew: 2,
  longestLog: 10_000,
  idleMillis: 3_600_000,
  restMillis: 1000,
  longestMillis: 3_155_760_000_000
}

/**
 * Filters: bytes of a block, layers of a filter, blocks in one step, filters that a process remembers, and what is
 * refused because a memory or a number has no room for it.
 */
export const filters = {
  blockBytes: 4096,
  layers: 24,
  chunk: 64,
  known: 1000,
  mostItems: 1_000_000_000,
  leastErrorRate: 0.000_000_000_001
}

// ---------------------------------------------------------------------------------------------------------------------
// Redis
// ---------------------------------------------------------------------------------------------------------------------

/** The prefix of all keys on a Redis server. */
export const redisPrefix = "effect-cached"

/** The largest value that is sent to Redis, in bytes: 1 MiB. Behind a larger one all others of a connection wait. */
export const redisMaxValue = 1_048_576

/** Replicas that have to have a write before it is answered. */
export const redisReplicas = 0

/** Whether the layer waits for a server that cannot be reached. */
export const redisConnect = "eventually" as const

/**
 * Connections to Redis. The time of a command is looked at in so many `looks`; a connection whose oldest command has no
 * answer after `overdue` times that time is thrown away. Pauses between attempts to connect grow from the first to the
 * longest; `refusedMillis` is the pause after a refusal that waiting does not mend. `pending` commands are sent at most
 * before their answers. An idle connection is asked for the time every `heartbeatMillis`.
 */
export const redisConnection = {
  looks: 4,
  overdue: 2,
  connectMillis: 1000,
  firstPauseMillis: 50,
  longestPauseMillis: 2000,
  refusedMillis: 60_000,
  pending: 100_000,
  heartbeatMillis: 5000
}

/** Redis clusters: how often one command follows a redirection, the pause before it is tried again, and between looks. */
export const redisCluster = { redirections: 64, againMillis: 20, lookMillis: 500 }

/**
 * How changes on Redis are heard: how often the connection is asked whether it still hears, how long an answer may take,
 * after how many such questions the server is asked too whether it is a master, how many changes wait for their reader, of
 * how many own writes it is known how they begin, and of how many tags which version they have. Whether a change is of
 * one's own making has to be known within `ownMillis`, in so many looks, or it counts as one of another. A server that is
 * not there is looked for every `lookMillis`. Who may not track says so every `deafMillis`, and tries it again every
 * `refusedMillis`.
 */
export const redisTracking = {
  lookMillis: 50,
  heartbeatMillis: 500,
  answerMillis: 500,
  thoroughly: 10,
  kept: 100_000,
  own: 10_000,
  tags: 100_000,
  ownMillis: 50,
  ownLooks: 2,
  deafMillis: 5000,
  refusedMillis: 30_000
}

/** How often a wait for a lock on Redis tries again, beside the messages that wake it. */
export const redisLockPollMillis = 250

/** How far the clock of a Redis server may be from ours, beyond what the answer took, before it counts as another. */
export const redisClockMillis = 50

/** How long Redis keeps the marker of a tag that nothing uses, and at least twice the lifetime of what has the tag. */
export const redisMarkerMillis = 30 * 24 * 3_600_000

/** Keys in one command to Redis, and in one step of a listing; and how many of very many are asked for at once. */
export const redisChunk = 200
export const redisAtOnce = 5000

/** How many keys of other programs one step of a listing passes over at most: about a millisecond of the server. */
export const redisPassed = 5000

/** How large a transaction on Redis may be, in steps and in bytes of values: others wait while it is carried out. */
export const redisTransaction = { steps: 5000, bytes: 8_388_608 }

/** How long a transaction on a cluster waits for the results of loads that are stored in other slots. */
export const redisElsewhereMillis = 100

/** How often an operation begins again because another process has cleared the store meanwhile. */
export const redisClears = 5

// ---------------------------------------------------------------------------------------------------------------------
// bounds of tables
// ---------------------------------------------------------------------------------------------------------------------

/** Markers that a store keeps: a removed one costs a load, never a stale read. */
export const markersKept = 100_000

/** Markers that a database keeps at most: one for so many bytes of its `maxSize`. A marker takes some 100 bytes. */
export const markerShare = 1024

/** Changes that a shared store keeps: a process that is further behind gets a `Gap`. */
export const changesKept = 10_000

/** Entries of which `CacheLayer.disk` remembers that this process has read them. */
export const readsRemembered = 10_000

/** `CacheLayer.files`: the files that one write looks at to measure the folder, and the entries that may leave first. */
export const filesMeasured = { ofStep: 256, oldest: 2048 }

/** Ids whose leases, and names whose counters, `clear` of a part of a store finds; it does not reach others. */
export const leasesRemembered = 10_000

/** What one entry derives from (`inherit: "changes"`). */
export const dependencies = {
  /** ids of one group (what is before their first `:`) known one by one: beyond, a change of any id of the group counts */
  idsOfGroup: 64,
  /** tags that an entry may have in a store: one with more stays in memory */
  tags: 256
}

/** Tags whose last invalidation memory keeps, for hard and soft each: a removed one costs misses. */
export const tagEpochs = 10_000

/** Ids of results that the store was asked to commit and has not answered. */
export const unansweredCommits = 10_000

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

/** The outbox of SQL transactions: from which age on a row is one of a process that died, and how often it is looked for. */
export const outbox = { olderMillis: 5000, everyMillis: 10_000 }

/** How seldom the beginning of an incident of the store is logged. */
export const incidentMillis = 10_000

/** Warnings that are logged once each. */
export const onceWarnings = 1000

/** Parts of a value that are looked at to estimate its size. */
export const lookedAtOfValue = 1000

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
