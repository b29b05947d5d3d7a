/** The behaviour of a cache while it is untracked. */
import { describe, expect } from "@effect/vitest"
import { Clock, Context, Effect, Exit, Fiber, Layer, Logger, Option } from "effect"
import { Cached, CacheLayer, CachePolicy, Caching } from "effect-cached"
import { type CacheEntry, Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import { pluralOf } from "../support/pluralOf.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"

const liveClock = Context.get(Context.empty(), Clock.Clock)

/** A store of several programs that reports no changes of the others; it can go down. */
const silent = () => {
  const store = MemoryStore.make()
  const state = { isDown: false, sizeLimit: Infinity }
  const failing = (operation: string, reason: "Unavailable" | "TooLarge") =>
    Effect.fail(new StoreError({ store: "silent", operation, reason }))
  const guarded = <A>(operation: string, effect: Effect.Effect<A, StoreError>) =>
    Effect.suspend(() => state.isDown ? failing(operation, "Unavailable") : effect)
  const shared: Store.Store = {
    ...store,
    capabilities: { shared: true, changes: false },
    getUnsafe: undefined as never,
    get: (...input) => guarded("get", store.get(...input)),
    acquire: pluralOf.acquire((...input) => guarded("acquire", singly(store).acquire(...input))),
    commit: pluralOf.commit((id, generation, entry) =>
      entry.payload.length > state.sizeLimit
        ? failing("commit", "TooLarge")
        : guarded("commit", singly(store).commit(id, generation, entry))
    ),
    set: pluralOf.set((...input) => guarded("set", singly(store).set(...input)))
  }
  const program = Effect.map(
    Layer.build(Layer.fresh(Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, shared)))),
    (context) => Context.get(context, Caching.Caching)
  )
  return { state, program }
}

describe("while untracked", () => {
  test("a strict reader does not trust memory (as with maxStaleness 0), all others do", function*() {
    const { program } = silent()
    const [here, there] = [yield* program, yield* program]
    const read = Effect.succeed("loaded").pipe(Cached.ttl("k", { ttl: "1 hour" }))
    const within = Effect.provideService(Caching.Caching, here)
    expect(yield* within(read)).toBe("loaded")
    yield* Effect.provideService(Cached.set("k", "set by another"), Caching.Caching, there)
    expect(yield* within(read)).toBe("loaded")
    expect(yield* within(CachePolicy.strict(read))).toBe("set by another")
    expect(yield* within(CachePolicy.strict(Cached.getOption("k")))).toMatchObject({ value: "set by another" })
  })

  test("a strict reader fails with the store, though memory has a value", function*() {
    const { program, state } = silent()
    const within = Effect.provideService(Caching.Caching, yield* program)
    const read = Effect.succeed("loaded").pipe(Cached.ttl("k", { ttl: "1 hour" }))
    yield* within(read)
    state.isDown = true
    expect(yield* within(read)).toBe("loaded")
    const exit = yield* Effect.exit(within(CachePolicy.strict(read)))
    expect(Exit.isFailure(exit) && exit.cause.reasons[0]).toMatchObject({ error: { _tag: "StoreError" } })
  })

  test("a value that was being loaded when memory was given up is not trusted for another maxStaleness", function*() {
    const { program, state } = silent()
    const within = Effect.provideService(Caching.Caching, yield* program)
    state.isDown = true
    let loads = 0
    const load = (millis: number) =>
      within(
        Effect.sync(() => ++loads).pipe(Effect.delay(millis), Cached.ttl("slow", { ttl: "1 hour" }), Effect.forkChild)
      )
    // Reads keep it listening; after maxStaleness (10 seconds) it gives up what is in memory.
    const read = Effect.succeed(0).pipe(Cached.ttl("other", { ttl: "1 hour" }))
    const reading = yield* within(Effect.forkChild(Effect.forever(Effect.delay(read, "1 second"))))
    yield* TestClock.adjust("9 seconds")
    const across = yield* load(5000)
    yield* TestClock.adjust("5 seconds")
    expect(across.pollUnsafe()).toEqual(Exit.succeed(1))
    const anew = yield* load(1000)
    yield* TestClock.adjust("1 second")
    expect(anew.pollUnsafe()).toEqual(Exit.succeed(2))
    const kept = yield* load(1000)
    yield* TestClock.adjust("1 second")
    expect(kept.pollUnsafe()).toEqual(Exit.succeed(2))
    reading.interruptUnsafe()
  })

  test("loads may have another clock than the layer", function*() {
    const directory = yield* tempDirectory
    let price = 1
    const newest = Effect.sync(() => price).pipe(Cached.failover("price", { ttl: "1 day" }))
    const program = Effect.gen(function*() {
      yield* newest
      price = 2
      return [yield* newest, yield* Cached.getOption("price")]
    })
    // Two layers in a list: neither is built with the other.
    const live = Effect.provideService(Layer.build(CacheLayer.files({ directory })), Clock.Clock, liveClock)
    expect(yield* Effect.provideContext(program, yield* live)).toEqual([2, Option.some(2)])
  })
})

