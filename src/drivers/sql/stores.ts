/** Opens the store of the client's database, and what a server also has: locks and guards. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import type { StoreError } from "../../CacheError.ts"
import { type Opened, openedOver } from "../postgres/opened.ts"
import { open } from "../postgres/session/open.ts"
import type { Config } from "../shared/sql/options.ts"
import * as Sqlite from "../sqlite/clients/open.ts"
import * as SqliteStore from "../sqlite/clients/store.ts"

export const openStore = (config: Config): Effect.Effect<Opened, StoreError, Scope.Scope | SqlClient> =>
  Effect.flatMap(SqlClient, (sql): Effect.Effect<Opened, StoreError, Scope.Scope | SqlClient> =>
    sql.onDialectOrElse({
        sqlite: () => true,
        orElse: () => false
      })
      ? Effect.flatMap(Sqlite.open(sql, config), (edge) =>
        Effect.map(SqliteStore.storeOver(edge), (store) => ({ store })))
      : Effect.flatMap(open(config), openedOver))
