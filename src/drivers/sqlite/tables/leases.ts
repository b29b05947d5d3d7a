/** Stores leases in a table of the database. The rules are those of `internal/store/leases.ts`. */
import type { DatabaseSync, SQLOutputValue } from "node:sqlite"
import { chunk } from "../../../internal/defaults/bounds.ts"
import { leaseLife, sharedFailures } from "../../../internal/defaults/processes.ts"
import {
  type Held,
  isJoinedAhead,
  isRecorded,
  joinWaitOf,
  leftOf,
  lifeMillis,
  noOwner,
  waitOf
} from "../../../internal/store/leases.ts"
import type { SyncLeases } from "../../../ports/storage.ts"
import type { Acquired, Failures } from "../../../ports/store.ts"
import { fromColumn, toColumn } from "../file/schema.ts"

export type Leases = ReturnType<typeof make>

interface Generation {
  readonly generation: string
  readonly failed?: Failures | undefined
}

interface Lease extends Held, Generation {}

/** After `every` grants, only `rows` rows are searched for outdated leases, because a bulk call may hold a million. */
const prune = { every: 1024, rows: 4096 }

const beforeAllIds = -Infinity

export const make = (database: DatabaseSync) => {
  // Returns rows as arrays, because creating an object takes longer than finding the row.
  const current = database.prepare("SELECT 1 FROM lease WHERE id = ? AND generation = ? AND dies > ?")
  current.setReturnArrays(true)
  return {
    current,
    select: database.prepare(`
      SELECT generation, owner, millis, until, joined_at, failures, failed_at, note
      FROM lease WHERE id = ? AND dies > ?`),
    occupy: database.prepare(`
      INSERT INTO lease (id, generation, owner, millis, until, dies) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
        joined_at = CASE WHEN generation = excluded.generation AND owner = excluded.owner THEN joined_at END,
        generation = excluded.generation, owner = excluded.owner, millis = excluded.millis, until = excluded.until,
        dies = excluded.dies`),
    shorten: database.prepare("UPDATE lease SET until = ? WHERE id = ?"),
    recordJoin: database.prepare("UPDATE lease SET joined_at = ? WHERE id = ?"),
    renew: database.prepare("UPDATE lease SET millis = ?, until = ?, dies = ? WHERE id = ? AND owner = ?"),
    // The first Node that the package supports takes `?1` for a name.
    release: database.prepare(`
      UPDATE lease SET owner = '${noOwner}', until = -9e999, failed_at = ?, note = ?,
        dies = ? + max(${leaseLife.times} * millis, ${sharedFailures.millis}),
        failures = CASE
          WHEN NOT ? THEN 0 WHEN abs(? - failed_at) < ${sharedFailures.millis} THEN failures + 1 ELSE 1 END
      WHERE id = ? AND owner = ?`),
    delete: database.prepare("DELETE FROM lease WHERE id = ?"),
    deleteAll: database.prepare("DELETE FROM lease"),
    page: database.prepare(`SELECT id FROM lease WHERE id > ? ORDER BY id LIMIT ${chunk}`),
    rowAfter: database.prepare("SELECT id FROM lease WHERE id >= ? ORDER BY id LIMIT 1 OFFSET ?"),
    prune: database.prepare("DELETE FROM lease WHERE id >= ? AND id < ? AND dies <= ?"),
    pruneRest: database.prepare("DELETE FROM lease WHERE id >= ? AND dies <= ?"),
    prunedUntil: beforeAllIds as SQLOutputValue,
    grants: 0,
    looked: undefined as Lease | undefined
  }
}

