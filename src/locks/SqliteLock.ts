/**
 * Locks between the processes of one machine, in a directory of its local disk (SQLite, as Node has it). Not for
 * network file systems.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { LockError } from "../CacheError.ts"
import { busy, lockLifeMillis, lockPollMillis } from "../internal/defaults.ts"
import { trustOf } from "../internal/folder.ts"
import { nextToken } from "../internal/lock/token.ts"
import { monotonicMillis } from "../internal/monotonic.ts"
import { refuseUnknown } from "../internal/options.ts"
import * as Lock from "../Lock.ts"
import * as Busy from "../stores/internal/sqliteBusy.ts"
import { toColumn } from "../stores/internal/sqliteColumn.ts"
import { isBusy, isDamage, isDetached } from "../stores/internal/sqliteFault.ts"
import { atomically, pragma } from "../stores/internal/sqliteFile.ts"
import * as Gate from "../stores/internal/sqliteGate.ts"
import { directoryOf } from "../stores/internal/sqlitePath.ts"
import { makeFolder, requirePlainFile } from "../stores/internal/trust.ts"

/**
 * The directory of the locks.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** the directory; made if it does not exist. The directory of a `SqliteStore` will do */
  readonly directory: string
  /**
   * accepts a folder that other users can write to. What is in it is taken for what the program has stored
   *
   * @default `false`
   */
  readonly trustFolder?: boolean | undefined
}

/**
 * A lock in a directory, closed with its scope. All who name the same directory exclude each other.
 *
 * **Details**
 *
 * - A waiting caller looks every 50 ms, and when the holder's lease ends.
 * - Fencing tokens survive restarts.
 * - Fails with a `LockError` (reason `Unavailable`) if the directory cannot be used: `name` is the directory, `cause`
 *   says why. Throws a `CacheConfigError` for options that make no sense.
 *
 * **Gotchas**
 *
 * - A lock that is closed while it is held stays held until its lease ends.
 * - A damaged file is not replaced, because others may use it: delete it.
 *
 * **Example** (Locking in a directory)
 *
 * ```ts
 * import { Effect } from "effect"
 * import * as SqliteLock from "effect-cached/locks/SqliteLock"
 * import { mkdtempSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 *
 * const directory = join(mkdtempSync(join(tmpdir(), "cache-")), "locks")
 *
 * const program = Effect.gen(function*() {
 *   const lock = yield* SqliteLock.make({ directory })
 *   const { token } = yield* lock.acquire("report", { lease: "5 seconds", wait: "10 seconds" })
 *   return token > 0n
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<Lock.Lock, LockError, Scope.Scope> => {
  const config = validate(options)
  const { directory } = config
  return Effect.clockWith((clock) => {
    const connection = connect(config)
    const gate = Gate.make(() => monotonicMillis(clock))
    const opened = Effect.acquireRelease(
      attempt(directory, gate, connection.tables),
      () => Effect.sync(connection.close)
    )
    return Effect.as(opened, Lock.make(over(connection, gate)))
  })
}

/**
 * The layer of the lock in a directory.
 *
 * **Example** (Reading growing tokens)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Lock } from "effect-cached"
 * import * as SqliteLock from "effect-cached/locks/SqliteLock"
 * import { mkdtempSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 *
 * const directory = join(mkdtempSync(join(tmpdir(), "cache-")), "locks")
 *
 * const held = Effect.gen(function*() {
 *   const lock = yield* Lock.Lock
 *   const { token } = yield* lock.acquire("report", { lease: "5 seconds", wait: "10 seconds" })
 *   return token
 * })
 * const program = Effect.zipWith(Effect.scoped(held), Effect.scoped(held), (first, second) => second > first)
 * await Effect.runPromise(program.pipe(Effect.provide(SqliteLock.layer({ directory })))) // => true
 * ```
 *
 * @see {@link make} for what the lock promises
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<never, LockError> => {
  const lock = make(options)
  return Layer.effect(Lock.Lock, lock)
}

interface Config {
  readonly directory: string
  readonly trustFolder: boolean
}

const validate = (options: Options): Config => {
  refuseUnknown("SqliteLock.make", options, ["directory", "trustFolder"])
  return {
    directory: directoryOf("SqliteLock.make", options),
    trustFolder: trustOf("SqliteLock.make", options.trustFolder)
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// operations
// ---------------------------------------------------------------------------------------------------------------------

const over = ({ leave, tables }: Connection, gate: Gate.Gate): Lock.Backend => {
  const run = <A>(name: string, operation: (tables: Tables, clock: Clock.Clock) => A): Effect.Effect<A, LockError> =>
    Effect.clockWith((clock) =>
      attempt(name, gate, () => {
        try {
          return operation(tables(), clock)
        } catch (thrown) {
          if (isDamage(thrown) || isDetached(thrown)) leave()
          throw thrown
        }
      })
    )
  return {
    name: "sqlite",
    pollMillis: lockPollMillis,
    tryAcquire: (name, leaseMillis) =>
      run(name, (tables, clock) => acquire(tables, { gate, name: toColumn(name), leaseMillis, clock })),
    renew: (name, token, leaseMillis) =>
      run(name, (tables, clock) => {
        const until = clock.currentTimeMillisUnsafe() + leaseMillis
        return Number(tables.renew.run(leaseMillis, until, toColumn(name), token).changes) > 0
      }),
    release: (name, token) => run(name, (tables) => void tables.release.run(toColumn(name), token)),
    isHeld: (name) =>
      run(name, (tables, clock) => {
        const row = look(tables, toColumn(name))
        return row !== undefined && isHeld(row, clock.currentTimeMillisUnsafe())
      })
  }
}

interface Acquiring {
  readonly gate: Gate.Gate
  readonly name: string | Uint8Array
  readonly leaseMillis: number
  readonly clock: Clock.Clock
}

const acquire = (tables: Tables, { clock, gate, leaseMillis, name }: Acquiring): Lock.Acquired => {
  const now = clock.currentTimeMillisUnsafe()
  // A look first: a waiting caller does not keep others from writing.
  const seen = look(tables, name)
  if (seen !== undefined && isHeld(seen, now) && !isAhead(seen, now)) return waitOf(seen, now)
  const steps = (): Lock.Acquired => {
    const row = look(tables, name)
    if (row !== undefined && isHeld(row, now)) {
      // The clock was set back: the lease starts again, or a dead holder would have the lock for longer.
      if (isAhead(row, now)) tables.restart.run(now + row.millis, name)
      return waitOf(row, now)
    }
    const token = nextToken((tables.last.get() as { readonly token: bigint }).token, clock)
    tables.prune.run(now - lockLifeMillis)
    tables.count.run(token)
    tables.insert.run(name, token, leaseMillis, now + leaseMillis)
    return { _tag: "Held", token }
  }
  return gate.pass(() => atomically(tables.database, steps))
}

const look = (tables: Tables, name: string | Uint8Array): Row | undefined =>
  tables.look.get(name) as unknown as Row | undefined

interface Row {
  readonly millis: number
  readonly until: number
}

const isHeld = ({ until }: Row, now: number): boolean => until > now

const isAhead = ({ millis, until }: Row, now: number): boolean => until - now > millis

const waitOf = ({ millis, until }: Row, now: number): Lock.Acquired => ({
  _tag: "Wait",
  leftMillis: Math.min(until - now, millis)
})

/** Tries, and tries again while another process writes. Every operation can be run twice. */
const attempt = <A>(name: string, gate: Gate.Gate, run: () => A): Effect.Effect<A, LockError> => {
  const once = Effect.try({ try: run, catch: (cause) => new LockError({ name, reason: "Unavailable", cause }) })
  return Busy.trying(once, {
    millis: busy.lockMillis,
    refusedBy: ({ cause }) => isBusy(cause) ? { gate, thrown: cause } : undefined
  })
}

