/** The twelve programs of perscache's README, as they are written here, with the calls that they are to make. */
import { describe, expect, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Layer, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { type CacheEntry, Serializer, Store } from "effect-cached/adapters"
import { Json } from "effect-cached/serializers/Json"
import { TestClock } from "effect/testing"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { tempDirectory } from "../../support/tempDirectory.ts"

const strategy = "untilInvalidated"

/** Cached in files of a directory, as perscache does by default; each time fresh, as in another run of the program. */
const inFiles = (directory: string) => Effect.provide(Layer.fresh(CacheLayer.files({ directory })), { local: true })

describe("perscache's README", () => {
  it.effect("1 · a function, cached", () =>
    Effect.gen(function*() {
      const getData = Cached.fn(() => "get_data", () => Effect.succeed("abc"), { strategy })
      expect([yield* getData(), yield* getData()]).toEqual(["abc", "abc"])
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.effect("2 · basic usage: called once, in the next run too", () =>
    Effect.gen(function*() {
      const cache = inFiles(yield* tempDirectory)
      let counter = 0
      const getData = Cached.fn(() => "get_data", () =>
        Effect.sync(() => {
          counter++
          return "abc"
        }), { strategy })
      expect(yield* cache(getData())).toBe("abc")
      expect(yield* cache(getData())).toBe("abc")
      expect(counter).toBe(1)
    }).pipe(Effect.scoped))

  it.effect("3 · methods: a cache for each instance, or one for all", () =>
    Effect.gen(function*() {
      // The inputs are in the key: here the name of a calculator, not its address in memory.
      class Calculator {
        computeCount = 0
        readonly name: string
        constructor(name: string) {
          this.name = name
        }
        readonly add = Cached.fn(
          (a: number, b: number) => `${this.name}.add:${a}:${b}`,
          (a, b) => this.computed(a + b),
          { strategy }
        )
        readonly multiply = Cached.fn(
          (a: number, b: number) => `multiply:${a}:${b}`,
          (a, b) => this.computed(a * b),
          { strategy }
        )
        private readonly computed = (n: number) =>
          Effect.sync(() => {
            this.computeCount++
            return n
          })
      }
      const [calc1, calc2] = [new Calculator("calc1"), new Calculator("calc2")]
      expect([yield* calc1.add(5, 3), yield* calc1.add(5, 3), calc1.computeCount]).toEqual([8, 8, 1])
      expect([yield* calc2.add(5, 3), calc2.computeCount]).toEqual([8, 1])
      expect([yield* calc1.multiply(4, 2), calc1.computeCount]).toEqual([8, 2])
      expect([yield* calc2.multiply(4, 2), calc2.computeCount]).toEqual([8, 1])
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.effect("4 · asynchronous functions, which are one call however many ask at once", () =>
    Effect.gen(function*() {
      let calls = 0
      const fetchData = Cached.fn(
        (url: string) => `fetch:${url}`,
        (url) => Effect.promise(() => Promise.resolve(`${url} ${++calls}`)),
        { strategy }
      )
      expect([yield* fetchData("example.com"), yield* fetchData("example.com")])
        .toEqual(["example.com 1", "example.com 1"])
      yield* Effect.all(Array.from({ length: 5 }, () => fetchData("example.org")), { concurrency: "unbounded" })
      expect(calls).toBe(2)
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.effect("5 · other parameters or other code: called again", () =>
    Effect.gen(function*() {
      const cache = inFiles(yield* tempDirectory)
      const log: Array<string> = []
      const cached = (lookup: (key: { readonly key: string }) => Effect.Effect<string>) => {
        class GetData extends CacheKey.Class<GetData>()("get_data", {
          payload: { key: Schema.String },
          success: Schema.String,
          version: CacheKey.codeOf(lookup)
        }) {}
        return Cached.fn(GetData, lookup, { strategy })
      }
      const getData = cached(({ key }) => {
        log.push("The function has been called...")
        return Effect.succeed(key)
      })
      for (const key of ["abc", "fgh", "abc"]) expect(yield* cache(getData({ key }))).toBe(key)
      const changed = cached(({ key }) => {
        log.push("This function has been changed...")
        return Effect.succeed(key)
      })
      expect(yield* cache(changed({ key: "abc" }))).toBe("abc")
      expect(log).toEqual([
        "The function has been called...",
        "The function has been called...",
        "This function has been changed..."
      ])
    }).pipe(Effect.scoped))

  it.effect("6 · an expiry: a day", () =>
    Effect.gen(function*() {
      let calls = 0
      const getData = Cached.fn(() => "get_data", () => Effect.sync(() => ++calls), { ttl: "1 day" })
      expect([yield* getData(), yield* getData()]).toEqual([1, 1])
      yield* TestClock.adjust("1 day")
      expect(yield* getData()).toBe(2)
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.effect("7 · an argument that is ignored", () =>
    Effect.gen(function*() {
      let calls = 0
      class GetData extends CacheKey.Class<GetData>()("get_data", {
        payload: { key: Schema.String, ignoreThis: Schema.String },
        ignore: ["ignoreThis"],
        success: Schema.String
      }) {}
      const getData = Cached.fn(GetData, ({ key }) => {
        calls++
        return Effect.succeed(key)
      }, { strategy })
      expect(yield* getData({ key: "abc", ignoreThis: "ignore_1" })).toBe("abc")
      expect(yield* getData({ key: "abc", ignoreThis: "ignore_2" })).toBe("abc")
      expect(calls).toBe(1)
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.effect("8 · another format, for all functions of a cache", () =>
    Effect.gen(function*() {
      const directory = yield* tempDirectory
      const getData = Cached.fn((key: string) => key, (key) => Effect.succeed({ key }), { strategy })
      const cache = CacheLayer.files({ directory }).pipe(Layer.provide(Layer.succeed(Serializer.Serializer, Json)))
      expect(yield* getData("abc").pipe(Effect.provide(cache))).toEqual({ key: "abc" })
      expect(readdirSync(directory).filter((name) => /^abc~\w+\.json$/.test(name))).toHaveLength(1)
    }).pipe(Effect.scoped))

  it.effect("9 · a cache by the environment: none where one looks for mistakes", () =>
    Effect.gen(function*() {
      const directory = yield* tempDirectory
      let calls = 0
      const fn = Cached.fn(() => "function", () => Effect.sync(() => ++calls), { strategy })
      const cache = Layer.unwrap(Effect.map(
        Config.withDefault(Config.Boolean("DEBUG"), false),
        (isDebugging) => isDebugging ? CacheLayer.disabled : CacheLayer.files({ directory: join(directory, "cache") })
      ))
      const twice = Effect.all([fn(), fn()]).pipe(Effect.provide(Layer.fresh(cache)))
      const under = (env: Record<string, string>) =>
        Effect.provide(twice, ConfigProvider.layer(ConfigProvider.fromUnknown(env)))
      expect(yield* under({ DEBUG: "true" })).toEqual([1, 2])
      expect(yield* under({})).toEqual([3, 3])
    }).pipe(Effect.scoped))

  it.effect("10 · a serializer of one's own", () =>
    Effect.gen(function*() {
      const directory = yield* tempDirectory
      const MySerializer = Serializer.make({
        name: "reversed",
        extension: ".data",
        encode: (value) => new TextEncoder().encode(JSON.stringify(value)).reverse(),
        decode: (bytes) => JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes).reverse()))
      })
      const getData = Cached.fn(() => "data", () => Effect.succeed("abc"), { strategy })
      const cache = Effect.provide(
        CacheLayer.files({ directory }).pipe(Layer.provide(Layer.succeed(Serializer.Serializer, MySerializer)))
      )
      expect(yield* cache(getData())).toBe("abc")
      expect(readdirSync(directory).filter((name) => name.endsWith(".data"))).toHaveLength(1)
    }).pipe(Effect.scoped))

  it.effect("11 · a format for one type: its schema says how", () =>
    Effect.gen(function*() {
      const directory = yield* tempDirectory
      class Message extends Schema.Class<Message>("Message")({ id: Schema.Int, sent: Schema.Date }) {}
      let calls = 0
      class Sent extends CacheKey.Class<Sent>()("message", { success: Message }) {}
      const message = Cached.fn(Sent, () => Effect.sync(() => new Message({ id: ++calls, sent: new Date(0) })), {
        strategy
      })
      const cache = inFiles(directory)
      yield* cache(message())
      const again = yield* cache(message())
      expect([again instanceof Message, again.sent, calls]).toEqual([true, new Date(0), 1])
    }).pipe(Effect.scoped))

  it.effect("12 · a storage of one's own", () =>
    Effect.gen(function*() {
      const storage = new Map<string, CacheEntry.Stored>()
      const MyStorage = Store.makeSync({
        name: "mine",
        get: (id) => storage.get(id),
        set: (id, entry) => void storage.set(id, entry),
        remove: (id) => storage.delete(id)
      })
      let calls = 0
      const getData = Cached.fn(() => "get_data", () => Effect.sync(() => ++calls), { strategy })
      const cache = Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, MyStorage))
      const run = Effect.provide(getData(), Layer.fresh(cache), { local: true })
      expect([yield* run, yield* run, calls]).toEqual([1, 1, 1])
    }))
})
