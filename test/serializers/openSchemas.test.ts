/**
 * Schemas that accept anything: a value that JSON would change is refused, wherever it is, and kept in memory alone.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, HashMap, Option, Schema, type SchemaAST } from "effect"
import { Serializer } from "effect-cached/adapters"
import type { SerializerError } from "effect-cached/CacheError"
import { Binary } from "effect-cached/serializers/Binary"
import { IndentedJson } from "effect-cached/serializers/IndentedJson"
import { Json } from "effect-cached/serializers/Json"
import { Structured } from "effect-cached/serializers/Structured"
import { test } from "../support/tests.ts"

class Page extends Schema.Class<Page>("Page")({ data: Schema.Any }) {}
class Shaped extends Schema.Class<Shaped>("Shaped")({ data: Schema.ObjectKeyword }) {}
class Anything extends Schema.Class<Anything>("Anything")({ data: Schema.Unknown }) {}

interface Tree {
  readonly value: unknown
  readonly next?: Tree
}

const treeOf = (value: Schema.Codec<any, any>): Schema.Codec<Tree> => {
  const tree: Schema.Codec<Tree> = Schema.Struct({
    value,
    next: Schema.optionalKey(Schema.suspend((): Schema.Codec<Tree> => tree))
  }) as never
  return tree
}

/** Schemas with an open part, and a value of them with something in that place. */
const places = (open: Schema.Codec<any, any>, page: Schema.Codec<any, any>, make: (data: never) => unknown) => {
  const shapes: ReadonlyArray<readonly [string, Schema.Codec<any, any>, (data: unknown) => unknown]> = [
    ["alone", open, (data) => data],
    ["in a field", Schema.Struct({ data: open }), (data) => ({ data })],
    ["in an optional field", Schema.Struct({ data: Schema.optionalKey(open) }), (data) => ({ data })],
    ["in a list", Schema.Array(open), (data) => [data]],
    ["in a tuple", Schema.Tuple([Schema.Date, open]), (data) => [new Date(0), data]],
    ["in a record", Schema.Record(Schema.String, open), (data) => ({ data })],
    ["in an alternative", Schema.Union([Schema.Number, open]), (data) => data],
    ["in an option", Schema.Option(open), Option.some],
    ["in a map", Schema.HashMap(Schema.String, open), (data) => HashMap.make(["data", data])],
    ["in a class", page, (data) => make(data as never)],
    ["in itself", treeOf(open), (data) => ({ value: {}, next: { value: data } })],
    ["with a filter", open.check(Schema.makeFilter(() => true)), (data) => data]
  ]
  return shapes
}

const shapes = [
  ...places(Schema.Any, Page, (data) => new Page({ data })).map(([name, ...rest]) => [`Any ${name}`, ...rest] as const),
  ...places(Schema.Unknown, Anything, (data) => new Anything({ data }))
    .map(([name, ...rest]) => [`Unknown ${name}`, ...rest] as const),
  ...places(Schema.ObjectKeyword, Shaped, (data) => new Shaped({ data }))
    .map(([name, ...rest]) => [`ObjectKeyword ${name}`, ...rest] as const)
]

/** An alternative or a tree of numbers would take what an object is given. */
const isObject = (value: unknown): boolean => typeof value === "object" && value !== null

const circle: Record<string, unknown> = {}
circle["self"] = circle

const others: ReadonlyArray<readonly [string, unknown]> = [
  ["a Date", new Date(0)],
  ["a Map", new Map([[1, 2]])],
  ["a Set", new Set([1])],
  ["bytes", Uint8Array.of(1, 2)],
  ["NaN", { n: NaN }],
  ["undefined", { a: undefined }],
  ["a bigint", [1n]],
  ["a function", { call: () => 1 }],
  ["a symbol", { [Symbol("x")]: 1 }],
  [
    "an instance",
    new (class Point {
      x = 1
    })()
  ],
  ["an error", new Error("no")],
  ["a hole", Object.assign([1], { 2: 2 })],
  ["a property of a list", Object.assign([1], { a: 1 })],
  ["a circle", circle],
  ["an object with toJSON", { toJSON: () => 1 }]
]

