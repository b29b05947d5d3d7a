/** The serializers `Csv` and `Ndjson`: arrays of records as tables and lines. */
import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Effect, Option, Schema } from "effect"
import { CacheError } from "effect-cached"
import type { Serializer } from "effect-cached/adapters"
import { Csv } from "effect-cached/serializers/Csv"
import { Ndjson } from "effect-cached/serializers/Ndjson"
import { Parquet } from "effect-cached/serializers/Parquet"
import { isSame } from "../../src/testing/law.ts"
import { hostileBytes, refused, roundTrip, survives, valueOf } from "../support/fuzz.ts"

const Safe = Csv.with({ safeForSpreadsheets: true })

const utf8 = (text: string) => new TextEncoder().encode(text)
const written = (serializer: Serializer.Serializer, schema: Schema.Codec<any>, value: unknown) =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(valueOf(serializer.make(schema).encode(value, "id")))
const read = (serializer: Serializer.Serializer, schema: Schema.Codec<any>, text: string) =>
  Effect.runSyncExit(serializer.make(schema).decode(utf8(text), "id"))

const Row = Schema.Struct({
  name: Schema.String,
  note: Schema.optionalKey(Schema.NullOr(Schema.String)),
  count: Schema.NullOr(Schema.Number),
  mixed: Schema.Union([Schema.String, Schema.Finite, Schema.Boolean]),
  kind: Schema.Literals(["a", "=b", "", 1]),
  at: Schema.Date,
  big: Schema.BigInt,
  place: Schema.Struct({ city: Schema.String, "=zip": Schema.optionalKey(Schema.String) })
})
const Rows = Schema.Array(Row)

const row: typeof Row.Type = {
  name: "Müller, \"Ada\"",
  count: -1.5,
  mixed: true,
  kind: "=b",
  at: new Date(0),
  big: -5n,
  place: { city: "a\r\nb" }
}

const odd = [
  ...["", "null", "true", "false", "1", "-1", "01", "1e3", "NaN", "\"", "\"\"", "\"a\"", "'", "''", "'=1", "''=1"],
  ...["=1", "+1", "-a", "@a", "\ta", "\ra", "\r\n", "\n", " a ", ",", ";", "\ufeff", "\ud800", "\u0000", "__proto__"],
  ...["é\u{1f600}", "a\"b", "a,b", "\u2028"]
]

/** Rows with odd text, as numbers dictate it. */
const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
const rows = Arbitrary.map(Arbitrary.array(Arbitrary.schema(Byte), { maxLength: 80 }), (numbers) => {
  const tape = [...numbers]
  const next = (below: number) => (tape.pop() ?? 0) % below
  const text = () => odd[next(odd.length)]! + (next(3) === 0 ? odd[next(odd.length)]! : "")
  const one = () => ({
    name: text(),
    ...next(3) === 0 ? {} : { note: next(2) === 0 ? null : text() },
    count: [null, 0, 1, -1, NaN, Infinity, -Infinity, 1e300, 5e-324, 0.1][next(10)]!,
    mixed: [text(), next(100) - 50, true, false, text()][next(5)]!,
    kind: (["a", "=b", "", 1] as const)[next(4)]!,
    at: new Date(next(1000) - 500),
    big: BigInt(next(200) - 100),
    place: { city: text(), ...next(2) === 0 ? {} : { "=zip": text() } }
  })
  return Array.from({ length: next(5) }, one)
})

describe.each([["Csv", Csv, Safe], ["Csv, safe", Safe, Csv], ["Ndjson", Ndjson, Ndjson]])(
  "%s",
  (_, serializer, otherSetting) => {
    const codec = serializer.make(Rows)

    it.prop("gives back every row as it was", { rows }, ({ rows }) => {
      expect(isSame(roundTrip(codec, rows), rows)).toBe(true)
      const bytes = valueOf<Uint8Array>(codec.encode(rows, "id"))
      expect(isSame(valueOf(otherSetting.make(Rows).decode(bytes, "id")), rows)).toBe(true)
    })

    it.prop("gives back text as it was", {
      list: Arbitrary.schema(Schema.Array(Schema.Struct({ a: Schema.String, b: Schema.NullOr(Schema.String) })))
    }, ({ list }) => {
      const codec = serializer.make(Schema.Array(Schema.Struct({ a: Schema.String, b: Schema.NullOr(Schema.String) })))
      expect(roundTrip(codec, list)).toEqual(list)
    })

    it("survives bytes that are not its own", () =>
      survives(codec, hostileBytes(valueOf(codec.encode([row, { ...row, note: null }], "id")))))

    it("reaches no prototype", () => {
      const Odd = Schema.Array(Schema.Struct({ ["__proto__"]: Schema.String, constructor: Schema.String }))
      const value = [Object.defineProperty({ constructor: "b" }, "__proto__", { value: "a", enumerable: true })]
      const [back] = roundTrip(serializer.make(Odd as Schema.Codec<any>), value) as [object]
      expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
      expect(Object.getOwnPropertyDescriptor(back, "__proto__")).toMatchObject({ value: "a" })
      survives(serializer.make(Odd as Schema.Codec<any>), [utf8("__proto__,constructor\r\na,b\r\n")])
    })
  }
)

