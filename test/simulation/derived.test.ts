/** Random programs with derived entries keep P8 under seeded schedules. */
import { assert, describe, it } from "@effect/vitest"
import { sized } from "../support/everything.ts"
import { areDrawn, firstOfToday } from "./daySeeds.ts"
import { seldomOf, type Tallies } from "./decide.ts"
import { simulateDerived } from "./derived.ts"
import { rulesOf } from "./rules.ts"

const sweep = async (first: number, seeds: number, tallies: Tallies): Promise<ReadonlyArray<string>> => {
  const wrong: Array<string> = []
  for (let seed = first; seed < first + seeds; seed++) {
    wrong.push(
      ...simulateDerived(seed, tallies).map((rule) =>
        `${rule} (again: npm run prove -- simulate --derived --seed ${seed})`
      )
    )
    if (seed % 50 === 0) await new Promise((resume) => setImmediate(resume))
  }
  return wrong.slice(0, 5)
}

describe("seeded schedules of derived entries", () => {
  it("keep P8 over every kind of store, on one engine and on several", async () => {
    const tallies: Tallies = new Map()
    assert.deepStrictEqual(await sweep(1, sized(300, 100), tallies), [])
    assert.deepStrictEqual(seldomOf(rulesOf("derived"), tallies), [])
  }, 600_000)

  if (areDrawn) {
    it("keep P8 with the seeds of the day", async () => {
      assert.deepStrictEqual(await sweep(firstOfToday, 300, new Map()), [])
    }, 600_000)
  }

  it("give the same result for the same seed", () => {
    for (let seed = 1; seed <= sized(20, 8); seed++) {
      assert.deepStrictEqual(simulateDerived(seed), simulateDerived(seed))
    }
  })
})
