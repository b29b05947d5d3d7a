/** Every format over generated schemas, and generated values of each: a value comes back as it was, or is refused. */
import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Option, Schema } from "effect"
import type { Serializer } from "effect-cached/adapters"
import { CacheConfigError } from "effect-cached/CacheError"
import { Binary } from "effect-cached/serializers/Binary"
import { Cbor } from "effect-cached/serializers/Cbor"
import { Csv } from "effect-cached/serializers/Csv"
import { Json } from "effect-cached/serializers/Json"
import { Ndjson } from "effect-cached/serializers/Ndjson"
import { Parquet } from "effect-cached/serializers/Parquet"
import { Structured } from "effect-cached/serializers/Structured"
import { Yaml } from "effect-cached/serializers/Yaml"
import { inspect } from "node:util"
import { isSame } from "../../src/testing/law.ts"
import { wrapIn } from "./support.ts"

type AnySchema = Schema.Codec<any, any>

const leaves: ReadonlyArray<AnySchema> = [
  ...[Schema.String, Schema.Finite, Schema.Int, Schema.Boolean, Schema.BigInt, Schema.Null, Schema.Uint8Array],
  ...[Schema.Date, Schema.Literals(["on", "off", ""]), Schema.UndefinedOr(Schema.String)]
]
const names = ["a", "b.c", "=d", "é", "", "null"]

/** A schema as numbers dictate it; when they run out, leaves. */
const schemaOf = (tape: Array<number>): AnySchema => {
  const next = (below: number) => (tape.pop() ?? 0) % below
  switch (tape.length === 0 ? 9 : next(12)) {
    case 0:
      return Schema.Array(schemaOf(tape))
    case 1: {
      const schema = schemaOf(tape)
      // The JSON form does not tell `null` from `undefined` in one place, as the page with the table says.
      return schema.ast._tag === "Union" ? schema : Schema.NullOr(schema)
    }
    case 2:
      return Schema.Option(schemaOf(tape))
    case 3:
      return Schema.Tuple([schemaOf(tape), schemaOf(tape)])
    case 4:
      return Schema.Record(Schema.String, schemaOf(tape))
    case 5:
      return Schema.Array(structOf(tape))
    case 6:
      return structOf(tape)
    default:
      return leaves[next(leaves.length)]!
  }
}

const structOf = (tape: Array<number>): AnySchema => {
  const fields: Record<string, Schema.Constraint> = {}
  for (const name of names.slice(0, 1 + (tape.pop() ?? 0) % names.length)) {
    const field = schemaOf(tape)
    fields[name] = (tape.pop() ?? 1) % 3 === 0 ? Schema.optionalKey(field) : field
  }
  return Schema.Struct(fields) as unknown as AnySchema
}

const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
// No key is a backslash: after `JSON.parse('{"\\\\":1}')`, Node 24.21 finds that key in `{"\\n":1}` too.
const cases = Arbitrary.flatMap(
  Arbitrary.array(Arbitrary.schema(Byte), { minLength: 1, maxLength: 12 }),
  (tape) => {
    const schema = tape[0]! % 2 === 0 ? Schema.Array(structOf([...tape])) as AnySchema : schemaOf([...tape])
    const values = Arbitrary.map(Arbitrary.schema(schema), (value) => ({ schema, value: value as unknown }))
    return Arbitrary.filter(values, ({ value }) => !inspect(value, { depth: Infinity }).includes(String.raw`'\\':`))
  }
)

const codecOf = (serializer: Serializer.Serializer, schema: AnySchema): Serializer.Codec<any> | undefined => {
  try {
    return serializer.make(schema)
  } catch (error) {
    expect(error).toBeInstanceOf(CacheConfigError)
    return undefined
  }
}

/** The JSON form of a schema has neither -0 nor objects without a prototype. */
const inJsonForm = (value: unknown): unknown => {
  if (Object.is(value, -0)) return 0
  if (Array.isArray(value)) return value.map(inJsonForm)
  if (Option.isOption(value)) return Option.map(value, inJsonForm)
  if (typeof value !== "object" || value === null) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
    ? Object.fromEntries(Object.entries(value).map(([name, item]) => [name, inJsonForm(item)]))
    : value
}

const everything = [Json, Structured, Binary, Yaml, Cbor, wrapIn(Json, ["zstd", "aes"])]
describe.each([...everything, Csv, Ndjson, Parquet].map((one) => [one.name, one] as const))("%s", (_, serializer) => {
  // Large values are compressed on another thread.
  it.effect.prop(
    "gives back what went in, or refuses it",
    { one: cases },
    ({ one: { schema, value } }) =>
      Effect.gen(function*() {
        const codec = codecOf(serializer, schema)
        if (codec === undefined) return void expect(everything).not.toContain(serializer)
        const exit = yield* Effect.exit(codec.encode(value, "id"))
        if (Exit.isFailure(exit)) return void expect(String(exit.cause)).toContain("SerializerError")
        const back = yield* codec.decode(exit.value, "id")
        expect(isSame(inJsonForm(back), inJsonForm(value)), `${inspect(value)} became ${inspect(back)}`).toBe(true)
      })
  )

  it.effect.prop(
    "refuses a value of another schema, or gives it back",
    { one: cases, two: cases },
    ({ one, two }) =>
      Effect.gen(function*() {
        const codec = codecOf(serializer, one.schema)
        if (codec === undefined) return
        const exit = yield* Effect.exit(codec.encode(two.value, "id"))
        if (Exit.isFailure(exit)) return void expect(String(exit.cause)).toContain("SerializerError")
        const decoded = yield* Effect.exit(codec.decode(exit.value, "id"))
        if (Exit.isFailure(decoded)) expect(String(decoded.cause)).toContain("SerializerError")
      })
  )
})

interface Node {
  readonly value: number
  readonly next: Node | null
}
const Node: Schema.Codec<Node> = Schema.Struct({
  value: Schema.Int,
  next: Schema.NullOr(Schema.suspend((): Schema.Codec<Node> => Node))
})

it("a value of a recursive schema that contains itself, or is nested too deeply, is refused with that reason", () => {
  const circular: { value: number; next: Node | null } = { value: 1, next: null }
  circular.next = circular
  let deep: Node = { value: 0, next: null }
  for (let i = 0; i < 50_000; i++) deep = { value: i, next: deep }
  for (const serializer of [...everything, Ndjson, Parquet]) {
    const isTable = serializer === Ndjson || serializer === Parquet
    for (const value of [circular, deep]) {
      const exit = isTable
        ? Effect.runSyncExit(serializer.make(Schema.Array(Node)).encode([value], "id"))
        : Effect.runSyncExit(serializer.make(Node).encode(value, "id"))
      expect(String(exit), serializer.name).toContain("the value is nested too deeply, or contains itself")
    }
  }
})
