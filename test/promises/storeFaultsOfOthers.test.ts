/** Faults seen in other caches, each as a test of its name: those of stores and serializers. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer } from "effect-cached"
import { Serializer, Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { singly } from "../../src/testing/internal/singly.ts"
import { counting, fakeStore, inside, over, overFake, within } from "../support/caches.ts"
import { ownSerializer } from "../support/ownSerializer.ts"

class Report extends CacheKey.Class<Report>()("Report", { payload: { n: Schema.Number }, success: Schema.Number }) {}

const unavailable = new CacheError.StoreError({ store: "fake", operation: "any", reason: "Unavailable" })

const get = <A, E, R>(load: Effect.Effect<A, E, R>) => load.pipe(Cached.ttl("k", { ttl: "1 hour" }))

const stores = [
  { kind: "asynchronous", make: () => fakeStore().store },
  { kind: "synchronous", make: () => MemoryStore.make() as Store.Store }
]

const failing: ReadonlyArray<readonly [string, () => Effect.Effect<never, CacheError.SerializerError>]> = [
  ["throws", () => {
    throw new Error("broken")
  }],
  ["dies", () => Effect.die("broken")],
  [
    "fails",
    () => Effect.fail(new CacheError.SerializerError({ serializer: "x", operation: "decode", reason: "broken" }))
  ],
  ["interrupts itself", () => Effect.interrupt]
]

describe.each(stores)("a serializer of your own over an $kind store", ({ make }) => {
  it.effect.each(failing)("F20 · whose decode %s: a miss", ([, decode]) => {
    const layer = over({ layer: Layer.succeed(Store.Store, make()) }, { memory: false })
    return Effect.gen(function*() {
      const { load } = counting()
      expect([yield* get(load), yield* get(load)]).toEqual([1, 2])
      expect(yield* Cached.getOption("k")).toEqual(Option.none())
    }).pipe(Effect.provide(layer.pipe(Layer.provide(ownSerializer({ decode })))))
  })

  it.effect.each(failing)("F8 · whose encode %s: the value, not stored", ([, encode]) => {
    const layer = over({ layer: Layer.succeed(Store.Store, make()) }, { memory: false })
    return Effect.gen(function*() {
      const { load } = counting()
      expect([yield* get(load), yield* get(load)]).toEqual([1, 2])
      yield* Cached.set("k", 1)
      expect(yield* Cached.getOption("k")).toEqual(Option.none())
    }).pipe(Effect.provide(layer.pipe(Layer.provide(ownSerializer({ encode })))))
  })
})

describe.each([{ memory: true }, { memory: false }])("memory: $memory", ({ memory }) => {
  it.effect("F7 · a store read error neither fails the program nor is cached", () =>
    overFake(function*(fake) {
      yield* get(Effect.succeed("stored"))
      yield* Cached.set("other", 1)
      fake.behave = (operation) => operation === "get" ? { before: Effect.fail(unavailable) } : {}
      expect(yield* get(Effect.succeed("loaded"))).toBe(memory ? "stored" : "loaded")
      fake.behave = () => ({})
      expect(yield* get(Effect.succeed("again"))).toBe("stored")
    }, { memory }))

  it.effect.each(["asynchronous", "synchronous"])("F19 · the codec is compiled once a key class (%s store)", (kind) => {
    let compiled = 0
    const counted = Layer.effect(
      Serializer.Serializer,
      Effect.map(Serializer.Serializer, (serializer): Serializer.Serializer => ({
        ...serializer,
        make: (schema) => {
          compiled++
          return serializer.make(schema)
        }
      }))
    )
    const store = kind === "synchronous" ? { layer: MemoryStore.layer } : fakeStore()
    return Effect.gen(function*() {
      const { load } = counting()
      const before = compiled
      for (let i = 0; i < 100; i++) {
        yield* load.pipe(Cached.ttl(new Report({ n: i % 10 }), { ttl: "1 hour" }))
        yield* Cached.getOption(new Report({ n: i % 10 }))
      }
      expect(compiled - before).toBe(1)
    }).pipe(Effect.provide(over(store, { memory }).pipe(Layer.provide(counted))))
  })

  it.effect.each(["asynchronous", "synchronous"])("F20 · what cannot be decoded is a miss (%s store)", (kind) => {
    const key = new Report({ n: 1 })
    const store = kind === "synchronous" ? MemoryStore.make() : fakeStore().store
    const layer = { layer: Layer.succeed(Store.Store, store) }
    return Effect.gen(function*() {
      const { load } = counting()
      const read = load.pipe(Cached.ttl(key, { ttl: "1 hour" }))
      yield* within(over(layer, { memory }), read)
      const stored = (yield* store.get(CacheKey.id(key), [])).entry!
      for (const text of ["not json", "\"text\"", ""]) {
        yield* singly(store).set(CacheKey.id(key), { ...stored, payload: new TextEncoder().encode(text) })
        yield* inside(over(layer, { memory }), function*() {
          expect(yield* Cached.getOption(key)).toEqual(Option.none())
          expect(yield* read).toBeGreaterThan(1)
          // It was replaced.
          expect(yield* read).toBe((yield* Cached.getOption(key) as Effect.Effect<any, never, any>).value)
        })
      }
    })
  })
})

it.live("F21 · the limit of a disk measures its content", () => {
  const directory = mkdtempSync(join(tmpdir(), "effect-cached-"))
  return Effect.gen(function*() {
    const keys = Array.from({ length: 600 }, (_, i) => `k${i}`)
    for (const key of keys) yield* Cached.set(key, "x".repeat(4000))
    const left = yield* Effect.forEach(keys, (key) => Cached.has(key))
    // Six hundred values of 4 kB into 1.1 MB: a good part of them, and the latest.
    expect(left.filter((has) => has).length).toBeGreaterThan(100)
    expect(left.at(-1)).toBe(true)
    expect(left[0]).toBe(false)
  }).pipe(
    Effect.provide(CacheLayer.disk({ directory, maxSize: "1100 kB", memory: false })),
    Effect.andThen(Effect.sync(() => {
      const bytes = readdirSync(directory).reduce((sum, file) => sum + statSync(join(directory, file)).size, 0)
      expect(bytes).toBeLessThan(1_200_000)
    })),
    Effect.ensuring(Effect.sync(() => rmSync(directory, { recursive: true, force: true })))
  )
})
