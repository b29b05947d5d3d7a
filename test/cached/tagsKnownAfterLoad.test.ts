/** Tags that are known only after the load. */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Layer, Option, Scheduler, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy, type Caching, type Strategy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { caches, elapse, fakeStore, over, settle, start, started } from "../support/caches.ts"
import { ownSerializer, parsed } from "../support/ownSerializer.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test, testWithin } from "../support/tests.ts"

class Page extends CacheKey.Class<Page>()("Page", { payload: { n: Schema.Int }, success: Schema.String }) {}

const key = new Page({ n: 1 })
const entryOf = (k: Page) => Effect.map(Cached.getEntry(k), Option.getOrUndefined)

/** Loads that say something of their results, and are counted. */
const saying = (annotations: Cached.Annotations) => {
  let loads = 0
  return { load: Effect.andThen(Cached.annotate(annotations), Effect.sync(() => `value ${++loads}`)) }
}

for (const cache of caches) {
  const test = testWithin(cache.layer())

  describe(`annotate, over ${cache.name}`, () => {
    const minute = 60_000
    const strategies: Record<string, Strategy.Input> = {
      ttl: { ttl: "10 minutes" },
      softTtl: { strategy: "softTtl", ttl: "10 minutes", softTtl: "5 minutes" },
      refreshAhead: { strategy: "refreshAhead", ttl: "10 minutes", refreshAfter: "5 minutes" },
      probabilistic: { strategy: "probabilistic", ttl: "10 minutes" },
      failover: { strategy: "failover", ttl: "10 minutes" },
      untilInvalidated: { strategy: "untilInvalidated" },
      sliding: { strategy: "sliding", idle: "5 minutes", ttl: "10 minutes" },
      "sliding for ever": { strategy: "sliding", idle: "5 minutes" }
    }
    // [annotated, expires, expires softly], in minutes
    const lifetimes: Record<string, ReadonlyArray<readonly [Duration.Input, number, number]>> = {
      ttl: [["2 minutes", 2, 2], ["1 hour", 60, 60], ["10 minutes", 10, 10], ["Infinity", Infinity, Infinity]],
      softTtl: [["2 minutes", 2, 2], ["7 minutes", 7, 5], ["1 hour", 60, 5], ["Infinity", Infinity, 5]],
      refreshAhead: [["2 minutes", 2, 2], ["7 minutes", 7, 5], ["1 hour", 60, 5]],
      probabilistic: [["2 minutes", 2, 2], ["1 hour", 60, 60]],
      failover: [["2 minutes", 2, 2], ["1 hour", 60, 60]],
      untilInvalidated: [["2 minutes", 2, 2], ["1 hour", 60, 60]],
      // A sliding entry keeps in `softExpiresAt` what reads cannot move it past.
      sliding: [["2 minutes", 2, 2], ["7 minutes", 5, 7], ["1 hour", 5, 60]],
      "sliding for ever": [["2 minutes", 2, 2], ["7 minutes", 5, 7]]
    }
    for (const [name, strategy] of Object.entries(strategies)) {
      test(`takes the place of the ttl of ${name}`, function*() {
        for (const [n, [ttl, expires, softly]] of lifetimes[name]!.entries()) {
          const page = new Page({ n })
          yield* Cached.withStrategy(saying({ ttl }).load, page, { strategy })
          const label = `${name}, ${String(ttl)}`
          expect([label, (yield* entryOf(page))?.expiresAt]).toEqual([label, expires * minute])
          expect([label, (yield* entryOf(page))?.softExpiresAt]).toEqual([label, softly * minute])
        }
        for (const ttl of [0, -1, "0 seconds", Duration.zero, "-1 minute"] as Array<Duration.Input>) {
          const { load } = saying({ ttl })
          const cached = Cached.withStrategy(load, new Page({ n: -1 }), { strategy })
          expect([yield* cached, yield* cached]).toEqual(["value 1", "value 2"])
        }
      })
    }

    test("a value that lives longer than its strategy says is as fresh as any", function*() {
      const inner = Cached.ttl(saying({ ttl: "1 hour" }).load, key, { ttl: "1 minute" })
      yield* inner
      yield* TestClock.adjust("2 minutes")
      const [, [detected]] = yield* Cached.detect(inner)
      expect(detected?.source).toMatch(/memory|store/)
      const outer = Cached.ttl(inner, new Page({ n: 2 }), { ttl: "1 hour" })
      yield* outer
      expect(yield* Cached.has(new Page({ n: 2 }))).toBe(true)
    })

    test("reads move a sliding entry up to the annotated end, not past it", function*() {
      const said = saying({ ttl: "7 minutes" })
      const page = Cached.sliding(said.load, key, { idle: "5 minutes" })
      yield* page
      yield* TestClock.adjust("4 minutes")
      expect(yield* page).toBe("value 1")
      yield* TestClock.adjust("2 minutes")
      expect(yield* page).toBe("value 1")
      yield* TestClock.adjust("1 minute")
      expect(yield* page).toBe("value 2")
    })

    test("the last call counts, for each of the three", function*() {
      const load = Effect.gen(function*() {
        yield* Cached.annotate({ etag: "1", ttl: "1 minute", tags: ["a", "b"] })
        yield* Cached.annotate({ ttl: "2 minutes" })
        yield* Effect.forkChild(Cached.annotate({ tags: ["c"], etag: undefined }), { startImmediately: true })
        yield* Cached.annotate({})
        return "value"
      })
      yield* Cached.ttl(load, key, { ttl: "1 hour", tags: [] })
      const entry = yield* entryOf(key)
      expect(entry).toMatchObject({ etag: "1", expiresAt: 120_000 })
      expect(entry?.tags.filter((tag) => !tag.startsWith("~"))).toEqual(["c"])
    })

    test("is about the outcome, a failure too", function*() {
      let loads = 0
      const load = Effect.andThen(
        Cached.annotate({ ttl: "1 minute", tags: ["t"] }),
        Effect.suspend(() => Effect.fail(`down ${++loads}`))
      )
      const page = Effect.flip(Cached.ttl(load, "k", { ttl: "1 hour", when: () => true }))
      expect(yield* page).toBe("down 1")
      yield* TestClock.adjust("59 seconds")
      if (cache.memory) expect(yield* page).toBe("down 1")
      yield* TestClock.adjust("1 second")
      const n = loads + 1
      expect(yield* page).toBe(`down ${n}`)
      yield* Cached.invalidate({ tag: "t" })
      expect(yield* page).toBe(`down ${n + 1}`)
    })

    test("tags of one try of a refresh do not apply to the next", function*() {
      let loads = 0
      const load = Effect.suspend(() =>
        ++loads === 2
          ? Effect.andThen(Cached.annotate({ ttl: "1 second", etag: "no", tags: ["no"] }), Effect.fail("down"))
          : Effect.succeed(`value ${loads}`)
      )
      const page = Cached.refreshAhead(load, key, { ttl: "1 hour", refreshAfter: "1 minute", tags: [] })
      yield* page
      yield* TestClock.adjust("1 minute")
      yield* page
      yield* elapse("1 second")
      const entry = yield* entryOf(key)
      expect(entry?.value).toBe("value 3")
      expect(entry?.etag).toBe(undefined)
      expect(entry?.tags).not.toContain("no")
      expect(entry!.expiresAt - entry!.createdAt).toBe(3_600_000)
    })

    test("a strategy that does not store an outcome does not store it whatever the load says", function*() {
      yield* Cached.ttl(saying({ ttl: "1 hour" }).load, key, { ttl: "1 hour", when: () => false })
      expect(yield* Cached.has(key)).toBe(false)
    })
  })

  describe(`tags known after the load, over ${cache.name}`, () => {
    test("are beside those of the key: invalidating either removes the value", function*() {
      const said = saying({ tags: ["late", "later"] })
      const page = Cached.ttl(said.load, key, { ttl: "1 hour", tags: ["own"] })
      let n = 0
      for (const tag of ["late", "own", "later"]) {
        expect(yield* page).toBe(`value ${++n}`)
        yield* Cached.invalidate({ tag: "another" })
        expect(yield* page).toBe(`value ${n}`)
        yield* Cached.invalidate({ tag })
      }
      yield* page
      yield* Cached.invalidate({ all: Page })
      expect(yield* page).toBe("value 5")
    })

    test("a soft invalidation of one makes the value stale", function*() {
      const said = saying({ tags: ["late"] })
      const page = Cached.softTtl(said.load, key, { ttl: "1 hour", softTtl: () => "1 hour" })
      yield* page
      yield* Cached.invalidate({ tag: "late" }, { mode: "soft" })
      const [value, detected] = yield* Cached.detect(page)
      expect([value, detected[0]?.source]).toEqual(["value 2", "load"])
    })

    const during = (tag: string, known: boolean) =>
      Effect.gen(function*() {
        if (known) {
          const other = Cached.ttl(saying({ tags: ["late"] }).load, new Page({ n: 2 }), { ttl: "1 hour" })
          yield* other
        }
        const gate = yield* Deferred.make<void>()
        let loads = 0
        const load = Effect.suspend(() => {
          const n = ++loads
          return Effect.andThen(
            n === 1 ? Deferred.await(gate) : Effect.void,
            Effect.as(Cached.annotate({ tags: ["late"] }), `value ${n}`)
          )
        })
        const page = Cached.ttl(load, key, { ttl: "1 hour" })
        const before = yield* started(page)
        yield* Cached.invalidate({ tag })
        const late = yield* started(page)
        yield* Deferred.succeed(gate, undefined)
        yield* settle
        return { before: before.pollUnsafe(), late: late.pollUnsafe(), page, loads: () => loads }
      })

    test.each([true, false])(
      "invalidated while it loads: only a later caller gets a new one; known: %s",
      function*(known) {
        const { before, late, loads, page } = yield* during("late", known)
        expect(before).toEqual(Exit.succeed("value 1"))
        expect(late).toEqual(Exit.succeed("value 2"))
        expect(yield* page).toBe("value 2")
        expect(loads()).toBe(2)
      }
    )

    test.each([true, false])("another invalidated while it loads: one load for all; known: %s", function*(known) {
      const { before, late, loads, page } = yield* during("another", known)
      expect(before).toEqual(Exit.succeed("value 1"))
      expect(late).toEqual(Exit.succeed("value 1"))
      // An invalidation that may have been missed keeps it out of the store, not out of memory.
      const isKept = cache.memory || known
      expect(yield* page).toBe(isKept ? "value 1" : "value 2")
      expect(loads()).toBe(isKept ? 1 : 2)
      // And then the tag is known.
      expect(yield* page).toBe(isKept ? "value 1" : "value 2")
    })

    test("a caller that comes after one was invalidated gets a new value, also where the first is not stored", function*() {
      const gate = yield* Deferred.make<void>()
      let loads = 0
      const load = Effect.gen(function*() {
        const n = ++loads
        if (n === 1) yield* Deferred.await(gate)
        yield* Cached.annotate({ tags: ["late"], ttl: 0 })
        return n
      })
      const page = Cached.ttl(load, "k", { ttl: "1 hour" })
      const before = yield* started(page)
      yield* Cached.invalidate({ tag: "late" })
      const late = yield* started(page)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      expect([before.pollUnsafe(), late.pollUnsafe()]).toEqual([Exit.succeed(1), Exit.succeed(2)])
    })

    test("tags of a function are late too", function*() {
      let loads = 0
      const page = Cached.ttl(Effect.sync(() => ++loads), "k", {
        ttl: "1 hour",
        tags: (exit) => [`n${Exit.isSuccess(exit) ? exit.value : ""}`]
      })
      expect([yield* page, yield* page]).toEqual([1, 1])
      yield* Cached.invalidate({ tag: "n1" })
      expect(yield* page).toBe(2)
      yield* Cached.invalidate({ tag: "n1" })
      expect(yield* page).toBe(2)
    })
  })
}

