/** A doubtful value that a cache accepts is warned of once. */
import { describe, expect } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { MemoryStore } from "effect-cached/memory"
import { Readable } from "node:stream"
import { warningsOf } from "../support/logged.ts"
import { test } from "../support/tests.ts"

const ttl = "1 hour"

class Person extends Schema.Class<Person>("Person")({ name: Schema.String }) {}
class Row extends CacheKey.Class<Row>()("Row", {
  payload: { id: Schema.Int },
  success: Schema.Struct({ at: Schema.Date, tags: Schema.Array(Schema.String) })
}) {}
class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Person }) {}

const inMemory = <A, E>(effect: Effect.Effect<A, E, Caching.Caching>) =>
  warningsOf(Effect.provide(effect, CacheLayer.memory()))

const load = (key: string | CacheKey.Any, value: unknown): Effect.Effect<unknown, never, Caching.Caching> =>
  Effect.succeed(value).pipe(Cached.ttl(key, { ttl } as never)) as never

const right = { at: new Date(0), tags: ["a"] }

describe("a value that is not of its schema, in memory", () => {
  const wrong = [
    [
      "a part",
      new Row({ id: 1 }),
      { at: new Date(0), tags: ["a", 1] },
      "at [tags][1] (expected: string, found: a number)"
    ],
    ["text", new Row({ id: 1 }), { at: "2020", tags: [] }, "at [at] (expected: a valid Date, found: a string)"],
    ["a missing part", new Row({ id: 1 }), { at: new Date(0) }, "at [tags] (it is missing)"],
    ["a row", new User({ id: 1 }), { name: "Ada" }, "make one of a plain object, like new Person(row)"]
  ] as const

  test.each(wrong)("%s: loaded, and set by hand", function*([, key, value, said]) {
    for (const put of [load(key, value), Cached.set(key as never, value as never)]) {
      const warnings = yield* inMemory(Effect.andThen(put, put))
      expect(warnings).toEqual([expect.stringContaining(said)])
      expect(warnings[0]).toContain(
        `The value of "${CacheKey.id(key)}" is cached in memory, but no store would take it`
      )
    }
  })

  test("each key of a bulk load", function*() {
    const many = Cached.many(
      Row,
      (keys) => Effect.succeed(keys.map(({ id }) => Exit.succeed(id === 2 ? 2 as never : right))),
      { ttl }
    )
    const warnings = yield* inMemory(many([{ id: 1 }, { id: 2 }, { id: 3 }]))
    expect(warnings).toEqual([expect.stringContaining(CacheKey.id(new Row({ id: 2 })))])
  })

  test("one that fits is not warned of, nor a string key, nor a failure", function*() {
    const fail = Effect.fail("no").pipe(Cached.ttl("fails", { ttl, when: () => true }), Effect.ignore)
    const all = [
      load(new Row({ id: 1 }), right),
      load(new User({ id: 1 }), new Person({ name: "Ada" })),
      load("k", 1),
      fail
    ]
    expect(yield* inMemory(Effect.all(all))).toEqual([])
  })

  test("is found late too, at a cost that ends", function*() {
    let looks = 0
    class Watched extends CacheKey.Class<Watched>()("Watched", {
      payload: { id: Schema.Int },
      success: Schema.String.check(Schema.makeFilter(() => {
        looks++
        return true
      }))
    }) {}
    const key = (id: number) => new Watched({ id })
    const warnings = yield* inMemory(Effect.gen(function*() {
      for (let id = 0; id < 2000; id++) yield* load(key(id), "text")
      expect(looks).toBeLessThan(120)
      for (let id = 2001; id < 5000; id++) yield* load(key(id), id)
    }))
    expect(warnings).toHaveLength(1)
  })
})

describe("a string key that its template has filled with nothing", () => {
  const keys: ReadonlyArray<readonly [key: string, said: string]> = [
    ["", "is empty"],
    [`user:${undefined}`, `has the part "undefined"`],
    ["undefined", `has the part "undefined"`],
    [`user-${undefined}/posts`, `has the part "undefined"`],
    [`page:${Number("one")}:size`, `has the part "NaN"`],
    [`query?q=${{}}`, `has the part "[object Object]"`]
  ]

  test.each(keys)("%j", function*([key, said]) {
    for (const layer of [CacheLayer.memory(), CacheLayer.layer().pipe(Layer.provide(MemoryStore.layer))]) {
      const reads = Effect.all([load(key, 1), load(key, 1), Cached.set(key, 2), load(`${key}:NaN`.slice(1), 1)])
      const warnings = yield* warningsOf(Effect.provide(reads, layer))
      expect(warnings.filter((line) => line.startsWith(`The key "${key}" ${said}, so`))).toHaveLength(1)
      expect(warnings.length).toBeLessThanOrEqual(2)
    }
  })

  test("is no key in which the words are parts of others", function*() {
    const keys = ["search:undefined behaviour", "undefinedUser:1", "NaNcy", "is it undefined", "user:null", "user:1"]
    expect(yield* inMemory(Effect.forEach(keys, (key) => load(key, 1)))).toEqual([])
  })
})

