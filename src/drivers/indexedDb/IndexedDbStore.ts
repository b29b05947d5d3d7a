/**
 * A store in a browser, which its tabs and workers share: a database of `IndexedDB`, through the library `idb`.
 *
 * @since 0.1.0
 */
import type * as ByteSize from "effect/ByteSize"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Stored } from "../../CacheEntry.ts"
import { CacheConfigError, StoreError } from "../../CacheError.ts"
import * as Defaults from "../../internal/defaults/options.ts"
import { sizesOf } from "../../internal/options/folder.ts"
import { refuseUnknown } from "../../internal/options/options.ts"
import { holds, isOtherWrite, touched } from "../../internal/store/conditions.ts"
import * as Counters from "../../internal/store/counters.ts"
import { newGeneration } from "../../internal/store/leases.ts"
import { newVersion } from "../../internal/store/markers/markers.ts"
import { pagePrefix } from "../../internal/store/pageIds.ts"
import { tooLarge } from "../../internal/store/tooLarge.ts"
import * as Tokens from "../../internal/token.ts"
import * as Store from "../../Store.ts"
import * as Channel from "./channel.ts"
import * as Database from "./database.ts"
import * as Locks from "./locks.ts"
import * as Tables from "./tables.ts"

/**
 * The options of `make` and `layer`.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** the name of the database: programs of one origin that use the same name share their entries */
  readonly name: string
  /**
   * how large all entries together may become; what has expired leaves first, then what was written first
   *
   * @default 100 MiB
   */
  readonly maxSize?: ByteSize.Input | undefined
  /**
   * the largest value that is stored, at most a quarter of `maxSize`
   *
   * @default 8 MiB, or a quarter of `maxSize`
   */
  readonly maxValue?: ByteSize.Input | undefined
}

const what = "IndexedDbStore.make"
const storeName = "indexeddb"

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
 * What is stored can be read by every script of the origin, and by who uses the machine. The browser may remove the
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
      ({ close }) => Effect.sync(close)
    )
    // now, so that a program without it knows at once
    yield* Effect.timeoutOrElse(asking("open", database.open), {
      duration: Defaults.browser.openMillis,
      orElse: () => Effect.fail(new StoreError({ store: storeName, operation: "open", reason: "Timeout" }))
    })
    const channel = yield* Channel.make(config.name, () => tokens.next(8))
    const locks = yield* Locks.make(config.name)
    return over({ config, database, channel, locks, tokens })
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

// ---------------------------------------------------------------------------------------------------------------------
// operations
// ---------------------------------------------------------------------------------------------------------------------

