/** The serializers `Binary` and `IndentedJson`, and serializers of one's own. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Schema } from "effect"
import { CacheError } from "effect-cached"
import { Serializer } from "effect-cached/adapters"
import { Binary } from "effect-cached/serializers/Binary"
import { IndentedJson } from "effect-cached/serializers/IndentedJson"
import { Json } from "effect-cached/serializers/Json"
import { Structured } from "effect-cached/serializers/Structured"
import { serializerLaws } from "effect-cached/testing"
import { thirdOf } from "../support/everything.ts"
import { test } from "../support/tests.ts"

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

const Own = Serializer.make({
  name: "own",
  extension: ".own",
  encode: (value) => {
    const bytes = Structured.make<unknown, never>(undefined).encode(value, "id")
    return Effect.runSync(bytes)
  },
  decode: (bytes) => Effect.runSync(Structured.make<unknown, never>(undefined).decode(bytes, "id"))
})

for (const [turn, [name, serializer]] of Object.entries({ Binary, IndentedJson, "one of one's own": Own }).entries()) {
  describe(`the laws of serializers hold for ${name}`, () => {
    for (const law of thirdOf(serializerLaws(serializer), turn)) it.effect(law.name, () => law.run)
  })
}

const Report = Schema.Struct({
  city: Schema.String,
  days: Schema.Array(
    Schema.Struct({ at: Schema.Date, celsius: Schema.Number, sky: Schema.Literals(["clear", "cloudy"]) })
  )
})

const report: typeof Report.Type = {
  city: "München",
  days: Array.from({ length: 30 }, (_, i) => ({ at: new Date(i), celsius: i / 2, sky: "cloudy" as const }))
}

describe("Binary", () => {
  test("is smaller than JSON", function*() {
    const binary = yield* Binary.make(Report).encode(report, "id")
    const json = yield* Json.make(Report).encode(report, "id")
    expect(binary.length).toBeLessThan(json.length / 2)
  })

  it("answers at once where the schema does, so that a read needs no fiber", () => {
    const codec = Binary.make(Report)
    const bytes = codec.encode(report, "id")
    if (!Exit.isExit(bytes) || Exit.isFailure(bytes)) return expect.fail("encode needs a fiber")
    expect(codec.decode(bytes.value as Uint8Array, "id")).toEqual(Exit.succeed(report))
  })

  test("answers bytes of its own, not a view into a shared buffer", function*() {
    const bytes = yield* Binary.make(Report).encode(report, "id")
    expect(bytes.buffer.byteLength).toBe(bytes.length)
  })

  test("keeps half a surrogate pair and U+FFFD apart, wherever they are", function*() {
    const schema = Schema.Record(Schema.String, Schema.Array(Schema.String))
    const codec = Binary.make(schema)
    for (const odd of ["\ud800", "\ufffd", "a\udc00b", "\uffef", "\ufffe"]) {
      const value = { [odd]: ["plain", odd] }
      expect(yield* codec.decode(yield* codec.encode(value, "id"), "id")).toStrictEqual(value)
    }
  })
})

describe("IndentedJson", () => {
  test("is read by Json, and reads what Json wrote", function*() {
    const [indented, plain] = [IndentedJson.make(Report), Json.make(Report)]
    expect(indented.id).toBe(plain.id)
    expect(yield* plain.decode(yield* indented.encode(report, "id"), "id")).toEqual(report)
    expect(yield* indented.decode(yield* plain.encode(report, "id"), "id")).toEqual(report)
  })

  test("writes a line for each property", function*() {
    const bytes = yield* IndentedJson.make(Schema.Struct({ a: Schema.Number, b: Schema.String })).encode({
      a: 1,
      b: "é"
    }, "id")
    expect(text(bytes)).toBe("{\n  \"a\": 1,\n  \"b\": \"é\"\n}\n")
  })
})

describe("Serializer.make", () => {
  const lines = Serializer.make({
    name: "lines",
    extension: ".txt",
    encode: (value) => (value as ReadonlyArray<string>).join("\n"),
    decode: (bytes) => text(bytes).split("\n")
  })

  test("gives a format the schema's JSON form, and checks what comes back", function*() {
    const codec = lines.make(Schema.Array(Schema.Date))
    const bytes = yield* codec.encode([new Date(0), new Date(1)], "id")
    expect(text(bytes)).toBe("1970-01-01T00:00:00.000Z\n1970-01-01T00:00:00.001Z")
    expect(yield* codec.decode(bytes, "id")).toEqual([new Date(0), new Date(1)])
    const error = yield* Effect.flip(lines.make(Schema.Array(Schema.Literals(["a"]))).decode(bytes, "id"))
    expect(error).toMatchObject({ _tag: "SerializerError", serializer: "lines", operation: "decode" })
  })

  test("makes what the format throws or answers wrongly a SerializerError without the value (F20)", function*() {
    const fail = (value: unknown): never => {
      throw new Error(`cannot do ${String(value)}`)
    }
    const throwing = Serializer.make({ name: "throwing", extension: ".x", encode: fail, decode: fail })
    const wrong = Serializer.make({ name: "wrong", extension: ".x", encode: (() => 1) as never, decode: () => 1 })
    const errors = [
      yield* Effect.flip(throwing.make<string, never>(undefined).encode("hunter2", "id")),
      yield* Effect.flip(throwing.make<string, never>(undefined).decode(new TextEncoder().encode("hunter2"), "id")),
      yield* Effect.flip(wrong.make<string, never>(undefined).encode("hunter2", "id"))
    ]
    expect(errors.map(({ _tag, operation }) => [_tag, operation])).toEqual([
      ["SerializerError", "encode"],
      ["SerializerError", "decode"],
      ["SerializerError", "encode"]
    ])
    expect(errors.map(String).join() + JSON.stringify(errors)).not.toContain("hunter2")
  })

  it("gives another id to another name, above those of this library", () => {
    const named = (name: string) =>
      Serializer.make({ name, extension: ".x", encode: () => "", decode: () => 1 }).make(Schema.String).id
    expect(named("yaml")).toBe(named("yaml"))
    expect(named("yaml")).not.toBe(named("toml"))
    for (const name of ["a", "yaml", "x".repeat(1000), "é"]) expect(named(name)).toBeGreaterThanOrEqual(128)
    for (const name of ["a", "yaml", "x".repeat(1000), "é"]) expect(named(name)).toBeLessThanOrEqual(255)
  })

  it("refuses options that make no sense", () => {
    const good = { name: "a", extension: ".a", encode: () => "", decode: () => 1 }
    const bad: ReadonlyArray<object> = [
      { extention: ".a" },
      { name: "" },
      { name: 1 },
      { extension: "a" },
      { extension: ".." },
      { extension: "/a" },
      { extension: "" },
      { encode: 1 },
      { decode: undefined }
    ]
    for (const options of bad) {
      expect(() => Serializer.make({ ...good, ...options } as never)).toThrow(CacheError.CacheConfigError)
    }
    expect(Serializer.make(good).contentType).toBe("application/octet-stream")
  })
})
