/** Expired entries leave memory within a second, while the cache is used. */
import { describe, expect, it, vi } from "@effect/vitest"
import { Clock, Context, type Duration, Effect, Fiber, Layer, Option, Stream } from "effect"
import { Cached, CacheLayer, Caching } from "effect-cached"
import { TestClock } from "effect/testing"
import { enteringDeadlines, many } from "../../src/internal/defaults/bounds.ts"
import { cacheOf } from "../../src/internal/engine/boundCache.ts"
import type { Engine } from "../../src/internal/engine/engine.ts"
import { Entry } from "../../src/internal/engine/memory/entry.ts"
import { caches } from "../support/caches.ts"
import { test, testIn } from "../support/tests.ts"

const read = (key: string, ttl: Duration.Input) => Cached.ttl(Effect.succeed(key), key, { ttl })

const engine = Effect.map(
  Caching.Caching,
  (caching) => cacheOf(caching).perform({ over: (self: Engine): Engine | undefined => self, without: () => undefined })!
)

/** How many entries are in memory, dead ones too: asked of the engine, because to ask the cache is to use it. */
const inMemory = Effect.map(engine, ({ memory }) => memory.entries.size)

describe.each(caches.filter(({ memory }) => memory))("over $name", (cache) => {
  const test = testIn(cache.layer({ capacity: 1000 }))

  test("they leave within a second of their deadline, and listeners are called once", function*() {
    const gone: Array<string> = []
    yield* Cached.onRemoval(({ cause, id }) => Effect.sync(() => gone.push(`${id} ${cause}`)))
    yield* read("live", "1 hour")
    for (let i = 0; i < 20; i++) yield* read(`dead ${i}`, 1500 + 10 * i)
    for (let second = 0; second < 4; second++) {
      yield* TestClock.adjust("1 second")
      yield* read("live", "1 hour")
    }
    expect(yield* inMemory).toBe(1)
    yield* Effect.repeat(Effect.yieldNow, { times: 50 })
    expect(gone.toSorted()).toEqual(Array.from({ length: 20 }, (_, i) => `dead ${i} expired`).toSorted())
  })

  test("a cache at rest holds no timer; the next operation wakes it before all else", function*() {
    const gone: Array<string> = []
    yield* Cached.onRemoval(({ id }) => Effect.sync(() => gone.push(id)))
    yield* read("live", "1 day")
    yield* read("dead", "1 minute")
    yield* TestClock.adjust("10 seconds")
    // No caller looks any longer.
    yield* TestClock.adjust("1 hour")
    expect(yield* inMemory).toBe(2)
    yield* read("live", "1 day")
    expect(yield* inMemory).toBe(1)
    yield* Effect.repeat(Effect.yieldNow, { times: 50 })
    expect(gone).toEqual(["dead"])
  })

  test("stats and size never count the dead", function*() {
    for (let i = 0; i < 500; i++) yield* read(`${i}`, "1 minute")
    yield* read("live", "1 hour")
    yield* TestClock.adjust("1 minute")
    expect(yield* Cached.stats).toMatchObject({ size: 1, weight: 1, evictions: 0 })
    if (!cache.store) expect(yield* Cached.size).toBe(1)
  })

  test("a clock that was set back by a year has not to catch up before what expires leaves", function*() {
    yield* TestClock.setTime(2e12)
    yield* read("before", "1 hour")
    yield* TestClock.setTime(2e12 - 365 * 86_400_000)
    for (let i = 0; i < 30; i++) yield* read(`${i}`, `${1 + i} seconds`)
    expect((yield* Cached.stats).size).toBe(31)
    yield* TestClock.adjust("20 seconds")
    expect((yield* Cached.stats).size).toBe(11)
    yield* TestClock.adjust("20 seconds")
    expect((yield* Cached.stats).size).toBe(1)
    expect(yield* Cached.has("before")).toBe(true)
    yield* TestClock.setTime(2e12 + 3_600_000)
    expect((yield* Cached.stats).size).toBe(0)
  })

  test("a deadline that was moved counts where it is now", function*() {
    const slides = Cached.sliding(Effect.succeed("slides"), "slides", { idle: "3 seconds" })
    yield* slides
    yield* read("touched", "2 seconds")
    yield* Cached.touch("touched", "1 hour")
    for (let second = 0; second < 30; second++) {
      yield* TestClock.adjust("1 second")
      yield* slides
    }
    expect(yield* inMemory).toBe(2)
    yield* TestClock.adjust("3 seconds")
    expect(yield* Cached.has("touched")).toBe(true)
    expect((yield* Cached.stats).size).toBe(1)
  })
})

