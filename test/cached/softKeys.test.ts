/** Soft invalidation of single keys and by pattern: an entry is stale, not gone, for all processes. */
import { describe, expect } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, Option, Redacted, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy, Transaction } from "effect-cached"
import { Serializer } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { Json } from "effect-cached/serializers/Json"
import * as Signed from "effect-cached/serializers/Signed"
import { RecordingCache } from "effect-cached/testing"
import { TestClock } from "effect/testing"
import { caches, counting, start, started } from "../support/caches.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test, testIn } from "../support/tests.ts"

class Report extends CacheKey.Class<Report>()("Report", {
  payload: { city: Schema.String },
  success: Schema.Number,
  error: Schema.String
}) {}

const berlin = new Report({ city: "Berlin" })
const down = Effect.fail("down")

const ways = [
  ["a string", "k", "k"],
  ["a key", berlin, berlin],
  ["a pattern", "k", { matching: "k*" }],
  ["a pattern without special characters", "k", { matching: "k" }],
  ["a list", "k", ["k", "other"]]
] as const

describe.each(caches)("soft invalidation over $name", (cache) => {
  const test = testIn(cache.layer())

  test.each(ways)("%s: softTtl loads, and serves the stale value if that fails", function*([, key, target]) {
    const read = <E>(load: Effect.Effect<number, E>) =>
      load.pipe(
        Cached.softTtl(key as string, { ttl: "1 hour", softTtl: "30 minutes", retryAfter: 0, fallbackOn: "all" })
      )
    expect(yield* read(Effect.succeed(1))).toBe(1)
    yield* Cached.invalidate(target as Cached.Target, { mode: "soft" })
    const entry = Option.getOrThrow(yield* Cached.getEntry(key))
    expect([entry.value, entry.softExpiresAt]).toEqual([1, -Infinity])
    expect([yield* read(down), yield* read(Effect.succeed(2))]).toEqual([1, 2])
    expect(yield* read(Effect.die("not asked"))).toBe(2)
    yield* Cached.invalidate(target as Cached.Target, { mode: "soft" })
    yield* TestClock.adjust("1 hour")
    expect(yield* Effect.exit(read(down))).toEqual(Exit.fail("down"))
  })

  test("other keys stay as they are, a key without an entry stays without, and ttl loads again", function*() {
    const read = (key: string, value: number) => Effect.succeed(value).pipe(Cached.ttl(key, { ttl: "1 hour" }))
    yield* Effect.all([read("k", 1), read("k2", 1)])
    yield* Cached.invalidate(["k", "nothing"], { mode: "soft" })
    expect(yield* Cached.has("nothing")).toBe(false)
    expect(yield* Effect.all([read("k", 2), read("k2", 2)])).toEqual([2, 1])
  })

  test("a load that runs stores nothing, and the next read loads", function*() {
    const { counts, get: read } = counting(1000)
    const first = yield* started(read)
    yield* Cached.invalidate("k", { mode: "soft" })
    const second = yield* start(read)
    yield* TestClock.adjust("1 second")
    expect(yield* Fiber.join(first)).toBe(1)
    yield* TestClock.adjust("1 second")
    expect(yield* Fiber.join(second)).toBe(2)
    expect(counts.started).toBe(2)
  })

  test("a getEntry afterwards gives the writeId with which the entry can be replaced", function*() {
    yield* Cached.set("k", 1)
    yield* Cached.invalidate("k", { mode: "soft" })
    const { writeId } = Option.getOrThrow(yield* Cached.getEntry("k"))
    expect(yield* Cached.set("k", 2, { ifUnchanged: writeId })).toBe(true)
  })

  test("invalidateAfter takes the mode, in a pipe and outside", function*() {
    yield* Cached.set("k", 1)
    yield* Effect.void.pipe(Cached.invalidateAfter("k", { mode: "soft" }))
    expect(Option.getOrThrow(yield* Cached.getEntry("k")).softExpiresAt).toBe(-Infinity)
    yield* Cached.set("k", 1, { tags: ["t"] })
    yield* Cached.invalidateAfter(Effect.void, { tag: "t" }, { mode: "soft" })
    expect(Option.getOrThrow(yield* Cached.getEntry("k")).softExpiresAt).toBe(-Infinity)
    yield* Effect.void.pipe(Cached.invalidateAfter("k", undefined))
    expect(yield* Cached.has("k")).toBe(false)
  })
})

test("a signed entry stays valid, without a warning", function*() {
  const lines: Array<unknown> = []
  const logger = Logger.layer([Logger.make(({ message }) => void lines.push(message))])
  const keys = { a: Redacted.make("a secret that has at least 32 bytes") }
  const layer = CacheLayer.layer({ memory: false }).pipe(
    Layer.provide([
      MemoryStore.layer,
      Layer.succeed(Serializer.Serializer, Signed.make(Json, { keys, current: "a" })),
      logger
    ])
  )
  yield* Effect.gen(function*() {
    yield* Cached.set("k", 1)
    yield* Cached.invalidate("k", { mode: "soft" })
    const entry = Option.getOrThrow(yield* Cached.getEntry("k"))
    expect([entry.value, entry.softExpiresAt]).toEqual([1, -Infinity])
  }).pipe(Effect.provide(layer))
  expect(lines).toEqual([])
})

