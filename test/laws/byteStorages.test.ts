/** The laws of stores hold over what Keyv, unstorage and the `KeyValueStore` of Effect reach. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { Cached, CacheError, CacheLayer } from "effect-cached"
import type { Store } from "effect-cached/adapters"
import { KeyvStore } from "effect-cached/keyv"
import { PersistenceStore } from "effect-cached/persistence"
import { lastingStoreLaws, storeLaws, withTimePassing } from "effect-cached/testing"
import { UnstorageStore } from "effect-cached/unstorage"
import { KeyValueStore } from "effect/persistence"
import { Keyv } from "keyv"
import { Keyv as Keyv6 } from "keyv6"
import { createStorage } from "unstorage"
import { singly } from "../../src/testing/internal/singly.ts"
import { randomOf } from "../support/random.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { test } from "../support/tests.ts"

const keyValueStore = (layer: Layer.Layer<KeyValueStore.KeyValueStore>) =>
  Effect.map(Layer.build(layer), (context) => ({
    open: Effect.provide(storeFrom(PersistenceStore.layer()), context)
  }))

const storages = {
  "a map by Keyv": Effect.sync(() => {
    const store = new Map()
    return { open: storeFrom(KeyvStore.layer(new Keyv({ store, throwOnErrors: true }))) }
  }),
  "a map by Keyv 6": Effect.sync(() => {
    const store = new Map()
    return { open: storeFrom(KeyvStore.layer(new Keyv6({ store }))) }
  }),
  "memory by unstorage": Effect.sync(() => {
    const storage = createStorage()
    return { open: storeFrom(UnstorageStore.layer(storage)) }
  }),
  "memory by Effect": keyValueStore(KeyValueStore.layerMemory)
}

for (const [name, make] of Object.entries(storages)) {
  describe(`the laws of stores hold for ${name}`, () => {
    for (const law of storeLaws<unknown>(Effect.flatMap(make, ({ open }) => open))) {
      it.effect(law.name, () => withTimePassing(law.run))
    }
    for (const law of lastingStoreLaws<never, unknown>(make)) it.effect(law.name, () => withTimePassing(law.run))
  })
}

/** A storage of which one call in three fails, before it does anything. */
const failing = () => {
  const map = new Map<string, unknown>()
  const random = randomOf(1)
  const fail = async () => {
    await Promise.resolve()
    if (random() < 1 / 3) throw new Error("one in three")
  }
  return {
    get: async (key: string) => (await fail(), map.get(key)),
    set: async (key: string, value: unknown) => (await fail(), void map.set(key, value)),
    delete: async (key: string) => (await fail(), map.delete(key)),
    clear: async () => (await fail(), map.clear()),
    has: async (key: string) => (await fail(), map.has(key)),
    async *iterator() {
      for (const item of map) {
        if (random() < 1 / 30) await fail()
        yield item
      }
    }
  }
}

/** Repeats each operation that has failed. One that has hidden a failure would break a law. */
const persistent = (store: Store.Store): Store.Store =>
  new Proxy(store, {
    get: (of, name) => {
      const value = of[name as keyof Store.Store] as unknown
      const repeated = (effect: Effect.Effect<any, any>) => Effect.retry(effect, { times: 50 })
      if (Effect.isEffect(value)) return repeated(value as Effect.Effect<any, any>)
      if (typeof value !== "function" || /Unsafe$|Callback$|Millis$|^isWhole$/.test(String(name))) return value
      return (...args: Array<unknown>) => {
        const made = value.apply(of, args) as unknown
        return Stream.isStream(made)
          ? Stream.fromIterableEffect(Effect.retry(Stream.runCollect(made), { times: 50 }))
          : repeated(made as Effect.Effect<any, any>)
      }
    }
  })

