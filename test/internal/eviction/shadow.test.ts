/** The shadow of the adaptive policy against its model, and whom it lets lead. */
import { describe, expect, it } from "@effect/vitest"
import { LIRS, LRU } from "../../../src/internal/eviction/hotAndQueue.ts"
import { makeHash } from "../../../src/internal/eviction/nodes.ts"
import { Shadow } from "../../../src/internal/eviction/shadow.ts"
import { randomOf } from "../../support/random.ts"
import * as Models from "./models.ts"

const hashOf = makeHash(() => 5)
const hash = (id: number): number => hashOf({ id: `${id}` })

/** A loop over twice as many ids as there is room for. */
const loop = (entries: number) => (step: number) => step % (2 * entries)
/** Back and forth over as many. */
const zigzag = (entries: number) => (step: number) => {
  const place = step % (4 * entries)
  return place < 2 * entries ? place : 4 * entries - 1 - place
}

describe("the shadow", () => {
  it.each([1, 2, 3, 16, 64, 100])("of %i entries does what its model does", (entries) => {
    for (const [seed, unit] of [[1, 1], [2, 3]] as const) {
      const random = randomOf(seed)
      const shadow = new Shadow(entries * unit, entries)
      const model = new Models.Follower(entries * unit, entries)
      const leads = new Set<number>()
      const accesses = [loop(entries), zigzag(entries), () => Math.floor(random() ** 3 * 6 * entries)]
      for (let step = 0; step < 120 * entries + 600; step++) {
        const id = hash(accesses[Math.floor(step / (20 * entries)) % 3]!(step))
        const weight = unit === 1 ? 1 : 1 + (id >>> 0) % 5
        shadow.follow(id, weight)
        model.follow(id, weight)
        leads.add(shadow.lead)
        expect([step, shadow.lead, shadow.queueShare * entries]).toEqual([
          step,
          model.lead,
          expect.closeTo(model.caches[0]!.target, 9)
        ])
      }
      if (entries >= 16) expect(leads.size).toBeGreaterThan(1)
    }
  })

  it("keeps LRU in the lead until LRU has been full", () => {
    const shadow = new Shadow(64, 64)
    for (let step = 0; step < 63; step++) shadow.follow(hash(step), 1)
    for (let step = 0; step < 1000; step++) shadow.follow(hash(step % 63), 1)
    expect(shadow.lead).toBe(LRU)
  })

  it("lets another one than LRU lead in a loop, LRU where reads go back and forth, and changes its mind", () => {
    const entries = 64
    const shadow = new Shadow(entries, entries)
    const lead = (access: (step: number) => number, rounds: number) => {
      for (let step = 0; step < rounds * 4 * entries; step++) shadow.follow(hash(access(step)), 1)
      return shadow.lead
    }
    for (let turn = 0; turn < 3; turn++) {
      expect(lead(loop(entries), 20)).not.toBe(LRU)
      expect(lead(zigzag(entries), 40)).toBe(LRU)
    }
  })

  it("lets LIRS lead where a loop is longer than memory, whichever led before", () => {
    const entries = 64
    const shadow = new Shadow(entries, entries)
    shadow.lead = LRU
    for (let step = 0; step < 40 * entries; step++) shadow.follow(hash(loop(entries)(step)), 1)
    expect(shadow.lead).toBe(LIRS)
  })
})
