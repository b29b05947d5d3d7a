/**
 * The database in use. It may be replaced while the program runs: if the file is damaged, the next one is started; if
 * another process started one, or files were removed, this process moves to the one in use.
 */
import type { DatabaseSync } from "node:sqlite"
import { tagsOfId } from "../../internal/store/markers/idTags.ts"
import type { Change } from "../../ports/store.ts"
import * as Recent from "../shared/recentChanges.ts"
import { isDamage, isDetached, isFull } from "./fault.ts"
import * as Generations from "./file/databases.ts"
import * as FullDisk from "./file/freeDisk.ts"
import * as Reserve from "./file/reserve.ts"
import * as File from "./file/schema.ts"
import * as Log from "./file/wal.ts"
import { noRoom } from "./refusal.ts"
import * as Changes from "./tables/changes.ts"
import * as Counters from "./tables/counters.ts"
import * as Entries from "./tables/entries.ts"
import * as Leases from "./tables/leases.ts"
import * as Tags from "./tables/tags.ts"
import type { Gate } from "./transactions/backoff.ts"
import * as Together from "./transactions/batch.ts"
import * as Snapshot from "./transactions/snapshot.ts"

/** Where the database is, how large it may become, and what the connection needs of the program. */
interface Config {
  readonly directory: string
  readonly maxSize: number
  /** the largest value, in bytes */
  readonly maxValue: number
  /** others may write to the directory */
  readonly trustFolder: boolean
  /** milliseconds that only grow */
  readonly now: () => number
  /** a version for the marker of a tag */
  readonly newVersion: () => string
  readonly gates: Gates
  /** epoch milliseconds */
  readonly wallNow: () => number
}

/** Who waits for the lock of SQLite, and who waits until values may be stored. */
export interface Gates {
  readonly lock: Gate
  readonly values: Gate
}

/** How large the database may become beside the reserve. */
const sizeOf = ({ maxSize }: Config): number => maxSize - Log.boundOf(maxSize)

type Tables = ReturnType<typeof prepare>

interface Listeners {
  readonly note: Recent.Recent["note"]
  /** before a transaction; throws where there must be none now */
  readonly begins: () => void
  readonly wrote: () => void
}

const prepare = (database: DatabaseSync, config: Config, { begins, note, wrote }: Listeners) => {
  const { gates, maxValue } = config
  const maxSize = sizeOf(config)
  const changes = Changes.make(database, Math.floor(maxSize / File.pragma(database, "page_size")), note)
  const together = Together.make(database, (steps) => {
    begins()
    const result = gates.lock.pass(steps)
    wrote()
    return result
  })
  const { atomic } = together
  const snapshot: Snapshot.Snapshot = Snapshot.make(database, config.now)
  return {
    database,
    snapshot,
    atomic,
    orAtomic: together.orAtomic,
    together: together.all,
    changes,
    entries: Entries.make(database, { maxSize, maxValue, changes }),
    leases: Leases.make(database),
    tags: Tags.tags(database, { maxSize, atomic, changes }),
    counters: Counters.make(database)
  }
}

/** What an operation is for. */
export interface Kind {
  /** it changes something for good, and does not only store for now: it is done again in an older copy of the database */
  readonly isKept: boolean
  /** it takes something away or ends it: it passes where nothing may be stored */
  readonly passes: boolean
  /** it adds next to nothing to the log, and another operation follows it, which looks how large the log is */
  readonly isFollowed?: true
}

const reading: Kind = { isKept: false, passes: true }

export interface Connection {
  /** The tables of the database in use, which is opened if none is open. */
  readonly tables: () => Tables
  /** The same, for one read, which may be a part of an operation. */
  readonly toRead: () => Tables
  /** What is read in pages that are no operations, each in a transaction of its own. */
  readonly inPages: <A>(read: (tables: Tables) => Iterable<A>) => Iterable<A>
  /**
   * Runs an operation, and once more in another database if this one is unusable, or if what was written went into one
   * that is not in use any more.
   */
  readonly run: <A>(operation: () => A, kind?: Kind) => A
  /** Starts to listen for changes by other processes. */
  readonly listen: () => () => ReadonlyArray<Change>
  readonly close: () => void
}

const gap: ReadonlyArray<Change> = [{ _tag: "Gap" }]

/** How often it is tried to take back what is kept for a full disk. */
const reserveMillis = 100

/** How often one operation moves to another database. */
const mostMoves = 8