test.each([1e9, 3e9])("a reader whose clock differs from the cache's loses nothing: at %d", function*(begin) {
  yield* TestClock.setTime(2e9)
  const cached = yield* Layer.build(CacheLayer.memory())
  const clock = yield* Clock.Clock
  let now = begin
  const elsewhere: Clock.Clock = {
    ...clock,
    sleep: clock.sleep.bind(clock),
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    currentTimeNanosUnsafe: () => BigInt(now) * 1_000_000n,
    currentTimeMillisUnsafe: () => now
  } as never
  let loads = 0
  const counted = Cached.ttl(Effect.sync(() => ++loads), "a", { ttl: "1 minute" })
  const there = <A>(effect: Effect.Effect<A, never, Caching.Caching>) =>
    effect.pipe(Effect.provideService(Clock.Clock, elsewhere), Effect.provide(cached))
  yield* there(counted)
  yield* TestClock.adjust("1 hour")
  expect(yield* there(counted)).toBe(1)
  now += 60_000
  expect(yield* there(counted)).toBe(2)
})

describe("a cache that is made in real time, and read under a TestClock", () => {
  const provided = Effect.provide([CacheLayer.memory(), TestClock.layer()])

  it.live("an expired entry leaves, is reported, and no longer counts", () =>
    Effect.gen(function*() {
      const gone: Array<string> = []
      yield* Cached.onRemoval(({ cause, id }) => Effect.sync(() => gone.push(`${id} ${cause}`)))
      yield* Cached.set("set", 1, { ttl: "1 minute" })
      yield* Effect.sleep("1 second").pipe(
        Effect.as(1),
        Cached.ttl("loaded", { ttl: "1 minute" }),
        Effect.forkChild
      )
      yield* TestClock.adjust("1 second")
      yield* read("live", "1 hour")
      expect((yield* Cached.stats).size).toBe(3)
      yield* TestClock.adjust("2 minutes")
      expect((yield* Cached.stats).size).toBe(1)
      yield* Effect.repeat(Effect.yieldNow, { times: 50 })
      expect(gone).toEqual(["set expired", "loaded expired"])
    }).pipe(Effect.scoped, provided))

  it.live("the next operation sees it, whichever that is", () =>
    Effect.gen(function*() {
      yield* read("dead", "1 minute")
      yield* TestClock.adjust("2 minutes")
      yield* Cached.getOption("other")
      expect(yield* inMemory).toBe(0)
    }).pipe(provided))

  it.live("a reader in real time beside it loses nothing", () =>
    Effect.gen(function*() {
      const cached = yield* Layer.build(CacheLayer.memory())
      const inTests = Effect.provide([Layer.succeedContext(cached), TestClock.layer()])
      let loads = 0
      const counted = Cached.ttl(Effect.sync(() => ++loads), "a", { ttl: "1 minute" })
      yield* Effect.gen(function*() {
        yield* counted
        yield* Effect.provide(read("real", "1 minute"), cached).pipe(
          Effect.provideService(Clock.Clock, Context.get(Context.empty(), Clock.Clock))
        )
        expect(yield* counted).toBe(1)
      }).pipe(inTests)
      expect(yield* Effect.provide(inMemory, cached)).toBe(2)
    }).pipe(Effect.scoped))
})

test("nothing runs on after the layer was closed", function*() {
  const self = yield* Effect.scoped(Effect.gen(function*() {
    const cached = yield* Layer.build(CacheLayer.memory())
    return yield* Effect.provide(Effect.andThen(read("a", "1 minute"), engine), cached)
  }))
  yield* TestClock.adjust("1 hour")
  expect(self.memory.entries.size).toBe(1)
  expect(self.memory.rests).toBe(false)
})

