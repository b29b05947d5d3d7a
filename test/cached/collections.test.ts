/** Sets, cells of bits and counts in a window, which many fibers and processes change. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option, Schema } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { Serializer, Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { Json } from "effect-cached/serializers/Json"
import { TestClock } from "effect/testing"
import { testIn } from "../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

/** Two processes that share a store. */
const twoProcesses = <A, E>(
  program: (
    on: (process: 0 | 1) => <A, E>(effect: Effect.Effect<A, E, Caching.Caching>) => Effect.Effect<A, E>
  ) => Effect.Effect<A, E>
): Effect.Effect<A, E> => {
  const layer = Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, MemoryStore.make()))
  return Effect.scoped(Effect.gen(function*() {
    const contexts = [yield* Layer.build(Layer.fresh(layer)), yield* Layer.build(Layer.fresh(layer))] as const
    return yield* program((process) => Effect.provide(contexts[process]))
  }))
}

const withJsonAlone = CacheLayer.layer({ memory: false }).pipe(
  Layer.provide([MemoryStore.layer, Layer.succeed(Serializer.Serializer, Json)])
)

testIn(withJsonAlone)("a format that has nothing but JSON can store all of them", function*() {
  yield* Cached.members("members").add("ada")
  yield* Cached.bits("bits", { size: 32 }).increment([0, 5], 2 ** 31 + 1)
  yield* Cached.countInWindow("window", { window: "1 minute", limit: 3 })
  expect([...yield* Cached.members("members").get]).toEqual(["ada"])
  expect(yield* Cached.bits("bits", { size: 32 }).get(0, 4, 5)).toEqual([2 ** 31 + 1, 0, 2 ** 31 + 1])
  expect(yield* Cached.countInWindow("window", { window: "1 minute", limit: 3 })).toBe(2)
})

const many = Array.from({ length: 40 }, (_, i) => i)

describe("Cached.members", () => {
  inMemory("adds, removes and pops, and ends with its last member", function*() {
    const room = Cached.members("room")
    expect(yield* room.get).toEqual(new Set())
    expect(yield* room.add("ada", "grace", "ada")).toBe(2)
    expect(yield* room.add("ada", "alan")).toBe(1)
    expect([...yield* room.get]).toEqual(["ada", "grace", "alan"])
    expect(yield* room.remove("grace", "nobody")).toBe(1)
    expect(yield* room.pop()).toEqual(["ada"])
    expect(yield* room.pop(10)).toEqual(["alan"])
    expect(yield* room.pop()).toEqual([])
    expect(yield* room.add()).toBe(0)
    expect(yield* Cached.has("room")).toBe(false)
  })

  inMemory("`ttl` counts from the last `add`; removing keeps it", function*() {
    const room = Cached.members("room", { ttl: "1 minute" })
    yield* room.add("ada", "grace")
    yield* TestClock.adjust("40 seconds")
    yield* room.add("ada")
    yield* TestClock.adjust("40 seconds")
    yield* room.remove("grace")
    expect((yield* room.get).size).toBe(1)
    yield* TestClock.adjust("20 seconds")
    expect((yield* room.get).size).toBe(0)
  })

  it.live("processes lose no member, and none is taken twice", () =>
    twoProcesses((on) =>
      Effect.gen(function*() {
        const work = Cached.members("work")
        const concurrency = { concurrency: 8 }
        yield* Effect.forEach(many, (i) => on(i % 2 as 0 | 1)(work.add(`id ${i}`)), concurrency)
        const taken = yield* Effect.forEach(many, (i) => on(i % 2 as 0 | 1)(work.pop()), concurrency)
        expect(taken.flat().toSorted()).toEqual(many.map((i) => `id ${i}`).toSorted())
      })
    ))
})

