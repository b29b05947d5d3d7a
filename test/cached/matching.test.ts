/** Reading and removing the entries of all keys that match a pattern. */
import { describe, expect } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { TestClock } from "effect/testing"
import { caches, fakeStore, over, settle, started } from "../support/caches.ts"
import { test, testIn } from "../support/tests.ts"

class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.String }) {}

const matching = (pattern: string) =>
  Effect.map(Stream.runCollect(Cached.getMatching(pattern)), (pairs) => pairs.toSorted(([a], [b]) => a < b ? -1 : 1))

describe.each(caches)("over $name", (cache) => {
  const test = testIn(cache.layer())

  test("CA-10 · getMatching gives each key that matches, with its value", function*() {
    yield* Cached.setMany([["user:1", "Ada"], ["user:2", null], ["page:1", "Home"]])
    expect(yield* matching("user:*")).toEqual([["user:1", "Ada"], ["user:2", null]])
    expect(yield* matching("page:1")).toEqual([["page:1", "Home"]])
    expect(yield* matching("nothing:*")).toEqual([])
  })

  test("CA-14 · only * ? and [] are special, and the whole key has to match", function*() {
    yield* Cached.setMany(["a.b", "axb", "pre:a:test", "ppre:a:test", "pre:a:tests"].map((key) => [key, key]))
    expect((yield* matching("a.?")).map(([key]) => key)).toEqual(["a.b"])
    expect((yield* matching("pre:*:test")).map(([key]) => key)).toEqual(["pre:a:test"])
  })

  test("leaves out what has expired, failures, and the entries of key classes", function*() {
    yield* Cached.set("gone", 1, { ttl: "1 minute" })
    yield* Cached.set("kept", 2)
    yield* Cached.set(new User({ id: 1 }), "Ada")
    yield* Effect.exit(Cached.ttl(Effect.fail("no"), "failed", { ttl: "1 hour", when: () => true }))
    yield* TestClock.adjust("1 minute")
    expect(yield* matching("*")).toEqual([["kept", 2]])
  })

  test("gives the key itself where its id is another text", function*() {
    yield* Cached.set("~tilde", 1)
    expect(yield* matching("~~*")).toEqual([["~tilde", 1]])
  })

  test("CA-10 · removeMatching removes what matches, and answers how many keys had an entry", function*() {
    yield* Cached.setMany([["user:1", "Ada"], ["user:2", "Grace"], ["page:1", "Home"]])
    expect(yield* Cached.remove({ matching: "user:*" })).toBe(2)
    expect(yield* Cached.remove({ matching: "user:*" })).toBe(0)
    expect(yield* Cached.remove({ matching: "page:1" })).toBe(1)
    expect(yield* matching("*")).toEqual([])
  })

  test("removeMatching under a policy that does not remove removes nothing", function*() {
    yield* Cached.set("user:1", "Ada")
    expect(yield* Cached.remove({ matching: "*" }).pipe(CachePolicy.disable("remove"))).toBe(0)
    expect(yield* Cached.has("user:1")).toBe(true)
  })
})

test.overFake("getMatching asks the store for many values at once, and fills no memory with them", function*(fake) {
  const twoHundred = Array.from({ length: 200 }, (_, i) => [`k${i}`, i] as const)
  yield* Effect.provide(Cached.setMany(twoHundred), over(fake))

  expect(yield* matching("k*")).toHaveLength(200)
  expect((yield* Cached.stats).size).toBe(0)
})

test("a pattern that is none throws at once; a store that cannot be scanned fails", function*() {
  for (const pattern of ["", "[", 1 as never]) {
    expect(() => Cached.getMatching(pattern)).toThrow(expect.objectContaining({ _tag: "CacheConfigError" }))
    expect(() => Cached.remove({ matching: pattern })).toThrow(expect.objectContaining({ _tag: "CacheConfigError" }))
  }
  const fake = fakeStore()
  const { scan: _, ...store } = fake.store
  const layer = over({ layer: Layer.succeed(Store.Store, Store.complete({ ...store, size: undefined })) })
  expect((yield* Effect.flip(Effect.provide(matching("*"), layer))).reason).toBe("Unsupported")
  expect((yield* Effect.flip(Effect.provide(Cached.remove({ matching: "*" }), layer))).reason).toBe("Unsupported")
})

testIn(CacheLayer.disabled)("without a cache nothing matches", function*() {
  expect(yield* matching("*")).toEqual([])
  expect(yield* Cached.remove({ matching: "*" })).toBe(0)
})

test.withoutMemory(
  "P2 · invalidateMatching also concerns what a bulk call has just read and the store has lost since",
  function*(fake) {
    const user = new User({ id: 1 })
    const gate = yield* Deferred.make<void>()
    const failover = Cached.many(User, () => Effect.as(Deferred.await(gate), [Exit.succeed("new")]), {
      strategy: "failover",
      ttl: "1 hour"
    })

    yield* Cached.set(user, "old")
    const late = yield* Deferred.make<void>()
    fake.behave = (operation) => operation === "get" ? { after: Deferred.await(late) } : {}
    yield* started(failover([{ id: 1 }]))
    fake.behave = () => ({})
    fake.entries.clear()
    yield* Cached.invalidate({ matching: "*" })
    yield* Deferred.succeed(late, undefined)
    yield* settle
    const reading = yield* started(Effect.exit(Cached.untilInvalidated(Effect.never, user, { timeout: 5 })))
    yield* TestClock.adjust(10)
    yield* Deferred.succeed(gate, undefined)
    expect(yield* Fiber.join(reading)).toMatchObject({ _tag: "Failure" })
  }
)