/** Implements the leases of `SyncStorage`. `current` returns the table of the database that is now in use. */
export const storage = (current: () => Leases): Omit<SyncLeases, "ids"> => ({
  leftMillis(id, options, now) {
    const self = current()
    self.looked = find(self, id, now)
    return waitOf(self.looked, options, now)
  },
  acquire(id, ...asked) {
    const self = current()
    return lead(self, find(self, id, asked[1]), id, ...asked)
  },
  acquireSame(id, ...asked) {
    const self = current()
    return lead(self, self.looked, id, ...asked)
  },
  isCurrent: (id, generation, now) => current().current.get(toColumn(id), generation, now) !== undefined,
  end: (id) => end(current(), id),
  endAll: () => endAll(current()),
  renew(id, owner, leaseMillis, now) {
    const { changes } = current().renew
      .run(leaseMillis, now + leaseMillis, now + lifeMillis(leaseMillis), toColumn(id), owner)
    return Number(changes) > 0
  },
  release(id, owner, now, note) {
    const hasFailed = note === undefined ? 0 : 1
    const { changes } = current().release.run(now, note ?? null, now, hasFailed, now, toColumn(id), owner)
    return Number(changes) > 0
  }
})

export const ids = function*({ page }: Leases, prefix: string): Generator<string> {
  for (let rows = page.all(beforeAllIds); rows.length > 0; rows = page.all(rows.at(-1)!["id"]!)) {
    for (const row of rows) {
      const id = fromColumn(row["id"])
      if (id.startsWith(prefix)) yield id
    }
  }
}

export const end = (self: Leases, id: string): void => void self.delete.run(toColumn(id))

export const endAll = (self: Leases): void => void self.deleteAll.run()

const find = ({ select }: Leases, id: string, now: number): Lease | undefined => {
  const row = select.get(toColumn(id), now)
  return row === undefined ? undefined : {
    generation: String(row["generation"]),
    owner: String(row["owner"]),
    leaseMillis: Number(row["millis"]),
    until: Number(row["until"]),
    joinedAt: row["joined_at"] === null ? undefined : Number(row["joined_at"]),
    failed: failedOf(row, now)
  }
}

const lead = (
  self: Leases,
  lease: Lease | undefined,
  ...asked: Parameters<SyncLeases["acquire"]>
): ReturnType<SyncLeases["acquire"]> => {
  const [id, options, now, newGeneration] = asked
  if (lease === undefined) return grant(self, { generation: newGeneration() }, ...asked)
  const left = leftOf(lease, now)
  if (left === 0 || lease.owner === options.owner) return grant(self, lease, ...asked)
  if (lease.until > now + left) self.shorten.run(now + left, toColumn(id))
  if (isJoinedAhead(lease, now)) self.recordJoin.run(now, toColumn(id))
  const leftMillis = joinWaitOf(lease, options.join, now)
  if (leftMillis > 0) return { _tag: "Wait", leftMillis }
  if (isRecorded(options.join)) self.recordJoin.run(now, toColumn(id))
  return granted(lease)
}

const grant = (
  self: Leases,
  of: Generation,
  ...[id, { leaseMillis, owner }, now]: Parameters<SyncLeases["acquire"]>
) => {
  if (++self.grants % prune.every === 0) pruneSome(self, now)
  self.occupy.run(toColumn(id), of.generation, owner, leaseMillis, now + leaseMillis, now + lifeMillis(leaseMillis))
  return granted(of)
}

const pruneSome = (self: Leases, now: number): void => {
  const from = self.prunedUntil
  const until = self.rowAfter.get(from, prune.rows)?.["id"]
  if (until === undefined) self.pruneRest.run(from, now)
  else self.prune.run(from, until, now)
  self.prunedUntil = until ?? beforeAllIds
}

const granted = ({ failed, generation }: Generation): Acquired & { readonly _tag: "Granted" } =>
  failed === undefined ? { _tag: "Granted", generation } : { _tag: "Granted", generation, failures: failed }

/** Returns recent failures of loads. Ignores old ones and, after the clock was set back, those far in the future. */
const failedOf = ({ failed_at: at, failures, note }: Record<string, unknown>, now: number): Failures | undefined => {
  const count = Number(failures)
  if (count === 0 || Math.abs(now - Number(at)) >= sharedFailures.millis) return undefined
  return { count, note: note instanceof Uint8Array ? note : new Uint8Array(0) }
}
