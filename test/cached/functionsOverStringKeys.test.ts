/**
 * `Cached.fn` over string keys and over keys that a function makes, and recursive functions that fail.
 */
import { describe, expect } from "@effect/vitest"
import { Cause, Effect, Exit, Option, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { caches, elapse, ended, start } from "../support/caches.ts"
import { testIn } from "../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

class Plain {
  readonly id = 1
}

const strategy = { ttl: "1 hour" } as const
const refused = expect.objectContaining({ _tag: "CacheConfigError" })

describe.each(caches)("over $name", (cache) => {
  const test = testIn(cache.layer())

  test("over string keys: one entry a key, invalidated and refreshed by the arguments", function*() {
    const calls: Array<ReadonlyArray<number>> = []
    const sum = Cached.fn(
      (a: number, b: number = 1) => `sum:${a}:${b}`,
      (a, b) => Effect.sync(() => a + (b ?? 1) + 100 * calls.push([a, b ?? 1])),
      { ...strategy, tags: ["sums"] }
    )
    expect([yield* sum(1), yield* sum(1, 1), yield* sum(2, 2)]).toEqual([102, 102, 204])
    expect(calls).toEqual([[1, 1], [2, 2]])
    expect([sum.key(1), yield* Cached.getOption(sum.key(1, 1))]).toEqual(["sum:1:1", Option.some(102)])
    yield* sum.invalidate(1, 1)
    expect([yield* sum(1), yield* sum.refresh(1), yield* sum(1)]).toEqual([302, 402, 402])
    yield* Cached.invalidate({ tag: "sums" })
    expect(yield* sum(2, 2)).toBe(504)
  })

  test("over keys that a function makes: the schemas of their class, and the arguments for the lookup", function*() {
    class Absent extends Schema.TaggedError<Absent>()("Absent", { id: Schema.Int }) {}
    class User extends CacheKey.Class<User>()("User", {
      payload: { id: Schema.Int, locale: Schema.String },
      success: Schema.Struct({ born: Schema.Date }),
      error: Absent,
      tags: ({ id }) => [`user:${id}`]
    }) {}
    const born = new Date(0)
    const calls: Array<ReadonlyArray<unknown>> = []
    const find = Cached.fn(
      (id: number, locale: string = "en") => new User({ id, locale }),
      (...args) =>
        Effect.suspend(() => {
          calls.push(args)
          return args[0] === 1 ? Effect.succeed({ born }) : Effect.fail(new Absent({ id: 2 }))
        }),
      { ...strategy, storeFailures: ["Absent"] }
    )
    expect([yield* find(1), yield* find(1, "en"), yield* find(1, "de")]).toEqual([{ born }, { born }, { born }])
    expect([yield* Effect.flip(find(2)), yield* Effect.flip(find(2))]).toEqual([
      new Absent({ id: 2 }),
      new Absent({ id: 2 })
    ])
    expect(calls).toEqual([[1], [1, "de"], [2]])
    expect(yield* Cached.getOption(find.key(1, "de"))).toEqual(Option.some({ born }))
    yield* find.invalidate(1)
    expect([yield* find(1), yield* find(1, "de"), calls.length]).toEqual([{ born }, { born }, 4])
    expect([yield* find.refresh(1), calls.length]).toEqual([{ born }, 5])
    yield* Cached.invalidate({ tag: "user:1" })
    const made = yield* Cached.make(find)
    expect([yield* made(1, "de"), calls.at(-1), calls.length]).toEqual([{ born }, [1, "de"], 6])
  })

  test("over string keys: with options of reads", function*() {
    const options = { ...strategy, timeout: "1 second" } as const
    const hang = Cached.fn((id: string) => `hang:${id}`, () => Effect.never, options)
    const fiber = yield* start(hang("a"))
    yield* elapse("1 second")
    expect(ended(fiber)).toEqual(Exit.fail(new CacheError.LoadTimeout({ key: "hang:a", timeoutMillis: 1000 })))
  })

  test("a recursive function fails with what its load fails with, however deep", function*() {
    class Negative extends Schema.TaggedError<Negative>()("Negative", { n: Schema.Number }) {}
    class Down extends CacheKey.Class<Down>()("Down", { payload: { n: Schema.Int }, success: Schema.Int }) {}
    const countdown = Cached.recursive(Down, ({ n }, self) =>
      Effect.gen(function*() {
        if (n < -1) return yield* new Negative({ n })
        return n === 0 ? 0 : 1 + (yield* self({ n: n < 0 ? n - 1 : n - 1 }))
      }), strategy)
    expect(yield* countdown({ n: 3 })).toBe(3)
    expect(yield* Effect.flip(countdown({ n: -1 }))).toEqual(new Negative({ n: -2 }))
    expect(yield* Cached.has(new Down({ n: -1 }))).toBe(false)
  })
})

inMemory("version by the code of the lookup: other code means other keys, the same code the same", function*() {
  const multiplied = (lookup: (key: { readonly n: number }) => Effect.Effect<number>) => {
    class F extends CacheKey.Class<F>()("f", {
      payload: { n: Schema.Int },
      success: Schema.Int,
      version: CacheKey.codeOf(lookup)
    }) {}
    return Cached.fn(F, lookup, strategy)
  }
  const twice = () => multiplied(({ n }) => Effect.succeed(n * 2))
  const thrice = multiplied(({ n }) => Effect.succeed(n * 3))
  expect([yield* twice()({ n: 2 }), yield* thrice({ n: 2 }), yield* twice()({ n: 2 })]).toEqual([4, 6, 4])
  expect(CacheKey.id(twice().key({ n: 2 }))).toBe(CacheKey.id(twice().key({ n: 2 })))
  expect(CacheKey.id(twice().key({ n: 2 }))).not.toBe(CacheKey.id(thrice.key({ n: 2 })))
  expect(yield* Cached.size).toBe(2)
})

inMemory("invalid arguments are refused at once", function*() {
  const lookup = () => Effect.succeed(1)
  const key = (id: string) => id
  expect(() => Cached.fn("f" as unknown as typeof key, lookup, strategy)).toThrow(refused)
  expect(() => Cached.fn(key, lookup, {} as never)).toThrow(refused)
  expect(() => Cached.fn(key, undefined as never, strategy)).toThrow(refused)
  expect(() => Cached.fn(key, lookup, { ...strategy, tll: 1 } as never)).toThrow(refused)
  expect(() => Cached.fn(Plain as unknown as typeof key, lookup, strategy)).toThrow(refused)
  expect(() => Cached.fn((() => 1) as unknown as typeof key, lookup, strategy)("a")).toThrow(refused)
  for (const given of [1, undefined, null, {}, new Plain()]) {
    expect(() => Cached.fn((() => given) as unknown as typeof key, lookup, strategy)("a")).toThrow(
      "Cached.fn(() => key): key cannot be"
    )
  }
  const answers = Cached.fn(key, (() => Promise.resolve(1)) as never, strategy)
  const exit = yield* Effect.exit(answers("a") as Effect.Effect<unknown, unknown, Caching.Caching>)
  expect(Exit.isFailure(exit) && String(Cause.squash(exit.cause))).toContain(
    "The lookup of \"a\" must return an effect"
  )
})
