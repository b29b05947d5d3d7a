/** The text that answers each mistake. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Layer, Logger, Option, Result, Schema, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy, type Caching, Guard, Transaction } from "effect-cached"
import { Lock, Serializer, Store, Ttl } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { RedisStore } from "effect-cached/redis"
import { Json } from "effect-cached/serializers/Json"
import { Structured } from "effect-cached/serializers/Structured"
import { SqliteStore } from "effect-cached/sqlite"
import { ChaosStore } from "effect-cached/testing"
import { combinator } from "../../src/cached/combine.ts"
import { fallbackOptions, readOptions } from "../../src/cached/options.ts"
import * as Kinds from "../../src/internal/strategy/kinds.ts"
import { fakeStore } from "../support/caches.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { made } from "../support/strategies.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"

class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.String }) {}
class Items extends CacheKey.Class<Items>()("Items", {
  payload: { page: Schema.Int, query: Schema.String },
  success: Schema.String,
  indexes: ["page"]
}) {}

// Mistakes do not compile.
const any = (value: unknown): any => value
const one = Effect.succeed("1")
const ada = new User({ id: 1 })
const idOfAda = CacheKey.id(ada)
const hour = { ttl: "1 hour" } as const
const beside = "its options stand beside the name, like { strategy: \"softTtl\", ttl, softTtl }"
const advice = `Write it like "10m", "10 minutes", 500 (milliseconds) or Duration.hours(1)`

// The names that each of them knows, which are defined elsewhere.
const namesOfStrategy = Array.from(Kinds.ttl.options).join(", ")
const namesOfRead = Object.keys(readOptions).join(", ")
const namesOfTtl = `${namesOfStrategy}, ${namesOfRead}`
const namesOfFn = `${namesOfRead}, ${Object.keys(fallbackOptions).join(", ")}, strategy`

/** The message of what a call throws at once. */
const thrown = (call: () => unknown): string => {
  try {
    call()
  } catch (error) {
    expect(error).toBeInstanceOf(CacheError.CacheConfigError)
    return (error as Error).message
  }
  return "nothing was thrown"
}

/** The message of what an effect dies with. */
const defect = (effect: Effect.Effect<unknown, unknown, any>, layer: Layer.Layer<any> = CacheLayer.memory()) =>
  Effect.map(Effect.exit(Effect.provide(effect, layer)), (exit) => {
    const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    expect(error).toBeInstanceOf(CacheError.CacheConfigError)
    return (error as Error).message
  })

/** The log of an effect. */
const logged = <E>(effect: Effect.Effect<unknown, E, any>, layer: Layer.Layer<any> = CacheLayer.memory()) =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => void lines.push(String(message)))
    const exit = yield* Effect.exit(Effect.provide(effect, layer)).pipe(Effect.provide(Logger.layer([logger])))
    expect(Exit.isFailure(exit) ? exit.cause : undefined).toBeUndefined()
    return lines
  }) as Effect.Effect<Array<string>>

const over = (serializer: Serializer.Serializer, store: Layer.Layer<Store.Store> = MemoryStore.layer) =>
  CacheLayer.layer().pipe(Layer.provide(store), Layer.provide(Layer.succeed(Serializer.Serializer, serializer)))

const lateSoftTimeout = "softTimeout (2000 ms) must be shorter than timeout (2000 ms)"

describe("soft times that are not shorter than hard ones", () => {
  const strategy = { strategy: "failover", ttl: 5 } as const
  const times = { softTimeout: "2 seconds", timeout: 2000 } as const
  const lookup = () => any(Effect.succeed("x"))

  it("are refused where a function, a bulk load or a strategy is made", () => {
    expect(() => Cached.fn(User, lookup, { ...strategy, ...times })).toThrow(`Cached.fn(User): ${lateSoftTimeout}`)
    expect(() => Cached.many(User, lookup, { ...strategy, ...times })).toThrow(`Cached.many(User): ${lateSoftTimeout}`)
    expect(() => Cached.fn((id: string) => id, lookup, { ...strategy, ...times })).toThrow(lateSoftTimeout)
    expect(() => made({ strategy: "softTtl", ttl: 5, softTtl: 5 })).toThrow("softTtl (5 ms) is as long as ttl (5 ms)")
    expect(() => made({ strategy: "refreshAhead", ttl: 5, refreshAfter: 5 })).toThrow(
      "refreshAfter (5 ms) is as long as ttl (5 ms)"
    )
  })

  it.effect("are taken where one of them is a function, is endless, or is the layer's", () =>
    Effect.gen(function*() {
      const read = (given: object) => one.pipe(Cached.failover("a", { ttl: 5, ...given })) as Effect.Effect<unknown>
      yield* read({ softTimeout: () => 2000, timeout: 1 })
      yield* read({ softTimeout: 2000, timeout: () => 1 })
      yield* read({ softTimeout: "Infinity", timeout: 1 })
      yield* read({ timeout: 1 })
      yield* read({ softTimeout: 2000 })
    }).pipe(Effect.provide(CacheLayer.memory({ defaults: { softTimeout: 2000 } }))))
})

