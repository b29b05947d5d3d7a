/** Many keys in one call: one load for all that is missing, in the order of the keys. */
import { describe, expect, it } from "@effect/vitest"
import {
  Cause,
  Clock,
  Data,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Latch,
  Layer,
  Logger,
  Option,
  References,
  Schema,
  Scope
} from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy, type Caching, type Strategy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { groups } from "../../src/internal/defaults/bounds.ts"
import { Within } from "../../src/internal/engine/request/attempt.ts"
import type { Flights } from "../../src/internal/engine/state.ts"
import { turns } from "../../src/internal/time/turns.ts"
import { singly } from "../../src/testing/internal/singly.ts"
import { caches, elapse, ended, fakeStore, over, settle, start, started, taking, within } from "../support/caches.ts"
import { warner } from "../support/logged.ts"
import * as Looking from "../support/looking.ts"
import { made } from "../support/strategies.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test, testIn } from "../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

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

const hour = { ttl: "1 hour" } as const
/** A function of many users over such a lookup. */
const counted = (options: object = hour, behaviour?: Behaviour) => {
  const { lookup, ...rest } = counting(behaviour)
  return { ...rest, users: Cached.many(User, lookup, options as typeof hour) }
}

const ids = (...numbers: ReadonlyArray<number>) => numbers.map((id) => ({ id }))
const values = (exits: ReadonlyArray<Exit.Exit<unknown, unknown>>) =>
  exits.map((exit) => Exit.isSuccess(exit) ? exit.value : Cause.squash(exit.cause))

