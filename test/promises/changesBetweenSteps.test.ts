/** Changes between two steps of one program, or of two at once. */
import { describe, expect } from "@effect/vitest"
import { Clock, Context, Duration, Effect, Exit, Fiber, Layer, Option, References, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy, Caching, type Strategy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import { caches, counting, ended, inside, start, started } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { pluralOf } from "../support/pluralOf.ts"
import { made } from "../support/strategies.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test, testIn } from "../support/tests.ts"

class Page extends CacheKey.Class<Page>()("Page", { payload: { n: Schema.Int }, success: Schema.Int }) {}

/**
 * One storage, and for each program a store that reports the changes of the others; `delayed` is the delay of an
 * answer.
 */
const fleet = () => {
  const storage = MemoryStore.make()
  const queues: Array<Array<Store.Change>> = []
  const answering = { millis: (_operation: string): number => 0 }
  const storeOf = (mine: Array<Store.Change>): Store.Store => {
    const tell = (change: Store.Change) => queues.forEach((queue) => queue !== mine && queue.push(change))
    const late = <A, E>(operation: string, effect: Effect.Effect<A, E>, change?: Store.Change) =>
      Effect.tap(effect, () => {
        if (change !== undefined) tell(change)
        const millis = answering.millis(operation)
        return millis === 0 ? Effect.void : Effect.sleep(millis)
      })
    const changed = (id: string): Store.Change => ({ _tag: "Changed", id })
    return {
      ...storage,
      capabilities: { shared: true, changes: true },
      getUnsafe: undefined,
      changesUnsafe: () => mine.splice(0),
      get: (...input) => late("get", storage.get(...input)),
      acquire: pluralOf.acquire((...input) => late("acquire", singly(storage).acquire(...input))),
      touch: (...input) => Effect.delay(storage.touch(...input), answering.millis("before touch")),
      commit: pluralOf.commit((id, ...input) => late("commit", singly(storage).commit(id, ...input), changed(id))),
      set: pluralOf.set((id, ...input) => late("set", singly(storage).set(id, ...input), changed(id))),
      remove: pluralOf.remove((id) => late("remove", singly(storage).remove(id), changed(id)))
    }
  }
  const program = Effect.suspend(() => {
    const queue: Array<Store.Change> = []
    queues.push(queue)
    const layer = Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, storeOf(queue)))
    return Effect.map(
      Layer.build(Layer.fresh(layer)),
      (context) => Effect.provideService(Caching.Caching, Context.get(context, Caching.Caching))
    )
  })
  return { answering, program, storage }
}

test("P1 · an entry that another program has changed before the lease was granted does not end the load, or two programs would load", function*() {
  const { program } = fleet()
  const [here, there] = [yield* program, yield* program]
  const { counts, load } = counting(1000)
  const read = Cached.ttl(load, "k", { ttl: "1 hour" })
  // From here on it looks every 50 ms.
  yield* here(Cached.ttl(Effect.succeed(0), "other", { ttl: "1 hour" }))
  yield* there(Cached.set("k", 7))
  yield* there(Cached.invalidate("k"))
  const first = yield* start(here(read))
  yield* TestClock.adjust("100 millis")
  const second = yield* start(there(read))
  yield* TestClock.adjust("5 seconds")
  expect([yield* Fiber.join(first), yield* Fiber.join(second)]).toEqual([1, 1])
  expect(counts.started).toBe(1)
})

test("P2 · an entry that another program has invalidated is no fallback for a later caller, while the load waits for a lease", function*() {
  const { program } = fleet()
  const [here, there] = [yield* program, yield* program]
  const load = { run: Effect.succeed("old") as Effect.Effect<string, string> }
  const read = Effect.suspend(() => load.run).pipe(
    Cached.softTtl("k", { ttl: "1 hour", softTtl: "1 minute", fallbackOn: "all" })
  )
  expect(yield* here(read)).toBe("old")
  yield* TestClock.adjust("2 minutes")
  load.run = Effect.delay(Effect.fail("down"), "1 second")
  // Another holds the lease, and this program waits for it.
  const leader = yield* started(Effect.exit(there(
    Effect.fail("down").pipe(Effect.delay("2 seconds"), Cached.ttl("k", { ttl: "1 hour" }), CachePolicy.refresh)
  )))
  const before = yield* start(Effect.exit(here(read)))
  yield* TestClock.adjust("500 millis")
  yield* there(Cached.invalidate("k"))
  yield* TestClock.adjust("200 millis")
  const after = yield* start(Effect.flip(here(read)))
  yield* TestClock.adjust("10 seconds")
  expect(ended(after)).toMatchObject({ value: "down" })
  yield* Fiber.await(leader)
  yield* Fiber.await(before)
})

