/** Keys of a long list in memory have tickets in place of flights, until somebody else needs them. */
import { expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Latch, Layer, Schema, Scope } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching, Strategy } from "effect-cached"
import { TestClock } from "effect/testing"
import { Within } from "../../src/internal/engine/request/attempt.ts"
import type { Flights } from "../../src/internal/engine/state.ts"
import { start } from "../support/caches.ts"

/** The engine of the cache in use. */
const engine: Effect.Effect<Flights, never, any> = Effect.map(Within, (within) => within!.flight!.engine).pipe(
  Cached.ttl("the engine", { ttl: 1 })
)

class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.String }) {}

const ids = Array.from({ length: 100 }, (_, id) => ({ id }))

/** A function of many users whose call waits for a latch, and a function of one user. */
const make = (options: { readonly tags?: ReadonlyArray<string>; readonly isHeld?: boolean } = {}) => {
  const open = Latch.makeUnsafe()
  const calls: Array<number> = []
  const interrupted: Array<number> = []
  const strategy = Strategy.ttl({ ttl: "1 hour" })
  const users = Cached.many(User, (keys) =>
    Effect.suspend(() => {
      const call = calls.push(keys.length)
      const load = Effect.map(open.await, () => keys.map(({ id }) => Exit.succeed(`many ${call} ${id}`)))
      return options.isHeld === true
        ? Effect.uninterruptible(load)
        : Effect.onInterrupt(load, () => Effect.sync(() => interrupted.push(call)))
    }), { strategy, ...options.tags === undefined ? {} : { tags: options.tags } })
  const user = Cached.fn(User, ({ id }) => Effect.succeed(`one ${id}`), { strategy })
  return { open, calls, interrupted, users, user }
}

const valuesOf = (exits: ReadonlyArray<Exit.Exit<string>>) =>
  exits.map((exit) => Exit.isSuccess(exit) ? exit.value : Cause.pretty(exit.cause))

const expected = ids.map(({ id }) => `many 1 ${id}`)

it.effect("a single read, another list and a lookup wait for the call of a list, and all are stored", () => {
  const { calls, open, user, users } = make()
  return Effect.gen(function*() {
    const reading = yield* start(users(ids))
    const one = yield* start(user({ id: 50 }))
    const others = yield* start(users([{ id: 100 }, ...ids.slice(50)]))
    yield* open.open
    expect(valuesOf(yield* Fiber.join(reading))).toEqual(expected)
    expect(yield* Fiber.join(one)).toBe("many 1 50")
    expect(valuesOf(yield* Fiber.join(others))).toEqual(["many 2 100", ...expected.slice(50)])
    expect(valuesOf(yield* users(ids))).toEqual(expected)
    expect(calls).toEqual([100, 1])
    expect(yield* Cached.stats).toMatchObject({ loads: 101, misses: 152, hits: 100, size: 101 })
  }).pipe(Effect.provide(CacheLayer.memory()))
})

it.effect("an invalidation, a set and a removal during the call win over its results", () => {
  const { open, user, users } = make()
  return Effect.gen(function*() {
    const reading = yield* start(users(ids))
    yield* Cached.invalidate(new User({ id: 7 }))
    yield* Cached.set(new User({ id: 8 }), "set")
    expect(yield* Cached.remove(new User({ id: 9 }))).toBe(false)
    yield* open.open
    expect(valuesOf(yield* Fiber.join(reading))).toEqual(expected)
    expect(yield* user({ id: 6 })).toBe("many 1 6")
    expect(yield* user({ id: 7 })).toBe("one 7")
    expect(yield* user({ id: 8 })).toBe("set")
    expect(yield* user({ id: 9 })).toBe("one 9")
  }).pipe(Effect.provide(CacheLayer.memory()))
})

it.effect("the results of a call during which a tag was invalidated are not stored", () => {
  const { open, user, users } = make({ tags: ["users"] })
  return Effect.gen(function*() {
    const reading = yield* start(users(ids))
    yield* Cached.invalidate({ tag: "users" })
    yield* open.open
    expect(valuesOf(yield* Fiber.join(reading))).toEqual(expected)
    expect(yield* user({ id: 50 })).toBe("one 50")
    expect(yield* user({ id: 0 })).toBe("one 0")
  }).pipe(Effect.provide(CacheLayer.memory()))
})

it.effect("nothing that a call has loaded before a clear is stored after it", () => {
  const { open, user, users } = make()
  return Effect.gen(function*() {
    const reading = yield* start(users(ids))
    yield* Cached.clear
    yield* open.open
    expect(valuesOf(yield* Fiber.join(reading))).toEqual(expected)
    expect(yield* Cached.size).toBe(0)
    expect(yield* user({ id: 50 })).toBe("one 50")
  }).pipe(Effect.provide(CacheLayer.memory()))
})

