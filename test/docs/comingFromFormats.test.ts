/** Formats, signatures and compression that the pages of perscache, cashews and aiocache promise: each is run here. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted, Schema, SchemaTransformation } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { Serializer, Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import * as Compressed from "effect-cached/serializers/Compressed"
import { Csv } from "effect-cached/serializers/Csv"
import { IndentedJson } from "effect-cached/serializers/IndentedJson"
import { Json } from "effect-cached/serializers/Json"
import { Parquet } from "effect-cached/serializers/Parquet"
import * as Signed from "effect-cached/serializers/Signed"
import { Structured } from "effect-cached/serializers/Structured"
import { Text } from "effect-cached/serializers/Text"
import { Yaml } from "effect-cached/serializers/Yaml"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { brotliDecompressSync, gunzipSync, gzipSync } from "node:zlib"
import { singly } from "../../src/testing/internal/singly.ts"
import { warningsOf } from "../support/logged.ts"
import { tempDirectory } from "../support/tempDirectory.ts"

const Rows = Schema.Array(Schema.Struct({ city: Schema.String, celsius: Schema.Number }))
const rows = [{ city: "Berlin", celsius: 21 }, { city: "Bonn", celsius: 19.5 }]

class Weather extends CacheKey.Class<Weather>()("Weather", { payload: { year: Schema.Int }, success: Rows }) {}
class Table extends CacheKey.Class<Table>()("Table", { success: Rows, serializer: Csv }) {}

const weather = new Weather({ year: 2026 })

/** The files of payloads, without the records of the classes' fingerprints. */
const payloadsIn = (directory: string) =>
  readdirSync(directory)
    .filter((file) => /~[0-9a-f]{12}\.(?!meta)/.test(file) && !file.includes("fingerprints"))
    .map((file) => join(directory, file))

/** The one file that holds the payload of a value, after it was written and read. */
const fileUnder = <A, E, R>(serializer: Serializer.Serializer, key: CacheKey.CacheKey<A, E, R>, value: A) =>
  Effect.gen(function*() {
    const directory = join(yield* tempDirectory, "answers")
    const cache = CacheLayer.files({ directory, serializer, memory: false })
    yield* Effect.provide(Cached.set(key, value), cache)
    expect(yield* Effect.provide(Cached.getOption(key), cache)).toEqual(Option.some(value))
    const [file] = payloadsIn(directory)
    return { extension: file!.replace(/^.*~[0-9a-f]{12}/, ""), content: readFileSync(file!) }
  })

const cacheOver = (store: Store.Store, serializer: Serializer.Serializer) =>
  CacheLayer.layer({ memory: false }).pipe(
    Layer.provide(Layer.succeed(Store.Store, store)),
    Layer.provide(Layer.succeed(Serializer.Serializer, serializer))
  )

describe("perscache", () => {
  it.live("PE-03 · one function has a format of its own, or a folder of its own", () =>
    Effect.gen(function*() {
      expect((yield* fileUnder(IndentedJson, new Table(), rows)).extension).toBe(".csv")
      const byClass = Serializer.byClass({ default: IndentedJson, Weather: Yaml })
      expect((yield* fileUnder(byClass, weather, rows)).extension).toBe(".yaml")
      const [first, second] = [yield* tempDirectory, yield* tempDirectory]
      const routed = CacheLayer.routed({
        default: CacheLayer.files({ directory: first }),
        routes: [[Weather, CacheLayer.files({ directory: second })]]
      })
      yield* Effect.provide(Effect.andThen(Cached.set(weather, rows), Cached.set(new Table(), rows)), routed)
      expect([payloadsIn(first).length, payloadsIn(second).length]).toEqual([1, 1])
    }))

  it.live("PE-10 · its formats, Parquet by brotli, and a serializer from two functions", () =>
    Effect.gen(function*() {
      expect((yield* fileUnder(IndentedJson, weather, rows)).content.toString()).toContain(`"city": "Berlin"`)
      expect((yield* fileUnder(Yaml, weather, rows)).content.toString()).toContain("city: Berlin")
      expect((yield* fileUnder(Csv, weather, rows)).content.toString()).toContain("Berlin,21\r\n")
      const brotli = Compressed.make(Parquet, { algorithm: "brotli", threshold: 1 })
      const many = Array.from({ length: 500 }, (_, i) => ({ city: `City ${i % 9}`, celsius: i }))
      const { content, extension } = yield* fileUnder(brotli, weather, many)
      expect(extension).toBe(".parquet.br")
      expect(brotliDecompressSync(content.subarray(0, -6)).subarray(0, 4).toString()).toBe("PAR1")
      const reversed = Serializer.make({
        name: "reversed",
        extension: ".rev",
        encode: (value) => Buffer.from(JSON.stringify(value)).reverse(),
        decode: (bytes) => JSON.parse(Buffer.from(bytes).reverse().toString())
      })
      expect((yield* fileUnder(reversed, weather, rows)).extension).toBe(".rev")
    }))

  it.live("PE-15 · a damaged or truncated file is a miss, and is replaced", () =>
    Effect.gen(function*() {
      const directory = join(yield* tempDirectory, "answers")
      let loads = 0
      const read = Effect.sync(() => (loads++, rows)).pipe(
        Cached.ttl(weather, { ttl: "1 hour" }),
        Effect.provide(CacheLayer.files({ directory, serializer: Yaml, memory: false }))
      )
      for (const damage of ["", "not: [yaml", "- city: Berlin\n  celsius: 99\n"]) {
        yield* read
        const before = loads
        for (const file of payloadsIn(directory)) writeFileSync(file, damage)
        expect([yield* read, loads]).toEqual([rows, before + 1])
      }
    }))
})

