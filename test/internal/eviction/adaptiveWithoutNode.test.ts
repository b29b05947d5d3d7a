/** The adaptive policy where it is loaded later. */
import { expect, it } from "@effect/vitest"
import type { Eviction } from "effect-cached/adapters"
import { makeAdaptive as makeNow } from "../../../src/internal/eviction/adaptive.ts"
import { makeAdaptive } from "../../../src/internal/eviction/adaptiveWithoutNode.ts"
import { heldBy } from "../../support/heldBy.ts"

const options = { capacity: 200, weighed: false, seed: () => 1 }

const hitsOfLoop = (policy: Eviction.Policy) => {
  const tier = heldBy(policy, 200)
  let hits = 0
  return (rounds: number): number => {
    for (let step = 0; step < 400 * rounds; step++) {
      const id = `${step % 400}`
      if (tier.has(id)) {
        hits++
        tier.read(id)
      } else tier.put(id)
    }
    return hits
  }
}

it("is LRU until it is there, and learns from then on; nothing is lost on the way", async () => {
  const later = makeAdaptive(options)
  const loop = hitsOfLoop(later)
  expect(loop(10)).toBe(0)
  await import("../../../src/internal/eviction/adaptive.ts")
  await Promise.resolve()
  expect(loop(50)).toBeGreaterThan(1000)
  expect(hitsOfLoop(makeNow(options))(50)).toBeGreaterThan(1000)
})