describe("CA-10 · Cached.many", () => {
  describe.each(caches)("over $name", (cache) => {
    const layer = cache.layer()
    const test = testIn(layer)

    it.effect.prop(
      "for any lists: the answers are those of single reads, and no call has what is there, or a key twice",
      {
        lists: Schema.Array(Schema.Array(Schema.Literals([0, 1, 2, 3, 4, 5]))),
        bad: Schema.Array(Schema.Literals([0, 1, 2]))
      },
      ({ bad, lists }) =>
        Effect.gen(function*() {
          const { calls, users } = counted(hour, { bad })
          const there = new Map<number, string>()
          for (const list of lists) {
            const before = calls.length
            const exits = yield* users(new Set(ids(...list)))
            const missing = Array.from(new Set(list)).filter((id) => !there.has(id))
            expect(calls.slice(before)).toEqual(missing.length === 0 ? [] : [missing])
            for (const id of missing) if (!bad.some((one) => one === id)) there.set(id, `${id}#${calls.length}`)
            expect(values(exits)).toEqual(list.map((id) => there.get(id) ?? `bad ${id}`))
          }
        }).pipe(Effect.provide(layer))
    )

    test("a lookup that fails as a whole fails the read, and what is present is not lost", function*() {
      const { behaviour, calls, users } = counted()
      yield* users(ids(1))
      behaviour.fails = true
      expect(yield* Effect.flip(users(ids(1, 2, 3)))).toEqual(new Down())
      expect(values(yield* users(ids(1)))).toEqual(["1#1"])
      behaviour.fails = false
      expect(values(yield* users(ids(3, 1)))).toEqual(["3#3", "1#1"])
      expect(calls).toEqual([[1], [2, 3], [3]])
    })

    test("stale values stand in where the lookup fails, and it fails only for what has none", function*() {
      const { behaviour, calls, lookup } = counting()
      const strategy = { strategy: "softTtl", ttl: "1 hour", softTtl: "10 minutes" } as const
      const users = Cached.many(User, lookup, { ...strategy, fallbackOn: "all" })
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
    })

    test("one key's failed refresh keeps its value, and the others are replaced", function*() {
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
    })

    test("refreshAhead serves at once, and refreshes all that is due in one call behind it", function*() {
      const strategy = { strategy: "refreshAhead", ttl: "1 hour", refreshAfter: "10 minutes" } as const
      const { calls, users } = counted(strategy, { delay: 1000 })
      yield* taking("1 second", users(ids(1, 2, 3)))
      yield* TestClock.adjust("10 minutes")
      expect(values(yield* users(ids(1, 2, 3)))).toEqual(["1#1", "2#1", "3#1"])
      yield* settle
      expect(calls).toEqual([[1, 2, 3], [1, 2, 3]])
      expect((yield* Cached.stats).refreshes).toBe(3)
      yield* elapse("1 second")
      expect(values(yield* users(ids(3, 1)))).toEqual(["3#2", "1#2"])
      expect(calls.length).toBe(2)
    })

    test("a failed refresh is tried again as a whole, keeps the values, and is throttled", function*() {
      const strategy = { strategy: "refreshAhead", ttl: "1 hour", refreshAfter: "10 minutes" } as const
      const { behaviour, calls, users } = counted({ ...strategy, retryAfter: "1 minute" })
      yield* users(ids(1, 2))
      yield* TestClock.adjust("10 minutes")
      behaviour.fails = true
      expect(values(yield* users(ids(1, 2)))).toEqual(["1#1", "2#1"])
      yield* elapse("2 seconds")
      expect(calls).toEqual([[1, 2], [1, 2], [1, 2], [1, 2]])
      expect(values(yield* users(ids(1, 2)))).toEqual(["1#1", "2#1"])
      yield* settle
      expect(calls.length).toBe(4)
      yield* TestClock.adjust("1 minute")
      behaviour.fails = false
      yield* users(ids(1, 2))
      yield* settle
      expect(values(yield* users(ids(1, 2)))).toEqual(["1#5", "2#5"])
    })

    test("sliding: each read of many moves the ends", function*() {
      const { calls, users } = counted({ strategy: "sliding", idle: "10 minutes" })
      yield* users(ids(1, 2))
      for (let i = 0; i < 4; i++) {
        yield* TestClock.adjust("6 minutes")
        yield* users(ids(1))
        yield* settle
      }
      yield* users(ids(1, 2))
      expect(calls).toEqual([[1, 2], [2]])
    })

    test("failover: always asked, and the last good value where that fails", function*() {
      const { behaviour, calls, users } = counted({ strategy: "failover", ttl: "1 hour", fallbackOn: "all" })
      expect(values(yield* users(ids(1, 2)))).toEqual(["1#1", "2#1"])
      expect(values(yield* users(ids(1, 2)))).toEqual(["1#2", "2#2"])
      behaviour.fails = true
      expect(values(yield* users(ids(1, 2)))).toEqual(["1#2", "2#2"])
      expect(calls.length).toBe(3)
      expect(yield* Effect.flip(users(ids(1, 3)))).toEqual(new Down())
    })

    test("untilInvalidated: invalidate and refresh of many", function*() {
      const { behaviour, calls, users } = counted({ strategy: "untilInvalidated" })
      yield* users(ids(1, 2, 3))
      yield* TestClock.adjust("1000 days")
      yield* users.invalidate(ids(1, 3))
      expect(values(yield* users(ids(1, 2, 3)))).toEqual(["1#2", "2#1", "3#2"])
      expect(values(yield* users.refresh(ids(1, 2)))).toEqual(["1#3", "2#3"])
      behaviour.fails = true
      expect(yield* Effect.flip(users.refresh(ids(1, 2)))).toEqual(new Down())
      expect(values(yield* users(ids(1, 2, 3)))).toEqual(["1#3", "2#3", "3#2"])
      expect(calls).toEqual([[1, 2, 3], [1, 3], [1, 2], [1, 2]])
    })

    test("a single read joins a batch's load, and a batch joins a single one", function*() {
      const { calls, users } = counted(hour, { delay: 1000 })
      const user = Cached.fn(User, ({ id }) => Effect.delay(Effect.succeed(`${id}!`), 1000), hour)
      const one = yield* started(user({ id: 1 }))
      const all = yield* started(users(ids(1, 2, 3)))
      const other = yield* start(user({ id: 3 }))
      const overlapping = yield* started(users(ids(3, 4, 1)))
      yield* elapse("1 second")
      expect(yield* Fiber.join(one)).toBe("1!")
      expect(values(yield* Fiber.join(all))).toEqual(["1!", "2#1", "3#1"])
      expect(yield* Fiber.join(other)).toBe("3#1")
      expect(values(yield* Fiber.join(overlapping))).toEqual(["3#1", "4#2", "1!"])
      expect(calls).toEqual([[2, 3], [4]])
      expect((yield* Cached.stats).joined).toBe(4)
    })

    test("one of two batches is interrupted: what the other waits for lives on", function*() {
      const { calls, notes, users } = counted(hour, { delay: 1000 })
      const first = yield* started(users(ids(1, 2)))
      const second = yield* started(users(ids(2, 3)))
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interrupt(first)
      yield* elapse("500 millis")
      expect(values(yield* Fiber.join(second))).toEqual(["2#1", "3#2"])
      expect(notes).toEqual({ ended: 2, interrupted: 0 })
      const third = yield* started(users(ids(2, 3)))
      expect(values(yield* Fiber.join(third))).toEqual(["2#1", "3#2"])
      expect(calls).toEqual([[1, 2], [3]])
    })

    test("the call ends with its last waiting caller, and that one waits for its finalizers", function*() {
      let finalized = false
      const users = Cached.many(User, () =>
        Effect.sleep(10_000).pipe(
          Effect.as([]),
          Effect.onInterrupt(() => Effect.andThen(Effect.sleep(100), Effect.sync(() => finalized = true)))
        ), hour)
      const user = Cached.fn(User, () => Effect.succeed("single"), hour)
      const reader = yield* started(users(ids(1, 2)))
      const joined = yield* started(user({ id: 2 }))
      yield* Fiber.interrupt(reader)
      const interruption = yield* started(Fiber.interrupt(joined))
      expect(ended(interruption)).toBe("still waiting")
      expect(yield* user({ id: 1 })).toBe("single")
      yield* elapse("100 millis")
      expect(ended(interruption)).not.toBe("still waiting")
      expect(finalized).toBe(true)
    })

    test("entries invalidated during the call are returned to waiting callers, and not kept", function*() {
      const { calls, users } = counted(hour, { delay: 1000 })
      const first = yield* started(users(ids(1, 2)))
      yield* users.invalidate(ids(2))
      const second = yield* started(users(ids(1, 2)))
      yield* elapse("1 second")
      expect(values(yield* Fiber.join(first))).toEqual(["1#1", "2#1"])
      expect(values(yield* Fiber.join(second))).toEqual(["1#1", "2#2"])
      const third = yield* started(users(ids(1, 2)))
      expect(values(yield* Fiber.join(third))).toEqual(["1#1", "2#2"])
      expect(calls).toEqual([[1, 2], [2]])
    })

    test("a lookup that dies, throws, or answers no list of Exits of the right length, is a defect", function*() {
      const dies = (lookup: () => Effect.Effect<any>) =>
        Effect.map(
          Effect.exit(Cached.many(User, lookup, hour)(ids(1, 2, 3))),
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
    })

    test.each([1, 2])(
      "a lookup that needs its own key %i dies of a CacheCycle, and no caller hangs",
      function*(id) {
        const users: (payloads: Iterable<{ readonly id: number }>) => Effect.Effect<
          ReadonlyArray<Exit.Exit<string>>,
          never,
          Caching.Caching
        > = Cached.many(User, (keys) => Effect.as(users(ids(id)), keys.map(() => Exit.succeed("never"))), {
          ...hour
        }) as never
        const reader = yield* started(Effect.exit(users(ids(1, 2))))
        const exit = ended(reader)
        if (exit === "still waiting") throw new Error("it hangs")
        expect(String(exit)).toContain("CacheCycle")
      }
    )

    test("a call that continues when its first key is left still finds a cycle", function*() {
      const users: (payloads: Iterable<{ readonly id: number }>) => Effect.Effect<
        ReadonlyArray<Exit.Exit<string>>,
        never,
        Caching.Caching
      > = Cached.many(
        User,
        (keys) => Effect.delay(users(ids(2)), "1 second").pipe(Effect.as(keys.map(() => Exit.succeed("never")))),
        {
          ...hour
        }
      ) as never
      const both = yield* started(users(ids(1, 2)))
      const second = yield* started(Effect.exit(users(ids(2))))
      yield* Fiber.interrupt(both)
      yield* elapse("1 second")
      const exit = ended(second)
      if (exit === "still waiting") {
        throw new Error("it hangs")
      }
      expect(String(exit)).toContain("CacheCycle")
    })

    test("timeout: each key that is not there in time fails by itself, and the rest is answered", function*() {
      const { lookup } = counting()
      yield* Cached.many(User, lookup, hour)(ids(1))
      const slow = counting({ delay: 1000 })
      const users = Cached.many(User, slow.lookup, { ...hour, timeout: "100 millis" })
      const reader = yield* started(users(ids(1, 2)))
      yield* elapse("100 millis")
      const key = CacheKey.id(new User({ id: 2 }))
      expect(values(yield* Fiber.join(reader))).toEqual([
        "1#1",
        new CacheError.LoadTimeout({ key, timeoutMillis: 100 })
      ])
      expect(slow.notes.interrupted).toBe(1)
    })

    test("softTimeout: past it the stale values are answered, and the call continues", function*() {
      const strategy = { strategy: "softTtl", ttl: "1 hour", softTtl: "1 minute" } as const
      const { behaviour, users } = counted({ ...strategy, fallbackOn: "all", softTimeout: "100 millis" })
      yield* users(ids(1, 2))
      yield* TestClock.adjust("1 minute")
      behaviour.delay = 1000
      const reader = yield* started(users(ids(1, 2)))
      yield* elapse("100 millis")
      expect(values(yield* Fiber.join(reader))).toEqual(["1#1", "2#1"])
      yield* elapse("900 millis")
      expect(values(yield* users(ids(1, 2)))).toEqual(["1#2", "2#2"])
    })

    test("fallbackOn says which failures stale values stand in for", function*() {
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
    })

    test("the policies mean for many what they mean for one", function*() {
      const { calls, users } = counted()
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
    })

    test("invalidateFurther forgets each key first", function*() {
      const { calls, users } = counted()
      yield* users(ids(1, 2))
      expect(values(yield* CachePolicy.invalidating(users(ids(1, 1))))).toEqual(["1#2", "1#2"])
      expect(values(yield* users(ids(1, 2)))).toEqual(["1#2", "2#1"])
      expect(calls).toEqual([[1, 2], [1]])
    })

    const count = cache.store ? 1000 : 10_000
    testIn(cache.layer({ capacity: 20_000 }))(`${count} keys: loaded in one call, served without one`, function*() {
      const { calls, users } = counted()
      const all = ids(...Array.from({ length: count }, (_, i) => i))
      expect((yield* users(all)).length).toBe(count)
      const exits = yield* users(all)
      expect(values([exits[0]!, exits[count - 1]!])).toEqual(["0#1", `${count - 1}#1`])
      expect(calls.map((keys) => keys.length)).toEqual([count])
    })
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
        acquire: (requests) => counted("acquire", store.acquire(requests)),
        commit: (requests) => counted("commit", store.commit(requests))
      }
      const layer = Layer.provide(CacheLayer.layer({ memory: false }), Layer.succeed(Store.Store, watched))
      const count = (name: string) => asked.filter((one) => one === name).length
      return Effect.gen(function*() {
        const users = Cached.many(Tagged, (keys) => Effect.succeed(keys.map(({ id }) => Exit.succeed(`user ${id}`))), {
          ...hour
        })
        const all = ids(...Array.from({ length: 50 }, (_, i) => i))
        expect(values(yield* taking("40 millis", users(all))).length).toBe(50)
        expect([count("getMany"), count("get"), count("markers"), count("acquire"), count("commit")])
          .toEqual([1, 0, 1, 1, 1])
        expect(most).toBe(1)
        asked.length = 0
        expect(values(yield* taking("20 millis", users(all)))[49]).toBe("user 49")
        expect(asked).toEqual(["getMany", "get"])
      }).pipe(Effect.provide(layer))
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
        const { users } = counted()
        expect(values(yield* users(ids(1, 2, 3)))).toEqual(["1#1", "2#1", "3#1"])
        expect(asked).toEqual(["getMany"])
      }).pipe(Effect.provide(Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, failing))))
    })

    it.effect("under CachePolicy.strict a store that fails fails the read, and does not hide in an Exit", () => {
      const fake = fakeStore()
      const fault = new CacheError.StoreError({ store: "fake", operation: "get", reason: "Unavailable" })
      return Effect.gen(function*() {
        const { users } = counted()
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
          const { users } = counted()
          expect(yield* Effect.flip(CachePolicy.strict(users(ids(1, 2))))).toMatchObject({ reason: "Corrupt" })
          expect(values(yield* users(ids(1, 2)))).toEqual(["1#1", "2#1"])
          expect((yield* Cached.stats).storeFailures).toBe(2)
        }).pipe(
          Effect.provide(
            Layer.provide(CacheLayer.layer({ memory: false }), Layer.succeed(Store.Store, lying))
          )
        )
      })
    })

    test("a late answer of the store does not replace an entry that came into memory meanwhile", function*() {
      const fake = fakeStore()
      const { behaviour, users } = counted()
      yield* Effect.provide(users(ids(1, 2)), over(fake))
      // Memory is empty again: the store is asked, and takes its time to answer.
      yield* Effect.gen(function*() {
        fake.behave = (operation) => operation === "get" ? { after: Effect.sleep(100) } : {}
        const late = yield* started(users(ids(1, 2)))
        fake.behave = () => ({})
        behaviour.bad = []
        expect(values(yield* users.refresh(ids(1)))).toEqual(["1#2"])
        yield* TestClock.adjust("100 millis")
        expect(values(yield* Fiber.join(late))).toEqual(["1#1", "2#1"])
        expect(values(yield* users(ids(1, 2)))).toEqual(["1#2", "2#1"])
      }).pipe(Effect.provide(over(fake)))
    })

    it.effect("entries invalidated while the store is asked are not kept, and no caller falls back on them", () => {
      const fake = fakeStore()
      return Effect.gen(function*() {
        const strategy = { strategy: "softTtl", ttl: "1 hour", softTtl: "1 minute" } as const
        const { behaviour, calls, users } = counted({ ...strategy, fallbackOn: "all" })
        yield* users(ids(1))
        yield* TestClock.adjust("1 minute")
        fake.behave = (operation) => operation === "get" ? { after: Effect.sleep(100) } : {}
        behaviour.fails = true
        behaviour.delay = 1000
        // 1 is stale in memory, 2 has to be asked for
        const before = yield* started(Effect.exit(users(ids(1, 2))))
        yield* users.invalidate(ids(1))
        yield* elapse("100 millis")
        const after = yield* started(Effect.exit(users(ids(1))))
        yield* elapse("2 seconds")
        expect(yield* Fiber.join(before)).toEqual(Exit.fail(new Down()))
        expect(yield* Fiber.join(after)).toEqual(Exit.fail(new Down()))
        expect(calls.length).toBe(2)
      }).pipe(Effect.provide(over(fake)))
    })
  })

  describe("and other processes", () => {
    test("if a process dies its keys are loaded here, together, in a second call", function*() {
      const { store } = fakeStore()
      const shared = { ...store, capabilities: { ...store.capabilities, shared: true } }
      // A process that took the keys and never came back.
      for (const id of [1, 2]) {
        yield* singly(store).acquire(CacheKey.id(new User({ id })), {
          owner: "dead",
          leaseMillis: 1000,
          rejectedWriteId: undefined,
          join: false
        })
      }
      const { calls, users } = counted()
      yield* within(
        Layer.provide(CacheLayer.layer({ lease: "1 second" }), Layer.succeed(Store.Store, shared)),
        Effect.gen(function*() {
          const reader = yield* started(users(ids(1, 2, 3)))
          expect(calls).toEqual([[3]])
          yield* elapse("2 seconds")
          expect(values(yield* Fiber.join(reader))).toEqual(["1#2", "2#2", "3#1"])
          expect(calls).toEqual([[3], [1, 2]])
        })
      )
    })
  })

  describe("in the background", () => {
    const strategy = { strategy: "refreshAhead", ttl: "1 hour", refreshAfter: "1 minute" } as const

    it.effect("a batch counts as one of those that may run, and waits as one", () =>
      Effect.gen(function*() {
        const { behaviour, calls, lookup } = counting()
        const users = Cached.many(User, lookup, strategy)
        yield* users(ids(1, 2, 3, 4, 5, 6))
        yield* TestClock.adjust("1 minute")
        behaviour.delay = 1000
        yield* users(ids(1, 2, 3))
        yield* users(ids(4, 5))
        yield* users(ids(6))
        yield* settle
        expect(calls.slice(1)).toEqual([[1, 2, 3]])
        // A caller waits for a key that waits for room: its whole batch begins.
        const stale = { strategy: "softTtl", ttl: "1 hour", softTtl: 0 } as const
        const waiting = yield* started(Cached.many(User, lookup, { ...stale, fallbackOn: "all" })(ids(5)))
        expect(calls.slice(1)).toEqual([[1, 2, 3], [4, 5]])
        yield* elapse("1 second")
        expect(values(yield* Fiber.join(waiting))).toEqual(["5#3"])
        expect(calls.slice(1)).toEqual([[1, 2, 3], [4, 5], [6]])
        yield* elapse("1 second")
        expect(values(yield* users(ids(1, 4, 6)))).toEqual(["1#2", "4#3", "6#4"])
      }).pipe(Effect.provide(CacheLayer.memory({ refresh: { concurrency: 1 } }))))

    it.effect("a batch has its room until the last of its keys is stored", () => {
      const fake = fakeStore()
      return Effect.gen(function*() {
        const { calls, users } = counted(strategy)
        yield* users(ids(1, 2, 3))
        yield* TestClock.adjust("1 minute")
        const slow = CacheKey.id(new User({ id: 2 }))
        fake.behave = (operation, id) => operation === "set" && id === slow ? { before: Effect.sleep(100) } : {}
        yield* users(ids(1, 2))
        yield* users(ids(3))
        yield* settle
        expect(calls.slice(1)).toEqual([[1, 2]])
        yield* elapse("100 millis")
        expect(calls.slice(1)).toEqual([[1, 2], [3]])
      }).pipe(Effect.provide(over(fake, { refresh: { concurrency: 1 } })))
    })

    it.effect("entries invalidated while the store was asked are refreshed, with no stale value to fall back on", () => {
      const fake = fakeStore()
      return Effect.gen(function*() {
        const { behaviour, calls, users } = counted(strategy)
        yield* Effect.provide(users(ids(1)), over(fake))
        yield* TestClock.adjust("1 minute")
        yield* Effect.gen(function*() {
          fake.behave = (operation) => operation === "get" ? { after: Effect.sleep(100) } : {}
          const before = yield* started(users(ids(1)))
          behaviour.fails = true
          fake.behave = () => ({})
          const invalidating = yield* start(users.invalidate(ids(1)))
          yield* elapse("100 millis")
          yield* Fiber.join(invalidating)
          expect(values(yield* Fiber.join(before))).toEqual(["1#1"])
          expect(calls.length).toBe(1)
          expect(yield* Effect.flip(users(ids(1)))).toEqual(new Down())
        }).pipe(Effect.provide(over(fake)))
      })
    })

    it.effect("its failure is logged once, not for each key", () => {
      const { logger, warnings: lines } = warner()
      return Effect.gen(function*() {
        const { behaviour, users } = counted(strategy)
        yield* users(ids(1, 2, 3))
        yield* TestClock.adjust("1 minute")
        behaviour.fails = true
        yield* users(ids(1, 2, 3))
        yield* elapse("2 seconds")
        expect((yield* Cached.stats).loadFailures).toBe(3)
        expect(lines.length).toBe(1)
        expect(lines[0]).toContain("The refresh of")
      }).pipe(Effect.provide(CacheLayer.memory()), Effect.provide(Logger.layer([logger])))
    })

    it.effect("keys of a call that takes too long are free for another, and the call is ended", () =>
      Effect.gen(function*() {
        const { behaviour, calls, notes, users } = counted({ ...strategy, retryAfter: 0 })
        yield* users(ids(1, 2))
        yield* TestClock.adjust("1 minute")
        behaviour.delay = 1e9
        expect(values(yield* users(ids(1, 2)))).toEqual(["1#1", "2#1"])
        yield* elapse("10 seconds")
        expect(notes.interrupted).toBe(1)
        behaviour.delay = 0
        yield* users(ids(1, 2))
        yield* settle
        expect(values(yield* users(ids(1, 2)))).toEqual(["1#3", "2#3"])
        expect(calls.length).toBe(3)
      }).pipe(Effect.provide(CacheLayer.memory({ refresh: { timeout: "10 seconds" } }))))
  })

  test("closing lets a call with waiters finish, and starts none", function*() {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(CacheLayer.memory(), scope)
    const { users } = counted(hour, { delay: 1000 })
    const reader = yield* started(Effect.provide(users(ids(1, 2)), context))
    const closing = yield* start(Scope.close(scope, Exit.void))
    const late = yield* Effect.exit(Effect.provide(users(ids(3)), context))
    expect(Exit.isFailure(late) && Cause.squash(late.cause)).toBeInstanceOf(CacheError.CacheClosed)
    yield* TestClock.adjust("1 second")
    expect(values(yield* Fiber.join(reader))).toEqual(["1#1", "2#1"])
    yield* Fiber.join(closing)
  })

  describe.each(caches.filter(({ memory }) => memory))("a key given twice, over $name", (cache) => {
    const key = new User({ id: 1 })
    const set = Cached.set(key, "set")
    const invalidate = Cached.invalidate(key)
    testIn(cache.layer()).each([
      { name: "missed, and set and invalidated since", there: [2], changes: [set, invalidate] },
      { name: "served, and invalidated since", there: [1, 2], changes: [invalidate] },
      { name: "served, and set since", there: [1, 2], changes: [set] }
    ])("has one answer, even where it was $name", function*({ changes, there }) {
      const services = yield* Effect.context<Caching.Caching>()
      const { lookup } = counting()
      const left: Array<Effect.Effect<void, never, Caching.Caching>> = []
      // The call asks this for each key that it serves, one after the other.
      const decide: Strategy.Strategy["decide"] = (entry, now, random) => {
        const change = left.shift()
        if (change !== undefined) Effect.runForkWith(services)(change)
        return made(hour).decide(entry, now, random)
      }
      const users = Cached.many(User, lookup, { strategy: { ...made(hour), decide } })
      yield* users(ids(...there))
      left.push(...changes)
      const [first, , second] = yield* users(ids(1, 2, 1))
      expect(second).toEqual(first)
    })
  })

  it.effect("a key given twice has one answer where the pause after a failure ends between its places", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      let now = 0
      const ticking: Clock.Clock = Object.create(clock, { currentTimeMillisUnsafe: { value: () => now++ } })
      const { behaviour, lookup } = counting()
      for (let pause = 1; pause <= 30; pause++) {
        const strategy = { strategy: "softTtl", ttl: "1 hour", softTtl: 0 } as const
        const users = Cached.many(User, lookup, { ...strategy, fallbackOn: "all", retryAfter: pause })
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

  inMemory("maxHits counts the reads of many", function*() {
    const { calls, users } = counted({ strategy: "maxHits", ttl: "1 hour", hits: 2 })
    for (let i = 0; i < 4; i++) yield* users(ids(1))
    yield* users(ids(1, 2))
    expect(calls).toEqual([[1], [1], [2]])
  })

  inMemory("probabilistic: early refreshes are one call", function*() {
    const { behaviour, calls, lookup } = counting({ delay: 1000 })
    const users = Cached.many(User, lookup, { strategy: "probabilistic", ttl: "1 minute", beta: 1e9 })
    yield* taking("1 second", users(ids(1, 2, 3)))
    behaviour.delay = 0
    expect(values(yield* users(ids(1, 2, 3)))).toEqual(["1#1", "2#1", "3#1"])
    yield* settle
    expect(calls).toEqual([[1, 2, 3], [1, 2, 3]])
  })

  inMemory("copy, memoryTtl and minLoad hold for each key", function*() {
    class Box extends CacheKey.Class<Box>()("Box", {
      payload: { id: Schema.Int },
      success: Schema.Struct({ n: Schema.Int })
    }) {}
    let calls = 0
    const lookup = (delay: number) => (keys: ReadonlyArray<Box>) =>
      Effect.delay(Effect.sync(() => (calls++, keys.map(() => Exit.succeed({ n: calls })))), delay)
    const boxes = Cached.many(Box, lookup(0), { ...hour, copy: "structured" })
    const [first] = yield* boxes(ids(1))
    const [second] = yield* boxes(ids(1))
    expect(second).toEqual(first)
    expect(Exit.isSuccess(first!) && Exit.isSuccess(second!) && first.value === second.value).toBe(false)
    const quick = Cached.many(Box, lookup(10), { ...hour, minLoad: "1 second" })
    for (const n of [2, 3]) {
      expect(yield* taking("10 millis", quick(ids(7)))).toEqual([Exit.succeed({ n })])
    }
  })

  inMemory("a result made of another cache's stale value is stored for none of the keys", function*() {
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
      hour
    )
    yield* users(ids(1, 2, 3))
    yield* users(ids(2, 3))
    expect(calls).toBe(2)
  })

  testIn(over(fakeStore(), { memory: false }))("invalid options are reported before anything runs", function*() {
    const { calls, lookup } = counting()
    expect(() => Cached.many(User, lookup, { ...hour, tll: 1 } as never)).toThrow("tll")
    expect(() => Cached.many(User, undefined as never, hour)).toThrow("lookup")
    expect(() => Cached.many(User, lookup, hour)(7 as never)).toThrow(
      "needs a list: for one payload pass [payload]"
    )
    const counted = Cached.many(User, lookup, { strategy: "maxHits", ttl: "1 hour", hits: 2 })
    const exit = yield* Effect.exit(counted(ids(1, 2)))
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheConfigError)
    expect(calls).toEqual([])
  })

  testIn(CacheLayer.disabled)("a disabled cache asks for each key once, in one call", function*() {
    const { calls, users } = counted()
    expect(values(yield* users(ids(1, 2, 1)))).toEqual(["1#1", "2#1", "1#1"])
    expect(yield* users([])).toEqual([])
    expect(calls).toEqual([[1, 2]])
  })

  inMemory("recursion: a lookup that reads others through itself", function*() {
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
      }), hour) as never
    expect((yield* sums(ids(2000)))[0]).toEqual(Exit.succeed("2000"))
    expect(calls.length).toBe(2001)
  })
})

