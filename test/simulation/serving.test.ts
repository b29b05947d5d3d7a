/** Random programs with an origin that is down at times keep P9 under seeded schedules, and each rule decides. */
import { assert, describe, it } from "@effect/vitest"
import { sized } from "../support/everything.ts"
import { areDrawn, firstOfToday } from "./daySeeds.ts"
import { seldomOf, type Tallies } from "./decide.ts"
import { rules } from "./serving/rules.ts"
import { simulateServing } from "./serving/serving.ts"

const sweep = async (first: number, seeds: number, tallies: Tallies): Promise<ReadonlyArray<string>> => {
  const wrong: Array<string> = []
  for (let seed = first; seed < first + seeds; seed++) {
    const found = simulateServing(seed, tallies)
    wrong.push(...found.map((rule) => `${rule} (again: npm run prove -- simulate --serving --seed ${seed})`))
    if (seed % 50 === 0) await new Promise((resume) => setImmediate(resume))
  }
  return wrong.slice(0, 5)
}

describe("seeded schedules of strategies at work", () => {
  it("keep P9, and decide each rule often", async () => {
    const tallies: Tallies = new Map()
    assert.deepStrictEqual(await sweep(1, sized(1500, 500), tallies), [])
    assert.deepStrictEqual(seldomOf(rules, tallies), [])
  }, 600_000)

  if (areDrawn) {
    it("keep P9 with the seeds of the day", async () => {
      assert.deepStrictEqual(await sweep(firstOfToday, 1500, new Map()), [])
    }, 600_000)
  }

  it("give the same result for the same seed", () => {
    const [one, other]: [Tallies, Tallies] = [new Map(), new Map()]
    for (let seed = 1; seed <= 20; seed++) {
      assert.deepStrictEqual(simulateServing(seed, one), simulateServing(seed, other))
    }
    assert.deepStrictEqual(one, other)
  })

  it("have rules with names of their own, and a change of the sources for each", () => {
    assert.strictEqual(new Set(rules.map(({ name }) => name)).size, rules.length)
    const changes = rules.map(({ change }) => `${change.in} ${change.find} ${change.replace}`)
    assert.strictEqual(new Set(changes).size, rules.length)
  })
})
