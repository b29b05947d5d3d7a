/** An invalidation by pattern holds for what other processes load, and for what only their memory has. */
import { describe, expect } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Option, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching, Transaction } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { found, hour, key, process, read } from "../support/bulkCalls.ts"
import { ended, settle, start } from "../support/caches.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"

type Process = Effect.Success<ReturnType<typeof process>>

const pass = (millis: number) =>
  Effect.forEach(Array(millis / 50), () => Effect.andThen(TestClock.adjust(50), settle), { discard: true })

const gate = Effect.acquireRelease(
  Deferred.make<void>(),
  (opened) => Effect.andThen(Deferred.succeed(opened, undefined), pass(1000))
)

const twoOver = (layer: Layer.Layer<Caching.Caching, unknown>) =>
  Effect.tap(Effect.all([process(layer), process(layer)]), () => Effect.addFinalizer(() => TestClock.adjust("1 hour")))

/** Two processes that hear of changes by the other one, or do not. */
const stores = [
  { name: "a folder", two: Effect.flatMap(tempDirectory, (directory) => twoOver(CacheLayer.disk({ directory }))) },
  {
    name: "a store that reports nothing",
    two: Effect.suspend(() => {
      const store = { ...MemoryStore.make(), capabilities: { shared: true, changes: false } }
      return twoOver(Layer.provide(CacheLayer.layer({ memory: false }), Layer.succeed(Store.Store, store)))
    })
  }
]

/** Without tags, of which a new one would be evidence against an answer. */
class Plain extends CacheKey.Class<Plain>()("Plain", { payload: { id: Schema.Int }, success: Schema.String }) {}

const ways: ReadonlyArray<{ readonly name: string; readonly run: Effect.Effect<unknown, any, Caching.Caching> }> = [
  { name: "invalidateMatching", run: Cached.invalidate({ matching: "k*" }) },
  { name: "invalidateMatching of all", run: Cached.invalidate({ matching: "*" }) },
  { name: "removeMatching", run: Cached.remove({ matching: "[k]" }) },
  { name: "a target of invalidateAfter", run: Effect.void.pipe(Cached.invalidateAfter({ matching: "k*" })) },
  { name: "a pattern without special characters", run: Cached.invalidate({ matching: "k" }) }
]

const value = (
  text: string,
  load: Effect.Effect<unknown> = Effect.void,
  options: { readonly shareLoad?: boolean } = {}
) => Effect.as(load, text).pipe(Cached.ttl("k", { ttl: "1 hour", ...options }))

/** Reads in both processes, after the load of the first has ended. */
const expectNew = Effect.fnUntraced(function*([a, b]: readonly [Process, Process]) {
  yield* pass(300)
  expect([yield* a(value("new")), yield* b(value("new"))]).toEqual(["new", "new"])
})

describe.each(stores)("over $name", ({ two }) => {
  test.each(ways)("$name: what another process loads is not stored", function*({ run }) {
    const [a, b] = yield* two
    const loading = yield* gate
    const before = yield* start(a(value("old", Deferred.await(loading))))
    yield* pass(1000)
    yield* b(run)
    yield* Deferred.succeed(loading, undefined)
    yield* pass(300)
    expect(yield* Fiber.join(before)).toBe("old")
    yield* expectNew([a, b])
  })

  test("a load beside the lease is not stored", function*() {
    const [a, b] = yield* two
    const loading = yield* gate
    const leading = yield* start(b(value("old", Deferred.await(loading))))
    const beside = yield* start(a(value("old", Deferred.await(loading), { shareLoad: false })))
    yield* pass(1000)
    yield* b(Cached.remove({ matching: "k*" }))
    yield* Deferred.succeed(loading, undefined)
    yield* pass(300)
    expect([yield* Fiber.join(leading), yield* Fiber.join(beside)]).toEqual(["old", "old"])
    yield* expectNew([a, b])
  })

  test("a reader that comes later waits for no load that began before", function*() {
    const [a, b] = yield* two
    const loading = yield* gate
    yield* start(a(value("old", Deferred.await(loading))))
    yield* pass(1000)
    yield* b(Cached.remove({ matching: "k*" }))
    const after = yield* start(b(value("new")))
    yield* pass(300)
    expect(ended(after)).toEqual(Exit.succeed("new"))
  })

  test.each([3, 300])("of %s keys of one call, none that matches is stored", function*(count) {
    const [a, b] = yield* two
    const loading = yield* gate
    const before = yield* start(a(read(count, Deferred.await(loading))))
    yield* pass(1000)
    yield* b(Cached.remove({ matching: `${CacheKey.id(key(1))}*` }))
    yield* Deferred.succeed(loading, undefined)
    yield* pass(1000)
    expect(yield* Fiber.join(before)).toHaveLength(count)
    expect([yield* a(found(1)), yield* b(found(1))]).toEqual([undefined, undefined])
    expect([yield* a(found(2)), yield* b(found(2))]).toEqual(["old 2", "old 2"])
  })

  test("the pages of a stream are not stored", function*() {
    const [a, b] = yield* two
    const loading = yield* gate
    const numbers = (first: number, load: Effect.Effect<unknown> = Effect.void) =>
      Stream.runCollect(
        Stream.concat(Stream.make(first), Stream.drain(Stream.fromEffect(load))).pipe(Cached.stream("kept", hour))
      )
    const before = yield* start(a(numbers(1, Deferred.await(loading))))
    yield* pass(1000)
    yield* b(Cached.remove({ matching: "k*" }))
    yield* Deferred.succeed(loading, undefined)
    yield* pass(300)
    expect(Array.from(yield* Fiber.join(before))).toEqual([1])
    expect([yield* a(numbers(2)), yield* b(numbers(2))].map((all) => Array.from(all))).toEqual([[2], [2]])
  })

  test("a load that does not match is stored, and so is a value set after the pattern", function*() {
    const [a, b] = yield* two
    const loading = yield* gate
    const other = (text: string, load: Effect.Effect<unknown> = Effect.void) =>
      Effect.as(load, text).pipe(Cached.ttl("other", { ttl: "1 hour" }))
    const loads = yield* start(
      a(Effect.all([value("old", Deferred.await(loading)), other("first", Deferred.await(loading))], {
        concurrency: 2
      }))
    )
    yield* pass(1000)
    yield* b(Cached.remove({ matching: "k*" }))
    yield* b(Cached.set("k", "set"))
    yield* Deferred.succeed(loading, undefined)
    yield* pass(300)
    expect(yield* Fiber.join(loads)).toEqual(["old", "first"])
    yield* pass(300)
    expect([yield* a(value("new")), yield* b(value("new"))]).toEqual(["set", "set"])
    expect([yield* a(other("second")), yield* b(other("second"))]).toEqual(["first", "first"])
  })
})

