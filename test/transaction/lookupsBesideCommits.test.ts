/** Look-ups beside transactions: they see what a commit writes as it was before it, or as it is after it, whole. */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Option, Schedule, Stream } from "effect"
import { Cached, type CacheLayer, CachePolicy, type Caching, Transaction } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { SqliteStore } from "effect-cached/sqlite"
import { SeededScheduler } from "effect-cached/testing"
import { TestClock } from "effect/testing"
import { dice as diceFrom } from "../../src/testing/internal/dice.ts"
import { singly } from "../../src/testing/internal/singly.ts"
import { elapse, ended, over, settle, start, started } from "../support/caches.ts"
import { thirdOf } from "../support/everything.ts"
import { lateShared, lateStore } from "../support/lateStores.ts"
import * as Looking from "../support/looking.ts"
import { pluralOf } from "../support/pluralOf.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test, testIn } from "../support/tests.ts"

const accounts = ["a", "b", "c", "d", "e"]
const total = 500
const patient = { retry: Schedule.upTo(Schedule.spaced(1), { times: 50 }), timeout: "1 hour" } as const

const stores: Record<string, Layer.Layer<Store.Store, unknown>> = {
  "a synchronous store": MemoryStore.layer,
  "a storage that answers late": Layer.sync(Store.Store, lateStore),
  "a store that answers in any order": Layer.sync(Store.Store, lateShared),
  "a database": Layer.unwrap(Effect.map(tempDirectory, (directory) => SqliteStore.layer({ directory })))
}

const memories: Record<string, CacheLayer.LayerOptions> = {
  "no memory": { memory: false },
  "full memory": { capacity: 2 },
  "memory": {}
}

const balanceOf = Option.getOrElse(() => NaN) as (found: Option.Option<unknown>) => number

/** Transfers, each of which gives the accounts new tags and ends the old ones, beside look-ups. */
const transfersAndLookups = Effect.fnUntraced(function*(seed: number, isolation: Transaction.Isolation) {
  const dice = diceFrom(seed)
  const below = (n: number) => Math.floor(dice.nextDoubleUnsafe() * n)
  yield* Cached.setMany(accounts.map((account) => [account, 100] as const), { tags: ["accounts"] })
  const transfer = Effect.suspend(() => {
    const from = below(accounts.length)
    const to = (from + 1 + below(accounts.length - 1)) % accounts.length
    const amount = 1 + below(20)
    const renews = below(4) === 0
    return Transaction.run(
      Effect.gen(function*() {
        const balances = (yield* Cached.getMany(accounts)).map(balanceOf)
        balances[from]! -= amount
        balances[to]! += amount
        if (renews) yield* Cached.invalidate({ tag: "accounts" })
        const places = renews ? accounts.map((_, i) => i) : [from, to]
        for (const i of places) yield* Cached.set(accounts[i]!, balances[i]!, { tags: ["accounts"] })
      }),
      { isolation, ...patient }
    )
  })
  const wrong: Array<unknown> = []
  const lookup = Effect.gen(function*() {
    for (let i = 0; i < 12; i++) {
      for (let pauses = below(8); pauses > 0; pauses--) yield* Effect.yieldNow
      const sum = (yield* Cached.getMany(accounts)).reduce((sum, found) => sum + balanceOf(found), 0)
      if (sum !== total) wrong.push(sum)
      const account = accounts[below(accounts.length)]!
      if (Option.isNone(yield* Cached.getOption(account))) wrong.push(`no ${account}`)
      if (!(yield* Cached.has(account))) wrong.push(`has no ${account}`)
    }
  })
  yield* Effect.all([...Array.from({ length: 12 }, () => transfer), lookup, lookup, lookup], {
    concurrency: "unbounded"
  })
  return wrong
})