const asking = <A>(operation: string, ask: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, StoreError> =>
  Effect.tryPromise({
    try: ask,
    catch: (cause) =>
      cause instanceof StoreError
        ? cause
        : new StoreError({ store: storeName, operation, reason: Database.reasonOf(cause), cause })
  })

interface Answer {
  readonly acquired: Store.Acquired
  readonly holder?: string | undefined
}

const toAcquired = ({ acquired }: Answer): Store.Acquired => acquired

interface Parts {
  readonly config: Config
  readonly locks: Locks.Locks | undefined
  readonly database: Database.Database
  readonly channel: Channel.Channel | undefined
  readonly tokens: Tokens.Tokens
}

/** how many ids a listing reads at once */
const page = 256

const over = ({ channel, config, database, locks, tokens }: Parts): Store.Store => {
  const { maxSize, maxValue } = config
  const version = () => newVersion(tokens)

  const reading = <A>(
    operation: string,
    tables: ReadonlyArray<Database.Table>,
    steps: (transaction: Database.Transaction) => Promise<A>
  ) => asking(operation, (signal) => database.run(tables, steps, { mode: "readonly", signal }))

  const writing = <A>(
    operation: string,
    tables: ReadonlyArray<Database.Table>,
    steps: (transaction: Database.Transaction, now: number) => Promise<A>
  ): Effect.Effect<A, StoreError> =>
    Effect.clockWith((clock) => {
      const now = clock.currentTimeMillisUnsafe()
      const once = asking(operation, (signal) => database.run(tables, (open) => steps(open, now), { signal }))
      // the browser has no room
      return Effect.catchIf(
        once,
        ({ reason }) => reason === "Full",
        () =>
          Effect.andThen(
            asking(
              operation,
              (signal) =>
                database.run(["entries", "payloads", "numbers"], (open) => Tables.halve(open, now), { signal })
            ),
            once
          )
      )
    })

  /** Tells the other tabs; a write that answers `false` has changed nothing. */
  const telling = <A>(
    changes: ReadonlyArray<Store.Change>,
    write: Effect.Effect<A, StoreError>,
    changed: (answer: A) => ReadonlyArray<Store.Change> = (answer) => answer === false ? [] : changes
  ): Effect.Effect<A, StoreError> => channel === undefined ? write : channel.telling(changes, write, changed)

  const ofId = (id: string): ReadonlyArray<Store.Change> => [{ _tag: "Changed", id }]
  const ofTags = (tags: ReadonlyArray<string>): ReadonlyArray<Store.Change> =>
    tags.map((tag) => ({ _tag: "TagChanged", tag }))

  const refusal = (operation: "set" | "commit", id: string, { payload }: Stored) =>
    payload.length <= maxValue ? undefined : Effect.fail(tooLarge({
      ...{ store: storeName, operation, id, size: payload.length },
      limit: ["maxValue", maxValue]
    }))

  const allOfEntry: ReadonlyArray<Database.Table> = [
    ...["entries", "payloads", "numbers", "leases", "counters", "markers"] as const
  ]

  const put = (transaction: Database.Transaction, id: string, entry: Stored, now: number) =>
    Tables.put(transaction, id, entry, { maxSize, now })

  /** who has the lease of an id in this tab */
  const owners = new Map<string, string>()

  const letGo = (id: string, owner: string | undefined): void => {
    if (owner === undefined) return
    locks?.letGo(owner)
    if (owners.get(id) === owner) owners.delete(id)
  }

  /** `gone`: an owner whose tab is closed; `holder`: who else has the lease, where its tab can be asked for. */
  const acquire = (
    id: string,
    { gone, isLocked = false, ...options }: Store.AcquireOptions & {
      readonly gone?: string | undefined
      readonly isLocked?: boolean
    }
  ) =>
    writing("acquire", ["entries", "payloads", "leases", "numbers"], async (transaction, now): Promise<Answer> => {
      const stored = await Tables.readable(transaction, id)
      if (isOtherWrite(stored, options.rejectedWriteId)) return { acquired: { _tag: "Hit", entry: stored } }
      const answer = await Tables.withLease(transaction, id, (leases, recordOf): Answer => {
        const before = recordOf()
        // its lease ends with its tab
        if (before !== undefined && before.owner === gone) before.until = now
        const acquired = leases.acquire(id, options, now, () => newGeneration(tokens))
        const record = recordOf()!
        if (acquired._tag === "Wait") return { acquired, holder: record.isLocked === true ? record.owner : undefined }
        if (record.owner === options.owner) record.isLocked = isLocked
        return { acquired }
      })
      const { acquired } = answer
      return acquired._tag === "Granted"
        ? { acquired: { ...acquired, seq: await Tables.seqOf(transaction) } }
        : answer
    })

  return Store.complete({
    name: storeName,
    capabilities: { shared: true, changes: channel !== undefined },

    get: (id, tags) =>
      reading("get", ["entries", "payloads", "markers"], async (transaction) => {
        const found = await Tables.find(transaction, id)
        const table = await Tables.versionsOf(transaction, tags)
        const versions = tags.map(table.version)
        return found === "damaged" ? { entry: undefined, versions, isDamaged: true } : { entry: found, versions }
      }),

    getMany: (ids) =>
      reading(
        "getMany",
        ["entries", "payloads"],
        (transaction) => Promise.all(ids.map((id) => Tables.readable(transaction, id)))
      ),

    set: (id, entry, condition) =>
      refusal("set", id, entry) ?? telling(
        ofId(id),
        writing("set", allOfEntry, async (transaction, now) => {
          if (condition !== undefined) {
            const stored = await Tables.readable(transaction, id)
            if (!holds(condition, stored, now, await tableOf(transaction, stored))) return false
          }
          await Tables.withLease(transaction, id, (leases) => leases.end(id))
          await put(transaction, id, entry, now)
          return true
        })
      ),

    remove: (id) =>
      telling(
        ofId(id),
        writing("remove", ["entries", "payloads", "numbers", "leases"], async (transaction) => {
          await Tables.withLease(transaction, id, (leases) => leases.end(id))
          return await Tables.remove(transaction, id)
        }),
        // others may have a copy of what the browser has removed
        () => ofId(id)
      ),

    touch: (id, options) =>
      telling(
        ofId(id),
        writing("touch", ["entries", "payloads", "markers"], async (transaction, now) => {
          const stored = await Tables.readable(transaction, id)
          const entry = touched(stored, options, now, await tableOf(transaction, stored))
          if (entry !== undefined) await Tables.putMeta(transaction, id, entry.meta)
          return entry !== undefined
        })
      ),

    acquire: (id, options) => {
      if (locks === undefined || options.join === true) return Effect.map(acquire(id, options), toAcquired)
      return Effect.flatMap(locks.hold(options.owner), (isLocked) =>
        Effect.onExit(
          Effect.flatMap(acquire(id, { ...options, isLocked }), (answer) =>
            answer.holder === undefined
              ? Effect.succeed(answer.acquired)
              : Effect.flatMap(locks.isGone(answer.holder), (isGone) =>
                isGone
                  ? Effect.map(acquire(id, { ...options, isLocked, gone: answer.holder }), toAcquired)
                  : Effect.succeed(answer.acquired))),
          (exit) =>
            Effect.sync(() => {
              if (Exit.isSuccess(exit) && exit.value._tag === "Granted") owners.set(id, options.owner)
              else locks.letGo(options.owner)
            })
        ))
    },

    commit: (id, generation, entry) =>
      refusal("commit", id, entry) ?? Effect.tap(
        telling(
          ofId(id),
          writing("commit", allOfEntry, async (transaction, now) => {
            const isCurrent = await Tables.withLease(transaction, id, (leases) => {
              const isCurrent = leases.isCurrent(id, generation, now)
              if (isCurrent) leases.end(id)
              return isCurrent
            })
            if (isCurrent) await put(transaction, id, entry, now)
            return isCurrent
          })
        ),
        // otherwise its owner releases it
        (isCurrent) => isCurrent ? Effect.sync(() => letGo(id, owners.get(id))) : Effect.void
      ),

    renew: (id, owner, leaseMillis) =>
      writing(
        "renew",
        ["leases"],
        (transaction, now) => Tables.withLease(transaction, id, (leases) => leases.renew(id, owner, leaseMillis, now))
      ),

    release: (id, owner, note) =>
      Effect.ensuring(
        writing(
          "release",
          ["leases"],
          (transaction, now) => Tables.withLease(transaction, id, (leases) => leases.release(id, owner, now, note))
        ),
        Effect.sync(() => letGo(id, owner))
      ),

    markers: (tags) =>
      Effect.map(
        telling(
          [],
          writing("markers", ["markers", "numbers"], (transaction) => Tables.markersOf(transaction, tags, version)),
          ({ dropped }) => ofTags(dropped)
        ),
        ({ markers, seq }) => ({ markers, seq })
      ),

    invalidateTags: (tags, mode) =>
      Effect.asVoid(telling(
        ofTags(tags),
        writing(
          "invalidateTags",
          ["markers", "numbers"],
          (transaction) => Tables.invalidate(transaction, tags, mode, version)
        ),
        (dropped) => ofTags([...tags, ...dropped])
      )),

    scan: (options) =>
      listing("scan", ["entries"], options?.prefix ?? "", async (transaction, range) => {
        const entries = transaction.objectStore("entries")
        const [ids, rows] = await Promise.all([entries.getAllKeys(range, page), entries.getAll(range, page)])
        return ids.map((id, i) => ({ key: id, item: { id, meta: rows[i]!.meta } }))
      }),

    size: reading("size", ["entries"], async (transaction) => {
      const entries = transaction.objectStore("entries")
      const pages = entries.count(IDBKeyRange.bound(pagePrefix, `${pagePrefix}\uffff`))
      return await entries.count() - await pages
    }),

    clear: telling([{ _tag: "AllChanged" }], writing("clear", allOfEntry, Tables.clear)),

    increment: (name, by, options) =>
      writing("increment", ["counters"], (transaction, now) =>
        Tables.withCounter(
          transaction,
          name,
          (counters) => Counters.increment(counters, { store: storeName, name, by, now, expiresAt: options?.expiresAt })
        )),

    counter: (name) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        reading("counter", ["counters"], async (transaction) => {
          const counter = await transaction.objectStore("counters").get(name)
          return counter !== undefined && counter.expiresAt > now ? counter : undefined
        })),

    touchCounter: (name, expiresAt) =>
      writing(
        "touchCounter",
        ["counters"],
        (transaction, now) =>
          Tables.withCounter(transaction, name, (counters) => Counters.touch(counters, name, { expiresAt, now }))
      ),

    removeCounter: (name) =>
      writing(
        "removeCounter",
        ["counters"],
        (transaction, now) => Tables.withCounter(transaction, name, (counters) => Counters.remove(counters, name, now))
      ),

    scanCounters: (options) =>
      listing("scanCounters", ["counters"], options?.prefix ?? "", async (transaction, range) => {
        const counters = transaction.objectStore("counters")
        const [names, all] = await Promise.all([counters.getAllKeys(range, page), counters.getAll(range, page)])
        return names.map((name, i) => ({ key: name, item: { name, ...all[i]! } }))
      }),

    changes: channel?.changes
  })

  /**
   * The keys that begin with a prefix, in pages, each a transaction of its own: what is written meanwhile may be in it.
   */
  function listing<A>(
    operation: string,
    tables: ReadonlyArray<Database.Table>,
    prefix: string,
    read: (
      transaction: Database.Transaction,
      range: IDBKeyRange
    ) => Promise<ReadonlyArray<{ readonly key: string; readonly item: A }>>
  ): Stream.Stream<A, StoreError> {
    return Stream.paginate(undefined as string | undefined, (after) =>
      Effect.map(
        reading(operation, tables, (transaction) =>
          read(
            transaction,
            after === undefined ? IDBKeyRange.lowerBound(prefix) : IDBKeyRange.lowerBound(after, true)
          )),
        (found) => {
          const wanted = found.filter(({ key }) => key.startsWith(prefix))
          const next = wanted.length === page ? Option.some(wanted.at(-1)!.key) : Option.none()
          return [wanted.map(({ item }) => item), next]
        }
      ))
  }
}

const tableOf = (transaction: Database.Transaction, stored: Stored | undefined) =>
  Tables.versionsOf(transaction, stored?.meta.tags.map(({ tag }) => tag) ?? [])