describe("CA-10 · getMany, setMany, removeMany", () => {
  describe.each(caches)("over $name", (cache) => {
    testIn(cache.layer())("in the order of the keys, with what is missing and what is asked twice", function*() {
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
    })
  })

  inMemory("a key given twice is removed once, and counted once", function*() {
    yield* Cached.set("k", 1)
    expect(yield* Cached.remove(["k", "k"])).toBe(1)
  })

  inMemory("setMany takes no condition", function*() {
    const conditional = Cached.setMany([["k", 1]], { ifAbsent: true } as never)
    expect(yield* Effect.exit(conditional)).toMatchObject({
      cause: { reasons: [{ defect: { _tag: "CacheConfigError", message: expect.stringContaining("no condition") } }] }
    })
    expect(yield* Cached.has("k")).toBe(false)
  })

  testIn(over(fakeStore(), { memory: false }))("a key set twice has the last value", function*() {
    yield* Cached.setMany([["k", 1], ["k", 2], ["k", 3]])
    expect(yield* Cached.getMany(["k"])).toEqual([Option.some(3)])
  })

  test.withoutMemory("a key set twice has the last value where the store is slower for the first one", function*(fake) {
    let asked = 0
    fake.behave = (operation, id) =>
      operation === "get" && id === "k" && asked++ === 0 ? { before: Effect.sleep("5 millis") } : {}
    const setting = yield* start(
      Cached.setMany([["k", "first"], ["other", 1], ["k", "last"]], { ttl: "1 hour", keepTtl: true })
    )
    yield* TestClock.adjust("10 millis")
    yield* Fiber.join(setting)
    expect(yield* Cached.getMany(["k", "other"])).toEqual([Option.some("last"), Option.some(1)])
  })

  test.overFake("a key removed twice counts once where another process sets it in between", function*(fake) {
    yield* Cached.set("k", 1)
    const stored = fake.entries.get("k")!
    fake.behave = (operation) =>
      operation === "remove" ? { after: Effect.sync(() => void fake.entries.set("k", stored)) } : {}
    expect(yield* Cached.remove(["k", "k"])).toBe(1)
    expect(fake.count("remove")).toBe(1)
  })
})

