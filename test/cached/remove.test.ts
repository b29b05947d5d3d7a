/** `remove` reports whether there was an entry; one that has expired, or was ended by a tag, does not count. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Cached, type CacheLayer, Transaction } from "effect-cached"
import { type CacheEntry, Store } from "effect-cached/adapters"
import { FilesStore } from "effect-cached/files"
import { MemoryStore } from "effect-cached/memory"
import { SqliteStore } from "effect-cached/sqlite"
import { TestClock } from "effect/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import { caches, over } from "../support/caches.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test, testIn } from "../support/tests.ts"

const stores: Record<string, Layer.Layer<Store.Store, unknown>> = {
  "a store in memory": MemoryStore.layer,
  "files": Layer.unwrap(Effect.map(tempDirectory, (directory) => FilesStore.layer({ directory }))),
  "a database": Layer.unwrap(Effect.map(tempDirectory, (directory) => SqliteStore.layer({ directory })))
}

const memories: Record<string, CacheLayer.LayerOptions> = { memory: {}, "no memory": { memory: false } }

const prepared = Effect.gen(function*() {
  for (const n of [1, 2, 3]) {
    yield* Cached.set(`tagged${n}`, n, { tags: ["t"] })
    yield* Cached.set(`short${n}`, n, { ttl: "1 minute" })
    yield* Cached.set(`kept${n}`, n, { ttl: "1 day", tags: ["other"] })
  }
  yield* Cached.invalidate({ tag: "t" })
  yield* TestClock.adjust("2 minutes")
})

const removals = Effect.gen(function*() {
  const one = yield* Effect.forEach(["tagged1", "short1", "kept1", "kept1"], (id) => Cached.remove(id))
  return [...one, yield* Cached.remove(["tagged2", "short2", "kept2", "kept1"])]
})

describe("a removal", () => {
  for (const [store, layer] of Object.entries(stores)) {
    for (const [memory, options] of Object.entries(memories)) {
      const test = testIn(over({ layer: Layer.fresh(layer) as Layer.Layer<Store.Store> }, options))
      const expected = [false, false, true, false, 1]

      test(`reports what there was over ${store}, with ${memory}`, function*() {
        yield* prepared
        expect(yield* removals).toEqual(expected)
      })

      if (store !== "files") {
        test(`reports it in a transaction over ${store}, with ${memory}`, function*() {
          yield* prepared
          expect(yield* Transaction.run(removals)).toEqual(expected)
        })
      }
    }
  }

  test("of what a storage cannot read is carried out all the same", function*() {
    const entries = new Map<string, CacheEntry.Stored>()
    let isDown = false
    const get = (id: string) => {
      if (isDown) throw new Error("cannot read")
      return entries.get(id)
    }
    const parts = {
      set: (id: string, entry: CacheEntry.Stored) => void entries.set(id, entry),
      remove: (id: string) => entries.delete(id)
    }
    const sync = Store.makeSync({ name: "sync", get, ...parts })
    const other = Store.make({
      name: "other",
      get: (id) => Effect.sync(() => get(id)),
      set: (id, entry) => Effect.sync(() => parts.set(id, entry)),
      remove: (id) => Effect.sync(() => parts.remove(id))
    })
    for (const store of [sync, other]) {
      isDown = false
      yield* Cached.set("k", 1).pipe(Effect.provide(over({ layer: Layer.succeed(Store.Store, store) })))
      expect(entries.size).toBe(1)
      isDown = true
      expect(yield* singly(store).remove("k")).toBe(true)
      expect(entries.size).toBe(0)
    }
  })
})

describe.each(caches)("over $name", (cache) => {
  const provided = Effect.provide(cache.layer())

  it.effect("AI-08 · remove counts what is there, whatever it is", () =>
    Effect.gen(function*() {
      for (const value of [1, 0, "", null, undefined, false]) {
        yield* Cached.set("k", value)
        expect([yield* Cached.remove("k"), yield* Cached.remove("k")]).toEqual([true, false])
      }
    }).pipe(provided))
})
