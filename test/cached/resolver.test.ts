/** `Cached.resolver`: a request resolver whose answers are cached. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, Layer, RequestResolver, Schema, Scope } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { TestClock } from "effect/testing"
import { caches, elapse, ended, fakeStore, overFake, settle, start, started } from "../support/caches.ts"
import { testIn } from "../support/tests.ts"

class GetUser extends CacheKey.Class<GetUser>()("GetUser", {
  payload: { id: Schema.Int },
  success: Schema.String,
  error: Schema.String
}) {}

const hour = { ttl: "1 hour" } as const
const key = (id: number) => new GetUser({ id })

/** Requests made at once. */
const asking = (users: ReturnType<typeof origin>["users"]) => (...ids: ReadonlyArray<number>) =>
  Effect.forEach(ids, (id) => Effect.request(key(id), users), { concurrency: "unbounded" })

/** A resolver that notes its batches, and answers with their number. */
const origin = () => {
  const behaviour = { delay: 0, fails: [] as ReadonlyArray<number>, down: false, forgets: [] as ReadonlyArray<number> }
  const batches: Array<ReadonlyArray<number>> = []
  const resolver = RequestResolver.make<GetUser>((entries) =>
    Effect.suspend(() => {
      const n = batches.push(entries.map(({ request }) => request.id))
      const { delay, down, fails, forgets } = behaviour
      const answers = Effect.suspend(() => {
        if (down) return Effect.fail("down")
        for (const entry of entries) {
          const { id } = entry.request
          if (forgets.includes(id)) continue
          entry.completeUnsafe(fails.includes(id) ? Exit.fail(`bad ${id}`) : Exit.succeed(`${id}#${n}`))
        }
        return Effect.void
      })
      return delay === 0 ? answers : Effect.delay(answers, delay)
    })
  )
  const users = Cached.resolver(resolver, hour)
  return { behaviour, batches, resolver, users }
}

