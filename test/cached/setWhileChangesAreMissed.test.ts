/** Values that are written, and loads that are joined, while any change may be missed. */
import { expect } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Queue, Stream } from "effect"
import { Cached, CacheLayer, type Caching, Transaction } from "effect-cached"
import { Store } from "effect-cached/adapters"
import type { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import { test } from "../support/tests.ts"

/** A cache over a store of several processes, whose changes arrive from a queue. */
const following = Effect.fnUntraced(function*(store: Store.Store, more?: Partial<Store.Store>) {
  const changes = yield* Queue.make<Store.Change>()
  yield* Queue.offer(changes, { _tag: "Coherent" })
  const made: Store.Store = {
    ...store,
    capabilities: { shared: true, changes: true },
    getUnsafe: undefined,
    getCallback: undefined,
    changesUnsafe: undefined,
    changes: Stream.fromQueue(changes),
    ...more
  }
  return { changes, layer: Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, made)) }
})

test("P2 · a reader that joins a load after a gap does not fall back to a value from before it", function*() {
  const store = MemoryStore.make()
  const { changes, layer } = yield* following(store)
  let source: Effect.Effect<string, string> = Effect.succeed("old")
  const read = Effect.suspend(() => source).pipe(
    Cached.softTtl("k", { ttl: "1 hour", softTtl: "1 minute", fallbackOn: "all" })
  )
  yield* Effect.gen(function*() {
    yield* TestClock.adjust("1 second")
    yield* read
    yield* TestClock.adjust("2 minutes")
    source = Effect.delay(Effect.fail("down"), "1 second")
    const early = yield* Effect.forkChild(Effect.exit(read), { startImmediately: true })
    yield* TestClock.adjust("10 millis")
    // Another process removes it, and this is not reported.
    yield* singly(store).remove("k")
    yield* Queue.offer(changes, { _tag: "Gap" })
    yield* TestClock.adjust("10 millis")
    const late = yield* Effect.forkChild(Effect.exit(read), { startImmediately: true })
    yield* TestClock.adjust("2 seconds")
    expect(yield* Fiber.join(early)).toEqual(Exit.succeed("old"))
    expect(yield* Fiber.join(late)).toEqual(Exit.fail("down"))
  }).pipe(Effect.provide(layer))
})

test("P2 · a reader that joins a load after maxStaleness does not fall back to a value from before it", function*() {
  const base = MemoryStore.make()
  let isLeased = false
  const store: Store.Store = {
    ...base,
    capabilities: { shared: true, changes: false },
    getUnsafe: undefined,
    acquire: (requests) =>
      Effect.suspend(() =>
        isLeased
          ? Effect.succeed(requests.map(() => ({ _tag: "Wait" as const, leftMillis: 30_000 })))
          : base.acquire(requests)
      )
  }
  let source: Effect.Effect<string, string> = Effect.succeed("old")
  const read = Effect.suspend(() => source).pipe(
    Cached.softTtl("k", { ttl: "1 hour", softTtl: "4 seconds", fallbackOn: "all" })
  )
  yield* Effect.gen(function*() {
    yield* read
    yield* TestClock.adjust("5 seconds")
    source = Effect.fail("down")
    isLeased = true
    const early = yield* Effect.forkChild(Effect.exit(read), { startImmediately: true })
    yield* TestClock.adjust("100 millis")
    // Another process removes it.
    yield* singly(base).remove("k")
    yield* TestClock.adjust("20 seconds")
    const late = yield* Effect.forkChild(Effect.exit(read), { startImmediately: true })
    yield* TestClock.adjust("3 seconds")
    isLeased = false
    yield* TestClock.adjust("2 minutes")
    expect(yield* Fiber.join(early)).toEqual(Exit.succeed("old"))
    expect(yield* Fiber.join(late)).toEqual(Exit.fail("down"))
  }).pipe(Effect.provide(Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, store))))
})

test.each<[string, Effect.Effect<unknown, unknown, Caching.Caching>, "set" | "markers"]>([
  ["set on a condition", Cached.set("k", 1, { tags: ["t"], ifAbsent: true }), "set"],
  ["set in a transaction", Transaction.run(Cached.set("k", 1, { tags: ["t"] }), { isolation: "fast" }), "markers"]
])(
  "P2 · a value that is %s while changes are lost does not enter memory",
  function*([, write, operation]) {
    const store = MemoryStore.make()
    const run = store[operation] as (...args: ReadonlyArray<any>) => Effect.Effect<any, StoreError>
    const { changes, layer } = yield* following(store, {
      [operation]: (...args: ReadonlyArray<any>) => Effect.delay(run(...args), "100 millis")
    })
    yield* Effect.gen(function*() {
      yield* TestClock.adjust("1 second")
      const writing = yield* Effect.forkChild(write, { startImmediately: true })
      yield* TestClock.adjust("10 millis")
      yield* Queue.offer(changes, { _tag: "Gap" })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(writing)
      expect((yield* Cached.stats).size).toBe(0)
      expect(yield* Cached.getOption("k")).toEqual(Option.some(1))
    }).pipe(Effect.provide(layer), Effect.orDie)
  }
)
