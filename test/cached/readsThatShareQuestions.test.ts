/** Reads over an asynchronous store share one question, without a flight. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, type Context, Effect, Exit, Fiber, Layer, Option, Schema, Scope } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import { counting, ended, fakeStore, inside, over, settle, start } from "../support/caches.ts"
import { pluralOf } from "../support/pluralOf.ts"
import { made } from "../support/strategies.ts"
import { test, testWith } from "../support/tests.ts"

type Callback = NonNullable<Store.Store["getCallback"]>

/**
 * A store that answers reads with a callback, after ten milliseconds; it counts how often it is asked, and by flights.
 */
const asked = (change: (callback: Callback, times: number) => Callback = (callback) => callback) => {
  const counts = { reads: 0, flights: 0 }
  const make = Effect.contextWith((context: Context.Context<never>) => {
    const inner = MemoryStore.make()
    const callback: Callback = (id, tags, done) => {
      const answer = Exit.succeed(inner.getUnsafe(id, tags))
      Effect.runForkWith(context)(Effect.sleep(10)).addObserver(() => done(answer))
    }
    return Effect.succeed<Store.Store>({
      ...inner,
      get: (id, tags) => {
        counts.flights++
        return inner.get(id, tags)
      },
      getUnsafe: undefined,
      getCallback: (id, tags, done) => change(callback, ++counts.reads)(id, tags, done)
    })
  })
  return { counts, layer: CacheLayer.layer({ memory: false }).pipe(Layer.provide(Layer.effect(Store.Store, make))) }
}

const testAsked = testWith(() => asked(), ({ layer }) => layer)

class Page extends CacheKey.Class<Page>()("Page", { payload: {}, success: Schema.String }) {}

const page = new Page({})

/** Keeps the previous value if there is one. */
const renewing = Cached.failover(
  Effect.flatMap(
    Cached.previous(Page),
    (previous) => Option.isSome(previous) ? Cached.notModified : Effect.succeed("new")
  ),
  page,
  { ttl: "1 hour" }
)

const one = Cached.ttl(Effect.succeed("loaded"), "one", { ttl: "1 hour" })

const read = start(one)

const stored = (value: string) => Cached.set("one", value, { ttl: "1 hour" })

