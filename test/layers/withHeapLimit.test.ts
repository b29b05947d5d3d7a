/** The reaction of memory to a report of how full the heap is. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { Cached, CacheError, CacheLayer, Caching } from "effect-cached"
import { cacheOf } from "../../src/internal/engine/boundCache.ts"
import * as Operations from "../../src/internal/engine/operationTable.ts"
import { caches } from "../support/caches.ts"
import { test, testIn } from "../support/tests.ts"

/** Tells memory, and waits until it has reacted. */
const pressure = Effect.map(Caching.Caching, (caching) => {
  const told = cacheOf(caching).perform(Operations.pressureOn, 0.8)
  return (share: number) =>
    Effect.gen(function*() {
      told(share)
      for (let i = 0; i < 100; i++) yield* Effect.yieldNow
    })
})

const fill = (count: number) =>
  Effect.forEach(Array.from({ length: count }, (_, i) => i), (i) => Cached.set(`key ${i}`, i), { discard: true })

const size = Effect.map(Cached.stats, ({ size }) => size)

describe.each(caches.filter(({ memory }) => memory))("over $name", (cache) => {
  testIn(cache.layer({ capacity: 100 }))(
    "it halves above the limit, and its bound doubles below nine tenths of it",
    function*() {
      const tell = yield* pressure
      yield* fill(80)
      yield* tell(0.8)
      expect(yield* size).toBe(80)
      yield* tell(0.81)
      expect(yield* size).toBe(40)
      yield* tell(0.95)
      expect(yield* size).toBe(20)
      yield* fill(80)
      expect(yield* size).toBe(20)
      // Neither full nor well below.
      yield* tell(0.75)
      yield* fill(80)
      expect(yield* size).toBe(20)
      for (const bound of [40, 80, 100, 100]) {
        yield* tell(0.5)
        yield* fill(120)
        expect(yield* size).toBe(bound)
      }
      expect((yield* Cached.stats).size).toBe(100)
    }
  )

  testIn(cache.layer({ capacity: 100 }))("a bound of the user's counts", function*() {
    const tell = yield* pressure
    yield* fill(80)
    yield* tell(0.9)
    yield* Cached.resize(10)
    yield* tell(0.1)
    yield* fill(80)
    expect(yield* size).toBe(10)
    yield* tell(0.9)
    expect(yield* size).toBe(5)
    yield* tell(0.1)
    yield* fill(80)
    expect(yield* size).toBe(10)
  })
})

it.effect("is logged once, and an empty memory has room for one", () => {
  const lines: Array<string> = []
  return Effect.gen(function*() {
    const tell = yield* pressure
    for (let i = 0; i < 3; i++) yield* tell(0.9)
    yield* fill(5)
    expect(yield* size).toBe(1)
    expect(lines.filter((line) => line.includes("The heap is 90 % full"))).toHaveLength(1)
  }).pipe(
    Effect.provide(CacheLayer.memory({ capacity: Infinity })),
    Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(`${message}`))]))
  )
})

test("does nothing without memory, and lets the layer be used as ever", function*() {
  const without = caches.find(({ memory }) => !memory)!
  for (const cache of [without.layer(), CacheLayer.disabled]) {
    yield* Effect.provide(Effect.flatMap(pressure, (tell) => tell(0.99)), cache)
  }
  const used = CacheLayer.memory().pipe(CacheLayer.withHeapLimit())
  expect(yield* Effect.provide(Effect.andThen(fill(5), size), used)).toBe(5)
})

it.each([0, 1, -1, NaN, "0.5" as never, null as never])("above: %s is a CacheConfigError", (above) => {
  if (above === null) return expect(() => CacheLayer.withHeapLimit(CacheLayer.memory(), null as never)).toThrow()
  expect(() => CacheLayer.memory().pipe(CacheLayer.withHeapLimit({ above }))).toThrow(CacheError.CacheConfigError)
})

it("an option that there is not is refused", () => {
  const above = "0.5" as never
  expect(() => CacheLayer.withHeapLimit(CacheLayer.memory(), { above })).toThrow(`between 0 and 1, not "0.5"`)
  expect(() => CacheLayer.withHeapLimit({ over: 1 } as never)(CacheLayer.memory())).toThrow("over")
})
