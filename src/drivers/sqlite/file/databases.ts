/**
 * The database files of a directory, `cache.v<format>.<n>.db`. All processes use the file with the highest number. To
 * abandon a database, a process creates a file with the next number. This file is empty, so it needs no disk space and
 * cannot be half written. The abandoned file is not renamed, emptied or reused while other processes may have it open.
 *
 * The pointer file `cache.v<format>.current` holds the highest number ever used, so that an old file stays unused even
 * if all newer files are removed. Without a pointer file, the highest number of the existing database files counts.
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

/** Error codes for a pointer file that is missing, or replaced by a link, a pipe or a directory. */
const unread = new Set<unknown>(["ENOENT", "ELOOP", "EAGAIN", "EISDIR"])

/** Reads the number in the pointer file. Returns 1 if the file is missing or holds no number. */
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

/** The database file in use, which may not exist. */
export const fileInUse = (directory: string): string => pathOf(directory, newest(directory))

/** Why a folder has no database that this release can read. */
export const whatIsIn = (directory: string): string => {
  const formats = fs.existsSync(directory)
    ? fs.readdirSync(directory).flatMap((name) => /^cache\.v(\d+)\.\d+\.db$/.exec(name)?.[1] ?? [])
    : []
  return formats.length === 0
    ? `there is no cache in ${directory}`
    : `the cache in ${directory} has format ${formats[0]}, and this release reads format ${File.format}`
}

/** Writes the pointer file in place. A half-written number is too low, so higher numbers in file names override it. */
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
    // The pointer file cannot be written, for example on a full disk. The number in the database's file name suffices.
  }
}

/** Removes old database files except the previous one, which may help to find out what went wrong. */
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

export const reserveOf = (directory: string): string => path.join(directory, `cache.v${File.format}.reserve`)

/** Creates the next database, to which all processes move. Must run before the current database is closed. */
export const startNext = ({ directory, number }: Opened): void => File.create(pathOf(directory, number + 1))

/** Creates the next database, to which all processes move, and removes the current one to free its disk space. */
export const abandon = (opened: Opened): void => {
  startNext(opened)
  File.close(opened.database)
  const file = pathOf(opened.directory, opened.number)
  for (const suffix of ["", "-wal", "-shm"]) fs.rmSync(file + suffix, { force: true })
}

export const close = (opened: Opened): void => {
  // If the files were replaced, the log's name may belong to another log, which this connection must not touch.
  if (InUse.stateOf(opened.inUse) === "current") emptyLog(opened.database)
  File.close(opened.database)
}

const emptyLog = (database: DatabaseSync): void => {
  try {
    Wal.empty(database)
  } catch {
    // Either the file is damaged, or other processes use the log. The last of them to close the database empties it.
  }
}