describe("a combinator names itself and its key, and the stack is the user's", () => {
  const wrong: Record<string, () => unknown> = {
    [`Cached.ttl (key "a"): ttl is missing. ${advice}`]: () => Cached.ttl("a", any({})),
    [`Cached.ttl (key "${idOfAda}"): ttl is missing. ${advice}`]: () => Cached.ttl(one, ada, any({})),
    [`Cached.ttl (key "a"): ttl is not a duration: "10 minuts". ${advice}`]: () =>
      Cached.ttl("a", any({ ttl: "10 minuts" })),
    [`Cached.softTtl (key "a"): softTtl (10 ms) is longer than ttl (5 ms): shorten softTtl, or lengthen ttl`]: () =>
      Cached.softTtl("a", { ttl: 5, softTtl: 10, fallbackOn: "all" }),
    [`Cached.softTtl (key "a"): softTtl (5 ms) is as long as ttl (5 ms): shorten softTtl, or lengthen ttl`]: () =>
      Cached.softTtl("a", { ttl: 5, softTtl: 5, fallbackOn: "all" }),
    [`Cached.refreshAhead (key "a"): refreshAfter (5 ms) is as long as ttl (5 ms): shorten refreshAfter, or lengthen ttl`]:
      () => Cached.refreshAhead("a", { ttl: 5, refreshAfter: 5 }),
    [`Cached.failover (key "a"): ${lateSoftTimeout}`]: () =>
      Cached.failover("a", { ttl: 5, softTimeout: 2000, timeout: "2 seconds", fallbackOn: "all" }),
    [`Cached.softTtl (key "a"): softTtl is missing. ${advice}`]: () => Cached.softTtl("a", any({ ttl: 5 })),
    [`Cached.ttl (key "a"): there is no option "tll": did you mean "ttl"? Use one of ${namesOfTtl}`]: () =>
      Cached.ttl("a", any({ tll: 5 })),
    [
      `Cached.ttl (key "a"): there is no option "fallbackOn": it belongs to Cached.softTtl, Cached.failover. Use one of ` +
      namesOfTtl
    ]: () => Cached.ttl("a", any({ ttl: 5, fallbackOn: [] })),
    [
      `Cached.refreshAhead (key "a"): there is no option "fallbackOn": it belongs to Cached.softTtl, Cached.failover. ` +
      `With softTimeout: 0, softTtl loads in the background too. Use one of ttl, jitter, refreshAfter, ${namesOfRead}`
    ]: () => Cached.refreshAhead("a", any({ ttl: 5, refreshAfter: 1, fallbackOn: [] })),
    [`Cached.ttl (key "a"): there is no option "colour": use one of ${namesOfTtl}`]: () =>
      Cached.ttl("a", any({ ttl: 5, colour: "red" })),
    "Cached.ttl: key cannot be undefined: pass an instance of a CacheKey class, or a string": () =>
      any(Cached.ttl)(undefined, { ttl: 5 }),
    "Cached.ttl: key cannot be the key class \"User\": pass an instance of a CacheKey class, or a string": () =>
      any(Cached.ttl)(User, { ttl: 5 }),
    [`Cached.ttl (key "a"): when must be a function from outcome and key to true or false`]: () =>
      Cached.ttl("a", any({ ttl: 5, when: "yes" })),
    [`Cached.ttl (key "a"): storeIf must be a function from value and key to true or false`]: () =>
      Cached.ttl("a", any({ ttl: 5, storeIf: true })),
    [`Cached.ttl (key "a"): storeFailures must be a list of the tags of failures`]: () =>
      Cached.ttl("a", any({ ttl: 5, storeFailures: "NotFound" })),
    [`Cached.probabilistic (key "a"): beta must be a number above 0, not 0`]: () =>
      Cached.probabilistic("a", { ttl: 5, beta: 0 }),
    [`Cached.maxHits (key "a"): refreshAfter must be a number of reads from 1 to hits (2), not 3`]: () =>
      Cached.maxHits("a", { ttl: 5, hits: 2, refreshAfter: 3 }),
    [`Cached.maxHits (key "a"): hits must be a whole number of at least 1, not 0`]: () =>
      Cached.maxHits("a", any({ ttl: 5, hits: 0 })),
    [`Cached.ttl (key "a"): tags must be a list of strings, or a function that returns one`]: () =>
      Cached.ttl("a", any({ ttl: 5, tags: "users" })),
    [`Cached.ttl (key "a"): timeout is not a duration: "soon". ${advice}`]: () =>
      Cached.ttl("a", any({ ttl: 5, timeout: "soon" }))
  }

  test.each(Object.entries(wrong))("%s", function*([message, call]) {
    const made: any = call()
    expect(yield* defect(Effect.isEffect(made) ? made : made(one))).toBe(message)
  })

  it("no options", () => {
    // A combinator of its own: one that was called a thousand times no longer looks.
    const ttl: any = combinator(Kinds.ttl)
    const message = `Cached.ttl needs options: pass Cached.ttl("answer", { ttl: "1 hour" })`
    expect(thrown(() => ttl())).toBe(message)
    expect(thrown(() => ttl("a"))).toBe(message)
    expect(thrown(() => ttl(one, "a"))).toBe(message)
    expect(thrown(() => ttl({ key: "a", ttl: 5 }))).toBe(message)
  })

  test("the stack leads to the call", function*() {
    const ttl: typeof Cached.ttl = combinator(Kinds.ttl)
    const myMistake = () => one.pipe(ttl("a", { ttl: "soon" as never }))
    const stackOf = (get: Effect.Effect<unknown, unknown, any>) =>
      Effect.map(
        Effect.exit(Effect.provide(get, CacheLayer.memory())),
        (exit) => Exit.isFailure(exit) ? (Cause.squash(exit.cause) as Error).stack : undefined
      )
    expect(yield* stackOf(myMistake())).toContain("myMistake")
    expect(yield* stackOf(ttl(one, "a", { ttl: "soon" as never }))).toContain("messages.test")
  })

  test("after the first thousand calls the first load says it", function*() {
    const maxHits: typeof Cached.maxHits = combinator(Kinds.maxHits)
    for (let i = 0; i < 1000; i++) maxHits("a", { ttl: 5, hits: 1 })
    const get = one.pipe(maxHits("a", { ttl: 5, hits: 0 }))
    expect(yield* defect(get)).toBe(`Cached.maxHits (key "a"): hits must be a whole number of at least 1, not 0`)
  })

  test("a ttl of zero is the mistake where an entry is stored, too", function*() {
    const stored = one.pipe(Cached.ttl("a", { ttl: 5 }))
    const get = one.pipe(Cached.softTtl("a", { ttl: 0, softTtl: 0 }))
    expect(yield* defect(Effect.andThen(stored, get))).toMatch(/^Cached.softTtl \(key "a"\): ttl is zero or less/)
  })

  test("withStrategy needs a strategy", function*() {
    expect(yield* defect(Effect.suspend(() => one.pipe(Cached.withStrategy("a", any({})))))).toBe(
      `Cached.withStrategy (key "a"): there is no strategy, and the layer has none: pass one, like strategy: ` +
        `{ ttl: "1 hour" }, here or to CacheLayer.memory (or disk, files, layer)`
    )
    expect(yield* defect(Effect.suspend(() => one.pipe(Cached.withStrategy("a", any({ ttl: 5 })))))).toContain(
      `Cached.withStrategy (key "a"): there is no option "ttl": it belongs to the strategy.`
    )
  })

  test("an effect is expected", function*() {
    const cache = (self: unknown) => defect(any(Cached.ttl("a", { ttl: 5 }))(self))
    expect(yield* cache(Promise.resolve(1)))
      .toBe(`Cached.ttl (key "a") needs an effect, not a Promise: wrap it, like Effect.tryPromise(() => fetch(url))`)
    expect(yield* cache(() => 1)).toBe(
      `Cached.ttl (key "a") needs an effect, not a function: call it, or pass Effect.sync(() => …) or ` +
        "Effect.tryPromise(() => …)"
    )
    expect(yield* cache(1)).toBe(
      `Cached.ttl (key "a") needs an effect, not a value of type number: pass an effect, like Effect.succeed(…)`
    )
  })
})

