/** Implements locks in a file of a folder. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { DatabaseSync } from "node:sqlite"
import { LockError } from "../../CacheError.ts"
import { lockLifeMillis, lockPollMillis } from "../../internal/defaults/processes.ts"
import { nextToken } from "../../internal/lock/process.ts"
import { monotonicMillis } from "../../internal/time/monotonic.ts"
import * as Lock from "../../Lock.ts"
import { toColumn } from "./file/schema.ts"
import type { FolderOptions } from "./options.ts"
import * as SideFile from "./sideFile.ts"

/** Opens the lock of a folder until the scope closes. */
export const lockIn = (folder: FolderOptions): Effect.Effect<Lock.Lock, LockError, Scope.Scope> => {
  const toError = (name: string, cause: unknown) => new LockError({ lock: name, reason: "Unavailable", cause })
  const opened = SideFile.make(folder.directory, { ...folder, name: "locks", format: 1, schema, prepare, toError })
  return Effect.map(opened, (file) => Lock.make(backendOf(file)))
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
