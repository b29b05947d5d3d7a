/** If a store reports only changes of entries that were read, memory does not trust the other values for long. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Layer, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, Store, Strategy } from "effect-cached"
import { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"

class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.Int }) {}

const over = (parts: (store: Store.Store) => Partial<Store.Store>) => {
  const store = MemoryStore.make()
  const changes = Stream.concat(Stream.make<Array<Store.Change>>({ _tag: "Coherent" }), Stream.never)
  const asked: Store.Store = {
    ...store,
    capabilities: { shared: true, changes: "reads" },
    getUnsafe: undefined,
    getCallback: undefined,
    changesUnsafe: undefined,
    changes,
    ...parts(store)
  }
  return Layer.provide(CacheLayer.layerWith({ maxStaleness: "10 seconds" }), Layer.succeed(Store.Store, asked))
}

describe("a store that reports changes of reads only", () => {
  it.effect.each([["acquired", false], ["not acquired", true]] as const)(
    "P2 · the result of a load whose lease was %s stays in memory only as long as it can be trusted",
    ([, isDown]) =>
      Effect.gen(function*() {
        let loads = 0
        const read = Effect.sync(() => ++loads).pipe(Cached.ttl({ key: "k", ttl: "1 hour" }))
        yield* TestClock.adjust("1 second")
        expect((yield* Cached.stats).coherence).toBe("keys")
        expect(yield* read).toBe(1)
        yield* TestClock.adjust("9 seconds")
        expect(yield* read).toBe(1)
        yield* TestClock.adjust("2 seconds")
        expect(yield* read).toBe(isDown ? 2 : 1)
      }).pipe(
        Effect.provide(over((store) => ({
          get: () => Effect.succeed({ entry: undefined, versions: [] }),
          acquire: isDown
            ? () => Effect.fail(new StoreError({ store: "down", operation: "acquire", reason: "Denied" }))
            : store.acquire
        })))
      )
  )

  it.effect("P2 · the result of a load during an invalidation of its id does not stay in memory", () =>
    Effect.gen(function*() {
      let loads = 0
      const read = Effect.sync(() => ++loads).pipe(Cached.ttl({ key: "k", ttl: "1 hour" }))
      yield* TestClock.adjust("1 second")
      expect(yield* read).toBe(1)
      const invalidating = yield* Effect.forkChild(Cached.invalidate("k"), { startImmediately: true })
      yield* TestClock.adjust("10 millis")
      expect(yield* read).toBe(2)
      yield* TestClock.adjust("1 second")
      expect(invalidating.pollUnsafe()).toBeDefined()
      expect((yield* Cached.stats).size).toBe(0)
    }).pipe(Effect.provide(over((store) => ({ remove: (id) => Effect.delay(store.remove(id), "100 millis") })))))

  it.effect("P2 · an answer for a key that was not asked for is found in the store, and not in memory", () =>
    Effect.gen(function*() {
      const lookup = (keys: ReadonlyArray<User>) =>
        Effect.sync(() => new Map([...keys, new User({ id: 2 })].map((key) => [key, Exit.succeed(key.id)])))
      const users = Cached.many(User, { lookup, strategy: Strategy.ttl({ ttl: "1 hour" }) })
      yield* TestClock.adjust("1 second")
      yield* users([{ id: 1 }])
      yield* TestClock.adjust("1 second")
      expect((yield* Cached.stats).size).toBe(1)
    }).pipe(Effect.provide(over(() => ({})))))
})
