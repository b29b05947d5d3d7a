/** Stores leases in a table of the database. The rules are those of `internal/store/leases.ts`. */
import type { DatabaseSync, SQLOutputValue } from "node:sqlite"
import { chunk } from "../../../internal/defaults/bounds.ts"
import * as Rules from "../../../internal/store/leases.ts"
import type { SyncLeases } from "../../../ports/storage.ts"
import { fromColumn, pages, toColumn } from "../file/schema.ts"

type Leases = ReturnType<typeof make>

/** After `every` writes, only `rows` rows are searched for outdated leases, because a bulk call may hold a million. */
const prune = { every: 1024, rows: 4096 }

const beforeAllIds = -Infinity

export const make = (database: DatabaseSync) => {
  // Returns rows as arrays, because creating an object takes longer than finding the row.
  const current = database.prepare("SELECT 1 FROM lease WHERE id = ? AND generation = ? AND dies > ?")
  current.setReturnArrays(true)
  const select = database.prepare(
    "SELECT generation, owner, millis, until, dies, joined_at, failures, failed_at, note FROM lease WHERE id = ?"
  )
  select.setReturnArrays(true)
  return {
    current,
    select,
    write: database.prepare(`
      INSERT OR REPLACE INTO lease (id, generation, owner, millis, until, dies, joined_at, failures, failed_at, note)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    delete: database.prepare("DELETE FROM lease WHERE id = ?"),
    deleteAll: database.prepare("DELETE FROM lease"),
    page: database.prepare(`SELECT id FROM lease WHERE id > ? ORDER BY id LIMIT ${chunk}`),
    rowAfter: database.prepare("SELECT id FROM lease WHERE id >= ? ORDER BY id LIMIT 1 OFFSET ?"),
    prune: database.prepare("DELETE FROM lease WHERE id >= ? AND id < ? AND dies <= ?"),
    pruneRest: database.prepare("DELETE FROM lease WHERE id >= ? AND dies <= ?"),
    prunedUntil: beforeAllIds as SQLOutputValue,
    writes: 0
  }
}

/** Implements the leases of `SyncStorage`. `current` returns the table of the database that is now in use. */
export const storage = (current: () => Leases): Omit<SyncLeases, "ids"> => ({
  ...Rules.over({ get: (id) => find(current(), id), set: (id, lease, now) => write(current(), id, lease, now) }),
  isCurrent: (id, generation, now) => current().current.get(toColumn(id), generation, now) !== undefined,
  end: (id) => end(current(), id),
  endAll: () => endAll(current())
})

export const ids = function*({ page }: Leases, prefix: string): Generator<string> {
  for (const row of pages(page, "id")) {
    const id = fromColumn(row["id"])
    if (id.startsWith(prefix)) yield id
  }
}

export const end = (self: Leases, id: string): void => void self.delete.run(toColumn(id))

export const endAll = (self: Leases): void => void self.deleteAll.run()

const find = ({ select }: Leases, id: string): Rules.Lease | undefined => {
  const row = select.get(toColumn(id)) as ReadonlyArray<any> | undefined
  if (row === undefined) return undefined
  const [generation, owner, leaseMillis, until, dies, joinedAt, count, at, note] = row
  const failed = note === null ? undefined : { count, at, note }
  return { generation, owner, leaseMillis, until, dies, joinedAt: joinedAt ?? undefined, failed }
}

const write = (self: Leases, id: string, lease: Rules.Lease, now: number): void => {
  if (++self.writes % prune.every === 0) pruneSome(self, now)
  const { dies, failed, generation, joinedAt = null, leaseMillis, owner, until } = lease
  const { at = 0, count = 0, note = null } = failed ?? {}
  self.write.run(toColumn(id), generation, owner, leaseMillis, until, dies, joinedAt, count, at, note)
}

const pruneSome = (self: Leases, now: number): void => {
  const from = self.prunedUntil
  const until = self.rowAfter.get(from, prune.rows)?.["id"]
  if (until === undefined) self.pruneRest.run(from, now)
  else self.prune.run(from, until, now)
  self.prunedUntil = until ?? beforeAllIds
}
