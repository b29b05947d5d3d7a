/**
 * The database files of one directory: `cache.<n>.db`, of which `cache.current` names the one in use. A file that cannot
 * be used (damaged, or of another release) is never renamed or emptied under those who have it open: the next number is
 * taken beside it.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { DatabaseSync } from "node:sqlite"

const schemaVersion = 1

/** Waiting inside SQLite blocks the whole process: hardly at all here, the rest of the waiting is a schedule's. */
const busyMillis = 5

// `seq` is the order of writing: an entry that is written again gets a new one. Text without UTF-8 is kept as UTF-16
// bytes, so `id`, `tag` and `name` have no type.
const schema = `
  CREATE TABLE entry (seq INTEGER PRIMARY KEY, id NOT NULL UNIQUE, frame BLOB NOT NULL, expires_at REAL NOT NULL);
  CREATE INDEX entry_expires_at ON entry (expires_at) WHERE expires_at < 9e999;
  CREATE TABLE marker (tag PRIMARY KEY, version TEXT NOT NULL, seq INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE number (name PRIMARY KEY, value REAL NOT NULL, expires_at REAL NOT NULL) WITHOUT ROWID;
  CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO counter VALUES ('invalidations', 0);
  PRAGMA user_version = ${schemaVersion};
`

/** SQLite's result code, where it was SQLite that threw. */
export const primaryCode = (thrown: unknown): number | undefined =>
  typeof thrown === "object" && thrown !== null && "errcode" in thrown && typeof thrown.errcode === "number"
    ? thrown.errcode & 0xff
    : undefined

export const isBusy = (thrown: unknown): boolean => [5, 6].includes(primaryCode(thrown) ?? 0)

export const isFull = (thrown: unknown): boolean => primaryCode(thrown) === 13

const isDamaged = (thrown: unknown): boolean => [11, 26].includes(primaryCode(thrown) ?? 0)

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

/** Whether the database is ours, after making it ours if nobody has written to it yet. */
const adopt = (database: DatabaseSync): boolean => {
  if (pragma(database, "user_version") === schemaVersion) return true
  if (!isUntouched(database)) return false
  database.exec("PRAGMA auto_vacuum = INCREMENTAL")
  database.exec("PRAGMA journal_mode = WAL")
  atomically(database, () => {
    if (isUntouched(database)) database.exec(schema)
  })
  return pragma(database, "user_version") === schemaVersion
}

const isUntouched = (database: DatabaseSync): boolean =>
  pragma(database, "user_version") === 0 &&
  database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined

const configure = (database: DatabaseSync, maxSize: number): void => {
  database.exec("PRAGMA synchronous = NORMAL")
  database.exec("PRAGMA journal_size_limit = 4194304")
  database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxSize / pragma(database, "page_size")))}`)
  // The pages that every operation needs: a file that lost them is found out here.
  database.prepare("SELECT max(seq) FROM entry").get()
}

/** `undefined` for a file that cannot be used. */
const openFile = (file: string, maxSize: number): DatabaseSync | undefined => {
  const database = new DatabaseSync(file, { timeout: busyMillis })
  try {
    if (adopt(database)) {
      configure(database, maxSize)
      return database
    }
    database.close()
    return undefined
  } catch (thrown) {
    database.close()
    if (isDamaged(thrown)) return undefined
    throw thrown
  }
}

const fileName = (generation: number) => `cache.${generation}.db`

const generationOf = (name: string): number | undefined => {
  const match = /^cache\.(\d{1,9})\.db(-wal|-shm)?$/.exec(name)
  return match === null ? undefined : Number(match[1])
}

const pointer = (directory: string) => path.join(directory, "cache.current")

const published = (directory: string): number | undefined => {
  try {
    const text = fs.readFileSync(pointer(directory), "utf8").trim()
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
  const draft = `${pointer(directory)}.${process.pid}`
  fs.writeFileSync(draft, `${generation}\n`)
  fs.renameSync(draft, pointer(directory))
}

/** The last unusable file is kept: it may tell what happened. */
const removeBefore = (directory: string, generation: number): void => {
  for (const name of fs.readdirSync(directory)) {
    if ((generationOf(name) ?? generation) < generation - 1) fs.rmSync(path.join(directory, name), { force: true })
  }
}

/** How many unusable files in a row are stepped over before the directory itself is taken to be at fault. */
const patience = 8

/** Throws what SQLite and the file system throw. */
export const open = (directory: string, maxSize: number): DatabaseSync => {
  fs.mkdirSync(directory, { recursive: true })
  const current = published(directory)
  const first = current ?? newest(directory)
  for (let generation = first; generation < first + patience; generation++) {
    const database = openFile(path.join(directory, fileName(generation)), maxSize)
    if (database === undefined) continue
    if (generation !== current) publish(directory, generation)
    removeBefore(directory, generation)
    return database
  }
  throw Object.assign(new Error(`No usable database in ${directory}`), { errcode: 11 })
}

/** Leaves one file behind, without a log beside it, unless others still use it. */
export const close = (database: DatabaseSync): void => {
  try {
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
  } catch {
    // Others are at it: the last one to close does it.
  }
  database.close()
}