test("a value that is too large is no incident of its store", function*() {
  const { program, state } = silent()
  const within = Effect.provideService(Caching.Caching, yield* program)
  state.sizeLimit = 10
  let loads = 0
  const read = (key: string, value: string) =>
    within(Effect.sync(() => (loads++, value)).pipe(Cached.ttl(key, { ttl: "1 hour" })))
  const large = "x".repeat(100)
  for (const key of ["a", "b"]) expect(yield* read(key, large)).toBe(large)
  for (const key of ["a", "b"]) expect(yield* read(key, large)).toBe(large)
  expect(loads).toBe(2)
  expect((yield* within(Cached.stats)).storeFailures).toBe(2)
  expect(yield* within(read("small", "x"))).toBe("x")
})

test("entries from before the store received a tag's invalidation are not used after it", function*() {
  const memory = MemoryStore.make()
  let lateMillis = 0
  const store: Store.Store = {
    ...memory,
    capabilities: memory.capabilities,
    getUnsafe: undefined as never,
    // Answers late, with what it had when it was asked.
    get: (...input) => Effect.tap(memory.get(...input), () => Effect.sleep(lateMillis)),
    invalidateTags: (...input) => Effect.delay(memory.invalidateTags(...input), 10)
  }
  const program = Effect.map(
    Layer.build(Layer.fresh(Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, store)))),
    (context) => Context.get(context, Caching.Caching)
  )
  let loads = 0
  const read = Effect.sync(() => ++loads).pipe(Cached.ttl("k", { ttl: "1 hour", tags: ["t"] }))
  expect(yield* Effect.provideService(read, Caching.Caching, yield* program)).toBe(1)

  // Another program, which has nothing in memory.
  const within = Effect.provideService(Caching.Caching, yield* program)
  lateMillis = 20
  const invalidating = yield* within(Effect.forkChild(Cached.invalidate({ tag: "t" }), { startImmediately: true }))
  yield* TestClock.adjust(5)
  const during = yield* within(Effect.forkChild(read, { startImmediately: true }))
  yield* TestClock.adjust(6)
  expect(invalidating.pollUnsafe()).toBeDefined()
  const after = yield* within(Effect.forkChild(read, { startImmediately: true }))
  yield* TestClock.adjust(100)
  // Whether it joins the other's load is of no consequence.
  expect(after.pollUnsafe()).toEqual(Exit.succeed(loads))
  expect(loads).toBeGreaterThan(1)
  expect(during.pollUnsafe()).toBeDefined()
  expect(yield* within(read)).toBe(loads)
})

