/**
 * The properties that a result takes over from the values that its load has read, at the borders and late in the
 * day.
 */
import { expect, it } from "@effect/vitest"
import { type Duration, Effect, Option } from "effect"
import { Cached, CacheLayer, CachePolicy } from "effect-cached"
import { TestClock } from "effect/testing"
import { counting, fakeStore, over, settle, start } from "../../../support/caches.ts"
import { warningsOf } from "../../../support/logged.ts"
import { test, testIn } from "../../../support/tests.ts"

const inner = (ttl: Duration.Input) => counting().load.pipe(Cached.ttl("inner", { ttl }))

const hour = { ttl: "1 hour" } as const

testIn(CacheLayer.memory({ inherit: "age" }))(
  "age: what was loaded inside does not make the result younger",
  function*() {
    const load = Effect.andThen(Effect.sleep("1 second"), Effect.andThen(inner("1 day"), Effect.sleep("1 second")))
    const reading = yield* start(load.pipe(Cached.ttl("outer", hour)))
    for (let i = 0; i < 3; i++) yield* Effect.andThen(TestClock.adjust("1 second"), settle)
    expect(reading.pollUnsafe()).toBeDefined()
    expect(Option.getOrThrow(yield* Cached.getEntry("outer")).createdAt).toBe(2000)
  }
)

test("age: a value as old as the ttl is too old, of which a read that does not write says nothing", function*() {
  const warningsUnder = (policy: ReturnType<typeof CachePolicy.disable>) =>
    warningsOf(
      Effect.gen(function*() {
        yield* inner("1 day")
        yield* TestClock.adjust("1 hour")
        yield* policy(inner("1 day").pipe(Cached.ttl("outer", hour)))
        expect(yield* Cached.has("outer")).toBe(false)
      }).pipe(Effect.provide(CacheLayer.memory({ inherit: "age" })))
    )
  expect(yield* warningsUnder(CachePolicy.disable("set"))).toEqual([])
  expect(yield* warningsUnder((read) => read)).toHaveLength(1)
})

testIn(CacheLayer.memory({ inherit: "life" }))(
  "life: the soft deadline stays where it was, unless the end is before it",
  function*() {
    yield* inner("30 minutes")
    let loads = 0
    const outer = Effect.map(inner("30 minutes"), () => ++loads).pipe(
      Cached.refreshAhead("outer", { ttl: "1 hour", refreshAfter: "10 minutes" })
    )
    yield* outer
    yield* TestClock.adjust("11 minutes")
    yield* outer
    yield* settle
    expect(loads).toBe(2)
  }
)

it.effect("life: what has ended while it was loaded is not written to the store", () => {
  const fake = fakeStore()
  return Effect.gen(function*() {
    yield* start(inner("1 second"))
    yield* settle
    const outer = Effect.andThen(inner("1 second"), Effect.sleep("1 second"))
    const reading = yield* start(outer.pipe(Cached.ttl("outer", hour)))
    for (let i = 0; i < 5; i++) yield* Effect.andThen(TestClock.adjust("500 millis"), settle)
    expect(reading.pollUnsafe()).toBeDefined()
    expect(fake.calls).toContain("set inner")
    expect(fake.calls).not.toContain("set outer")
  }).pipe(Effect.provide(over(fake, { inherit: "life" })))
})
