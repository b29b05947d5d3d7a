/** Writes the cells of results to the draft of a file. */
import * as Effect from "effect/Effect"
import * as Csv from "effect/encoding/Csv"
import * as Stream from "effect/Stream"
import { at, jsonText } from "../internal/codec/columns.ts"
import * as Cells from "./cells.ts"
import { append, attempt, type Draft } from "./drafts.ts"
import { type Fields, type Format, formatOf, rowsOfGroup } from "./format.ts"
import { parquetPackages } from "./parquetPackages.ts"
import { PipelineError } from "./PipelineError.ts"

/** The cells of a result, and the number of its row. */
export interface Result {
  readonly number: number
  readonly row: unknown
  readonly cells: Fields
}

/** The columns of a result. Throws a `Misfit` if it has a further one, whose value would be lost. */
type ColumnsOf = (cells: Fields) => ReadonlyArray<string>

/** `known`: the columns that a result may have. Without `given` and `known`, they are those of the first result. */
export const columnsIn = (
  format: Format,
  given: ReadonlyArray<string> | undefined,
  known: () => ReadonlyArray<string>
): ColumnsOf => {
  let columns = given
  return (cells) => {
    const names = Object.keys(cells)
    if (format === "ndjson") return names
    const all = columns ??= Array.from(new Set([...names, ...known()]))
    if (given !== undefined || names.length <= all.length && names.every((name, i) => all[i] === name)) return all
    const other = names.find((name) => cells[name] !== undefined && !all.includes(name))
    if (other === undefined) return all
    throw new Cells.Misfit(`the field "${other}" has no column, as the first result lacks it: set columns`)
  }
}

const csvOf = <E, R>(results: Stream.Stream<Result, E, R>, { columnsOf, given }: Writing) =>
  Stream.suspend(() => {
    let begun = false
    const records = Stream.mapArray(results, (some) => {
      const records: Array<ReadonlyArray<string>> = []
      for (const { cells } of some) {
        const columns = columnsOf(cells)
        if (!begun) records.push(columns)
        begun = true
        records.push(columns.map((name) => at(cells, [name]) as string ?? ""))
      }
      return records as [ReadonlyArray<string>, ...Array<ReadonlyArray<string>>]
    })
    const header = Stream.suspend(() => begun || given === undefined ? Stream.empty : Stream.succeed(given))
    return Stream.pipeThroughChannel(Stream.concat(records, header), Csv.encodeString())
  }) as Stream.Stream<string, E | PipelineError, R>

const typeOf = (value: unknown): Cells.ParquetType => {
  if (typeof value === "number") return "DOUBLE"
  if (typeof value === "boolean") return "BOOLEAN"
  if (typeof value === "bigint") return "INT64"
  if (value instanceof Date) return "TIMESTAMP"
  return typeof value === "object" ? "JSON" : "STRING"
}

/** Without a schema, the type of a column is that of its values in the first group, and text if they have several. */
const typeIn = (group: ReadonlyArray<Result>, name: string): Cells.ParquetType => {
  const types = new Set(
    group.map(({ cells }) => at(cells, [name]) ?? null).filter((value) => value !== null).map(typeOf)
  )
  const [type = "STRING"] = types
  return types.size > 1 ? "STRING" : type
}

/** The columns of the results that are written. */
interface Writing {
  readonly columnsOf: ColumnsOf
  readonly given: ReadonlyArray<string> | undefined
  readonly columnOf: (name: string) => Cells.Column | undefined
  /** Called with a result that does not fit the column's type, which only the first group of rows decides. */
  readonly fail: (result: Result, problem: string) => Effect.Effect<void, PipelineError>
}

const writeParquet = Effect.fnUntraced(function*<E, R>(
  results: Stream.Stream<Result, E, R>,
  { file, path }: Draft,
  { columnOf, columnsOf, fail }: Writing
) {
  const [, { ParquetWriter, fileWriter, schemaFromColumnData }] = yield* attempt(file, () => parquetPackages(file))
  const fileOf = fileWriter as (path: string) => ConstructorParameters<typeof ParquetWriter>[0]["writer"]
  let writer: InstanceType<typeof ParquetWriter> | undefined
  let columns: ReadonlyArray<{ readonly name: string; readonly type: Cells.ParquetType }> = []
  const cellOf = (type: Cells.ParquetType, value: unknown): unknown => {
    if (value === null || typeOf(value) === type) return value
    if (type === "STRING") return Cells.writePlain("csv", "", value, true)
    // An object is a text in a column of type STRING, and any JSON is itself in one of type JSON.
    return type === "JSON" ? value : undefined
  }
  const write = Effect.fnUntraced(function*(group: ReadonlyArray<Result>) {
    if (writer === undefined) {
      const names = columnsOf(group[0]?.cells ?? {})
      if (names.length === 0) {
        const problem = "the columns of a table without rows are unknown: set columns"
        return yield* Effect.fail(new PipelineError({ file, reason: "Content", problem }))
      }
      columns = names.map((name) => {
        const column = columnOf(name)
        return { name, type: column === undefined ? typeIn(group, name) : Cells.typeOf(column) }
      })
    }
    const fitting: Array<ReadonlyArray<unknown>> = []
    for (const result of group) {
      const cells = columns.map(({ name, type }) => cellOf(type, at(result.cells, [name]) ?? null))
      const wrong = cells.indexOf(undefined)
      if (wrong < 0) fitting.push(cells)
      else yield* fail(result, `the field "${columns[wrong]!.name}" has another type than before: make it text`)
    }
    const columnData = columns.map((column, i) => ({
      ...column,
      nullable: true,
      data: fitting.map((cells) => cells[i])
    }))
    yield* attempt(file, async () => {
      writer ??= new ParquetWriter({
        writer: fileOf(path),
        schema: schemaFromColumnData({ columnData }),
        createdBy: "effect-cached"
      })
      await writer.write({ columnData, rowGroupSize: Math.max(1, fitting.length) })
    })
  })
  yield* Stream.runForEachArray(Stream.rechunk(results, rowsOfGroup), write)
  if (writer === undefined) yield* write([])
  yield* attempt(file, async () => writer!.finish())
})

/** Writes all results to a draft, in the format of the file that it becomes. */
export const write = <E, R>(
  results: Stream.Stream<Result, E, R>,
  target: Draft,
  writing: Writing
): Effect.Effect<void, E | PipelineError, R> => {
  const format = formatOf(target.file)
  if (format === "parquet") return writeParquet(results, target, writing) as Effect.Effect<void, E | PipelineError, R>
  const texts = format === "csv"
    ? csvOf(results, writing)
    : Stream.map(results, ({ cells }) => `${jsonText(cells)}\n`)
  return Stream.runForEachArray(texts, (texts) => append(target, texts))
}
