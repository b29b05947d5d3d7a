/**
 * The database in use, which may be replaced while the program runs: if the file is damaged, the next one is started;
 * if another process started one, or files were removed, this process moves to the one in use.
 */
import { tagsOfId } from "../../internal/store/markers/idTags.ts"
import type { Change } from "../../ports/store.ts"
import * as Recent from "../shared/recentChanges.ts"
import { isDamage, isDetached, isFull, noRoom } from "./fault.ts"
import * as Databases from "./file/databases.ts"
import * as FreeDisk from "./file/freeDisk.ts"
import * as InUse from "./file/inUse.ts"
import * as Reserve from "./file/reserve.ts"
import { pragma } from "./file/schema.ts"
import * as Wal from "./file/wal.ts"
import * as Changes from "./tables/changes.ts"
import * as Counters from "./tables/counters.ts"
import * as Entries from "./tables/entries.ts"
import * as Leases from "./tables/leases.ts"
import { prepare, type Tables } from "./tables/prepare.ts"
import * as Tags from "./tables/tags.ts"
import * as Backoff from "./transactions/backoff.ts"
import * as Batch from "./transactions/batch.ts"
import * as Snapshot from "./transactions/snapshot.ts"

interface Config {
  readonly directory: string
  readonly maxSize: number
  readonly maxValue: number
  readonly trustFolder: boolean
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
  readonly newVersion: () => string
  readonly backoffs: Backoffs
  /** Epoch milliseconds. */
  readonly wallNow: () => number
}

export interface Backoffs {
  /** For the lock of SQLite. */
  readonly lock: Backoff.Backoff
  /** Until values may be stored. */
  readonly values: Backoff.Backoff
}

/** The purpose of an operation. */
export interface Kind {
  /** The operation changes something for good: it is repeated in an older copy of the database. */
  readonly isKept: boolean
  /** The operation takes something away or ends it: it passes where nothing may be stored. */
  readonly passes: boolean
  /** The operation adds next to nothing to the log, and another one follows, which checks its size. */
  readonly isFollowed?: true
}

export interface Connection {
  readonly config: Config
  /** How large the log may become, and how large the reserve is, in bytes. */
  readonly bound: number
  readonly recent: Recent.Recent
  readonly reserve: Reserve.Reserve
  hasReserve: boolean
  reserveTriedAt: number
  opened: Databases.Opened | undefined
  wal: Wal.Wal | undefined
  tables: Tables | undefined
  kind: Kind
  isRunning: boolean
  hasWritten: boolean
  left: number
  isClosed: boolean
}

const reading: Kind = { isKept: false, passes: true }

const gap: ReadonlyArray<Change> = [{ _tag: "Gap" }]

const reserveMillis = 100

/** How often one operation moves to another database. */
const mostMoves = 8

export const make = (config: Config): Connection => {
  const bound = Wal.boundOf(config.maxSize)
  const self: Connection = {
    config,
    bound,
    recent: Recent.make(),
    reserve: { file: Databases.reserveOf(config.directory), bytes: bound },
    hasReserve: false,
    reserveTriedAt: -Infinity,
    opened: undefined,
    wal: undefined,
    tables: undefined,
    kind: reading,
    isRunning: false,
    hasWritten: false,
    left: 0,
    isClosed: false
  }
  run(self, () => tables(self))
  return self
}

export const close = (self: Connection): void => {
  self.isClosed = true
  leave(self)
}

export const tables = (self: Connection): Tables => self.tables ?? open(self)

/** The same, for one read, which may be a part of an operation. */
export const toRead = (self: Connection): Tables => {
  const now = tables(self)
  if (!self.isRunning) Snapshot.reads(now.snapshot)
  return now
}

/** Each page is a transaction of its own. */
export const inPages = function*<A>(self: Connection, read: (tables: Tables) => Iterable<A>): Generator<A> {
  const all = read(tables(self))[Symbol.iterator]()
  for (;;) {
    endSnapshot(self)
    const next = all.next()
    if (next.done === true) return
    yield next.value
  }
}

/** Runs once more if the database is unusable, or if the operation has written into one no longer in use. */
export const run = <A>(self: Connection, operation: () => A, kind = reading): A => {
  const wasRunning = self.isRunning
  self.isRunning = true
  try {
    endSnapshot(self)
    return runNow(self, operation, kind)
  } finally {
    self.isRunning = wasRunning
    Snapshot.countOperation()
  }
}

