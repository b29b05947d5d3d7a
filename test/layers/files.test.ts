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
  it.effect("keeps results in files that can be read, until they expire", () =>
    Effect.gen(function*() {
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
    }))

  it.effect("an invalidation by tag holds after a restart", () =>
    Effect.gen(function*() {
      const directory = yield* tempDirectory
      const { count, weather } = counting()
      const run = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, CacheLayer.files({ directory }))
      yield* run(weather("Berlin"))
      yield* run(weather("Berlin"))
      expect(count.loads).toBe(1)
      yield* run(Cached.invalidate({ tag: "weather" }))
      yield* run(weather("Berlin"))
      expect(count.loads).toBe(2)
      yield* run(Cached.invalidate(new Weather({ city: "Berlin" })))
      expect(list(directory)).toEqual([])
    }))

  it.effect("a file that was damaged, cut off or emptied is loaded again, without a failure", () =>
    Effect.gen(function*() {
      const directory = yield* tempDirectory
      const { count, weather } = counting()
      const run = Effect.provide(weather("Berlin"), CacheLayer.files({ directory }))
      yield* run
      for (const [i, damage] of ["", "{", "null", "{\"city\":1}\n", "\u0000"].entries()) {
        for (
          const name of fs.readdirSync(directory).filter((name) => name.endsWith(i % 2 === 0 ? ".json" : ".meta.json"))
        ) {
          fs.writeFileSync(join(directory, name), damage)
        }
        expect((yield* run).city).toBe("Berlin")
        expect(count.loads).toBe(i + 2)
      }
    }))

  it.effect("writes in the serializer's own format and extension: given, or provided by the program", () =>
    Effect.gen(function*() {
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
    }))

  it.effect("a string key holds any JSON value; another value is cached in memory alone", () =>
    Effect.gen(function*() {
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
    }))

  it.effect("ten results of 2 KB in 5000 bytes: two stay (F21)", () =>
    Effect.gen(function*() {
      const directory = yield* tempDirectory
      const cached = (i: number) => Effect.succeed("x".repeat(2048)).pipe(Cached.ttl(`result ${i}`, { ttl: "1 hour" }))
      const layer = CacheLayer.files({ directory, maxSize: 5000 })
      yield* Effect.provide(Effect.forEach(Array.from({ length: 10 }, (_, i) => i), cached), layer)
      expect(list(directory)).toEqual([8, 9].flatMap((i) => [`result+${i}.json`, `result+${i}.meta.json`]).toSorted())
    }))

  it.effect("a folder removed under the program costs a load, no failure", () =>
    Effect.gen(function*() {
      const directory = join(yield* tempDirectory, "cache")
      const { count, weather } = counting()
      yield* Effect.provide(
        Effect.gen(function*() {
          yield* weather("Berlin")
          fs.rmSync(directory, { recursive: true })
          yield* weather("Berlin")
          yield* weather("Berlin")
        }),
        CacheLayer.files({ directory, memory: false })
      )
      expect(count.loads).toBe(2)
      expect(list(directory).length).toBe(2)
    }))

  it.effect("a folder that cannot be made is the layer's StoreError", () =>
    Effect.gen(function*() {
      const directory = yield* tempDirectory
      fs.writeFileSync(join(directory, "file"), "")
      const layer = CacheLayer.files({ directory: join(directory, "file") })
      const error = yield* Effect.flip(Effect.provide(counting().weather("Berlin"), layer))
      expect(error).toMatchObject({ _tag: "StoreError", store: "files", operation: "open" })
    }))

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
