/** Quotas of key classes: against a model that is a list, and never over one whatever the policy. */
import { describe, expect, it, vi } from "@effect/vitest"
import { type Duration, Effect, Exit, Layer, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, Caching } from "effect-cached"
import type { Eviction, Weigher } from "effect-cached/adapters"
import { TestClock } from "effect/testing"
import { policies } from "../../src/internal/eviction/policies.ts"
import { caches } from "../support/caches.ts"
import { listenersOf } from "../support/listeners.ts"
import * as Looking from "../support/looking.ts"
import { randomOf } from "../support/random.ts"
import { test, testIn } from "../support/tests.ts"

const fields = { payload: { id: Schema.Int }, success: Schema.Int }
class User extends CacheKey.Class<User>()("User", fields) {}
class Search extends CacheKey.Class<Search>()("Search", fields) {}
class Page extends CacheKey.Class<Page>()("Page", fields) {}

type Key = User | Search | Page | string

const classes = [User, Search, Page, undefined]
const keyOf = (of: number, id: number): Key => {
  const Class = classes[of]
  return Class === undefined ? `text ${id}` : new Class({ id })
}
const idOf = (key: Key): string => typeof key === "string" ? key : CacheKey.id(key)

const { adaptive, fifo, leastRecentlyUpdated, lru, s3Fifo, wTinyLfu } = policies

/** The value is the weight. */
const weigher: Weigher.Weigher = (value: number) => value

const heldIds = Effect.map(Cached.ranking("cold", 1000), (entries) => entries.map(({ id }) => id).toSorted())

/** The weight of all entries of one class. */
const weightsOf = Effect.map(
  Cached.ranking("cold", 1000),
  (entries) => (prefix: string) =>
    entries.filter(({ id }) => id.startsWith(prefix)).reduce((sum, { weight }) => sum + weight, 0)
)

interface Item {
  readonly id: string
  readonly of: number
  readonly weight: number
}

/** First in, first out, within a class and in all. */
const model = (capacity: number, quotas: ReadonlyArray<number | undefined>) => {
  let items: Array<Item> = []
  const gone: Array<string> = []
  const weightOf = (some: ReadonlyArray<Item>) => some.reduce((sum, { weight }) => sum + weight, 0)
  const take = (id: string, cause: string) => {
    if (!items.some((item) => item.id === id)) return
    items = items.filter((item) => item.id !== id)
    gone.push(`${id} ${cause}`)
  }
  return {
    gone,
    ids: () => items.map(({ id }) => id).toSorted(),
    remove: (id: string) => take(id, "invalidated"),
    put: (item: Item) => {
      const most = quotas[item.of] ?? Infinity
      if (item.weight > Math.min(most, capacity)) return take(item.id, "replaced")
      for (;;) {
        const others = items.filter(({ id, of }) => of === item.of && id !== item.id)
        if (weightOf(others) + item.weight <= most) break
        take(items.find(({ of }) => of === item.of)!.id, "evicted")
      }
      if (items.some(({ id }) => id === item.id)) {
        gone.push(`${item.id} replaced`)
        items = items.map((old) => old.id === item.id ? item : old)
      } else items.push(item)
      while (weightOf(items) > capacity) take(items.find(({ id }) => id !== item.id)!.id, "evicted")
    }
  }
}

