/** `npm run pictures`: draws the timelines of the strategy pages, the chart of README.md, and the diagrams. */
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { pictures, root } from "./pictures.ts"

for (const [file, svg] of await Effect.runPromise(pictures)) writeFileSync(join(root, file), svg)