describe("annotate", () => {
  it.effect("says nothing outside of a load", () => Cached.annotate({ ttl: "1 hour", tags: ["a"], etag: "e" }))

  it("refuses what is wrong at once", () => {
    const wrong: Array<unknown> = [
      { tag: ["a"] },
      { tags: "a" },
      { tags: [1] },
      { ttl: "soon" },
      { ttl: Number.NaN },
      { etag: 1 },
      undefined,
      null
    ]
    for (const annotations of wrong) {
      expect(() => Cached.annotate(annotations as never), JSON.stringify(annotations)).toThrow(
        CacheError.CacheConfigError
      )
    }
    expect(() => Cached.previous("Page" as never)).toThrow(CacheError.CacheConfigError)
    expect(() => Cached.previous(undefined as never)).toThrow(CacheError.CacheConfigError)
  })
})

describe("tags known after the load, and a store that cannot answer markers", () => {
  const mute = (fake: ReturnType<typeof fakeStore>) => {
    const asked: Array<ReadonlyArray<string>> = []
    const layer = Layer.succeed(Store.Store, {
      ...fake.store,
      markers: (tags: ReadonlyArray<string>) =>
        Effect.suspend(() => {
          asked.push(tags)
          return Effect.fail(new CacheError.StoreError({ store: "fake", operation: "markers", reason: "Unsupported" }))
        })
    })
    return { asked, layer }
  }

  it.effect("what has none is stored, what has some stays in memory", () => {
    const fake = fakeStore()
    const { layer } = mute(fake)
    return Effect.gen(function*() {
      const plain = Cached.ttl(saying({}).load, "plain", { ttl: "1 hour" })
      yield* CachePolicy.strict(plain)
      expect(Array.from(fake.entries.keys())).toEqual(["plain"])
      const tagged = Cached.ttl(saying({ tags: ["late"] }).load, "tagged", { ttl: "1 hour" })
      expect([yield* tagged, yield* tagged]).toEqual(["value 1", "value 1"])
      yield* Cached.invalidate({ tag: "late" })
      expect(yield* tagged).toBe("value 2")
      expect(Array.from(fake.entries.keys())).toEqual(["plain"])
    }).pipe(Effect.provide(over({ layer })))
  })

  it.effect("a load asks for markers only where it has declared tags, and once more for those that it did not know", () => {
    const fake = fakeStore()
    const asked: Array<ReadonlyArray<string>> = []
    const layer = Layer.succeed(Store.Store, {
      ...fake.store,
      markers: (tags: ReadonlyArray<string>) =>
        Effect.andThen(Effect.sync(() => asked.push(tags)), fake.store.markers(tags))
    })
    return Effect.gen(function*() {
      yield* Cached.ttl(saying({}).load, "plain", { ttl: "1 hour" })
      expect(asked).toEqual([])
      yield* Cached.ttl(saying({ tags: ["late"] }).load, "late", { ttl: "1 hour", tags: ["own"] })
      expect(asked).toEqual([["own"], ["late"]])
      yield* Cached.ttl(saying({ tags: ["own"] }).load, "both", { ttl: "1 hour", tags: ["own"] })
      expect(asked.slice(2)).toEqual([["own"]])
    }).pipe(Effect.provide(over({ layer })))
  })
})

