/** The counters of a database. */
import type { DatabaseSync } from "node:sqlite"
import type { SyncCounters } from "../../ports/storage.ts"
import { toColumn } from "./sqliteColumn.ts"

/** So many writes between two looks at the counters that have expired. */
const tidyEvery = 1024

export const make = (database: DatabaseSync): SyncCounters => {
  const select = database.prepare("SELECT value, expires_at FROM counter WHERE name = ?")
  const write = database.prepare("INSERT OR REPLACE INTO counter VALUES (?, ?, ?)")
  const remove = database.prepare("DELETE FROM counter WHERE name = ?")
  const removeAll = database.prepare("DELETE FROM counter")
  const dropExpired = database.prepare("DELETE FROM counter WHERE expires_at <= ?")
  let writes = 0
  return {
    get(name) {
      const row = select.get(toColumn(name))
      return row === undefined ? undefined : { value: Number(row["value"]), expiresAt: Number(row["expires_at"]) }
    },
    set(name, { expiresAt, value }, now) {
      if (++writes % tidyEvery === 0) dropExpired.run(now)
      write.run(toColumn(name), value, expiresAt)
    },
    remove: (name) => Number(remove.run(toColumn(name)).changes) > 0,
    clear: () => void removeAll.run()
  }
}
