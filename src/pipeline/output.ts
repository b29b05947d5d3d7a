/** Writes rows to a draft beside the file, which becomes the file when it is complete. */
import * as Effect from "effect/Effect"
import * as Csv from "effect/encoding/Csv"
import * as Ndjson from "effect/encoding/Ndjson"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type FileHandle, open, readdir, rename, rm, stat } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { threadId } from "node:worker_threads"
import { type Fields, type Format, formatOf, rowsOfGroup } from "./format.ts"
import { parquetPackages } from "./parquetPackages.ts"
import { ofSystem, PipelineError } from "./PipelineError.ts"

/** A file that is being written under another name. */
export interface Draft {
  readonly file: string
  readonly path: string
  readonly handle: FileHandle
  /** Whether a process was killed while it wrote the file. */
  readonly wasKilled: boolean
}

const attempt = <A>(file: string, run: () => Promise<A>) => Effect.tryPromise({ try: run, catch: ofSystem(file) })

/** Fails if the file exists and may not be replaced, or is a folder. */
export const refuseExisting = (file: string, overwrite: boolean): Effect.Effect<void, PipelineError> =>
  attempt(file, async () => {
    const found = await stat(file).catch((error) => {
      if (error.code === "ENOENT") return undefined
      throw error
    })
    if (found?.isDirectory() === true) {
      throw new PipelineError({ file, reason: "Folder", problem: "it is a folder, not a file" })
    }
    if (found === undefined || overwrite) return
    const problem = "it exists: set overwrite: true to replace it, or choose another name"
    throw new PipelineError({ file, reason: "Exists", problem })
  })

let drafts = 0

/** The drafts that this thread writes. */
const written = new Set<string>()

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as { readonly code?: unknown }).code === "EPERM"
  }
}

/**
 * Removes the drafts of processes that were killed, and returns whether there were any. In a container, each of these
 * processes may have had the id of this one. What other threads of this process write is left alone.
 */
const removeLeftovers = async (file: string): Promise<boolean> => {
  let wasKilled = false
  const [folder, name] = [dirname(file), basename(file)]
  for (const found of await readdir(folder)) {
    if (!found.startsWith(`${name}.`)) continue
    const [, pid = 0, thread] = /^\.(\d+)-(\d+)-\d+\.partial$/.exec(found.slice(name.length))?.map(Number) ?? []
    const path = join(folder, found)
    const isLeft = pid === process.pid ? thread === threadId && !written.has(path) : pid > 0 && !isRunning(pid)
    if (!isLeft) continue
    await rm(path, { force: true })
    wasKilled = true
  }
  return wasKilled
}

/** Opens a draft, which is removed at the end of the scope unless it was published. */
export const draft = (file: string): Effect.Effect<Draft, PipelineError, Scope.Scope> =>
  Effect.acquireRelease(
    attempt(file, async () => {
      const wasKilled = await removeLeftovers(file).catch((cause) => {
        if (cause.code !== "ENOENT") throw cause
        throw new PipelineError({ file, reason: "Missing", problem: "its folder does not exist", cause })
      })
      const path = join(dirname(file), `${basename(file)}.${process.pid}-${threadId}-${++drafts}.partial`)
      written.add(path)
      return { file, path, handle: await open(path, "wx"), wasKilled }
    }),
    ({ handle, path }) =>
      Effect.promise(async () => {
        await handle.close().catch(() => undefined)
        await rm(path, { force: true })
        written.delete(path)
      })
  )

export const publish = ({ file, handle, path }: Draft): Effect.Effect<void, PipelineError> =>
  attempt(file, async () => {
    await handle.sync()
    await handle.close()
    await rename(path, file)
  })

const cellOf = (value: unknown): string => {
  if (typeof value === "string") return value
  if (value === undefined || value === null) return ""
  if (value instanceof Date) return value.toISOString()
  return typeof value === "object" ? JSON.stringify(value) : String(value)
}

const misfit = (file: string, problem: string, row?: number) =>
  new PipelineError({ file, reason: "Content", problem, row })

/** The columns are those of the first row. A further column in a later row would be lost, so it is refused. */
const tableOf = (file: string, given: ReadonlyArray<string> | undefined) => {
  let columns = given
  let row = 0
  return (fields: Fields): ReadonlyArray<string> => {
    row++
    const names = Object.keys(fields)
    columns ??= names
    if (given === undefined && (names.length > columns.length || names.some((name, i) => columns![i] !== name))) {
      const other = names.find((name) => !columns!.includes(name))
      if (other !== undefined) {
        throw misfit(file, `a row of the output has the column "${other}", which the first one lacks: set columns`, row)
      }
    }
    return columns
  }
}

const cellsOf = (file: string, fields: Fields, columns: ReadonlyArray<string>, row: number): ReadonlyArray<string> =>
  columns.map((name) => {
    try {
      return cellOf(fields[name])
    } catch (cause) {
      throw misfit(file, `the value of the column "${name}" has no text: ${String(cause)}`, row)
    }
  })

