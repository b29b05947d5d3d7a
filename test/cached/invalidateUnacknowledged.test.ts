/** Invalidations that the store has not acknowledged are sent again, and only while nothing newer replaces them. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Layer, Option, Schema, Stream } from "effect"
import { Cached, CacheError, CacheKey, CachePolicy, type Caching, Transaction } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import { fakeStore, over, settle, started } from "../support/caches.ts"
import { pluralOf } from "../support/pluralOf.ts"

const unavailable = new CacheError.StoreError({ store: "fake", operation: "any", reason: "Unavailable" })

it.effect("an invalidation that is sent again skips what was set meanwhile", () => {
  const fake = fakeStore()
  // More than one request removes.
  const ids = Array.from({ length: 300 }, (_, i) => `id:${i}`)
  return Effect.gen(function*() {
    yield* Cached.setMany(ids.map((id) => [id, 1]))
    fake.behave = () => ({ before: Effect.fail(unavailable) })
    yield* Cached.invalidate(ids)
    const answers = yield* Latch.make()
    fake.behave = (operation, id) => operation === "remove" && id === "id:0" ? { before: answers.await } : {}
    // The replay waits for the removal of the first.
    yield* TestClock.adjust("3 seconds")
    yield* Cached.set("id:299", 2)
    expect(fake.entries.has("id:299")).toBe(true)
    yield* answers.open
    yield* settle
    expect(Array.from(fake.entries.keys())).toEqual(["id:299"])
  }).pipe(Effect.provide(over(fake, { storeTimeout: "1 minute" })))
})

const tags = ["t"]

/** A store in memory that refuses invalidations while it is down. */
const fallible = () => {
  const inMemory = MemoryStore.make()
  const fallible = { isDown: false, layer: undefined as unknown as Layer.Layer<Caching.Caching> }
  const unlessDown = <A>(effect: Effect.Effect<A, CacheError.StoreError>) =>
    Effect.suspend(() => fallible.isDown ? Effect.fail(unavailable) : effect)
  fallible.layer = over({
    layer: Layer.succeed(Store.Store, {
      ...inMemory,
      invalidateTags: (...asked) => unlessDown(inMemory.invalidateTags(...asked)),
      remove: pluralOf.remove((id) => unlessDown(singly(inMemory).remove(id))),
      clear: unlessDown(inMemory.clear)
    })
  })
  return fallible
}

describe.each([
  ["a tag", Cached.invalidate({ tag: "t" })],
  ["everything", Cached.clear],
  ["its id", Cached.invalidate("a")]
])("a value written after an unacknowledged invalidation of %s stays", (_, invalidate) => {
  it.effect.each<[string, Effect.Effect<unknown, unknown, Caching.Caching>]>([
    ["Cached.set", Cached.set("a", 2, { tags })],
    ["a strict Cached.set", CachePolicy.strict(Cached.set("a", 2, { tags }))],
    ["Cached.set with a condition", Cached.set("a", 2, { tags, ifAbsent: true })],
    ["Cached.setMany", Cached.setMany([["a", 2]], { tags })],
    ["Cached.update", Cached.update("a", () => Option.some(2), { tags })],
    ["a transaction", Transaction.run(Cached.set("a", 2, { tags }), { isolation: "fast" })],
    ["a strict load", CachePolicy.strict(Cached.ttl(Effect.succeed(2), "a", { ttl: "1 hour", tags }))]
  ])("written by %s", ([, write]) => {
    const store = fallible()
    return Effect.gen(function*() {
      yield* Cached.set("a", 1, { tags })
      store.isDown = true
      yield* invalidate
      store.isDown = false
      yield* write
      yield* TestClock.adjust("1 minute")
      expect(yield* Cached.getOption("a")).toEqual(Option.some(2))
      expect(yield* Effect.provide(Cached.getOption("a"), Layer.fresh(store.layer))).toEqual(Option.some(2))
    }).pipe(Effect.provide(store.layer))
  })
})

it.effect("P2 · a strict Cached.setMany that fails for one key leaves no older value of another", () => {
  class Row extends CacheKey.Class<Row>()("row", {
    payload: { name: Schema.String },
    success: Schema.Finite,
    tags: ({ name }) => [name]
  }) {}
  // More than one wave.
  const keys = Array.from({ length: 300 }, (_, i) => new Row({ name: i === 0 ? "a" : `${i}` }))
  const set = (value: number) => Cached.setMany(keys.map((key) => [key, value] as const))
  const store = fallible()
  return Effect.gen(function*() {
    yield* set(1)
    store.isDown = true
    yield* Cached.invalidate({ tag: "a" })
    expect(yield* Effect.exit(CachePolicy.strict(set(2)))).toMatchObject({ _tag: "Failure" })
    expect(new Set((yield* Cached.getMany(keys.slice(1))).map(Option.getOrUndefined))).toEqual(new Set([2]))
  }).pipe(Effect.provide(store.layer))
})

describe("while the store refuses a clear", () => {
  const visits = Cached.counter("visits")

  const cleared = (
    use: Effect.Effect<void, unknown, Caching.Caching>,
    add: Effect.Effect<number, unknown, Caching.Caching> = visits.increment()
  ) => {
    const store = fallible()
    return Effect.gen(function*() {
      yield* visits.increment({ by: 5 })
      store.isDown = true
      yield* Cached.clear
      yield* use
      store.isDown = false
    }).pipe(
      Effect.andThen(Effect.gen(function*() {
        expect(yield* add).toBe(1)
        expect(yield* add).toBe(2)
        yield* TestClock.adjust("1 minute")
        expect(yield* visits.get).toBe(2)
      })),
      Effect.provide(store.layer)
    )
  }

  it.effect("a counter is neither read nor changed, and what is added afterwards stays", () =>
    cleared(Effect.gen(function*() {
      const refused: ReadonlyArray<Effect.Effect<unknown, CacheError.StoreError, Caching.Caching>> = [
        visits.get,
        visits.increment(),
        visits.touch("1 hour"),
        visits.expiresIn,
        visits.remove,
        Stream.runDrain(Cached.counters())
      ]
      for (const use of refused) expect((yield* Effect.flip(use)).reason).toBe("Unavailable")
    })))

  it.effect("what a transaction adds afterwards stays, too", () =>
    cleared(Effect.void, Transaction.run(visits.increment(), { isolation: "fast" })))

  it.effect("what a transaction that was under way adds stays, too", () => {
    const store = fallible()
    return Effect.gen(function*() {
      const goesOn = yield* Latch.make()
      const adding = yield* started(
        Transaction.run(Effect.tap(visits.increment(), goesOn.await), { isolation: "fast" })
      )
      store.isDown = true
      yield* Cached.clear
      store.isDown = false
      yield* goesOn.open
      expect(yield* Fiber.join(adding)).toBe(1)
      yield* TestClock.adjust("1 minute")
      expect(yield* visits.get).toBe(1)
    }).pipe(Effect.provide(store.layer))
  })

  it.effect("a strict Cached.set fails", () =>
    cleared(Effect.gen(function*() {
      const error = yield* Effect.flip(CachePolicy.strict(Cached.set("a", 2, { tags })))
      expect(error).toMatchObject({ operation: "set", reason: "Unavailable" })
    })))
})
