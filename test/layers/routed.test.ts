/** `CacheLayer.routed`: one cache made of several. The model of test/model/operations.test.ts runs over it too. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Context, Duration, Effect, Exit, Fiber, Layer, Option, Schema, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, type Caching, Transaction } from "effect-cached"
import { Store } from "effect-cached/adapters"
import * as CacheMetrics from "effect-cached/CacheMetrics"
import { MemoryStore } from "effect-cached/memory"
import { settle } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { randomOf } from "../support/random.ts"
import { test, testWith } from "../support/tests.ts"

const fields = { payload: { id: Schema.Int }, success: Schema.Int }
class User extends CacheKey.Class<User>()("User", { ...fields, tags: ["people"] }) {}
class Page extends CacheKey.Class<Page>()("Page", fields) {}

const ttl = "1 hour"

/** Several caches, each with a name by which a test may look into it, and the cache that routes to them. */
const setUp = () => {
  class Default extends Context.Service<Default, Caching.Shape>()("Default") {}
  class Users extends Context.Service<Users, Caching.Shape>()("Users") {}
  class Texts extends Context.Service<Texts, Caching.Shape>()("Texts") {}
  const [usual, users, texts] = [CacheLayer.memory(), CacheLayer.memory(), CacheLayer.memory()]
  const layer = Layer.mergeAll(
    CacheLayer.routed({ default: usual, routes: [[User, users], ["text:", texts], ["text:plain:", usual]] }),
    CacheLayer.named(Default, usual),
    CacheLayer.named(Users, users),
    CacheLayer.named(Texts, texts)
  )
  const sizes = Effect.all([
    Cached.size.pipe(Cached.withCache(Default)),
    Cached.size.pipe(Cached.withCache(Users)),
    Cached.size.pipe(Cached.withCache(Texts))
  ])
  return { Default, Texts, Users, layer, sizes }
}

const testRouted = testWith(setUp, ({ layer }) => layer)

const diesWith = (exit: Exit.Exit<unknown, unknown>): string => {
  expect(Exit.isFailure(exit)).toBe(true)
  const error = Cause.squash((exit as Exit.Failure<unknown, unknown>).cause)
  expect(error).toBeInstanceOf(CacheError.CacheConfigError)
  return (error as CacheError.CacheConfigError).message
}

