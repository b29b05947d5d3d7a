/** Tables, functions and numbers that somebody has removed from a schema are made again, and bring nothing back. */
import { describe, expect } from "@effect/vitest"
import { Effect, Fiber, Layer, Stream } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { PgGuards, PgStore } from "effect-cached/postgres"
import { inspect } from "../../src/config/stores.ts"
import { singly } from "../../src/testing/internal/singly.ts"
import { forAll } from "../support/forAll.ts"
import { freshSchema, isPostgresMissing, quoted, startPostgres } from "../support/postgres.ts"
import { lockOf } from "../support/services.ts"
import { stored } from "../support/stored.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { test } from "../support/tests.ts"
import { until } from "../support/until.ts"

const entry = stored("value", { createdAt: Date.now(), writeId: "0f".repeat(16) })

const tables = ["number", "entry", "change", "history", "marker", "counter", "lock", "guard", "filter", "migrations"]

describe.skipIf(isPostgresMissing())("PostgreSQL, robbed", { timeout: 60_000 }, () => {
  const server = forAll(() => startPostgres())

  const asked = (statement: string) => Effect.promise(() => server.ask(statement))

  let loaded = 0

  /** A program with warm memory that trusts it for an hour, unless it learns of a change. */
  const programIn = (schema: string, url = server.url) =>
    Effect.gen(function*() {
      const context = yield* Layer.build(
        CacheLayer.postgres({ url, schema, maxStaleness: "1 hour", storeTimeout: "10 seconds" })
      )
      const use = <A, E>(effect: Effect.Effect<A, E, Caching.Caching>) => Effect.provideContext(effect, context)
      const of = (key: string) =>
        use(Cached.ttl(Effect.sync(() => ++loaded), key, { ttl: "1 hour", tags: key === "untagged" ? [] : ["t"] }))
      return { use, of }
    })

  const schemaOf = (schema: string) => quoted(schema)
  const damages: ReadonlyArray<readonly [string, (schema: string) => string]> = [
    ...tables.map((table) => [`TRUNCATE ${table}`, (s: string) => `TRUNCATE ${schemaOf(s)}.${table}`] as const),
    [
      "TRUNCATE of all tables",
      (s) => `TRUNCATE ${tables.map((table) => `${schemaOf(s)}.${table}`).join(", ")} RESTART IDENTITY`
    ],
    ["DELETE of one number", (s) => `DELETE FROM ${schemaOf(s)}.number WHERE name = 'invalidations'`],
    ...tables.map((table) => [`DROP TABLE ${table}`, (s: string) => `DROP TABLE ${schemaOf(s)}.${table}`] as const),
    ["DROP SEQUENCE token", (s) => `DROP SEQUENCE ${schemaOf(s)}.token`],
    ["DROP FUNCTION acquire", (s) => `DROP FUNCTION ${schemaOf(s)}.acquire`],
    ["DROP SCHEMA", (s) => `DROP SCHEMA ${schemaOf(s)} CASCADE`]
  ]

  test.live.each(damages)(
    "P2 · %s, under two programs with warm memory: what was invalidated stays so",
    function*([name, damage]) {
      const schema = freshSchema()
      const [a, b] = [yield* programIn(schema), yield* programIn(schema)]
      const isNewEra = /number|all|SCHEMA/.test(name)
      const keys = ["key", "tag", "later", ...isNewEra ? ["untagged"] : []]
      const former = new Map<string, number>()
      for (const key of keys) {
        former.set(key, yield* a.of(key))
        expect(yield* b.of(key)).toBe(former.get(key))
      }
      yield* Effect.sleep("200 millis")
      yield* a.use(Cached.invalidate("key"))
      yield* a.use(Cached.invalidate({ tag: "t" }))
      yield* asked(damage(schema))
      // Also while the table of changes is missing, and whoever asks first.
      for (const key of keys) {
        for (const program of [b, a]) {
          yield* until(`${name}: ${key}`, Effect.map(program.of(key), (value) => value !== former.get(key)))
        }
      }
      // All works again: one load for both, and changes arrive.
      yield* until(
        "both share",
        Effect.gen(function*() {
          yield* a.use(Cached.invalidate("key"))
          yield* Effect.sleep("50 millis")
          return (yield* b.of("key")) === (yield* a.of("key"))
        })
      )
      const before = yield* b.of("later")
      yield* a.use(Cached.invalidate({ tag: "t" }))
      yield* until("a tag", Effect.map(b.of("later"), (value) => value !== before))
      expect(yield* a.use(Cached.counter("n").increment())).toBe((yield* b.use(Cached.counter("n").increment())) - 1)
      // Only a program that opens needs the table of migrations.
      yield* storeFrom(PgStore.layer({ url: server.url, schema }))
      const found = yield* asked(`SELECT count(*)::integer FROM ${schemaOf(schema)}.migrations`)
      expect([name, found]).toEqual([name, [[1]]])
    }
  )

  test.live("a process that follows changes learns that their table was emptied", function*() {
    const schema = freshSchema()
    const options = { url: server.url, schema }
    const [store, other] = [yield* storeFrom(PgStore.layer(options)), yield* storeFrom(PgStore.layer(options))]
    let isCoherent = false
    const follow = Stream.runForEach(store.changes!, ({ _tag }) =>
      Effect.sync(() => {
        isCoherent ||= _tag === "Coherent"
      }))
    const following = yield* Effect.forkScoped(Effect.flip(follow))
    yield* until("the changes are followed", Effect.sync(() => isCoherent))
    yield* asked(`TRUNCATE ${quoted(schema)}.change`)
    yield* singly(other).set("id", entry)
    yield* until("the end", Effect.sync(() => following.pollUnsafe() !== undefined))
    expect((yield* Fiber.join(following)).reason).toBe("Unavailable")
  })

  test.live("a thousand calls at once, in two programs, make the schema once, and fail for no caller", function*() {
    const schema = freshSchema()
    const stores = [
      yield* storeFrom(PgStore.layer({ url: server.url, schema })),
      yield* storeFrom(PgStore.layer({ url: server.url, schema }))
    ]
    yield* asked(`DROP SCHEMA ${quoted(schema)} CASCADE`)
    const calls = Array.from({ length: 1000 }, (_, i) => stores[i % 2]!.increment(`n${i % 10}`, 1))
    yield* Effect.all(calls, { concurrency: "unbounded" })
    expect((yield* stores[0]!.counter("n3"))?.value).toBe(100)
    expect(yield* asked(`SELECT count(*)::integer FROM ${quoted(schema)}.migrations`)).toEqual([[1]])
  })

  test.live("tokens of locks grow, whatever was removed", function*() {
    const schema = freshSchema()
    const lock = yield* lockOf(PgGuards.layer({ url: server.url, schema }))
    const token = Effect.scoped(
      Effect.map(lock.acquire("door", { lease: "10 seconds", wait: 0 }), ({ token }) => token)
    )
    let last = yield* token
    for (const damage of ["DROP SEQUENCE %.token", "DROP SCHEMA % CASCADE", "TRUNCATE %.lock RESTART IDENTITY"]) {
      yield* asked(damage.replace("%", quoted(schema)))
      const next = yield* token
      expect(next > last).toBe(true)
      last = next
    }
  })

  test.live("a load that began before its numbers were removed stores nothing", function*() {
    const schema = freshSchema()
    const store = yield* storeFrom(PgStore.layer({ url: server.url, schema }))
    const acquired = yield* singly(store).acquire("id", {
      owner: "a",
      leaseMillis: 60_000,
      join: false,
      rejectedWriteId: undefined
    })
    yield* asked(`TRUNCATE ${quoted(schema)}.number`)
    expect(acquired._tag === "Granted" && (yield* singly(store).commit("id", acquired.generation, entry))).toBe(false)
    expect((yield* store.get("id", [])).entry).toBeUndefined()
  })

  test.live("the failure of a role that may not make what is missing says so", function*() {
    const schema = freshSchema()
    const of = quoted(schema)
    yield* Effect.scoped(storeFrom(PgStore.layer({ url: server.url, schema })))
    yield* asked("CREATE ROLE user_of_tables LOGIN")
    yield* asked(`GRANT USAGE ON SCHEMA ${of} TO user_of_tables`)
    for (const kind of ["TABLES", "SEQUENCES"]) {
      yield* asked(`GRANT ALL ON ALL ${kind} IN SCHEMA ${of} TO user_of_tables`)
    }
    const url = server.url.replace("postgres@", "user_of_tables@")
    const store = yield* storeFrom(PgStore.layer({ url, schema }))
    expect(yield* store.increment("n", 1)).toBe(1)
    yield* asked(`DROP TABLE ${of}.counter`)
    const opening = Effect.as(Effect.scoped(storeFrom(PgStore.layer({ url, schema }))), 0)
    for (const step of [store.increment("n", 1), opening]) {
      const error = yield* Effect.flip(step)
      expect([error.reason, error.message]).toEqual(["Denied", expect.stringContaining("may not create")])
    }
    const owner = yield* storeFrom(PgStore.layer({ url: server.url, schema }))
    yield* asked(`GRANT ALL ON ALL TABLES IN SCHEMA ${of} TO user_of_tables`)
    expect([yield* owner.increment("n", 1), yield* store.increment("n", 1)]).toEqual([1, 2])
  })

  test.live("an inspection makes nothing", function*() {
    const schema = freshSchema()
    yield* Effect.scoped(storeFrom(PgStore.layer({ url: server.url, schema })))
    yield* asked(`DROP TABLE ${quoted(schema)}.counter`)
    const error = yield* Effect.flip(
      Effect.scoped(inspect(`${server.url}?schema=${encodeURIComponent(schema)}`))
    )
    expect(error.message).toContain("a part of it is missing")
  })
})
