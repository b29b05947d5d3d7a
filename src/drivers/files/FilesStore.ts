/**
 * A store for results that people look at: it keeps each entry in a file of its own, in the serializer's format. A
 * second file holds the entry's metadata. Entries, tag invalidations and counters survive a restart.
 *
 * Files are read and written synchronously, because reading a small file takes less time than decoding its content. The
 * folder should therefore be on a local disk: a network drive that does not respond would block the whole process.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { StoreError } from "../../CacheError.ts"
import { filesInspected, inspectedBytes } from "../../internal/defaults/folders.ts"
import * as OptionsDefaults from "../../internal/defaults/options.ts"
import { sizesOf, trustOf } from "../../internal/options/folder.ts"
import { refuseUnknown } from "../../internal/options/options.ts"
import type { SizeInput } from "../../internal/options/size.ts"
import * as Tokens from "../../internal/token.ts"
import * as Store from "../../ports/stores.ts"
import { Serializer } from "../../Serializer.ts"
import { absolute } from "../shared/directory.ts"
import { reasonOf } from "../shared/fileErrors.ts"
import { requireOwn } from "../shared/folderTrust.ts"
import { warnOfNetwork } from "../shared/networkFolders.ts"
import * as Counters from "./counters.ts"
import * as Entries from "./entries.ts"
import * as Folder from "./folder.ts"
import * as Room from "./room.ts"
import * as Tags from "./tags.ts"
import * as Tidying from "./tidying.ts"

/**
 * The folder and the size limits of a `FilesStore`.
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** The folder for the entries, which is created if it does not exist. It should contain nothing else. */
  readonly directory: string
  /**
   * The maximum size of all payloads together. Metadata adds about 600 bytes per entry. When the store is full, it
   * evicts the least recently used entries.
   * @default 1 GiB
   */
  readonly maxSize?: SizeInput | undefined
  /**
   * The largest value to store, at most `maxSize`. The size is limited, because writing a value blocks the process.
   * @default 8 MiB, or `maxSize`
   */
  readonly maxValue?: SizeInput | undefined
  /**
   * Whether to accept a folder that other users can write to. The program then trusts everything they write there.
   * @default `false`
   */
  readonly trustFolder?: boolean | undefined
}

/**
 * Provides a store in a folder.
 *
 * **When to use**
 *
 * Use to build a cache with custom options over files that people can read. `CacheLayer.files` is a ready-made cache.
 *
 * **Details**
 *
 * - The `Serializer` in the context determines the extension of the payload files.
 * - Fails with a `StoreError` if the folder is not writable. Throws a `CacheConfigError` for invalid options.
 * - A damaged, edited or foreign file counts as a miss. Files of other programs are never changed or removed.
 *
 * **Gotchas**
 *
 * Several processes may use one folder, and no process sees a partly written file. However, leases, conditional sets,
 * touches, soft invalidations and increments are atomic only within one process; in `SqliteStore`, across processes.
 *
 * **Example** (Caching in files)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { FilesStore } from "effect-cached/files"
 * import { mkdtempSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 *
 * const directory = join(mkdtempSync(join(tmpdir(), "cache-")), "pages")
 *
 * const cache = CacheLayer.layer().pipe(Layer.provide(FilesStore.layer({ directory, maxSize: "100 MB" })))
 * const program = Effect.andThen(Cached.set("answer", 42), Cached.size)
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => 1
 * ```
 *
 * @see `CacheLayer.files` for a cache over such a store
 * @see `SqliteStore.layer` for a store that several processes can share
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Store.Store, StoreError> =>
  Layer.effect(Store.Store, make(options))

const make = (options: Options): Effect.Effect<SyncStore, StoreError> => {
  const config = validate(options)
  const { directory, maxSize, maxValue, trustFolder } = config
  return Effect.gen(function*() {
    const { extension } = yield* Serializer
    const owner = Tokens.make(yield* Tokens.Seed).next(8)
    const subfolders = [Tags.subfolder, Counters.subfolder]
    const folder = yield* Effect.try({
      try: () => Folder.open({ directory, subfolders, owner, trustFolder }),
      catch: toError("open")
    })
    // A store that is created outside a scope is never closed.
    const scope = yield* Effect.serviceOption(Scope.Scope)
    if (Option.isSome(scope)) yield* Scope.addFinalizer(scope.value, Effect.sync(() => Folder.close(folder)))
    yield* warnOfNetwork(directory, "while it stalls, the process is blocked")
    return over({
      folder,
      room: Room.make(folder, maxSize),
      tidying: Tidying.make(folder),
      extension,
      maxValue
    })
  })
}

/** Opens a store that only reads, and changes nothing in the folder. @internal */
export const inspect = (
  options: Pick<Options, "directory" | "trustFolder">
): Effect.Effect<Store.Inspection, StoreError, Scope.Scope> => {
  const what = "FilesStore.inspect"
  refuseUnknown(what, options, ["directory", "trustFolder"])
  const trustFolder = trustOf(what, options.trustFolder)
  const directory = absolute(what, options)
  const attempt = <A>(operation: string, run: () => A) => Effect.try({ try: run, catch: toError(operation) })
  const opened = attempt("open", () => {
    const folder = Folder.toRead(directory)
    requireOwn(directory, trustFolder)
    return folder
  })
  return Effect.map(
    Effect.acquireRelease(opened, (folder) => Effect.sync(() => Folder.close(folder))),
    (folder): Store.Inspection => ({
      get: (id, tags) =>
        attempt("get", () => {
          const found = Entries.find(folder, id)
          const entry = found === "damaged" ? undefined : found
          const versions = tags.map((tag) => Tags.version(folder, tag))
          return { entry, versions, isDamaged: entry === undefined && Entries.isThere(folder, id) }
        }),
      entries: ({ prefix = "" } = {}) =>
        Stream.suspend(() => {
          const all = Entries.inspect(folder, prefix)
          return Stream.paginate(undefined, () => attempt("scan", () => pageOf(all)))
        })
    })
  )
}

