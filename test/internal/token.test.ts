/** Tokens differ whatever the program does with its `Random`, and repeat themselves under a seed of their own. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Random } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { SeededScheduler } from "effect-cached/testing"
import { TestClock } from "effect/testing"
import * as Tokens from "../../src/internal/token.ts"
import { singly } from "../../src/testing/internal/singly.ts"
import { caches, counting, fakeStore, start } from "../support/caches.ts"
import { slowStore } from "../support/slowStore.ts"
import { test, testIn } from "../support/tests.ts"

const seeded = <A, E, R>(effect: Effect.Effect<A, E, R>) => effect.pipe(Random.withSeed("one seed for all"))

const asking = { owner: "a", leaseMillis: 1000, rejectedWriteId: undefined, join: false } as const

const generationOf = (store: Store.Store) =>
  Effect.map(
    seeded(singly(store).acquire("id", asking)),
    (acquired) => acquired._tag === "Granted" && acquired.generation
  )

const versionOf = (store: Store.Store) => Effect.map(store.markers(["t"]), ({ markers }) => markers[0]!.version)

describe.each(caches)("over $name", (cache) => {
  testIn(cache.layer())("a value that was set again is another write, whatever the seed of the program", function*() {
    yield* seeded(Cached.set("k", 1))
    const mine = yield* seeded(Cached.getEntry("k"))
    yield* seeded(Cached.set("k", 2))
    const { writeId } = mine.valueOrUndefined!
    expect(yield* seeded(Cached.set("k", 3, { ifUnchanged: writeId }))).toBe(false)
  })

  testIn(cache.layer())(
    "a value that was loaded again is another write, whatever the seed of the program",
    function*() {
      const get = counting().load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
      const writeId = Effect.gen(function*() {
        yield* seeded(get)
        return (yield* seeded(Cached.getEntry("k"))).valueOrUndefined!.writeId
      })
      const first = yield* writeId
      yield* Cached.remove("k")
      expect(yield* writeId).not.toBe(first)
    }
  )
})

describe("under one seed of the program", () => {
  test("two processes have two owners: one loads, and the other waits", function*() {
    const store = MemoryStore.make()
    const shared = { ...store, capabilities: { ...store.capabilities, shared: true } }
    const layer = Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, shared))
    const [a, b] = yield* Effect.all([Layer.build(Layer.fresh(layer)), Layer.build(Layer.fresh(layer))])
    const { counts, load } = counting(1000)
    const get = seeded(load.pipe(Cached.ttl("k", { ttl: "1 hour" })))
    const readers = [yield* start(Effect.provide(get, a)), yield* start(Effect.provide(get, b))]
    yield* TestClock.adjust("2 seconds")
    for (const reader of readers) expect(yield* Fiber.join(reader)).toBe(1)
    expect(counts.started).toBe(1)
  })

  test.each([["synchronous", MemoryStore.make()], ["asynchronous", fakeStore().store]] as const)(
    "the %s store gives an invalidated tag another version, and a new generation another name",
    function*([, store]) {
      const before = yield* seeded(versionOf(store))
      yield* seeded(store.invalidateTags(["t"]))
      const hard = yield* versionOf(store)
      yield* seeded(store.invalidateTags(["t"], "soft"))
      expect(new Set([before, hard, yield* versionOf(store)]).size).toBe(3)
      const generation = yield* generationOf(store)
      yield* singly(store).remove("id")
      expect(yield* generationOf(store)).not.toBe(generation)
    }
  )

  test("two stores have different versions", function*() {
    for (const make of [Effect.sync(MemoryStore.make), slowStore]) {
      expect(yield* seeded(versionOf(yield* make))).not.toBe(yield* seeded(versionOf(yield* make)))
    }
  })
})

describe("a generator", () => {
  const drawOf = (...words: ReadonlyArray<number>) => () => Uint32Array.from(words)

  it("makes the words of xoshiro128**", () => {
    // Computed with the C code of the authors from this state.
    const tokens = Tokens.make(drawOf(1, 2, 3, 4))
    expect(Array.from({ length: 8 }, tokens.word))
      .toEqual([11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849])
  })

  it("makes lower-case hexadecimal digits, two a byte", () => {
    const tokens = Tokens.make(drawOf(1, 2, 3, 4))
    expect([4, 8, 12, 16].map((size) => tokens.next(size))).toEqual([
      "00002d00",
      "00000000005a7080",
      expect.stringMatching(/^[0-9a-f]{24}$/),
      expect.stringMatching(/^[0-9a-f]{32}$/)
    ])
  })

  it("gets away from a seed of zeros", () => {
    const tokens = Tokens.make(drawOf(0, 0, 0, 0))
    expect(new Set(Array.from({ length: 1000 }, () => tokens.next(16))).size).toBe(1000)
  })

  it("draws its seed with its first token, and once", () => {
    let draws = 0
    const tokens = Tokens.make(() => (draws++, Uint32Array.of(1, 2, 3, 4)))
    expect(draws).toBe(0)
    tokens.next(16)
    tokens.next(16)
    expect(draws).toBe(1)
  })

  test("has other bits than the next one", function*() {
    const draw = yield* Tokens.Seed
    const firsts = Array.from({ length: 100 }, () => Tokens.make(draw).next(8))
    expect(new Set(firsts).size).toBe(100)
  })

  it("repeats itself under a schedule of the same seed", () => {
    const tokenOf = (seed: number) => {
      const { context } = SeededScheduler.make({ seed })
      return Effect.runSyncWith(context)(versionOf(MemoryStore.make()))
    }
    expect(tokenOf(1)).toBe(tokenOf(1))
    expect(tokenOf(1)).not.toBe(tokenOf(2))
  })
})
