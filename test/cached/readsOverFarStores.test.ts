/** A far store: a miss is one question for entry, tags and lease, and callers do not wait for the write. */
import { expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { Cached, CacheError, CacheLayer, CachePolicy } from "effect-cached"
import { Store, type Ttl } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import { warningsOf } from "../support/logged.ts"
import { test, testWith } from "../support/tests.ts"

interface Options {
  readonly fails?: (operation: string) => boolean
  /** Whether it says of each entry that it is damaged. */
  readonly isDamaged?: boolean
  readonly storeTimeout?: Ttl.Input
  readonly distanceMillis?: number
  /** Whether it combines the reads of a turn. */
  readonly combines?: boolean
}

/** A shared storage whose answers take 50 ms, as it says itself, with the operations that were asked for. */
const far = (
  { combines = false, distanceMillis = 50, fails = () => false, isDamaged = false, storeTimeout = "500 millis" }:
    Options = {}
) => {
  const asked: Array<string> = []
  const base = MemoryStore.make()
  const around = <A>(operation: string, effect: Effect.Effect<A, CacheError.StoreError>) =>
    Effect.suspend(() => {
      asked.push(operation)
      const refused = new CacheError.StoreError({ store: "far", operation, reason: "Full" })
      return Effect.delay(fails(operation) ? Effect.fail(refused) : effect, "50 millis")
    })
  const store: Store.Store = {
    ...base,
    name: "far",
    capabilities: { ...base.capabilities, shared: true },
    getUnsafe: undefined,
    getCallback: combines
      ? (id, tags, done) => {
        asked.push("getCallback")
        void Effect.runPromiseExit(base.get(id, tags)).then(done)
      }
      : undefined,
    distanceMillis: () => distanceMillis,
    get: (id, tags) => around("get", base.get(id, tags)),
    getMany: (ids) => around(`getMany ${ids.length}`, base.getMany(ids)),
    acquire: (requests) =>
      around(
        requests.length === 1 ? "acquire" : `acquire ${requests.length}`,
        Effect.map(
          base.acquire(requests),
          (all) => all.map((one) => isDamaged && one._tag === "Granted" ? { ...one, isDamaged } : one)
        )
      ),
    markers: (tags) => around("markers", base.markers(tags)),
    commit: (requests) => around(requests.length === 1 ? "commit" : `commit ${requests.length}`, base.commit(requests)),
    release: (id, owner, note) => around("release", base.release(id, owner, note))
  }
  const cache = Layer.fresh(CacheLayer.layer({ storeTimeout })).pipe(Layer.provide(Layer.succeed(Store.Store, store)))
  return { asked, base, cache }
}

const testFar = testWith(() => far(), ({ cache }) => cache)

const load = Effect.succeed("loaded")
const ttl = "1 hour"

/** A layer that closes waits for writes. */
const settled = TestClock.adjust("1 seconds")

/** The answer of an effect after so many milliseconds. */
const after = <A, E, R>(millis: number, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    yield* TestClock.adjust(millis)
    return fiber.pollUnsafe()?._tag === "Success" ? yield* Fiber.join(fiber) : "waits"
  })

testFar("a miss asks for entry and lease at once, and its caller does not wait for the write", function*({ asked }) {
  expect(yield* after(50, load.pipe(Cached.ttl("a", { ttl })))).toBe("loaded")
  expect(asked).toEqual(["acquire", "commit"])
  yield* TestClock.adjust(50)
  expect((yield* Cached.stats).misses).toBe(1)
})

testFar("the markers of tags are read at the same time", function*({ asked }) {
  expect(yield* after(50, load.pipe(Cached.ttl("a", { ttl, tags: ["tag"] })))).toBe("loaded")
  expect(asked).toEqual(["acquire", "markers", "commit"])
  yield* settled
})

test("a hit asks once, also with tags, and counts as a hit", function*() {
  const { asked, cache } = far()
  const read = load.pipe(Cached.ttl("a", { ttl, tags: ["tag"] }))

  yield* after(1000, Effect.provide(read, cache))
  asked.length = 0
  const program = Effect.gen(function*() {
    expect(yield* after(50, read)).toBe("loaded")
    expect(yield* Cached.stats).toMatchObject({ storeHits: 1, misses: 0, loads: 0 })
    expect(yield* after(0, read)).toBe("loaded")
  })
  yield* Effect.provide(program, cache)
  expect(asked).toEqual(["acquire", "markers"])
})

test("a hit with tags that its read does not declare asks twice", function*() {
  const { asked, cache } = far()
  const read = load.pipe(Cached.ttl("a", { ttl, tags: () => ["tag"] }))

  yield* after(1000, Effect.provide(read, cache))
  asked.length = 0
  expect(yield* after(1000, Effect.provide(read, cache))).toBe("loaded")
  expect(asked).toEqual(["acquire", "get"])
})

