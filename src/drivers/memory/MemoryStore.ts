/**
 * A store in the memory of this process. It is the reference implementation for other stores, and replaces them in
 * tests. It never evicts entries. For a cache without a store, use `CacheLayer.memory`.
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import type { Meta, Stored } from "../../CacheEntry.ts"
import { isPage } from "../../internal/store/pageIds.ts"
import * as Store from "../../ports/stores.ts"

const copyMeta = (meta: Meta): Meta => ({ ...meta, tags: meta.tags.map((tag) => ({ ...tag })) })

const copy = (entry: Stored): Stored => ({ meta: copyMeta(entry.meta), payload: entry.payload.slice() })

/**
 * Creates an empty store.
 *
 * **When to use**
 *
 * Use for a store in a test, or as the reference implementation for a custom store.
 *
 * **Example** (Counting entries)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { MemoryStore } from "effect-cached/memory"
 *
 * const store = MemoryStore.make()
 * Effect.runSync(store.size) // => 0
 * ```
 *
 * @see {@link layer} for providing the store to a cache
 * @category constructors
 * @since 0.1.0
 */
export const make = () => {
  const entries = new Map<string, Stored>()
  return Store.makeSync({
    name: "memory",
    capabilities: { lasting: false },
    // Copies each entry when it is stored and when it is read, so that no caller can change the stored entry.
    get(id) {
      const entry = entries.get(id)
      return entry === undefined ? undefined : copy(entry)
    },
    set(id, entry) {
      entries.set(id, copy(entry))
    },
    remove: (id) => entries.delete(id),
    *scan(prefix) {
      // Iterates over a copy of the ids, because a caller may remove and rewrite entries during the scan.
      for (const id of Array.from(entries.keys())) {
        const entry = id.startsWith(prefix) ? entries.get(id) : undefined
        if (entry !== undefined) yield { id, meta: copyMeta(entry.meta) }
      }
    },
    size: () => {
      let size = 0
      for (const id of entries.keys()) if (!isPage(id)) size++
      return size
    },
    clear: () => entries.clear()
  })
}

/**
 * Provides a new, empty store.
 *
 * **When to use**
 *
 * Use in tests of code that needs a `Store`. For a cache without a store, use `CacheLayer.memory`.
 *
 * **Example** (Caching over a store in memory)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { MemoryStore } from "effect-cached/memory"
 *
 * const cache = CacheLayer.layer().pipe(Layer.provide(MemoryStore.layer))
 * const program = Effect.andThen(Cached.set("answer", 42), Cached.size)
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => 1
 * ```
 *
 * @see `SqliteStore.layer` for entries that survive a restart
 * @see `CacheLayer.memory` for a cache without a store
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Store.Store> = Layer.sync(Store.Store, make)
