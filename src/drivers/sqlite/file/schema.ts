/** Opens and closes a database file. Defines its schema, the encoding of texts, and transactions. */
import * as fs from "node:fs"
import { DatabaseSync, type SQLOutputValue, type StatementSync } from "node:sqlite"
import { fromUtf16, isWellFormed, toUtf16 } from "../../../internal/codec/bytes.ts"
import { damage, isDamage } from "../fault.ts"

/** The version of the format. It increases with each change to the schema or to how processes find the file in use. */
export const format = 2

/** How long SQLite waits for a lock, in milliseconds. This wait blocks the process, so longer waits use a `Backoff`. */
export const busyMillis = 5

// `entry.seq` numbers the writes. `id`, `tag`, `name` and `subject` have no type, because `toColumn` returns text
// or bytes. The newest row of `change` is never deleted, so that `change.seq` grows without gaps. Its first row is no
// change: in a table that somebody has emptied, a change has this number.
const schema = `
  CREATE TABLE entry (seq INTEGER PRIMARY KEY, id NOT NULL UNIQUE, frame BLOB NOT NULL, expires_at REAL NOT NULL);
  CREATE INDEX entry_expires_at ON entry (expires_at) WHERE expires_at < 9e999;
  CREATE TABLE lease (id PRIMARY KEY, generation TEXT NOT NULL, owner TEXT NOT NULL, millis REAL NOT NULL,
    until REAL NOT NULL, dies REAL NOT NULL, failures INTEGER NOT NULL DEFAULT 0, failed_at REAL NOT NULL DEFAULT 0,
    note BLOB, joined_at REAL) WITHOUT ROWID;
  CREATE TABLE change (seq INTEGER PRIMARY KEY, origin INTEGER NOT NULL, kind INTEGER NOT NULL, subject);
  INSERT INTO change VALUES (1, -1, -1, NULL);
  CREATE TABLE marker (tag PRIMARY KEY, version TEXT NOT NULL, seq INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE counter (name PRIMARY KEY, value INTEGER NOT NULL, expires_at REAL NOT NULL) WITHOUT ROWID;
  CREATE TABLE sequence (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO sequence VALUES ('invalidations', 0);
  PRAGMA user_version = ${format};
`

/** Encodes a text as bytes if it has lone surrogates (which UTF-8 makes equal) or U+0000 (at which Deno truncates). */
export const toColumn = (text: string): string | Uint8Array =>
  isWellFormed(text) && !text.includes("\u0000") ? text : toUtf16(text)

export const fromColumn = (column: unknown): string =>
  typeof column === "string" ? column : fromUtf16(column as Uint8Array)

export const pragma = (database: DatabaseSync, name: string): number =>
  Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0] as number

/** The rows of a table, page by page in the order of a column. Numbers come before texts, and those before bytes. */
export const pages = function*(page: StatementSync, column: string): Generator<Record<string, SQLOutputValue>> {
  for (let rows = page.all(-Infinity); rows.length > 0; rows = page.all(rows.at(-1)![column]!)) yield* rows
}

/** Runs statements in one transaction. `IMMEDIATE` takes the write lock at once, because SQLite may refuse it later. */
export const atomically = <A>(database: DatabaseSync, steps: () => A): A => {
  database.exec("BEGIN IMMEDIATE")
  try {
    const result = steps()
    database.exec("COMMIT")
    return result
  } catch (thrown) {
    // After some errors, SQLite has already rolled back the transaction.
    if (database.isTransaction) database.exec("ROLLBACK")
    throw thrown
  }
}

/** Runs a part of a transaction in a savepoint. An error undoes only this part, not the rest of the transaction. */
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

/** Creates the schema in an empty database. Returns whether the database then has the format of this release. */
const adopt = (database: DatabaseSync): boolean => {
  if (pragma(database, "user_version") === format) return true
  if (isUntouched(database)) {
    database.exec("PRAGMA auto_vacuum = INCREMENTAL")
    database.exec("PRAGMA journal_mode = WAL")
    atomically(database, () => {
      if (isUntouched(database)) database.exec(schema)
    })
  }
  // Reads the format again, because another process may have created the schema between any two of these steps.
  return pragma(database, "user_version") === format
}

const isUntouched = (database: DatabaseSync): boolean =>
  pragma(database, "user_version") === 0 &&
  database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined

const configure = (database: DatabaseSync, maxSize: number): void => {
  database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxSize / pragma(database, "page_size")))}`)
  // Reads the pages that every operation needs, so that opening a file without them fails.
  for (const table of ["entry", "change"]) database.prepare(`SELECT max(seq) FROM ${table}`).get()
}

/** Opens a database file. Returns `undefined` if the file is damaged or has another format. Throws all other errors. */
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

/** Opens a database file of this format for reads only. Throws if it is missing, damaged or of another format. */
export const openToRead = (file: string): DatabaseSync => {
  if (wasCut(file)) throw damage(`${file} was truncated`)
  const database = new DatabaseSync(file, { readOnly: true, timeout: busyMillis })
  try {
    const version = pragma(database, "user_version")
    if (version === format) return database
    throw damage(`${file} is not a cache of this release: its format is ${version}, not ${format}`)
  } catch (thrown) {
    database.close()
    throw thrown
  }
}

/** Whether a file was truncated: it is empty but has a log. Checks the log first, as a new file gets its log last. */
const wasCut = (file: string): boolean =>
  fs.existsSync(`${file}-wal`) && fs.statSync(file, { throwIfNoEntry: false })?.size === 0

/** Creates an empty file if none exists. Uses SQLite: closing the file in any other way would drop SQLite's locks. */
export const create = (file: string): void => new DatabaseSync(file).close()

export const close = (database: DatabaseSync): void => {
  try {
    database.close()
  } catch {
    // The database is already closed.
  }
}
