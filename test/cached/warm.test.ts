/** `Cached.warm` and `Cached.keepFresh`: values that are there before the first caller. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Logger, References, Schedule, Schema, Scope, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer } from "effect-cached"
import { TestClock } from "effect/testing"
import { caches, elapse, fakeStore, over, settle, start, taking } from "../support/caches.ts"
import { testIn } from "../support/tests.ts"

class Square extends CacheKey.Class<Square>()("Square", { payload: { n: Schema.Int }, success: Schema.Int }) {}

const hour = { ttl: "1 hour" } as const
const ns = (length: number) => Array.from({ length }, (_, n) => ({ n }))

/** Squares that note what runs; negative numbers fail. */
const squares = (delay = 0) => {
  const notes = { loads: 0, running: 0, most: 0, interrupted: 0, calls: [] as Array<number>, isDown: false }
  const load = ({ n }: { readonly n: number }) =>
    Effect.suspend(() => {
      notes.loads++
      notes.most = Math.max(notes.most, ++notes.running)
      const answer = Effect.suspend(() => n < 0 || notes.isDown ? Effect.fail("bad") : Effect.succeed(n * n))
      return (delay === 0 ? answer : Effect.delay(answer, delay)).pipe(
        Effect.onInterrupt(() => Effect.sync(() => notes.interrupted++)),
        Effect.ensuring(Effect.sync(() => notes.running--))
      )
    })
  const square = Cached.fn(Square, load, hour)
  const many = Cached.many(Square, (keys) => {
    notes.calls.push(keys.length)
    return Effect.forEach(keys, (key) => Effect.exit(load(key)), { concurrency: "unbounded" })
  }, hour)
  return { notes, square, many }
}

/** The logged lines, by level. */
const logged = () => {
  const lines: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
  return { lines, layer: Layer.merge(Logger.layer([logger]), Layer.succeed(References.MinimumLogLevel, "Debug")) }
}

