/** Opens the tables of a store on SQLite, and creates them if they do not exist. */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import { StoreError } from "../../../CacheError.ts"
import * as Room from "../../shared/room.ts"
import { ask, type Params } from "../../shared/sql/client.ts"
import type { Config } from "../../shared/sql/options.ts"
import * as Statements from "./statements.ts"

export interface Edge {
  readonly sql: SqlClient
  readonly statements: Statements.Statements
  readonly maxValue: number
  readonly room: Room.Room
  readonly repair: Effect.Effect<void, StoreError>
}

export const open = Effect.fnUntraced(function*(
  sql: SqlClient,
  { maxSize, maxValue, schema }: Config
): Effect.fn.Return<Edge, StoreError> {
  const statements = Statements.make(schema)
  const asked = (statement: string, params: Params = []) =>
    Effect.mapError(ask({ sql }, "open", statement, params), (error) =>
      // The messages of SQLite do not quote values, and say which file or table is the matter.
      new StoreError({ store: error.store, operation: "open", reason: error.reason, cause: error.cause }))
  const tables = Statements.tables(schema)
  const repair = Effect.gen(function*() {
    const [row] = yield* asked(statements.present, [JSON.stringify(Array.from(tables.keys()))])
    // Each statement can be repeated, by another process too: databases at the edge have no transactions.
    if (Number(row![0]) < tables.size) { for (const statement of tables.values()) yield* asked(statement) }
  })
  yield* repair
  return { sql, statements, maxValue, room: Room.make(maxSize), repair }
})
