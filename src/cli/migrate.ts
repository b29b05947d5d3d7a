/** `effect-cached migrate`: copies a cache to another store. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { inspect, isLive, open, rows } from "./cache.ts"
import { no } from "./failure.ts"
import { keepFlag } from "./import.ts"
import { emptyTally, isPartial, type Portable, summary, writerTo } from "./lines.ts"
import { json as printJson, jsonFlag, print, progress } from "./terminal.ts"

export const migrate = Command.make("migrate", {
  from: Argument.String("from").pipe(Argument.withDescription("The cache that is read, which does not change")),
  to: Argument.String("to").pipe(
    Argument.withDescription("The cache that is written, like disk:./new or redis://host")
  ),
  keep: keepFlag,
  json: jsonFlag
}, ({ from, json, keep, to }) =>
  Effect.scoped(Effect.gen(function*() {
    const inspection = yield* inspect(from)
    const store = yield* open(to)
    const tally = emptyTally()
    const writer = writerTo({ store, keep, tally })
    const tell = yield* progress("copied")
    yield* Stream.runForEach(rows(inspection), (found) => {
      tally.damaged += found.filter(({ state }) => state === "damaged").length
      return Effect.tap(writer.write(found.filter(isLive) as ReadonlyArray<Portable>), () =>
        Effect.sync(() => tell(tally.read)))
    })
    yield* writer.finish
    yield* json ? printJson(tally) : print(summary(tally))
    if (isPartial(tally)) {
      yield* Effect.fail(no())
    }
  }))).pipe(
    Command.withDescription(
      "Copies all live entries to another cache, while programs may use both. It can be repeated"
    ),
    Command.withShortDescription("Copy a cache to another store"),
    Command.withExamples([
      { command: "effect-cached migrate ./cache redis://localhost", description: "From a folder to a server" },
      { command: "effect-cached migrate ./cache files:./readable", description: "To readable files" }
    ])
  )
