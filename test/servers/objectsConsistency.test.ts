/** Real processes on one bucket are killed, stopped and robbed; their records are checked. */
import { describe, expect, it } from "@effect/vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { linesOf } from "../processes/recording.ts"
import { check } from "../proofs/consistency/check.ts"
import { objectsStalenessMillis } from "../proofs/consistency/plan.ts"
import { run } from "../proofs/consistency/run.ts"

describe("processes on one bucket that are killed, stopped and robbed", () => {
  it("keep P1, P2 within maxStaleness, and store nothing of an ended generation", { timeout: 240_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "effect-cached-"))
    try {
      const { file, kills, stops, thefts } = await run({ seed: 1, seconds: 15, processes: 4, store: "objects", folder })
      const verdict = check(linesOf(file), false, objectsStalenessMillis)
      expect(verdict.violations, verdict.violations.slice(0, 5).join("\n")).toEqual([])
      expect(Math.min(kills, stops, thefts)).toBeGreaterThan(0)
      expect(verdict.reads).toBeGreaterThan(200)
      expect(verdict.stored).toBeGreaterThan(20)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
