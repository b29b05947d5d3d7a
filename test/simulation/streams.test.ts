/** Random programs with cached streams keep P1 to P7 under seeded schedules. */
import { assert, describe, it } from "@effect/vitest"
import { sized } from "../support/everything.ts"
import { simulateStreams } from "./streams.ts"

describe("seeded schedules of streams", () => {
  it("keep P1 to P7 over every kind of store, on one engine and on two", async () => {
    const wrong: Array<string> = []
    for (let seed = 1; seed <= sized(300, 100); seed++) {
      wrong.push(...simulateStreams(seed))
      if (seed % 50 === 0) await new Promise((resume) => setImmediate(resume))
    }
    assert.deepStrictEqual(wrong.slice(0, 5), [])
  }, 600_000)

  it("give the same result for the same seed", () => {
    for (let seed = 1; seed <= sized(20, 8); seed++) {
      assert.deepStrictEqual(simulateStreams(seed), simulateStreams(seed))
    }
  })
})
