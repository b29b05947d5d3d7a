/** `Transaction.run`, over every kind of cache. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, Layer, Option, Schedule, Schema, Scope, Stream } from "effect"
import { Cached, CacheError, CacheKey, CachePolicy, type Caching, Transaction } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { TestClock } from "effect/testing"
import { caches, fakeStore, over, settle, start, started, taking } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { test, testIn } from "../support/tests.ts"

class User extends CacheKey.Class<User>()("User", {
  payload: { id: Schema.Int },
  success: Schema.String,
  indexes: ["id"]
}) {}

const value = (key: string) => Effect.map(Cached.getOption(key), Option.getOrUndefined)

/** Operations of another part of the program meanwhile. */
const outside = Effect.map(
  Effect.context<Caching.Caching>(),
  (context) => <A, E>(self: Effect.Effect<A, E, Caching.Caching>) => Effect.provideContext(self, context)
)

/** In small steps: the work of a store in between takes no time. */
const pass = (millis: number) =>
  Effect.forEach(Array.from({ length: Math.ceil(millis / 20) }), () => Effect.andThen(TestClock.adjust(20), settle), {
    discard: true
  })

const never = { retry: Schedule.recurs(0) }

for (const cache of caches) {
  describe(`in ${cache.name}`, () => {
    const test = testIn(cache.layer())

    test("a stream inside is its origin alone: nothing is stored of a rolled back value, and no reader joins", function*() {
      let runs = 0
      const rows = Stream.suspend(() => Stream.make(++runs)).pipe(Cached.stream("rows", { ttl: "1 hour" }))
      expect(yield* Stream.runCollect(rows)).toEqual([1])
      const inside = Effect.flatMap(Stream.runCollect(rows), (rows) => Effect.fail(rows))
      expect(yield* Effect.flip(Transaction.run(inside, never))).toEqual([2])
      expect(yield* Stream.runCollect(rows)).toEqual([1])
    })

    test("a load that needs itself through a transaction is a CacheCycle", function*() {
      const under = (policy: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>, key: string) => {
        const a: Effect.Effect<number, any, Caching.Caching> = Effect.suspend(() => Transaction.run(policy(b), never))
          .pipe(Cached.ttl(`a ${key}`, { ttl: "1 hour" }))
        const b = Effect.suspend(() => a).pipe(Cached.ttl(`b ${key}`, { ttl: "1 hour" }))
        const alone: Effect.Effect<number, any, Caching.Caching> = Effect.suspend(() =>
          Transaction.run(Transaction.run(policy(alone)), never)
        ).pipe(Cached.ttl(`alone ${key}`, { ttl: "1 hour" }))
        return [alone, a, Transaction.run(a, never)]
      }
      const policies = {
        normal: <A, E, R>(self: Effect.Effect<A, E, R>) => self,
        readOnly: CachePolicy.disable("set"),
        refresh: CachePolicy.refresh
      }
      for (const [name, policy] of Object.entries(policies)) {
        for (const read of under(policy, name)) {
          const exit = yield* Effect.exit(read)
          expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({ _tag: "CacheCycle" })
        }
      }
      const exit = yield* Effect.exit(under(policies.normal, "path")[1]!)
      expect(exit).toMatchObject({ cause: { reasons: [{ defect: { path: ["a path", "b path", "a path"] } }] } })
    })

    test("a load may read in a transaction what that has set, even its own key", function*() {
      const read: Effect.Effect<number, any, Caching.Caching> = Effect.suspend(() =>
        Transaction.run(Effect.andThen(Cached.set("k", 1, { ttl: "1 hour" }), read), never)
      ).pipe(Cached.ttl("k", { ttl: "1 hour" }))
      expect(yield* read).toBe(1)
    })

    for (const isolation of ["fast", "locked", "serializable"] as const) {
      test(`${isolation}: savepoints at once see each other's writes`, function*() {
        const increment = Effect.gen(function*() {
          const n = yield* value("n")
          yield* Effect.yieldNow
          yield* Cached.set("n", Number(n ?? 0) + 1, { ttl: "1 hour" })
        })
        const deeper = Transaction.run(Effect.all([Transaction.run(increment), Transaction.run(increment)], {
          concurrency: "unbounded"
        }))
        const failing = Effect.exit(Transaction.run(Effect.andThen(increment, Effect.fail("rolled back"))))
        const savepoints = Array.from({ length: 20 }, () => [Transaction.run(increment), deeper, failing]).flat()
        yield* Transaction.run(Effect.all(savepoints, { concurrency: "unbounded" }), { isolation, ...never })
        expect(yield* value("n")).toBe(60)
      })

      test(`${isolation}: a condition on what the transaction has ended itself by a tag holds at the commit`, function*() {
        const out = yield* outside
        const keys = ["a", "b", "c", "d", "e"]
        yield* Effect.forEach(keys, (key) => Cached.set(key, 1, { ttl: "1 hour", tags: ["t"] }))
        const told = yield* Transaction.run(
          Effect.gen(function*() {
            expect(yield* value("a")).toBe(1)
            yield* Cached.touch("d", "2 hours")
            yield* Cached.touch("e", "2 hours")
            yield* Cached.invalidate({ tag: "t" })
            return [
              yield* Cached.set("a", 2, { ifAbsent: true }),
              yield* Cached.set("b", 2, { ifAbsent: true }),
              yield* Cached.set("c", 2, { ifPresent: true }),
              yield* Cached.set("d", 2, { ifAbsent: true }),
              yield* Cached.set("e", 2, { ifPresent: true })
            ]
          }),
          { isolation, ...never }
        )
        expect([...told, ...yield* Effect.forEach(keys, value)])
          .toEqual([true, true, false, true, false, 2, 2, undefined, 2, undefined])
        // A value that others set meanwhile was not ended by it.
        yield* Cached.set("a", 3, { ttl: "1 hour", tags: ["t"] })
        const meanwhile = Effect.gen(function*() {
          yield* Cached.invalidate({ tag: "t" })
          yield* Cached.set("a", 4, { ifAbsent: true })
          yield* out(Cached.set("a", 5, { ttl: "1 hour" }))
        })
        expect(yield* Effect.flip(Transaction.run(meanwhile, { isolation, ...never })))
          .toMatchObject({ _tag: "TransactionConflict", ids: ["a"] })
        expect(yield* value("a")).toBe(5)
      })
    }

    test("a conditional set is checked at the commit under every isolation", function*() {
      const out = yield* outside
      for (const isolation of ["fast", "locked", "serializable"] as const) {
        const conflict = yield* Effect.flip(
          Transaction.run(
            Effect.gen(function*() {
              yield* Cached.set(`lost ${isolation}`, 1, { ifAbsent: true })
              yield* out(Cached.set(`lost ${isolation}`, 2))
              yield* Cached.set("beside", 2)
            }),
            { isolation, ...never }
          )
        )
        expect([conflict._tag, (conflict as CacheError.TransactionConflict).ids])
          .toEqual(["TransactionConflict", [`lost ${isolation}`]])
        expect([yield* value(`lost ${isolation}`), yield* value("beside")]).toEqual([2, undefined])
      }
    })

    test("counters: reads see what was added, only the difference is committed", function*() {
      const out = yield* outside
      const n = Cached.counter("n")
      yield* n.increment({ by: 10 })
      const seen = yield* Transaction.run(
        Effect.gen(function*() {
          const first = [
            yield* n.increment({ by: 5 }),
            yield* n.get,
            yield* Cached.counter("m").increment({ by: 2, ttl: "1 minute" })
          ]
          yield* out(n.increment({ by: 100 }))
          return [...first, yield* Cached.counter("none").increment({ by: 0 }), yield* n.increment({ by: -1 })]
        }),
        { isolation: "fast" }
      )
      expect(seen.slice(0, 4)).toEqual([15, 15, 2, 0])
      expect([yield* n.get, yield* Cached.counter("m").get, yield* Cached.counter("none").get]).toEqual([114, 2, 0])
      yield* Transaction.run(Effect.gen(function*() {
        yield* n.remove
        expect(yield* n.get).toBe(0)
        yield* n.increment({ by: 3 })
        yield* Cached.counter("m").touch("1 hour")
      }))
      expect([yield* n.get, Option.map(yield* Cached.counter("m").expiresIn, Duration.toMillis)])
        .toEqual([3, Option.some(3_600_000)])
      const { reason } = yield* Effect.flip(
        Transaction.run(Effect.gen(function*() {
          yield* Cached.set("a", 1)
          yield* n.increment({ by: Number.MAX_SAFE_INTEGER })
        })) as Effect.Effect<void, CacheError.StoreError, Caching.Caching>
      )
      expect([reason, yield* value("a"), yield* n.get]).toEqual(["OutOfRange", undefined, 3])
    })

    test("a soft invalidation makes stale what was before it, and not what is set after it", function*() {
      let loads = 0
      const load = (key: string) => Effect.sync(() => ++loads).pipe(Cached.ttl(key, { ttl: "1 hour", tags: ["t"] }))
      yield* load("old")
      yield* Transaction.run(Effect.gen(function*() {
        yield* Cached.set("before", 0, { tags: ["t"] })
        yield* Cached.invalidate({ tag: "t" }, { mode: "soft" })
        yield* Cached.set("after", 0, { tags: ["t"] })
      }))
      expect([yield* load("old"), yield* load("before"), yield* load("after")]).toEqual([2, 3, 0])
    })

    test("savepoints: a touch of what an outer level has loaded moves the end of what the commit stores", function*() {
      let loads = 0
      const load = Effect.sync(() => ++loads).pipe(Cached.ttl("k", { ttl: "1 hour" }))
      yield* Transaction.run(Effect.gen(function*() {
        yield* load
        expect(yield* Transaction.run(Transaction.run(Cached.touch("k", "3 hours")))).toBe(true)
        expect(Option.map(yield* Looking.expiresIn("k"), Duration.toHours)).toEqual(Option.some(3))
      }))
      expect(Option.map(yield* Looking.expiresIn("k"), Duration.toHours)).toEqual(Option.some(3))
      expect([yield* load, loads]).toEqual([1, 1])
    })

    test("a cached effect: what was written, a hit, or a load of its own that is stored at the commit", function*() {
      const out = yield* outside
      let loads = 0
      const load = (key: string, delay = 0) =>
        Effect.sync(() => ++loads).pipe(Effect.delay(delay), Cached.ttl(key, { ttl: "1 hour" }))
      yield* load("hit")
      const seen = yield* Transaction.run(Effect.gen(function*() {
        yield* Cached.set("own", 100)
        const first = [yield* load("own"), yield* load("hit")]
        const both = yield* Effect.all([load("new"), load("new")], { concurrency: 2 })
        const has = [yield* out(Cached.has("new")), yield* Cached.has("new")]
        yield* Cached.invalidate("hit")
        return [...first, ...both, ...has, yield* load("hit")]
      }))
      expect(seen).toEqual([100, 1, 2, 2, false, true, 3])
      expect([yield* load("own"), yield* load("new")]).toEqual([100, 2])
      expect(loads).toBe(3)
      // Invalidated meanwhile: the result is given, and not stored.
      yield* Transaction.run(
        Effect.gen(function*() {
          yield* load("lost")
          yield* out(Cached.invalidate("lost"))
        }),
        { isolation: "fast" }
      )
      expect(yield* Cached.has("lost")).toBe(false)
    })

    test("the result of a load inside does not replace that of a load which began later", function*() {
      const out = yield* outside
      const gate = yield* Deferred.make<void>()
      let loads = 0
      const load = Effect.suspend(() => ++loads === 2 ? Effect.as(Deferred.await(gate), 2) : Effect.succeed(loads))
      const cached = load.pipe(Cached.refreshAhead("k", { ttl: "1 hour", refreshAfter: "1 minute" }))
      yield* cached
      yield* TestClock.adjust("2 minutes")
      const inside = Transaction.run(CachePolicy.refresh(cached), { isolation: "fast" })
      const running = yield* started(inside)
      // Served, and refreshed in the background.
      expect(yield* out(cached)).toBe(1)
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Fiber.join(running)).toBe(2)
      expect([yield* cached, loads]).toEqual([3, 3])
    })

    test("a tag that is invalidated twice costs nothing that is written after that", function*() {
      yield* Cached.set("a", 1, { tags: ["t"] })
      yield* Transaction.run(Effect.gen(function*() {
        yield* Cached.invalidate({ tag: "t" })
        yield* Cached.invalidate({ tag: "t" }, { mode: "soft" })
        yield* Cached.invalidate({ tag: "t" })
        yield* Cached.set("b", 2, { tags: ["t"] })
      }))
      expect([yield* value("a"), yield* value("b")]).toEqual([undefined, 2])
      // Nothing is sent again.
      yield* pass(1000)
      expect(yield* value("b")).toBe(2)
    })

    test("an invalidation by a call before it reads is carried out at the commit, whatever it reads with", function*() {
      const reads = [
        Effect.asVoid(Cached.getMany(["a", "none"])),
        Effect.asVoid(Cached.has("b")),
        Effect.asVoid(Looking.expiresIn("c")),
        Effect.asVoid(Cached.getEntry("d"))
      ]
      const further = CachePolicy.invalidating(Effect.all(reads, { discard: true }))
      const load = Effect.succeed("loaded").pipe(Cached.ttl("e", { ttl: "1 hour" }))
      const all = ["a", "b", "c", "d", "e"]
      yield* Cached.setMany(all.map((key) => [key, 1] as const))
      yield* Effect.exit(
        Transaction.run(Effect.all([further, CachePolicy.invalidating(load), Effect.fail("no")]), never)
      )
      expect(yield* Effect.filter(all, Cached.has)).toEqual(all)
      const seen = yield* Transaction.run(
        Effect.all([further, CachePolicy.invalidating(load), Effect.filter(all, Cached.has)]),
        never
      )
      expect(seen.slice(1)).toEqual(["loaded", ["e"]])
      expect(yield* Effect.filter(all, Cached.has)).toEqual([])
    })

    test("reads that do not use the cache, for their policy, say nothing that is checked", function*() {
      yield* Cached.set("a", 1)
      for (const policy of [CachePolicy.bypass, CachePolicy.refresh, CachePolicy.disable("get")]) {
        expect(yield* Transaction.run(policy(value("a")), { ...never, isolation: "serializable" })).toBe(undefined)
      }
      const held = CachePolicy.refresh(Cached.set("a", 2, { ifPresent: true }))
      expect(yield* Transaction.run(held, never)).toBe(true)
      expect(yield* value("a")).toBe(2)
    })

    test("values loaded inside count for conditions, listings and patterns", function*() {
      const load = Effect.succeed("loaded").pipe(Cached.ttl("u:1", { ttl: "1 hour" }))
      const conditions = Effect.gen(function*() {
        yield* load
        return [yield* Cached.set("u:1", 1, { ifAbsent: true }), yield* Cached.set("u:1", 2, { ifPresent: true })]
      })
      for (const isolation of ["fast", "locked", "serializable"] as const) {
        yield* Cached.clear
        expect(yield* Transaction.run(conditions, { ...never, isolation })).toEqual([false, true])
        expect(yield* value("u:1")).toBe(2)
        // The store has it, so the result of a load cannot be stored: inside it is there all the same.
        const listed = Effect.gen(function*() {
          yield* Cached.clear
          const ids = [yield* load, ...yield* Stream.runCollect(Looking.ids("u:*"))]
          return [...ids, yield* Cached.remove({ matching: "u:*" }), yield* Cached.has("u:1")]
        })
        expect(yield* Transaction.run(listed, { ...never, isolation: "fast" })).toEqual(["loaded", "u:1", 1, false])
      }
    })

    test("additions to a counter that come to nothing make one all the same", function*() {
      yield* Transaction.run(
        Effect.andThen(
          Cached.counter("n").increment({ by: 2 }),
          Cached.counter("n").increment({ by: -2, ttl: "1 hour" })
        ),
        never
      )
      expect(yield* Cached.counter("n").touch("1 hour")).toBe(true)
      expect(yield* Cached.counter("n").get).toBe(0)
    })

    test("functions of many, with what was written and what is cached", function*() {
      const asked: Array<ReadonlyArray<number>> = []
      const users = Cached.many(User, (keys) =>
        Effect.sync(() => {
          asked.push(keys.map(({ id }) => id))
          return keys.map(({ id }) => Exit.succeed(`user ${id}`))
        }), { ttl: "1 hour" })
      yield* users([{ id: 1 }])
      const names = yield* Transaction.run(Effect.gen(function*() {
        yield* Cached.set(new User({ id: 2 }), "Ada")
        return yield* users([{ id: 1 }, { id: 2 }, { id: 3 }, { id: 3 }])
      }))
      expect(names).toEqual(["user 1", "Ada", "user 3", "user 3"].map(Exit.succeed))
      yield* users([{ id: 1 }, { id: 2 }, { id: 3 }])
      expect(asked).toEqual([[1], [3]])
    })

    test("CA-72 · locked: two that change one value are one after the other; a plain set between is a conflict", function*() {
      yield* Cached.set("n", 0)
      const add = Transaction.run(Effect.gen(function*() {
        const n = (yield* value("n")) as number
        yield* Effect.sleep("10 millis")
        yield* Cached.set("n", n + 1)
      }))
      const adding = yield* start(Effect.all(Array.from({ length: 5 }, () => add), { concurrency: "unbounded" }))
      yield* pass(500)
      yield* Fiber.join(adding)
      expect(yield* value("n")).toBe(5)
      const out = yield* outside
      let tries = 0
      const beside = yield* start(Transaction.run(Effect.gen(function*() {
        const n = (yield* value("n")) as number
        if (++tries === 1) yield* out(Cached.set("n", 100))
        yield* Cached.set("n", n + 1)
      })))
      yield* pass(500)
      yield* Fiber.join(beside)
      expect([tries, yield* value("n")]).toEqual([2, 101])
    })

    test("CA-73 · serializable refuses what was changed since it was read, through cached effects and listings too", function*() {
      const out = yield* outside
      const hit = Effect.succeed(1).pipe(Cached.ttl("hit", { ttl: "1 hour" }))
      yield* hit
      const tryIt = (read: Effect.Effect<unknown, unknown, Caching.Caching>, isolation: Transaction.Isolation) =>
        Effect.exit(Transaction.run(
          Effect.gen(function*() {
            yield* read
            yield* out(Effect.andThen(Cached.set("hit", 2), Cached.set("listed", 2)))
            yield* Cached.set("written", isolation)
          }),
          { isolation, ...never }
        ))
      expect(Exit.isSuccess(yield* tryIt(hit, "locked"))).toBe(true)
      yield* Cached.remove(["listed", "written"])
      const listed = value("listed")
      for (const read of [hit, listed, Stream.runDrain(Looking.ids("lis*")), Cached.size]) {
        yield* Cached.remove("listed")
        const exit = yield* tryIt(read, "serializable")
        const isListing = read !== hit && read !== listed
        expect(exit).toMatchObject(
          isListing && cache.name.startsWith("an asynchronous")
            ? { cause: { reasons: [{ error: { _tag: "StoreError", reason: "Unsupported" } }] } }
            : { cause: { reasons: [{ error: { _tag: "TransactionConflict" } }] } }
        )
        expect(yield* value("written")).toBe(undefined)
      }
    })

    test("serializable: one that fails for what it has read runs again, where that was changed meanwhile", function*() {
      const out = yield* outside
      yield* Cached.set("left", 10)
      let tries = 0
      const balanced = (isolation: Transaction.Isolation) =>
        Effect.exit(Transaction.run(
          Effect.gen(function*() {
            const left = yield* value("left")
            if (++tries === 1) yield* out(Cached.set("left", 20))
            if (left === 10) return yield* Effect.fail("too old")
          }),
          { isolation, retry: Schedule.recurs(1) }
        ))
      expect([yield* balanced("serializable"), tries]).toEqual([Exit.void, 2])
      yield* Cached.set("left", 10)
      expect(yield* balanced("serializable")).toEqual(Exit.fail("too old"))
      tries = 0
      expect([yield* balanced("fast"), tries]).toEqual([Exit.fail("too old"), 1])
    })

    test("one that takes too long fails, and leaves nothing", function*() {
      expect(
        yield* taking(
          "5 seconds",
          Effect.exit(Transaction.run(Effect.andThen(Cached.set("a", 1), Effect.never), { timeout: "5 seconds" }))
        )
      ).toEqual(Exit.fail(new CacheError.TransactionTimeout({ timeoutMillis: 5000 })))
      expect(yield* value("a")).toBe(undefined)
      // Its locks are free again.
      yield* taking("1 second", Transaction.run(Cached.set("a", 2)))
      expect(yield* value("a")).toBe(2)
    })

    test("deadlocks end by the timeout", function*() {
      const pair = (first: string, second: string) =>
        Transaction.run(
          Effect.gen(function*() {
            yield* Cached.set(first, 1)
            yield* Effect.sleep("1 second")
            yield* Cached.set(second, 1)
          }),
          { timeout: "5 seconds" }
        )
      const exits = yield* taking(
        "1 minute",
        Effect.all([pair("a", "b"), pair("b", "a")].map(Effect.exit), { concurrency: 2 })
      )
      expect(exits.map(Exit.isSuccess)).not.toEqual([true, true])
      for (const exit of exits) {
        if (Exit.isFailure(exit)) {
          expect(exit).toMatchObject({ cause: { reasons: [{ error: { _tag: "TransactionTimeout" } }] } })
        }
      }
    })
  })
}