describe("a softTtl of a function", () => {
  const read = (softTtl: (exit: any, key: any) => string) =>
    Effect.succeed(1).pipe(Cached.softTtl("k", { softTtl: softTtl as never, ttl: () => "1 minute" }))

  test("above its ttl is cut to it, and warned of once", function*() {
    const twice = Effect.gen(function*() {
      yield* read(() => "1 hour")
      yield* Cached.remove("k")
      yield* read(() => "2 hours")
      const entry = Option.getOrThrow(yield* Cached.getEntry("k"))
      expect(entry.softExpiresAt).toBe(entry.expiresAt)
    })
    expect(yield* inMemory(twice)).toEqual([
      `The strategy "softTtl" gives "k" a softTtl or refreshAfter of 3600000 ms, above its ttl of 60000 ms: the ttl ` +
      "holds for both (logged once a key class or strategy)"
    ])
  })

  test("that is as long as the ttl, or shorter, is not", function*() {
    expect(yield* inMemory(Effect.andThen(read(() => "1 minute"), read(() => "1 second")))).toEqual([])
  })
})

describe("a value that can be read once, in memory", () => {
  const values: Record<string, () => unknown> = {
    "a Stream": () => Stream.make(1),
    "a Response": () => new Response("text"),
    "a Request": () => new Request("http://localhost"),
    "a ReadableStream": () => new ReadableStream(),
    "a stream of Node": () => Readable.from(["text"]),
    "an iterator": () => [1][Symbol.iterator](),
    "a generator": () =>
      (function*() {
        yield 1
      })(),
    "an asynchronous generator": () =>
      (async function*() {
        yield 1
      })()
  }

  test.each(Object.entries(values))("%s", function*([, make]) {
    for (const put of [load, Cached.set]) {
      const warnings = yield* inMemory(
        Effect.forEach([1, 2, 3], (n): Effect.Effect<unknown, never, Caching.Caching> => put(`key ${n}`, make()))
      )
      expect(warnings).toHaveLength(1)
      expect(warnings[0]).toMatch(/^The value of "key 1" is an? .*(Stream|stream|Response).*first reader/)
    }
  })

  test("a value that can be read again is not warned of", function*() {
    const values = [
      [1],
      new Map([[1, 2]]),
      new Set([1]),
      "text",
      { next: 1 },
      { next: () => 1 },
      new Uint8Array(1),
      null
    ]
    const proxy = new Proxy({}, {
      has: () => {
        throw new Error("no")
      }
    })
    expect(yield* inMemory(Effect.forEach([...values, proxy], (value, i) => load(`${i}`, value)))).toEqual([])
  })

  test("the elements of a cached stream are none", function*() {
    const stream = Stream.make(right).pipe(Cached.stream(new Row({ id: 1 }), { ttl }))
    expect(yield* inMemory(Stream.runDrain(stream))).toEqual([])
  })
})

describe("a failure that is to be stored, of a key class without `error`", () => {
  class Silent extends CacheKey.Class<Silent>()("Silent", { payload: { id: Schema.Int }, success: Schema.String }) {}
  const cache = CacheLayer.layer().pipe(Layer.provide(MemoryStore.layer))
  const fail = (key: string | Silent, options: object) =>
    Effect.fail({ _tag: "NotFound" }).pipe(Cached.ttl(key, { ttl, ...options } as never), Effect.ignore)

  test.each([{ when: () => true }, { storeFailures: ["NotFound"] }])("over a store: %j", function*(options) {
    const both = Effect.forEach([1, 2], (id) => fail(new Silent({ id }), options))
    const warnings = yield* warningsOf(Effect.provide(both, cache) as Effect.Effect<unknown>)
    expect(warnings).toEqual([
      `The failure "NotFound" of "${CacheKey.id(new Silent({ id: 1 }))}" stays in memory and is not stored: ` +
      "the key class \"Silent\" has no `error`. Give it the schema of the failures that are stored, or leave them " +
      "out in `storeFailures` or `when` (logged once a key class)"
    ])
  })

  test("warns once if a cache without memory cannot store a failure of a string key", function*() {
    const withoutMemory = CacheLayer.layer({ memory: false }).pipe(Layer.provide(MemoryStore.layer))
    const all = Effect.forEach(["key", "key 2", new Silent({ id: 1 })], (key) => fail(key, { when: () => true }))
    expect(yield* warningsOf(Effect.provide(all, withoutMemory) as Effect.Effect<unknown>)).toEqual([
      "The failure \"NotFound\" of \"key\" is not stored: the cache has no memory, and only a key class with an " +
      "`error` can store failures. Use such a class, or leave the failure out of `storeFailures` or `when` (logged once)",
      expect.stringMatching(/^The failure "NotFound" of ".*" is not stored: the key class "Silent" has no `error`/)
    ])
  })

  test("warns of a failure whose _tag getter throws", function*() {
    const withoutMemory = CacheLayer.layer({ memory: false }).pipe(Layer.provide(MemoryStore.layer))
    const failure = {
      get _tag() {
        throw new Error("no tag")
      }
    }
    const read = Effect.fail(failure).pipe(Cached.ttl("key", { ttl, when: () => true }), Effect.flip)
    const warnings = yield* warningsOf(Effect.map(Effect.provide(read, withoutMemory), (got) => {
      expect(got).toBe(failure)
    }))
    expect(warnings[0]).toMatch(/^The failure an object of "key" is not stored/)
  })

  test("in memory alone, and under string keys, which have none, it is as it should be", function*() {
    const when = { when: () => true }
    expect(yield* inMemory(fail(new Silent({ id: 1 }), when) as Effect.Effect<void>)).toEqual([])
    expect(yield* warningsOf(Effect.provide(fail("key", when), cache) as Effect.Effect<unknown>)).toEqual([])
  })
})
