/** Opens the store of the client's database, and what a server also has: locks and guards. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import type { StoreError } from "../../CacheError.ts"
import type { Lock } from "../../Lock.ts"
import type { GuardStore } from "../../ports/guardStore.ts"
import type { Store } from "../../ports/store.ts"
import { guardsOver } from "./guards.ts"
import { lockOver } from "./locks.ts"
import type { Config } from "./options.ts"
import { open } from "./session/open.ts"
import type { Session } from "./session/session.ts"
import * as Sqlite from "./sqlite/open.ts"
import * as SqliteStore from "./sqlite/store.ts"
import { storeOver } from "./store/store.ts"

interface Opened {
  readonly store: Store
  /** Absent for SQLite, whose programs have the locks and guards of their process. */
  readonly lock?: Effect.Effect<Lock>
  readonly guards?: Effect.Effect<GuardStore>
}

export const openedOver = (session: Session): Effect.Effect<Opened, never, Scope.Scope> =>
  Effect.map(storeOver(session), (store) => ({
    store,
    lock: Effect.sync(() => lockOver(session)),
    guards: Effect.sync(() => guardsOver(session))
  }))

export const openStore = (config: Config): Effect.Effect<Opened, StoreError, Scope.Scope | SqlClient> =>
  Effect.flatMap(SqlClient, (sql): Effect.Effect<Opened, StoreError, Scope.Scope | SqlClient> =>
    sql.onDialectOrElse({
        sqlite: () => true,
        orElse: () => false
      })
      ? Effect.flatMap(Sqlite.open(sql, config), (edge) =>
        Effect.map(SqliteStore.storeOver(edge), (store) => ({ store })))
      : Effect.flatMap(open(config), openedOver))
