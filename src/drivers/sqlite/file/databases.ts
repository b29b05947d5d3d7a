/**
 * The databases of a directory: `cache.v<format>.<n>.db`. The one with the highest number is in use. Making a file with
 * the next number takes all processes there: that needs no room on the disk, and nothing that could be half written. A
 * database that must no longer be used is not renamed, emptied or taken up again while others have it open. Releases of
 * another format have files of their own.
 *
 * `cache.v<format>.current` has the highest number ever used: if all files but an old one are removed, the old one
 * stays unused. It is a hint; without it the files count.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { codeOf } from "../../shared/fileErrors.ts"
import { makeFolder, plainOnly, requirePlainFile } from "../../shared/folderTrust.ts"
import { damage } from "../fault.ts"
import * as InUse from "./inUse.ts"
import * as File from "./schema.ts"
import * as Wal from "./wal.ts"

export interface Opened {
  readonly directory: string
  readonly database: DatabaseSync
  readonly number: number
  readonly inUse: InUse.InUse
}

const pathOf = (directory: string, number: number) => path.join(directory, `cache.v${File.format}.${number}.db`)

const pointerOf = (directory: string) => path.join(directory, `cache.v${File.format}.current`)

const numberOf = (name: string): number | undefined => {
  const match = /^cache\.v(\d{1,9})\.(\d{1,9})\.db(-wal|-shm)?$/.exec(name)
  return match === null || Number(match[1]) !== File.format ? undefined : Number(match[2])
}

/** There is no pointer, or a link or a pipe in its place. */
const unread = new Set<unknown>(["ENOENT", "ELOOP", "EAGAIN", "EISDIR"])

/** The number in the pointer, and 1 where it has none. */
const pointed = (directory: string): number => {
  try {
    const text = fs.readFileSync(pointerOf(directory), { encoding: "utf8", flag: fs.constants.O_RDONLY | plainOnly })
      .trim()
    return /^\d{1,9}$/.test(text) ? Number(text) : 1
  } catch (thrown) {
    if (unread.has(codeOf(thrown))) return 1
    throw thrown
  }
}

const newest = (directory: string): number =>
  Math.max(pointed(directory), ...fs.readdirSync(directory).map((name) => numberOf(name) ?? 1))

/** Not by rename: half a number is a lower one, and then the files count. */
const point = (directory: string, number: number): void => {
  if (fs.existsSync(pointerOf(directory)) && pointed(directory) >= number) return
  try {
    const flags = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_TRUNC | plainOnly
    const file = fs.openSync(pointerOf(directory), flags)
    try {
      fs.writeSync(file, `${number}\n`)
    } finally {
      fs.closeSync(file)
    }
  } catch {
    // The disk is full, or something is in the way: the database itself says that it is in use.
  }
}

/** Keeps the last unusable file: it may show what happened. */
const removeBefore = (directory: string, number: number): void => {
  for (const name of fs.readdirSync(directory)) {
    if ((numberOf(name) ?? number) < number - 1) fs.rmSync(path.join(directory, name), { force: true })
  }
}

/** How many unusable files in a row are skipped before the directory counts as unusable. */
const skippedAtMost = 8

/** Opens the database in use, or the next usable one. Throws the errors of SQLite and the file system. */
export const open = (directory: string, maxSize: number, trustFolder = false): Opened => {
  makeFolder(directory, trustFolder)
  fs.accessSync(directory, fs.constants.W_OK)
  const first = newest(directory)
  for (let number = first; number < first + skippedAtMost; number++) {
    const file = pathOf(directory, number)
    requirePlainFile(file, trustFolder)
    const database = File.open(file, maxSize)
    if (database === undefined) continue
    try {
      point(directory, number)
      removeBefore(directory, number)
      return {
        directory,
        database,
        number,
        inUse: InUse.make({ directory, file, next: pathOf(directory, number + 1) })
      }
    } catch (thrown) {
      File.close(database)
      throw thrown
    }
  }
  throw damage(`there is no usable database in ${directory}`)
}

/** All databases of the directory share one reserve. */
export const reserveOf = (directory: string): string => path.join(directory, `cache.v${File.format}.reserve`)

/** Takes all processes to the next database. This one is to be closed afterwards: closing it may remove its log. */
export const startNext = ({ directory, number }: Opened): void => File.create(pathOf(directory, number + 1))

/** Takes all processes to the next database, and removes this one: it is sound, but takes too much room. */
export const abandon = (opened: Opened): void => {
  startNext(opened)
  File.close(opened.database)
  const file = pathOf(opened.directory, opened.number)
  for (const suffix of ["", "-wal", "-shm"]) fs.rmSync(file + suffix, { force: true })
}

export const close = (opened: Opened): void => {
  // Others may have found another log beside one that is not in use: this one must not become a part of it.
  if (InUse.stateOf(opened.inUse) === "current") emptyLog(opened.database)
  File.close(opened.database)
}

const emptyLog = (database: DatabaseSync): void => {
  try {
    Wal.empty(database)
  } catch {
    // Others use it, and the last one to close it does this; or the file is damaged.
  }
}
