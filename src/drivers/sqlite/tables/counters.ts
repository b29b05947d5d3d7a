/** Stores counters in a table of the database. */
import type { DatabaseSync } from "node:sqlite"
import { chunk } from "../../../internal/defaults/bounds.ts"
import type { SyncCounters } from "../../../ports/storage.ts"
import type { Counter, NamedCounter } from "../../../ports/store.ts"
import { fromColumn, pages, toColumn } from "../file/schema.ts"

type Counters = ReturnType<typeof make>

/** The number of writes between two removals of expired counters. */
const tidyEvery = 1024

export const make = (database: DatabaseSync) => ({
  select: database.prepare("SELECT value, expires_at FROM counter WHERE name = ?"),
  write: database.prepare("INSERT OR REPLACE INTO counter VALUES (?, ?, ?)"),
  delete: database.prepare("DELETE FROM counter WHERE name = ?"),
  deleteAll: database.prepare("DELETE FROM counter"),
  dropExpired: database.prepare("DELETE FROM counter WHERE expires_at <= ?"),
  page: database.prepare(`SELECT name, value, expires_at FROM counter WHERE name > ? ORDER BY name LIMIT ${chunk}`),
  writes: 0
})

/** Implements the counters of `SyncStorage`. `current` returns the table of the database that is now in use. */
export const storage = (current: () => Counters): Omit<SyncCounters, "scan"> => ({
  get(name) {
    const row = current().select.get(toColumn(name))
    return row === undefined ? undefined : counterOf(row)
  },
  set(name, { expiresAt, value }, now) {
    const self = current()
    if (++self.writes % tidyEvery === 0) self.dropExpired.run(now)
    self.write.run(toColumn(name), value, expiresAt)
  },
  remove: (name) => Number(current().delete.run(toColumn(name)).changes) > 0,
  clear: () => clear(current())
})

export const clear = (self: Counters): void => void self.deleteAll.run()

export const scan = function*({ page }: Counters, prefix: string): Generator<NamedCounter> {
  for (const row of pages(page, "name")) {
    const name = fromColumn(row["name"])
    if (name.startsWith(prefix)) yield { name, ...counterOf(row) }
  }
}

const counterOf = (row: Record<string, unknown>): Counter => ({
  value: Number(row["value"]),
  expiresAt: Number(row["expires_at"])
})
