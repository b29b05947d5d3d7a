/**
 * The database files of one directory: `cache.v<format>.<n>.db`, of which `cache.v<format>.current` names the one in use.
 *
 * A file that cannot be used is never renamed or emptied under those who have it open: the next number is taken beside
 * it. Releases of another format have files of their own, so two releases can use one directory at the same time.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { isDamage } from "./sqliteFault.ts"

const format = 2

/** Waiting inside SQLite blocks the whole process: hardly at all here, the rest of the waiting is a schedule's. */
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

/** A database that is open, and how to tell that it is no longer the one in use. */
export interface Opened {
  readonly database: DatabaseSync
  readonly generation: number
  readonly file: string
  /** which file that name is: nobody can get the number while it is open */
  readonly inode: number | undefined
  /** the state of the pointer in which it named this database */
  pointer: string
}

export const pragma = (database: DatabaseSync, name: string): number =>
  Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0] as number

/** Makes several statements one. The lock is taken at once: a transaction that asks for it later is refused. */
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

/** Whether the database is ours, after making it ours if nobody has written to it yet. */
const adopt = (database: DatabaseSync): boolean => {
  if (pragma(database, "user_version") === format) return true
  if (!isUntouched(database)) return false
  database.exec("PRAGMA auto_vacuum = INCREMENTAL")
  database.exec("PRAGMA journal_mode = WAL")
  atomically(database, () => {
    if (isUntouched(database)) database.exec(schema)
  })
  return pragma(database, "user_version") === format
}

const isUntouched = (database: DatabaseSync): boolean =>
  pragma(database, "user_version") === 0 &&
  database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined

const configure = (database: DatabaseSync, maxSize: number): void => {
  database.exec("PRAGMA journal_size_limit = 4194304")
  database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxSize / pragma(database, "page_size")))}`)
  // The pages that every operation needs: a file that lost them is found out here.
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

/** By rename: nobody ever reads half a number. */
const publish = (directory: string, generation: number): void => {
  const draft = `${pointerOf(directory)}.${process.pid}`
  fs.writeFileSync(draft, `${generation}\n`)
  fs.renameSync(draft, pointerOf(directory))
}

/** Changes with every publication: a rename makes another file of it. */
const pointerState = (directory: string): string => {
  const stat = fs.statSync(pointerOf(directory), { throwIfNoEntry: false })
  return stat === undefined ? "" : `${stat.ino} ${stat.ctimeMs}`
}

/** The last unusable file is kept: it may tell what happened. */
const removeBefore = (directory: string, generation: number): void => {
  for (const name of fs.readdirSync(directory)) {
    if ((generationOf(name) ?? generation) < generation - 1) fs.rmSync(path.join(directory, name), { force: true })
  }
}

/** How many unusable files in a row are stepped over before the directory itself is taken to be at fault. */
const patience = 8

/**
 * Opens the database in use, or the first usable one from a generation on. Throws what SQLite and the file system throw.
 */
export const open = (directory: string, maxSize: number, from = 1): Opened => {
  fs.mkdirSync(directory, { recursive: true })
  fs.accessSync(directory, fs.constants.W_OK)
  const pointer = pointerState(directory)
  const current = published(directory)
  const first = Math.max(from, current ?? newest(directory))
  for (let generation = first; generation < first + patience; generation++) {
    const opened = openFile(directory, generation, maxSize)
    if (opened === undefined) continue
    try {
      if (generation !== current) publish(directory, generation)
      removeBefore(directory, generation)
      // What this one has published may have been published over by now: that is to be looked at again.
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

/** Leaves one file behind, without a log beside it, unless others still use it. */
export const close = ({ database }: Opened): void => {
  try {
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
  } catch {
    // Others are at it, and the last one to close does it; or the file is damaged.
  }
  try {
    database.close()
  } catch {
    // There is nothing left to be closed.
  }
}
