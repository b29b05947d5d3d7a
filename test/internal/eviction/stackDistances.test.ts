/** The sampled stack distances against the exact ones, on recorded and on made accesses. */
import { describe, expect, it } from "@effect/vitest"
import { makeHash } from "../../../src/internal/eviction/nodes.ts"
import { type Sample, StackDistances } from "../../../src/internal/eviction/stackDistances.ts"
import { traces } from "../../proofs/bench/traces.ts"
import { randomOf } from "../../support/random.ts"
import { lruRatios, ratioAt } from "../../support/stackDistances.ts"

/** Reads all, as a memory tier does for which so many of its entries are followed at first. */
const follow = (accesses: ArrayLike<number>, { followed = 0, seed = 1, share = 1 } = {}) => {
  const hashOf = makeHash(() => Math.imul(seed, 0x9e3779b1))
  const dropped: Array<Sample> = []
  const distances = new StackDistances<Sample>({ share, followed, onDrop: (sample) => void dropped.push(sample) })
  let most = 0
  for (let i = 0; i < accesses.length; i++) {
    distances.reads++
    const hash = hashOf({ id: `key:${accesses[i]}` })
    if (!distances.isFollowed(hash)) continue
    const sample = distances.samples.get(hash)
    if (sample === undefined) distances.begin({ hash, weight: 1, place: 0 })
    else distances.read(sample)
    most = Math.max(most, distances.samples.size)
  }
  return { distances, dropped, most }
}

/** The mean error over capacities from an eighth of one to eight times that. */
const errorOf = (
  accesses: ArrayLike<number>,
  points: ReturnType<StackDistances["points"]>,
  capacity: number
): number => {
  const exact = lruRatios(accesses)
  const errors: Array<number> = []
  for (let at = Math.max(1, capacity / 8); at <= Math.min(capacity * 8, exact.length - 1); at *= 1.3) {
    const whole = Math.round(at)
    errors.push(Math.abs(ratioAt(points, whole) - exact[whole]!))
  }
  return errors.reduce((sum, error) => sum + error, 0) / errors.length
}

const accessesOf = (count: number, next: (random: () => number, i: number) => number): ReadonlyArray<number> => {
  const random = randomOf(1)
  return Array.from({ length: count }, (_, i) => next(random, i))
}

describe("where all ids are followed", () => {
  it.each([
    ["random", accessesOf(5000, (random) => Math.floor(random() * 900))],
    ["a popular few", accessesOf(5000, (random) => Math.floor(900 ** random()))],
    ["a loop", accessesOf(5000, (_, i) => i % 700)],
    ["one id", accessesOf(100, () => 7)],
    ["no id twice", accessesOf(1000, (_, i) => i)]
  ])("each point is what an LRU cache hits: %s", (_, accesses) => {
    const { distances } = follow(accesses)
    const exact = lruRatios(accesses)
    for (const { capacity, hitRatio } of distances.points()) {
      expect(hitRatio).toBeCloseTo(exact[Math.min(capacity, exact.length - 1)]!, 10)
    }
    expect(distances.points().at(-1)?.hitRatio ?? 0).toBeCloseTo(exact.at(-1)!, 10)
  })

  it("ids that were read a moment ago may stay in their places", () => {
    const accesses = accessesOf(20_000, (random) => Math.floor(2000 ** random()))
    const { distances } = follow(accesses, { followed: 1000 })
    expect(errorOf(accesses, distances.points(), 1000)).toBeLessThan(0.01)
  })

  it("an id that is forgotten is new when it comes again", () => {
    const { distances } = follow([1, 2, 1])
    for (const sample of Array.from(distances.samples.values())) distances.forget(sample)
    expect(distances.samples.size).toBe(0)
    distances.reads++
    const sample = distances.begin({ hash: 1, weight: 1, place: 0 })
    distances.reads++
    distances.read(sample)
    // Two of five reads have hit: one at a distance of two, one at a distance of one.
    expect(distances.points().map(({ hitRatio }) => hitRatio)).toEqual([1 / 5, 2 / 5])
  })

  it("distances are sums of weights", () => {
    const distances = new StackDistances<Sample>({ share: 1, followed: 0, onDrop: () => {} })
    const [a, b] = [3, 5].map((weight, hash) => distances.begin({ hash, weight, place: 0 }))
    distances.reweigh(b!, 6)
    distances.read(a!)
    distances.reads = 3
    expect(distances.points().find(({ hitRatio }) => hitRatio > 0)!.capacity).toBe(9)
  })
})

describe("the sample", () => {
  it("has a bound, and is halved where it becomes too large", () => {
    const accesses = accessesOf(120_000, (_, i) => i % 60_000)
    const { distances, dropped, most } = follow(accesses)
    expect(most).toBe(4096)
    // Four times half of the bound, or so.
    expect(dropped.length).toBeGreaterThan(4096)
    expect(dropped.every(({ place }) => place === 0)).toBe(true)
    expect(distances.share).toBe(1 / 16)
    const points = distances.points()
    expect(ratioAt(points, 50_000)).toBeLessThan(0.05)
    expect(Math.abs(ratioAt(points, 70_000) - 0.5)).toBeLessThan(0.03)
  })

  it("counts what came before it was halved for as much as what comes after", () => {
    const loops = accessesOf(9000, (_, i) => i % 3000)
    const once = accessesOf(60_000, (_, i) => 3000 + i)
    const popular = accessesOf(60_000, (random) => Math.floor(random() * 100))
    const accesses = [...loops, ...once, ...popular]
    const { distances } = follow(accesses)
    expect(distances.share).toBe(1 / 16)
    const exact = lruRatios(accesses)
    for (const capacity of [200, 4000]) {
      expect(Math.abs(ratioAt(distances.points(), capacity) - exact[capacity]!)).toBeLessThan(0.03)
    }
  })

  it("is corrected where it has more or fewer of the popular ids than their share", () => {
    const accesses = accessesOf(50_000, (random) => Math.floor(random() < 0.5 ? random() * 3 : 3 + random() * 8000))
    const errors = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => {
      const { distances } = follow(accesses, { share: 1 / 8, seed })
      return errorOf(accesses, distances.points(), 2000)
    })
    expect(Math.max(...errors)).toBeLessThan(0.03)
  })
})

// As it is where memory has room for a fifth of the ids.
describe.each(traces())("$name", ({ accesses, unique }) => {
  it("is within four hundredths of the truth", { timeout: 300_000 }, () => {
    const capacity = Math.round(unique / 5)
    const share = Math.min(1 / 8, 256 / capacity)
    const errors = [1, 2, 3, 4, 5].map((seed) => {
      const { distances } = follow(accesses, { share, followed: capacity * share, seed })
      return errorOf(accesses, distances.points(), capacity)
    })
    // Small ones have few ids that are followed: half of the seeds.
    expect(errors.toSorted((one, other) => one - other)[2]).toBeLessThan(unique < 3000 ? 0.06 : 0.04)
  })
})
