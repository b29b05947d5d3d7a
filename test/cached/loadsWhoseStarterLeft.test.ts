/** P3: a load uses the services of the reader that started it, and readers that wait do not inherit their end. */
import { describe, expect } from "@effect/vitest"
import { Cause, Context, Data, Effect, Exit, Fiber, Schema } from "effect"
import { Cached, CacheKey } from "effect-cached"
import { TestClock } from "effect/testing"
import { caches, start, taking } from "../support/caches.ts"
import { testIn } from "../support/tests.ts"

class Closed extends Data.TaggedError("Closed") {}

interface Connection {
  isOpen: boolean
}
const Connection = Context.Service<Connection>("Connection")

/** A source that needs an open connection at its end. */
const sourceOf = (millis = 1000) => {
  const counts = { loads: 0 }
  const load = Effect.flatMap(Connection, (connection) =>
    Effect.suspend(() => {
      const n = ++counts.loads
      return Effect.flatMap(
        Effect.sleep(millis),
        () => connection.isOpen ? Effect.succeed(n) : Effect.fail(new Closed())
      )
    }))
  return { counts, load }
}

/** A request with a connection of its own, which closes with it. */
const request = <A, E, R>(read: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync((): Connection => ({ isOpen: true })),
    (connection) => Effect.provideService(read, Connection, connection),
    (connection) => Effect.sync(() => void (connection.isOpen = false))
  )

const ttl = Cached.ttl("k", { ttl: "1 hour" })

