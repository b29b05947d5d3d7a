/**
 * The tables of `docs/serializers/formats.md`: which values survive which serializer, without and with a schema, alone
 * and under each wrapper. `UPDATE_DOCS=1` writes them.
 */
import { expect, it } from "@effect/vitest"
import {
  BigDecimal,
  Chunk,
  DateTime,
  Duration,
  Effect,
  Equal,
  Exit,
  HashMap,
  HashSet,
  Option,
  Redacted,
  Result,
  Schema
} from "effect"
import type { Serializer } from "effect-cached/adapters"
import { CacheConfigError, SerializerError } from "effect-cached/CacheError"
import { Binary } from "effect-cached/serializers/Binary"
import { Bytes } from "effect-cached/serializers/Bytes"
import { Cbor } from "effect-cached/serializers/Cbor"
import { Csv } from "effect-cached/serializers/Csv"
import { Json } from "effect-cached/serializers/Json"
import { Ndjson } from "effect-cached/serializers/Ndjson"
import { Parquet } from "effect-cached/serializers/Parquet"
import { Structured } from "effect-cached/serializers/Structured"
import { Text } from "effect-cached/serializers/Text"
import { Yaml } from "effect-cached/serializers/Yaml"
import { isDeepStrictEqual } from "node:util"
import { nestings, wrapIn } from "../serializers/support.ts"
import { cellsOf, expectRegions } from "../support/regions.ts"

class Person extends Schema.Class<Person>("Person")({ name: Schema.String, born: Schema.Date }) {}
class Plain {
  readonly name = "Ada"
}

const circle: Record<string, unknown> = {}
circle["self"] = circle
const shared = { a: 1 }
const deep = (depth: number): unknown => depth === 0 ? 1 : [deep(depth - 1)]
interface Tree {
  readonly left: Tree | null
}
const Tree: Schema.Codec<Tree> = Schema.Struct({
  left: Schema.NullOr(Schema.suspend((): Schema.Codec<Tree> => Tree))
})
const tree = (depth: number): Tree => ({ left: depth === 0 ? null : tree(depth - 1) })

const { Array: List, Number, NullOr, Record, String: Text_, Struct, optionalKey } = Schema
const Field = (schema: Schema.Constraint) => Struct({ a: schema })
const fields = { a: "b", c: [1, { d: null }] }

type Kind = readonly [name: string, value: unknown, schema?: Schema.Constraint, valueOfSchema?: unknown]

