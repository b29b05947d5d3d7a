/** Streams over formats of tables: each page is a table, and in a folder a file that other programs open. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Layer, References, Schema, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer } from "effect-cached"
import { Serializer, Store } from "effect-cached/adapters"
import { Explanation } from "effect-cached/explain"
import { MemoryStore } from "effect-cached/memory"
import { Binary } from "effect-cached/serializers/Binary"
import * as Compressed from "effect-cached/serializers/Compressed"
import { Csv } from "effect-cached/serializers/Csv"
import * as Encrypted from "effect-cached/serializers/Encrypted"
import { Json } from "effect-cached/serializers/Json"
import { Ndjson } from "effect-cached/serializers/Ndjson"
import { Parquet } from "effect-cached/serializers/Parquet"
import { Structured } from "effect-cached/serializers/Structured"
import { Yaml } from "effect-cached/serializers/Yaml"
import { parquetReadObjects } from "hyparquet"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { singly } from "../../src/testing/internal/singly.ts"
import { warningsOf } from "../support/logged.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test, testIn } from "../support/tests.ts"
import { keys, wrapIn } from "./support.ts"

const Reading = Schema.Struct({
  city: Schema.String,
  celsius: Schema.NullOr(Schema.Number),
  at: Schema.Date,
  place: Schema.Struct({ lat: Schema.Number })
})

class Readings extends CacheKey.Class<Readings>()("Readings", {
  success: Reading,
  error: Schema.Struct({ reason: Schema.String })
}) {}

const readings = (count: number): ReadonlyArray<typeof Reading.Type> =>
  Array.from({ length: count }, (_, i) => ({
    city: i % 7 === 0 ? "" : `=City "${i}", north\nside`,
    celsius: i % 3 === 0 ? null : i / 8,
    at: new Date(i * 1000),
    place: { lat: i }
  }))

const counted = <A>(elements: ReadonlyArray<A>, key: CacheKey.CacheKey<A, unknown>) => {
  const counts = { runs: 0 }
  const stream = Stream.suspend(() => (counts.runs++, Stream.fromIterable(elements))).pipe(
    Stream.rechunk(7),
    Cached.stream(key, { ttl: "1 hour" })
  )
  return Object.assign(counts, { read: Stream.runCollect(stream), stream })
}

const number = (file: string) => Number(/=(\d+)=/.exec(file)?.[1])

/** Not a page: the fingerprints of a class. */
const isRecord = (name: string) => /^(?:%7e=|~:)p[=:]fingerprints/.test(name)

const pagesIn = (directory: string) =>
  readdirSync(directory)
    .filter((file) => file.startsWith("%7e=p=") && !isRecord(file) && !file.endsWith(".meta.json"))
    .sort((a, b) => number(a) - number(b))

/** The records in a page, by programs that know nothing of this package. */
const opened: Record<string, (bytes: Buffer) => Promise<unknown> | unknown> = {
  ".csv": (bytes) => bytes.toString().split("\r\n")[0],
  ".csv.gz": (bytes) => gunzipSync(bytes).toString().split("\r\n")[0],
  ".ndjson": (bytes) => JSON.parse(bytes.toString().split("\n")[0]!),
  ".parquet": async ({ buffer, byteOffset, length }) =>
    (await parquetReadObjects({ file: buffer.slice(byteOffset, byteOffset + length) as ArrayBuffer }))[0]
}

const first = readings(1)[0]!
const header = "city,celsius,at,place.lat"

describe("streams in a folder", () => {
  const choices: ReadonlyArray<readonly [string, Serializer.Serializer, string, unknown]> = [
    ["Csv", Csv, ".csv", header],
    ["Ndjson", Ndjson, ".ndjson", { ...first, at: first.at.toISOString() }],
    ["Parquet", Parquet, ".parquet", { city: "", celsius: null, at: first.at, "place.lat": 0 }],
    ["Serializer.byClass", Serializer.byClass({ default: Json, Readings: Csv }), ".csv", header],
    ["Compressed", Compressed.make(Csv, { algorithm: "gzip" }), ".csv.gz", header],
    ["Encrypted", Encrypted.make(Serializer.byClass({ default: Json, Readings: Csv }), keys), ".csv.enc", undefined]
  ]
  test.live.each(choices)("under %s a page is a file in that format", function*([, serializer, extension, head]) {
    const directory = join(yield* tempDirectory, "answers")
    const layer = CacheLayer.files({ directory, serializer, memory: false })
    const elements = readings(3000)
    const rows = counted(elements, new Readings())
    expect(yield* Effect.provide(rows.read, layer)).toEqual(elements)
    expect([yield* Effect.provide(rows.read, layer), rows.runs]).toEqual([elements, 1])
    const pages = pagesIn(directory)
    expect(pages.length).toBeGreaterThan(3)
    for (const page of pages) expect(page).toMatch(new RegExp(`~[0-9a-f]{12}\\${extension}$`))
    if (head !== undefined) {
      const open = opened[extension]!
      expect(yield* Effect.promise(async () => open(readFileSync(join(directory, pages[0]!))))).toEqual(head)
    }
    yield* Effect.provide(Cached.invalidate(new Readings()), layer)
    expect(readdirSync(directory).filter((file) => file.startsWith("Readings"))).toEqual([])
  })

  test.live("the list of the pages, and pages of formats that hold no tables, have the extensions of their content", function*() {
    const endings = Effect.fnUntraced(function*(serializer: Serializer.Serializer) {
      const directory = join(yield* tempDirectory, "answers")
      const rows = counted(readings(3), new Readings())
      yield* Effect.provide(rows.read, CacheLayer.files({ directory, serializer, memory: false }))
      const files = readdirSync(directory).filter((file) => /~[0-9a-f]{12}\.(?!meta)/.test(file) && !isRecord(file))
      return files.map((file) => file.replace(/^.*~[0-9a-f]{12}/, file.startsWith("%7e") ? "page" : "list")).sort()
    })
    expect(yield* endings(Csv)).toEqual(["list.json", "page.csv"])
    expect(yield* endings(Json)).toEqual(["list.json", "page.bin"])
    expect(yield* endings(Encrypted.make(Json, keys))).toEqual(["list.json", "page.bin.enc"])
  })
})

