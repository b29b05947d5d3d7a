/** Frees pages of a full database that has no entries. Removes the oldest markers first, then leases, then counters. */
import type { DatabaseSync } from "node:sqlite"
import { fromColumn, pragma } from "../file/schema.ts"
import * as Changes from "./changes.ts"

const tables = [
  { table: "marker", name: "tag", order: "seq" },
  { table: "lease", name: "id", order: "dies" },
  { table: "counter", name: "name", order: "expires_at" }
]

export const dropMetadata = (database: DatabaseSync, changes: Changes.Changes, pages: number): void => {
  for (const table of tables) {
    while (pragma(database, "freelist_count") < pages) if (!dropSome(database, changes, table)) break
  }
}

const dropSome = (
  database: DatabaseSync,
  changes: Changes.Changes,
  { name, order, table }: typeof tables[number]
): boolean => {
  const some = `SELECT ${name} FROM ${table} ORDER BY ${order} LIMIT (SELECT max(64, count(*) / 8) FROM ${table})`
  const dropped = database.prepare(`DELETE FROM ${table} WHERE ${name} IN (${some}) RETURNING ${name} AS name`).all()
  if (table === "marker") Changes.markersDropped(changes, dropped.map(({ name }) => fromColumn(name)))
  return dropped.length > 0
}
