/** The deadlines of an entry that is read with another constant lifetime, to the millisecond, and late in the day. */
import { expect } from "@effect/vitest"
import { Duration, Effect, Layer, Option, Stream } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { counting, elapse } from "../../../support/caches.ts"
import * as Looking from "../../../support/looking.ts"
import { testIn } from "../../../support/tests.ts"

const test = testIn(CacheLayer.memory())

const left = Effect.map(Looking.expiresIn("k"), Option.map(Duration.toMillis))

test("what has just ended is not prolonged", function*() {
  const { load } = counting()
  yield* load.pipe(Cached.ttl("k", { ttl: 60_500 }))
  yield* TestClock.adjust(60_000)
  // Memory has looked for expired entries, and does so again in a second.
  yield* Cached.has("another")
  yield* TestClock.adjust(500)
  expect(yield* load.pipe(Cached.ttl("k", { ttl: "1 hour" }))).toBe(2)
})

test("a longer constant counts from when the entry was made", function*() {
  yield* TestClock.adjust("1 day")
  const { load } = counting()
  yield* load.pipe(Cached.ttl("k", { ttl: "1 minute" }))
  yield* TestClock.adjust("30 seconds")
  expect(yield* load.pipe(Cached.ttl("k", { ttl: "1 hour" }))).toBe(1)
  expect(yield* left).toEqual(Option.some(3_570_000))
})

testIn(CacheLayer.memory({ capacity: 2, eviction: "lru" }))(
  "an entry whose reader's constant has ended makes room before others",
  function*() {
    const read = (key: string, ttl: Duration.Input) => counting().load.pipe(Cached.ttl(key, { ttl }))
    for (const key of ["other", "k"]) yield* read(key, "1 day")
    yield* read("k", "1 minute")
    yield* TestClock.adjust("2 minutes")
    yield* read("new", "1 day")
    expect([yield* Cached.has("other"), yield* Cached.has("new")]).toEqual([true, true])
  }
)

test("a stream is not prolonged", function*() {
  const { load } = counting()
  const read = (ttl: Duration.Input) => Stream.runCollect(Cached.stream(Stream.fromEffect(load), "k", { ttl }))
  yield* read("1 minute")
  yield* TestClock.adjust("30 seconds")
  expect(yield* read("1 hour")).toEqual([1])
  yield* elapse("31 seconds")
  expect(yield* read("1 hour")).toEqual([2])
})

testIn(Layer.provide(CacheLayer.layer(), MemoryStore.layer))(
  "a result that inherits the end of what it read may be prolonged if that has none",
  function*() {
    const { load } = counting()
    const inner = Cached.untilInvalidated(Effect.void, "inner")
    yield* Effect.andThen(inner, load).pipe(Cached.ttl("k", { ttl: "1 minute", inherit: "life" }))
    yield* load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
    expect(yield* left).toEqual(Option.some(3_600_000))
  }
)
