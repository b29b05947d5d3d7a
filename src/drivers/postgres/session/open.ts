/** Opens the schema of stores, locks and guard stores on a SQL database. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import { createHash } from "node:crypto"
import type { StoreError } from "../../../CacheError.ts"
import { OnlyExisting } from "../../../internal/options/onlyExisting.ts"
import { refuseUnknown } from "../../../internal/options/options.ts"
import * as Tokens from "../../../internal/token.ts"
import * as Recent from "../../shared/recentChanges.ts"
import * as Room from "../../shared/room.ts"
import { quoted } from "../../shared/sql/client.ts"
import { refusal } from "../../shared/sql/fault.ts"
import { type Config, configOf, type StoreOptions } from "../../shared/sql/options.ts"
import * as Statements from "../schema/statements.ts"
import { migrate } from "./migrate.ts"
import type { Session } from "./session.ts"

export const open = Effect.fnUntraced(function*(
  { maxSize, maxValue, schema }: Config
): Effect.fn.Return<Session, StoreError, SqlClient.SqlClient> {
  const sql = yield* SqlClient.SqlClient
  if (!sql.onDialectOrElse({ pg: () => true, orElse: () => false })) {
    return yield* refusal(
      "open",
      "Unsupported",
      "the SQL client must be one for PostgreSQL, like @effect/sql-pg; stores also take SQLite"
    )
  }
  const tokens = Tokens.make(yield* Tokens.Seed)
  const name = createHash("sha256").update(schema).digest("hex").slice(0, 16)
  const isOnlyExisting = yield* OnlyExisting
  const turn = Semaphore.makeUnsafe(1)
  const session: Session = {
    sql,
    statements: Statements.make(quoted(schema), maxSize < Infinity),
    channel: `effect_cached_${name}`,
    maxValue,
    origin: tokens.next(8),
    tokens,
    writes: new Map(),
    acquires: new Map(),
    guards: new Map(),
    room: Room.make(maxSize),
    recent: Recent.make(),
    followed: { timeline: undefined, at: 0, isLost: true, turn: Semaphore.makeUnsafe(1) },
    repair: Effect.suspend(() =>
      Effect.provideService(turn.withPermits(1)(migrate(session, schema)), OnlyExisting, isOnlyExisting)
    )
  }
  yield* session.repair
  return session
})

/** Checks options at once. `names` are those that `what` takes. */
export const openWith = (what: string, options: StoreOptions, names: ReadonlyArray<string>) => {
  refuseUnknown(what, options, names)
  return open(configOf(what, options))
}