describe("look-ups beside transactions", () => {
  for (const [turn, [store, layer]] of Object.entries(stores).entries()) {
    for (const [memory, options] of thirdOf(Object.entries(memories), turn)) {
      test(`find all of it, over ${store}, with ${memory}`, function*() {
        for (let seed = 0; seed < 12; seed++) {
          const cache = over({ layer: Layer.fresh(layer) as Layer.Layer<Store.Store> }, {
            ...options,
            storeTimeout: "1 hour"
          })
          const isolation = seed % 2 === 0 ? "serializable" : "locked"
          const running = yield* start(Effect.scoped(
            Effect.flatMap(
              Layer.build(cache),
              (context) => Effect.provideContext(transfersAndLookups(seed, isolation), context)
            )
          ))
          for (let i = 0; running.pollUnsafe() === undefined && i < 300; i++) {
            yield* settle
            yield* TestClock.adjust(1)
          }
          expect(ended(running), `seed ${seed}`).toEqual(Exit.succeed([]))
        }
      })
    }
  }
})

/** A store over memory that waits before and after one of its operations. */
const slow = (operation: "transact" | "getMany" | "set", { before = Effect.void, after = Effect.void }) => {
  const store = MemoryStore.make()
  const run = store[operation]! as (...args: ReadonlyArray<unknown>) => Effect.Effect<unknown, never>
  return {
    ...store,
    getUnsafe: undefined,
    [operation]: (...args: ReadonlyArray<unknown>) => Effect.andThen(before, Effect.tap(run(...args), () => after))
  } as Store.Store
}

/** A store that carries out no transaction. A begun commit ends when the clock advances. */
const stuck = () => slow("transact", { before: Effect.never })

const givenUp = Effect.andThen(TestClock.adjust("20 seconds"), settle)

const cacheOver = (store: Store.Store, options: CacheLayer.LayerOptions = { memory: false }) =>
  over({ layer: Layer.succeed(Store.Store, store) }, options)

const both = Effect.map(Cached.getMany(["a", "b"]), (found) => found.map(Option.getOrUndefined))

/** Without locks: those of one that hangs would be held in the next test, too. */
const transaction = <A, E, R>(self: Effect.Effect<A, E, R>) => Transaction.run(self, { isolation: "fast" })

/** Gives both new tags and ends the old ones. */
const renew = (value: number) =>
  transaction(Effect.andThen(
    Cached.invalidate({ tag: "t" }),
    Cached.setMany([["a", value], ["b", value]], { tags: ["t"] })
  ))

const prepare = Cached.setMany([["a", 1], ["b", 1]], { tags: ["t"] })

