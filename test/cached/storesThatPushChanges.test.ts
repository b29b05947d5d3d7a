/** A store that pushes what others do: it is followed, and what cannot be followed is not trusted for long. */
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Logger, Queue, References, Stream } from "effect"
import { Cached, CacheLayer, CachePolicy, Caching, Transaction } from "effect-cached"
import { type CacheEntry, Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { settle, start } from "../support/caches.ts"
import { test } from "../support/tests.ts"

type Pushed = Store.Change | "fail" | "end"

/** A storage of several programs; each store over it listens to a queue of its own. */
const pushing = () => {
  const entries = new Map<string, CacheEntry.Stored>()
  const queues: Array<Queue.Queue<Pushed>> = []
  const down = new StoreError({ store: "pushing", operation: "changes", reason: "Unavailable" })
  const counts = { gets: 0, listened: 0, before: Effect.void }
  const store = Store.make({
    name: "pushing",
    get: (id) =>
      Effect.andThen(
        Effect.suspend(() => counts.before),
        Effect.sync(() => {
          counts.gets++
          return entries.get(id)
        })
      ),
    set: (id, entry) => Effect.sync(() => void entries.set(id, entry)),
    remove: (id) => Effect.sync(() => entries.delete(id)),
    clear: Effect.sync(() => entries.clear()),
    changes: Stream.unwrap(Effect.gen(function*() {
      counts.listened++
      const queue = yield* Queue.unbounded<Pushed>()
      queues.push(queue)
      return Stream.fromQueue(queue).pipe(
        Stream.takeWhile((pushed) => pushed !== "end"),
        Stream.mapEffect((pushed) => pushed === "fail" ? Effect.fail(down) : Effect.succeed(pushed as Store.Change))
      )
    }))
  })
  // Pushes to the latest listener; applied when everything else waits.
  const push = (...changes: ReadonlyArray<Pushed>) =>
    Effect.andThen(
      Effect.sync(() => {
        for (const change of changes) Queue.offerUnsafe(queues.at(-1)!, change)
      }),
      settle
    )
  const build = (options?: CacheLayer.LayerOptions) =>
    Effect.map(
      Layer.build(Layer.fresh(Layer.provide(CacheLayer.layer(options), Layer.succeed(Store.Store, store)))),
      (context) => Effect.provideService(Caching.Caching, Context.get(context, Caching.Caching))
    )
  return { build, counts, entries, push }
}

const coherent: Store.Change = { _tag: "Coherent" }

/** Reads a value of which another process makes a new one each time. */
const counting = (options?: { readonly tags?: ReadonlyArray<string> }) => {
  const origin = { value: 1 }
  const read = Effect.sync(() => origin.value).pipe(Cached.ttl("k", { ttl: "1 hour", ...options }))
  return { origin, read }
}

/** A cache that follows its store, and a value of another process. */
const following = Effect.fnUntraced(function*(options?: CacheLayer.LayerOptions) {
  const storage = pushing()
  const within = yield* storage.build(options)
  yield* storage.push(coherent)
  return { storage, within, ...counting({ tags: ["t"] }) }
})

/** A write by another process: a value of its own in the store, and the pushed change. */
const elsewhere = (
  { entries, push }: ReturnType<typeof pushing>,
  change: Store.Change
) => Effect.andThen(Effect.sync(() => entries.clear()), push(change))

describe("a store that pushes changes is followed", () => {
  const changes: ReadonlyArray<Store.Change> = [
    { _tag: "Changed", id: "k" },
    { _tag: "TagChanged", tag: "t" },
    { _tag: "AllChanged" },
    { _tag: "Gap" }
  ]

  test("LoadEnded: the copy in memory stays", function*() {
    const { origin, read, storage, within } = yield* following()
    expect(yield* within(read)).toBe(1)
    origin.value = 2
    yield* elsewhere(storage, { _tag: "LoadEnded", id: "k" })
    expect(yield* within(read)).toBe(1)
  })

  test.each(changes)("$_tag: the copy in memory is no longer served", function*(change) {
    const { origin, read, storage, within } = yield* following()
    expect(yield* within(read)).toBe(1)
    origin.value = 2
    expect(yield* within(read)).toBe(1)
    yield* elsewhere(storage, change)
    expect(yield* within(read)).toBe(2)
  })

  test("a change of another id, or of another tag, leaves it", function*() {
    const { origin, read, storage, within } = yield* following()
    yield* within(read)
    origin.value = 2
    yield* storage.push({ _tag: "Changed", id: "other" }, { _tag: "TagChanged", tag: "other" })
    expect(yield* within(read)).toBe(1)
  })

  test("of more changes than are kept apart only possible matches leave, with one warning", function*() {
    const storage = pushing()
    const warnings: Array<string> = []
    const logger = Logger.make(({ message }) => void warnings.push(String(message)))
    const within = yield* storage.build().pipe(Effect.provide(Logger.layer([logger])))
    yield* storage.push(coherent)
    const read = (key: string, value: number) => within(Cached.ttl(Effect.succeed(value), key, { ttl: "1 hour" }))
    for (const key of ["a", "b", "c"]) yield* read(key, 1)
    const many: Store.Change = { _tag: "ManyChanged", mayBe: (id) => id !== "b" }
    yield* elsewhere(storage, many)
    yield* storage.push(many)
    expect([yield* read("a", 2), yield* read("b", 2), yield* read("c", 2)]).toEqual([2, 1, 2])
    expect(warnings.filter((warning) => warning.includes("too busy to follow"))).toHaveLength(1)
  })

  test("a gap with a reason is logged once, with that reason, and one without is not", function*() {
    const storage = pushing()
    const warnings: Array<string> = []
    const logger = Logger.make(({ message }) => void warnings.push(String(message)))
    yield* storage.build().pipe(Effect.provide(Logger.layer([logger])))
    yield* storage.push(coherent, { _tag: "Gap" })
    expect(warnings).toEqual([])
    const gap: Store.Change = { _tag: "Gap", why: "more than 5 changes" }
    yield* storage.push(gap)
    yield* storage.push(gap)
    expect(warnings).toEqual([
      "Not all changes of the store \"pushing\" are known: memory is cleared (more than 5 changes)"
    ])
  })

  test("a load that may be one of many that changed is not shared by later readers", function*() {
    const { storage, within } = yield* following()
    const read = (value: number) =>
      within(Effect.delay(Effect.succeed(value), 100).pipe(Cached.ttl("a", { ttl: "1 hour" })))
    const first = yield* start(read(1))
    yield* TestClock.adjust(10)
    yield* storage.push({ _tag: "ManyChanged", mayBe: (id) => id === "a" })
    const second = yield* start(read(2))
    yield* TestClock.adjust(200)
    expect([yield* Fiber.join(first), yield* Fiber.join(second)]).toEqual([1, 2])
  })

  test("memory is trusted for as long as its entries live", function*() {
    const { read, storage, within } = yield* following({ maxStaleness: "10 seconds" })
    yield* within(read)
    const { gets } = storage.counts
    for (let i = 0; i < 10; i++) {
      yield* TestClock.adjust("5 seconds")
      expect(yield* within(read)).toBe(1)
    }
    expect(storage.counts.gets).toBe(gets)
  })

  test("a load that runs when its id changes elsewhere answers its callers, and is kept nowhere", function*() {
    const { storage, within } = yield* following()
    let n = 0
    const slow = Effect.sync(() => ++n).pipe(Effect.delay("1 second"), Cached.ttl("k", { ttl: "1 hour" }))
    const reading = yield* start(within(slow))
    yield* storage.push({ _tag: "Changed", id: "k" })
    yield* TestClock.adjust("1 second")
    expect(reading.pollUnsafe()).toMatchObject({ _tag: "Success", value: 1 })
    expect(yield* within(Cached.getOption("k"))).toMatchObject({ _tag: "None" })
  })
})

describe("a write whose tag is invalidated before the store has answered", () => {
  /** Runs a write that asks for the versions of its tags, something else meanwhile, and looks the value up. */
  const beside = Effect.fnUntraced(function*(
    write: Effect.Effect<unknown, unknown, Caching.Caching>,
    meanwhile: (
      push: (change: Store.Change) => Effect.Effect<unknown>
    ) => Effect.Effect<unknown, unknown, Caching.Caching>
  ) {
    const memory = MemoryStore.make()
    const queue = yield* Queue.unbounded<Store.Change>()
    const store: Store.Store = {
      ...memory,
      capabilities: { ...memory.capabilities, shared: true, changes: true },
      getUnsafe: undefined,
      changesUnsafe: undefined,
      changes: Stream.fromQueue(queue),
      markers: (tags) => Effect.delay(memory.markers(tags), 10)
    }
    const push = (change: Store.Change) => Effect.andThen(Queue.offer(queue, change), settle)
    const context = yield* Layer.build(Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, store)))
    return yield* Effect.gen(function*() {
      yield* push(coherent)
      const writing = yield* start(write)
      yield* TestClock.adjust(5)
      yield* start(meanwhile(push))
      yield* settle
      yield* TestClock.adjust(20)
      expect(writing.pollUnsafe()?._tag).toBe("Success")
      return yield* Cached.getOption("k")
    }).pipe(Effect.provideContext(context))
  })

  const writes: ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown, Caching.Caching>]> = [
    ["set", Cached.set("k", 1, { tags: ["t"] })],
    ["setMany", Cached.setMany([["k", 1], ["l", 1]], { tags: ["t"] })]
  ]

  test.each(writes)("a report does not remove it, because it may come late (%s)", function*([, write]) {
    const found = yield* beside(write, (push) => push({ _tag: "TagChanged", tag: "t" }))
    expect(found).toMatchObject({ _tag: "Some", value: 1 })
  })

  test.each(writes)("an invalidation by the same process removes it (%s)", function*([, write]) {
    expect(yield* beside(write, () => Cached.invalidate({ tag: "t" }))).toMatchObject({ _tag: "None" })
  })
})