test("P3 · of a read that is interrupted while the store gives it the lease the next one does not wait for it", function*() {
  const { answering, program } = fleet()
  const here = yield* program
  const there = yield* program
  const { get: read } = counting()
  answering.millis = (operation) => operation === "acquire" ? 100 : 0
  const first = yield* start(here(read))
  yield* TestClock.adjust("50 millis")
  yield* Fiber.interrupt(first)
  answering.millis = () => 0
  for (const program of [here, there]) {
    const next = yield* start(program(read))
    yield* TestClock.adjust("60 millis")
    expect(ended(next)).toMatchObject({ value: 1 })
  }
})

test("P6 · a refresh that leaves the load to another program causes no pause if its key was set while the store answered", function*() {
  const { answering, program } = fleet()
  const [here, there] = [yield* program, yield* program]
  const { load } = counting()
  const ahead = load.pipe(Cached.refreshAhead("k", { ttl: "1 hour", refreshAfter: "1 minute" }))
  expect(yield* here(ahead)).toBe(1)
  yield* TestClock.adjust("1 minute")
  const slow = Effect.delay(load, "1 minute").pipe(Cached.ttl("k", { ttl: "1 hour" }), CachePolicy.refresh)
  yield* started(there(slow))
  answering.millis = (operation) => operation === "acquire" ? 100 : 0
  expect(yield* here(ahead)).toBe(1)
  yield* TestClock.adjust("50 millis")
  yield* here(Cached.set("k", 70))
  yield* TestClock.adjust("50 millis")
  const newest = load.pipe(Cached.failover("k", { ttl: "1 hour", retryAfter: "1 second" }))
  const next = yield* start(here(newest))
  yield* TestClock.adjust("100 millis")
  const answer = ended(next)
  yield* TestClock.adjust("1 minute")
  expect(answer).toEqual(Exit.succeed(2))
})

testIn(CacheLayer.memory())(
  "a strategy of the user's that moves deadlines moves that of what was set, before any load of it",
  function*() {
    const { load } = counting()
    const strategy: Strategy.Strategy = {
      ...made({ strategy: "ttl", ttl: "1 hour" }),
      name: "mine",
      touch: (_entry, now) => now + 600_000
    }
    const read = load.pipe(Cached.withStrategy("k", { strategy }))
    yield* Cached.set("k", 100, { ttl: "1 minute" })
    expect(yield* read).toBe(100)
    expect(yield* Looking.expiresIn("k")).toEqual(Option.some(Duration.minutes(10)))
  }
)

describe("touch, for less than the value's own ttl", () => {
  const cases = [
    { name: "while the store answers that it has stored the value", operation: "commit" },
    { name: "that reaches the store after the value has", operation: "before touch" }
  ]
  test.each(cases)("holds in memory too: $name", function*({ operation }) {
    const { answering, program } = fleet()
    const here = yield* program
    const { counts, get: read } = counting(10)
    answering.millis = (asked) => asked === operation ? 100 : 0
    const first = yield* start(here(read))
    yield* TestClock.adjust(operation === "commit" ? 50 : 5)
    const touch = yield* start(here(Cached.touch("k", "1 second")))
    yield* TestClock.adjust("500 millis")
    expect([ended(first), ended(touch)]).toMatchObject([{ value: 1 }, { value: true }])
    expect(yield* here(read)).toBe(1)
    expect(counts.started).toBe(1)
    yield* TestClock.adjust("2 seconds")
    const next = yield* start(here(read))
    yield* TestClock.adjust("1 second")
    expect(ended(next)).toMatchObject({ value: 2 })
  })
})

