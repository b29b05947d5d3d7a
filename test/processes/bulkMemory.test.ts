/** The memory that each key of a long bulk call takes while the call runs, beside its payload, key and result. */
import { expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"

it.each([["memory", 260], ["disk", 350]])("a key takes little in a call over %s", async (storage, most) => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--conditions=effect-cached-source",
    "--expose-gc",
    "--no-warnings",
    join(import.meta.dirname, "bulkMemory.ts"),
    storage
  ])
  expect(Number(stdout)).toBeGreaterThan(50)
  expect(Number(stdout)).toBeLessThan(most)
}, 250_000)
