/** Creates the tables and functions of a store in its schema, with the migrator of Effect. */
import * as Effect from "effect/Effect"
import * as Migrator from "effect/sql/Migrator"
import { SqlClient } from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import { StoreError } from "../../../CacheError.ts"
import { OnlyExisting } from "../../../internal/options/onlyExisting.ts"
import { functions } from "../postgres/functions.ts"
import { tables } from "../postgres/tables.ts"
import { codeOf, refusal, storeError } from "./fault.ts"
import { quoted } from "./text.ts"

/** The number of the last migration. A schema with a later one belongs to a newer release, and is left alone. */
const format = 1

const oldest = 130_000

const create = (schema: string, channel: string): Effect.Effect<void, SqlError, SqlClient> =>
  Effect.flatMap(SqlClient, (sql) =>
    Effect.forEach(
      [...tables(quoted(schema)), ...functions(quoted(schema), channel)],
      (statement) => sql.unsafe(statement),
      { discard: true }
    ))

const run = Migrator.make({})

export const migrate = Effect.fnUntraced(
  function*(sql: SqlClient, schema: string, channel: string): Effect.fn.Return<void, unknown> {
    const table = `${quoted(schema)}.${quoted("migrations")}`
    const ask = (statement: string, params: ReadonlyArray<unknown>) => sql.unsafe(statement, params).values
    const [found] = yield* ask(
      "SELECT current_setting('server_version_num')::integer, to_regclass($1::text) IS NOT NULL",
      [table]
    )
    if (Number(found![0]) < oldest) return yield* refusal("open", "Unsupported", "it needs PostgreSQL 13 or newer")
    const [latest] = found![1] === true ? yield* ask(`SELECT max(migration_id)::integer FROM ${table}`, []) : [[0]]
    const present = Number(latest![0])
    if (present === format) return
    if (present > format) {
      return yield* refusal(
        "open",
        "Unsupported",
        `the schema "${schema}" has format ${present}, and this release knows ${format}: upgrade effect-cached, or ` +
          "name another `schema`"
      )
    }
    if (present === 0 && (yield* OnlyExisting)) {
      return yield* refusal("open", "Unavailable", `there is no cache in the schema "${schema}"`)
    }
    const [exists] = yield* ask("SELECT 1 FROM pg_namespace WHERE nspname = $1::text", [schema])
    // Another process may create the schema at the same time.
    if (exists === undefined) {
      yield* Effect.catch(
        ask(`CREATE SCHEMA IF NOT EXISTS ${quoted(schema)}`, []),
        (error) => isSqlError(error) && error.reason._tag === "UniqueViolation" ? Effect.void : Effect.fail(error)
      )
    }
    yield* Effect.provideService(
      run({ loader: Migrator.fromRecord({ "1_tables": create(schema, channel) }), table: `${schema}.migrations` }),
      SqlClient,
      sql.withoutTransforms()
    )
  }
)

interface Caused {
  readonly cause?: unknown
}

/** The error of a schema that could not be opened, saying what to do. */
export const openError = (schema: string, thrown: unknown): StoreError => {
  if (thrown instanceof StoreError) return thrown
  const error = isSqlError(thrown) ? thrown : (thrown as Caused).cause ?? thrown
  if (!isSqlError(error)) return storeError("open", error)
  if (error.reason._tag === "AuthorizationError") {
    return refusal(
      "open",
      "Denied",
      `the user may not create or use the schema "${schema}". An administrator can run: ` +
        `CREATE SCHEMA ${quoted(schema)} AUTHORIZATION the_user`
    )
  }
  if (codeOf(error) === "42P07" || codeOf(error) === "42723") {
    return refusal(
      "open",
      "Unsupported",
      `the schema "${schema}" has tables of another program. Name another \`schema\``
    )
  }
  return storeError("open", error)
}
