/**
 * The look whether an open database is still the one that all processes use. SQLite itself does not notice when a file
 * that it has open is removed or made again: it goes on in what nobody else can find.
 */
import * as fs from "node:fs"

/**
 * - `current`: all who open the directory use it.
 * - `replaced`: others use another one: this one was removed, or there is a next one.
 * - `split`: it is there, but its log or the index of that was removed: who opens it now does not see what those write
 *   who have it open.
 */
export type State = "current" | "replaced" | "split"

/** `seen` is told how many bytes the log has, where the database is current: nobody has to look twice. */
export type Look = (seen?: (bytes: number) => void) => State

interface Paths {
  readonly directory: string
  readonly file: string
  /** the file that takes the place of this one, if it exists */
  readonly next: string
}

interface Mark {
  readonly dev: number
  readonly ino: number
}

/**
 * Two changes of a folder within so many milliseconds may have the same time: some file systems count in steps of two
 * seconds.
 */
const sameMillis = 2500

/** FAT keeps no times of folders on Windows. */
const hasTimes = process.platform !== "win32"

/**
 * Looks at the files of a database that has been read, so that SQLite has opened them all: nothing else gets their numbers
 * while they are open.
 *
 * No file comes, goes or gets another name without a new time of its folder (unless one is mounted over it, which is not
 * looked for). So where all was in its place in a folder that had not changed for long, a look at the folder does for looks
 * at the files. How long, the time of the log tells, which this process has just written: the clocks of the program and of
 * the file system may differ.
 */
export const make = ({ directory, file, next }: Paths): Look => {
  const [log, index] = [`${file}-wal`, `${file}-shm`]
  const marks = { file: statOf(file), log: statOf(log), index: statOf(index) }
  /** as the folder was then */
  let known: fs.Stats | undefined
  let knownFrom = hasTimes ? -Infinity : Infinity

  const learn = (writtenAt: number) => {
    if (writtenAt <= knownFrom) return
    const folder = statOf(directory)
    if (folder === undefined) return
    knownFrom = Math.max(folder.mtimeMs, folder.ctimeMs) + sameMillis
    if (writtenAt > knownFrom) known = folder
  }

  return (seen) => {
    const isKnown = known !== undefined && isUnchanged(statOf(directory), known)
    if (isKnown) {
      seen?.(statOf(log)?.size ?? 0)
      return "current"
    }
    known = undefined
    if (!isSame(statOf(file), marks.file) || statOf(next) !== undefined) return "replaced"
    const now = statOf(log)
    if (!isSame(now, marks.log) || !isSame(statOf(index), marks.index)) return "split"
    learn(now!.mtimeMs)
    seen?.(now!.size)
    return "current"
  }
}

const statOf = (file: string): fs.Stats | undefined => fs.statSync(file, { throwIfNoEntry: false })

const isSame = (a: Mark | undefined, b: Mark | undefined): boolean =>
  a !== undefined && a.ino === b?.ino && a.dev === b.dev

const isUnchanged = (a: fs.Stats | undefined, b: fs.Stats): boolean =>
  isSame(a, b) && a!.mtimeMs === b.mtimeMs && a!.ctimeMs === b.ctimeMs
