/**
 * The database in use. It may be replaced while the program runs: if the file is damaged, the next one is started; if
 * another process started one, or files were removed, this process moves to the one in use.
 */
import type { DatabaseSync } from "node:sqlite"
import type { Change } from "../../ports/store.ts"
import * as Changes from "./sqliteChanges.ts"
import * as Counters from "./sqliteCounters.ts"
import * as Entries from "./sqliteEntries.ts"
import { isDamage, isDetached, isFull } from "./sqliteFault.ts"
import * as File from "./sqliteFile.ts"
import type { Gate } from "./sqliteGate.ts"
import * as Generations from "./sqliteGenerations.ts"
import * as Leases from "./sqliteLeases.ts"
import * as Recent from "./sqliteRecent.ts"
import * as Tags from "./sqliteTags.ts"

/** Where the database is, how large it may become, and what the connection needs of the program. */
export interface Config {
  readonly directory: string
  readonly maxSize: number
  /** the largest value, in bytes */
  readonly maxValue: number
  /** milliseconds that only grow */
  readonly now: () => number
  /** a version for the marker of a tag */
  readonly newVersion: () => string
  readonly gate: Gate
}

/** Runs several steps as one. */
type Atomic = <A>(steps: () => A) => A

type Tables = ReturnType<typeof prepare>

const prepare = (
  database: DatabaseSync,
  { gate, maxSize, maxValue }: Config,
  recent: Recent.Recent,
  wrote: () => void
) => {
  const changes = Changes.make(database, Math.floor(maxSize / File.pragma(database, "page_size")), recent.note)
  const atomic: Atomic = (steps) => {
    const result = gate.pass(() => File.atomically(database, steps))
    wrote()
    return result
  }
  return {
    database,
    atomic,
    changes,
    entries: Entries.make(database, { maxSize, maxValue, changes }),
    leases: Leases.make(database),
    tags: Tags.tags(database, { maxSize, atomic, changes }),
    counters: Counters.make(database)
  }
}

export interface Connection {
  /** The tables of the database in use, which is opened if none is open. */
  readonly tables: () => Tables
  /**
   * Runs an operation, and once more in another database if this one is unusable, or if what was written went into one
   * that is not in use any more. What an operation has changed for good, and not only stored for now, `isKept`: it is
   * done again in an older copy of the database.
   */
  readonly run: <A>(operation: () => A, isKept?: boolean) => A
  /** Starts to listen for changes by other processes. */
  readonly listen: () => () => ReadonlyArray<Change>
  readonly close: () => void
}

const gap: ReadonlyArray<Change> = [{ _tag: "Gap" }]

/** How often one operation moves to another database. */
const mostMoves = 4

export const make = (config: Config): Connection => {
  const { directory, maxSize, newVersion, now } = config
  const recent = Recent.make()
  let opened: Generations.Opened | undefined
  let current: Tables | undefined
  let lastGeneration = 0
  let hasWritten = false
  let isClosed = false

  const leave = () => {
    if (opened !== undefined) Generations.close(opened)
    opened = undefined
    current = undefined
  }

  const tables = (): Tables => {
    if (current !== undefined) return current
    if (isClosed) throw new Error("The store is closed")
    opened = Generations.open(directory, maxSize)
    try {
      const made = prepare(opened.database, config, recent, () => hasWritten = true)
      // A higher number was begun after the last one, and empty.
      if (opened.generation <= lastGeneration) invalidateAgain(made)
      lastGeneration = opened.generation
      return current = made
    } catch (thrown) {
      if (!leaveUnusable(thrown)) leave()
      throw thrown
    }
  }

  const invalidateAgain = ({ atomic, counters, entries, leases, tags }: Tables) => {
    const { all, ids, tags: names } = recent.since(now())
    if (all || ids.length > 0) {
      atomic(() => {
        for (const id of ids) {
          leases.end(id)
          entries.remove(id)
        }
        if (!all) return
        leases.endAll()
        entries.clear()
        counters.clear()
      })
    }
    if (names.length > 0) tags.invalidate(names, newVersion)
    // It is kept already, with the time when it was done first.
    recent.ended(undefined)
  }

  /** Leaves a database that is not in use any more, and answers whether it was one. */
  const leaveFormer = (): boolean => {
    if (opened === undefined) return false
    const state = Generations.stateOf(opened)
    if (state === "current") return false
    if (state === "split") Generations.startNext(opened)
    leave()
    return true
  }

  /** Leaves a database after an error, and answers whether it makes sense to try again in another one. */
  const leaveUnusable = (thrown: unknown): boolean => {
    if (leaveFormer()) return true
    if (!isDamage(thrown) && !isDetached(thrown)) return false
    if (isDamage(thrown) && opened !== undefined) Generations.startNext(opened)
    leave()
    return true
  }

  const run = <A>(operation: () => A, isKept = false): A => {
    for (let moves = 0;; moves++) {
      hasWritten = false
      try {
        const result = withRoom(operation)
        // Only now: what is committed before others begin to use another database, no load of theirs can undo.
        if (!hasWritten || !leaveFormer()) {
          recent.ended(isKept && hasWritten ? now() : undefined)
          return result
        }
        if (moves === mostMoves) throw new Error("The database is replaced all the time")
      } catch (thrown) {
        if (!leaveUnusable(thrown) || moves === mostMoves) {
          recent.ended(undefined)
          throw thrown
        }
      }
      recent.ended(undefined)
    }
  }

  /** Runs once more after making room in a full database, and again if another process used that room first. */
  const withRoom = <A>(operation: () => A, triesLeft = 3): A => {
    try {
      return operation()
    } catch (thrown) {
      if (!isFull(thrown) || triesLeft === 0) throw thrown
      tables().entries.makeRoom()
      return withRoom(operation, triesLeft - 1)
    }
  }

  const listen = () => {
    const start = (to: Tables) => ({ to, read: to.changes.listen() })
    let listening = start(tables())
    return () => {
      leaveFormer()
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
