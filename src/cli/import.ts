/** `effect-cached import`: writes the lines of an export to a cache. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import type { Readable } from "node:stream"
import { linesOf, LineTooLong } from "../internal/text/lines.ts"
import { cacheArgument, open } from "./cache.ts"
import { copy, copyFlags, type Portable } from "./copy.ts"
import { failed, Failure, misused } from "./failure.ts"
import { parseLine } from "./lines.ts"

export const importCommand = Command.make("import", {
  cache: cacheArgument,
  file: Argument.String("file").pipe(
    Argument.withDescription("The file of an export; - is the standard input"),
    Argument.withDefault("-")
  ),
  ...copyFlags
}, ({ cache, file, ...flags }) =>
  Effect.scoped(Effect.gen(function*() {
    const source = file === "-" ? process.stdin : yield* openFile(file)
    const store = yield* open(cache)
    yield* copy(store, "imported", flags, () =>
      Stream.fromAsyncIterable(
        batchesOf(source),
        (error) => error instanceof Failure ? error : failed(`${file} cannot be read: ${(error as Error).message}`)
      ))
  }))).pipe(
    Command.withDescription(
      "Writes the entries of an export to a cache, and replaces those with the same ids. It can be repeated after an interruption"
    ),
    Command.withShortDescription("Write the lines of an export"),
    Command.withExamples([
      { command: "effect-cached import disk:./copy cache.ndjson", description: "From a file, to a new cache" },
      { command: "gunzip -c users.ndjson.gz | effect-cached import ./cache", description: "From a pipe" }
    ])
  )

const openFile = (file: string) =>
  Effect.try({
    try: () => {
      if (fs.statSync(file).isDirectory()) throw new Error("it is a folder")
      return fs.createReadStream(file)
    },
    catch: (error) => misused(`${file} cannot be read: ${(error as Error).message}`)
  })

const most = { lines: 256, bytes: 4_194_304, line: 400_000_000 }

/** Parses lines in groups. What was read before a wrong line is written. */
async function* batchesOf(source: Readable): AsyncGenerator<ReadonlyArray<Portable>> {
  let number = 0
  let batch: Array<Portable> = []
  let bytes = 0
  const taken = () => {
    const full = batch
    batch = []
    bytes = 0
    return full
  }
  try {
    for await (const { isWhole, lines } of linesOf(source, most.line)) {
      for (const line of lines) {
        number++
        const text = line.toString()
        if (text.trim() === "") continue
        try {
          batch.push(parseLine(text))
        } catch (error) {
          yield taken()
          const why = `${isWhole ? "" : ", it seems to be cut off"}: ${(error as Error).message}`
          throw failed(`Line ${number} is not an entry${why}. The lines before it were imported`)
        }
        bytes += text.length
        if (batch.length >= most.lines || bytes >= most.bytes) yield taken()
      }
    }
  } catch (error) {
    if (!(error instanceof LineTooLong)) throw error
    yield taken()
    throw failed(`Line ${number + 1} is longer than ${most.line} bytes`)
  }
  yield taken()
}
