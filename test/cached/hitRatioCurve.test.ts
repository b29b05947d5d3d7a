/** `curve` of `Cached.stats`: what the hit ratio would be at other capacities, beside what it is. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { Cached, CacheLayer, Caching } from "effect-cached"
import type { Eviction } from "effect-cached/adapters"
import { TestClock } from "effect/testing"
import { policies } from "../../src/internal/eviction/policies.ts"
import { drawWith, Seed } from "../../src/internal/token.ts"
import { caches } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { randomOf } from "../support/random.ts"
import { lruRatios, ratioAt } from "../support/stackDistances.ts"
import { test, testIn } from "../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

const read = (key: string) => Cached.ttl(Effect.succeed(key), key, { ttl: "1 hour" })

type Options = NonNullable<Parameters<typeof CacheLayer.memory>[0]>

/** A cache that draws what it draws from these dice. */
const seeded = (options: Options, seed = 1) =>
  CacheLayer.memory({ curve: true, ...options }).pipe(Layer.provide(Layer.succeed(Seed, drawWith(randomOf(seed)))))

const readAll = (accesses: ReadonlyArray<number>) =>
  Effect.forEach(accesses, (id) => read(`page:${id}`), { discard: true })

const zipf = (count: number, ids: number, seed: number): ReadonlyArray<number> => {
  const random = randomOf(seed)
  return Array.from({ length: count }, () => Math.floor(ids ** random()) - 1)
}

const loop = (count: number, ids: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i % ids)

describe("the curve", { timeout: 300_000 }, () => {
  for (
    const { accesses, name } of [
      { name: "a popular few", accesses: zipf(12_000, 6000, 3) },
      { name: "a loop", accesses: loop(9000, 1500) },
      {
        name: "a loop among a popular few",
        accesses: zipf(5000, 3000, 5).flatMap((id, i) => [id, 10_000 + i % 800])
      }
    ]
  ) {
    it.effect(`says of ${name} what an LRU cache of each capacity hits`, () =>
      Effect.gen(function*() {
        yield* readAll(accesses)
        const { capacity, points, reads, share } = yield* Looking.curve
        expect({ capacity, reads }).toEqual({ capacity: 1024, reads: accesses.length })
        expect(share).toBe(1 / 8)
        const exact = lruRatios(accesses)
        const errors: Array<number> = []
        for (let at = 100; at < exact.length; at = Math.ceil(at * 1.2)) {
          errors.push(Math.abs(ratioAt(points, at) - exact[at]!))
        }
        const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length
        expect(mean).toBeLessThan(0.05)
      }).pipe(Effect.provide(seeded({ capacity: 1024, eviction: "lru" }))))
  }

  it.effect("says of its own capacity what an LRU cache has hit", () =>
    Effect.gen(function*() {
      yield* readAll(zipf(12_000, 9000, 7))
      const { points } = yield* Looking.curve
      const { hitRatio } = yield* Cached.stats
      expect(Math.abs(ratioAt(points, 2048) - hitRatio)).toBeLessThan(0.03)
    }).pipe(Effect.provide(seeded({ capacity: 2048, eviction: "lru" }))))

  testIn(seeded({ capacity: 500 }))("goes up, and each capacity is larger than the one before", function*() {
    yield* readAll(zipf(10_000, 5000, 9))
    const { points } = yield* Looking.curve
    expect(points.length).toBeGreaterThan(20)
    for (const [i, { capacity, hitRatio }] of points.entries()) {
      expect(Number.isInteger(capacity)).toBe(true)
      expect(hitRatio).toBeGreaterThanOrEqual(points[i - 1]?.hitRatio ?? 0)
      expect(capacity).toBeGreaterThan(points[i - 1]?.capacity ?? 0)
      expect(hitRatio).toBeLessThanOrEqual(1)
    }
  })

  test("is the same with the same seed", function*() {
    const accesses = zipf(5000, 3000, 2)
    const curveOf = (seed: number) =>
      Effect.provide(Effect.andThen(readAll(accesses), Looking.curve), Layer.fresh(seeded({ capacity: 300 }, seed)))
    expect(yield* curveOf(1)).toEqual(yield* curveOf(1))
    expect(yield* curveOf(2)).not.toEqual(yield* curveOf(1))
  })

  testIn(seeded({ capacity: 100 }))("counts what has expired as a miss at every capacity", function*() {
    for (let hour = 0; hour < 4; hour++) {
      yield* readAll(loop(2000, 1000))
      yield* TestClock.adjust("2 hours")
    }
    const { points } = yield* Looking.curve
    // Each hour half of the reads are of what is there.
    expect(Math.abs(points.at(-1)!.hitRatio - 0.5)).toBeLessThan(0.1)
  })

  testIn(seeded({ capacity: 2000 }))("counts what was invalidated as a miss at every capacity", function*() {
    for (let round = 0; round < 6; round++) {
      yield* readAll(loop(1000, 1000))
      yield* Cached.clear
    }
    expect((yield* Looking.curve).points).toEqual([])
  })

  testIn(seeded({ capacity: 200 }))("counts a refresh of what is in memory as no read", function*() {
    for (let i = 0; i < 100; i++) yield* Cached.set(`k${i}`, i)
    for (let i = 0; i < 100; i++) yield* Cached.set(`k${i}`, i + 1)
    expect((yield* Looking.curve).reads).toBe(100)
  })

  testIn(seeded({ maxWeight: 3000, weigher: () => 10 }))("is of weights where entries are weighed", function*() {
    yield* readAll(loop(6000, 600))
    const { capacity, points } = yield* Looking.curve
    expect(capacity).toBe(3000)
    // 600 entries of ten each
    expect(ratioAt(points, 4000)).toBeLessThan(0.1)
    expect(ratioAt(points, 9000)).toBeGreaterThan(0.8)
  })

  testIn(seeded({ capacity: 800, eviction: "fifo" }))("continues when memory gets another bound", function*() {
    yield* readAll(loop(3000, 1000))
    yield* Cached.resize(50)
    yield* readAll(loop(3000, 1000))
    const { capacity, points, reads } = yield* Looking.curve
    expect({ capacity, reads }).toEqual({ capacity: 50, reads: 6000 })
    expect(Math.abs(points.at(-1)!.hitRatio - 5 / 6)).toBeLessThan(0.1)
  })

  testIn(seeded({}))("of a cache without reads has no points", function*() {
    expect(yield* Looking.curve).toEqual({ capacity: 10_000, reads: 0, share: 256 / 10_000, points: [] })
  })

  testIn(seeded({ capacity: Infinity }))("follows a memory without a bound", function*() {
    yield* readAll(loop(6000, 600))
    const { capacity, points } = yield* Looking.curve
    expect(capacity).toBe(Infinity)
    expect(Math.abs(points.at(-1)!.hitRatio - 0.9)).toBeLessThan(0.05)
  })

  it.effect("survives a policy that throws", () =>
    Effect.gen(function*() {
      yield* readAll(loop(3000, 1000))
      expect((yield* Looking.curve).reads).toBe(3000)
      expect((yield* Cached.stats).size).toBe(100)
    }).pipe(Effect.provide(seeded({
      capacity: 100,
      eviction: {
        name: "throws",
        make: () => ({
          added: () => {
            throw new Error("no")
          },
          read: () => {},
          removed: () => {},
          victim: () => undefined
        })
      }
    }))))
})

