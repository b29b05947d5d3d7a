/** The laws of stores and locks hold for PostgreSQL. Time is real, since the server's counts. */
import { PgClient } from "@effect/sql-pg"
import { afterAll, beforeAll, describe, it } from "@effect/vitest"
import { type Context, Effect, Layer, Redacted } from "effect"
import { SqlGuards, SqlStore } from "effect-cached/sql"
import { lastingStoreLaws, lockLaws, sharedStoreLaws, storeLaws } from "effect-cached/testing"
import type { SqlClient } from "effect/sql"
import { endedRemovals } from "../../support/endedRemovals.ts"
import { freshSchema, isPostgresMissing, type Server, startPostgres } from "../../support/postgres.ts"
import { lockOf } from "../../support/services.ts"
import { storeFrom } from "../../support/storeFrom.ts"

describe.skipIf(isPostgresMissing())("PostgreSQL", () => {
  let server: Server
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.end(), 60_000)

  /** Each process has a client of its own. */
  const over = <A, E, R>(make: Effect.Effect<A, E, R | SqlClient.SqlClient>) =>
    Effect.suspend(() =>
      Effect.flatMap(
        Layer.build(PgClient.layer({ url: Redacted.make(server.url), maxConnections: 3 })),
        (context) =>
          Effect.provideContext(make, context as Context.Context<any>) as Effect.Effect<
            A,
            E,
            Exclude<R, SqlClient.SqlClient>
          >
      )
    )

  describe.concurrent("CA-07 · AI-01 · a server", () => {
    const make = Effect.suspend(() => over(storeFrom(SqlStore.layer({ schema: freshSchema() }))))
    for (const law of [...storeLaws(make), endedRemovals(make)]) it.live(law.name, () => law.run)
    const two = Effect.suspend(() => {
      const one = over(storeFrom(SqlStore.layer({ schema: freshSchema() })))
      return Effect.all([one, one])
    })
    for (const law of sharedStoreLaws(two)) it.live(`shared: ${law.name}`, () => law.run)
    const reopened = Effect.sync(() => ({ open: over(storeFrom(SqlStore.layer({ schema: freshSchema() }))) }))
    for (const law of lastingStoreLaws(reopened)) it.live(`opened again: ${law.name}`, () => law.run)
  })

  // Leases are renewed in time only if the other laws do not keep the server busy.
  describe.concurrent("locks", () => {
    const locks = Effect.suspend(() => {
      const one = over(lockOf(SqlGuards.layer({ schema: freshSchema() })))
      return Effect.all([one, one])
    })
    for (const law of lockLaws(locks)) it.live(law.name, () => law.run)
  })
})
