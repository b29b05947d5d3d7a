/** `Cached.transform` in a process whose heap has no room for all payloads and results. */
import { expect, it } from "@effect/vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runWithHeap } from "../support/limitedHeap.ts"

const run = (...args: ReadonlyArray<string>) =>
  runWithHeap(
    ["--max-old-space-size=64", "--max-semi-space-size=4"],
    join(import.meta.dirname, "transformed.ts"),
    ...args
  )

it("a process that keeps all results dies", () => {
  const { status, stderr } = run("gathered")
  expect(status).not.toBe(0)
  expect(stderr).toContain("heap")
}, 250_000)

it("PW-04 · 300,000 payloads pass through a cache on disk", () => {
  const directory = mkdtempSync(join(tmpdir(), "effect-cached-"))
  try {
    const { status, stdout } = run("cached", directory)
    expect(status).toBe(0)
    const { limitMegabytes, ...seen } = JSON.parse(stdout.slice(stdout.lastIndexOf("{")))
    expect(seen).toEqual({ results: 300_000, wrong: 0, loads: 20_000 })
    // The limit was in force.
    expect(limitMegabytes).toBeLessThan(100)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}, 250_000)
