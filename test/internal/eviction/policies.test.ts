/** Each policy against a slow model of it, operation by operation. */
import { describe, expect, it, vi } from "@effect/vitest"
import type { Eviction } from "effect-cached/adapters"
import { Adaptive } from "../../../src/internal/eviction/adaptive.ts"
import { policies as builtIn } from "../../../src/internal/eviction/policies.ts"
import { makeS3Fifo } from "../../../src/internal/eviction/s3Fifo.ts"
import { makeWTinyLfu } from "../../../src/internal/eviction/wTinyLfu.ts"
import { heldBy } from "../../support/heldBy.ts"
import { randomOf } from "../../support/random.ts"
import * as Models from "./models.ts"

type Access = (step: number, random: () => number) => number

/** The sequence of ids: parts that suit one rule and parts that suit another, in turn. */
const phases = (capacity: number): ReadonlyArray<Access> => [
  (_, random) => Math.floor(random() * capacity * 3),
  (step) => step % (capacity * 2 + 1),
  (_, random) => Math.floor(random() ** 3 * capacity * 4),
  (step) => Math.abs(step % (4 * capacity) - 2 * capacity)
]

const policies = [
  {
    name: "adaptive",
    model: Models.adaptive,
    make: (options: Parameters<Eviction.Eviction["make"]>[0]): Eviction.Policy => new Adaptive(options)
  },
  { name: "s3Fifo", model: Models.s3Fifo, make: makeS3Fifo },
  { name: "wTinyLfu", model: Models.wTinyLfu, make: makeWTinyLfu }
]

const capacities = [1, 2, 3, 5, 17, 64, 130]

describe.each(policies)("$name", ({ make, model, name }) => {
  it.each(capacities)("does what its model does, with %i entries", (capacity) => {
    const leads = new Set<number>()
    for (const seed of [1, 2]) {
      const random = randomOf(seed)
      const options = { capacity, weighed: false, seed }
      const expected = model(options)
      const tier = heldBy(make({ ...options, seed: () => seed }), capacity)
      const known = new Set<string>()
      const evicted: Array<string> = []
      for (let step = 0; step < 60 * Math.min(100, capacity) + 500; step++) {
        const access = phases(capacity)[Math.floor(step / (15 * capacity)) % 4]!
        const id = `${access(step, random)}`
        const what = random()
        if (what < 0.0005) {
          for (const one of known) expected.removed(one)
          known.clear()
          tier.clear()
        } else if (what < 0.03) {
          if (known.delete(id)) expected.removed(id)
          tier.remove(id)
        } else if (known.has(id)) {
          if (what < 0.1) expected.replaced(id, 1)
          else expected.read(id)
          if (what < 0.1) tier.put(id)
          else tier.read(id)
        } else {
          known.add(id)
          expected.added(id, 1)
          while (known.size > capacity) {
            const victim = expected.victim()!
            known.delete(victim)
            expected.removed(victim)
            evicted.push(victim)
          }
          tier.put(id)
          expect([step, tier.evicted.length, tier.evicted.at(-1)]).toEqual([step, evicted.length, evicted.at(-1)])
        }
        if (expected.lead !== undefined) leads.add(expected.lead())
      }
      expect(tier.ids()).toEqual(Array.from(known).toSorted())
    }
    // Every rule has had its time.
    if (name === "adaptive" && capacity === 64) expect(leads.size).toBe(3)
  })

  it.each([1, 2, 3, 30, 400])("never holds more than its bound, whatever it weighs: %i", (capacity) => {
    const random = randomOf(capacity)
    let bound = capacity
    const tier = heldBy(make({ capacity, weighed: true, seed: () => 7 }), capacity)
    for (let step = 0; step < 5000; step++) {
      const id = `${Math.floor(random() ** 2 * 100)}`
      const what = random()
      if (what < 0.1) tier.remove(id)
      else if (what < 0.6 && tier.has(id)) tier.read(id)
      else tier.put(id, Math.min(bound, 1 + Math.floor(random() * 20)))
      expect(tier.weight()).toBeLessThanOrEqual(bound)
      if (step % 500 < 499) continue
      bound = Math.max(1, Math.floor(capacity * (0.5 + random())))
      tier.resize(bound)
    }
    for (const id of tier.ids()) tier.remove(id)
    expect(tier.policy.victim()).toBeUndefined()
  })
})

it("adaptive is lru up to 32 entries, and learns when it gets more", () => {
  const make = (eviction: Eviction.Eviction) =>
    heldBy(eviction.make({ capacity: 32, weighed: false, seed: () => 1 }), 32)
  const [adaptive, lru] = [make(builtIn.adaptive), make(builtIn.lru)]
  const random = randomOf(1)
  for (let step = 0; step < 3000; step++) {
    const id = `${Math.floor(random() * 50)}`
    for (const tier of [adaptive, lru]) {
      if (tier.has(id)) tier.read(id)
      else tier.put(id)
    }
    expect(adaptive.ids()).toEqual(lru.ids())
  }
  const hitsOfLoop = (tier: typeof adaptive) => {
    let hits = 0
    for (let step = 0; step < 20_000; step++) {
      const id = `loop ${step % 200}`
      if (tier.has(id)) {
        hits++
        tier.read(id)
      } else tier.put(id)
    }
    return hits
  }
  for (const tier of [adaptive, lru]) tier.resize(100)
  expect(hitsOfLoop(lru)).toBe(0)
  expect(hitsOfLoop(adaptive)).toBeGreaterThan(5000)
})

it("s3Fifo forgets the oldest ghost without a look at those that were forgotten before", () => {
  const capacity = 100
  const tier = heldBy(makeS3Fifo({ capacity, weighed: false, seed: () => 1 }), capacity)
  const iterators = vi.spyOn(Set.prototype, "values")
  const loops = vi.spyOn(Set.prototype, Symbol.iterator)
  try {
    for (let id = 0; id < 20 * capacity; id++) tier.put(`${id}`)
    expect(iterators.mock.calls.length + loops.mock.calls.length).toBeLessThan(10)
  } finally {
    iterators.mockRestore()
    loops.mockRestore()
  }
})