const cacheOver = (store: Store.Store, serializer: Serializer.Serializer) =>
  CacheLayer.layer({ memory: false }).pipe(
    Layer.provide(Layer.succeed(Store.Store, store)),
    Layer.provide(Layer.succeed(Serializer.Serializer, serializer))
  )

const pageIds = (store: Store.Store) =>
  Effect.map(
    Stream.runCollect(store.scan({ prefix: "~:p:" })),
    (found) =>
      found.map(({ id }) => id).filter((id) => !isRecord(id)).sort((a, b) =>
        Number(a.split(":")[3]) - Number(b.split(":")[3])
      )
  )

describe.each([["Csv", Csv], ["Ndjson", Ndjson], ["Parquet", Parquet]] as const)(
  "streams under %s",
  (_, serializer) => {
    testIn(cacheOver(MemoryStore.make(), Csv))("a key of streams has no value", function*() {
      const { read } = counted(readings(3), new Readings())
      yield* read
      expect(yield* Cached.has(new Readings())).toBe(false)
    })

    test("a page that was changed or planted is lost, with one warning, and never another element", function*() {
      const elements = readings(3000)
      const encoder = new TextEncoder()
      const plants = [
        "",
        "city\r\nBerlin\r\n",
        "city,celsius,at,place.lat\r\n",
        "city,celsius,at,place.lat\r\na,1,b,c\r\n",
        "[]",
        "{}\n",
        "\u0000\u0000\u0000\u0002{}"
      ]
      for (const plant of plants) {
        const store = MemoryStore.make()
        const rows = counted(elements, new Readings())
        const read = Effect.provide(rows.read, cacheOver(store, serializer))
        yield* read
        const page = (yield* pageIds(store))[1]!
        const { entry } = yield* store.get(page, [])
        yield* singly(store).set(page, { meta: entry!.meta, payload: encoder.encode(plant) })
        const lost = Effect.map(Effect.flip(read), (error) => expect(error).toBeInstanceOf(CacheError.StreamCut))
        expect([plant, (yield* warningsOf(lost)).length]).toEqual([plant, 1])
        expect([yield* read, rows.runs]).toEqual([elements, 2])
      }
    })

    test("a stream whose elements fit into no table is refused before it runs", function*() {
      class Numbers extends CacheKey.Class<Numbers>()("Numbers", { success: Schema.Number }) {}
      const rows = counted([1], new Numbers())
      const exit = yield* Effect.exit(Effect.provide(rows.read, cacheOver(MemoryStore.make(), serializer)))
      expect(exit).toMatchObject({ cause: { reasons: [{ defect: { _tag: "CacheConfigError" } }] } })
      expect(String(exit)).toContain("holds only schemas of arrays of structs, and streams of structs")
      expect(rows.runs).toBe(0)
    })

    test("a stream of tables keeps each of them", function*() {
      class Tables extends CacheKey.Class<Tables>()("Tables", {
        success: Schema.Array(Schema.Struct({ n: Schema.Int }))
      }) {}
      const tables = [[{ n: 1 }, { n: 2 }], [], [{ n: 3 }]]
      const rows = counted(tables, new Tables())
      const read = Effect.provide(rows.read, cacheOver(MemoryStore.make(), serializer))
      expect([yield* read, yield* read, rows.runs]).toEqual([tables, tables, 1])
    })
  }
)

test("a stream with an element that its format does not hold is not stored, with one warning", function*() {
  class Sums extends CacheKey.Class<Sums>()("Sums", { success: Schema.Struct({ sum: Schema.BigInt }) }) {}
  const store = MemoryStore.make()
  const elements = [{ sum: 1n }, { sum: 2n ** 70n }, { sum: 3n }]
  const rows = counted(elements, new Sums())
  const read = Effect.provide(rows.read, cacheOver(store, Parquet))
  const warnings = yield* warningsOf(Effect.map(read, (got) => expect(got).toEqual(elements)))
  expect(warnings).toEqual([
    expect.stringMatching(/^The stream ".*" is not stored\. .*a bigint needs more than 64 bits/)
  ])
  expect([yield* read, rows.runs, yield* store.size, yield* pageIds(store)]).toEqual([elements, 2, 0, []])
})

