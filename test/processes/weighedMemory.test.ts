/** `Weigher.bytes` agrees with the heap: a process whose heap is not much larger than `maxWeight` lives. */
import { describe, expect, it } from "@effect/vitest"
import { join } from "node:path"
import { runWithHeap } from "../support/limitedHeap.ts"

interface Measured {
  readonly lines: ReadonlyArray<{ readonly kind: string; readonly evictions: number; readonly heapOfWeight: number }>
  readonly entry: number
}

const run = (heap: number, megabytes: number, kinds: string, way: string): Measured => {
  const { status, stderr, stdout } = runWithHeap(
    // Incremental marking keeps garbage that is made meanwhile, and its amount depends on timing.
    ["--expose-gc", "--no-incremental-marking", `--max-old-space-size=${heap}`],
    join(import.meta.dirname, "weighedMemory.ts"),
    `${megabytes}`,
    kinds,
    way
  )
  expect(stderr).toBe("")
  expect(status).toBe(0)
  return JSON.parse(stdout)
}

const isHonest = ({ lines }: Measured): void => {
  for (const { evictions, heapOfWeight, kind } of lines) {
    expect(evictions, kind).toBeGreaterThan(1000)
    expect(heapOfWeight, kind).toBeGreaterThan(0.8)
    expect(heapOfWeight, kind).toBeLessThan(1.2)
  }
}

describe("a memory that is bounded by bytes", () => {
  // The rest of the process takes some 30 MB.
  it.each(["rows", "rows as arrays", "tiny objects"])("has 30 MB of %s in a heap of 70", (kind) => {
    isHonest(run(70, 30, kind, "loaded"))
  }, 250_000)

  it("takes what it says, whatever its values are", () => {
    isHonest(run(200, 8, "", "loaded"))
  }, 250_000)

  it.each(["loaded", "set", "set without an end"])("has entries that are small: %s", (way) => {
    const measured = run(200, 8, "rows", way)
    isHonest(measured)
    expect(measured.entry).toBeLessThan(230)
  }, 250_000)

  it.each(["with jitter", "with tags"])("counts what its entries have for themselves: %s", (way) => {
    isHonest(run(200, 8, "rows", way))
  }, 250_000)
})