for (const listens of [false, true]) {
  describe(`Keyv 6 over a storage that fails one call in three, ${listens ? "with" : "without"} a listener`, () => {
    const make = Effect.suspend(() => {
      const keyv = new Keyv6({ store: failing() as never })
      if (listens) keyv.on("error", () => {})
      return Effect.map(storeFrom(KeyvStore.layer(keyv)), persistent)
    })
    for (const law of storeLaws(make)) {
      // An operation of many calls never ends without a failure.
      if (!/scan|size|list|many|Many|transact|unusual tags|missing markers/.test(law.name)) {
        it.effect(law.name, () => withTimePassing(law.run))
      }
    }
  })
}

const refused = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(CacheError.CacheConfigError)
    return (error as Error).message
  }
  return "nothing"
}

describe("KeyvStore", () => {
  it("refuses an instance that hides errors, and what is no instance", () => {
    expect(refused(() => KeyvStore.layer(new Keyv()))).toContain("throwOnErrors: true")
    expect(refused(() => KeyvStore.layer(undefined as never))).toContain("new Keyv(")
    expect(refused(() => KeyvStore.layer({} as never))).toContain("new Keyv(")
  })

  test("reports what the adapter does: errors, refusals, and that it cannot list", function*() {
    const down = new Error("down")
    const isDown = { value: false }
    const map = new Map<string, unknown>()
    const fail = () => {
      if (isDown.value) throw down
    }
    const adapter = {
      opts: {},
      get: async (key: string) => (fail(), map.get(key)),
      set: async (key: string, value: unknown) => (fail(), map.set(key, value), !key.includes("refused")),
      delete: async (key: string) => (fail(), map.delete(key)),
      clear: async () => (fail(), map.clear()),
      on: () => adapter
    }
    const keyv = new Keyv({ store: adapter as never, throwOnErrors: true })
    keyv.on("error", () => {})
    const store = yield* storeFrom(KeyvStore.layer(keyv))
    const entry = { meta, payload: new Uint8Array([1]) }
    yield* singly(store).set("a", entry)
    expect((yield* Effect.flip(singly(store).set("refused", entry))).reason).toBe("Unavailable")
    expect((yield* Effect.flip(Stream.runCount(store.scan()))).reason).toBe("Unsupported")
    isDown.value = true
    for (const step of [store.get("a", []), singly(store).remove("a"), singly(store).set("a", entry), store.clear]) {
      expect(yield* Effect.flip(step as Effect.Effect<unknown, CacheError.StoreError>)).toMatchObject({
        reason: "Unavailable",
        cause: down
      })
    }
    isDown.value = false
    expect((yield* store.get("a", [])).entry).toEqual(entry)
    yield* store.clear
    expect((yield* store.get("a", [])).entry).toBe(undefined)
  })

  test("over Keyv 6 reports failures of calls and listings, and that the adapter cannot list", function*() {
    const entry = { meta, payload: new Uint8Array([1]) }
    let isDown = false
    const fail = () => {
      if (isDown) throw new Error("down")
    }
    const map = new Map<string, unknown>()
    const plain = {
      get: async (key: string) => (fail(), map.get(key)),
      set: async (key: string, value: unknown) => (fail(), void map.set(key, value)),
      delete: async (key: string) => (fail(), map.delete(key)),
      clear: async () => (fail(), map.clear())
    }
    const iterator = async function*() {
      for (const item of map) {
        yield item
        fail()
      }
    }
    const listing = yield* storeFrom(KeyvStore.layer(new Keyv6({ store: { ...plain, iterator } as never })))
    const silent = yield* storeFrom(KeyvStore.layer(new Keyv6({ store: plain as never })))
    yield* singly(listing).set("a", entry)
    expect(Array.from(yield* Stream.runCollect(listing.scan()), ({ id }) => id)).toEqual(["a"])
    expect((yield* Effect.flip(Stream.runCount(silent.scan()))).reason).toBe("Unsupported")
    isDown = true
    const steps: ReadonlyArray<Effect.Effect<unknown, CacheError.StoreError>> = [
      listing.get("a", []),
      singly(listing).remove("a"),
      singly(listing).set("a", entry),
      listing.clear,
      Stream.runCount(listing.scan())
    ]
    for (const step of steps) {
      expect(yield* Effect.flip(step)).toMatchObject({ reason: "Unavailable", cause: { message: "down" } })
    }
    isDown = false
    expect((yield* listing.get("a", [])).entry).toEqual(entry)
  })

  test("passes the time to live on, and none for what has no end", function*() {
    const ttls: Array<number | undefined> = []
    const keyv = new Keyv({ throwOnErrors: true })
    const { set } = keyv
    keyv.set = (key: string, value: any, ttl?: number) => {
      if (!key.startsWith("~")) ttls.push(ttl)
      return set.call(keyv, key, value, ttl)
    }
    yield* Effect.provide(
      Effect.andThen(Cached.set("a", 1, { ttl: "1 minute" }), Cached.set("b", 1)),
      CacheLayer.layer().pipe(Layer.provide(KeyvStore.layer(keyv)))
    )
    expect(ttls).toEqual([60_000, 0])
  })
})

