/** `Cached.invalidateAfter`: after a write has succeeded, of targets of every kind. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Logger, Schema, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { caches, fakeStore, over, settle, started } from "../support/caches.ts"
import { test, testIn } from "../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

class Items extends CacheKey.Class<Items>()("Items", {
  payload: { page: Schema.Int, lang: Schema.String },
  success: Schema.Number,
  indexes: ["page", ["page", "lang"]]
}) {}
class Count extends CacheKey.Class<Count>()("Count", { success: Schema.Number }) {}

const first = new Items({ page: 1, lang: "en" })
const german = new Items({ page: 1, lang: "de" })
const second = new Items({ page: 2, lang: "en" })
const count = new Count()
const all = [first, german, second, count, "items:page:1", "items:page:2", "items", "tagged"]
const gone = (...keys: ReadonlyArray<CacheKey.Any | string>) => all.filter((key) => !keys.includes(key))

const fill = Effect.andThen(
  Effect.forEach([first, german, second, count], (key) => Cached.set(key, 1)),
  Effect.forEach(
    ["items:page:1", "items:page:2", "items", "tagged"],
    (key) => Cached.set(key, 1, { tags: key === "tagged" ? ["items"] : [] })
  )
)
const left = Effect.filter(all, (key) => Cached.has(key))

const kinds = [
  ["a string", "items", gone("items")],
  ["a key", first, gone(first)],
  ["a tag", { tag: "items" }, gone("tagged")],
  ["a class", { all: Items }, gone(first, german, second)],
  ["a field", { where: [Items, { page: 1 }] }, gone(first, german)],
  ["fields", { where: [Items, { lang: "en", page: 1 }] }, gone(first)],
  ["a pattern", { matching: "items:page:*" }, gone("items:page:1", "items:page:2")],
  ["a pattern of one id", { matching: "items" }, gone("items")]
] as const

const ways: ReadonlyArray<
  readonly [name: string, run: (target: Cached.Target) => ReturnType<typeof Cached.invalidate>]
> = [
  ["invalidateAfter", (target) => Effect.void.pipe(Cached.invalidateAfter(target))],
  ["invalidateAfter, in a list", (target) => Effect.void.pipe(Cached.invalidateAfter([target]))],
  ["invalidateAfter, of a function", (target) => Cached.invalidateAfter(Effect.void, () => [target])],
  ["invalidate", (target) => Cached.invalidate(target)],
  ["invalidateMany", (target) => Cached.invalidate([target])]
]

describe.each(caches)("over $name", (cache) => {
  const test = testIn(cache.layer())

  describe.each(ways.map(([name, run]) => ({ name, run })))("CA-50 · $name", ({ run }) => {
    test.each(kinds)("of %s: what it names, and nothing else", function*([, target, rest]) {
      yield* fill
      yield* run(target)
      expect(yield* left).toEqual(rest)
    })
  })

  test("once the effect has succeeded, and before its value is given on", function*() {
    yield* Cached.set("k", 1)
    yield* Cached.set("l", 1, { tags: ["t"] })
    yield* Cached.set(count, 1)
    const during: Array<boolean> = []
    const value = yield* Effect.gen(function*() {
      during.push(yield* Cached.has("k"))
      return 5
    }).pipe(Cached.invalidateAfter(["k", count, { tag: "t" }]))
    expect(value).toBe(5)
    expect(during).toEqual([true])
    expect([yield* Cached.has("k"), yield* Cached.has("l"), yield* Cached.has(count)]).toEqual([
      false,
      false,
      false
    ])
  })

  test.each([Effect.fail("down"), Effect.die("bug"), Effect.interrupt])("not where it failed", function*(outcome) {
    yield* Cached.set("k", 1)
    const exit = yield* Effect.exit(outcome.pipe(Cached.invalidateAfter("k")))
    expect(Exit.isFailure(exit)).toBe(true)
    expect(yield* Cached.has("k")).toBe(true)
  })

  test("of what its value says", function*() {
    yield* Cached.set("user:1", 1)
    yield* Cached.set("user:2", 1)
    yield* Effect.succeed({ id: 2 }).pipe(Cached.invalidateAfter((exit) => `user:${exit.value.id}`))
    yield* Cached.invalidateAfter(Effect.succeed([]), () => [])
    expect(yield* Effect.filter(["user:1", "user:2"], Cached.has)).toEqual(["user:1"])
  })

  test("CA-50 · all kinds in one list", function*() {
    yield* fill
    yield* Effect.void.pipe(
      Cached.invalidateAfter([
        "items",
        { tag: "items" },
        { all: Count },
        { where: [Items, { page: 1 }] },
        { matching: "items:page:?" }
      ])
    )
    expect(yield* left).toEqual([second])
  })

  test("P2 · a load that runs is stored nowhere, whatever kind of target names it", function*() {
    for (const target of [{ where: [Items, { page: 2 }] }, { all: Items }, { matching: "~Items@*" }] as const) {
      const loading = yield* Deferred.make<number>()
      const reader = yield* started(Deferred.await(loading).pipe(Cached.ttl(second, { ttl: "1 hour" })))
      yield* Effect.void.pipe(Cached.invalidateAfter(target))
      yield* Deferred.succeed(loading, 1)
      expect(yield* Fiber.join(reader)).toBe(1)
      expect(yield* Cached.has(second)).toBe(false)
    }
  })

  test("nothing is invalidated where the effect fails, or where CachePolicy.disable says so", function*() {
    yield* fill
    const targets = kinds.map(([, target]) => target as Cached.Target)
    yield* Effect.exit(Effect.fail("down").pipe(Cached.invalidateAfter(targets)))
    yield* Effect.void.pipe(Cached.invalidateAfter(targets), CachePolicy.disable("invalidate"))
    expect(yield* left).toEqual(all)
  })
})

/** Runs a test over a cache, and answers with what the cache has logged. */
const logged = <A, E>(
  run: Effect.Effect<A, E, Layer.Success<ReturnType<typeof CacheLayer.memory>>>,
  layer: ReturnType<typeof CacheLayer.memory> = CacheLayer.memory()
) => {
  const lines: Array<string> = []
  const logger = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
  return Effect.map(
    Effect.provide(Effect.andThen(run, settle), Layer.provide(layer, logger)),
    () => lines
  )
}