describe("a cached function", () => {
  const wrong: Record<string, () => unknown> = {
    [`Cached.fn(User) needs options: pass Cached.fn(User, lookup, { ttl: "1 hour" })`]: () =>
      any(Cached.fn)(User, () => one),
    [`Cached.fn(User): ttl is missing. ${advice}`]: () => Cached.fn(User, () => one, any({})),
    [
      `Cached.fn(User): there is no strategy "softTTL": did you mean "softTtl"? Use one of ${
        Object.keys(Kinds.words).join(", ")
      }, or a Strategy of your own`
    ]: () => Cached.fn(User, () => one, any({ strategy: "softTTL", ttl: 5 })),
    [`Cached.fn(User): strategy must be the name of a strategy, not a value of type function: ${beside}`]: () =>
      Cached.fn(User, () => one, any({ strategy: () => hour })),
    [`Cached.fn(User): strategy must be the name of a strategy, not a value of type object: ${beside}`]: () =>
      Cached.fn(User, () => one, any({ strategy: { strategy: "softTtl", ttl: 5, softTtl: 1 } })),
    [
      `Cached.fn(User): there is no option "fallbackOn": it belongs to strategy: "softTtl", "failover". ` +
      `With softTimeout: 0, softTtl loads in the background too. Use one of ttl, jitter, refreshAfter, ${namesOfRead}, strategy`
    ]: () => Cached.fn(User, () => one, any({ strategy: "refreshAhead", ttl: 5, refreshAfter: 1, fallbackOn: [] })),
    [`Cached.fn(User): there is no option "softTtl": it belongs to the strategy. Use one of ${namesOfFn}`]: () =>
      Cached.fn(User, () => one, any({ strategy: made(hour), softTtl: 5 })),
    [
      `Cached.fn(User): there is no option "key": it stands before the options: Cached.fn(User, lookup, { ttl: "1 hour" }). Use one of ` +
      namesOfFn
    ]: () => Cached.fn(User, () => one, any({ strategy: made(hour), key: ada })),
    [
      "Cached.fn(User) needs a lookup, a function to an effect, before its options: pass Cached.fn(User, lookup, " +
      `{ ttl: "1 hour" })`
    ]: () => Cached.fn(User, any(undefined), hour),
    [
      "Cached.fn needs a key class: pass a class made with CacheKey.Class as its first argument, or a function that " +
      "returns a key"
    ]: () => any(Cached.fn)(undefined, () => one, hour),
    [
      "Cached.fn(() => key) needs a lookup, a function to an effect, before its options: pass Cached.fn(() => key, " +
      `lookup, { ttl: "1 hour" })`
    ]: () => any(Cached.fn)((id: number) => `user:${id}`, { ttl: 5 }),
    [`Cached.fn(() => key) needs options: pass Cached.fn(() => key, lookup, { ttl: "1 hour" })`]: () =>
      any(Cached.fn)((id: number) => `user:${id}`, () => one),
    [`Cached.recursive(User) needs options: pass Cached.recursive(User, lookup, { ttl: "1 hour" })`]: () =>
      any(Cached.recursive)(User, () => one),
    [`Cached.many(User): ttl is missing. ${advice}`]: () => Cached.many(User, () => any(one), any({}))
  }

  it.each(Object.entries(wrong))("%s", (message, call) => {
    expect(thrown(call)).toBe(message)
  })

  test("whose lookup answers no effect", function*() {
    const user = (lookup: () => unknown) => defect(Cached.fn(User, any(lookup), hour)({ id: 1 }))
    expect(yield* user(() => Promise.resolve("Ada"))).toBe(
      `The lookup of "User" must return an effect, not a Promise: wrap it, like Effect.tryPromise(() => fetch(url))`
    )
    expect(yield* user(() => undefined))
      .toBe(`The lookup of "User" must return an effect, not undefined: pass an effect, like Effect.succeed(…)`)
    const users = Cached.many(User, any(() => Promise.resolve([])), hour)
    expect(yield* defect(users([{ id: 1 }]))).toBe(
      `The lookup of "User" must return an effect, not a Promise: wrap it, like Effect.tryPromise(() => fetch(url))`
    )
  })
})

