/** A store that answers nothing: thousands of reads are late at once. */
import { expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { Cached, CacheLayer, Store } from "effect-cached"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { turns } from "../support/turns.ts"

const hanging = Store.complete({
  ...MemoryStore.make(),
  name: "hanging",
  getUnsafe: undefined,
  get: () => Effect.never,
  acquire: () => Effect.never
})

const layer = CacheLayer.layerWith({ storeTimeout: "500 millis" }).pipe(
  Layer.provide(Layer.succeed(Store.Store, hanging))
)

it.effect("reads of a store that hangs go on without it, some in each turn", () =>
  Effect.gen(function*() {
    const { most, note } = yield* turns
    const ids = Array.from({ length: 1000 }, (_, i) => i)
    const reading = yield* Effect.forkChild(
      Effect.forEach(ids, (i) => Effect.as(note, i).pipe(Cached.ttl({ key: `k${i}`, ttl: "1 hour" })), {
        concurrency: "unbounded"
      }),
      { startImmediately: true }
    )
    yield* TestClock.adjust("500 millis")
    expect(yield* Fiber.join(reading)).toEqual(ids)
    // one more slice of 64 may fall into a turn, as turns are counted beside it
    expect(most()).toBeLessThanOrEqual(2 * 64)
  }).pipe(Effect.provide(layer)))
