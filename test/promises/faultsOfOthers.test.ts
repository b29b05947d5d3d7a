/** Faults seen in other caches, each as a test of its name: those of loads and waiters, but for what a promise says. */
import { describe, expect } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option, Scope } from "effect"
import { Cached, type CacheError } from "effect-cached"
import { TestClock } from "effect/testing"
import { caches, counting, start, taking } from "../support/caches.ts"
import { testIn } from "../support/tests.ts"

const ttl = <A, E, R>(load: Effect.Effect<A, E, R>) => load.pipe(Cached.ttl("k", { ttl: "1 hour", tags: ["t"] }))

const hasDied = (exit: Exit.Exit<unknown, unknown>, tag: string) =>
  Exit.isFailure(exit) && (Cause.squash(exit.cause) as { readonly _tag?: string })._tag === tag

describe.each(caches)("over $name", (cache) => {
  const test = testIn(cache.layer())

  test("F5 · a timeout of the last caller interrupts the load: two never run at once", function*() {
    const { counts, load } = counting(1000)
    const get = load.pipe(Cached.ttl("k", { ttl: "1 hour", timeout: "100 millis" }))
    for (let i = 1; i <= 3; i++) {
      expect(Exit.isFailure(yield* Effect.exit(taking("100 millis", get)))).toBe(true)
      expect(counts).toEqual({ started: i, ended: 0, interrupted: i })
    }
  })

  test("F10 · a ttl function that throws after an asynchronous load harms no caller", function*() {
    const { load } = counting(1000)
    const get = load.pipe(Cached.ttl("k", {
      ttl: () => {
        throw new Error("a mistake")
      }
    }))
    const readers = yield* Effect.forEach([1, 2, 3], () => start(get))
    yield* TestClock.adjust("1 second")
    expect(yield* Effect.forEach(readers, Fiber.join)).toEqual([1, 1, 1])
    expect(yield* Cached.has("k")).toBe(false)
    expect((yield* Cached.stats).notStored).toBe(1)
  })

  testIn(cache.layer({ capacity: 2 }))("F11 · eviction does not drop an entry whose load is running", function*() {
    const { counts, load } = counting(1000)
    const first = yield* start(ttl(load))
    for (let i = 0; i < 10; i++) yield* Cached.set(`other ${i}`, i)
    const second = yield* start(ttl(load))
    yield* TestClock.adjust("1 second")
    expect([yield* Fiber.join(first), yield* Fiber.join(second)]).toEqual([1, 1])
    expect(counts.started).toBe(1)
  })

  test("F12 · an entry set in the millisecond of a tag's invalidation is there, in that order", function*() {
    yield* Cached.set("k", "before", { tags: ["t"] })
    yield* Cached.invalidate({ tag: "t" })
    expect(yield* Cached.getOption("k")).toEqual(Option.none())
    yield* Cached.set("k", "after", { tags: ["t"] })
    expect(yield* Cached.getOption("k")).toEqual(Option.some("after"))
    yield* Cached.invalidate({ tag: "t" })
    expect(yield* ttl(Effect.succeed("loaded"))).toBe("loaded")
    expect(yield* ttl(Effect.succeed("again"))).toBe("loaded")
  })

  test("F13 · a tag remembers a long-lived key after its short-lived ones are gone", function*() {
    yield* Cached.set("long", 1, { tags: ["t"], ttl: "30 days" })
    yield* Cached.set("short", 1, { tags: ["t"], ttl: "1 second" })
    yield* TestClock.adjust("20 days")
    yield* Cached.set("short", 2, { tags: ["t"], ttl: "1 second" })
    yield* TestClock.adjust("1 day")
    expect(yield* Cached.has("long")).toBe(true)
    yield* Cached.invalidate({ tag: "t" })
    expect(yield* Cached.has("long")).toBe(false)
  })

  test("F14 · undefined, null, 0 and the empty text are values like any other", function*() {
    for (const value of [undefined, null, 0, "", false, NaN]) {
      const { counts, load } = counting()
      const get = Effect.as(load, value).pipe(Cached.ttl(`k ${value}`, { ttl: "1 hour" }))
      expect([yield* get, yield* get]).toEqual([value, value])
      expect(counts.started).toBe(1)
      expect(yield* Cached.getOption(`k ${value}`)).toEqual(Option.some(value))
    }
  })

  test("F16 · a load that needs its own key dies with CacheCycle, and says which", function*() {
    const self: Effect.Effect<number, never, any> = Effect.suspend(() => self).pipe(Cached.ttl("k", { ttl: "1 hour" }))
    const exit = yield* Effect.exit(self)
    expect(hasDied(exit, "CacheCycle")).toBe(true)
    expect(Exit.isFailure(exit) && (Cause.squash(exit.cause) as CacheError.CacheCycle).path).toEqual(["k", "k"])
  })

  test("F18 · the stale window does not shorten the fresh one", function*() {
    const { counts, load } = counting()
    // Ten minutes fresh, thirty milliseconds more to fall back on.
    const options = { ttl: 600_030, softTtl: "10 minutes" } as const
    yield* load.pipe(Cached.softTtl("k", options))
    yield* TestClock.adjust(599_999)
    expect(yield* load.pipe(Cached.softTtl("k", options))).toBe(1)
    expect(counts.started).toBe(1)
    yield* TestClock.adjust(1)
    expect(yield* load.pipe(Cached.softTtl("k", options))).toBe(2)
  })

  test("F29 · two fibers whose loads need each other's key do not deadlock", function*() {
    const needs = (key: string, other: () => Effect.Effect<number, never, any>): Effect.Effect<number, never, any> =>
      Effect.andThen(Effect.sleep(10), Effect.suspend(other)).pipe(Cached.ttl(key, { ttl: "1 hour" }))
    const a = needs("a", () => b)
    const b: Effect.Effect<number, never, any> = needs("b", () => a)
    const fibers = yield* Effect.all([start(a), start(b)])
    yield* TestClock.adjust("1 second")
    const exits = yield* Effect.forEach(fibers, (fiber) => Effect.succeed(fiber.pollUnsafe()))
    expect(exits.every((exit) => exit !== undefined && hasDied(exit, "CacheCycle"))).toBe(true)
  })

  test("F30 · a follower's load has a scope of its own, that does not close with its interrupted starter", function*() {
    let closed = 0
    const get = ttl(Effect.gen(function*() {
      yield* Effect.addFinalizer(() => Effect.sync(() => closed++))
      yield* Effect.sleep(1000)
      return closed
    }))
    const starterScope = yield* Scope.make()
    const starter = yield* start(Effect.provideService(get, Scope.Scope, starterScope))
    const follower = yield* start(get)
    yield* TestClock.adjust("500 millis")
    yield* Fiber.interrupt(starter)
    yield* Scope.close(starterScope, Exit.void)
    expect(closed).toBe(0)
    yield* TestClock.adjust("500 millis")
    expect(yield* Fiber.join(follower)).toBe(0)
    expect(closed).toBe(1)
  })
})
