/** Deliberate faults of the command `effect-cached`. */
import type { UnitFault } from "../fault.ts"

const by = "test/cli/commandLine.test.ts"
const byProcess = "test/processes/commandLine.test.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a layer without its package does not say how to install it",
    in: "packageError",
    find: `endsWith("MODULE_NOT_FOUND")`,
    replace: `startsWith("MODULE_NOT_FOUND")`,
    by: byProcess
  },
  {
    name: "an import forgets the dependent results before a wrong line",
    in: "copy",
    find: `Effect.tapErrorTag("Failure", () => writer.finish)`,
    replace: `Effect.tapErrorTag("Failure", () => Effect.void)`,
    by
  },
  {
    name: "an import keeps the versions of tags that another cache has",
    in: "requestFor",
    find: "isMoved ? { ...meta, tags } : meta",
    replace: "meta",
    by
  },
  {
    name: "a migration misses entries that a program writes meanwhile",
    in: "over",
    find: "ORDER BY id LIMIT 256",
    replace: "ORDER BY seq LIMIT 256",
    by: byProcess
  },
  {
    name: "a removal of everything leaves the counters of a cache without entries",
    in: "rm",
    find: "if (all) yield* store.clear",
    replace: "if (all && found.count > 0) yield* store.clear",
    by
  },
  {
    name: "a stored text acts on the terminal",
    in: "escape",
    find: "unicode(character[i]!)",
    replace: "character[i]!",
    by
  }
]
