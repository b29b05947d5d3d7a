/** The counters of a database. */
import type { DatabaseSync } from "node:sqlite"
import { chunk } from "../../../internal/defaults/bounds.ts"
import type { SyncCounters } from "../../../ports/storage.ts"
import type { Counter } from "../../../ports/store.ts"
import { fromColumn, toColumn } from "./text.ts"

/** How many writes there are between two removals of expired counters. */
const tidyEvery = 1024

const counterOf = (row: Record<string, unknown>): Counter => ({
  value: Number(row["value"]),
  expiresAt: Number(row["expires_at"])
})

export const make = (database: DatabaseSync): SyncCounters => {
  const select = database.prepare("SELECT value, expires_at FROM counter WHERE name = ?")
  const write = database.prepare("INSERT OR REPLACE INTO counter VALUES (?, ?, ?)")
  const remove = database.prepare("DELETE FROM counter WHERE name = ?")
  const removeAll = database.prepare("DELETE FROM counter")
  const dropExpired = database.prepare("DELETE FROM counter WHERE expires_at <= ?")
  const rows = "SELECT name, value, expires_at FROM counter"
  const firstPage = database.prepare(`${rows} ORDER BY name LIMIT ${chunk}`)
  const nextPage = database.prepare(`${rows} WHERE name > ? ORDER BY name LIMIT ${chunk}`)
  let writes = 0
  return {
    get(name) {
      const row = select.get(toColumn(name))
      return row === undefined ? undefined : counterOf(row)
    },
    set(name, { expiresAt, value }, now) {
      if (++writes % tidyEvery === 0) dropExpired.run(now)
      write.run(toColumn(name), value, expiresAt)
    },
    remove: (name) => Number(remove.run(toColumn(name)).changes) > 0,
    clear: () => void removeAll.run(),
    *scan(prefix) {
      for (let page = firstPage.all(); page.length > 0; page = nextPage.all(page.at(-1)!["name"]!)) {
        for (const row of page) {
          const name = fromColumn(row["name"])
          if (name.startsWith(prefix)) yield { name, ...counterOf(row) }
        }
      }
    }
  }
}