describe("Cached.warm", () => {
  describe.each(caches)("over $name", (cache) => {
    const test = testIn(cache.layer())

    test("loads what is missing, and reports its progress after each", function*() {
      const { notes, square } = squares()
      yield* square({ n: 2 })
      const progress = yield* Stream.runCollect(Cached.warm(square, [{ n: 1 }, { n: 2 }, { n: -1 }]))
      expect(progress.length).toBe(3)
      expect(progress.map(({ done, failed }) => done + failed)).toEqual([1, 2, 3])
      expect(progress[2]).toEqual({ done: 2, failed: 1, total: 3 })
      expect(notes.loads).toBe(3)
      expect(yield* Cached.has(new Square({ n: 1 }))).toBe(true)
    })

    test("a function of many is warmed in chunks, and one bad key is one failure", function*() {
      const { many, notes } = squares()
      const payloads = [...ns(5), { n: -1 }, { n: -2 }]
      const progress = yield* Stream.runCollect(Cached.warm(many, payloads, { chunk: 3, concurrency: 1 }))
      expect(progress).toEqual([
        { done: 3, failed: 0, total: 7 },
        { done: 5, failed: 1, total: 7 },
        { done: 5, failed: 2, total: 7 }
      ])
      expect(notes.calls).toEqual([3, 3, 1])
      expect(yield* Cached.size).toBe(5)
    })
  })

  const test = testIn(CacheLayer.memory())

  test.each([[undefined, 16], [3, 3]] as const)(
    "concurrency %s: at most %i loads at once",
    function*([concurrency, most]) {
      const { notes, square } = squares(1000)
      const warming = Cached.warm(square, ns(40), { concurrency })
      expect(yield* taking("1 minute", Stream.runLast(warming))).toMatchObject({
        value: { done: 40, failed: 0, total: 40 }
      })
      expect(notes.most).toBe(most)
    }
  )

  test("nothing to warm is an empty stream, and a stream that runs again warms again", function*() {
    const { many, notes, square } = squares()
    expect(yield* Stream.runCollect(Cached.warm(square, []))).toEqual([])
    expect(yield* Stream.runCollect(Cached.warm(many, []))).toEqual([])
    const warming = Cached.warm(square, new Set(ns(2)))
    yield* Stream.runDrain(warming)
    yield* Cached.clear
    expect(yield* Stream.runLast(warming)).toMatchObject({ value: { done: 2, total: 2 } })
    expect(notes.loads).toBe(4)
  })

  it.effect("a failure is logged at debug, with the key", () => {
    const { layer, lines } = logged()
    return Effect.gen(function*() {
      const { square } = squares()
      yield* Stream.runDrain(Cached.warm(square, [{ n: -7 }]))
      expect(lines.length).toBe(1)
      expect(lines[0]).toContain(`Debug 1 of 1 results could not be loaded: "${CacheKey.id(new Square({ n: -7 }))}"`)
    }).pipe(Effect.provide([CacheLayer.memory(), layer]))
  })

  it.effect("of a chunk those are named that have failed, and not more than ten", () => {
    const { layer, lines } = logged()
    const id = (n: number) => `"${CacheKey.id(new Square({ n }))}"`
    return Effect.gen(function*() {
      const { many } = squares()
      yield* Stream.runDrain(Cached.warm(many, [1, -2, 3, -4].map((n) => ({ n }))))
      expect(lines.at(-1)).toContain(`2 of 4 results could not be loaded: ${id(-2)}, ${id(-4)}`)
      const down = Cached.many(Square, () => Effect.fail("down"), hour)
      yield* Stream.runDrain(Cached.warm(down, ns(20)))
      expect(lines.at(-1)).toContain(`, ${id(ns(20)[9]!.n)} and 10 more`)
    }).pipe(Effect.provide([CacheLayer.memory(), layer]))
  })

  test("a lookup that dies or fails as a whole is counted too", function*() {
    const dying = Cached.fn(Square, () => Effect.die("broken"), hour)
    expect(yield* Stream.runLast(Cached.warm(dying, ns(2)))).toMatchObject({ value: { done: 0, failed: 2 } })
    const down = Cached.many(Square, () => Effect.fail("down"), hour)
    expect(yield* Stream.runLast(Cached.warm(down, ns(5), { chunk: 2 }))).toMatchObject({
      value: { done: 0, failed: 5 }
    })
  })

  test("a lookup that interrupts itself is one more failure", function*() {
    const leaving = Cached.fn(Square, () => Effect.interrupt, hour)
    expect(yield* Stream.runLast(Cached.warm(leaving, ns(2)))).toMatchObject({ value: { done: 0, failed: 2 } })
  })

  test("a consumer that stops reading stops the loads", function*() {
    const { notes, square } = squares(1000)
    const fiber = yield* start(Stream.runDrain(Cached.warm(square, ns(100), { concurrency: 2 })))
    yield* TestClock.adjust("1500 millis")
    yield* Fiber.interrupt(fiber)
    expect([notes.loads, notes.interrupted, notes.running]).toEqual([4, 2, 0])
  })

  testIn()("a closed cache ends it with a defect: the rest would fail in the same way", function*() {
    const { notes, square } = squares()
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(CacheLayer.memory(), scope)
    yield* Scope.close(scope, Exit.void)
    const exit = yield* Effect.exit(Effect.provide(Stream.runDrain(Cached.warm(square, ns(9))), context))
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheClosed)
    expect(notes.loads).toBe(0)
  })

  it("refuses options that mean nothing", () => {
    const { square } = squares()
    for (const wrong of [0, -1, 1.5, NaN, "10" as never]) {
      expect(() => Cached.warm(square, [], { concurrency: wrong })).toThrow("concurrency")
      expect(() => Cached.warm(square, [], { chunk: wrong })).toThrow("chunk")
    }
    expect(() => Cached.warm(square, [], { concurency: 1 } as never)).toThrow("concurency")
  })
})

