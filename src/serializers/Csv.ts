/**
 * Comma-separated values for arrays of records: a table that spreadsheets and databases read.
 * @since 0.1.0
 */
import * as EffectCsv from "effect/encoding/Csv"
import { type Column, columnsOf, fromRows, reasonOf, toRows } from "../internal/codec/columns.ts"
import { refusing, tables } from "../internal/codec/narrow.ts"
import { collect } from "../internal/codec/textChannel.ts"
import * as throughSchema from "../internal/codec/throughSchema.ts"
import { refuseUnknown, refuseUnless } from "../internal/options/options.ts"
import type { Serializer } from "../Serializer.ts"

const name = "csv"
const id = 8

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const required = <A>(value: A | undefined): A => {
  if (value === undefined) throw new Error("no CSV")
  return value
}

const formatOf = (columns: ReadonlyArray<Column>, safe: boolean): throughSchema.Format => ({
  name,
  id,
  holds: "json",
  pack: (records) =>
    throughSchema.attempt(name, "encode", () => {
      const rows = toRows(columns, records as ReadonlyArray<unknown>, safe)
      return encoder.encode(required(collect(rows, EffectCsv.encodeString())).join(""))
    }, (thrown) => reasonOf(thrown) ?? "the value has no CSV form"),
  unpack: (bytes) =>
    throughSchema.attempt(name, "decode", () => {
      const text = decoder.decode(bytes)
      const rows = collect([text], EffectCsv.decodeString({ maxRecordSize: Infinity, ignoreEmptyLines: true }))
      return fromRows(columns, required(rows))
    }, (thrown) => reasonOf(thrown) ?? "these bytes are not CSV")
})

/**
 * The options of `Csv.with`.
 * @category options
 * @since 0.1.0
 */
interface CsvOptions {
  /**
   * Puts `'` before text that begins with `=`, `+`, `-`, `@` (also full-width), a tab or a line end, so that a
   * spreadsheet that splits at commas does not run it as a formula. Reading removes the mark. @default `false`
   */
  readonly safeForSpreadsheets?: boolean | undefined
}

const csvWith = (options: CsvOptions): Serializer => {
  const what = "Csv.with"
  refuseUnknown(what, options, ["safeForSpreadsheets"])
  const { safeForSpreadsheets = false } = options
  refuseUnless(typeof safeForSpreadsheets === "boolean", `${what}: safeForSpreadsheets must be true or false`)
  return {
    name,
    contentType: "text/csv",
    extension: ".csv",
    make: tables({
      name,
      plain: refusing(name, id, "a value without a schema has no columns: use a key class"),
      formatOf: (schema) => formatOf(columnsOf(name, schema), safeForSpreadsheets)
    })
  }
}

/**
 * The CSV serializer, for schemas that are arrays of structs. It refuses other schemas with a `CacheConfigError`. An
 * empty cell is a missing field if the field is optional, otherwise `null` if it may be null, otherwise empty text.
 * `Csv.with` makes one with options.
 *
 * **Example** (Encoding a table)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Csv } from "effect-cached/serializers/Csv"
 * const codec = Csv.make(Schema.Array(Schema.Struct({ city: Schema.String, celsius: Schema.NullOr(Schema.Number) })))
 * const bytes = Effect.runSync(codec.encode([{ city: "Berlin", celsius: 21 }, { city: "", celsius: null }], "weather"))
 * new TextDecoder().decode(bytes) // => "city,celsius\r\nBerlin,21\r\n,\r\n"
 * ```
 *
 * **Example** (Writing a cell that a spreadsheet does not run)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Csv } from "effect-cached/serializers/Csv"
 * const safe = Csv.with({ safeForSpreadsheets: true })
 * const codec = safe.make(Schema.Array(Schema.Struct({ note: Schema.String })))
 * const bytes = Effect.runSync(codec.encode([{ note: "=1+1" }], "notes"))
 * new TextDecoder().decode(bytes) // => "note\r\n'=1+1\r\n"
 * ```
 *
 * @category serializers
 * @since 0.1.0
 */
export const Csv: Serializer & { readonly with: (options: CsvOptions) => Serializer } = {
  ...csvWith({}),
  with: csvWith
}