type Page = readonly [ReadonlyArray<Store.Inspected>, Option.Option<undefined>]

/** Reads a page, which ends early after a few megabytes. */
const pageOf = (all: Iterator<Store.Inspected, unknown>): Page => {
  const found: Array<Store.Inspected> = []
  for (let bytes = 0; found.length < filesInspected && bytes <= inspectedBytes;) {
    const next = all.next()
    if (next.done === true) return [found, Option.none()]
    found.push(next.value)
    bytes += next.value.entry?.payload.length ?? 0
  }
  return [found, Option.some(undefined)]
}

type SyncStore = ReturnType<typeof Store.makeSync>

interface Config {
  readonly directory: string
  readonly maxSize: number
  readonly maxValue: number
  readonly trustFolder: boolean
}

const what = "FilesStore.layer"

const validate = (options: Options): Config => {
  refuseUnknown(what, options, ["directory", "maxSize", "maxValue", "trustFolder"])
  return {
    directory: absolute(what, options),
    ...sizesOf(what, options, OptionsDefaults.folders.files),
    trustFolder: trustOf(what, options.trustFolder)
  }
}

const name = "files"

const toError = (operation: string) => (cause: unknown): StoreError =>
  new StoreError({ store: name, operation, reason: reasonOf(cause), cause })

const over = (entries: Entries.Entries): SyncStore => {
  const { room } = entries
  const store = Store.makeSync({
    name,
    maxSize: room.maxSize,
    capabilities: { shared: true },
    get: (id) => Entries.get(entries, id),
    set: (id, entry, now) => Entries.set(entries, id, entry, now),
    remove: (id) => Entries.remove(entries, id),
    scan: (prefix) => Entries.scan(entries, prefix),
    size: () => Entries.size(entries),
    clear: () => void Array.from(Room.clear(room)),
    tags: Tags.storage(room),
    counters: Counters.storage(room),
    reasonOf
  })
  // Removes entries in small steps. Then `store.clear` removes entries added meanwhile, and all leases and counters.
  return { ...store, clear: Effect.andThen(clearInTurns(room), store.clear) }
}

const clearInTurns = (room: Room.Room): Effect.Effect<void, StoreError> =>
  Effect.gen(function*() {
    const left = Room.clear(room)
    const next = Effect.try({ try: () => left.next().done, catch: toError("clear") })
    while ((yield* next) !== true) yield* Effect.yieldNow
  })
