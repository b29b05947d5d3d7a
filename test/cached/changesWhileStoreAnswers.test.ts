/** Changes by another process while the store's answer is on its way. In virtual time, with changes pushed by hand. */
import { describe, expect } from "@effect/vitest"
import { Effect, Fiber, Latch, Layer } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import { test } from "../support/tests.ts"

/** A store shared with others that reports their changes when polled; `get` looks at once and answers late. */
const slowlyAnswering = (base: Store.Store) => {
  let news: ReadonlyArray<Store.Change> = []
  const store: Store.Store = {
    ...base,
    capabilities: { shared: true, changes: true },
    getUnsafe: undefined,
    get: (id, tags) => Effect.tap(base.get(id, tags), () => Effect.sleep("200 millis")),
    changesUnsafe() {
      const told = news
      news = []
      return told
    }
  }
  return { store, tell: (changes: ReadonlyArray<Store.Change>) => void (news = changes) }
}

const over = (store: Store.Store, options: CacheLayer.LayerOptions = {}) =>
  Layer.build(Layer.provide(CacheLayer.layer(options), Layer.succeed(Store.Store, store)))

describe("P2 · an answer that is older than what another process has changed meanwhile", () => {
  test("is not served to a later caller, and not kept", function*() {
    const base = MemoryStore.make()
    const { store, tell } = slowlyAnswering(base)
    let loads = 0
    const get = Effect.sync(() => `load ${++loads}`).pipe(Cached.ttl("k", { ttl: "1 hour" }))
    const others = yield* over(base)
    yield* Effect.provide(get, others)
    const here = yield* over(store)
    const early = yield* Effect.forkChild(Effect.provide(get, here), { startImmediately: true })
    yield* TestClock.adjust("20 millis")
    yield* Effect.provide(Cached.invalidate("k"), others)
    tell([{ _tag: "Changed", id: "k" }])
    yield* TestClock.adjust("100 millis")
    const later = yield* Effect.forkChild(Effect.provide(get, here), { startImmediately: true })
    yield* TestClock.adjust("10 seconds")
    yield* Fiber.join(early)
    expect(yield* Fiber.join(later)).toBe("load 2")
    expect(yield* Effect.provide(get, here)).toBe("load 2")
  })
})

describe("P2 · an answer that is older than what this process has removed meanwhile", () => {
  test("is not kept for a reader that loads the value again", function*() {
    const base = MemoryStore.make()
    const others = yield* over(base)
    const here = yield* over(slowlyAnswering(base).store)
    let source: Effect.Effect<string, string> = Effect.succeed("old")
    const load = Effect.suspend(() => source)
    const patient = Cached.ttl(load, "k", { ttl: "1 hour" })
    const eager = Cached.softTtl(load, "k", { softTtl: "1 minute", ttl: "1 hour", fallbackOn: "all" })
    yield* Effect.provide(patient, others)
    yield* TestClock.adjust("2 minutes")
    source = Effect.fail("down")
    const started = [patient, eager].map((read) => Effect.forkChild(Effect.exit(Effect.provide(read, here))))
    yield* Effect.all(started)
    yield* TestClock.adjust("150 millis")
    yield* Effect.provide(Cached.remove("k"), here)
    yield* TestClock.adjust("10 seconds")
    source = Effect.succeed("new")
    const late = yield* Effect.forkChild(Effect.provide(patient, here))
    yield* TestClock.adjust("10 seconds")
    expect(yield* Fiber.join(late)).toBe("new")
  })
})

describe("P2 · changes by others in a pause", () => {
  test("is polled before the first read after it, however many pauses there are", function*() {
    const base = MemoryStore.make()
    const { store, tell } = slowlyAnswering(base)
    let loads = 0
    const get = Effect.sync(() => `load ${++loads}`).pipe(Cached.ttl("k", { ttl: "1 hour" }))
    const here = yield* over(store)
    for (let round = 1; round <= 3; round++) {
      const reading = yield* Effect.forkChild(Effect.provide(get, here), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(reading)).toBe(`load ${round}`)
      expect(yield* Effect.provide(get, here)).toBe(`load ${round}`)
      yield* TestClock.adjust("10 seconds")
      yield* singly(base).remove("k")
      tell([{ _tag: "Changed", id: "k" }])
    }
  })
})

describe("P8 · a derived value whose answer is on its way while its input changes here", () => {
  test("is not kept", function*() {
    const base = MemoryStore.make()
    const gate = Latch.makeUnsafe()
    const store: Store.Store = {
      ...base,
      capabilities: { ...base.capabilities, shared: true },
      getUnsafe: undefined,
      getCallback: undefined,
      // The second question, with the tags of the entry, looks at once and answers late.
      get: (id, tags) => Effect.tap(base.get(id, tags), () => tags.length === 0 ? Effect.void : gate.await)
    }
    const input = Cached.ttl(Effect.succeed(1), "input", { ttl: "1 hour" })
    const page = Effect.map(input, (value) => `page of ${value}`).pipe(
      Cached.ttl("page", { ttl: "1 hour", inherit: "changes" })
    )
    const others = yield* over(base)
    expect(yield* Effect.provide(page, others)).toBe("page of 1")
    const here = yield* over(store, { storeTimeout: "1 hour" })
    const reading = yield* Effect.forkChild(Effect.provide(page, here), { startImmediately: true })
    yield* TestClock.adjust("10 millis")
    yield* Effect.provide(Cached.set("input", 2, { ttl: "1 hour" }), here)
    yield* gate.open
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(reading)
    expect(yield* Effect.provide(page, here)).toBe("page of 2")
  })
})
