/**
 * A store in a browser, which its tabs and workers share: a database of `IndexedDB`, through the library `idb`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { CacheConfigError, StoreError } from "../../CacheError.ts"
import * as Defaults from "../../internal/defaults/options.ts"
import { sizesOf } from "../../internal/options/folder.ts"
import { refuseUnknown } from "../../internal/options/options.ts"
import type { SizeInput } from "../../internal/options/size.ts"
import * as Tokens from "../../internal/token.ts"
import * as Store from "../../Store.ts"
import * as Channel from "./channel.ts"
import * as Counters from "./counters.ts"
import * as Database from "./database.ts"
import * as Entries from "./entries.ts"
import * as Leases from "./leases.ts"
import * as Locks from "./locks.ts"
import { asking, type IndexedDb, storeName } from "./operations.ts"
import * as Tags from "./tags.ts"

/**
 * The options of `make` and `layer`.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** The name of the database: programs of one origin that use the same name share their entries. */
  readonly name: string
  /**
   * How large all entries together may become; expired ones leave first, then those that were written first.
   *
   * @default 100 MiB
   */
  readonly maxSize?: SizeInput | undefined
  /**
   * The largest value that is stored, at most a quarter of `maxSize`.
   *
   * @default 8 MiB, or a quarter of `maxSize`
   */
  readonly maxValue?: SizeInput | undefined
}

const what = "IndexedDbStore.make"

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
 * Opens a store in a browser. It closes with its scope.
 *
 * **When to use**
 *
 * Use for results that outlive the page, and that the tabs of a browser share: one load for all of them, and an
 * invalidation in one that the others see.
 *
 * **Details**
 *
 * - Needs the package `idb`, and a platform with `IndexedDB`: pages, service workers and other workers of a browser.
 *   Where there is none it fails with a `StoreError` of reason `Unsupported`; where the browser refuses it, `Denied`.
 * - Each operation is one transaction, so tabs see none half done. A tab that is closed while it loads for others is
 *   replaced by one of them: at once where the page has Web Locks, otherwise when its lease ends.
 * - The tabs tell each other what they change over a `BroadcastChannel`. A page that comes back from a freeze takes
 *   everything for changed.
 * - Without room in the browser, half of the entries leave, and the write is tried once more; then it fails with
 *   `Full`.
 * - Throws a `CacheConfigError` for an option that it cannot use.
 *
 * **Gotchas**
 *
 * Every script of the origin can read the entries, and so can all users of the machine. The browser may remove the
 * database at any time.
 *
 * **Example** (Falling back on memory where the browser stores nothing)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { IndexedDbStore } from "effect-cached/indexedDb"
 *
 * const stored = CacheLayer.layer.pipe(Layer.provide(IndexedDbStore.layer({ name: "my-app" })))
 * const cache = Layer.catch(stored, () => CacheLayer.memory())
 *
 * const answer = Effect.succeed(42).pipe(Cached.ttl({ key: "answer", ttl: "1 hour" }))
 * await Effect.runPromise(answer.pipe(Effect.provide(cache))) // => 42
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<Store.Store, StoreError, Scope.Scope> => {
  const config = validate(options)
  return Effect.gen(function*() {
    const tokens = Tokens.make(yield* Tokens.Seed)
    const database = yield* Effect.acquireRelease(
      Effect.sync(() => Database.make(config.name)),
      (database) => Effect.sync(() => Database.close(database))
    )
    // Now, so that a program without it knows at once.
    yield* Effect.timeoutOrElse(asking("open", () => Database.open(database)), {
      duration: Defaults.browser.openMillis,
      orElse: () => Effect.fail(new StoreError({ store: storeName, operation: "open", reason: "Timeout" }))
    })
    const channel = yield* Channel.make(config.name, () => tokens.next(8))
    const locks = yield* Locks.make(config.name)
    return over({ ...config, database, channel, locks, tokens, owners: new Map() })
  })
}

/**
 * The layer of the store.
 *
 * **Example** (Caching in the browser)
 *
 * ```ts no-run
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { IndexedDbStore } from "effect-cached/indexedDb"
 *
 * const cache = CacheLayer.layer.pipe(Layer.provide(IndexedDbStore.layer({ name: "my-app" })))
 *
 * const program = Effect.andThen(Cached.set("answer", 42), Cached.size)
 * await Effect.runPromise(program.pipe(Effect.provide(cache)))
 * ```
 *
 * @see {@link make} for what the store promises
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Store.Store, StoreError> => Store.layer(make(options))

const over = (self: IndexedDb): Store.Store =>
  Store.complete({
    name: storeName,
    capabilities: { shared: true, changes: self.channel !== undefined },
    get: Entries.get(self),
    getMany: Entries.getMany(self),
    set: Entries.set(self),
    remove: Entries.remove(self),
    touch: Entries.touch(self),
    scan: Entries.scan(self),
    size: Entries.size(self),
    clear: Entries.clear(self),
    acquire: Leases.acquire(self),
    commit: Leases.commit(self),
    renew: Leases.renew(self),
    release: Leases.release(self),
    markers: Tags.markers(self),
    invalidateTags: Tags.invalidate(self),
    counter: Counters.get(self),
    increment: Counters.increment(self),
    touchCounter: Counters.touch(self),
    removeCounter: Counters.remove(self),
    scanCounters: Counters.scan(self),
    changes: self.channel && Channel.changes(self.channel)
  })
