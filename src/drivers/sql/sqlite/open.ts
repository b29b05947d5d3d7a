/** Opens the tables of a store on SQLite, and creates them if they do not exist. */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import { StoreError } from "../../../CacheError.ts"
import * as Room from "../../shared/room.ts"
import type { Config } from "../options.ts"
import { refusal } from "../session/fault.ts"
import { ask, type Params } from "../session/session.ts"
import * as Statements from "./statements.ts"

/** The number of the tables. A database with a later one belongs to a newer release, and is left alone. */
const format = 1

export interface Edge {
  readonly sql: SqlClient
  readonly statements: Statements.Statements
  readonly maxValue: number
  readonly room: Room.Room
}

export const open = Effect.fnUntraced(function*(
  sql: SqlClient,
  { maxSize, maxValue, schema }: Config
): Effect.fn.Return<Edge, StoreError> {
  const self: Edge = { sql, statements: Statements.make(schema), maxValue, room: Room.make(maxSize) }
  const { createFormat, format: readFormat, writeFormat } = self.statements
  const asked = (statement: string, params: Params = []) =>
    Effect.mapError(ask(self, "open", statement, params), (error) =>
      // The messages of SQLite do not quote values, and say which file or table is the matter.
      new StoreError({ store: error.store, operation: "open", reason: error.reason, cause: error.cause }))
  yield* asked(createFormat)
  const [row] = yield* asked(readFormat)
  const present = Number(row?.[0] ?? 0)
  if (present > format) {
    return yield* refusal(
      "open",
      "Unsupported",
      `the tables "${schema}_…" have format ${present}, and this release knows ${format}: upgrade effect-cached, or ` +
        "name another `schema`"
    )
  }
  if (present === 0) {
    // Each statement can be repeated, by another process too: databases at the edge have no transactions.
    for (const statement of Statements.tables(schema)) yield* asked(statement)
    yield* asked(writeFormat, [format])
  }
  return self
})
