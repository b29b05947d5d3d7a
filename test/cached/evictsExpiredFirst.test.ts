/** A memory that is full lets go of what has expired before anything that may still be served. */
import { describe, expect, it } from "@effect/vitest"
import { type Duration, Effect } from "effect"
import { Cached, CacheLayer, CachePolicy } from "effect-cached"
import type { Eviction } from "effect-cached/adapters"
import { TestClock } from "effect/testing"
import { policies } from "../../src/internal/eviction/policies.ts"
import { caches } from "../support/caches.ts"
import { testIn } from "../support/tests.ts"

const read = (key: string, ttl: Duration.Input = "1 hour") => Cached.ttl(Effect.succeed(key), key, { ttl })

/** The keys that memory answers: only what it has is read without a load. */
const held = (keys: ReadonlyArray<string>) =>
  Effect.filter(
    keys,
    (key) =>
      CachePolicy.disable("set")(Cached.ttl(Effect.succeed("loaded"), key, { ttl: "1 hour" })).pipe(
        Effect.map((value) => value !== "loaded")
      )
  )

const numbered = (count: number, name = "dead") => Array.from({ length: count }, (_, i) => `${name} ${i}`)

const newestFirst: Eviction.Eviction = {
  name: "newest first",
  make: () => {
    const nodes: Array<Eviction.Node> = []
    return {
      added: (node) => void nodes.push(node),
      read: () => {},
      removed: (node) => void nodes.splice(nodes.indexOf(node), 1),
      victim: () => nodes.at(-1)
    }
  }
}

const { fifo, leastRecentlyUpdated, lru } = policies

for (const eviction of [lru, fifo, leastRecentlyUpdated, newestFirst]) {
  describe(`with ${eviction.name}`, () => {
    testIn(CacheLayer.memory({ capacity: 10, eviction }))("nine dead entries never push out a live one", function*() {
      yield* read("live")
      for (const key of numbered(9)) yield* read(key, "1 minute")
      yield* TestClock.adjust("2 minutes")
      for (const key of numbered(9, "new")) {
        yield* read(key)
        expect(yield* held(["live"])).toEqual(["live"])
      }
      expect(yield* held(numbered(9, "new"))).toEqual(numbered(9, "new"))
      expect((yield* Cached.stats).evictions).toBe(0)
      yield* read("one more")
      expect((yield* Cached.stats).removals).toMatchObject({ expired: 9, evicted: 1 })
    })
  })
}

describe.each(caches.filter(({ memory }) => memory))("over $name", (cache) => {
  const test = testIn(cache.layer({ capacity: 10 }))

  test("whichever deadlines there are: none, the same, any order", function*() {
    const gone: Array<string> = []
    yield* Cached.onRemoval(({ cause, id }) => Effect.sync(() => gone.push(`${id} ${cause}`)))
    const minutes = [7, 3, 9, 3, 1, 8, 2, 3, 5]
    yield* read("live", Infinity)
    for (const [i, minute] of minutes.entries()) yield* read(`dead ${i}`, `${minute} minutes`)
    yield* TestClock.adjust("4 minutes")
    for (const key of numbered(5, "new")) yield* read(key)
    yield* Effect.repeat(Effect.yieldNow, { times: 100 })
    const expired = minutes.flatMap((minute, i) => minute <= 4 ? [`dead ${i} expired`] : [])
    expect(gone.toSorted()).toEqual(expired.toSorted())
    yield* read("one more")
    yield* Effect.repeat(Effect.yieldNow, { times: 100 })
    expect(gone.at(-1)).toBe("live evicted")
  })

  test("an entry with another lifetime by now: later, earlier, none, some", function*() {
    for (const key of ["later", "earlier", "never"]) yield* read(key, "10 minutes")
    yield* read("some", Infinity)
    for (const key of numbered(6, "live")) yield* read(key)
    yield* Cached.touch("later", "1 hour")
    yield* Cached.touch("earlier", "1 minute")
    yield* Cached.touch("never", Infinity)
    yield* Cached.touch("some", "2 minutes")
    yield* TestClock.adjust("3 minutes")
    yield* read("a")
    yield* read("b")
    const live = ["later", "never", ...numbered(6, "live"), "a", "b"]
    expect(yield* held(live)).toEqual(live)
    yield* TestClock.adjust("20 minutes")
    yield* read("c")
    expect((yield* Cached.stats).evictions).toBe(1)
  })

  test("an entry whose lifetime slides", function*() {
    const slides = Cached.sliding(Effect.succeed("slides"), "slides", { idle: "10 minutes" })
    yield* slides
    for (const key of numbered(9, "live")) yield* read(key)
    for (let i = 0; i < 5; i++) {
      yield* TestClock.adjust("9 minutes")
      yield* slides
    }
    for (const key of numbered(9, "live")) yield* read(key)
    yield* TestClock.adjust("5 minutes")
    // It has not expired, and was used longest ago.
    yield* read("a")
    expect((yield* Cached.stats).evictions).toBe(1)
    yield* slides
    for (const key of numbered(9, "late")) yield* read(key, "2 hours")
    yield* TestClock.adjust("11 minutes")
    yield* read("b", "2 hours")
    expect(yield* held([...numbered(9, "late"), "b"])).toEqual([...numbered(9, "late"), "b"])
  })

  test("an entry that was invalidated, replaced or cleared leaves nothing behind", function*() {
    for (let round = 0; round < 50; round++) {
      for (const key of numbered(10, "a")) yield* read(key, "1 minute")
      for (const key of numbered(5, "a")) yield* Cached.set(key, round, { ttl: "2 minutes" })
      yield* Cached.invalidate("a 7")
      if (round % 10 === 9) yield* Cached.clear
    }
    yield* TestClock.adjust("90 seconds")
    for (const key of numbered(10, "b")) yield* read(key)
    yield* TestClock.adjust("10 minutes")
    expect(yield* held(numbered(10, "b"))).toEqual(numbered(10, "b"))
  })
})

it.effect("an entry that a reader's shorter constant or touch has shortened is dead in time", () =>
  Effect.gen(function*() {
    for (const key of numbered(5)) yield* read(key, "1 hour")
    yield* read("live")
    for (const key of numbered(5)) yield* read(key, "1 minute")
    yield* Cached.set("touched", 1, { ttl: "1 hour" })
    yield* Cached.touch("touched", "30 seconds")
    yield* TestClock.adjust("1 minute")
    for (const key of numbered(6, "new")) yield* read(key)
    expect(yield* held(["live", ...numbered(6, "new")])).toHaveLength(7)
    expect((yield* Cached.stats).evictions).toBe(0)
  }).pipe(Effect.provide(CacheLayer.memory({ capacity: 7 }))))

describe("a strategy of one's own", () => {
  it.effect("that still serves what is stale keeps it until it has expired", () =>
    Effect.gen(function*() {
      const stale = Cached.withStrategy(Effect.succeed("stale"), "stale", {
        strategy: { strategy: "softTtl", ttl: "1 hour", softTtl: "1 minute" }
      })
      yield* stale
      yield* read("live")
      yield* TestClock.adjust("30 minutes")
      yield* read("live")
      yield* read("dead", "1 minute")
      yield* TestClock.adjust("2 minutes")
      yield* read("new")
      const failing = Cached.softTtl(Effect.fail("down"), "stale", {
        ttl: "1 hour",
        softTtl: "1 minute",
        fallbackOn: "all"
      })
      expect(yield* failing).toBe("stale")
    }).pipe(Effect.provide(CacheLayer.memory({ capacity: 3 }))))
})
