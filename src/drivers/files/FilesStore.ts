/**
 * A store in a folder with one file for each entry, in the serializer's own format, for results that people look at.
 * Beside each file stands another with its metadata. Entries, tag invalidations and counters survive a restart.
 *
 * Reads and writes are synchronous: reading a small file takes less time than decoding it, a read needs no fiber, and
 * nothing can happen between two steps. So the folder belongs on a disk that answers; a network drive that stalls stops
 * the process.
 *
 * @since 0.1.0
 */
import type * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { Stored } from "../../CacheEntry.ts"
import { StoreError, type StoreErrorReason } from "../../CacheError.ts"
import * as OptionsDefaults from "../../internal/defaults/options.ts"
import * as StoresDefaults from "../../internal/defaults/stores.ts"
import { sizesOf, trustOf } from "../../internal/options/folder.ts"
import { refuseUnknown } from "../../internal/options/options.ts"
import { isPage } from "../../internal/store/pageIds.ts"
import { tooLarge } from "../../internal/store/tooLarge.ts"
import * as Tokens from "../../internal/token.ts"
import { Serializer } from "../../Serializer.ts"
import * as Store from "../../Store.ts"
import { absolute } from "../shared/directory.ts"
import { networkOfFolder } from "../shared/folderTrust.ts"
import * as Counters from "./counters.ts"
import * as Folder from "./folder.ts"
import * as Metadata from "./metadata.ts"
import * as Name from "./name.ts"
import * as Room from "./room.ts"
import * as Tags from "./tags.ts"

/**
 * The folder, and how much room its files may take.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** the folder; made if it does not exist. It should hold nothing else */
  readonly directory: string
  /**
   * how large all payloads together may become; the metadata, some 600 bytes an entry, comes on top. If there is no
   * room, the entry that was used longest ago goes first
   *
   * @default 1 GiB
   */
  readonly maxSize?: ByteSize.Input | undefined
  /**
   * the largest value that is stored, at most `maxSize`: writing a larger one would block the process
   *
   * @default 8 MiB, or `maxSize`
   */
  readonly maxValue?: ByteSize.Input | undefined
  /**
   * accepts a folder that other users can write to. What is in it is taken for what the program has stored
   *
   * @default `false`
   */
  readonly trustFolder?: boolean | undefined
}

