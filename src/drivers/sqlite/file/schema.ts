/** One database file: its schema and how texts are stored in it, statements that run as one, opening and closing. */
import * as fs from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { fromUtf16, isWellFormed, toUtf16 } from "../../../internal/codec/bytes.ts"
import { isDamage } from "../fault.ts"

/** Goes up with every change of the schema, or of how processes find the file in use. */
export const format = 2

/** How long SQLite itself waits, in milliseconds. That blocks the process, so a schedule does the rest. */
export const busyMillis = 5

// `entry.seq` is the order of writing. `id`, `tag`, `name` and `subject` have no type, because of `toColumn`. The
// newest row of `change` is never deleted, so its `seq` only grows, and without holes.
const schema = `
  CREATE TABLE entry (seq INTEGER PRIMARY KEY, id NOT NULL UNIQUE, frame BLOB NOT NULL, expires_at REAL NOT NULL);
  CREATE INDEX entry_expires_at ON entry (expires_at) WHERE expires_at < 9e999;
  CREATE TABLE lease (id PRIMARY KEY, generation TEXT NOT NULL, owner TEXT NOT NULL, millis REAL NOT NULL,
    until REAL NOT NULL, dies REAL NOT NULL, failures INTEGER NOT NULL DEFAULT 0, failed_at REAL NOT NULL DEFAULT 0,
    note BLOB, joined_at REAL) WITHOUT ROWID;
  CREATE TABLE change (seq INTEGER PRIMARY KEY, origin INTEGER NOT NULL, kind INTEGER NOT NULL, subject);
  CREATE TABLE marker (tag PRIMARY KEY, version TEXT NOT NULL, seq INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE counter (name PRIMARY KEY, value INTEGER NOT NULL, expires_at REAL NOT NULL) WITHOUT ROWID;
  CREATE TABLE sequence (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO sequence VALUES ('invalidations', 0);
  PRAGMA user_version = ${format};
`

/** Lone surrogates would become the same in UTF-8, and U+0000 ends a text for Deno: such texts are stored as bytes. */
export const toColumn = (text: string): string | Uint8Array =>
  isWellFormed(text) && !text.includes("\u0000") ? text : toUtf16(text)

export const fromColumn = (column: unknown): string =>
  typeof column === "string" ? column : fromUtf16(column as Uint8Array)

export const pragma = (database: DatabaseSync, name: string): number =>
  Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0] as number

/** Runs several statements as one. `IMMEDIATE` locks at once: a transaction that asks for the lock later is refused. */
export const atomically = <A>(database: DatabaseSync, steps: () => A): A => {
  database.exec("BEGIN IMMEDIATE")
  try {
    const result = steps()
    database.exec("COMMIT")
    return result
  } catch (thrown) {
    // Some failures have already rolled back.
    if (database.isTransaction) database.exec("ROLLBACK")
    throw thrown
  }
}

/** Runs several statements of a transaction: those of one that fails are undone, and the others are not. */
export const partly = <A>(database: DatabaseSync, steps: () => A): A => {
  database.exec("SAVEPOINT part")
  try {
    const result = steps()
    database.exec("RELEASE part")
    return result
  } catch (thrown) {
    if (database.isTransaction) database.exec("ROLLBACK TO part; RELEASE part")
    throw thrown
  }
}

/** Whether the database is ours, after making an empty one ours. */
const adopt = (database: DatabaseSync): boolean => {
  if (pragma(database, "user_version") === format) return true
  if (isUntouched(database)) {
    database.exec("PRAGMA auto_vacuum = INCREMENTAL")
    database.exec("PRAGMA journal_mode = WAL")
    atomically(database, () => {
      if (isUntouched(database)) database.exec(schema)
    })
  }
  // Another process may have made it ours between any two of these steps.
  return pragma(database, "user_version") === format
}

const isUntouched = (database: DatabaseSync): boolean =>
  pragma(database, "user_version") === 0 &&
  database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined

const configure = (database: DatabaseSync, maxSize: number): void => {
  database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxSize / pragma(database, "page_size")))}`)
  // Reads the pages that every operation needs: a file that lost them fails here.
  for (const table of ["entry", "change"]) database.prepare(`SELECT max(seq) FROM ${table}`).get()
}

/** `undefined` for a file that cannot be used. Throws the errors of SQLite and the file system. */
export const open = (file: string, maxSize: number): DatabaseSync | undefined => {
  if (wasCut(file)) return undefined
  const database = new DatabaseSync(file, { timeout: busyMillis })
  try {
    database.exec("PRAGMA synchronous = NORMAL")
    if (adopt(database)) {
      configure(database, maxSize)
      return database
    }
    database.close()
    return undefined
  } catch (thrown) {
    database.close()
    if (isDamage(thrown)) return undefined
    throw thrown
  }
}

/** A file without a byte has no log, unless it was cut. The log is looked for first: the file may be in the making. */
const wasCut = (file: string): boolean =>
  fs.existsSync(`${file}-wal`) && fs.statSync(file, { throwIfNoEntry: false })?.size === 0

/** Makes an empty file, unless there is one. By SQLite itself: a file that others close takes its locks away. */
export const create = (file: string): void => new DatabaseSync(file).close()

export const close = (database: DatabaseSync): void => {
  try {
    database.close()
  } catch {
    // Nothing is left to close.
  }
}