describe.each(caches.filter(({ memory }) => memory))("over $name", (cache) => {
  it.effect.each([1, 2, 3, 4, 5, 6])("hold what the model holds, and report what it reports (seed %i)", (seed) => {
    const random = randomOf(seed)
    const below = (n: number) => Math.floor(random() * n)
    const weighed = seed % 2 === 0
    const capacity = 20 + below(40)
    const most = [1 + below(15), 1 + below(30), undefined, undefined]
    const expected = model(capacity, most)
    return Effect.gen(function*() {
      const gone: Array<string> = []
      listenersOf(yield* Caching.Caching).onRemoval(({ cause, id }) => void gone.push(`${id} ${cause}`))
      for (let step = 0; step < 500; step++) {
        const of = below(4)
        const key = keyOf(of, below(30))
        if (random() < 0.1) {
          yield* Cached.invalidate(key)
          expected.remove(idOf(key))
        } else if (random() < 0.2 && !cache.store) yield* Cached.getOption(key as string)
        else {
          const weight = weighed ? 1 + below(12) : 1
          yield* Cached.set(key as string, weight)
          expected.put({ id: idOf(key), of, weight })
        }
        expect(yield* heldIds).toEqual(expected.ids())
      }
      expect(gone).toEqual(expected.gone)
      expect(gone.filter((line) => line.endsWith("evicted")).length).toBeGreaterThan(50)
      expect((yield* Cached.stats).evictions).toBe(gone.filter((line) => line.endsWith("evicted")).length)
    }).pipe(
      Effect.provide(
        cache.layer({ ...weighed ? { maxWeight: capacity, weigher } : { capacity }, eviction: fifo })
          .pipe(CacheLayer.withQuotas({ User: most[0]!, Search: most[1]! }))
      )
    )
  })

  testIn(CacheLayer.withQuotas(cache.layer(), { Search: 1 }))(
    "a listener that invalidates an id while room is made for it removes its new value",
    function*() {
      const [before, key] = [new Search({ id: 1 }), new Search({ id: 2 })]
      const many = Cached.many(Search, (keys) => Effect.succeed(keys.map(() => Exit.succeed(2))), { ttl: "1 hour" })
      const { onRemoval } = listenersOf(yield* Caching.Caching)
      const context = yield* Effect.context<Caching.Caching>()
      const reads = [Cached.ttl(Effect.succeed(2), key, { ttl: "1 hour" }), many([{ id: 2 }])]
      for (const [i, read] of reads.entries()) {
        for (const isStored of [true, false]) {
          if (isStored) yield* Cached.set(key, 1)
          yield* Cached.set(before, 0)
          const stop = onRemoval(({ id }) => {
            if (id === CacheKey.id(before)) Effect.runForkWith(context)(Cached.invalidate(key))
          })
          yield* read
          stop()
          yield* TestClock.adjust("1 second")
          expect(yield* Cached.has(key), `${i}, ${isStored}`).toBe(false)
          yield* Cached.clear
        }
      }
    }
  )
})

describe.each([adaptive, lru, fifo, leastRecentlyUpdated, s3Fifo, wTinyLfu])("under $name", (eviction) => {
  testIn(
    CacheLayer.memory({ maxWeight: 400, weigher, eviction }).pipe(CacheLayer.withQuotas({ User: 60, Search: 150 }))
  )("no class is ever over its quota, whatever is done to memory", function*() {
    const random = randomOf(9)
    const below = (n: number) => Math.floor(random() * n)
    let bound = 400
    for (let step = 0; step < 3000; step++) {
      const key = keyOf(below(4), Math.floor(random() ** 2 * 200)) as string
      const what = random()
      if (what < 0.5) yield* Cached.set(key, 1 + below(9), { ttl: random() < 0.5 ? "1 second" : "1 hour" })
      else if (what < 0.85) yield* Cached.getOption(key)
      else if (what < 0.9) yield* Cached.invalidate(key)
      else if (what < 0.905) yield* Cached.invalidate({ all: User })
      else if (what < 0.91) yield* Cached.clear
      else if (what < 0.92) yield* Cached.resize(bound = 100 + below(400))
      else yield* TestClock.adjust(below(300))
      if (step % 10 > 0) continue
      const of = yield* weightsOf
      expect(of("~User")).toBeLessThanOrEqual(60)
      expect(of("~Search")).toBeLessThanOrEqual(150)
      expect((yield* Cached.stats).weight).toBeLessThanOrEqual(bound)
    }
    expect((yield* Cached.stats).evictions).toBeGreaterThan(200)
  })
})

const fill = (Class: typeof User | typeof Search, count: number) =>
  Effect.forEach(Array.from({ length: count }, (_, id) => new Class({ id })), (key) => Cached.set(key, 1), {
    discard: true
  })

