/**
 * The layer of a cache in a folder with one readable file an entry.
 *
 * @since 0.1.0
 */
import type * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { CacheConfigError, StoreError } from "../CacheError.ts"
import type * as Caching from "../Caching.ts"
import { optional } from "../internal/options.ts"
import { Serializer } from "../Serializer.ts"
import { folderOptions } from "./folder.ts"
import { checkLayer, type LayerOptions } from "./options.ts"
import { overStore } from "./overStore.ts"

/**
 * What `files` takes.
 *
 * @category options
 * @since 0.1.0
 */
export interface FilesOptions extends LayerOptions {
  /** where the files are; made if it is not there. It should hold nothing else */
  readonly directory: string
  /**
   * the format of the files, and their extension
   *
   * @default indented JSON, or the `Serializer` that the program provides
   */
  readonly serializer?: Serializer | undefined
  /**
   * of all payloads together; the metadata, some 600 bytes an entry, comes on top
   *
   * @default 1 GiB
   */
  readonly maxSize?: ByteSize.Input | undefined
}

/**
 * A cache in a folder with one file an entry, in the serializer's own format and with its metadata beside it, and with a
 * memory tier in front of it: for results that people look at, copy and remove by hand. What is in it outlives the
 * process.
 *
 * By default a file is indented JSON (`effect-cached/serializers/IndentedJson`), unless the program provides a
 * `Serializer`: then it is that one's.
 *
 * For one process at a time: what another process loads or invalidates meanwhile is not kept apart. Where processes
 * share a cache use `disk`.
 *
 * Needs Node. Throws a `CacheConfigError` at once for an option that it cannot use; a folder that cannot be written is
 * the layer's `StoreError`.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { mkdtempSync, readdirSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 *
 * const directory = join(mkdtempSync(join(tmpdir(), "cache-")), "answers")
 *
 * const answer = Effect.succeed({ answer: 42 }).pipe(Cached.ttl({ key: "answer", ttl: "1 hour" }))
 * await Effect.runPromise(answer.pipe(Effect.provide(CacheLayer.files({ directory })))) // => { answer: 42 }
 *
 * readdirSync(directory).some((name) => /^answer~\w+\.json$/.test(name)) // => true
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const files = (options: FilesOptions): Layer.Layer<Caching.Caching, StoreError> => {
  const { directory, maxSize, serializer } = options ?? {}
  const cache = overStore(checkLayer("CacheLayer.files", options, {
    ...folderOptions,
    serializer: optional((given, layer) => {
      if (typeof given.make === "function") return
      throw new CacheConfigError({ message: `serializer of ${layer} is no Serializer` })
    })
  }))
  return Layer.unwrap(Effect.gen(function*() {
    const { FilesStore, IndentedJson } = yield* Effect.tryPromise({
      try: async () => ({
        FilesStore: await import("../stores/FilesStore.ts"),
        ...await import("../serializers/IndentedJson.ts")
      }),
      catch: (cause) => new StoreError({ store: "files", operation: "open", reason: "Unsupported", cause })
    })
    const provided = yield* Serializer
    const chosen = serializer ?? (provided === Serializer.defaultValue() ? IndentedJson : provided)
    const store = FilesStore.layer({ directory, ...maxSize === undefined ? {} : { maxSize } })
    return cache.pipe(Layer.provide(store), Layer.provide(Layer.succeed(Serializer, chosen)))
  }))
}
