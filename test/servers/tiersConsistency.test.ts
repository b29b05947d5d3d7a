/** Eight processes of two machines: a folder of each machine is a tier before one Redis server. */
import { describe, expect, it } from "@effect/vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { linesOf } from "../processes/recording.ts"
import { checkTiers } from "../proofs/consistency/checkTiers.ts"
import { boundMillis } from "../proofs/consistency/plan.ts"
import { run } from "../proofs/consistency/run.ts"
import { isMissing } from "../support/needs.ts"
import { program } from "../support/redis.ts"

describe.skipIf(isMissing(program))("eight processes of two machines that are killed, stopped, robbed and deaf", () => {
  it("serve from no tier what was invalidated longer ago than the bound", { timeout: 240_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "effect-cached-"))
    try {
      // It ends as soon as enough has happened, which takes longer on a busy machine.
      const isEnough = (file: string) => {
        const { fromCopies, reads } = checkTiers(linesOf(file), boundMillis)
        return reads > 3000 && fromCopies > 300
      }
      const { file } = await run({ seed: 1, seconds: 12, processes: 8, store: "tiers", folder, isEnough })
      const lines = linesOf(file)
      const { fromCopies, reads, violations } = checkTiers(lines, boundMillis)
      expect(violations, violations.slice(0, 5).join("\n")).toEqual([])
      expect(reads).toBeGreaterThan(100)
      expect(fromCopies).toBeGreaterThan(0)
      expect(lines.filter((line) => line.what === "changed" && line["reached"] === true).length).toBeGreaterThan(10)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