describe("a strategy", () => {
  const wrong: Record<string, () => unknown> = {
    [`ttl is missing. ${advice}`]: () => made(any({})),
    [`strategy cannot be a value of type number: pass one like { ttl: "1 hour" }, or an object with decide and lifetime`]:
      () => made(any(5)),
    [
      `there is no strategy "sotfTtl": did you mean "softTtl"? Use one of ${
        Object.keys(Kinds.words).join(", ")
      }, or a Strategy of your own`
    ]: () => made(any({ strategy: "sotfTtl" })),
    [`there is no option "tags": options of a read stand beside the strategy, or in \`defaults\` of a layer. Use one of ${namesOfStrategy}, strategy`]:
      () => made(any({ ttl: 5, tags: ["a"] })),
    [`strategy must be the name of a strategy, not a value of type object: ${beside}`]: () =>
      made(any({ strategy: { ttl: 5 } })),
    [`there is no option "softTtl": it belongs to strategy: "softTtl". Use one of ${namesOfStrategy}, strategy`]: () =>
      made(any({ ttl: 5, softTtl: 4 })),
    [`there is no option "tll": did you mean "ttl"? Use one of ${namesOfStrategy}, strategy`]: () =>
      made(any({ tll: 5 }))
  }

  it.each(Object.entries(wrong))("%s", (message, call) => {
    expect(thrown(call)).toBe(message)
  })

  const noFallback = (id: string) =>
    `The softTimeout of "${id}" does nothing: the strategy "ttl" never falls back on a stale value. Use softTtl or ` +
    "failover, or timeout (logged once a key class or cause)"

  test("that never falls back, with a softTimeout: a warning, once", function*() {
    const get = one.pipe(Cached.ttl("a", { ttl: "1 hour", softTimeout: "1 second" }))
    expect(yield* logged(Effect.andThen(get, CachePolicy.refresh(get)))).toEqual([noFallback("a")])
    const user = Cached.fn(User, () => one, { ...hour, softTimeout: "1 second" })
    expect(yield* logged(Effect.andThen(user({ id: 1 }), user({ id: 2 })))).toEqual([noFallback(idOfAda)])
  })

  test("that falls back, or is one's own, with a softTimeout: none", function*() {
    const softTtl = { ttl: "1 hour", softTtl: "1 minute" } as const
    const own = { ...made({ strategy: "softTtl", ...softTtl }), name: "own" }
    const reads = Effect.all([
      one.pipe(Cached.softTtl("a", { ...softTtl, softTimeout: "1 second" })),
      one.pipe(Cached.withStrategy("b", { strategy: own, softTimeout: "1 second" })),
      one.pipe(Cached.withStrategy("c", { strategy: { strategy: "softTtl", ...softTtl }, softTimeout: "1 second" }))
    ])
    expect(yield* logged(reads)).toEqual([])
  })
})

describe("a layer", () => {
  test("that is missing: which there are", function*() {
    const none = Layer.empty as Layer.Layer<any>
    const message = "There is no cache: provide a layer to the whole program, like " +
      "Effect.provide(CacheLayer.memory()). Others are disk, files, redis, postgres, sql, objects, layer (a store of your own), named " +
      "(Cached.withCache) and disabled"
    const user = Cached.many(User, () => Effect.succeed([]), hour)
    for (const effect of [one.pipe(Cached.ttl("a", { ttl: 5 })), Cached.size, user([{ id: 1 }])]) {
      expect(yield* defect(effect, none)).toBe(message)
    }
  })

  test("of a named cache that is missing", function*() {
    class Pages extends Context.Service<Pages, Caching.Shape>()("Pages") {}
    expect(yield* defect(one.pipe(Cached.ttl("a", { ttl: 5 }), Cached.withCache(Pages)))).toBe(
      `There is no cache "Pages": provide one to the whole program, like ` +
        "Effect.provide(CacheLayer.named(Pages, CacheLayer.memory()))"
    )
  })

  it("with a capacity that is none", () => {
    const rule =
      "capacity of CacheLayer.memory must be a whole number of at least 1 (capacity bounds entries, maxWeight " +
      "with Weigher.bytes (of effect-cached/adapters) their size), or Infinity for no limit"
    expect(thrown(() => CacheLayer.memory({ capacity: 0 }))).toBe(`${rule}, not 0`)
    expect(thrown(() => CacheLayer.memory({ capacity: any("5") }))).toBe(`${rule}, not "5"`)
    CacheLayer.memory({ capacity: Infinity })
  })
})

