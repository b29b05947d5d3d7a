/**
 * A store in a directory of the local disk, embedded (SQLite, as Node brings it): entries, tag invalidations and
 * counters survive a restart. Not for network file systems.
 *
 * @since 0.1.0
 */
import * as ByteSize from "effect/ByteSize"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { DatabaseSync } from "node:sqlite"
import { crc32 } from "node:zlib"
import type { Stored } from "../CacheEntry.ts"
import { CacheConfigError, StoreError, type StoreErrorReason } from "../CacheError.ts"
import * as Frame from "../internal/frame.ts"
import { refuseUnknown, requireType } from "../internal/options.ts"
import { fromUtf16, isWellFormed, toUtf16 } from "../internal/unicode.ts"
import * as Store from "../Store.ts"
import * as File from "./internal/sqliteFile.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** made if it does not exist; several processes may use it at once */
  readonly directory: string
  /**
   * how large the database may become (default 1 GiB); where there is no room, what has expired goes first, then what
   * was written longest ago
   */
  readonly maxSize?: ByteSize.Input | undefined
  /** how long to try again while another process writes (default 500 ms) */
  readonly storeTimeout?: Duration.Input | undefined
}

/**
 * Opens the store in a directory, until the scope is closed.
 *
 * Fails with a `StoreError` where the directory cannot be written (reason `Denied`, or `Unavailable`), and throws a
 * `CacheConfigError` for options that make no sense. A database that is damaged, or of another release, is left where it
 * is and an empty one is started beside it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<SyncStore, StoreError, Scope.Scope> => {
  const config = validate(options)
  const opened = attempt("open", config, () => File.open(config.directory, config.maxSize))
  return Effect.flatMap(
    Effect.acquireRelease(opened, (database) => Effect.sync(() => File.close(database))),
    (database) => attempt("open", config, () => fromDatabase(database, config))
  )
}

/**
 * The layer of the store in a directory: see `make`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Store.Store, StoreError> => Store.layer(make(options))

type SyncStore = ReturnType<typeof Store.makeSync>

// ---------------------------------------------------------------------------------------------------------------------
// options
// ---------------------------------------------------------------------------------------------------------------------

interface Config {
  readonly directory: string
  readonly maxSize: number
  readonly again: Schedule.Schedule<unknown>
}

const what = "SqliteStore.make"
const defaultMaxSize = Option.some(ByteSize.gibibytes(1))

const validate = (options: Options): Config => {
  refuseUnknown(what, options, ["directory", "maxSize", "storeTimeout"])
  requireType(what, options, ["directory"], "string")
  if (options.directory === "") throw new CacheConfigError({ message: `${what} needs "directory", a path` })
  const maxSize = options.maxSize === undefined ? defaultMaxSize : ByteSize.fromInput(options.maxSize)
  const storeTimeout = Duration.fromInput(options.storeTimeout ?? "500 millis")
  return {
    directory: options.directory,
    maxSize: Number(valid("maxSize", "a size above zero", maxSize)),
    again: Schedule.exponential("2 millis").pipe(
      (backoff) => Schedule.min([backoff, Schedule.spaced("50 millis")]),
      Schedule.jittered,
      Schedule.upTo({ duration: valid("storeTimeout", "a duration", storeTimeout) })
    )
  }
}

const valid = <A>(name: string, expected: string, parsed: Option.Option<A>): A => {
  if (Option.isSome(parsed) && parsed.value !== ByteSize.zero) return parsed.value
  throw new CacheConfigError({ message: `${what}: "${name}" is not ${expected}` })
}

// ---------------------------------------------------------------------------------------------------------------------
// operations
// ---------------------------------------------------------------------------------------------------------------------

const name = "sqlite"

const reasons = new Map<unknown, StoreErrorReason>([
  ["EACCES", "Denied"],
  ["EPERM", "Denied"],
  ["EROFS", "Denied"],
  ["ENOSPC", "Full"],
  [3, "Denied"],
  [5, "Timeout"],
  [6, "Timeout"],
  [8, "Denied"],
  [11, "Corrupt"],
  [13, "Full"],
  [18, "TooLarge"],
  [23, "Denied"],
  [26, "Corrupt"]
])

/** Why the file system (a text) or SQLite (a number) refused. */
const reasonOf = (thrown: unknown): StoreErrorReason =>
  reasons.get(File.primaryCode(thrown) ?? (thrown as { readonly code?: unknown } | null)?.code) ?? "Unavailable"

