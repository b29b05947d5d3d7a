/** `CacheLayer.files`: a folder that people read. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer } from "effect-cached"
import { Serializer } from "effect-cached/adapters"
import { Binary } from "effect-cached/serializers/Binary"
import { TestClock } from "effect/testing"
import * as fs from "node:fs"
import { join } from "node:path"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"

class Weather extends CacheKey.Class<Weather>()("Weather", {
  payload: { city: Schema.String },
  success: Schema.Struct({ city: Schema.String, celsius: Schema.Number, at: Schema.Date })
}) {}

/** The files of entries, without that of the class's fingerprints. */
const list = (directory: string) =>
  fs.readdirSync(directory).filter((name) => name.includes("~") && !name.startsWith("%7e=p=fingerprints=")).map((
    name
  ) => name.replace(/~[0-9a-f]{12}/, ""))
    .toSorted()

/** Counts the loads, and runs an effect with a cache that lives as long as it does: as a process would. */
const counting = () => {
  const count = { loads: 0 }
  const weather = (city: string) =>
    Effect.sync(() => {
      count.loads++
      return { city, celsius: 21.5, at: new Date(0) }
    }).pipe(Cached.ttl(new Weather({ city }), { ttl: "10 minutes", tags: ["weather"] }))
  return { count, weather }
}

describe("CacheLayer.files", () => {
  test("keeps results in files that can be read, until they expire", function*() {
    const directory = yield* tempDirectory
    const { count, weather } = counting()
    const run = Effect.provide(weather("Berlin"), CacheLayer.files({ directory }))
    const first = yield* run
    const [file, metadata] = list(directory)
    expect(file).toMatch(/^Weather@[\w-]+=6=Berlin\.json$/)
    expect(metadata).toBe(file!.replace(".json", ".meta.json"))
    const name = fs.readdirSync(directory).find((name) =>
      /^Weather@.*\.json$/.test(name) && !name.endsWith(".meta.json")
    )!
    expect(fs.readFileSync(join(directory, name), "utf8"))
      .toBe("{\n  \"city\": \"Berlin\",\n  \"celsius\": 21.5,\n  \"at\": \"1970-01-01T00:00:00.000Z\"\n}\n")
    yield* TestClock.adjust("9 minutes")
    expect(yield* run).toEqual(first)
    expect(count.loads).toBe(1)
    yield* TestClock.adjust("1 minute")
    yield* run
    expect(count.loads).toBe(2)
    expect(list(directory).length).toBe(2)
  })

  test("writes in the serializer's own format and extension: given, or provided by the program", function*() {
    const directory = yield* tempDirectory
    const Lines = Serializer.make({
      name: "lines",
      extension: ".txt",
      encode: (value) => Object.values(value as object).join("\n"),
      decode: () => ({})
    })
    const { weather } = counting()
    yield* Effect.provide(weather("Berlin"), CacheLayer.files({ directory, serializer: Lines }))
    expect(list(directory).some((name) => name.endsWith("Berlin.txt"))).toBe(true)
    const provided = Layer.succeed(Serializer.Serializer, Binary)
    yield* Effect.provide(weather("Rome"), Layer.provide(CacheLayer.files({ directory }), provided))
    expect(list(directory).some((name) => name.endsWith("Rome.bin"))).toBe(true)
    const both = Layer.provide(CacheLayer.files({ directory, serializer: Lines }), provided)
    yield* Effect.provide(weather("Oslo"), both)
    expect(list(directory).some((name) => name.endsWith("Oslo.txt"))).toBe(true)
  })

  test("a string key holds any JSON value; another value is cached in memory alone", function*() {
    const directory = yield* tempDirectory
    let loads = 0
    const cached = (key: string, value: unknown) =>
      Effect.sync(() => {
        loads++
        return value
      }).pipe(Cached.ttl(key, { ttl: "1 hour" }))
    yield* Effect.provide(
      Effect.gen(function*() {
        for (const value of [null, "", 0, false, [1, { a: "é" }]]) {
          expect(yield* cached(JSON.stringify(value), value)).toEqual(value)
        }
        for (let i = 0; i < 2; i++) expect(yield* cached("a map", new Map([[1, 2]]))).toEqual(new Map([[1, 2]]))
      }),
      CacheLayer.files({ directory })
    )
    expect(loads).toBe(6)
    expect(list(directory).length).toBe(10)
    const again = yield* Effect.provide(cached("null", "loaded again"), CacheLayer.files({ directory }))
    expect(again).toBe(null)
  })

  it("throws at once for options that make no sense", () => {
    const files = (options: object) => () => CacheLayer.files({ directory: "never made", ...options })
    const bad = [
      { directory: "" },
      { directory: 1 },
      { dir: "x" },
      { maxSize: "lots" },
      { maxSize: 0 },
      { serializer: {} },
      { capacity: -1 },
      { storeTimeout: "soon" }
    ]
    for (const options of bad) expect(files(options)).toThrow(CacheError.CacheConfigError)
    expect(fs.existsSync("never made")).toBe(false)
  })
})