/**
 * Runs it with a yield after each step (resuming takes two of the three), interrupts it after so many, and waits for
 * its end.
 */
const cutAfter = <A, E, R>(steps: number, self: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* start(Effect.provideService(self, References.MaxOpsBeforeYield, 3))
    for (let i = 0; i < steps; i++) yield* Effect.yieldNow
    const hasEnded = fiber.pollUnsafe() !== undefined
    yield* started(Fiber.interrupt(fiber))
    return hasEnded
  })

describe("whatever the step at which it is interrupted", () => {
  const asynchronous = caches.filter(({ name }) => name.startsWith("an asynchronous"))
  const invalidations = [
    { name: "invalidate", run: Cached.invalidate("k") },
    { name: "invalidateMany", run: Cached.invalidate(["a", "k", "b"]) },
    { name: "invalidateTag", run: Cached.invalidate({ tag: "t" }) },
    { name: "clear", run: Cached.clear },
    { name: "set", run: Cached.set("k", 7, { tags: ["t"] }) }
  ] as const

  describe.each(asynchronous)("over $name", (cache) => {
    test.each(invalidations)("$name leaves a store that is used again", function*({ run }) {
      for (let steps = 0; steps < 300; steps++) {
        const hasEnded = yield* inside(cache.layer(), function*() {
          const { counts, load } = counting()
          const read = load.pipe(Cached.ttl("k", { ttl: "1 hour", tags: ["t"] }))
          yield* read
          const hasEnded = yield* cutAfter(steps, Effect.orDie(run as Effect.Effect<unknown, never, Caching.Caching>))
          yield* TestClock.adjust("5 seconds")
          yield* read
          // A pending invalidation is acknowledged by now.
          yield* read
          const { started } = counts
          yield* read
          expect(counts.started, `after ${steps} steps`).toBe(started)
          return hasEnded
        })
        if (hasEnded) return
      }
      expect.unreachable("it never ends")
    })

    test("a read leaves nothing that the next has to wait for", function*() {
      for (let steps = 0; steps < 300; steps++) {
        const hasEnded = yield* inside(cache.layer(), function*() {
          const read = counting().load.pipe(Cached.ttl("k", { ttl: "1 hour", tags: ["t"], shareLoad: true }))
          const hasEnded = yield* cutAfter(steps, read)
          const next = yield* started(read)
          expect(ended(next), `after ${steps} steps`).not.toBe("still waiting")
          return hasEnded
        })
        if (hasEnded) return
      }
      expect.unreachable("it never ends")
    })
  })
})

/** A program has read from a folder what another one has then invalidated by class. */
const invalidatedByAnother = Effect.gen(function*() {
  const directory = yield* tempDirectory
  const open = Layer.build(Layer.fresh(CacheLayer.disk({ directory, memory: false })))
  const [one, other] = [yield* open, yield* open]
  let loads = 0
  const read = Effect.sync(() => ++loads).pipe(Cached.ttl(new Page({ n: 1 }), { ttl: "1 hour" }))
  for (let i = 0; i < 3; i++) expect(yield* Effect.provide(read, one)).toBe(1)
  yield* Effect.provide(Cached.invalidate({ all: Page }), other)
  return { one, read }
})

test("P2 · of a shared folder, what another program has invalidated by class is polled, with every read asking the disk", function*() {
  const { one, read } = yield* invalidatedByAnother
  yield* TestClock.adjust("100 millis")
  for (let i = 0; i < 3; i++) expect(yield* Effect.provide(read, one)).toBe(2)
  // Its own it sees at once.
  yield* Effect.provide(Cached.invalidate({ all: Page }), one)
  expect(yield* Effect.provide(read, one)).toBe(3)
})

test("P2 · a process that was stopped uses nothing that the disk has answered before", function*() {
  const { one, read } = yield* invalidatedByAnother
  // A second has gone by, and its timers have not run yet.
  const clock = yield* Clock.Clock
  const later: Clock.Clock = Object.create(clock, {
    currentTimeMillisUnsafe: { value: () => clock.currentTimeMillisUnsafe() + 1000 }
  })
  expect(yield* read.pipe(Effect.provide(one), Effect.provideService(Clock.Clock, later))).toBe(2)
})
