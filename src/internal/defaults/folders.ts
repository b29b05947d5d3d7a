/** Limits of databases and files in a folder. Times are in milliseconds. */

/** Limits of a database's write-ahead log (WAL). The file that reserves space for a full disk has the same size. */
export const wal = {
  bytes: 2_097_152,
  /** The WAL's bound as a fraction of `maxSize`, if that is less than `bytes`. */
  shareOfMaxSize: 0.125,
  /** At this fraction of the bound, SQLite copies the WAL to the database, so that one writer never exceeds it. */
  copiedAt: 0.875,
  /** If the WAL cannot be emptied for longer than this, a long-running read is assumed to be the cause. */
  pinnedMillis: 1000,
  /** If a long read lets the WAL grow by this many times its bound, a new database is created. */
  hopelessAfter: 4
}

/** A file that a process has not finished after this time counts as abandoned. */
export const draftMillis = 3_600_000

/** Pauses between attempts while another process writes to the SQLite database. */
export const backoff = {
  firstMillis: 2,
  longestMillis: 50,
  /** The number of waiting operations that are resumed before other fibers and timers get a turn. */
  resumedOfTurn: 64,
  /** How long a lock or a guard retries. A store retries for its `storeTimeout`. */
  sideFileMillis: 500
}

/** The least time that a starting process waits for another one to create the database, before its layer fails. */
export const openingMillis = 5000

/** Consecutive reads of a database share a transaction within a step, which ends at the next microtask. */
export const snapshot = {
  /** The longest time between two reads that share a transaction. */
  betweenMillis: 0.05,
  longestMillis: 1,
  /** If a step lasts longer than this after a read, sharing stops: other processes wait for a transaction only 5 ms. */
  idleMillis: 4,
  /** Sharing stops for this many times as long as the step lasted after the read, and resumes after a short step. */
  mistrust: 10
}

/** Limits of the turns of the event loop in which concurrent writes to a database run. */
export const writeQueue = {
  /** Until a turn has lasted this long, each write runs alone and at once. Further writes wait for a later turn. */
  aloneMillis: 2,
  /** The number of waiting writes that run as one group. Groups run one after the other. */
  together: 64,
  /** The fraction of `storeTimeout` for which `acquire` is retried. The rest remains for writing the load's result. */
  acquireShare: 0.5,
  /** Once a turn has lasted this long, it starts no further group of waiting writes. */
  turnMillis: 10,
  /**
   * Only time beyond this allowance per id counts towards `storeTimeout`. It is ten times what the operation for an id
   * usually takes. Without it, the last of many thousands of operations would time out although the store is healthy.
   */
  ordinaryMillis: 0.5
}

/** A database keeps at most one marker for each of this many bytes of `maxSize`. A marker takes about 100 bytes. */
export const markerShare = 1024

/** The maximum number of entries that `CacheLayer.disk` remembers as read by this process. */
export const readsRemembered = 10_000

/** How `CacheLayer.files` measures a folder: files per step, and how many of the oldest files it remembers. */
export const filesMeasured = {
  ofStep: 256,
  oldest: 2048
}

/** An inspection reads at most about this many bytes at once: 4 MiB. */
export const inspectedBytes = 4_194_304

/** An inspection of a folder reads at most this many files at once, in a few milliseconds. */
export const filesInspected = 64
