/**
 * The layer of a cache on disk: an embedded SQLite database in a folder.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { StoreError } from "../CacheError.ts"
import type * as Caching from "../Caching.ts"
import { folders } from "../internal/defaults/options.ts"
import type { SizeInput } from "../internal/options/size.ts"
import { folderOptions, storeOptions, withSqlite } from "./folder.ts"
import { folderParts } from "./folderParts.ts"
import { checkLayer, type LayerOptions } from "./options.ts"
import { overStore } from "./overStore.ts"

/**
 * The options of `disk`.
 * @category options
 * @since 0.1.0
 */
export interface DiskOptions extends LayerOptions {
  /** The folder of the database, which is created if it does not exist. */
  readonly directory: string
  /** The maximum size of the database, at least 1 MiB. @default 1 GiB */
  readonly maxSize?: SizeInput | undefined
  /**
   * The maximum size of a value, at most a quarter of `maxSize`. It is limited because a write blocks the process.
   * @default 8 MiB, or a quarter of `maxSize`
   */
  readonly maxValue?: SizeInput | undefined
  /** Accepts a folder that other users can write to, and trusts everything that they write. @default `false` */
  readonly trustFolder?: boolean | undefined
}

/**
 * A cache in a folder (embedded SQLite), with a memory tier in front. The entries outlive the process.
 *
 * **When to use**
 *
 * Use for results that are worth keeping across restarts, and for processes on one machine that share a cache.
 *
 * **Details**
 *
 * - Runs under Node, Bun and Deno; elsewhere the layer fails with a `StoreError` of reason `Unsupported`. The layer
 *   also fails if the folder is not writable.
 * - The layer also provides a `Lock` and a `GuardStore`, shared by all processes that use the folder. A `Lock` or
 *   `GuardStore` that the program provides to the layer (`Layer.provide`), or around it, takes precedence.
 *
 * **Example** (Keeping a result across two runs)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { mkdtempSync } from "node:fs"
 * import { tmpdir } from "node:os"
 *
 * const directory = `${mkdtempSync(`${tmpdir()}/cache-`)}/answers`
 * let loads = 0
 * const answer = Effect.sync(() => ++loads).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * // like two processes, one after the other
 * await Effect.runPromise(answer.pipe(Effect.provide(CacheLayer.disk({ directory })))) // => 1
 * await Effect.runPromise(answer.pipe(Effect.provide(CacheLayer.disk({ directory })))) // => 1
 * ```
 *
 * @see {@link files} for entries as readable files
 * @see {@link redis} for processes on several machines
 * @category layers
 * @since 0.1.0
 */
export const disk = (options: DiskOptions): Layer.Layer<Caching.Caching, StoreError> => {
  const cache = overStore(checkLayer("CacheLayer.disk", options, folderOptions))
  const { storeTimeout } = options
  const given = storeOptions("CacheLayer.disk", options, folders.disk)
  const store = Layer.unwrap(
    Effect.map(
      withSqlite(() => import("#node/drivers/sqlite/SqliteStore")),
      (SqliteStore) =>
        SqliteStore.layer({
          ...given,
          ...storeTimeout === undefined ? {} : { storeTimeout }
        })
    )
  )
  return Layer.merge(Layer.provide(cache, store), folderParts(given))
}
