/** The hottest and the coldest entries of memory, against all entries in order. */
import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Stream } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { TestClock } from "effect/testing"
import { many } from "../../src/internal/defaults/bounds.ts"
import { ranked } from "../../src/internal/defaults/options.ts"
import { caches } from "../support/caches.ts"
import { randomOf } from "../support/random.ts"
import { test, testIn } from "../support/tests.ts"

const read = (key: string, ttl: "1 hour" | "1 minute" = "1 hour") =>
  Cached.ttl(Effect.succeed(key), key, { ttl, tags: [`tag of ${key}`] })

describe.each(caches.filter(({ memory }) => memory))("over $name", (cache) => {
  testIn(cache.layer({ capacity: 200 }))("are the first of all entries by reads, and then by age", function*() {
    const random = randomOf(3)
    const reads = new Map<string, { reads: number; createdAt: number }>()
    for (let i = 0; i < 600; i++) {
      const key = `key ${Math.floor(100 ** random())}`
      const known = reads.get(key)
      if (known === undefined) reads.set(key, { reads: 0, createdAt: i })
      else known.reads++
      yield* read(key)
      yield* TestClock.adjust(1)
    }
    const coldestFirst = Array.from(reads).toSorted(([, a], [, b]) => a.reads - b.reads || a.createdAt - b.createdAt)
      .map(([id, { reads }]) => [id, reads])
    const told = (list: ReadonlyArray<{ readonly id: string; readonly reads: number }>) =>
      list.map(({ id, reads }) => [id, reads])
    for (const count of [1, 2, 7, 50, 1000]) {
      expect(told(yield* Cached.ranking("cold", count))).toEqual(coldestFirst.slice(0, count))
      expect(told(yield* Cached.ranking("hot", count))).toEqual(coldestFirst.toReversed().slice(0, count))
    }
    expect(yield* Cached.ranking("hot")).toEqual(yield* Cached.ranking("hot", ranked.count))
    expect(yield* Cached.ranking("cold")).toHaveLength(ranked.count)
  })

  it.effect("leave out what may not be served, and say what an entry weighs", () =>
    Effect.gen(function*() {
      for (const key of ["a", "b", "c", "d"]) yield* read(key)
      yield* read("dead", "1 minute")
      for (let i = 0; i < 5; i++) yield* read("dead", "1 minute")
      yield* Cached.invalidate({ tag: "tag of b" })
      yield* Cached.invalidate("c")
      yield* TestClock.adjust("1 minute")
      yield* read("a")
      const hottest = yield* Cached.ranking("hot")
      expect(hottest.map(({ id, reads, weight }) => [id, reads, weight])).toEqual([["a", 1, 7], ["d", 0, 7]])
      expect(hottest[0]).toMatchObject({ outcome: "success", tags: ["tag of a"] })
      expect(hottest[0]).not.toHaveProperty("content")
    }).pipe(Effect.provide(cache.layer({ maxWeight: 100, weigher: () => 7 }))))

  testIn(cache.layer())("count from the value on: a new one begins at zero", function*() {
    yield* read("a")
    yield* read("a")
    expect((yield* Cached.ranking("hot", 1))[0]).toMatchObject({ id: "a", reads: 1 })
    yield* Cached.set("a", "new")
    expect((yield* Cached.ranking("hot", 1))[0]).toMatchObject({ id: "a", reads: 0 })
  })
})

it.effect("other fibers have their turns, and what leaves or comes meanwhile is not answered", () =>
  Effect.gen(function*() {
    const count = 20_000
    for (let i = 0; i < count; i++) yield* Cached.set(`key ${i}`, i)
    // Every look at the clock ends a turn.
    let looks = 0
    const slow = yield* Effect.clockWith((clock) =>
      Effect.succeed({
        ...clock,
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
        monotonicTimeNanosUnsafe: () => BigInt(++looks) * 10_000_000n
      })
    )
    const coldest = yield* Effect.forkChild(
      Effect.provideService(Cached.ranking("cold", 3), Clock.Clock, slow as never),
      { startImmediately: true }
    )
    yield* Cached.invalidate("key 0")
    yield* Cached.set("later", 1)
    expect((yield* Fiber.join(coldest)).map(({ id }) => id)).toEqual(["key 1", "key 2"])
    expect(looks).toBeGreaterThan(count / many.steps)
  }).pipe(Effect.provide(CacheLayer.memory({ capacity: 100_000 }))))

it.effect("pages of streams are no entries of a user", () =>
  Effect.gen(function*() {
    const rows = Stream.fromIterable(Array.from({ length: 300 }, () => "x".repeat(1000)))
    const stream = rows.pipe(Cached.stream("rows", { ttl: "1 hour" }))
    yield* Stream.runDrain(stream)
    yield* Stream.runDrain(stream)
    expect((yield* Cached.ranking("cold")).map(({ id }) => id)).toEqual(["rows"])
  }).pipe(Effect.provide(caches.find(({ memory, store }) => memory && store)!.layer())))

test("there are none where nothing is in memory", function*() {
  expect(yield* Effect.provide(Cached.ranking("hot"), CacheLayer.disabled)).toEqual([])
  const without = caches.find(({ memory }) => !memory)!
  expect(yield* Effect.provide(Effect.andThen(read("a"), Cached.ranking("hot")), without.layer())).toEqual([])
  expect(yield* Effect.provide(Cached.ranking("cold"), CacheLayer.memory())).toEqual([])
})

it.each([0, -1, 1.5, NaN, 1001, "5" as never])("a count of %s is a CacheConfigError", (count) => {
  expect(() => Cached.ranking("hot", count)).toThrow("count of Cached.ranking must be a whole number from 1 to 1000")
  expect(() => Cached.ranking("cold", count)).toThrow("Cached.ranking")
})
