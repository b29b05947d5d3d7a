/**
 * A store in a directory of the local disk: an embedded database (SQLite, as Node has it). Entries, tag invalidations
 * and counters survive a restart. Not for network file systems.
 *
 * All processes of one machine may use one directory: one of them loads what the others wait for, and each reads what
 * the others changed.
 *
 * @since 0.1.0
 */
import type * as ByteSize from "effect/ByteSize"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import { StoreError } from "../../CacheError.ts"
import * as FoldersDefaults from "../../internal/defaults/folders.ts"
import * as OptionsDefaults from "../../internal/defaults/options.ts"
import { sizesOf, trustOf } from "../../internal/options/folder.ts"
import { refuseUnknown } from "../../internal/options/options.ts"
import * as Markers from "../../internal/store/markers/markers.ts"
import { lastingDispatcher } from "../../internal/time/lastingDispatcher.ts"
import { monotonicMillis } from "../../internal/time/monotonic.ts"
import * as Tokens from "../../internal/token.ts"
import * as Store from "../../Store.ts"
import type * as Ttl from "../../Ttl.ts"
import { toMillis } from "../../Ttl.ts"
import { networkOfFolder } from "../shared/folderTrust.ts"
import * as Connection from "./connection.ts"
import { reasonOf } from "./fault.ts"
import { directoryOf } from "./file/path.ts"
import { isRefusal } from "./refusal.ts"
import * as Gate from "./transactions/backoff.ts"
import * as Busy from "./transactions/busy.ts"
import * as Turns from "./transactions/queue.ts"

/**
 * The directory, how large the database may become, and how long an operation may wait for another process.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** the directory; made if it does not exist. Several processes of one machine may use it at once */
  readonly directory: string
  /**
   * how large the database may become, at least 1 MiB. If there is no room, expired entries go first, then the least recently used ones as
   * far as this process knows: those written longest ago, but an entry that this process has read since is spared once (it
   * remembers reads of some 10,000 entries)
   *
   * @default 1 GiB
   */
  readonly maxSize?: ByteSize.Input | undefined
  /**
   * the largest value that is stored, at most a quarter of `maxSize`: writing a larger one would block the process
   *
   * @default 8 MiB, or a quarter of `maxSize`
   */
  readonly maxValue?: ByteSize.Input | undefined
  /**
   * accepts a folder that other users can write to. What is in it is taken for what the program has stored
   *
   * @default `false`
   */
  readonly trustFolder?: boolean | undefined
  /**
   * how long to try again while another process writes
   *
   * @default 500 ms
   */
  readonly storeTimeout?: Ttl.Input | undefined
}

