/** A lookup of many that answers with a map: more keys than were asked for, and none that is newer is replaced. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Clock, Deferred, Duration, Effect, Exit, Fiber, Layer, Option, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy, Strategy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { groups } from "../../src/internal/defaults/bounds.ts"
import { caches, fakeStore, over, settle, start } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { tempDirectory } from "../support/tempDirectory.ts"

class User extends CacheKey.Class<User>()("User", {
  payload: { id: Schema.Int },
  success: Schema.String,
  indexes: ["id"],
  tags: ["users"]
}) {}

const hour = Strategy.ttl({ ttl: "1 hour" })
const ids = (...numbers: ReadonlyArray<number>) => numbers.map((id) => ({ id }))
const key = (id: number) => new User({ id })
const values = (exits: ReadonlyArray<Exit.Exit<unknown, unknown>>) =>
  exits.map((exit) => Exit.isSuccess(exit) ? exit.value : Cause.squash(exit.cause))

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
  return { calls, lookup, users: Cached.many(User, lookup, { strategy: hour }) }
}

describe.each(caches)("over $name", (cache) => {
  const provided = Effect.provide(cache.layer())

  it.effect("AI-18 · a map by key answers each key, in the order of the input", () =>
    Effect.gen(function*() {
      const { calls, users } = answering([])
      expect(values(yield* users(ids(1, 2, 1, 3)))).toEqual(["1#1", "2#1", "1#1", "3#1"])
      expect(values(yield* users(ids(3, 4)))).toEqual(["3#1", "4#2"])
      expect(calls).toEqual([[1, 2, 3], [4]])
    }).pipe(provided))

  it.effect("a map that has a key twice, as two instances, answers it with the last of them", () =>
    Effect.gen(function*() {
      const answers: Answers = new Map([[key(1), Exit.succeed("first")], [key(1), Exit.succeed("last")]])
      const users = Cached.many(User, () => Effect.succeed(answers), { strategy: hour })
      expect(values(yield* users(ids(1)))).toEqual(["last"])
      expect(values(yield* users(ids(1, 1)))).toEqual(["last", "last"])
      expect(yield* Cached.size).toBe(1)
    }).pipe(provided))

  it.effect("a key that the map leaves out is a defect of that key alone", () =>
    Effect.gen(function*() {
      const users = Cached.many(User, () => Effect.succeed(new Map([[key(1), Exit.succeed("one")]])), {
        strategy: hour
      })
      const [one, two] = yield* users(ids(1, 2))
      expect(one).toEqual(Exit.succeed("one"))
      expect(String(Cause.squash((two as Exit.Failure<never, never>).cause)))
        .toContain("The lookup of many \"User\" returned no Exit for \"~User@")
    }).pipe(provided))

  it.effect("AI-18 · unrequested answers are cached afterwards", () =>
    Effect.gen(function*() {
      const { calls, users } = answering([2, 3])
      expect(values(yield* users(ids(1)))).toEqual(["1#1"])
      // They enter the store after the call.
      yield* settle
      expect(values(yield* users(ids(3, 2)))).toEqual(["3#1", "2#1"])
      expect(calls).toEqual([[1]])
      // One load, of the key that was asked for.
      expect((yield* Cached.stats).loads).toBe(1)
    }).pipe(provided))
})

const inMemory = Effect.provide(CacheLayer.memory())

/** The cached value of user 2, after a call for user 1 during which something happened. */
const meanwhile = <E, R>(happens: Effect.Effect<unknown, E, R>) =>
  Effect.gen(function*() {
    const gate = yield* Deferred.make<void>()
    const { users } = answering([2], Deferred.await(gate))
    const reading = yield* start(users(ids(1)))
    yield* settle
    yield* happens
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.join(reading)
    return Option.getOrUndefined(yield* Cached.getOption(key(2)))
  })

