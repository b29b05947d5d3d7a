/** Caches whose serializer compresses, signs or encrypts: migrations, keys that change, planted entries. */
import { describe, expect } from "@effect/vitest"
import { Effect, Exit, Layer, Logger, Option, Redacted, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy, type Caching } from "effect-cached"
import { Serializer, Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import * as Compressed from "effect-cached/serializers/Compressed"
import * as Encrypted from "effect-cached/serializers/Encrypted"
import { Json } from "effect-cached/serializers/Json"
import * as Signed from "effect-cached/serializers/Signed"
import { Structured } from "effect-cached/serializers/Structured"
import { TestClock } from "effect/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"
import { keys, secretBytes, secretText, wrapIn } from "./support.ts"

const text = "a text that is long enough to be compressed ".repeat(40)

const lines: Array<string> = []

/** The warnings and errors that a program logs. */
const logging = Logger.layer([Logger.make(({ logLevel, message }) => {
  if (logLevel === "Warn" || logLevel === "Error") lines.push(String(message))
})])

interface Loaded {
  readonly loads: number
  readonly warnings: ReadonlyArray<string>
}

/** Runs a program over the store with a serializer, as one of many processes. */
const withSerializer = (store: ReturnType<typeof MemoryStore.make>, serializer: Serializer.Serializer) => {
  const layer = CacheLayer.layer({ memory: false }).pipe(
    Layer.provide(Layer.succeed(Store.Store, store)),
    Layer.provide(Layer.succeed(Serializer.Serializer, serializer)),
    Layer.provideMerge(logging)
  )
  return <A, E>(program: Effect.Effect<A, E, Caching.Caching>) => Effect.provide(program, layer)
}

const loading = (read: (count: () => void) => Effect.Effect<unknown, unknown, Caching.Caching>) =>
  Effect.gen(function*() {
    let loads = 0
    lines.length = 0
    yield* read(() => loads++)
    expect(lines.length).toBe(new Set(lines).size)
    return { loads, warnings: Array.from(lines) } satisfies Loaded
  })

const page = (count: () => void, key = "page") =>
  Effect.sync(() => (count(), text)).pipe(Cached.ttl(key, { ttl: "1 hour" }))

const signed = (more: Partial<Parameters<typeof Signed.make>[1]> = {}) => Signed.make(Json, { ...keys, ...more })

describe("a store that was written with another setting", () => {
  const compressed = Compressed.make(Json)
  const steps: ReadonlyArray<readonly [string, Serializer.Serializer, Serializer.Serializer, boolean]> = [
    ["compression is switched on", Json, compressed, true],
    ["compression is switched off", compressed, Json, false],
    ["the algorithm changes", wrapIn(Json, ["gzip"]), wrapIn(Json, ["brotli"]), true],
    ["compression is added inside encryption", wrapIn(Json, ["aes"]), wrapIn(Json, ["zstd", "aes"]), true],
    ["compression is removed inside encryption", wrapIn(Json, ["zstd", "aes"]), wrapIn(Json, ["aes"]), false],
    ["signatures are switched on", Json, signed(), false],
    ["signatures are switched on with acceptPlain", Json, signed({ acceptPlain: true }), true],
    ["signatures are switched off", signed(), Json, false],
    ["signatures are added around compression", compressed, Signed.make(compressed, keys), false],
    [
      "compression and signatures with acceptPlain",
      Json,
      Signed.make(compressed, { ...keys, acceptPlain: true }),
      true
    ],
    ["the cipher changes", wrapIn(Json, ["aes"]), wrapIn(Json, ["xchacha"]), true]
  ]
  test.each(steps)("%s", function*([, before, after, isRead]) {
    const store = MemoryStore.make()
    const read = (count: () => void) => Effect.andThen(page(count), page(count))
    expect((yield* withSerializer(store, before)(loading(read))).loads).toBe(1)
    const { loads, warnings } = yield* withSerializer(store, after)(loading(read))
    expect(loads).toBe(isRead ? 0 : 1)
    // The entry that was written meanwhile is read by a process with the same setting.
    expect((yield* withSerializer(store, after)(loading(read))).loads).toBe(0)
    if (after.name.includes("signed") && isRead) {
      expect(warnings).toEqual([expect.stringContaining("are not protected, because `acceptPlain` is set")])
    }
  })
})

describe("keys", () => {
  const [old, young] = [Redacted.make(secretBytes(3)), Redacted.make(secretBytes(4))]
  test.each([Signed.make, Encrypted.make])(
    "rotate without a miss, and one that is gone is one warning",
    function*(make) {
      const store = MemoryStore.make()
      const steps = [
        make(Json, { keys: { old }, current: "old" }),
        make(Json, { keys: { old, young }, current: "old" }),
        make(Json, { keys: { old, young }, current: "young" }),
        make(Json, { keys: { young }, current: "young" })
      ]
      const loads: Array<number> = []
      for (const [i, step] of steps.entries()) {
        // Each step writes a page of its own. The last one reads what was written under the new key.
        const read = (count: () => void) =>
          Effect.forEach(
            i === 3 ? ["page 2"] : ["page 0", "page 1", "page 2"].slice(0, i + 1),
            (key) => page(count, key)
          )
        loads.push((yield* withSerializer(store, step)(loading(read))).loads)
      }
      expect(loads).toEqual([1, 1, 1, 0])
      const both = (count: () => void) => Effect.andThen(page(count, "page 0"), page(count, "page 1"))
      const { loads: again, warnings } = yield* withSerializer(store, steps[3]!)(loading(both))
      expect(again).toBe(2)
      expect(warnings).toEqual([expect.stringContaining("its key is not among the keys of this serializer")])
      expect(warnings.join()).not.toContain(secretText)
    }
  )
})

describe("CachePolicy.strict", () => {
  const [old, young, wrong] = [3, 4, 5].map((n) => Redacted.make(secretBytes(n))) as [any, any, any]
  const makers = { Signed: Signed.make, Encrypted: Encrypted.make }
  const secrets = [["is wrong", { keys: { old: wrong }, current: "old" }], [
    "is gone",
    { keys: { young }, current: "young" }
  ]] as const
  const cases = (["Signed", "Encrypted"] as const).flatMap((wrapper) =>
    (["synchronous", "asynchronous", "far"] as const).flatMap((kind) =>
      secrets.map(([name, keys]) => ({ wrapper, kind, name, keys }))
    )
  )

  test.each(cases)(
    "$wrapper: a secret that $name fails a strict read of a store that is $kind, once for others",
    function*({
      keys,
      kind,
      wrapper
    }) {
      const memory = MemoryStore.make()
      const asynchronous = Store.make({
        name: "asynchronous",
        get: (id) => Effect.andThen(Effect.yieldNow, Effect.sync(() => memory.getUnsafe(id, []).entry)),
        set: (id, entry) => singly(memory).set(id, entry),
        remove: (id) => singly(memory).remove(id)
      })
      const store = kind === "synchronous"
        ? memory
        : kind === "far"
        ? { ...asynchronous, distanceMillis: () => 50 }
        : asynchronous
      const make = makers[wrapper]
      const run = (options: Parameters<typeof Signed.make>[1]) => {
        const layer = CacheLayer.layer({ memory: false }).pipe(
          Layer.provide(Layer.succeed(Store.Store, store)),
          Layer.provide(Layer.succeed(Serializer.Serializer, make(Compressed.make(Json), options))),
          Layer.provideMerge(logging)
        )
        return <A, E>(program: Effect.Effect<A, E, Caching.Caching>) => Effect.provide(program, layer)
      }
      class Page extends CacheKey.Class<Page>()("Page", { payload: { n: Schema.Int }, success: Schema.String }) {}
      const pages = ["a", "b", "c"]
      yield* run({ keys: { old }, current: "old" })(
        loading((count) => Effect.forEach(pages, (key) => page(count, key)))
      )

      const many = (count: () => void) =>
        Cached.many(Page, (keys) => Effect.sync(() => keys.map(() => (count(), Exit.succeed(text)))), {
          ttl: "1 hour"
        })
      yield* run({ keys: { old }, current: "old" })(loading((count) => many(count)([{ n: 1 }, { n: 2 }])))
      const strictly = yield* run(keys)(loading((count) =>
        Effect.gen(function*() {
          for (
            const read of [page(count, "a"), Cached.getOption("b"), Cached.getMany(["c"]), many(count)([{ n: 1 }])]
          ) {
            const error = yield* Effect.flip(
              CachePolicy.strict(read as Effect.Effect<unknown, never, Caching.Caching>)
            )
            expect(error).toMatchObject({ _tag: "SerializerError", operation: "decode" })
            expect(String(error)).toContain("is refused")
          }
        })
      ))
      expect(strictly.loads).toBe(0)

      const read = (count: () => void) => Effect.forEach(pages, (key) => page(count, key))
      const loosely = yield* run(keys)(loading((count) => Effect.andThen(read(count), read(count))))
      expect(loosely.loads).toBe(pages.length)
      expect(loosely.warnings).toHaveLength(1)
      // The replacements are read strictly, too.
      expect((yield* run(keys)(loading((count) => CachePolicy.strict(read(count))))).loads).toBe(0)
    }
  )

  test("plain entries, damaged ones of other formats, and prolonged ones are a miss", function*() {
    const store = MemoryStore.make()
    yield* withSerializer(store, Json)(page(() => undefined))
    const plain = yield* withSerializer(store, signed())(loading((count) => CachePolicy.strict(page(count))))
    expect(plain.loads).toBe(1)
    yield* withSerializer(store, Json)(page(() => undefined, "b"))
    yield* singly(store).set("b", { ...store.getUnsafe("b", []).entry!, payload: Uint8Array.of(123) })
    const damaged = yield* withSerializer(store, Json)(loading((count) => CachePolicy.strict(page(count, "b"))))
    expect(damaged.loads).toBe(1)
  })
})

describe("an entry that another program changed", () => {
  test.each(["signed", "aes"])("%s: it is loaded again, with one warning, and replaced", function*(name) {
    const store = MemoryStore.make()
    const run = withSerializer(store, wrapIn(Json, [name]))
    const stored = (id: string) => store.getUnsafe(id, []).entry!
    yield* run(loading((count) => Effect.andThen(page(count, "a"), page(count, "b"))))
    const [a, b] = [stored("a"), stored("b")]
    const plain = { meta: { ...a.meta, serializer: 1 }, payload: new TextEncoder().encode(`"planted"`) }
    const planted = [
      { meta: a.meta, payload: b.payload },
      b,
      plain,
      { meta: { ...a.meta, expiresAt: Infinity, softExpiresAt: Infinity }, payload: a.payload },
      { meta: { ...a.meta, tags: [{ tag: "t", version: "0".repeat(24) }] }, payload: a.payload }
    ]
    for (const entry of planted) {
      yield* singly(store).set("a", entry)
      const read = (count: () => void) =>
        Effect.tap(page(count, "a"), (value) => Effect.sync(() => expect(value).toBe(text)))
      expect((yield* run(loading((count) => Effect.andThen(read(count), read(count))))).loads).toBe(1)
    }
    // An older entry of the same id looks like the current one.
    yield* singly(store).set("a", a)
    expect((yield* run(loading((count) => page(count, "a")))).loads).toBe(0)
  })

  test("no secret is in a warning, an event or a dump of the cache", function*() {
    const store = MemoryStore.make()
    const secret = Redacted.make(secretText)
    const serializer = Signed.make(Json, { keys: { a: secret }, current: "a" })
    const shown: Array<unknown> = []
    const program = Effect.gen(function*() {
      yield* page(() => undefined)
      const { meta, payload } = store.getUnsafe("page", []).entry!
      yield* singly(store).set("page", { meta, payload: payload.map((byte, i) => i === 80 ? byte ^ 1 : byte) })
      yield* page(() => undefined)
      shown.push(yield* Cached.stats, serializer, serializer.make(undefined))
    })
    yield* withSerializer(store, serializer)(loading(() => program))
    expect(lines.length).toBe(1)
    expect(lines.join() + JSON.stringify(shown) + String(shown)).not.toContain(secretText)
  })
})

describe("a lifetime that is extended", () => {
  const sliding = (count: () => void) =>
    Effect.sync(() => (count(), text)).pipe(Cached.sliding("slides", { idle: "1 hour" }))

  test.each([[undefined, 2], [true, 1]] as const)(
    "with prolongable: %s it takes %s loads",
    function*([prolongable, loads]) {
      const store = MemoryStore.make()
      const run = withSerializer(store, signed({ prolongable }))
      const seen = yield* run(loading((count) =>
        Effect.gen(function*() {
          for (let i = 0; i < 3; i++) {
            yield* sliding(count)
            yield* TestClock.adjust("40 minutes")
          }
        })
      ))
      expect(seen.loads).toBe(loads)
    }
  )
})

describe("stores on disk", () => {
  const layers = { disk: CacheLayer.disk, files: CacheLayer.files }
  test.live.each(["disk", "files"] as const)("%s keep all that is signed", function*(name) {
    const directory = yield* tempDirectory
    const run = <A, E>(program: Effect.Effect<A, E, Caching.Caching>) =>
      Effect.provide(
        program,
        layers[name]({ directory, memory: false }).pipe(
          Layer.provide(Layer.succeed(Serializer.Serializer, wrapIn(Structured, ["zstd", "aes", "signed"])))
        )
      )
    const options = { ttl: "1 hour", tags: ["a", "\ud800", "é"], etag: "W/\"1\"" } as const
    yield* run(Cached.set("key", text, options))
    yield* run(Cached.set("forever", text, { ttl: "Infinity" }))
    expect(yield* run(Effect.all([Cached.getOption("key"), Cached.getOption("forever")]))).toEqual([
      Option.some(text),
      Option.some(text)
    ])
  })
})