describe("values that a store cannot take", () => {
  const circular: Record<string, unknown> = { name: "Ada" }
  circular["friends"] = [circular]
  const readInLoad = "read it in the load, and cache its content"
  const kinds: ReadonlyArray<readonly [string, unknown, string]> = [
    ["an Option", Option.some(1), "the value is an Option: give the key a schema, like Schema.Option(…)"],
    ["a Result", Result.succeed(1), "the value is a Result: give the key a schema, like Schema.Result(…)"],
    [
      "an Exit",
      Exit.succeed(1),
      "the value is an Exit: give the key a schema, like Schema.Exit(…), or run it in the load, like Effect.flatten(load)"
    ],
    ["an Effect", Effect.sync(() => 1), "the value is an Effect: run it in the load, like Effect.flatten(load)"],
    ["a Stream", Stream.make(1), "the value is a Stream: collect it in the load, like Stream.runCollect(stream)"],
    [
      "a Promise",
      Promise.resolve(1),
      "the value is a Promise: wait for it in the load, like Effect.promise(() => promise)"
    ],
    ["a Response", new Response(""), `the value is a Response or Request: ${readInLoad}`],
    ["a ReadableStream", new ReadableStream(), `the value is an iterator or a stream: ${readInLoad}`],
    ["a generator", (function*() {})(), `the value is an iterator or a stream: ${readInLoad}`]
  ]
  const notStored = (id: string, serializer: string, reason: string) =>
    `The value of "${id}" stays in memory and is not stored. The serializer "${serializer}" could not encode a ` +
    `value: ${reason} (logged once a key class or cause)`
  const put = (value: unknown, key: any = "k"): Effect.Effect<void, unknown, any> =>
    Effect.asVoid(Effect.succeed(value).pipe(Cached.ttl(key, { ttl: 5 })))

  test.each(kinds)("%s", function*([, value, reason]) {
    expect(yield* logged(put(value), over(Json))).toEqual([notStored("k", "json", reason)])
    expect(yield* logged(put(value), over(Structured))).toEqual([notStored("k", "structured", reason)])
  })

  test("an Option within, and one where a schema accepts anything", function*() {
    class Page extends CacheKey.Class<Page>()("Page", { payload: {}, success: Schema.Any }) {}
    const value = { user: Option.some(1) }
    const advice = "is an Option: give the key a schema, like Schema.Option(…)"
    expect(yield* logged(put(value), over(Json))).toEqual([notStored("k", "json", `the value at [user] ${advice}`)])
    expect(yield* logged(put(value), over(Structured)))
      .toEqual([notStored("k", "structured", `the value at [user] ${advice}`)])
    const page = new Page()
    expect(yield* logged(put(value, page), over(Json))).toEqual([notStored(
      CacheKey.id(page),
      "json",
      "the value is not JSON at [user], where its schema accepts anything (it is an Option): give that part a schema of " +
        "its own"
    )])
  })

  test("string keys: once for each type of value, with its place", function*() {
    const nameless = new (class {
      readonly at = 1
    })()
    const values = [
      new Date(0),
      { at: new Date(1) },
      new Date(2),
      new Map(),
      [NaN],
      () => 1,
      { at: [new Map()] },
      nameless
    ]
    const lines = yield* logged(
      Effect.forEach(values, (value, i) => put(value, `k${i}`), { discard: true }),
      over(Json)
    )
    const advice = "which is not JSON: give the key a schema that encodes it as JSON"
    expect(lines).toEqual([
      notStored("k0", "json", `the value is an object of class Date, ${advice}`),
      notStored("k1", "json", `the value at [at] is an object of class Date, ${advice}`),
      notStored("k3", "json", `the value is an object of class Map, ${advice}`),
      notStored("k4", "json", `the value at [0] is the number NaN, ${advice}`),
      notStored("k5", "json", `the value is a function, ${advice}`),
      notStored("k6", "json", `the value at [at][0] is an object of class Map, ${advice}`),
      notStored("k7", "json", `the value is an object of class none, ${advice}`)
    ])
  })

  test("a conditional set or a transaction fails, and nothing stays in memory, so nothing is logged", function*() {
    const reasonOf = (error: unknown) =>
      error instanceof CacheError.StoreError || error instanceof CacheError.SerializerError ? error.message : error
    const refused = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.map(Effect.flip(effect), reasonOf)
    const messages: Array<unknown> = []
    const lines = yield* logged(
      Effect.gen(function*() {
        yield* Cached.set("there", 1)
        for (const condition of ["ifAbsent", "ifPresent"] as const) {
          const key = condition === "ifAbsent" ? "k" : "there"
          messages.push(yield* refused(Cached.set(key, new Date(0), { [condition]: true })))
        }
        messages.push(yield* refused(Transaction.run(Cached.set("k", new Date(0)))))
      }),
      over(Json)
    )
    expect(lines).toEqual([])
    for (const message of messages) expect(message).toContain("an object of class Date, which is not JSON")
  })

  test("a conditional set that is refused in memory alone", function*() {
    const wrong = Cached.set(ada, any(1), { ifPresent: true })
    expect(yield* logged(wrong, CacheLayer.memory())).toEqual([])
    const lines = yield* logged(Effect.andThen(Cached.set(ada, "Ada"), wrong), CacheLayer.memory())
    expect(lines).toEqual([expect.stringContaining(`The value of "${idOfAda}" is cached in memory, but no store`)])
  })

  test("a circular one: the circle is named once", function*() {
    expect(yield* logged(put(circular), over(Json)))
      .toEqual([notStored("k", "json", "the value at [friends][0] is circular: it contains itself")])
    expect(yield* logged(put(circular), over(Structured)))
      .toEqual([notStored("k", "structured", "the value at [friends][] is circular: it contains itself")])
  })

  test("a plain row where an instance is expected", function*() {
    class Person extends Schema.Class<Person>("Person")({ name: Schema.String }) {}
    class People extends CacheKey.Class<People>()("People", { payload: {}, success: Schema.Array(Person) }) {}
    const key = new People()
    expect(yield* logged(put([{ name: "Ada" }], key), over(Json))).toEqual([notStored(
      CacheKey.id(key),
      "json",
      "the value does not fit its schema at [0] (an instance of Person is expected: make one of a plain object, like " +
        "new Person(row))"
    )])
  })

  test("the expected type, and the kind of the value that was found", function*() {
    class Order extends CacheKey.Class<Order>()("Order", {
      payload: {},
      success: Schema.Struct({
        at: Schema.Date,
        items: Schema.Array(Schema.Int.check(Schema.isGreaterThan(3))),
        note: Schema.Union([Schema.String, Schema.Boolean])
      })
    }) {}
    const [at, items, note] = [new Date(0), [5], "a secret"]
    const key = new Order()
    const wrong: ReadonlyArray<readonly [unknown, string]> = [
      [{ at: "secret", items, note }, "[at] (expected: a valid Date, found: a string)"],
      [{ at, items: [5, ["secret"]], note }, "[items][1] (expected: number, found: an array)"],
      [{ at, items: [5, 2], note }, "[items][1] (expected: a value greater than 3)"],
      [{ at, items, note: 7 }, "[note] (expected: string | boolean, found: a number)"],
      [{ at, items }, "[note] (it is missing)"]
    ]
    for (const [value, what] of wrong) {
      const lines = yield* logged(put(value, key), over(Json))
      expect(lines).toEqual([notStored(CacheKey.id(key), "json", `the value does not fit its schema at ${what}`)])
    }
  })

  test("a failure that the class does not declare: its tag", function*() {
    class NotFound extends Schema.TaggedError<NotFound>()("NotFound", {}) {}
    class Down extends Schema.TaggedError<Down>()("Down", {}) {}
    class Row extends CacheKey.Class<Row>()("Row", { payload: {}, success: Schema.String, error: NotFound }) {}
    const key = new Row()
    const get = Effect.fail(new Down()).pipe(Cached.ttl(key, { ttl: 5, when: () => true }), Effect.flip)
    expect(yield* logged(get, over(Json))).toEqual([
      `The failure "Down" of "${CacheKey.id(key)}" stays in memory and is not stored. ` +
      `The serializer "json" could not encode a value: the value does not fit its schema (an instance of ` +
      "NotFound is expected: make one of a plain object, like new NotFound(row)). Add the failure to the `error` of " +
      "the key class, or leave it out in `when` (logged once a key class or cause)"
    ])
  })

  test("text of JSON whose schema accepts anything: nothing is changed in silence", function*() {
    class Page extends CacheKey.Class<Page>()("Page", {
      payload: {},
      success: Schema.fromJsonString(Schema.Struct({ at: Schema.Any }))
    }) {}
    const key = new Page()
    for (const serializer of [Json, Structured]) {
      expect(yield* logged(put({ at: new Date(0) }, key), over(serializer))).toEqual([notStored(
        CacheKey.id(key),
        serializer.name,
        "the value is not JSON at [at], where its schema accepts anything: give that part a schema of its own"
      )])
      const stored = Effect.andThen(put({ at: [1] }, key), Effect.flatMap(Cached.getOption(key), Effect.fromOption))
      expect(yield* Effect.provide(stored, over(serializer))).toEqual({ at: [1] })
    }
  })

  test("one that is too large: key, size and limit", function*() {
    const layer = Layer.orDie(SqliteStore.layer({ directory: yield* tempDirectory, maxValue: 10 }))
    expect(yield* logged(put("x".repeat(1997)), over(Json, layer))).toEqual([
      `The store "sqlite" could not write an entry: the value of "k" has 1999 bytes, and maxValue is 10. Values of that ` +
      "size stay in memory: raise the limit, or store less (logged once)"
    ])
  })
})

