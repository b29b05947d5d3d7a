/** A timeout function that itself uses the cache, after its read has looked in memory. */
import { expect } from "@effect/vitest"
import { Effect } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { TestClock } from "effect/testing"
import { counting, settle } from "../../../support/caches.ts"
import { testIn } from "../../../support/tests.ts"

const test = testIn(CacheLayer.memory())

/** A timeout of a minute, before which something else is done. */
const after = (use: Effect.Effect<unknown, never, Caching.Caching>) =>
  Effect.map(Effect.context<Caching.Caching>(), (context) => () => {
    Effect.runSyncWith(context)(use)
    return "1 minute" as const
  })

test("what it sets is served without a load, as a hit", function*() {
  const { counts, load } = counting()
  const timeout = yield* after(Cached.set("k", 5, { ttl: "1 hour" }))
  const read = load.pipe(Cached.ttl("k", { ttl: "1 hour", timeout }))
  expect(yield* Cached.detect(read)).toMatchObject([5, [{ source: "memory" }]])
  expect(counts.started).toBe(0)
  expect(yield* Cached.stats).toMatchObject({ hits: 1, misses: 0, stale: 0 })
})

test("what it stores with a longer constant is served for the reader's own, and not what is due", function*() {
  const { load } = counting()
  const other = Cached.ttl(Effect.succeed(5), "k", { ttl: "1 day" })
  const timeout = yield* after(Effect.andThen(other, other))
  expect(yield* load.pipe(Cached.ttl("k", { ttl: "1 hour", timeout }))).toBe(5)
  yield* TestClock.adjust("1 hour")
  expect(yield* load.pipe(Cached.ttl("k", { ttl: "1 day" }))).toBe(1)
  const strategyLoads = load.pipe(
    Cached.failover("f", { ttl: "1 hour", timeout: yield* after(Cached.set("f", 5)) })
  )
  expect(yield* strategyLoads).toBe(2)
})

testIn(CacheLayer.memory({ capacity: 2, eviction: "lru" }))(
  "a hit that is due counts as a hit, and keeps its entry from being evicted next",
  function*() {
    const due = Cached.refreshAhead(counting(1000).load, "due", { ttl: "1 hour", refreshAfter: "1 minute" })
    yield* Effect.forkChild(due)
    yield* settle
    yield* TestClock.adjust("1 second")
    yield* Cached.set("other", 1, { ttl: "1 hour" })
    yield* TestClock.adjust("2 minutes")
    const before = yield* Cached.stats
    expect(yield* due).toBe(1)
    expect((yield* Cached.stats).hits).toBe(before.hits + 1)
    yield* Cached.set("new", 1, { ttl: "1 hour" })
    expect([yield* Cached.has("due"), yield* Cached.has("other")]).toEqual([true, false])
  }
)