// ---------------------------------------------------------------------------------------------------------------------
// the file
// ---------------------------------------------------------------------------------------------------------------------

const format = 1

/** How long SQLite itself waits, in milliseconds. That blocks the process, so a schedule does the rest of the waiting. */
const busyMillis = 5

// Tokens are counted for all names together: a name that nobody holds leaves nothing behind.
const schema = `
  CREATE TABLE lock (name PRIMARY KEY, token INTEGER NOT NULL, millis REAL NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
  CREATE TABLE last (token INTEGER NOT NULL);
  INSERT INTO last VALUES (0);
  PRAGMA user_version = ${format};
`

interface Connection {
  /** the statements of the file in the directory; opens the file if it is not open, or was replaced */
  readonly tables: () => Tables
  /** closes the file: the next operation opens it again, and it may have been repaired */
  readonly leave: () => void
  readonly close: () => void
}

type Tables = ReturnType<typeof open>

const connect = ({ directory, trustFolder }: Config): Connection => {
  const file = path.join(directory, `locks.v${format}.db`)
  let opened: Tables | undefined
  let isClosed = false
  const leave = () => {
    opened?.database.close()
    opened = undefined
  }
  return {
    leave,
    close: () => {
      isClosed = true
      leave()
    },
    tables: () => {
      if (isClosed) throw new Error("The lock is closed")
      if (opened !== undefined && opened.inode === inodeOf(file)) return opened
      leave()
      makeFolder(directory, trustFolder)
      requirePlainFile(file, trustFolder)
      return opened = open(file)
    }
  }
}

const inodeOf = (file: string): number | undefined => fs.statSync(file, { throwIfNoEntry: false })?.ino

const open = (file: string) => {
  const database = new DatabaseSync(file, { timeout: busyMillis })
  try {
    adopt(database, file)
    const last = database.prepare("SELECT token FROM last")
    last.setReadBigInts(true)
    return {
      database,
      inode: inodeOf(file),
      last,
      count: database.prepare("UPDATE last SET token = ?"),
      look: database.prepare("SELECT millis, until FROM lock WHERE name = ?"),
      prune: database.prepare("DELETE FROM lock WHERE until <= ?"),
      insert: database.prepare("INSERT OR REPLACE INTO lock VALUES (?, ?, ?, ?)"),
      renew: database.prepare("UPDATE lock SET millis = ?, until = ? WHERE name = ? AND token = ?"),
      restart: database.prepare("UPDATE lock SET until = ? WHERE name = ?"),
      release: database.prepare("DELETE FROM lock WHERE name = ? AND token = ?")
    }
  } catch (thrown) {
    database.close()
    throw thrown
  }
}

const adopt = (database: DatabaseSync, file: string): void => {
  if (pragma(database, "user_version") === 0) {
    database.exec("PRAGMA journal_mode = WAL")
    atomically(database, () => {
      if (pragma(database, "user_version") === 0) database.exec(schema)
    })
  }
  if (pragma(database, "user_version") !== format) throw new Error(`${file} belongs to another release`)
  database.exec("PRAGMA synchronous = NORMAL")
}
