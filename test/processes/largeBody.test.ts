/** A body that is larger than all that may be stored passes a caching HTTP client in little memory. */
import { expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { sized } from "../support/everything.ts"

// 1 GiB where all is tested
const mebibytes = sized(1024, 160)

it("a body of 1 GiB passes in 32 MiB", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--conditions=effect-cached-source",
    "--expose-gc",
    join(import.meta.dirname, "largeBody.ts"),
    String(mebibytes)
  ])
  const told = JSON.parse(stdout)
  expect(told).toMatchObject({ bytes: mebibytes * 1024 ** 2, stored: false })
  expect(told.grownMebibytes).toBeLessThan(32)
}, 600_000)