describe("Cached.keepFresh", () => {
  const spaced = Schedule.spaced("1 minute")

  describe.each(caches)("over $name", (cache) => {
    const test = testIn(cache.layer())

    test("reads at once, loads again by the schedule, and ends with the scope", function*() {
      const { notes, square } = squares()
      const scope = yield* Scope.make()
      yield* Scope.provide(Cached.keepFresh(square, { n: 3 }, spaced), scope)
      yield* settle
      expect(notes.loads).toBe(1)
      for (const loads of [2, 3, 4]) {
        yield* elapse("1 minute")
        expect(notes.loads).toBe(loads)
      }
      expect(yield* square({ n: 3 })).toBe(9)
      expect(notes.loads).toBe(4)
      yield* Scope.close(scope, Exit.void)
      yield* elapse("10 minutes")
      expect(notes.loads).toBe(4)
    })

    test("existing entries are not loaded at once", function*() {
      const { notes, square } = squares()
      yield* square({ n: 3 })
      yield* Cached.keepFresh(square, { n: 3 }, spaced)
      yield* settle
      expect(notes.loads).toBe(1)
    })

    it.effect("a failure keeps the value, is counted, and said once until a load succeeds", () => {
      const { layer, lines } = logged()
      const warnings = () => lines.filter((line) => line.startsWith("Warn")).length
      return Effect.gen(function*() {
        const { notes, square } = squares()
        yield* Cached.keepFresh(square, { n: 3 }, spaced)
        yield* settle
        notes.isDown = true
        for (let i = 0; i < 3; i++) yield* elapse("1 minute")
        expect(notes.loads).toBe(4)
        expect(yield* square({ n: 3 })).toBe(9)
        expect((yield* Cached.stats).loadFailures).toBe(3)
        expect(warnings()).toBe(1)
        expect(lines.find((line) => line.startsWith("Warn"))).toContain("was not refreshed")
        notes.isDown = false
        yield* elapse("1 minute")
        notes.isDown = true
        yield* elapse("2 minutes")
        expect(warnings()).toBe(2)
      }).pipe(Effect.scoped, Effect.provide([cache.layer(), layer]))
    })
  })

  const test = testIn(CacheLayer.memory())

  test("no two at once, and a read while it loads has the old value", function*() {
    const { notes, square } = squares(90_000)
    yield* Cached.keepFresh(square, { n: 3 }, Schedule.fixed("1 minute"))
    yield* elapse("100 seconds")
    expect(yield* square({ n: 3 })).toBe(9)
    yield* TestClock.adjust("10 minutes")
    expect(notes.most).toBe(1)
  })

  test("a refresh that is asked for while it loads is one more load, after it", function*() {
    const { notes, square } = squares(1000)
    yield* Cached.keepFresh(square, { n: 3 }, spaced)
    yield* TestClock.adjust("1 second")
    yield* TestClock.adjust("59500 millis")
    yield* taking("10 seconds", square.refresh({ n: 3 }))
    expect(notes.loads).toBe(3)
    expect(notes.most).toBe(1)
  })

  test("ends with the schedule, and keeps many fresh in one call", function*() {
    const { many, notes } = squares()
    yield* Cached.keepFresh(many, ns(3), Schedule.recurs(2))
    yield* settle
    yield* TestClock.adjust("10 minutes")
    expect(notes.calls).toEqual([3, 3, 3])
  })

  it.effect("a refresh that can never work ends it, and is reported", () => {
    const { layer, lines } = logged()
    return Effect.gen(function*() {
      const counted = Cached.fn(Square, () => Effect.succeed(1), { strategy: "maxHits", ttl: "1 hour", hits: 2 })
      yield* Cached.keepFresh(counted, { n: 3 }, spaced)
      yield* TestClock.adjust("10 minutes")
      expect(lines.filter((line) => line.startsWith("Warn")).length).toBe(1)
    }).pipe(Effect.scoped, Effect.provide([over(fakeStore(), { memory: false }), layer]))
  })

  it.effect("some of many that fail are an incident too", () => {
    const { layer, lines } = logged()
    return Effect.gen(function*() {
      const { many } = squares()
      yield* Cached.keepFresh(many, [{ n: 1 }, { n: -1 }], Schedule.recurs(3))
      yield* settle
      expect(lines.filter((line) => line.startsWith("Warn")).length).toBe(1)
      expect(yield* Cached.has(new Square({ n: 1 }))).toBe(true)
    }).pipe(Effect.scoped, Effect.provide([CacheLayer.memory(), layer]))
  })
})
