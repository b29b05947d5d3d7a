/**
 * A read of thousands of keys asks the store in groups: each of them is answered within the time that the store has.
 */
import { expect, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Latch, Layer, References, Schema, Semaphore } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { TestClock } from "effect/testing"
import { turns } from "../../src/internal/time/turns.ts"
import { type FakeStore, fakeStore, over, settle, start } from "../support/caches.ts"

class User extends CacheKey.Class<User>()("User", {
  payload: { id: Schema.Int },
  success: Schema.Int,
  error: Schema.String
}) {}

const keys = 3000

/** How many users are stored, without the record of the fingerprints of their class. */
const usersIn = ({ entries }: FakeStore) => Array.from(entries.keys()).filter((id) => id.startsWith("~User@")).length

/** Reads them all in a cache over a store; answers how long that takes, in milliseconds of the test's clock. */
const readAll = Effect.fnUntraced(function*(fake: FakeStore) {
  const calls: Array<number> = []
  const users = Cached.many(User, (keys) =>
    Effect.sync(() => {
      calls.push(keys.length)
      return keys.map(({ id }) => Exit.succeed(id))
    }), { ttl: "1 hour" })
  const timed = Effect.timed(users(Array.from({ length: keys }, (_, id) => ({ id }))))
  const reading = yield* start(timed)
  // Only the writes take time.
  while (fake.count("set") === 0) yield* Effect.yieldNow
  yield* TestClock.adjust("1 minute")
  const [taken, exits] = yield* Fiber.join(reading)
  expect(exits.every(Exit.isSuccess)).toBe(true)
  expect(calls).toEqual([keys])
  expect(usersIn(fake)).toBe(keys)
  expect((yield* Cached.stats).storeFailures).toBe(0)
  return Duration.toMillis(taken)
})

it.effect("a store that writes one entry after the other gets all of them", () => {
  const fake = fakeStore()
  const oneByOne = Semaphore.makeUnsafe(1).withPermits(1)
  fake.behave = (operation) => operation === "set" ? { before: oneByOne(Effect.sleep("500 micros")) } : {}
  return Effect.provide(readAll(fake), over(fake))
})

it.effect("one that is far away, and writes all at once, gets them in a few groups", () => {
  const fake = fakeStore()
  fake.behave = (operation) => operation === "set" ? { before: Effect.sleep("200 millis") } : {}
  return Effect.gen(function*() {
    expect(yield* readAll(fake)).toBeLessThanOrEqual(1000)
  }).pipe(Effect.provide(over(fake)))
})

it.effect("its first leases are granted before more are asked for", () => {
  const fake = fakeStore()
  const gate = Latch.makeUnsafe()
  const calls: Array<number> = []
  const store: Store.Store = {
    ...fake.store,
    acquireMany: (requests) =>
      Effect.suspend(() => {
        calls.push(requests.length)
        return Effect.andThen(gate.await, fake.store.acquireMany(requests))
      })
  }
  return Effect.gen(function*() {
    const users = Cached.many(User, (keys) => Effect.succeed(keys.map(({ id }) => Exit.succeed(id))), { ttl: "1 hour" })
    const reading = yield* start(users(Array.from({ length: keys }, (_, id) => ({ id }))))
    while (calls.length === 0) yield* Effect.yieldNow
    yield* settle
    expect(calls).toEqual([256])
    yield* gate.open
    yield* Fiber.join(reading)
    expect(usersIn(fake)).toBe(keys)
  }).pipe(Effect.provide(over({ layer: Layer.succeed(Store.Store, store) })))
})

// By the clock of the machine, which ends a turn before all have joined.
it.live("a read that is interrupted before all its keys have joined calls nothing", () => {
  let calls = 0
  const users = Cached.many(User, (keys) =>
    Effect.sync(() => {
      calls++
      return keys.map(({ id }) => Exit.succeed(id))
    }), { ttl: "1 hour" })
  return Effect.gen(function*() {
    const reading = yield* start(users(Array.from({ length: 50_000 }, (_, id) => ({ id }))))
    // The keys are made first, in turns of their own.
    while ((yield* Cached.stats).misses === 0) yield* Effect.yieldNow
    yield* Fiber.interrupt(reading)
    yield* Effect.yieldNow
    expect(calls).toBe(0)
    expect(yield* Cached.stats).toMatchObject({ loads: 0 })
  }).pipe(Effect.provide(CacheLayer.memory()))
})

it.effect("a key that no reader waits for has no failure, while its call continues for another", () => {
  const open = Latch.makeUnsafe()
  const users = Cached.many(
    User,
    (keys) => Effect.uninterruptible(Effect.as(open.await, keys.map(() => Exit.fail("late")))),
    { ttl: "1 hour" }
  )
  return Effect.gen(function*() {
    const both = yield* start(users([{ id: 1 }, { id: 2 }]))
    const second = yield* start(users([{ id: 2 }]))
    const interrupting = yield* start(Fiber.interrupt(both))
    yield* open.open
    yield* Fiber.join(interrupting)
    expect(yield* Fiber.join(second)).toEqual([Exit.fail("late")])
    // The second key is loaded once more, because the reader that started the call has left.
    expect(yield* Cached.stats).toMatchObject({ loads: 3, loadFailures: 2 })
  }).pipe(Effect.provide(CacheLayer.memory()))
})

it.effect("refreshes that are requested after their reader has left go by the clock of the program", () => {
  const calls: Array<number> = []
  const users = Cached.many(User, (keys) =>
    Effect.sync(() => {
      calls.push(keys.length)
      return keys.map(({ id }) => calls.length === 1 ? Exit.succeed(id) : Exit.fail("late"))
    }), {
    retryAfter: "10 minutes",
    strategy: "refreshAhead",
    ttl: "1 hour",
    refreshAfter: "1 minute"
  })
  const payloads = Array.from({ length: 10 }, (_, id) => ({ id }))
  // In a fiber of its own, which ends with the read.
  const read = Effect.flatMap(start(users(payloads)), Fiber.join)
  const usual = { ...turns }
  return Effect.gen(function*() {
    yield* read
    yield* TestClock.adjust("2 minutes")
    yield* read
    yield* settle
    yield* TestClock.adjust("1 second")
    yield* read
    yield* settle
    expect(calls).toEqual([10, 10])
  }).pipe(
    Effect.provide(CacheLayer.memory()),
    Effect.provideService(References.MinimumLogLevel, "None"),
    // The reader has its answer in the first turn, in which only the first refresh is requested.
    (test) =>
      Effect.acquireUseRelease(
        Effect.sync(() => Object.assign(turns, { steps: 1, millis: 0 })),
        () => test,
        () => Effect.sync(() => Object.assign(turns, usual))
      )
  )
})
