/** An `effect/sql` client without a database. Loaded only if a transaction is open and its client is unknown. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import * as Statement from "effect/sql/Statement"

type Service = Context.Service<SqlClient.TransactionConnection, SqlClient.TransactionConnection.Service>

/** Makes a client that serves only `afterCommit`, because the program's own client is often not in the context. */
export const makeClient = (transactionService: Service): Effect.Effect<SqlClient.SqlClient> =>
  Effect.provide(
    SqlClient.make({
      transactionService,
      acquirer: Effect.die("A client without a database"),
      compiler: Statement.makeCompilerSqlite(),
      driver: "effect-cached",
      spanAttributes: []
    }),
    Reactivity.layer
  )