const meta = {
  createdAt: 0,
  softExpiresAt: 1e12,
  expiresAt: 1e12,
  loadMillis: 1,
  outcome: "success",
  tags: [],
  writeId: "00".repeat(16),
  serializer: 1
} as const

describe("UnstorageStore and PersistenceStore", () => {
  it("refuse what is no instance, and what is no first part of keys", () => {
    const storage = { ...createStorage(), getUint8Array: () => {}, set: () => {} }
    expect(refused(() => UnstorageStore.layer(undefined as never))).toContain("createStorage(")
    expect(refused(() => UnstorageStore.layer(storage, { prefix: "x" } as never))).toContain("\"prefix\"")
    for (const base of ["", ":", "a:", "a/b", 5]) {
      expect(refused(() => UnstorageStore.layer(storage, { base: base as string }))).toContain("base of")
    }
    expect(refused(() => PersistenceStore.layer({ prefix: "" }))).toContain("prefix of")
  })

  test("clear and list what is below their first part alone", function*() {
    const storage = createStorage()
    yield* Effect.promise(() => storage.setItem("mine", "mine"))
    const [one, other] = [
      yield* storeFrom(UnstorageStore.layer(storage)),
      yield* storeFrom(UnstorageStore.layer(storage, { base: "other" }))
    ]
    const entry = { meta, payload: new Uint8Array([1]) }
    yield* singly(one).set("a", entry)
    yield* singly(other).set("b", entry)
    expect(Array.from(yield* Stream.runCollect(one.scan()), ({ id }) => id)).toEqual(["a"])
    yield* one.clear
    expect([yield* one.size, yield* other.size]).toEqual([0, 1])
    expect(yield* Effect.promise(() => storage.getItem("mine"))).toBe("mine")
  })

  test("miss what is damaged, of another id, or not theirs", function*() {
    const storage = createStorage()
    const store = yield* storeFrom(UnstorageStore.layer(storage))
    yield* singly(store).set("a", { meta, payload: new Uint8Array([1, 2, 3]) })
    const [key] = yield* Effect.promise(() => storage.getKeys())
    const bytes: Uint8Array = yield* Effect.promise(() => storage.getItemRaw(key!))
    const found = (value: unknown, id = "a") =>
      Effect.andThen(
        Effect.promise(() => storage.setItemRaw(`${key!.slice(0, -1)}${id}`, value)),
        Effect.map(
          Effect.all([store.get(id, []), Stream.runCount(store.scan())]),
          ([{ entry }, count]) => [entry !== undefined, count]
        )
      )
    expect(yield* found(bytes)).toEqual([true, 1])
    for (let i = 0; i < bytes.length; i++) {
      const flipped = bytes.slice()
      flipped[i]! ^= 1
      expect(yield* found(flipped), `${i}`).toEqual([false, 0])
      expect(yield* found(bytes.slice(0, i))).toEqual([false, 0])
    }
    for (const value of ["text", new Uint8Array(0), new Uint8Array(3), new Uint8Array([255, 255, 255, 255]), null]) {
      expect((yield* found(value))[0]).toBe(false)
    }
    yield* found(bytes)
    expect(yield* found(bytes, "b")).toEqual([false, 1])
  })
})
