/** Values that leave memory are released: the heap is as large as before. */
import { describe, expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"

interface Line {
  readonly name: string
  readonly before: number
  readonly full: number
  readonly empty: number
  readonly closed: number
}

describe("memory that was emptied, or closed", () => {
  it("keeps nothing of twenty thousand entries, whatever its policy", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      "--conditions=effect-cached-source",
      "--expose-gc",
      "--no-warnings",
      join(import.meta.dirname, "clearedMemory.ts")
    ])
    const lines: ReadonlyArray<Line> = JSON.parse(stdout)
    expect(lines.length).toBe(8)
    for (const { before, closed, empty, full, name } of lines) {
      expect.soft(full - before, `${name}, full`).toBeGreaterThan(9)
      // Tables of ghosts and sketches have a size of their own.
      expect.soft(empty - before, `${name}, empty`).toBeLessThan(2)
      expect.soft(closed - before, `${name}, closed`).toBeLessThan(1)
    }
  }, 300_000)
})
