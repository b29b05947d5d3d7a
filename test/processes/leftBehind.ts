/** Leaves a read behind that waits for a store, by a clock that stands. */
import { Effect, Layer } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"

const silent = Store.complete({
  ...MemoryStore.make(),
  name: "silent",
  get: () => Effect.never,
  getUnsafe: undefined,
  getCallback: () => {}
})

const cache = CacheLayer.layer().pipe(Layer.provide(Layer.succeed(Store.Store, silent)))

const program = Effect.gen(function*() {
  const context = yield* Layer.build(cache)
  const read = Effect.succeed(1).pipe(Cached.ttl("k", { ttl: "1 hour" }))
  yield* Effect.forkDetach(Effect.provide(read, context), { startImmediately: true })
  // The cache stays open, as that of a killed process does: closing it would end the read.
  yield* Effect.sync(() => console.log("waits"))
  yield* Effect.never
})

Effect.runFork(program.pipe(Effect.scoped, Effect.provide(TestClock.layer())))
