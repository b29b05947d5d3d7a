/** `waitForWrite: false`: a caller that has loaded a value does not wait for the store's answer to its write. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { TestClock } from "effect/testing"
import { writesBehind } from "../../src/internal/defaults/bounds.ts"
import { caches, counting, ended, fakeStore, over, settle, start, started, taking, within } from "../support/caches.ts"
import { test, testIn } from "../support/tests.ts"

class Report extends CacheKey.Class<Report>()("Report", {
  payload: { id: Schema.Int },
  success: Schema.Number,
  error: Schema.String
}) {}

const isWrite = (id: string) => (operation: string, of: string) => operation === "set" && of === id

/** A store whose writes of entries take a second. */
const slowStore = (isSlow = isWrite("k")) => {
  const fake = fakeStore()
  fake.behave = (operation, id) => isSlow(operation, id) ? { before: Effect.sleep("1 second") } : {}
  return fake
}

const options = { ttl: "1h", waitForWrite: false } as const

for (const memory of [true, false]) {
  describe(`over a slow store, ${memory ? "with" : "without"} memory`, () => {
    const cacheOver = (fake: ReturnType<typeof fakeStore>) =>
      over(fake, { memory, storeTimeout: "5 seconds", shutdownTimeout: "10 seconds" })
    const withStore = <Step extends Effect.Effect<any, any, any>, A>(
      use: (fake: ReturnType<typeof fakeStore>) => Generator<Step, A, never>,
      fake = slowStore()
    ) => Effect.provide(Effect.gen(() => use(fake)), cacheOver(fake)) as Effect.Effect<A>

    it.effect("AI-16 · the caller has the value before the store has it; without the option it waits", () =>
      withStore(function*(fake) {
        const { load } = counting()
        const reading = yield* started(load.pipe(Cached.ttl("k", options)))
        expect(ended(reading)).toEqual(Exit.succeed(1))
        expect(fake.entries.has("k")).toBe(false)
        const waiting = yield* started(load.pipe(Cached.ttl("k", { ttl: "1h" })))
        expect(ended(waiting)).toBe("still waiting")
        yield* TestClock.adjust("1 second")
        expect(ended(waiting)).toEqual(Exit.succeed(1))
        expect(fake.entries.has("k")).toBe(true)
        expect(yield* Cached.has("k")).toBe(true)
      }))

    it.effect("a caller that asks while it is written shares that load, and does not wait either", () =>
      withStore(function*() {
        const { counts, load } = counting(100)
        const get = load.pipe(Cached.ttl("k", options))
        const together = [yield* start(get), yield* start(get)]
        yield* TestClock.adjust(100)
        const later = yield* started(get)
        for (const reading of [...together, later]) expect(ended(reading)).toEqual(Exit.succeed(1))
        yield* TestClock.adjust("1 second")
        expect(yield* get).toBe(1)
        expect(counts.started).toBe(1)
      }))

    it.effect("each caller by its own option", () =>
      withStore(function*() {
        const { load } = counting(100)
        const patient = yield* started(load.pipe(Cached.ttl("k", { ttl: "1h" })))
        const hasty = yield* start(load.pipe(Cached.ttl("k", options)))
        const strict = yield* start(load.pipe(Cached.ttl("k", options), CachePolicy.strict))
        yield* TestClock.adjust(100)
        expect([ended(patient), ended(hasty), ended(strict)]).toEqual([
          "still waiting",
          Exit.succeed(1),
          "still waiting"
        ])
        yield* TestClock.adjust("1 second")
        expect([ended(patient), ended(strict)]).toEqual([Exit.succeed(1), Exit.succeed(1)])
      }))

    it.effect("a joining caller does not query the other callers: thousands may wait for a popular key", () =>
      withStore(function*() {
        let asked = 0
        const counted = {
          ttl: "1h",
          get waitForWrite() {
            asked++
            return true
          }
        } as const
        const get = counting().load.pipe(Cached.ttl("k", counted))
        const readings = [yield* start(get)]
        yield* settle
        for (let i = 0; i < 200; i++) readings.push(yield* start(get))
        yield* TestClock.adjust("1 second")
        expect(readings.every((reading) => ended(reading) !== "still waiting")).toBe(true)
        expect(asked).toBeLessThan(1000)
      }))

    it.effect("the caller may be interrupted afterwards: it is written all the same", () =>
      withStore(function*(fake) {
        const reading = yield* started(Effect.andThen(counting().load.pipe(Cached.ttl("k", options)), Effect.never))
        yield* Fiber.interrupt(reading)
        yield* TestClock.adjust("1 second")
        expect(fake.entries.has("k")).toBe(true)
      }))

    it.effect("an interrupted load writes nothing", () =>
      withStore(function*(fake) {
        const reading = yield* started(counting(100).load.pipe(Cached.ttl("k", options)))
        yield* Fiber.interrupt(reading)
        yield* TestClock.adjust("2 seconds")
        expect(fake.entries.has("k")).toBe(false)
      }))

    it.effect("P2 · an invalidation meanwhile: the next read loads, and nothing old is stored", () =>
      withStore(function*() {
        const { load } = counting()
        const get = load.pipe(Cached.ttl("k", { ...options, tags: ["t"] }))
        const reader = () => Effect.andThen(start(get), (fiber) => Effect.as(settle, fiber))
        for (const invalidate of [Cached.invalidate("k"), Cached.invalidate({ tag: "t" }), Cached.clear]) {
          const before = yield* reader()
          const first = ended(before)
          const invalidating = yield* started(invalidate)
          const after = yield* reader()
          yield* TestClock.adjust("5 seconds")
          expect(ended(invalidating)).not.toBe("still waiting")
          const second = ended(after)
          expect([first, second]).toMatchObject([{ _tag: "Success" }, { _tag: "Success" }])
          expect(second).not.toEqual(first)
          // While the store has not acknowledged the invalidation, results are not stored there.
          const last = yield* reader()
          yield* TestClock.adjust("5 seconds")
          expect(ended(last)).not.toEqual(first)
          yield* Cached.remove("k")
        }
      }))

    it.effect("P2 · a concurrent set stays", () =>
      withStore(function*() {
        const get = counting().load.pipe(Cached.ttl("k", options))
        expect(yield* get).toBe(1)
        yield* taking("3 seconds", Cached.set("k", 7))
        expect(yield* get).toBe(7)
      }))

    it.effect("P4 · a write that fails is counted and warned of, and the caller has its value", () => {
      const fake = fakeStore()
      const down = new CacheError.StoreError({ store: "fake", operation: "set", reason: "Unavailable" })
      fake.behave = (operation, id) =>
        isWrite("k")(operation, id) ? { before: Effect.andThen(Effect.sleep(100), Effect.fail(down)) } : {}
      return withStore(function*() {
        const get = counting().load.pipe(Cached.ttl("k", options))
        const reading = yield* started(get)
        expect(ended(reading)).toEqual(Exit.succeed(1))
        yield* TestClock.adjust("1 second")
        expect(yield* Cached.stats).toMatchObject({ storeFailures: 1 })
        expect(fake.entries.has("k")).toBe(false)
        if (memory) expect(yield* get).toBe(1)
      }, fake)
    })

    it.effect("P4 · a write that hangs ends with the budget", () => {
      const fake = fakeStore()
      fake.behave = (operation, id) => isWrite("k")(operation, id) ? { before: Effect.never } : {}
      return withStore(function*() {
        const { load } = counting()
        expect(yield* load.pipe(Cached.ttl("k", options))).toBe(1)
        const waiting = yield* start(load.pipe(Cached.ttl("k", { ttl: "1h" })))
        yield* TestClock.adjust("5 seconds")
        expect(ended(waiting)).toEqual(Exit.succeed(1))
        expect(yield* Cached.stats).toMatchObject({ storeFailures: 1 })
      }, fake)
    })

    test("closing waits for the write, within its budget", function*() {
      const fake = slowStore()

      yield* within(cacheOver(fake), counting().load.pipe(Cached.ttl("k", options)))
      expect(fake.entries.has("k")).toBe(true)
      const hung = fakeStore()
      hung.behave = (operation, id) => isWrite("k")(operation, id) ? { before: Effect.never } : {}
      const layer = over(hung, { memory, storeTimeout: "1 hour", shutdownTimeout: "10 seconds" })
      expect(yield* within(layer, counting().load.pipe(Cached.ttl("k", options)))).toBe(1)
    })

    it.effect("a value that its load declares still valid", () =>
      withStore(function*() {
        let loads = 0
        const get = Effect.suspend(() =>
          ++loads === 1 ? Effect.succeed(100) : Effect.andThen(Cached.previous(Report), Cached.notModified)
        ).pipe(Cached.softTtl(new Report({ id: 1 }), { ...options, softTtl: "10s", fallbackOn: "all" }))
        const first = yield* start(get)
        yield* TestClock.adjust("30 seconds")
        expect(ended(first)).toEqual(Exit.succeed(100))
        const renewed = yield* started(get)
        expect([ended(renewed), loads]).toEqual([Exit.succeed(100), 2])
        yield* TestClock.adjust("9 seconds")
        const served = yield* started(get)
        expect([ended(served), loads]).toEqual([Exit.succeed(100), 2])
      }, slowStore((operation) => operation === "set")))

    it.effect("each key of many", () =>
      withStore(function*() {
        const many = Cached.many(Report, (keys) => Effect.succeed(keys.map(({ id }) => Exit.succeed(id))), {
          ttl: "1h",
          waitForWrite: false
        })
        const reading = yield* started(many([{ id: 1 }, { id: 2 }]))
        expect(ended(reading)).toEqual(Exit.succeed([Exit.succeed(1), Exit.succeed(2)]))
        yield* TestClock.adjust("2 seconds")
        expect(yield* Cached.has(new Report({ id: 2 }))).toBe(true)
      }, slowStore((operation) => operation === "set")))

    it.effect("loads in loads, deep, one behind the other", () =>
      withStore(function*() {
        const get = (n: number): Effect.Effect<number, never, any> =>
          Effect.suspend(() => n === 0 ? Effect.succeed(0) : Effect.map(get(n - 1), (value) => value + 1)).pipe(
            Cached.ttl(`n${n}`, options)
          )
        const reading = yield* start(get(2000))
        for (let i = 0; i < 100; i++) yield* settle
        expect(ended(reading)).toEqual(Exit.succeed(2000))
        yield* TestClock.adjust("2 minutes")
      }, fakeStore()))

    it.effect("P7 · only so many writes are behind: beyond, callers wait", () =>
      withStore(function*() {
        const readings = yield* Effect.forEach(
          Array.from({ length: writesBehind + 10 }, (_, n) => n),
          (n) => start(Effect.succeed(n).pipe(Cached.ttl(`n${n}`, options)))
        )
        for (let i = 0; i < 20; i++) yield* settle
        const waiting = readings.filter((reading) => ended(reading) === "still waiting").length
        expect(waiting).toBe(10)
        yield* TestClock.adjust("1 minute")
        expect(readings.every((reading) => ended(reading) !== "still waiting")).toBe(true)
      }, slowStore((operation) => operation === "set")))

    it.effect("a failure that is stored is answered after its write", () =>
      withStore(function*() {
        const key = new Report({ id: 1 })
        const get = Effect.fail("down").pipe(Cached.ttl(key, { ...options, when: () => true }))
        const reading = yield* start(get)
        yield* TestClock.adjust("2 seconds")
        const exit = ended(reading)
        expect(exit !== "still waiting" && Exit.isFailure(exit) && Cause.squash(exit.cause)).toBe("down")
      }, slowStore((operation) => operation === "set")))
  })
}

describe.each(caches)("over $name", (cache) => {
  const test = testIn(cache.layer())

  test("a value that is neither true nor false is refused", function*() {
    const exit = yield* Effect.exit(
      Effect.suspend(() => counting().load.pipe(Cached.ttl("k", { ttl: 1, waitForWrite: "no" as never })))
    )
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheConfigError)
    expect(() => CacheLayer.memory({ defaults: { waitForWrite: 1 as never } })).toThrow(
      "waitForWrite must be true or false"
    )
  })
})
