/** Opens a client of `@effect/sql-pg` for programs that have none. */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import type { StoreError } from "../../CacheError.ts"
import * as Defaults from "../../internal/defaults/sql.ts"
import { refuseUnknown } from "../../internal/options/options.ts"
import {
  type Config,
  configOf,
  type Connection,
  connectionOf,
  type ConnectionOptions,
  connectionOptions,
  type StoreOptions
} from "../sql/options.ts"
import { storeError } from "../sql/session/fault.ts"
import { open } from "../sql/session/open.ts"
import type { Session } from "../sql/session/session.ts"

const clientOf = ({ maxConnections, password, prepare, url }: Connection) =>
  Effect.mapError(
    Effect.provide(
      PgClient.make({
        url,
        ...password === undefined ? {} : { password },
        maxConnections,
        prepare,
        applicationName: "effect-cached",
        keepAlive: Defaults.keepAliveMillis
      }),
      Reactivity.layer
    ),
    (error) => storeError("open", error)
  )

export const openAt = (config: Config, connection: Connection): Effect.Effect<Session, StoreError, Scope.Scope> =>
  Effect.flatMap(
    clientOf(connection),
    (client) => Effect.provideService(open(config), SqlClient.SqlClient, client)
  )

/** Checks options at once. `names` are those of the schema that `what` takes. */
export const openWith = (what: string, options: ConnectionOptions & StoreOptions, names: ReadonlyArray<string>) => {
  refuseUnknown(what, options, [...connectionOptions, ...names])
  return openAt(configOf(what, options), connectionOf(what, options))
}