test("P2 · a reader that joins while the entry is decoded, after an invalidation of its late tag, does not get it", function*() {
  const gate = yield* Deferred.make<void>()
  const serializer = ownSerializer({ decode: (bytes) => Effect.as(Deferred.await(gate), parsed(bytes)) })
  const page = Cached.ttl(saying({ tags: ["late"] }).load, "page", { ttl: "1 hour" })
  const program = Effect.gen(function*() {
    yield* page
    const before = yield* started(page)
    yield* Cached.invalidate({ tag: "late" })
    const after = yield* start(page)
    yield* Deferred.succeed(gate, undefined)
    expect([yield* Fiber.join(before), yield* Fiber.join(after)]).toEqual(["value 1", "value 2"])
    expect((yield* Cached.stats).joined).toBe(1)
  })
  const options = { memory: false, storeTimeout: "1 minute" } as const
  yield* program.pipe(Effect.provide(over(MemoryStore, options).pipe(Layer.provide(serializer))))
})

/** Two caches on one folder, as two processes have them; changes take 50 ms at most between them. */
const two = Effect.gen(function*() {
  const directory = yield* tempDirectory
  const open = Layer.build(CacheLayer.disk({ directory }))
  const [a, b] = [yield* open, yield* open]
  const polled = Effect.andThen(TestClock.adjust("60 millis"), settle)
  return {
    inA: <A, E>(use: Effect.Effect<A, E, Caching.Caching>) => Effect.provide(use, a),
    inB: <A, E>(use: Effect.Effect<A, E, Caching.Caching>) => Effect.provide(use, b),
    polled
  }
})