it.each([Csv, Ndjson, Parquet])(
  "$name needs an array of structs, and refuses a value without a schema",
  (serializer) => {
    const others = [
      Schema.String,
      Schema.Struct({ a: Schema.String }),
      Schema.Array(Schema.String),
      Schema.Array(Schema.Any),
      Schema.Tuple([Schema.Struct({ a: Schema.String })]),
      Schema.Array(Schema.Redacted(Schema.String)),
      Schema.Any
    ]
    for (const schema of others) {
      expect(() => serializer.make(schema as Schema.Codec<any>)).toThrow(CacheError.CacheConfigError)
    }
    expect(roundTrip(serializer.make<unknown, never>(undefined), [{ a: 1 }])).toBe(refused)
    const One = Schema.Struct({ a: Schema.Date })
    for (const schema of [Schema.Array(One), Schema.NonEmptyArray(One), Schema.Chunk(One)]) {
      expect(() => serializer.make(schema as Schema.Codec<any>)).not.toThrow()
    }
  }
)

describe("Csv", () => {
  it("writes a row of names and a row for each record; later releases read it", () => {
    const golden = "name,note,count,mixed,kind,at,big,place.city,place.=zip\r\n" +
      "\"Müller, \"\"Ada\"\"\",,-1.5,true,=b,1970-01-01T00:00:00.000Z,-5,\"a\r\nb\",\r\n"
    expect(written(Csv, Rows, [row])).toBe(golden)
    expect(valueOf(read(Csv, Rows, golden))).toEqual([row])
    expect(Csv.make(Rows).id).toBe(8)
  })

  it("tells missing, null and empty text apart", () => {
    const fields = {
      text: Schema.String,
      orNull: Schema.NullOr(Schema.String),
      optional: Schema.optionalKey(Schema.String),
      both: Schema.optionalKey(Schema.NullOr(Schema.String))
    }
    const schema = Schema.Array(Schema.Struct(fields))
    const values = [
      { text: "", orNull: "", optional: "", both: "" },
      { text: "null", orNull: null, both: null },
      { text: "a", orNull: "null", optional: "null", both: "null" },
      { text: "a", orNull: "a" }
    ]
    expect(written(Csv, schema, values).split("\r\n")).toEqual([
      "text,orNull,optional,both",
      `,"""""","""""",""""""`,
      "null,,,null",
      `a,"""null""",null,"""null"""`,
      "a,a,,",
      ""
    ])
    expect(isSame(roundTrip(Csv.make(schema), values), values)).toBe(true)
  })

  it("makes text safe for spreadsheets on request, and numbers stay numbers", () => {
    const schema = Schema.Array(Schema.Struct({ "=a": Schema.String, n: Schema.Finite }))
    const values = ["=1", "+1", "-1", "@a", "\ta", "\ra", "'=1", "'a", "a=1"].map((text) => ({ "=a": text, n: -1 }))
    const lines = written(Safe, schema, values).split("\r\n")
    expect(lines.slice(0, 6)).toEqual(["'=a,n", "'=1,-1", "'+1,-1", "'-1,-1", "'@a,-1", "'\ta,-1"])
    expect(lines.slice(6, 10)).toEqual(["\"'\ra\",-1", "''=1,-1", "'a,-1", "a=1,-1"])
    expect(isSame(roundTrip(Safe.make(schema), values), values)).toBe(true)
    expect(written(Csv, schema, [{ "=a": "=1", n: 1 }])).toBe("=a,n\r\n=1,1\r\n")
  })

  it("reads what a spreadsheet makes of it: a BOM, other line ends, columns in another order, empty lines", () => {
    const schema = Schema.Array(Schema.Struct({ a: Schema.String, n: Schema.Finite }))
    for (const text of ["\ufeffn,a\n1.50,x\n\n", "n,a\r1.50,x\r", "a,n\r\nx,1.50"]) {
      expect(valueOf(read(Csv, schema, text))).toEqual([{ a: "x", n: 1.5 }])
    }
    const odd = Schema.Array(Schema.Struct({ "\ufeffa": Schema.String }))
    expect(roundTrip(Csv.make(odd), [{ "\ufeffa": "\ufeff" }])).toEqual([{ "\ufeffa": "\ufeff" }])
  })

  it("refuses what is no such table", () => {
    const schema = Schema.Array(Schema.Struct({ a: Schema.String, n: Schema.Finite }))
    const bad = ["", "a\r\n", "a,n,b\r\n", "a,a\r\n", "a,b\r\n", "a,n\r\nx\r\n", "a,n\r\nx,1,2\r\n", "a,n\r\nx,one\r\n"]
    for (const text of [...bad, "a,n\r\n\"x,1\r\n", "a,n\r\nx\"y,1\r\n", "a,n\r\n\"x\"y,1\r\n", "a,n\r\nx,\r\n"]) {
      expect(String(read(Csv, schema, text)), text).toContain("SerializerError")
    }
    expect(String(read(Csv, schema, "a,n\r\nhunter2,hunter2\r\n"))).not.toContain("hunter2")
    expect(valueOf(read(Csv, schema, "a,n\r\n"))).toEqual([])
  })

  it("refuses fields that fit into no cell", () => {
    const City = Schema.Struct({ city: Schema.String })
    interface Tree {
      readonly next: Tree
    }
    const Tree: Schema.Codec<Tree> = Schema.Struct({ next: Schema.suspend((): Schema.Codec<Tree> => Tree) })
    const structs: ReadonlyArray<Schema.Codec<any>> = [
      Schema.Struct({ list: Schema.Array(Schema.String) }),
      Schema.Struct({ place: Schema.NullOr(City) }),
      Schema.Struct({ place: Schema.optionalKey(City) }),
      Schema.Struct({ place: Schema.Option(Schema.String) }),
      Schema.Struct({ any: Schema.Unknown }),
      Schema.Record(Schema.String, Schema.String),
      Schema.Struct({ place: City, "place.city": Schema.String }),
      Schema.Struct({}),
      Schema.Struct({ a: Schema.String, empty: Schema.Struct({}) }),
      Schema.Struct({ "\ud800": Schema.String }),
      Tree
    ]
    for (const schema of structs) expect(() => Csv.make(Schema.Array(schema))).toThrow(CacheError.CacheConfigError)
    const Nullable = Schema.Array(Schema.Struct({ a: Schema.OptionFromNullOr(Schema.Date) }))
    const value = [{ a: Option.none() }, { a: Option.some(new Date(0)) }]
    expect(roundTrip(Csv.make(Nullable), value)).toEqual(value)
  })

  it("refuses options that make no sense", () => {
    for (const options of [{ safe: true }, { safeForSpreadsheets: "yes" }]) {
      expect(() => Csv.with(options as never)).toThrow(CacheError.CacheConfigError)
    }
  })

  it("holds 20,000 rows", () => {
    const schema = Schema.Array(Schema.Struct({ a: Schema.String, n: Schema.Finite }))
    const value = Array.from({ length: 20_000 }, (_, n) => ({ a: `row ${n}`, n }))
    expect(roundTrip(Csv.make(schema), value)).toEqual(value)
  })
})

