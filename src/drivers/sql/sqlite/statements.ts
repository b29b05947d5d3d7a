/**
 * The statements of the store on SQLite. Each works alone and takes few parameters, because databases at the edge have
 * no transactions and limit parameters. Times are of the clients' clocks; `NULL` is a deadline that never comes.
 */
import { quoted } from "../session/text.ts"

/** How many rows one step removes, so that it ends in time. */
export const rowsOfStep = 1000

const isLive = (column: string): string => `coalesce(${column}, 9e999) > ?`

/** The first statements of a new database. `schema` is the first part of the names of all tables. */
export const tables = (schema: string): ReadonlyArray<string> => {
  const [entry, counter] = [quoted(`${schema}_entry`), quoted(`${schema}_counter`)]
  return [
    `CREATE TABLE IF NOT EXISTS ${entry} (id TEXT PRIMARY KEY, frame BLOB NOT NULL, expires_at REAL,
      used_at REAL NOT NULL, size INTEGER NOT NULL)`,
    `CREATE INDEX IF NOT EXISTS ${quoted(`${schema}_entry_used_at`)} ON ${entry} (used_at, size)`,
    `CREATE INDEX IF NOT EXISTS ${quoted(`${schema}_entry_expires_at`)} ON ${entry} (expires_at)
      WHERE expires_at IS NOT NULL`,
    `CREATE TABLE IF NOT EXISTS ${counter} (name TEXT PRIMARY KEY, value INTEGER NOT NULL, expires_at REAL)`
  ]
}

const formats = (schema: string) => {
  const table = quoted(`${schema}_migrations`)
  return {
    /** The table that the migrator of Effect makes, which needs a transaction. */
    createFormat: `CREATE TABLE IF NOT EXISTS ${table} (migration_id integer PRIMARY KEY NOT NULL,
      created_at datetime NOT NULL DEFAULT current_timestamp, name VARCHAR(255) NOT NULL)`,
    format: `SELECT max(migration_id) FROM ${table}`,
    writeFormat: `INSERT OR IGNORE INTO ${table} (migration_id, name) VALUES (?, 'tables')`
  }
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
  ...formats(schema),
  ...entries(quoted(`${schema}_entry`)),
  ...counters(quoted(`${schema}_counter`))
})

export type Statements = ReturnType<typeof make>
