/** Limits of databases and files in a folder. Times are in milliseconds. */

/** The write-ahead log (WAL) of a database. The reserve for a full disk has the same size. */
export const wal = {
  bytes: 2_097_152,
  /** The WAL's bound as a fraction of `maxSize`, if that is less than `bytes`. */
  shareOfMaxSize: 0.125,
  /** At this fraction of the bound, SQLite itself copies the WAL into the database, so one writer need not do it. */
  copiedAt: 0.875,
  /** If the WAL cannot be emptied for longer than this, a long read counts as the cause. */
  pinnedMillis: 1000,
  /** If a long read blocks emptying and the WAL grows by this many times its bound, a new database is started. */
  hopelessAfter: 4
}

/** A file that a process has not finished after this time counts as abandoned. */
export const draftMillis = 3_600_000

/** Pauses between attempts while another process writes to the SQLite database. */
export const backoff = {
  firstMillis: 2,
  longestMillis: 50,
  /** Waiting operations that are resumed before other fibers and timers get a turn. */
  resumedOfTurn: 64,
  /** How long a lock or a guard keeps trying. A store keeps trying for its `storeTimeout`. */
  sideFileMillis: 500
}

/** The minimum time to wait at start for another process to make the database, because giving up ends the program. */
export const openingMillis = 5000

/** Consecutive reads of a database within one step of the program share a transaction. */
export const snapshot = {
  /** The longest time between two reads that share a transaction. */
  betweenMillis: 0.05,
  longestMillis: 1,
  /** If a step runs longer than this after a read, transactions are avoided, because other processes wait only 5 ms. */
  idleMillis: 4,
  /** Transactions are avoided for this many times as long as the step ran, and then until a step ends in time. */
  mistrust: 10
}

/** Concurrent writes to a database share the turns of the event loop. */
export const writeQueue = {
  /** Once a turn has lasted this long, further writes wait for a later turn. */
  aloneMillis: 2,
  /** How many waiting writes run as one group. Groups run one after the other. */
  together: 64,
  /** The fraction of `storeTimeout` in which a load waits for its lease. The rest is for writing its result. */
  acquireShare: 0.5,
  /** A turn starts no further group after this time. */
  turnMillis: 10,
  /**
   * This much of each operation's time, ten times what is usual, does not count towards `storeTimeout`.
   * Otherwise the last of many thousand operations (a few thousand on a shared machine) would time out although the
   * store is healthy.
   */
  ordinaryMillis: 0.5
}

/** A database keeps at most one marker for each of this many bytes of `maxSize`. A marker takes about 100 bytes. */
export const markerShare = 1024

/** How many entries `CacheLayer.disk` remembers as read by this process. */
export const readsRemembered = 10_000

/** How `CacheLayer.files` measures a folder: files per step, and how many of the oldest files it remembers. */
export const filesMeasured = {
  ofStep: 256,
  oldest: 2048
}
