/** `simulate`: the hits of recorded reads, with the code that caches run. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Stream } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import type { Eviction } from "effect-cached/adapters"
import { simulate } from "effect-cached/testing"
import { many } from "../../src/internal/defaults/bounds.ts"
import { policies } from "../../src/internal/eviction/policies.ts"
import { Seed } from "../../src/internal/token.ts"
import { impatient } from "../support/impatient.ts"
import { randomOf } from "../support/random.ts"
import { lruRatios } from "../support/stackDistances.ts"
import { test, testIn } from "../support/tests.ts"

const zipf = (count: number, ids: number): ReadonlyArray<number> => {
  const random = randomOf(4)
  return Array.from({ length: count }, () => Math.floor(ids ** random()) - 1)
}

const all = ["adaptive", "lru", "fifo", "s3Fifo", "wTinyLfu", "leastRecentlyUpdated"] as const

const refusal = <A>(effect: Effect.Effect<A, unknown>) =>
  Effect.map(Effect.exit(effect), (exit) => {
    if (Exit.isSuccess(exit)) return "none"
    const [reason] = exit.cause.reasons
    return reason?._tag === "Fail" ? String(reason.error) : `died: ${String(exit.cause)}`
  })

describe("simulate", { timeout: 300_000 }, () => {
  test("hits with LRU what an LRU cache hits", function*() {
    const reads = zipf(10_000, 3000)
    const exact = lruRatios(reads)
    const capacities = [1, 2, 30, 500, 5000]
    const { ids, reads: count, results } = yield* simulate(reads, ["lru"], { capacities })
    expect({ ids, count }).toEqual({ ids: exact.length - 1, count: 10_000 })
    for (const { capacity, hitRatio, hits } of results) {
      expect(hitRatio).toBeCloseTo(exact[Math.min(capacity, ids)]!, 10)
      expect(hits).toBe(Math.round(hitRatio * count))
    }
  })

  it.effect.each(all)("hits with $name what a cache hits", (eviction) =>
    Effect.gen(function*() {
      const reads = zipf(6000, 2000).flatMap((id, i) => [id, 5000 + i % 300])
      const { results } = yield* simulate(reads, [eviction], { capacities: [200], seed: 1 })
      // The dice of the simulation.
      const draw = () => Uint32Array.of(1, 1, 2, 3)
      const { hits } = yield* Effect.forEach(
        reads,
        (id) => Cached.ttl(Effect.succeed(id), `${id}`, { ttl: "1 hour" }),
        { discard: true }
      ).pipe(
        Effect.andThen(Cached.stats),
        Effect.provide(
          CacheLayer.memory({ capacity: 200, eviction }).pipe(Layer.provide(Layer.succeed(Seed, draw)))
        )
      )
      expect(results[0]!.hits).toBe(hits)
    }))

  test("gives the same numbers with the same seed", function*() {
    const reads = zipf(8000, 4000)
    const one = yield* simulate(reads, all, { seed: 7 })
    expect(yield* simulate(reads, all, { seed: 7 })).toEqual(one)
    const other = yield* simulate(reads, all, { seed: 8 })
    expect(other.results).not.toEqual(one.results)
  })

  testIn(CacheLayer.memory())("takes the events of a cache", function*() {
    const recording = yield* Cached.events().pipe(
      Stream.takeUntil((event) => event._tag === "Invalidate"),
      Stream.runCollect,
      Effect.forkChild({ startImmediately: true })
    )
    for (const key of ["a", "b", "a", "c", "a"]) yield* Cached.ttl(Effect.succeed(1), key, { ttl: "1 hour" })
    yield* Cached.invalidate("a")
    const { ids, reads, results } = yield* simulate(yield* Fiber.join(recording), ["lru"], { capacities: [2] })
    expect({ ids, reads, hits: results[0]!.hits }).toEqual({ ids: 3, reads: 5, hits: 2 })
  })

  test("takes a stream, such as the lines of a file, and fails as it fails", function*() {
    const lines = Stream.make("a\nb\na", "\nc\na").pipe(Stream.splitLines)
    const { results } = yield* simulate(lines, ["lru"], { capacities: [2] })
    expect(results[0]!.hits).toBe(2)
    expect(yield* refusal(simulate(Stream.fail("no such file")))).toBe("no such file")
  })

  test("without options compares what is shipped, at shares of the ids", function*() {
    const { results, table } = yield* simulate(zipf(3000, 1000))
    expect(new Set(results.map(({ policy }) => policy)))
      .toEqual(new Set(["adaptive", "wTinyLfu", "s3Fifo", "lru", "fifo"]))
    expect(table.split("\n")[0]).toBe("| capacity | adaptive | wTinyLfu | s3Fifo | lru | fifo |")
    expect(table.split("\n")).toHaveLength(2 + results.length / 5)
  })

  test("of no reads has no numbers, and of one id one capacity", function*() {
    const none = yield* simulate([])
    expect(none).toMatchObject({ ids: 0, reads: 0, results: [] })
    expect(none.svg).not.toContain("NaN")
    const one = yield* simulate(["a", "a", "a"], ["lru"])
    expect(one.results).toEqual([{ policy: "lru", capacity: 1, hits: 2, hitRatio: 2 / 3 }])
    expect(one.svg).not.toContain("NaN")
    const { results } = yield* simulate([], ["lru"], { capacities: [5] })
    expect(results[0]!.hitRatio).toBe(0)
  })

  test("takes any text as an id, and any name of a policy", function*() {
    const odd = ["__proto__", "", "\u{d800}", "a\nb", "constructor", "</svg>", "😀", "__proto__"]
    const named = (name: string): Eviction.Eviction => ({ ...policies.lru, name, make: policies.lru.make })
    const { ids, results, svg, table } = yield* simulate(
      odd,
      [named("<script>\u{0}&\"|\n"), named("same"), named("same")],
      { capacities: [10] }
    )
    expect({ ids, hits: results.map(({ hits }) => hits) }).toEqual({ ids: 7, hits: [1, 1, 1] })
    expect(svg).not.toContain("<script>")
    expect(svg).toContain("&lt;script&gt;&amp;&quot;|")
    expect(svg).not.toContain("\u{0}")
    expect(table.split("\n")).toHaveLength(3)
    expect(table).toContain("\\|")
  })

  test("fails for what makes no sense, and for a policy that throws", function*() {
    for (const capacity of [0, -1, 1.5, NaN, Infinity, "10", undefined]) {
      expect(yield* refusal(simulate(["a"], ["lru"], { capacities: [capacity as number] })))
        .toContain("A capacity of simulate must be a whole number of at least 1")
    }
    expect(yield* refusal(simulate(["a"], ["lru"], { capacities: 5 as never }))).toContain("must be a list")
    expect(yield* refusal(simulate(["a"], ["lru"], { seed: 0.5 }))).toContain("seed of simulate")
    expect(yield* refusal(simulate(["a"], ["lru"], { capacity: 5 } as never))).toContain("capacities")
    expect(yield* refusal(simulate(["a"], ["lfu" as never]))).toContain("must be one of adaptive, s3Fifo")
    for (const access of [null, {}, true, undefined]) {
      expect(yield* refusal(simulate([access as never]))).toContain("An access of simulate must be an id or an event")
    }
    const throwing = (method: string): Eviction.Eviction => ({
      name: "mine",
      make: (options) => ({
        ...policies.lru.make(options),
        [method]: () => {
          throw new Error("broken")
        }
      })
    })
    for (const method of ["added", "read", "removed", "victim"]) {
      expect(yield* refusal(simulate(["a", "a", "b"], [throwing(method)], { capacities: [1] })))
        .toContain("The eviction policy \"mine\" failed: Error: broken")
    }
    const lost: Eviction.Eviction = {
      name: "mine",
      make: (options) => ({
        ...policies.lru.make(options),
        victim: () => ({ id: "else", previous: undefined, next: undefined })
      })
    }
    expect(yield* refusal(simulate(["a", "b"], [lost], { capacities: [1] }))).toContain("not in memory")
  })

  test("lets others have their turns", function*() {
    const reads = Array.from({ length: 6400 }, (_, i) => i % 500)
    let turns = 0
    const ticking = yield* Effect.forkChild(Effect.gen(function*() {
      for (;; turns++) yield* Effect.yieldNow
    }))
    yield* impatient(simulate(reads, [policies.adaptive], { capacities: [100, 200] }))
    yield* Fiber.interrupt(ticking)
    // The reads are taken up, and tried with each capacity.
    expect(turns).toBeGreaterThanOrEqual(3 * reads.length / many.steps - 3)
  })
})
