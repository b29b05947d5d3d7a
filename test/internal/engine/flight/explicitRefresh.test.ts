/** An explicit refresh never gives a value whose load began in an earlier turn than the call. */
import { describe, expect } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Option, Scope } from "effect"
import { Cached, CacheError, CacheLayer, CachePolicy } from "effect-cached"
import { TestClock } from "effect/testing"
import { Within } from "../../../../src/internal/engine/request/attempt.ts"
import { caches, elapse, ended, settle, start, started } from "../../../support/caches.ts"
import { test, testIn } from "../../../support/tests.ts"

/** An origin whose value changes, and a load that takes a second to answer what it was when the load began. */
const origin = () => {
  const state = { value: "old", running: 0, most: 0, loads: 0 }
  const load = Effect.suspend(() => {
    const { value } = state
    state.loads++
    state.most = Math.max(state.most, ++state.running)
    return Effect.ensuring(Effect.as(Effect.sleep("1 second"), value), Effect.sync(() => state.running--))
  })
  return { load, state }
}

describe.each(caches)("over $name", (cache) => {
  const test = testIn(cache.layer())

  test("ME-11 · after a write, beside a refresh that began before it, gives the new value, and keeps it", function*() {
    const { load, state } = origin()
    const get = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
    const before = yield* started(CachePolicy.refresh(get))
    yield* TestClock.adjust("500 millis")
    state.value = "new"
    const after = yield* start(CachePolicy.refresh(get))
    yield* TestClock.adjust("500 millis")
    expect(yield* Fiber.join(before)).toBe("old")
    yield* settle
    yield* TestClock.adjust("1 second")
    expect(yield* Fiber.join(after)).toBe("new")
    expect(yield* Cached.getOption("k")).toEqual(Option.some("new"))
    expect(state).toMatchObject({ loads: 2, most: 1 })
  })

  test("beside a background refresh that began before it", function*() {
    const { load, state } = origin()
    const get = load.pipe(Cached.refreshAhead("k", { ttl: "1 hour", refreshAfter: "1 minute" }))
    const first = yield* started(get)
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(first)
    yield* TestClock.adjust("2 minutes")
    yield* get
    yield* settle
    state.value = "new"
    const refreshed = yield* started(CachePolicy.refresh(get))
    yield* elapse("1 second")
    yield* TestClock.adjust("1 second")
    expect(yield* Fiber.join(refreshed)).toBe("new")
    expect(state).toMatchObject({ loads: 3, most: 1 })
  })

  test("F2 · callers of one turn share a load, and all callers while it runs share one more", function*() {
    const { load, state } = origin()
    const get = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
    const three = yield* Effect.forEach([1, 2, 3], () => start(CachePolicy.refresh(get)))
    yield* settle
    yield* TestClock.adjust("300 millis")
    state.value = "new"
    const later = yield* Effect.forEach([1, 2, 3], () => start(CachePolicy.refresh(get)))
    yield* TestClock.adjust("300 millis")
    const latest = yield* start(CachePolicy.refresh(get))
    yield* TestClock.adjust("400 millis")
    expect(yield* Effect.forEach(three, Fiber.join)).toEqual(["old", "old", "old"])
    yield* settle
    yield* TestClock.adjust("1 second")
    expect(yield* Effect.forEach([...later, latest], Fiber.join)).toEqual(["new", "new", "new", "new"])
    expect(state).toMatchObject({ loads: 2, most: 1 })
  })

  test("F1 · begins when the running one is detached, and what that gives is not stored over it", function*() {
    const { load, state } = origin()
    const get = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
    const before = yield* started(CachePolicy.refresh(get))
    yield* TestClock.adjust("500 millis")
    state.value = "new"
    yield* Cached.invalidate("k")
    const after = yield* started(CachePolicy.refresh(get))
    yield* TestClock.adjust("500 millis")
    expect(yield* Fiber.join(before)).toBe("old")
    expect(yield* Cached.getOption("k")).toEqual(Option.none())
    yield* TestClock.adjust("500 millis")
    expect(yield* Fiber.join(after)).toBe("new")
    expect(yield* Cached.getOption("k")).toEqual(Option.some("new"))
  })

  test("a caller that waits for its turn may leave, and the next one is served", function*() {
    const { load, state } = origin()
    const get = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
    const before = yield* started(CachePolicy.refresh(get))
    const leaves = yield* started(CachePolicy.refresh(get))
    yield* Fiber.interrupt(leaves)
    const stays = yield* started(CachePolicy.refresh(get))
    yield* elapse("1 second")
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(before)
    expect(yield* Fiber.join(stays)).toBe("old")
    expect(state.loads).toBe(2)
  })

  test("a value that is set while it waits for its turn stays", function*() {
    const { load } = origin()
    const get = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
    const both = [yield* start(CachePolicy.refresh(get))]
    yield* settle
    both.push(yield* start(CachePolicy.refresh(get)))
    yield* settle
    yield* Cached.set("k", "set")
    yield* settle
    yield* TestClock.adjust("2 seconds")
    expect(yield* Effect.forEach(both, Fiber.join)).toEqual(["old", "old"])
    expect(yield* Cached.getOption("k")).toEqual(Option.some("set"))
  })
})

testIn(CacheLayer.memory())("a caller that waited for its turn and left is kept nowhere", function*() {
  const engine = Effect.map(Within, (within) => within!.flight!.engine).pipe(
    Cached.ttl("the engine", { ttl: 1 })
  )
  const { flights } = yield* engine
  const get = Effect.never.pipe(Cached.ttl("k", { ttl: "1 hour" }))
  const before = yield* started(CachePolicy.refresh(get))
  for (let i = 0; i < 10; i++) yield* Fiber.interrupt(yield* start(CachePolicy.refresh(get)))
  expect(flights.get("k")!.after ?? []).toEqual([])
  const last = yield* start(CachePolicy.refresh(get))
  expect(flights.get("k")!.after).toHaveLength(1)
  yield* Fiber.interruptAll([last, before])
})

test("a caller that waits for its turn when the cache closes dies with CacheClosed", function*() {
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(CacheLayer.memory(), scope)
  const get = Effect.uninterruptible(Effect.sleep("1 hour")).pipe(Cached.ttl("k", { ttl: "1 hour" }))
  const running = yield* Effect.forkDetach(Effect.provide(CachePolicy.refresh(get), context))
  yield* settle
  const behind = yield* started(Effect.provide(CachePolicy.refresh(get), context))
  const closing = yield* started(Scope.close(scope, Exit.void))
  const exit = ended(behind) as Exit.Exit<unknown, unknown>
  expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheClosed)
  yield* TestClock.adjust("1 hour")
  yield* Fiber.join(closing)
  expect(Exit.isFailure(ended(running) as Exit.Exit<unknown, unknown>)).toBe(true)
})

testIn(CacheLayer.memory())(
  "a load that asks for a refresh of what waits for it ends with a cycle, not with a hang",
  function*() {
    const a: Effect.Effect<string, never, any> = Effect.suspend(() => Effect.andThen(Effect.sleep("1 second"), b)).pipe(
      Cached.ttl("a", { ttl: "1 hour" })
    )
    const b = Effect.suspend(() => CachePolicy.refresh(a)).pipe(Cached.ttl("b", { ttl: "1 hour" }))
    const reader = yield* started(CachePolicy.refresh(a))
    yield* elapse("1 second")
    const exit = ended(reader) as Exit.Exit<unknown, unknown>
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({ path: ["a", "b", "a"] })
  }
)
