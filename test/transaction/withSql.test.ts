/** `Transaction.withSql` and its outbox, over a real database. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Logger, Option } from "effect"
import { Cached, CacheError, CacheLayer, CachePolicy, type Caching, Transaction } from "effect-cached"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { elapse, fakeStore, over, settle, start, started } from "../support/caches.ts"
import { sqlClient } from "../support/sqlClient.ts"
import { testIn } from "../support/tests.ts"

const table = "cache_outbox"

const database = Layer.effect(SqlClient.SqlClient, sqlClient)

/** Tables of a user and of the outbox, and the reads of a program. */
const setup = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`INSERT INTO users VALUES (1, 'Ada')`
  yield* Effect.scoped(Layer.build(Transaction.outbox({ table })))
  const name = Effect.map(sql<{ name: string }>`SELECT name FROM users WHERE id = 1`, (rows) => rows[0]!.name)
  const user = Effect.orDie(name.pipe(Cached.ttl("user:1", { ttl: "1 hour" })))
  const rename = (to: string) => sql`UPDATE users SET name = ${to} WHERE id = 1`
  const rows = Effect.map(sql`SELECT * FROM ${sql(table)}`, (rows) => rows.length)
  return { sql, user, rename, rows }
})

const value = (key: string) => Effect.map(Cached.getOption(key), Option.getOrUndefined)

const outside = Effect.map(
  Effect.context<Caching.Caching>(),
  (context) => <A, E>(self: Effect.Effect<A, E, Caching.Caching>) => Effect.provideContext(self, context)
)

/** A client whose transactions end in another way. */
const ending = (
  sql: SqlClient.SqlClient,
  withTransaction: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, any, R>
) =>
  Object.assign(
    (...parts: ReadonlyArray<never>) => (sql as unknown as (...parts: ReadonlyArray<never>) => unknown)(...parts),
    sql,
    { withTransaction }
  ) as unknown as SqlClient.SqlClient

/** A client that takes its time to keep a savepoint. */
const slowToKeep = (sql: SqlClient.SqlClient, kept: Deferred.Deferred<void>) =>
  ending(
    sql,
    (self) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.tap(sql.withTransaction(restore(self)), () =>
          Effect.andThen(Deferred.succeed(kept, undefined), Effect.yieldNow))
      )
  )

const test = testIn(Layer.merge(database, CacheLayer.memory()))

