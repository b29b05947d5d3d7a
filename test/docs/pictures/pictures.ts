/** Every picture of the documentation that is not a chart of reads under policies, by its file. */
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { diagrams } from "./diagrams.ts"
import { draw } from "./draw.ts"
import { drawFleet } from "./fleet.ts"
import { drawReads } from "./reads.ts"
import { timelineOf } from "./run.ts"
import { scenarios } from "./scenarios.ts"

export const root = join(import.meta.dirname, "../../..")

/** The pictures, of which two show tables of pages. */
export const picturesOf = Effect.fnUntraced(function*(textOf: (page: string) => string) {
  const drawn = new Map<string, string>()
  for (const scenario of scenarios) {
    drawn.set(`docs/images/${scenario.file}.svg`, draw(scenario, yield* timelineOf(scenario)))
  }
  for (const [file, svg] of diagrams) drawn.set(file, svg)
  drawn.set("docs/images/fleet.svg", drawFleet(textOf("docs/scaling.md")))
  return drawn.set("docs/images/reads.svg", drawReads(textOf("docs/benchmarks.md")))
})

export const pictures: Effect.Effect<ReadonlyMap<string, string>> = picturesOf((page) =>
  readFileSync(join(root, page), "utf8")
)