describe("a commit under way", () => {
  const lookups: Record<string, readonly [Effect.Effect<unknown, unknown, Caching.Caching>, unknown]> = {
    getOption: [Cached.getOption("a"), Option.some(2)],
    has: [Cached.has("a"), true],
    getEntry: [Effect.map(Cached.getEntry("a"), Option.isSome), true],
    expiresIn: [Effect.map(Looking.expiresIn("a"), Option.isSome), true],
    getMany: [both, [2, 2]],
    touch: [Cached.touch("a", "1 minute"), true]
  }
  for (const [name, [lookup, expected]] of Object.entries(lookups)) {
    test(`is waited for by ${name}`, function*() {
      const gate = yield* Deferred.make<void>()
      yield* Effect.gen(function*() {
        yield* prepare
        const committing = yield* started(renew(2))
        const looking = yield* started(lookup)
        expect(ended(looking)).toBe("still waiting")
        yield* Deferred.succeed(gate, undefined)
        yield* settle
        expect([ended(committing), ended(looking)]).toEqual([Exit.void, Exit.succeed(expected)])
      }).pipe(Effect.provide(cacheOver(slow("transact", { before: Deferred.await(gate) }))))
    })
  }

  test("is waited for if a read has put one of its values in memory", function*() {
    const applied = yield* Deferred.make<void>()
    const answered = yield* Deferred.make<void>()
    const store = slow("transact", { after: Deferred.await(answered) })
    const acquire: Store.Store["acquire"] = (requests) =>
      Effect.andThen(Deferred.await(applied), store.acquire(requests))
    yield* Effect.gen(function*() {
      yield* Cached.set("b", 1)
      const read = yield* started(Cached.ttl(Effect.succeed(1), "a", { ttl: "1 hour" }))
      const committing = yield* started(transaction(Cached.setMany([["a", 2], ["b", 2]])))
      yield* Deferred.succeed(applied, undefined)
      yield* settle
      const looking = yield* started(both)
      yield* Deferred.succeed(answered, undefined)
      yield* settle
      const expected = [Exit.succeed(2), Exit.void, Exit.succeed([2, 2])]
      expect([ended(read), ended(committing), ended(looking)]).toEqual(expected)
    }).pipe(Effect.provide(cacheOver({ ...store, acquire }, {})))
  })

  it.effect("is waited for no longer than a look-up may ask the store", () =>
    Effect.gen(function*() {
      yield* prepare
      yield* started(Effect.ignore(CachePolicy.storeTimeout("10 seconds")(renew(2))))
      const looking = yield* start(both)
      const strict = yield* start(Effect.flip(CachePolicy.strict(both)))
      const other = yield* start(Cached.getOption("c"))
      yield* TestClock.adjust("501 millis")
      expect(ended(looking)).toEqual(Exit.succeed([undefined, undefined]))
      expect(ended(strict)).toMatchObject({ value: { _tag: "StoreError", reason: "Timeout" } })
      expect(ended(other)).toEqual(Exit.succeed(Option.none()))
    }).pipe(Effect.ensuring(givenUp), Effect.provide(cacheOver(stuck()))))

  it.effect("leaves exactly the rest of its time to the touch that has waited for it", () => {
    const store = { ...slow("transact", { before: Effect.sleep("400 millis") }), touch: () => Effect.never }
    return Effect.gen(function*() {
      yield* prepare
      yield* started(renew(2))
      const touching = yield* start(Cached.touch("a", "1 minute"))
      yield* elapse("400 millis")
      expect(ended(touching)).toBe("still waiting")
      yield* TestClock.adjust("101 millis")
      expect(ended(touching)).toEqual(Exit.succeed(false))
    }).pipe(Effect.ensuring(givenUp), Effect.provide(cacheOver(store)))
  })

  it("and a look-up that comes in the same moment do not wait for each other, wherever either yields", () => {
    for (let seed = 0; seed < 90; seed++) {
      const yieldChance = seed < 40 ? 0.05 : seed < 70 ? 0.1 : 0.3
      const schedule = SeededScheduler.make({ seed, yieldChance, maxTasks: 10_000_000 })
      const found: Array<unknown> = []
      const lookups = Effect.repeat(Effect.map(both, (values) => void found.push(values)), { times: 59 })
      const commits = Effect.repeat(transaction(Cached.setMany([["a", 1], ["b", 1]])), { times: 14 })
      const program = Effect.andThen(
        prepare,
        Effect.all([lookups, commits, lookups, commits], { concurrency: "unbounded" })
      )
      Effect.runForkWith(schedule.context)(Effect.provide(program, cacheOver(MemoryStore.make())))
      expect(schedule.settle()).toBe(true)
      expect(found, `seed ${seed}`).toEqual(Array.from({ length: 120 }, () => [1, 1]))
      // A look-up that waits for a commit which waits for it ends by its time.
      expect(schedule.now(), `seed ${seed}`).toBe(0)
    }
  })

  it.effect("keeps no look-up of other keys waiting", () =>
    Effect.gen(function*() {
      yield* Cached.set("c", 3)
      yield* started(Effect.ignore(transaction(Cached.set("a", 1))))
      expect(yield* Cached.getOption("c")).toEqual(Option.some(3))
    }).pipe(Effect.ensuring(givenUp), Effect.provide(cacheOver(stuck()))))

  it.effect("is listed with what it replaces", () =>
    Effect.gen(function*() {
      yield* Cached.set("a", 1)
      yield* started(Effect.ignore(transaction(Cached.set("a", 2))))
      expect(yield* Effect.map(Stream.runCollect(Cached.entries()), (all) => all.map(({ id }) => id))).toEqual(["a"])
    }).pipe(Effect.ensuring(givenUp), Effect.provide(cacheOver(stuck()))))
})