describe("withSql", () => {
  test("invalidates after the commit what was set, removed or swept inside; cached effects see the rows of the transaction", function*() {
    const { rename, rows, user } = yield* setup
    const out = yield* outside
    yield* Cached.set("list", ["Ada"], { tags: ["users"] })
    yield* Cached.set("set", 1)
    yield* user
    const seen = yield* Transaction.withSql(
      Effect.gen(function*() {
        yield* rename("Grace")
        yield* Cached.invalidate("user:1")
        yield* Cached.invalidate({ tag: "users" })
        yield* Cached.set("set", 2)
        yield* Cached.counter("renames").increment()
        return {
          inside: [yield* user, yield* value("set"), yield* value("list"), yield* Cached.counter("renames").get],
          outside: [yield* out(value("user:1")), yield* out(value("set")), yield* out(Cached.counter("renames").get)]
        }
      }),
      { outbox: table }
    )
    expect(seen).toEqual({ inside: ["Grace", 2, undefined, 1], outside: ["Ada", 1, 0] })
    expect([yield* value("user:1"), yield* value("list"), yield* value("set"), yield* Cached.counter("renames").get])
      .toEqual([undefined, undefined, undefined, 1])
    expect(yield* user).toBe("Grace")
    yield* settle
    expect(yield* rows).toBe(0)
  })

  test("invalidates nothing where the transaction is rolled back, and leaves no row", function*() {
    const { rename, rows, user } = yield* setup
    yield* user
    const change = Effect.andThen(rename("Grace"), Cached.invalidate("user:1"))
    for (const failing of [Effect.fail("no"), Effect.die("no"), Effect.interrupt]) {
      const exit = yield* Effect.exit(
        Transaction.withSql(Effect.andThen(change, failing as Effect.Effect<never, string>), { outbox: table })
      )
      expect(Exit.isFailure(exit)).toBe(true)
    }
    expect([yield* Cached.has("user:1"), yield* user, yield* rows]).toEqual([true, "Ada", 0])
  })

  test("as a savepoint: with the outermost commit, and not where the savepoint is rolled back", function*() {
    const { rows, sql } = yield* setup
    const out = yield* outside
    yield* Cached.setMany([["kept", 1], ["undone", 1], ["nested", 1]])
    yield* sql.withTransaction(Effect.gen(function*() {
      yield* Transaction.withSql(
        Effect.gen(function*() {
          yield* Cached.remove("kept")
          yield* Effect.ignore(Transaction.withSql(Effect.andThen(Cached.remove("undone"), Effect.fail("no"))))
          yield* Transaction.withSql(Cached.remove("nested"))
          expect([yield* Cached.has("undone"), yield* Cached.has("nested")]).toEqual([true, false])
        }),
        { outbox: table }
      )
      expect(yield* out(Cached.has("kept"))).toBe(true)
    }))
    yield* settle
    expect([yield* Cached.has("kept"), yield* Cached.has("undone"), yield* Cached.has("nested"), yield* rows])
      .toEqual([false, true, false, 0])
  })

  test("invalidateAfter inside, and a transaction of the cache after the commit, are as ever", function*() {
    const { sql } = yield* setup
    yield* Cached.setMany([["a", 1], ["b", 1]])
    yield* Transaction.withSql(Effect.gen(function*() {
      yield* Effect.void.pipe(Cached.invalidateAfter("a"))
      yield* sql.afterCommit(Effect.ignore(Transaction.run(Cached.set("b", 2))))
    }))
    expect([yield* value("a"), yield* value("b")]).toEqual([undefined, 2])
  })

  test("is refused inside Transaction.run, and Transaction.run inside of it; so is what is no table", function*() {
    const dieOf = <E, R>(self: Effect.Effect<unknown, E, R>) =>
      Effect.map(Effect.exit(self), (exit) => Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined)
    expect(yield* dieOf(Transaction.run(Transaction.withSql(Effect.void)))).toBeInstanceOf(CacheError.CacheConfigError)
    expect(yield* dieOf(Transaction.withSql(Transaction.run(Effect.void)))).toBeInstanceOf(CacheError.CacheConfigError)
    expect(() => Transaction.withSql(Effect.void, { outbox: "" })).toThrow(/table/)
    expect(() => Transaction.withSql(Effect.void, { outboxx: "a" } as object)).toThrow(/did you mean/)
    expect(() => Transaction.outbox({} as never)).toThrow(/table/)
  })

  test("a commit that fails leaves no doubt: what was changed is invalidated", function*() {
    const { sql, user } = yield* setup
    yield* user
    const failing = ending(sql, (self) => sql.withTransaction(Effect.andThen(self, Effect.fail("rolled back"))))
    yield* Effect.exit(
      Effect.provideService(Transaction.withSql(Cached.invalidate("user:1")), SqlClient.SqlClient, failing)
    )
    expect(yield* Cached.has("user:1")).toBe(false)
  })

  test("a commit that fails changes no counter: a program that tries again counts once", function*() {
    const { sql } = yield* setup
    yield* sql`CREATE TABLE authors (id INTEGER PRIMARY KEY)`
    // The commit checks the reference.
    yield* sql`CREATE TABLE books (author INTEGER REFERENCES authors (id) DEFERRABLE INITIALLY DEFERRED)`
    yield* Cached.set("books", [])
    const books = Cached.counter("books")
    const add = Transaction.withSql(
      Effect.gen(function*() {
        yield* sql`INSERT INTO books VALUES (1)`
        yield* Cached.invalidate("books")
        yield* books.increment()
      })
    )
    expect(yield* Effect.flip(add)).toMatchObject({ _tag: "SqlError" })
    expect([yield* Cached.has("books"), yield* books.get]).toEqual([false, 0])
    yield* sql`INSERT INTO authors VALUES (1)`
    yield* add
    expect([yield* sql`SELECT * FROM books`, yield* books.get]).toEqual([[{ author: 1 }], 1])
  })

  test("a savepoint with an outbox brings it to the transaction around it, which commits for both", function*() {
    const { rows, sql } = yield* setup
    yield* Cached.setMany([["outer", 1], ["inner", 1]])
    const end = yield* Deferred.make<void>()
    const dying = yield* started(
      Transaction.withSql(Effect.gen(function*() {
        yield* Cached.remove("outer")
        yield* Transaction.withSql(Cached.remove("inner"), { outbox: table })
        yield* sql.afterCommit(Deferred.await(end))
      }))
    )
    const before = [yield* rows, yield* Cached.has("inner")]
    yield* Deferred.succeed(end, undefined)
    yield* Fiber.join(dying)
    yield* settle
    expect(before).toEqual([1, true])
    expect([yield* rows, yield* Cached.has("inner"), yield* Cached.has("outer")]).toEqual([0, false, false])
  })

  test("a savepoint that is interrupted when its rows are kept is invalidated too", function*() {
    const { sql } = yield* setup
    yield* Cached.setMany([["kept", 1], ["other", 1]])
    const kept = yield* Deferred.make<void>()
    const slow = slowToKeep(sql, kept)
    yield* Transaction.withSql(Effect.gen(function*() {
      const savepoint = Effect.provideService(Transaction.withSql(Cached.remove("kept")), SqlClient.SqlClient, slow)
      const fiber = yield* start(savepoint)
      yield* Deferred.await(kept)
      yield* Fiber.interrupt(fiber)
      yield* Cached.remove("other")
    }))
    expect([yield* Cached.has("kept"), yield* Cached.has("other")]).toEqual([false, false])
  })

  test("a savepoint that is interrupted when its rows are kept counts with the commit around it, once", function*() {
    const { sql } = yield* setup
    const counted = (name: string, end: Effect.Effect<void, string>) =>
      Effect.gen(function*() {
        const kept = yield* Deferred.make<void>()
        const savepoint = Transaction.withSql(Cached.counter(name).increment())
        yield* Effect.exit(sql.withTransaction(Effect.gen(function*() {
          const fiber = yield* start(Effect.provideService(savepoint, SqlClient.SqlClient, slowToKeep(sql, kept)))
          yield* Deferred.await(kept)
          yield* Fiber.interrupt(fiber)
          yield* end
        })))
        return yield* Cached.counter(name).get
      })
    expect([yield* counted("kept", Effect.void), yield* counted("undone", Effect.fail("rolled back"))]).toEqual([1, 0])
  })

  test("a database client that does not say when it commits is asked for nothing: it invalidates when it has returned", function*() {
    const { rename, sql, user } = yield* setup
    const out = yield* outside
    yield* user
    // Others read before it is committed.
    const silent = ending(sql, (self) => Effect.tap(self, () => Effect.andThen(out(user), rename("Grace"))))
    yield* Effect.provideService(Transaction.withSql(Cached.invalidate("user:1")), SqlClient.SqlClient, silent)
    expect(yield* user).toBe("Grace")
  })

  test("a database client that does not say when it commits changes counters only if it succeeds", function*() {
    const { sql } = yield* setup
    const silent = (end: Effect.Effect<void, string>) => ending(sql, (self) => Effect.tap(self, () => end))
    const add = (end: Effect.Effect<void, string>) =>
      Effect.exit(Effect.provideService(
        Transaction.withSql(Effect.andThen(Cached.counter("books").increment(), Cached.invalidate("books"))),
        SqlClient.SqlClient,
        silent(end)
      ))
    yield* Cached.set("books", [])
    expect(Exit.isFailure(yield* add(Effect.fail("rolled back")))).toBe(true)
    expect([yield* Cached.has("books"), yield* Cached.counter("books").get]).toEqual([false, 0])
    yield* add(Effect.void)
    expect(yield* Cached.counter("books").get).toBe(1)
  })

  test("Transaction.rollback is refused: the rows would stay, and what is cached of them too", function*() {
    yield* setup
    const exit = yield* Effect.exit(Transaction.withSql(Transaction.rollback))
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheConfigError)
  })

  test("without the table of the outbox it fails as the database does, and neither rows nor entries change", function*() {
    const { rename, user } = yield* setup
    yield* user
    const change = Effect.andThen(rename("Grace"), Cached.invalidate("user:1"))
    expect(yield* Effect.flip(Transaction.withSql(change, { outbox: "no_table" }))).toMatchObject({ _tag: "SqlError" })
    expect(yield* Cached.has("user:1")).toBe(true)
    yield* Cached.remove("user:1")
    expect(yield* user).toBe("Ada")
  })

  it.effect("a strict program does not fail either, and everything is sent again", () => {
    const fake = fakeStore()
    return Effect.gen(function*() {
      const { rename, user } = yield* setup
      yield* user
      yield* Cached.set("list", 1, { tags: ["users"] })
      fake.behave = (operation) =>
        operation === "remove" || operation === "set"
          ? { before: Effect.fail(new CacheError.StoreError({ store: "fake", operation, reason: "Unavailable" })) }
          : {}
      const change = Effect.andThen(rename("Grace"), Cached.invalidate(["user:1", { tag: "users" }]))
      yield* CachePolicy.strict(Transaction.withSql(change))
      expect(yield* Cached.has("list")).toBe(false)
      fake.behave = () => ({})
      yield* elapse("2 seconds")
      expect([yield* user, yield* Cached.has("list")]).toEqual(["Grace", false])
    }).pipe(Effect.provide(Layer.merge(database, over(fake))))
  })

  it.effect("over a store that is down: no caller fails, and the invalidation is sent again", () => {
    const fake = fakeStore()
    return Effect.gen(function*() {
      const { rename, user } = yield* setup
      yield* user
      fake.behave = (operation) =>
        operation === "remove"
          ? { before: Effect.fail(new CacheError.StoreError({ store: "fake", operation, reason: "Unavailable" })) }
          : {}
      yield* Transaction.withSql(Effect.andThen(rename("Grace"), Cached.invalidate("user:1")))
      expect([yield* user, fake.entries.has("user:1")]).toEqual(["Grace", true])
      fake.behave = () => ({})
      yield* elapse("2 seconds")
      expect(fake.entries.has("user:1")).toBe(false)
    }).pipe(Effect.provide(Layer.merge(database, over(fake))))
  })
})

