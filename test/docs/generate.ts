/**
 * `npm run generate`: writes every page, table, picture and declaration that is made from the sources or from what was
 * measured (`test/measured/`). With `-- --check` it writes nothing, and ends with an error that names what differs. It
 * never measures.
 */
import { Effect } from "effect"
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { charts } from "../proofs/bench/charts.ts"
import type { Results } from "../proofs/bench/checks.ts"
import { page as benchPage } from "../proofs/bench/report.ts"
import { type Measured, withAttacks } from "../proofs/chaos/report.ts"
import { page as proofsPage, withTable } from "../proofs/proofs.ts"
import { type Scaling, withTables } from "../proofs/scaling/report.ts"
import { resultsOf } from "../support/measured.ts"
import { folder as apiFolder, publicTypes } from "./api.ts"
import { optionsPage, page as pageOfOptions } from "./options.ts"
import { picturesOf, root } from "./pictures/pictures.ts"
import { tableFiles } from "./tables.ts"

type Files = ReadonlyMap<string, string>
type TextOf = (file: string) => string

/** The pages of what was measured. Their other rows stay as they are. */
const measuredPages = (textOf: TextOf): Files => {
  const texts = new Map<string, string>()
  const change = (file: string, changed: (text: string) => string) =>
    texts.set(file, changed(texts.get(file) ?? textOf(file)))
  const bench: Results = resultsOf("bench")
  change("docs/benchmarks.md", (former) => benchPage(bench, former))
  for (const [name, attacks] of Object.entries(resultsOf<Measured>("chaos"))) {
    change("docs/failure/attacks.md", (page) => withAttacks(page, name, attacks))
  }
  for (const scaling of Object.values(resultsOf<Scaling>("scaling"))) {
    change("docs/scaling.md", (page) => withTables(page, scaling))
  }
  return texts
}

const apiFiles = (): Files =>
  new Map(Array.from(publicTypes(), ([file, text]) => [relative(root, join(apiFolder, file)), text]))

/** Each step sees the pages as the steps before it have made them. */
const steps: ReadonlyArray<(textOf: TextOf) => Effect.Effect<Files>> = [
  (textOf) => Effect.sync(() => measuredPages(textOf)),
  (textOf) => Effect.sync(() => new Map([[proofsPage, withTable(textOf(proofsPage))]])),
  () => Effect.orDie(charts),
  (textOf) => Effect.sync(() => tableFiles(textOf)),
  (textOf) => Effect.sync(() => new Map([[pageOfOptions, optionsPage(textOf)]])),
  picturesOf,
  () => Effect.sync(apiFiles)
]

const read = (file: string): string => existsSync(join(root, file)) ? readFileSync(join(root, file), "utf8") : ""

const generated = Effect.gen(function*() {
  const files = new Map<string, string>()
  for (const step of steps) {
    for (const [file, text] of yield* step((file) => files.get(file) ?? read(file))) {
      files.set(file, text)
    }
  }
  return files
})

const isCheck = process.argv.includes("--check")
const files = await Effect.runPromise(generated)
const differing = [...files].filter(([file, text]) => read(file) !== text)
const outdated = globSync("docs/api/**/*.txt", { cwd: root }).filter((file) => !files.has(file))

for (const [file, text] of differing) {
  console.log(isCheck ? `${file} is not what the sources give` : `writes ${file}`)
  if (isCheck) continue
  mkdirSync(dirname(join(root, file)), { recursive: true })
  writeFileSync(join(root, file), text)
}
for (const file of outdated) {
  console.log(isCheck ? `${file} has no source` : `removes ${file}`)
  if (!isCheck) rmSync(join(root, file))
}
if (isCheck && differing.length + outdated.length > 0) {
  console.error("Run `npm run generate`, and review the diff.")
  process.exitCode = 1
}
