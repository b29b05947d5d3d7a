/** Key classes whose results have a format of their own: named by the class, or chosen by `Serializer.byClass`. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { Serializer, Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import * as Compressed from "effect-cached/serializers/Compressed"
import { Csv } from "effect-cached/serializers/Csv"
import * as Encrypted from "effect-cached/serializers/Encrypted"
import { Json } from "effect-cached/serializers/Json"
import { Ndjson } from "effect-cached/serializers/Ndjson"
import * as Signed from "effect-cached/serializers/Signed"
import { Text } from "effect-cached/serializers/Text"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"
import { keys } from "./support.ts"

const Rows = Schema.Array(Schema.Struct({ city: Schema.String, celsius: Schema.Number }))
const rows = [{ city: "Berlin", celsius: 21 }]

class Weather extends CacheKey.Class<Weather>()("Weather", {
  payload: { day: Schema.Int },
  success: Rows,
  error: Schema.Struct({ reason: Schema.String }),
  serializer: Csv
}) {}
class Total extends CacheKey.Class<Total>()("Total", { success: Schema.Number }) {}

const [weather, total] = [new Weather({ day: 1 }), new Total()]

/** The payloads that a store got from a cache with this serializer. */
const stored = (serializer: Serializer.Serializer) =>
  Effect.gen(function*() {
    const store = MemoryStore.make()
    const layer = CacheLayer.layer({ memory: false }).pipe(
      Layer.provide(Layer.succeed(Store.Store, store)),
      Layer.provide(Layer.succeed(Serializer.Serializer, serializer))
    )
    yield* Effect.gen(function*() {
      yield* Cached.set(weather, rows)
      yield* Cached.set(total, 5)
      expect(yield* Cached.getOption(weather)).toEqual(Option.some(rows))
      expect(yield* Cached.getOption(total)).toEqual(Option.some(5))
    }).pipe(Effect.provide(layer))
    const textOf = (key: CacheKey.Any) => new TextDecoder().decode(store.getUnsafe(CacheKey.id(key), []).entry!.payload)
    return { weather: textOf(weather), total: textOf(total) }
  })

describe("a key class that names its serializer", () => {
  test("PE-03 · is stored by it, and other keys by that of the cache", function*() {
    expect(yield* stored(Json)).toEqual({ weather: "city,celsius\r\nBerlin,21\r\n", total: "5" })
  })

  test("keeps the wrappers of the cache around it", function*() {
    const hidden = yield* stored(Encrypted.make(Json, keys))
    expect(hidden.weather).not.toContain("Berlin")
    const signed = yield* stored(Signed.make(Compressed.make(Json), keys))
    expect(signed.weather).toContain("city,celsius\r\nBerlin,21\r\n")
    expect(signed.weather.length).toBeGreaterThan(60)
    const byClass = yield* stored(Serializer.byClass({ default: Encrypted.make(Json, keys), Other: Text }))
    expect(byClass.weather).not.toContain("Berlin")
    const inside = yield* stored(Encrypted.make(Serializer.byClass({ default: Json, Other: Text }), keys))
    expect(inside.weather).not.toContain("Berlin")
  })

  test("Serializer.byClass takes precedence for the classes that it names", function*() {
    const { weather } = yield* stored(Serializer.byClass({ default: Json, Weather: Ndjson }))
    expect(weather).toBe(`{"city":"Berlin","celsius":21}\n`)
  })

  test("may name one with wrappers, but none that the cache has too", function*() {
    class Secret extends CacheKey.Class<Secret>()("Secret", {
      success: Schema.String,
      serializer: Encrypted.make(Text, keys)
    }) {}
    const set = (serializer: Serializer.Serializer) => {
      const store = MemoryStore.make()
      return Effect.andThen(Cached.set(new Secret(), "a"), Cached.getOption(new Secret())).pipe(
        Effect.provide(CacheLayer.layer({ memory: false })),
        Effect.provideService(Store.Store, store),
        Effect.provideService(Serializer.Serializer, serializer)
      )
    }
    expect(yield* set(Json)).toEqual(Option.some("a"))
    expect(yield* set(Signed.make(Json, keys))).toEqual(Option.some("a"))
    const exit = yield* Effect.exit(set(Encrypted.make(Json, keys)))
    expect(String(exit)).toContain("CacheConfigError")
    expect(String(exit)).toContain("\"text+encrypted\", which is already encrypted")
  })

  test("fails before a load if its serializer does not hold its schema", function*() {
    class Wrong extends CacheKey.Class<Wrong>()("Wrong", { success: Schema.Number, serializer: Csv }) {}
    let loads = 0
    const load = Effect.sync(() => ++loads).pipe(Cached.ttl(new Wrong(), { ttl: "1 hour" }))
    const layer = CacheLayer.layer().pipe(Layer.provide(MemoryStore.layer))
    expect(String(yield* Effect.exit(Effect.provide(load, layer)))).toContain(
      "holds only schemas of arrays of structs"
    )
    expect(loads).toBe(0)
  })

  it("refuses what is no serializer", () => {
    for (const serializer of ["csv", {}, null, () => Csv]) {
      expect(() => CacheKey.Class<Total>()("Wrong", { success: Schema.Number, serializer: serializer as never }))
        .toThrow(
          expect.objectContaining({ _tag: "CacheConfigError", message: expect.stringContaining("is not a serializer") })
        )
    }
  })
})