describe("Ndjson", () => {
  const Event = Schema.Union([Schema.Struct({ type: Schema.Literal("a"), list: Schema.Array(Schema.Date) }), Row])

  it("writes a line for each record; later releases read it", () => {
    const schema = Schema.Array(Schema.Struct({ a: Schema.String, at: Schema.optionalKey(Schema.Date) }))
    const golden = "{\"a\":\"é\\n\\r\",\"at\":\"1970-01-01T00:00:00.000Z\"}\n{\"a\":\"\"}\n"
    const value = [{ a: "é\n\r", at: new Date(0) }, { a: "" }]
    expect(written(Ndjson, schema, value)).toBe(golden)
    expect(valueOf(read(Ndjson, schema, `\ufeff${golden.replaceAll("\n", "\r\n")}`))).toEqual(value)
    expect([Ndjson.make(schema).id, written(Ndjson, schema, [])]).toEqual([9, ""])
  })

  it("holds records of several kinds", () => {
    const value = [{ type: "a", list: [new Date(0)] }, row]
    expect(roundTrip(Ndjson.make(Schema.Array(Event)), value)).toEqual(value)
  })

  it("refuses lines that are no records", () => {
    const schema = Schema.Array(Schema.Struct({ a: Schema.String }))
    for (const text of ["{\"a\":\"x\"", "1", "null", "{\"a\":1}", "{\"a\":\"x\"}\n[", "\n"]) {
      expect(String(read(Ndjson, schema, text)), text).toContain("SerializerError")
    }
  })
})
