/** The store over SQL clients for SQLite: its tables, its limits, the program's transactions, odd rows. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Schema, Stream } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import type { Store } from "effect-cached/adapters"
import { SqlGuards, SqlStore } from "effect-cached/sql"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { join } from "node:path"
import { decode } from "../../../src/drivers/sqlite/clients/store.ts"
import { singly } from "../../../src/testing/internal/singly.ts"
import { oddTexts } from "../../../src/testing/internal/storeFixtures.ts"
import { lockOf } from "../../support/services.ts"
import { provideSql, sqlClientOf } from "../../support/sqlClient.ts"
import { entry } from "../../support/stored.ts"
import { storeFrom } from "../../support/storeFrom.ts"
import { tempDirectory } from "../../support/tempDirectory.ts"
import { test } from "../../support/tests.ts"

const client = Effect.flatMap(tempDirectory, (directory) => sqlClientOf(join(directory, "db")))

const idsOf = ({ scan }: Store.Store, prefix = "") =>
  Effect.map(
    Stream.runCollect(scan({ prefix })),
    (all) => all.map(({ id }) => id)
  )

describe("SqlStore over SQLite", () => {
  test("is for one process at a time, and keeps entries, tags and counters for the next", function*() {
    const sql = yield* client
    const open = provideSql(sql)(storeFrom(SqlStore.layer()))
    const first = yield* open
    expect(first.capabilities).toMatchObject({ shared: false })
    let loads = 0
    const run = Effect.sync(() => ++loads).pipe(Cached.ttl("a", { ttl: "1 hour", tags: ["t"] }))
    const cache = CacheLayer.sql().pipe(Layer.provide(Layer.succeed(SqlClient.SqlClient, sql)))
    const inCache = <A, E>(effect: Effect.Effect<A, E, any>) => Effect.provide(effect, Layer.fresh(cache))
    expect(yield* inCache(run)).toBe(1)
    expect(yield* inCache(run)).toBe(1)
    yield* inCache(Cached.invalidate({ tag: "t" }))
    expect(yield* inCache(run)).toBe(2)
    yield* first.increment("n", 5)
    expect(yield* Effect.flatMap(open, (store) => store.increment("n", 1))).toBe(6)
  })

  test("leaves tables of another release alone, and makes what is missing", function*() {
    const sql = yield* client
    const open = (schema: string) => provideSql(sql)(storeFrom(SqlStore.layer({ schema })))
    yield* sql`CREATE TABLE shop_99_entry (id TEXT)`
    yield* singly(yield* open("shop")).set("id", entry(1))
    expect(yield* sql`SELECT * FROM shop_99_entry`).toEqual([])
    yield* sql`DROP TABLE shop_1_counter`
    const again = yield* open("shop")
    expect([yield* again.increment("n", 2), yield* again.size]).toEqual([2, 1])
    yield* singly(yield* open("it's \"odd\"")).set("id", entry(1))
  })

  test("makes tables again that are dropped while the program runs", function*() {
    const sql = yield* client
    const store = yield* provideSql(sql)(storeFrom(SqlStore.layer()))
    yield* singly(store).set("id", entry(1))
    yield* sql`DROP TABLE effect_cached_1_entry`
    yield* sql`DROP TABLE effect_cached_1_counter`
    expect(yield* store.get("id", [])).toMatchObject({ entry: undefined })
    expect([yield* store.increment("n", 2), yield* store.size]).toEqual([2, 0])
    yield* sql`DROP TABLE effect_cached_1_entry`
    yield* singly(store).set("id", entry(1))
    expect(yield* store.size).toBe(1)
  })

  test("has no locks and guards of its own: those of the process are used", function*() {
    const sql = yield* client
    const error = yield* Effect.flip(provideSql(sql)(lockOf(SqlGuards.layer())))
    expect([error.reason, error.message]).toEqual([
      "Unsupported",
      expect.stringContaining("must be one for PostgreSQL")
    ])
  })

  test("lists every id once, also those that SQL texts cannot hold, by each of their prefixes", function*() {
    const store = yield* provideSql(yield* client)(storeFrom(SqlStore.layer()))
    for (const id of oddTexts) yield* singly(store).set(id, entry(1, 30_000))
    for (let i = 0; i < 600; i++) yield* singly(store).set(`many ${i}`, entry(2))
    expect((yield* idsOf(store)).toSorted()).toEqual(
      [...oddTexts, ...Array.from({ length: 600 }, (_, i) => `many ${i}`)].toSorted()
    )
    expect(yield* idsOf(store, "many ")).toHaveLength(600)
    for (const id of oddTexts) expect(yield* idsOf(store, id)).toContain(id)
    yield* store.clear
    expect(yield* idsOf(store)).toEqual([])
  })

  test("PE-12 · with a maxSize, removes what has expired, then what was not read for the longest time", function*() {
    const store = yield* provideSql(yield* client)(storeFrom(SqlStore.layer({ maxSize: 100_000 })))
    yield* singly(store).set("expires", entry(1, 20_000, { expiresAt: 3_600_000 }))
    for (let i = 0; i < 7; i++) yield* singly(store).set(`${i}`, entry(1, 10_000))
    yield* TestClock.adjust("2 hours")
    expect(yield* store.size).toBe(7)
    yield* store.getMany(["0", "1"])
    yield* store.get("2", [])
    yield* TestClock.adjust("2 seconds")
    for (let i = 7; i < 13; i++) yield* singly(store).set(`${i}`, entry(1, 10_000))
    yield* TestClock.adjust("2 minutes")
    const ids = yield* idsOf(store)
    expect(ids).toEqual(expect.arrayContaining(["0", "1", "2", "12"]))
    expect(ids).not.toContain("3")
    expect(ids.length).toBeLessThan(10)
  })

  test("removes 3,000 entries in steps", function*() {
    const sql = yield* client
    const store = yield* provideSql(sql)(storeFrom(SqlStore.layer({ maxSize: 10_000 })))
    yield* sql`WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3000)
        INSERT INTO effect_cached_1_entry SELECT '"' || n, zeroblob(100), NULL, n, 100 FROM t`
    yield* TestClock.adjust("2 minutes")
    expect(yield* store.size).toBe(93)
    yield* store.clear
    expect(yield* store.size).toBe(0)
  })

  test("leaves the program's transaction alone", function*() {
    const sql = yield* client
    const cache = CacheLayer.sql().pipe(Layer.provide(Layer.succeed(SqlClient.SqlClient, sql)))
    let loads = 0
    const read = Effect.sync(() => ++loads).pipe(Cached.ttl("a", { ttl: "1 hour" }))
    yield* Effect.provide(
      Effect.gen(function*() {
        yield* read
        expect(yield* sql.withTransaction(read)).toBe(2)
        expect(yield* read).toBe(1)
      }),
      cache
    )
  })

  it.prop("no row of a database throws", [
    Schema.Union([Schema.String, Schema.Number, Schema.Null, Schema.Array(Schema.Number), Schema.Uint8Array])
  ], ([frame]) => {
    expect(decode("id", frame)).toBeUndefined()
  })
})
