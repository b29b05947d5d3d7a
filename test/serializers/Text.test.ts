/** The serializers `Text` and `Bytes`, and `Serializer.byClass`. */
import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Effect, Layer, Schema, SchemaTransformation } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer } from "effect-cached"
import { Serializer, Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { Bytes } from "effect-cached/serializers/Bytes"
import { Json } from "effect-cached/serializers/Json"
import { Text } from "effect-cached/serializers/Text"
import { hostileBytes, refused, roundTrip, survives, valueOf } from "../support/fuzz.ts"
import { test } from "../support/tests.ts"

const text = (bytes: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes)

describe("Text", () => {
  const codec = Text.make(Schema.String)

  it("AI-13 · writes the text and nothing else; later releases read it", () => {
    const value = "\ufeffGrüße,\r\n\"\u{1f600}\"\u0000"
    expect(text(valueOf(codec.encode(value, "id")))).toBe(value)
    const golden = Uint8Array.of(0x47, 0x72, 0xc3, 0xbc, 0xc3, 0x9f, 0x65)
    expect([codec.id, Text.extension]).toEqual([11, ".txt"])
    expect(valueOf(codec.decode(golden, "id"))).toBe("Grüße")
  })

  it("needs a schema whose encoded form is a string", () => {
    for (const schema of [Schema.Date, Schema.Literals(["a", "b"]), Schema.BigInt, Schema.Trim]) {
      expect(() => Text.make(schema as Schema.Codec<any>)).not.toThrow()
    }
    const others = [
      Schema.Number,
      Schema.NullOr(Schema.String),
      Schema.Struct({ a: Schema.String }),
      Schema.Any,
      Schema.Redacted(Schema.String)
    ]
    for (const schema of others) {
      expect(() => Text.make(schema as Schema.Codec<any>)).toThrow(CacheError.CacheConfigError)
    }
  })

  it("refuses what is no text, and half a surrogate pair", () => {
    const plain = Text.make<unknown, never>(undefined)
    for (const value of [1, null, undefined, ["a"], { a: 1 }, "\ud800", "a\udc00", Object("a")]) {
      expect(roundTrip(plain, value)).toBe(refused)
    }
    expect(roundTrip(plain, "a text")).toBe("a text")
  })

  it.prop("gives back what went in, or refuses it", { value: Arbitrary.schema(Schema.String) }, ({ value }) => {
    expect([value, refused]).toContain(roundTrip(codec, value))
    if ((value as unknown as { isWellFormed(): boolean }).isWellFormed()) expect(roundTrip(codec, value)).toBe(value)
  })

  it("survives bytes that are not its own", () =>
    survives(codec, hostileBytes(new TextEncoder().encode("é\u{1f600}a"))))
})

describe("Bytes", () => {
  const codec = Bytes.make(Schema.Uint8Array)

  it("writes the bytes and nothing else, and copies", () => {
    const value = Uint8Array.of(9, 1, 2, 9).subarray(1, 3)
    const bytes = valueOf<Uint8Array>(codec.encode(value, "id"))
    const back = valueOf<Uint8Array>(codec.decode(bytes, "id"))
    expect([codec.id, [...bytes], [...back]]).toEqual([5, [1, 2], [1, 2]])
    value[0] = 7
    expect([...bytes, ...back]).toEqual([1, 2, 1, 2])
    bytes[0] = 8
    expect([...value, ...back]).toEqual([7, 2, 1, 2])
  })

  it("needs a schema that encodes to bytes", () => {
    const Hex = Schema.Uint8Array.pipe(Schema.decodeTo(
      Schema.String,
      SchemaTransformation.transform({
        decode: (bytes) => Buffer.from(bytes).toString("hex"),
        encode: (hex) => Uint8Array.from(Buffer.from(hex, "hex"))
      })
    ))
    expect(roundTrip(Bytes.make(Hex), "00ff")).toBe("00ff")
    for (const schema of [Schema.String, Schema.Uint8ArrayFromBase64, Schema.Any, Schema.Array(Schema.Number)]) {
      expect(() => Bytes.make(schema as Schema.Codec<any>)).toThrow(CacheError.CacheConfigError)
    }
  })

  it("refuses what is no Uint8Array", () => {
    const plain = Bytes.make<unknown, never>(undefined)
    for (const value of ["a", [1], Buffer.of(1), Int8Array.of(1), new ArrayBuffer(1)]) {
      expect(roundTrip(plain, value)).toBe(refused)
    }
  })

  it.prop("gives back what went in", { list: Arbitrary.schema(Schema.Uint8Array) }, ({ list }) => {
    expect(roundTrip(codec, list)).toEqual(list)
  })
})

describe("Serializer.byClass", () => {
  class Page extends CacheKey.Class<Page>()("Page", {
    payload: { path: Schema.String },
    success: Schema.String,
    error: Schema.Struct({ reason: Schema.Int })
  }) {}
  class User
    extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.Array(Schema.Int) })
  {}
  const serializer = Serializer.byClass({ default: Json, Page: Text, Absent: Bytes })

  const stored = (layer: Layer.Layer<any, any, any>, program: Effect.Effect<unknown, unknown, any>, id: string) => {
    const store = MemoryStore.make()
    const whole = layer.pipe(
      Layer.provide(Layer.succeed(Store.Store, store)),
      Layer.provide(Layer.succeed(Serializer.Serializer, serializer))
    )
    return Effect.map(
      Effect.provide(program, whole) as Effect.Effect<unknown>,
      () => text(store.getUnsafe(id, []).entry!.payload)
    )
  }
  const layer = CacheLayer.layer({ memory: false })

  test("chooses by the name of the key class", function*() {
    const page = new Page({ path: "/" })
    const user = new User({ id: 1 })
    expect(yield* stored(layer, Cached.set(page, "<p>", { ttl: "1 hour" }), CacheKey.id(page))).toBe("<p>")
    expect(yield* stored(layer, Cached.set(user, [1], { ttl: "1 hour" }), CacheKey.id(user))).toBe("[1]")
    expect(yield* stored(layer, Cached.set("plain", "a", { ttl: "1 hour" }), "plain")).toBe("\"a\"")
  })

  test("stores a failure as JSON where the format does not hold it", function*() {
    const page = new Page({ path: "/" })
    const failing = Effect.fail({ reason: 1 }).pipe(
      Cached.ttl(page, { ttl: "1 hour", when: () => true }),
      Effect.flip
    )
    expect(yield* stored(layer, failing, CacheKey.id(page))).toBe("{\"reason\":1}")
  })

  it("refuses what is no serializer", () => {
    for (
      const bad of [undefined, {}, { Page: Text }, { default: Json, Page: "text" }, { default: Json, Page: undefined }]
    ) {
      expect(() => Serializer.byClass(bad as never)).toThrow(CacheError.CacheConfigError)
    }
    expect(Serializer.byClass({ default: Json, constructor: Text }).make(Schema.Int).id).toBe(1)
  })
})