describe("a list of 100 keys in memory", () => {
  const hundred = ids(...Array.from({ length: 100 }, (_, id) => id))
  /** The engine of the cache in use. */
  const engine: Effect.Effect<Flights, never, any> = Effect.map(Within, (within) => within!.flight!.engine).pipe(
    Cached.ttl("the engine", { ttl: 1 })
  )

  /** A function of many users whose call waits for a latch, and a function of one user. */
  const make = (options: { readonly tags?: ReadonlyArray<string>; readonly isHeld?: boolean } = {}) => {
    const open = Latch.makeUnsafe()
    const calls: Array<number> = []
    const interrupted: Array<number> = []
    const users = Cached.many(User, (keys) =>
      Effect.suspend(() => {
        const call = calls.push(keys.length)
        const load = Effect.map(open.await, () => keys.map(({ id }) => Exit.succeed(`many ${call} ${id}`)))
        return options.isHeld === true
          ? Effect.uninterruptible(load)
          : Effect.onInterrupt(load, () => Effect.sync(() => interrupted.push(call)))
      }), { ...hour, ...options.tags === undefined ? {} : { tags: options.tags } })
    const user = Cached.fn(User, ({ id }) => Effect.succeed(`one ${id}`), hour)
    return { open, calls, interrupted, users, user }
  }

  const expected = hundred.map(({ id }) => `many 1 ${id}`)

  inMemory("a single read, another list and a lookup wait for the call of a list, and all are stored", function*() {
    const { calls, open, user, users } = make()
    const reading = yield* start(users(hundred))
    const one = yield* start(user({ id: 50 }))
    const others = yield* start(users([{ id: 100 }, ...hundred.slice(50)]))
    yield* open.open
    expect(values(yield* Fiber.join(reading))).toEqual(expected)
    expect(yield* Fiber.join(one)).toBe("many 1 50")
    expect(values(yield* Fiber.join(others))).toEqual(["many 2 100", ...expected.slice(50)])
    expect(values(yield* users(hundred))).toEqual(expected)
    expect(calls).toEqual([100, 1])
    expect(yield* Cached.stats).toMatchObject({ loads: 101, misses: 152, hits: 100, size: 101 })
  })

  inMemory("an invalidation, a set and a removal during the call win over its results", function*() {
    const { open, user, users } = make()
    const reading = yield* start(users(hundred))
    yield* Cached.invalidate(new User({ id: 7 }))
    yield* Cached.set(new User({ id: 8 }), "set")
    expect(yield* Cached.remove(new User({ id: 9 }))).toBe(false)
    yield* open.open
    expect(values(yield* Fiber.join(reading))).toEqual(expected)
    const left = yield* Effect.forEach([6, 7, 8, 9], (id) => user({ id }))
    expect(left).toEqual(["many 1 6", "one 7", "set", "one 9"])
  })

  inMemory.each<[string, Effect.Effect<unknown, unknown, Caching.Caching>]>([
    ["a tag", Cached.invalidate({ tag: "users" })],
    ["all", Cached.clear],
    ["a pattern", Cached.invalidate({ matching: "*" })]
  ])("nothing that a call has loaded before an invalidation of %s is stored after it", function*([, invalidation]) {
    const { open, user, users } = make({ tags: ["users"] })
    const reading = yield* start(users(hundred))
    yield* invalidation
    yield* open.open
    expect(values(yield* Fiber.join(reading))).toEqual(expected)
    expect(yield* Cached.size).toBe(0)
    expect([yield* user({ id: 50 }), yield* user({ id: 0 })]).toEqual(["one 50", "one 0"])
  })

  inMemory("a clear and a pattern make no flights of the keys of a call, and win over its results", function*() {
    const { open, user, users } = make()
    const { flights, running } = yield* engine
    const first = yield* start(users(hundred.slice(0, 40)))
    const second = yield* start(users(hundred.slice(40)))
    yield* Cached.invalidate({ matching: "nothing*" })
    yield* Cached.invalidate({ matching: `${CacheKey.id(new User({ id: 9 })).slice(0, -1)}?,` })
    // The first key of each call, and those that the pattern matched.
    expect(running.size).toBe(2 + 10)
    yield* Cached.clear
    expect(running.size).toBe(2 + 10)
    expect(yield* user({ id: 7 })).toBe("one 7")
    yield* open.open
    expect(values(yield* Fiber.join(first))).toEqual(expected.slice(0, 40))
    expect(values(yield* Fiber.join(second))).toEqual(expected.slice(40).map((text) => text.replace("1", "2")))
    expect(yield* Cached.size).toBe(1)
    expect(flights.stubs).toBe(undefined)
  })

  test("the reader of a call that a clear has detached ends with the cache", function*() {
    const { users } = make()
    const scope = yield* Scope.make()
    const cache = yield* Layer.buildWithScope(CacheLayer.memory(), scope)
    const reading = yield* start(Effect.provideContext(Effect.exit(users(hundred)), cache))
    yield* Effect.provideContext(Cached.clear, cache)
    yield* taking("1 minute", Scope.close(scope, Exit.void))
    expect(Exit.isFailure(yield* Fiber.join(reading))).toBe(true)
  })

  inMemory("a failure after a clear is the exit of its key, and joins no newer load of it", function*() {
    const open = Latch.makeUnsafe()
    const newer = Latch.makeUnsafe()
    const users = Cached.many(User, (keys) => Effect.as(open.await, keys.map(() => Exit.fail("down"))), {
      ...hour
    })
    const user = Cached.fn(User, ({ id }) => Effect.as(newer.await, `one ${id}`), hour)
    const reading = yield* start(users(hundred))
    yield* Cached.clear
    const one = yield* start(user({ id: 50 }))
    yield* open.open
    expect(yield* Fiber.join(reading)).toEqual(hundred.map(() => Exit.fail("down")))
    const joining = yield* start(user({ id: 50 }))
    yield* newer.open
    expect([yield* Fiber.join(one), yield* Fiber.join(joining)]).toEqual(["one 50", "one 50"])
    expect(yield* user({ id: 50 })).toBe("one 50")
    expect(yield* Cached.stats).toMatchObject({ loads: 101, loadFailures: 100, size: 1 })
  })

  it.effect("a lookup that answers a list of another length fails the read, and stores nothing", () =>
    Effect.forEach([99, 101, 0], (length) =>
      Effect.gen(function*() {
        const users = Cached.many(User, () =>
          Effect.succeed(Array.from({ length }, (_, id) => Exit.succeed(`many ${id}`))), { ttl: "1 hour" })
        const exit = yield* Effect.exit(users(hundred))
        expect(String(Exit.isFailure(exit) && Cause.squash(exit.cause))).toContain(
          `got 100 keys and returned ${length} results`
        )
        expect(yield* Cached.size).toBe(0)
      }).pipe(Effect.provide(Layer.fresh(CacheLayer.memory())))))

  it.effect("a call whose reader is interrupted continues for another reader of one of its keys, and stores that", () => {
    const { calls, open, user, users } = make()
    return Effect.gen(function*() {
      const reading = yield* start(users(hundred))
      const one = yield* start(user({ id: 50 }))
      yield* Fiber.interrupt(reading)
      expect(yield* user({ id: 51 })).toBe("one 51")
      yield* open.open
      expect(yield* Fiber.join(one)).toBe("many 1 50")
      expect(yield* user({ id: 50 })).toBe("many 1 50")
      expect(yield* user({ id: 51 })).toBe("one 51")
      expect(yield* user({ id: 52 })).toBe("one 52")
      expect(calls).toEqual([100])
    }).pipe(Effect.provide(CacheLayer.memory()))
  })

  it.effect("an interrupted reader without others interrupts its call, and waits for a call that holds out", () => {
    const free = make()
    const held = make({ isHeld: true })
    return Effect.gen(function*() {
      yield* Fiber.interrupt(yield* start(free.users(hundred)))
      expect(free.interrupted).toEqual([1])
      expect(yield* free.user({ id: 50 })).toBe("one 50")
      yield* Cached.clear
      const reading = yield* start(held.users(hundred))
      const interrupting = yield* start(Fiber.interrupt(reading))
      const one = yield* start(held.user({ id: 50 }))
      expect(one.pollUnsafe()).toBeUndefined()
      yield* held.open.open
      yield* Fiber.join(interrupting)
      yield* TestClock.adjust(1)
      expect(yield* Fiber.join(one)).toBe("one 50")
    }).pipe(Effect.provide(CacheLayer.memory()))
  })

  inMemory("a failure of one key is the exit of that key, and the others are stored", function*() {
    const users = Cached.many(
      User,
      (keys) => Effect.succeed(keys.map(({ id }) => id === 50 ? Exit.fail("none") : Exit.succeed(`user ${id}`))),
      { ttl: "1 hour" }
    )
    const exits = yield* users(hundred)
    expect(exits[50]).toEqual(Exit.fail("none"))
    expect(exits.filter(Exit.isSuccess)).toHaveLength(99)
    expect(yield* Cached.stats).toMatchObject({ loads: 100, loadFailures: 1, size: 99 })
  })

  inMemory("a load that reads another entry gives its life to all keys of its call", function*() {
    const users = Cached.many(
      User,
      (keys) =>
        Effect.as(Cached.ttl(Effect.succeed(1), "token", { ttl: "1 minute" }), keys.map(() => Exit.succeed("user"))),
      { ttl: "1 hour" }
    )
    yield* users(hundred)
    yield* TestClock.adjust("61 seconds")
    expect(yield* Cached.has(new User({ id: 50 }))).toBe(false)
  })

  inMemory("a lookup that reads one of its own keys dies in a circle", function*() {
    const users: (payloads: ReadonlyArray<{ readonly id: number }>) => Effect.Effect<unknown, unknown, never> = Cached
      .many(
        User,
        (keys) => Effect.flatMap(user({ id: 50 }), (one) => Effect.succeed(keys.map(() => Exit.succeed(one)))),
        { ttl: "1 hour" }
      ) as never
    const user = Cached.fn(User, () => Effect.succeed("one"), { ttl: "1 hour" })
    const exit = yield* Effect.exit(users(hundred))
    expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("CacheCycle")
  })

  inMemory("a value that the strategy's own function sets wins over the result that it was asked about", function*() {
    const context = yield* Effect.context<Caching.Caching>()
    const users = Cached.many(User, (keys) => Effect.succeed(keys.map(({ id }) => Exit.succeed(`user ${id}`))), {
      ttl: (exit) => {
        const isFifty = Exit.isSuccess(exit) && exit.value === "user 50"
        if (isFifty) Effect.runSyncWith(context)(Cached.set(new User({ id: 50 }), "set", { ttl: "1 hour" }))
        return "1 hour"
      }
    })
    expect(values(yield* users(hundred))[50]).toBe("user 50")
    expect(values(yield* users(hundred))[50]).toBe("set")
    expect(yield* Cached.stats).toMatchObject({ loads: 100, size: 100 })
  })

  it.live("a key that a list has 300,000 times has an answer at each place", () => {
    const { open, users } = make()
    return Effect.gen(function*() {
      yield* open.open
      const exits = yield* users([...hundred, ...Array.from({ length: 300_000 }, () => ({ id: 50 }))])
      expect(values(exits.slice(0, 100))).toEqual(expected)
      expect(exits.slice(100).every((exit) => Exit.isSuccess(exit) && exit.value === "many 1 50")).toBe(true)
      expect(yield* Cached.stats).toMatchObject({ loads: 100, size: 100 })
    }).pipe(Effect.provide(CacheLayer.memory()))
  }, 20_000)

  inMemory("the index of stubs goes with the last call that has some", function*() {
    const { open, users } = make()
    const { flights } = yield* engine
    const first = yield* start(users(hundred))
    const second = yield* start(users(Array.from({ length: 50 }, (_, i) => ({ id: 200 + i }))))
    expect(flights.stubs?.calls.size).toBe(2)
    yield* Fiber.interrupt(second)
    yield* open.open
    yield* Fiber.join(first)
    expect(flights.stubs).toBeUndefined()
  })
})

