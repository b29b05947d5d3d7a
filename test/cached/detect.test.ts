/** `Cached.detect` reports how each read in a scope was answered. */
import { describe, expect } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Schema } from "effect"
import { Cached, type CacheEvent, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { TestClock } from "effect/testing"
import { caches, counting, fakeStore, over, settle, start, started, taking } from "../support/caches.ts"
import { test, testIn } from "../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

const hour = 3_600_000
const minute = 60_000

const detected = (
  key: string,
  source: CacheEvent.Source,
  rest: Partial<CacheEvent.Detected> = {}
): CacheEvent.Detected => ({ key, source, ageMillis: 0, ttlMillis: hour, strategy: "ttl", ...rest })

const reads = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.map(Cached.detect(self), ([, reads]) => reads)

const ttl = <A, E, R>(self: Effect.Effect<A, E, R>, key = "k") => Cached.ttl(self, key, { ttl: "1 hour" })

describe.each(caches)("detect tells how a read over $name was answered (CA-53):", (cache) => {
  const test = testIn(cache.layer({ capacity: 100 }))
  const kept = cache.memory ? "memory" : "store"

  test("by its load, then with what is kept, and how long that will be served", function*() {
    expect(yield* Cached.detect(ttl(Effect.succeed("a")))).toEqual(["a", [detected("k", "load")]])
    yield* TestClock.adjust("1 minute")
    const aged = detected("k", kept, { ageMillis: minute, ttlMillis: hour - minute })
    expect(yield* Cached.detect(ttl(Effect.succeed("b")))).toEqual(["a", [aged]])
  })

  test("by the load of another, where the very same effect runs twice too", function*() {
    const read = ttl(counting(100).load)
    const readers = yield* Effect.all([start(reads(read)), start(reads(read))])
    const third = yield* started(reads(ttl(counting(100).load)))
    yield* TestClock.adjust(100)
    expect(yield* Fiber.joinAll([...readers, third])).toEqual([
      [detected("k", "load")],
      [detected("k", "joined")],
      [detected("k", "joined")]
    ])
  })

  test("by a load that is not stored, or that has failed", function*() {
    const gone = { ttlMillis: 0 }
    expect(yield* reads(Cached.ttl(Effect.succeed(1), "k", { ttl: () => 0 }))).toEqual([
      detected("k", "load", gone)
    ])
    expect(yield* reads(CachePolicy.disable("set")(ttl(Effect.succeed(1))))).toEqual([detected("k", "load", gone)])
    expect(yield* reads(Effect.exit(ttl(Effect.fail("down"))))).toEqual([detected("k", "load", gone)])
    const revoked = Effect.andThen(Cached.invalidate("k"), Effect.succeed(1))
    expect(yield* reads(ttl(revoked))).toEqual([detected("k", "load", gone)])
  })

  test("with a fallback, then stale while no further try is made", function*() {
    const soft = { ttl: "1 hour", softTtl: "1 minute", fallbackOn: "all" } as const
    const stale = { ageMillis: 2 * minute, ttlMillis: hour - 2 * minute, strategy: "softTtl" }
    yield* Cached.softTtl(Effect.succeed(1), "k", soft)
    yield* TestClock.adjust("2 minutes")
    const down = Cached.softTtl(Effect.fail("down"), "k", soft)
    expect(yield* reads(down)).toEqual([detected("k", "fallback", stale)])
    expect(yield* reads(down)).toEqual([detected("k", "stale", stale)])
    yield* TestClock.adjust("8 minutes")
    const slow = yield* started(reads(Cached.softTtl(Effect.never, "k", { ...soft, softTimeout: "1 second" })))
    yield* TestClock.adjust("1 second")
    const older = { ageMillis: 10 * minute + 1000, ttlMillis: 50 * minute - 1000, strategy: "softTtl" }
    expect(yield* Fiber.join(slow)).toEqual([detected("k", "fallback", older)])
  })

  test("stale by failover too, though its values have no end of freshness", function*() {
    const failing = Cached.failover(Effect.fail("down"), "k", {
      ttl: "1 hour",
      retryAfter: "5 seconds",
      fallbackOn: "all"
    })
    yield* Cached.failover(Effect.succeed(1), "k", { ttl: "1 hour" })
    const found = yield* reads(Effect.andThen(failing, failing))
    expect(found).toEqual(
      ["fallback" as const, "stale" as const].map((source) => detected("k", source, { strategy: "failover" }))
    )
  })

  test("stale, while it is refreshed behind it", function*() {
    const { load } = counting()
    const read = Cached.refreshAhead(load, "k", { ttl: "1 hour", refreshAfter: "1 minute" })
    yield* read
    yield* TestClock.adjust("2 minutes")
    const stale = { ageMillis: 2 * minute, ttlMillis: hour - 2 * minute, strategy: "refreshAhead" }
    expect(yield* reads(read)).toEqual([detected("k", "stale", stale)])
    yield* settle
    expect(yield* reads(read)).toEqual([detected("k", kept, { strategy: "refreshAhead" })])
  })

  test("each of many, by the name of the strategy", function*() {
    class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.Int }) {}
    const users = Cached.many(User, (keys) => Effect.succeed(keys.map(({ id }) => Exit.succeed(id))), {
      strategy: "untilInvalidated"
    })
    const id = (id: number) => CacheKey.id(new User({ id }))
    const forEver = { ttlMillis: Infinity, strategy: "untilInvalidated" }
    yield* users([{ id: 1 }])
    expect(yield* reads(users([{ id: 1 }, { id: 2 }, { id: 2 }]))).toEqual([
      detected(id(1), kept, forEver),
      detected(id(2), "load", forEver)
    ])
  })

  test("with what loads have read, before what they were for", function*() {
    const inner = ttl(Effect.succeed(1), "inner")
    const outer = ttl(Effect.andThen(inner, inner), "outer")
    expect(yield* reads(outer)).toEqual([
      detected("inner", "load"),
      detected("inner", kept),
      detected("outer", "load")
    ])
  })
})

