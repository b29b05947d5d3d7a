/** Real processes on one server are killed, stopped and robbed; their records are checked. */
import { describe, expect, it } from "@effect/vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { linesOf } from "../processes/recording.ts"
import { check } from "../proofs/consistency/check.ts"
import { checkTiers } from "../proofs/consistency/checkTiers.ts"
import { boundMillis, objectsStalenessMillis } from "../proofs/consistency/plan.ts"
import { run, type RunOptions } from "../proofs/consistency/run.ts"
import { isMissing } from "../support/needs.ts"
import { isPostgresMissing } from "../support/postgres.ts"
import { program } from "../support/redis.ts"

const ran = async (options: Omit<RunOptions, "folder" | "seed">) => {
  const folder = mkdtempSync(join(tmpdir(), "effect-cached-"))
  try {
    const { file, ...counts } = await run({ seed: 1, folder, ...options })
    return { ...counts, lines: linesOf(file) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const noRedis = isMissing(program)

describe.each(
  [
    { store: "redis", seconds: 20, isSkipped: noRedis },
    { store: "cluster", seconds: 20, isSkipped: noRedis },
    { store: "postgres", seconds: 30, isSkipped: isPostgresMissing() },
    // It reports no changes, and has neither limits nor locks.
    { store: "objects", seconds: 15, withinMillis: objectsStalenessMillis }
  ] as const
)("processes on $store that are killed, stopped and robbed", ({ seconds, store, ...more }) => {
  it.skipIf("isSkipped" in more && more.isSkipped)(
    "keep P1 and P2, store nothing of an ended generation, and pass no limit and no lock",
    { timeout: 240_000 },
    async () => {
      const isBucket = "withinMillis" in more
      const { kills, lines, silences, stops, thefts } = await ran({ seconds, processes: 4, store })
      const verdict = check(lines, false, isBucket ? more.withinMillis : undefined)
      expect(verdict.violations, verdict.violations.slice(0, 5).join("\n")).toEqual([])
      expect(Math.min(kills, stops, thefts)).toBeGreaterThan(0)
      expect(verdict.reads).toBeGreaterThan(isBucket ? 200 : 500)
      expect(verdict.stored).toBeGreaterThan(isBucket ? 20 : 50)
      if (isBucket) return
      expect(verdict.admitted).toBeGreaterThan(200)
      expect(verdict.entered).toBeGreaterThan(10)
      if (store === "postgres") return
      expect(silences).toBeGreaterThan(0)
      // Processes have followed changes again after they could not.
      expect(lines.filter(({ what }) => what === "tracked").length).toBeGreaterThan(5)
    }
  )
})

// A folder of each machine is a tier before one server.
describe.skipIf(noRedis)("eight processes of two machines that are killed, stopped, robbed and deaf", () => {
  it("serve from no tier what was invalidated longer ago than the bound", { timeout: 240_000 }, async () => {
    // It ends as soon as enough has happened, which takes longer on a busy machine.
    const isEnough = (file: string) => {
      const { fromCopies, reads } = checkTiers(linesOf(file), boundMillis)
      return reads > 3000 && fromCopies > 300
    }
    const { lines } = await ran({ seconds: 12, processes: 8, store: "tiers", isEnough })
    const { fromCopies, reads, violations } = checkTiers(lines, boundMillis)
    expect(violations, violations.slice(0, 5).join("\n")).toEqual([])
    expect(reads).toBeGreaterThan(100)
    expect(fromCopies).toBeGreaterThan(0)
    expect(lines.filter((line) => line.what === "changed" && line["reached"] === true).length).toBeGreaterThan(10)
  })
})