describe("an unrequested answer", () => {
  it.effect("lives as the strategy says, and has the tags of its class", () =>
    Effect.gen(function*() {
      const { users } = answering([2])
      yield* users(ids(1))
      expect(yield* Cached.getOption(key(2))).toEqual(Option.some("2#1"))
      yield* Cached.invalidate({ where: [User, { id: 2 }] })
      expect(yield* Cached.has(key(2))).toBe(false)
      yield* users(ids(5))
      yield* TestClock.adjust("1 hour")
      expect(yield* Cached.has(key(2))).toBe(false)
    }).pipe(inMemory))

  it.effect("P2 · does not come back after an invalidation during the call", () =>
    Effect.gen(function*() {
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
    }).pipe(inMemory))

  it.effect("does not replace what was set or loaded during the call, nor what was there", () =>
    Effect.gen(function*() {
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
    }).pipe(inMemory))

  it.effect("leaves a load of its key alone, which gives its own value", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const single = Cached.fn(User, () => Effect.as(Deferred.await(gate), "single"), { strategy: hour })
      const loading = yield* start(single({ id: 2 }))
      yield* settle
      const { users } = answering([2])
      yield* users(ids(1))
      expect(yield* Cached.has(key(2))).toBe(false)
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Fiber.join(loading)).toBe("single")
      expect(yield* Cached.getOption(key(2))).toEqual(Option.some("single"))
    }).pipe(inMemory))

  it.effect("is not cached if it failed, does not fit the schema, or is of another class", () =>
    Effect.gen(function*() {
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
      const users = Cached.many(User, () => Effect.succeed(answers as never), { strategy: hour })
      expect(values(yield* users(ids(1)))).toEqual(["one"])
      expect((yield* Cached.stats).size).toBe(2)
      expect(yield* Cached.has(key(9))).toBe(true)
    }).pipe(inMemory))

  it.effect("is not cached by a policy that does not write, by a strategy that does not store, or with stale parts", () =>
    Effect.gen(function*() {
      const { lookup, users } = answering([2])
      yield* users(ids(1)).pipe(CachePolicy.disable("set"))
      yield* users(ids(1)).pipe(CachePolicy.bypass)
      yield* Cached.many(User, lookup, { ttl: () => 0 })(ids(1))
      yield* Cached.many(User, lookup, { ttl: "1 hour", when: () => false })(ids(1))
      expect((yield* Cached.stats).size).toBe(0)
    }).pipe(inMemory))

  it.effect("takes a tenth of memory at most, and 1,000 of a call", () =>
    Effect.gen(function*() {
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
    }))

  it.effect("of a refresh behind a read too, and without a cache it is dropped", () =>
    Effect.gen(function*() {
      const { lookup } = answering([2])
      const users = Cached.many(User, lookup, { strategy: "refreshAhead", ttl: "1 hour", refreshAfter: "1 minute" })
      yield* users(ids(1))
      yield* Cached.invalidate(key(2))
      yield* TestClock.adjust("1 minute")
      yield* users(ids(1))
      yield* settle
      expect(yield* Cached.getOption(key(2))).toEqual(Option.some("2#2"))
      expect(values(yield* Effect.provide(users(ids(3)), CacheLayer.disabled))).toEqual(["3#3"])
    }).pipe(inMemory))

  it.effect("is not cached if memory was cleared during the call, because changes by others are not reported", () =>
    Effect.gen(function*() {
      const store = { ...MemoryStore.make(), capabilities: { shared: true, changes: false }, changesUnsafe: undefined }
      yield* Effect.gen(function*() {
        expect(yield* meanwhile(Effect.void)).toBe("2#1")
        yield* Cached.clear
        expect(yield* meanwhile(TestClock.adjust("10 seconds"))).toBe(undefined)
      }).pipe(Effect.provide(over({ layer: Layer.succeed(Store.Store, store) })))
    }))

  it.effect("P2 · of a folder: what another process removed or wrote during the call is not undone here", () =>
    Effect.gen(function*() {
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
    }).pipe(Effect.scoped))
})

describe("in turns", () => {
  it.effect("is as old as the answers that were asked for, though they enter memory before it", () =>
    Effect.gen(function*() {
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
    }).pipe(Effect.provide(CacheLayer.memory())))

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
