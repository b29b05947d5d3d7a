/** The larger policies where they are loaded later. */
import { expect, it } from "@effect/vitest"
import type { Eviction } from "effect-cached/adapters"
import { large as now } from "../../../src/internal/eviction/large.ts"
import { large as later } from "../../../src/internal/eviction/largeWithoutNode.ts"
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

it.each(["adaptive", "wTinyLfu"] as const)("%s is LRU until it is there, then itself", async (name) => {
  const loop = hitsOfLoop(later[name](options))
  expect(loop(10)).toBe(0)
  await import("../../../src/internal/eviction/large.ts")
  await Promise.resolve()
  expect(loop(50)).toBeGreaterThan(1000)
  expect(hitsOfLoop(now[name](options))(50)).toBeGreaterThan(1000)
})

it("all of them are there", () => {
  expect(Object.keys(later)).toEqual(Object.keys(now))
})
