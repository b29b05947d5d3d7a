/** The serializer `Json`, and which one is taken where none is named. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Option, Redacted, Schema, SchemaTransformation } from "effect"
import { CacheError } from "effect-cached"
import { Serializer } from "effect-cached/adapters"
import { Json } from "effect-cached/serializers/Json"
import { test } from "../support/tests.ts"

const standard = Effect.runSync(Effect.gen(function*() {
  return yield* Serializer.Serializer
}))

describe("Json", () => {
  it("answers at once where the schema does, so that a read needs no fiber", () => {
    const value = { at: new Date(0), n: Option.some(1n) }
    const codec = Json.make(Schema.Struct({ at: Schema.Date, n: Schema.Option(Schema.BigInt) }))
    const bytes = codec.encode(value, "id")
    if (!Exit.isExit(bytes) || Exit.isFailure(bytes)) return expect.fail("encode needs a fiber")
    expect(codec.decode(bytes.value as Uint8Array, "id")).toEqual(Exit.succeed(value))
  })

  test("runs transformations that are asynchronous, or need services", function*() {
    const Slow = Schema.String.pipe(Schema.decodeTo(
      Schema.String,
      SchemaTransformation.transformEffect({
        decode: (text: string) => Effect.as(Effect.yieldNow, `${text}!`),
        encode: (text: string) => Effect.as(Effect.yieldNow, text.slice(0, -1))
      } as never)
    )) as unknown as Schema.Codec<string, string>
    const codec = Json.make(Slow)
    const bytes = yield* codec.encode("a!", "id")
    expect(new TextDecoder().decode(bytes)).toBe("\"a\"")
    expect(yield* codec.decode(bytes, "id")).toBe("a!")
  })

  test("an error that a transformation throws or dies of is a SerializerError without the value (F20)", function*() {
    const throwing = (text: string): never => {
      throw new Error(`no ${text}`)
    }
    const bad = [
      SchemaTransformation.transform({ decode: throwing, encode: throwing }),
      SchemaTransformation.transformEffect({
        decode: (text: string) => Effect.die(`no ${text}`),
        encode: (text: string) => Effect.die(`no ${text}`)
      })
    ]
    for (const transformation of bad) {
      const codec = Json.make<string, never>(Schema.String.pipe(Schema.decodeTo(Schema.String, transformation)))
      for (
        const effect of [codec.decode(new TextEncoder().encode("\"hunter2\""), "id"), codec.encode("hunter2", "id")]
      ) {
        const error = yield* Effect.flip(effect as Effect.Effect<unknown, CacheError.SerializerError>)
        expect(error._tag).toBe("SerializerError")
        expect(JSON.stringify(error) + String(error)).not.toContain("hunter2")
      }
    }
  })

  test("names the place that does not fit", function*() {
    const schema = Schema.Struct({ list: Schema.Array(Schema.Struct({ n: Schema.Number })) })
    const error = yield* Effect.flip(
      Json.make(schema).decode(new TextEncoder().encode("{\"list\":[{\"n\":1},{\"n\":\"x\"}]}"), "id")
    )
    expect(error.message).toContain("at [list][1][n]")
  })
})

describe("the standard serializer", () => {
  it("is JSON where there is a schema, structured where there is none", () => {
    expect(standard.make(Schema.String).id).toBe(Json.make(Schema.String).id)
    expect(standard.make<unknown, never>(undefined).id).not.toBe(standard.make(Schema.String).id)
  })

  it("refuses a schema with a secret when it is made, wherever the secret is", () => {
    class Login extends Schema.Class<Login>("Login")({ password: Schema.Redacted(Schema.String) }) {}
    interface Node {
      readonly next: Node | null
      readonly login: Login
    }
    const Node: Schema.Codec<Node, any> = Schema.Struct({
      next: Schema.NullOr(Schema.suspend((): Schema.Codec<Node, any> => Node)),
      login: Schema.suspend((): Schema.Codec<Login, any> => Login)
    })
    const Unwrapped = Schema.Redacted(Schema.String).pipe(
      Schema.decodeTo(Schema.String, SchemaTransformation.transform({ decode: Redacted.value, encode: Redacted.make }))
    )
    const schemas: ReadonlyArray<Schema.Codec<any, any>> = [
      Schema.Redacted(Schema.String),
      Schema.RedactedFromValue(Schema.String),
      Schema.Array(Schema.Struct({ a: Schema.optionalKey(Schema.Redacted(Schema.Number)) })),
      Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Redacted(Schema.String)])),
      Schema.Option(Schema.Redacted(Schema.String)),
      Login,
      Node,
      Unwrapped
    ]
    for (const schema of schemas) expect(() => standard.make(schema)).toThrow(CacheError.CacheConfigError)
    expect(() => standard.make(Schema.Struct({ a: Schema.String }))).not.toThrow()
  })
})
