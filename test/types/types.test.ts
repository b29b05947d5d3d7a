/** The public types, as `*.types.ts` beside this file state them: expectations the compiler checks. */
import { describe, expect, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { globSync } from "node:fs"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")

describe("types", () => {
  it("there are type tests", () => {
    expect(globSync("*.types.ts", { cwd: import.meta.dirname })).not.toEqual([])
  })

  it("the whole repository type-checks, type tests included", { timeout: 300_000 }, () => {
    const tsc = join(root, "node_modules/typescript/bin/tsc")
    const run = spawnSync(process.execPath, [tsc, "--noEmit", "--pretty", "false"], { cwd: root, encoding: "utf8" })
    expect(run.stdout + run.stderr).toBe("")
    expect(run.status).toBe(0)
  })
})