/**
 * Opens the store in a folder. Its files have the extension of the `Serializer` in the context.
 *
 * **Details**
 *
 * - Fails with a `StoreError` if the folder cannot be written (reason `Denied`, `Full` or `Unavailable`). Throws a
 *   `CacheConfigError` for options that make no sense.
 * - A file that is damaged, edited or of another program is a miss. Files of other programs are never changed or
 *   removed.
 *
 * **Gotchas**
 *
 * Several processes may use one folder: each finds the entries and tag invalidations of the others, and never half a
 * file. But leases, conditional sets, touches, soft invalidations and increments are atomic inside one process only.
 * Where that matters, use `SqliteStore` of `effect-cached/sqlite`.
 *
 * **Example** (Opening a folder)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { FilesStore } from "effect-cached/files"
 * import { mkdtempSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 *
 * const directory = join(mkdtempSync(join(tmpdir(), "cache-")), "pages")
 *
 * const program = Effect.flatMap(FilesStore.make({ directory }), (store) => store.increment("visits", 1))
 * await Effect.runPromise(program) // => 1
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<SyncStore, StoreError> => {
  const config = validate(options)
  return Effect.gen(function*() {
    const { extension } = yield* Serializer
    const owner = Tokens.make(yield* Tokens.Seed).next(8)
    const folder = yield* Effect.try({
      try: () => Folder.open(config.directory, { subfolders, owner, trustFolder: config.trustFolder }),
      catch: (cause) => new StoreError({ store: name, operation: "open", reason: reasonOf(cause), cause })
    })
    // a store that is made outside a scope has no end
    const scope = yield* Effect.serviceOption(Scope.Scope)
    if (Option.isSome(scope)) yield* Scope.addFinalizer(scope.value, Effect.sync(folder.close))
    const network = networkOfFolder(config.directory)
    if (network !== undefined) {
      yield* Effect.logWarning(
        `${config.directory} is on a network file system (${network}): while it stalls, the process stands still`
      )
    }
    return fromFolder(folder, { ...config, extension })
  })
}

/**
 * The layer of the store in a folder.
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
 * const cache = CacheLayer.layer.pipe(Layer.provide(FilesStore.layer({ directory, maxSize: "100 MB" })))
 * const program = Effect.andThen(Cached.set("answer", 42), Cached.size)
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => 1
 * ```
 *
 * @see {@link make} for what the store promises
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Store.Store, StoreError> => Store.layer(make(options))

type SyncStore = ReturnType<typeof Store.makeSync>

// ---------------------------------------------------------------------------------------------------------------------
// options
// ---------------------------------------------------------------------------------------------------------------------

interface Config {
  readonly directory: string
  readonly maxSize: number
  readonly maxValue: number
  readonly trustFolder: boolean
}

const what = "FilesStore.make"

const validate = (options: Options): Config => {
  refuseUnknown(what, options, ["directory", "maxSize", "maxValue", "trustFolder"])
  return {
    directory: absolute(what, options),
    ...sizesOf(what, options, OptionsDefaults.folders.files),
    trustFolder: trustOf(what, options.trustFolder)
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// operations
// ---------------------------------------------------------------------------------------------------------------------

const name = "files"

const reasons = new Map<unknown, StoreErrorReason>([
  ["EACCES", "Denied"],
  ["EPERM", "Denied"],
  ["EROFS", "Denied"],
  // Deno, without a permission
  ["NotCapable", "Denied"],
  ["ENOSPC", "Full"],
  ["EDQUOT", "Full"],
  ["EFBIG", "TooLarge"]
])

const reasonOf = (thrown: unknown): StoreErrorReason =>
  ["code", "name"].map((field) => reasons.get(Reflect.get(Object(thrown), field))).find((reason) =>
    reason !== undefined
  ) ??
    "Unavailable"

interface FolderConfig extends Config {
  readonly extension: string
}

const subfolders = ["tags", Counters.subfolder]

const fromFolder = (folder: Folder.Folder, config: FolderConfig): SyncStore => {
  const room = Room.make(folder, config.maxSize)
  const tags = Tags.tags(folder)
  const counters = Counters.make(folder)
  const store = Store.makeSync({
    ...entries(folder, room, config),
    name,
    maxSize: config.maxSize,
    capabilities: { shared: true },
    tags: {
      version: tags.version,
      markers: (names, newVersion) => withRoom(room, 0, () => tags.markers(names, newVersion)),
      invalidate: (...arguments_) => withRoom(room, 0, () => tags.invalidate(...arguments_)),
      remove: tags.remove
    },
    counters: { ...counters, set: (...arguments_) => withRoom(room, 0, () => counters.set(...arguments_)) },
    reasonOf
  })
  // The last step removes what was written meanwhile, and ends the leases, all at once.
  return { ...store, clear: Effect.andThen(inTurns(store.name, "clear", room.clear), store.clear) }
}

/** Runs steps with other fibers and timers in between. */
const inTurns = (store: string, operation: string, steps: () => Iterator<void>): Effect.Effect<void, StoreError> =>
  Effect.gen(function*() {
    const left = steps()
    const next = Effect.try({
      try: () => left.next().done,
      catch: (cause) => new StoreError({ store, operation, reason: reasonOf(cause), cause })
    })
    while ((yield* next) !== true) yield* Effect.yieldNow
  })

/** Runs once more after making room on a full disk. */
const withRoom = <A>(room: Room.Room, size: number, run: () => A): A => {
  try {
    return run()
  } catch (thrown) {
    if (reasonOf(thrown) !== "Full") throw thrown
    room.freeOnFullDisk(size)
    return run()
  }
}

