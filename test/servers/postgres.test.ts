/** The promises of the store on PostgreSQL beyond the laws: set-up, refusals, outages, transactions, poolers. */
import { PgClient } from "@effect/sql-pg"
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Queue, Redacted, Schedule, Stream } from "effect"
import { Cached, CacheLayer, CachePolicy, type Caching, Guard } from "effect-cached"
import type { Store } from "effect-cached/adapters"
import { PgGuards, PgStore } from "effect-cached/postgres"
import { SqlStore } from "effect-cached/sql"
import { Reactivity } from "effect/reactivity"
import { SqlClient } from "effect/sql"
import { join } from "node:path"
import { inspect } from "../../src/config/stores.ts"
import { singly } from "../../src/testing/internal/singly.ts"
import { ending } from "../support/ending.ts"
import { freshSchema, isPostgresMissing, quoted, type Server, startPostgres } from "../support/postgres.ts"
import { changed, sending } from "../support/postgresClient.ts"
import { startProxy } from "../support/proxy.ts"
import { lockOf } from "../support/services.ts"
import { sqlClientOf } from "../support/sqlClient.ts"
import { stored } from "../support/stored.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test, testIn } from "../support/tests.ts"
import { until } from "../support/until.ts"

const withReactivity = testIn(Reactivity.layer)

const entry = (text: string) => stored(text, { createdAt: Date.now(), writeId: "0f".repeat(16) })

