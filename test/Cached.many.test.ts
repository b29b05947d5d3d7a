import { describe, expect, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, Layer, Schema, type Scope } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy, Caching, Store, Strategy } from "effect-cached"
import { TestClock } from "effect/testing"
import { caches, ended, fakeStore, over, settle, start, within } from "./promises/caches.ts"

class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.String }) {}

class Down extends Schema.TaggedErrorClass<Down>()("Down", {}) {}

interface Behaviour {
  delay?: number
  fails?: boolean
  /** these fail by themselves */
  bad?: ReadonlyArray<number>
}

/** A lookup that notes what it is asked for, and answers with the number of its call. */
const counting = (behaviour: Behaviour = {}) => {
  const calls: Array<ReadonlyArray<number>> = []
  const notes = { ended: 0, interrupted: 0 }
  const lookup = (keys: ReadonlyArray<User>): Effect.Effect<ReadonlyArray<Exit.Exit<string, string>>, Down> =>
    Effect.suspend(() => {
      const n = calls.push(keys.map(({ id }) => id))
      const { bad = [], delay = 0, fails = false } = behaviour
      const answers = keys.map(({ id }) => bad.includes(id) ? Exit.fail(`bad ${id}`) : Exit.succeed(`${id}#${n}`))
      const work = delay === 0 ? Effect.void : Effect.sleep(delay)
      return work.pipe(
        Effect.andThen(Effect.suspend(() => fails ? Effect.fail(new Down()) : Effect.succeed(answers))),
        Effect.tap(() => Effect.sync(() => notes.ended++)),
        Effect.onInterrupt(() => Effect.sync(() => notes.interrupted++))
      )
    })
  return { behaviour, calls, notes, lookup }
}

const hour = Strategy.ttl({ ttl: "1 hour" })
const ids = (...numbers: ReadonlyArray<number>) => numbers.map((id) => ({ id }))
const values = (exits: ReadonlyArray<Exit.Exit<string, unknown>>) =>
  exits.map((exit) => Exit.isSuccess(exit) ? exit.value : Cause.squash(exit.cause))