const [{ two: onDisk }] = stores as unknown as readonly [(typeof stores)[number]]

describe("over a folder", () => {
  test("within 100 ms, readers in the other process do not join a load that began before", function*() {
    const [a, b] = yield* onDisk
    const loading = yield* gate
    yield* start(a(value("old", Deferred.await(loading))))
    yield* pass(1000)
    yield* b(Cached.remove({ matching: "k*" }))
    yield* pass(100)
    const after = yield* start(a(value("new")))
    yield* pass(300)
    expect(ended(after)).toEqual(Exit.succeed("new"))
  })

  test("what only the memory of another process has is gone within 100 ms", function*() {
    const [a, b] = yield* onDisk
    // Without an error schema, a stored failure stays in memory.
    const failing = (name: string) =>
      Effect.fail({ _tag: "Missing" as const, name }).pipe(
        Cached.ttl("k", { ttl: "1 hour", storeFailures: ["Missing"] }),
        Effect.flip,
        Effect.map((failure) => (failure as { readonly name: string }).name)
      )
    expect([yield* a(failing("old")), yield* a(failing("new"))]).toEqual(["old", "old"])
    yield* b(Cached.remove({ matching: "k*" }))
    yield* pass(100)
    expect(yield* a(failing("new"))).toBe("new")
  })

  test.each([
    { name: "is not kept", pattern: `${CacheKey.id(new Plain({ id: 2 }))}*`, expected: undefined },
    { name: "is kept without a pattern", pattern: undefined, expected: "old 2" }
  ])("an answer for a key that was not requested $name", function*({ expected, pattern }) {
    const [a, b] = yield* onDisk
    const loading = yield* gate
    const plain = Effect.map(Cached.getOption(new Plain({ id: 2 })), Option.getOrUndefined)
    const users = Cached.many(Plain, () =>
      Effect.as(
        Deferred.await(loading),
        new Map([1, 2, 3].map((id) => [new Plain({ id }), Exit.succeed(`old ${id}`)]))
      ), hour)
    const before = yield* start(a(users([{ id: 1 }])))
    yield* pass(1000)
    if (pattern !== undefined) yield* b(Cached.remove({ matching: pattern }))
    // The report is applied while nothing here knows the id.
    yield* pass(300)
    yield* Deferred.succeed(loading, undefined)
    yield* pass(1000)
    expect(yield* Fiber.join(before)).toEqual([Exit.succeed("old 1")])
    expect([yield* b(plain), yield* a(plain)]).toEqual([undefined, expected])
  })

  test("an entry that is made of a value loaded before is not served", function*() {
    const [a, b] = yield* onDisk
    const loading = yield* gate
    const outer = (text: string, load: Effect.Effect<unknown> = Effect.void) =>
      Effect.map(value(text, load), (inner) => `made of ${inner}`).pipe(
        Cached.ttl("outer", { ttl: "1 hour", inherit: "changes" })
      )
    const before = yield* start(a(outer("old", Deferred.await(loading))))
    yield* pass(1000)
    yield* b(Cached.remove({ matching: "k*" }))
    yield* Deferred.succeed(loading, undefined)
    yield* pass(300)
    expect(yield* Fiber.join(before)).toBe("made of old")
    expect([yield* a(outer("new")), yield* b(outer("new"))]).toEqual(["made of new", "made of new"])
  })

  test("by a transaction", function*() {
    const [a, b] = yield* onDisk
    const loading = yield* gate
    yield* start(a(value("old", Deferred.await(loading))))
    yield* pass(1000)
    yield* b(Transaction.run(Cached.remove({ matching: "k*" })))
    yield* Deferred.succeed(loading, undefined)
    yield* expectNew([a, b])
  })
})
