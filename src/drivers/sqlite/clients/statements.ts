/**
 * The statements of the store on SQLite. Each works alone and takes few parameters, because databases at the edge have
 * no transactions and limit parameters. Times are of the clients' clocks; `NULL` is a deadline that never comes.
 */
import { quoted } from "../../shared/sql/client.ts"

/** How many rows one step removes, so that it ends in time. */
export const rowsOfStep = 1000

const isLive = (column: string): string => `coalesce(${column}, 9e999) > ?`

/**
 * The number of the tables is a part of their names: a release with another format has tables of its own. `schema` is
 * the first part of all names.
 */
const format = 1

const named = (schema: string, name: string): string => `${schema}_${format}_${name}`

/** The statements that create the tables and indexes, by their names. */
export const tables = (schema: string): ReadonlyMap<string, string> => {
  const entry = quoted(named(schema, "entry"))
  const creating = (kind: "INDEX" | "TABLE", name: string, of: string) => {
    const whole = named(schema, name)
    return [whole, `CREATE ${kind} IF NOT EXISTS ${quoted(whole)} ${of}`] as const
  }
  return new Map([
    creating(
      "TABLE",
      "entry",
      "(id TEXT PRIMARY KEY, frame BLOB NOT NULL, expires_at REAL, used_at REAL NOT NULL, size INTEGER NOT NULL)"
    ),
    creating("INDEX", "entry_used_at", `ON ${entry} (used_at, size)`),
    creating("INDEX", "entry_expires_at", `ON ${entry} (expires_at) WHERE expires_at IS NOT NULL`),
    creating("TABLE", "counter", "(name TEXT PRIMARY KEY, value INTEGER NOT NULL, expires_at REAL)")
  ])
}

const entries = (entry: string) => {
  const step = `SELECT rowid FROM ${entry}`
  return {
    read: `SELECT frame, used_at FROM ${entry} WHERE id = ?`,
    readMany: `SELECT id, frame, used_at FROM ${entry} WHERE id IN (SELECT value FROM json_each(?))`,
    put: `INSERT INTO ${entry} (id, frame, expires_at, used_at, size) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id)
      DO UPDATE SET frame = excluded.frame, expires_at = excluded.expires_at, used_at = excluded.used_at,
        size = excluded.size`,
    remove: `DELETE FROM ${entry} WHERE id = ? RETURNING 1`,
    scan: `SELECT id, CASE WHEN size <= ? THEN frame END FROM ${entry} WHERE id >= ? AND id > ? ORDER BY id LIMIT ?`,
    size: `SELECT count(*) - (SELECT count(*) FROM ${entry} WHERE id >= '"~:p:' AND id < '"~:p;') FROM ${entry}`,
    last: `SELECT coalesce(max(rowid), 0) FROM ${entry}`,
    removeUpTo: `DELETE FROM ${entry} WHERE rowid IN (${step} WHERE rowid <= ? LIMIT ${rowsOfStep}) RETURNING 1`,
    removeExpired:
      `DELETE FROM ${entry} WHERE rowid IN (${step} WHERE expires_at <= ? LIMIT ${rowsOfStep}) RETURNING 1`,
    measure: `SELECT coalesce(sum(size), 0) FROM ${entry}`,
    removeOldest: `DELETE FROM ${entry} WHERE rowid IN (SELECT rowid FROM
        (SELECT rowid, sum(size) OVER (ORDER BY used_at, rowid) - size AS before FROM
          (SELECT rowid, used_at, size FROM ${entry} ORDER BY used_at LIMIT ${rowsOfStep})) WHERE before < ?)
      RETURNING size`,
    use: `UPDATE ${entry} SET used_at = ? WHERE id IN (SELECT value FROM json_each(?))`
  }
}

const counters = (counter: string) => {
  const live = isLive(`${counter}.expires_at`)
  return {
    counter: `SELECT value, expires_at FROM ${counter} WHERE name = ? AND ${live}`,
    /** The parameter of the time comes three times. */
    increment: `INSERT INTO ${counter} (name, value, expires_at) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET
        value = CASE WHEN ${live} THEN ${counter}.value ELSE 0 END + excluded.value,
        expires_at = CASE WHEN ${live} THEN ${counter}.expires_at ELSE excluded.expires_at END
      WHERE NOT (${live}) OR abs(${counter}.value + excluded.value) <= ${Number.MAX_SAFE_INTEGER} RETURNING value`,
    touchCounter: `UPDATE ${counter} SET expires_at = ? WHERE name = ? AND ${live} RETURNING 1`,
    removeCounter: `DELETE FROM ${counter} WHERE name = ? RETURNING coalesce(expires_at, 9e999) > ?`,
    scanCounters: `SELECT name, value, expires_at FROM ${counter} WHERE name >= ? AND name > ? ORDER BY name LIMIT ?`,
    clearCounters: `DELETE FROM ${counter}`,
    removeExpiredCounters: `DELETE FROM ${counter} WHERE rowid IN
      (SELECT rowid FROM ${counter} WHERE expires_at <= ? LIMIT ${rowsOfStep}) RETURNING 1`
  }
}

export const make = (schema: string) => ({
  present: "SELECT count(*) FROM sqlite_schema WHERE name IN (SELECT value FROM json_each(?))",
  ...entries(quoted(named(schema, "entry"))),
  ...counters(quoted(named(schema, "counter")))
})

export type Statements = ReturnType<typeof make>
