/**
 * The database files of one directory: `cache.v<format>.<n>.db`. The file `cache.v<format>.current` has the number in use.
 *
 * An unusable file is never renamed or emptied while others have it open: a file with the next number is started beside
 * it. Releases of another format have files of their own, so two releases can use one directory at the same time.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { isDamage } from "./sqliteFault.ts"

const format = 2

/** How long SQLite itself waits, in milliseconds. That blocks the process, so a schedule does the rest of the waiting. */
const busyMillis = 5

// `entry.seq` is the order of writing: an entry that is written again gets a new one. Text without UTF-8 is kept as UTF-16
// bytes, so `id`, `tag`, `name` and `subject` have no type. The newest row of `change` is never deleted, so its `seq` only
// grows, and without holes.
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

/** An open database, and how to see that it is no longer the one in use. */
export interface Opened {
  readonly database: DatabaseSync
  readonly generation: number
  readonly file: string
  /** the file behind that name: no other file gets this number while it is open */
  readonly inode: number | undefined
  /** the state of the pointer when it named this database */
  pointer: string
}

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

// ---------------------------------------------------------------------------------------------------------------------
// one file
// ---------------------------------------------------------------------------------------------------------------------

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
  // another process may have made it ours between any two of these steps
  return pragma(database, "user_version") === format
}

const isUntouched = (database: DatabaseSync): boolean =>
  pragma(database, "user_version") === 0 &&
  database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined

const configure = (database: DatabaseSync, maxSize: number): void => {
  database.exec("PRAGMA journal_size_limit = 4194304")
  database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxSize / pragma(database, "page_size")))}`)
  // Reads the pages that every operation needs: a file that lost them fails here.
  for (const table of ["entry", "change"]) database.prepare(`SELECT max(seq) FROM ${table}`).get()
}

const inodeOf = (file: string): number | undefined => fs.statSync(file, { throwIfNoEntry: false })?.ino

/** `undefined` for a file that cannot be used. */
const openFile = (directory: string, generation: number, maxSize: number): Opened | undefined => {
  const file = path.join(directory, fileName(generation))
  const database = new DatabaseSync(file, { timeout: busyMillis })
  try {
    database.exec("PRAGMA synchronous = NORMAL")
    if (adopt(database)) {
      configure(database, maxSize)
      return { database, generation, file, inode: inodeOf(file), pointer: "" }
    }
    database.close()
    return undefined
  } catch (thrown) {
    database.close()
    if (isDamage(thrown)) return undefined
    throw thrown
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// the directory
// ---------------------------------------------------------------------------------------------------------------------

const fileName = (generation: number) => `cache.v${format}.${generation}.db`

const pointerOf = (directory: string) => path.join(directory, `cache.v${format}.current`)

const generationOf = (name: string): number | undefined => {
  const match = /^cache\.v(\d{1,9})\.(\d{1,9})\.db(-wal|-shm)?$/.exec(name)
  return match === null || Number(match[1]) !== format ? undefined : Number(match[2])
}

const published = (directory: string): number | undefined => {
  try {
    const text = fs.readFileSync(pointerOf(directory), "utf8").trim()
    return /^\d{1,9}$/.test(text) ? Number(text) : undefined
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw thrown
  }
}

const newest = (directory: string): number =>
  Math.max(1, ...fs.readdirSync(directory).map((name) => generationOf(name) ?? 1))

/** By rename, so that no process reads half a number. */
const publish = (directory: string, generation: number): void => {
  const draft = `${pointerOf(directory)}.${process.pid}`
  fs.writeFileSync(draft, `${generation}\n`)
  fs.renameSync(draft, pointerOf(directory))
}

/** Changes with every publication, because a rename makes another file. */
const pointerState = (directory: string): string => {
  const stat = fs.statSync(pointerOf(directory), { throwIfNoEntry: false })
  return stat === undefined ? "" : `${stat.ino} ${stat.ctimeMs}`
}

/** Keeps the last unusable file: it may show what happened. */
const removeBefore = (directory: string, generation: number): void => {
  for (const name of fs.readdirSync(directory)) {
    if ((generationOf(name) ?? generation) < generation - 1) fs.rmSync(path.join(directory, name), { force: true })
  }
}

/** How many unusable files in a row are skipped before the directory counts as unusable. */
const skippedAtMost = 8

/**
 * Opens the database in use, or the first usable one from a generation on. Throws the errors of SQLite and the file system.
 */
export const open = (directory: string, maxSize: number, from = 1): Opened => {
  fs.mkdirSync(directory, { recursive: true })
  fs.accessSync(directory, fs.constants.W_OK)
  const pointer = pointerState(directory)
  const current = published(directory)
  const first = Math.max(from, current ?? newest(directory))
  for (let generation = first; generation < first + skippedAtMost; generation++) {
    const opened = openFile(directory, generation, maxSize)
    if (opened === undefined) continue
    try {
      if (generation !== current) publish(directory, generation)
      removeBefore(directory, generation)
      // Another process may have published since: without `pointer`, the next operation looks again.
      if (generation === current) opened.pointer = pointer
      return opened
    } catch (thrown) {
      opened.database.close()
      throw thrown
    }
  }
  throw Object.assign(new Error(`No usable database in ${directory}`), { errcode: 11 })
}

/** Another database has been published, or this one was deleted. */
export const isReplaced = (directory: string, opened: Opened): boolean => {
  if (inodeOf(opened.file) !== opened.inode) return true
  const pointer = pointerState(directory)
  if (pointer === opened.pointer) return false
  if (published(directory) !== opened.generation) return true
  opened.pointer = pointer
  return false
}

/** Closes the database, and leaves no log beside it unless others still use it. */
export const close = ({ database }: Opened): void => {
  try {
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
  } catch {
    // Others use it, and the last one to close it does this; or the file is damaged.
  }
  try {
    database.close()
  } catch {
    // Nothing is left to close.
  }
}
