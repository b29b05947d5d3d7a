/** How many pages of the server the statements of a store read: the size of the tables must not decide it. */
import { PgClient } from "@effect/sql-pg"
import { describe, expect } from "@effect/vitest"
import { Effect, Redacted, Stream } from "effect"
import type { Store } from "effect-cached/adapters"
import { SqlStore } from "effect-cached/sql"
import { Reactivity } from "effect/reactivity"
import { SqlClient } from "effect/sql"
import { singly } from "../../src/testing/internal/singly.ts"
import { forAll } from "../support/forAll.ts"
import { freshSchema, isPostgresMissing, quoted, startPostgres } from "../support/postgres.ts"
import { changed, holding } from "../support/postgresClient.ts"
import { entry } from "../support/stored.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { testIn } from "../support/tests.ts"
import { until } from "../support/until.ts"

describe.skipIf(isPostgresMissing())("PostgreSQL · what statements read", { timeout: 60_000 }, () => {
  const server = forAll(() => startPostgres())

  /** A store whose last statement of each kind is known, and how many pages of the server one of them reads. */
  const watched = Effect.gen(function*() {
    const schema = freshSchema()
    const client = yield* PgClient.make({ url: Redacted.make(server.url), maxConnections: 5 })
    const last = new Map<string, readonly [string, ReadonlyArray<unknown>]>()
    const kinds = { changes: /changes_since/, moved: /has_moved/, size: /^SELECT count/ }
    const sql = changed(client, {
      unsafe: (statement: string, params: ReadonlyArray<unknown>) => {
        for (const [kind, pattern] of Object.entries(kinds)) {
          if (pattern.test(statement)) last.set(kind, [statement, params])
        }
        return client.unsafe(statement, params)
      }
    })
    const store = yield* Effect.provideService(storeFrom(SqlStore.layer({ schema })), SqlClient.SqlClient, sql)
    const pages = (kind: keyof typeof kinds) =>
      Effect.map(
        Effect.suspend(() => {
          const [statement, params] = last.get(kind)!
          const explain = `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${statement}`
          // The first one also reads what the server knows of the tables.
          return Effect.andThen(client.unsafe(explain, params).values, client.unsafe(explain, params).values)
        }),
        ([row]) => {
          const { Plan: plan } = (row![0] as ReadonlyArray<{ readonly Plan: Record<string, number> }>)[0]!
          return plan["Shared Hit Blocks"]! + plan["Shared Read Blocks"]!
        }
      )
    return { schema, client, store, pages }
  })

  testIn(Reactivity.layer).live(
    "a question for changes reads only what is new, whatever transaction is open since before",
    function*() {
      const { client, pages, schema, store } = yield* watched
      const seen: Array<Store.Change> = []
      yield* Effect.forkScoped(Stream.runForEach(store.changes, (change) => Effect.sync(() => seen.push(change))))
      yield* until("it follows", Effect.sync(() => seen.length > 0))
      const end = yield* holding(client, "SELECT pg_current_xact_id()::text")
      yield* client.unsafe(`INSERT INTO ${quoted(schema)}.change (origin, kind, subject, at)
        SELECT 'other', 'C', convert_to('x' || g, 'UTF8'), 1e15 FROM generate_series(1, 19000) g`)
      yield* until("they are seen", Effect.sync(() => seen.length > 19_000))
      yield* client.unsafe(`SELECT 1 FROM ${quoted(schema)}.tell('other', 'C', ARRAY['last'::bytea])`)
      yield* until("the next question", Effect.sync(() => seen.length > 19_001))
      const first = yield* store.transact!({ checks: [], steps: [{ _tag: "Increment", name: "n", by: 1 }] })
      const position = first._tag === "Committed" ? first.position : undefined
      const check = { checks: [{ _tag: "Position", position: position! }], steps: [] } as const
      expect((yield* store.transact!(check))._tag).toBe("Committed")
      expect(yield* pages("changes")).toBeLessThan(100)
      expect(yield* pages("moved")).toBeLessThan(100)
      yield* end("SELECT 1")
      // The long transaction's own changes are seen when it ends.
      const late = yield* holding(client, `SELECT 1 FROM ${quoted(schema)}.tell('other', 'C', ARRAY['late'::bytea])`)
      yield* singly(store).remove("before")
      yield* Effect.sleep("300 millis")
      expect(seen.some((change) => change._tag === "Changed" && change.id === "late")).toBe(false)
      yield* late("SELECT 1")
      yield* until(
        "the late change",
        Effect.sync(() => seen.filter((one) => "id" in one && one.id === "late").length === 1)
      )
    }
  )

  testIn(Reactivity.layer).live("a count of entries reads an index, and not their values", function*() {
    const { client, pages, schema, store } = yield* watched
    yield* singly(store).set("id", entry(1, 1000))
    yield* client.unsafe(`INSERT INTO ${quoted(schema)}.entry (key, whole, era, frame, expires_at, gone_at)
        SELECT convert_to('x' || g, 'UTF8'), '', era, frame, expires_at, gone_at
        FROM ${quoted(schema)}.entry, generate_series(1, 20000) g`)
    yield* client.unsafe(`VACUUM ANALYZE ${quoted(schema)}.entry`)
    expect(yield* store.size).toBe(20001)
    expect(yield* pages("size")).toBeLessThan(200)
    yield* store.clear
    expect(yield* store.size).toBe(0)
  })
})
