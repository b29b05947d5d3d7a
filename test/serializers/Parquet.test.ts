/** The serializer `Parquet`: arrays of records as typed tables that other programs read. */
import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { CacheError } from "effect-cached"
import type { Serializer } from "effect-cached/adapters"
import { Json } from "effect-cached/serializers/Json"
import * as parquet from "effect-cached/serializers/Parquet"
import { parquetMetadata, parquetReadObjects } from "hyparquet"
import { parquetWriteBuffer } from "hyparquet-writer"
import { isSame } from "../../src/testing/law.ts"
import { sized } from "../support/everything.ts"
import { hostileBytes, refused, roundTrip, survives, valueOf } from "../support/fuzz.ts"
import { importAgain } from "../support/importAgain.ts"

const { Parquet } = parquet

const Row = Schema.Struct({
  name: Schema.String,
  note: Schema.optionalKey(Schema.String),
  both: Schema.optionalKey(Schema.NullOr(Schema.String)),
  count: Schema.NullOr(Schema.Number),
  mixed: Schema.Union([Schema.String, Schema.Finite, Schema.Boolean, Schema.Null]),
  on: Schema.optionalKey(Schema.Boolean),
  at: Schema.Date,
  seen: Schema.NullOr(Schema.DateTimeUtc),
  big: Schema.BigInt,
  bytes: Schema.Uint8Array,
  list: Schema.Array(Schema.Struct({ n: Schema.Int })),
  place: Schema.Struct({ city: Schema.String, zip: Schema.optionalKey(Schema.String) }),
  maybe: Schema.NullOr(Schema.Struct({ a: Schema.optional(Schema.String) }))
})
const Rows = Schema.Array(Row)
const codec = Parquet.make(Rows)

const row: typeof Row.Type = {
  name: "Müller",
  count: -1.5,
  mixed: true,
  on: false,
  at: new Date(1500),
  seen: null,
  big: -(2n ** 63n),
  bytes: Uint8Array.of(0, 255),
  list: [{ n: 1 }],
  place: { city: "" },
  maybe: { a: undefined }
}
const other: typeof Row.Type = { ...row, both: null, note: "", count: null, mixed: null, place: { city: "a", zip: "" } }

const encoded = (serializer: Serializer.Serializer, schema: Schema.Codec<any>, value: unknown): Uint8Array =>
  valueOf(serializer.make(schema).encode(value, "id"))

const readByOthers = (bytes: Uint8Array) => parquetReadObjects({ file: Uint8Array.from(bytes).buffer })

