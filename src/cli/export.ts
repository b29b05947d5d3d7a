/** `effect-cached export`: the entries as lines of JSON. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { cacheArgument, inspect, isLive, patternArgument, patternOf, rows } from "./cache.ts"
import { no } from "./failure.ts"
import { lineOf } from "./lines.ts"
import { entries, note, print, progress } from "./terminal.ts"

export const exportCommand = Command.make("export", {
  cache: cacheArgument,
  pattern: patternArgument
}, ({ cache, pattern }) =>
  Effect.scoped(Effect.gen(function*() {
    const glob = yield* patternOf(pattern)
    const inspection = yield* inspect(cache)
    const tell = yield* progress("exported")
    let count = 0
    let damaged = 0
    yield* Stream.runForEach(rows(inspection, glob.prefix), (found) => {
      let text = ""
      for (const row of found) {
        if (!glob.matches(row.id)) continue
        if (row.state === "damaged") damaged++
        if (!isLive(row)) continue
        count++
        text += lineOf(row)
      }
      tell(count)
      return text === "" ? Effect.void : print(text)
    })
    yield* note(`Exported ${entries(count)}`)
    if (damaged > 0) yield* Effect.fail(no(`${entries(damaged)} could not be read: see effect-cached verify`))
  }))).pipe(
    Command.withDescription("Prints all live entries, one as JSON on each line, for import"),
    Command.withShortDescription("Print the entries as NDJSON"),
    Command.withExamples([
      { command: "effect-cached export ./cache > cache.ndjson", description: "Into a file" },
      { command: "effect-cached export ./cache 'user:*' | gzip > users.ndjson.gz", description: "Some, compressed" }
    ])
  )
