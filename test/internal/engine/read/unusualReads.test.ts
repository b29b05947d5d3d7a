/** Reads of unusual keys, and reads by a strategy or under a policy other than that of the writer. */
import { expect } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy, Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { hitNow } from "../../../../src/Caching.ts"
import { counting, ended, settle, start } from "../../../support/caches.ts"
import { firstOfTheirIds } from "../../../support/firstOfTheirIds.ts"
import { test, testIn } from "../../../support/tests.ts"

firstOfTheirIds()

class Page extends CacheKey.Class<Page>()("Page", { payload: { n: Schema.Int }, success: Schema.String }) {}

const inMemory = testIn(CacheLayer.memory())

inMemory("a text that looks like the id of an instance is a key of its own", function*() {
  const read = (key: string, value: string) => Cached.ttl(Effect.succeed(value), key, { ttl: "1 hour" })
  yield* Cached.set(new Page({ n: 1 }), "of the page")
  expect(yield* read(CacheKey.id(new Page({ n: 1 })), "of the text")).toBe("of the text")
  yield* read("a", "of a")
  for (const key of ["~a", "~~a", "~"]) expect(yield* read(key, `of ${key}`)).toBe(`of ${key}`)
  expect(yield* Cached.size).toBe(6)
})

test("hits in memory slide the end of an entry that another process has loaded", function*() {
  const store = Layer.succeed(Store.Store, MemoryStore.make())
  const process = Layer.build(Layer.provide(CacheLayer.layer(), store))
  const [here, there] = [Effect.provide(yield* process), Effect.provide(yield* process)]
  const read = Cached.sliding(counting().load, "k", { idle: "1 minute" })
  yield* there(read)
  for (let i = 0; i < 4; i++) {
    expect(yield* here(read)).toBe(1)
    yield* TestClock.adjust("40 seconds")
  }
})

inMemory("a hit by a strategy that is asked has no effect on others", function*() {
  const read = Cached.probabilistic(Effect.succeed(1), "k", { ttl: "1 day" })
  yield* read
  yield* read
  const hit = yield* Effect.flatMap(
    Caching.Caching,
    (caching) => Effect.withFiber((fiber) => Effect.succeed(hitNow(caching, fiber, "k", (value) => value)))
  )
  expect(hit).toBe(1)
})

inMemory("a read that invalidates first stores its result", function*() {
  const read = Cached.ttl(counting().load, "k", { ttl: "1 hour" })
  yield* read
  expect(yield* CachePolicy.invalidating(read)).toBe(2)
  expect(yield* read).toBe(2)
})

inMemory("a read that does not write starts no refresh", function*() {
  const { counts, load } = counting()
  const read = Cached.refreshAhead(load, "k", { ttl: "1 hour", refreshAfter: "1 minute" })
  yield* read
  yield* TestClock.adjust("2 minutes")
  expect(yield* CachePolicy.disable("set")(read)).toBe(1)
  yield* settle
  expect(counts.started).toBe(1)
})

inMemory("an origin that is down is not asked again while the stale value stands in", function*() {
  let tries = 0
  const down = Effect.suspend(() => Effect.fail(`${++tries}`))
  const read = (load: Effect.Effect<number, string>) =>
    Cached.failover(load, "k", { ttl: "1 hour", retryAfter: "1 minute", fallbackOn: "all" })
  yield* read(Effect.succeed(1))
  expect([yield* read(down), yield* read(down)]).toEqual([1, 1])
  yield* settle
  expect(tries).toBe(1)
  expect((yield* Cached.stats).stale).toBe(2)
})

inMemory("a read that does not write waits for no abandoned load, unlike those that do", function*() {
  const { counts, load } = counting()
  const read = Cached.ttl(load, "k", { ttl: "1 hour" })
  const abandoned = yield* start(
    Cached.ttl(Effect.uninterruptible(Effect.sleep("1 minute")), "k", { ttl: "1 hour" })
  )
  yield* settle
  yield* start(Fiber.interrupt(abandoned))
  yield* settle
  const waiting = yield* start(read)
  yield* settle
  expect([ended(waiting), counts.started]).toEqual(["still waiting", 0])
  expect(yield* CachePolicy.disable("set")(read)).toBe(1)
  yield* TestClock.adjust("1 minute")
  expect(ended(waiting)).toEqual(Exit.succeed(2))
})
