/** Long lists do not hold the event loop: other fibers have turns in between. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching, Transaction } from "effect-cached"
import { TestClock } from "effect/testing"
import { chunk, many } from "../../../src/internal/defaults/bounds.ts"
import * as InTurns from "../../../src/internal/time/streamsInTurns.ts"
import * as Turns from "../../../src/internal/time/turns.ts"
import { caches } from "../../support/caches.ts"
import { impatient } from "../../support/impatient.ts"
import { test, testIn } from "../../support/tests.ts"

const size = 2560
const chunks = size / 256

/** How many turns another fiber has while an effect runs. */
const turnsOf = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  let turns = 0
  const counting = Effect.gen(function*() {
    for (;; turns++) yield* Effect.yieldNow
  })
  const other = yield* Effect.forkChild(counting)
  yield* impatient(effect)
  yield* Fiber.interrupt(other)
  return turns
})

describe.each(caches)("over $name", (cache) => {
  const filled = Effect.suspend(() => Cached.setMany(pairs))
  const pairs = Array.from({ length: size }, (_, i) => [`k:${i}`, i] as const)
  const keys = pairs.map(([key]) => key)
  /** The turns of one pass over all keys. */
  const pass = size / many.steps - 1
  const operations: ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown, Caching.Caching>, least: number]> =
    [
      ["setMany", Cached.setMany(pairs), pass],
      // When the keys are made, when they are looked for, and when the answers are made.
      ["getMany", Cached.getMany(keys), 3 * pass],
      ["removeMany", Cached.remove(keys), pass],
      ["invalidateMany", Cached.invalidate(keys), 2 * pass],
      ["removeMatching", Cached.remove({ matching: "k:*" }), chunks - 1],
      ["invalidate by pattern", Cached.invalidate({ matching: "k:*" }), chunks - 1],
      ["getMatching", Stream.runDrain(Cached.getMatching("k:*")), chunks - 1],
      ["entries", Stream.runDrain(Cached.entries("k:*")), chunks - 1]
    ]
  testIn(cache.layer({ capacity: size })).each(operations)("%s", function*([, operation, least]) {
    yield* filled
    expect(yield* turnsOf(operation)).toBeGreaterThanOrEqual(least)
  })
})

describe.each(caches.filter(({ memory }) => memory))("entries in memory, over $name", (cache) => {
  const ids = Array.from({ length: size }, (_, i) => `k:${i}`)
  const none = Stream.runDrain(Cached.entries("none:*"))
  const operations: ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown, Caching.Caching>]> = [
    ["entries of which there are none", none],
    ["a pattern that none matches", Cached.remove({ matching: "none:*" })],
    ["entries, in a transaction", Transaction.run(none)],
    ["a pattern, in a transaction", Transaction.run(Cached.remove({ matching: "none:*" }))],
    ...cache.store ? [] : [
      ["size", Cached.size] as const,
      ["size, in a transaction", Transaction.run(Cached.size)] as const,
      ["entries, in a serializable transaction", Transaction.run(none, { isolation: "serializable" })] as const
    ]
  ]
  testIn(cache.layer({ capacity: size })).each(operations)("%s", function*([, operation]) {
    yield* Cached.setMany(ids.map((id, i) => [id, i] as const))
    expect(yield* turnsOf(operation)).toBeGreaterThanOrEqual(chunks - 1)
  })
})

describe.each(caches)("a transaction over $name", (cache) => {
  const keys = Array.from({ length: size }, (_, i) => `k:${i}`)
  const reading = (isolation: "fast" | "locked") =>
    turnsOf(Transaction.run(Cached.getMany(keys), { isolation, timeout: "1 day" }))
  testIn(cache.layer({ capacity: size }))("many keys", function*() {
    expect(yield* reading("fast")).toBeGreaterThanOrEqual(chunks - 1)
    // Each lock takes some time.
    expect(yield* reading("locked")).toBeGreaterThanOrEqual(size)
  })
})