describe("when the event loop takes turns", () => {
  class Row extends CacheKey.Class<Row>()("User", {
    payload: { id: Schema.Int },
    success: Schema.Int,
    error: Schema.String
  }) {}

  // By the clock of the machine, which ends a turn before all have joined.
  it.live("a read that is interrupted before all its keys have joined calls nothing", () => {
    let calls = 0
    const users = Cached.many(Row, (keys) =>
      Effect.sync(() => {
        calls++
        return keys.map(({ id }) => Exit.succeed(id))
      }), { ttl: "1 hour" })
    return Effect.gen(function*() {
      const reading = yield* start(users(Array.from({ length: 50_000 }, (_, id) => ({ id }))))
      // The keys are made first, in turns of their own.
      while ((yield* Cached.stats).misses === 0) yield* Effect.yieldNow
      yield* Fiber.interrupt(reading)
      yield* Effect.yieldNow
      expect(calls).toBe(0)
      expect(yield* Cached.stats).toMatchObject({ loads: 0 })
    }).pipe(Effect.provide(CacheLayer.memory()))
  })

  inMemory("a key that no reader waits for has no failure, while its call continues for another", function*() {
    const open = Latch.makeUnsafe()
    const users = Cached.many(
      Row,
      (keys) => Effect.uninterruptible(Effect.as(open.await, keys.map(() => Exit.fail("late")))),
      { ttl: "1 hour" }
    )
    const both = yield* start(users([{ id: 1 }, { id: 2 }]))
    const second = yield* start(users([{ id: 2 }]))
    const interrupting = yield* start(Fiber.interrupt(both))
    yield* open.open
    yield* Fiber.join(interrupting)
    expect(yield* Fiber.join(second)).toEqual([Exit.fail("late")])
    // The second key is loaded once more, because the reader that started the call has left.
    expect(yield* Cached.stats).toMatchObject({ loads: 3, loadFailures: 2 })
  })

  it.effect("refreshes that are requested after their reader has left go by the clock of the program", () => {
    const calls: Array<number> = []
    const users = Cached.many(Row, (keys) =>
      Effect.sync(() => {
        calls.push(keys.length)
        return keys.map(({ id }) => calls.length === 1 ? Exit.succeed(id) : Exit.fail("late"))
      }), {
      retryAfter: "10 minutes",
      strategy: "refreshAhead",
      ttl: "1 hour",
      refreshAfter: "1 minute"
    })
    const payloads = Array.from({ length: 10 }, (_, id) => ({ id }))
    // In a fiber of its own, which ends with the read.
    const read = Effect.flatMap(start(users(payloads)), Fiber.join)
    const usual = { ...turns }
    return Effect.gen(function*() {
      yield* read
      yield* TestClock.adjust("2 minutes")
      yield* read
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* read
      yield* settle
      expect(calls).toEqual([10, 10])
    }).pipe(
      Effect.provide(CacheLayer.memory()),
      Effect.provideService(References.MinimumLogLevel, "None"),
      // The reader has its answer in the first turn, in which only the first refresh is requested.
      (test) =>
        Effect.acquireUseRelease(
          Effect.sync(() => Object.assign(turns, { steps: 1, millis: 0 })),
          () => test,
          () => Effect.sync(() => Object.assign(turns, usual))
        )
    )
  })
})