describe("across engines on one folder", () => {
  test("the other's copy is stale too, as is the entry of a process that begins later", function*() {
    const directory = yield* tempDirectory
    const engine = Layer.build(Layer.fresh(CacheLayer.disk({ directory })))
    const [one, other] = [yield* engine, yield* engine]
    const read = <E>(load: Effect.Effect<number, E>) =>
      load.pipe(Cached.softTtl("k", { ttl: "1 hour", softTtl: "30 minutes", retryAfter: 0, fallbackOn: "all" }))
    yield* read(Effect.succeed(1)).pipe(Effect.provide(one))
    expect(yield* read(down).pipe(Effect.provide(other))).toBe(1)
    yield* Cached.invalidate("k", { mode: "soft" }).pipe(Effect.provide(one))
    yield* TestClock.adjust("100 millis")
    for (const some of [other, yield* engine]) {
      const entry = Option.getOrThrow(yield* Cached.getEntry("k").pipe(Effect.provide(some)))
      expect([entry.value, entry.softExpiresAt]).toEqual([1, -Infinity])
      expect(yield* read(down).pipe(Effect.provide(some))).toBe(1)
    }
    expect(yield* read(Effect.succeed(2)).pipe(Effect.provide(other))).toBe(2)
  })

  test("what the other loads meanwhile is not stored", function*() {
    const directory = yield* tempDirectory
    const engine = Layer.build(Layer.fresh(CacheLayer.disk({ directory })))
    const [one, other] = [yield* engine, yield* engine]
    const { load } = counting(1000)
    const read = load.pipe(CachePolicy.refresh, Cached.softTtl("k", { ttl: "1 hour", softTtl: "1 minute" }))
    yield* Cached.set("k", 0).pipe(Effect.provide(one))
    const loading = yield* start(read.pipe(CachePolicy.refresh, Effect.provide(other)))
    yield* TestClock.adjust("500 millis")
    yield* Cached.invalidate("k", { mode: "soft" }).pipe(Effect.provide(one))
    yield* TestClock.adjust("500 millis")
    expect(yield* Fiber.join(loading)).toBe(1)
    const entry = Option.getOrThrow(yield* Cached.getEntry("k").pipe(Effect.provide(one)))
    expect([entry.value, entry.softExpiresAt]).toEqual([0, -Infinity])
  })
})

describe("while the store fails", () => {
  test.overFake("memory serves the stale value, and the store loses the entry as soon as it answers", function*(fake) {
    const read = <E>(load: Effect.Effect<number, E>) =>
      load.pipe(Cached.softTtl("k", { ttl: "1 hour", softTtl: "30 minutes", retryAfter: 0, fallbackOn: "all" }))
    yield* read(Effect.succeed(1))
    fake.behave = () => ({ before: Effect.die("gone") })
    yield* Cached.invalidate("k", { mode: "soft" })
    expect(yield* read(down)).toBe(1)
    fake.behave = () => ({})
    yield* TestClock.adjust("1 minute")
    expect(fake.entries.size).toBe(0)
    expect(yield* read(Effect.succeed(2))).toBe(2)
  })

  test.overFake("a strict call fails", function*(fake) {
    yield* Cached.set("k", 1)
    fake.behave = () => ({ before: Effect.die("gone") })
    const error = yield* Effect.flip(CachePolicy.strict(Cached.invalidate("k", { mode: "soft" })))
    expect(error._tag).toBe("StoreError")
  })
})

testIn(CacheLayer.memory())("inside a transaction the entry is removed", function*() {
  yield* Cached.set("k", 1)
  yield* Transaction.run(Cached.invalidate("k", { mode: "soft" }))
  expect(yield* Cached.has("k")).toBe(false)
})

testIn(CacheLayer.memory({ inherit: "changes" }))("what depends on the key is invalidated", function*() {
  const inner = Effect.succeed(1).pipe(Cached.ttl("inner", { ttl: "1 hour" }))
  yield* inner.pipe(Cached.ttl("outer", { ttl: "1 hour" }))
  yield* Cached.invalidate("inner", { mode: "soft" })
  expect([yield* Cached.has("inner"), yield* Cached.has("outer")]).toEqual([true, false])
})

testIn(RecordingCache.layer(CacheLayer.memory()))("a recording names the mode", function*() {
  yield* Cached.invalidate("k", { mode: "soft" })
  expect(yield* (yield* RecordingCache).log).toEqual([{ _tag: "Invalidate", ids: ["k"], mode: "soft" }])
})