describe("a quota", () => {
  testIn(CacheLayer.withQuotas(CacheLayer.memory({ eviction: lru }), { Search: 3 }))(
    "lets the policy of the layer choose the entries that leave: reads count for LRU",
    function*() {
      for (const id of [1, 2, 3]) yield* Cached.set(new Search({ id }), id)
      yield* Cached.ttl(Effect.succeed(0), new Search({ id: 1 }), { ttl: "1 hour" })
      yield* Cached.set(new Search({ id: 4 }), 4)
      expect(yield* Effect.filter([1, 2, 3, 4], (id) => Cached.has(new Search({ id })))).toEqual([1, 3, 4])
    }
  )

  testIn(CacheLayer.memory({ capacity: 50, eviction: lru }).pipe(CacheLayer.withQuotas({ Search: 20 })))(
    "is no reservation, and classes without one have the rest",
    function*() {
      yield* fill(Search, 100)
      expect((yield* Cached.stats).size).toBe(20)
      yield* fill(User, 100)
      expect(yield* Cached.stats).toMatchObject({ size: 50 })
      expect((yield* weightsOf)("~User")).toBeGreaterThan(25)
    }
  )

  testIn(CacheLayer.memory().pipe(CacheLayer.withQuotas({ Search: 3 })))(
    "an expired entry leaves before one that may still be served",
    function*() {
      yield* Cached.set(new Search({ id: 1 }), 1, { ttl: "1 hour" })
      for (const id of [2, 3]) yield* Cached.set(new Search({ id }), id, { ttl: "1 second" })
      yield* TestClock.adjust("1 second")
      for (const id of [4, 5]) yield* Cached.set(new Search({ id }), id, { ttl: "1 hour" })
      expect(yield* Cached.has(new Search({ id: 1 }))).toBe(true)
      expect((yield* Cached.stats).removals).toMatchObject({ evicted: 0, expired: 2 })
    }
  )

  testIn(CacheLayer.memory({ capacity: Infinity }).pipe(CacheLayer.withQuotas({ Search: 1e6 })))(
    "very many that expire at once leave no list of them to be copied in one step",
    function*() {
      const count = 140_000
      const all = Array.from({ length: count }, (_, id) => [new Search({ id }), id] as const)
      yield* Cached.setMany(all, { ttl: "1 hour" })
      const most = new WeakMap<object, number>()
      const smallest: Array<number> = []
      const remove = Map.prototype.delete
      const deletes = vi.spyOn(Map.prototype, "delete").mockImplementation(function(this: Map<unknown, unknown>, id) {
        const had = Math.max(this.size, most.get(this) ?? 0)
        most.set(this, had)
        // V8 makes a map smaller when a quarter is left of what it has room for.
        if (had > count / 2) smallest.push(this.size / had)
        return remove.call(this, id)
      })
      try {
        yield* TestClock.adjust("1 hour")
        expect((yield* Cached.stats).size).toBe(0)
      } finally {
        deletes.mockRestore()
      }
      expect(smallest.reduce((a, b) => Math.min(a, b), 1)).toBeGreaterThan(0.9)
    }
  )

  testIn(CacheLayer.memory({ maxWeight: 100, weigher }).pipe(CacheLayer.withQuotas({ Search: 10 })))(
    "keeps out what alone is too heavy, with the value that it would replace",
    function*() {
      const key = new Search({ id: 1 })
      yield* Cached.set(key, 5)
      yield* Cached.set(key, 11)
      expect(yield* Cached.has(key)).toBe(false)
      expect(yield* Cached.ttl(Effect.succeed(12), key, { ttl: "1 hour" })).toBe(12)
      expect(yield* Cached.stats).toMatchObject({ size: 0, weight: 0 })
    }
  )

  testIn(CacheLayer.memory({ maxWeight: 10, weigher }).pipe(CacheLayer.withQuotas({ Search: 10 })))(
    "begins again when memory is emptied, and takes what is just as heavy as it and as memory",
    function*() {
      for (const id of [1, 2]) {
        yield* Cached.set(new Search({ id }), 10)
        yield* Cached.clear
      }
      yield* Cached.set(new Search({ id: 3 }), 5)
      yield* Cached.set(new Search({ id: 4 }), 5)
      expect(yield* Cached.stats).toMatchObject({ size: 2, weight: 10, evictions: 0 })
      yield* Cached.set(new Search({ id: 5 }), 10)
      expect(yield* Cached.stats).toMatchObject({ size: 1, weight: 10, evictions: 2 })
    }
  )

  testIn(CacheLayer.memory().pipe(CacheLayer.withQuotas({ Search: 3 })))(
    "holds although a listener writes while entries leave",
    function*() {
      let id = 1000
      yield* Cached.onRemoval(() => Cached.set(new Search({ id: id++ }), 1))
      for (let i = 0; i < 30; i++) {
        yield* Cached.set(new Search({ id: i }), 1)
        yield* Effect.yieldNow
        expect((yield* weightsOf)("~Search")).toBeLessThanOrEqual(3)
      }
    }
  )

  it.effect("survives a policy of a user that throws, or names what is not there", () => {
    let calls = 0
    const wrong: Eviction.Eviction = {
      name: "wrong",
      make: (options) => {
        const policy = lru.make(options)
        return {
          ...policy,
          victim: () => {
            if (++calls % 2 === 0) throw new Error("no")
            return { id: "stranger", previous: undefined, next: undefined }
          }
        }
      }
    }
    return Effect.gen(function*() {
      yield* fill(Search, 50)
      yield* fill(User, 50)
      expect((yield* weightsOf)("~Search")).toBeLessThanOrEqual(5)
      expect((yield* Cached.stats).size).toBe(20)
      expect((yield* Cached.stats).callbackFailures).toBe(2)
    }).pipe(
      Effect.provide(CacheLayer.memory({ capacity: 20, eviction: wrong }).pipe(CacheLayer.withQuotas({ Search: 5 })))
    )
  })

  testIn(CacheLayer.memory({ curve: true }).pipe(CacheLayer.withQuotas({ Search: 5 })))(
    "counts for the curve like any eviction by hand, which continues beside it",
    function*() {
      yield* fill(Search, 100)
      expect((yield* Looking.curve).reads).toBe(100)
      expect((yield* Cached.stats).size).toBe(5)
    }
  )

  test("in two steps is the stricter one, and nothing where there is no memory", function*() {
    const twice = CacheLayer.memory().pipe(
      CacheLayer.withQuotas({ Search: 5 }),
      CacheLayer.withQuotas({ Search: 3, User: 2 })
    )
    yield* Effect.provide(
      Effect.gen(function*() {
        yield* fill(Search, 9)
        yield* fill(User, 9)
        expect((yield* Cached.stats).size).toBe(5)
      }),
      twice
    )
    const without = caches.find(({ memory }) => !memory)!
    for (const cache of [without.layer(), CacheLayer.disabled]) {
      yield* Effect.provide(fill(Search, 9), CacheLayer.withQuotas(cache, { Search: 3 }))
    }
  })
})

