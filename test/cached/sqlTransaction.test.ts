/** The cache inside an open SQL transaction of `effect/sql`, over a real database. */
import { describe, expect, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Logger, References, RequestResolver, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import type { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { fakeStore, over, settle, start } from "../support/caches.ts"
import { provideSql, sqlClient } from "../support/sqlClient.ts"
import { test, testIn } from "../support/tests.ts"

/** A table of one user, and the reads and writes of a program. */
const users = Effect.gen(function*() {
  const sql = yield* sqlClient
  yield* Effect.orDie(sql`INSERT INTO users VALUES (1, 'Ada')`)
  const load = Effect.map(sql<{ name: string }>`SELECT name FROM users WHERE id = 1`, (rows) => rows[0]!.name)
  const get = Effect.orDie(load.pipe(Cached.ttl("user:1", { ttl: "1 hour" })))
  const rename = (name: string) =>
    Effect.orDie(sql`UPDATE users SET name = ${name} WHERE id = 1`).pipe(Cached.invalidateAfter("user:1"))
  return { sql, get, rename, inTransaction: sql.withTransaction }
})

const contexts: ReadonlyArray<
  readonly [
    name: string,
    provide: (sql: SqlClient.SqlClient) => <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  ]
> = [
  ["the client in the context", (sql) => (self) => provideSql(sql)(self) as typeof self],
  ["a client that the program has kept to itself", () => (self) => self],
  [
    "another client in the context",
    () => (self) => Effect.flatMap(Effect.orDie(sqlClient), (other) => provideSql(other)(self)) as typeof self
  ]
]

describe.each(contexts.map(([name, provide]) => ({ name, provide })))("with $name, invalidateAfter", ({ provide }) => {
  const test = testIn(CacheLayer.memory())

  test("invalidates after the commit: what others read before is gone, and was right", function*() {
    const { get, inTransaction, rename, sql } = yield* users
    const seen: Array<string | boolean> = [yield* get]
    const written = yield* Deferred.make<void>()
    const commit = yield* Deferred.make<void>()
    const writer = yield* start(
      provide(sql)(inTransaction(Effect.gen(function*() {
        yield* rename("Grace")
        seen.push(yield* get)
        yield* Deferred.succeed(written, undefined)
        yield* Deferred.await(commit)
      })))
    )
    yield* Deferred.await(written)
    seen.push(yield* Cached.has("user:1"), yield* get)
    yield* Deferred.succeed(commit, undefined)
    yield* Fiber.join(writer)
    seen.push(yield* Cached.has("user:1"), yield* get)
    expect(seen).toEqual(["Ada", "Grace", true, "Ada", false, "Grace"])
  })

  test("invalidates nothing where the transaction is rolled back", function*() {
    const { get, inTransaction, rename, sql } = yield* users
    yield* get
    const exit = yield* Effect.exit(
      provide(sql)(inTransaction(Effect.andThen(rename("Grace"), Effect.fail("roll back"))))
    )
    expect(exit).toEqual(Exit.fail("roll back"))
    expect(yield* Cached.has("user:1")).toBe(true)
    expect(yield* get).toBe("Ada")
  })

  test("in a savepoint: after the outermost commit, and not where the savepoint is rolled back", function*() {
    const { inTransaction, sql } = yield* users
    yield* Effect.all([Cached.set("kept", 1), Cached.set("undone", 1)])
    const after = (key: string) => Effect.void.pipe(Cached.invalidateAfter(key))
    yield* provide(sql)(inTransaction(Effect.gen(function*() {
      yield* inTransaction(after("kept"))
      yield* Effect.exit(inTransaction(Effect.andThen(after("undone"), Effect.fail("roll back"))))
      expect(yield* Cached.has("kept")).toBe(true)
    })))
    expect([yield* Cached.has("kept"), yield* Cached.has("undone")]).toEqual([false, true])
  })

  test("of several fibers at once, with targets of every kind, and of a function", function*() {
    const { inTransaction, sql } = yield* users
    yield* Effect.forEach(["a", "b", "page:1"], (key) => Cached.set(key, 1, { tags: key === "b" ? ["t"] : [] }))
    yield* provide(sql)(inTransaction(Effect.all([
      Effect.void.pipe(Cached.invalidateAfter(["a", { tag: "t" }])),
      Effect.succeed("page").pipe(Cached.invalidateAfter(({ value }) => ({ matching: `${value}:*` })))
    ], { concurrency: "unbounded" })))
    expect(yield* Cached.size).toBe(0)
  })

  test("of a fiber that outlives its transaction: at once", function*() {
    const { inTransaction, sql } = yield* users
    yield* Cached.set("k", 1)
    const go = yield* Deferred.make<void>()
    const late = Deferred.await(go).pipe(Cached.invalidateAfter("k"))
    const fiber = yield* provide(sql)(inTransaction(Effect.forkDetach(late)))
    yield* Deferred.succeed(go, undefined)
    yield* Fiber.join(fiber)
    expect(yield* Cached.has("k")).toBe(false)
  })
})

test("a store that fails after the commit fails no caller, also under strict; the invalidation is sent again", function*() {
  const { inTransaction } = yield* users
  const fake = fakeStore()
  yield* Effect.gen(function*() {
    yield* Cached.set("k", 1)
    fake.behave = (operation) =>
      operation === "remove"
        ? { before: Effect.fail(new CacheError.StoreError({ store: "fake", operation, reason: "Unavailable" })) }
        : {}
    const write = Effect.succeed("written").pipe(Cached.invalidateAfter("k"))
    expect(yield* CachePolicy.strict(inTransaction(write))).toBe("written")
    expect([yield* Cached.has("k"), fake.entries.size]).toEqual([false, 1])
    fake.behave = () => ({})
    yield* TestClock.adjust("2 seconds")
    expect(fake.entries.size).toBe(0)
  }).pipe(Effect.provide(over(fake)))
})

testIn(CacheLayer.memory())("around a transaction, invalidateAfter acts after the commit too", function*() {
  const { get, inTransaction, sql } = yield* users
  yield* get
  yield* inTransaction(sql`UPDATE users SET name = 'Grace'`).pipe(Cached.invalidateAfter("user:1"))
  expect(yield* get).toBe("Grace")
})

describe("a transaction that does not say when it is committed", () => {
  class Connection extends Context.Service<Connection, object>()("Connection") {}
  const Current = Context.Reference<unknown>("effect/sql/CurrentTransactionService", { defaultValue: () => undefined })
  const inTransaction = <A, E, R>(self: Effect.Effect<A, E, R>) =>
    self.pipe(Effect.provideService(Connection, {}), Effect.provideService(Current, Connection))

  const test = testIn(CacheLayer.memory())

  test("is not waited for: invalidateAfter acts at once, and again when the fiber ends", function*() {
    const seen: Array<boolean> = []
    yield* Cached.set("k", 1)
    const request = yield* Effect.forkChild(Effect.gen(function*() {
      yield* inTransaction(Effect.gen(function*() {
        yield* Effect.void.pipe(Cached.invalidateAfter("k"))
        seen.push(yield* Cached.has("k"))
        // Another connection reads the old row before the commit.
        yield* Cached.set("k", 1)
      }))
      seen.push(yield* Cached.has("k"))
    }))
    yield* Fiber.join(request)
    yield* settle
    seen.push(yield* Cached.has("k"))
    expect(seen).toEqual([false, true, false])
  })

  test("a fiber that never ends keeps some of them, not all", function*() {
    const worker = yield* Effect.forkChild(Effect.gen(function*() {
      yield* Effect.replicateEffect(inTransaction(Effect.void.pipe(Cached.invalidateAfter("k"))), 1500)
      return (yield* Cached.stats).invalidations
    }))
    expect(yield* Fiber.join(worker)).toBe(1500)
    yield* settle
    expect((yield* Cached.stats).invalidations).toBe(2500)
  })
})

describe("reads", () => {
  const test = testIn(CacheLayer.memory())

  test("of many and of functions go past the cache too", function*() {
    class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.Int }) {}
    const { inTransaction } = yield* users
    let loads = 0
    const many = Cached.many(User, (keys) => Effect.sync(() => keys.map(() => Exit.succeed(++loads))), {
      ttl: "1 hour"
    })
    const one = Cached.fn(User, () => Effect.sync(() => ++loads), { ttl: "1 hour" })
    yield* inTransaction(many([{ id: 1 }]))
    yield* inTransaction(one({ id: 2 }))
    expect(yield* Cached.size).toBe(0)
  })

  const debugged = (lines: Array<string>) =>
    Layer.provide(
      CacheLayer.memory(),
      Layer.merge(
        Logger.layer([
          Logger.make(({ logLevel, message }) => {
            if (logLevel === "Debug") lines.push(String(message))
          })
        ]),
        Layer.succeed(References.MinimumLogLevel, "Debug")
      )
    )

  test("of requests made at once inside and outside: each gets the rows that it may see", function*() {
    class Name extends CacheKey.Class<Name>()("Name", { payload: { id: Schema.Int }, success: Schema.String }) {}
    const { inTransaction, sql } = yield* users
    const names = yield* Cached.resolver(
      RequestResolver.make<Name>((entries) =>
        Effect.forEach(entries, (entry) =>
          sql<{ name: string }>`SELECT name FROM users`.pipe(
            Effect.orDie,
            Effect.updateContext((_: Context.Context<never>) => entry.context as Context.Context<never>),
            Effect.map(([row]) => entry.completeUnsafe(Exit.succeed(row!.name)))
          ), { discard: true })
      ),
      { ttl: "1 hour" }
    )
    const get = Effect.request(new Name({ id: 1 }), names)
    const written = yield* Deferred.make<void>()
    const read = yield* Deferred.make<void>()
    const inside = yield* start(inTransaction(Effect.gen(function*() {
      yield* sql`UPDATE users SET name = 'Grace'`
      yield* Deferred.succeed(written, undefined)
      const name = yield* get
      yield* Deferred.await(read)
      return name
    })))
    const outside = yield* start(
      Effect.andThen(Deferred.await(written), Effect.ensuring(get, Deferred.succeed(read, undefined)))
    )
    expect([yield* Fiber.join(inside), yield* Fiber.join(outside)]).toEqual(["Grace", "Ada"])
  })

  test("after the commit, of what the transaction left behind, use the cache again", function*() {
    const { get, inTransaction, sql } = yield* users
    const found: Array<string> = []
    yield* inTransaction(sql.afterCommit(Effect.asVoid(Effect.map(get, (name) => found.push(name)))))
    expect(found).toEqual(["Ada"])
    expect(yield* Cached.has("user:1")).toBe(true)
  })

  it.effect("are one debug line a transaction", () => {
    const lines: Array<string> = []
    return Effect.gen(function*() {
      const { get, inTransaction } = yield* users
      yield* get
      yield* inTransaction(Effect.all([get, Effect.withSpan(get, "other context"), get]))
      yield* settle
      expect(lines).toEqual(["Reads inside an open SQL transaction bypass the cache (logged once a transaction)"])
      yield* inTransaction(get)
      yield* settle
      expect(lines.length).toBe(2)
    }).pipe(Effect.provide(debugged(lines)))
  })
})
