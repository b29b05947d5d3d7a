/** The surroundings of a load: its span, its transaction, its context; and reads served beside it. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, Schema, TxRef } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy, type Strategy } from "effect-cached"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { caches, counting, ended, settle, start, started, taking } from "../support/caches.ts"
import { made } from "../support/strategies.ts"
import { test, testIn } from "../support/tests.ts"

class Settings extends CacheKey.Class<Settings>()("Settings", { success: Schema.Number }) {}

const ahead = { ttl: "1 hour", refreshAfter: "1 minute" } as const

describe.each(caches)("over $name", (cache) => {
  const test = testIn(cache.layer())

  describe("an open SQL transaction", () => {
    const Transaction = Context.Reference<object | undefined>("effect/sql/CurrentTransactionService", {
      defaultValue: () => undefined
    })
    class Connection extends Context.Service<Connection, readonly [conn: object, counter: number]>()("Connection") {}
    const inTransaction = SqlClient.makeWithTransaction({
      transactionService: Connection,
      spanAttributes: [],
      acquireConnection: () => Effect.succeed({}),
      begin: () => Effect.void,
      savepoint: () => Effect.void,
      commit: () => Effect.void,
      rollback: () => Effect.void,
      rollbackSavepoint: () => Effect.void
    })

    test("is read past the cache, in both directions: no caller is served a value that may be rolled back", function*() {
      const { counts, get } = counting()
      const inside = [get, CachePolicy.refresh(get), CachePolicy.disable("get")(get), CachePolicy.disable("set")(get)]
      expect(yield* Effect.forEach(inside, (run) => inTransaction(run))).toEqual([1, 2, 3, 4])
      expect(yield* Cached.has("k")).toBe(false)
      expect(yield* get).toBe(5)
      expect(yield* inTransaction(Effect.all([get, get]))).toEqual([6, 7])
      expect(yield* get).toBe(5)
      expect(counts.started).toBe(7)
    })

    test("joins no load that runs, and starts no refresh", function*() {
      const seen: Array<object | undefined> = []
      const load = Effect.flatMap(Effect.service(Transaction), (transaction) => {
        seen.push(transaction)
        return Effect.delay(Effect.succeed(seen.length), "1 second")
      })
      const get = load.pipe(Cached.refreshAhead("k", ahead))
      const outside = yield* started(get)
      const inside = yield* start(inTransaction(get))
      yield* TestClock.adjust("1 second")
      expect([yield* Fiber.join(outside), yield* Fiber.join(inside)]).toEqual([1, 2])
      yield* TestClock.adjust("2 minutes")
      expect(yield* taking("1 second", inTransaction(get))).toBe(3)
      yield* settle
      expect(seen.map((transaction) => transaction === undefined)).toEqual([true, false, false])
    })
  })

  describe("a transaction of Effect around its caller", () => {
    test("is not the load's: what is rolled back is not cached", function*() {
      const ref = yield* TxRef.make("before")
      const get = TxRef.get(ref).pipe(Cached.ttl("k", { ttl: "1 hour" }))
      yield* Effect.exit(Effect.tx(
        TxRef.set(ref, "rolled back").pipe(Effect.andThen(get), Effect.andThen(Effect.fail("roll back")))
      ))
      expect(yield* get).toBe("before")
    })

    test("does not roll back what the load has written", function*() {
      const ref = yield* TxRef.make(0)
      const get = Effect.as(TxRef.update(ref, (n) => n + 1), "loaded").pipe(Cached.ttl("k", { ttl: "1 hour" }))
      yield* Effect.exit(Effect.tx(Effect.andThen(get, Effect.fail("roll back"))))
      expect(yield* get).toBe("loaded")
      expect(yield* TxRef.get(ref)).toBe(1)
    })

    test("that retries interrupts no reader outside: the load's own retries", function*() {
      const ref = yield* TxRef.make(0)
      const positive = Effect.tx(Effect.flatMap(TxRef.get(ref), (n) => n === 0 ? Effect.txRetry : Effect.succeed(n)))
      const get = Effect.delay(positive, "1 second").pipe(Cached.ttl("k", { ttl: "1 hour" }))
      const inside = yield* start(Effect.tx(get))
      const outside = yield* started(get)
      yield* TestClock.adjust("1 second")
      yield* TxRef.set(ref, 7)
      yield* settle
      expect([inside, outside].map(ended)).toEqual([Exit.succeed(7), Exit.succeed(7)])
    })
  })

  describe("context", () => {
    class Tenant extends Context.Service<Tenant, { readonly name: string }>()("Tenant") {}

    test("a load runs with its starter's, also for callers that join it", function*() {
      const load = Effect.delay(Effect.map(Tenant, (tenant) => tenant.name), 1000)
      const get = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
      const a = yield* start(Effect.provideService(get, Tenant, { name: "a" }))
      const b = yield* start(Effect.provideService(get, Tenant, { name: "b" }))
      yield* TestClock.adjust("1 second")
      expect([yield* Fiber.join(a), yield* Fiber.join(b)]).toEqual(["a", "a"])
    })
  })

  describe("beside a refresh that runs", () => {
    test("that was asked for, every reader is served what is stored", function*() {
      const { load } = counting(10_000)
      const settings = Cached.fn(Settings, () => load, { ttl: "1 hour" })
      yield* Cached.set(new Settings(), 0)
      const refresh = yield* started(settings.refresh())
      for (let i = 0; i < 3; i++) {
        const reader = yield* started(settings())
        expect(ended(reader)).toEqual(Exit.succeed(0))
      }
      yield* TestClock.adjust("10 seconds")
      expect(yield* Fiber.join(refresh)).toBe(1)
      expect(yield* settings()).toBe(1)
    })

    test("and fails, a reader with a stale value falls back on it", function*() {
      const soft = Cached.softTtl("k", { ttl: "1 hour", softTtl: "1 minute", fallbackOn: "all" })
      yield* Effect.succeed("stale").pipe(soft)
      yield* TestClock.adjust("2 minutes")
      const failing = Effect.delay(Effect.fail("down"), 1000)
      const refresh = yield* started(CachePolicy.refresh(failing.pipe(soft)))
      const reader = yield* started(failing.pipe(soft))
      yield* TestClock.adjust("1 second")
      expect(ended(refresh)).toEqual(Exit.fail("down"))
      expect(ended(reader)).toEqual(Exit.succeed("stale"))
    })

    test("where nothing is stored, readers wait for it", function*() {
      const { counts, get } = counting(1000)
      const both = [yield* start(CachePolicy.refresh(get)), yield* start(get)]
      yield* TestClock.adjust("1 second")
      expect(both.map(ended)).toEqual([Exit.succeed(1), Exit.succeed(1)])
      expect(counts.started).toBe(1)
    })
  })
})

testIn(CacheLayer.memory())("a bad option of a joining caller affects only that caller", function*() {
  const { load } = counting(1000)
  const good = yield* start(load.pipe(Cached.ttl("k", { ttl: "1 hour" })))
  const bad = yield* Effect.exit(load.pipe(Cached.ttl("k", { ttl: "1 hour", timeout: NaN })))
  expect(Exit.isFailure(bad) && Cause.squash(bad.cause)).toBeInstanceOf(CacheError.CacheConfigError)
  yield* TestClock.adjust("1 second")
  expect(yield* Fiber.join(good)).toBe(1)
})

it.effect.each(["when the load fails", "when its timeout has passed"])(
  "a strategy that throws %s is its caller's defect, and no caller hangs",
  (when) =>
    Effect.gen(function*() {
      const broken: Strategy.Strategy = {
        ...made({ strategy: "failover", ttl: "1 hour" }),
        decide: (_, now) => {
          if (now > 0) throw new Error("a mistake")
          return "LoadOrStale"
        }
      }
      yield* Cached.set("k", "stale")
      const failing = Effect.delay(Effect.fail("down"), 1000)
      const timeout = when === "when the load fails" ? "1 minute" : "1 second"
      const bad = yield* start(failing.pipe(Cached.withStrategy("k", { strategy: broken, timeout, fallbackOn: "all" })))
      const good = yield* start(failing.pipe(Cached.failover("k", { ttl: "1 hour", fallbackOn: "all" })))
      yield* TestClock.adjust("1 second")
      const exit = ended(bad)
      expect(exit !== "still waiting" && Exit.hasDies(exit)).toBe(true)
      expect(ended(good)).toEqual(Exit.succeed("stale"))
    }).pipe(Effect.provide(CacheLayer.memory()))
)

test.overFake("the store's own time does not count as the load's", function*(fake) {
  fake.behave = () => ({ before: Effect.sleep(100) })
  const { load } = counting(1000)
  expect(yield* taking("2 seconds", load.pipe(Cached.ttl("k", { ttl: "1 hour" })))).toBe(1)
  expect(fake.entries.get("k")!.meta).toMatchObject({ loadMillis: 1000, createdAt: 1200, expiresAt: 3_601_200 })
})
