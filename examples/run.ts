/** `npm run example NAME`: runs `examples/NAME.ts` or `examples/NAME/main.ts`, or lists what there is. */
import { execFileSync } from "node:child_process"
import { globSync } from "node:fs"

const files = globSync(["*.ts", "*/main.ts"], { cwd: import.meta.dirname }).filter((file) => file !== "run.ts")
const examples = new Map(files.toSorted().map((file) => [file.replace(/([/\\]main)?\.ts$/, ""), file]))

const name = process.argv[2]
const file = name === undefined ? undefined : examples.get(name)

if (file === undefined) {
  console.error(name === undefined ? "Which example?" : `There is no example "${name}".`)
  console.error([...examples.keys()].map((example) => `  npm run example ${example}`).join("\n"))
  process.exitCode = 1
} else {
  process.argv.splice(2, 1)
  // Its page is bundled, and the examples run from the sources.
  if (name === "inspector") execFileSync("npm", ["run", "--silent", "page"], { shell: process.platform === "win32" })
  await import(`./${file}`)
}
