/** Transactions that go wrong: stores that fail, others that write, programs that misuse them. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer, Option, Schedule, Stream } from "effect"
import { Cached, CacheError, CacheLayer, CachePolicy, type Caching, Transaction } from "effect-cached"
import { Lock, Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { SqliteStore } from "effect-cached/sqlite"
import { TestClock } from "effect/testing"
import { over, settle, start, started, taking } from "../support/caches.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test, testIn } from "../support/tests.ts"
import { until } from "../support/until.ts"

const value = (key: string) => Effect.map(Cached.getOption(key), Option.getOrUndefined)

const once = { retry: Schedule.recurs(0) }

/** A store over memory whose `transact` is replaced. */
const withTransact = (change: (transact: NonNullable<Store.Store["transact"]>) => Store.Store["transact"]) => {
  const store = MemoryStore.make()
  return { store, layer: over({ layer: Layer.succeed(Store.Store, { ...store, transact: change(store.transact!) }) }) }
}

const dieOf = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.exit(self), (exit) => Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined)

const refused = (message: string) =>
  expect.objectContaining({ _tag: "CacheConfigError", message: expect.stringContaining(message) })

describe("a store that", () => {
  const down = new CacheError.StoreError({ store: "memory", operation: "transact", reason: "Unavailable" })

  for (const isDone of [false, true]) {
    it.effect(`${isDone ? "carries the commit out and" : ""} does not answer it: what was to be written is removed`, () => {
      const { layer, store } = withTransact((transact) => (request) =>
        isDone ? Effect.andThen(transact(request), Effect.fail(down)) : Effect.fail(down)
      )
      return Effect.gen(function*() {
        yield* Cached.set("a", 1)
        yield* Cached.set("b", 1, { tags: ["t"] })
        const error = yield* Effect.flip(Transaction.run(Effect.gen(function*() {
          yield* Cached.set("a", 2)
          yield* Cached.invalidate({ tag: "t" })
          yield* Cached.set("c", 2)
        })))
        expect(error).toEqual(down)
        // Neither the old nor the new may be known to be right.
        expect([yield* value("a"), yield* value("b"), yield* value("c")]).toEqual([undefined, undefined, undefined])
        yield* TestClock.adjust("2 seconds")
        expect(yield* Effect.forEach(["a", "c"], (id) => Effect.map(store.get(id, []), ({ entry }) => entry)))
          .toEqual([undefined, undefined])
        yield* Cached.set("a", 3)
        expect(yield* value("a")).toBe(3)
      }).pipe(Effect.provide(layer))
    })
  }

  it.effect("refuses the commit for its size changes nothing, and nothing is removed", () => {
    const { layer } = withTransact(() => () =>
      Effect.fail(new CacheError.StoreError({ store: "memory", operation: "transact", reason: "TooLarge" }))
    )
    return Effect.gen(function*() {
      yield* Cached.set("a", 1)
      const error = yield* Effect.flip(Transaction.run(Cached.set("a", 2)))
      expect(error).toMatchObject({ _tag: "StoreError", reason: "TooLarge" })
      // The caller has the failure: no warning about the store is needed.
      expect((yield* Cached.stats).storeFailures).toBe(0)
      yield* TestClock.adjust("1 minute")
      expect(yield* value("a")).toBe(1)
    }).pipe(Effect.provide(layer))
  })

  for (
    const answer of [undefined, 1, { _tag: "Committed" }, { _tag: "Conflict", ids: [1], names: [] }, { _tag: "No" }]
  ) {
    it.effect(`answers ${JSON.stringify(answer)} is not believed`, () => {
      const { layer } = withTransact(() => () => Effect.succeed(answer as never))
      return Effect.gen(function*() {
        const error = yield* Effect.flip(Transaction.run(Cached.set("a", 2)))
        expect(error).toMatchObject({ _tag: "StoreError", reason: "Corrupt" })
      }).pipe(Effect.provide(layer))
    })
  }

  it.effect("never answers: the commit is given up after the store budget", () => {
    const { layer } = withTransact(() => () => Effect.never)
    return Effect.gen(function*() {
      expect(yield* taking("1 second", Effect.flip(Transaction.run(Cached.set("a", 2))))).toMatchObject({
        _tag: "StoreError",
        reason: "Timeout"
      })
    }).pipe(Effect.provide(layer))
  })

  for (const isolation of ["fast", "locked", "serializable"] as const) {
    it.effect(`${isolation}: does not answer a look-up, which then is no "nothing there"`, () => {
      const store = MemoryStore.make()
      let isSlow = false
      const late =
        <Args extends ReadonlyArray<any>, A, E>(ask: (...args: Args) => Effect.Effect<A, E>) => (...args: Args) =>
          Effect.suspend(() => isSlow ? Effect.never : ask(...args))
      const layer = Layer.provide(
        CacheLayer.layer({ memory: false }),
        Layer.succeed(Store.Store, {
          ...store,
          getUnsafe: undefined,
          get: late(store.get),
          getMany: late(store.getMany)
        })
      )
      const looks: Record<string, Effect.Effect<unknown, Transaction.Failure<"locked">, Caching.Caching>> = {
        getOption: Cached.getOption("a"),
        has: Cached.has("a"),
        getMany: Cached.getMany(["b", "a"]),
        ifAbsent: Cached.set("a", 2, { ifAbsent: true }),
        keepTtl: Cached.set("a", 2, { keepTtl: true }),
        touch: Cached.touch("a", "1 hour"),
        nested: Transaction.run(Cached.getOption("a")),
        "inside a load": Cached.getOption("a").pipe(Cached.ttl("c", { ttl: "1 hour" }))
      }
      return Effect.gen(function*() {
        yield* Cached.set("a", 1)
        isSlow = true
        for (const [name, look] of Object.entries(looks)) {
          let went = false
          const looking = Transaction.run(
            Effect.andThen(Cached.set("b", 2), Effect.andThen(look, Effect.sync(() => went = true))),
            { isolation }
          )
          const fiber = yield* start(Effect.flip(looking))
          yield* TestClock.adjust("10 seconds")
          expect([name, yield* Fiber.join(fiber), went]).toEqual([
            name,
            expect.objectContaining({ _tag: "StoreError", reason: expect.stringMatching(/^(Timeout|Unavailable)$/) }),
            false
          ])
        }
        // A cached effect loads, as everywhere.
        const loading = Transaction.run(Effect.succeed("loaded").pipe(Cached.ttl("a", { ttl: "1 hour" })), {
          isolation: "fast"
        })
        const fiber = yield* start(loading)
        yield* TestClock.adjust("10 seconds")
        expect(yield* Fiber.join(fiber)).toBe("loaded")
        isSlow = false
        yield* TestClock.adjust("1 minute")
        expect([yield* value("a"), yield* value("b")]).toEqual([1, undefined])
      }).pipe(Effect.provide(layer))
    })
  }

  it.effect("throws from transact: a StoreError, never a defect", () => {
    const { layer } = withTransact(() => () => {
      throw new Error("no")
    })
    return Effect.gen(function*() {
      expect(yield* Effect.flip(Transaction.run(Cached.set("a", 2)))).toMatchObject({ _tag: "StoreError" })
    }).pipe(Effect.provide(layer))
  })
})