describe("askStore", () => {
  testAsked("all callers that read an id meanwhile get the answer to one question", function*({ counts }) {
    yield* stored("stored")
    const fibers = [yield* read, yield* read, yield* read]
    yield* TestClock.adjust(10)
    expect(yield* Fiber.joinAll(fibers)).toEqual(["stored", "stored", "stored"])
    expect(counts).toEqual({ reads: 1, flights: 0 })
    expect((yield* Cached.stats).storeHits).toBe(3)
  })

  it.effect("thousands of reads at once ask in turns, and the budget of each begins with its question", () => {
    const { counts, layer } = asked()
    return Effect.gen(function*() {
      const reads = Array.from(
        { length: 1000 },
        (_, i) => Cached.ttl(Effect.succeed(i), `read:${i}`, { ttl: "1 hour" })
      )
      const reading = yield* Effect.forkChild(Effect.all(reads, { concurrency: "unbounded" }), {
        startImmediately: true
      })
      expect(counts.reads).toBe(128)
      for (let i = 0; i < 20; i++) yield* TestClock.adjust(100)
      expect((yield* Fiber.join(reading)).length).toBe(1000)
      expect(counts.reads).toBe(1000)
      expect((yield* Cached.stats).storeFailures).toBe(0)
    }).pipe(Effect.provide(layer))
  })

  testAsked("a caller that leaves interrupts no other", function*({ counts }) {
    yield* stored("stored")
    const [first, second] = [yield* read, yield* read]
    yield* Fiber.interrupt(first)
    yield* TestClock.adjust(10)
    expect(yield* Fiber.join(second)).toBe("stored")
    expect(counts).toEqual({ reads: 1, flights: 0 })
  })

  testAsked("a write meanwhile is seen by later readers", function*({ counts }) {
    yield* stored("old")
    yield* read
    yield* stored("new")
    const after = yield* read
    yield* TestClock.adjust(10)
    expect(yield* Fiber.join(after)).toBe("new")
    expect(counts.reads).toBe(2)
  })

  testAsked("what is invalidated before the answer arrives is no previous value", function*() {
    yield* Cached.set(page, "old", { ttl: "1 hour" })
    const reading = yield* start(renewing)
    yield* Cached.invalidate(page)
    yield* TestClock.adjust(10)
    expect(yield* Fiber.join(reading)).toBe("new")
  })

  it.effect("what a reader invalidates as soon as it is answered is no previous value for those who asked with it", () => {
    const { layer } = asked()
    return Effect.gen(function*() {
      yield* Cached.set(page, "old", { ttl: "1 hour" })
      const first = Cached.ttl(Effect.succeed("loaded"), page, { ttl: "1 hour" })
      const reading = [
        yield* Effect.forkChild(Effect.tap(first, Cached.invalidate(page)), { startImmediately: true }),
        yield* start(renewing)
      ]
      yield* TestClock.adjust(10)
      expect(yield* Fiber.joinAll(reading)).toEqual(["old", "new"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("a question without an answer costs the store budget, and then a load", () => {
    const { layer } = asked(() => () => {})
    return Effect.gen(function*() {
      const fiber = yield* read
      yield* TestClock.adjust(499)
      expect(fiber.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust(1)
      expect(yield* Fiber.join(fiber)).toBe("loaded")
      expect((yield* Cached.stats).storeFailures).toBe(1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("a step after a slow answer has the rest of the store budget", () => {
    const inner = MemoryStore.make()
    const slow: Store.Store = {
      ...inner,
      getUnsafe: undefined,
      getCallback: (id, tags, done) => {
        Effect.runForkWith(context!)(Effect.sleep(400)).addObserver(() => done(Exit.succeed(inner.getUnsafe(id, tags))))
      },
      acquire: pluralOf.acquire((...asked) => Effect.delay(singly(inner).acquire(...asked), 400))
    }
    let context: Context.Context<never> | undefined
    let loads = 0
    return Effect.gen(function*() {
      context = yield* Effect.context<never>()
      const load = Effect.sync(() => ++loads)
      const reader = yield* start(Cached.ttl(load, "one", { ttl: "1 hour" }))
      yield* TestClock.adjust(499)
      expect(loads).toBe(0)
      yield* TestClock.adjust(2)
      expect(loads).toBe(1)
      yield* TestClock.adjust("1 minute")
      expect(yield* Fiber.join(reader)).toBe(1)
    }).pipe(
      Effect.provide(CacheLayer.layer({ memory: false }).pipe(Layer.provide(Layer.succeed(Store.Store, slow))))
    )
  })

  it.effect("an adapter that throws, or answers twice, is a fault like any other", () => {
    const { layer } = asked((callback, times) => (id, tags, done) => {
      if (times === 1) throw new Error("broken")
      done(Exit.die("broken"))
      callback(id, tags, done)
    })
    return Effect.gen(function*() {
      expect(yield* one).toBe("loaded")
      const again = yield* read
      yield* TestClock.adjust(10)
      expect(yield* Fiber.join(again)).toBe("loaded")
      expect((yield* Cached.stats).storeFailures).toBe(2)
    }).pipe(Effect.provide(layer))
  })

  testAsked("a strategy that throws about the answer is a defect of its reader alone", function*() {
    yield* stored("stored")
    const decide = () => {
      throw new Error("mistake")
    }
    const strategy = { ...made({ strategy: "ttl", ttl: "1 hour" }), name: "throws", decide }
    const wrong = Cached.withStrategy(Effect.succeed("loaded"), "one", { strategy })
    const [bad, good] = [yield* start(wrong), yield* read]
    yield* TestClock.adjust(10)
    const exit = yield* Fiber.await(bad)
    expect(Exit.isFailure(exit) && Cause.hasDies(exit.cause)).toBe(true)
    expect(yield* Fiber.join(good)).toBe("stored")
  })
})

describe("a cache that closes", () => {
  /** A cache over a store whose answers take 50 milliseconds, with one load that takes a second. */
  const slowly = Effect.gen(function*() {
    const context = yield* Effect.context<never>()
    const inner = MemoryStore.make()
    const get: Store.Store["get"] = (id, tags) => Effect.tap(inner.get(id, tags), () => Effect.sleep(50))
    const store: Store.Store = {
      ...inner,
      get,
      getUnsafe: undefined,
      getCallback: (id, tags, done) => {
        Effect.runForkWith(context)(get(id, tags)).addObserver(done)
      }
    }
    const layer = CacheLayer.layer({ memory: false }).pipe(Layer.provide(Layer.succeed(Store.Store, store)))
    const scope = yield* Scope.make()
    const cache = yield* Layer.buildWithScope(layer, scope)
    const slow = Cached.ttl(Effect.delay(Effect.succeed("loaded"), "1 second"), "one", { ttl: "1 hour" })
    return { read: start(Effect.provide(slow, cache)), close: start(Scope.close(scope, Exit.void)) }
  })

  test("gives the value of a running load to whoever still joins it, however late", function*() {
    const { close, read } = yield* slowly
    const before = yield* read
    yield* TestClock.adjust(500)
    yield* close
    yield* TestClock.adjust(549)
    const late = yield* read
    yield* TestClock.adjust("10 seconds")
    expect(before.pollUnsafe()).toEqual(Exit.succeed("loaded"))
    expect(late.pollUnsafe()).toEqual(Exit.succeed("loaded"))
  })

  test("loads for whoever waited for the store when it began to close", function*() {
    const { close, read } = yield* slowly
    const waiting = yield* read
    yield* close
    yield* TestClock.adjust("10 seconds")
    expect(waiting.pollUnsafe()).toEqual(Exit.succeed("loaded"))
  })
})

it.effect("a caller that cannot use what its flight has found loads without asking for it again", () => {
  const fake = fakeStore()
  return inside(over(fake, { memory: false }), function*() {
    const { load } = counting()
    // A read with a timeout starts a flight, which the other reader joins.
    const patient = load.pipe(Cached.ttl("k", { ttl: "1 hour", timeout: "1 minute" }))
    const fresh = load.pipe(Cached.ttl("k", { ttl: "20 millis", timeout: "1 minute" }))
    yield* patient
    yield* TestClock.adjust(50)
    const asked = fake.count("get")
    fake.behave = (operation) => operation === "get" ? { before: Effect.sleep(10) } : {}
    const readers = yield* Effect.forEach([patient, fresh], start)
    yield* settle
    for (let i = 0; i < 9; i++) yield* Effect.andThen(TestClock.adjust(10), settle)
    expect(readers.map(ended)).toEqual([Exit.succeed(1), Exit.succeed(2)])
    // The second belongs to the lease of the load.
    expect(fake.count("get") - asked).toBe(2)
  })
})
