/** A bench reports each section as it ends, and continues where one fails. */
import { expect, it } from "@effect/vitest"
import { measureAll, type Sections } from "./sections.ts"

const sections: Sections = {
  hit: () => ({ hit: [{ ours: 1 }] }),
  changes: () => {
    throw new Error("the stream has ended")
  },
  miss: () => ({ miss: [{ ours: 2 }] })
}

it("sections are reported one by one, and those behind one that fails are measured", () => {
  const told: Array<unknown> = []
  const all = measureAll(sections, ["hit", "changes", "miss"], {
    ended: (results, all) => told.push([Object.keys(results), Object.keys(all)]),
    failed: (name, error) => told.push([name, (error as Error).message])
  })
  expect(told).toEqual([[["hit"], ["hit"]], ["changes", "the stream has ended"], [["miss"], ["hit", "miss"]]])
  expect(all).toEqual({ hit: [{ ours: 1 }], miss: [{ ours: 2 }] })
})
