/** Reads that are meant to harm a policy, or where LRU is the best there is. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import type { Eviction } from "effect-cached/adapters"
import { Adaptive } from "../../../src/internal/eviction/adaptive.ts"
import { makeHash } from "../../../src/internal/eviction/nodes.ts"
import { policies } from "../../../src/internal/eviction/policies.ts"
import { heldBy } from "../../support/heldBy.ts"
import { test } from "../../support/tests.ts"

type Tier = ReturnType<typeof heldBy>

const tierOf = (eviction: Eviction.Eviction, capacity: number, seed: number): Tier =>
  heldBy(eviction.make({ capacity, weighed: false, seed: () => seed }), capacity)

/** Whether a read hits; a missing entry is stored. */
const hits = (tier: Tier, id: string): boolean => {
  const isThere = tier.has(id)
  if (isThere) tier.read(id)
  else tier.put(id)
  return isThere
}

const hitRatio = (tier: Tier, ids: Iterable<string>): number => {
  let [hit, all] = [0, 0]
  for (const id of ids) {
    if (hits(tier, id)) hit++
    all++
  }
  return hit / all
}

describe("where LRU is the best there is", { timeout: 120_000 }, () => {
  /** Back and forth over as many ids as there are. */
  const zigzag = function*(ids: number, passes: number): Generator<string> {
    for (let pass = 0; pass < passes; pass++) {
      for (let i = 0; i < ids; i++) yield `id ${pass % 2 === 0 ? i : ids - 1 - i}`
    }
  }
  const cells = [
    { name: "zigzag", ids: 1500, passes: 40 },
    { name: "back and forth", ids: 900, passes: 12 },
    { name: "back and forth over many", ids: 10_000, passes: 6 }
  ].flatMap((trace) => [0.05, 0.2, 0.5].map((share) => ({ ...trace, capacity: Math.round(trace.ids * share) })))

  it.each(cells)("$name ($ids ids, $capacity entries): never one point under it", ({ capacity, ids, passes }) => {
    const lru = hitRatio(tierOf(policies.lru, capacity, 1), zigzag(ids, passes))
    expect(lru).toBeGreaterThan(0.02)
    for (const seed of [1, 2, 3]) {
      const tier = heldBy(new Adaptive({ capacity, weighed: false, seed: () => Math.imul(seed, 0x9e3779b1) }), capacity)
      expect(hitRatio(tier, zigzag(ids, passes))).toBeGreaterThan(lru - 0.01)
    }
  })

  /** Each id once more after twelve others, and never again; then a loop; and both once more. */
  const sandwich = function*(): Generator<string> {
    let fresh = 0
    for (const rounds of [30, 20]) {
      for (let i = 0; i < 15_000; i++, fresh++) {
        yield `id ${fresh}`
        if (i >= 12) yield `id ${fresh - 12}`
      }
      for (let round = 0; round < rounds; round++) for (let i = 0; i < 1200; i++) yield `loop ${i}`
    }
  }

  it.each([0.05, 0.2, 0.5])("a loop after what is read twice (%d of the ids): never half a point under it", (share) => {
    const capacity = Math.round(31_200 * share)
    const lru = hitRatio(tierOf(policies.lru, capacity, 1), sandwich())
    for (const seed of [1, 2, 3, 4, 5]) {
      const seeded = Math.imul(seed, 0x9e3779b1)
      expect(hitRatio(tierOf(policies.adaptive, capacity, seeded), sandwich())).toBeGreaterThan(lru - 0.005)
    }
  })

  /** 200,000 reads; which ids are popular changes every 20,000, and memory has room for half of all: LRU loses none. */
  const shifting = function*(): Generator<string> {
    const popular = 5000
    const sums = Float64Array.from({ length: popular }, (_, i) => 1 / (i + 1))
    for (let i = 1; i < popular; i++) sums[i]! += sums[i - 1]!
    let dice = 12
    for (let i = 0; i < 200_000; i++) {
      dice = Math.imul(dice, 1_664_525) + 1_013_904_223 >>> 0
      const drawn = dice / 2 ** 32 * sums[popular - 1]!
      let [from, to] = [0, popular - 1]
      while (from < to) {
        const middle = from + to >> 1
        if (sums[middle]! < drawn) from = middle + 1
        else to = middle
      }
      yield `id ${Math.floor(i / 20_000) * 1700 + from}`
    }
  }

  it("popular keys that change: half of the seeds are not half a point under it", () => {
    const ids = Array.from(shifting())
    const capacity = Math.round(new Set(ids).size / 2)
    const lru = hitRatio(tierOf(policies.lru, capacity, 1), ids)
    const under = [1, 2, 3, 4, 5].map((seed) =>
      lru - hitRatio(tierOf(policies.adaptive, capacity, Math.imul(seed, 0x9e3779b1)), ids)
    )
    expect(under.toSorted((a, b) => a - b)[2]).toBeLessThan(0.005)
  })
})

/**
 * An attacker that knows the code, and assumes the seed 7, asks for ids of their own choice between the reads of
 * others: all of a few buckets of the ghosts, and all followed by the shadow, round and round like a loop. Others read
 * back and forth, where LRU is the best.
 */
describe("ids that are chosen to meet", { timeout: 120_000 }, () => {
  const capacity = 1000
  const believed = 7
  const others = 150

  const chosen = ((): ReadonlyArray<string> => {
    const hashOf = makeHash(() => believed)
    const found: Array<string> = []
    for (let i = 0; found.length < others; i++) {
      const id = `chosen ${i}`
      const hash = hashOf({ id })
      // Only some ids of so many entries are sampled, and of those only the first buckets of the ghosts.
      if (Math.imul(hash, 0x85ebca6b) >>> 0 < 2 ** 28 && hash >>> 0 < 2 ** 30) found.push(id)
    }
    return found
  })()
  const ordinary = Array.from({ length: others }, (_, i) => `ordinary ${i}`)

  /** How often the reads of all others hit. */
  const ofOthers = (eviction: Eviction.Eviction, seed: number, added: ReadonlyArray<string>): number => {
    const tier = tierOf(eviction, capacity, seed)
    const reads = 60_000
    let hit = 0
    for (let i = 0; i < reads; i++) {
      if (i % 10 === 0) hits(tier, added[i / 10 % added.length]!)
      const pass = Math.floor(i / 3000)
      if (hits(tier, `page ${pass % 2 === 0 ? i % 3000 : 2999 - i % 3000}`)) hit++
    }
    return hit / reads
  }

  it.each([policies.adaptive, policies.s3Fifo, policies.wTinyLfu])(
    "under $name change nothing where the seed is unknown",
    (eviction) => {
      for (const seed of [0x1234_5678, 99]) {
        const difference = ofOthers(eviction, seed, chosen) - ofOthers(eviction, seed, ordinary)
        expect(Math.abs(difference)).toBeLessThan(0.01)
      }
    }
  )

  it("would do harm where it is known", () => {
    const difference = ofOthers(policies.adaptive, believed, chosen) - ofOthers(policies.adaptive, believed, ordinary)
    expect(difference).toBeLessThan(-0.02)
  })

  test("no two caches have the same seed", function*() {
    const seeds: Array<number> = []
    const eviction: Eviction.Eviction = {
      name: "tells",
      make: (options) => {
        seeds.push(options.seed())
        return policies.lru.make(options)
      }
    }
    for (let i = 0; i < 20; i++) yield* Effect.provide(Cached.set("a", 1), CacheLayer.memory({ eviction }))
    expect(new Set(seeds).size).toBe(20)
  })
})