describe("routed", () => {
  it.effect("a route has a strategy and a copy of its own, for calls that name none", () => {
    const layer = CacheLayer.routed({
      default: CacheLayer.memory({ strategy: { ttl: "1 hour" } }),
      routes: [
        [User, CacheLayer.memory({ strategy: { ttl: "2 hours" } })],
        ["text:", CacheLayer.memory({ defaults: { copy: "structured" } })]
      ]
    })
    return Effect.gen(function*() {
      const lifeOf = (key: string | User) =>
        Effect.map(Looking.expiresIn(key as string), Option.map((left) => Math.round(Duration.toHours(left))))
      const [user, other] = [new User({ id: 1 }), new User({ id: 2 })]
      yield* Effect.succeed(1).pipe(Cached.withStrategy(user))
      yield* Effect.succeed(1).pipe(Cached.withStrategy("a"))
      expect([yield* lifeOf(user), yield* lifeOf("a")]).toEqual([Option.some(2), Option.some(1)])
      // A route without a strategy does not use that of another route.
      expect(diesWith(yield* Effect.exit(Effect.succeed(1).pipe(Cached.withStrategy("text:a")))))
        .toContain("strategy")
      yield* Cached.set(user, 2)
      yield* Cached.setMany<string | User>([[other, 2], ["a", 2], ["text:b", 2]])
      expect([yield* lifeOf(user), yield* lifeOf(other), yield* lifeOf("a"), yield* lifeOf("text:b")])
        .toEqual([Option.some(2), Option.some(2), Option.some(1), Option.some(Infinity)])
      const [list, text] = [[1], [1]]
      yield* Cached.setMany([["list", list], ["text:list", text]])
      list.push(2)
      text.push(2)
      expect(yield* Cached.getMany(["list", "text:list"])).toEqual([Option.some([1, 2]), Option.some([1])])
    }).pipe(Effect.provide(layer))
  })

  testRouted("keeps each entry in the cache of its class, or of the longest prefix of its key", function*({ sizes }) {
    const read = (key: string | User | Page) => Effect.succeed(1).pipe(Cached.ttl(key as string, { ttl }))
    for (const key of [new User({ id: 1 }), "text:a", "text:b", "text:plain:a", "other", new Page({ id: 1 })]) {
      yield* read(key)
      expect(yield* Cached.has(key as string)).toBe(true)
    }
    expect(yield* sizes).toEqual([3, 1, 2])
    expect(yield* Cached.size).toBe(6)
    // A key class has no prefix, whatever its id.
    expect(yield* Cached.counter("text:visits").increment()).toBe(1)
    expect(yield* Cached.counter("visits").increment()).toBe(1)
    expect(Array.from(yield* Stream.runCollect(Cached.counters("*")), ({ name }) => name).toSorted())
      .toEqual(["text:visits", "visits"])
  })

  testRouted("reads, loads and writes many in their order, wherever they are", function*() {
    const random = randomOf(41)
    const keys = Array.from({ length: 3000 }, (_, i) => ["text:", "", "text:plain:"][Math.floor(random() * 3)]! + i)
    yield* Cached.setMany(keys.map((key, i) => [key, i] as const), { ttl })
    expect(yield* Cached.getMany(keys)).toEqual(keys.map((_, i) => Option.some(i)))
    expect(yield* Cached.getMany([...keys].reverse())).toEqual(keys.map((_, i) => Option.some(i)).reverse())
    expect(yield* Cached.remove(keys.slice(0, 1000))).toBe(1000)
    expect(yield* Cached.size).toBe(2000)
    expect(yield* Cached.getMany([])).toEqual([])

    const calls: Array<number> = []
    const users = Cached.many(User, (keys) => {
      calls.push(keys.length)
      return Effect.succeed(keys.map(({ id }) => id % 3 === 0 ? Exit.fail("none") : Exit.succeed(id)))
    }, { ttl })
    const all = Array.from({ length: 100 }, (_, id) => ({ id }))
    const exits = yield* users(all)
    expect(exits.map((exit) => Exit.isSuccess(exit) ? exit.value : -1)).toEqual(
      all.map(({ id }) => id % 3 === 0 ? -1 : id)
    )
    expect(calls).toEqual([100])
  })

  testRouted("invalidates keys, long ones too, tags, classes and patterns everywhere", function*({ sizes }) {
    const long = `text:${"x".repeat(300)}`
    const fill = Effect.gen(function*() {
      yield* Cached.set(new User({ id: 1 }), 1, { ttl })
      yield* Cached.set("text:a", 1, { ttl, tags: ["people"] })
      yield* Cached.set(long, 1, { ttl })
      yield* Cached.set("~strange", 1, { ttl, tags: ["people"] })
    })
    yield* fill
    expect(yield* sizes).toEqual([1, 1, 2])
    expect(yield* Cached.remove(long)).toBe(true)
    expect(yield* Cached.remove(long)).toBe(false)
    yield* Cached.invalidate([new User({ id: 1 }), "text:a", "~strange"])
    expect(yield* sizes).toEqual([0, 0, 0])
    yield* fill
    yield* Cached.invalidate({ tag: "people" })
    expect(yield* Effect.filter(["text:a", "~strange", long], (key) => Cached.has(key))).toEqual([long])
    expect(yield* Cached.has(new User({ id: 1 }))).toBe(false)
    yield* fill
    yield* Cached.invalidate({ all: User })
    expect(yield* Cached.has(new User({ id: 1 }))).toBe(false)
    yield* Cached.set("a", 1, { ttl })
    const progress = yield* Looking.progressOf("*a")
    expect(Array.from(progress).at(-1)!.invalidated).toBe(2)
    yield* Cached.clear
    expect(yield* Cached.size).toBe(0)
  })

  testRouted("counts, lists, ranks and reports all caches", function*() {
    const read = (key: string) => Effect.succeed(1).pipe(Cached.ttl(key, { ttl }))
    const events: Array<string> = []
    const seen = Stream.runForEach(Cached.events(), ({ _tag }) => Effect.sync(() => void events.push(_tag)))
    const watching = yield* Effect.forkChild(seen, { startImmediately: true })
    yield* Effect.forEach(["a", "text:a", "text:a", "text:a", "a"], read)
    yield* settle
    yield* Fiber.interrupt(watching)
    const user = Effect.succeed(1).pipe(Cached.ttl(new User({ id: 1 }), { ttl }))
    yield* Effect.andThen(user, user)
    const stats = yield* Cached.stats
    expect(stats).toMatchObject({ hits: 4, misses: 3, loads: 3, size: 3, hitRatio: 4 / 7 })
    expect(stats.classes["User"]).toMatchObject({ hits: 1, misses: 1, hitRatio: 0.5 })
    expect(stats.removals.evicted).toBe(0)
    expect(events.filter((tag) => tag === "Hit")).toHaveLength(3)
    expect((yield* Cached.ranking("hot", 1)).map(({ id }) => id)).toEqual(["text:a"])
    expect(yield* Cached.ranking("cold", 10)).toHaveLength(3)
    expect(Array.from(yield* Stream.runCollect(Looking.ids())).toSorted())
      .toEqual(["a", CacheKey.id(new User({ id: 1 })), "text:a"].toSorted())
    yield* Store.ping
    for (const call of [Cached.resize(5), Looking.curve]) {
      expect(diesWith(yield* Effect.exit(call))).toContain("is of one memory, and a routed cache has several")
    }
  })

  test("refuses layers that would disable or measure only a part of it", function*() {
    const build = (layer: Layer.Layer<Caching.Caching>) => Effect.exit(Effect.scoped(Layer.build(layer)))
    const memory = CacheLayer.memory()
    const silent = CacheLayer.memory().pipe(CacheLayer.withDisabled(["set"]))
    for (const [usual, other] of [[memory, silent], [silent, memory]] as const) {
      const exit = yield* build(CacheLayer.routed({ default: usual, routes: [["text:", other]] }))
      expect(diesWith(exit)).toContain("put CacheLayer.withDisabled around it")
    }
    const routed = CacheLayer.routed({
      default: CacheMetrics.layer(memory, { name: "usual" }),
      routes: [["text:", CacheMetrics.layer(CacheLayer.memory(), { name: "texts" })]]
    })
    expect(diesWith(yield* build(CacheMetrics.layer(routed)))).toContain("wrap each of them")
    const sizes = yield* Effect.gen(function*() {
      yield* Cached.set("text:a", 1, { ttl })
      yield* Cached.set("a", 1, { ttl })
      return yield* Cached.size
    }).pipe(Effect.provide(CacheLayer.withDisabled(routed, ["set"])))
    expect(sizes).toBe(0)
  })

  testRouted("limits a result by what its load reads in another route", function*() {
    const inner = Effect.succeed(1).pipe(Cached.ttl("text:inner", { ttl: "1 minute" }))
    yield* inner.pipe(Cached.ttl("outer", { ttl }))
    const { expiresAt } = Option.getOrThrow(yield* Cached.getEntry("outer"))
    expect(expiresAt).toBe(60_000)
  })

  testRouted("stores streams in the cache of their keys", function*({ sizes }) {
    let runs = 0
    const numbers = Stream.suspend(() => Stream.make(++runs, 2)).pipe(Cached.stream("text:numbers", { ttl }))
    expect(yield* Stream.runCollect(numbers)).toEqual([1, 2])
    expect(yield* Stream.runCollect(numbers)).toEqual([1, 2])
    expect((yield* sizes)[2]).toBeGreaterThan(0)
  })

  test("fails under strict if one of the stores fails, after it has asked the others", function*() {
    const down = Effect.fail(new CacheError.StoreError({ store: "mine", operation: "ask", reason: "Unavailable" }))
    const store = Store.make({ name: "mine", get: () => down, set: () => down, remove: () => down })
    const broken = CacheLayer.layer().pipe(Layer.provide(Layer.succeed(Store.Store, store)))
    const layer = CacheLayer.routed({ default: CacheLayer.memory(), routes: [["far:", broken]] })
    const program = Effect.gen(function*() {
      yield* Cached.set("a", 1, { ttl, tags: ["t"] })
      yield* Cached.set("far:a", 1, { ttl, tags: ["t"] })
      yield* Cached.invalidate({ tag: "t" })
      return yield* Cached.getMany(["a", "far:a"])
    })
    expect(yield* Effect.provide(program, layer)).toEqual([Option.none(), Option.none()])
    expect((yield* Effect.flip(Effect.provide(Cached.size, layer)))._tag).toBe("StoreError")
  })

  testRouted("changes the default cache in a transaction, and refuses to change another one", function*({ sizes }) {
    yield* Cached.set("text:a", 1, { ttl })
    yield* Transaction.run(Effect.gen(function*() {
      yield* Cached.set("a", 1, { ttl })
      yield* Transaction.run(Cached.set("b", 1, { ttl }))
      expect(yield* Cached.getMany(["a", "text:a", "b"])).toEqual([Option.some(1), Option.some(1), Option.some(1)])
    }))
    expect(yield* sizes).toEqual([2, 0, 1])
    const undone = Transaction.run(Effect.andThen(Cached.set("a", 2, { ttl }), Effect.fail("no")))
    expect(yield* Effect.flip(undone)).toBe("no")
    expect(yield* Cached.getOption("a")).toEqual(Option.some(1))
    const changes = [
      Cached.set("text:a", 2, { ttl }),
      Cached.remove("text:a"),
      Cached.counter("text:a").increment(),
      Cached.invalidate({ tag: "people" }),
      Cached.clear
    ]
    for (const change of changes) {
      const two = Effect.andThen(Cached.set("a", 3, { ttl }), change)
      expect(diesWith(yield* Effect.exit(Transaction.run(two)))).toContain("A transaction writes to one cache")
      const nested = Transaction.run(Transaction.run(two))
      expect(diesWith(yield* Effect.exit(nested))).toContain("A transaction writes to one cache")
    }
    expect(yield* Cached.getMany(["a", "text:a"])).toEqual([Option.some(1), Option.some(1)])
  })

  it.effect("over a disabled default, changes the only other cache in a transaction", () => {
    const sessions = CacheLayer.memory()
    const layer = CacheLayer.routed({ default: CacheLayer.disabled, routes: [["a:", sessions], ["b:", sessions]] })
    return Effect.gen(function*() {
      yield* Cached.set("a:1", 1, { ttl, tags: ["t"] })
      const changes = Effect.gen(function*() {
        yield* Cached.set("a:1", 2, { ttl })
        yield* Cached.set("b:1", 2, { ttl })
        yield* Cached.counter("a:count").increment()
        yield* Transaction.run(Cached.invalidate({ tag: "t" }))
        // There is nothing that could not be undone.
        yield* Cached.set("other", 2, { ttl })
        yield* Cached.remove("other")
        return yield* Cached.getMany(["a:1", "b:1", "other"])
      })
      const inside = [Option.some(2), Option.some(2), Option.none()]
      expect(yield* Effect.flip(Transaction.run(Effect.flatMap(changes, Effect.fail)))).toEqual(inside)
      expect(yield* Cached.getMany(["a:1", "b:1"])).toEqual([Option.some(1), Option.none()])
      expect(yield* Cached.counter("a:count").get).toBe(0)
      yield* Transaction.run(Effect.andThen(changes, Transaction.rollback))
      expect(yield* Cached.getMany(["a:1", "b:1"])).toEqual([Option.some(1), Option.none()])
      expect(yield* Transaction.run(changes)).toEqual(inside)
      expect(yield* Cached.getMany(["a:1", "b:1", "other"])).toEqual(inside)
    }).pipe(Effect.provide(layer))
  })

  it.effect("over a disabled default and several others, refuses a transaction, and says how to run one", () => {
    class Sessions extends Context.Service<Sessions, Caching.Shape>()("Sessions") {}
    const sessions = CacheLayer.memory()
    const layer = Layer.merge(
      CacheLayer.routed({ default: CacheLayer.disabled, routes: [["a:", sessions], [User, CacheLayer.memory()]] }),
      CacheLayer.named(Sessions, sessions)
    )
    return Effect.gen(function*() {
      const undone = Effect.andThen(Cached.set("a:1", 1, { ttl }), Effect.fail("no"))
      expect(diesWith(yield* Effect.exit(Transaction.run(undone)))).toContain(
        "put Cached.withCache around the transaction"
      )
      expect(yield* Effect.flip(Transaction.run(undone).pipe(Cached.withCache(Sessions)))).toBe("no")
      expect(yield* Cached.has("a:1")).toBe(false)
      yield* Transaction.run(Cached.set("a:1", 1, { ttl })).pipe(Cached.withCache(Sessions))
      expect(yield* Cached.has("a:1")).toBe(true)
    }).pipe(Effect.provide(layer))
  })

  test("has disabled operations, quotas and a heap limit like any cache", function*() {
    const layer = CacheLayer.routed({
      default: CacheLayer.disabled,
      routes: [[User, CacheLayer.memory()], ["set:", CacheLayer.memory()]]
    }).pipe(CacheLayer.withQuotas({ User: 3 }), CacheLayer.withHeapLimit(), CacheLayer.withDisabled(["clear"]))
    const program = Effect.gen(function*() {
      for (let id = 0; id < 10; id++) yield* Cached.set(new User({ id }), id, { ttl })
      yield* Cached.set("a", 1, { ttl })
      yield* Cached.set("set:a", 1, { ttl })
      yield* Cached.clear
      return yield* Cached.size
    })
    expect(yield* Effect.provide(program, layer)).toBe(4)
  })

  test("asks a cache once that several routes share", function*() {
    const shared = CacheLayer.layer().pipe(Layer.provide(MemoryStore.layer))
    const layer = CacheLayer.routed({ default: CacheLayer.memory(), routes: [["a:", shared], ["b:", shared]] })
    const program = Effect.andThen(
      Cached.setMany([["a:1", 1], ["b:1", 1], ["c", 1]], { ttl }),
      Effect.all([Cached.size, Cached.getMany(["b:1", "c", "a:1"])])
    )
    expect(yield* Effect.provide(program, layer)).toEqual([3, [Option.some(1), Option.some(1), Option.some(1)]])
  })

  it("refuses routes that cannot be meant", () => {
    const memory = CacheLayer.memory()
    const routed = (routes: ReadonlyArray<unknown>) => () =>
      CacheLayer.routed({ default: memory, routes: routes as never })
    expect(routed([["a", memory], ["a", memory]])).toThrow("CacheLayer.routed has two routes for \"a\"")
    expect(routed([[User, memory], [User, memory]])).toThrow("CacheLayer.routed has two routes for \"User\"")
    for (const pair of [null, {}, "a", memory]) expect(routed([pair])).toThrow("must be a pair like")
    expect(routed([["", memory]])).toThrow("A prefix in CacheLayer.routed is empty")
    expect(routed([[{}, memory]])).toThrow("needs a key class")
    expect(routed([["a", {}]])).toThrow("CacheLayer.routed needs a layer for the route \"a\", like CacheLayer.memory()")
    expect(() => CacheLayer.routed({ routes: [] } as never)).toThrow("needs a layer for default")
    expect(() => CacheLayer.routed({ default: memory, route: [] } as never)).toThrow("no option \"route\"")
    expect(() => CacheLayer.routed({ default: memory, routes: "a" as never })).toThrow("needs a list")
  })
})