it.effect("a clear and a pattern make no flights of the keys of a call, and win over its results", () => {
  const { open, user, users } = make()
  return Effect.gen(function*() {
    const { flights, running } = yield* engine
    const first = yield* start(users(ids.slice(0, 40)))
    const second = yield* start(users(ids.slice(40)))
    yield* Cached.invalidate({ matching: "nothing*" })
    yield* Cached.invalidate({ matching: `${CacheKey.id(new User({ id: 9 })).slice(0, -1)}?,` })
    // The first key of each call, and those that the pattern matched.
    expect(running.size).toBe(2 + 10)
    yield* Cached.clear
    expect(running.size).toBe(2 + 10)
    expect(yield* user({ id: 7 })).toBe("one 7")
    yield* open.open
    expect(valuesOf(yield* Fiber.join(first))).toEqual(expected.slice(0, 40))
    expect(valuesOf(yield* Fiber.join(second))).toEqual(expected.slice(40).map((text) => text.replace("1", "2")))
    expect(yield* Cached.size).toBe(1)
    expect(flights.tickets).toBe(undefined)
  }).pipe(Effect.provide(CacheLayer.memory()))
})

it.effect("the reader of a call that a clear has detached ends with the cache", () => {
  const { users } = make()
  return Effect.gen(function*() {
    const scope = yield* Scope.make()
    const cache = yield* Layer.buildWithScope(CacheLayer.memory(), scope)
    const reading = yield* start(Effect.provideContext(Effect.exit(users(ids)), cache))
    yield* Effect.provideContext(Cached.clear, cache)
    const closing = yield* start(Scope.close(scope, Exit.void))
    yield* TestClock.adjust("1 minute")
    yield* Fiber.join(closing)
    expect(Exit.isFailure(yield* Fiber.join(reading))).toBe(true)
  })
})

it.effect("a pattern during the call wins over its results", () => {
  const { open, user, users } = make()
  return Effect.gen(function*() {
    const reading = yield* start(users(ids))
    yield* Cached.invalidate({ matching: "*" })
    yield* open.open
    expect(valuesOf(yield* Fiber.join(reading))).toEqual(expected)
    expect(yield* Cached.size).toBe(0)
    expect(yield* user({ id: 50 })).toBe("one 50")
  }).pipe(Effect.provide(CacheLayer.memory()))
})

it.effect("a failure after a clear is the exit of its key, and joins no newer load of it", () => {
  const open = Latch.makeUnsafe()
  const newer = Latch.makeUnsafe()
  const strategy = Strategy.ttl({ ttl: "1 hour" })
  const users = Cached.many(User, (keys) => Effect.as(open.await, keys.map(() => Exit.fail("down"))), { strategy })
  const user = Cached.fn(User, ({ id }) => Effect.as(newer.await, `one ${id}`), { strategy })
  return Effect.gen(function*() {
    const reading = yield* start(users(ids))
    yield* Cached.clear
    const one = yield* start(user({ id: 50 }))
    yield* open.open
    expect(yield* Fiber.join(reading)).toEqual(ids.map(() => Exit.fail("down")))
    const joining = yield* start(user({ id: 50 }))
    yield* newer.open
    expect([yield* Fiber.join(one), yield* Fiber.join(joining)]).toEqual(["one 50", "one 50"])
    expect(yield* user({ id: 50 })).toBe("one 50")
    expect(yield* Cached.stats).toMatchObject({ loads: 101, loadFailures: 100, size: 1 })
  }).pipe(Effect.provide(CacheLayer.memory()))
})

it.effect("a lookup that answers a list of another length fails the read, and stores nothing", () =>
  Effect.forEach([99, 101, 0], (length) =>
    Effect.gen(function*() {
      const users = Cached.many(User, () =>
        Effect.succeed(Array.from({ length }, (_, id) => Exit.succeed(`many ${id}`))), { ttl: "1 hour" })
      const exit = yield* Effect.exit(users(ids))
      expect(String(Exit.isFailure(exit) && Cause.squash(exit.cause))).toContain(
        `got 100 keys and returned ${length} results`
      )
      expect(yield* Cached.size).toBe(0)
    }).pipe(Effect.provide(Layer.fresh(CacheLayer.memory())))))

it.effect("a call whose reader is interrupted continues for another reader of one of its keys, and stores that", () => {
  const { calls, open, user, users } = make()
  return Effect.gen(function*() {
    const reading = yield* start(users(ids))
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
    yield* Fiber.interrupt(yield* start(free.users(ids)))
    expect(free.interrupted).toEqual([1])
    expect(yield* free.user({ id: 50 })).toBe("one 50")
    yield* Cached.clear
    const reading = yield* start(held.users(ids))
    const interrupting = yield* start(Fiber.interrupt(reading))
    const one = yield* start(held.user({ id: 50 }))
    expect(one.pollUnsafe()).toBeUndefined()
    yield* held.open.open
    yield* Fiber.join(interrupting)
    yield* TestClock.adjust(1)
    expect(yield* Fiber.join(one)).toBe("one 50")
  }).pipe(Effect.provide(CacheLayer.memory()))
})

