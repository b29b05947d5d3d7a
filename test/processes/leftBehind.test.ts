/** A test that leaves something behind ends all the same. */
import { expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"

it("a read that waits by a clock of its own keeps no process alive", async () => {
  const args = ["--conditions=effect-cached-source", "--no-warnings", join(import.meta.dirname, "leftBehind.ts")]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 })
  expect(stdout).toMatch(/^waits\n/)
})