const runNow = <A>(self: Connection, operation: () => A, kind: Kind): A => {
  const { config, recent } = self
  for (let moves = 0;; moves++) {
    self.hasWritten = false
    self.kind = kind
    try {
      const result = withRoom(self, operation)
      // Only now: a load of others cannot undo what is committed before they begin to use another database.
      if (!self.hasWritten || !leaveFormer(self, kind)) {
        recent.ended(kind.isKept && self.hasWritten ? config.now() : undefined)
        return result
      }
      if (moves === mostMoves) throw new Error("the database is replaced again and again")
    } catch (thrown) {
      if (!leaveUnusable(self, thrown) || moves === mostMoves) {
        recent.ended(undefined)
        throw thrown
      }
    }
    recent.ended(undefined)
  }
}

const endSnapshot = (self: Connection): void => {
  if (self.tables === undefined) return
  try {
    Snapshot.end(self.tables.snapshot)
  } catch {
    // It cannot even end a read.
    leave(self)
  }
}

/** Takes the lock of the database. Throws where the operation must not, or where another process has it. */
const admitted = <A>(self: Connection, steps: () => A): A => {
  const { lock, values } = self.config.backoffs
  const { wal } = self
  // Nothing is stored while the log is too large, or before there is room again for removing.
  if (!self.kind.passes) {
    if (!self.hasReserve) throw noRoom()
    if (wal !== undefined) Backoff.attempt(values, () => Wal.admit(wal))
  }
  const result = Backoff.attempt(lock, steps)
  self.hasWritten = true
  return result
}

export const listen = (self: Connection): () => ReadonlyArray<Change> => {
  const start = (to: Tables) => ({ to, read: Changes.listen(to.changes) })
  let listening = run(self, () => start(tables(self)))
  let known = self.left
  const read = () => {
    const now = tables(self)
    if (listening.to === now) return listening.read()
    listening = start(now)
    known = self.left
    return gap
  }
  return () => {
    leaveFormer(self)
    try {
      return run(self, read)
    } catch (thrown) {
      if (self.isClosed || known === self.left) throw thrown
      // Knowledge of the former database is void, whatever the next one reports once it can be opened.
      known = self.left
      return gap
    }
  }
}

/** How large the database may become beside the reserve. */
const sizeOf = ({ bound, config }: Connection): number => config.maxSize - bound

const open = (self: Connection): Tables => {
  const { bound, config, recent, reserve } = self
  const { backoffs, maxValue, now } = config
  if (self.isClosed) throw new Error("the store is closed")
  const { database, inUse } = self.opened = openFile(self)
  try {
    self.wal = Wal.make({ database, file: inUse.log.path, bound, now })
    self.hasReserve = Reserve.take(reserve)
    const tables = prepare(database, {
      maxSize: sizeOf(self),
      maxValue,
      now,
      note: recent.note,
      admitted: (steps) => admitted(self, steps)
    })
    // It may be an older copy, whatever its number: another folder, with numbers of its own, was in its place.
    invalidateAgain(self, tables)
    Backoff.reset(backoffs.values)
    return self.tables = tables
  } catch (thrown) {
    if (!leaveUnusable(self, thrown)) leave(self)
    throw thrown
  }
}

const openFile = (self: Connection): Databases.Opened => {
  const { bound, config: { directory, trustFolder }, reserve } = self
  const openNow = () => Databases.open(directory, sizeOf(self), trustFolder)
  try {
    return openNow()
  } catch (thrown) {
    // The log and its index are files too: where the disk is full there is no room for them but that of the reserve.
    const isWithoutRoom = isFull(thrown) || isDetached(thrown)
    if (!isWithoutRoom || Reserve.freeBytes(directory) >= bound || !Reserve.giveUp(reserve)) throw thrown
    return openNow()
  }
}

/** Does the changes of the last seconds by this process again. */
const invalidateAgain = (self: Connection, { batch, counters, entries, leases, tags }: Tables): void => {
  const { config, recent } = self
  self.kind = reading
  const { all, ids, tags: names } = recent.since(config.now())
  if (all || ids.length > 0) {
    Batch.atomic(batch, () => {
      for (const id of ids) {
        Leases.end(leases, id)
        Entries.remove(entries, id)
        Tags.remove(tags, tagsOfId(id))
      }
      if (!all) return
      Leases.endAll(leases)
      Entries.clear(entries)
      Counters.clear(counters)
    })
  }
  if (names.length > 0) Tags.invalidate(tags, names, config.newVersion)
  // They are kept already, with the time when they were done first.
  recent.ended(undefined)
}

