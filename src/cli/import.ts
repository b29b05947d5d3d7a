/** `effect-cached import`: writes the lines of an export to a cache. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import type { Readable } from "node:stream"
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
  let rest: Array<Buffer> = []
  let size = 0
  let number = 0
  let batch: Array<Portable> = []
  let bytes = 0
  const take = (line: string, isWhole: boolean): Failure | undefined => {
    number++
    if (line.trim() === "") return undefined
    try {
      batch.push(parseLine(line))
      bytes += line.length
      return undefined
    } catch (error) {
      const why = `${isWhole ? "" : ", it seems to be cut off"}: ${(error as Error).message}`
      return failed(`Line ${number} is not an entry${why}. The lines before it were imported`)
    }
  }
  const taken = () => {
    const full = batch
    batch = []
    bytes = 0
    return full
  }
  for await (const chunk of source as AsyncIterable<Buffer>) {
    let start = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const last = chunk.subarray(start, end)
      const wrong = take(rest.length === 0 ? last.toString() : Buffer.concat([...rest, last]).toString(), true)
      rest = []
      size = 0
      start = end + 1
      if (wrong !== undefined || batch.length >= most.lines || bytes >= most.bytes) yield taken()
      if (wrong !== undefined) throw wrong
    }
    if (start < chunk.length) rest.push(chunk.subarray(start))
    size += chunk.length - start
    if (size > most.line) {
      yield taken()
      throw failed(`Line ${number + 1} is longer than ${most.line} bytes`)
    }
  }
  const wrong = rest.length === 0 ? undefined : take(Buffer.concat(rest).toString(), false)
  yield taken()
  if (wrong !== undefined) throw wrong
}
