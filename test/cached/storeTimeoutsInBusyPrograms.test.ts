/** A store that reports how long it works: a read that waits for a busy program does not time out. */
import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import { settle, start } from "../support/caches.ts"
import { warningsOf } from "../support/logged.ts"
import { pluralOf } from "../support/pluralOf.ts"
import { test } from "../support/tests.ts"

/** A store whose commits wait for their turn, and the time that it claims to have worked. */
const make = (workedMillis?: () => number) => {
  const turn = Deferred.makeUnsafe<void>()
  const inner = MemoryStore.make()
  const store = Store.complete({
    ...inner,
    name: "turns",
    getUnsafe: undefined,
    commit: pluralOf.commit((id, generation, entry) =>
      Effect.andThen(Deferred.await(turn), singly(inner).commit(id, generation, entry))
    ),
    workedMillis
  })
  const read = Effect.succeed(1).pipe(Cached.ttl("k", { ttl: "1 hour" }))
  const failures = Effect.map(Cached.stats, ({ storeFailures }) => storeFailures)
  const over = Effect.provide(
    CacheLayer.layer({ memory: false, storeTimeout: "500 millis" }).pipe(
      Layer.provide(Layer.succeed(Store.Store, store))
    )
  )
  return { failures, over, read, turn }
}

it.effect("an operation that waits while the store does nothing is waited for, and then succeeds", () => {
  let worked = 1000
  const { failures, over, read, turn } = make(() => worked)
  return over(Effect.gen(function*() {
    const reading = yield* start(read)
    yield* TestClock.adjust("10 seconds")
    worked += 400
    yield* TestClock.adjust("10 seconds")
    expect(reading.pollUnsafe()).toBeUndefined()
    yield* Deferred.succeed(turn, undefined)
    expect(yield* Fiber.join(reading)).toBe(1)
    expect(yield* failures).toBe(0)
    expect(yield* Cached.size).toBe(1)
  }))
})

it.effect("where the store has worked for `storeTimeout` the read continues without it", () => {
  let worked = 0
  const { failures, over, read } = make(() => worked)
  return over(Effect.gen(function*() {
    const reading = yield* start(read)
    yield* TestClock.adjust("499 millis")
    worked = 500
    expect(reading.pollUnsafe()).toBeUndefined()
    yield* TestClock.adjust("1 millis")
    expect(yield* Fiber.join(reading)).toBe(1)
    expect(yield* failures).toBe(1)
  }))
})

it.effect.each<readonly [string, () => number]>([
  ["always tells the same", () => 0],
  ["tells no number", () => NaN],
  [
    "goes back",
    (() => {
      let worked = 1_000_000
      return () => worked -= 1000
    })()
  ],
  ["throws", () => {
    throw new Error("a bug of the store")
  }]
])("a store that %s is waited for, but not for ever", ([, workedMillis]) => {
  const { failures, over, read } = make(workedMillis)
  return over(Effect.gen(function*() {
    const reading = yield* start(read)
    yield* TestClock.adjust("499 millis")
    expect(reading.pollUnsafe()).toBeUndefined()
    yield* TestClock.adjust("1 minute")
    expect(yield* Fiber.join(reading)).toBe(1)
    expect(yield* failures).toBe(1)
  }))
})

test("a store that was too slow to grant a lease is an event and a line: another process may load the same", function*() {
  let worked = 0
  const inner = MemoryStore.make()
  const store = Store.complete({
    ...inner,
    getUnsafe: undefined,
    // It answers, when its time is over.
    get: (id, tags) => Effect.andThen(Effect.sync(() => worked += 600), inner.get(id, tags)),
    workedMillis: () => worked
  })
  const layer = CacheLayer.layer({ memory: false, storeTimeout: "500 millis" }).pipe(
    Layer.provide(Layer.succeed(Store.Store, store))
  )
  const read = Effect.succeed(1).pipe(Cached.ttl("k", { ttl: "1 hour" }))

  const events: Array<string> = []
  const warnings = yield* warningsOf(Effect.provide(
    Effect.gen(function*() {
      yield* Effect.forkChild(
        Stream.runForEach(Cached.events(), (event) =>
          Effect.sync(() => {
            if (event._tag === "StoreFailure") events.push(`${event.operation} ${event.reason}`)
          })),
        { startImmediately: true }
      )
      expect(yield* read).toBe(1)
      yield* settle
    }),
    layer
  ))
  expect(events).toEqual(["acquire Timeout"])
  expect(warnings).toEqual([expect.stringContaining("could not grant a lease: it did not answer in time")])
})
