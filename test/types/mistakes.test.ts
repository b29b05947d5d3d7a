/** The compiler's messages for the most common mistakes, as text. */
import { expect, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { globSync } from "node:fs"
import { join, resolve } from "node:path"
import { compare } from "./golden.ts"

const folder = join(import.meta.dirname, "mistakes")
const root = resolve(import.meta.dirname, "../..")

it("each mistake is named, beside a key of a class and beside a string", { timeout: 300_000 }, () => {
  const tsc = join(root, "node_modules/typescript/bin/tsc")
  // In one thread, so that it meets types, and so names them, always in the same order.
  const args = [tsc, "-p", ".", "--pretty", "false", "--singleThreaded"]
  const run = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" })
  expect(run.stderr).toBe("")
  compare(run.stdout, join(folder, "messages.txt"))
  for (const file of globSync("*-*.ts", { cwd: folder })) expect(run.stdout).toContain(`${file}(`)
  expect(run.stdout).not.toContain("given.ts(")
  // A use of the result of a mistake is no mistake.
  expect(run.stdout.match(/^25-.*error TS2769/gm)).toHaveLength(12)
  expect(run.stdout.match(/^25-/gm)).toHaveLength(12)
  expect(run.stdout).not.toContain("Effect<unknown, unknown, unknown>")
})
