/** A process whose memory would not fit into its heap: it ends well where memory shrinks. */
import { expect, it } from "@effect/vitest"
import { join } from "node:path"
import { runWithHeap } from "../support/limitedHeap.ts"

const run = (...args: ReadonlyArray<string>) =>
  runWithHeap(["--expose-gc", "--max-old-space-size=100"], join(import.meta.dirname, "heapLimit.ts"), ...args)

it("without a heap limit it dies", () => {
  const { status, stderr } = run()
  expect(status).not.toBe(0)
  expect(stderr).toContain("heap")
}, 250_000)

it("with one it misses instead, ends by itself, and has its room back afterwards", () => {
  const { status, stderr, stdout } = run("limited")
  expect(stderr).toBe("")
  expect(status).toBe(0)
  // The warning comes first.
  const { after, evictions, size } = JSON.parse(stdout.slice(stdout.lastIndexOf("{")))
  expect(evictions).toBeGreaterThan(2000)
  expect(size + evictions).toBe(7000)
  expect(after).toBe(100)
}, 250_000)
