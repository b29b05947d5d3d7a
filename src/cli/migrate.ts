/** `effect-cached migrate`: copies a cache to another store. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { inspect, isLive, open, refuseSame, rows } from "./cache.ts"
import { copy, copyFlags, type Portable } from "./copy.ts"

export const migrate = Command.make("migrate", {
  from: Argument.String("from").pipe(Argument.withDescription("The cache that is read, which does not change")),
  to: Argument.String("to").pipe(
    Argument.withDescription("The cache that is written, like disk:./new or redis://host")
  ),
  ...copyFlags
}, ({ from, to, ...flags }) =>
  Effect.scoped(Effect.gen(function*() {
    yield* refuseSame(from, to)
    const inspection = yield* inspect(from)
    const store = yield* open(to)
    yield* copy(store, "copied", flags, (tally) =>
      Stream.map(rows(inspection), (found) => {
        tally.damaged += found.filter(({ state }) => state === "damaged").length
        return found.filter(isLive) as ReadonlyArray<Portable>
      }))
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