describe.each(caches)("over $name", (cache) => {
  const layer = cache.layer()
  const test = testIn(layer)

  test("a load continues when its starter leaves: one load for 100 followers", function*() {
    const { counts, load } = sourceOf()
    const read = ttl(Effect.ignore(load).pipe(Effect.as("value")))
    const first = yield* start(request(read))
    const followers = yield* Effect.forEach(Array.from({ length: 100 }), () => start(request(read)))
    yield* TestClock.adjust(900)
    yield* Fiber.interrupt(first)
    yield* TestClock.adjust(100)
    for (const follower of followers) expect(yield* Fiber.join(follower)).toBe("value")
    expect(counts.loads).toBe(1)
  })

  test("if the load then fails, it runs once more, for a follower, and all followers are answered", function*() {
    const { counts, load } = sourceOf()
    const first = yield* start(request(ttl(load)))
    const followers = yield* Effect.forEach(Array.from({ length: 100 }), () => start(request(ttl(load))))
    yield* TestClock.adjust(900)
    yield* Fiber.interrupt(first)
    yield* TestClock.adjust(2000)
    for (const follower of followers) expect(yield* Fiber.join(follower)).toBe(2)
    expect(counts.loads).toBe(2)
    expect(yield* request(ttl(load))).toBe(2)
  })

  test("ten starters that leave in turn cause at most two loads", function*() {
    const { counts, load } = sourceOf()
    const readers = yield* Effect.forEach(Array.from({ length: 11 }), () => start(request(ttl(load))))
    for (const reader of readers.slice(0, 10)) {
      yield* Fiber.interrupt(reader)
      yield* TestClock.adjust(150)
    }
    yield* TestClock.adjust(3000)
    expect(Exit.isExit(yield* Fiber.await(readers[10]!))).toBe(true)
    expect(counts.loads).toBe(2)
  })

  test("the second failure is the answer, also if its starter has left", function*() {
    const { counts, load } = sourceOf()
    const [first, second, third] = yield* Effect.forEach([1, 2, 3], () => start(request(ttl(load))))
    yield* TestClock.adjust(500)
    yield* Fiber.interrupt(first!)
    yield* TestClock.adjust(1000)
    yield* Fiber.interrupt(third!)
    yield* TestClock.adjust(3000)
    expect(Exit.isFailure(yield* Fiber.await(second!))).toBe(true)
    expect(counts.loads).toBe(2)
  })

  test("a load that hangs on a closed connection runs again with that of a reader that waits", function*() {
    let loads = 0
    const query = Effect.flatMap(Connection, (connection) => {
      const n = ++loads
      return Effect.andThen(
        Effect.sleep(100),
        Effect.suspend(() => connection.isOpen ? Effect.succeed(n) : Effect.never)
      )
    })
    const read = request(Cached.ttl(query, "k", { ttl: "1 hour", timeout: 500 }))
    yield* start(Effect.timeout(read, 50))
    const readers: Array<Fiber.Fiber<number, unknown>> = []
    for (let i = 0; i < 10; i++) {
      readers.push(yield* start(read))
      yield* TestClock.adjust(100)
    }
    expect(yield* Fiber.join(readers[9]!)).toBe(2)
    expect(loads).toBe(2)
  })

  test("a refresh without a stale value for its readers runs once more, for a reader that has joined", function*() {
    const { counts, load } = sourceOf()
    const read = request(load.pipe(Cached.refreshAhead("k", { ttl: 5000, refreshAfter: 1000 })))
    expect(yield* taking(1000, read)).toBe(1)
    yield* TestClock.adjust(4500)
    expect(yield* read).toBe(1)
    yield* TestClock.adjust(600)
    expect(yield* taking(20_000, read)).toBe(counts.loads)
  })

  test("the starter of an enclosing load counts too", function*() {
    const { counts, load } = sourceOf()
    const inner = ttl(load)
    const outer = Cached.ttl(inner, "outer", { ttl: "1 hour" })
    const first = yield* start(request(outer))
    yield* TestClock.adjust(500)
    const ofOuter = yield* start(request(outer))
    const ofInner = yield* start(request(inner))
    yield* TestClock.adjust(300)
    yield* Fiber.interrupt(first)
    yield* TestClock.adjust(3000)
    expect([yield* Fiber.join(ofOuter), yield* Fiber.join(ofInner)]).toEqual([2, 2])
    expect(counts.loads).toBe(2)
  })

  test("a stale value is served, as before, and no other load begins", function*() {
    let loads = 0
    const load = Effect.suspend(() => ++loads === 1 ? Effect.succeed(1) : Effect.delay(Effect.fail("down"), 300))
    const read = load.pipe(Cached.softTtl("k", { ttl: "1 hour", softTtl: 1000, softTimeout: 100, fallbackOn: "all" }))
    expect(yield* read).toBe(1)
    yield* TestClock.adjust(1000)
    for (let i = 0; i < 40; i++) {
      expect(yield* taking(100, read)).toBe(1)
    }
    expect(loads).toBe(2)
  })

  test("a failure that would be stored is not, and is no answer of the origin", function*() {
    const { counts, load } = sourceOf()
    const stores = Cached.ttl("k", { ttl: "1 hour", storeFailures: ["Closed"] })
    const first = yield* start(request(stores(load)))
    const second = yield* start(request(stores(load)))
    yield* TestClock.adjust(900)
    yield* Fiber.interrupt(first)
    yield* TestClock.adjust(200)
    expect(yield* Cached.has("k")).toBe(false)
    yield* TestClock.adjust(2000)
    expect(yield* Fiber.join(second)).toBe(2)
    expect(yield* request(stores(load))).toBe(2)
    expect(counts.loads).toBe(2)
  })

  test("a failure with the starter present is shared as before", function*() {
    let loads = 0
    const failing = ttl(Effect.suspend(() => Effect.andThen(Effect.sleep(1000), Effect.fail(++loads))))
    const readers = yield* Effect.forEach([1, 2, 3], () => start(Effect.exit(failing)))
    yield* TestClock.adjust(1000)
    for (const reader of readers) expect(yield* Fiber.join(reader)).toEqual(Exit.fail(1))
    expect(loads).toBe(1)
  })

  test("a defect, too, and the second failure is the answer of all", function*() {
    let loads = 0
    const dying = ttl(Effect.suspend(() => Effect.andThen(Effect.sleep(1000), Effect.die(`defect ${++loads}`))))
    const first = yield* start(dying)
    const second = yield* start(Effect.exit(dying))
    yield* TestClock.adjust(500)
    yield* Fiber.interrupt(first)
    yield* TestClock.adjust(3000)
    const exit = yield* Fiber.join(second)
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBe("defect 2")
  })

  test("many: the keys that others wait for are loaded once more", function*() {
    class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.Number }) {}
    const calls: Array<ReadonlyArray<number>> = []
    const users = Cached.many(User, (keys) =>
      Effect.flatMap(Connection, (connection) => {
        calls.push(keys.map(({ id }) => id))
        return Effect.flatMap(
          Effect.sleep(1000),
          () => connection.isOpen ? Effect.succeed(keys.map(({ id }) => Exit.succeed(id))) : Effect.fail("closed")
        )
      }), { ttl: "1 hour" })
    const first = yield* start(request(users([{ id: 1 }, { id: 2 }])))
    const second = yield* start(request(users([{ id: 2 }])))
    yield* TestClock.adjust(500)
    yield* Fiber.interrupt(first)
    yield* TestClock.adjust(3000)
    expect(yield* Fiber.join(second)).toEqual([Exit.succeed(2)])
    expect(calls).toEqual([[1, 2], [2]])
  })
})
