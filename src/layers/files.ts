/**
 * The layer of a cache in a folder, with one readable file for each entry.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { StoreError } from "../CacheError.ts"
import type * as Caching from "../Caching.ts"
import { requireSerializer } from "../internal/codec/requireSerializer.ts"
import { folders } from "../internal/defaults/options.ts"
import { optional } from "../internal/options/options.ts"
import type { SizeInput } from "../internal/options/size.ts"
import { Serializer } from "../Serializer.ts"
import { folderOptions, storeOptions } from "./folder.ts"
import { loading } from "./loading.ts"
import { checkLayer, type LayerOptions } from "./options.ts"
import { overStore } from "./overStore.ts"

/**
 * The options of `files`.
 * @category options
 * @since 0.1.0
 */
export interface FilesOptions extends LayerOptions {
  /** The folder of the entries, created if it does not exist. The folder should contain nothing else. */
  readonly directory: string
  /** Sets the format and the extension of the files. @default the program's `Serializer`, or else indented JSON */
  readonly serializer?: Serializer | undefined
  /** The maximum size of all payloads together, not counting about 600 bytes of metadata per entry. @default 1 GiB */
  readonly maxSize?: SizeInput | undefined
  /**
   * The maximum size of a stored value, at most `maxSize`. It is limited because a write blocks the process.
   * @default 8 MiB, or `maxSize`
   */
  readonly maxValue?: SizeInput | undefined
  /** Accepts a folder that other users can write to, and trusts everything that they write. @default `false` */
  readonly trustFolder?: boolean | undefined
}

/**
 * A cache in a folder, with one file for each value and another for its metadata, and a memory tier in front. The
 * entries outlive the process. Only one process at a time should use the folder, because processes do not coordinate
 * their loads. Values are indented JSON (`effect-cached/serializers/IndentedJson`), unless the program provides a
 * `Serializer` or sets `serializer`. Supported runtimes and failures are the same as for `CacheLayer.disk`.
 *
 * **When to use**
 *
 * Use for results that people look at, copy and remove by hand: pipelines, scripts, notebooks.
 *
 * **Example** (Writing a readable file)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { mkdtempSync, readdirSync } from "node:fs"
 * import { tmpdir } from "node:os"
 *
 * const directory = `${mkdtempSync(`${tmpdir()}/cache-`)}/answers`
 * const answer = Effect.succeed({ answer: 42 }).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * await Effect.runPromise(answer.pipe(Effect.provide(CacheLayer.files({ directory })))) // => { answer: 42 }
 * readdirSync(directory).some((name) => /^answer~\w+\.json$/.test(name)) // => true
 * ```
 *
 * @see {@link disk} for a cache that processes share
 * @category layers
 * @since 0.1.0
 */
export const files = (options: FilesOptions): Layer.Layer<Caching.Caching, StoreError> => {
  const cache = overStore(checkLayer("CacheLayer.files", options, {
    ...folderOptions,
    serializer: optional((given, layer) => requireSerializer(layer, given))
  }))
  const { serializer } = options
  const given = storeOptions("CacheLayer.files", options, folders.files)
  return Layer.unwrap(Effect.gen(function*() {
    const { FilesStore, IndentedJson } = yield* loading("files", async () => ({
      FilesStore: await import("#node/drivers/files/FilesStore"),
      ...await import("#node/serializers/IndentedJson")
    }))
    const provided = yield* Serializer
    const chosen = serializer ?? (provided === Serializer.defaultValue() ? IndentedJson : provided)
    const store = FilesStore.layer(given)
    return cache.pipe(Layer.provide(store), Layer.provide(Layer.succeed(Serializer, chosen)))
  }))
}
