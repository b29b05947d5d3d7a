/**
 * The layer of a cache in a folder: embedded SQLite.
 *
 * @since 0.1.0
 */
import type * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { StoreError } from "../CacheError.ts"
import type * as Caching from "../Caching.ts"
import { folderOptions } from "./folder.ts"
import { checkLayer, type LayerOptions } from "./options.ts"
import { overStore } from "./overStore.ts"

/**
 * What `disk` takes.
 *
 * @category options
 * @since 0.1.0
 */
export interface DiskOptions extends LayerOptions {
  /** where the files are; made if it is not there */
  readonly directory: string
  /**
   * how large the database may become
   *
   * @default 1 GiB
   */
  readonly maxSize?: ByteSize.Input | undefined
}

/**
 * A cache in a folder (embedded SQLite), with a memory tier in front of it. What is in it outlives the process.
 *
 * Needs Node. Throws a `CacheConfigError` at once for an option that it cannot use; a folder that cannot be written is
 * the layer's `StoreError`.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { mkdtempSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 *
 * const directory = join(mkdtempSync(join(tmpdir(), "cache-")), "answers")
 *
 * let loads = 0
 * const answer = Effect.sync(() => ++loads).pipe(Cached.ttl({ key: "answer", ttl: "1 hour" }))
 *
 * // as two processes would, one after the other
 * await Effect.runPromise(answer.pipe(Effect.provide(CacheLayer.disk({ directory, maxSize: "100 MB" })))) // => 1
 * await Effect.runPromise(answer.pipe(Effect.provide(CacheLayer.disk({ directory, maxSize: "100 MB" })))) // => 1
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const disk = (options: DiskOptions): Layer.Layer<Caching.Caching, StoreError> => {
  const { directory, maxSize, storeTimeout } = options ?? {}
  const cache = overStore(checkLayer("CacheLayer.disk", options, folderOptions))
  const store = Layer.unwrap(
    Effect.map(
      Effect.tryPromise({
        try: () => import("../stores/SqliteStore.ts"),
        catch: (cause) => new StoreError({ store: "sqlite", operation: "open", reason: "Unsupported", cause })
      }),
      (SqliteStore) =>
        SqliteStore.layer({
          directory,
          ...maxSize === undefined ? {} : { maxSize },
          ...storeTimeout === undefined ? {} : { storeTimeout }
        })
    )
  )
  return Layer.provide(cache, store)
}