describe("Cached.resolver", () => {
  describe.each(caches)("over $name", (cache) => {
    const layer = cache.layer()

    const test = testIn(layer)

    test("only what is missing reaches the resolver, each key once, across batches too", function*() {
      const { batches, users } = origin()
      const get = asking(users)
      expect(yield* get(3, 1, 2, 1)).toEqual(["3#1", "1#1", "2#1", "1#1"])
      expect(yield* get(2, 4, 3)).toEqual(["2#1", "4#2", "3#1"])
      expect(batches).toEqual([[3, 1, 2], [4]])
    })

    test("one request's failure is its own, and is not stored", function*() {
      const { batches, behaviour, users } = origin()
      const get = (id: number) => Effect.exit(Effect.request(key(id), users))
      behaviour.fails = [2]
      expect(yield* Effect.forEach([1, 2], get, { concurrency: "unbounded" }))
        .toEqual([Exit.succeed("1#1"), Exit.fail("bad 2")])
      behaviour.fails = []
      expect(yield* Effect.forEach([1, 2], get, { concurrency: "unbounded" }))
        .toEqual([Exit.succeed("1#1"), Exit.succeed("2#2")])
      expect(batches).toEqual([[1, 2], [2]])
    })

    test("a failed refresh keeps the old value, key by key", function*() {
      const { batches, behaviour, resolver } = origin()
      const users = Cached.resolver(resolver, {
        strategy: "softTtl",
        ttl: "1 hour",
        softTtl: "1 minute",
        fallbackOn: "all"
      })
      const get = (...ids: ReadonlyArray<number>) =>
        Effect.forEach(ids, (id) => Effect.exit(Effect.request(key(id), users)), { concurrency: "unbounded" })
      yield* get(1, 2)
      yield* TestClock.adjust("1 minute")
      behaviour.fails = [2]
      expect(yield* get(1, 2)).toEqual([Exit.succeed("1#2"), Exit.succeed("2#1")])
      yield* TestClock.adjust("1 minute")
      behaviour.down = true
      expect(yield* get(1, 2, 3)).toEqual([Exit.succeed("1#2"), Exit.succeed("2#1"), Exit.fail("down")])
      expect(batches).toEqual([[1, 2], [1, 2], [1, 2, 3]])
      yield* TestClock.adjust("1 hour")
      expect(yield* get(1)).toEqual([Exit.fail("down")])
    })

    test("refreshAhead answers at once, and refreshes in one batch", function*() {
      const { batches, behaviour, resolver } = origin()
      const users = Cached.resolver(resolver, { strategy: "refreshAhead", ttl: "1 hour", refreshAfter: "1 minute" })
      const get = asking(users)
      yield* get(1, 2)
      yield* TestClock.adjust("1 minute")
      behaviour.down = true
      expect(yield* get(1, 2)).toEqual(["1#1", "2#1"])
      yield* settle
      expect(batches).toEqual([[1, 2], [1, 2]])
      yield* TestClock.adjust("1 minute")
      behaviour.down = false
      expect(yield* get(1, 2)).toEqual(["1#1", "2#1"])
      yield* settle
      const after = yield* get(1, 2)
      expect(after.map((value) => value.startsWith("1#") || value.startsWith("2#"))).toEqual([true, true])
      expect(after).not.toEqual(["1#1", "2#1"])
    })

    test("a request that the resolver leaves without an answer dies alone, and is not stored", function*() {
      const { behaviour, users } = origin()
      behaviour.forgets = [2]
      const [one, two] = yield* Effect.forEach(
        [1, 2],
        (id) => Effect.exit(Effect.request(key(id), users)),
        { concurrency: "unbounded" }
      )
      expect(one).toEqual(Exit.succeed("1#1"))
      expect(two !== undefined && Exit.isFailure(two) && String(Cause.squash(two.cause)))
        .toContain("did not complete request")
      behaviour.forgets = []
      expect(yield* Effect.request(key(2), users)).toBe("2#2")
    })

    test("shares loads and entries with single reads of the same keys", function*() {
      const { batches, behaviour, users } = origin()
      behaviour.delay = 1000

      const user = Cached.fn(GetUser, ({ id }) => Effect.succeed(`single ${id}`), hour)
      const requested = yield* started(Effect.request(key(1), users))
      const joined = yield* started(user({ id: 1 }))
      yield* elapse("1 second")
      expect([yield* Fiber.join(requested), yield* Fiber.join(joined)]).toEqual(["1#1", "1#1"])
      expect(yield* user({ id: 2 })).toBe("single 2")
      expect(yield* Effect.request(key(2), users)).toBe("single 2")
      expect(batches).toEqual([[1]])
    })

    test("one caller's interruption leaves the others their answers", function*() {
      const { batches, behaviour, users } = origin()
      behaviour.delay = 1000

      const one = yield* start(Effect.request(key(1), users))
      const two = yield* started(Effect.request(key(2), users))
      yield* Fiber.interrupt(one)
      yield* elapse("1 second")
      expect(yield* Fiber.join(two)).toBe("2#1")
      expect(batches).toEqual([[1, 2]])
    })
  })

  testIn()("can be run first, and used where there is no cache in the context", function*() {
    const { batches, resolver } = origin()
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(CacheLayer.memory(), scope)
    const users = yield* Effect.provide(Cached.resolver(resolver, hour), context)
    expect(yield* Effect.request(key(1), users)).toBe("1#1")
    expect(yield* Effect.request(key(1), users)).toBe("1#1")
    expect(batches).toEqual([[1]])
    yield* Scope.close(scope, Exit.void)
    const closed = yield* Effect.exit(Effect.request(key(2), users))
    expect(Exit.isFailure(closed) && Cause.squash(closed.cause)).toBeInstanceOf(CacheError.CacheClosed)
    // An existing entry is still answered.
    expect(yield* Effect.request(key(1), users)).toBe("1#1")
  })

  testIn()("each cache has its own", function*() {
    const { batches, users } = origin()
    const get = Effect.request(key(1), users)
    const [a, b] = yield* Effect.all([Layer.build(CacheLayer.memory()), Layer.build(CacheLayer.memory())])
    expect(yield* Effect.provide(get, Context.merge(a, a))).toBe("1#1")
    expect([yield* Effect.provide(get, b), yield* Effect.provide(get, a)]).toEqual(["1#2", "1#1"])
    expect(batches).toEqual([[1], [1]])
  })

  const test = testIn(CacheLayer.memory())

  test("each request has the policy of its own caller", function*() {
    const { batches, users } = origin()
    const get = (id: number) => Effect.request(key(id), users)
    yield* get(1)
    const both = Effect.all([get(1), CachePolicy.refresh(get(1)), CachePolicy.disable("set")(get(2))], {
      concurrency: "unbounded"
    })
    const [kept, fresh, unkept] = yield* both
    expect([kept, fresh.startsWith("1#"), unkept.startsWith("2#")]).toEqual(["1#1", true, true])
    expect(fresh).not.toBe("1#1")
    expect(yield* get(1)).toBe(fresh)
    expect(yield* Cached.has(key(2))).toBe(false)
    expect(batches.flat().sort()).toEqual([1, 1, 2])
  })

  it.effect("under CachePolicy.strict only the requests fail for which the store has failed", () =>
    overFake(function*(fake) {
      const fault = new CacheError.StoreError({ store: "fake", operation: "get", reason: "Unavailable" })
      const { users } = origin()
      const get = (id: number) => Effect.request(key(id), users)
      yield* get(1)
      fake.behave = (operation) => operation === "get" ? { before: Effect.fail(fault) } : {}
      const strict = CachePolicy.strict(
        Effect.forEach([1, 2], (id) => Effect.exit(get(id)), { concurrency: "unbounded" })
      )
      const [one, two] = yield* strict
      expect(one).toEqual(Exit.succeed("1#1"))
      expect(two !== undefined && Exit.isFailure(two)).toBe(true)
      expect(yield* Effect.flip(CachePolicy.strict(get(2)))).toMatchObject({ _tag: "StoreError" })
      expect((yield* get(3)).startsWith("3#")).toBe(true)
    }))

  test("a cycle through a resolver dies, and fails no other caller", function*() {
    const users: Effect.Effect<RequestResolver.RequestResolver<GetUser>, never, never> = Cached.resolver(
      RequestResolver.fromEffect<GetUser>(({ request }) =>
        request.id < 0 ? Effect.request(key(request.id), users) : Effect.succeed("fine")
      ),
      hour
    ) as never
    const reader = yield* started(
      Effect.forEach([1, -1], (id) => Effect.exit(Effect.request(key(id), users)), { concurrency: "unbounded" })
    )
    const exit = ended(reader)
    if (exit === "still waiting") throw new Error("it hangs")
    expect(String(Exit.isSuccess(exit) && exit.value[0])).toContain("fine")
    expect(String(Exit.isSuccess(exit) && exit.value[1])).toContain("CacheCycle")
  })

  test("requests made in loads are a part of them: what is stale for one is not stored by it", function*() {
    const { behaviour, resolver } = origin()
    const users = Cached.resolver(resolver, { strategy: "softTtl", ttl: "1 hour", softTtl: 0, fallbackOn: "all" })
    const pages = { loads: 0 }
    const page = (id: number) =>
      Effect.request(key(id), users).pipe(
        Effect.tap(() => Effect.sync(() => pages.loads++)),
        Cached.ttl(`page:${id}`, { ttl: "1 hour" })
      )
    yield* Effect.forEach([1, 2], (id) => Effect.request(key(id), users), { concurrency: "unbounded" })
    behaviour.down = true
    yield* Effect.forEach([1, 2], page, { concurrency: "unbounded" })
    yield* Effect.forEach([1, 2], page, { concurrency: "unbounded" })
    expect(pages.loads).toBe(4)
  })

  it.effect("the resolver's own batch size holds for what reaches it, and the store is asked once", () => {
    const asked: Array<string> = []
    const { store } = fakeStore()
    const watched: Store.Store = {
      ...store,
      getMany: (ids) => Effect.andThen(Effect.sync(() => asked.push("getMany")), store.getMany(ids)),
      get: (id, tags) => Effect.andThen(Effect.sync(() => asked.push("get")), store.get(id, tags))
    }
    return Effect.gen(function*() {
      const { batches, resolver } = origin()
      const users = Cached.resolver(RequestResolver.batchN(resolver, 2), hour)
      yield* Effect.forEach([1, 2, 3, 4, 5], (id) => Effect.request(key(id), users), { concurrency: "unbounded" })
      expect(batches).toEqual([[1, 2], [3, 4], [5]])
      expect(asked).toEqual(["getMany"])
    }).pipe(Effect.provide(Layer.provide(CacheLayer.layer({ memory: false }), Layer.succeed(Store.Store, watched))))
  })

  testIn(CacheLayer.disabled)("a disabled cache passes every request on", function*() {
    const { batches, users } = origin()
    yield* Effect.request(key(1), users)
    yield* Effect.request(key(1), users)
    expect(batches).toEqual([[1], [1]])
  })

  it("refuses what it does not know", () => {
    const { resolver } = origin()
    expect(() => Cached.resolver(resolver, { ...hour, timeout: "1 second" } as never)).toThrow("timeout")
    expect(() => Cached.resolver(resolver, {} as never)).toThrow("ttl is missing")
    expect(() => Cached.resolver({} as never, hour)).toThrow("RequestResolver")
  })
})
