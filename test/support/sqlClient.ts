/** A client of `effect/sql` over `node:sqlite`. */
import { Context, Effect, type Scope, Stream } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, SqlError, Statement } from "effect/sql"
import { join } from "node:path"
import { DatabaseSync, type SQLInputValue } from "node:sqlite"
import { tempDirectory } from "./tempDirectory.ts"

const connectionOf = (database: DatabaseSync): SqlConnection.Connection => {
  const run = <A>(f: () => A) =>
    Effect.try({
      try: f,
      catch: (cause) => new SqlError.SqlError({ reason: new SqlError.UnknownError({ cause, operation: "execute" }) })
    })
  const rows = (sql: string, params: ReadonlyArray<unknown>) =>
    run(() => database.prepare(sql).all(...params as ReadonlyArray<SQLInputValue>))
  const values = (sql: string, params: ReadonlyArray<unknown>) =>
    Effect.map(rows(sql, params), (rows) => rows.map((row) => Object.values(row)))
  return {
    execute: rows,
    executeRaw: rows,
    executeUnprepared: rows,
    executeValues: values,
    executeValuesUnprepared: values,
    executeStream: (sql, params) => Stream.fromIterableEffect(rows(sql, params))
  }
}

/** A client, whose every transaction has a connection of its own. Several processes may use the file. */
export const sqlClientOf = (file: string): Effect.Effect<SqlClient.SqlClient, never, Scope.Scope> =>
  Effect.gen(function*() {
    const acquirer = Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => new DatabaseSync(file, { timeout: 5000 })),
        (database) => Effect.sync(() => database.close())
      ),
      connectionOf
    )
    const client = yield* SqlClient.make({
      acquirer,
      compiler: Statement.makeCompilerSqlite(),
      driver: "node-sqlite",
      spanAttributes: []
    })
    yield* Effect.orDie(client`PRAGMA journal_mode = WAL`)
    return client
  }).pipe(Effect.provide(Reactivity.layer))

/** A client for a database of the test's own, with a table of users. */
export const sqlClient: Effect.Effect<SqlClient.SqlClient, never, Scope.Scope> = Effect.gen(function*() {
  const client = yield* sqlClientOf(join(yield* tempDirectory, "test.db"))
  yield* Effect.orDie(client`CREATE TABLE users (id INTEGER, name TEXT)`)
  return client
})

/** The client in the context, as a layer of a driver provides it. */
export const provideSql = (client: SqlClient.SqlClient) =>
  Effect.provideContext(Context.make(SqlClient.SqlClient, client))