const entries = (folder: Folder.Folder, room: Room.Room, { extension, maxValue }: FolderConfig) => {
  const tidy = tidying(folder)

  const parse = (stem: string, text: string | undefined): Metadata.Metadata | undefined => {
    const metadata = text === undefined ? undefined : Metadata.parse(text)
    return metadata !== undefined && isPayloadOf(stem, metadata.file) ? metadata : undefined
  }

  const readText = (stem: string): string | undefined => folder.read(Name.metadataOf(stem))?.toString()

  const readMetadata = (stem: string): Metadata.Metadata | undefined => parse(stem, readText(stem))

  const get = (id: string): Stored | typeof Store.Damaged | undefined => {
    const stem = Name.stemOf(id)
    // Another process may be writing this entry: the second look finds its write.
    for (let look = 0, seen = ""; look < 2; look++) {
      const text = readText(stem)
      const metadata = parse(stem, text)
      // a metadata file is replaced in one step: one that cannot be read was changed by somebody
      if (text !== undefined && metadata === undefined) return Store.Damaged
      if (metadata?.id !== id || metadata.meta.writeId === seen) return undefined
      const payload = folder.read(metadata.file)
      if (payload !== undefined && Metadata.fits(metadata, payload)) {
        folder.touch(Name.metadataOf(stem))
        return { meta: metadata.meta, payload }
      }
      seen = metadata.meta.writeId
    }
    return undefined
  }

  // Between the two renames the pair belongs to two writes, which is a miss. It is never the payload of another entry,
  // and never a payload without metadata, which nobody could recognize as ours.
  const set = (id: string, entry: Stored, now: number) => {
    const size = entry.payload.length
    if (size > maxValue) throw tooLarge({ store: name, operation: "set", id, size, limit: ["maxValue", maxValue] })
    const stem = Name.stemOf(id)
    const file = stem + extension
    room.reserve(stem, size - (folder.stat(file)?.size ?? 0))
    const metadata = { name: Name.metadataOf(stem), content: Metadata.render(Metadata.make(id, file, entry)) }
    withRoom(room, size, () => folder.write([metadata, { name: file, content: entry.payload }]))
    tidy(now)
  }

  // The payload first: see `set`.
  const remove = (id: string): boolean => {
    const stem = Name.stemOf(id)
    const files = new Set([readMetadata(stem)?.file ?? stem + extension, stem + extension, Name.metadataOf(stem)])
    return Array.from(files, folder.remove).includes(true)
  }

  const scan = function*(prefix: string): Generator<Store.Scanned> {
    for (const stem of metadataStems(folder.list())) {
      if (Name.textOf(stem)?.startsWith(prefix) === false) continue
      const metadata = readMetadata(stem)
      if (metadata === undefined || Name.stemOf(metadata.id) !== stem || !metadata.id.startsWith(prefix)) continue
      if (folder.stat(metadata.file)?.size === metadata.bytes) yield { id: metadata.id, meta: metadata.meta }
    }
  }

  return {
    get,
    set,
    remove,
    scan,
    size: () => metadataStems(folder.list()).filter((stem) => !isPage(Name.textOf(stem) ?? "")).length,
    clear: () => void Array.from({ [Symbol.iterator]: room.clear })
  }
}

const isPayloadOf = (stem: string, file: string): boolean =>
  file.startsWith(stem) && /^\.\w+$/.test(file.slice(stem.length))

const metadataStems = (names: ReadonlyArray<string>): ReadonlyArray<string> =>
  names.flatMap((file) => {
    const parsed = Name.parse(file)
    return parsed?.isMetadata === true ? [parsed.stem] : []
  })

/** How many writes there are between two looks for expired entries. */
const tidyEvery = 64

const isCounter = (file: string): boolean => file.startsWith(`${Counters.subfolder}/`)

/** The names of all entries and counters, read little by little. Markers above their number are removed on the way. */
const all = function*(folder: Folder.Folder): Generator<string, void> {
  const inFolder = (below?: string) => ({ [Symbol.iterator]: () => folder.names(below) })
  yield* inFolder()
  for (const file of inFolder(Counters.subfolder)) yield `${Counters.subfolder}/${file}`
  let markers = 0
  for (const file of inFolder("tags")) {
    if (Name.parse(file) !== undefined && ++markers > StoresDefaults.markersKept) folder.remove(`tags/${file}`)
    yield `tags/${file}`
  }
}

/**
 * Every `tidyEvery` writes removes the expired entries of one part of the folder; after the last part it starts again.
 */
const tidying = (folder: Folder.Folder) => {
  let writes = 0
  let rest = all(folder)

  const tidyEntry = (file: string, now: number) => {
    const metadata = Metadata.parse(folder.read(file)?.toString() ?? "")
    if (metadata === undefined || metadata.meta.expiresAt > now) return
    const stem = Name.parse(file)!.stem
    if (!isPayloadOf(stem, metadata.file)) return
    folder.remove(metadata.file)
    folder.remove(file)
  }

  return (now: number): void => {
    if (++writes % tidyEvery !== 0) return
    try {
      for (let i = 0; i < 4 * tidyEvery; i++) {
        const { done, value: file } = rest.next()
        if (done === true) {
          rest = all(folder)
          return
        }
        if (isCounter(file)) Counters.tidy(folder, file, now)
        else if (Name.parse(file)?.isMetadata === true) tidyEntry(file, now)
      }
    } catch {
      // The write has succeeded; the next look removes this.
    }
  }
}
