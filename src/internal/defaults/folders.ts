/** Databases and files in a folder. Times are in milliseconds. */

/** The log (WAL) beside a database, and the reserve for a full disk, which is as large. */
export const wal = {
  bytes: 2_097_152,
  /** How large it may become as a part of `maxSize`, where that is less. */
  shareOfMaxSize: 0.125,
  /** SQLite copies it into the database at this part of its bound, so one writing process need not empty it. */
  copiedAt: 0.875,
  /** A program that reads for longer than this keeps it from being emptied. */
  pinnedMillis: 1000,
  /** When it has grown by so many more bounds since, another database is started. */
  hopelessAfter: 4
}

/** A file that a process began to write is abandoned after this time. */
export const draftMillis = 3_600_000

/** Pauses between attempts while another process writes to SQLite. */
export const backoff = {
  firstMillis: 2,
  longestMillis: 50,
  /** Waiting operations that are resumed before other fibers and timers get a turn. */
  resumedOfTurn: 64,
  /** How long a lock or a guard tries. A store tries for its `storeTimeout`. */
  sideFileMillis: 500
}

/** How long a start tries at least while another process makes the database: it ends the program where it fails. */
export const openingMillis = 5000

/** Reads of a database that follow one another in one step of the program are one transaction. */
export const snapshot = {
  /** Reads within this time of one another belong together. */
  betweenMillis: 0.05,
  longestMillis: 1,
  /** No transaction is used if a step runs for longer than this after a read, because others wait for 5 ms. */
  idleMillis: 4,
  /** That lasts this many times as long as the step ran, and then until a step ends in time. */
  mistrust: 10
}

/** Writes into a database that come at once share the turns of the event loop. */
export const writeQueue = {
  /** After this part of a turn the next writes wait for a later one. */
  aloneMillis: 2,
  /** How many waiting writes run together, one group after the other. */
  together: 64,
  /** The part of `storeTimeout` in which a load waits for its lease. The rest is for the write of its result. */
  acquireShare: 0.5,
  /** A turn in which groups run ends after this time. */
  turnMillis: 10,
  /**
   * This part of each operation, ten times what it takes, does not count for `storeTimeout`: otherwise the last of many
   * thousands would time out (on a shared machine of some thousands) although the store is well.
   */
  ordinaryMillis: 0.5
}

/** The most markers of a database: one for each of this many bytes of `maxSize`. A marker takes about 100 bytes. */
export const markerShare = 1024

/** How many entries `CacheLayer.disk` remembers as read by this process. */
export const readsRemembered = 10_000

/** How `CacheLayer.files` measures a folder. */
export const filesMeasured = {
  ofStep: 256,
  oldest: 2048
}
