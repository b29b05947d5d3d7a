/**
 * A store in a browser's `IndexedDB`, which tabs and workers share. It uses the library `idb`.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { CacheConfigError, StoreError } from "../../CacheError.ts"
import * as Defaults from "../../internal/defaults/options.ts"
import { sizesOf } from "../../internal/options/folder.ts"
import { refuseUnknown } from "../../internal/options/options.ts"
import type { SizeInput } from "../../internal/options/size.ts"
import { atOnce, each } from "../../internal/store/many.ts"
import * as Tokens from "../../internal/token.ts"
import * as Store from "../../ports/stores.ts"
import * as Channel from "./channel.ts"
import * as Counters from "./counters.ts"
import * as Database from "./database.ts"
import * as Entries from "./entries.ts"
import * as Leases from "./leases.ts"
import * as Locks from "./locks.ts"
import { asking, type IndexedDb, storeName } from "./operations.ts"
import * as Tags from "./tags.ts"

/**
 * The options of an `IndexedDbStore`.
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** The name of the database. Programs on one origin share their entries if they use the same name. */
  readonly name: string
  /**
   * The maximum total size of the entries. A full store evicts expired entries, then the entries written longest ago.
   * @default 100 MiB
   */
  readonly maxSize?: SizeInput | undefined
  /**
   * The largest value to store, at most a quarter of `maxSize`.
   * @default 8 MiB, or a quarter of `maxSize`
   */
  readonly maxValue?: SizeInput | undefined
}

const what = "IndexedDbStore.layer"

interface Config {
  readonly name: string
  readonly maxSize: number
  readonly maxValue: number
}

const validate = (options: Options): Config => {
  refuseUnknown(what, options, ["name", "maxSize", "maxValue"])
  const { name } = options
  if (typeof name !== "string" || name === "") {
    throw new CacheConfigError({ message: `${what} needs "name", the name of a database` })
  }
  return { name, ...sizesOf(what, options, Defaults.browser) }
}

/**
 * Provides a store in a browser.
 *
 * **When to use**
 *
 * Use for results that should outlive the page and that the browser's tabs share: one tab loads a result for all tabs,
 * and an invalidation reaches all tabs.
 *
 * **Details**
 *
 * - Needs the package `idb` and a platform with `IndexedDB`: pages and workers of a browser. On other platforms, fails
 *   with a `StoreError` (reason `Unsupported`). If the browser refuses access, the reason is `Denied`. Throws a
 *   `CacheConfigError` for invalid options.
 * - Each operation is one transaction, so no tab sees it half done. If a tab is closed during a load for which other
 *   tabs wait, one of them takes over: at once if the page has Web Locks, otherwise when the lease expires.
 * - Tabs report their changes to each other. A page that resumes after a freeze treats all entries as changed.
 * - If the browser refuses a write because its storage is full, the store evicts half of its entries and retries once.
 *   If the storage is still full, the write fails with reason `Full`.
 *
 * **Gotchas**
 *
 * Every script on the origin, and every user of the machine, can read the entries. The browser may remove the database
 * at any time.
 *
 * **Example** (Falling back to memory if the browser does not store anything)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { IndexedDbStore } from "effect-cached/indexedDb"
 *
 * const stored = CacheLayer.layer().pipe(Layer.provide(IndexedDbStore.layer({ name: "my-app" })))
 * const cache = Layer.catch(stored, () => CacheLayer.memory())
 *
 * const answer = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * await Effect.runPromise(answer.pipe(Effect.provide(cache))) // => 42
 * ```
 *
 * @see `MemoryStore.layer` for entries that belong to one page
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Store.Store, StoreError> =>
  Layer.effect(Store.Store, make(options))

const make = (options: Options): Effect.Effect<Store.Store, StoreError, Scope.Scope> => {
  const config = validate(options)
  return Effect.gen(function*() {
    const tokens = Tokens.make(yield* Tokens.Seed)
    const database = yield* Effect.acquireRelease(
      Effect.sync(() => Database.make(config.name)),
      (database) => Effect.sync(() => Database.close(database))
    )
    // Opens the database at once, so that a program without IndexedDB fails at startup.
    yield* Effect.timeoutOrElse(asking("open", () => Database.open(database)), {
      duration: Defaults.browser.openMillis,
      orElse: () => Effect.fail(new StoreError({ store: storeName, operation: "open", reason: "Timeout" }))
    })
    const channel = yield* Channel.make(config.name, () => tokens.next(8))
    const locks = yield* Locks.make(config.name)
    return over({ ...config, database, channel, locks, tokens, owners: new Map() })
  })
}

const over = (self: IndexedDb): Store.Store =>
  Store.complete({
    name: storeName,
    capabilities: { shared: true, changes: self.channel !== undefined, dependencies: true },
    get: Entries.get(self),
    getMany: Entries.getMany(self),
    set: (requests) => atOnce(requests, Entries.set(self)),
    remove: (ids) => each(ids, Entries.remove(self)),
    touch: Entries.touch(self),
    scan: Entries.scan(self),
    scanLoads: Leases.scan(self),
    size: Entries.size(self),
    clear: Entries.clear(self),
    acquire: (requests) => atOnce(requests, Leases.acquire(self)),
    commit: (requests) => atOnce(requests, Leases.commit(self)),
    renew: Leases.renew(self),
    release: Leases.release(self),
    markers: Tags.markers(self),
    invalidateTags: Tags.invalidate(self),
    ...Counters.operations(self),
    scanCounters: Counters.scan(self),
    changes: self.channel && Channel.changes(self.channel)
  })