describe("CA-10 · Cached.many", () => {
  describe.each(caches)("over $name", (cache) => {
    const layer = cache.layer()

    it.effect("loads only what is missing, in one call, each once, and answers in the order of the input", () =>
      Effect.gen(function*() {
        const { calls, lookup } = counting()
        const users = Cached.many(User, { lookup, strategy: hour })
        expect(values(yield* users(ids(1, 2)))).toEqual(["1#1", "2#1"])
        expect(values(yield* users(ids(3, 2, 3, 4, 1)))).toEqual(["3#2", "2#1", "3#2", "4#2", "1#1"])
        expect(yield* users([])).toEqual([])
        expect(values(yield* users(new Set(ids(4, 4))))).toEqual(["4#2", "4#2"])
        expect(calls).toEqual([[1, 2], [3, 4]])
      }).pipe(Effect.provide(layer)))

    it.effect("one key's failure is its own, and is not stored", () =>
      Effect.gen(function*() {
        const { behaviour, calls, lookup } = counting({ bad: [2] })
        const users = Cached.many(User, { lookup, strategy: hour })
        const exits = yield* users(ids(1, 2, 3))
        expect(exits[1]).toEqual(Exit.fail("bad 2"))
        expect(values(exits)).toEqual(["1#1", "bad 2", "3#1"])
        behaviour.bad = []
        expect(values(yield* users(ids(1, 2, 3)))).toEqual(["1#1", "2#2", "3#1"])
        expect(calls).toEqual([[1, 2, 3], [2]])
      }).pipe(Effect.provide(layer)))

    it.effect("a lookup that fails as a whole fails the read, and what is present is not lost", () =>
      Effect.gen(function*() {
        const { behaviour, calls, lookup } = counting()
        const users = Cached.many(User, { lookup, strategy: hour })
        yield* users(ids(1))
        behaviour.fails = true
        expect(yield* Effect.flip(users(ids(1, 2, 3)))).toEqual(new Down())
        expect(values(yield* users(ids(1)))).toEqual(["1#1"])
        behaviour.fails = false
        expect(values(yield* users(ids(3, 1)))).toEqual(["3#3", "1#1"])
        expect(calls).toEqual([[1], [2, 3], [3]])
      }).pipe(Effect.provide(layer)))

    it.effect("stale values stand in where the lookup fails, and it fails only for what has none", () =>
      Effect.gen(function*() {
        const { behaviour, calls, lookup } = counting()
        const strategy = Strategy.softTtl({ ttl: "1 hour", softTtl: "10 minutes" })
        const users = Cached.many(User, { lookup, strategy })
        yield* users(ids(1, 2))
        yield* TestClock.adjust("10 minutes")
        behaviour.fails = true
        expect(values(yield* users(ids(1, 2)))).toEqual(["1#1", "2#1"])
        // throttled: nobody is asked for them
        expect(values(yield* users(ids(2, 1)))).toEqual(["2#1", "1#1"])
        expect(calls).toEqual([[1, 2], [1, 2]])
        expect(yield* Effect.flip(users(ids(1, 3)))).toEqual(new Down())
        expect(calls[2]).toEqual([3])
        yield* TestClock.adjust("5 seconds")
        behaviour.fails = false
        expect(values(yield* users(ids(1, 2)))).toEqual(["1#4", "2#4"])
        behaviour.fails = true
        yield* TestClock.adjust("1 hour")
        expect(yield* Effect.flip(users(ids(1, 2)))).toEqual(new Down())
      }).pipe(Effect.provide(layer)))

    it.effect("one key's failed refresh keeps its value, and the others are replaced", () =>
      Effect.gen(function*() {
        const { behaviour, lookup } = counting()
        const users = Cached.many(User, { lookup, strategy: Strategy.softTtl({ ttl: "1 hour", softTtl: "1 minute" }) })
        yield* users(ids(1, 2))
        yield* TestClock.adjust("1 minute")
        behaviour.bad = [2]
        expect(values(yield* users(ids(1, 2)))).toEqual(["1#2", "2#1"])
      }).pipe(Effect.provide(layer)))

    it.effect("refreshAhead serves at once, and refreshes all that is due in one call behind it", () =>
      Effect.gen(function*() {
        const { calls, lookup } = counting({ delay: 1000 })
        const strategy = Strategy.refreshAhead({ ttl: "1 hour", refreshAfter: "10 minutes" })
        const users = Cached.many(User, { lookup, strategy })
        const first = yield* start(users(ids(1, 2, 3)))
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(first)
        yield* TestClock.adjust("10 minutes")
        expect(values(yield* users(ids(1, 2, 3)))).toEqual(["1#1", "2#1", "3#1"])
        yield* settle
        expect(calls).toEqual([[1, 2, 3], [1, 2, 3]])
        expect((yield* Cached.stats).refreshes).toBe(3)
        yield* TestClock.adjust("1 second")
        yield* settle
        expect(values(yield* users(ids(3, 1)))).toEqual(["3#2", "1#2"])
        expect(calls.length).toBe(2)
      }).pipe(Effect.provide(layer)))

    it.effect("a failed refresh is tried again as a whole, keeps the values, and is throttled", () =>
      Effect.gen(function*() {
        const { behaviour, calls, lookup } = counting()
        const strategy = Strategy.refreshAhead({ ttl: "1 hour", refreshAfter: "10 minutes" })
        const users = Cached.many(User, { lookup, strategy, retryAfter: "1 minute" })
        yield* users(ids(1, 2))
        yield* TestClock.adjust("10 minutes")
        behaviour.fails = true
        expect(values(yield* users(ids(1, 2)))).toEqual(["1#1", "2#1"])
        yield* TestClock.adjust("2 seconds")
        yield* settle
        expect(calls).toEqual([[1, 2], [1, 2], [1, 2], [1, 2]])
        expect(values(yield* users(ids(1, 2)))).toEqual(["1#1", "2#1"])
        yield* settle
        expect(calls.length).toBe(4)
        yield* TestClock.adjust("1 minute")
        behaviour.fails = false
        yield* users(ids(1, 2))
        yield* settle
        expect(values(yield* users(ids(1, 2)))).toEqual(["1#5", "2#5"])
      }).pipe(Effect.provide(layer)))

    it.effect("sliding: each read of many moves the ends", () =>
      Effect.gen(function*() {
        const { calls, lookup } = counting()
        const users = Cached.many(User, { lookup, strategy: Strategy.sliding({ idle: "10 minutes" }) })
        yield* users(ids(1, 2))
        for (let i = 0; i < 4; i++) {
          yield* TestClock.adjust("6 minutes")
          yield* users(ids(1))
          yield* settle
        }
        yield* users(ids(1, 2))
        expect(calls).toEqual([[1, 2], [2]])
      }).pipe(Effect.provide(layer)))

    it.effect("failover: always asked, and the last good value where that fails", () =>
      Effect.gen(function*() {
        const { behaviour, calls, lookup } = counting()
        const users = Cached.many(User, { lookup, strategy: Strategy.failover({ ttl: "1 hour" }) })
        expect(values(yield* users(ids(1, 2)))).toEqual(["1#1", "2#1"])
        expect(values(yield* users(ids(1, 2)))).toEqual(["1#2", "2#2"])
        behaviour.fails = true
        expect(values(yield* users(ids(1, 2)))).toEqual(["1#2", "2#2"])
        expect(calls.length).toBe(3)
        expect(yield* Effect.flip(users(ids(1, 3)))).toEqual(new Down())
      }).pipe(Effect.provide(layer)))

    it.effect("untilInvalidated: invalidate and refresh of many", () =>
      Effect.gen(function*() {
        const { behaviour, calls, lookup } = counting()
        const users = Cached.many(User, { lookup, strategy: Strategy.untilInvalidated })
        yield* users(ids(1, 2, 3))
        yield* TestClock.adjust("1000 days")
        yield* users.invalidate(ids(1, 3))
        expect(values(yield* users(ids(1, 2, 3)))).toEqual(["1#2", "2#1", "3#2"])
        expect(values(yield* users.refresh(ids(1, 2)))).toEqual(["1#3", "2#3"])
        behaviour.fails = true
        expect(yield* Effect.flip(users.refresh(ids(1, 2)))).toEqual(new Down())
        expect(values(yield* users(ids(1, 2, 3)))).toEqual(["1#3", "2#3", "3#2"])
        expect(calls).toEqual([[1, 2, 3], [1, 3], [1, 2], [1, 2]])
      }).pipe(Effect.provide(layer)))

    it.effect("a single read joins a batch's load, and a batch joins a single one", () =>
      Effect.gen(function*() {
        const { calls, lookup } = counting({ delay: 1000 })
        const users = Cached.many(User, { lookup, strategy: hour })
        const user = Cached.fn(User, { lookup: ({ id }) => Effect.delay(Effect.succeed(`${id}!`), 1000), strategy: hour })
        const one = yield* start(user({ id: 1 }))
        yield* settle
        const all = yield* start(users(ids(1, 2, 3)))
        yield* settle
        const other = yield* start(user({ id: 3 }))
        const overlapping = yield* start(users(ids(3, 4, 1)))
        yield* settle
        yield* TestClock.adjust("1 second")
        yield* settle
        expect(yield* Fiber.join(one)).toBe("1!")
        expect(values(yield* Fiber.join(all))).toEqual(["1!", "2#1", "3#1"])
        expect(yield* Fiber.join(other)).toBe("3#1")
        expect(values(yield* Fiber.join(overlapping))).toEqual(["3#1", "4#2", "1!"])
        expect(calls).toEqual([[2, 3], [4]])
        expect((yield* Cached.stats).joined).toBe(4)
      }).pipe(Effect.provide(layer)))

    it.effect("one of two batches is interrupted: what the other waits for lives on", () =>
      Effect.gen(function*() {
        const { calls, lookup, notes } = counting({ delay: 1000 })
        const users = Cached.many(User, { lookup, strategy: hour })
        const first = yield* start(users(ids(1, 2)))
        yield* settle
        const second = yield* start(users(ids(2, 3)))
        yield* settle
        yield* TestClock.adjust("500 millis")
        yield* Fiber.interrupt(first)
        yield* TestClock.adjust("500 millis")
        yield* settle
        expect(values(yield* Fiber.join(second))).toEqual(["2#1", "3#2"])
        expect(notes).toEqual({ ended: 2, interrupted: 0 })
        const third = yield* start(users(ids(2, 3)))
        yield* settle
        expect(values(yield* Fiber.join(third))).toEqual(["2#1", "3#2"])
        expect(calls).toEqual([[1, 2], [3]])
      }).pipe(Effect.provide(layer)))

    it.effect("the call ends with the last who waits, and that one waits for its finalizers", () =>
      Effect.gen(function*() {
        let finalized = false
        const users = Cached.many(User, {
          lookup: () =>
            Effect.never.pipe(
              Effect.onInterrupt(() => Effect.andThen(Effect.sleep(100), Effect.sync(() => finalized = true)))
            ),
          strategy: hour
        })
        const user = Cached.fn(User, { lookup: () => Effect.succeed("single"), strategy: hour })
        const reader = yield* start(users(ids(1, 2)))
        yield* settle
        const joined = yield* start(user({ id: 2 }))
        yield* settle
        yield* Fiber.interrupt(reader)
        const interruption = yield* start(Fiber.interrupt(joined))
        yield* settle
        expect(ended(interruption)).toBe("still waiting")
        expect(yield* user({ id: 1 })).toBe("single")
        yield* TestClock.adjust("100 millis")
        yield* settle
        expect(ended(interruption)).not.toBe("still waiting")
        expect(finalized).toBe(true)
      }).pipe(Effect.provide(layer)))

    it.effect("what is invalidated during the call is answered to those who waited, and not kept", () =>
      Effect.gen(function*() {
        const { calls, lookup } = counting({ delay: 1000 })
        const users = Cached.many(User, { lookup, strategy: hour })
        const first = yield* start(users(ids(1, 2)))
        yield* settle
        yield* users.invalidate(ids(2))
        const second = yield* start(users(ids(1, 2)))
        yield* settle
        yield* TestClock.adjust("1 second")
        yield* settle
        expect(values(yield* Fiber.join(first))).toEqual(["1#1", "2#1"])
        expect(values(yield* Fiber.join(second))).toEqual(["1#1", "2#2"])
        const third = yield* start(users(ids(1, 2)))
        yield* settle
        expect(values(yield* Fiber.join(third))).toEqual(["1#1", "2#2"])
        expect(calls).toEqual([[1, 2], [2]])
      }).pipe(Effect.provide(layer)))

    it.effect("a lookup that dies, throws, or answers no list of Exits of the right length, is a defect", () =>
      Effect.gen(function*() {
        const dies = (lookup: () => Effect.Effect<any>) =>
          Effect.map(
            Effect.exit(Cached.many(User, { lookup, strategy: hour })(ids(1, 2, 3))),
            (exit) => Exit.isFailure(exit) && exit.cause.reasons.every(Cause.isDieReason) && Cause.squash(exit.cause)
          )
        expect(yield* dies(() => Effect.die("broken"))).toBe("broken")
        expect(yield* dies(() => {
          throw new Error("thrown")
        })).toEqual(new Error("thrown"))
        expect(yield* dies(() => Effect.succeed([Exit.succeed("a"), Exit.succeed("b")]))).toEqual(
          new Error(`The lookup of many "User" was asked for 3 keys and has answered 2`)
        )
        expect(yield* dies(() => Effect.succeed(undefined))).toEqual(
          new Error(`The lookup of many "User" has answered no list`)
        )
        expect(yield* dies(() => Effect.succeed(["a", "b", "c"]))).toEqual(
          new Error(`The lookup of many "User" has answered something that is no Exit`)
        )
        expect(yield* Cached.has(new User({ id: 1 }))).toBe(false)
      }).pipe(Effect.provide(layer)))

    it.effect.each([1, 2])("a lookup that needs its own key %i dies of a CacheCycle, and nobody hangs", (id) =>
      Effect.gen(function*() {
        const users: (payloads: Iterable<{ readonly id: number }>) => Effect.Effect<
          ReadonlyArray<Exit.Exit<string>>,
          never,
          Caching.Caching
        > = Cached.many(User, {
          lookup: (keys) => Effect.as(users(ids(id)), keys.map(() => Exit.succeed("never"))),
          strategy: hour
        }) as never
        const reader = yield* start(Effect.exit(users(ids(1, 2))))
        yield* settle
        const exit = ended(reader)
        if (exit === "still waiting") throw new Error("it hangs")
        expect(String(exit)).toContain("CacheCycle")
      }).pipe(Effect.provide(layer)))

    it.effect("timeout: each key that is not there in time fails by itself, and the rest is answered", () =>
      Effect.gen(function*() {
        const { lookup } = counting()
        yield* Cached.many(User, { lookup, strategy: hour })(ids(1))
        const slow = counting({ delay: 1000 })
        const users = Cached.many(User, { lookup: slow.lookup, strategy: hour, timeout: "100 millis" })
        const reader = yield* start(users(ids(1, 2)))
        yield* settle
        yield* TestClock.adjust("100 millis")
        yield* settle
        const key = CacheKey.id(new User({ id: 2 }))
        expect(values(yield* Fiber.join(reader))).toEqual([
          "1#1",
          new CacheError.LoadTimeout({ key, timeoutMillis: 100 })
        ])
        expect(slow.notes.interrupted).toBe(1)
      }).pipe(Effect.provide(layer)))

    it.effect("softTimeout: past it the stale values are answered, and the call goes on", () =>
      Effect.gen(function*() {
        const { behaviour, lookup } = counting()
        const strategy = Strategy.softTtl({ ttl: "1 hour", softTtl: "1 minute" })
        const users = Cached.many(User, { lookup, strategy, softTimeout: "100 millis" })
        yield* users(ids(1, 2))
        yield* TestClock.adjust("1 minute")
        behaviour.delay = 1000
        const reader = yield* start(users(ids(1, 2)))
        yield* settle
        yield* TestClock.adjust("100 millis")
        yield* settle
        expect(values(yield* Fiber.join(reader))).toEqual(["1#1", "2#1"])
        yield* TestClock.adjust("900 millis")
        yield* settle
        expect(values(yield* users(ids(1, 2)))).toEqual(["1#2", "2#2"])
      }).pipe(Effect.provide(layer)))

    it.effect("fallbackWhen says which failures stale values stand in for", () =>
      Effect.gen(function*() {
        const { behaviour, lookup } = counting()
        const users = Cached.many(User, {
          lookup,
          strategy: Strategy.softTtl({ ttl: "1 hour", softTtl: "1 minute" }),
          fallbackWhen: () => false
        })
        yield* users(ids(1))
        yield* TestClock.adjust("1 minute")
        behaviour.fails = true
        expect(yield* Effect.flip(users(ids(1)))).toEqual(new Down())
      }).pipe(Effect.provide(layer)))

    it.effect("the policies mean for many what they mean for one", () =>
      Effect.gen(function*() {
        const { calls, lookup } = counting()
        const users = Cached.many(User, { lookup, strategy: hour })
        yield* users(ids(1))
        expect(values(yield* CachePolicy.readOnly(users(ids(1, 2))))).toEqual(["1#1", "2#2"])
        expect(yield* Cached.has(new User({ id: 2 }))).toBe(false)
        expect(values(yield* CachePolicy.bypass(users(ids(1, 2, 1))))).toEqual(["1#3", "2#3", "1#3"])
        expect(values(yield* CachePolicy.refresh(users(ids(1))))).toEqual(["1#4"])
        expect(values(yield* users(ids(1)))).toEqual(["1#4"])
        expect(values(yield* CachePolicy.writeOnly(users(ids(1))))).toEqual(["1#5"])
        expect(values(yield* users(ids(1)))).toEqual(["1#5"])
        expect(values(yield* CachePolicy.strict(users(ids(1))))).toEqual(["1#5"])
        expect(values(yield* CachePolicy.disable("get")(users(ids(1))))).toEqual(["1#6"])
        expect(calls).toEqual([[1], [2], [1, 2], [1], [1], [1]])
      }).pipe(Effect.provide(layer)))

    it.effect("invalidateFurther forgets each key first", () =>
      Effect.gen(function*() {
        const { calls, lookup } = counting()
        const users = Cached.many(User, { lookup, strategy: hour })
        yield* users(ids(1, 2))
        expect(values(yield* CachePolicy.invalidateFurther(users(ids(1, 1))))).toEqual(["1#2", "1#2"])
        expect(values(yield* users(ids(1, 2)))).toEqual(["1#2", "2#1"])
        expect(calls).toEqual([[1, 2], [1]])
      }).pipe(Effect.provide(layer)))

    it.effect("10,000 keys: loaded in one call, served without one", () =>
      Effect.gen(function*() {
        const { calls, lookup } = counting()
        const users = Cached.many(User, { lookup, strategy: hour })
        const all = ids(...Array.from({ length: 10_000 }, (_, i) => i))
        expect((yield* users(all)).length).toBe(10_000)
        const exits = yield* users(all)
        expect(values([exits[0]!, exits[9999]!])).toEqual(["0#1", "9999#1"])
        expect(calls.map((keys) => keys.length)).toEqual([10_000])
      }).pipe(Effect.provide(cache.layer({ capacity: 20_000 }))))
  })
})
