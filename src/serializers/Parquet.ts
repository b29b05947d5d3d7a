/**
 * Parquet for arrays of records: a compressed table with typed columns, which databases and data frames read. It needs
 * the packages `hyparquet` and `hyparquet-writer`.
 * @since 0.1.0
 */
import * as SchemaAST from "effect/SchemaAST"
import type * as Reader from "hyparquet"
import type * as Writer from "hyparquet-writer"
import * as Columns from "../internal/codec/columns.ts"
import { installed } from "../internal/codec/exactly.ts"
import { refusing, tables } from "../internal/codec/narrow.ts"
import { type Column, columnOf } from "../internal/codec/parquetColumns.ts"
import * as File from "../internal/codec/parquetFile.ts"
import * as throughSchema from "../internal/codec/throughSchema.ts"
import { refuseUnknown } from "../internal/options/options.ts"
import { sizeAboveZero, type SizeInput } from "../internal/options/size.ts"
import type { Serializer } from "../Serializer.ts"

type Library = Pick<typeof Reader, "snappyUncompress"> & Pick<typeof Writer, "parquetWriteBuffer">

let library: Library | undefined
// Bundlers leave out a missing package whose import is in `try`: it is optional.
try {
  const { snappyUncompress } = await import("hyparquet")
  const { parquetWriteBuffer } = await import("hyparquet-writer")
  library = { snappyUncompress, parquetWriteBuffer }
} catch {}

const name = "parquet"
const id = 10

const elementOf = (column: Column) => ({
  name: column.name,
  type: column.type,
  repetition_type: column.optional ? "OPTIONAL" as const : "REQUIRED" as const,
  ...column.converted && { converted_type: column.converted }
})

const cellsOf = (column: Column, records: ReadonlyArray<unknown>): Array<unknown> =>
  records.map((record) => {
    const value = Columns.at(record, column.path)
    return value === undefined || (value === null && column.optional && column.absent === null)
      ? null
      : column.write(value)
  })

const formatOf = (library: Library, columns: ReadonlyArray<Column>, maxSize: number): throughSchema.Format => {
  const schema = [{ name: "root", num_children: columns.length }, ...columns.map(elementOf)]
  const reasonOf = (thrown: unknown, otherwise: string): string => {
    if (thrown instanceof File.TooLarge) return `the table is larger than ${maxSize} bytes (maxSize)`
    if (thrown instanceof File.OtherColumns) return "the columns are not those of the schema"
    return Columns.reasonOf(thrown) ?? otherwise
  }
  return {
    name,
    id,
    holds: "json",
    pack: (records) =>
      throughSchema.attempt(name, "encode", () => {
        const columnData = columns.map((column) => ({
          name: column.name,
          data: cellsOf(column, records as ReadonlyArray<unknown>),
          encoding: "PLAIN" as const,
          offsetIndex: false
        }))
        const settings = { schema, columnData, statistics: false, createdBy: "effect-cached" }
        const bytes = new Uint8Array(library.parquetWriteBuffer(settings))
        File.layoutOf(bytes, columns, maxSize)
        return bytes
      }, (thrown) => reasonOf(thrown, "the value has no Parquet form")),
    unpack: (bytes) =>
      throughSchema.attempt(name, "decode", () => {
        const layout = File.layoutOf(bytes, columns, maxSize)
        return layout.groups.flatMap(({ chunks, rows }) => {
          const records: Array<Columns.Fields> = []
          chunks.forEach((chunk, i) => {
            const column = layout.columns[i] as Column
            const cells = File.readChunk(bytes, column, { rows, chunk, uncompress: library.snappyUncompress })
            cells.forEach((cell, row) =>
              Columns.putAt(records[row] ??= {}, column.path, cell === null ? column.absent : column.read(cell))
            )
          })
          return records
        })
      }, (thrown) => reasonOf(thrown, "these bytes are not Parquet that this serializer writes"))
  }
}

/**
 * The options of `Parquet.with`.
 * @category options
 * @since 0.1.0
 */
interface ParquetOptions {
  /**
   * The largest table: its bytes before compression, and 16 for each cell. A larger one is not stored, and bytes that
   * would decompress to more are a miss. @default `"64 MB"`
   */
  readonly maxSize?: SizeInput | undefined
}

const parquetWith = (options: ParquetOptions): Serializer => {
  refuseUnknown("Parquet.with", options, ["maxSize"])
  const maxSize = options.maxSize === undefined ? 64_000_000 : sizeAboveZero("maxSize", options.maxSize)
  const table = tables({
    name,
    plain: refusing(name, id, "a value without a schema has no columns: use a key class"),
    formatOf(schema) {
      const ast = SchemaAST.toEncoded(schema.ast)
      const typed = ast._tag === "Arrays" ? ast.rest[0] : undefined
      const columns = Columns.columnsOf(name, schema, "anything").map((column) => columnOf(column, typed))
      return formatOf(library!, columns, maxSize)
    }
  })
  return {
    name,
    contentType: "application/vnd.apache.parquet",
    extension: ".parquet",
    make(schema, use) {
      installed(library, name, "hyparquet hyparquet-writer")
      return table(schema, use)
    }
  }
}

/**
 * The Parquet serializer, for schemas that are arrays of structs. It refuses other schemas with a `CacheConfigError`.
 * The schema gives each column its type; lists, records and unions become text with JSON.
 * `Parquet.with` makes one with options.
 *
 * **Example** (Encoding a table)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Parquet } from "effect-cached/serializers/Parquet"
 * const codec = Parquet.make(Schema.Array(Schema.Struct({ city: Schema.String, at: Schema.Date })))
 * const bytes = Effect.runSync(codec.encode([{ city: "Berlin", at: new Date(0) }], "weather"))
 * Effect.runSync(codec.decode(bytes, "weather")) // => [{ city: "Berlin", at: new Date(0) }]
 * ```
 *
 * **Example** (A limit for large tables)
 *
 * ```ts
 * import { Parquet } from "effect-cached/serializers/Parquet"
 * Parquet.with({ maxSize: "500 MB" }).extension // => ".parquet"
 * ```
 *
 * @category serializers
 * @since 0.1.0
 */
export const Parquet: Serializer & { readonly with: (options: ParquetOptions) => Serializer } = {
  ...parquetWith({}),
  with: parquetWith
}
