/**
 * Locks for all processes of one machine, kept in a directory on the local disk with Node's SQLite. Must not be used on
 * a network file system.
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { DatabaseSync } from "node:sqlite"
import { LockError } from "../../CacheError.ts"
import { lockLifeMillis, lockPollMillis } from "../../internal/defaults/processes.ts"
import { nextToken } from "../../internal/lock/process.ts"
import { refuseUnknown } from "../../internal/options/options.ts"
import { monotonicMillis } from "../../internal/time/monotonic.ts"
import * as Lock from "../../Lock.ts"
import { toColumn } from "./file/schema.ts"
import { folderOf } from "./options.ts"
import * as SideFile from "./sideFile.ts"

/**
 * The directory in which the locks are kept.
 * @category options
 * @since 0.1.0
 */
interface Options {
  /** The directory. It is created if it does not exist, and may be the directory of a `SqliteStore`. */
  readonly directory: string
  /**
   * Whether to accept a folder that other users can write to. The program then trusts everything they write there.
   * @default `false`
   */
  readonly trustFolder?: boolean | undefined
}

/**
 * Provides a lock service in a directory.
 *
 * **When to use**
 *
 * Use for locks that all processes of a machine share. `CacheLayer.disk` already provides a lock service in its folder.
 *
 * **Details**
 *
 * - A waiting caller checks the lock every 50 ms and when the holder's lease ends. Fencing tokens grow across restarts.
 * - If the directory cannot be used, the layer fails with a `LockError` (reason `Unavailable`) whose `name` is the
 *   directory and whose `cause` is the original error. Invalid options throw a `CacheConfigError`.
 *
 * **Gotchas**
 *
 * - If the scope closes while a lock is held, the lock stays held until its lease ends.
 * - A damaged file is not replaced automatically, because other processes may use it. Delete the file by hand.
 *
 * **Example** (Reading growing tokens)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Lock } from "effect-cached/adapters"
 * import { SqliteLock } from "effect-cached/sqlite"
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
 * @see `RedisLock.layer` for processes on several machines
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<never, LockError> => {
  const what = "SqliteLock.layer"
  refuseUnknown(what, options, ["directory", "trustFolder"])
  const folder = folderOf(what, options)
  const toError = (name: string, cause: unknown) => new LockError({ lock: name, reason: "Unavailable", cause })
  const opened = SideFile.make(folder.directory, { ...folder, name: "locks", format: 1, schema, prepare, toError })
  return Layer.effect(Lock.Lock, Effect.map(opened, (file) => Lock.make(backendOf(file))))
}

type File = SideFile.SideFile<Tables, LockError>

const backendOf = (file: File): Lock.Backend => {
  const pruning: Pruning = { dueAt: -Infinity }
  return {
    name: "sqlite",
    pollMillis: lockPollMillis,
    tryAcquire: (name, leaseMillis) =>
      SideFile.attempt(
        file,
        name,
        (tables, clock) => acquire(tables, { file, pruning, name: toColumn(name), leaseMillis, clock })
      ),
    renew: (name, token, leaseMillis) =>
      SideFile.attempt(file, name, (tables, clock) => {
        const until = clock.currentTimeMillisUnsafe() + leaseMillis
        return Number(tables.renew.run(leaseMillis, until, toColumn(name), token).changes) > 0
      }),
    release: (name, token) => SideFile.attempt(file, name, (tables) => release(tables, { name, token })),
    releaseMany: (held) =>
      SideFile.attempt(
        file,
        held[0]?.name ?? "",
        (tables) => SideFile.write(file, () => held.forEach((one) => release(tables, one)))
      ),
    isHeld: (name) =>
      SideFile.attempt(file, name, (tables, clock) => {
        const row = look(tables, toColumn(name))
        return row !== undefined && isHeld(row, clock.currentTimeMillisUnsafe())
      })
  }
}

/** The schedule for removing rows of expired locks. Removal is rare, because it scans all rows. */
interface Pruning {
  /** When the next removal is due, on the monotonic clock. */
  dueAt: number
}

interface Acquiring {
  readonly file: File
  readonly pruning: Pruning
  readonly name: string | Uint8Array
  readonly leaseMillis: number
  readonly clock: Clock.Clock
}

const acquire = (tables: Tables, { clock, file, leaseMillis, name, pruning }: Acquiring): Lock.Acquired => {
  const now = clock.currentTimeMillisUnsafe()
  // Reads the row without a write lock first, so that waiting callers do not keep other processes from writing.
  const seen = look(tables, name)
  if (seen !== undefined && isHeld(seen, now) && !isAhead(seen, now)) return waitOf(seen, now)
  return SideFile.write(file, () => {
    const row = look(tables, name)
    if (row !== undefined && isHeld(row, now)) {
      // The clock was set back. The lease starts again now, so that it does not last until the clock has caught up.
      if (isAhead(row, now)) tables.restart.run(now + row.millis, name)
      return waitOf(row, now)
    }
    const token = nextToken((tables.last.get() as { readonly token: bigint }).token, clock)
    if (monotonicMillis(clock) >= pruning.dueAt) {
      tables.prune.run(now - lockLifeMillis)
      pruning.dueAt = monotonicMillis(clock) + lockLifeMillis
    }
    tables.count.run(token)
    tables.insert.run(name, token, leaseMillis, now + leaseMillis)
    return { _tag: "Held", token }
  })
}

const release = (tables: Tables, { name, token }: { readonly name: string; readonly token: bigint }): void =>
  void tables.release.run(toColumn(name), token)

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

// All names share one token counter, so that no row has to be kept for a released lock.
const schema = `
  CREATE TABLE lock (name PRIMARY KEY, token INTEGER NOT NULL, millis REAL NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
  CREATE TABLE last (token INTEGER NOT NULL);
  INSERT INTO last VALUES (0);
`

const prepare = (database: DatabaseSync) => {
  const last = database.prepare("SELECT token FROM last")
  last.setReadBigInts(true)
  return {
    last,
    count: database.prepare("UPDATE last SET token = ?"),
    look: database.prepare("SELECT millis, until FROM lock WHERE name = ?"),
    prune: database.prepare("DELETE FROM lock WHERE until <= ?"),
    insert: database.prepare("INSERT OR REPLACE INTO lock VALUES (?, ?, ?, ?)"),
    renew: database.prepare("UPDATE lock SET millis = ?, until = ? WHERE name = ? AND token = ?"),
    restart: database.prepare("UPDATE lock SET until = ? WHERE name = ?"),
    release: database.prepare("DELETE FROM lock WHERE name = ? AND token = ?")
  }
}

type Tables = ReturnType<typeof prepare>
