/** The questions that a strategy is asked about entries in special states. */
import { expect } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Cached, CacheLayer, type Strategy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { counting } from "../../../support/caches.ts"
import { made } from "../../../support/strategies.ts"
import { test, testIn } from "../../../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

const hour = made({ ttl: "1 hour" })

inMemory("a softly invalidated entry is judged twice by one throw of the dice", function*() {
  const thrown: Array<number> = []
  const strategy: Strategy.Strategy = {
    ...hour,
    name: "dice",
    decide: (_entry, _now, random) => {
      thrown.push(random())
      return "ServeAndRefresh"
    }
  }
  const read = Effect.succeed(1).pipe(Cached.withStrategy("k", { strategy, tags: ["t"] }))
  yield* read
  yield* Cached.invalidate({ tag: "t" }, { mode: "soft" })
  yield* read
  const [first, second] = thrown
  expect(first).toBeTypeOf("number")
  expect(second).toBe(first)
})

inMemory(
  "a strategy that falls back on what was softly invalidated may do so, whatever it does with fresh entries",
  function*() {
    const strategy: Strategy.Strategy = {
      ...hour,
      name: "falls back",
      decide: (entry) => entry?.softExpiresAt === Infinity ? "ServeAndRefresh" : "LoadOrStale"
    }
    const read = (load: Effect.Effect<string, string>) =>
      load.pipe(Cached.withStrategy("k", { strategy, tags: ["t"], fallbackOn: "all" }))
    yield* read(Effect.succeed("old"))
    yield* Cached.invalidate({ tag: "t" }, { mode: "soft" })
    expect(yield* read(Effect.fail("down"))).toBe("old")
  }
)

inMemory("an entry that is refreshed before its soft deadline is served as fresh", function*() {
  const { load } = counting()
  const strategy: Strategy.Strategy = { ...hour, name: "eager", decide: () => "ServeAndRefresh" }
  const read = load.pipe(Cached.withStrategy("k", { strategy }))
  yield* read
  const [, reads] = yield* Cached.detect(read)
  expect(reads).toMatchObject([{ source: "memory" }])
})

test("a copy in memory that has ended does not hide that another process has prolonged the entry", function*() {
  const store = Layer.succeed(Store.Store, MemoryStore.make())
  const [here, there] = yield* Effect.all([
    Layer.build(Layer.provide(CacheLayer.layer(), store)),
    Layer.build(Layer.provide(CacheLayer.layer({ memory: false }), store))
  ])
  const { load } = counting()
  const read = load.pipe(Cached.ttl("k", { ttl: () => 60_500 }), Effect.provide(here))
  yield* read
  yield* Effect.provide(Cached.touch("k", "1 hour"), there)
  yield* TestClock.adjust(60_000)
  // Memory has looked for expired entries, and does so again in a second.
  yield* Effect.provide(Cached.has("another"), here)
  yield* TestClock.adjust(500)
  expect(yield* read).toBe(1)
})