describe("a failure of the store", () => {
  const failing = (reason: CacheError.StoreErrorReason, cause?: unknown) => {
    const fake = fakeStore()
    fake.behave = (operation) => ({
      before: Effect.fail(new CacheError.StoreError({ store: "fake", operation, reason, cause }))
    })
    return Layer.provide(CacheLayer.layer(), fake.layer)
  }

  test("a ping answers for itself, not for the read that it asks for", function*() {
    const error = yield* Effect.flip(Effect.provide(Store.ping, failing("Denied", new Error("NOPERM"))))
    expect(error.operation).toBe("ping")
    expect(error.message).toBe(`The store "fake" could not answer: it refuses access (NOPERM)`)
  })

  test("an incident is logged in one line that names its cause once", function*() {
    const read = one.pipe(Cached.ttl("k", { ttl: 5 }))
    expect(yield* logged(read, failing("Unavailable", new Error("down")))).toEqual([
      `The store "fake" could not read an entry: it is unavailable (down). Until it answers, the cache works without it`
    ])
    expect(yield* logged(read, failing("Unsupported", new Error("no reads here")))).toEqual([
      `The store "fake" could not read an entry: no reads here. Until it answers, the cache works without it`
    ])
  })

  test("a value that it does not take is logged with its cause once", function*() {
    const fake = fakeStore()
    const cause = new Error("entries are read-only")
    fake.behave = (operation) =>
      operation === "set"
        ? { before: Effect.fail(new CacheError.StoreError({ store: "fake", operation, reason: "Unsupported", cause })) }
        : {}
    expect(yield* logged(Cached.set("k", 1), Layer.provide(CacheLayer.layer(), fake.layer))).toEqual([
      `The store "fake" could not write an entry: entries are read-only. Such values stay in memory (logged once)`
    ])
  })
})

