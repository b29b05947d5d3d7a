/** Which failures are answers: about strategies that store failures, and loads that are not the newest. */
import { expect } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { Cached, CacheLayer, CachePolicy, type Strategy } from "effect-cached"
import { TestClock } from "effect/testing"
import { elapse, settle, start } from "../../../support/caches.ts"
import { warningsOf } from "../../../support/logged.ts"
import { made } from "../../../support/strategies.ts"
import { test, testIn } from "../../../support/tests.ts"

const testInMemory = testIn(CacheLayer.memory())

const inMemory = Effect.provide(CacheLayer.memory())

const failover = (load: Effect.Effect<string, unknown>, options: object) =>
  load.pipe(Cached.failover("k", { ttl: "1 hour", retryAfter: 0, fallbackOn: "all", ...options }))

testInMemory("a caller's timeout is an outage, though failures would be stored", function*() {
  const options = { when: () => true, timeout: "1 second" }
  yield* failover(Effect.succeed("old"), options)
  const reading = yield* start(failover(Effect.never, options))
  yield* TestClock.adjust("1 second")
  expect(reading.pollUnsafe()).toEqual(Exit.succeed("old"))
})

testInMemory("a defect cannot be stored, so it is an outage if fallbackOn says so", function*() {
  const options = { when: () => true, fallbackOn: () => true }
  yield* failover(Effect.succeed("old"), options)
  expect(yield* failover(Effect.die("broken"), options)).toBe("old")
})

test("a failure whose lifetime a strategy cannot tell is an outage, of which there is a warning", function*() {
  const { lifetime, ...rest } = made({ strategy: "failover", ttl: "1 hour" })
  const strategy: Strategy.Strategy = {
    ...rest,
    name: "mine",
    lifetime: (exit, key) => {
      if (Exit.isFailure(exit)) throw new Error("mistake")
      return lifetime(exit, key as never)
    }
  }
  const read = (load: Effect.Effect<string, string>) =>
    load.pipe(Cached.withStrategy("k", { strategy, when: () => true, fallbackOn: "all" }))
  const warnings = yield* warningsOf(
    Effect.gen(function*() {
      yield* read(Effect.succeed("old"))
      expect(yield* read(Effect.fail("down"))).toBe("old")
      expect((yield* Cached.stats).notStored).toBeGreaterThan(0)
    }).pipe(inMemory)
  )
  expect(warnings).toContainEqual(expect.stringContaining(`The result of "k" is not cached`))
})

testInMemory("a load that another has replaced allows no fallback that the other has forbidden", function*() {
  const options = { fallbackOn: ["Down"] }
  yield* failover(Effect.succeed("old"), options)
  yield* start(failover(Effect.delay(Effect.succeed("late"), "10 seconds"), options))
  yield* settle
  yield* Effect.exit(CachePolicy.refresh(failover(Effect.fail({ _tag: "Gone" }), options)))
  yield* elapse("10 seconds")
  expect(yield* Effect.flip(failover(Effect.fail({ _tag: "Down" }), options))).toEqual({ _tag: "Down" })
})
