/** A memory that changes while it is listed, in as many turns as that takes. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Schedule, Stream } from "effect"
import { Cached, CacheLayer, type Caching, Transaction } from "effect-cached"
import { TestClock } from "effect/testing"
import { caches, start } from "../support/caches.ts"
import { impatient } from "../support/impatient.ts"

const size = 2560
const ids = Array.from({ length: size }, (_, i) => `k:${i}`)
const filled = Cached.setMany(ids.map((id, i) => [id, i] as const))

/** Runs an effect, and another one in the third of its turns. */
const during = Effect.fnUntraced(function*<A, E>(
  effect: Effect.Effect<A, E, Caching.Caching>,
  other: Effect.Effect<unknown, never, Caching.Caching>
) {
  const fiber = yield* start(impatient(effect))
  yield* Effect.yieldNow
  yield* Effect.yieldNow
  expect(fiber.pollUnsafe()).toBe(undefined)
  yield* other
  return yield* Fiber.join(fiber)
})

const listed = Stream.runCollect(Stream.map(Cached.entries("k:*"), ({ id }) => id))

describe.each(caches.filter(({ memory, store }) => memory && !store))("over $name", (cache) => {
  const test = (name: string, self: Effect.Effect<void, unknown, Caching.Caching>) =>
    it.effect(name, () => Effect.provide(self, cache.layer({ capacity: 2 * size })))

  test(
    "an entry that stays comes once, and one that comes again not twice",
    Effect.gen(function*() {
      yield* filled
      // The first were shown, the last were not.
      const again = ["k:0", "k:1", "k:2558"]
      const shown = yield* during(
        listed,
        Effect.andThen(Cached.remove(again), Cached.setMany([["k:0", 0], ["k:2558", 0]]))
      )
      expect(new Set(shown).size).toBe(shown.length)
      const others = ids.filter((id) => !again.includes(id))
      expect(shown.filter((id) => !again.includes(id))).toEqual(others)
    })
  )

  test(
    "an entry that has left before its turn is not shown",
    Effect.gen(function*() {
      yield* filled
      const last = ids.slice(-1000)
      const shown = yield* during(listed, Cached.remove(last))
      expect(shown).toEqual(ids.slice(0, -1000))
    })
  )

  test(
    "size counts no dead, and none twice",
    Effect.gen(function*() {
      yield* filled
      yield* Cached.setMany(ids.slice(-1000).map((id) => [id, 1] as const), { ttl: "1 second" })
      expect(yield* during(Cached.size, TestClock.adjust("2 seconds"))).toBe(size - 1000)
      yield* Cached.set("k:2000", 1, { ttl: "1 hour", tags: ["t"] })
      expect(yield* during(Cached.size, Cached.invalidate({ tag: "t" }))).toBe(size - 1000)
      const again = Effect.andThen(Cached.remove("k:0"), Cached.set("k:0", 0))
      expect(yield* during(Cached.size, again)).toBe(size - 1000)
    })
  )

  test(
    "a pattern removes what it matches, whatever else comes and goes",
    Effect.gen(function*() {
      yield* filled
      const others = ids.map((id) => [`other ${id}`, 1] as const)
      yield* during(Cached.remove({ matching: "k:*" }), Cached.setMany([...others.slice(0, 500), ["k:0", 2]]))
      expect(yield* listed).toEqual([])
      expect(yield* Cached.size).toBe(500)
    })
  )
})

describe("a serializable transaction", () => {
  const test = (name: string, self: Effect.Effect<void, unknown, Caching.Caching>) =>
    it.effect(name, () => Effect.provide(self, CacheLayer.memory({ capacity: 2 * size })))

  const run = <A, E, R>(self: Effect.Effect<A, E, R>) =>
    Transaction.run(Effect.tap(self, Cached.set("written", 1)), {
      isolation: "serializable",
      retry: Schedule.recurs(0),
      timeout: "1 day"
    })

  test(
    "is not shown what comes after its first listing, and goes again before it commits",
    Effect.gen(function*() {
      yield* Cached.setMany([["k:0", 0], ["k:1", 1]])
      // Listing memory lets ids keep their places.
      yield* listed
      yield* Cached.remove("k:0")
      const context = yield* Effect.context<Caching.Caching>()
      const out = Effect.provideContext(context)
      const seen = yield* run(Effect.gen(function*() {
        const before = yield* listed
        yield* out(Cached.set("k:0", 2))
        const meanwhile = yield* listed
        yield* out(Cached.remove("k:0"))
        return [before, meanwhile]
      }))
      expect(seen).toEqual([["k:1"], ["k:1"]])
    })
  )

  test(
    "commits beside others that change memory all the time, and never what was listed otherwise",
    Effect.gen(function*() {
      yield* filled
      const changing = yield* start(Effect.forever(Effect.andThen(Cached.set("other", 1), Effect.yieldNow)))
      expect((yield* impatient(run(listed))).length).toBe(size)
      yield* Fiber.interrupt(changing)
      // The first were listed.
      for (const change of [Cached.remove("k:0"), Cached.set("k:0", 1), Cached.set("k:new", 1)]) {
        yield* filled
        const conflict = Effect.flip(Effect.asVoid(run(listed)))
        expect(yield* during(conflict, change)).toMatchObject({ _tag: "TransactionConflict" })
        yield* Cached.remove("k:new")
      }
    })
  )

  test(
    "notices what changes while it looks whether anything has",
    Effect.gen(function*() {
      yield* filled
      const context = yield* Effect.context<Caching.Caching>()
      for (const change of [Cached.remove("k:0"), Cached.set("k:0", 1), Cached.set("k:new", 1)]) {
        yield* filled
        const late = Effect.gen(function*() {
          yield* listed
          // The commit has begun, and has looked at the first.
          yield* Effect.forkDetach(Effect.provideContext(
            Effect.andThen(Effect.yieldNow, Effect.andThen(Effect.yieldNow, change)),
            context
          ))
        })
        expect(yield* Effect.flip(impatient(run(late)))).toMatchObject({ _tag: "TransactionConflict" })
        yield* Cached.remove("k:new")
      }
    })
  )
})
