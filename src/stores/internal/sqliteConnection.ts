/**
 * The database in use, which may become another one while the program runs: where the file turns out to be damaged, the
 * next one is opened and published; where another process published one, or somebody deleted the directory, it is
 * followed.
 */
import type { DatabaseSync } from "node:sqlite"
import type { Change } from "../../ports/store.ts"
import * as Changes from "./sqliteChanges.ts"
import * as Counters from "./sqliteCounters.ts"
import * as Entries from "./sqliteEntries.ts"
import { isDamage, isDetached, isFull } from "./sqliteFault.ts"
import * as File from "./sqliteFile.ts"
import * as Leases from "./sqliteLeases.ts"
import * as Tags from "./sqliteTags.ts"

type Tables = ReturnType<typeof prepare>

const prepare = (database: DatabaseSync, maxSize: number) => {
  const changes = Changes.make(database, Math.floor(maxSize / File.pragma(database, "page_size")))
  return {
    database,
    changes,
    entries: Entries.make(database, maxSize, changes),
    leases: Leases.make(database),
    tags: Tags.tags(database, changes),
    counters: Counters.make(database)
  }
}

export interface Connection {
  /** the tables of the database in use; opens one where there is none */
  readonly tables: () => Tables
  /** Runs something, and once more in a database that can be used where this one could not. */
  readonly run: <A>(operation: () => A) => A
  /** Starts to listen to what others do. */
  readonly listen: () => () => ReadonlyArray<Change>
  readonly close: () => void
}

const gap: ReadonlyArray<Change> = [{ _tag: "Gap" }]

export const make = (directory: string, maxSize: number): Connection => {
  let opened: File.Opened | undefined
  let current: Tables | undefined
  let from = 1
  let isClosed = false

  const leave = () => {
    if (opened !== undefined) File.close(opened)
    opened = undefined
    current = undefined
  }

  const tables = (): Tables => {
    if (current !== undefined) return current
    if (isClosed) throw new Error("The store is closed")
    opened = File.open(directory, maxSize, from)
    try {
      return current = prepare(opened.database, maxSize)
    } catch (thrown) {
      if (!leaveFaulty(thrown)) leave()
      throw thrown
    }
  }

  // A damaged file is not opened again, unless the directory itself was replaced: then numbers begin again.
  const leaveFaulty = (thrown: unknown): boolean => {
    if (!isDamage(thrown) && !isDetached(thrown)) return false
    if (isDamage(thrown) && opened !== undefined && !File.isReplaced(directory, opened)) from = opened.generation + 1
    leave()
    return true
  }

  const run = <A>(operation: () => A): A => {
    try {
      return withRoom(operation)
    } catch (thrown) {
      if (!leaveFaulty(thrown)) throw thrown
      return withRoom(operation)
    }
  }

  /** Once more after a full database has been given room, and again where another process was quicker to take it. */
  const withRoom = <A>(operation: () => A, patience = 3): A => {
    try {
      return operation()
    } catch (thrown) {
      if (!isFull(thrown) || patience === 0) throw thrown
      tables().entries.makeRoom()
      return withRoom(operation, patience - 1)
    }
  }

  const follow = () => {
    if (opened === undefined || !File.isReplaced(directory, opened)) return
    from = 1
    leave()
  }

  const listen = () => {
    const start = (to: Tables) => ({ to, read: to.changes.listen() })
    let listening = start(tables())
    return () => {
      follow()
      return run(() => {
        const now = tables()
        if (listening.to === now) return listening.read()
        listening = start(now)
        return gap
      })
    }
  }

  const close = () => {
    isClosed = true
    leave()
  }

  run(tables)
  return { tables, run, listen, close }
}
