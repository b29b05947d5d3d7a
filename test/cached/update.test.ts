/** Read, change, write: no update is lost, however many write meanwhile. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, Layer, Option, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy, type Caching, Transaction } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { withTimePassing } from "effect-cached/testing"
import { TestClock } from "effect/testing"
import { caches, counting, elapse, fakeStore, over, settle, start, started } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { test, testIn } from "../support/tests.ts"

class Basket extends CacheKey.Class<Basket>()("Basket", {
  payload: { user: Schema.String },
  success: Schema.ReadonlySet(Schema.Number),
  error: Schema.String,
  tags: ["baskets"],
  indexes: ["user"]
}) {}

const add = (n: number) => (found: Option.Option<unknown>) =>
  Option.some((Option.getOrElse(found, () => 0) as number) + n)

const addLate = (n: number, delay: Duration.Input) => (found: Option.Option<unknown>) =>
  Effect.delay(Effect.sync(() => add(n)(found)), delay)

const left = (key: string) => Effect.map(Looking.expiresIn(key), Option.map(Duration.toMillis))

describe.each(caches)("over $name", (cache) => {
  const test = testIn(cache.layer())

  test("gives what there is, and stores what the function answers", function*() {
    const seen: Array<unknown> = []
    const push = (n: number) =>
      Cached.update("list", (found) => {
        seen.push(found)
        return Option.some([...Option.getOrElse(found, () => []) as Array<number>, n])
      })
    expect(yield* push(1)).toEqual(Option.some([1]))
    expect(yield* push(2)).toEqual(Option.some([1, 2]))
    expect(seen).toEqual([Option.none(), Option.some([1])])
    expect(yield* Cached.getOption("list")).toEqual(Option.some([1, 2]))
  })

  test("none removes, and the option that it was given leaves it: nothing is written", function*() {
    expect(yield* Cached.update("k", (found) => found)).toEqual(Option.none())
    expect(yield* Cached.update("k", () => Option.none())).toEqual(Option.none())
    yield* Cached.set("k", 1)
    const before = yield* Cached.getEntry("k")
    expect(yield* Cached.update("k", (found) => found)).toEqual(Option.some(1))
    expect(Option.getOrThrow(yield* Cached.getEntry("k")).writeId).toBe(Option.getOrThrow(before).writeId)
    expect(yield* Cached.update("k", () => Option.none())).toEqual(Option.none())
    expect(yield* Cached.has("k")).toBe(false)
    // Only what is there is changed.
    expect(yield* Cached.update("k", Option.map((n) => n))).toEqual(Option.none())
    expect(yield* Cached.update("k", add(5))).toEqual(Option.some(5))
  })

  test("CA-17 · of a key class, data-last too, and after a stored failure", function*() {
    const basket = new Basket({ user: "ada" })
    const put = (n: number) =>
      Cached.update(basket, (items) => Option.some(new Set([...Option.getOrElse(items, () => new Set<number>()), n])))
    expect(yield* put(1)).toEqual(Option.some(new Set([1])))
    yield* put(2)
    expect(yield* Cached.getOption(basket)).toEqual(Option.some(new Set([1, 2])))
    yield* Cached.invalidate({ where: [Basket, { user: "ada" }] })
    expect(yield* Cached.has(basket)).toBe(false)
    const failing = Cached.fn(Basket, () => Effect.fail("no basket"), { ttl: "1 minute", when: Exit.isFailure })
    expect(yield* Effect.flip(failing({ user: "ada" }))).toBe("no basket")
    const begin = Cached.update((items: Option.Option<ReadonlySet<number>>) =>
      Option.some(new Set(Option.isNone(items) ? [7] : []))
    )
    expect(yield* begin(basket)).toEqual(Option.some(new Set([7])))
    // Not the end of the failure.
    expect(yield* Looking.expiresIn(basket)).toEqual(Option.some(Duration.infinity))
  })

  test("CA-15 · bits: cells that stop at their largest number", function*() {
    const increment = Cached.update("bits", (found: Option.Option<Uint8Array>) => {
      const bits = Uint8Array.from(Option.getOrElse(found, () => [0, 0]))
      bits[1] = Math.min(15, bits[1]! + 1)
      return Option.some(bits)
    })
    yield* Effect.forEach(Array.from({ length: 20 }), () => increment, { concurrency: "unbounded" })
    expect(yield* Cached.getOption("bits")).toEqual(Option.some(Uint8Array.of(0, 15)))
  })

  it.effect("keeps what is left to what it changes; a new one lives as one that is set", () =>
    Effect.gen(function*() {
      yield* Cached.set("k", 1, { ttl: "1 hour" })
      yield* TestClock.adjust("20 minutes")
      yield* Cached.update("k", add(1))
      expect(yield* left("k")).toEqual(Option.some(2_400_000))
      yield* Cached.update("k", add(1), { ttl: "5 minutes", keepTtl: true })
      expect(yield* left("k")).toEqual(Option.some(2_400_000))
      yield* Cached.update("k", add(1), { ttl: "5 minutes" })
      expect(yield* left("k")).toEqual(Option.some(300_000))
      yield* Cached.update("k", add(1), { keepTtl: false })
      expect(yield* left("k")).toEqual(Option.some(60_000))
      yield* Cached.update("new", add(1))
      yield* Cached.update("other", add(1), { ttl: "5 minutes", keepTtl: true })
      expect(yield* left("new")).toEqual(Option.some(60_000))
      expect(yield* left("other")).toEqual(Option.some(300_000))
    }).pipe(Effect.provide(cache.layer({ strategy: { ttl: "1 minute" } }))))

  test("keeps the tags, those that were given to this value too, unless it gets others", function*() {
    const basket = new Basket({ user: "ada" })
    const items = (...numbers: ReadonlyArray<number>) => () => Option.some(new Set(numbers))
    yield* Cached.set(basket, new Set([1]), { tags: ["mine"] })
    yield* Cached.update(basket, items(2))
    yield* Cached.invalidate({ tag: "mine" })
    expect(yield* Cached.has(basket)).toBe(false)
    yield* Cached.set(basket, new Set([1]), { tags: ["mine"] })
    yield* Cached.update(basket, items(2), { tags: ["theirs"] })
    yield* Cached.invalidate({ tag: "mine" })
    expect(yield* Cached.has(basket)).toBe(true)
    yield* Cached.invalidate({ tag: "theirs" })
    expect(yield* Cached.has(basket)).toBe(false)
    yield* Cached.update(basket, items(3))
    yield* Cached.invalidate({ tag: "baskets" })
    expect(yield* Cached.has(basket)).toBe(false)
  })

  test("of a thousand at once none is lost, and none is tried in vain", function*() {
    let calls = 0
    const increment = Cached.update("n", (found) => {
      calls++
      return add(1)(found)
    })
    const all = yield* Effect.forEach(Array.from({ length: 1000 }), () => increment, { concurrency: "unbounded" })
    expect(yield* Cached.getOption("n")).toEqual(Option.some(1000))
    expect(new Set(all.map(Option.getOrThrow)).size).toBe(1000)
    expect(calls).toBe(1000)
  })

  test("an effect that takes its time loses none either, and its failure or interruption changes nothing", function*() {
    const all = Effect.forEach(Array.from({ length: 20 }), () => Cached.update("n", addLate(1, "10 millis")), {
      concurrency: "unbounded"
    })
    yield* withTimePassing(all)
    expect(yield* Cached.getOption("n")).toEqual(Option.some(20))
    expect(yield* Effect.flip(Cached.update("n", () => Effect.fail("no")))).toBe("no")
    const interrupted = yield* start(Cached.update("n", () => Effect.never))
    const waiting = yield* started(Cached.update("n", add(1)))
    expect(waiting.pollUnsafe()).toBe(undefined)
    yield* Fiber.interrupt(interrupted)
    expect(yield* Fiber.join(waiting)).toEqual(Option.some(21))
  })

  test("a write by another while the function runs is its next argument", function*() {
    const { load } = counting(0)
    const meanwhile: ReadonlyArray<readonly [Effect.Effect<unknown, unknown, Caching.Caching>, number]> = [
      [Cached.set("k", 10), 11],
      [Cached.invalidate("k"), 1],
      [Cached.invalidate({ tag: "t" }), 1],
      [Effect.andThen(Cached.remove("k"), load.pipe(Cached.ttl("k", { ttl: "1 hour" }))), 2],
      [Cached.touch("k", "1 hour"), 2],
      [Cached.getOption("k"), 2]
    ]
    for (const [happens, becomes] of meanwhile) {
      yield* Cached.set("k", 1, { tags: ["t"] })
      const gate = yield* Deferred.make<void>()
      const updating = yield* started(Cached.update("k", (found) => Effect.as(Deferred.await(gate), add(1)(found))))
      yield* happens
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Fiber.join(updating)).toEqual(Option.some(becomes))
      expect(yield* Cached.getOption("k")).toEqual(Option.some(becomes))
    }
  })

  test("P2 · the later result of a load of the key is not stored", function*() {
    const { get } = counting(1000)
    const reader = yield* started(get)
    expect(yield* Cached.update("k", add(5))).toEqual(Option.some(5))
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(reader)
    expect(yield* get).toBe(5)
  })

  test("gives up after some tries with pauses, in which it stores nothing", function*() {
    let calls = 0
    const restless = Cached.update("k", () => Effect.as(Cached.set("k", ++calls), Option.some("mine")))
    const failure = yield* Effect.flip(withTimePassing(restless))
    expect(failure).toEqual(new CacheError.UpdateConflict({ key: "k", tries: 30 }))
    expect(failure.message).toBe(
      "The entry \"k\" was not updated: others wrote it during each of 30 tries. Update it under a lock"
    )
    expect(calls).toBe(30)
    expect(yield* Cached.getOption("k")).toEqual(Option.some(30))
  })

  test("a load that updates the key that waits for it continues, and is not lost", function*() {
    const load = Effect.as(Cached.update("n", add(10)), "loaded").pipe(
      Effect.orDie,
      Cached.ttl("load", { ttl: "1 hour" })
    )
    const gate = yield* Deferred.make<void>()
    // Not a part of the update: nothing says that it would wait for itself.
    const other = yield* start(Effect.andThen(Deferred.await(gate), load))
    const updating = yield* started(
      Cached.update("n", (found) =>
        Deferred.succeed(gate, undefined).pipe(
          Effect.andThen(settle),
          Effect.andThen(load),
          Effect.map(() => add(1)(found))
        ))
    )
    yield* elapse("1 second")
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(other)
    expect(yield* Fiber.join(updating)).toEqual(Option.some(11))
  })

  test("inside its own function it is a mistake; behind it, it is not", function*() {
    const nested = Cached.update("k", () => Effect.orDie(Cached.update("k", add(1))))
    const failed = yield* Effect.flip(Effect.sandbox(nested))
    expect(String(Cause.squash(failed))).toContain("Cached.update of \"k\" cannot run inside its own function")
    expect(yield* Cached.update("a", (a) => Effect.map(Cached.update("k", add(1)), () => add(1)(a))))
      .toEqual(Option.some(1))
    const later = yield* Deferred.make<void>()
    yield* Cached.update(
      "k",
      (found) =>
        Effect.as(Effect.forkDetach(Effect.andThen(Deferred.await(later), Cached.update("k", add(1)))), add(1)(found))
    )
    yield* Deferred.succeed(later, undefined)
    yield* settle
    expect(yield* Cached.getOption("k")).toEqual(Option.some(3))
  })

  test("under a policy that does not write nothing is stored; one that does not read changes what there is", function*() {
    yield* Cached.set("k", 1)
    for (const policy of [CachePolicy.disable("set"), CachePolicy.bypass, CachePolicy.disable("set")]) {
      expect(yield* policy(Cached.update("k", add(1)))).toEqual(Option.some(2))
      expect(yield* Cached.getOption("k")).toEqual(Option.some(1))
    }
    yield* CachePolicy.refresh(Cached.update("k", add(1)))
    yield* CachePolicy.disable("get")(Cached.update("k", add(1)))
    yield* CachePolicy.invalidating(Cached.update("k", add(1)))
    expect(yield* Cached.getOption("k")).toEqual(Option.some(4))
  })

  test("of a load it is no part: what that reads so does not end its result", function*() {
    yield* Cached.set("n", 1, { ttl: "1 minute" })
    yield* Effect.as(Effect.orDie(Cached.update("n", add(1))), "made").pipe(Cached.ttl("k", { ttl: "1 hour" }))
    expect(yield* left("k")).toEqual(Option.some(3_600_000))
  })

  test("a wrong option, key or function is named in the error", function*() {
    const messageOf = (self: Effect.Effect<unknown, unknown, any>) =>
      Effect.map(Effect.exit(self), (exit) => Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "none")
    const update = Cached.update as (...args: ReadonlyArray<unknown>) => Effect.Effect<unknown, unknown, any>
    const throwing = () => {
      throw new Error("mine")
    }
    const wrong: ReadonlyArray<readonly [said: string, ...given: ReadonlyArray<unknown>]> = [
      ["ttl of Cached.update", "k", add(1), { ttl: "soon" }],
      ["Cached.update has no option \"tll\"", "k", add(1), { tll: 1 }],
      ["ifAbsent", "k", add(1), { ifAbsent: true }],
      ["Cached.update needs a function", "k", 5],
      ["A key cannot be a value of type number", 5, add(1)],
      [
        "must return an Option, such as Option.some(value), or an effect of one, not a value of type number",
        "k",
        () => 5
      ],
      ["mine", "k", throwing]
    ]
    for (const [said, ...given] of wrong) expect(yield* messageOf(update(...given))).toContain(said)
    expect(yield* Cached.has("k")).toBe(false)
  })

  it.effect("gives a copy and stores one, where the layer says so", () =>
    Effect.gen(function*() {
      const mine = { list: [1] }
      yield* Cached.update("k", () => Option.some(mine))
      mine.list.push(2)
      yield* Cached.update("k", (found: Option.Option<{ list: Array<number> }>) => {
        Option.getOrThrow(found).list.push(3)
        return Option.map(found, ({ list }) => ({ list }))
      })
      expect(yield* Cached.getOption("k")).toEqual(Option.some({ list: [1, 3] }))
    }).pipe(Effect.provide(cache.layer({ defaults: { copy: "structured" } }))))
})

describe("of several processes", () => {
  const stores = [
    { name: "a synchronous store", make: Effect.sync(() => Layer.succeed(Store.Store, MemoryStore.make())) },
    { name: "an asynchronous store", make: Effect.sync(() => Layer.succeed(Store.Store, fakeStore().store)) }
  ]

  test.each(stores)("over $name a thousand at once lose none", function*({ make }) {
    const store = yield* make
    const processes = yield* Effect.forEach([1, 2, 3, 4, 5], () => Layer.build(Layer.fresh(over({ layer: store }))))
    const all = Effect.forEach(
      Array.from({ length: 1000 }),
      (_, i) => Effect.provide(Cached.update("n", add(1)), processes[i % 5]!),
      { concurrency: "unbounded" }
    )
    yield* withTimePassing(all)
    yield* TestClock.adjust("1 second")
    for (const process of processes) {
      expect(yield* Effect.provide(Cached.update("n", add(0)), process)).toEqual(Option.some(1000))
    }
  })

  test("a value in memory from before a write of another process is not the one that is changed in the end", function*() {
    const layer = Layer.succeed(Store.Store, {
      ...MemoryStore.make(),
      capabilities: { shared: true, changes: false },
      changesUnsafe: undefined
    })
    const [one, other] = yield* Effect.all([
      Layer.build(Layer.fresh(over({ layer }))),
      Layer.build(Layer.fresh(over({ layer })))
    ])
    yield* Effect.provide(Cached.set("n", 1), one)
    yield* Effect.provide(Cached.set("n", 10), other)
    expect(yield* Effect.provide(Cached.getOption("n"), one)).toEqual(Option.some(1))
    expect(yield* Effect.provide(Cached.update("n", add(1)), one)).toEqual(Option.some(11))
    expect(yield* Effect.provide(Cached.getOption("n"), one)).toEqual(Option.some(11))
  })
})

describe("over a store", () => {
  const unavailable = new CacheError.StoreError({ store: "fake", operation: "any", reason: "Unavailable" })

  test.each(["get", "set"] as const)("that fails to %s, it fails: what there is was not known", function*(operation) {
    const fake = fakeStore()
    yield* Effect.gen(function*() {
      yield* Cached.update("k", add(1))
      fake.behave = (of) => of === operation ? { before: Effect.fail(unavailable) } : {}
      let calls = 0
      const failed = Cached.update("k", (found) => {
        calls++
        return add(1)(found)
      })
      expect((yield* Effect.flip(failed) as Effect.Effect<CacheError.StoreError>)._tag).toBe("StoreError")
      expect(calls).toBe(operation === "get" ? 0 : 1)
      fake.behave = () => ({})
      expect(yield* Cached.update("k", add(1))).toEqual(Option.some(2))
    }).pipe(Effect.provide(over(fake, { memory: false })))
  })

  test("an entry that cannot be decoded is none, and is replaced", function*() {
    const fake = fakeStore()
    const cached = Effect.provide(over(fake, { memory: false }))
    yield* cached(Cached.set("k", 1))
    const stored = fake.entries.get("k")!
    fake.entries.set("k", { ...stored, payload: new TextEncoder().encode("{") })
    expect(yield* cached(Cached.set("k", 2, { ifAbsent: true }))).toBe(false)
    expect(yield* cached(Cached.update("k", add(5)))).toEqual(Option.some(5))
    expect(yield* cached(Cached.getOption("k"))).toEqual(Option.some(5))
  })
})

describe("in a transaction", () => {
  const inTransactions = caches.filter(({ name }) => !name.startsWith("an asynchronous"))

  it.effect.each(["fast", "locked", "serializable"] as const)(
    "%s: it is a part of it, and others are noticed",
    (isolation) =>
      Effect.gen(function*() {
        const outside = yield* Effect.context<never>()
        let tries = 0
        const total = Transaction.run(
          Effect.gen(function*() {
            yield* Cached.update("n", add(1))
            yield* Cached.update("n", add(1))
            expect(yield* Cached.getOption("n")).not.toEqual(
              yield* Effect.provideContext(Cached.getOption("n"), outside as never)
            )
            if (++tries === 1) yield* Effect.provideContext(Cached.set("n", 100), outside as never)
            return yield* Cached.update("m", () => Option.some("m"))
          }),
          { isolation }
        )
        yield* Cached.set("n", 1)
        expect(yield* withTimePassing(total)).toEqual(Option.some("m"))
        expect(tries).toBe(2)
        expect(yield* Cached.getOption("n")).toEqual(Option.some(102))
        yield* Effect.exit(Transaction.run(Effect.andThen(Cached.update("n", add(1)), Effect.fail("no"))))
        expect(yield* Cached.getOption("n")).toEqual(Option.some(102))
        yield* Transaction.run(Cached.update("n", () => Option.none()))
        expect(yield* Cached.has("n")).toBe(false)
      }).pipe(Effect.provide(inTransactions[0]!.layer()))
  )

  testIn(inTransactions[1]!.layer())("fibers of one transaction lose none", function*() {
    const all = Effect.forEach(Array.from({ length: 50 }), () => Cached.update("n", addLate(1, "1 millis")), {
      concurrency: "unbounded"
    })
    yield* withTimePassing(Transaction.run(all))
    expect(yield* Cached.getOption("n")).toEqual(Option.some(50))
  })
})

describe("without a cache", () => {
  testIn(CacheLayer.disabled)("the function is called with nothing, and nothing is stored", function*() {
    expect(yield* Cached.update("k", add(1))).toEqual(Option.some(1))
    expect(yield* Cached.update("k", add(1))).toEqual(Option.some(1))
  })
})