const Own = Serializer.make({
  name: "own",
  extension: ".own",
  encode: (value) => JSON.stringify(value),
  decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes))
})

const serializers = { Json, IndentedJson, Binary, Own }

describe.each(Object.entries(serializers))("%s", (_, serializer) => {
  describe.each(shapes)("%s", (_, schema, at) => {
    const codec = serializer.make(schema)

    test.each(others.filter(([, value]) => isObject(value)))("refuses %s", function*([, value]) {
      expect(yield* Effect.flip(codec.encode(at(value), "id"))).toMatchObject({
        _tag: "SerializerError",
        operation: "encode"
      })
    })

    test("takes what is JSON", function*() {
      const value = at({ a: [1, "a", null, { b: true }], __proto: {} })
      expect(yield* codec.decode(yield* codec.encode(value, "id"), "id")).toStrictEqual(value)
    })
  })
})

describe.each(shapes)("Structured, %s", (_, schema, at) => {
  const codec = Structured.make(schema)

  test.each(others.filter(([, value]) => isObject(value)))("keeps %s as it is, or refuses it", function*([, value]) {
    const exit = yield* Effect.exit(
      Effect.flatMap(codec.encode(at(value), "id"), (bytes) => codec.decode(bytes, "id"))
    )
    if (Exit.isSuccess(exit)) expect(exit.value).toStrictEqual(at(value))
    else expect(exit).toMatchObject(Exit.fail({ _tag: "SerializerError", operation: "encode" }))
  })

  test("has room for a Date and a Map", function*() {
    for (const value of [new Date(0), new Map([[1, new Set([2])]])]) {
      expect(yield* codec.decode(yield* codec.encode(at(value), "id"), "id")).toStrictEqual(at(value))
    }
  })
})

describe("the place", () => {
  const placeOf = (schema: Schema.Codec<any, any>, value: unknown) =>
    Effect.map(Effect.flip(Json.make(schema).encode(value, "id")), (error: SerializerError) => error.message)

  test("is named, through the schema and below its open part", function*() {
    const schema = Schema.Struct({ pages: Schema.Array(Schema.Struct({ data: Schema.Any })) })
    const value = { pages: [{ data: 1 }, { data: { rows: [{ at: new Date(0) }] } }] }
    expect(yield* placeOf(schema, value)).toContain("at [pages][1][data][rows][0][at]")
    expect(yield* placeOf(Schema.ObjectKeyword, { at: [new Date(0)] })).toContain("at [at][0]")
  })

  test.each([
    ["an optional field", Schema.Struct({ data: Schema.optional(Schema.Any) })],
    ["an alternative", Schema.Struct({ data: Schema.Union([Schema.Int, Schema.ObjectKeyword]) })],
    ["a field that may be null", Schema.Struct({ data: Schema.NullOr(Schema.Struct({ at: Schema.Any })) })],
    [
      "an alternative of structures",
      Schema.Union([Schema.Struct({ a: Schema.Int }), Schema.Struct({ data: Schema.Any })])
    ]
  ])("is named below %s", function*([, schema]) {
    const message = yield* placeOf(schema as never, { data: { at: new Date(0) } })
    expect(message).toContain("the value is not JSON at [data][at], where its schema accepts anything")
  })

  test("what fits no alternative is still said to fit none", function*() {
    const schema = Schema.Struct({ data: Schema.Union([Schema.Int, Schema.Struct({ at: Schema.Any })]) })
    expect(yield* placeOf(schema, { data: "text" })).toContain(
      "does not fit its schema at [data] (expected: number | object, found: a string)"
    )
  })

  test("is no place for private data", function*() {
    const message = yield* placeOf(Schema.Any, { "ada@example.com": new Date("2000-01-01") })
    expect(message).toContain("at [?]")
    expect(message).not.toMatch(/ada|2000/)
  })

  it("a schema of the user's with a transformation of its own is left as it is", () => {
    const text = Schema.Any.pipe(Schema.encodeTo(Schema.String)) as Schema.Codec<any, any>
    expect(() => Json.make(text)).not.toThrow()
    const { ast }: { readonly ast: SchemaAST.AST } = Schema.Any
    Json.make(Schema.Any)
    expect(ast.encoding).toBeUndefined()
  })
})
