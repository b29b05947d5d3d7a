/** Stores that answer in a later step, so that a schedule decides the order of their answers. */
import { Effect } from "effect"
import { type CacheEntry, Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { singly } from "../../src/testing/internal/singly.ts"
import { pluralOf } from "./pluralOf.ts"

/** Three functions. */
export const lateStore = (): Store.Store => {
  const entries = new Map<string, CacheEntry.Stored>()
  const step = <A>(run: () => A) => Effect.andThen(Effect.yieldNow, Effect.tap(Effect.sync(run), () => Effect.yieldNow))
  return Store.make({
    name: "late",
    get: (id) => step(() => entries.get(id)),
    set: (id, entry) => step(() => void entries.set(id, entry)),
    remove: (id) => step(() => entries.delete(id))
  })
}

/** All operations, for several caches. */
export const lateShared = (): Store.Store => {
  const store = MemoryStore.make()
  const late =
    <Args extends ReadonlyArray<any>, A, E>(ask: (...args: Args) => Effect.Effect<A, E>) => (...args: Args) =>
      Effect.andThen(Effect.yieldNow, Effect.tap(ask(...args), () => Effect.yieldNow))
  return {
    ...store,
    getUnsafe: undefined,
    get: late(store.get),
    getMany: late(store.getMany),
    set: pluralOf.set(late(singly(store).set)),
    remove: pluralOf.remove(late(singly(store).remove)),
    acquire: pluralOf.acquire(late(singly(store).acquire)),
    commit: pluralOf.commit(late(singly(store).commit)),
    counter: late(store.counter),
    markers: late(store.markers),
    transact: late(store.transact!)
  }
}