describe("a value that cannot be stored", () => {
  testIn(Layer.provide(CacheLayer.layer(), MemoryStore.layer))("fails the whole transaction", function*() {
    const error = yield* Effect.flip(Transaction.run(Effect.gen(function*() {
      yield* Cached.set("a", 1)
      yield* Cached.set("b", () => 1)
    })))
    expect([error._tag, yield* value("a")]).toEqual(["SerializerError", undefined])
  })
})

/** How many tries a count takes whose first try another cache disturbs, and the count. */
const countBeside = (other: Context.Context<Caching.Caching>) =>
  Effect.gen(function*() {
    yield* Cached.set("n", 1)
    let tries = 0
    const count = Effect.gen(function*() {
      const n = (yield* value("n")) as number
      if (++tries === 1) yield* Effect.provideContext(Cached.set("n", 10), other)
      yield* Cached.set("n", n + 1)
    })
    yield* Transaction.run(count, { retry: Schedule.recurs(1) })
    return [tries, yield* value("n")]
  })

test("after a conflict the next try reads what is new, though no change is reported", function*() {
  const store = { layer: Layer.succeed(Store.Store, MemoryStore.make()) }
  const [mine, other] = [yield* Layer.build(over(store)), yield* Layer.build(over(store))]
  expect(yield* Effect.provideContext(countBeside(other), mine)).toEqual([2, 11])
})

