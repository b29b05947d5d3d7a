/** A value that is written while any change may be missed. */
import { expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Queue, Stream } from "effect"
import { Cached, CacheLayer, type Caching, Transaction } from "effect-cached"
import { Store } from "effect-cached/adapters"
import type { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"

it.effect.each<[string, Effect.Effect<unknown, unknown, Caching.Caching>, "set" | "markers"]>([
  ["set on a condition", Cached.set("k", 1, { tags: ["t"], ifAbsent: true }), "set"],
  ["set in a transaction", Transaction.run(Cached.set("k", 1, { tags: ["t"] }), { isolation: "fast" }), "markers"]
])(
  "P2 · a value that is %s while changes are lost does not enter memory",
  ([, write, operation]) =>
    Effect.gen(function*() {
      const store = MemoryStore.make()
      const changes = yield* Queue.make<Store.Change>()
      yield* Queue.offer(changes, { _tag: "Coherent" })
      const run = store[operation] as (...args: ReadonlyArray<any>) => Effect.Effect<any, StoreError>
      const made: Store.Store = {
        ...store,
        capabilities: { shared: true, changes: true },
        getUnsafe: undefined,
        getCallback: undefined,
        changesUnsafe: undefined,
        changes: Stream.fromQueue(changes),
        [operation]: (...args: ReadonlyArray<any>) => Effect.delay(run(...args), "100 millis")
      }
      const layer = Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, made))
      yield* Effect.gen(function*() {
        yield* TestClock.adjust("1 second")
        const writing = yield* Effect.forkChild(write, { startImmediately: true })
        yield* TestClock.adjust("10 millis")
        yield* Queue.offer(changes, { _tag: "Gap" })
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(writing)
        expect((yield* Cached.stats).size).toBe(0)
        expect(yield* Cached.getOption("k")).toEqual(Option.some(1))
      }).pipe(Effect.provide(layer), Effect.orDie)
    })
)