describe("while it cannot be followed", () => {
  test("before Coherent memory is trusted for maxStaleness", function*() {
    const storage = pushing()
    const within = yield* storage.build({ maxStaleness: "10 seconds" })
    const { origin, read } = counting()
    yield* within(read)
    origin.value = 2
    storage.entries.clear()
    yield* TestClock.adjust("9 seconds")
    expect(yield* within(read)).toBe(1)
    yield* TestClock.adjust("1 second")
    expect(yield* within(read)).toBe(2)
  })

  test("while some changes are missed memory is trusted for maxStaleness, and those that arrive count", function*() {
    const { origin, read, storage, within } = yield* following({ maxStaleness: "10 seconds" })
    yield* within(read)
    yield* storage.push({
      _tag: "Partial",
      why: new StoreError({ store: "pushing", operation: "listen", reason: "Denied" })
    })
    origin.value = 2
    expect(yield* within(read)).toBe(1)
    yield* elsewhere(storage, { _tag: "Changed", id: "k" })
    expect(yield* within(read)).toBe(2)
    origin.value = 3
    storage.entries.clear()
    yield* TestClock.adjust("9 seconds")
    expect(yield* within(read)).toBe(2)
    yield* TestClock.adjust("1 second")
    expect(yield* within(read)).toBe(3)
  })

  /** A load of a second that begins before anything is followed. */
  const loadingBefore = Effect.gen(function*() {
    const storage = pushing()
    const within = yield* storage.build()
    const count = { loads: 0 }
    const load = Effect.delay(Effect.sync(() => ++count.loads), "1 second")
    const slow = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
    const first = yield* start(within(slow))
    return { count, first, slow, storage, within }
  })

  test("a value loaded before Coherent stays out of memory, and is shared through the store", function*() {
    const { count, first, slow, storage, within } = yield* loadingBefore
    yield* storage.push(coherent)
    const { gets } = storage.counts
    const others = yield* Effect.forkChild(within(Effect.all([slow, slow], { concurrency: 2 })), {
      startImmediately: true
    })
    yield* TestClock.adjust("1 second")
    expect([first.pollUnsafe(), others.pollUnsafe()]).toMatchObject([{ value: 1 }, { value: [1, 1] }])
    expect([count.loads, storage.counts.gets]).toEqual([1, gets + 1])
    expect(yield* within(slow)).toBe(1)
    expect(storage.counts.gets).toBe(gets + 1)
  })

  test("a reader that comes after Coherent does not get a value that another invalidated before, unseen", function*() {
    const { first, slow, storage, within } = yield* loadingBefore
    // Invalidated: its result is not stored.
    const { set } = storage.entries
    storage.entries.set = () => storage.entries
    yield* storage.push(coherent)
    const second = yield* start(within(slow))
    yield* TestClock.adjust("1 second")
    storage.entries.set = set
    expect([first.pollUnsafe(), second.pollUnsafe()]).toMatchObject([{ value: 1 }, undefined])
    yield* TestClock.adjust("1 second")
    expect(second.pollUnsafe()).toMatchObject({ value: 2 })
    expect(yield* within(slow)).toBe(2)
  })

  test("a load that began before Coherent continues for a reader that joins it later and reads again at its end", function*() {
    const { count, first, slow, storage, within } = yield* loadingBefore
    yield* storage.push(coherent)
    const second = yield* start(within(slow))
    yield* Fiber.interrupt(first)
    const { gets } = storage.counts
    yield* TestClock.adjust("1 second")
    expect(second.pollUnsafe()).toMatchObject({ value: 1 })
    expect([count.loads, storage.counts.gets]).toEqual([1, gets + 1])
  })

  test("a load that began before Coherent is joined by readers that write nothing, and its failure is shared", function*() {
    const storage = pushing()
    const within = yield* storage.build()
    let loads = 0
    const failing = Effect.suspend(() => Effect.fail(++loads)).pipe(
      Effect.delay("1 second"),
      Cached.ttl("k", { ttl: "1 hour" }),
      Effect.exit
    )
    yield* start(within(failing))
    yield* storage.push(coherent)
    const reading = Effect.all([failing, CachePolicy.disable("set")(failing)], { concurrency: 2 })
    const others = yield* start(within(reading))
    yield* TestClock.adjust("1 second")
    expect(others.pollUnsafe()).toMatchObject({ value: [Exit.fail(1), Exit.fail(1)] })
  })

  it.effect.each(["fail", "end"] as const)(
    "a stream that has come to its %s: trusted for maxStaleness, then read again",
    (how) =>
      Effect.gen(function*() {
        const storage = pushing()
        const within = yield* storage.build({ maxStaleness: "10 seconds" })
        const { origin, read } = counting()
        yield* storage.push(coherent)
        yield* within(read)
        // The timer has been running for a while, and restarts.
        yield* TestClock.adjust("7 seconds")
        yield* within(read)
        yield* storage.push(how)
        origin.value = 2
        storage.entries.clear()
        yield* TestClock.adjust("9 seconds")
        expect(yield* within(read)).toBe(1)
        yield* TestClock.adjust("1 second")
        expect(yield* within(read)).toBe(2)
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
  )

  it.effect("it is listened to again, and what was missed is read again", () =>
    Effect.gen(function*() {
      const { origin, read, storage, within } = yield* following()
      yield* within(read)
      yield* storage.push("fail")
      origin.value = 2
      storage.entries.clear()
      yield* TestClock.adjust("1 second")
      expect(storage.counts.listened).toBe(2)
      expect(yield* within(read)).toBe(1)
      yield* storage.push(coherent)
      expect(yield* within(read)).toBe(2)
      yield* TestClock.adjust("1 hour")
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None")))

  it.effect("a store that fails again and again is asked more and more seldom", () =>
    Effect.gen(function*() {
      const storage = pushing()
      yield* storage.build()
      for (let second = 0; second < 600; second++) {
        yield* storage.push("fail")
        yield* TestClock.adjust("1 second")
      }
      expect(storage.counts.listened).toBeLessThan(60)
      expect(storage.counts.listened).toBeGreaterThan(15)
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None")))

  test("strict readers ask the store", function*() {
    const storage = pushing()
    const within = yield* storage.build()
    const { origin, read } = counting()
    yield* within(read)
    origin.value = 2
    storage.entries.clear()
    expect(yield* within(CachePolicy.strict(read))).toBe(2)
    yield* storage.push(coherent)
    yield* within(read)
    origin.value = 3
    storage.entries.clear()
    expect(yield* within(CachePolicy.strict(read))).toBe(2)
  })
})

test("closing ends the listening", function*() {
  const storage = pushing()
  yield* Effect.scoped(Effect.andThen(storage.build(), Effect.yieldNow))
  yield* storage.push("fail")
  yield* TestClock.adjust("1 hour")
  expect(storage.counts.listened).toBe(1)
})

describe("a store that says Coherent and ends at once", () => {
  test("is listened to less and less often", function*() {
    const storage = pushing()
    yield* storage.build()
    for (let i = 0; i < 100; i++) {
      yield* storage.push(coherent, "fail")
      yield* TestClock.adjust("100 millis")
    }
    expect(storage.counts.listened).toBeLessThan(12)
  })

  test("a stream that misses some changes, and fails after minutes, is listened to again soon, each time", function*() {
    const storage = pushing()
    yield* storage.build()
    const why = new StoreError({ store: "pushing", operation: "listen", reason: "Denied" })
    for (let i = 1; i <= 12; i++) {
      expect(storage.counts.listened).toBe(i)
      yield* storage.push({ _tag: "Partial", why })
      yield* TestClock.adjust("2 minutes")
      yield* storage.push("fail")
      yield* TestClock.adjust("200 millis")
    }
  })
})

/** The warnings that a program gets while each `pause` another of these is pushed. */
const logsWhile = (pushed: ReadonlyArray<Pushed>, pause: string, times: number) =>
  Effect.gen(function*() {
    const storage = pushing()
    const warnings: Array<string> = []
    const ends: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => (logLevel === "Info" ? ends : warnings).push(String(message)))
    yield* storage.build().pipe(Effect.provide(Logger.layer([logger])))
    for (let i = 0; i < times; i++) {
      yield* storage.push(pushed[i % pushed.length]!)
      yield* TestClock.adjust(pause as "1 minute")
    }
    return { warnings, ends }
  })

describe("an incident is warned of once", () => {
  const why = new StoreError({ store: "pushing", operation: "listen", reason: "Denied" })
  const incidents: ReadonlyArray<readonly [string, ReadonlyArray<Pushed>, string, number, ReadonlyArray<string>]> = [
    ["a store that could never be followed", ["fail"], "1 minute", 10, ["followed"]],
    ["a stream that is coherent again and again", [coherent, coherent, coherent, "end"], "20 seconds", 8, ["", ""]],
    ["one that says again and again that it misses some", [{ _tag: "Partial", why }], "1 minute", 10, [
      "cannot all be"
    ]],
    ["a stream that never begins", [{ _tag: "AllChanged" }], "1 minute", 10, ["do not arrive"]]
  ]

  test.each(incidents)("%s", function*([, pushed, pause, times, said]) {
    const { warnings } = yield* logsWhile(pushed, pause, times)
    expect(warnings).toEqual(said.map((part) => expect.stringContaining(part)))
  })

  test("a stream that begins and ends all the time", function*() {
    const { ends, warnings } = yield* logsWhile([coherent, "end"], "1 second", 200)
    expect(warnings).toHaveLength(1)
    expect(ends).toHaveLength(1)
    expect(warnings[0]).toContain("\"pushing\" cannot be followed")
    expect(ends[0]).toContain("are followed again")
  })

  test("a stream that ends after it was followed for minutes: once each time", function*() {
    const { ends, warnings } = yield* logsWhile([coherent, "end"], "1 minute", 10)
    // After the last one nothing begins any longer.
    expect([warnings.length, ends.length]).toEqual([5, 4])
  })
})

test("resources opened by listening are closed before the layer is", function*() {
  let isClosed = false
  const store = Store.complete({
    ...MemoryStore.make(),
    capabilities: { shared: true, changes: true },
    changesUnsafe: undefined,
    changes: Stream.unwrap(Effect.as(
      Effect.acquireRelease(Effect.void, () => Effect.delay(Effect.sync(() => isClosed = true), "100 millis")),
      Stream.never
    ))
  })
  const layer = Layer.fresh(Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, store)))
  const used = Effect.andThen(Layer.build(layer), Effect.sleep("1 second"))
  const closing = yield* Effect.forkChild(Effect.map(Effect.scoped(used), () => isClosed), { startImmediately: true })
  yield* TestClock.adjust("1 second")
  yield* TestClock.adjust("100 millis")
  expect(yield* Fiber.join(closing)).toBe(true)
})

test("a result that is loaded in a transaction is stored if tracking has started before its load", function*() {
  const storage = pushing()
  const cache = yield* storage.build()
  storage.counts.before = Effect.sleep(10)
  const loading = yield* Effect.forkChild(cache(Transaction.run(counting().read)))
  yield* storage.push()
  // The load has asked for its lease, and waits for the answer.
  yield* storage.push(coherent)
  yield* TestClock.adjust(100)
  expect(yield* Fiber.join(loading)).toBe(1)
  expect(Array.from(storage.entries.keys())).toEqual(["k"])
})
