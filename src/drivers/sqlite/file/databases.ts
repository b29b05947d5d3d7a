/**
 * The databases of a directory: `cache.v<format>.<n>.db`. The one with the highest number is in use. Making a file with the
 * next number takes all processes there: that needs no room on the disk, and nothing that could be half written.
 *
 * A database that nobody may use any more is not renamed, emptied or taken up again while others have it open: the next
 * one is started beside it. Releases of another format have files of their own, so two releases can use one directory.
 *
 * `cache.v<format>.current` has the highest number ever used: if all files but an old one are removed, the old one stays
 * unused. It is a hint; without it the files count.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { makeFolder, plainOnly, requirePlainFile } from "../../shared/folderTrust.ts"
import { damage } from "../fault.ts"
import * as Look from "./inUse.ts"
import * as File from "./schema.ts"
import * as Log from "./wal.ts"

/** An open database of a directory. */
export interface Opened {
  readonly directory: string
  readonly database: DatabaseSync
  readonly generation: number
  /** See `sqliteLook.ts`. */
  readonly look: Look.Look
}

const pathOf = (directory: string, generation: number) => path.join(directory, `cache.v${File.format}.${generation}.db`)

const pointerOf = (directory: string) => path.join(directory, `cache.v${File.format}.current`)

const generationOf = (name: string): number | undefined => {
  const match = /^cache\.v(\d{1,9})\.(\d{1,9})\.db(-wal|-shm)?$/.exec(name)
  return match === null || Number(match[1]) !== File.format ? undefined : Number(match[2])
}

/** There is no pointer, or what is there is a link or a pipe. */
const unread = new Set<unknown>(["ENOENT", "ELOOP", "EAGAIN", "EISDIR"])

/** The number in the pointer, and 1 where it has none. */
const pointed = (directory: string): number => {
  try {
    const text = fs.readFileSync(pointerOf(directory), { encoding: "utf8", flag: fs.constants.O_RDONLY | plainOnly })
      .trim()
    return /^\d{1,9}$/.test(text) ? Number(text) : 1
  } catch (thrown) {
    if (unread.has((thrown as NodeJS.ErrnoException).code)) return 1
    throw thrown
  }
}

const newest = (directory: string): number =>
  Math.max(pointed(directory), ...fs.readdirSync(directory).map((name) => generationOf(name) ?? 1))

/** Not by rename: half a number is a lower one, and then the files count. */
const point = (directory: string, generation: number): void => {
  if (fs.existsSync(pointerOf(directory)) && pointed(directory) >= generation) return
  try {
    const flags = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_TRUNC | plainOnly
    const file = fs.openSync(pointerOf(directory), flags)
    try {
      fs.writeSync(file, `${generation}\n`)
    } finally {
      fs.closeSync(file)
    }
  } catch {
    // The disk is full, or something is in the way: the database itself says that it is in use.
  }
}

/** Keeps the last unusable file: it may show what happened. */
const removeBefore = (directory: string, generation: number): void => {
  for (const name of fs.readdirSync(directory)) {
    if ((generationOf(name) ?? generation) < generation - 1) fs.rmSync(path.join(directory, name), { force: true })
  }
}

/** How many unusable files in a row are skipped before the directory counts as unusable. */
const skippedAtMost = 8

/** Opens the database in use, or the next usable one. Throws the errors of SQLite and the file system. */
export const open = (directory: string, maxSize: number, trustFolder = false): Opened => {
  makeFolder(directory, trustFolder)
  fs.accessSync(directory, fs.constants.W_OK)
  const first = newest(directory)
  for (let generation = first; generation < first + skippedAtMost; generation++) {
    const file = pathOf(directory, generation)
    requirePlainFile(file, trustFolder)
    const database = File.open(file, maxSize)
    if (database === undefined) continue
    try {
      point(directory, generation)
      removeBefore(directory, generation)
      return {
        directory,
        database,
        generation,
        look: Look.make({ directory, file, next: pathOf(directory, generation + 1) })
      }
    } catch (thrown) {
      File.close(database)
      throw thrown
    }
  }
  throw damage(`No usable database in ${directory}`)
}

/** How many bytes the log has. */
export const logSize = ({ directory, generation }: Opened): number =>
  fs.statSync(`${pathOf(directory, generation)}-wal`, { throwIfNoEntry: false })?.size ?? 0

/** The file of the reserve, which is that of the directory, whatever database is in use. */
export const reserveOf = (directory: string): string => path.join(directory, `cache.v${File.format}.reserve`)

/** Takes all processes to the next database. This one is to be closed afterwards: closing it may remove its log. */
export const startNext = ({ directory, generation }: Opened): void => File.create(pathOf(directory, generation + 1))

/** Takes all processes to the next database, and removes this one: it is sound, but takes too much room. */
export const abandon = (opened: Opened): void => {
  startNext(opened)
  File.close(opened.database)
  const file = pathOf(opened.directory, opened.generation)
  for (const suffix of ["", "-wal", "-shm"]) fs.rmSync(file + suffix, { force: true })
}

/** Closes a database, and leaves no log beside it if it is in use and nobody else has it open. */
export const close = (opened: Opened): void => {
  // What was written into one that is not in use is none of those who have found another log beside it.
  if (opened.look() === "current") emptyLog(opened.database)
  File.close(opened.database)
}

const emptyLog = (database: DatabaseSync): void => {
  try {
    Log.empty(database)
  } catch {
    // Others use it, and the last one to close it does this; or the file is damaged.
  }
}