const putting = /^SELECT .*\.put\(/

describe.skipIf(isPostgresMissing())("PostgreSQL", { timeout: 60_000 }, () => {
  let server: Server
  beforeAll(async () => {
    server = await startPostgres()
    await server.ask("CREATE ROLE poor LOGIN PASSWORD 'hunter2'")
  }, 60_000)
  afterAll(() => server.end())

  const asked = (statement: string) => Effect.promise(() => server.ask(statement))
  const storeIn = (schema: string) => storeFrom(PgStore.layer({ url: server.url, schema }))

  let loaded = 0

  /** A cache with memory, and its loads. No two loads have the same result. */
  const processIn = (schema: string, options: Partial<CacheLayer.PostgresOptions> = {}) =>
    Effect.gen(function*() {
      const of = { loads: 0 }
      const layer = CacheLayer.postgres({ url: server.url, schema, maxStaleness: "1 hour", ...options })
      const context = yield* Layer.build(layer)
      const use = <A, E>(effect: Effect.Effect<A, E, Caching.Caching>) => Effect.provideContext(effect, context)
      const load = Effect.sync(() => {
        of.loads++
        return ++loaded
      })
      const read = use(Cached.ttl(load, "k", { ttl: "1 hour", tags: ["t"] }))
      return { context, of, read, use }
    })

  /** Waits until a statement waits for a lock, and ends its connection. */
  const cutWaiting = Effect.gen(function*() {
    const waiting = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    yield* until("a statement that waits", Effect.map(asked(waiting), (rows) => rows.length > 0))
  })

  const locking = (table: string) =>
    asked(
      `DO $$ BEGIN LOCK TABLE ${table.replaceAll("'", "''")} IN ACCESS EXCLUSIVE MODE; PERFORM pg_sleep(60); END $$`
    )

  const endSleeping = asked("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")

  test.live("fails with a StoreError if a connection is lost in the middle of a transaction, or of the set-up", function*() {
    const schema = "cut"
    const store = yield* storeIn(schema)
    for (
      const [table, step] of [
        ["entry", store.transact!({ checks: [], steps: [{ _tag: "Set", id: "a", entry: entry("1") }] })],
        ["migrations", Effect.scoped(storeIn(schema))]
      ] as const
    ) {
      if (table === "migrations") yield* asked(`DELETE FROM ${schema}.migrations`)
      yield* Effect.forkChild(Effect.ignoreCause(locking(`${schema}.${table}`)))
      yield* until(
        "a lock",
        Effect.map(asked("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"), (rows) => rows.length > 0)
      )
      const fiber = yield* Effect.forkChild(Effect.exit<unknown, unknown, never>(step))
      yield* cutWaiting
      const exit = yield* Fiber.join(fiber)
      expect(Exit.isFailure(exit) && exit.cause.reasons.map(({ _tag }) => _tag)).toEqual(["Fail"])
      yield* endSleeping
    }
  })

  describe("set-up", () => {
    test.live("by eight processes at once makes one schema", function*() {
      const schema = freshSchema()
      const stores = yield* Effect.all(Array.from({ length: 8 }, () => storeIn(schema)), { concurrency: 8 })
      yield* stores[0]!.increment("n", 1)
      expect(yield* stores[7]!.counter("n")).toEqual({ value: 1, expiresAt: Infinity })
    })

    test.live("is not the work of an inspection, which lists the entries of a schema that is there", function*() {
      const schema = freshSchema()
      const inspection = inspect(`${server.url}?schema=${encodeURIComponent(schema)}`)
      const missing = yield* Effect.flip(Effect.scoped(inspection))
      expect(missing.message).toContain("there is no cache in the schema")
      expect((yield* asked("SELECT nspname FROM pg_namespace")).flat()).not.toContain(schema)
      const store = yield* storeIn(schema)
      yield* singly(store).set("a", entry("1"))
      const ids = Effect.flatMap(
        inspection,
        ({ entries }) => Stream.runCollect(Stream.map(entries(), ({ id }) => id))
      )
      expect(yield* Effect.scoped(ids)).toEqual(["a"])
    })

    test.live("leaves a schema of a newer release, and one of another program, as they are", function*() {
      const schema = freshSchema()
      yield* Effect.scoped(storeIn(schema))
      yield* asked(`INSERT INTO ${quoted(schema)}.migrations VALUES (99, now(), 'later')`)
      const newer = yield* Effect.flip(Effect.scoped(storeIn(schema)))
      expect([newer.reason, newer.message]).toEqual(["Unsupported", expect.stringContaining("has format 99")])
      for (const table of ["entry", "lock", "theirs"]) {
        yield* asked(`CREATE SCHEMA taken_${table}`)
        yield* asked(`CREATE TABLE taken_${table}.${table} (id integer)`)
        const taken = yield* Effect.flip(Effect.scoped(storeIn(`taken_${table}`)))
        expect([taken.reason, taken.message]).toEqual([
          "Unsupported",
          expect.stringContaining("tables of another program")
        ])
        expect(yield* asked(`SELECT tablename FROM pg_tables WHERE schemaname = 'taken_${table}'`)).toEqual([[table]])
      }
    })

    test.live("by a user without rights says what an administrator can run, and no password", function*() {
      const url = server.url.replace("postgres@", "poor@")
      const error = yield* Effect.flip(
        Effect.scoped(storeFrom(PgStore.layer({ url, schema: "refused", password: Redacted.make("hunter2") })))
      )
      expect([error.reason, error.message]).toEqual([
        "Denied",
        expect.stringContaining("CREATE SCHEMA \"refused\" AUTHORIZATION")
      ])
      expect(JSON.stringify([error, String(error), error.stack])).not.toContain("hunter2")
      yield* asked("CREATE SCHEMA allowed AUTHORIZATION poor")
      let connections = 0
      const password = Effect.sync(() => Redacted.make(`hunter${++connections}`))
      const store = yield* storeFrom(PgStore.layer({ url, schema: "allowed", password }))
      expect(yield* store.increment("n", 1)).toBe(1)
      expect(connections).toBeGreaterThan(0)
    })

    test.live("works where a backslash in a text of SQL begins an escape", function*() {
      yield* asked("CREATE ROLE former SUPERUSER LOGIN")
      yield* asked("ALTER ROLE former SET standard_conforming_strings = off")
      const url = server.url.replace("postgres@", "former@")
      const store = yield* storeFrom(PgStore.layer({ url, schema: freshSchema() }))
      yield* store.set(["a", "\ud800"].map((id) => ({ id, entry: entry("1") })))
      const ids = Stream.runCollect(Stream.map(store.scan(), ({ id }) => id))
      expect(yield* ids).toEqual(["a", "\ud800"])
    })

    test.live("without a server, or over another database, fails with a reason", function*() {
      const unreachable = yield* Effect.flip(
        Effect.scoped(storeFrom(PgStore.layer({ url: "postgres://user:hunter2@127.0.0.1:1/none" })))
      )
      expect(unreachable.reason).toBe("Unavailable")
      expect(JSON.stringify([unreachable, String(unreachable)])).not.toContain("hunter2")
      const none = yield* Effect.flip(
        Effect.scoped(storeFrom(PgStore.layer({ url: server.url.replace(/\w+$/, "none") })))
      )
      expect(none.reason).toBe("Unsupported")
      const sqlite = yield* sqlClientOf(join(yield* tempDirectory, "db"))
      const mysql = { ...sqlite, onDialectOrElse: ({ mysql, orElse }) => (mysql ?? orElse)() } as SqlClient.SqlClient
      const other = yield* Effect.flip(
        Effect.scoped(Effect.provideService(storeFrom(SqlStore.layer()), SqlClient.SqlClient, mysql))
      )
      expect([other.reason, other.message]).toEqual(["Unsupported", expect.stringContaining("one for PostgreSQL")])
    })

    it("refuses wrong options, without quoting the URL", () => {
      const refusals: ReadonlyArray<readonly [() => unknown, RegExp]> = [
        [() => storeFrom(PgStore.layer({ url: "mysql://user:hunter2@host/db" })), /needs a "url" like "postgres:/],
        [() => storeFrom(PgStore.layer({ url: "hunter2" })), /needs a "url"/],
        [() => storeFrom(PgStore.layer({ url: server.url, schema: "a.b" })), /without a dot/],
        [() => storeFrom(PgStore.layer({ url: server.url, schema: "x".repeat(64) })), /1 to 63 bytes/],
        [() => storeFrom(PgStore.layer({ url: server.url, schema: "pg_catalog" })), /pg_/],
        [() => storeFrom(PgStore.layer({ url: server.url, maxValue: 0 })), /"maxValue" must be a size above zero/],
        [
          () => lockOf(PgGuards.layer({ url: server.url, maxConnections: 0 })),
          /"maxConnections" must be a whole number/
        ],
        [() => storeFrom(PgStore.layer({ url: server.url, password: "hunter2" as any })), /Redacted\.make/],
        [() => CacheLayer.postgres({ url: server.url, table: "x" } as any), /table/],
        [() => CacheLayer.sql({ schem: "x" } as any), /schema/]
      ]
      for (const [make, message] of refusals) {
        expect(make).toThrow(message)
        expect(make).not.toThrow(/hunter2/)
      }
    })
  })

  describe("processes", () => {
    test.live("P2 · see an invalidation in memory within 100 ms, by key and by tag", function*() {
      const schema = freshSchema()
      const [a, b] = [yield* processIn(schema), yield* processIn(schema)]
      expect(yield* a.read).toBe(yield* b.read)
      yield* Effect.sleep("500 millis")
      for (const invalidate of [Cached.invalidate("k"), Cached.invalidate({ tag: "t" })]) {
        const before = yield* b.read
        yield* a.use(invalidate)
        yield* Effect.sleep("100 millis")
        expect(yield* b.read).not.toBe(before)
        yield* a.read
        yield* Effect.sleep("100 millis")
      }
    })

    withReactivity.live(
      "that a pooler passes no notifications, and such without LISTEN, see changes nevertheless",
      function*() {
        const schema = freshSchema()
        const client = yield* PgClient.make({ url: Redacted.make(server.url), maxConnections: 5 })
        const clients = [
          { listen: () => Queue.unbounded<never>() },
          { listen: () => Effect.fail("refused") },
          { listen: undefined }
        ].map((parts) => changed(client, parts))
        const other = yield* storeIn(schema)
        for (const [i, one] of clients.entries()) {
          const store = yield* Effect.provideService(storeFrom(SqlStore.layer({ schema })), SqlClient.SqlClient, one)
          const seen: Array<unknown> = []
          yield* Effect.forkScoped(Stream.runForEach(store.changes, (change) => Effect.sync(() => seen.push(change))))
          yield* until("it listens", Effect.sync(() => seen.length > 0))
          const ids = [`id ${i}`, `other ${i}`, `last ${i}`]
          for (const [place, id] of ids.entries()) {
            yield* singly(other).remove(id)
            // A process that counts on notifications asks only every two seconds.
            yield* Effect.timeout(until("it sees", Effect.sync(() => seen.length > 1 + place)), "1500 millis")
          }
          expect(seen).toEqual([{ _tag: "Coherent" }, ...ids.map((id) => ({ _tag: "Changed", id }))])
        }
      }
    )

    test.live("learn that changes were removed before they could read them", function*() {
      const schema = freshSchema()
      const [a, b] = [yield* storeIn(schema), yield* storeIn(schema)]
      const seen: Array<Store.Change> = []
      yield* Effect.forkScoped(Stream.runForEach(a.changes, (change) => Effect.sync(() => seen.push(change))))
      yield* Effect.sleep("500 millis")
      yield* asked(`SELECT ${quoted(schema)}.tell('other', 'C', ARRAY['x'::bytea])`)
      yield* until("the change", Effect.sync(() => seen.some(({ _tag }) => _tag === "Changed")))
      yield* asked(`UPDATE ${quoted(schema)}.number SET value = 9000000000000000 WHERE name = 'pruned'`)
      yield* singly(b).remove("y")
      yield* until("a gap", Effect.sync(() => seen.some(({ _tag }) => _tag === "Gap")))
    })

    test.live("take a guard's state that no step has written for missing", function*() {
      const schema = freshSchema()
      const call = Effect.void.pipe(
        Guard.rateLimit({ key: "api", limit: 1, window: "1 minute" }),
        // A machine under load answers late.
        CachePolicy.storeTimeout("10 seconds"),
        Effect.exit
      )
      yield* Effect.gen(function*() {
        expect([yield* call, yield* call].map(({ _tag }) => _tag)).toEqual(["Success", "Failure"])
        for (const state of ["{", `{"count":-5,"until":9e15}`]) {
          yield* asked(`UPDATE ${quoted(schema)}.guard SET state = '${state}'`)
          expect([yield* call, yield* call].map(({ _tag }) => _tag)).toEqual(["Success", "Failure"])
        }
      }).pipe(Effect.provide(PgGuards.layer({ url: server.url, schema })))
    })

    test.live("take no lock that another process has taken while they waited for its row", function*() {
      const schema = freshSchema()
      const lock = yield* lockOf(PgGuards.layer({ url: server.url, schema }))
      const take = Effect.scoped(lock.acquire("door", { lease: "10 seconds", wait: 0 }))
      yield* take
      const of = quoted(schema)
      const other = yield* Effect.forkChild(asked(`DO $$ BEGIN
          PERFORM 1 FROM ${of}.lock FOR UPDATE;
          PERFORM pg_sleep(1);
          UPDATE ${of}.lock SET token = token + 1, lease_millis = 10000,
            until_at = extract(epoch FROM clock_timestamp()) * 1000 + 10000;
        END $$`))
      yield* Effect.sleep("500 millis")
      expect((yield* Effect.flip(take)).reason).toBe("Timeout")
      yield* Fiber.join(other)
    })

    test.live("count every increment of transactions that run at once, also of a counter that has expired", function*() {
      const schema = freshSchema()
      const stores = [yield* storeIn(schema), yield* storeIn(schema)]
      yield* stores[0]!.increment("n", 7, { expiresAt: Date.now() - 1000 })
      const increments = Array.from(
        { length: 20 },
        (_, i) => stores[i % 2]!.transact!({ checks: [], steps: [{ _tag: "Increment", name: "n", by: 1 }] })
      )
      yield* Effect.all(increments, { concurrency: "unbounded" })
      expect((yield* stores[0]!.counter("n"))?.value).toBe(20)
    })

    withReactivity.live("clear a cache before or after a transaction, and not in the middle of one", function*() {
      const schema = freshSchema()
      const b = yield* storeIn(schema)
      yield* b.increment("n", 5)
      const client = yield* PgClient.make({ url: Redacted.make(server.url) })
      const scope = yield* Effect.scope
      // The transaction has read the counter, and another process clears before it is written.
      const sql = sending(client, /\.counter AS x .*\n? *SELECT u\.key/, (values) =>
        Effect.andThen(
          Effect.andThen(Effect.forkIn(b.clear, scope), Effect.sleep("500 millis")),
          values
        ))
      const a = yield* Effect.provideService(storeFrom(SqlStore.layer({ schema })), SqlClient.SqlClient, sql)
      const { _tag } = yield* a.transact!({ checks: [], steps: [{ _tag: "Increment", name: "n", by: 1 }] })
      expect(_tag).toBe("Committed")
      yield* until("the clear", Effect.map(b.counter("n"), (counter) => counter === undefined))
    })
  })

  withReactivity.live(
    "a write waits for an earlier one of its id, even if one between them was interrupted",
    function*() {
      const client = yield* PgClient.make({ url: Redacted.make(server.url) })
      let writes = 0
      const sql = sending(
        client,
        putting,
        (values) => ++writes === 1 ? Effect.andThen(Effect.sleep("500 millis"), values) : values
      )
      const store = yield* Effect.provideService(
        storeFrom(SqlStore.layer({ schema: freshSchema() })),
        SqlClient.SqlClient,
        sql
      )
      const first = yield* Effect.forkChild(singly(store).set("id", entry("first")), { startImmediately: true })
      const second = yield* Effect.forkChild(singly(store).set("id", entry("second")), { startImmediately: true })
      yield* Fiber.interrupt(second)
      yield* singly(store).set("id", entry("third"))
      yield* Fiber.join(first)
      expect(new TextDecoder().decode((yield* store.get("id", [])).entry!.payload)).toBe("third")
    }
  )

  test.live("P4 · a server that is stopped and started in the middle fails no read, and is used again", function*() {
    const schema = freshSchema()
    const [a, b] = [yield* processIn(schema), yield* processIn(schema)]
    const value = yield* a.read
    expect(yield* b.read).toBe(value)
    yield* Effect.promise(() => server.stop())
    expect(yield* a.use(Cached.ttl(Effect.succeed("loaded"), "other", { ttl: "1 hour" }))).toBe("loaded")
    yield* a.use(Cached.invalidate("k"))
    expect(yield* a.read).not.toBe(value)
    yield* Effect.promise(() => server.start())
    // The invalidation that was lost meanwhile is made again.
    yield* until("the invalidation", Effect.map(b.read, (now) => now !== value))
    yield* until(
      "it is shared again",
      Effect.gen(function*() {
        yield* a.use(Cached.invalidate({ tag: "t" }))
        yield* Effect.sleep("100 millis")
        return (yield* a.read) === (yield* b.read)
      })
    )
  })

  test.live("P4 · a connection that swallows everything, or breaks within an answer, fails and delays no read", function*() {
    const proxy = yield* ending(() => startProxy(server.port))
    const url = server.url.replace(String(server.port), String(proxy.port))
    const a = yield* processIn(freshSchema(), { url, memory: false, storeTimeout: "300 millis" })
    const value = yield* a.read
    const usesStore = Effect.map(Effect.all([a.read, a.read]), ([first, second]) => first === second)
    for (let round = 0; round < 10; round++) {
      proxy.cutAfter(20 * round)
      expect(yield* a.read).toBeGreaterThanOrEqual(value)
      yield* Effect.sleep("20 millis")
    }
    proxy.cutAfter(Infinity)
    yield* until("it is used again", usesStore)
    proxy.swallow(true)
    const startedAt = performance.now()
    for (let round = 0; round < 5; round++) yield* a.read
    // Three reads wait for the time limit, then the circuit is open.
    expect(performance.now() - startedAt).toBeLessThan(5000)
    proxy.swallow(false)
    yield* until("it is used again", usesStore)
  })

  withReactivity.live("P4 · a process that stops within a transaction keeps no row for long", function*() {
    const schema = freshSchema()
    const client = yield* PgClient.make({ url: Redacted.make(server.url) })
    const sql = sending(
      client,
      putting,
      (values) => Effect.uninterruptible(Effect.andThen(Effect.sleep("9 seconds"), values))
    )
    const stopped = yield* Effect.provideService(storeFrom(SqlStore.layer({ schema })), SqlClient.SqlClient, sql)
    const store = yield* storeIn(schema)
    const transacting = yield* Effect.forkChild(
      Effect.exit(stopped.transact!({ checks: [], steps: [{ _tag: "Set", id: "id", entry: entry("late") }] })),
      { startImmediately: true }
    )
    yield* Effect.sleep("500 millis")
    const startedAt = performance.now()
    yield* Effect.retry(singly(store).set("id", entry("set")), { times: 1 })
    expect(performance.now() - startedAt).toBeLessThan(7000)
    expect(Exit.isFailure(yield* Fiber.join(transacting))).toBe(true)
    expect(new TextDecoder().decode((yield* store.get("id", [])).entry!.payload)).toBe("set")
  })

  withReactivity.live("a process notices that the server has crashed, even if a pooler hides it", function*() {
    const client = yield* PgClient.make({ url: Redacted.make(server.url), maxConnections: 2 })
    const sql = sending(client, /changes_since/, Effect.retry({ schedule: Schedule.spaced("20 millis") }))
    const store = yield* Effect.provideService(
      storeFrom(SqlStore.layer({ schema: freshSchema() })),
      SqlClient.SqlClient,
      sql
    )
    const seen: Array<Store.Change> = []
    const following = Stream.runForEach(store.changes, (change) => Effect.sync(() => seen.push(change)))
    const follower = yield* Effect.forkChild(Effect.flip(following))
    yield* until("it follows", Effect.sync(() => seen.length > 0))
    yield* Effect.promise(() => server.stop("fast"))
    yield* Effect.promise(() => server.start())
    yield* Effect.sleep("300 millis")
    expect(follower.pollUnsafe()).toBeUndefined()
    yield* Effect.promise(() => server.stop("immediate"))
    yield* Effect.promise(() => server.start())
    expect((yield* Fiber.join(follower)).message).toContain("has crashed or was replaced")
    expect(seen).toEqual([{ _tag: "Coherent" }])
  })

  test.live("a killed server keeps the former entry whole, and what was set", function*() {
    const store = yield* storeIn(freshSchema())
    yield* singly(store).set("id", entry("former"))
    const large = entry("x".repeat(4_000_000))
    const writing = yield* Effect.forkChild(Effect.exit(singly(store).set("id", large)))
    yield* Effect.sleep("2 millis")
    yield* Effect.promise(() => server.stop("immediate"))
    yield* Effect.promise(() => server.start())
    yield* Fiber.await(writing)
    const read = Effect.map(store.get("id", []), ({ entry }) => entry!.payload.length)
    const size = yield* Effect.retry(read, { times: 20 })
    expect([6, 4_000_000]).toContain(size)
  })

  test.live("a damaged entry is a miss that the next load replaces", function*() {
    const schema = freshSchema()
    const a = yield* processIn(schema, { memory: false })
    yield* a.read
    yield* a.read
    for (const frame of ["'\\x00'", "''", "decode(repeat('ff', 200), 'hex')", "frame || '\\x00'::bytea"]) {
      yield* asked(`UPDATE ${quoted(schema)}.entry SET frame = ${frame}`)
      const before = a.of.loads
      yield* Effect.all([a.read, a.read])
      expect(a.of.loads).toBe(before + 1)
    }
  })

  test.live("the program's transaction contains none of the cache's statements, and reads inside it bypass the cache", function*() {
    const schema = freshSchema()
    const client = yield* Layer.build(PgClient.layer({ url: Redacted.make(server.url), maxConnections: 5 }))
    yield* Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      let loads = 0
      const read = Effect.sync(() => ++loads).pipe(Cached.ttl("k", { ttl: "1 hour" }))
      const store = yield* storeFrom(SqlStore.layer({ schema }))
      expect([yield* read, yield* read]).toEqual([1, 1])
      const failing = sql.withTransaction(Effect.gen(function*() {
        expect([yield* read, yield* read]).toEqual([2, 3])
        yield* store.increment("n", 1)
        return yield* Effect.fail("rolled back")
      }))
      expect(yield* Effect.flip(failing)).toBe("rolled back")
      expect(yield* read).toBe(1)
      expect((yield* store.counter("n"))?.value).toBe(1)
      // Nor do transactions of the cache begin like those of the program.
      yield* store.transact!({ checks: [], steps: [{ _tag: "Increment", name: "n", by: 1 }] }).pipe(
        Effect.provideService(SqlClient.BeginTransaction, "BEGIN READ ONLY")
      )
      expect((yield* store.counter("n"))?.value).toBe(2)
    }).pipe(Effect.provide(CacheLayer.sql({ schema })), Effect.provideContext(client))
  })

  test.live("whatever has expired is removed, in steps", function*() {
    const schema = freshSchema()
    const store = yield* storeIn(schema)
    const many = Array.from({ length: 1500 }, (_, i) => {
      const { meta, payload } = entry("value")
      return { id: `id ${i}`, entry: { meta: { ...meta, expiresAt: Date.now() + (i === 0 ? 1e9 : -1000) }, payload } }
    })
    yield* store.set(many)
    const tidy = asked(`SELECT ${quoted(schema)}.tidy(60000, 0, 86400000)`)
    expect([(yield* tidy)[0], (yield* tidy)[0]]).toEqual([[true], [false]])
    expect(yield* store.size).toBe(1)
    yield* store.clear
    expect([(yield* tidy)[0], (yield* tidy)[0]]).toEqual([[false], [false]])
    expect(yield* asked(`SELECT count(*)::integer FROM ${quoted(schema)}.entry`)).toEqual([[0]])
    const numbered = "'\\x00'::bytea || int4send(n) FROM generate_series(1, 1500) n"
    const rows = {
      counter: `SELECT key, '', 9e15, 1, 0, 0 FROM (SELECT ${numbered}) t(key)`,
      change: `SELECT '1'::xid8, 'other', 'C', ${numbered.replace("FROM", ", 0 FROM")}`,
      lock: `SELECT key, 1, 1, 0 FROM (SELECT ${numbered}) t(key)`,
      guard: `SELECT 'kind', key, NULL, 0 FROM (SELECT ${numbered}) t(key)`,
      marker: `SELECT key, '', '', 0 FROM (SELECT ${numbered}) t(key)`
    }
    for (const [table, select] of Object.entries(rows)) {
      yield* asked(`DELETE FROM ${quoted(schema)}.${table}`)
      yield* asked(`INSERT INTO ${quoted(schema)}.${table} ${select}`)
      const count = asked(`SELECT count(*)::integer FROM ${quoted(schema)}.${table}`)
      expect([table, (yield* tidy)[0], yield* count]).toEqual([table, [true], [[500]]])
      expect([table, (yield* tidy)[0], yield* count]).toEqual([table, [false], [[0]]])
    }
  })
})
