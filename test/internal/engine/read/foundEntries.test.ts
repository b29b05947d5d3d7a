/** Callers of a flight that finds an entry in the store. */
import { describe, expect, it } from "@effect/vitest"
import { type Duration, Effect, Stream } from "effect"
import { Cached, type CacheEvent, type Caching } from "effect-cached"
import { TestClock } from "effect/testing"
import { ended, fakeStore, over, settle, start, within } from "../../../support/caches.ts"

/** Reads with a timeout have a flight each, or join one. */
const options = { timeout: "1 minute" } as const

const plain = (load: Effect.Effect<string, string> = Effect.succeed("loaded")) =>
  Cached.ttl(load, "k", { ...options, ttl: "1 hour" })

/** The answers to two readers, the first of which starts the flight: their values, or their exits. */
const both = (...reads: ReadonlyArray<Effect.Effect<unknown, unknown, Caching.Caching>>) =>
  Effect.gen(function*() {
    const readers = yield* Effect.forEach(reads, start)
    for (let i = 0; i < 5; i++) yield* Effect.andThen(TestClock.adjust(10), settle)
    return readers.map(ended).map((exit) => exit !== "still waiting" && exit._tag === "Success" ? exit.value : exit)
  })

/**
 * Everything takes place without memory, over a store with an entry that was made at the first millisecond of a
 * day.
 */
const overStore = <A, E>(test: (fake: ReturnType<typeof fakeStore>) => Effect.Effect<A, E, Caching.Caching>) => {
  const fake = fakeStore()
  fake.behave = (operation) => operation === "get" ? { before: Effect.sleep(5) } : {}
  return Effect.andThen(TestClock.adjust("1 day"), within(over(fake, { memory: false }), test(fake)))
}

const due = (load: Effect.Effect<string>, ttl: Duration.Input = "1 hour") =>
  Cached.refreshAhead(load, "k", { ...options, ttl, refreshAfter: "1 minute" })

const store = (read: Effect.Effect<string, unknown, Caching.Caching>) =>
  Effect.andThen(start(read), Effect.andThen(settle, Effect.andThen(TestClock.adjust(20), settle)))

const stored = Effect.succeed("stored")

const events = Effect.gen(function*() {
  const seen: Array<CacheEvent.CacheEvent> = []
  yield* start(Stream.runForEach(Cached.events(), (event) => Effect.sync(() => seen.push(event))))
  return seen
})

describe("both are served", () => {
  it.effect("what is fresh, as a hit in the store each", () =>
    overStore(() =>
      Effect.gen(function*() {
        yield* store(plain(stored))
        const seen = yield* events
        const [first, second] = yield* both(Cached.detect(plain()), Cached.detect(plain()))
        for (const read of [first, second]) expect(read).toMatchObject(["stored", [{ key: "k", source: "store" }]])
        expect(yield* Cached.stats).toMatchObject({ storeHits: 2, stale: 0 })
        expect(seen.filter(({ _tag }) => _tag === "Hit")).toMatchObject([{ source: "store" }, { source: "store" }])
      })
    ))

  it.effect("what is due, as a hit that is stale", () =>
    overStore(() =>
      Effect.gen(function*() {
        yield* store(due(stored))
        yield* TestClock.adjust("2 minutes")
        const reads = [due(Effect.never), due(Effect.never)]
        const [first, second] = yield* both(...reads.map((read) => Cached.detect(read)))
        for (const read of [first, second]) expect(read).toMatchObject(["stored", [{ source: "stale" }]])
        expect(yield* Cached.stats).toMatchObject({ storeHits: 2, stale: 0 })
      })
    ))

  it.effect("what stands in for a load that would fail, as stale", () =>
    overStore(() =>
      Effect.gen(function*() {
        yield* store(plain(stored))
        const down = Cached.failover(Effect.fail("down"), "k", {
          ...options,
          ttl: "1 hour",
          retryAfter: "1 hour",
          fallbackOn: "all"
        })
        yield* both(down, Effect.void)
        const before = (yield* Cached.stats).stale
        const seen = yield* events
        const [first, second] = yield* both(Cached.detect(down), Cached.detect(down))
        for (const read of [first, second]) expect(read).toMatchObject(["stored", [{ source: "stale" }]])
        expect(yield* Cached.stats).toMatchObject({ storeHits: 0, stale: before + 2 })
        expect(seen.map(({ _tag }) => _tag)).toEqual(["Joined", "Stale", "Stale"])
      })
    ))

  it.effect("and a load around a read takes over the end of what was found, unless that is stale", () =>
    overStore((fake) =>
      Effect.gen(function*() {
        yield* store(due(stored, "10 minutes"))
        const outer = (key: string) =>
          Cached.ttl(due(Effect.delay(stored, "1 second"), "10 minutes"), key, { ttl: "1 hour", inherit: "life" })
        yield* both(outer("first"), outer("second"))
        for (const key of ["first", "second"]) {
          expect(fake.entries.get(key)!.meta.expiresAt).toBe(fake.entries.get("k")!.meta.expiresAt)
        }
        yield* TestClock.adjust("2 minutes")
        yield* both(outer("third"), outer("fourth"))
        for (const key of ["third", "fourth"]) expect(fake.entries.has(key)).toBe(false)
      })
    ))
})

describe("one is served, and the other", () => {
  it.effect("falls back on what was found if its load fails", () =>
    overStore((fake) =>
      Effect.gen(function*() {
        yield* store(plain(stored))
        const asked = fake.count("get")
        const down = Cached.failover(Effect.fail("down"), "k", { ...options, ttl: "1 hour", fallbackOn: "all" })
        expect(yield* both(plain(), down)).toEqual(["stored", "stored"])
        expect(yield* Cached.stats).toMatchObject({ storeHits: 1, stale: 1, loadFailures: 1 })
        // The second belongs to the lease of the load.
        expect(fake.count("get") - asked).toBe(2)
      })
    ))

  it.effect("slides its end, unless its policy does not write", () =>
    overStore((fake) =>
      Effect.gen(function*() {
        yield* store(Cached.ttl(stored, "k", { ...options, ttl: "20 minutes" }))
        yield* TestClock.adjust("10 minutes")
        const sliding = Cached.sliding(Effect.never, "k", { ...options, idle: "20 minutes" })
        expect(yield* both(plain(), sliding)).toEqual(["stored", "stored"])
        yield* settle
        expect(fake.entries.get("k")!.meta.expiresAt).toBeGreaterThan(86_400_000 + 29 * 60_000)
      })
    ))
})