describe("a string with `*`", () => {
  test("CA-50 · is a key: only its own entry goes, and that is warned of once", function*() {
    const lines = yield* logged(Effect.gen(function*() {
      yield* fill
      yield* Cached.set("items:page:*", 1)
      yield* Effect.void.pipe(Cached.invalidateAfter("items:page:*"))
      yield* Cached.invalidate("items:*")
      yield* Cached.invalidate(["items:*"])
      expect(yield* left).toEqual(all)
      expect(yield* Cached.has("items:page:*")).toBe(false)
    }))
    expect(lines.map((line) => line.includes("\"items:page:*\"") && line.includes("{ matching }"))).toEqual([true])
  })

  test("in a pattern, a tag or a key that is only read is no reason for a warning", function*() {
    const lines = yield* logged(Effect.gen(function*() {
      yield* Effect.void.pipe(Cached.invalidateAfter([{ matching: "a*" }, { tag: "a*" }, "a"]))
      yield* CachePolicy.invalidating(Cached.getOption("a*"))
      yield* Cached.remove("a*")
    }))
    expect(lines).toEqual([])
  })
})

describe("a store that cannot be scanned", () => {
  const unsupported = () => {
    const fake = fakeStore()
    const error = new CacheError.StoreError({ store: "fake", operation: "scan", reason: "Unsupported" })
    return over({ layer: Layer.succeed(Store.Store, { ...fake.store, scan: () => Stream.fail(error) }) } as never)
  }
  const write = Effect.succeed("written").pipe(Cached.invalidateAfter([{ matching: "items:*" }, "items"]))

  test("fails no effect that has happened: memory and all other targets are invalidated; it is logged", function*() {
    const lines = yield* logged(
      Effect.gen(function*() {
        yield* fill
        expect(yield* write).toBe("written")
        expect(yield* Cached.has("items")).toBe(false)
      }),
      unsupported()
    )
    expect(lines.some((line) => line.includes("by pattern did not reach all of the store"))).toBe(true)
  })

  it.effect("is a typed failure under strict", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(CachePolicy.strict(write))
      expect([error._tag, (error as CacheError.StoreError).reason]).toEqual(["StoreError", "Unsupported"])
    }).pipe(Effect.provide(unsupported())))
})

describe("a target that cannot be used", () => {
  const none: ReadonlyArray<readonly [name: string, target: unknown]> = [
    ["null", null],
    ["a number", 5],
    ["no kind", {}],
    ["a class that is meant as all of its keys", Items],
    ["a kind that is none", { tags: ["t"] }],
    ["a name that every object has", { constructor: 1 }],
    ["two kinds in one", { tag: "t", all: Items }],
    ["a tag that is no text", { tag: 5 }],
    ["a class that is none", { all: first }],
    ["a where without class", { where: { page: 1 } }],
    ["a where without fields", { where: [Items] }],
    ["a pattern that is none", { matching: "[a" }],
    ["an empty pattern", { matching: "" }]
  ]
  const late: ReadonlyArray<readonly [name: string, target: unknown]> = [
    ["fields that are no index", { where: [Items, { lang: "en" }] }],
    ["a value of another type", { where: [Items, { page: "1" }] }],
    ["a key with a value of another type", new Items({ page: "1", lang: "en" } as never)]
  ]

  it.each(none)("%s throws where the effect is made", (_, target) => {
    expect(() => Cached.invalidateAfter(Effect.void, target as never)).toThrow(CacheError.CacheConfigError)
    expect(() => Effect.void.pipe(Cached.invalidateAfter(["k", target as never]))).toThrow(CacheError.CacheConfigError)
  })

  inMemory.each([...none, ...late])(
    "%s ends the effect before it runs, and has no effect on other targets",
    function*([, target]) {
      yield* Cached.set("k", 1)
      let ran = false
      const write = Effect.suspend(() =>
        Effect.sync(() => {
          ran = true
        }).pipe(Cached.invalidateAfter(["k", target as never]))
      )
      for (const run of [write, Cached.invalidate(["k", target as never])]) {
        const exit = yield* Effect.exit(run)
        expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheConfigError)
      }
      expect([ran, yield* Cached.has("k")]).toEqual([false, true])
    }
  )

  inMemory.each([
    ["undefined", undefined],
    ["a class", Count],
    ["two in one", { tag: "t", all: Count }],
    ["a list in a list", [["k"]]]
  ])("%s", function*([, targets]) {
    yield* Cached.set("k", 1)
    const exit = yield* Effect.exit(Cached.invalidate(targets as never))
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheConfigError)
    expect(yield* Cached.has("k")).toBe(true)
  })

  inMemory.each(
    [
      ["throws", () => {
        throw new Error("bug")
      }],
      ["gives none", () => ["k", null]]
    ] as const
  )("a function that %s ends the effect after it has run, and nothing is invalidated", function*([, targets]) {
    yield* Cached.set("k", 1)
    let ran = false
    const write = Effect.sync(() => {
      ran = true
    }).pipe(Cached.invalidateAfter(targets as never))
    expect(Exit.hasDies(yield* Effect.exit(write))).toBe(true)
    expect([ran, yield* Cached.has("k")]).toEqual([true, true])
  })
})