const golden = [
  "UEFSMRUGFSwVMFwVBBUAFQQVABUAFQAAABZUBwAAAE3DvGxsZXIHAAAATcO8bGxlchUGFQwVEFwVBBUCFQQVABUEFQAAAAMCBAwAAAAAFQYVFB",
  "UYXBUEFQIVBBUAFQQVAAAAAwIIHAQAAABudWxsFQYVFBUYXBUEFQIVBBUAFQQVAAAAAwEIHAAAAAAAAPi/FQYVIBUkXBUEFQAVBBUAFQAVAAAA",
  "EDwEAAAAdHJ1ZQQAAABudWxsFQYVBhUKXBUEFQAVBBUAFQQVAAAAAwMBAAAVBhUgFSRcFQQVABUEFQAVABUAAAAQPNwFAAAAAAAA3AUAAAAAAA",
  "AVBhUEFQZcFQQVBBUEFQAVBBUAAAADAAAVBhUgFR5cFQQVABUEFQAVABUAAAAQAAAJASCAAAAAAAAAAIAVBhUgFSRcFQQVABUEFQAVABUAAAAQ",
  "PAQAAABBUDg9BAAAAEFQOD0VBhU0FThcFQQVABUEFQAVABUAAAAaZAkAAABbeyJuIjoxfV0JAAAAW3sibiI6MX1dFQYVEhUWXBUEFQAVBBUAFQ",
  "AVAAAACSAAAAAAAQAAAGEVBhUMFRBcFQQVAhUEFQAVBBUAAAADAgQMAAAAABUGFTgVPFwVBBUAFQQVABUAFQAAABxsCgAAAHsiYSI6bnVsbH0K",
  "AAAAeyJhIjpudWxsfRUEGfwPSARyb290FRwAFQwlABgEbmFtZSUAABUMJQIYBG5vdGUlAAAVDCUCGARib3RoJQAAFQolAhgFY291bnQAFQwlAB",
  "gFbWl4ZWQlAAAVACUCGAJvbgAVBCUAGAJhdCUSABUEJQIYBHNlZW4lEgAVBCUAGANiaWcAFQwlABgFYnl0ZXMlAAAVDCUAGARsaXN0JQAAFQwl",
  "ABgKcGxhY2UuY2l0eSUAABUMJQIYCXBsYWNlLnppcCUAABUMJQAYBW1heWJlJQAAFgQZHBnsJggcFQwZFQAZGARuYW1lFQIWBBZWFlomCAAAJm",
  "IcFQwZFQAZGARub3RlFQIWBBY2FjomYgAAJpwBHBUMGRUAGRgEYm90aBUCFgQWPhZCJpwBAAAm3gEcFQoZFQAZGAVjb3VudBUCFgQWPhZCJt4B",
  "AAAmoAIcFQwZFQAZGAVtaXhlZBUCFgQWShZOJqACAAAm7gIcFQAZFQAZGAJvbhUCFgQWMBY0Ju4CAAAmogMcFQQZFQAZGAJhdBUCFgQWShZOJq",
  "IDAAAm8AMcFQQZFQAZGARzZWVuFQIWBBYuFjAm8AMAACagBBwVBBkVABkYA2JpZxUCFgQWShZIJqAEAAAm6AQcFQwZFQAZGAVieXRlcxUCFgQW",
  "ShZOJugEAAAmtgUcFQwZFQAZGARsaXN0FQIWBBZeFmImtgUAACaYBhwVDBkVABkYCnBsYWNlLmNpdHkVAhYEFjwWQCaYBgAAJtgGHBUMGRUAGR",
  "gJcGxhY2UuemlwFQIWBBY2Fjom2AYAACaSBxwVDBkVABkYBW1heWJlFQIWBBZiFmYmkgcAABbABxYENvAHACgNZWZmZWN0LWNhY2hlZBnsHAAA",
  "HAAAHAAAHAAAHAAAHAAAHAAAHAAAHAAAHAAAHAAAHAAAHAAAHAAAAK8CAABQQVIx"
].join("")