describe("on one folder", () => {
  test("a late tag that one cache invalidates is invalidated for the other, in memory and in the store", function*() {
    const { polled, inA, inB } = yield* two
    const said = saying({ tags: ["late"] })
    const page = Cached.ttl(said.load, key, { ttl: "1 hour" })
    expect(yield* inA(page)).toBe("value 1")
    expect(yield* inB(page)).toBe("value 1")
    yield* inB(Cached.invalidate({ tag: "late" }))
    yield* polled
    expect(yield* inB(page)).toBe("value 2")
    expect(yield* inA(page)).toBe("value 2")
    yield* inA(Cached.invalidate({ tag: "late" }))
    yield* polled
    expect(yield* inB(page)).toBe("value 3")
  })

  test("a late tag that the other invalidates during the load: the result is not stored", function*() {
    const { polled, inA, inB } = yield* two
    const gate = yield* Deferred.make<void>()
    const said = saying({ tags: ["late"] })
    const page = Cached.ttl(Effect.andThen(Deferred.await(gate), said.load), key, { ttl: "1 hour" })
    const reader = yield* started(inA(page))
    yield* inB(Cached.invalidate({ tag: "late" }))
    yield* Deferred.succeed(gate, undefined)
    yield* settle
    expect(reader.pollUnsafe()).toEqual(Exit.succeed("value 1"))
    expect(yield* inB(Cached.has(key))).toBe(false)
    yield* polled
    expect(yield* inA(page)).toBe("value 2")
    expect(yield* inB(page)).toBe("value 2")
  })

  const renewing = (gate: Effect.Effect<unknown> = Effect.void) => {
    const told: Array<unknown> = []
    const page = Effect.gen(function*() {
      const previous = yield* Cached.previous(Page)
      told.push(Option.getOrUndefined(previous))
      yield* gate
      if (Option.isSome(previous)) return yield* Cached.notModified
      yield* Cached.annotate({ etag: "e", tags: ["late"] })
      return "old"
    }).pipe(Cached.softTtl(key, { ttl: "1 hour", softTtl: "10 minutes" }))
    return { page, told }
  }

  test("an entry that one cache has renewed is renewed for the other, with its ETag and late tags", function*() {
    const { polled, inA, inB } = yield* two
    const { page, told } = renewing()
    yield* inA(page)
    yield* TestClock.adjust("10 minutes")
    yield* polled
    const at = 600_060
    expect(yield* inB(page)).toBe("old")
    expect(told).toEqual([undefined, { value: "old", etag: "e", createdAt: 0, softExpiresAt: 600_000 }])
    yield* polled
    expect(yield* inA(page)).toBe("old")
    expect(told.length).toBe(2)
    expect(yield* inA(entryOf(key))).toMatchObject({ etag: "e", createdAt: at, expiresAt: at + 3_600_000 })
    // Only in the store, for a caller that does not read it.
    expect(yield* inB(CachePolicy.refresh(page))).toBe("old")
    expect(told.length).toBe(3)
    yield* inB(Cached.invalidate({ tag: "late" }))
    yield* polled
    expect([yield* inA(Cached.has(key)), yield* inA(page)]).toEqual([false, "old"])
    expect(told[3]).toBe(undefined)
  })

  test("previous is what the other has set a moment ago, which this one has not polled yet", function*() {
    const { inA, inB } = yield* two
    const { page, told } = renewing()
    yield* inA(page)
    yield* inB(Cached.set(key, "set", { ttl: "1 hour", etag: "s" }))
    expect(yield* inA(CachePolicy.refresh(page))).toBe("set")
    expect(told[1]).toEqual({ value: "set", etag: "s", createdAt: 0, softExpiresAt: 3_600_000 })
  })

  test.each(
    [
      ["set", Cached.set(key, "set", { ttl: "1 hour" }), "set"],
      ["invalidated", Cached.invalidate(key), undefined],
      ["invalidated by its late tag", Cached.invalidate({ tag: "late" }), undefined],
      ["invalidated with its class", Cached.invalidate({ all: Page }), undefined]
    ] as const
  )("what the other has %s while it is renewed is not renewed", function*([, change, left]) {
    const { polled, inA, inB } = yield* two
    const gate = yield* Deferred.make<void>()
    yield* inA(renewing().page)
    yield* TestClock.adjust("10 minutes")
    const reader = yield* started(inA(renewing(Deferred.await(gate)).page))
    yield* inB(change)
    yield* Deferred.succeed(gate, undefined)
    yield* settle
    expect(reader.pollUnsafe()).toEqual(Exit.succeed("old"))
    yield* polled
    for (const one of [inA, inB]) expect((yield* one(entryOf(key)))?.value).toBe(left)
  })
})

