/** A process that renames a user, and is killed between the commit of its SQL transaction and the invalidation. */
import { Effect, Layer } from "effect"
import { Cached, CacheLayer, Transaction } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { SqliteStore } from "effect-cached/sqlite"
import { SqlClient } from "effect/sql"
import { pluralOf } from "../../support/pluralOf.ts"
import { storeFrom } from "../../support/storeFrom.ts"
import * as Sql from "./sql.ts"

const [folder, name] = process.argv.slice(2) as [string, string]

/** The first request to the store after the commit removes the entry. */
const killing = Layer.effect(
  Store.Store,
  Effect.map(
    storeFrom(SqliteStore.layer({ directory: `${folder}/cache` })),
    (store): Store.Store => ({
      ...store,
      remove: pluralOf.remove(() => Effect.sync(() => process.kill(process.pid, "SIGKILL")))
    })
  )
)

const rename = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`UPDATE users SET name = ${name}`
  yield* Cached.invalidate("user")
}).pipe(Transaction.withSql({ outbox: "cache_outbox" }))

await Effect.runPromise(
  rename.pipe(Effect.provide([Sql.layer(folder), Layer.provide(CacheLayer.layer(), killing)]), Effect.scoped)
)