describe("Parquet", () => {
  it.prop("gives back every row as it was, or refuses its texts", { rows: Arbitrary.schema(Rows) }, ({ rows }) => {
    const back = roundTrip(codec, rows)
    if (back !== refused) {
      // In JSON, -0 becomes 0.
      const inJson = roundTrip(Json.make(Rows), rows) as typeof rows
      expect(isSame(back, inJson.map((row, i) => ({ ...row, count: rows[i]!.count })))).toBe(true)
    } else expect(JSON.stringify(rows, (_, part) => typeof part === "bigint" ? `${part}` : part)).toMatch(/\\ud|\d{19}/)
  })

  it("tells missing, null and empty apart, in as many rows as there are", () => {
    for (const count of [0, 1, 2, 7, 8, 9, 100, 1000, 1001, 2500]) {
      const rows = Array.from({ length: count }, (_, i) => ({ ...i % 3 === 0 ? other : row, name: `${i % 100}` }))
      expect(isSame(roundTrip(codec, rows), rows)).toBe(true)
    }
    const absent = Array.from({ length: 20 }, () => other)
    expect(isSame(roundTrip(codec, absent), absent)).toBe(true)
  })

  it("refuses what a column cannot hold", () => {
    for (const odd of [{ name: "\ud800" }, { big: 2n ** 63n }, { big: -(2n ** 63n) - 1n }, { at: new Date(NaN) }]) {
      expect(roundTrip(codec, [{ ...row, ...odd }])).toBe(refused)
    }
  })

  it("needs columns that are known", () => {
    for (const schema of [Schema.Array(Schema.Struct({})), Schema.Array(Schema.Record(Schema.String, Schema.String))]) {
      expect(() => Parquet.make(schema as Schema.Codec<any>)).toThrow(CacheError.CacheConfigError)
    }
  })

  it("gives columns the types of the schema, which other programs read", async () => {
    const bytes = encoded(Parquet, Rows, [row, other])
    const { schema } = parquetMetadata(Uint8Array.from(bytes).buffer)
    expect(
      schema.slice(1).map(({ converted_type, name, repetition_type, type }) =>
        [name, type, converted_type, repetition_type].filter((part) => part !== undefined).join(" ")
      )
    ).toEqual([
      "name BYTE_ARRAY UTF8 REQUIRED",
      "note BYTE_ARRAY UTF8 OPTIONAL",
      "both BYTE_ARRAY UTF8 OPTIONAL",
      "count DOUBLE OPTIONAL",
      "mixed BYTE_ARRAY UTF8 REQUIRED",
      "on BOOLEAN OPTIONAL",
      "at INT64 TIMESTAMP_MILLIS REQUIRED",
      "seen INT64 TIMESTAMP_MILLIS OPTIONAL",
      "big INT64 REQUIRED",
      "bytes BYTE_ARRAY UTF8 REQUIRED",
      "list BYTE_ARRAY UTF8 REQUIRED",
      "place.city BYTE_ARRAY UTF8 REQUIRED",
      "place.zip BYTE_ARRAY UTF8 OPTIONAL",
      "maybe BYTE_ARRAY UTF8 REQUIRED"
    ])
    const [first] = await readByOthers(bytes)
    expect(first).toMatchObject({ name: "Müller", count: -1.5, on: false, at: new Date(1500), big: -(2n ** 63n) })
    expect(first).toMatchObject({ list: "[{\"n\":1}]", mixed: "true", both: null, "place.city": "" })
  })

  it("holds structs in any depth, also those that contain themselves", () => {
    interface Tree {
      readonly name: string
      readonly inner: Tree | null
    }
    const Tree: Schema.Codec<Tree> = Schema.Struct({
      name: Schema.String,
      inner: Schema.NullOr(Schema.suspend((): Schema.Codec<Tree> => Tree))
    })
    const value = [{ name: "a", inner: { name: "b", inner: null } }, { name: "c", inner: null }]
    expect(roundTrip(Parquet.make(Schema.Array(Tree)), value)).toEqual(value)
    const Deep = Schema.Array(Schema.Struct({ a: Schema.Struct({ b: Schema.Struct({}), c: Schema.Date }) }))
    expect(roundTrip(Parquet.make(Deep), [{ a: { b: {}, c: new Date(0) } }])).toEqual([{
      a: { b: {}, c: new Date(0) }
    }])
  })

  it("columns may be in another order, but not others", () => {
    const [ab, ba] = [{ a: Schema.String, b: Schema.Date }, { b: Schema.Date, a: Schema.String }]
    const bytes = encoded(Parquet, Schema.Array(Schema.Struct(ab)), [{ a: "x", b: new Date(1) }])
    const read = (fields: Schema.Struct.Fields) =>
      Effect.runSyncExit(
        Parquet.make(Schema.Array(Schema.Struct(fields)) as unknown as Schema.Codec<any>).decode(bytes, "id")
      )
    expect(valueOf(read(ba))).toEqual([{ a: "x", b: new Date(1) }])
    for (const fields of [{ a: Schema.String }, { ...ab, c: Schema.String }, { ...ab, b: Schema.BigInt }]) {
      expect(String(read(fields))).toContain("the columns are not those of the schema")
    }
    expect(read({ ...ab, a: Schema.NullOr(Schema.String) })._tag).toBe("Failure")
  })

  it("later releases read what this one writes", () => {
    expect(isSame(valueOf(codec.decode(Uint8Array.from(Buffer.from(golden, "base64")), "id")), [row, other])).toBe(true)
    expect(codec.id).toBe(10)
  })

  it("says how to install its packages if one is missing", async () => {
    const without = await importAgain<typeof parquet>("effect-cached/serializers/Parquet", {
      "hyparquet-writer": undefined
    })
    expect(() => without.Parquet.make(Rows)).toThrow(
      expect.objectContaining({
        _tag: "CacheConfigError",
        message: expect.stringContaining("npm install hyparquet hyparquet-writer")
      })
    )
  })

  it("refuses options that it does not know", () => {
    for (const options of [{ maxSize: 0 }, { maxSize: "1 apple" }, { codec: "GZIP" }]) {
      expect(() => Parquet.with(options as Parameters<typeof Parquet.with>[0])).toThrow(
        CacheError.CacheConfigError
      )
    }
  })
})

