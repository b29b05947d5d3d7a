/** Listeners receive each entry that leaves memory, with the reason. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Logger, Schema, Scope } from "effect"
import { Cached, type CacheEvent, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { caches, settle, start, within } from "../support/caches.ts"
import { testIn } from "../support/tests.ts"

class User extends CacheKey.Class<User>()("User", {
  payload: { id: Schema.Int },
  success: Schema.Unknown,
  error: Schema.String
}) {}

/** Collects what leaves; called, it answers what has left since the last call, as id, cause and value. */
const watch = Effect.gen(function*() {
  const gone: Array<CacheEvent.Removal> = []
  yield* Cached.onRemoval((removal) => Effect.sync(() => gone.push(removal)))
  return Effect.andThen(
    settle,
    Effect.sync(() =>
      gone.splice(0).map(({ cause, exit, id }) => [id, cause, Exit.isSuccess(exit) ? exit.value : "failed"])
    )
  )
})

const ttl = (key: string, value: unknown) => Cached.ttl(Effect.succeed(value), key, { ttl: "1 minute", tags: ["t"] })

describe.each(caches.filter(({ memory }) => memory))("a removal from memory is reported, over $name:", (cache) => {
  const test = testIn(cache.layer({ capacity: 3 }))

  test("evicted, in the order of leaving, with its value", function*() {
    const gone = yield* watch
    for (const key of ["a", "b", "c", "d", "e"]) yield* ttl(key, { of: key })
    expect(yield* gone).toEqual([["a", "evicted", { of: "a" }], ["b", "evicted", { of: "b" }]])
    expect((yield* Cached.stats).evictions).toBe(2)
  })

  test("expired, when another takes its place", function*() {
    const gone = yield* watch
    yield* ttl("a", 1)
    yield* TestClock.adjust("1 minute")
    expect(yield* gone).toEqual([])
    yield* ttl("a", 2)
    expect(yield* gone).toEqual([["a", "expired", 1]])
  })

  test("replaced: by a set, and by a load that was asked for", function*() {
    const gone = yield* watch
    yield* ttl("a", 1)
    yield* Cached.set("a", 2)
    yield* CachePolicy.refresh(ttl("a", 3))
    expect(yield* gone).toEqual([["a", "replaced", 1], ["a", "replaced", 2]])
  })

  test("invalidated: by key, by tag when that is noticed, with all", function*() {
    const gone = yield* watch
    for (const key of ["a", "b", "c"]) yield* ttl(key, key)
    yield* Cached.remove("a")
    expect(yield* gone).toEqual([["a", "invalidated", "a"]])
    yield* Cached.invalidate({ tag: "t" })
    yield* Cached.has("b")
    expect(yield* gone).toEqual([["b", "invalidated", "b"]])
    yield* Cached.clear
    expect(yield* gone).toEqual([["c", "invalidated", "c"]])
  })

  test("with the name of the class, failures too", function*() {
    const gone: Array<CacheEvent.Removal> = []
    yield* Cached.onRemoval((removal) => Effect.sync(() => gone.push(removal)))
    const key = new User({ id: 1 })
    yield* Effect.exit(Cached.ttl(Effect.fail("down"), key, { ttl: "1 minute", when: () => true }))
    yield* Cached.invalidate(key)
    yield* Cached.set("a", 1)
    yield* Cached.invalidate("a")
    yield* settle
    const cause = "invalidated"
    expect(gone).toEqual([
      { id: CacheKey.id(key), keyClass: "User", cause, exit: Exit.fail("down") },
      { id: "a", keyClass: undefined, cause, exit: Exit.succeed(1) }
    ])
  })
})

testIn()("changes by other processes: removed by their invalidations, and as unverified while untracked", function*() {
  const store = MemoryStore.make()
  const changes: Array<Store.Change> = []
  let isUntracked = false
  const shared: Store.Store = {
    ...store,
    capabilities: { ...store.capabilities, shared: true },
    changesUnsafe: () => {
      if (isUntracked) throw new Error("untracked")
      return changes.splice(0)
    }
  }
  const test = Effect.gen(function*() {
    const gone = yield* watch
    yield* ttl("a", 1)
    changes.push({ _tag: "Changed", id: "a" })
    yield* TestClock.adjust("50 millis")
    expect(yield* gone).toEqual([["a", "invalidated", 1]])
    yield* ttl("b", 2)
    isUntracked = true
    for (let i = 0; i < 300; i++) {
      yield* TestClock.adjust("50 millis")
      yield* ttl("b", 3)
    }
    expect((yield* gone)[0]).toEqual(["b", "unverified", 2])
  })
  const cache = Layer.provide(CacheLayer.layer({ maxStaleness: "10 seconds" }), Layer.succeed(Store.Store, shared))
  yield* within(cache, Effect.scoped(test))
})

