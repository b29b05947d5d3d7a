/**
 * Ready-made caches as layers. Provide one, once, at the edge of the program: two `Effect.provide` of the same layer
 * are two caches.
 *
 * @since 0.1.0
 */
import * as ByteSize from "effect/ByteSize"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import { CacheConfigError, StoreError } from "./CacheError.ts"
import * as Caching from "./Caching.ts"
import type { Eviction } from "./Eviction.ts"
import { check } from "./internal/layerOptions.ts"
import { Serializer } from "./Serializer.ts"
import { Store } from "./Store.ts"

/**
 * What every ready-made layer takes.
 *
 * @category options
 * @since 0.1.0
 */
export interface MemoryOptions {
  /** entries in memory at most; 10,000 by default */
  readonly capacity?: number | undefined
  /** which entry leaves a full memory tier; `Eviction.lru` by default */
  readonly eviction?: Eviction | undefined
  /** refreshes in the background */
  readonly refresh?: {
    /** how many at once; 16 by default */
    readonly concurrency?: number | undefined
    /** how long one may take, tries included; 1 minute by default */
    readonly timeout?: Duration.Input | undefined
    /** when to try a failed one again; by default twice, with exponential backoff from 100 ms and jitter */
    readonly retry?: Schedule.Schedule<unknown, unknown> | undefined
  } | undefined
  /** how long closing waits for loads that somebody waits for; 5 seconds by default */
  readonly shutdownTimeout?: Duration.Input | undefined
}

/**
 * What every layer over a store takes beside that.
 *
 * @category options
 * @since 0.1.0
 */
export interface LayerOptions extends MemoryOptions {
  /** `false`: no memory tier, every read asks the store */
  readonly memory?: boolean | undefined
  /** how long all store steps of one read may take together; 500 ms by default */
  readonly storeTimeout?: Duration.Input | undefined
  /**
   * for so long a load is exclusive across the processes that share the store, and while its process is alive and
   * prolongs it; 5 seconds by default
   */
  readonly lease?: Duration.Input | undefined
  /** how long a load waits for that of another process before it runs beside it; twice the lease by default */
  readonly wait?: Duration.Input | undefined
  /**
   * how long this process may serve from memory what another has changed, while it cannot hear of it; 10 seconds by
   * default. Under `CachePolicy.strict` not at all
   */
  readonly bound?: Duration.Input | undefined
}

/**
 * What `disk` takes.
 *
 * @category options
 * @since 0.1.0
 */
export interface DiskOptions extends LayerOptions {
  /** where the files are; made if it is not there */
  readonly directory: string
  /** of the content; 1 GiB by default */
  readonly maxSize?: ByteSize.Input | undefined
}

/**
 * What `files` takes.
 *
 * @category options
 * @since 0.1.0
 */
export interface FilesOptions extends LayerOptions {
  /** where the files are; made if it is not there */
  readonly directory: string
  /** the format of the files, and their extension; indented JSON by default */
  readonly serializer?: Serializer | undefined
  /** of all payloads together; 1 GiB by default */
  readonly maxSize?: ByteSize.Input | undefined
}