describe("detect (CA-53)", () => {
  const keys = (reads: ReadonlyArray<CacheEvent.Detected>) => reads.map(({ key }) => key)

  inMemory("reports to the outer scope what the inner one sees, and not the other way round", function*() {
    const read = (key: string) => ttl(Effect.succeed(1), key)
    const [[, inner], outer] = yield* Cached.detect(
      Effect.gen(function*() {
        yield* read("before")
        const [, inner] = yield* Cached.detect(read("inside"))
        yield* read("after")
        return [undefined, inner] as const
      })
    )
    expect(keys(inner)).toEqual(["inside"])
    expect(keys(outer)).toEqual(["before", "inside", "after"])
  })

  inMemory("sees the fibers that are forked in it, and two at once do not see each other", function*() {
    const read = (key: string) => Effect.andThen(Effect.yieldNow, ttl(Effect.succeed(1), key))
    const all = (names: ReadonlyArray<string>) =>
      reads(Effect.forEach(names, read, { concurrency: "unbounded", discard: true }))
    const [one, other] = yield* Effect.all([all(["a", "b"]), all(["c", "d"])], { concurrency: 2 })
    expect(keys(one)).toEqual(["a", "b"])
    expect(keys(other)).toEqual(["c", "d"])
  })

  inMemory("ends with its effect: it sees nothing of a forked fiber that continues", function*() {
    const gate = yield* Deferred.make<void>()
    const late = Effect.andThen(Deferred.await(gate), ttl(Effect.succeed(1), "late"))
    const [fiber, found] = yield* Cached.detect(
      Effect.tap(Effect.forkDetach(late, { startImmediately: true }), () => ttl(Effect.succeed(1), "now"))
    )
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.join(fiber)
    expect(keys(found)).toEqual(["now"])
  })

  inMemory("fails with its effect, and reports what failed where that is asked for", function*() {
    expect(yield* Effect.exit(Cached.detect(ttl(Effect.fail("down"))))).toEqual(Exit.fail("down"))
    const [exit, found] = yield* Cached.detect(Effect.exit(ttl(Effect.fail("down"))))
    expect(exit).toEqual(Exit.fail("down"))
    expect(keys(found)).toEqual(["k"])
  })

  inMemory("does not count reads that were interrupted, gave up, or went past the cache", function*() {
    const limited = Cached.ttl(Effect.never, "k", { ttl: "1 hour", timeout: "1 second" })
    expect(yield* taking("1 second", reads(Effect.exit(limited)))).toEqual([])
    const raced = Effect.raceFirst(ttl(Effect.never), Effect.yieldNow)
    expect(yield* reads(raced)).toEqual([])
    expect(yield* reads(CachePolicy.bypass(ttl(Effect.succeed(1))))).toEqual([])
  })

  test("sees reads through a store that is asked together", function*() {
    const fake = fakeStore()
    yield* Effect.provide(ttl(Effect.succeed(1)), over(fake))
    const read = ttl(Effect.succeed(2))
    const both = Effect.all([reads(read), reads(read)], { concurrency: 2 })
    expect(yield* Effect.provide(both, over(fake))).toEqual([[detected("k", "store")], [detected("k", "store")]])
  })

  inMemory("leaves what is cached, and how, as it is without", function*() {
    const { counts, load } = counting()
    yield* Cached.detect(ttl(load))
    yield* ttl(load)
    yield* Cached.detect(ttl(load))
    expect(counts.started).toBe(1)
    const { hits, misses } = yield* Cached.stats
    expect({ hits, misses }).toEqual({ hits: 2, misses: 1 })
  })
})

describe("a result made with a stale value", () => {
  test("that a slow store had is not kept by another cached effect", function*() {
    const fake = fakeStore()
    const source = counting()
    const inner = Cached.refreshAhead(source.load, "inner", { ttl: "1 hour", refreshAfter: "1 minute" })
    const outer = ttl(inner, "outer")
    yield* Effect.provide(inner, over(fake))
    yield* TestClock.adjust("2 minutes")
    const again = Effect.gen(function*() {
      expect(yield* outer).toBe(1)
      yield* settle
      expect(yield* outer).toBe(2)
    })
    yield* Effect.provide(again, over(fake))
  })
})
