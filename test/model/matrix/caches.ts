/** The caches that the cases run over: every kind of store, with every serializer, with and without a memory tier. */
import { Context, Effect, Layer, type Logger, References, Schedule, type Scope } from "effect"
import { CacheLayer, type Caching } from "effect-cached"
import { type CacheEntry, Serializer, Store } from "effect-cached/adapters"
import { FilesStore } from "effect-cached/files"
import { MemoryStore } from "effect-cached/memory"
import { Binary } from "effect-cached/serializers/Binary"
import { IndentedJson } from "effect-cached/serializers/IndentedJson"
import { Json } from "effect-cached/serializers/Json"
import { Structured } from "effect-cached/serializers/Structured"
import { SqliteStore } from "effect-cached/sqlite"
import { ChaosStore } from "effect-cached/testing"
import { fakeStore } from "../../support/caches.ts"
import { mapSync } from "../../support/lastingStorages.ts"
import { storeFrom } from "../../support/storeFrom.ts"
import { tempDirectory } from "../../support/tempDirectory.ts"

export const serializers = { Json, Structured, Binary, IndentedJson }
export type SerializerName = keyof typeof serializers

/** A store, made for one case or for all of them. */
type Stores = Effect.Effect<() => Store.Store, unknown, Scope.Scope>

const each = (make: (n: number) => Store.Store): Stores =>
  Effect.sync(() => {
    let n = 0
    return () => make(n++)
  })

const one = (make: (directory: string) => Effect.Effect<Store.Store, unknown, Scope.Scope>): Stores =>
  Effect.gen(function*() {
    const store = yield* make(yield* tempDirectory)
    return () => store
  })

/** Keeps the markers of tags among its entries, and answers each question later. */
const lastingAsync = (): Store.Store => {
  const entries = new Map<string, CacheEntry.Stored>()
  const later = <A>(run: () => A) => Effect.andThen(Effect.yieldNow, Effect.sync(run))
  return Store.make({
    name: "lasting",
    capabilities: { lasting: true },
    get: (id) => later(() => entries.get(id)),
    set: (id, entry) => later(() => entries.set(id, entry)),
    remove: (id) => later(() => entries.delete(id)),
    clear: later(() => entries.clear())
  })
}

export const stores = {
  memory: each(() => MemoryStore.make()),
  async: each(() => fakeStore().store),
  sqlite: one((directory) => storeFrom(SqliteStore.layer({ directory }))),
  files: one((directory) => storeFrom(FilesStore.layer({ directory }))),
  lasting: each(() => Effect.runSync(Effect.flatMap(mapSync("shared"), ({ open }) => open))),
  "lasting, async": each(() => lastingAsync()),
  chaos: each((seed) =>
    ChaosStore.make(MemoryStore.make(), { seed, failRate: 0.1, dropRate: 0.05, lateRate: 0.05, delay: ["0 millis", 4] })
      .store
  )
} satisfies Record<string, Stores>
export type StoreName = keyof typeof stores

/** Late work of a store that goes wrong is done by then. */
export const lateMillis = 10_000

export interface Kind {
  readonly store: StoreName | "none"
  readonly memory: boolean
  readonly serializer: SerializerName
  /** The process restarts before the read in question. */
  readonly restarts: boolean
  /** The key is an instance of a class, with schemas of its value and of its error. */
  readonly schema: boolean
}

export const budgetMillis = 20

const options = {
  capacity: 2,
  shutdownTimeout: 1000,
  refresh: { concurrency: 1, timeout: 1000, retry: Schedule.recurs(0) }
}

export const layerOf = (kind: Kind, store: Store.Store | undefined): Layer.Layer<Caching.Caching> => {
  if (store === undefined) return CacheLayer.memory(options)
  return CacheLayer.layer({ ...options, memory: kind.memory, storeTimeout: budgetMillis }).pipe(
    Layer.provide(Layer.succeed(Store.Store, store)),
    Layer.provide(Layer.succeed(Serializer.Serializer, serializers[kind.serializer]))
  )
}

/** Many cases fail on purpose. */
export const quiet = Context.make(References.CurrentLoggers, new Set<Logger.Logger<unknown, unknown>>())
