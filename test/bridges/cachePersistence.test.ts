/** A cache in place of the storages of `effect/persistence`. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Layer, Schema, type Schema as S, Stream } from "effect"
import { Cached, CacheLayer, CachePolicy, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { CachePersistence } from "effect-cached/bridges"
import { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { Persistable, PersistedCache, Persistence } from "effect/persistence"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import { TestClock } from "effect/testing"
import { fakeStore, over } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { pluralOf } from "../support/pluralOf.ts"

class User extends Persistable.Class<{ payload: { id: number } }>()("User", {
  primaryKey: ({ id }) => `${id}`,
  success: Schema.Struct({ name: Schema.String, at: Schema.Date }),
  error: Schema.String
}) {}

const users = (calls: Array<number>) =>
  PersistedCache.make(({ id }: User) => {
    calls.push(id)
    return id === 0 ? Effect.fail("absent") : Effect.succeed({ name: `user ${id}`, at: new Date(id) })
  }, { storeId: "users", timeToLive: (exit) => Exit.isSuccess(exit) ? "1 hour" : "1 minute", inMemoryTTL: () => 0 })

const persistence = Persistence.layer.pipe(Layer.provide(CachePersistence.layerBacking()))

describe.each([
  ["memory", Layer.fresh(CacheLayer.memory())],
  ["a store", CacheLayer.layer().pipe(Layer.provide(MemoryStore.layer))]
])("a cache over %s as BackingPersistence", (_, cache) => {
  it.effect("keeps exits for the time that the persistence says, and ends them by key or by store id", () =>
    Effect.gen(function*() {
      const calls: Array<number> = []
      const cached = yield* users(calls)
      const read = (id: number) => Effect.exit(cached.get(new User({ id })))
      const found = Exit.succeed({ name: "user 1", at: new Date(1) })
      expect([yield* read(1), yield* read(1)]).toEqual([found, found])
      expect([yield* read(0), yield* read(0)]).toEqual([Exit.fail("absent"), Exit.fail("absent")])
      expect(calls).toEqual([1, 0])
      yield* TestClock.adjust("1 minute")
      expect([yield* read(1), yield* read(0)]).toEqual([found, Exit.fail("absent")])
      expect(calls).toEqual([1, 0, 0])
      yield* cached.invalidate(new User({ id: 1 }))
      expect(yield* read(1)).toEqual(found)
      expect(calls).toEqual([1, 0, 0, 1])
    }).pipe(Effect.scoped, Effect.provide(persistence.pipe(Layer.provide(cache)))))

  it.effect("clears one store id, and reads and writes many at once", () =>
    Effect.gen(function*() {
      const { make } = yield* Persistence.BackingPersistence
      const [a, b] = [yield* make("a"), yield* make("a:b")]
      yield* a.setMany([["b:1", { n: 1 }, undefined], ["2", { n: 2 }, undefined]])
      yield* b.set("1", { n: 3 }, undefined)
      expect(yield* a.getMany(["b:1", "none", "2"])).toEqual([{ n: 1 }, undefined, { n: 2 }])
      yield* a.remove("2")
      expect(yield* a.get("2")).toBeUndefined()
      yield* a.clear
      expect([yield* a.get("b:1"), yield* b.get("1")]).toEqual([undefined, { n: 3 }])
    }).pipe(Effect.scoped, Effect.provide(CachePersistence.layerBacking().pipe(Layer.provide(cache)))))
})

const fails = <A>(effect: Effect.Effect<A, unknown, any>) =>
  Effect.flip(CachePolicy.strict(effect as Effect.Effect<A, unknown>))

it.effect("a store that does not answer fails listings, changes and strict calls, and no others", () =>
  Effect.gen(function*() {
    const fake = fakeStore()
    const down = Effect.fail(new StoreError({ store: "s", operation: "get", reason: "Unavailable" }))
    const store = { ...fake.store, get: () => down, set: pluralOf.set(() => down), scan: () => Stream.fromEffect(down) }
    const cache = over({ layer: Layer.succeed(Store.Store, store) })
    const both = Layer.mergeAll(CachePersistence.layerBacking(), CachePersistence.layerKeyValueStore())
    yield* Effect.gen(function*() {
      const storage = yield* KeyValueStore.KeyValueStore
      const backing = yield* (yield* Persistence.BackingPersistence).make("a")
      expect([yield* storage.get("k"), yield* backing.get("k")]).toEqual([undefined, undefined])
      expect(yield* fails(storage.get("k"))).toMatchObject({ _tag: "StoreError" })
      expect(yield* fails(backing.get("k"))).toMatchObject({ _tag: "StoreError" })
      expect(yield* Effect.flip(storage.keys)).toMatchObject({ _tag: "KeyValueStoreError", method: "keys" })
      yield* storage.set("k", "1")
      expect(yield* storage.get("k")).toBe("1")
    }).pipe(Effect.scoped, Effect.provide(both.pipe(Layer.provide(cache))))
  }))

const long = "x".repeat(300)
const Key = Schema.Literals(["", "a", "a:b", "ab", "A", "*", "[a]", "~a", "#a", "ä", "\ud800", long, `${long}y`])
const Value = Schema.Union([Schema.String, Schema.Uint8Array])
const Operation = Schema.Union([
  Schema.Tuple([Schema.Literals(["set"]), Key, Value]),
  Schema.Tuple([Schema.Literals(["get", "getUint8Array", "remove", "has", "modify", "modifyUint8Array"]), Key]),
  Schema.Tuple([Schema.Literals(["clearPrefix"]), Key]),
  Schema.Tuple([Schema.Literals(["clear", "keys", "size", "isEmpty"])])
])

const apply = (storage: KeyValueStore.KeyValueStore, [name, key = "", value = ""]: S.Schema.Type<typeof Operation>) => {
  switch (name) {
    case "set":
      return Effect.asVoid(storage.set(key, value))
    case "modify":
      return storage.modify(key, (text) => `${text}!`)
    case "modifyUint8Array":
      return storage.modifyUint8Array(key, (bytes) => Uint8Array.from([...bytes, 1]))
    case "keys":
      return Effect.map(storage.keys, (keys) => keys.toSorted())
    case "clear":
      return Effect.asVoid(storage.clear)
    case "remove":
    case "clearPrefix":
      return Effect.asVoid(storage[name](key))
    case "size":
    case "isEmpty":
      return storage[name]
    default:
      return storage[name](key) as Effect.Effect<unknown, KeyValueStore.KeyValueStoreError>
  }
}

const storageOf = <E>(layer: Layer.Layer<KeyValueStore.KeyValueStore, E>) =>
  Effect.map(Layer.build(Layer.fresh(layer)), (context) => KeyValueStore.KeyValueStore.pipe(Effect.provide(context)))

describe.each([
  ["memory", () => CacheLayer.memory()],
  ["a store", () => CacheLayer.layer().pipe(Layer.provide(MemoryStore.layer))]
])("a cache over %s as KeyValueStore", (_, cache) => {
  it.effect.prop(
    "does what Effect's in memory does",
    { operations: Schema.Array(Operation) },
    ({ operations }) =>
      Effect.gen(function*() {
        const ours = yield* yield* storageOf(CachePersistence.layerKeyValueStore().pipe(Layer.provide(cache())))
        const theirs = yield* yield* storageOf(KeyValueStore.layerMemory)
        for (const operation of operations) {
          expect([operation, yield* apply(ours, operation)]).toEqual([operation, yield* apply(theirs, operation)])
        }
      }).pipe(Effect.scoped)
  )

  it.effect("changes a value atomically, and leaves the other entries of the cache", () =>
    Effect.gen(function*() {
      const storage = yield* KeyValueStore.KeyValueStore
      yield* Cached.set("persistence", 1)
      yield* storage.set("n", "")
      yield* Effect.forEach("abc", (letter) => storage.modify("n", (text) => text + letter), {
        concurrency: "unbounded"
      })
      expect(Array.from((yield* storage.get("n"))!).toSorted()).toEqual(["a", "b", "c"])
      yield* storage.clear
      expect(yield* Stream.runCollect(Looking.ids())).toEqual(["persistence"])
    }).pipe(
      Effect.provide(
        CachePersistence.layerKeyValueStore().pipe(Layer.provideMerge(cache() as Layer.Layer<Caching.Caching>))
      )
    ))
})

it.effect("the two in one cache have no key in common", () =>
  Effect.gen(function*() {
    const storage = yield* KeyValueStore.KeyValueStore
    const backing = yield* (yield* Persistence.BackingPersistence).make("users")
    yield* backing.set("1", { name: "Ada" }, undefined)
    expect([yield* storage.get("users:1"), yield* storage.keys]).toEqual([undefined, []])
    yield* storage.set("users:1", "text")
    yield* storage.clear
    expect(yield* backing.get("1")).toEqual({ name: "Ada" })
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Layer.mergeAll(CachePersistence.layerBacking(), CachePersistence.layerKeyValueStore()).pipe(
        Layer.provide(CacheLayer.memory())
      )
    )
  ))

it("refuses options that do not exist, and prefixes that are no text", () => {
  expect(() => CachePersistence.layerBacking({ prefix: "" })).toThrow(
    "prefix of CachePersistence.layerBacking must be a short text"
  )
  expect(() => CachePersistence.layerKeyValueStore({ prefix: "~a" })).toThrow(`does not begin with "~"`)
  expect(() => CachePersistence.layerKeyValueStore({ prefix: "x".repeat(180) })).toThrow("a short text")
  expect(() => CachePersistence.layerKeyValueStore({ prefx: "a" } as never)).toThrow(/has no option "prefx"/)
})
