/** Deliberate faults of the command `effect-cached`. */
import { foundBy, type UnitFault } from "../fault.ts"

const by = "test/cli/commandLine.test.ts"
const byProcess = "test/processes/commandLine.test.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy(byProcess, [
    [
      "a layer without its package does not say how to install it",
      "packageError",
      `endsWith("MODULE_NOT_FOUND")`,
      `startsWith("MODULE_NOT_FOUND")`
    ],
    [
      "a migration misses entries that a program writes meanwhile",
      "over",
      "ORDER BY id LIMIT 256",
      "ORDER BY seq LIMIT 256"
    ]
  ]),
  ...foundBy(by, [
    [
      "an import forgets the dependent results before a wrong line",
      "copy",
      `Effect.tapErrorTag("Failure", () => writer.finish)`,
      `Effect.tapErrorTag("Failure", () => Effect.void)`
    ],
    [
      "an import keeps the versions of tags that another cache has",
      "requestFor",
      "isMoved ? { ...meta, tags } : meta",
      "meta"
    ],
    [
      "a removal of everything leaves the counters of a cache without entries",
      "rm",
      "if (all) yield* store.clear",
      "if (all && found.count > 0) yield* store.clear"
    ],
    ["a stored text acts on the terminal", "escape", "unicode(character[i]!)", "character[i]!"]
  ])
]
