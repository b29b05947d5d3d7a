/** A load that runs on after its last caller has left: no other begins beside it, and none waits forever. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { Within } from "../../src/internal/engine/request/attempt.ts"
import { caches, elapse, ended, settle, start, started, taking, within } from "../support/caches.ts"
import { test, testIn } from "../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

class Square extends CacheKey.Class<Square>()("Square", {
  payload: { n: Schema.Number },
  success: Schema.Number
}) {}

/** Loads that ignore their interruption, and how many ran at once. */
const stubborn = (millis: number) => {
  const counts = { running: 0, most: 0, started: 0 }
  const load = Effect.uninterruptible(Effect.suspend(() => {
    counts.most = Math.max(counts.most, ++counts.running)
    const n = ++counts.started
    return Effect.sleep(millis).pipe(
      Effect.as(n),
      Effect.tap(() => Effect.sync(() => counts.running--))
    )
  }))
  return { counts, load }
}

/** Starts a read, and leaves it while it loads; no caller waits for the load's finalizers. */
const leave = <A, E, R>(read: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const reader = yield* Effect.forkDetach(read, { startImmediately: true })
    yield* settle
    yield* Effect.forkDetach(Fiber.interrupt(reader), { startImmediately: true })
  })

const isTimeout = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof CacheError.LoadTimeout

describe.each(caches)("over $name", (cache) => {
  testIn(cache.layer())("callers that time out one after another make one load at once", function*() {
    const { counts, load } = stubborn(4500)
    const get = load.pipe(Cached.ttl("k", { ttl: "1 hour", timeout: "1 second" }))
    for (let i = 0; i < 8; i++) {
      const reader = yield* start(get)
      yield* elapse("1 second")
      expect(isTimeout(ended(reader) as Exit.Exit<unknown, unknown>)).toBe(true)
    }
    expect(counts.most).toBe(1)
    // The first ended after 4.5 seconds, and then one began for all waiting callers.
    expect(counts.started).toBe(2)
    yield* TestClock.adjust("10 seconds")
  })

  testIn(cache.layer())("then one load begins for all waiting callers", function*() {
    const { counts, load } = stubborn(3000)
    const get = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
    yield* leave(get)
    const readers = yield* Effect.forEach([1, 2, 3], () => start(get))
    yield* elapse("2999 millis")
    expect(counts.started).toBe(1)
    yield* elapse("1 millis")
    expect(counts).toMatchObject({ most: 1, started: 2 })
    yield* TestClock.adjust("3 seconds")
    expect(yield* Effect.forEach(readers, Fiber.join)).toEqual([2, 2, 2])
  })

  it.effect("a caller that waits for it is interrupted at once, and the id is not kept for it", () =>
    Effect.gen(function*() {
      const { counts, load } = stubborn(3000)
      const get = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
      yield* leave(get)
      const second = yield* started(get)
      yield* Fiber.interrupt(second)
      yield* elapse("3 seconds")
      expect(counts.started).toBe(1)
      const third = yield* started(get)
      yield* TestClock.adjust("3 seconds")
      expect(yield* Fiber.join(third)).toBe(2)
    }).pipe(Effect.provide(cache.layer())))

  it.effect("a load that never ends keeps its id for twice the lease", () =>
    within(
      cache.layer(),
      Effect.gen(function*() {
        yield* leave(Effect.uninterruptible(Effect.never).pipe(Cached.ttl("k", { ttl: "1 hour" })))
        const second = yield* start(Effect.succeed("new").pipe(Cached.ttl("k", { ttl: "1 hour" })))
        yield* elapse("9999 millis")
        expect(ended(second)).toBe("still waiting")
        yield* elapse("1 millis")
        expect(ended(second)).toMatchObject({ value: "new" })
      })
    ))

  it.effect("private loads are not held up, nor other ids", () =>
    within(
      cache.layer(),
      Effect.gen(function*() {
        const { load } = stubborn(3000)
        yield* leave(load.pipe(Cached.ttl("k", { ttl: "1 hour" })))
        const quick = (key: string) => Effect.succeed("quick").pipe(Cached.ttl(key, { ttl: "1 hour" }))
        const others = yield* Effect.forEach(
          [CachePolicy.disable("set")(quick("k")), CachePolicy.bypass(quick("k")), quick("other")],
          (read) => start(read)
        )
        yield* settle
        for (const other of others) expect(ended(other)).toMatchObject({ value: "quick" })
        // A caller that waits for the abandoned one does not hold them up either.
        const waiting = yield* started(quick("k"))
        expect(ended(waiting)).toBe("still waiting")
        const alone = yield* started(CachePolicy.disable("set")(quick("k")))
        expect(ended(alone)).toMatchObject({ value: "quick" })
        yield* TestClock.adjust("3 seconds")
      })
    ))

  it.effect("in a read of many the other keys do not wait for it", () =>
    within(
      cache.layer(),
      Effect.gen(function*() {
        const calls: Array<ReadonlyArray<number>> = []
        const squares = Cached.many(Square, (keys) =>
          Effect.suspend(() => {
            const ns = keys.map(({ n }) => n)
            calls.push(ns)
            const answers = ns.map((n) => Exit.succeed(n * n))
            return calls.length === 1
              ? Effect.uninterruptible(Effect.as(Effect.sleep("3 seconds"), answers))
              : Effect.succeed(answers)
          }), { ttl: "1 hour" })
        yield* leave(squares([{ n: 1 }]))
        const both = yield* started(squares([{ n: 1 }, { n: 2 }]))
        expect(calls).toEqual([[1], [2]])
        yield* elapse("3 seconds")
        expect(calls).toEqual([[1], [2], [1]])
        expect(yield* Fiber.join(both)).toEqual([1, 4].map(Exit.succeed))
      })
    ))
})