test("an entry whose tag was invalidated is not served", function*() {
  const { base, cache } = far()
  let loads = 0
  const read = Effect.sync(() => ++loads).pipe(Cached.ttl("a", { ttl, tags: ["tag"] }))

  yield* after(1000, Effect.provide(read, cache))
  yield* base.invalidateTags(["tag"])
  expect(yield* after(1000, Effect.provide(read, cache))).toBe(2)
})

testFar(
  "with `waitForWrite`, under `strict`, and inside a load of a derived entry, callers wait for the write",
  function*() {
    const inner = load.pipe(Cached.ttl("inner", { ttl }))

    expect(yield* after(50, load.pipe(Cached.ttl("a", { ttl, waitForWrite: true })))).toBe("waits")
    expect(yield* after(50, load.pipe(Cached.ttl("b", { ttl }), CachePolicy.strict))).toBe("waits")
    // The outer load asks for its lease; the inner one for the marker of its id, for its lease, and to commit.
    const outer = inner.pipe(Cached.ttl("outer", { ttl, inherit: "changes" }))
    expect(yield* after(170, outer)).toBe("waits")
    yield* settled
  }
)

test("a derived entry is stored", function*() {
  const { base, cache } = far()
  const outer = load.pipe(Cached.ttl("inner", { ttl }), Cached.ttl("outer", { ttl, inherit: "changes" }))

  yield* after(500, Effect.provide(outer, cache))
  expect((yield* base.get("outer", [])).entry).toBeDefined()
})

test("a store that refuses leases, because it is full, still serves its entries", function*() {
  let isFull = false
  const { cache } = far({ fails: (operation) => isFull && operation !== "get" })
  const read = load.pipe(Cached.ttl("a", { ttl }))

  yield* after(1000, Effect.provide(read, cache))
  isFull = true
  const again = Effect.succeed("loaded again").pipe(Cached.ttl("a", { ttl }))
  expect(yield* after(1000, Effect.provide(again, cache))).toBe("loaded")
})

it.effect("if the markers cannot be read, the lease is released, and the value is not stored", () => {
  const { asked, cache } = far({ fails: (operation) => operation === "markers" })
  return Effect.gen(function*() {
    const slow = Effect.delay(load, "1 second")
    expect(yield* after(200, slow.pipe(Cached.ttl("a", { ttl, tags: ["tag"] })))).toBe("waits")
    expect(asked).toEqual(["acquire", "markers", "markers", "release"])
    yield* settled
    expect(yield* Cached.has("a")).toBe(true)
  }).pipe(Effect.provide(cache))
})

test("an entry that another process stores meanwhile is judged by the versions after the wait", function*() {
  const { base, cache } = far()
  let loads = 0
  const read = (millis: number) =>
    Effect.delay(Effect.sync(() => ++loads), millis).pipe(Cached.ttl("a", { ttl, tags: ["tag"] }))

  yield* Effect.forkChild(Effect.provide(read(300), cache))
  yield* TestClock.adjust(60)
  const waiting = yield* Effect.forkChild(Effect.provide(read(1), cache))
  yield* TestClock.adjust(100)
  // The first load has not seen the change.
  yield* base.invalidateTags(["tag"])
  yield* TestClock.adjust(2000)
  expect(yield* Fiber.join(waiting)).toBe(2)
})

testFar(
  "the first reads of a turn ask for entry and lease at once, the others for their entries together",
  function*({ asked }) {
    const reads = Array.from({ length: 20 }, (_, i) => load.pipe(Cached.ttl(`${i}`, { ttl })))

    yield* after(1, Effect.all(reads, { concurrency: "unbounded" }))
    expect(asked).toEqual([...Array.from({ length: 8 }, () => "acquire"), "getMany 12"])
    yield* settled
  }
)

test("a warning names the `storeTimeout` that the distance needs", function*() {
  const { cache } = far({ storeTimeout: "120 millis" })

  const read = load.pipe(Cached.ttl("a", { ttl, tags: () => ["tag"], waitForWrite: true }))
  const warnings = yield* warningsOf(after(1000, Effect.provide(read, cache)))
  expect(warnings.join()).toContain("it takes 50 ms to answer, so set `storeTimeout` to 200 ms or more")
})

