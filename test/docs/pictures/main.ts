/**
 * `npm run pictures`: draws the timelines of the strategy pages, the chart of README.md, and the diagrams. With
 * `--dashboard`, it draws the panels of docs/observability.md instead (see dashboard.ts).
 */
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { drawDashboard } from "./dashboard.ts"
import { pictures, root } from "./pictures.ts"

const [mode, folder] = process.argv.slice(2)
if (mode === "--dashboard") await drawDashboard(folder)
else for (const [file, svg] of await Effect.runPromise(pictures)) writeFileSync(join(root, file), svg)