describe("a wrapper around itself through Serializer.byClass", () => {
  it("is refused, wherever it is among the serializers", () => {
    const compressed = Compressed.make(Json)
    const choices = [
      Serializer.byClass({ default: compressed }),
      Serializer.byClass({ default: Json, Weather: compressed }),
      Signed.make(Serializer.byClass({ default: Json, Weather: compressed }), keys)
    ]
    for (const choice of choices) expect(() => Compressed.make(choice)).toThrow(CacheError.CacheConfigError)
    expect(() => Encrypted.make(choices[1]!, keys)).not.toThrow()
  })
})

describe("stores on disk", () => {
  const both = Effect.gen(function*() {
    yield* Cached.set(weather, rows)
    yield* Cached.set(total, 5)
    return [yield* Cached.getOption(weather), yield* Cached.getOption(total)]
  })

  const filesOf = (directory: string) => readdirSync(directory).filter((file) => file.startsWith("Weather")).sort()

  const choices: ReadonlyArray<readonly [string, Serializer.Serializer, string]> = [
    ["the class", Json, ".csv"],
    ["Serializer.byClass", Serializer.byClass({ default: Json, Weather: Ndjson }), ".ndjson"],
    ["the class, with a wrapper", Encrypted.make(Json, keys), ".csv.enc"],
    [
      "Serializer.byClass in a wrapper",
      Encrypted.make(Serializer.byClass({ default: Json, Weather: Csv }), keys),
      ".csv.enc"
    ]
  ]
  test.live.each(choices)(
    "a file has the extension of its content, chosen by %s",
    function*([, serializer, extension]) {
      const directory = join(yield* tempDirectory, "answers")
      const layer = CacheLayer.files({ directory, serializer, memory: false })
      const run = <A, E>(effect: Effect.Effect<A, E, Caching.Caching>) => Effect.provide(effect, layer)
      expect(yield* run(both)).toEqual([Option.some(rows), Option.some(5)])
      expect(filesOf(directory).filter((file) => file.endsWith(extension))).toHaveLength(1)
      expect(readdirSync(directory).some((file) => file.startsWith("Total") && file.endsWith(serializer.extension)))
        .toBe(
          true
        )
      // A failure is JSON, so its file has another extension, and takes the place of the value's.
      const failing = Effect.fail({ reason: "down" }).pipe(
        Cached.ttl(weather, { ttl: "1 hour", when: () => true }),
        Effect.flip
      )
      yield* run(Cached.invalidate(weather))
      expect(filesOf(directory)).toEqual([])
      expect(yield* run(failing)).toEqual({ reason: "down" })
      expect(filesOf(directory)).toHaveLength(2)
      yield* run(Cached.set(weather, rows))
      expect(filesOf(directory)).toHaveLength(2)
      expect(yield* run(Cached.getOption(weather))).toEqual(Option.some(rows))
      if (extension === ".csv") {
        expect(readFileSync(join(directory, filesOf(directory).find((file) => file.endsWith(".csv"))!), "utf8")).toBe(
          "city,celsius\r\nBerlin,21\r\n"
        )
      }
      yield* run(Cached.invalidate(weather))
      expect(filesOf(directory)).toEqual([])
    }
  )
})