describe("bytes that Parquet did not write", () => {
  const Text = Schema.Array(Schema.Struct({ a: Schema.NullOr(Schema.String), b: Schema.NullOr(Schema.Boolean) }))
  const texts = Parquet.make(Text)
  const read = (bytes: Uint8Array) => Effect.runSyncExit(texts.decode(bytes, "id"))

  it("survives them", () => {
    survives(codec, hostileBytes(encoded(Parquet, Rows, [row, other]), sized(10_000, 3000)))
    survives(
      texts,
      hostileBytes(encoded(Parquet, Text, Array.from({ length: 40 }, () => ({ a: "a", b: null }))), sized(10_000, 3000))
    )
  })

  /** Runs `decode`, and tells how much memory and processor time it took. */
  const costOf = (decode: () => unknown): { readonly bytes: number; readonly millis: number } => {
    globalThis.gc?.()
    const before = process.memoryUsage()
    const { user } = process.cpuUsage()
    decode()
    const after = process.memoryUsage()
    const bytes = after.arrayBuffers - before.arrayBuffers + after.heapUsed - before.heapUsed
    return { bytes, millis: (process.cpuUsage().user - user) / 1000 }
  }

  /** The files in which one occurrence of some bytes was replaced. The length of the footer fits. */
  const patched = function*(bytes: Uint8Array, from: ReadonlyArray<number>, to: ReadonlyArray<number>) {
    const footerSize = new DataView(bytes.buffer).getUint32(bytes.length - 8, true)
    const grown = to.length - from.length
    for (let at = 0; (at = Buffer.from(bytes).indexOf(Buffer.from(from), at)) >= 0; at++) {
      const copy = Uint8Array.from([...bytes.subarray(0, at), ...to, ...bytes.subarray(at + from.length)])
      const isInFooter = at > bytes.length - 8 - footerSize
      if (isInFooter) new DataView(copy.buffer).setUint32(copy.length - 8, footerSize + grown, true)
      yield copy
    }
  }

  it("refuses bombs at once: huge counts of rows, cells, items of lists, runs and lengths", () => {
    const rows = Array.from({ length: 40 }, () => ({ a: "abcdefghij", b: null }))
    const bytes = encoded(Parquet, Text, rows)
    const huge = [0xfe, 0xff, 0xff, 0xff, 0x0f]
    const bombs = {
      rows: [...patched(bytes, [0x16, 80], [0x16, ...huge])],
      cells: [...patched(bytes, [0x15, 80], [0x15, ...huge])],
      runs: [...patched(bytes, [80, 1], [...huge, 1]), ...patched(bytes, [80, 0], [...huge, 0])],
      lists: [
        ...patched(bytes, [0x19, 0x3c], [0x19, 0xfc, ...huge]),
        ...patched(bytes, [0x19, 0x2c], [0x19, 0xfc, ...huge])
      ],
      texts: [...patched(bytes, [10, 0, 0, 0], [0xff, 0xff, 0xff, 0x7f])],
      names: [...patched(bytes, [0x18, 1], [0x18, ...huge])]
    }
    for (const [name, files] of Object.entries(bombs)) {
      const outcomes = files.map((file) => {
        let exit: unknown
        const { bytes, millis } = costOf(() => exit = read(file))
        expect(bytes, name).toBeLessThan(50e6)
        expect(millis, name).toBeLessThan(1000)
        if (String(exit).includes("SerializerError")) return "refused"
        expect(exit, name).toMatchObject({ value: rows })
        return "the same"
      })
      expect(outcomes, name).toContain("refused")
    }
  })

  it("refuses pages that are larger than their column claims", () => {
    const bytes = encoded(Parquet, Text, Array.from({ length: 40 }, () => ({ a: "abcdefghij", b: null })))
    const { columns } = parquetMetadata(Uint8Array.from(bytes).buffer).row_groups[0]!
    const claimed = 2 * Number(columns[0]!.meta_data!.total_uncompressed_size)
    const inTwoBytes = (n: number) => [0x16, 0x80 | (n & 127), n >>> 7]
    const files = [...patched(bytes, inTwoBytes(claimed), inTwoBytes(2))]
    expect(files).toHaveLength(1)
    expect(String(read(files[0]!))).toContain("SerializerError")
  })

  it("refuses pages that decompress to more than the limit", () => {
    const Long = Schema.Array(Schema.Struct({ a: Schema.String }))
    const bomb = new Uint8Array(parquetWriteBuffer({
      schema: [
        { name: "root", num_children: 1 },
        { name: "a", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" }
      ],
      columnData: [{ name: "a", data: Array.from({ length: 100 }, () => "x".repeat(1_000_000)), encoding: "PLAIN" }],
      statistics: false
    }))
    expect(bomb.length).toBeLessThan(10e6)
    const { bytes } = costOf(() =>
      expect(String(Effect.runSyncExit(Parquet.make(Long).decode(bomb, "id")))).toContain("maxSize")
    )
    expect(bytes).toBeLessThan(10e6)
    const large = Parquet.with({ maxSize: "200 MB" }).make(Long)
    expect(valueOf<ReadonlyArray<unknown>>(large.decode(bomb, "id"))).toHaveLength(100)
    expect(roundTrip(Parquet.make(Long), Array.from({ length: 65 }, () => ({ a: "x".repeat(1e6) })))).toBe(refused)
  })

  it("takes at most four times the limit for rows that take almost no bytes", () => {
    const maxSize = 16_000_000
    const small = Parquet.with({ maxSize }).make(Text)
    const rows = Array.from({ length: 400_000 }, () => ({ a: null, b: null }))
    const bytes = valueOf<Uint8Array>(small.encode(rows, "id"))
    expect(bytes.length).toBeLessThan(2000)
    let back: unknown
    expect(costOf(() => back = valueOf(small.decode(bytes, "id"))).bytes).toBeLessThan(4 * maxSize)
    expect(back).toHaveLength(400_000)
    expect(roundTrip(small, [...rows, ...rows])).toBe(refused)
  })

  it("reaches no prototype", () => {
    const Odd = Schema.Array(Schema.Struct({
      ["__proto__"]: Schema.String,
      constructor: Schema.Struct({ prototype: Schema.String }),
      list: Schema.Array(Schema.Any)
    }))
    const parsed = JSON.parse("{\"__proto__\":{\"polluted\":1}}")
    const value = [Object.defineProperty({ constructor: { prototype: "b" }, list: [parsed] }, "__proto__", {
      value: "a",
      enumerable: true
    })]
    const [back] = roundTrip(Parquet.make(Odd as Schema.Codec<any>), value) as [{ list: [object] }]
    for (const part of [back, back.list[0]]) expect(Object.getPrototypeOf(part)).toBe(Object.prototype)
    expect(Object.getOwnPropertyDescriptor(back, "__proto__")).toMatchObject({ value: "a" })
    expect("polluted" in {}).toBe(false)
  })
})
