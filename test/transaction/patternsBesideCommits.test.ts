/** Invalidations by pattern beside commits: they list the entries that exist, and a commit may be under way. */
import { expect } from "@effect/vitest"
import { Effect, Fiber, Latch, Layer, Option } from "effect"
import { Cached, CacheLayer, Transaction } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { started } from "../support/caches.ts"
import { test } from "../support/tests.ts"

test("P2 · an invalidation by pattern reaches a load whose transaction is just being committed", function*() {
  const store = MemoryStore.make()
  const commits = yield* Latch.make()
  const waiting: Store.Store = {
    ...store,
    getUnsafe: undefined,
    transact: (request) => Effect.andThen(commits.await, store.transact!(request))
  }
  yield* Effect.gen(function*() {
    const read = Effect.succeed("old").pipe(Cached.ttl("k", { ttl: "1 hour" }))
    const transaction = yield* started(Transaction.run(Effect.andThen(read, Cached.set("other", 1))))
    yield* Cached.invalidate({ matching: "*" })
    yield* commits.open
    yield* Fiber.join(transaction)
    expect(yield* Cached.getOption("k")).toEqual(Option.none())
  }).pipe(Effect.provide(CacheLayer.layer().pipe(Layer.provide(Layer.succeed(Store.Store, waiting)))))
})
