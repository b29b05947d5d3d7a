/** Reads rows from files, in bounded memory. */
import * as Effect from "effect/Effect"
import * as Csv from "effect/encoding/Csv"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { createReadStream, statSync } from "node:fs"
import { isExact } from "../internal/codec/columns.ts"
import { mistake } from "../internal/options/options.ts"
import * as Lines from "../internal/text/lines.ts"
import * as Cells from "./cells.ts"
import { type Fields, type Format, formatOf, longestRow } from "./format.ts"
import { parquetRows } from "./parquet.ts"
import { ofSystem, PipelineError } from "./PipelineError.ts"
import type { Position } from "./position.ts"

/** A row that was read. With a `problem`, it does not fit, and `row` is as it is in the file. */
export interface Read {
  readonly row: unknown
  /** The cells of the file. `undefined` for a row of a stream. */
  readonly raw: Fields | undefined
  readonly problem?: string | undefined
}

/** The file that a stream reads, and its rows, with those that do not fit. */
export interface Source {
  readonly format: Format
  readonly position: Position
  readonly form: Cells.Form | undefined
  readonly rows: Stream.Stream<Read, PipelineError>
}

const sources = new WeakMap<object, Source>()

export const sourceOf = (stream: object): Source | undefined => sources.get(stream)

const content = (file: string, problem: string, place: { readonly line?: number; readonly row?: number } = {}) =>
  new PipelineError({ file, reason: "Content", problem, ...place })

async function* bytesOf(file: string, position: Position): AsyncGenerator<Uint8Array> {
  position.total = statSync(file).size
  position.done = 0
  for await (const bytes of createReadStream(file) as AsyncIterable<Uint8Array>) {
    position.done += bytes.length
    yield bytes
  }
}

const streamed = <A>(file: string, make: () => AsyncGenerator<A>): Stream.Stream<A, PipelineError> =>
  Stream.fromAsyncIterable({ [Symbol.asyncIterator]: make }, ofSystem(file))

const textOf = (file: string, position: Position): Stream.Stream<string, PipelineError> =>
  streamed(file, async function*() {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
    const decoded = (bytes?: Uint8Array): string => {
      try {
        return decoder.decode(bytes, { stream: bytes !== undefined })
      } catch {
        throw content(file, notText)
      }
    }
    for await (const bytes of bytesOf(file, position)) yield decoded(bytes)
    yield decoded()
  })

const notText = "it is not UTF-8 text"

const csvOf = (file: string, position: Position): Stream.Stream<Read, PipelineError> =>
  textOf(file, position).pipe(
    Stream.pipeThroughChannel(
      Csv.decodeString({ maxRecordSize: longestRow, ignoreEmptyLines: true, headers: true })
    ),
    Stream.mapError((error) =>
      error instanceof PipelineError ? error : content(file, error.message, { line: error.line })
    ),
    Stream.map((raw) => ({ row: raw, raw }))
  )

const linesOf = (file: string, position: Position): Stream.Stream<Read, PipelineError> => {
  const rows = async function*(): AsyncGenerator<ReadonlyArray<Read>> {
    let row = 0
    try {
      for await (const { lines } of Lines.linesOf(bytesOf(file, position), longestRow)) {
        const found: Array<Read> = []
        for (const line of lines) {
          const text = Cells.textOf(line)
          if (text === undefined) throw content(file, notText, { row: row + 1 })
          if (text.trim() === "") continue
          row++
          found.push(rowOf(text, (problem) => content(file, problem, { row })))
        }
        yield found
      }
    } catch (error) {
      if (!(error instanceof Lines.LineTooLong)) throw error
      throw content(file, `the line is longer than ${longestRow} bytes`, { row: row + 1 })
    }
  }
  return Stream.flattenIterable(streamed(file, rows))
}

/** Numbers that may lose digits, in any part of a line. */
const mayBeInexact = /\d{16}|[eE]\+?\d{3}/

const rowOf = (text: string, fail: (problem: string) => PipelineError): Read => {
  let inexact: string | undefined
  let row: unknown
  try {
    row = mayBeInexact.test(text)
      ? JSON.parse(text, (name, value, context?: { readonly source?: string }) => {
        if (typeof value === "number" && !isExact(context!.source!)) inexact ??= name
        return value
      })
      : JSON.parse(text)
  } catch {
    throw fail("it is not JSON")
  }
  if (inexact !== undefined) {
    return { row, raw: undefined, problem: `the field "${inexact}" has a number that would lose digits: make it text` }
  }
  return typeof row === "object" && row !== null && !Array.isArray(row)
    ? { row, raw: row as Fields }
    : { row, raw: undefined, problem: "it is not a JSON object" }
}

const plainRows = (file: string, format: Format, position: Position): Stream.Stream<Read, PipelineError> => {
  switch (format) {
    case "csv":
      return csvOf(file, position)
    case "ndjson":
      return linesOf(file, position)
    case "parquet":
      return Stream.map(parquetRows(file, position), (raw) => ({ row: Cells.plain(raw), raw }))
  }
}

/** Decodes a row by a schema. */
const decoderOf = (form: Cells.Form, format: Format) => ({ problem, raw, row }: Read): Read => {
  if (problem !== undefined || raw === undefined) return { row, raw, problem }
  try {
    const fields: Array<readonly [string, unknown]> = []
    for (const name of Object.keys(raw)) {
      const column = form.columnOf(name)
      const value = column && Cells.read(format, column, raw[name])
      if (value !== undefined) fields.push([name, value])
    }
    return { row: Cells.converted(form.fromJson(Object.fromEntries(fields))), raw }
  } catch (thrown) {
    if (thrown instanceof Cells.Misfit) return { row: raw, raw, problem: thrown.message }
    throw thrown
  }
}

const formOfFile = (file: string, schema: Schema.Constraint): Cells.Form => {
  try {
    const form = Cells.formOf(schema)
    if (form.hasFields) return form
  } catch {
    // The schema has no JSON form.
  }
  throw mistake(`The schema of the file "${file}" of a pipeline must be a struct or a record, with a form in JSON`)
}

export const read = <A>(file: string, schema: Schema.Codec<A, any> | undefined): Stream.Stream<A, PipelineError> => {
  const format = formatOf(file)
  const position: Position = { file, done: 0, total: 0, inRows: format === "parquet" }
  const form = schema && formOfFile(file, schema)
  const plain = plainRows(file, format, position)
  const rows = form === undefined ? plain : Stream.map(plain, decoderOf(form, format))
  const all = Stream.suspend(() => {
    let before = 0
    return Stream.mapArrayEffect(rows, (some) => {
      const wrong = some.findIndex(({ problem }) => problem !== undefined)
      if (wrong >= 0) return Effect.fail(content(file, some[wrong]!.problem!, { row: before + wrong + 1 }))
      before += some.length
      return Effect.succeed(some.map(({ row }) => row as A) as [A, ...Array<A>])
    })
  })
  sources.set(all, { format, position, form, rows })
  return all
}
