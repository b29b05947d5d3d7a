/** How long the operations of a store take: counted by a value that goes into `tapStore`. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schema, SchemaGetter } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { fakeStore, started } from "../support/caches.ts"
import { test } from "../support/tests.ts"

const over = (store: Layer.Layer<Store.Store>, timings: Store.Timings) =>
  CacheLayer.layer().pipe(Layer.provide(Store.tap({ around: timings.around })(store)))

describe("AI-21 · storeTimings", () => {
  test("counts each operation, with its total, shortest, longest and average time", function*() {
    const fake = fakeStore()
    let delay = 0
    fake.behave = () => ({ before: Effect.suspend(() => Effect.sleep(delay)) })
    const timings = Store.timings()
    yield* Effect.gen(function*() {
      for (const millis of [10, 40, 25]) {
        delay = millis
        const reading = yield* started(Cached.getOption(`k${millis}`))
        yield* TestClock.adjust(millis)
        yield* Fiber.join(reading)
      }
    }).pipe(Effect.provide(over(fake.layer, timings)))
    expect(yield* timings.read).toEqual({
      get: { count: 3, failures: 0, totalMillis: 75, minMillis: 10, maxMillis: 40, averageMillis: 25 }
    })
  })

  test("failed and interrupted operations count too", function*() {
    const fake = fakeStore()
    const timings = Store.timings()
    const down = new CacheError.StoreError({ store: "fake", operation: "get", reason: "Unavailable" })
    yield* Effect.gen(function*() {
      fake.behave = () => ({ before: Effect.fail(down) })
      yield* Cached.getOption("k")
      // Past `storeTimeout`.
      fake.behave = () => ({ before: Effect.never })
      const reading = yield* started(Cached.getOption("k"))
      yield* TestClock.adjust("500 millis")
      yield* Fiber.join(reading)
    }).pipe(Effect.provide(over(fake.layer, timings)))
    expect((yield* timings.read)["get"]).toEqual({
      count: 2,
      failures: 2,
      totalMillis: 500,
      minMillis: 0,
      maxMillis: 500,
      averageMillis: 250
    })
  })

  test("two of them are apart, and a value that was read no longer changes", function*() {
    const [one, other] = [Store.timings(), Store.timings()]
    const before = yield* one.read
    const program = Effect.succeed(1).pipe(Cached.ttl("k", { ttl: "1 hour" }))
    yield* program.pipe(Effect.provide(over(MemoryStore.layer, one)))
    expect(before).toEqual({})
    expect(Object.keys(yield* one.read).toSorted()).toEqual(["acquire", "commit", "get"])
    expect(yield* other.read).toEqual({})
  })
})

// The purpose of `all_keys_lower`: below the memory tier it would be too late, because memory has two entries for one
// of the store's, and an invalidation of one would leave the other.
it.effect("CA-21 · keys in lower case: a field's transformation gives one key, one entry, one invalidation", () =>
  Effect.gen(function*() {
    const Lower = Schema.String.pipe(
      Schema.decodeTo(Schema.String, { decode: SchemaGetter.toLowerCase(), encode: SchemaGetter.passthrough() })
    )
    class User extends CacheKey.Class<User>()("User", { payload: { email: Lower }, success: Schema.String }) {}
    let loads = 0
    const user = (email: string) =>
      Effect.flatMap(
        User.decode({ email }),
        (key) => Effect.sync(() => `${key.email}#${++loads}`).pipe(Cached.ttl(key, { ttl: "1 hour" }))
      )
    expect([yield* user("Ada@Example.org"), yield* user("ada@example.org")])
      .toEqual(["ada@example.org#1", "ada@example.org#1"])
    yield* Cached.invalidate(yield* User.decode({ email: "ADA@example.org" }))
    expect(yield* user("ada@EXAMPLE.org")).toBe("ada@example.org#2")
    expect(yield* Cached.size).toBe(1)
  }).pipe(Effect.provide(CacheLayer.memory())))