it.effect("a failure of one key is the exit of that key, and the others are stored", () => {
  const users = Cached.many(
    User,
    (keys) => Effect.succeed(keys.map(({ id }) => id === 50 ? Exit.fail("none") : Exit.succeed(`user ${id}`))),
    { ttl: "1 hour" }
  )
  return Effect.gen(function*() {
    const exits = yield* users(ids)
    expect(exits[50]).toEqual(Exit.fail("none"))
    expect(exits.filter(Exit.isSuccess)).toHaveLength(99)
    expect(yield* Cached.stats).toMatchObject({ loads: 100, loadFailures: 1, size: 99 })
  }).pipe(Effect.provide(CacheLayer.memory()))
})

it.effect("a load that reads another entry gives its life to all keys of its call", () => {
  const users = Cached.many(
    User,
    (keys) =>
      Effect.as(Cached.ttl(Effect.succeed(1), "token", { ttl: "1 minute" }), keys.map(() => Exit.succeed("user"))),
    { ttl: "1 hour" }
  )
  return Effect.gen(function*() {
    yield* users(ids)
    yield* TestClock.adjust("61 seconds")
    expect(yield* Cached.has(new User({ id: 50 }))).toBe(false)
  }).pipe(Effect.provide(CacheLayer.memory()))
})

it.effect("a key that the list has several times is loaded once, for all its places", () => {
  const { open, users } = make()
  return Effect.gen(function*() {
    yield* open.open
    const exits = yield* users([...ids, ...ids, { id: 50 }])
    expect(valuesOf(exits)).toEqual([...expected, ...expected, "many 1 50"])
    expect(yield* Cached.stats).toMatchObject({ loads: 100, size: 100 })
  }).pipe(Effect.provide(CacheLayer.memory()))
})

it.effect("a lookup that reads one of its own keys dies in a circle", () => {
  const users: (payloads: ReadonlyArray<{ readonly id: number }>) => Effect.Effect<unknown, unknown, never> = Cached
    .many(
      User,
      (keys) => Effect.flatMap(user({ id: 50 }), (one) => Effect.succeed(keys.map(() => Exit.succeed(one)))),
      { ttl: "1 hour" }
    ) as never
  const user = Cached.fn(User, () => Effect.succeed("one"), { ttl: "1 hour" })
  return Effect.gen(function*() {
    const exit = yield* Effect.exit(users(ids))
    expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("CacheCycle")
  }).pipe(Effect.provide(CacheLayer.memory()))
})

it.effect("a value that the strategy's own function sets wins over the result that it was asked about", () =>
  Effect.gen(function*() {
    const context = yield* Effect.context<Caching.Caching>()
    const users = Cached.many(User, (keys) => Effect.succeed(keys.map(({ id }) => Exit.succeed(`user ${id}`))), {
      ttl: (exit) => {
        const isFifty = Exit.isSuccess(exit) && exit.value === "user 50"
        if (isFifty) Effect.runSyncWith(context)(Cached.set(new User({ id: 50 }), "set", { ttl: "1 hour" }))
        return "1 hour"
      }
    })
    expect(valuesOf(yield* users(ids))[50]).toBe("user 50")
    expect(valuesOf(yield* users(ids))[50]).toBe("set")
    expect(yield* Cached.stats).toMatchObject({ loads: 100, size: 100 })
  }).pipe(Effect.provide(CacheLayer.memory())))

it.live("a key that a list has 300,000 times has an answer at each place", () => {
  const { open, users } = make()
  return Effect.gen(function*() {
    yield* open.open
    const exits = yield* users([...ids, ...Array.from({ length: 300_000 }, () => ({ id: 50 }))])
    expect(exits.slice(100).every((exit) => Exit.isSuccess(exit) && exit.value === "many 1 50")).toBe(true)
  }).pipe(Effect.provide(CacheLayer.memory()))
}, 20_000)

it.effect("the index of tickets goes with the last call that has some", () => {
  const { open, users } = make()
  return Effect.gen(function*() {
    const { flights } = yield* engine
    const first = yield* start(users(ids))
    const second = yield* start(users(Array.from({ length: 50 }, (_, i) => ({ id: 200 + i }))))
    expect(flights.tickets?.calls.size).toBe(2)
    yield* Fiber.interrupt(second)
    yield* open.open
    yield* Fiber.join(first)
    expect(flights.tickets).toBeUndefined()
  }).pipe(Effect.provide(CacheLayer.memory()))
})
