/**
 * The connection to a database, which may be replaced while the program runs. If its file is damaged, the connection
 * creates the next database. If a newer database exists or files were removed, it moves to the database in use.
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
  /** The time of a monotonic clock, in milliseconds. */
  readonly now: () => number
  readonly newVersion: () => string
  readonly backoffs: Backoffs
  readonly wallNow: () => number
}

export interface Backoffs {
  /** The backoff that applies while another process holds the write lock of SQLite. */
  readonly lock: Backoff.Backoff
  /** The backoff that applies while no values may be stored because the log is too large. */
  readonly values: Backoff.Backoff
}

export const makeBackoffs = (...using: Parameters<typeof Backoff.make>): Backoffs => ({
  lock: Backoff.make(...using),
  values: Backoff.make(...using)
})

/** Properties of an operation that decide when it may run and whether it is repeated. */
export interface Kind {
  /** Whether the operation's changes are repeated if an older copy replaces the database, so that they are not lost. */
  readonly isKept: boolean
  /** Whether the operation is allowed even while nothing may be stored: it adds no value, counter or lease. */
  readonly passes: boolean
  /** Whether the operation adds little to the log, and is followed by an operation that checks the log's size. */
  readonly isFollowed?: true
}

export interface Connection {
  readonly config: Config
  /** The maximum size of the write-ahead log in bytes. The reserve file has the same size. */
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

/** How many times one operation may move to another database. */
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

/** Returns the tables for a read. A read outside an operation may share a snapshot with the reads before it. */
export const toRead = (self: Connection): Tables => {
  const now = tables(self)
  if (!self.isRunning) Snapshot.reads(now.snapshot)
  return now
}

/** Reads items page by page. Each page is read in a transaction of its own. */
export const inPages = function*<A>(self: Connection, read: (tables: Tables) => Iterable<A>): Generator<A> {
  const all = read(tables(self))[Symbol.iterator]()
  for (;;) {
    endSnapshot(self)
    const next = all.next()
    if (next.done === true) return
    yield next.value
  }
}

/** Runs an operation. Repeats it if the database is unusable, or if its writes went to a database no longer in use. */
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
      // Checked after the commit, because another process may have moved to a new database during the operation.
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
    // A connection that cannot even end a read is unusable.
    leave(self)
  }
}

/** Runs steps that take the write lock. Throws if the operation may not write now or another process has the lock. */
const admitted = <A>(self: Connection, steps: () => A): A => {
  const { lock, values } = self.config.backoffs
  const { wal } = self
  // Stores nothing while the log is too large, or while the reserve that removals need is missing.
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
      // The connection has left its database. Even if it cannot open another one yet, the caller must not trust memory.
      known = self.left
      return gap
    }
  }
}

/** The maximum size of the database in bytes: `maxSize` minus the size of the reserve. */
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
    // Even if its number is higher than before, the database may be an older copy: the folder may have been replaced.
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
    // On a full disk, the log and its index can be created only after the reserve file is removed.
    const isWithoutRoom = isFull(thrown) || isDetached(thrown)
    if (!isWithoutRoom || Reserve.freeBytes(directory) >= bound || !Reserve.giveUp(reserve)) throw thrown
    return openNow()
  }
}

/** Invalidates again the entries and tags that this process has changed in the last few seconds. */
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
  // The repeated changes are not recorded again. They keep the time at which they were first made.
  recent.ended(undefined)
}

/** Leaves the database if it is no longer in use or its log cannot be emptied. Returns whether it was left. */
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

/** Stops using the database file if an error shows that it is unusable. Returns whether to retry the operation. */
const leaveUnusable = (self: Connection, thrown: unknown): boolean => {
  const { lock, values } = self.config.backoffs
  // During a pause, a backoff throws an earlier error again, which says nothing about the database's current state.
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

/** Removes the database, although it is intact, and moves all processes to the next database. */
const abandon = (self: Connection, opened: Databases.Opened): true => {
  Databases.abandon(opened)
  forget(self)
  return true
}

/** Creates the next database. Ignores a failure if the current file was replaced: that file is not opened again. */
const startNext = (opened: Databases.Opened): void => {
  try {
    Databases.startNext(opened)
  } catch (thrown) {
    // Without a next database, this process would open the current file again, so the operation fails instead.
    if (InUse.stateOf(opened.inUse) !== "replaced") throw thrown
  }
}

/** Restores the reserve. Does not try on every write, because other programs may keep the disk full. */
const regainReserve = (self: Connection): void => {
  const { room } = tables(self)
  const { bound, config: { directory, now }, opened, reserve } = self
  if (self.hasReserve || opened!.database.isTransaction || now() < self.reserveTriedAt + reserveMillis) return
  self.reserveTriedAt = now()
  self.hasReserve = Reserve.take(reserve)
  // Evicts entries if that can free enough for the reserve, because no other process may be able to free disk space.
  const bytes = room.pageSize * pragma(opened!.database, "page_count")
  if (!self.hasReserve && Reserve.freeBytes(directory) + bytes >= bound) succeeds(() => freeDisk(self, opened!))
}

const freeDisk = (self: Connection, { database }: Databases.Opened): void => {
  const { bound, config, reserve } = self
  self.hasReserve = FreeDisk.free({ database, reserve, room: tables(self).room, bound, now: config.wallNow() })
}

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
  // If others have filled the disk, they would take what old entries leave. So only invalidations, which cannot wait
  // until there is room, remove entries then.
  const isInvalidation = self.kind.passes && self.kind.isKept
  if (!isInvalidation && !isOwn(self, opened)) throw noRoom()
  // If not even entries can be removed, the whole database is removed.
  if (!succeeds(() => freeDisk(self, opened))) abandon(self, opened)
}

/** Whether a full disk is full of this cache: it has at least half of what is used. */
const isOwn = ({ config, reserve }: Connection, { database, inUse }: Databases.Opened): boolean => {
  const own = pragma(database, "page_size") * pragma(database, "page_count") + InUse.logBytes(inUse) + reserve.bytes
  return own * 2 >= Reserve.usedBytes(config.directory)
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
