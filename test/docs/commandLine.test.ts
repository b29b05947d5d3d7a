/** Every command in `docs/command-line.md` is run, in the order of the page. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { command, commandPath, seed } from "../support/command.ts"
import { tempDirectory } from "../support/tempDirectory.ts"

const root = resolve(import.meta.dirname, "../..")
const page = readFileSync(join(root, "docs/command-line.md"), "utf8")
const lines = Array.from(page.matchAll(/^```sh\n([^]*?)^```$/gm), ([, block]) => block!.trim().split("\n")).flat()

describe("docs/command-line.md", () => {
  it.live("has commands that all succeed", () =>
    Effect.gen(function*() {
      const cwd = yield* tempDirectory
      yield* Effect.promise(() => seed(join(cwd, "cache")))
      const commands = lines.filter((line) => !line.startsWith("npm install"))
      expect(commands.length).toBeGreaterThan(15)
      const npx = `npx() { shift; ${commandPath.map((part) => `'${part}'`).join(" ")} "$@"; }`
      const script = [
        "set -e",
        npx,
        ...commands.map((line) => `${line} || { echo '${line.replaceAll("'", "")}'; exit 1; }`)
      ]
      const { status, stderr, stdout } = spawnSync("bash", ["-c", script.join("\n")], { cwd, encoding: "utf8" })
      expect(stderr).toBe("")
      expect(status, stdout).toBe(0)
      expect(page).toContain(stdout.slice(0, stdout.indexOf("\n")))
    }), 120_000)

  it("names every command", async () => {
    const { stdout } = await command(["--help"])
    const names = Array.from(stdout.split("SUBCOMMANDS")[1]!.matchAll(/^ {2}(\w+)/gm), ([, name]) => name)
    expect(names.length).toBeGreaterThan(8)
    for (const name of names) expect(page).toMatch(new RegExp(`effect-cached ${name}|\`${name}`))
  })
})
