/** Reading and writing tables of users as CSV. */
import { Effect, Option, Schema, Stream } from "effect"
import { CliError } from "effect/cli"
import { Csv } from "effect/encoding"

export interface Table {
  readonly header: Csv.Row
  readonly rows: ReadonlyArray<Csv.Row>
  readonly newline: "\n" | "\r\n"
}

/** A fault in a file, and its place. */
export class InputError extends Schema.TaggedError<InputError>()("InputError", {
  file: Schema.String,
  line: Schema.optional(Schema.Int),
  column: Schema.optional(Schema.Int),
  problem: Schema.String
}) {
  override get message() {
    const place = [
      this.file,
      ...this.line === undefined ? [] : [`line ${this.line}`],
      ...this.column === undefined ? [] : [`column ${this.column}`]
    ]
    return `${place.join(", ")}: ${this.problem}`
  }
  override get [CliError.userMessage]() {
    return this.message
  }
}

/** Reads a table; lines and columns in errors count from 1, and a column is a cell. */
export const parse = Effect.fn("parse")(function*(file: string, text: string) {
  const records = yield* Stream.make(text).pipe(
    Stream.pipeThroughChannel(Csv.decodeString()),
    Stream.runCollect,
    Effect.mapError(({ column, line, message }) => new InputError({ file, line, column, problem: message }))
  )
  const [first, ...rows] = withLines(records)
  if (first === undefined) return yield* new InputError({ file, problem: "the file is empty; it needs a header" })
  const header = first.cells
  for (const { cells, line } of rows) {
    if (cells.length === header.length) continue
    const problem = `expected ${header.length} cells, found ${cells.length}`
    return yield* new InputError({ file, line, column: Math.min(cells.length, header.length) + 1, problem })
  }
  const newline = text.includes("\r\n") ? "\r\n" : "\n"
  return { header, rows: rows.map((row) => row.cells), newline } as Table
})

/** The records that are not blank, each with the line on which it begins: a quoted cell may span several. */
const withLines = (records: ReadonlyArray<Csv.Row>) => {
  let next = 1
  return records.flatMap((cells) => {
    const line = next
    next += 1 + (cells.join(",").match(/\r\n|\r|\n/g)?.length ?? 0)
    return cells.length === 1 && cells[0] === "" ? [] : [{ cells, line }]
  })
}

/** The position of the column with a name. Letter case and spaces around it do not count. */
export const findColumn = (header: Csv.Row, name: string): Option.Option<number> => {
  const index = header.findIndex((cell) => cell.trim().toLowerCase() === name)
  return index < 0 ? Option.none() : Option.some(index)
}

/** Sets a column: in its place if the table has it, else as a new last one. */
export const withColumn = (table: Table, name: string, cells: ReadonlyArray<string>): Table => {
  const index = Option.getOrElse(findColumn(table.header, name), () => table.header.length)
  const put = (row: Csv.Row, cell: string) => [...row.slice(0, index), cell, ...row.slice(index + 1)]
  return { ...table, header: put(table.header, name), rows: table.rows.map((row, i) => put(row, cells[i] ?? "")) }
}

export const print = ({ header, newline, rows }: Table): Effect.Effect<string> =>
  Stream.make(header, ...rows).pipe(Stream.pipeThroughChannel(Csv.encodeString({ newline })), Stream.mkString)