describe("an operation names itself", () => {
  const wrong: Record<string, () => Effect.Effect<unknown, unknown, any>> = {
    [`ttl of Cached.touch is missing. ${advice}`]: () => any(Cached.touch)("a"),
    [`ttl of Cached.set is not a duration: "soon". ${advice}`]: () => Cached.set("a", 1, any({ ttl: "soon" })),
    [`ttl of Cached.setMany is not a duration: "soon". ${advice}`]: () =>
      Cached.setMany([["a", 1]], any({ ttl: "soon" })),
    [`Cached.set: copy must be "structured", "freeze" or a function that copies a value`]: () =>
      Cached.set("a", 1, any({ copy: "deep" })),
    [`timeout of "a" is not a duration: "soon". ${advice}`]: () =>
      one.pipe(Cached.ttl("a", { ttl: 5, timeout: () => any("soon") })),
    [`increment of Cached.counter needs options: pass an object, like { by: 5, ttl: "1 day" }`]: () =>
      any(Cached.counter("a").increment)(5),
    "Lock.isLocked needs a name: pass a string": () => Effect.flatMap(Lock.Lock, ({ isLocked }) => any(isLocked)()),
    [`ttl of increment of Cached.counter is not a duration: "soon". ${advice}`]: () =>
      Cached.counter("a").increment(any({ ttl: "soon" }))
  }

  test.each(Object.entries(wrong))("%s", function*([message, call]) {
    expect(yield* defect(Effect.suspend(call))).toBe(message)
  })
})

