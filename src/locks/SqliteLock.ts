/**
 * Locks between the processes of one machine, in a directory of its local disk (SQLite, as Node brings it). Not for
 * network file systems.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { CacheConfigError, LockError } from "../CacheError.ts"
import { lockLifeMillis, lockPollMillis } from "../internal/defaults.ts"
import { nextToken } from "../internal/lock/token.ts"
import { refuseUnknown, requireType } from "../internal/options.ts"
import * as Lock from "../Lock.ts"
import { toColumn } from "../stores/internal/sqliteColumn.ts"
import { isBusy, isDamage, isDetached } from "../stores/internal/sqliteFault.ts"
import { atomically, pragma } from "../stores/internal/sqliteFile.ts"

/**
 * Where the locks are.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** made if it does not exist; that of a `SqliteStore` will do */
  readonly directory: string
}

/**
 * A lock in a directory, closed with its scope. All who name the same directory exclude each other.
 *
 * Who waits looks every 50 ms, and when the holder's lease ends. Fencing tokens outlive restarts. A lock that is closed
 * while it is held goes on being held until the lease ends.
 *
 * Fails with a `LockError` (reason `Unavailable`) where the directory cannot be used: its `name` is the directory, its
 * `cause` says why. A file that is damaged is not replaced, for others may use it: delete it.
 *
 * Throws a `CacheConfigError` for options that make no sense.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<Lock.Lock, LockError, Scope.Scope> => {
  const directory = validate(options)
  return Effect.suspend(() => {
    const connection = connect(directory)
    const opened = Effect.acquireRelease(attempt(directory, connection.tables), () => Effect.sync(connection.close))
    return Effect.as(opened, Lock.make(over(connection)))
  })
}

/**
 * The layer of the lock in a directory: see `make`.
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
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<never, LockError> => {
  const lock = make(options)
  return Layer.effect(Lock.Lock, lock)
}

const validate = (options: Options): string => {
  refuseUnknown("SqliteLock.make", options, ["directory"])
  requireType("SqliteLock.make", options, ["directory"], "string")
  if (options.directory !== "") return options.directory
  throw new CacheConfigError({ message: `SqliteLock.make needs "directory", a path` })
}

// ---------------------------------------------------------------------------------------------------------------------
// operations
// ---------------------------------------------------------------------------------------------------------------------

const over = ({ leave, tables }: Connection): Lock.Backend => {
  const run = <A>(name: string, operation: (tables: Tables, clock: Clock.Clock) => A): Effect.Effect<A, LockError> =>
    Effect.clockWith((clock) =>
      attempt(name, () => {
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
    tryAcquire: (name, leaseMillis) => run(name, (tables, clock) => take(tables, toColumn(name), leaseMillis, clock)),
    renew: (name, token, leaseMillis) =>
      run(name, (tables, clock) => {
        const until = clock.currentTimeMillisUnsafe() + leaseMillis
        return Number(tables.keep.run(leaseMillis, until, toColumn(name), token).changes) > 0
      }),
    release: (name, token) => run(name, (tables) => void tables.release.run(toColumn(name), token))
  }
}

const take = (tables: Tables, name: string | Uint8Array, leaseMillis: number, clock: Clock.Clock): Lock.Acquired => {
  const now = clock.currentTimeMillisUnsafe()
  const held = () => tables.look.get(name) as unknown as Row | undefined
  // A look first: who waits does not keep others from writing.
  const seen = held()
  if (seen !== undefined && isHeld(seen, now) && !isAhead(seen, now)) return waitOf(seen, now)
  return atomically(tables.database, () => {
    const row = held()
    if (row !== undefined && isHeld(row, now)) {
      // The clock was set back: the lease runs from now on, or a dead holder would have the lock for so much longer.
      if (isAhead(row, now)) tables.restart.run(now + row.millis, name)
      return waitOf(row, now)
    }
    const token = nextToken((tables.last.get() as { readonly token: bigint }).token, clock)
    tables.prune.run(now - lockLifeMillis)
    tables.count.run(token)
    tables.take.run(name, token, leaseMillis, now + leaseMillis)
    return { _tag: "Held", token }
  })
}

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

const firstDelay = "2 millis"

const again = Schedule.exponential(firstDelay).pipe(
  (backoff) => Schedule.min([backoff, Schedule.spaced("50 millis")]),
  Schedule.jittered,
  Schedule.upTo({ duration: "500 millis" })
)

/** Tries, and while another process is writing tries again. Every operation can be run twice. */
const attempt = <A>(name: string, run: () => A): Effect.Effect<A, LockError> => {
  const once = Effect.try({ try: run, catch: (cause) => new LockError({ name, reason: "Unavailable", cause }) })
  const wasBusy = (error: LockError) => isBusy(error.cause)
  // Not at once: two looks at a lock would block the process for twice as long.
  const later = Effect.delay(once, firstDelay)
  return Effect.catchIf(once, wasBusy, () => Effect.retry(later, { schedule: again, while: wasBusy }))
}

// ---------------------------------------------------------------------------------------------------------------------
// the file
// ---------------------------------------------------------------------------------------------------------------------

const format = 1

/** Waiting inside SQLite blocks the whole process: hardly at all here, the rest of the waiting is a schedule's. */
const busyMillis = 5

// Tokens are counted for all names together: a name that nobody holds leaves nothing behind.
const schema = `
  CREATE TABLE lock (name PRIMARY KEY, token INTEGER NOT NULL, millis REAL NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
  CREATE TABLE last (token INTEGER NOT NULL);
  INSERT INTO last VALUES (0);
  PRAGMA user_version = ${format};
`

interface Connection {
  /** of the file in the directory; opens it where it is not open, or no longer there */
  readonly tables: () => Tables
  /** what is wrong with the file may have been repaired when it is opened anew */
  readonly leave: () => void
  readonly close: () => void
}

type Tables = ReturnType<typeof open>

const connect = (directory: string): Connection => {
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
      return opened = open(directory, file)
    }
  }
}

const inodeOf = (file: string): number | undefined => fs.statSync(file, { throwIfNoEntry: false })?.ino

const open = (directory: string, file: string) => {
  fs.mkdirSync(directory, { recursive: true })
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
      take: database.prepare("INSERT OR REPLACE INTO lock VALUES (?, ?, ?, ?)"),
      keep: database.prepare("UPDATE lock SET millis = ?, until = ? WHERE name = ? AND token = ?"),
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