/**
 * A cache in the memory of the process. Nothing is encoded.
 *
 * Throws a `CacheConfigError` at once for an option that it does not know or cannot use.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.succeed(42).pipe(Cached.ttl({ key: "answer", ttl: "1 hour" }))
 *
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory({ capacity: 1000 })))) // => 42
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const memory = (options?: MemoryOptions): Layer.Layer<Caching.Caching> => {
  const checked = check("memory", options)
  return Layer.effect(Caching.Caching, Caching.make({ ...checked, store: undefined }))
}

/**
 * A cache over any `Store`, with a memory tier in front of it. The serializer is taken from its reference.
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import * as MemoryStore from "effect-cached/stores/MemoryStore"
 *
 * const cache = CacheLayer.layerWith({ memory: false, storeTimeout: "1 second" }).pipe(Layer.provide(MemoryStore.layer))
 *
 * const program = Effect.succeed(42).pipe(Cached.ttl({ key: "answer", ttl: "1 hour" }))
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => 42
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWith = (options?: LayerOptions): Layer.Layer<Caching.Caching, never, Store> =>
  overStore(check("layerWith", options))

const overStore = (checked: Caching.MakeOptions): Layer.Layer<Caching.Caching, never, Store> => {
  const layers = new WeakMap<Store, Layer.Layer<Caching.Caching>>()
  // what is built once is known by its layer alone: over another store it is another cache, and so another layer
  const over = (store: Store): Layer.Layer<Caching.Caching> => {
    const layer = layers.get(store) ?? Layer.effect(
      Caching.Caching,
      Effect.flatMap(Serializer, (serializer) => Caching.make({ ...checked, store: { store, serializer } }))
    )
    layers.set(store, layer)
    return layer
  }
  return Layer.fromBuild((memoMap, scope) =>
    Effect.flatMap(Store, (store) =>
      Effect.map(
        Layer.buildWithMemoMap(over(store), memoMap, scope),
        (built) => Context.make(Caching.Caching, Context.get(built, Caching.Caching))
      ))
  )
}

/**
 * A cache over any `Store`, with every option at its default.
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import * as MemoryStore from "effect-cached/stores/MemoryStore"
 *
 * const program = Effect.andThen(Cached.set("answer", 42), Cached.has("answer"))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.layer), Effect.provide(MemoryStore.layer))) // => true
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Caching.Caching, never, Store> = layerWith()

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
  checkFolder("disk", directory, maxSize)
  const cache = overStore(check("disk", options))
  const store = Layer.unwrap(
    Effect.map(
      Effect.tryPromise({
        try: () => import("./stores/SqliteStore.ts"),
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

const checkFolder = (name: string, directory: string, maxSize: ByteSize.Input | undefined): void => {
  if (typeof directory !== "string" || directory === "") {
    throw new CacheConfigError({ message: `CacheLayer.${name} needs a directory` })
  }
  if (maxSize === undefined) return
  if (Option.isNone(Option.filter(ByteSize.fromInput(maxSize), (size) => !ByteSize.isZero(size)))) {
    throw new CacheConfigError({ message: `maxSize of CacheLayer.${name} is a size above zero, like "100 MB"` })
  }
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
  checkFolder("files", directory, maxSize)
  if (serializer !== undefined && typeof serializer.make !== "function") {
    throw new CacheConfigError({ message: "serializer of CacheLayer.files is no Serializer" })
  }
  const cache = overStore(check("files", options))
  return Layer.unwrap(Effect.gen(function*() {
    const { FilesStore, IndentedJson } = yield* Effect.tryPromise({
      try: async () => ({
        FilesStore: await import("./stores/FilesStore.ts"),
        ...await import("./serializers/IndentedJson.ts")
      }),
      catch: (cause) => new StoreError({ store: "files", operation: "open", reason: "Unsupported", cause })
    })
    const provided = yield* Serializer
    const chosen = serializer ?? (provided === Serializer.defaultValue() ? IndentedJson : provided)
    const store = FilesStore.layer({ directory, ...maxSize === undefined ? {} : { maxSize } })
    return cache.pipe(Layer.provide(store), Layer.provide(Layer.succeed(Serializer, chosen)))
  }))
}

/**
 * No cache: every effect runs as if it were not wrapped.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let loads = 0
 * const count = Effect.sync(() => ++loads).pipe(Cached.ttl({ key: "count", ttl: "1 hour" }))
 *
 * await Effect.runPromise(Effect.all([count, count]).pipe(Effect.provide(CacheLayer.disabled))) // => [1, 2]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const disabled: Layer.Layer<Caching.Caching> = Layer.succeed(Caching.Caching, Caching.disabled)

/** the names of caches, by what they name */
const names = new WeakMap<Caching.Shape, string>()

/**
 * Gives a cache a name, a service of the program's own: for a second cache beside the first, with its own store, size
 * and rules. `Cached.using` says what uses it.
 *
 * Each name has a cache, and each cache one name: a layer is built once, so that two names take two layers (call
 * `CacheLayer.memory()` for each of them). The same layer under two names dies with a `CacheConfigError` when it is
 * built, before one part of the program is served what another has put in.
 *
 * ```ts
 * import { Context, Effect } from "effect"
 * import { Cached, CacheLayer, type Caching } from "effect-cached"
 *
 * class Pages extends Context.Service<Pages, Caching.Shape>()("Pages") {}
 *
 * let loads = 0
 * const page = Effect.sync(() => ++loads).pipe(Cached.ttl({ key: "page", ttl: "1 hour" }), Cached.using(Pages))
 *
 * const program = Effect.all([page, page])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.named(Pages, CacheLayer.memory())))) // => [1, 1]
 * ```
 *
 * What a layer gives beside its cache (`CacheReactivity.layer`, a `RecordingCache`) it still gives.
 *
 * Throws a `CacheConfigError` at once for what is no service, or no layer.
 *
 * @category several caches
 * @since 0.1.0
 */
export const named = <Self, Out, E, R>(
  name: Context.Key<Self, Caching.Shape>,
  cache: Layer.Layer<Out, E, R> & Layer.Layer<Caching.Caching, unknown, unknown>
): Layer.Layer<Self | Exclude<Out, Caching.Caching>, E, R> => {
  if (!Context.isKey(name)) {
    throw new CacheConfigError({
      message: "CacheLayer.named takes the service of a cache first: " +
        "class Pages extends Context.Service<Pages, Caching.Shape>()(\"Pages\") {}"
    })
  }
  const isLayer: boolean = Layer.isLayer(cache)
  if (!isLayer) {
    throw new CacheConfigError({ message: `CacheLayer.named gives "${name.key}" a layer, like CacheLayer.memory()` })
  }
  // a cache is among what it gives: so says the second of its types
  return Layer.flatMap(cache as Layer.Layer<Out | Caching.Caching, E, R>, (built) =>
    Layer.effectContext(Effect.map(
      give(name.key, Context.get(built, Caching.Caching)),
      (shape) => Context.add(Context.omit(Caching.Caching)(built), name, shape)
    )))
}

const give = (name: string, shape: Caching.Shape): Effect.Effect<Caching.Shape> => {
  const former = names.get(shape)
  if (former !== undefined && former !== name) {
    return Effect.die(
      new CacheConfigError({
        message:
          `"${former}" and "${name}" were given the same cache: call CacheLayer.memory() (or disk, or layerWith) ` +
          "once for each of them"
      })
    )
  }
  // what caches nothing is nobody's
  if (shape !== Caching.disabled) names.set(shape, name)
  return Effect.succeed(shape)
}
