/** Real processes on one PostgreSQL server are killed, stopped and robbed; their records are checked. */
import { describe, expect, it } from "@effect/vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { linesOf } from "../processes/recording.ts"
import { check } from "../proofs/consistency/check.ts"
import { run } from "../proofs/consistency/run.ts"
import { isPostgresMissing } from "../support/postgres.ts"

describe.skipIf(isPostgresMissing())("processes on one PostgreSQL server that are killed, stopped and robbed", () => {
  it("keep P1 and P2, store nothing of an ended generation, and pass no limit and no lock", {
    timeout: 240_000
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "effect-cached-"))
    try {
      const { file, kills, stops, thefts } = await run({
        seed: 1,
        seconds: 30,
        processes: 4,
        store: "postgres",
        folder
      })
      const verdict = check(linesOf(file))
      expect(verdict.violations, verdict.violations.slice(0, 5).join("\n")).toEqual([])
      expect(Math.min(kills, stops, thefts)).toBeGreaterThan(0)
      expect(verdict.reads).toBeGreaterThan(500)
      expect(verdict.stored).toBeGreaterThan(50)
      expect(verdict.admitted).toBeGreaterThan(200)
      expect(verdict.entered).toBeGreaterThan(10)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
