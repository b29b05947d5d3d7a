/** The objects that a clean-up of a large bucket remembers keep no pages of its list in the heap. */
import { expect, it } from "@effect/vitest"
import { join } from "node:path"
import { runWithHeap } from "../support/limitedHeap.ts"

it("the oldest of 300,000 objects fit into a heap of 40 MB", () => {
  const { status, stderr, stdout } = runWithHeap(
    ["--max-old-space-size=40"],
    join(import.meta.dirname, "largeBucket.ts")
  )
  expect(stderr).toBe("")
  expect([status, stdout]).toEqual([0, "1000\n"])
}, 120_000)