const csvOf = <E, R>(rows: Stream.Stream<Fields, E, R>, file: string, given: ReadonlyArray<string> | undefined) =>
  Stream.suspend(() => {
    const columnsOf = tableOf(file, given)
    let begun = false
    let row = 0
    const records = Stream.mapArrayEffect(rows, (some) =>
      Effect.try({
        try() {
          const records: Array<ReadonlyArray<string>> = []
          for (const fields of some) {
            const columns = columnsOf(fields)
            if (!begun) records.push(columns)
            begun = true
            records.push(cellsOf(file, fields, columns, ++row))
          }
          return records as [ReadonlyArray<string>, ...Array<ReadonlyArray<string>>]
        },
        catch: ofSystem(file)
      }))
    const header = Stream.suspend(() => begun || given === undefined ? Stream.empty : Stream.succeed(given))
    return Stream.pipeThroughChannel(Stream.concat(records, header), Csv.encodeString())
  }) as Stream.Stream<string, E | PipelineError, R>

const ndjsonOf = <E, R>(rows: Stream.Stream<Fields, E, R>, file: string) =>
  Stream.pipeThroughChannel(rows, Ndjson.encodeString()).pipe(
    Stream.mapError((error) =>
      error instanceof Object && (error as { readonly _tag?: unknown })._tag === "NdjsonError"
        ? misfit(file, `a row of the output has no JSON form: ${(error as any).cause}`)
        : error
    )
  ) as Stream.Stream<string, E | PipelineError, R>

const typeOf = (value: unknown): "DOUBLE" | "BOOLEAN" | "INT64" | "TIMESTAMP" | "JSON" | "STRING" => {
  if (typeof value === "number") return "DOUBLE"
  if (typeof value === "boolean") return "BOOLEAN"
  if (typeof value === "bigint") return "INT64"
  if (value instanceof Date) return "TIMESTAMP"
  return typeof value === "object" ? "JSON" : "STRING"
}

/** The type of a column is that of its values in the first group of rows, and text if they have several. */
const columnType = (rows: ReadonlyArray<Fields>, name: string): ReturnType<typeof typeOf> => {
  const types = new Set(
    rows.map((row) => row[name]).filter((value) => value !== undefined && value !== null).map(typeOf)
  )
  const [type = "STRING"] = types
  return types.size > 1 ? "STRING" : type
}

const writeParquet = Effect.fnUntraced(function*<E, R>(
  rows: Stream.Stream<Fields, E, R>,
  { file, path }: Draft,
  given: ReadonlyArray<string> | undefined
) {
  const [, { ParquetWriter, fileWriter, schemaFromColumnData }] = yield* attempt(file, () => parquetPackages(file))
  const columnsOf = tableOf(file, given)
  const fileOf = fileWriter as (path: string) => ConstructorParameters<typeof ParquetWriter>[0]["writer"]
  let writer: InstanceType<typeof ParquetWriter> | undefined
  let columns: ReadonlyArray<{ readonly name: string; readonly type: ReturnType<typeof columnType> }> = []
  const write = (group: ReadonlyArray<Fields>) =>
    attempt(file, async () => {
      let names = given ?? []
      for (const fields of group) names = columnsOf(fields)
      if (writer === undefined) {
        if (names.length === 0) throw misfit(file, "the columns of a table without rows are unknown: set columns")
        columns = names.map((name) => ({ name, type: columnType(group, name) }))
      }
      const columnData = columns.map(({ name, type }) => ({
        name,
        type,
        nullable: true,
        data: group.map((row) => {
          const value = row[name] ?? null
          if (value === null || typeOf(value) === type) return value
          if (type === "STRING") return cellOf(value)
          throw misfit(file, `the column "${name}" has values of several types: make them all text`)
        })
      }))
      writer ??= new ParquetWriter({
        writer: fileOf(path),
        schema: schemaFromColumnData({ columnData }),
        createdBy: "effect-cached"
      })
      await writer.write({ columnData, rowGroupSize: Math.max(1, group.length) })
    })
  yield* Stream.runForEachArray(Stream.rechunk(rows, rowsOfGroup), write)
  if (writer === undefined) yield* write([])
  yield* attempt(file, async () => writer!.finish())
})

const textOf = <E, R>(
  rows: Stream.Stream<Fields, E, R>,
  format: Exclude<Format, "parquet">,
  { columns, file }: { readonly file: string; readonly columns: ReadonlyArray<string> | undefined }
): Stream.Stream<string, E | PipelineError, R> => format === "csv" ? csvOf(rows, file, columns) : ndjsonOf(rows, file)

/** Writes all rows to a draft, in the format of the file that it becomes. */
export const write = <E, R>(
  rows: Stream.Stream<Fields, E, R>,
  target: Draft,
  columns: ReadonlyArray<string> | undefined
): Effect.Effect<void, E | PipelineError, R> => {
  const format = formatOf(target.file)
  if (format === "parquet") return writeParquet(rows, target, columns) as Effect.Effect<void, E | PipelineError, R>
  return Stream.runForEachArray(
    textOf(rows, format, { file: target.file, columns }),
    (texts) => append(target, texts)
  )
}

export const append = ({ file, handle }: Draft, texts: ReadonlyArray<string>): Effect.Effect<void, PipelineError> =>
  attempt(file, () => handle.appendFile(texts.join("")))

export const remove = (file: string): Effect.Effect<void, PipelineError> =>
  attempt(file, () => rm(file, { force: true }))