describe("a look-up under way", () => {
  test("is shown nothing of a commit that comes after it", function*() {
    const gate = yield* Deferred.make<void>()
    yield* Effect.gen(function*() {
      yield* prepare
      const looking = yield* started(both)
      const committing = yield* start(renew(2))
      const later = yield* started(both)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      expect([ended(looking), ended(committing), ended(later)])
        .toEqual([Exit.succeed([1, 1]), Exit.void, Exit.succeed([2, 2])])
    }).pipe(Effect.provide(cacheOver(slow("getMany", { after: Deferred.await(gate) }))))
  })

  testIn(cacheOver(slow("getMany", { after: Effect.never })))("that is interrupted holds no commit up", function*() {
    yield* prepare
    const looking = yield* started(both)
    yield* Fiber.interrupt(looking)
    const committing = yield* started(renew(2))
    expect(ended(committing)).toEqual(Exit.void)
  })

  it.effect("holds a commit up for as long as the store has time to answer", () =>
    Effect.gen(function*() {
      yield* prepare
      yield* started(CachePolicy.storeTimeout("1 hour")(both))
      const committing = yield* started(renew(2))
      expect(ended(committing)).toBe("still waiting")
      yield* TestClock.adjust("501 millis")
      expect(ended(committing)).toEqual(Exit.void)
    }).pipe(Effect.provide(cacheOver(slow("getMany", { after: Effect.never })))))

  test("finds what another process gives new tags meanwhile", function*() {
    const gate = yield* Deferred.make<void>()
    const store = slow("getMany", { after: Deferred.await(gate) })
    const [here, there] = yield* Effect.all([Layer.build(cacheOver(store)), Layer.build(cacheOver(store))])
    yield* Effect.provideContext(prepare, there)
    const looking = yield* started(Effect.provideContext(both, here))
    yield* Effect.provideContext(renew(2), there)
    yield* Deferred.succeed(gate, undefined)
    yield* settle
    expect(ended(looking)).toEqual(Exit.succeed([2, 2]))
  })
})

describe("a value that is being set", () => {
  /** `set` and `remove` are carried out when they are let. */
  const gated = Effect.gen(function*() {
    const gates = { set: yield* Deferred.make<void>(), remove: yield* Deferred.make<void>() }
    const store = MemoryStore.make()
    let isGated = false
    const after = <A, E>(gate: Deferred.Deferred<void>, effect: Effect.Effect<A, E>) =>
      Effect.suspend(() => isGated ? Effect.andThen(Deferred.await(gate), effect) : effect)
    const cache = cacheOver({
      ...store,
      getUnsafe: undefined,
      set: pluralOf.set((...args) => after(gates.set, singly(store).set(...args))),
      remove: pluralOf.remove((id) => after(gates.remove, singly(store).remove(id)))
    })
    const context = yield* Layer.build(cache)
    // Closing sends again what was not carried out.
    yield* Effect.addFinalizer(() =>
      Effect.all([Deferred.succeed(gates.set, undefined), Deferred.succeed(gates.remove, undefined)])
    )
    yield* Effect.provideContext(Cached.set("a", 1), context)
    isGated = true
    return { gates, context }
  })
  const value = Effect.map(Cached.getOption("a"), Option.getOrUndefined)

  test("leaves the one before it to look-ups", function*() {
    const { context, gates } = yield* gated
    yield* Effect.gen(function*() {
      const setting = yield* started(Effect.andThen(Cached.set("a", 2), Cached.set("a", 3)))
      expect([yield* value, yield* Cached.has("a"), yield* Cached.touch("a", "1 minute")]).toEqual([1, true, true])
      yield* Deferred.succeed(gates.set, undefined)
      yield* settle
      expect([ended(setting), yield* value]).toEqual([Exit.succeed(true), 3])
    }).pipe(Effect.provideContext(context))
  })

  test("brings nothing back that was removed before", function*() {
    const { context } = yield* gated
    yield* Effect.gen(function*() {
      const removing = yield* started(Cached.remove("a"))
      yield* Fiber.interrupt(removing)
      yield* started(Cached.set("a", 2))
      expect(yield* value).toBe(undefined)
    }).pipe(Effect.provideContext(context))
  })

  test("brings nothing back that was replaced by one that the store did not take", function*() {
    const { context } = yield* gated
    yield* Effect.gen(function*() {
      const first = yield* started(Cached.set("a", 2))
      yield* started(Cached.set("a", 3))
      expect(yield* value).toBe(1)
      yield* Fiber.interrupt(first)
      expect(yield* value).toBe(undefined)
    }).pipe(Effect.provideContext(context))
  })
})
