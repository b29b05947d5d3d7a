/**
 * Detects whether an open database is still the one that all processes use. SQLite does not notice when an open file is
 * removed or replaced: it continues to use a file that other processes cannot find.
 */
import * as fs from "node:fs"

/**
 * `replaced`: the file was removed, or a file with the next number exists. `split`: the log or the log's index was
 * removed, so a process that opens the database now misses the writes of processes that already have it open.
 */
export type State = "current" | "replaced" | "split"

interface Paths {
  readonly directory: string
  readonly file: string
  readonly next: string
}

interface Mark {
  readonly dev: number
  readonly ino: number
}

export type InUse = ReturnType<typeof make>

/** Changes within this time may have equal timestamps, because some file systems count in steps of two seconds. */
const sameMillis = 2500

/** Whether the timestamps of folders can be trusted. On Windows, FAT file systems do not update them. */
const hasTimes = process.platform !== "win32"

/** Must be called after a first read, when SQLite has all files open, so that their inode numbers cannot be reused. */
export const make = ({ directory, file, next }: Paths) => ({
  directory,
  next,
  file: marked(file),
  log: marked(`${file}-wal`),
  index: marked(`${file}-shm`),
  /** The folder's state, recorded when nothing had changed in the folder for a while. */
  known: undefined as fs.Stats | undefined,
  knownFrom: hasTimes ? -Infinity : Infinity,
  /** The log's size in bytes, if the last call of `stateOf` has read it. */
  logBytes: undefined as number | undefined
})

/** Returns the state. If the folder's timestamps are unchanged, no file was created, removed or renamed in it. */
export const stateOf = (self: InUse): State => {
  self.logBytes = undefined
  if (self.known !== undefined && isUnchanged(statOf(self.directory), self.known)) return "current"
  self.known = undefined
  if (!isSame(statOf(self.file.path), self.file.mark) || statOf(self.next) !== undefined) return "replaced"
  const log = statOf(self.log.path)
  if (!isSame(log, self.log.mark) || !isSame(statOf(self.index.path), self.index.mark)) return "split"
  learn(self, log!.mtimeMs)
  self.logBytes = log!.size
  return "current"
}

/** The log's size in bytes. Reuses the size that `stateOf` has just read. */
export const logBytes = (self: InUse): number => self.logBytes ?? statOf(self.log.path)?.size ?? 0

/** Records the folder's state unless it has just changed. Uses only the file system's clock to decide this. */
const learn = (self: InUse, writtenAt: number): void => {
  if (writtenAt <= self.knownFrom) return
  const folder = statOf(self.directory)
  if (folder === undefined) return
  self.knownFrom = Math.max(folder.mtimeMs, folder.ctimeMs) + sameMillis
  if (writtenAt > self.knownFrom) self.known = folder
}

const statOf = (file: string): fs.Stats | undefined => fs.statSync(file, { throwIfNoEntry: false })

const marked = (path: string) => ({ path, mark: statOf(path) })

const isSame = (a: Mark | undefined, b: Mark | undefined): boolean =>
  a !== undefined && a.ino === b?.ino && a.dev === b.dev

const isUnchanged = (a: fs.Stats | undefined, b: fs.Stats): boolean =>
  isSame(a, b) && a!.mtimeMs === b.mtimeMs && a!.ctimeMs === b.ctimeMs