describe("Cached.bits", () => {
  inMemory("saturates at both ends, and an absent cell holds 0", function*() {
    const cells = Cached.bits("cells", { size: 3 })
    expect(yield* cells.increment([1, 1, 9], 5)).toEqual([7, 7, 5])
    expect(yield* cells.increment([1], -9)).toEqual([0])
    expect(yield* cells.get(0, 1, 9, 1000)).toEqual([0, 0, 5, 0])
    expect(yield* Cached.bits("none").increment([])).toEqual([])
    expect(yield* Cached.has("none")).toBe(false)
  })

  it.effect.prop(
    "are the numbers of a plain array",
    {
      size: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 32 })),
      steps: Schema.Array(
        Schema.Tuple([
          Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 })),
          Schema.Int.check(Schema.isBetween({ minimum: -(2 ** 33), maximum: 2 ** 33 }))
        ])
      )
    },
    ({ size, steps }) =>
      Effect.gen(function*() {
        const cells = Cached.bits("cells", { size })
        const expected = new Array<number>(42).fill(0)
        for (const [cell, by] of steps) {
          expected[cell] = Math.max(0, Math.min(2 ** size - 1, expected[cell]! + by))
          expect(yield* cells.increment([cell], by)).toEqual([expected[cell]])
        }
        expect(yield* cells.get(...expected.keys())).toEqual(expected)
      }).pipe(Effect.provide(CacheLayer.memory()))
  )

  it.live("processes lose no count", () =>
    twoProcesses((on) =>
      Effect.gen(function*() {
        const cells = Cached.bits("cells", { size: 8 })
        yield* Effect.forEach(many, (i) => on(i % 2 as 0 | 1)(cells.increment([i % 4])), { concurrency: 8 })
        // A step knows all former ones at once; `get` may find them in memory a moment later.
        expect(yield* on(0)(cells.increment([0, 1, 2, 3], 0))).toEqual([10, 10, 10, 10])
      })
    ))
})

describe("Cached.countInWindow", () => {
  inMemory("counts what is younger than the window, up to the limit", function*() {
    const tries = Cached.countInWindow("tries", { window: "10 seconds", limit: 3 })
    expect(yield* Effect.all([tries, tries])).toEqual([1, 2])
    yield* TestClock.adjust("9999 millis")
    expect(yield* Effect.all([tries, tries])).toEqual([3, 3])
    yield* TestClock.adjust("1 millis")
    expect(yield* tries).toBe(2)
    yield* TestClock.adjust("10 seconds")
    expect(yield* Cached.has("tries")).toBe(false)
  })

  it.live("processes count each other's", () =>
    twoProcesses((on) =>
      Effect.gen(function*() {
        const tries = Cached.countInWindow("tries", { window: "1 hour", limit: 30 })
        const counts = yield* Effect.forEach(many, (i) => on(i % 2 as 0 | 1)(tries), { concurrency: 8 })
        expect(counts.toSorted((a, b) => a - b)).toEqual([...many.slice(1, 31), ...many.slice(0, 10).map(() => 30)])
      })
    ))
})

describe("bad input", () => {
  const wrong: ReadonlyArray<readonly [make: () => unknown, said: RegExp]> = [
    [() => Cached.members(1 as never), /Cached\.members needs a key: pass a string, not a value of type number/],
    [() => Cached.members("a", { ttl: -1 }), /ttl of Cached\.members/],
    [() => Cached.members("a", { size: 1 } as never), /no option "size"/],
    [() => Cached.members("a").add(1 as never), /holds texts/],
    [() => Cached.members("a").pop(0), /at least 1/],
    [() => Cached.bits("a", { size: 33 }), /from 1 to 32/],
    [() => Cached.bits("a").get(-1), /from 0 to 8388607/],
    [() => Cached.bits("a", { size: 32 }).increment([262_144]), /from 0 to 262143/],
    [() => Cached.bits("a").increment([1], 0.5), /whole number/],
    [() => Cached.countInWindow("a", undefined as never), /window: "1 minute"/],
    [() => Cached.countInWindow("a", { window: "1 minute" } as never), /limit of .* from 1 to 10000/],
    [() => Cached.countInWindow("a", { window: 0, limit: 1 }), /window of Cached\.countInWindow/],
    [() => Cached.countInWindow("a", { window: 1, limit: 10_001 }), /from 1 to 10000/]
  ]

  it.each(wrong)("%#", (make, said) => {
    expect(make).toThrow(said)
  })

  inMemory("an entry of another kind stays as it is", function*() {
    yield* Cached.set("a", { count: 1 })
    const steps: ReadonlyArray<Effect.Effect<unknown, unknown, Caching.Caching>> = [
      Cached.members("a").get,
      Cached.members("a").add("b"),
      Cached.bits("a").get(0),
      Cached.bits("a").increment([0]),
      Cached.countInWindow("a", { window: "1 minute", limit: 1 })
    ]
    for (const step of steps) {
      expect(String(yield* Effect.exit(step))).toContain(`The entry "a" holds another kind of value`)
    }
    expect(yield* Cached.getOption("a")).toEqual(Option.some({ count: 1 }))
  })
})