test("a store that cannot write several entries in one step is refused before the effect runs", function*() {
  let ran = false
  const fake = fakeStore()
  const { transact: _, ...store } = fake.store
  const error = yield* Effect.flip(Transaction.run(Effect.sync(() => ran = true))).pipe(
    Effect.provide(over({ layer: Layer.succeed(Store.Store, store) }))
  )
  expect([error._tag, (error as CacheError.StoreError).reason, ran]).toEqual(["StoreError", "Unsupported", false])
  expect((error as CacheError.StoreError).message).toContain("CacheLayer.memory, disk, redis, postgres, sql, or")
})

test.overFake("what a transaction sets is seen inside, though a look-up outlasts its lifetime", function*(fake) {
  fake.behave = (operation, id) => operation === "get" && id === "a" ? { before: Effect.sleep(20) } : {}
  const body = Effect.andThen(Cached.set("b", 1, { ttl: 10 }), Cached.getMany(["a", "b"]))
  const running = yield* start(Transaction.run(body, { isolation: "fast" }))
  yield* pass(200)
  expect(yield* Fiber.join(running)).toEqual([Option.none(), Option.some(1)])
})

test.each(caches)("a transaction starts no load where its cache is closed, over $name", function*(cache) {
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(cache.layer(), scope)
  let loads = 0
  const body = Effect.andThen(Effect.sleep("1 second"), Cached.ttl(Effect.sync(() => ++loads), "k", { ttl: "1 hour" }))
  const running = yield* start(Effect.provideContext(Transaction.run(body), context))
  yield* Scope.close(scope, Exit.void)
  yield* TestClock.adjust("1 second")
  const exit = yield* Fiber.await(running)
  expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({ _tag: "CacheClosed" })
  expect(loads).toBe(0)
})

it.effect.each(caches)(
  "an invalidation by a pattern reaches the load of a transaction, over $name",
  (cache) =>
    Effect.gen(function*() {
      const load = Cached.ttl(Effect.delay(Effect.succeed("old"), "1 second"), "k", { ttl: "1 hour" })
      const running = yield* started(Transaction.run(load))
      yield* Cached.invalidate({ matching: "*" })
      yield* pass(1000)
      expect(yield* Fiber.join(running)).toBe("old")
      expect(yield* value("k")).toBe(undefined)
    }).pipe(Effect.provide(cache.layer()))
)
