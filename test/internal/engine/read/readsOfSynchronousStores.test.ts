/** Reads of a store that answers at once: how many in a turn, and what follows its faults. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer } from "effect"
import { Cached, CacheLayer, CachePolicy, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { settle, start } from "../../../support/caches.ts"
import { testWith } from "../../../support/tests.ts"

/** A store that counts how often it is asked at once, and fails then if it is broken. */
const atOnce = (options: CacheLayer.LayerOptions = {}) => {
  const inner = MemoryStore.make()
  const seen = { asked: 0, broken: false }
  const fault = new StoreError({ store: "at once", operation: "get", reason: "Unavailable" })
  const store: Store.Store = {
    ...inner,
    get: (id, tags) => seen.broken ? Effect.fail(fault) : inner.get(id, tags),
    getUnsafe: (id, tags) => {
      seen.asked++
      if (seen.broken) throw fault
      return inner.getUnsafe(id, tags)
    }
  }
  const layer = CacheLayer.layer({ memory: false, ...options }).pipe(
    Layer.provide(Layer.succeed(Store.Store, store))
  )
  return { layer, seen }
}

const testAtOnce = testWith(atOnce, ({ layer }) => layer)

const read = (key: string) => Cached.ttl(Effect.succeed("loaded"), key, { ttl: "1 hour" })

const keys = Array.from({ length: 200 }, (_, i) => `key ${i}`)

const stored = Effect.forEach(keys, (key) => Cached.set(key, "stored"))

describe("of 200 reads in a turn", () => {
  testAtOnce("128 ask the store, and the others in the next", function*({ seen }) {
    yield* stored
    yield* settle
    const readers = yield* start(Effect.forEach(keys, read, { concurrency: "unbounded" }))
    expect(seen.asked).toBe(128)
    yield* settle
    expect(seen.asked).toBe(200)
    expect(readers.pollUnsafe()).toEqual(Exit.succeed(keys.map(() => "stored")))
  })

  testAtOnce("all ask the store if none can wait", function*({ seen }) {
    yield* stored
    const context = yield* Effect.context<Caching.Caching>()
    for (const key of keys) expect(Effect.runSyncWith(context)(read(key))).toBe("stored")
    expect(seen.asked).toBe(200)
  })

  it.effect("all ask the store if their flights are private", () => {
    const { layer, seen } = atOnce({ flights: "private" })
    return Effect.gen(function*() {
      yield* stored
      yield* settle
      yield* start(Effect.forEach(keys, read, { concurrency: "unbounded" }))
      expect(seen.asked).toBe(200)
    }).pipe(Effect.provide(layer))
  })
})

testAtOnce("a store that fails is a failure of a strict read alone", function*({ seen }) {
  yield* stored
  expect(yield* CachePolicy.strict(read("key 1"))).toBe("stored")
  seen.broken = true
  const exit = yield* Effect.exit(CachePolicy.strict(read("key 1")))
  expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(StoreError)
  expect(yield* read("key 2")).toBe("stored")
  seen.broken = false
})
