/** Reads rows from files, in bounded memory. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Csv from "effect/encoding/Csv"
import * as Ndjson from "effect/encoding/Ndjson"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as Stream from "effect/Stream"
import { createReadStream, statSync } from "node:fs"
import { mistake } from "../internal/options/options.ts"
import { type Fields, type Format, formatOf, longestRow } from "./format.ts"
import { parquetRows } from "./parquet.ts"
import { ofSystem, PipelineError } from "./PipelineError.ts"
import type { Position } from "./position.ts"

const positions = new WeakMap<object, Position>()

/** The position in the file whose rows a stream is, if it is one of `file`. */
export const positionOf = (stream: object): Position | undefined => positions.get(stream)

const content = (file: string, problem: string, place: { readonly line?: number; readonly row?: number } = {}) =>
  new PipelineError({ file, reason: "Content", problem, ...place })

const bytesOf = (file: string, position: Position): Stream.Stream<Uint8Array, PipelineError> =>
  Effect.try({
    try() {
      position.total = statSync(file).size
      position.done = 0
    },
    catch: ofSystem(file)
  }).pipe(
    Effect.map(() => Stream.fromAsyncIterable<Uint8Array, PipelineError>(createReadStream(file), ofSystem(file))),
    Stream.unwrap,
    Stream.map((bytes) => {
      position.done += bytes.length
      return bytes
    })
  )

const textOf = (file: string, position: Position): Stream.Stream<string, PipelineError> =>
  Stream.suspend(() => {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
    const decode = (bytes?: Uint8Array) =>
      Effect.try({
        try: () => decoder.decode(bytes, { stream: bytes !== undefined }),
        catch: () => content(file, "it is not UTF-8 text")
      })
    return Stream.concat(
      Stream.mapEffect(bytesOf(file, position), decode),
      Stream.fromEffect(Effect.suspend(() => decode()))
    )
  })

const cells = { maxRecordSize: longestRow, ignoreEmptyLines: true, headers: true } as const

/** Counts rows, so that a fault can say which one it is. */
const counted = <A, E>(rows: Stream.Stream<A, E>, fail: (error: E, row: number) => PipelineError) =>
  Stream.suspend(() => {
    let row = 0
    return rows.pipe(
      Stream.mapArray((some) => {
        row += some.length
        return some
      }),
      Stream.mapError((error) => fail(error, row + 1))
    )
  })

/** Converts rows, whole chunks at a time. A row that does not fit fails with its number. */
const converted = <A>(
  file: string,
  rows: Stream.Stream<unknown, PipelineError>,
  convert: (row: unknown) => Exit.Exit<A, string>
): Stream.Stream<A, PipelineError> =>
  Stream.suspend(() => {
    let row = 0
    return Stream.mapArrayEffect(rows, (some) => {
      const done: Array<A> = []
      for (const given of some) {
        row++
        const exit = convert(given)
        if (Exit.isSuccess(exit)) done.push(exit.value)
        else return Effect.fail(content(file, String(Cause.squash(exit.cause)), { row }))
      }
      return Effect.succeed(done as [A, ...Array<A>])
    })
  })

const objectOnly = (value: unknown): Exit.Exit<Fields, string> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Exit.succeed(value as Fields)
    : Exit.fail("it is not a JSON object")

const plainRows = (file: string, format: Format, position: Position): Stream.Stream<Fields, PipelineError> => {
  switch (format) {
    case "csv":
      return textOf(file, position).pipe(
        Stream.pipeThroughChannel(Csv.decodeString(cells)),
        Stream.mapError((error) => ofCsv(file, error))
      )
    case "ndjson":
      return linesOf(file, position)
    case "parquet":
      return parquetRows(file, position)
  }
}

const ofCsv = (file: string, error: Csv.CsvError | PipelineError): PipelineError =>
  error instanceof PipelineError ? error : content(file, error.message, { line: error.line })

const linesOf = (file: string, position: Position) =>
  bytesOf(file, position).pipe(
    Stream.pipeThroughChannel(Ndjson.decode({ ignoreEmptyLines: true, maxLineBytes: longestRow })),
    (rows) =>
      counted(rows, (error, row) => {
        if (error instanceof PipelineError) return error
        const problem = error.reason === "LineTooLarge"
          ? `the line is longer than ${longestRow} bytes`
          : error.reason === "InvalidUtf8"
          ? "it is not UTF-8 text"
          : "it is not JSON"
        return content(file, problem, { row })
      }),
    (rows) => converted(file, rows, objectOnly)
  )

/** The JSON form of a cell of a Parquet file. */
const jsonOf = (value: unknown): unknown => {
  if (value instanceof Date) return value.toISOString()
  return typeof value === "bigint" ? String(value) : value
}

/** The cells of CSV are text, in which an empty cell is a missing field if the schema allows that. */
const ofText = (file: string, schema: Schema.Codec<unknown, any>) => {
  try {
    // Checks that each field of the schema can be a cell. Its rows would be numbered with the header and blank lines.
    Csv.decodeSchemaString(schema)(cells as never)
  } catch (thrown) {
    throw mistake(`The schema of the file "${file}" of a pipeline does not fit: ${(thrown as Error).message}`)
  }
  const codec = Schema.toCodecStringTree(schema)
  const ast = SchemaAST.toEncoded(codec.ast)
  const optional = new Set<PropertyKey>(
    SchemaAST.isObjects(ast)
      ? ast.propertySignatures.filter(({ type }) => SchemaAST.isOptional(type)).map(({ name }) => name)
      : []
  )
  const given = (row: Fields): Fields =>
    optional.size === 0
      ? row
      : Object.fromEntries(Object.entries(row).filter(([name, cell]) => cell !== "" || !optional.has(name)))
  return { codec, given }
}

const ofJson = (schema: Schema.Codec<unknown, any>, format: Format) => ({
  codec: Schema.toCodecJson(schema),
  given: (row: Fields): Fields =>
    format === "parquet"
      ? Object.fromEntries(Object.entries(row).map(([name, value]) => [name, jsonOf(value)]))
      : row
})

const typedRows = <A>(
  file: string,
  schema: Schema.Codec<A, any>,
  { format, position }: { readonly format: Format; readonly position: Position }
): Stream.Stream<A, PipelineError> => {
  const { codec, given } = format === "csv" ? ofText(file, schema) : ofJson(schema, format)
  const decode = Schema.decodeUnknownExit(codec) as (row: unknown) => Exit.Exit<A, Schema.SchemaError>
  return converted(
    file,
    plainRows(file, format, position),
    (row) =>
      Exit.mapError(
        decode(given(row as Fields)),
        ({ message }) => message.replaceAll(/\n\s+at /g, " at ").replaceAll("\n", "; ")
      )
  )
}

export const read = <A>(file: string, schema: Schema.Codec<A, any> | undefined): Stream.Stream<A, PipelineError> => {
  const format = formatOf(file)
  const position: Position = { file, done: 0, total: 0, inRows: format === "parquet" }
  const rows = schema === undefined
    ? plainRows(file, format, position) as Stream.Stream<any, PipelineError>
    : typedRows(file, schema, { format, position })
  positions.set(rows, position)
  return rows
}