describe("while tracked", () => {
  test("a change that is seen in the moment in which a load ends keeps its result out of memory", function*() {
    const changes: Array<Store.Change> = []
    const store = MemoryStore.make()
    const hanging: Store.Store = {
      ...store,
      capabilities: { shared: true, changes: true },
      getUnsafe: undefined as never,
      changesUnsafe: () => changes.splice(0),
      commit: pluralOf.commit(() => Effect.never)
    }
    const layer = Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, hanging))
    yield* Effect.gen(function*() {
      let loads = 0
      const read = Effect.sync(() => ++loads).pipe(Cached.ttl("k", { ttl: "1 hour" }))
      const first = yield* Effect.forkChild(read)
      // Without reads it no longer looks for changes, until the lease is released.
      yield* TestClock.adjust("300 millis")
      changes.push({ _tag: "Changed", id: "k" })
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(first)).toBe(1)
      yield* Effect.forkChild(read)
      yield* TestClock.adjust("1 second")
      expect(loads).toBe(2)
    }).pipe(Effect.provide(layer))
  })

  test("a store that is polled and misses some changes is trusted for maxStaleness, until there is a Coherent", function*() {
    const changes: Array<Store.Change> = []
    const entries = new Map<string, CacheEntry.Stored>()
    const store = Store.makeSync({
      name: "polled",
      capabilities: { shared: true },
      get: (id) => entries.get(id),
      set: (id, entry) => void entries.set(id, entry),
      setIfAbsent: (id, entry) => !entries.has(id) && !!entries.set(id, entry),
      remove: (id) => entries.delete(id),
      changes: () => () => changes.splice(0)
    })
    const warnings: Array<unknown> = []
    const logger = Logger.make(({ message }) => warnings.push(message))
    const layer = Layer.provide(CacheLayer.layer({ maxStaleness: "10 seconds" }), Layer.succeed(Store.Store, store))
    yield* Effect.gen(function*() {
      let loads = 0
      const read = Effect.sync(() => ++loads).pipe(Cached.ttl("k", { ttl: "1 hour" }))
      const why = new StoreError({ store: "polled", operation: "listen", reason: "Denied" })
      yield* read
      changes.push({ _tag: "Partial", why })
      yield* TestClock.adjust("100 millis")
      for (let second = 0; second < 9; second++) {
        // Such a change is not reported.
        entries.clear()
        expect(yield* read).toBe(1)
        yield* TestClock.adjust("1 second")
      }
      yield* TestClock.adjust("1 second")
      expect(yield* read).toBe(2)
      changes.push({ _tag: "Partial", why })
      yield* TestClock.adjust("100 millis")
      entries.clear()
      expect(yield* read).toBe(2)
      changes.push({ _tag: "Coherent" })
      yield* TestClock.adjust("100 millis")
      expect(yield* read).toBe(3)
      entries.clear()
      for (let second = 0; second < 30; second++) {
        yield* TestClock.adjust("1 second")
        expect(yield* read).toBe(3)
      }
      expect(warnings.map(String).filter((warning) => warning.includes("cannot all be followed"))).toHaveLength(1)
    }).pipe(Effect.provide(layer), Effect.provide(Logger.layer([logger])))
  })

  test("the first read of a turn looks where the last look is longer ago than a poll should be", function*() {
    const changes: Array<Store.Change> = []
    let looks = 0
    const store: Store.Store = {
      ...MemoryStore.make(),
      capabilities: { shared: true, changes: true },
      changesUnsafe: () => {
        looks++
        return changes.splice(0)
      }
    }
    // A process that was stopped: time has passed, and no timer has run yet.
    let stoppedMillis = 0
    const clock = yield* Clock.Clock
    const stopping: Clock.Clock = {
      ...clock,
      currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
      currentTimeMillis: clock.currentTimeMillis,
      sleep: (duration) => clock.sleep(duration),
      monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe() + BigInt(stoppedMillis * 1e6)
    }
    const layer = Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, store))
    yield* Effect.gen(function*() {
      let loads = 0
      const read = Effect.sync(() => ++loads).pipe(Cached.ttl("k", { ttl: "1 hour" }))
      yield* read
      yield* Effect.yieldNow
      const before = looks
      stoppedMillis = 50
      expect(yield* read).toBe(1)
      expect(looks).toBe(before)
      yield* Effect.yieldNow
      changes.push({ _tag: "Changed", id: "k" })
      yield* Effect.promise(() => singly(store).remove("k").pipe(Effect.runPromise))
      stoppedMillis = 51
      expect(yield* read).toBe(2)
      // Its own look, and that of its load.
      expect(looks).toBe(before + 2)
      yield* Effect.yieldNow
      expect(yield* read).toBe(2)
      expect(looks).toBe(before + 2)
    }).pipe(Effect.provide(layer), Effect.provideService(Clock.Clock, stopping))
  })
})