describe("a lookup that answers with a map", () => {
  class User extends CacheKey.Class<User>()("User", {
    payload: { id: Schema.Int },
    success: Schema.String,
    indexes: ["id"],
    tags: ["users"]
  }) {}

  const key = (id: number) => new User({ id })
  /** Groups of one flight. */
  const withShortGroups = <A, E, R>(self: Effect.Effect<A, E, R>) =>
    Effect.suspend(() => {
      const usual = { ...groups }
      Object.assign(groups, { first: 1, least: 1, most: 2 })
      return Effect.ensuring(self, Effect.sync(() => Object.assign(groups, usual)))
    })

  type Answers = Map<User, Exit.Exit<string, string>>

  /**
   * A lookup that answers what it is asked for and these ids too, with the number of its call, after the gate is open.
   */
  const answering = (unasked: ReadonlyArray<number>, gate: Effect.Effect<unknown> = Effect.void) => {
    const calls: Array<ReadonlyArray<number>> = []
    const lookup = (keys: ReadonlyArray<User>) =>
      Effect.suspend(() => {
        const n = calls.push(keys.map(({ id }) => id))
        const answers: Answers = new Map()
        // New instances, and in another order.
        for (const id of [...unasked, ...keys.map(({ id }) => id).toReversed()]) {
          answers.set(key(id), Exit.succeed(`${id}#${n}`))
        }
        return Effect.as(gate, answers)
      })
    return { calls, lookup, users: Cached.many(User, lookup, hour) }
  }

  describe.each(caches)("over $name", (cache) => {
    const test = testIn(cache.layer())

    test("AI-18 · a map by key answers each key, in the order of the input", function*() {
      const { calls, users } = answering([])
      expect(values(yield* users(ids(1, 2, 1, 3)))).toEqual(["1#1", "2#1", "1#1", "3#1"])
      expect(values(yield* users(ids(3, 4)))).toEqual(["3#1", "4#2"])
      expect(calls).toEqual([[1, 2, 3], [4]])
    })

    test("a map that has a key twice, as two instances, answers it with the last of them", function*() {
      const answers: Answers = new Map([[key(1), Exit.succeed("first")], [key(1), Exit.succeed("last")]])
      const users = Cached.many(User, () => Effect.succeed(answers), hour)
      expect(values(yield* users(ids(1)))).toEqual(["last"])
      expect(values(yield* users(ids(1, 1)))).toEqual(["last", "last"])
      expect(yield* Cached.size).toBe(1)
    })

    test("a key that the map leaves out is a defect of that key alone", function*() {
      const users = Cached.many(User, () => Effect.succeed(new Map([[key(1), Exit.succeed("one")]])), {
        ...hour
      })
      const [one, two] = yield* users(ids(1, 2))
      expect(one).toEqual(Exit.succeed("one"))
      expect(String(Cause.squash((two as Exit.Failure<never, never>).cause)))
        .toContain("The lookup of many \"User\" returned no Exit for \"~User@")
    })
  })

  /** The cached value of user 2, after a call for user 1 during which something happened. */
  const meanwhile = <E, R>(happens: Effect.Effect<unknown, E, R>) =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { users } = answering([2], Deferred.await(gate))
      const reading = yield* started(users(ids(1)))
      yield* happens
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(reading)
      return Option.getOrUndefined(yield* Cached.getOption(key(2)))
    })

  describe("an unrequested answer", () => {
    test("AI-18 · is cached afterwards, in memory alone", function*() {
      const store = MemoryStore.make()
      yield* Effect.gen(function*() {
        const { calls, users } = answering([2, 3])
        expect(values(yield* users(ids(1)))).toEqual(["1#1"])
        expect(values(yield* users(ids(3, 2)))).toEqual(["3#1", "2#1"])
        expect(calls).toEqual([[1]])
        // One load, of the key that was asked for.
        expect((yield* Cached.stats).loads).toBe(1)
        expect(yield* store.size).toBe(1)
      }).pipe(Effect.provide(over({ layer: Layer.succeed(Store.Store, store) })))
    })

    inMemory("lives as the strategy says, and has the tags of its class", function*() {
      const { users } = answering([2])
      yield* users(ids(1))
      expect(yield* Cached.getOption(key(2))).toEqual(Option.some("2#1"))
      yield* Cached.invalidate({ where: [User, { id: 2 }] })
      expect(yield* Cached.has(key(2))).toBe(false)
      yield* users(ids(5))
      yield* TestClock.adjust("1 hour")
      expect(yield* Cached.has(key(2))).toBe(false)
    })

    inMemory("P2 · does not come back after an invalidation during the call", function*() {
      expect(yield* meanwhile(Effect.void)).toBe("2#1")
      const invalidations = [
        Cached.invalidate(key(2)),
        Cached.invalidate({ tag: "users" }),
        Cached.invalidate({ all: User }),
        Cached.invalidate({ where: [User, { id: 2 }] }),
        Cached.clear,
        Cached.invalidate({ matching: "~User@*" }),
        Effect.andThen(Cached.set(key(2), "x"), Cached.remove(key(2)))
      ]
      for (const invalidation of invalidations) {
        yield* Cached.clear
        expect(yield* meanwhile(invalidation)).toBe(undefined)
      }
      yield* Cached.clear
      // An invalidation of another key.
      expect(yield* meanwhile(Cached.invalidate(key(3)))).toBe("2#1")
    })

    inMemory("does not replace what was set or loaded during the call, nor what was there", function*() {
      const { users: others } = answering([])
      expect(yield* meanwhile(Cached.set(key(2), "set"))).toBe("set")
      yield* Cached.clear
      expect(yield* meanwhile(others(ids(2)))).toBe("2#1")
      yield* Cached.clear
      yield* Cached.set(key(2), "before")
      expect(yield* meanwhile(Effect.void)).toBe("before")
      yield* Cached.clear
      // Newer, though it has expired since.
      const short = Cached.fn(User, () => Effect.succeed("newer"), { ttl: "1 minute" })
      expect(yield* meanwhile(Effect.andThen(short({ id: 2 }), TestClock.adjust("1 minute")))).toBe(undefined)
    })

    inMemory("leaves a load of its key alone, which gives its own value", function*() {
      const gate = yield* Deferred.make<void>()
      const single = Cached.fn(User, () => Effect.as(Deferred.await(gate), "single"), hour)
      const loading = yield* started(single({ id: 2 }))
      const { users } = answering([2])
      yield* users(ids(1))
      expect(yield* Cached.has(key(2))).toBe(false)
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Fiber.join(loading)).toBe("single")
      expect(yield* Cached.getOption(key(2))).toEqual(Option.some("single"))
    })

    inMemory("is not cached if it failed, does not fit the schema, or is of another class", function*() {
      class Other extends CacheKey.Class<Other>()("Other", { payload: { id: Schema.Int }, success: Schema.String }) {}
      const answers = new Map<unknown, Exit.Exit<unknown, string>>([
        [key(1), Exit.succeed("one")],
        [key(2), Exit.fail("failed")],
        [key(3), Exit.succeed(3)],
        [key(4), "no exit" as never],
        [new User({ id: "5" as never }), Exit.succeed("five")],
        [new Other({ id: 6 }), Exit.succeed("six")],
        ["string", Exit.succeed("seven")],
        [undefined, Exit.succeed("eight")],
        [key(9), Exit.succeed("nine")]
      ])
      const users = Cached.many(User, () => Effect.succeed(answers as never), hour)
      expect(values(yield* users(ids(1)))).toEqual(["one"])
      expect((yield* Cached.stats).size).toBe(2)
      expect(yield* Cached.has(key(9))).toBe(true)
    })

    inMemory("is not cached by a policy that does not write, or by a strategy that does not store", function*() {
      const { lookup, users } = answering([2])
      yield* users(ids(1)).pipe(CachePolicy.disable("set"))
      yield* users(ids(1)).pipe(CachePolicy.bypass)
      yield* Cached.many(User, lookup, { ttl: () => 0 })(ids(1))
      yield* Cached.many(User, lookup, { ttl: "1 hour", when: () => false })(ids(1))
      expect((yield* Cached.stats).size).toBe(0)
    })

    test("takes a tenth of memory at most, and 1,000 of a call", function*() {
      const many = Array.from({ length: 3000 }, (_, i) => i + 10)
      const sizes: Array<number> = []
      for (const capacity of [20, 100_000]) {
        const { users } = answering(many)
        yield* Effect.gen(function*() {
          yield* users(ids(1))
          sizes.push((yield* Cached.stats).size)
        }).pipe(Effect.provide(CacheLayer.memory({ capacity })))
      }
      expect(sizes).toEqual([3, 1001])
    })

    inMemory("of a refresh behind a read too, and without a cache it is dropped", function*() {
      const { lookup } = answering([2])
      const users = Cached.many(User, lookup, { strategy: "refreshAhead", ttl: "1 hour", refreshAfter: "1 minute" })
      yield* users(ids(1))
      yield* Cached.invalidate(key(2))
      yield* TestClock.adjust("1 minute")
      yield* users(ids(1))
      yield* settle
      expect(yield* Cached.getOption(key(2))).toEqual(Option.some("2#2"))
      expect(values(yield* Effect.provide(users(ids(3)), CacheLayer.disabled))).toEqual(["3#3"])
    })

    test("is not cached if memory was cleared during the call, as changes by others are not reported", function*() {
      const store = {
        ...MemoryStore.make(),
        capabilities: { shared: true, changes: false },
        changesUnsafe: undefined
      }
      yield* Effect.gen(function*() {
        expect(yield* meanwhile(Effect.void)).toBe("2#1")
        yield* Cached.clear
        expect(yield* meanwhile(TestClock.adjust("10 seconds"))).toBe(undefined)
      }).pipe(Effect.provide(over({ layer: Layer.succeed(Store.Store, store) })))
    })

    test("P2 · of a folder: what another process removed or wrote during the call is not undone here", function*() {
      const directory = yield* tempDirectory
      const other = yield* Layer.build(Layer.fresh(CacheLayer.disk({ directory })))
      yield* Effect.gen(function*() {
        expect(yield* meanwhile(Effect.void)).toBe("2#1")
        yield* Cached.clear
        for (const change of [Cached.invalidate(key(2)), Cached.invalidate({ tag: "users" }), Cached.clear]) {
          expect(yield* meanwhile(Effect.andThen(Effect.provide(change, other), TestClock.adjust("100 millis"))))
            .toBe(undefined)
          yield* Cached.clear
        }
        const set = Effect.provide(Cached.set(key(2), "theirs"), other)
        expect(yield* meanwhile(Effect.andThen(set, TestClock.adjust("100 millis")))).toBe("theirs")
        yield* Cached.clear
        // Not yet seen when the call ends: within 100 ms it is.
        yield* meanwhile(set)
        yield* TestClock.adjust("100 millis")
        expect(yield* Cached.getOption(key(2))).toEqual(Option.some("theirs"))
      }).pipe(Effect.provide(Layer.fresh(CacheLayer.disk({ directory }))))
    })
  })

  describe("in turns", () => {
    inMemory("is as old as the answers that were asked for, though they enter memory before it", function*() {
      const clock = yield* Clock.Clock
      let now = 0
      // Each look at this clock takes a millisecond.
      const ticking: Clock.Clock = Object.assign(Object.create(clock), { currentTimeMillisUnsafe: () => ++now })
      const { users } = answering([9])
      yield* Effect.provideService(users(ids(1)), Clock.Clock, ticking)
      const born = (id: number) => Effect.map(Cached.getEntry(key(id)), Option.map(({ createdAt }) => createdAt))
      expect(now).toBeGreaterThan(2)
      expect(yield* born(9)).toEqual(yield* born(1))
      expect(Option.isSome(yield* born(9))).toBe(true)
    })

    it.effect("is as old as the call, whichever turn keeps it", () =>
      withShortGroups(Effect.gen(function*() {
        const fake = fakeStore()
        // The second of the group is answered when the first has been written.
        fake.behave = (operation) => operation === "set" ? { before: Effect.sleep("40 seconds") } : {}
        const { users } = answering([9])
        yield* Effect.gen(function*() {
          const reading = yield* start(users(ids(1, 2)))
          for (let step = 0; step < 12; step++) {
            yield* settle
            yield* TestClock.adjust("10 seconds")
          }
          yield* settle
          expect(reading.pollUnsafe()).toBeDefined()
          expect(Option.map(yield* Looking.expiresIn(key(9)), Duration.toMinutes)).toEqual(Option.some(58))
        }).pipe(Effect.provide(over(fake, { storeTimeout: "1 minute" })))
      })))
  })
})