it.effect("a lease that is granted after its release is released once more", () => {
  const { asked, cache } = far({ fails: (operation) => operation === "markers" })
  const read = load.pipe(Cached.ttl("a", { ttl, tags: ["tag"] }))
  return Effect.gen(function*() {
    const reading = yield* Effect.forkChild(read, { startImmediately: true })
    yield* TestClock.adjust(25)
    // Detaches the flight, and releases a lease that it does not have yet.
    yield* Effect.forkChild(Cached.invalidate("a"), { startImmediately: true })
    yield* TestClock.adjust(50)
    // The lease is granted, and the markers are asked for again.
    expect(asked.filter((operation) => operation !== "remove")).toEqual(["acquire", "markers", "release", "markers"])
    yield* Fiber.interrupt(reading)
    expect(asked.at(-1)).toBe("release")
    yield* settled
  }).pipe(Effect.provide(cache))
})

test("a damaged entry is counted", function*() {
  const { cache } = far({ isDamaged: true })

  const program = Effect.andThen(load.pipe(Cached.ttl("a", { ttl })), Cached.stats)
  const warnings = yield* warningsOf(Effect.gen(function*() {
    expect(yield* after(1000, Effect.provide(program, cache))).toMatchObject({ loads: 1, storeFailures: 1 })
  }))
  expect(warnings).toEqual([expect.stringContaining("is damaged")])
})

testFar("thousands of reads at once begin in turns, and are all stored", function*({ asked, base }) {
  const reads = Array.from({ length: 1000 }, (_, i) => load.pipe(Cached.ttl(`${i}`, { ttl })))

  const reading = yield* Effect.forkChild(Effect.all(reads, { concurrency: "unbounded" }), { startImmediately: true })
  expect(asked).toEqual(Array.from({ length: 8 }, () => "acquire"))
  yield* TestClock.adjust(1)
  expect(asked[8]).toBe("getMany 120")
  for (let i = 0; i < 50; i++) yield* TestClock.adjust(100)
  expect((yield* Fiber.join(reading)).length).toBe(1000)
  expect(yield* base.size).toBe(1000)
  expect((yield* Cached.stats).storeFailures).toBe(0)
})

it.effect("a near store is asked for both at once while reads load more than twice as often as they find an entry", () => {
  const { asked, base, cache } = far({ distanceMillis: 0 })
  const other = far({ distanceMillis: 0 })
  const read = (key: string) => after(1000, load.pipe(Cached.ttl(key, { ttl })))
  const askedBy = (key: string) =>
    Effect.gen(function*() {
      asked.length = 0
      expect(yield* read(key)).toBe("loaded")
      return [...asked]
    })
  return Effect.gen(function*() {
    yield* Effect.provide(Effect.all([read("found"), read("found too"), read("found again")]), other.cache)
    for (const key of ["found", "found too", "found again"]) {
      yield* singly(base).set(key, (yield* other.base.get(key, [])).entry!)
    }
    expect(yield* askedBy("1")).toEqual(["get", "acquire", "commit"])
    expect(yield* askedBy("2")).toEqual(["acquire", "commit"])
    expect(yield* askedBy("3")).toEqual(["acquire", "commit"])
    expect(yield* askedBy("found")).toEqual(["acquire"])
    expect(yield* askedBy("4")).toEqual(["acquire", "commit"])
    expect(yield* askedBy("found too")).toEqual(["acquire"])
    expect(yield* askedBy("found again")).toEqual(["get"])
    expect(yield* askedBy("5")).toEqual(["get", "acquire", "commit"])
    expect(yield* Cached.stats).toMatchObject({ storeHits: 3, loads: 5, misses: 5 })
  }).pipe(Effect.provide(cache))
})

it.effect("callers over a near store that is asked for both at once wait for the write", () => {
  const { cache } = far({ distanceMillis: 0 })
  return Effect.gen(function*() {
    yield* after(1000, load.pipe(Cached.ttl("a", { ttl })))
    expect(yield* after(50, load.pipe(Cached.ttl("b", { ttl })))).toBe("waits")
    yield* settled
  }).pipe(Effect.provide(cache))
})

it.effect("a store that combines reads is asked so for all but the first reads of a turn", () => {
  const { asked, cache } = far({ combines: true })
  return Effect.gen(function*() {
    const reads = Array.from({ length: 20 }, (_, i) => load.pipe(Cached.ttl(`${i}`, { ttl })))
    const reading = yield* Effect.forkChild(Effect.all(reads, { concurrency: "unbounded" }), { startImmediately: true })
    const begun = [...asked]
    for (let i = 0; i < 10; i++) yield* TestClock.adjust(100)
    yield* Fiber.join(reading)
    expect(begun).toEqual([
      ...Array.from({ length: 8 }, () => "acquire"),
      ...Array.from({ length: 12 }, () => "getCallback")
    ])
    expect((yield* Cached.stats).loads).toBe(20)
    yield* settled
  }).pipe(Effect.provide(cache))
})
