/** Loads that wait for each other, or ignore an interruption, and the events and warnings of their ends. */
import { describe, expect } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { elapse, ended, settle, start, started } from "../../../support/caches.ts"
import { warningsOf } from "../../../support/logged.ts"
import { test, testIn } from "../../../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

const hour = { ttl: "1 hour" } as const

class Item extends CacheKey.Class<Item>()("Item", { payload: { id: Schema.Int }, success: Schema.String }) {}

describe("a load", () => {
  inMemory.each([1, 2, 3])(
    "waits no more for another one once its reads of it (%d) have been given up",
    function*(reads) {
      const hasty = Effect.suspend(() => Effect.timeoutOption(b, "1 second"))
      const a: Effect.Effect<string, never, Caching.Caching> = Effect.all(
        Array.from({ length: reads }, () => hasty),
        {
          concurrency: "unbounded"
        }
      ).pipe(
        Effect.andThen(Effect.sleep("5 seconds")),
        Effect.as("a"),
        Cached.ttl("a", hour)
      )
      const b: Effect.Effect<string, never, Caching.Caching> = Effect.suspend(() => a).pipe(
        Effect.delay("2 seconds"),
        Cached.ttl("b", hour)
      )
      const patient = yield* start(b)
      const reader = yield* start(a)
      yield* elapse("10 seconds")
      expect([ended(reader), ended(patient)]).toEqual([Exit.succeed("a"), Exit.succeed("a")])
    }
  )

  inMemory("still waits for another one while one of two reads of it continues", function*() {
    const b: Effect.Effect<string, never, Caching.Caching> = Effect.suspend(() => a).pipe(
      Effect.delay("2 seconds"),
      Cached.ttl("b", hour)
    )
    const a: Effect.Effect<string, never, Caching.Caching> = Effect.suspend(() =>
      Effect.all([b, Effect.timeoutOption(b, "1 second")], { concurrency: 2 })
    ).pipe(Effect.as("a"), Cached.ttl("a", hour))
    const reader = yield* start(a)
    yield* elapse("10 seconds")
    const exit = ended(reader)
    expect(exit !== "still waiting" && Exit.isFailure(exit)).toBe(true)
    expect(String(exit)).toContain("CacheCycle")
  })

  inMemory("that ignores its interruption holds its id for a time, and later loads wait for nothing", function*() {
    let loads = 0
    const read = Effect.suspend(() => ++loads === 1 ? Effect.uninterruptible(Effect.sleep("10 minutes")) : Effect.void)
      .pipe(Effect.as("loaded"), Cached.ttl("k", hour))
    const first = yield* started(read)
    const leaving = yield* started(Fiber.interrupt(first))
    const second = yield* start(read)
    yield* TestClock.adjust("9 seconds")
    expect([loads, ended(second)]).toEqual([1, "still waiting"])
    yield* TestClock.adjust("2 seconds")
    expect([loads, ended(second)]).toEqual([2, Exit.succeed("loaded")])
    yield* Cached.invalidate("k")
    const third = yield* started(read)
    expect([loads, ended(third)]).toEqual([3, Exit.succeed("loaded")])
    yield* TestClock.adjust("10 minutes")
    yield* Fiber.join(leaving)
  })

  testIn(Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, MemoryStore.make())))(
    "whose result memory may not keep removes the entry before it, as replaced",
    function*() {
      const removals: Array<unknown> = []
      let loads = 0
      const load = Effect.sync(() => `${++loads}`)
      yield* Effect.forkScoped(
        Stream.runForEach(Cached.events({ of: ["Removed"] }), (event) => Effect.sync(() => removals.push(event))),
        { startImmediately: true }
      )
      yield* settle
      yield* load.pipe(Cached.ttl("k", hour))
      yield* CachePolicy.refresh(load.pipe(Cached.ttl("k", { ...hour, memoryTtl: 0 })))
      yield* settle
      expect(removals).toMatchObject([{ id: "k", cause: "replaced" }])
    }
  )
})

inMemory("a load that was given a fallback is refused as stale, and says so", function*() {
  const refused: Array<unknown> = []
  let isDown = false
  const inner = Effect.suspend(() => isDown ? Effect.fail("down") : Effect.succeed("inner")).pipe(
    Cached.softTtl("inner", { ttl: "1 hour", softTtl: "1 minute", fallbackOn: "all" })
  )
  const outer = inner.pipe(Cached.ttl("outer", hour))
  yield* Effect.forkScoped(
    Stream.runForEach(Cached.events({ of: ["Refused"] }), (event) => Effect.sync(() => refused.push(event))),
    { startImmediately: true }
  )
  yield* settle
  yield* inner
  isDown = true
  yield* TestClock.adjust("2 minutes")
  yield* inner
  yield* settle
  expect(yield* outer).toBe("inner")
  yield* settle
  expect(refused).toMatchObject([{ id: "outer", because: "stale" }])
})

describe("the log", () => {
  const item = (id: number) =>
    Effect.never.pipe(Cached.ttl(new Item({ id }), { ...hour, timeout: "1 second" }), Effect.exit)

  test("has one warning of loads that run again, which names their class", function*() {
    const messages = yield* warningsOf(
      Effect.gen(function*() {
        for (const id of [1, 2]) {
          const readers = [yield* start(item(id))]
          yield* TestClock.adjust("900 millis")
          readers.push(yield* start(item(id)))
          yield* elapse("2 seconds")
          yield* Fiber.joinAll(readers)
        }
      }).pipe(Effect.provide(CacheLayer.memory()))
    )
    expect(messages).toEqual([
      expect.stringMatching(/runs again.*logged at debug level until a load of Item keys succeeds/)
    ])
  })
})
