/** `effect-cached verify`: reads every entry. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { cacheArgument, inspect } from "./cache.ts"
import { no } from "./failure.ts"
import { entries, escape, json as printJson, jsonFlag, number, print, progress } from "./terminal.ts"

const share = (count: number): string => count === 0 ? "none is" : count === 1 ? "1 is" : `${number(count)} are`

export const verify = Command.make(
  "verify",
  { cache: cacheArgument, json: jsonFlag },
  ({ cache, json }) =>
    Effect.scoped(Effect.gen(function*() {
      const { entries: all } = yield* inspect(cache)
      const tell = yield* progress("read")
      const damaged: Array<string> = []
      let count = 0
      yield* Stream.runForEachArray(all(), (found) => {
        count += found.length
        tell(count)
        const ids = found.filter(({ entry }) => entry === undefined).map(({ id }) => id)
        damaged.push(...ids)
        return json || ids.length === 0 ? Effect.void : print(ids.map((id) => `damaged  ${escape(id)}\n`).join(""))
      })
      yield* json
        ? printJson({ entries: count, damaged })
        : print(
          `Read ${entries(count)}, of which ${share(damaged.length)} damaged\n`
        )
      if (damaged.length > 0) yield* Effect.fail(no())
    }))
).pipe(
  Command.withDescription("Reads every entry with its checksum, and names those that are damaged. It repairs nothing"),
  Command.withShortDescription("Look for damage"),
  Command.withExamples([{ command: "effect-cached verify ./cache", description: "The entries of a folder" }])
)