describe("cashews", () => {
  it.effect("CA-23 · bytes that cannot be decoded, and those of another shape, are a miss; types of your own", () =>
    Effect.gen(function*() {
      const store = MemoryStore.make()
      const cache = cacheOver(store, Json)
      class Money extends Schema.Class<Money>("Money")({ cents: Schema.Int }) {}
      const InCents = Schema.Int.pipe(Schema.decodeTo(
        Money,
        SchemaTransformation.transform({ decode: (cents) => ({ cents }), encode: ({ cents }) => cents })
      ))
      class Price extends CacheKey.Class<Price>()("Price", { success: InCents }) {}
      yield* Effect.gen(function*() {
        yield* Cached.set(new Price(), new Money({ cents: 5 }))
        expect(yield* Cached.getOption(new Price())).toEqual(Option.some(new Money({ cents: 5 })))
        const id = CacheKey.id(new Price())
        const { entry } = yield* store.get(id, [])
        expect(new TextDecoder().decode(entry!.payload)).toBe("5")
        for (const planted of ["", "{", "\"a\"", "[5]"]) {
          yield* singly(store).set(id, { ...entry!, payload: new TextEncoder().encode(planted) })
          expect(yield* Cached.getOption(new Price())).toEqual(Option.none())
        }
      }).pipe(Effect.provide(cache))
      class Changed extends CacheKey.Class<Changed>()("Price", { success: Schema.Struct({ cents: Schema.Int }) }) {}
      expect(CacheKey.id(new Changed())).not.toBe(CacheKey.id(new Price()))
    }))

  it.effect("CA-24 · a signed value that was copied to another key is refused, and a plain one too", () =>
    Effect.gen(function*() {
      const store = MemoryStore.make()
      const [may, june] = ["May", "June"].map((month) =>
        Redacted.make(`a secret of ${month} that has 32 bytes or more`)
      )
      const under = (options: Partial<Parameters<typeof Signed.make>[1]> = {}) =>
        Effect.provide(cacheOver(
          store,
          Signed.make(Json, { keys: { may: may!, june: june! }, current: "may", ...options })
        ))
      yield* under()(Effect.andThen(Cached.set("role:ada", "admin"), Cached.set("role:eve", "guest")))
      const { entry } = yield* store.get("role:ada", [])
      yield* singly(store).set("role:eve", entry!)
      const eve = Cached.getOption("role:eve")
      const warnings = yield* warningsOf(under()(Effect.map(eve, (got) => expect(got).toEqual(Option.none()))))
      expect(warnings).toHaveLength(1)
      expect(yield* Effect.flip(under()(CachePolicy.strict(eve)))).toMatchObject({ _tag: "SerializerError" })
      expect(yield* under({ current: "june" })(Cached.getOption("role:ada"))).toEqual(Option.some("admin"))
      yield* Effect.provide(Cached.set("plain", "guest"), cacheOver(store, Json))
      expect(yield* under()(Cached.getOption("plain"))).toEqual(Option.none())
      expect(yield* under({ acceptPlain: true })(Cached.getOption("plain"))).toEqual(Option.some("guest"))
      expect(yield* Effect.provide(Cached.getOption("role:ada"), cacheOver(store, Json))).toEqual(Option.none())
    }))

  it.effect("CA-25 · entries from before the compression stay readable, and a damaged one is a miss", () =>
    Effect.gen(function*() {
      const store = MemoryStore.make()
      const text = "a long text ".repeat(500)
      yield* Effect.provide(Cached.set("old", text), cacheOver(store, Json))
      for (const algorithm of ["gzip", "zstd", "brotli"] as const) {
        const cache = cacheOver(store, Compressed.make(Json, { algorithm }))
        yield* Effect.gen(function*() {
          expect(yield* Cached.getOption("old")).toEqual(Option.some(text))
          yield* Cached.set(algorithm, text)
          const { entry } = yield* store.get(algorithm, [])
          expect(entry!.payload.length).toBeLessThan(300)
          yield* singly(store).set("cut", { ...entry!, payload: entry!.payload.slice(0, -1) })
          expect(yield* Cached.getOption("cut")).toEqual(Option.none())
        }).pipe(Effect.provide(cache))
      }
    }))
})

describe("aiocache", () => {
  it.effect("AI-13 · text as text, any structure, JSON, and two functions of your own", () =>
    Effect.gen(function*() {
      const stored = Effect.fnUntraced(function*(serializer: Serializer.Serializer, value: unknown) {
        const store = MemoryStore.make()
        yield* Effect.provide(Cached.set("key", value), cacheOver(store, serializer))
        const got = yield* Effect.provide(Cached.getOption("key"), cacheOver(store, serializer))
        expect(got).toEqual(Option.some(value))
        return Buffer.from((yield* store.get("key", [])).entry!.payload)
      })
      expect((yield* stored(Text, "a text")).toString()).toBe("a text")
      yield* stored(Structured, new Map([[{ a: 1 }, new Set([new Date(0), 5n])]]))
      expect((yield* stored(Json, [1, "a"])).toString()).toBe(`[1,"a"]`)
      const zipped = Serializer.make({
        name: "json+gzip",
        extension: ".gz",
        encode: (value) => gzipSync(JSON.stringify(value)),
        decode: (bytes) => JSON.parse(gunzipSync(bytes).toString())
      })
      expect(JSON.parse(gunzipSync(yield* stored(zipped, { n: 1 })).toString())).toEqual({ n: 1 })
    }))
})