const kinds: ReadonlyArray<Kind> = [
  ["text", "a text: é\u{1f600}", Text_],
  ["empty text", "", Text_],
  ["text with line ends and quotes", "a\r\n\"b\"\n c,", Text_],
  ["text that looks like another value", "null", NullOr(Text_)],
  ["text of a formula", "=1+1", Text_],
  ["a byte order mark, a null character", "\ufeffa\u0000", Text_],
  ["a lone surrogate", "a\ud800", Text_],
  ["one of several literals", "on", Schema.Literals(["on", "off"])],
  ["text or number", 5, Schema.Union([Text_, Schema.Finite])],
  ["0", 0, Number],
  ["a fraction, 1e300, 5e-324", [0.1, 1e300, 5e-324], List(Number)],
  ["-0", -0, Number],
  ["NaN", NaN, Number],
  ["Infinity", -Infinity, Number],
  ["bigint", 2n ** 62n, Schema.BigInt],
  ["bigint of more than 64 bits", 2n ** 70n, Schema.BigInt],
  ["BigDecimal", BigDecimal.fromStringUnsafe("0.1"), Schema.BigDecimal],
  ["boolean", true, Schema.Boolean],
  ["null", null, NullOr(Text_)],
  ["undefined", undefined, Schema.UndefinedOr(Text_)],
  ["Date", new Date(1.7e12 + 1), Schema.Date],
  ["Date in a remote age", new Date(-8.64e15), Schema.Date],
  ["an invalid Date", new Date(NaN), Schema.Date],
  ["DateTime.Utc", DateTime.makeUnsafe(1.7e12), Schema.DateTimeUtc],
  ["Duration", Duration.millis(1500), Schema.Duration],
  ["empty array", [], List(Number)],
  ["array", [1, "a", null, [true]], Schema.Tuple([Number, Text_, Schema.Null, List(Schema.Boolean)])],
  ["array with undefined", ["a", undefined], List(Schema.UndefinedOr(Text_))],
  ["array with a hole", Object.assign([1], { length: 3 })],
  ["array with a property", Object.assign([1], { a: 1 })],
  ["empty object", {}, Struct({})],
  ["object", fields, Struct({ a: Text_, c: Schema.Tuple([Number, Struct({ d: Schema.Null })]) })],
  ["object in an object", { a: { a: "b" } }, Field(Field(Text_))],
  ["a missing field", {}, Struct({ a: optionalKey(Text_) })],
  ["a field that is undefined", { a: undefined }, Struct({ a: Schema.optional(Text_) })],
  ["a field that is null, and may be missing", { a: null }, Struct({ a: optionalKey(NullOr(Text_)) })],
  ["object with any names", { "ö ": 1, "": 2 }, Record(Text_, Number)],
  ["object with the field `__proto__`", JSON.parse("{\"__proto__\":1}"), Record(Text_, Number)],
  ["object without a prototype", Object.assign(Object.create(null), { a: "b" })],
  ["object with a symbol as a name", { [Symbol("a")]: 1 }],
  ["object nested 200 deep", deep(200), Tree, tree(200)],
  ["the same object twice", [shared, shared], List(Field(Number))],
  ["a circular value", circle],
  ["Map", new Map([["a", 1]]), Schema.ReadonlyMap(Text_, Number)],
  ["Map with objects as keys", new Map([[{ a: 1 }, 1]]), Schema.ReadonlyMap(Field(Number), Number)],
  ["Set", new Set([1, 2]), Schema.ReadonlySet(Number)],
  [
    "HashMap, HashSet",
    [HashMap.make(["a", 1]), HashSet.make(1)],
    Schema.Tuple([
      Schema.HashMap(Text_, Number),
      Schema.HashSet(Number)
    ])
  ],
  ["Chunk", Chunk.make(1, 2), Schema.Chunk(Number)],
  ["Option", [Option.some(1), Option.none()], List(Schema.Option(Number))],
  ["Result", Result.succeed(1), Schema.Result(Number, Text_)],
  ["an instance of a Schema.Class", new Person({ name: "Ada", born: new Date(0) }), Person],
  ["an instance of another class", new Plain()],
  ["Error", new Error("no")],
  ["RegExp", /a/g, Schema.RegExp],
  ["URL", new URL("https://a.example/"), Schema.URL],
  ["Uint8Array", Uint8Array.of(0, 255), Schema.Uint8Array],
  ["Buffer", Buffer.from("a")],
  ["other typed arrays, ArrayBuffer, DataView", [Float64Array.of(1), new ArrayBuffer(1)]],
  ["function, symbol, promise, WeakMap", [() => 1]],
  ["Redacted", Redacted.make("a"), Schema.Redacted(Text_)]
]

/** Effect's data types may keep what they have computed, and so differ in their fields. */
const isSame = (a: unknown, b: unknown): boolean => {
  if (isDeepStrictEqual(a, b) || (Equal.isEqual(a) && Equal.equals(a, b))) return true
  const [x, y] = [Object(a), Object(b)]
  return Object.getPrototypeOf(x) === Object.getPrototypeOf(y) && [Object.prototype, Array.prototype].includes(
    Object.getPrototypeOf(x)
  ) && isDeepStrictEqual(Object.keys(x), Object.keys(y)) && Object.keys(x).every((key) => isSame(x[key], y[key]))
}