describe("quotas that are none", () => {
  it.each([0, -1, 1.5, NaN, Infinity, "10" as never, undefined as never])("%s is a CacheConfigError", (most) => {
    expect(() => CacheLayer.memory().pipe(CacheLayer.withQuotas({ Search: most }))).toThrow(CacheError.CacheConfigError)
  })

  it("so is what is no object", () => {
    for (const given of [null, 5, "Search"]) {
      expect(() => CacheLayer.withQuotas(CacheLayer.memory(), given as never)).toThrow(CacheError.CacheConfigError)
    }
  })

  test("a cache that is in use already refuses them", function*() {
    const shared = CacheLayer.memory()
    const memoMap = yield* Layer.makeMemoMap
    const scope = yield* Effect.scope
    const first = yield* Layer.buildWithMemoMap(shared, memoMap, scope)
    yield* Effect.provide(Cached.set("a", 1), first)
    const exit = yield* Effect.exit(
      Layer.buildWithMemoMap(CacheLayer.withQuotas(shared, { Search: 3 }), memoMap, scope)
    )
    expect(Exit.isFailure(exit) && String(exit.cause)).toContain("this one is in use")
  })
})

testIn(Layer.merge(CacheLayer.withQuotas(CacheLayer.memory(), { User: 2 }), TestClock.layer())).live(
  "under a TestClock beside the layer, a class over its quota loses what was read longest ago",
  function*() {
    const read = (id: number, ttl: Duration.Input) => Cached.ttl(Effect.succeed(id), new User({ id }), { ttl })
    yield* read(1, "10 minutes")
    yield* read(2, "1 hour")
    yield* TestClock.adjust("1 minute")
    yield* read(1, "10 minutes")
    const numbers = Effect.map(heldIds, (ids) => ids.map((id) => id.replace(/^.*:|,$/g, "")))
    yield* read(3, "1 hour")
    expect(yield* numbers).toEqual(["1", "3"])
    // The expired entry leaves first.
    yield* read(3, "1 hour")
    yield* read(1, "10 minutes")
    yield* TestClock.setTime(600_000)
    yield* read(4, "1 hour")
    expect(yield* numbers).toEqual(["3", "4"])
  }
)
