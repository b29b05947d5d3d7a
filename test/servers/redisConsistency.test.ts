/** Real processes on one Redis server, and on a cluster, are killed, stopped and robbed; their records are checked. */
import { describe, expect, it } from "@effect/vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { linesOf } from "../processes/recording.ts"
import { check } from "../proofs/consistency/check.ts"
import { run } from "../proofs/consistency/run.ts"
import { isMissing } from "../support/needs.ts"
import { program } from "../support/redis.ts"

describe.skipIf(isMissing(program))("processes that are killed, stopped and robbed", () => {
  it.each(["redis", "cluster"] as const)("keep P1 and P2, and pass no limit and no lock, on %s", {
    timeout: 240_000
  }, async (store) => {
    const folder = mkdtempSync(join(tmpdir(), "effect-cached-"))
    try {
      const { file, kills, silences, stops, thefts } = await run({
        seed: 1,
        seconds: 20,
        processes: 4,
        store,
        folder
      })
      const lines = linesOf(file)
      const verdict = check(lines)
      expect(verdict.violations, verdict.violations.slice(0, 5).join("\n")).toEqual([])
      expect(Math.min(kills, silences, stops, thefts)).toBeGreaterThan(0)
      // Processes have followed changes again after they could not.
      expect(lines.filter(({ what }) => what === "tracked").length).toBeGreaterThan(5)
      expect(verdict.reads).toBeGreaterThan(500)
      expect(verdict.stored).toBeGreaterThan(50)
      expect(verdict.admitted).toBeGreaterThan(200)
      expect(verdict.entered).toBeGreaterThan(10)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
