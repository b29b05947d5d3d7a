/** Loads that wait before they begin: changes meanwhile are older than they are. */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { Cached, CachePolicy, type Caching } from "effect-cached"
import { TestClock } from "effect/testing"
import { caches, settle, start } from "../support/caches.ts"

const tags = ["t"]

describe.each(caches)("a tag that is invalidated while a load waits, over $name", (cache) => {
  const provided = Effect.provide(cache.layer({ refresh: { concurrency: 1 } }))

  /** A load that waits at its gate, and counts itself. */
  const gated = () => {
    const self = { loads: 0, gate: Effect.void as Effect.Effect<unknown> }
    const load = Effect.suspend(() => {
      const n = ++self.loads
      return Effect.as(self.gate, n)
    })
    return Object.assign(self, { load })
  }

  const ahead = { strategy: "refreshAhead", ttl: "1 hour", refreshAfter: "1 minute" } as const

  it.effect.each(["hard", "soft"] as const)(
    "a refresh that waits for a slot is stored, after a %s one",
    (mode) =>
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const [first, second] = [gated(), gated()]
        const one = first.load.pipe(Cached.withStrategy("one", { strategy: ahead }))
        const two = second.load.pipe(Cached.withStrategy("two", { strategy: ahead, tags }))
        yield* one
        yield* two
        yield* TestClock.adjust("2 minutes")
        first.gate = Deferred.await(gate)
        yield* one
        yield* settle
        yield* two
        yield* settle
        expect([first.loads, second.loads]).toEqual([2, 1])
        yield* Cached.invalidate({ tag: "t" }, { mode })
        yield* Deferred.succeed(gate, undefined)
        yield* settle
        expect(second.loads).toBe(2)
        expect(yield* two).toBe(2)
        expect(second.loads).toBe(2)
      }).pipe(provided)
  )

  const changes: { readonly [name: string]: Effect.Effect<unknown, unknown, Caching.Caching> } = {
    "a hard one": Cached.invalidate({ tag: "t" }),
    "a soft one": Cached.invalidate({ tag: "t" }, { mode: "soft" }),
    "an invalidation of its key": Cached.invalidate("k"),
    "an invalidation of many keys": Cached.invalidate(["other", "k"]),
    "a removal": Cached.remove("k"),
    "the end of its entry": Cached.touch("k", 0),
    "a clear": Cached.clear
  }

  it.effect.each(Object.keys(changes))(
    "an explicit refresh behind another one is stored, after %s",
    (change) =>
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const origin = gated()
        const read = origin.load.pipe(Cached.ttl("k", { ttl: "1 hour", tags }))
        yield* read
        origin.gate = Deferred.await(gate)
        const first = yield* start(CachePolicy.refresh(read))
        yield* settle
        const second = yield* start(CachePolicy.refresh(read))
        yield* settle
        expect(origin.loads).toBe(2)
        origin.gate = Effect.void
        yield* changes[change]!
        yield* Deferred.succeed(gate, undefined)
        expect(yield* Fiber.join(first)).toBe(2)
        expect(yield* Fiber.join(second)).toBe(3)
        // While a store has not acknowledged the change of an id, it takes no result for it.
        const isTaken = !cache.name.includes("asynchronous") || /hard|soft/.test(change)
        expect(yield* read).toBe(isTaken ? 3 : origin.loads)
        expect(origin.loads).toBeLessThanOrEqual(isTaken ? 3 : 4)
      }).pipe(provided)
  )

  it.effect("a reader whose tag has changed joins the explicit refresh behind another one", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const origin = gated()
      origin.gate = Deferred.await(gate)
      const read = origin.load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
      const first = yield* start(CachePolicy.refresh(read))
      yield* settle
      const second = yield* start(CachePolicy.refresh(read))
      yield* settle
      yield* Cached.invalidate({ tag: "t" })
      origin.gate = Effect.void
      const third = yield* start(origin.load.pipe(Cached.ttl("k", { ttl: "1 hour", tags })))
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Effect.forEach([first, second, third], Fiber.join)).toEqual([1, 2, 2])
      expect([yield* read, origin.loads]).toEqual([2, 2])
    }).pipe(provided))

  /** A load whose only reader is leaving, and which ends when its gate is opened. */
  const abandoned = Effect.gen(function*() {
    const gate = yield* Deferred.make<void>()
    const origin = gated()
    const read = Effect.uninterruptible(origin.load).pipe(Cached.ttl("k", { ttl: "1 hour", tags }))
    origin.gate = Deferred.await(gate)
    const left = yield* start(read)
    yield* settle
    const leaving = yield* start(Fiber.interrupt(left))
    yield* settle
    return { gate, leaving, origin, read }
  })

  it.effect("a load behind an abandoned one that ignores its interruption is stored", () =>
    Effect.gen(function*() {
      const { gate, leaving, origin, read } = yield* abandoned
      const waiting = yield* start(read)
      yield* settle
      expect(origin.loads).toBe(1)
      yield* Cached.invalidate({ tag: "t" })
      origin.gate = Effect.void
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Fiber.join(waiting)).toBe(2)
      yield* Fiber.join(leaving)
      expect(yield* read).toBe(2)
      expect(origin.loads).toBe(2)
    }).pipe(provided))

  it.effect("a caller that asks again meanwhile joins the load that waits", () =>
    Effect.gen(function*() {
      const { gate, leaving, origin, read } = yield* abandoned
      const before = yield* start(read)
      yield* settle
      yield* Cached.invalidate({ tag: "t" })
      const after = yield* start(read)
      yield* settle
      origin.gate = Effect.void
      yield* Deferred.succeed(gate, undefined)
      expect([yield* Fiber.join(before), yield* Fiber.join(after)]).toEqual([2, 2])
      yield* Fiber.join(leaving)
      expect(origin.loads).toBe(2)
    }).pipe(provided))
})
