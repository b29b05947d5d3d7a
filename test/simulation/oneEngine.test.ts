/** Random programs on one engine keep their rules under seeded schedules, and decide each of them often. */
import { assert, describe, it } from "@effect/vitest"
import { sized } from "../support/everything.ts"
import { areDrawn, firstOfToday, replays } from "./daySeeds.ts"
import { addTallies, seldomOf, type Tallies } from "./decide.ts"
import { rulesOf } from "./rules.ts"
import { simulate } from "./simulate.ts"
import { type Failure, type Range, sweep } from "./sweep.ts"

/** The tallies of the seeds that are always drawn. */
const tallies: Tallies = new Map()

/** Blocks, so that the test runner hears of us in between. */
const sweepAll = async (
  first: number,
  seeds: number,
  range: Pick<Range, "store" | "with"> = {},
  more = ""
): Promise<ReadonlyArray<string>> => {
  const failures: Array<Failure> = []
  for (let from = first; from < first + seeds; from += 100) {
    const swept = sweep({ from, to: Math.min(from + 100, first + seeds), ...range })
    failures.push(...swept.failures)
    addTallies(tallies, swept.tallies)
    await new Promise((resume) => setImmediate(resume))
  }
  return replays(failures, more)
}

describe("seeded schedules", () => {
  it("keep their rules over every kind of store", async () => {
    assert.deepStrictEqual(await sweepAll(1, sized(2000, 1250)), [])
  }, 600_000)

  it("keep their rules over a store that goes wrong in the waves of bulk calls", async () => {
    const range = { store: "async", with: ["waves"] } as const
    assert.deepStrictEqual(await sweepAll(1, sized(500, 40), range, " --store async --with waves"), [])
  }, 600_000)

  it("answer reads as an explanation said just before", async () => {
    const failures: Array<Failure> = []
    const sources = new Set<string>()
    for (let seed = 1; seed <= sized(2000, 150); seed++) {
      const { explained, tallies: more, violations } = simulate({ seed, with: ["explains"] })
      addTallies(tallies, more)
      for (const said of explained.keys()) sources.add(said)
      if (violations.length > 0) failures.push({ seed, rule: violations[0]! })
      if (seed % 100 === 0) await new Promise((resume) => setImmediate(resume))
    }
    assert.deepStrictEqual(replays(failures, " --with explains"), [])
    assert.includeMembers([...sources], ["memory", "store", "stale", "load", "joined", "uncached", "defect"])
  }, 600_000)

  it("decide each rule often, and excuse none more often than that", () => {
    assert.deepStrictEqual(seldomOf(rulesOf("oneEngine"), tallies), [])
  })

  if (areDrawn) {
    it("keep their rules with the seeds of the day", async () => {
      assert.deepStrictEqual(await sweepAll(firstOfToday, 2000), [])
    }, 600_000)
  }

  it("give the same log for the same seed", () => {
    for (let seed = 1; seed <= sized(100, 10); seed++) {
      const [one, other]: [Array<string>, Array<string>] = [[], []]
      simulate({ seed, log: one })
      simulate({ seed, log: other })
      assert.deepStrictEqual(one, other)
      assert.isAbove(one.length, 10)
    }
  }, 600_000)

  it("give other logs for other seeds", () => {
    const logs = new Set(Array.from({ length: sized(50, 20) }, (_, seed) => {
      const log: Array<string> = []
      simulate({ seed, log })
      return log.join("\n")
    }))
    assert.strictEqual(logs.size, sized(50, 20))
  })
})
