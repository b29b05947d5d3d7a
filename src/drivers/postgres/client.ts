/** Opens a client of `@effect/sql-pg` for programs that have none. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import { StoreError } from "../../CacheError.ts"
import * as Defaults from "../../internal/defaults/sql.ts"
import { refuseUnknown } from "../../internal/options/options.ts"
import { onMachineClock } from "../../internal/time/monotonic.ts"
import { packageError } from "../shared/packageError.ts"
import { storeError, storeName } from "../shared/sql/fault.ts"
import {
  type Config,
  configOf,
  type Connection,
  connectionOf,
  type ConnectionOptions,
  connectionOptions,
  type StoreOptions
} from "../shared/sql/options.ts"
import { open } from "./session/open.ts"
import type { Session } from "./session/session.ts"
import * as Sockets from "./sockets.ts"

const library = Effect.tryPromise({
  // Bundlers leave out a missing package whose import is in `try`: it is optional.
  try: async () => {
    try {
      return await import("@effect/sql-pg/PgClient")
    } catch (error) {
      throw packageError("@effect/sql-pg", error)
    }
  },
  catch: (cause) => new StoreError({ store: storeName, operation: "open", reason: "Unsupported", cause })
})

/** Closes its connections. Those whose server does not answer are cut, since the client would wait for an answer. */
const clientOf = Effect.fnUntraced(function*({ maxConnections, password, prepare, url }: Connection) {
  const PgClient = yield* library
  const sockets = Sockets.make(Redacted.value(url))
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer((exit) =>
    onMachineClock(Effect.gen(function*() {
      const closing = yield* Effect.forkDetach(Scope.close(scope, exit))
      yield* Effect.timeoutOption(Fiber.await(closing), Defaults.endMillis)
      sockets.destroy()
      yield* Fiber.await(closing)
    }))
  )
  return yield* Effect.mapError(
    Effect.provide(
      Scope.provide(
        PgClient.make({
          url,
          ...password === undefined ? {} : { password },
          maxConnections,
          prepare,
          applicationName: "effect-cached",
          stream: sockets.connect
        }),
        scope
      ),
      Reactivity.layer
    ),
    (error) => storeError("open", error)
  )
})

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
