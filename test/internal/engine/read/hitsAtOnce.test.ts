/** Hits for callers that answer without an effect, and what makes them read as usual. */
import { describe, expect } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { Cached, CacheLayer, CachePolicy, Caching } from "effect-cached"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { hitNow } from "../../../../src/Caching.ts"
import type { Key } from "../../../../src/internal/key/ofKey.ts"
import { start } from "../../../support/caches.ts"
import { firstOfTheirIds } from "../../../support/firstOfTheirIds.ts"
import { testIn } from "../../../support/tests.ts"

firstOfTheirIds()

const hit = (key: Key, use: (value: unknown) => unknown = (value) => value) =>
  Effect.flatMap(
    Caching.Caching,
    (caching) => Effect.withFiber((fiber) => Effect.succeed(hitNow(caching, fiber, key, use)))
  )

const stored = (key: string) => Cached.ttl(Effect.succeed(`of ${key}`), key, { ttl: "1 hour" })

const memory = CacheLayer.memory()

const test = testIn(memory)

describe("hitNow", () => {
  test("answers with a fresh value in memory, which counts as a hit", function*() {
    yield* stored("a")
    expect(yield* hit("a", (value) => [value])).toEqual(["of a"])
    expect(yield* hit("b")).toBeUndefined()
    expect(yield* Cached.stats).toMatchObject({ hits: 1, misses: 1 })
    expect(yield* Stream.runCollect(Cached.entries())).toMatchObject([{ reads: 1 }])
  })

  testIn(CacheLayer.memory({ capacity: 2, eviction: "lru" }))("keeps the value from being evicted next", function*() {
    for (const key of ["a", "b"]) yield* stored(key)
    yield* hit("a")
    yield* stored("c")
    expect([yield* hit("a"), yield* hit("b")]).toEqual(["of a", undefined])
  })

  test("counts nothing if no answer is made of the value", function*() {
    yield* stored("a")
    expect(yield* hit("a", () => undefined)).toBeUndefined()
    expect((yield* Cached.stats).hits).toBe(0)
    expect(yield* Stream.runCollect(Cached.entries())).toMatchObject([{ reads: 0 }])
  })

  test("leaves what has expired, and failures, to a read", function*() {
    yield* stored("a")
    yield* Effect.exit(Cached.ttl(Effect.fail("no"), "failed", { ttl: "1 hour", when: () => true }))
    expect(yield* hit("failed", () => "an answer")).toBeUndefined()
    yield* TestClock.adjust("59 minutes")
    expect(yield* hit("a")).toBe("of a")
    yield* TestClock.adjust("1 minute")
    expect(yield* hit("a")).toBeUndefined()
  })

  testIn(Layer.provide(CacheLayer.layer(), MemoryStore.layer))(
    "leaves what memory keeps for a memoryTtl to a read",
    function*() {
      yield* Cached.ttl(Effect.succeed(1), "a", { ttl: "1 hour", memoryTtl: "1 minute" })
      expect(yield* hit("a")).toBeUndefined()
    }
  )

  test("leaves reads under a policy, within a load and before listeners to a read", function*() {
    yield* stored("a")
    expect(yield* CachePolicy.refresh(hit("a"))).toBeUndefined()
    expect(yield* Cached.ttl(Effect.map(hit("a"), String), "outer", { ttl: "1 hour" })).toBe("undefined")
    expect(yield* hit("a")).toBe("of a")
    yield* start(Stream.runDrain(Cached.events()))
    expect(yield* hit("a")).toBeUndefined()
  })
})
