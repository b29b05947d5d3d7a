/** Loads that wait before they begin: changes meanwhile are older than they are. */
import { describe, expect } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { Cached, CachePolicy, type Caching } from "effect-cached"
import { TestClock } from "effect/testing"
import { caches, settle, started } from "../support/caches.ts"
import { testIn } from "../support/tests.ts"

const tags = ["t"]

describe.each(caches)("a tag that is invalidated while a load waits, over $name", (cache) => {
  const test = testIn(cache.layer({ refresh: { concurrency: 1 } }))

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

  test.each(["hard", "soft"] as const)("a refresh that waits for a slot is stored, after a %s one", function*(mode) {
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
  })

  const changes: { readonly [name: string]: Effect.Effect<unknown, unknown, Caching.Caching> } = {
    "a hard one": Cached.invalidate({ tag: "t" }),
    "a soft one": Cached.invalidate({ tag: "t" }, { mode: "soft" }),
    "an invalidation of its key": Cached.invalidate("k"),
    "an invalidation of many keys": Cached.invalidate(["other", "k"]),
    "a removal": Cached.remove("k"),
    "the end of its entry": Cached.touch("k", 0),
    "a clear": Cached.clear
  }

  test.each(Object.keys(changes))("an explicit refresh behind another one is stored, after %s", function*(change) {
    const gate = yield* Deferred.make<void>()
    const origin = gated()
    const read = origin.load.pipe(Cached.ttl("k", { ttl: "1 hour", tags }))
    yield* read
    origin.gate = Deferred.await(gate)
    const first = yield* started(CachePolicy.refresh(read))
    const second = yield* started(CachePolicy.refresh(read))
    expect(origin.loads).toBe(2)
    origin.gate = Effect.void
    yield* changes[change]!
    yield* Deferred.succeed(gate, undefined)
    expect([yield* Fiber.join(first), yield* Fiber.join(second)]).toEqual([2, 3])
    // While a store has not acknowledged the change of an id, it takes no result for it.
    const isTaken = !cache.name.includes("asynchronous") || /hard|soft/.test(change)
    expect(yield* read).toBe(isTaken ? 3 : origin.loads)
    expect(origin.loads).toBeLessThanOrEqual(isTaken ? 3 : 4)
  })

  test("a reader whose tag has changed joins the explicit refresh behind another one", function*() {
    const gate = yield* Deferred.make<void>()
    const origin = gated()
    origin.gate = Deferred.await(gate)
    const read = origin.load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
    const first = yield* started(CachePolicy.refresh(read))
    const second = yield* started(CachePolicy.refresh(read))
    yield* Cached.invalidate({ tag: "t" })
    origin.gate = Effect.void
    const third = yield* started(origin.load.pipe(Cached.ttl("k", { ttl: "1 hour", tags })))
    yield* Deferred.succeed(gate, undefined)
    expect(yield* Effect.forEach([first, second, third], Fiber.join)).toEqual([1, 2, 2])
    expect([yield* read, origin.loads]).toEqual([2, 2])
  })

  /** A load whose only reader is leaving, and which ends when its gate is opened. */
  const abandoned = Effect.gen(function*() {
    const gate = yield* Deferred.make<void>()
    const origin = gated()
    const read = Effect.uninterruptible(origin.load).pipe(Cached.ttl("k", { ttl: "1 hour", tags }))
    origin.gate = Deferred.await(gate)
    const left = yield* started(read)
    const leaving = yield* started(Fiber.interrupt(left))
    return { gate, leaving, origin, read }
  })

  test("a load behind an abandoned one that ignores its interruption is stored", function*() {
    const { gate, leaving, origin, read } = yield* abandoned
    const waiting = yield* started(read)
    expect(origin.loads).toBe(1)
    yield* Cached.invalidate({ tag: "t" })
    origin.gate = Effect.void
    yield* Deferred.succeed(gate, undefined)
    expect(yield* Fiber.join(waiting)).toBe(2)
    yield* Fiber.join(leaving)
    expect(yield* read).toBe(2)
    expect(origin.loads).toBe(2)
  })

  test("a caller that asks again meanwhile joins the load that waits", function*() {
    const { gate, leaving, origin, read } = yield* abandoned
    const before = yield* started(read)
    yield* Cached.invalidate({ tag: "t" })
    const after = yield* started(read)
    origin.gate = Effect.void
    yield* Deferred.succeed(gate, undefined)
    expect([yield* Fiber.join(before), yield* Fiber.join(after)]).toEqual([2, 2])
    yield* Fiber.join(leaving)
    expect(origin.loads).toBe(2)
  })
})
