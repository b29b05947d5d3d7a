/** A client of `effect/sql` over a database in a folder that several processes use. */
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { join } from "node:path"
import { sqlClientOf } from "../../support/sqlClient.ts"

/** The client, and a table of users. */
export const layer = (folder: string): Layer.Layer<SqlClient.SqlClient> =>
  Layer.effect(
    SqlClient.SqlClient,
    Effect.tap(
      sqlClientOf(join(folder, "rows.db")),
      (sql) => Effect.orDie(sql`CREATE TABLE IF NOT EXISTS users (name TEXT)`)
    )
  )
