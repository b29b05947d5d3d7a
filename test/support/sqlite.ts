/** Shared parts of the SQLite tests. */
import { Effect } from "effect"
import type { CacheEntry, Store } from "effect-cached/adapters"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"

export { entry } from "./stored.ts"

export const read = (store: Store.Store, id: string): CacheEntry.Stored | undefined => {
  const { entry } = store.getUnsafe!(id, [])
  return entry && { ...entry, payload: Uint8Array.from(entry.payload) }
}

/** Changes by others, as the store reports them at once. */
export const changesOf = (store: Store.Store) => store.changesUnsafe!()

export const fileOf = (directory: string, number = 1) => join(directory, `cache.v2.${number}.db`)

/** A connection past the store: a foreign program, or a look behind the scenes. */
export const connection = (directory: string, number = 1) =>
  Effect.acquireRelease(
    Effect.sync(() => new DatabaseSync(fileOf(directory, number))),
    (database) => Effect.sync(() => database.close())
  )