describe("listeners", () => {
  const provided = Effect.provide(CacheLayer.memory())

  testIn()("may fail or die: each cause is logged once, and the next one is called", function*() {
    const lines: Array<unknown> = []
    const logged = Logger.layer([
      Logger.make(({ cause, logLevel, message }) => void lines.push([logLevel, String(message), Cause.squash(cause)]))
    ])
    const told: Array<string> = []
    const test = Effect.gen(function*() {
      yield* Cached.onRemoval(({ id }) => {
        told.push(id)
        if (id === "a") throw new Error("thrown")
        return id === "b" ? Effect.fail("mine") : Effect.die("worse")
      })
      for (const key of ["a", "b", "c", "d"]) yield* Cached.set(key, 1)
      yield* Cached.clear
      yield* settle
    })
    yield* Effect.scoped(test).pipe(provided, Effect.provide(logged))
    expect(told).toEqual(["a", "b", "c", "d"])
    const warning = (id: string) =>
      `A callback of Cached.onRemoval failed for "${id}", and the next removals are handled as usual (see the ` +
      "cause; logged once a key class or cause)"
    expect(lines).toEqual([["Warn", warning("a"), new Error("thrown")], ["Warn", warning("b"), "mine"]])
  })

  testIn(CacheLayer.memory())("keeps no read waiting, and loses the oldest above 1024", function*() {
    const gate = yield* Deferred.make<void>()
    const told: Array<string> = []
    yield* Cached.onRemoval(({ id }) => {
      told.push(id)
      return Deferred.await(gate)
    })
    yield* Cached.set("first", 1)
    yield* Cached.remove("first")
    yield* settle
    for (let i = 0; i < 2000; i++) yield* Cached.set(`${i}`, i)
    yield* Cached.clear
    expect(told).toEqual(["first"])
    yield* Deferred.succeed(gate, undefined)
    for (let i = 0; i < 50; i++) yield* settle
    expect(told.length).toBe(1025)
    expect(told.at(-1)).toBe("1999")
  })

  it.effect("is no longer called when its scope has closed, which waits for earlier removals", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const told: Array<string> = []
      yield* Cached.onRemoval(({ id }) => Effect.andThen(Effect.sleep("1 second"), Effect.sync(() => told.push(id))))
        .pipe(Scope.provide(scope))
      for (const key of ["a", "b", "c"]) yield* Cached.set(key, 1)
      yield* Cached.remove(["a", "b"])
      const closing = yield* start(Scope.close(scope, Exit.void))
      yield* Cached.remove("c")
      yield* TestClock.adjust("1 second")
      expect([told, closing.pollUnsafe()]).toEqual([["a"], undefined])
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      expect(told).toEqual(["a", "b"])
    }).pipe(provided))

  testIn()("is not called for the entries in memory when the cache closes", function*() {
    const cache = yield* Scope.make()
    const context = yield* Layer.buildWithScope(CacheLayer.memory(), cache)
    const told: Array<string> = []
    const listening = Cached.onRemoval(({ id }) => Effect.sync(() => told.push(id)))
    yield* Effect.provide(Effect.andThen(listening, Cached.set("a", 1)), context)
    yield* Scope.close(cache, Exit.void)
    yield* settle
    expect(told).toEqual([])
  })
})

const test = testIn(Layer.merge(CacheLayer.memory(), Logger.layer([])))

test("a callback that is an async function is awaited, and its rejection counts as a throw", function*() {
  const handled: Array<string> = []
  const callback = async ({ id }: CacheEvent.Removal) => {
    handled.push(id)
    await Promise.resolve()
    if (id === "rejects") throw new Error("rejected")
  }
  yield* Cached.onRemoval(callback as unknown as (removal: CacheEvent.Removal) => Effect.Effect<void>)
  yield* Cached.setMany([["rejects", 1], ["good", 1]])
  for (const key of ["rejects", "good"]) yield* Cached.invalidate(key)
  yield* Effect.repeat(Effect.andThen(Effect.promise(() => Promise.resolve()), Effect.yieldNow), { times: 20 })
  expect(handled).toEqual(["rejects", "good"])
  expect((yield* Cached.stats).callbackFailures).toBe(1)
})

test("an effect that fails or dies is counted, and the next removal is handled all the same", function*() {
  const handled: Array<string> = []
  yield* Cached.onRemoval(({ id }) => {
    handled.push(id)
    if (id === "throws") throw new Error("thrown")
    return id === "fails" ? Effect.fail("failed") : Effect.void
  })
  yield* Cached.setMany([["throws", 1], ["fails", 1], ["good", 1]])
  for (const key of ["throws", "fails", "good"]) yield* Cached.invalidate(key)
  yield* Effect.repeat(Effect.yieldNow, { times: 20 })
  expect(handled).toEqual(["throws", "fails", "good"])
  expect((yield* Cached.stats).callbackFailures).toBe(2)
})
