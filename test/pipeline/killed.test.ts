/** A pipeline that is killed at random moments, and run again. */
import { expect, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { programOf } from "../support/program.ts"

const rows = 600
const inFlight = 2 * 10
/** `PIPELINE_KILLS=100` for more. */
const kills = Number(process.env["PIPELINE_KILLS"] ?? 12)

const run = async (
  folder: string,
  killAfter?: number
): Promise<{ readonly code: number | null; readonly out: string }> => {
  const child = spawn(process.execPath, [await programOf(join(import.meta.dirname, "job.ts")), folder])
  let out = ""
  let timer: NodeJS.Timeout | undefined
  child.stdout.on("data", (text) => {
    out += text
    if (killAfter !== undefined) timer ??= setTimeout(() => child.kill("SIGKILL"), killAfter)
  })
  child.stderr.pipe(process.stderr)
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve))
  clearTimeout(timer)
  return { code, out }
}

const callsIn = (folder: string) => {
  const counts = new Map<string, number>()
  const file = join(folder, "calls.log")
  if (!existsSync(file)) return counts
  for (const n of readFileSync(file, "utf8").trim().split("\n")) counts.set(n, (counts.get(n) ?? 0) + 1)
  return counts
}

it(
  `a pipeline that is killed ${kills} times calls again only for rows in flight, and its output is whole`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "pipeline-"))
    const other = mkdtempSync(join(tmpdir(), "pipeline-"))
    try {
      writeFileSync(join(folder, "in.ndjson"), Array.from({ length: rows }, (_, n) => `{"n":${n}}\n`).join(""))
      cpSync(join(folder, "in.ndjson"), join(other, "in.ndjson"))
      const undisturbed = await run(other)
      expect(undisturbed.code).toBe(0)
      const length = 250
      let killed = 0
      for (let i = 0; i < kills; i++) {
        // Not the seed of a schedule: what the machine does meanwhile is not repeatable either.
        const { code } = await run(folder, Math.random() * length)
        if (code === null) killed++
        // The output is not there, or whole.
        if (existsSync(join(folder, "out.csv"))) {
          expect(readFileSync(join(folder, "out.csv"), "utf8")).toBe(readFileSync(join(other, "out.csv"), "utf8"))
          rmSync(join(folder, "out.csv"))
        }
      }
      const { code, out } = await run(folder)
      expect(code).toBe(0)
      const summary = JSON.parse(out.slice(out.indexOf("{")))
      const calls = callsIn(folder)
      expect(calls.size).toBe(rows)
      const again = [...calls.values()].reduce((sum, count) => sum + count - 1, 0)
      expect(again).toBeLessThanOrEqual(killed * inFlight)
      expect(summary.rows).toBe(rows)
      expect(readFileSync(join(folder, "out.csv"), "utf8")).toBe(readFileSync(join(other, "out.csv"), "utf8"))
      expect(readdirSync(folder).filter((name) => name.endsWith(".partial"))).toEqual([])
      expect(killed).toBeGreaterThan(kills / 4)
      console.log(
        `killed ${killed} times, ${again} of ${rows} rows called again, ${summary.calls} calls in the last run`
      )
    } finally {
      rmSync(folder, { recursive: true })
      rmSync(other, { recursive: true })
    }
  },
  300_000
)