describe("very many that expire within one second", { timeout: 120_000 }, () => {
  const count = 12_000

  /**
   * A clock that stands still until it is set, and by which every look at it takes ten milliseconds: no turn has more.
   */
  const slowClock = () => {
    let now = 1e12
    let looks = 0
    const sleepers: Array<(end: Effect.Effect<void>) => void> = []
    const clock = {
      sleep: () => Effect.callback<void>((resume) => void sleepers.push(resume)),
      currentTimeMillis: Effect.sync(() => now),
      currentTimeMillisUnsafe: () => now,
      currentTimeNanos: Effect.sync(() => BigInt(now) * 1_000_000n),
      currentTimeNanosUnsafe: () => BigInt(now) * 1_000_000n,
      monotonicTimeNanosUnsafe: () => BigInt(++looks) * 10_000_000n
    }
    const advance = (millis: number) => {
      now += millis
      for (const resume of sleepers.splice(0)) resume(Effect.void)
    }
    return { clock: clock as never as Clock.Clock, advance }
  }

  /** The most that `count` counts from one turn of another fiber to the next. */
  const mostInATurn = Effect.fnUntraced(function*(count: () => number) {
    let before = count()
    let most = 0
    const watching = yield* Effect.forkChild(
      Effect.forever(Effect.andThen(
        Effect.sync(() => {
          most = Math.max(most, count() - before)
          before = count()
        }),
        Effect.yieldNow
      )),
      { startImmediately: true }
    )
    return Effect.andThen(Fiber.interrupt(watching), Effect.sync(() => most))
  })

  const cases = [
    { name: "each at a time of its own", ttlOf: (i: number) => 3_600_000 + i / count * 1000 },
    { name: "all at once", ttlOf: () => 3_600_000 }
  ]
  for (const { name, ttlOf } of cases) {
    for (const wake of ["stats", "a read"]) {
      it.live(`${name}: ${wake} after an hour removes them a few a turn`, () => {
        const { advance, clock } = slowClock()
        const looked = vi.spyOn(Entry.prototype, "expiresAt", "get")
        return Effect.gen(function*() {
          const { removals } = (yield* engine).memory
          const use = wake === "stats" ? Cached.stats : Cached.has("0")
          for (let i = 0; i < count; i++) yield* Cached.set(`${i}`, i, { ttl: ttlOf(i) })
          // Only the time of their buckets begins.
          advance(3_590_000)
          yield* Effect.yieldNow
          const [asked, before] = [yield* mostInATurn(() => looked.mock.calls.length), looked.mock.calls.length]
          yield* use
          for (let i = 0; i < 100; i++) yield* Effect.yieldNow
          // An entry is asked where it is looked at, and twice where it is filed again; and two may sweep.
          expect(yield* asked).toBeLessThan(8 * (enteringDeadlines + many.steps))
          expect(looked.mock.calls.length - before).toBeGreaterThan(count)
          advance(12_000)
          yield* Effect.yieldNow
          const removed = yield* mostInATurn(() => removals.expired)
          yield* use
          while (removals.expired < count) yield* Effect.yieldNow
          expect(yield* removed).toBeLessThanOrEqual(4 * many.steps)
          expect(yield* inMemory).toBe(0)
        }).pipe(
          Effect.ensuring(Effect.sync(() => looked.mockRestore())),
          Effect.provide(CacheLayer.memory({ capacity: Infinity })),
          Effect.provideService(Clock.Clock, clock)
        )
      })
    }
  }
})

it.effect(
  "of very many the few that live on are there, and nothing else: listed, counted, read, and what comes in after",
  () =>
    Effect.gen(function*() {
      const count = 140_000
      const lives = (i: number) => i % 10_000 === 7
      for (let i = 0; i < count; i++) yield* Cached.set(`k:${i}`, i, { ttl: lives(i) ? "1 day" : "1 minute" })
      yield* TestClock.adjust("2 minutes")
      const alive = Array.from({ length: count }, (_, i) => i).filter(lives).map((i) => `k:${i}`)
      expect(yield* Cached.stats).toMatchObject({ size: 14, weight: 14 })
      expect(yield* Cached.size).toBe(14)
      const listed = yield* Stream.runCollect(Cached.entries("*"))
      expect(listed.map(({ id }) => id).toSorted()).toEqual(alive.toSorted())
      expect((yield* Cached.ranking("hot", 100)).map(({ id }) => id).toSorted()).toEqual(alive.toSorted())
      expect([yield* Cached.has("k:7"), yield* Cached.has("k:8")]).toEqual([true, false])
      yield* Cached.set("k:8", "again", { ttl: "1 day" })
      yield* Cached.set("new", "new", { ttl: "1 day" })
      yield* Cached.invalidate("k:7")
      expect(yield* Cached.getOption("k:8")).toEqual(Option.some("again"))
      expect((yield* Cached.stats).size).toBe(15)
      yield* Cached.invalidate({ matching: "k:*" })
      expect((yield* Cached.stats).size).toBe(1)
      yield* Cached.clear
      expect((yield* Cached.stats).size).toBe(0)
    }).pipe(Effect.provide(CacheLayer.memory({ capacity: Infinity }))),
  120_000
)