/** Tries, and while another process is writing tries again. Every operation can be run twice. */
const attempt = <A>(operation: string, { again }: Config, run: () => A): Effect.Effect<A, StoreError> => {
  const once = Effect.suspend(() => {
    try {
      return Exit.succeed(run())
    } catch (thrown) {
      return Exit.fail(
        thrown instanceof StoreError
          ? thrown
          : new StoreError({ store: name, operation, reason: reasonOf(thrown), cause: thrown })
      )
    }
  })
  const isBusy = (error: StoreError) => error.reason === "Timeout"
  return Effect.catchIf(once, isBusy, () => Effect.retry(once, { schedule: again, while: isBusy }))
}

/** SQLite's text has a UTF-8 form: two ids without one would become the same. */
const toColumn = (text: string): string | Uint8Array => isWellFormed(text) ? text : toUtf16(text)

const fromColumn = (column: unknown): string => typeof column === "string" ? column : fromUtf16(column as Uint8Array)

/** So many writes between two looks at what has expired. */
const tidyEvery = 64

const fromDatabase = (database: DatabaseSync, config: Config): SyncStore => {
  const entries = entryTable(database, config.maxSize)
  return Store.makeSync({
    ...entries.storage,
    name,
    capabilities: { shared: true },
    increment: increment(database),
    tags: tags(database),
    atomic: (steps) => File.atomically(database, steps),
    reasonOf,
    attempt: (operation, run) => attempt(operation, config, () => withRoom(run, entries.makeRoom))
  })
}

/** Once more after a full database has been given room, and again where another process was quicker to take it. */
const withRoom = <A>(run: () => A, makeRoom: () => void, patience = 3): A => {
  try {
    return run()
  } catch (thrown) {
    if (!File.isFull(thrown) || patience === 0) throw thrown
    makeRoom()
    return withRoom(run, makeRoom, patience - 1)
  }
}

const totalSize = (rows: ReadonlyArray<Record<string, unknown>>): number =>
  rows.reduce((total, { size }) => total + Number(size), 0)

const entryTable = (database: DatabaseSync, maxSize: number) => {
  const select = database.prepare("SELECT frame FROM entry WHERE id = ?")
  const write = database.prepare("INSERT OR REPLACE INTO entry (id, frame, expires_at) VALUES (?, ?, ?)")
  const remove = database.prepare("DELETE FROM entry WHERE id = ?")
  const count = database.prepare("SELECT count(*) AS size FROM entry")
  const page = database.prepare("SELECT seq, id FROM entry WHERE seq > ? ORDER BY seq LIMIT 256")
  const dropExpired = database.prepare(
    `DELETE FROM entry WHERE seq IN (SELECT seq FROM entry WHERE expires_at < 9e999 AND expires_at <= ? LIMIT ?)
     RETURNING length(frame) AS size`
  )
  const dropOldest = database.prepare(
    "DELETE FROM entry WHERE seq IN (SELECT seq FROM entry ORDER BY seq LIMIT 16) RETURNING length(frame) AS size"
  )
  let last = { now: 0, size: 0 }
  let writes = 0

  const get = (id: string): Stored | undefined => {
    const frame = select.get(toColumn(id))?.["frame"]
    return frame instanceof Uint8Array ? Frame.decode(id, frame, crc32) : undefined
  }

  const set = (id: string, entry: Stored, now: number) => {
    const frame = Frame.encode(id, entry, crc32)
    if (frame.length > maxSize) throw new StoreError({ store: name, operation: "set", reason: "TooLarge" })
    last = { now, size: frame.length }
    write.run(toColumn(id), frame, entry.meta.expiresAt)
    if (++writes % tidyEvery === 0) tidy(now)
  }

  const tidy = (now: number) => {
    try {
      dropExpired.all(now, 2 * tidyEvery)
      if (pragma("freelist_count") > pragma("page_count") / 2) database.exec("PRAGMA incremental_vacuum(256)")
    } catch {
      // What was asked has been done; the next look tidies this up.
    }
  }

  const pragma = (name: string) => File.pragma(database, name)

  // A little more than is needed, so that a full database does not do this at every write.
  const makeRoom = () =>
    File.atomically(database, () => {
      const wanted = last.size + maxSize / 1024
      let freed = totalSize(dropExpired.all(last.now, 1024))
      while (freed < wanted) {
        const dropped = totalSize(dropOldest.all())
        if (dropped === 0) return
        freed += dropped
      }
    })

  const scan = function*(prefix: string): Generator<Store.Scanned> {
    for (let after = -Infinity;;) {
      const rows = page.all(after)
      for (const { id: column } of rows) {
        const id = fromColumn(column)
        const entry = id.startsWith(prefix) ? get(id) : undefined
        if (entry !== undefined) yield { id, meta: entry.meta }
      }
      if (rows.length === 0) return
      after = Number(rows[rows.length - 1]!["seq"])
    }
  }

  const clear = () => {
    database.exec("DELETE FROM entry")
    database.exec("PRAGMA incremental_vacuum(256)")
  }

  return {
    makeRoom,
    storage: {
      get,
      set,
      remove: (id: string) => Number(remove.run(toColumn(id)).changes) > 0,
      scan,
      size: () => Number(count.get()?.["size"]),
      clear
    }
  }
}