testIn(cacheOver(MemoryStore.make(), Csv))(
  "a key of streams is explained, although its format holds no single elements",
  function*() {
    yield* counted(rows, new Rows()).read
    expect((yield* Explanation.of(new Rows())).facts).toContainEqual(expect.objectContaining({ state: "foreign" }))
  }
)

test("the size of a stream is that of its pages", function*() {
  const store = MemoryStore.make()
  let bytes = 0
  const rows = Stream.fromIterable(readings(3000)).pipe(
    Cached.stream(new Readings(), {
      ttl: (exit) => {
        if (Exit.isSuccess(exit)) bytes = exit.value.bytes
        return "1 hour"
      }
    })
  )
  yield* Effect.provide(Stream.runDrain(rows), cacheOver(store, Csv))
  const pages = yield* Effect.forEach(yield* pageIds(store), (id) => store.get(id, []))
  expect(bytes).toBe(pages.reduce((sum, { entry }) => sum + entry!.payload.length, 0))
})

class Rows extends CacheKey.Class<Rows>()("Rows", { success: Schema.Struct({ n: Schema.Int, text: Schema.String }) }) {}

const rows = [{ n: 1, text: "é" }, { n: 2, text: "" }]

const golden = [
  [Csv, 8, 18, "bix0ZXh0DQoxLMOpDQoyLA0K"],
  [Ndjson, 9, 38, "eyJuIjoxLCJ0ZXh0Ijoiw6kifQp7Im4iOjIsInRleHQiOiIifQo="],
  [
    Parquet,
    10,
    206,
    "UEFSMRUGFSAVIFwVBBUAFQQVABUAFQAAABAAAAUBJPA/AAAAAAAAAEAVBhUUFRhcFQQVABUEFQAVABUAAAAKJAIAAADDqQAAAAAVBBk8" +
    "SARyb290FQQAFQolABgBbgAVDCUAGAR0ZXh0JQAAFgQZHBksJggcFQoZFQAZGAFuFQIWBBZKFkomCAAAJlIcFQwZFQAZGAR0ZXh0FQIW" +
    "BBY+FkImUgAAFogBFgQ2jAEAKA1lZmZlY3QtY2FjaGVkGSwcAAAcAAAAfAAAAFBBUjE="
  ]
] as const

test.each(golden)("golden pages: later releases read them", function*([format, serializer, bytes, page]) {
  const store = MemoryStore.make()
  const id = CacheKey.id(new Rows())
  const meta = {
    ...{ createdAt: 0, softExpiresAt: 3_600_000, expiresAt: 3_600_000, loadMillis: 0 },
    ...{ outcome: "success", tags: [], writeId: "0".repeat(32) } as const
  }
  const payload = new TextEncoder().encode(`["e5ae47d3c7ffe93f",1,${bytes},2]`)
  yield* singly(store).set(id, { meta: { ...meta, serializer: 4 }, payload })
  yield* singly(store).set(`~:p:e5ae47d3c7ffe93f:0:${id}`, {
    meta: { ...meta, serializer },
    payload: Buffer.from(page, "base64")
  })
  const stored = counted([], new Rows())
  expect([yield* Effect.provide(stored.read, cacheOver(store, format)), stored.runs]).toEqual([rows, 0])
})

it.effect("a stream that one setting writes is read by every other as it was, or runs again", () =>
  Effect.gen(function*() {
    const formats = [Json, Structured, Binary, Yaml, Csv, Csv.with({ safeForSpreadsheets: true }), Ndjson, Parquet]
    const settings = formats.flatMap((format) => [
      ...[[], ["zstd"], ["signed"], ["zstd", "aes"]].map((names) => wrapIn(format, names)),
      Encrypted.make(format, { ...keys, acceptPlain: true }),
      Serializer.byClass({ default: Json, Rows: format })
    ])
    let [read, missed] = [0, 0]
    for (const writer of settings) {
      const written = MemoryStore.make()
      const stream = counted(rows, new Rows())
      yield* Effect.provide(stream.read, cacheOver(written, writer))
      const entries = yield* Effect.forEach(
        yield* Stream.runCollect(written.scan({ prefix: "" })),
        ({ id }) => Effect.map(written.get(id, []), ({ entry }) => [id, entry!] as const)
      )
      for (const reader of settings) {
        const store = MemoryStore.make()
        for (const [id, { meta, payload }] of entries) {
          yield* singly(store).set(id, { meta: { ...meta, tags: [] }, payload })
        }
        const { runs } = stream
        const got = yield* Effect.provide(stream.read, cacheOver(store, reader))
        expect(got, `${writer.name}, read by ${reader.name}`).toEqual(rows)
        if (stream.runs === runs) read++
        else missed++
      }
    }
    expect([read > 60, missed > 1500]).toEqual([true, true])
  }).pipe(Effect.provideService(References.MinimumLogLevel, "Error")))