/**
 * Opens the store in a directory, until the scope closes.
 *
 * **Details**
 *
 * - Fails with a `StoreError` if the directory cannot be written (reason `Denied` or `Unavailable`). Throws a
 *   `CacheConfigError` for options that make no sense.
 * - A database that is damaged, or of another program, is left as it is, and an empty one is started beside it, also
 *   while programs run: all processes of the directory move to it. A deleted directory is made again. A release with
 *   another format has files of its own.
 * - A lease that is neither renewed nor released is removed after an hour, or ten times its length.
 * - The last 10,000 changes are kept (fewer if `maxSize` is below 40 MB). A process that has fallen behind further gets
 *   `Gap`.
 *
 * **Example** (Opening a directory)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { SqliteStore } from "effect-cached/sqlite"
 * import { mkdtempSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 *
 * const directory = join(mkdtempSync(join(tmpdir(), "cache-")), "pages")
 *
 * const program = Effect.flatMap(SqliteStore.make({ directory }), (store) => store.increment("visits", 1))
 * await Effect.runPromise(Effect.scoped(program)) // => 1
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<SyncStore, StoreError, Scope.Scope> => {
  const config = validate(options)
  return Effect.gen(function*() {
    const scope = yield* Effect.scope
    const clock = yield* Clock.Clock
    const tokens = Tokens.make(yield* Tokens.Seed)
    const now = () => monotonicMillis(clock)
    const newVersion = () => Markers.newVersion(tokens)
    const dispatcher = lastingDispatcher(yield* Scheduler.Scheduler)
    const gates: Connection.Gates = { lock: Gate.make(now), values: Gate.make(now) }
    const wallNow = () => clock.currentTimeMillisUnsafe()
    const connection = yield* Effect.acquireRelease(
      attempt("open", config, gates, () => Connection.make({ ...config, now, newVersion, gates, wallNow })),
      ({ close }) => Effect.sync(close)
    )
    const network = networkOfFolder(config.directory)
    if (network !== undefined) {
      yield* Effect.logWarning(
        `${config.directory} is on a network file system (${network}): SQLite cannot lock files there as it needs to`
      )
    }
    const startShrinking = shrinking(connection, config, { clock, gates, scope })
    yield* startShrinking
    let slowMillis = 0
    const runNow = (operations: ReadonlyArray<Operation>): ReadonlyArray<Exit.Exit<unknown, StoreError>> => {
      const startedAt = now()
      const exits = runAll(connection, operations)
      slowMillis += Math.max(0, now() - startedAt - operations.length * FoldersDefaults.sqliteTurns.ordinaryMillis)
      return exits
    }
    // of very many loads at once those that have a lease end first: who waits for one has lost nothing yet
    const goesFirst = ({ name }: Operation) => name === "commit"
    const turns = Turns.make({ goesFirst, now, dispatcher, run: runNow })
    const run: Run = <A>(name: string, steps: () => A) => {
      const operation = { name, steps }
      const once = kindOf(name).passes
        ? Effect.suspend(() => runNow([operation])[0]!)
        : turns.share(operation)
      return Effect.tap(trying(once as Effect.Effect<A, StoreError>, config, gates), () => startShrinking)
    }
    const workedMillis = () => slowMillis + gates.lock.waitedMillis() + gates.values.waitedMillis()
    return yield* attempt(
      "open",
      config,
      gates,
      () => fromConnection(connection, { maxSize: config.maxSize, run, workedMillis })
    )
  })
}

/**
 * The layer of the store in a directory.
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
 * const cache = CacheLayer.layer.pipe(Layer.provide(SqliteStore.layer({ directory, maxSize: "100 MB" })))
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
  /** how long to try while another process writes */
  readonly millis: number
}

const what = "SqliteStore.make"