export const make = (config: Config): Connection => {
  const { directory, gates, maxSize, newVersion, now, trustFolder, wallNow } = config
  const bound = Log.boundOf(maxSize)
  const recent = Recent.make()
  const reserve = Reserve.make(Generations.reserveOf(directory), bound)
  let log: Log.Log | undefined
  let hasReserve = false
  let triedAt = -Infinity
  let kind = reading
  let isRunning = false
  let opened: Generations.Opened | undefined
  let current: Tables | undefined
  let hasWritten = false
  /** how often a database was left */
  let left = 0
  let isClosed = false

  const toRead = (): Tables => {
    const now = tables()
    if (!isRunning) now.snapshot.reads()
    return now
  }

  const inPages = function*<A>(read: (tables: Tables) => Iterable<A>): Generator<A> {
    const all = read(tables())[Symbol.iterator]()
    for (;;) {
      endSnapshot()
      const next = all.next()
      if (next.done === true) return
      yield next.value
    }
  }

  const leave = () => {
    if (opened !== undefined) Generations.close(opened)
    forget()
  }

  const forget = () => {
    if (opened !== undefined) left++
    opened = undefined
    current = undefined
  }

  const open = (): Generations.Opened => {
    const openNow = () => Generations.open(directory, sizeOf(config), trustFolder)
    try {
      return openNow()
    } catch (thrown) {
      // The log and its index are files too: where the disk is full there is no room for them but that of the reserve.
      const isWithoutRoom = isFull(thrown) || isDetached(thrown)
      if (!isWithoutRoom || Reserve.freeBytes(directory) >= bound || !reserve.giveUp()) throw thrown
      return openNow()
    }
  }

  const tables = (): Tables => {
    if (current !== undefined) return current
    if (isClosed) throw new Error("The store is closed")
    const here = opened = open()
    try {
      log = Log.make(opened.database, bound, () => Generations.logSize(here), now)
      hasReserve = reserve.take()
      const made = prepare(opened.database, config, { note: recent.note, begins, wrote: () => hasWritten = true })
      // It may be an older copy, whatever its number: another folder, with numbers of its own, was in its place.
      invalidateAgain(made)
      gates.values.open()
      return current = made
    } catch (thrown) {
      if (!leaveUnusable(thrown)) leave()
      throw thrown
    }
  }

  /** Nothing is stored while the log is too large, or before there is room again for removing. */
  const begins = () => {
    if (kind.passes) return
    if (!hasReserve && !takeReserve()) throw noRoom()
    if (log !== undefined) gates.values.pass(log.admit)
  }

  /** Not at every write: where the disk is full this is in vain. */
  const takeReserve = (): boolean => {
    if (now() < triedAt + reserveMillis) return false
    triedAt = now()
    return hasReserve = reserve.take()
  }

  const invalidateAgain = ({ atomic, counters, entries, leases, tags }: Tables) => {
    kind = reading
    const { all, ids, tags: names } = recent.since(now())
    if (all || ids.length > 0) {
      atomic(() => {
        for (const id of ids) {
          leases.end(id)
          entries.remove(id)
          tags.remove!(tagsOfId(id))
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

  /** Of what is gone, perhaps with its folder, there is no next one to start: who opens that begins anew. */
  const startNext = (of: Generations.Opened): void => {
    try {
      Generations.startNext(of)
    } catch (thrown) {
      // else this process would come back to what it has to leave: it tries again with its next operation
      if (of.look() !== "replaced") throw thrown
    }
  }

  /** Leaves a sound database for the next one. */
  const abandon = (abandoned: Generations.Opened): true => {
    Generations.abandon(abandoned)
    forget()
    return true
  }

  /** Leaves a database that is not in use any more, and answers whether it was one. */
  const leaveFormer = (looksAtLog = true): boolean => {
    endSnapshot()
    if (opened === undefined) return false
    const state = opened.look(looksAtLog ? log?.seen : undefined)
    if (state === "current") return log?.isHopeless() === true && abandon(opened)
    if (state === "split") startNext(opened)
    leave()
    return true
  }

  /** Leaves a database after an error, and answers whether it makes sense to try again in another one. */
  const leaveUnusable = (thrown: unknown): boolean => {
    // nobody has asked the database
    if (gates.lock.isKnown(thrown) || gates.values.isKnown(thrown)) return false
    if (leaveFormer()) return true
    if (!isDamage(thrown) && !isDetached(thrown)) return false
    if (isDamage(thrown) && opened !== undefined) startNext(opened)
    leave()
    return true
  }

  const run = <A>(operation: () => A, of = reading): A => {
    const wasRunning = isRunning
    isRunning = true
    try {
      endSnapshot()
      return runNow(operation, of)
    } finally {
      isRunning = wasRunning
      Snapshot.countOperation()
    }
  }

  const endSnapshot = () => {
    try {
      current?.snapshot.end()
    } catch {
      // it cannot even end a read
      leave()
    }
  }

  const runNow = <A>(operation: () => A, of: Kind): A => {
    for (let moves = 0;; moves++) {
      hasWritten = false
      kind = of
      try {
        const result = withRoom(operation)
        // Only now: what is committed before others begin to use another database, no load of theirs can undo.
        if (!hasWritten || !leaveFormer(of.isFollowed !== true)) {
          recent.ended(of.isKept && hasWritten ? now() : undefined)
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
      if (!isFull(thrown) || opened === undefined || triesLeft === 0) throw thrown
      makeRoom(opened)
      return withRoom(operation, triesLeft - 1)
    }
  }

  const makeRoom = (of: Generations.Opened) => {
    if (Reserve.freeBytes(directory) >= bound && succeeds(tables().entries.makeRoom)) return
    const { room } = tables().entries
    const free = () => hasReserve = FullDisk.free({ database: of.database, reserve, room, bound, now: wallNow() })
    // Others have filled the disk: only a whole database less makes room.
    if (!succeeds(free)) abandon(of)
  }

  /** Whether there was room enough to make room. */
  const succeeds = (steps: () => void): boolean => {
    try {
      steps()
      return true
    } catch (thrown) {
      if (isFull(thrown)) return false
      throw thrown
    }
  }

  const listen = () => {
    const start = (to: Tables) => ({ to, read: to.changes.listen() })
    let listening = run(() => start(tables()))
    let known = left
    const read = () => {
      const now = tables()
      if (listening.to === now) return listening.read()
      listening = start(now)
      known = left
      return gap
    }
    return () => {
      leaveFormer()
      try {
        return run(read)
      } catch (thrown) {
        if (isClosed || known === left) throw thrown
        // Whatever the next database will tell, when it can be opened: what is known of the former one counts no more.
        known = left
        return gap
      }
    }
  }

  const close = () => {
    isClosed = true
    leave()
  }

  run(tables)
  return { tables, toRead, inPages, run, listen, close }
}
