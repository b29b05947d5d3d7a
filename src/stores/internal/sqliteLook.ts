/**
 * The look whether an open database is still the one that all processes use. SQLite itself does not notice when a file
 * that it has open is removed or made again: it goes on in what nobody else can find.
 */
import * as fs from "node:fs"

/** Which files an open database consists of. Nothing else gets their numbers while they are open. */
export interface Marks {
  readonly database: Mark | undefined
  readonly log: Mark | undefined
  readonly index: Mark | undefined
}

interface Mark {
  readonly dev: number
  readonly ino: number
}

/**
 * - `current`: all who open the directory use it.
 * - `replaced`: others use another one: this one was removed, or there is a next one.
 * - `split`: it is there, but its log or the index of that was removed: who opens it now does not see what those write
 *   who have it open.
 */
export type State = "current" | "replaced" | "split"

/** The files of a database that has been read, so that SQLite has opened them all. */
export const marksOf = (file: string): Marks => ({
  database: markOf(file),
  log: markOf(`${file}-wal`),
  index: markOf(`${file}-shm`)
})

/**
 * `next` is the file that takes the place of this one, if it exists. `seen` is told how many bytes the log has, where the
 * database is current: nobody has to look twice.
 */
export const stateOf = (file: string, next: string, marks: Marks, seen?: (bytes: number) => void): State => {
  if (!isSame(markOf(file), marks.database) || markOf(next) !== undefined) return "replaced"
  const log = statOf(`${file}-wal`)
  if (!isSame(log, marks.log) || !isSame(markOf(`${file}-shm`), marks.index)) return "split"
  seen?.(log!.size)
  return "current"
}

const statOf = (file: string): fs.Stats | undefined => fs.statSync(file, { throwIfNoEntry: false })

const markOf: (file: string) => Mark | undefined = statOf

const isSame = (a: Mark | undefined, b: Mark | undefined): boolean =>
  a !== undefined && a.ino === b?.ino && a.dev === b.dev
