/** How many modules a start loads beside those of the package, which the test of the package counts. */
import { expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"

/** Modules of Effect, of Node and of other packages. */
const costs = {
  "importing the root": [179, 0, 20],
  "and a read through memory": [179, 0, 20],
  "and a read through a folder": [179, 3, 20]
}

it("a start loads as many modules as the table says", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...["--conditions=effect-cached-source", "--no-warnings"],
    join(import.meta.dirname, "start.ts")
  ])
  expect(JSON.parse(stdout)).toEqual(costs)
})
