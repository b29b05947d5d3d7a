/**
 * A store in a directory on the local disk: an embedded database (Node's SQLite) that all processes of one machine can
 * share. Entries, tag invalidations and counters survive a restart. Must not be used on a network file system.
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import type { StoreError } from "../../CacheError.ts"
import { openingMillis } from "../../internal/defaults/folders.ts"
import * as OptionsDefaults from "../../internal/defaults/options.ts"
import { sizesOf } from "../../internal/options/folder.ts"
import { refuseUnknown } from "../../internal/options/options.ts"
import type { SizeInput } from "../../internal/options/size.ts"
import * as Markers from "../../internal/store/markers/markers.ts"
import { lastingDispatcher } from "../../internal/time/lastingDispatcher.ts"
import { monotonicMillis } from "../../internal/time/monotonic.ts"
import * as Tokens from "../../internal/token.ts"
import type { SyncStorage } from "../../ports/storage.ts"
import * as Store from "../../ports/stores.ts"
import type * as Ttl from "../../Ttl.ts"
import { toMillis } from "../../Ttl.ts"
import { warnOfNetwork } from "../shared/networkFolders.ts"
import * as Connection from "./connection.ts"
import { reasonOf } from "./fault.ts"
import * as Inspecting from "./inspection.ts"
import * as Operations from "./operations.ts"
import { folderOf, type FolderOptions } from "./options.ts"
import * as Changes from "./tables/changes.ts"
import * as Counters from "./tables/counters.ts"
import * as Entries from "./tables/entries.ts"
import * as Leases from "./tables/leases.ts"
import * as Tags from "./tables/tags.ts"
import * as Batch from "./transactions/batch.ts"

/**
 * The directory, the size limits, and how long an operation may wait for another process.
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** The directory. It is created if it does not exist. Several processes of one machine may use it. */
  readonly directory: string
  /**
   * The maximum size of the database, at least 1 MiB. A full store evicts expired entries, then the entries
   * written longest ago. An entry that this process has read gets a second chance (about 10,000 reads are remembered).
   * @default 1 GiB
   */
  readonly maxSize?: SizeInput | undefined
  /**
   * The largest value to store, at most a quarter of `maxSize`. Writing a very large value blocks the process.
   * @default 8 MiB, or a quarter of `maxSize`
   */
  readonly maxValue?: SizeInput | undefined
  /**
   * Whether to accept a folder that other users can write to. The program then trusts everything they write there.
   * @default `false`
   */
  readonly trustFolder?: boolean | undefined
  /**
   * How long to retry an operation while another process writes. Opening the store is retried for at least 5 seconds.
   * @default 500 ms
   */
  readonly storeTimeout?: Ttl.Input | undefined
}

