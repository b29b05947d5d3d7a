/**
 * Whether an open database is still the one that all processes use. SQLite does not notice when a file that it has open
 * is removed or made again: it continues in a file that others cannot find.
 */
import * as fs from "node:fs"

/**
 * `replaced`: others use another one: this one was removed, or there is a next one. `split`: its log or the index of
 * that was removed: a process that opens it now does not see what those write that have it open.
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

/** Two changes within this time may have one time stamp: some file systems count in steps of two seconds. */
const sameMillis = 2500

/** FAT keeps no times of folders on Windows. */
const hasTimes = process.platform !== "win32"

/** The database has been read, so SQLite has opened all its files: no other file gets their numbers meanwhile. */
export const make = ({ directory, file, next }: Paths) => ({
  directory,
  next,
  file: marked(file),
  log: marked(`${file}-wal`),
  index: marked(`${file}-shm`),
  /** The folder as it was when nothing had changed in it for long. */
  known: undefined as fs.Stats | undefined,
  knownFrom: hasTimes ? -Infinity : Infinity,
  /** How many bytes the log had, if the last look went that far. */
  logBytes: undefined as number | undefined
})

/** A file that comes, goes or is renamed changes the time of its folder: one unchanged for long needs no other look. */
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

/** How many bytes the log has, after a look that has found `current`: no file is looked at twice. */
export const logBytes = (self: InUse): number => self.logBytes ?? statOf(self.log.path)?.size ?? 0

/** Measures by the time of the log just written, because the clocks of program and file system may differ. */
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
