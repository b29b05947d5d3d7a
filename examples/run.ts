/**
 * `npm start NAME` runs `examples/NAME.ts` or `examples/NAME/main.ts`, and `npm start list` lists them. Without a name,
 * `npm start` runs the emails.
 */
import { execFileSync } from "node:child_process"
import { globSync } from "node:fs"

const files = globSync(["*.ts", "*/main.ts"], { cwd: import.meta.dirname }).filter((file) => file !== "run.ts")
const examples = new Map(files.toSorted().map((file) => [file.replace(/([/\\]main)?\.ts$/, ""), file]))

const name = process.argv[2]
const file = name === undefined ? undefined : examples.get(name)

if (name === "list") console.log([...examples.keys()].map((example) => `npm start ${example}`).join("\n"))
else {
  // Options that belong to the emails begin with another word.
  if (file !== undefined) process.argv.splice(2, 1)
  // Its page is bundled, and the examples run from the sources.
  if (name === "inspector") {
    execFileSync(process.execPath, [
      "node_modules/rolldown/bin/cli.mjs",
      "-c",
      "rolldown.page.js",
      "--logLevel",
      "warn"
    ])
  }
  await import(`./${file ?? examples.get("emails")}`)
}