describe("other mistakes, which were errors of JavaScript or nothing at all", () => {
  const aList = "for one key pass [key]"
  const aPattern = "like \"user:*\""
  const wrong: Record<string, () => unknown> = {
    [`CacheKey.Class must be called twice, like extends CacheKey.Class<User>()("User", { … })`]: () =>
      any(CacheKey.Class)("A", { success: Schema.String }),
    [
      "Cached.warm needs a cached function, not an effect: make one with Cached.fn, and pass " +
      "Cached.warm(cached, [{ id: 1 }, { id: 2 }])"
    ]: () => any(Cached.warm)(one),
    [
      "Cached.warm needs a cached function, not a value of type function: make one with Cached.fn, and pass " +
      "Cached.warm(cached, [{ id: 1 }, { id: 2 }])"
    ]: () => any(Cached.warm)(() => one, [1]),
    "Cached.warm needs a list: for one payload pass [payload]": () =>
      any(Cached.warm)(Cached.fn(User, () => one, hour)),
    [`CacheKey.Class("A") needs options: pass { payload: { id: Schema.Int }, success: Schema.String }`]: () =>
      any(CacheKey.Class)()("A"),
    "CacheKey.Class needs a name first, and then the options": () => any(CacheKey.Class)()({ success: Schema.String }),
    [`The key class "A": \`payload\` takes fields, like { id: Schema.Int } or the \`.fields\` of a struct`]: () =>
      any(CacheKey.Class)()("A", { payload: "id", success: Schema.String }),
    [`The key class "A": \`ignore\` is not a list of fields`]: () =>
      any(CacheKey.Class)()("A", { payload: { id: Schema.Int }, success: Schema.String, ignore: "id" }),
    [`The key class "A": \`tags\` is neither a list of strings nor a function that returns one`]: () =>
      any(CacheKey.Class)()("A", { success: Schema.String, tags: "users" }),
    [
      `The key class "A": there is no option "succes": did you mean "success"? Use one of payload, success, error, ignore, ` +
      "indexes, version, tags, id, serializer, maxLoad, unambiguous"
    ]: () => any(CacheKey.Class)()("A", { succes: Schema.String }),
    "ChaosStore.make needs options: pass { seed: 1, failRate: 0.1 }": () => any(ChaosStore.make)(fakeStore().store),
    "storeTimeout of CachePolicy.storeTimeout must be longer than 0, not 0 ms": () => CachePolicy.storeTimeout(0),
    [`Cached.getMany needs a list: ${aList}`]: () => any(Cached.getMany)("ada"),
    "Cached.setMany needs a list: for one [key, value] pass [[key, value]]": () => any(Cached.setMany)({ ada: 1 }),
    [`The key class "Items": in the field "page" a number is expected, not a string`]: () =>
      Cached.invalidateAfter(one, any({ where: [Items, { page: "1" }] })),
    [`The key class "A": \`version\` is not a string`]: () =>
      any(CacheKey.Class)()("A", { success: Schema.String, version: 2 }),
    "Transaction.run needs an effect, not a function: call it, or pass Effect.sync(() => …) or Effect.tryPromise(() => …)":
      () => Transaction.run(any(async () => 1)),
    "Transaction.run needs an effect, not a Promise: wrap it, like Effect.tryPromise(() => fetch(url))": () =>
      any(Transaction.run({}))(Promise.resolve(1)),
    "Transaction.withSql needs an effect, not a Promise: wrap it, like Effect.tryPromise(() => fetch(url))": () =>
      Transaction.withSql(any(Promise.resolve(1))),
    "CachePolicy needs an effect, not a Promise: wrap it, like Effect.tryPromise(() => fetch(url))": () =>
      any(CachePolicy.refresh)(Promise.resolve(1)),
    "Cached.invalidateAfter needs an effect, not a Promise: wrap it, like Effect.tryPromise(() => fetch(url))": () =>
      any(Cached.invalidateAfter("a"))(Promise.resolve(1)),
    "A guard needs an effect or a stream, not a Promise: wrap it, like Effect.tryPromise(() => fetch(url))": () =>
      any(Guard.rateLimit({ key: "a", limit: 1, window: 1 }))(Promise.resolve(1)),
    [
      "A target of an invalidation cannot be the key class \"User\": pass a key, { tag }, { all: Class }, " +
      "{ where: [Class, fields] } or { matching: pattern }"
    ]: () => Cached.invalidateAfter(one, any(User)),
    [
      "eviction of CacheLayer.memory must be one of adaptive, s3Fifo, wTinyLfu, lru, fifo, leastRecentlyUpdated, or " +
      "an Eviction of your own"
    ]: () => CacheLayer.memory(any({ eviction: "lfu" })),
    "CacheLayer.disk needs options: pass { directory: … }": () => CacheLayer.disk(any(".cache")),
    [
      "The quota of \"User\" in CacheLayer.withQuotas must be a whole number of at least 1, or a size like \"100 MB\", not " +
      "\"many\""
    ]: () => CacheLayer.withQuotas(CacheLayer.memory(), any({ User: "many" })),
    [`Cached.counters needs a pattern ${aPattern}`]: () => any(Cached.counters)(5),
    [`Cached.entries needs a pattern ${aPattern}`]: () => Cached.entries(""),
    "values of Cached.detect must be true or false": () => Cached.detect(one, any({ values: "all" })),
    "values of Cached.events must be true or false": () => Cached.events({ values: any(1) }),
    [`Ttl.parse cannot parse a value of type number: pass text like "1d2h3m50s"`]: () => any(Ttl.parse)(5)
  }

  it.each(Object.entries(wrong))("%s", (message, call) => {
    expect(thrown(call)).toBe(message)
  })

  it("one key to getMany, which is no list either", () => {
    expect(thrown(() => any(Cached.getMany)(ada))).toBe(`Cached.getMany needs a list: ${aList}`)
  })

  it("the host of a server, which is part of its URL", () => {
    const hint = ` has no option "host": url names the server, like redis://127.0.0.1:6379. Use one of url, `
    expect(thrown(() => CacheLayer.redis(any({ host: "127.0.0.1" })))).toContain(`CacheLayer.redis${hint}`)
    expect(thrown(() => storeFrom(RedisStore.layer(any({ host: "127.0.0.1" }))))).toContain(`RedisStore.layer${hint}`)
  })

  test.each([
    [
      "a list of tags",
      Cached.invalidate({ tag: any(["a", "b"]) }),
      `A tag cannot be a list: pass a string, and several as a list of { tag }`
    ],
    [
      "a class as a target",
      Effect.suspend(() => Cached.invalidate(any(User))),
      "A target of an invalidation cannot be the key class \"User\": pass a key, { tag }, { all: Class }, " +
      "{ where: [Class, fields] } or { matching: pattern }"
    ],
    [
      "a class as a key",
      Cached.set(any(User), "x"),
      "A key cannot be the key class \"User\": pass an instance of a CacheKey class, or a string"
    ],
    [
      "an asynchronous function of an update",
      Cached.update("a", any(async () => Option.some(1))),
      "The function of Cached.update for \"a\" must return an Option, such as Option.some(value), or an effect of one, not " +
      "a Promise: wrap it, like Effect.tryPromise(() => fetch(url))"
    ],
    [
      "a promise as the function of an update",
      Cached.update("a", any(Promise.resolve(1))),
      "Cached.update needs a function from the current value, not a value of type object"
    ],
    ["a text as a ttl's options", Cached.set("a", 1, any("1 hour")), "Cached.set needs options: pass { ttl: … }"],
    [
      "a text as an increment",
      Cached.counter("c").increment(any({ by: "1" })),
      "increment of Cached.counter cannot add a value of type string: pass a safe integer as by"
    ]
  ])("%s", function*([, effect, message]) {
    expect(yield* defect(any(effect))).toBe(message)
  })

  const noTags = " must return a list of strings"
  test.each([["a text", "users"], ["numbers", [1]], ["an effect", Effect.succeed(["users"])]])(
    "a tags function that gives %s",
    function*([, given]) {
      const causes: Array<string> = []
      const logger = Logger.make(({ cause }) => void causes.push(Cause.pretty(cause)))
      const read = one.pipe(Cached.ttl("a", { ttl: 5, tags: any(() => given) }))
      yield* read.pipe(Effect.provide(CacheLayer.memory()), Effect.provide(Logger.layer([logger])))
      expect(causes).toEqual([expect.stringContaining(`CacheConfigError: A tags function${noTags}`)])
      class Team extends CacheKey.Class<Team>()("Team", { success: Schema.String, tags: any(() => given) }) {}
      expect(yield* defect(one.pipe(Cached.ttl(new Team(), { ttl: 5 })))).toBe(`A tags function of Team${noTags}`)
    }
  )

  test("a warming at intervals of an effect", function*() {
    expect(yield* defect(Effect.scoped(any(Cached.keepFresh)(one)))).toBe(
      "Cached.keepFresh needs a cached function, not an effect: make one with Cached.fn, and pass " +
        "Cached.keepFresh(cached, payload, schedule)"
    )
  })
})