/** Once it is late, each fiber that it does not know waits for a turn before it does anything. */
class Late extends Scheduler.MixedScheduler {
  readonly known = new WeakSet<object>()
  isLate = false
  override shouldYield(fiber: Fiber.Fiber<unknown, unknown>) {
    const waits = this.isLate && !this.known.has(fiber)
    this.known.add(fiber)
    return waits || super.shouldYield(fiber)
  }
}

it.effect("P7 · a bulk call that is interrupted as a load ends that it has joined leaves no load of its own behind", () =>
  Effect.gen(function*() {
    const loading = yield* Deferred.make<void>()
    let loads = 0
    const load = Effect.suspend(() => ++loads === 1 ? Deferred.await(loading) : Effect.void)
    const options = { tags: () => ["late"], ttl: "1 hour" } as const
    const page = Cached.fn(Page, () => Effect.as(load, "value"), options)
    const pages = Cached.many(Page, (keys) => Effect.as(load, keys.map(() => Exit.succeed(""))), options)
    const first = yield* started(page({ n: 1 }))
    yield* Cached.invalidate({ tag: "late" })
    const scheduler = new Late()
    const bulk = yield* started(Effect.provideService(pages([{ n: 1 }]), Scheduler.Scheduler, scheduler))
    scheduler.known.add(bulk)
    scheduler.isLate = true
    bulk.interruptUnsafe()
    yield* Deferred.succeed(loading, undefined)
    expect(yield* Fiber.join(first)).toBe("value")
    yield* Fiber.await(bulk)
    yield* settle
    expect(loads).toBe(1)
  }).pipe(Effect.provide(CacheLayer.memory())))