const validate = (options: Options): Config => {
  refuseUnknown(what, options, ["directory", "maxSize", "maxValue", "storeTimeout", "trustFolder"])
  return {
    directory: directoryOf(what, options),
    ...sizesOf(what, options, OptionsDefaults.folders.disk),
    trustFolder: trustOf(what, options.trustFolder),
    millis: toMillis(options.storeTimeout ?? OptionsDefaults.layer.storeTimeoutMillis, `${what}: "storeTimeout"`)
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// operations
// ---------------------------------------------------------------------------------------------------------------------

const name = "sqlite"

const exitOf = <A>(operation: string, run: () => A): Exit.Exit<A, StoreError> => {
  try {
    return Exit.succeed(run())
  } catch (thrown) {
    return Exit.fail(toStoreError(operation, thrown))
  }
}

const toStoreError = (operation: string, thrown: unknown): StoreError =>
  thrown instanceof StoreError
    ? thrown
    : new StoreError({ store: name, operation, reason: reasonOf(thrown, operation), cause: thrown })

/** Tries again while another process writes. Every operation can be run twice. */
const trying = <A>(
  once: Effect.Effect<A, StoreError>,
  { millis }: Config,
  { lock, values }: Connection.Gates
): Effect.Effect<A, StoreError> => {
  const refusedBy = (error: StoreError): Busy.Refused | undefined => {
    if (isRefusal(error)) return { gate: values, thrown: error }
    return error.reason === "Timeout" ? { gate: lock, thrown: error.cause } : undefined
  }
  return Busy.trying(once, { millis, refusedBy })
}

const attempt = <A>(operation: string, config: Config, gates: Connection.Gates, run: () => A) =>
  trying(Effect.suspend(() => exitOf(operation, run)), config, gates)

interface Operation {
  readonly name: string
  readonly steps: () => unknown
}

const runAlone = (connection: Connection.Connection, { name, steps }: Operation): Exit.Exit<unknown, StoreError> =>
  exitOf(name, () => connection.run(steps, kindOf(name)))

/** None of them passes where nothing may be stored. */
const runAll = (
  connection: Connection.Connection,
  operations: ReadonlyArray<Operation>
): ReadonlyArray<Exit.Exit<unknown, StoreError>> => {
  const alone = () => operations.map((operation) => runAlone(connection, operation))
  if (operations.length === 1) return alone()
  const steps = operations.map(({ steps }) => steps)
  const isKept = operations.some(({ name }) => kindOf(name).isKept)
  try {
    const ended = connection.run(() => connection.tables().together(steps), { isKept, passes: false })
    return ended.map((one, i) =>
      Result.isSuccess(one) ? Exit.succeed(one.success) : Exit.fail(toStoreError(operations[i]!.name, one.failure))
    )
  } catch {
    // Nothing is done: what one of them ran into, the others may not.
    return alone()
  }
}

interface Services {
  readonly clock: Clock.Clock
  readonly gates: Connection.Gates
  readonly scope: Scope.Scope
}

type Run = <A>(operation: string, run: () => A) => Effect.Effect<A, StoreError>

interface Running {
  readonly maxSize: number
  readonly run: Run
  readonly workedMillis: () => number
}

const fromConnection = (connection: Connection.Connection, { maxSize, run, workedMillis }: Running): SyncStore => {
  const { inPages, tables, toRead } = connection
  return Store.makeSync({
    name,
    maxSize,
    capabilities: { shared: true },
    get: (id) => toRead().entries.get(id),
    set: (id, entry, now) => tables().entries.set(id, entry, now),
    remove: (id) => tables().entries.remove(id),
    scan: (prefix) => inPages(({ entries }) => entries.scan(prefix)),
    size: () => tables().entries.size(),
    clear: () => tables().entries.clear(),
    counters: {
      get: (name) => tables().counters.get(name),
      set: (...arguments_) => tables().counters.set(...arguments_),
      remove: (name) => tables().counters.remove(name),
      clear: () => tables().counters.clear(),
      scan: (prefix) => inPages(({ counters }) => counters.scan!(prefix))
    },
    tags: {
      version: (tag) => tables().tags.version(tag),
      markers: (...arguments_) => tables().tags.markers(...arguments_),
      invalidate: (...arguments_) => tables().tags.invalidate(...arguments_),
      remove: (names) => tables().tags.remove!(names)
    },
    leases: {
      leftMillis: (...arguments_) => tables().leases.leftMillis(...arguments_),
      acquire: (...arguments_) => tables().leases.acquire(...arguments_),
      acquireSame: (...arguments_) => tables().leases.acquireSame!(...arguments_),
      isCurrent: (...arguments_) => tables().leases.isCurrent(...arguments_),
      end: (id) => tables().leases.end(id),
      endAll: () => tables().leases.endAll(),
      renew: (...arguments_) => tables().leases.renew(...arguments_),
      release: (...arguments_) => tables().leases.release(...arguments_)
    },
    changes: connection.listen,
    atomic: (steps) => tables().atomic(steps),
    orAtomic: (look, steps) => tables().orAtomic(look, steps),
    position: () => tables().changes.position(),
    reasonOf,
    workedMillis,
    attempt: run
  })
}

const kinds = new Map<string, Connection.Kind>([
  ["set", { isKept: true, passes: false }],
  ["transact", { isKept: true, passes: false }],
  ["remove", { isKept: true, passes: true }],
  ["clear", { isKept: true, passes: true }],
  ["invalidateTags", { isKept: true, passes: true }],
  ["acquire", { isKept: false, passes: false, isFollowed: true }],
  ["renew", { isKept: false, passes: true }],
  ["release", { isKept: false, passes: true }],
  ["removeCounter", { isKept: false, passes: true }]
])

const storing: Connection.Kind = { isKept: false, passes: false }

const kindOf = (operation: string): Connection.Kind => kinds.get(operation) ?? storing

/** The pause between two steps of giving room back, so that others have most of the time. */
const shrinkingEvery = "100 millis"

/** Gives room back in small steps, as long as there is some to give. */
const shrinking = (
  connection: Connection.Connection,
  config: Config,
  { clock, gates, scope }: Services
): Effect.Effect<void> => {
  let isRunning = false
  const of = () => connection.tables().entries.shrinking
  const step = attempt("vacuum", config, gates, () => connection.run(() => of().step(clock.currentTimeMillisUnsafe())))
  const all = Effect.gen(function*() {
    while (yield* Effect.delay(step, shrinkingEvery));
  })
  return Effect.suspend(() => {
    if (isRunning || !of().isDue()) return Effect.void
    isRunning = true
    const whatever = Effect.ensuring(Effect.ignore(all), Effect.sync(() => isRunning = false))
    return Effect.asVoid(Effect.forkIn(whatever, scope))
  })
}
