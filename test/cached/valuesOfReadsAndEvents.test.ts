/** Values where they are asked for: of detected reads and of events; and kept nowhere else. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Stream } from "effect"
import { Cached, type CacheEvent, CacheLayer } from "effect-cached"
import { TestClock } from "effect/testing"
import { caches, settle, start, started } from "../support/caches.ts"
import { test, testIn } from "../support/tests.ts"

const hour = { ttl: "1 hour" } as const

const told = <E, R>(effect: Effect.Effect<unknown, E, R>) =>
  Effect.gen(function*() {
    const events: Array<CacheEvent.ValueEvent> = []
    const watching = yield* Effect.forkChild(
      Stream.runForEach(Cached.events({ values: true }), (event) => Effect.sync(() => events.push(event))),
      { startImmediately: true }
    )
    yield* effect
    yield* settle
    yield* Fiber.interrupt(watching)
    return events.map((event) => "exit" in event ? [event._tag, event.exit] : [event._tag])
  })

describe.each(caches)("over $name", (cache) => {
  const test = testIn(cache.layer({ capacity: 100 }))

  test("CA-53 · detect gives the answer of each read, where it is asked to", function*() {
    const read = Effect.succeed({ n: 1 }).pipe(Cached.ttl("k", hour))
    const failing = Effect.exit(Effect.fail("down").pipe(Cached.ttl("f", hour)))
    const [, reads] = yield* Cached.detect(Effect.all([read, read, failing]), { values: true })
    expect(reads.map(({ exit, key }) => [key, exit])).toEqual([
      ["k", Exit.succeed({ n: 1 })],
      ["k", Exit.succeed({ n: 1 })],
      ["f", Exit.fail("down")]
    ])
    const [, piped] = yield* read.pipe(Cached.detect({ values: true }))
    expect(piped[0]!.exit).toEqual(Exit.succeed({ n: 1 }))
    const [, plain] = yield* Cached.detect(read)
    expect(plain[0]).not.toHaveProperty("exit")
  })

  test("each of nested detectors gets what it has asked for", function*() {
    const read = Effect.succeed(1).pipe(Cached.ttl("k", hour))
    const [[, inner], outer] = yield* Cached.detect(Cached.detect(read, { values: true }))
    expect([inner[0]!.exit, "exit" in outer[0]!]).toEqual([Exit.succeed(1), false])
    const [[, without], withValues] = yield* Cached.detect(Cached.detect(read), { values: true })
    expect(["exit" in without[0]!, withValues[0]!.exit]).toEqual([false, Exit.succeed(1)])
  })

  test("stale values, fallbacks and joined loads too", function*() {
    let up = true
    const origin = Effect.delay(Effect.suspend(() => up ? Effect.succeed("good") : Effect.fail("down")), 10)
    const read = origin.pipe(Cached.softTtl("k", { ttl: "1 hour", softTtl: "1 minute", fallbackOn: "all" }))
    const valuesOf = Effect.map(
      Cached.detect(read, { values: true }),
      ([, reads]) => reads.map(({ exit, source }) => [source, exit])
    )
    const readers = yield* Effect.all([start(valuesOf), start(valuesOf)])
    yield* settle
    yield* TestClock.adjust(10)
    expect(yield* Fiber.joinAll(readers)).toEqual([
      [["load", Exit.succeed("good")]],
      [["joined", Exit.succeed("good")]]
    ])
    up = false
    yield* TestClock.adjust("1 minute")
    const late = yield* started(valuesOf)
    yield* TestClock.adjust(10)
    expect(yield* Fiber.join(late)).toEqual([["fallback", Exit.succeed("good")]])
    expect(yield* valuesOf).toEqual([["stale", Exit.succeed("good")]])
  })

  test("CA-22 · events carry the value of a hit, a load and a set, where they are asked to", function*() {
    const read = Effect.succeed(1).pipe(Cached.ttl("k", hour))
    expect(yield* told(Effect.all([read, read, Cached.set("k", 2), Cached.remove("k")]))).toEqual([
      ["Miss"],
      ["Load", Exit.succeed(1)],
      ["Hit", Exit.succeed(1)],
      ["Set", Exit.succeed(2)],
      ["Invalidate"]
    ])
    expect(yield* told(Effect.exit(Effect.fail("down").pipe(Cached.ttl("f", hour))))).toEqual([
      ["Miss"],
      ["Load", Exit.fail("down")]
    ])
    const plain = yield* Cached.events().pipe(
      Stream.take(2),
      Stream.runCollect,
      Effect.forkChild({ startImmediately: true })
    )
    yield* read
    expect((yield* Fiber.join(plain)).some((event) => "exit" in event)).toBe(false)
  })
})

const inMemory = Effect.provide(CacheLayer.memory({ capacity: 1 }))

it.effect("a value served in place of a failure, or evicted, is reported too", () =>
  Effect.gen(function*() {
    let up = true
    const origin = Effect.suspend(() => up ? Effect.succeed("good") : Effect.fail("down"))
    const read = origin.pipe(Cached.failover("k", { ttl: "1 hour", fallbackOn: "all" }))
    yield* read
    up = false
    expect((yield* told(read)).at(-1)).toEqual(["Stale", Exit.succeed("good")])
    expect(yield* told(Cached.set("other", 1))).toContainEqual(["Evict", Exit.succeed("good")])
  }).pipe(inMemory))

test("an option that is none is refused", function*() {
  const refused = expect.objectContaining({ _tag: "CacheConfigError" })
  expect(() => Cached.detect(Effect.void, { value: true } as never)).toThrow(refused)
  expect(() => Cached.detect(Effect.void, { values: "yes" } as never)).toThrow(refused)
  expect(() => Cached.events({ value: true } as never)).toThrow(refused)
  expect(() => Cached.logEvents("Loud" as never)).toThrow(refused)
  expect(() => Cached.logEvents("Debug", { values: 1 } as never)).toThrow(refused)
  yield* Effect.void
})