describe("processes on one database", () => {
  it.live("a conflict with another process is found, and the next try reads what is new", () =>
    Effect.gen(function*() {
      const directory = yield* tempDirectory
      const layer = () => Layer.provide(CacheLayer.layer(), SqliteStore.layer({ directory }))
      const [mine, other] = [yield* Layer.build(layer()), yield* Layer.build(layer())]
      expect(yield* Effect.provideContext(countBeside(other), mine)).toEqual([2, 11])
      yield* until("the change", Effect.map(Effect.provideContext(value("n"), other), (n) => n === 11))
    }).pipe(Effect.scoped))

  it.live("commits of many entries are seen whole, tags and counters too", () =>
    Effect.gen(function*() {
      const directory = yield* tempDirectory
      const layer = () => Layer.provide(CacheLayer.layer(), SqliteStore.layer({ directory }))
      const [mine, other] = [yield* Layer.build(layer()), yield* Layer.build(layer())]
      yield* Effect.provideContext(
        Transaction.run(Effect.gen(function*() {
          yield* Cached.setMany(Array.from({ length: 300 }, (_, i) => [`k${i}`, i] as const), { tags: ["t"] })
          yield* Cached.invalidate({ tag: "u" })
          yield* Cached.counter("n").increment({ by: 7 })
        })),
        mine
      )
      const seen = Effect.all([value("k0"), value("k299"), Cached.counter("n").get, Cached.size])
      expect(yield* Effect.provideContext(seen, other)).toEqual([0, 299, 7, 300])
    }).pipe(Effect.scoped))
})

class Pages extends Context.Service<Pages, Caching.Shape>()("Pages") {}

