/** Random programs on several engines that share a store, under seeded schedules. */
import { assert, describe, it } from "@effect/vitest"
import { simulateFleet } from "./fleet.ts"
import { sweepFleet } from "./fleetSweep.ts"

describe("several processes on one store, under seeded schedules", () => {
  it("load alone, hear of invalidations in time, wait for nobody too long, and leave nothing behind", async () => {
    let swept = sweepFleet({ from: 1, to: 1 })
    // blocks, so that the test runner hears of us in between
    for (let from = 1; from <= 500; from += 50) {
      swept = sweepFleet({ from, to: from + 50 }, swept)
      await new Promise((resume) => setImmediate(resume))
    }
    assert.deepStrictEqual(swept.failures, [])
    // what is never met is not checked
    for (const [what, count] of Object.entries(swept.counts)) assert.isAbove(count, 20, what)
  }, 60_000)

  it("give the same log for the same seed, and another for another", () => {
    const logs = new Set<string>()
    for (let seed = 1; seed <= 30; seed++) {
      const [one, other]: [Array<string>, Array<string>] = [[], []]
      simulateFleet({ seed, log: one })
      simulateFleet({ seed, log: other })
      assert.deepStrictEqual(one, other)
      assert.isAbove(one.length, 20)
      logs.add(one.join("\n"))
    }
    assert.strictEqual(logs.size, 30)
  })
})
