/** Databases and files in a folder. Times are in milliseconds. */

/**
 * The log beside a database, and the reserve for a full disk, which is as large: so many bytes, and this part of `maxSize`
 * at most. SQLite copies the log into the database at the part `copiedAt` of it, and then writes it from its beginning: so
 * it need not be emptied where one process writes. Who reads for longer than `pinnedMillis` keeps it from being emptied; when it has grown by `hopelessAfter` more
 * bounds since, another database is started.
 */
export const log = { bytes: 2_097_152, ofMaxSize: 0.125, copiedAt: 0.875, pinnedMillis: 1000, hopelessAfter: 4 }

/** A file that a process has begun to write is nobody's after this time. */
export const draftMillis = 3_600_000

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

/** Markers that a database keeps at most: one for so many bytes of its `maxSize`. A marker takes some 100 bytes. */
export const markerShare = 1024

/** Entries of which `CacheLayer.disk` remembers that this process has read them. */
export const readsRemembered = 10_000

/** `CacheLayer.files`: the files that one write looks at to measure the folder, and the entries that may leave first. */
export const filesMeasured = { ofStep: 256, oldest: 2048 }