describe("misuse", () => {
  const two = Layer.merge(CacheLayer.memory(), CacheLayer.named(Pages, CacheLayer.memory()))

  const test = testIn(two)

  for (
    const [name, write] of [
      ["set", Cached.set("a", 1)],
      ["invalidate", Cached.invalidate("a")],
      ["increment", Cached.counter("a").increment()],
      ["invalidateMatching", Cached.invalidate({ matching: "a*" })],
      ["a transaction", Transaction.run(Cached.set("a", 1))]
    ] as ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown, Caching.Caching>]>
  ) {
    test(`${name} of another cache inside is refused`, function*() {
      expect(yield* dieOf(Transaction.run(write.pipe(Cached.withCache(Pages))))).toEqual(refused("one cache"))
    })
  }

  test("reads of another cache, and the transaction of a named one, are as ever", function*() {
    yield* Cached.set("a", 1).pipe(Cached.withCache(Pages))
    const read = Transaction.run(value("a").pipe(Cached.withCache(Pages)))
    expect(yield* read).toBe(1)
    yield* Transaction.run(Effect.gen(function*() {
      yield* Cached.set("a", 2)
      // The same cache by its name.
      yield* Cached.set("b", 2).pipe(Cached.withCache(Pages))
    })).pipe(Cached.withCache(Pages))
    expect([
      yield* value("a"),
      yield* value("a").pipe(Cached.withCache(Pages)),
      yield* value("b").pipe(Cached.withCache(Pages))
    ])
      .toEqual([undefined, 2, 2])
  })

  testIn(CacheLayer.memory())("a fiber that outlives its transaction may not use its cache", function*() {
    const go = yield* Deferred.make<void>()
    const cached = Effect.succeed(1).pipe(Cached.ttl("r", { ttl: "1 hour" }))
    const late = [
      Cached.set("a", 1),
      cached,
      Cached.getOption("a"),
      Cached.counter("n").increment(),
      Cached.clear,
      Transaction.rollback
    ]
    const fibers = yield* Transaction.run(
      Effect.forEach(late, (use) => Effect.forkDetach(Effect.andThen(Deferred.await(go), use)))
    )
    yield* Deferred.succeed(go, undefined)
    for (const fiber of fibers) {
      const exit = yield* Fiber.await(fiber as Fiber.Fiber<unknown, unknown>)
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toEqual(refused("after its end"))
    }
    expect(yield* Cached.size).toBe(0)
  })

  it.effect("a stronger isolation than that around it, an unknown option, a rollback outside", () =>
    Effect.gen(function*() {
      const inner = Transaction.run(Effect.void, { isolation: "serializable" })
      expect(yield* dieOf(Transaction.run(inner))).toEqual(refused("serializable"))
      expect(yield* dieOf(Transaction.rollback)).toEqual(refused("outside a transaction"))
      expect(() => Transaction.run(Effect.void, { isolaton: "fast" } as object)).toThrow(/did you mean "isolation"/)
      expect(() => Transaction.run(Effect.void, { isolation: "slow" as never })).toThrow(/"slow"/)
      expect(() => Transaction.run(Effect.void, { timeout: 0 })).toThrow(/timeout/)
      expect(() => Transaction.run(Effect.void, { retry: 3 as never })).toThrow(/Schedule/)
    }).pipe(Effect.provide(CacheLayer.memory())))

  testIn(CacheLayer.disabled)("over a cache that caches nothing the effect runs", function*() {
    expect(yield* Transaction.run(Effect.as(Cached.set("a", 1), 2))).toBe(2)
    yield* Transaction.rollback
  })
})

describe("locks", () => {
  const test = testIn(CacheLayer.memory())

  test("a lock that cannot be had is a LockError of the transaction, and nothing is written", function*() {
    const lock: Lock.Lock = {
      name: "broken",
      acquire: (name) => Effect.fail(new CacheError.LockError({ lock: name, reason: "Unavailable" })),
      isLocked: () => Effect.succeed(false)
    }
    const error = yield* Effect.flip(
      Transaction.run(Effect.andThen(Cached.set("a", 1), Effect.fail("other"))).pipe(
        Effect.provideService(Lock.Lock, lock)
      )
    )
    expect(error).toMatchObject({ _tag: "LockError", lock: "tx:a" })
    expect(yield* Cached.size).toBe(0)
  })

  test("are released after a failure, an interruption and a conflict; one id is locked once", function*() {
    const lock = yield* Lock.Lock
    const isFree = Effect.map(
      Effect.exit(Effect.scoped(lock.acquire("tx:a", { lease: "1 second", wait: 0 }))),
      Exit.isSuccess
    )
    const use = Effect.all([Cached.set("a", 1), value("a"), Cached.getMany(["b", "a"])], { concurrency: "unbounded" })
    yield* Effect.exit(Transaction.run(Effect.andThen(use, Effect.fail("no"))))
    expect(yield* isFree).toBe(true)
    const fiber = yield* started(Transaction.run(Effect.andThen(use, Effect.never)))
    expect(yield* isFree).toBe(false)
    yield* Fiber.interrupt(fiber)
    expect(yield* isFree).toBe(true)
    expect(yield* value("a")).toBe(undefined)
  })

  test("a fiber that waits for a lock and is interrupted leaves it to the others of its transaction", function*() {
    const holder = yield* start(Transaction.run(Effect.andThen(Cached.set("a", 1), Effect.sleep("1 second"))))
    const waiting = yield* start(Transaction.run(Effect.gen(function*() {
      const first = yield* start(value("a"))
      const second = yield* start(value("a"))
      yield* Fiber.interrupt(first)
      return yield* Fiber.join(second)
    })))
    yield* TestClock.adjust("2 seconds")
    yield* Fiber.join(holder)
    expect(yield* Fiber.join(waiting)).toBe(1)
  })
})