/**
 * Provides a store in a directory.
 *
 * **When to use**
 *
 * Use to build a cache with custom options for all processes of a machine. `CacheLayer.disk` is a ready-made cache.
 *
 * **Details**
 *
 * - Fails with a `StoreError` if the directory is not writable (reason `Denied` or `Unavailable`). Throws a
 *   `CacheConfigError` for invalid options.
 * - If the database is damaged or belongs to another program, it is left unchanged, and an empty database is created
 *   beside it. All running processes that use the directory move to the new database. A deleted directory is created
 *   again. A release with another format uses its own files.
 * - A lease that is neither renewed nor released is removed after an hour, or ten times its length if that is longer.
 * - The last 10,000 changes are kept (fewer if `maxSize` is below 40 MB). A process that has missed more gets a `Gap`.
 *
 * **Example** (Caching in a database)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { SqliteStore } from "effect-cached/sqlite"
 * import { mkdtempSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 *
 * const directory = join(mkdtempSync(join(tmpdir(), "cache-")), "pages")
 *
 * const cache = CacheLayer.layer().pipe(Layer.provide(SqliteStore.layer({ directory, maxSize: "100 MB" })))
 * const program = Effect.andThen(Cached.set("answer", 42), Cached.size)
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => 1
 * ```
 *
 * @see `CacheLayer.disk` for a cache over such a store
 * @see `RedisStore.layer` for processes on several machines
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Store.Store, StoreError> =>
  Layer.effect(Store.Store, make(options))

const make = (options: Options): Effect.Effect<SyncStore, StoreError, Scope.Scope> => {
  const config = validate(options)
  return Effect.gen(function*() {
    const scope = yield* Effect.scope
    const clock = yield* Clock.Clock
    const tokens = Tokens.make(yield* Tokens.Seed)
    const dispatcher = lastingDispatcher(yield* Scheduler.Scheduler)
    const now = () => monotonicMillis(clock)
    const backoffs = Connection.makeBackoffs(now, dispatcher)
    const retrying = { backoffs, millis: config.millis }
    const starting = { backoffs, millis: Math.max(config.millis, openingMillis) }
    const opening = {
      ...config,
      now,
      newVersion: () => Markers.newVersion(tokens),
      backoffs,
      wallNow: () => clock.currentTimeMillisUnsafe()
    }
    const connection = yield* Effect.acquireRelease(
      Operations.attempt("open", starting, () => Connection.make(opening)),
      (connection) => Effect.sync(() => Connection.close(connection))
    )
    yield* warnOfNetwork(config.directory, "SQLite cannot lock files there as it needs to")
    const operations = Operations.make({ ...retrying, connection, clock, dispatcher, scope })
    yield* Operations.vacuum(operations)
    return yield* Operations.attempt("open", starting, () => Store.makeSync(storageOf(operations)))
  })
}

/** Opens a store that only reads, and changes nothing in the folder. @internal */
export const inspect = (
  options: Pick<Options, "directory" | "storeTimeout" | "trustFolder">
): Effect.Effect<Store.Inspection, StoreError, Scope.Scope> => {
  const name = "SqliteStore.inspect"
  refuseUnknown(name, options, ["directory", "storeTimeout", "trustFolder"])
  return Inspecting.open({ ...folderOf(name, options), millis: millisOf(name, options) })
}

type SyncStore = ReturnType<typeof Store.makeSync>

interface Config extends FolderOptions {
  readonly maxSize: number
  readonly maxValue: number
  /** For how many milliseconds to retry an operation while another process writes. */
  readonly millis: number
}

const what = "SqliteStore.layer"

const validate = (options: Options): Config => {
  refuseUnknown(what, options, ["directory", "maxSize", "maxValue", "storeTimeout", "trustFolder"])
  return {
    ...folderOf(what, options),
    ...sizesOf(what, options, OptionsDefaults.folders.disk),
    millis: millisOf(what, options)
  }
}

const millisOf = (what: string, { storeTimeout }: Pick<Options, "storeTimeout">): number =>
  toMillis(storeTimeout ?? OptionsDefaults.layer.storeTimeoutMillis, `${what}: "storeTimeout"`)

const storageOf = (operations: Operations.Operations): SyncStorage => {
  const { connection } = operations
  const tables = () => Connection.tables(connection)
  const entries = () => tables().entries
  return {
    name: "sqlite",
    maxSize: connection.config.maxSize,
    capabilities: { shared: true },
    get: (id) => Entries.get(Connection.toRead(connection).entries, id),
    set: (id, entry, now) => Entries.set(entries(), id, entry, now),
    remove: (id) => Entries.remove(entries(), id),
    scan: (prefix) => Connection.inPages(connection, ({ entries }) => Entries.scan(entries, prefix)),
    size: () => Entries.size(entries()),
    clear: () => Entries.clear(entries()),
    counters: {
      ...Counters.storage(() => tables().counters),
      scan: (prefix) => Connection.inPages(connection, ({ counters }) => Counters.scan(counters, prefix))
    },
    tags: Tags.storage(() => tables().tags),
    leases: {
      ...Leases.storage(() => tables().leases),
      ids: (prefix) => Connection.inPages(connection, ({ leases }) => Leases.ids(leases, prefix))
    },
    changes: () => Connection.listen(connection),
    atomic: (steps) => Batch.atomic(tables().batch, steps),
    orAtomic: (look, steps) => Batch.orAtomic(tables().batch, look, steps),
    snapshot: (reads) => Batch.snapshot(tables().batch, reads),
    position: () => Changes.position(tables().changes),
    reasonOf,
    workedMillis: () => Operations.workedMillis(operations),
    attempt: (name, steps, items) => Operations.run(operations, { name, steps, items })
  }
}