test("the lease of a load that runs on is kept", function*() {
  const store = MemoryStore.make()
  const shared: Store.Store = {
    ...store,
    capabilities: { ...store.capabilities, shared: true },
    getUnsafe: undefined
  }
  const layer = Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, shared))
  const { counts, load } = stubborn(4000)
  const get = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
  const inOne = yield* Layer.build(Layer.fresh(layer))
  const inOther = yield* Layer.build(Layer.fresh(layer))
  yield* leave(Effect.provide(get, inOne))
  const second = yield* start(Effect.provide(get, inOther))
  yield* elapse("3999 millis")
  expect(counts.started).toBe(1)
  yield* elapse("2 seconds")
  expect(counts).toMatchObject({ most: 1, started: 2 })
  yield* TestClock.adjust("4 seconds")
  expect(yield* Fiber.join(second)).toBe(2)
})

test("with `wait`, a process loads beside it after that time, with an earlier load that it waited for", function*() {
  const shared: Store.Store = { ...MemoryStore.make(), capabilities: { shared: true, changes: false } }
  const layer = Layer.provide(CacheLayer.layer({ wait: "5 seconds" }), Layer.succeed(Store.Store, shared))
  const inOne = yield* Layer.build(Layer.fresh(layer))
  const inOther = yield* Layer.build(Layer.fresh(layer))
  const { counts, load } = stubborn(10_000)
  const read = <A>(load: Effect.Effect<A>) => Cached.ttl(load, "k", { ttl: "1 hour" })
  const first = yield* start(Effect.provide(read(Effect.never), inOne))
  const waiting = yield* start(Effect.provide(read(Effect.succeed(0)), inOther))
  yield* elapse("3010 millis")
  yield* Fiber.interrupt(first)
  yield* leave(Effect.provide(read(load), inOne))
  expect(counts).toMatchObject({ running: 1, started: 1 })
  yield* elapse("1980 millis")
  expect(ended(waiting)).toBe("still waiting")
  yield* elapse("10 millis")
  expect(ended(waiting)).toMatchObject({ value: 0 })
  expect(counts.running).toBe(1)
  yield* TestClock.adjust("10 seconds")
})

inMemory("a call of many that outlives its callers keeps all of its ids", function*() {
  const running: Array<number> = []
  let most = 0
  const lookup = (keys: ReadonlyArray<Square>) =>
    Effect.uninterruptible(Effect.suspend(() => {
      running.push(...keys.map(({ n }) => n))
      most = Math.max(most, running.length - new Set(running).size)
      return Effect.delay(
        Effect.sync(() => {
          running.splice(0, keys.length)
          return keys.map(({ n }) => Exit.succeed(n * n))
        }),
        "4500 millis"
      )
    }))
  const squares = Cached.many(Square, lookup, { ttl: "1 hour", timeout: "1 second" })
  for (let i = 0; i < 4; i++) {
    const reader = yield* start(Effect.exit(squares([new Square({ n: 2 }), new Square({ n: 3 })])))
    yield* elapse("1 second")
    expect(ended(reader)).not.toBe("still waiting")
  }
  // How many keys were loaded twice at once.
  expect(most).toBe(0)
  yield* TestClock.adjust("10 seconds")
  expect(running).toEqual([])
})

inMemory("a load that was queued behind it and dropped leaves no timer", function*() {
  const { load } = stubborn(3000)
  const get = load.pipe(Cached.softTtl("k", { ttl: "1 hour", softTtl: "1 minute", softTimeout: "1 second" }))
  const engine = yield* Effect.map(Within, (within) => within!.flight!.engine).pipe(
    Cached.ttl("the engine", { ttl: 1 })
  )
  yield* taking("3 seconds", get)
  yield* TestClock.adjust("2 minutes")
  yield* leave(load.pipe(Cached.softTtl("k", { ttl: "1 hour", softTtl: "1 minute" })))
  const behind = yield* started(get)
  const flight = engine.flights.get("k")!
  yield* TestClock.adjust("1 second")
  // It got the stale value, and the load that waits may run for a minute.
  expect(yield* Fiber.join(behind)).toBe(1)
  const { limit } = flight
  expect(limit?.pollUnsafe()).toBeUndefined()
  yield* Cached.invalidate("k")
  yield* settle
  expect(limit?.pollUnsafe()).toBeDefined()
  yield* TestClock.adjust("10 seconds")
})