const increment = (database: DatabaseSync): Store.SyncStorage["increment"] => {
  const add = database.prepare(`
    INSERT INTO number VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET
      value = CASE WHEN expires_at <= ?4 THEN ?2 ELSE value + ?2 END,
      expires_at = CASE WHEN expires_at <= ?4 THEN ?3 ELSE expires_at END
    RETURNING value`)
  const dropExpired = database.prepare("DELETE FROM number WHERE expires_at <= ?")
  let additions = 0
  return (name, by, now, expiresAt = Infinity) => {
    if (++additions % 1024 === 0) dropExpired.run(now)
    return Number(add.get(toColumn(name), by, expiresAt, now)?.["value"])
  }
}

/** A marker that is forgotten costs a load and never a stale read, so only so many are kept. */
const markersKept = 100_000

const tags = (database: DatabaseSync): Store.SyncTags => {
  const select = database.prepare("SELECT version, seq FROM marker WHERE tag = ?")
  const insert = database.prepare("INSERT INTO marker VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
  const replace = database.prepare("INSERT OR REPLACE INTO marker VALUES (?, ?, ?)")
  const counter = database.prepare("SELECT value FROM counter WHERE name = 'invalidations'")
  const count = database.prepare("UPDATE counter SET value = value + 1 WHERE name = 'invalidations' RETURNING value")
  const forget = database.prepare(
    "DELETE FROM marker WHERE tag IN (SELECT tag FROM marker ORDER BY seq DESC LIMIT -1 OFFSET ?)"
  )
  let written = 0

  const read = (tag: string): Store.Marker | undefined => {
    const row = select.get(toColumn(tag))
    return row === undefined ? undefined : { version: String(row["version"]), seq: Number(row["seq"]) }
  }

  const countWritten = (by: number) => {
    const before = Math.floor(written / markersKept)
    written += by
    if (Math.floor(written / markersKept) > before) forget.run(markersKept)
  }

  const create = (names: ReadonlyArray<string>, newVersion: () => string): Store.Markers =>
    File.atomically(database, () => {
      const seq = Number(counter.get()?.["value"])
      for (const tag of names) insert.run(toColumn(tag), newVersion(), seq)
      const markers = names.map((tag) => read(tag)!)
      countWritten(names.length)
      return { seq, markers }
    })

  return {
    version: (tag) => read(tag)?.version,
    // The counter first: a marker written since then is newer than it, and says so.
    markers(names, newVersion) {
      const seq = Number(counter.get()?.["value"])
      const markers = names.map(read)
      return markers.every((marker) => marker !== undefined) ? { seq, markers } : create(names, newVersion)
    },
    invalidate: (names, newVersion) =>
      File.atomically(database, () => {
        const seq = Number(count.get()?.["value"])
        for (const tag of names) replace.run(toColumn(tag), newVersion(), seq)
        countWritten(names.length)
      })
  }
}