describe.each(caches)("Cached.many over $name", (cache) => {
  const test = testIn(cache.layer({ capacity: size }))

  class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.Int }) {}
  const payloads = Array.from({ length: size }, (_, id) => ({ id }))
  const make = () => {
    const calls: Array<number> = []
    const users = Cached.many(User, (keys) =>
      Effect.sync(() => {
        calls.push(keys.length)
        return keys.map(({ id }) => Exit.succeed(id))
      }), { ttl: "1 hour" })
    return { calls, users }
  }

  test("one load for all", function*() {
    const { calls, users } = make()
    const read = Effect.map(
      users(payloads),
      (exits) => expect(exits).toEqual(payloads.map(({ id }) => Exit.succeed(id)))
    )
    // When they join, when they begin to wait for one call, and when it has answered.
    expect(yield* turnsOf(read)).toBeGreaterThanOrEqual(3 * (size / many.steps - 1))
    expect(calls).toEqual([size])
  })

  test("hits", function*() {
    const { calls, users } = make()
    yield* users(payloads)
    // When their keys are made, and when they are looked for.
    expect(yield* turnsOf(users(payloads))).toBeGreaterThanOrEqual(2 * (size / many.steps - 1))
    expect(calls).toEqual([size])
  })

  test("a caller that has joined gets an answer where the reader is interrupted before all are under way", function*() {
    const { calls, users } = make()
    const reader = yield* Effect.forkChild(impatient(users(payloads)), { startImmediately: true })
    // The keys are made and looked for in memory first.
    while ((yield* Cached.stats).misses === 0) yield* Effect.yieldNow
    const other = yield* Effect.forkChild(users([{ id: 0 }]), { startImmediately: true })
    yield* Fiber.interrupt(reader)
    expect(yield* Fiber.join(other)).toEqual([Exit.succeed(0)])
    expect(calls).toEqual([1])
  })
})

testIn(CacheLayer.memory())("counters", function*() {
  yield* Effect.forEach(Array.from({ length: size }, (_, i) => i), (i) => Cached.counter(`c:${i}`).increment(), {
    discard: true
  })
  expect(yield* turnsOf(Stream.runDrain(Cached.counters()))).toBeGreaterThanOrEqual(chunks - 1)
})

testIn(CacheLayer.memory())("a Map of many answers, of which one was asked for", function*() {
  class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.Int }) {}
  const answers = new Map(Array.from({ length: size }, (_, id) => [new User({ id }), Exit.succeed(id)]))
  const users = Cached.many(User, () => Effect.succeed(answers), { ttl: "1 hour" })
  expect(yield* turnsOf(users([{ id: size - 1 }]))).toBeGreaterThanOrEqual(size / many.steps - 1)
  expect(yield* users([{ id: size - 1 }])).toEqual([Exit.succeed(size - 1)])
})

it("quick work stays in one turn", () => {
  const items = Array.from({ length: size }, (_, i) => i)
  const seen: Array<number> = []
  const double = (some: ReadonlyArray<number>) => Effect.succeed(some.map((n) => 2 * n))
  const works = [
    [Turns.forEach(items, (n) => seen.push(n)), undefined],
    [Stream.runCollect(InTurns.inChunks(InTurns.each([1, 2, 3]))), [[1, 2, 3]]],
    [Turns.inParts([1, 2, 3], double), [2, 4, 6]],
    [Turns.inParts([1, 2, 3], double, 2), [2, 4, 6]]
  ] as const
  for (const [work, answer] of works) {
    const fiber = Effect.runFork(Effect.provide(work as Effect.Effect<unknown>, TestClock.layer()))
    expect(fiber.pollUnsafe()).toEqual(Exit.succeed(answer))
  }
  expect(seen).toEqual(items)
})

test("many items are requested in parts, and their answers keep the order of the items", function*() {
  const items = Array.from({ length: 600 }, (_, i) => i)
  const sizes: Array<number> = []
  const answers = yield* Turns.inParts(items, (part) => {
    sizes.push(part.length)
    return Effect.succeed(part.map((n) => 2 * n))
  })
  expect(sizes).toEqual([chunk, chunk, 600 - 2 * chunk])
  expect(answers).toEqual(items.map((n) => 2 * n))
})