/** Answers whether the database was no longer in use. */
const leaveFormer = (self: Connection, kind?: Kind): boolean => {
  endSnapshot(self)
  const { opened, wal } = self
  if (opened === undefined) return false
  const state = InUse.stateOf(opened.inUse)
  if (state === "current") {
    if (wal === undefined) return false
    if (kind?.isFollowed !== true) Wal.noteSize(wal, InUse.logBytes(opened.inUse))
    return Wal.isHopeless(wal) && abandon(self, opened)
  }
  if (state === "split") startNext(opened)
  leave(self)
  return true
}

/** Answers whether it makes sense to try again in another database. */
const leaveUnusable = (self: Connection, thrown: unknown): boolean => {
  const { lock, values } = self.config.backoffs
  // The database was not asked.
  if (Backoff.isRepeated(lock, thrown) || Backoff.isRepeated(values, thrown)) return false
  if (leaveFormer(self)) return true
  if (!isDamage(thrown) && !isDetached(thrown)) return false
  if (isDamage(thrown) && self.opened !== undefined) startNext(self.opened)
  leave(self)
  return true
}

const leave = (self: Connection): void => {
  if (self.opened !== undefined) Databases.close(self.opened)
  forget(self)
}

const forget = (self: Connection): void => {
  if (self.opened !== undefined) self.left++
  self.opened = undefined
  self.tables = undefined
}

/** Leaves a sound database for the next one. */
const abandon = (self: Connection, opened: Databases.Opened): true => {
  Databases.abandon(opened)
  forget(self)
  return true
}

/** If the file is gone, perhaps with its folder, there is no next one: the next process that opens it creates it. */
const startNext = (opened: Databases.Opened): void => {
  try {
    Databases.startNext(opened)
  } catch (thrown) {
    // Else this process would come back to the database that it has to leave: it tries again with its next operation.
    if (InUse.stateOf(opened.inUse) !== "replaced") throw thrown
  }
}

/** Takes the reserve back, not at every write: where others fill the disk it is in vain. */
const regainReserve = (self: Connection): void => {
  const { room } = tables(self)
  const { bound, config: { directory, now }, opened, reserve } = self
  if (self.hasReserve || opened!.database.isTransaction || now() < self.reserveTriedAt + reserveMillis) return
  self.reserveTriedAt = now()
  self.hasReserve = Reserve.take(reserve)
  // The processes that could have made room may have ended meanwhile. A small database keeps what it has.
  const bytes = room.pageSize * pragma(opened!.database, "page_count")
  if (!self.hasReserve && Reserve.freeBytes(directory) + bytes >= bound) succeeds(() => freeDisk(self, opened!))
}

const freeDisk = (self: Connection, { database }: Databases.Opened): void => {
  const { bound, config, reserve } = self
  self.hasReserve = FreeDisk.free({ database, reserve, room: tables(self).room, bound, now: config.wallNow() })
}

/** Runs once more after making room in a full database, and again if another process used that room first. */
const withRoom = <A>(self: Connection, operation: () => A, triesLeft = 3): A => {
  try {
    if (!self.kind.passes) regainReserve(self)
    return operation()
  } catch (thrown) {
    if (!isFull(thrown) || self.opened === undefined || triesLeft === 0) throw thrown
    makeRoom(self, self.opened)
    return withRoom(self, operation, triesLeft - 1)
  }
}

const makeRoom = (self: Connection, opened: Databases.Opened): void => {
  const { entries } = tables(self)
  if (Reserve.freeBytes(self.config.directory) >= self.bound && succeeds(() => Entries.makeRoom(entries))) return
  // Others have filled the disk: only a whole database less makes room.
  if (!succeeds(() => freeDisk(self, opened))) abandon(self, opened)
}

const succeeds = (steps: () => void): boolean => {
  try {
    steps()
    return true
  } catch (thrown) {
    if (isFull(thrown)) return false
    throw thrown
  }
}
