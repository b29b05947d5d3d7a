/** Random programs with cached streams keep P1 to P7 under seeded schedules. */
import { assert, describe, it } from "@effect/vitest"
import { sized } from "../support/everything.ts"
import { seldomOf, type Tallies } from "./decide.ts"
import { rulesOf } from "./rules.ts"
import { simulateStreams } from "./streams.ts"

describe("seeded schedules of streams", () => {
  it("keep P1 to P7 over every kind of store, on one engine and on two", async () => {
    const wrong: Array<string> = []
    const tallies: Tallies = new Map()
    for (let seed = 1; seed <= 300; seed++) {
      wrong.push(...simulateStreams(seed, tallies).map((rule) => `seed ${seed}: ${rule}`))
      if (seed % 50 === 0) await new Promise((resume) => setImmediate(resume))
    }
    assert.deepStrictEqual(wrong.slice(0, 5), [])
    assert.deepStrictEqual(seldomOf(rulesOf("streams"), tallies), [])
  }, 600_000)

  it("give the same result for the same seed", () => {
    for (let seed = 1; seed <= sized(20, 8); seed++) {
      assert.deepStrictEqual(simulateStreams(seed), simulateStreams(seed))
    }
  })
})
