/** Creates the tables and functions of a store in its schema, and those that are missing later. */
import * as Effect from "effect/Effect"
import type { StoreError } from "../../../CacheError.ts"
import { OnlyExisting } from "../../../internal/options/onlyExisting.ts"
import { type Inside, quoted, single, transaction } from "../../shared/sql/client.ts"
import { codeIn, refusal } from "../../shared/sql/fault.ts"
import { functions } from "../schema/functions.ts"
import { relations, tables } from "../schema/tables.ts"
import type { Session } from "./session.ts"

/** The number of the last migration. A schema with a later one belongs to a newer release, and is left alone. */
const format = 1

const oldest = 130_000

/** Whether a schema has all of this format. Fails if it must not be used, or not be made. */
const isWhole = Effect.fnUntraced(function*(ask: Inside, schema: string): Effect.fn.Return<boolean, unknown> {
  const table = `${quoted(schema)}.${quoted("migrations")}`
  const names = ["migrations", ...relations(), ...functions("", "").keys()]
  const [found] = yield* ask(
    `SELECT current_setting('server_version_num')::integer, to_regclass($1::text) IS NOT NULL, count(*)::integer FROM (
        SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $2::text
        UNION ALL
        SELECT proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = $2::text
      ) t(name) WHERE name = ANY($3::text[])`,
    [table, schema, names]
  )
  if (Number(found![0]) < oldest) return yield* refusal("open", "Unsupported", "it needs PostgreSQL 13 or newer")
  const [latest] = found![1] === true ? yield* ask(`SELECT max(migration_id)::integer FROM ${table}`, []) : [[0]]
  const present = Number(latest![0])
  if (present > format) {
    return yield* refusal(
      "open",
      "Unsupported",
      `the schema "${schema}" has format ${present}, and this release knows ${format}: upgrade effect-cached, or ` +
        "name another `schema`"
    )
  }
  const isWhole = present === format && Number(found![2]) >= names.length
  if (!isWhole && (yield* OnlyExisting)) {
    return yield* refusal(
      "open",
      "Unavailable",
      `there is no cache in the schema "${schema}", or a part of it is missing`
    )
  }
  return isWhole
})

const create = Effect.fnUntraced(function*(ask: Inside, schema: string, channel: string) {
  const s = quoted(schema)
  yield* ask("SELECT pg_advisory_xact_lock(hashtextextended($1::text, 2))", [channel])
  // Another process may have made it meanwhile.
  if (yield* isWhole(ask, schema)) return
  const [exists] = yield* ask(
    `SELECT EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = n.oid AND relkind IN ('r', 'p'))
        AND NOT EXISTS (SELECT 1 FROM pg_proc WHERE pronamespace = n.oid AND proname = 'repair')
      FROM pg_namespace n WHERE nspname = $1::text`,
    [schema]
  )
  if (exists?.[0] === true) return yield* ofAnotherProgram(schema)
  const statements = [
    ...exists === undefined ? [`CREATE SCHEMA ${s}`] : [],
    `CREATE TABLE IF NOT EXISTS ${s}.migrations (migration_id integer PRIMARY KEY,
      created_at timestamp with time zone NOT NULL DEFAULT now(), name text NOT NULL)`,
    `INSERT INTO ${s}.migrations (migration_id, name) VALUES (${format}, 'tables') ON CONFLICT DO NOTHING`,
    ...tables(s),
    ...functions(s, channel).values(),
    `SELECT ${s}.repair()`
  ]
  for (const statement of statements) yield* ask(statement, [])
})

/** Makes what is missing in the schema, once for all processes that miss it. */
export const migrate = (session: Session, schema: string): Effect.Effect<void, StoreError> =>
  Effect.mapError(
    Effect.flatMap(
      single(session, "open", (ask) => isWhole(ask, schema)),
      (isWhole) => isWhole ? Effect.void : transaction(session, "open", (ask) => create(ask, schema, session.channel))
    ),
    (error) => openError(schema, error)
  )

const ofAnotherProgram = (schema: string) =>
  refusal("open", "Unsupported", `the schema "${schema}" has tables of another program. Name another \`schema\``)

const codesOfOthers = new Set(["42P07", "42723", "42703", "42809", "42P13"])

/** The error of a schema that could not be opened, saying what to do. */
const openError = (schema: string, error: StoreError): StoreError => {
  const code = codeIn(error.cause)
  if (code === "42501") {
    const { message } = error.cause as Error
    return refusal(
      "open",
      "Denied",
      `the user may not create or use what the cache needs in the schema "${schema}" (${message}). An administrator ` +
        `can run: CREATE SCHEMA ${quoted(schema)} AUTHORIZATION the_user, or, if the schema exists, ` +
        `ALTER SCHEMA ${quoted(schema)} OWNER TO the_user`
    )
  }
  return codesOfOthers.has(code) ? ofAnotherProgram(schema) : error
}
