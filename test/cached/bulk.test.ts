/** Many keys in one call: one load for all that is missing, in the order of the keys. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Clock, type Context, Data, Effect, Exit, Fiber, Layer, Logger, Option, Schema, Scope } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy, type Caching, Strategy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { TestClock } from "effect/testing"
import { caches, ended, fakeStore, over, settle, start, within } from "../support/caches.ts"

class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.String }) {}

class Down extends Data.TaggedError("Down") {}

interface Behaviour {
  delay?: number
  fails?: boolean
  /** These fail by themselves. */
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
        const users = Cached.many(User, lookup, { strategy: hour })
        expect(values(yield* users(ids(1, 2)))).toEqual(["1#1", "2#1"])
        expect(values(yield* users(ids(3, 2, 3, 4, 1)))).toEqual(["3#2", "2#1", "3#2", "4#2", "1#1"])
        expect(yield* users([])).toEqual([])
        expect(values(yield* users(new Set(ids(4, 4))))).toEqual(["4#2", "4#2"])
        expect(calls).toEqual([[1, 2], [3, 4]])
      }).pipe(Effect.provide(layer)))

    it.effect("one key's failure is its own, and is not stored", () =>
      Effect.gen(function*() {
        const { behaviour, calls, lookup } = counting({ bad: [2] })
        const users = Cached.many(User, lookup, { strategy: hour })
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
        const users = Cached.many(User, lookup, { strategy: hour })
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
        const users = Cached.many(User, lookup, { strategy, fallbackOn: "all" })
        yield* users(ids(1, 2))
        yield* TestClock.adjust("10 minutes")
        behaviour.fails = true
        expect(values(yield* users(ids(1, 2)))).toEqual(["1#1", "2#1"])
        // Throttled: no lookup is called for them.
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
        const users = Cached.many(User, lookup, {
          strategy: "softTtl",
          ttl: "1 hour",
          softTtl: "1 minute",
          fallbackOn: "all"
        })
        yield* users(ids(1, 2))
        yield* TestClock.adjust("1 minute")
        behaviour.bad = [2]
        expect(values(yield* users(ids(1, 2)))).toEqual(["1#2", "2#1"])
      }).pipe(Effect.provide(layer)))

    it.effect("refreshAhead serves at once, and refreshes all that is due in one call behind it", () =>
      Effect.gen(function*() {
        const { calls, lookup } = counting({ delay: 1000 })
        const strategy = Strategy.refreshAhead({ ttl: "1 hour", refreshAfter: "10 minutes" })
        const users = Cached.many(User, lookup, { strategy })
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
        const users = Cached.many(User, lookup, { strategy, retryAfter: "1 minute" })
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
        const users = Cached.many(User, lookup, { strategy: "sliding", idle: "10 minutes" })
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
        const users = Cached.many(User, lookup, { strategy: "failover", ttl: "1 hour", fallbackOn: "all" })
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
        const users = Cached.many(User, lookup, { strategy: "untilInvalidated" })
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
        const users = Cached.many(User, lookup, { strategy: hour })
        const user = Cached.fn(User, ({ id }) => Effect.delay(Effect.succeed(`${id}!`), 1000), { strategy: hour })
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
        const users = Cached.many(User, lookup, { strategy: hour })
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

    it.effect("the call ends with its last waiting caller, and that one waits for its finalizers", () =>
      Effect.gen(function*() {
        let finalized = false
        const users = Cached.many(User, () =>
          Effect.sleep(10_000).pipe(
            Effect.as([]),
            Effect.onInterrupt(() => Effect.andThen(Effect.sleep(100), Effect.sync(() => finalized = true)))
          ), { strategy: hour })
        const user = Cached.fn(User, () => Effect.succeed("single"), { strategy: hour })
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

    it.effect("entries invalidated during the call are returned to waiting callers, and not kept", () =>
      Effect.gen(function*() {
        const { calls, lookup } = counting({ delay: 1000 })
        const users = Cached.many(User, lookup, { strategy: hour })
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
            Effect.exit(Cached.many(User, lookup, { strategy: hour })(ids(1, 2, 3))),
            (exit) => Exit.isFailure(exit) && exit.cause.reasons.every(Cause.isDieReason) && Cause.squash(exit.cause)
          )
        expect(yield* dies(() => Effect.die("broken"))).toBe("broken")
        expect(
          yield* dies(() => {
            throw new Error("thrown")
          })
        ).toEqual(new Error("thrown"))
        expect(yield* dies(() => Effect.succeed([Exit.succeed("a"), Exit.succeed("b")]))).toEqual(
          new Error(
            `The lookup of many "User" got 3 keys and returned 2 results: return one Exit for each key, in their order or by key`
          )
        )
        expect(yield* dies(() => Effect.succeed(undefined))).toEqual(
          new Error(
            `The lookup of many "User" must return a list or a Map: return one Exit for each key, in their order or by key`
          )
        )
        expect(yield* dies(() => Effect.succeed(["a", "b", "c"]))).toEqual(
          new Error(
            `The lookup of many "User" returned an element that is not an Exit: return one Exit for each key, in their order or by key`
          )
        )
        const sparse = new Array<Exit.Exit<string>>(3)
        sparse[0] = sparse[2] = Exit.succeed("a")
        for (const lookup of [() => Effect.succeed(sparse), () => Effect.as(Effect.yieldNow, sparse)]) {
          expect(yield* dies(lookup)).toEqual(
            new Error(
              `The lookup of many "User" returned an element that is not an Exit: return one Exit for each key, in their order or by key`
            )
          )
        }
        expect(yield* Cached.has(new User({ id: 1 }))).toBe(false)
      }).pipe(Effect.provide(layer)))

    it.effect.each([1, 2])(
      "a lookup that needs its own key %i dies of a CacheCycle, and no caller hangs",
      (id) =>
        Effect.gen(function*() {
          const users: (payloads: Iterable<{ readonly id: number }>) => Effect.Effect<
            ReadonlyArray<Exit.Exit<string>>,
            never,
            Caching.Caching
          > = Cached.many(User, (keys) => Effect.as(users(ids(id)), keys.map(() => Exit.succeed("never"))), {
            strategy: hour
          }) as never
          const reader = yield* start(Effect.exit(users(ids(1, 2))))
          yield* settle
          const exit = ended(reader)
          if (exit === "still waiting") throw new Error("it hangs")
          expect(String(exit)).toContain("CacheCycle")
        }).pipe(Effect.provide(layer))
    )

    it.effect("a call that continues when its first key is left still finds a cycle", () =>
      Effect.gen(function*() {
        const users: (payloads: Iterable<{ readonly id: number }>) => Effect.Effect<
          ReadonlyArray<Exit.Exit<string>>,
          never,
          Caching.Caching
        > = Cached.many(User, (keys) =>
          Effect.delay(users(ids(2)), "1 second").pipe(Effect.as(keys.map(() => Exit.succeed("never")))), {
          strategy: hour
        }) as never
        const both = yield* start(users(ids(1, 2)))
        yield* settle
        const second = yield* start(Effect.exit(users(ids(2))))
        yield* settle
        yield* Fiber.interrupt(both)
        yield* TestClock.adjust("1 second")
        yield* settle
        const exit = ended(second)
        if (exit === "still waiting") {
          throw new Error("it hangs")
        }
        expect(String(exit)).toContain("CacheCycle")
      }).pipe(Effect.provide(layer)))

    it.effect("timeout: each key that is not there in time fails by itself, and the rest is answered", () =>
      Effect.gen(function*() {
        const { lookup } = counting()
        yield* Cached.many(User, lookup, { strategy: hour })(ids(1))
        const slow = counting({ delay: 1000 })
        const users = Cached.many(User, slow.lookup, { strategy: hour, timeout: "100 millis" })
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

    it.effect("softTimeout: past it the stale values are answered, and the call continues", () =>
      Effect.gen(function*() {
        const { behaviour, lookup } = counting()
        const strategy = Strategy.softTtl({ ttl: "1 hour", softTtl: "1 minute" })
        const users = Cached.many(User, lookup, { strategy, fallbackOn: "all", softTimeout: "100 millis" })
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

    it.effect("fallbackOn says which failures stale values stand in for", () =>
      Effect.gen(function*() {
        const { behaviour, lookup } = counting()
        const users = Cached.many(User, lookup, {
          strategy: "softTtl",
          ttl: "1 hour",
          softTtl: "1 minute",
          fallbackOn: () => false
        })
        yield* users(ids(1))
        yield* TestClock.adjust("1 minute")
        behaviour.fails = true
        expect(yield* Effect.flip(users(ids(1)))).toEqual(new Down())
      }).pipe(Effect.provide(layer)))

    it.effect("the policies mean for many what they mean for one", () =>
      Effect.gen(function*() {
        const { calls, lookup } = counting()
        const users = Cached.many(User, lookup, { strategy: hour })
        yield* users(ids(1))
        expect(values(yield* CachePolicy.disable("set")(users(ids(1, 2))))).toEqual(["1#1", "2#2"])
        expect(yield* Cached.has(new User({ id: 2 }))).toBe(false)
        expect(values(yield* CachePolicy.bypass(users(ids(1, 2, 1))))).toEqual(["1#3", "2#3", "1#3"])
        expect(values(yield* CachePolicy.refresh(users(ids(1))))).toEqual(["1#4"])
        expect(values(yield* users(ids(1)))).toEqual(["1#4"])
        expect(values(yield* CachePolicy.disable("get")(users(ids(1))))).toEqual(["1#5"])
        expect(values(yield* users(ids(1)))).toEqual(["1#5"])
        expect(values(yield* CachePolicy.strict(users(ids(1))))).toEqual(["1#5"])
        expect(values(yield* CachePolicy.disable("get")(users(ids(1))))).toEqual(["1#6"])
        expect(calls).toEqual([[1], [2], [1, 2], [1], [1], [1]])
      }).pipe(Effect.provide(layer)))

    it.effect("invalidateFurther forgets each key first", () =>
      Effect.gen(function*() {
        const { calls, lookup } = counting()
        const users = Cached.many(User, lookup, { strategy: hour })
        yield* users(ids(1, 2))
        expect(values(yield* CachePolicy.invalidating(users(ids(1, 1))))).toEqual(["1#2", "1#2"])
        expect(values(yield* users(ids(1, 2)))).toEqual(["1#2", "2#1"])
        expect(calls).toEqual([[1, 2], [1]])
      }).pipe(Effect.provide(layer)))

    const count = cache.store ? 1000 : 10_000
    it.effect(`${count} keys: loaded in one call, served without one`, () =>
      Effect.gen(function*() {
        const { calls, lookup } = counting()
        const users = Cached.many(User, lookup, { strategy: hour })
        const all = ids(...Array.from({ length: count }, (_, i) => i))
        expect((yield* users(all)).length).toBe(count)
        const exits = yield* users(all)
        expect(values([exits[0]!, exits[count - 1]!])).toEqual(["0#1", `${count - 1}#1`])
        expect(calls.map((keys) => keys.length)).toEqual([count])
      }).pipe(Effect.provide(cache.layer({ capacity: 20_000 }))))
  })

  describe("and the store", () => {
    it.effect("one request each for the entries that memory does not have, their tags, the leases and the results", () => {
      class Tagged extends CacheKey.Class<Tagged>()("Tagged", {
        payload: { id: Schema.Int },
        success: Schema.String,
        tags: ({ id }) => ["users", `user:${id}`]
      }) {}
      const asked: Array<string> = []
      let atOnce = 0
      let most = 0
      const counted = <A, E>(name: string, effect: Effect.Effect<A, E>) =>
        Effect.suspend(() => {
          asked.push(name)
          most = Math.max(most, ++atOnce)
          return Effect.andThen(Effect.sleep(10), Effect.ensuring(effect, Effect.sync(() => atOnce--)))
        })
      const { store } = fakeStore()
      const watched: Store.Store = {
        ...store,
        get: (id, tags) => counted("get", store.get(id, tags)),
        getMany: (ids) => counted("getMany", store.getMany(ids)),
        markers: (tags) => counted("markers", store.markers(tags)),
        acquireMany: (requests) => counted("acquireMany", store.acquireMany(requests)),
        commitMany: (requests) => counted("commitMany", store.commitMany(requests))
      }
      const layer = Layer.provide(CacheLayer.layerWith({ memory: false }), Layer.succeed(Store.Store, watched))
      const count = (name: string) => asked.filter((one) => one === name).length
      return Effect.gen(function*() {
        const users = Cached.many(Tagged, (keys) => Effect.succeed(keys.map(({ id }) => Exit.succeed(`user ${id}`))), {
          strategy: hour
        })
        const all = ids(...Array.from({ length: 50 }, (_, i) => i))
        const loading = yield* start(users(all))
        yield* TestClock.adjust("40 millis")
        expect(values(yield* Fiber.join(loading)).length).toBe(50)
        expect([count("getMany"), count("get"), count("markers"), count("acquireMany"), count("commitMany")])
          .toEqual([1, 0, 1, 1, 1])
        expect(most).toBe(1)
        asked.length = 0
        const reading = yield* start(users(all))
        yield* TestClock.adjust("20 millis")
        expect(values(yield* Fiber.join(reading))[49]).toBe("user 49")
        expect(asked).toEqual(["getMany", "get"])
      }).pipe(Effect.provide(layer))
    })

    it.effect("P4 · a store that hangs delays a read of many by its budget, once, and is not asked for each key", () => {
      const fake = fakeStore()
      fake.behave = () => ({ before: Effect.never })
      const asked: Array<string> = []
      const note = <A, E>(name: string, effect: Effect.Effect<A, E>) =>
        Effect.andThen(Effect.sync(() => asked.push(name)), effect)
      const hanging: Store.Store = {
        ...fake.store,
        get: (id, tags) => note("get", fake.store.get(id, tags)),
        getMany: (ids) => note("getMany", fake.store.getMany(ids)),
        acquire: (id, options) => note("acquire", fake.store.acquire(id, options))
      }
      return within(
        Layer.provide(CacheLayer.layerWith({ storeTimeout: "100 millis" }), Layer.succeed(Store.Store, hanging)),
        Effect.gen(function*() {
          const { calls, lookup } = counting()
          const users = Cached.many(User, lookup, { strategy: hour })
          const reader = yield* start(users(ids(1, 2, 3)))
          yield* TestClock.adjust("99 millis")
          expect(ended(reader)).toBe("still waiting")
          yield* TestClock.adjust("1 millis")
          yield* settle
          expect(ended(reader)).toEqual(Exit.succeed([Exit.succeed("1#1"), Exit.succeed("2#1"), Exit.succeed("3#1")]))
          expect(asked).toEqual(["getMany"])
          // It is in memory all the same.
          expect(values(yield* users(ids(1, 2, 3)))).toEqual(["1#1", "2#1", "3#1"])
          expect(calls.length).toBe(1)
        })
      )
    })

    it.effect("a store that fails at once is not asked for each key again", () => {
      const asked: Array<string> = []
      const { store } = fakeStore()
      const fault = new CacheError.StoreError({ store: "fake", operation: "get", reason: "Unavailable" })
      const failing: Store.Store = {
        ...store,
        get: () => Effect.andThen(Effect.sync(() => asked.push("get")), Effect.fail(fault)),
        getMany: () => Effect.andThen(Effect.sync(() => asked.push("getMany")), Effect.fail(fault))
      }
      return Effect.gen(function*() {
        const { lookup } = counting()
        const users = Cached.many(User, lookup, { strategy: hour })
        expect(values(yield* users(ids(1, 2, 3)))).toEqual(["1#1", "2#1", "3#1"])
        expect(asked).toEqual(["getMany"])
      }).pipe(Effect.provide(Layer.provide(CacheLayer.layerWith(), Layer.succeed(Store.Store, failing))))
    })

    it.effect("under CachePolicy.strict a store that fails fails the read, and does not hide in an Exit", () => {
      const fake = fakeStore()
      const fault = new CacheError.StoreError({ store: "fake", operation: "get", reason: "Unavailable" })
      return Effect.gen(function*() {
        const { lookup } = counting()
        const users = Cached.many(User, lookup, { strategy: hour })
        fake.behave = (operation) => operation === "get" ? { before: Effect.fail(fault) } : {}
        expect(yield* Effect.flip(CachePolicy.strict(users(ids(1, 2))))).toMatchObject({ _tag: "StoreError" })
        // The reads answer, the writes do not.
        fake.behave = (operation) => operation === "set" ? { before: Effect.fail(fault) } : {}
        expect(yield* Effect.flip(CachePolicy.strict(users(ids(3, 4))))).toMatchObject({ _tag: "StoreError" })
        expect(values(yield* users(ids(5)))).toEqual(["5#2"])
      }).pipe(Effect.provide(over(fake)))
    })

    it.effect("an answer that is no list of entries is a fault like any other", () => {
      const { store } = fakeStore()
      const answers: ReadonlyArray<unknown> = [undefined, [], [undefined], [undefined, { meta: {} }]]
      return Effect.forEach(answers, (answer) => {
        const lying: Store.Store = { ...store, getMany: () => Effect.succeed(answer as never) }
        return Effect.gen(function*() {
          const { lookup } = counting()
          const users = Cached.many(User, lookup, { strategy: hour })
          expect(yield* Effect.flip(CachePolicy.strict(users(ids(1, 2))))).toMatchObject({ reason: "Corrupt" })
          expect(values(yield* users(ids(1, 2)))).toEqual(["1#1", "2#1"])
          expect((yield* Cached.stats).storeFailures).toBe(2)
        }).pipe(
          Effect.provide(
            Layer.provide(CacheLayer.layerWith({ memory: false }), Layer.succeed(Store.Store, lying))
          )
        )
      })
    })

    it.effect("a late answer of the store does not replace an entry that came into memory meanwhile", () => {
      const fake = fakeStore()
      return Effect.gen(function*() {
        const { behaviour, lookup } = counting()
        const users = Cached.many(User, lookup, { strategy: hour })
        yield* Effect.provide(users(ids(1, 2)), over(fake))
        // Memory is empty again: the store is asked, and takes its time to answer.
        yield* Effect.gen(function*() {
          fake.behave = (operation) => operation === "get" ? { after: Effect.sleep(100) } : {}
          const late = yield* start(users(ids(1, 2)))
          yield* settle
          fake.behave = () => ({})
          behaviour.bad = []
          expect(values(yield* users.refresh(ids(1)))).toEqual(["1#2"])
          yield* TestClock.adjust("100 millis")
          expect(values(yield* Fiber.join(late))).toEqual(["1#1", "2#1"])
          expect(values(yield* users(ids(1, 2)))).toEqual(["1#2", "2#1"])
        }).pipe(Effect.provide(over(fake)))
      })
    })

    it.effect("entries invalidated while the store is asked are not kept, and no caller falls back on them", () => {
      const fake = fakeStore()
      return Effect.gen(function*() {
        const { behaviour, calls, lookup } = counting()
        const strategy = Strategy.softTtl({ ttl: "1 hour", softTtl: "1 minute" })
        const users = Cached.many(User, lookup, { strategy, fallbackOn: "all" })
        yield* users(ids(1))
        yield* TestClock.adjust("1 minute")
        fake.behave = (operation) => operation === "get" ? { after: Effect.sleep(100) } : {}
        behaviour.fails = true
        behaviour.delay = 1000
        // 1 is stale in memory, 2 has to be asked for
        const before = yield* start(Effect.exit(users(ids(1, 2))))
        yield* settle
        yield* users.invalidate(ids(1))
        yield* TestClock.adjust("100 millis")
        yield* settle
        const after = yield* start(Effect.exit(users(ids(1))))
        yield* settle
        yield* TestClock.adjust("2 seconds")
        yield* settle
        expect(yield* Fiber.join(before)).toEqual(Exit.fail(new Down()))
        expect(yield* Fiber.join(after)).toEqual(Exit.fail(new Down()))
        expect(calls.length).toBe(2)
      }).pipe(Effect.provide(over(fake)))
    })
  })

  describe("and other processes", () => {
    /** Two caches over one store that several share. */
    const pair = () => {
      const { store } = fakeStore()
      const shared = { ...store, capabilities: { ...store.capabilities, shared: true } }
      const layer = Layer.provide(
        CacheLayer.layerWith({ memory: false, lease: "1 second" }),
        Layer.succeed(Store.Store, shared)
      )
      return Effect.all([Layer.build(Layer.fresh(layer)), Layer.build(Layer.fresh(layer))])
    }

    const inA = <A, E>(
      context: Context.Context<Caching.Caching>,
      self: Effect.Effect<A, E, Caching.Caching>
    ): Effect.Effect<A, E, Scope.Scope> => Effect.provide(self, context)

    it.effect("keys that another is loading are waited for, and are not in the call", () =>
      Effect.gen(function*() {
        const [a, b] = yield* pair()
        const slow = counting({ delay: 1000 })
        const quick = counting({ delay: 100 })
        const first = yield* start(inA(a, Cached.many(User, slow.lookup, { strategy: hour })(ids(1, 2))))
        yield* settle
        const second = yield* start(inA(b, Cached.many(User, quick.lookup, { strategy: hour })(ids(2, 3, 4))))
        yield* TestClock.adjust("2 seconds")
        yield* settle
        expect(values(yield* Fiber.join(first))).toEqual(["1#1", "2#1"])
        expect(values(yield* Fiber.join(second))).toEqual(["2#1", "3#1", "4#1"])
        expect([slow.calls, quick.calls]).toEqual([[[1, 2]], [[3, 4]]])
      }).pipe(Effect.scoped))

    it.effect("if the other dies they are loaded here, together, in a second call", () =>
      Effect.gen(function*() {
        const { store } = fakeStore()
        const shared = { ...store, capabilities: { ...store.capabilities, shared: true } }
        // A process that took the keys and never came back.
        for (const id of [1, 2]) {
          yield* store.acquire(CacheKey.id(new User({ id })), {
            owner: "dead",
            leaseMillis: 1000,
            rejectedWriteId: undefined,
            join: false
          })
        }
        const { calls, lookup } = counting()
        const users = Cached.many(User, lookup, { strategy: hour })
        yield* within(
          Layer.provide(CacheLayer.layerWith({ lease: "1 second" }), Layer.succeed(Store.Store, shared)),
          Effect.gen(function*() {
            const reader = yield* start(users(ids(1, 2, 3)))
            yield* settle
            expect(calls).toEqual([[3]])
            yield* TestClock.adjust("2 seconds")
            yield* settle
            expect(values(yield* Fiber.join(reader))).toEqual(["1#2", "2#2", "3#1"])
            expect(calls).toEqual([[3], [1, 2]])
          })
        )
      }))
  })

  describe("in the background", () => {
    const strategy = Strategy.refreshAhead({ ttl: "1 hour", refreshAfter: "1 minute" })

    it.effect("a batch counts as one of those that may run, and waits as one", () =>
      Effect.gen(function*() {
        const { behaviour, calls, lookup } = counting()
        const users = Cached.many(User, lookup, { strategy })
        yield* users(ids(1, 2, 3, 4, 5, 6))
        yield* TestClock.adjust("1 minute")
        behaviour.delay = 1000
        yield* users(ids(1, 2, 3))
        yield* users(ids(4, 5))
        yield* users(ids(6))
        yield* settle
        expect(calls.slice(1)).toEqual([[1, 2, 3]])
        // A caller waits for a key that waits for room: its whole batch begins.
        const stale = Strategy.softTtl({ ttl: "1 hour", softTtl: 0 })
        const waiting = yield* start(Cached.many(User, lookup, { strategy: stale, fallbackOn: "all" })(ids(5)))
        yield* settle
        expect(calls.slice(1)).toEqual([[1, 2, 3], [4, 5]])
        yield* TestClock.adjust("1 second")
        yield* settle
        expect(values(yield* Fiber.join(waiting))).toEqual(["5#3"])
        expect(calls.slice(1)).toEqual([[1, 2, 3], [4, 5], [6]])
        yield* TestClock.adjust("1 second")
        yield* settle
        expect(values(yield* users(ids(1, 4, 6)))).toEqual(["1#2", "4#3", "6#4"])
      }).pipe(Effect.provide(CacheLayer.memory({ refresh: { concurrency: 1 } }))))

    it.effect("a batch has its room until the last of its keys is stored", () => {
      const fake = fakeStore()
      return Effect.gen(function*() {
        const { calls, lookup } = counting()
        const users = Cached.many(User, lookup, { strategy })
        yield* users(ids(1, 2, 3))
        yield* TestClock.adjust("1 minute")
        const slow = CacheKey.id(new User({ id: 2 }))
        fake.behave = (operation, id) => operation === "set" && id === slow ? { before: Effect.sleep(100) } : {}
        yield* users(ids(1, 2))
        yield* users(ids(3))
        yield* settle
        expect(calls.slice(1)).toEqual([[1, 2]])
        yield* TestClock.adjust("100 millis")
        yield* settle
        expect(calls.slice(1)).toEqual([[1, 2], [3]])
      }).pipe(Effect.provide(over(fake, { refresh: { concurrency: 1 } })))
    })

    it.effect("entries invalidated while the store was asked are refreshed, with no stale value to fall back on", () => {
      const fake = fakeStore()
      return Effect.gen(function*() {
        const { behaviour, calls, lookup } = counting()
        const users = Cached.many(User, lookup, { strategy })
        yield* Effect.provide(users(ids(1)), over(fake))
        yield* TestClock.adjust("1 minute")
        yield* Effect.gen(function*() {
          fake.behave = (operation) => operation === "get" ? { after: Effect.sleep(100) } : {}
          const before = yield* start(users(ids(1)))
          yield* settle
          behaviour.fails = true
          fake.behave = () => ({})
          const invalidating = yield* start(users.invalidate(ids(1)))
          yield* TestClock.adjust("100 millis")
          yield* settle
          yield* Fiber.join(invalidating)
          expect(values(yield* Fiber.join(before))).toEqual(["1#1"])
          expect(calls.length).toBe(1)
          expect(yield* Effect.flip(users(ids(1)))).toEqual(new Down())
        }).pipe(Effect.provide(over(fake)))
      })
    })

    it.effect("its failure is logged once, not for each key", () => {
      const lines: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => {
        if (logLevel === "Warn") lines.push(String(message))
      })
      return Effect.gen(function*() {
        const { behaviour, lookup } = counting()
        const users = Cached.many(User, lookup, { strategy })
        yield* users(ids(1, 2, 3))
        yield* TestClock.adjust("1 minute")
        behaviour.fails = true
        yield* users(ids(1, 2, 3))
        yield* TestClock.adjust("2 seconds")
        yield* settle
        expect((yield* Cached.stats).loadFailures).toBe(3)
        expect(lines.length).toBe(1)
        expect(lines[0]).toContain("The refresh of")
      }).pipe(Effect.provide(CacheLayer.memory()), Effect.provide(Logger.layer([logger])))
    })

    it.effect("keys of a call that takes too long are free for another, and the call is ended", () =>
      Effect.gen(function*() {
        const { behaviour, calls, lookup, notes } = counting()
        const users = Cached.many(User, lookup, { strategy, retryAfter: 0 })
        yield* users(ids(1, 2))
        yield* TestClock.adjust("1 minute")
        behaviour.delay = 1e9
        expect(values(yield* users(ids(1, 2)))).toEqual(["1#1", "2#1"])
        yield* TestClock.adjust("10 seconds")
        yield* settle
        expect(notes.interrupted).toBe(1)
        behaviour.delay = 0
        yield* users(ids(1, 2))
        yield* settle
        expect(values(yield* users(ids(1, 2)))).toEqual(["1#3", "2#3"])
        expect(calls.length).toBe(3)
      }).pipe(Effect.provide(CacheLayer.memory({ refresh: { timeout: "10 seconds" } }))))
  })

  it.effect("closing lets a call with waiters finish, and starts none", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(CacheLayer.memory(), scope)
      const { lookup } = counting({ delay: 1000 })
      const users = Cached.many(User, lookup, { strategy: hour })
      const reader = yield* start(Effect.provide(users(ids(1, 2)), context))
      yield* settle
      const closing = yield* start(Scope.close(scope, Exit.void))
      const late = yield* Effect.exit(Effect.provide(users(ids(3)), context))
      expect(Exit.isFailure(late) && Cause.squash(late.cause)).toBeInstanceOf(CacheError.CacheClosed)
      yield* TestClock.adjust("1 second")
      expect(values(yield* Fiber.join(reader))).toEqual(["1#1", "2#1"])
      yield* Fiber.join(closing)
    }))

  it.effect.prop(
    "for any lists: the answers are those of single reads, and no call has what is there, or a key twice",
    {
      lists: Schema.Array(Schema.Array(Schema.Literals([0, 1, 2, 3, 4, 5]))),
      bad: Schema.Array(Schema.Literals([0, 1, 2]))
    },
    ({ bad, lists }) =>
      Effect.gen(function*() {
        const { calls, lookup } = counting({ bad })
        const users = Cached.many(User, lookup, { strategy: hour })
        const there = new Map<number, string>()
        for (const list of lists) {
          const before = calls.length
          const exits = yield* users(ids(...list))
          const missing = Array.from(new Set(list)).filter((id) => !there.has(id))
          expect(calls.slice(before)).toEqual(missing.length === 0 ? [] : [missing])
          for (const id of missing) if (!bad.some((one) => one === id)) there.set(id, `${id}#${calls.length}`)
          expect(values(exits)).toEqual(list.map((id) => there.get(id) ?? `bad ${id}`))
        }
      }).pipe(Effect.provide(CacheLayer.memory()))
  )

  describe.each(caches.filter(({ memory }) => memory))("a key given twice, over $name", (cache) => {
    const key = new User({ id: 1 })
    const set = Cached.set(key, "set")
    const invalidate = Cached.invalidate(key)
    it.effect.each([
      { name: "missed, and set and invalidated since", there: [2], changes: [set, invalidate] },
      { name: "served, and invalidated since", there: [1, 2], changes: [invalidate] },
      { name: "served, and set since", there: [1, 2], changes: [set] }
    ])("has one answer, even where it was $name", ({ changes, there }) =>
      Effect.gen(function*() {
        const services = yield* Effect.context<Caching.Caching>()
        const { lookup } = counting()
        const left: Array<Effect.Effect<void, never, Caching.Caching>> = []
        // The call asks this for each key that it serves, one after the other.
        const decide: Strategy.Strategy["decide"] = (entry, now, random) => {
          const change = left.shift()
          if (change !== undefined) Effect.runForkWith(services)(change)
          return hour.decide(entry, now, random)
        }
        const users = Cached.many(User, lookup, { strategy: { ...hour, decide } })
        yield* users(ids(...there))
        left.push(...changes)
        const [first, , second] = yield* users(ids(1, 2, 1))
        expect(second).toEqual(first)
      }).pipe(Effect.provide(cache.layer())))
  })

  it.effect("a key given twice has one answer where the pause after a failure ends between its places", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      let now = 0
      const ticking: Clock.Clock = Object.create(clock, { currentTimeMillisUnsafe: { value: () => now++ } })
      const { behaviour, lookup } = counting()
      for (let pause = 1; pause <= 30; pause++) {
        const strategy = Strategy.softTtl({ ttl: "1 hour", softTtl: 0 })
        const users = Cached.many(User, lookup, { strategy, fallbackOn: "all", retryAfter: pause })
        const read = Effect.provideService(users(ids(pause, pause)), Clock.Clock, ticking)
        behaviour.fails = false
        yield* read
        behaviour.fails = true
        yield* read
        behaviour.fails = false
        const [first, second] = yield* read
        expect(second).toEqual(first)
      }
    }).pipe(Effect.provide(over(fakeStore(), { memory: false }))))

  it.effect("maxHits counts the reads of many", () =>
    Effect.gen(function*() {
      const { calls, lookup } = counting()
      const users = Cached.many(User, lookup, { strategy: "maxHits", ttl: "1 hour", hits: 2 })
      for (let i = 0; i < 4; i++) yield* users(ids(1))
      yield* users(ids(1, 2))
      expect(calls).toEqual([[1], [1], [2]])
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.effect("probabilistic: early refreshes are one call", () =>
    Effect.gen(function*() {
      const { behaviour, calls, lookup } = counting({ delay: 1000 })
      const users = Cached.many(User, lookup, { strategy: "probabilistic", ttl: "1 minute", beta: 1e9 })
      const first = yield* start(users(ids(1, 2, 3)))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(first)
      behaviour.delay = 0
      expect(values(yield* users(ids(1, 2, 3)))).toEqual(["1#1", "2#1", "3#1"])
      yield* settle
      expect(calls).toEqual([[1, 2, 3], [1, 2, 3]])
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.effect("copy, memoryTtl and minLoad hold for each key", () =>
    Effect.gen(function*() {
      class Box extends CacheKey.Class<Box>()("Box", {
        payload: { id: Schema.Int },
        success: Schema.Struct({ n: Schema.Int })
      }) {}
      let calls = 0
      const lookup = (delay: number) => (keys: ReadonlyArray<Box>) =>
        Effect.delay(Effect.sync(() => (calls++, keys.map(() => Exit.succeed({ n: calls })))), delay)
      const boxes = Cached.many(Box, lookup(0), { strategy: hour, copy: "structured" })
      const [first] = yield* boxes(ids(1))
      const [second] = yield* boxes(ids(1))
      expect(second).toEqual(first)
      expect(Exit.isSuccess(first!) && Exit.isSuccess(second!) && first.value === second.value).toBe(false)
      const quick = Cached.many(Box, lookup(10), { strategy: hour, minLoad: "1 second" })
      for (const n of [2, 3]) {
        const reader = yield* start(quick(ids(7)))
        yield* TestClock.adjust("10 millis")
        expect(yield* Fiber.join(reader)).toEqual([Exit.succeed({ n })])
      }
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.effect("a result made of another cache's stale value is stored for none of the keys", () =>
    Effect.gen(function*() {
      let fails = false
      const rate = Effect.suspend(() => fails ? Effect.fail("down") : Effect.succeed("rate")).pipe(
        Cached.softTtl("rate", { ttl: "1 hour", softTtl: 0, fallbackOn: "all" })
      )
      yield* rate
      fails = true
      let calls = 0
      const users = Cached.many(
        User,
        (keys) => Effect.map(Effect.orDie(rate), (rate) => (calls++, keys.map(() => Exit.succeed(rate)))),
        { strategy: hour }
      )
      yield* users(ids(1, 2, 3))
      yield* users(ids(2, 3))
      expect(calls).toBe(2)
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.effect("invalid options are reported before anything runs", () =>
    Effect.gen(function*() {
      const { calls, lookup } = counting()
      expect(() => Cached.many(User, lookup, { strategy: hour, tll: 1 } as never)).toThrow("tll")
      expect(() => Cached.many(User, undefined as never, { strategy: hour })).toThrow("lookup")
      expect(() => Cached.many(User, lookup, { strategy: hour })(7 as never)).toThrow(
        "needs a list: for one payload pass [payload]"
      )
      const counted = Cached.many(User, lookup, { strategy: "maxHits", ttl: "1 hour", hits: 2 })
      const exit = yield* Effect.exit(counted(ids(1, 2)))
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheConfigError)
      expect(calls).toEqual([])
    }).pipe(Effect.provide(over(fakeStore(), { memory: false }))))

  it.effect("a disabled cache asks for each key once, in one call", () =>
    Effect.gen(function*() {
      const { calls, lookup } = counting()
      const users = Cached.many(User, lookup, { strategy: hour })
      expect(values(yield* users(ids(1, 2, 1)))).toEqual(["1#1", "2#1", "1#1"])
      expect(yield* users([])).toEqual([])
      expect(calls).toEqual([[1, 2]])
    }).pipe(Effect.provide(CacheLayer.disabled)))

  it.effect("recursion: a lookup that reads others through itself", () =>
    Effect.gen(function*() {
      const calls: Array<number> = []
      const sums: (payloads: Iterable<{ readonly id: number }>) => Effect.Effect<
        ReadonlyArray<Exit.Exit<string>>,
        never,
        Caching.Caching
      > = Cached.many(User, (keys) =>
        Effect.gen(function*() {
          calls.push(keys.length)
          const below = keys.map(({ id }) => id - 1).filter((id) => id >= 0)
          if (below.length > 0) yield* sums(ids(...below))
          return keys.map(({ id }) => Exit.succeed(`${id}`))
        }), { strategy: hour }) as never
      expect((yield* sums(ids(2000)))[0]).toEqual(Exit.succeed("2000"))
      expect(calls.length).toBe(2001)
    }).pipe(Effect.provide(CacheLayer.memory())))
})

describe("CA-10 · getMany, setMany, removeMany", () => {
  describe.each(caches)("over $name", (cache) => {
    it.effect("in the order of the keys, with what is missing and what is asked twice", () =>
      Effect.gen(function*() {
        const key = (id: number) => new User({ id })
        yield* Cached.setMany([[key(1), "a"], [key(2), "b"]], { ttl: "1 hour" })
        yield* Cached.setMany(new Map([["x", 1]]))
        expect((yield* Cached.getMany([key(2), key(3), key(1), key(2)])).map(Option.getOrUndefined))
          .toEqual(["b", undefined, "a", "b"])
        expect((yield* Cached.getMany(["x", "y", key(1)])).map(Option.getOrUndefined)).toEqual([1, undefined, "a"])
        expect(yield* Cached.remove([key(1), key(3), "x"])).toBe(2)
        expect((yield* Cached.getMany([key(1), key(2), "x"])).map(Option.getOrUndefined))
          .toEqual([undefined, "b", undefined])
        yield* TestClock.adjust("1 hour")
        expect(yield* Cached.getMany([key(2)])).toEqual([Option.none()])
        expect([yield* Cached.getMany([]), yield* Cached.setMany([]), yield* Cached.remove([])])
          .toEqual([[], undefined, 0])
      }).pipe(Effect.provide(cache.layer())))
  })

  it.effect("a key given twice is removed once, and counted once", () =>
    Effect.gen(function*() {
      yield* Cached.set("k", 1)
      expect(yield* Cached.remove(["k", "k"])).toBe(1)
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.effect("setMany takes no condition", () =>
    Effect.gen(function*() {
      const conditional = Cached.setMany([["k", 1]], { ifAbsent: true } as never)
      expect(yield* Effect.exit(conditional)).toMatchObject({
        cause: { reasons: [{ defect: { _tag: "CacheConfigError", message: expect.stringContaining("no condition") } }] }
      })
      expect(yield* Cached.has("k")).toBe(false)
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.effect("a key set twice has the last value", () =>
    Effect.gen(function*() {
      yield* Cached.setMany([["k", 1], ["k", 2], ["k", 3]])
      expect(yield* Cached.getMany(["k"])).toEqual([Option.some(3)])
    }).pipe(Effect.provide(over(fakeStore(), { memory: false }))))

  it.effect("a key set twice has the last value where the store is slower for the first one", () => {
    const fake = fakeStore()
    return Effect.gen(function*() {
      let asked = 0
      fake.behave = (operation, id) =>
        operation === "get" && id === "k" && asked++ === 0 ? { before: Effect.sleep("5 millis") } : {}
      const setting = yield* start(
        Cached.setMany([["k", "first"], ["other", 1], ["k", "last"]], { ttl: "1 hour", keepTtl: true })
      )
      yield* TestClock.adjust("10 millis")
      yield* Fiber.join(setting)
      expect(yield* Cached.getMany(["k", "other"])).toEqual([Option.some("last"), Option.some(1)])
    }).pipe(Effect.provide(over(fake, { memory: false })))
  })

  it.effect("a key removed twice counts once where another process sets it in between", () => {
    const fake = fakeStore()
    return Effect.gen(function*() {
      yield* Cached.set("k", 1)
      const stored = fake.entries.get("k")!
      fake.behave = (operation) =>
        operation === "remove" ? { after: Effect.sync(() => void fake.entries.set("k", stored)) } : {}
      expect(yield* Cached.remove(["k", "k"])).toBe(1)
      expect(fake.count("remove")).toBe(1)
    }).pipe(Effect.provide(over(fake)))
  })
})
