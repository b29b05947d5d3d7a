/** Random programs on several engines that share a store, under seeded schedules. */
import { assert, describe, it } from "@effect/vitest"
import { areDrawn, firstOfToday, replays } from "./daySeeds.ts"
import { simulateFleet } from "./fleet.ts"
import { type FleetSwept, sweepFleet } from "./fleetSweep.ts"

/** blocks, so that the test runner hears of us in between */
const sweepAll = async (first: number, seeds: number): Promise<FleetSwept> => {
  let swept = sweepFleet({ from: first, to: first })
  for (let from = first; from < first + seeds; from += 50) {
    swept = sweepFleet({ from, to: from + 50 }, swept)
    await new Promise((resume) => setImmediate(resume))
  }
  return swept
}

describe("several processes on one store, under seeded schedules", () => {
  it("load alone, hear of invalidations in time, wait for nobody too long, and leave nothing behind", async () => {
    const { counts, failures } = await sweepAll(1, 500)
    assert.deepStrictEqual(replays(failures, " --fleet"), [])
    // what is never met is not checked
    for (const [what, count] of Object.entries(counts)) assert.isAbove(count, 20, what)
  }, 60_000)

  if (areDrawn) {
    it("do so with the seeds of the day", async () => {
      const { failures } = await sweepAll(firstOfToday, 500)
      assert.deepStrictEqual(replays(failures, " --fleet"), [])
    }, 60_000)
  }

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