describe("without a curve", () => {
  inMemory("the effect fails, and says what to do", function*() {
    const exit = yield* Effect.exit(Looking.curve)
    expect(String(Exit.isFailure(exit) && exit.cause)).toContain("curve: true")
  })

  testIn(CacheLayer.disabled)("a cache that caches nothing has an empty one", function*() {
    expect((yield* Looking.curve).points).toEqual([])
  })

  it("a value that is not a boolean is refused, and a curve of no memory", () => {
    expect(() => CacheLayer.memory({ curve: 1 as never })).toThrow("curve of CacheLayer.memory must be true or false")
    expect(() => CacheLayer.layer({ memory: false, curve: true })).toThrow("needs its memory for the curve")
  })
})

describe.each(caches.filter(({ memory, store }) => memory && store))("over $name", (cache) => {
  test("a read that the store answers is one read of memory", function*() {
    const reads: Array<string> = []
    const eviction: Eviction.Eviction = {
      name: "told",
      make: (options) => {
        const policy = policies.lru.make(options)
        return {
          ...policy,
          added: (node) => {
            reads.push(`added ${node.id}`)
            policy.added(node)
          },
          read: (node) => {
            reads.push(`read ${node.id}`)
            policy.read(node)
          }
        }
      }
    }
    const program = Effect.gen(function*() {
      yield* read("a")
      yield* read("b")
      reads.length = 0
      yield* read("a")
      yield* read("a")
      expect((yield* Cached.stats).storeHits).toBe(1)
      expect(reads).toEqual(["added a", "read a"])
    })
    yield* Effect.provide(program, cache.layer({ capacity: 1, eviction }))
  })
})

it("has no part in a cache that does not ask for it", () => {
  expect(Caching.defaults.curve).toBe(false)
})
