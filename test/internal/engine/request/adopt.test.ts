/** The deadlines of an entry that is read with another constant lifetime, to the millisecond, and late in the day. */
import { expect, it } from "@effect/vitest"
import { Duration, Effect, Layer, Option, Stream } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { counting, settle } from "../../../support/caches.ts"

const left = Effect.map(Cached.expiresIn("k"), Option.map(Duration.toMillis))

it.effect("what has just ended is not prolonged", () =>
  Effect.gen(function*() {
    const { load } = counting()
    yield* load.pipe(Cached.ttl({ key: "k", ttl: 60_500 }))
    yield* TestClock.adjust(60_500)
    expect(yield* load.pipe(Cached.ttl({ key: "k", ttl: "1 hour" }))).toBe(2)
  }).pipe(Effect.provide(CacheLayer.memory())))

it.effect("a longer constant counts from when the entry was made", () =>
  Effect.gen(function*() {
    yield* TestClock.adjust("1 day")
    const { load } = counting()
    yield* load.pipe(Cached.ttl({ key: "k", ttl: "1 minute" }))
    yield* TestClock.adjust("30 seconds")
    expect(yield* load.pipe(Cached.ttl({ key: "k", ttl: "1 hour" }))).toBe(1)
    expect(yield* left).toEqual(Option.some(3_570_000))
  }).pipe(Effect.provide(CacheLayer.memory())))

it.effect("memory removes an entry when its reader's constant ends", () =>
  Effect.gen(function*() {
    const { load } = counting()
    yield* load.pipe(Cached.ttl({ key: "k", ttl: "1 day" }))
    yield* load.pipe(Cached.ttl({ key: "k", ttl: "1 minute" }))
    yield* TestClock.adjust("2 minutes")
    expect(yield* Cached.size).toBe(0)
  }).pipe(Effect.provide(CacheLayer.memory())))

it.effect("a stream is not prolonged", () =>
  Effect.gen(function*() {
    const { load } = counting()
    const read = (ttl: Duration.Input) => Stream.runCollect(Cached.stream(Stream.fromEffect(load), { key: "k", ttl }))
    yield* read("1 minute")
    yield* TestClock.adjust("30 seconds")
    expect(yield* read("1 hour")).toEqual([1])
    yield* TestClock.adjust("31 seconds")
    yield* settle
    expect(yield* read("1 hour")).toEqual([2])
  }).pipe(Effect.provide(CacheLayer.memory())))

it.effect("a result that inherits only the end of what it read may be prolonged if it has read nothing", () =>
  Effect.gen(function*() {
    const { load } = counting()
    yield* load.pipe(Cached.ttl({ key: "k", ttl: "1 minute", inherit: "life" }))
    yield* load.pipe(Cached.ttl({ key: "k", ttl: "1 hour" }))
    expect(yield* left).toEqual(Option.some(3_600_000))
  }).pipe(Effect.provide(Layer.provide(CacheLayer.layer, MemoryStore.layer))))
