/**
 * A store that never answers: thousands of reads time out at once. The event loop is real, because its turns are
 * counted: the test waits for some tens of milliseconds.
 */
import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { turns } from "../support/turns.ts"

const memory = MemoryStore.make()
const hanging = Store.complete({
  ...memory,
  name: "hanging",
  // Each read asks for itself.
  capabilities: { ...memory.capabilities, separate: true },
  getUnsafe: undefined,
  get: () => Effect.never,
  acquire: () => Effect.never
})

const layer = CacheLayer.layer({ storeTimeout: 50 }).pipe(Layer.provide(Layer.succeed(Store.Store, hanging)))

it.live("reads of a store that hangs proceed without it, some in each turn", () =>
  Effect.gen(function*() {
    const { most, note } = yield* turns
    const ids = Array.from({ length: 1000 }, (_, i) => i)
    const read = (i: number) => Effect.as(note, i).pipe(Cached.ttl(`k${i}`, { ttl: "1 hour" }))
    expect(yield* Effect.forEach(ids, read, { concurrency: "unbounded" })).toEqual(ids)
    // Turns are counted beside the limit, so two slices of 64 may fall into one.
    expect(most()).toBeLessThanOrEqual(2 * 64)
  }).pipe(Effect.provide(layer)))
