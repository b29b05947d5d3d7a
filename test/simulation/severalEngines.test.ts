/** Random programs on several engines that share a store, under seeded schedules. */
import { assert, describe, it } from "@effect/vitest"
import { sized } from "../support/everything.ts"
import { areDrawn, firstOfToday, replays } from "./daySeeds.ts"
import { addTallies, seldomOf, type Tallies } from "./decide.ts"
import type { Feature } from "./features.ts"
import { simulateFleet } from "./fleet.ts"
import { type FleetSwept, sweepFleet } from "./fleetSweep.ts"
import { rulesOf } from "./rules.ts"

/** The tallies of the seeds that are always drawn. */
const tallies: Tallies = new Map()

/** Blocks, so that the test runner hears of us in between. */
const sweepAll = async (first: number, seeds: number, also: ReadonlyArray<Feature> = []): Promise<FleetSwept> => {
  let swept = sweepFleet({ from: first, to: first })
  for (let from = first; from < first + seeds; from += 50) {
    swept = sweepFleet({ from, to: Math.min(from + 50, first + seeds), with: also }, swept)
    await new Promise((resume) => setImmediate(resume))
  }
  addTallies(tallies, swept.tallies)
  return swept
}

describe("several processes on one store, under seeded schedules", () => {
  it("load alone, see invalidations in time, wait no longer than allowed, and leave nothing behind", async () => {
    const { counts, failures } = await sweepAll(1, sized(500, 200))
    assert.deepStrictEqual(replays(failures, " --fleet"), [])
    // A case that never occurs is not checked.
    for (const [what, count] of Object.entries(counts)) assert.isAbove(count, sized(20, 4), what)
  }, 600_000)

  it(
    "do so where the store pushes changes, late and in any order, until a connection is lost",
    async () => {
      const { counts: { gaps, ofOtherLayers, ...counts }, failures } = await sweepAll(1, sized(500, 240), ["pushes"])
      assert.deepStrictEqual(replays(failures, " --fleet --with pushes"), [])
      // No process polls for changes, and each process has one cache.
      assert.deepStrictEqual([gaps, ofOtherLayers], [0, 0])
      for (const [what, count] of Object.entries(counts)) assert.isAbove(count, sized(20, 4), what)
    },
    600_000
  )

  it("do so where bulk calls overlap, and the store goes wrong in their waves", async () => {
    const { failures } = await sweepAll(1, sized(200, 10), ["waves"])
    assert.deepStrictEqual(replays(failures, " --fleet --with waves"), [])
  }, 600_000)

  it("do so where machines keep copies in one or two tiers, which fail, hang and forget", async () => {
    const { failures } = await sweepAll(1, sized(300, 15), ["tiers"])
    assert.deepStrictEqual(replays(failures, " --fleet --with tiers"), [])
    const { failures: ofPushes } = await sweepAll(1, sized(300, 15), ["tiers", "pushes"])
    assert.deepStrictEqual(replays(ofPushes, " --fleet --with tiers,pushes"), [])
  }, 600_000)

  it("do so where processes invalidate by patterns", async () => {
    const { counts, failures } = await sweepAll(1, sized(300, 15), ["patterns"])
    assert.deepStrictEqual(replays(failures, " --fleet --with patterns"), [])
    assert.isAbove(counts.patterns, sized(200, 10))
  }, 600_000)

  it("do so where clocks are set back", async () => {
    const { counts, failures } = await sweepAll(1, sized(300, 15), ["setBack"])
    assert.deepStrictEqual(replays(failures, " --fleet --with setBack"), [])
    assert.isAbove(counts.afterSetBack, sized(20, 1))
  }, 600_000)

  it("decide each rule often, and excuse none more often than that", () => {
    assert.deepStrictEqual(seldomOf(rulesOf("severalEngines"), tallies), [])
  })

  if (areDrawn) {
    it("do so with the seeds of the day", async () => {
      const { failures } = await sweepAll(firstOfToday, 500)
      assert.deepStrictEqual(replays(failures, " --fleet"), [])
      const { failures: ofPushes } = await sweepAll(firstOfToday, 500, ["pushes"])
      assert.deepStrictEqual(replays(ofPushes, " --fleet --with pushes"), [])
      const { failures: ofTiers } = await sweepAll(firstOfToday, 300, ["tiers", "pushes"])
      assert.deepStrictEqual(replays(ofTiers, " --fleet --with tiers,pushes"), [])
      const { failures: ofClocks } = await sweepAll(firstOfToday, 300, ["patterns", "setBack"])
      assert.deepStrictEqual(replays(ofClocks, " --fleet --with patterns,setBack"), [])
    }, 600_000)
  }

  it("give the same log for the same seed, and another for another", () => {
    const logs = new Set<string>()
    for (let seed = 1; seed <= sized(30, 5); seed++) {
      const [one, other]: [Array<string>, Array<string>] = [[], []]
      simulateFleet({ seed, log: one })
      simulateFleet({ seed, log: other })
      assert.deepStrictEqual(one, other)
      assert.isAbove(one.length, 20)
      logs.add(one.join("\n"))
    }
    assert.strictEqual(logs.size, sized(30, 5))
  })
})