describe("remains of a transaction", () => {
  const test = testIn(CacheLayer.memory())

  test("nothing: no private load continues, no watch stays, whatever ended it", function*() {
    let running = 0
    const slow = Effect.acquireUseRelease(
      Effect.sync(() => running++),
      () => Effect.never,
      () => Effect.sync(() => running--)
    ).pipe(Cached.ttl("slow", { ttl: "1 hour" }))
    const fiber = yield* started(Transaction.run(slow))
    expect(running).toBe(1)
    yield* Fiber.interrupt(fiber)
    expect(running).toBe(0)
    // One that is forked and forgotten ends with the transaction.
    yield* Transaction.run(Effect.andThen(Effect.forkDetach(slow), settle))
    yield* settle
    expect(running).toBe(0)
    expect((yield* Cached.stats).size).toBe(0)
  })

  test("events of what it has written, once it is committed", function*() {
    const told: Array<string> = []
    yield* Effect.forkChild(Stream.runForEach(Cached.events(), (event) => Effect.sync(() => told.push(event._tag))))
    yield* settle
    yield* Cached.set("x", 1)
    yield* Transaction.run(Effect.gen(function*() {
      yield* Cached.set("a", 1)
      yield* Cached.remove("x")
      yield* Cached.invalidate({ tag: "t" })
      yield* Effect.succeed(1).pipe(Cached.ttl("r", { ttl: "1 hour" }))
      yield* settle
      told.push("inside")
    }))
    yield* settle
    expect(told).toEqual(["Set", "Miss", "Load", "inside", "Set", "Invalidate", "Invalidate"])
    yield* Effect.exit(Transaction.run(Effect.andThen(Cached.set("b", 1), Effect.fail("no"))))
    yield* settle
    expect(told.length).toBe(7)
  })

  test("conflicts, in the end: with the keys that others changed", function*() {
    const context = yield* Effect.context<Caching.Caching>()
    let n = 0
    const changing = Transaction.run(
      Effect.gen(function*() {
        yield* value("a")
        yield* Effect.provideContext(Effect.suspend(() => Cached.set("a", ++n)), context)
        yield* Cached.set("b", 1)
      }),
      { retry: Schedule.recurs(2) }
    )
    const error = yield* Effect.flip(changing)
    expect([error, n]).toEqual([new CacheError.TransactionConflict({ ids: ["a"], names: [] }), 3])
    expect(error.message).toContain("\"a\"")
    expect(yield* Effect.flip(Transaction.run(changing, once))).toEqual(error)
    expect(yield* value("b")).toBe(undefined)
  })

  test("is the same under the policies of a call", function*() {
    yield* Cached.set("a", 1)
    yield* Transaction.run(Effect.gen(function*() {
      expect(yield* CachePolicy.disable("set")(Cached.set("a", 2))).toBe(false)
      let loads = 0
      const load = Effect.sync(() => ++loads).pipe(Cached.ttl("a", { ttl: "1 hour" }))
      expect(yield* CachePolicy.bypass(load)).toBe(1)
      expect(yield* load).toBe(1)
      expect(yield* CachePolicy.refresh(load)).toBe(2)
      expect(yield* load).toBe(2)
      expect(yield* CachePolicy.invalidating(load)).toBe(3)
    }))
    expect(yield* value("a")).toBe(undefined)
  })
})