/** The value comes back (`yes`), comes back changed (`as` and its text), or is refused (`no`). */
const outcome = (serializer: Serializer.Serializer, schema: unknown, value: unknown) =>
  Effect.gen(function*() {
    const exit = yield* Effect.exit(Effect.gen(function*() {
      const codec = yield* Effect.try({
        try: () => serializer.make<unknown, never>(schema as undefined),
        catch: (error) => error
      })
      return { back: yield* codec.decode(yield* codec.encode(value, "id"), "id") }
    }))
    if (Exit.isSuccess(exit)) {
      const { back } = exit.value
      if (isSame(value, back)) return "yes"
      // Only the sign of a zero may change.
      expect(JSON.stringify(value)).toBe(JSON.stringify(back))
      expect(JSON.stringify(value)).toMatch(/^(0|\[\{"a":0\}\])$/)
      return "as 0"
    }
    const error = yield* Effect.flip(exit)
    expect(error instanceof SerializerError || error instanceof CacheConfigError).toBe(true)
    return "no"
  })

const tables = { Csv, Ndjson, Parquet }
const columns: Readonly<Record<string, Serializer.Serializer>> = {
  Json,
  Structured,
  Binary,
  Yaml,
  Cbor,
  Text,
  Bytes,
  ...tables
}

/** In a table, the value is the field of a record. */
const placed = (name: string, [, value, schema, ofSchema = value]: Kind) =>
  schema !== undefined && name in tables
    ? { schema: List(Field(schema)), value: [{ a: ofSchema }] }
    : { schema, value: schema === undefined ? value : ofSchema }

const cellOf = (name: string, kind: Kind) =>
  Effect.gen(function*() {
    const { schema, value } = placed(name, kind)
    const inner = columns[name]!
    const plain = yield* outcome(inner, schema, value)
    for (const names of nestings.filter(({ length }) => length !== 2)) {
      expect([kind[0], names, yield* outcome(wrapIn(inner, names), schema, value)]).toEqual([kind[0], names, plain])
    }
    return plain
  })

/** The formats of a row: those that hold its values, or those that do not, whichever are fewer. */
const formatsOf = (cells: ReadonlyArray<readonly [name: string, cell: string]>): string => {
  const holding = cells.filter(([, cell]) => cell !== "no")
  const texts = holding.map(([name, cell]) => cell === "yes" ? `\`${name}\`` : `\`${name}\` (${cell})`)
  if (holding.length === 0) return "none"
  if (holding.length === cells.length && !texts.some((text) => text.includes("("))) return "all"
  const others = cells.filter(([, cell]) => cell === "no").map(([name]) => `\`${name}\``)
  return others.length < texts.length && !texts.some((text) => text.includes("("))
    ? `all but ${others.join(", ")}`
    : texts.join(", ")
}

const tableOf = (names: ReadonlyArray<string>, kinds: ReadonlyArray<Kind>) =>
  Effect.gen(function*() {
    const rows = new Map<string, Array<string>>()
    for (const kind of kinds) {
      const cells = yield* Effect.forEach(names, (name) =>
        Effect.map(cellOf(name, kind), (cell) => [name, cell] as const))
      const formats = formatsOf(cells)
      rows.set(formats, [...rows.get(formats) ?? [], kind[0]])
    }
    return [
      "| values | formats |",
      "|---|---|",
      ...[...rows].flatMap(([formats, values]) =>
        cellsOf(values, "; ").map((cell) => `| ${cell} | ${formats} |`)
      )
    ].join("\n")
  })

const page = "docs/serializers/formats.md"

it.live(`${page} says which values survive: otherwise UPDATE_DOCS=1`, () =>
  Effect.gen(function*() {
    expect(kinds).toHaveLength(60)
    const without = kinds.map(([name, value]): Kind => [name, value])
    const withSchema = kinds.filter(([, , schema]) => schema !== undefined)
    for (const name of Object.keys(tables)) {
      for (const kind of without) expect(yield* outcome(columns[name]!, undefined, kind[1])).toBe("no")
    }
    expectRegions(page, {
      "without a schema": yield* tableOf(["Json", "Structured", "Yaml", "Cbor", "Text", "Bytes"], without),
      "with a schema": yield* tableOf(Object.keys(columns), withSchema)
    })
  }), 120_000)
