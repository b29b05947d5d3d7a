/** The bytes that a read allocates in memory, and those that an entry keeps. */
import { expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"

/** Bytes, and by how much of them a run may differ: what is compiled when decides what a miss allocates. */
const costs = {
  "a hit": [218, 0.08],
  "a hit of a class, with a new key": [315, 0.08],
  "a miss": [4340, 0.1],
  "many, 1,000 hits": [183_000, 0.05],
  "many, 1,000 misses": [2_350_000, 0.1],
  "an entry": [145, 0.03]
} as const

it("reads allocate as many bytes as the table says", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...["--conditions=effect-cached-source", "--expose-gc", "--no-warnings"],
    ...["--min-semi-space-size=256", "--max-semi-space-size=256"],
    join(import.meta.dirname, "heap.ts")
  ])
  const counted = JSON.parse(stdout) as Record<keyof typeof costs, number>
  const near = Object.entries(costs).map(([name, [bytes, part]]) => {
    const found = counted[name as keyof typeof costs]
    return [name, Math.abs(found - bytes) <= part * bytes ? bytes : found]
  })
  expect(Object.fromEntries(near)).toEqual(
    Object.fromEntries(Object.entries(costs).map(([name, [bytes]]) => [name, bytes]))
  )
}, 250_000)