describe("the outbox", () => {
  const replaying = <A, E, R>(self: Effect.Effect<A, E, R>) =>
    Effect.scoped(Effect.andThen(Layer.build(Transaction.outbox({ table })), self))

  test("carries out what a process that died has left, once it is older than 5 seconds", function*() {
    const { rename, rows, sql, user } = yield* setup
    yield* user
    yield* Cached.set("list", 1, { tags: ["users"] })
    const end = yield* Deferred.make<void>()
    // Died between its commit and the invalidation.
    const dying = yield* started(
      Transaction.withSql(
        Effect.gen(function*() {
          yield* rename("Grace")
          yield* Cached.invalidate(["user:1", { tag: "users" }])
          yield* sql.afterCommit(Deferred.await(end))
        }),
        { outbox: table }
      )
    )
    expect([yield* user, yield* rows]).toEqual(["Ada", 1])
    yield* replaying(Effect.gen(function*() {
      yield* settle
      expect([yield* user, yield* rows]).toEqual(["Ada", 1])
      yield* elapse("10 seconds")
      expect([yield* user, yield* Cached.has("list"), yield* rows]).toEqual(["Grace", false, 0])
    }))
    yield* Deferred.succeed(end, undefined)
    yield* Fiber.join(dying)
  })

  it.effect("keeps a row until the store has acknowledged what stands in it", () => {
    const fake = fakeStore()
    return Effect.gen(function*() {
      const { rename, rows, user } = yield* setup
      yield* user
      fake.behave = (operation) =>
        operation === "remove"
          ? { before: Effect.fail(new CacheError.StoreError({ store: "fake", operation, reason: "Unavailable" })) }
          : {}
      yield* Transaction.withSql(Effect.andThen(rename("Grace"), Cached.invalidate("user:1")), { outbox: table })
      yield* settle
      // A process that dies now has left it.
      expect(yield* rows).toBe(1)
      yield* replaying(Effect.gen(function*() {
        yield* elapse("20 seconds")
        expect(yield* rows).toBe(1)
        fake.behave = () => ({})
        yield* elapse("20 seconds")
        expect([yield* rows, fake.entries.has("user:1")]).toEqual([0, false])
      }))
    }).pipe(Effect.provide(Layer.merge(database, over(fake))))
  })

  test("leaves a row that it cannot read to processes that can, and continues after it and after a database that fails", function*() {
    const { rows, sql } = yield* setup
    const insert = (id: string, targets: string) =>
      sql`INSERT INTO ${sql(table)} (id, created, targets) VALUES (${id}, 0, ${targets})`
    yield* Cached.set("a", 1)
    // More than it takes at once.
    for (let i = 0; i < 250; i++) yield* insert(`later ${i}`, "of a later release")
    yield* insert("wrong", `{"all":false,"ids":[1],"tags":[]}`)
    yield* insert("z", `{"all":false,"ids":["a"],"tags":[]}`)
    yield* TestClock.adjust("1 minute")
    yield* replaying(Effect.gen(function*() {
      yield* settle
      expect([yield* rows, yield* Cached.has("a")]).toEqual([251, false])
      yield* Cached.set("a", 1)
      yield* sql`ALTER TABLE ${sql(table)} RENAME TO other`
      yield* elapse("10 seconds")
      yield* sql`ALTER TABLE other RENAME TO ${sql(table)}`
      yield* insert("all", `{"all":true,"ids":[],"tags":[]}`)
      yield* elapse("10 seconds")
      expect([yield* rows, yield* Cached.has("a")]).toEqual([251, false])
    }))
  })

  test("says nothing where the connection is closed while it looks", function*() {
    const { sql } = yield* setup
    const warnings: Array<string> = []
    const logger = Logger.make(({ message }) => void warnings.push(String(message)))
    const asked = yield* Deferred.make<void>()
    const slow = Object.assign(
      (...parts: ReadonlyArray<never>) =>
        String((parts[0] as ReadonlyArray<string> | undefined)?.[0]).includes("SELECT id FROM")
          ? Effect.andThen(Deferred.succeed(asked, undefined), Effect.interrupt)
          : (sql as unknown as (...parts: ReadonlyArray<never>) => unknown)(...parts),
      sql
    ) as unknown as SqlClient.SqlClient
    yield* replaying(Effect.andThen(settle, Deferred.await(asked))).pipe(
      Effect.provideService(SqlClient.SqlClient, slow),
      Effect.provide(Logger.layer([logger]))
    )
    expect(warnings).toEqual([])
  })

  test("is no table of something else, which is left alone", function*() {
    const sql = yield* SqlClient.SqlClient
    yield* sql`INSERT INTO users VALUES (1, 'Ada')`
    const error = yield* Effect.flip(Effect.scoped(Layer.build(Transaction.outbox({ table: "users" }))))
    expect(error).toMatchObject({ _tag: "SqlError" })
    expect(yield* sql`SELECT * FROM users`).toHaveLength(1)
  })
})
