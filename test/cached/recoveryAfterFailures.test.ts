/** A single failure must not last: circuits close, leases come back, queues move, logs stay short. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, Stream } from "effect"
import { Cached, CacheError, CacheLayer, CachePolicy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { singly } from "../../src/testing/internal/singly.ts"
import { counting, fakeStore, inside, over, start, taking } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { pluralOf } from "../support/pluralOf.ts"
import { test, testWith } from "../support/tests.ts"

const cacheOver = (store: Store.Store, options?: CacheLayer.LayerOptions) =>
  Layer.provide(CacheLayer.layer(options), Layer.succeed(Store.Store, store))

/** The messages logged while the effect runs. */
const logged = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const messages: Array<string> = []
    const logger = Logger.make(({ message }) => void messages.push(String(message)))
    return Effect.as(Effect.provide(self, Logger.layer([logger])), messages)
  })

test("the first warning of an incident has the cause", function*() {
  const store = Store.make({
    name: "map",
    get: () => Effect.die(Object.assign(new Error("get boom"), { command: ["SET", "a secret"] })),
    set: () => Effect.void,
    remove: () => Effect.succeed(false)
  })
  const { load } = counting()
  const logged: Array<string> = []
  const logger = Logger.make(({ cause, message }) => void logged.push(`${message} ${inspect(cause, { depth: 9 })}`))
  yield* load.pipe(
    Cached.ttl("k", { ttl: "1 hour" }),
    Effect.provide(cacheOver(store)),
    Effect.provide(Logger.layer([logger]))
  )
  expect(logged[0]).toContain("\"map\" could not read an entry: it is unavailable (get boom). Until it answers")
  expect(logged[0]).toContain("get boom")
  expect(inspect(logged)).not.toContain("a secret")
})

test("more tags than an entry can be stored with keep a value in memory, with one warning", function*() {
  const store = MemoryStore.make()
  const read = (count: number) =>
    Effect.succeed(count).pipe(
      Cached.ttl(`k${count}`, { ttl: "1 hour", tags: Array.from({ length: count }, (_, i) => `t${i}`) })
    )
  const messages = yield* logged(
    Effect.gen(function*() {
      for (const count of [65_535, 65_536, 65_537]) expect(yield* read(count)).toBe(count)
    }).pipe(Effect.provide(cacheOver(store)))
  )
  expect(yield* Stream.runCollect(store.scan())).toHaveLength(1)
  expect(messages).toHaveLength(1)
  expect(messages[0]).toContain("it has 65536 tags, and at most 65535 can be stored")
})

test("a value that the store does not take removes no newer one", function*() {
  const memory = MemoryStore.make()
  const full = new CacheError.StoreError({ store: "memory", operation: "set", reason: "Full" })
  let isFull = true
  const store: Store.Store = {
    ...memory,
    set: pluralOf.set((id, entry, condition) => {
      // Received when the newer one is stored.
      const answer = isFull
        ? Effect.delay(Effect.fail(full), "100 millis")
        : Effect.delay(singly(memory).set(id, entry, condition), "10 millis")
      isFull = false
      return answer
    })
  }
  yield* Effect.gen(function*() {
    const refused = yield* start(Cached.set("k", "first", { ttl: "1 hour" }))
    yield* TestClock.adjust("50 millis")
    const taken = yield* start(Cached.set("k", "second", { ttl: "1 hour" }))
    yield* TestClock.adjust("10 seconds")
    yield* Fiber.joinAll([refused, taken])
    expect(memory.getUnsafe!("k", []).entry).toBeDefined()
    expect(yield* Cached.getOption("k")).toMatchObject({ value: "second" })
    // Without a newer one the older goes at once.
    isFull = true
    yield* taking("100 millis", Cached.set("k", "third", { ttl: "1 hour" }))
    expect(memory.getUnsafe!("k", []).entry).toBeUndefined()
    expect(yield* Cached.getOption("k")).toMatchObject({ value: "third" })
  }).pipe(Effect.provide(cacheOver(store)))
})

describe("the circuit", () => {
  test("opens where leases are not granted in time, and given back in time", function*() {
    let asked = 0
    const store: Store.Store = {
      ...MemoryStore.make(),
      getUnsafe: undefined,
      capabilities: { shared: true, changes: false },
      acquire: pluralOf.acquire(() => Effect.andThen(Effect.sync(() => asked++), Effect.never))
    }
    yield* Effect.gen(function*() {
      for (let i = 0; i < 10; i++) {
        const read = Effect.succeed(i).pipe(Cached.ttl(`k${i}`, { ttl: "1 hour" }), CachePolicy.disable("get"))
        expect(yield* taking("500 millis", read)).toBe(i)
      }
    }).pipe(Effect.provide(cacheOver(store)))
    // At first, and the probes.
    expect(asked).toBeGreaterThan(2)
    expect(asked).toBeLessThan(7)
  })

  test("says in its failures that it is open, and when the store is asked again", function*() {
    const store: Store.Store = { ...MemoryStore.make(), getUnsafe: undefined, get: () => Effect.never }
    yield* Effect.gen(function*() {
      const read = Effect.succeed(1).pipe(Cached.ttl("k", { ttl: "1 hour" }), CachePolicy.strict)
      for (let i = 0; i < 3; i++) yield* taking("500 millis", Effect.exit(read))
      yield* TestClock.adjust("400 millis")
      const { message } = yield* Effect.flip(read)
      expect(message).toContain("3 times in a row, so the circuit is open; it is asked again in 600ms")
    }).pipe(Effect.provide(cacheOver(store)))
  })

  test("stays closed after listings that take too long: the caller gets the failure, and the store stays in use", function*() {
    const memory = MemoryStore.make()
    const store: Store.Store = {
      ...memory,
      size: Effect.never,
      scan: () => Stream.never,
      scanCounters: () => Stream.never
    }
    const messages = yield* logged(
      Effect.gen(function*() {
        for (const listing of [Cached.size, Stream.runDrain(Looking.ids()), Stream.runDrain(Cached.counters())]) {
          const asking = yield* start(Effect.flip(listing))
          // `Cached.size` may take 5 seconds.
          yield* TestClock.adjust("5 seconds")
          expect((yield* Fiber.join(asking)).reason).toBe("Timeout")
        }
        yield* Cached.set("k", "stored", { ttl: "1 hour" })
        expect(memory.getUnsafe!("k", []).entry).toBeDefined()
      }).pipe(Effect.provide(cacheOver(store)))
    )
    expect(messages).toEqual([])
  })

  test("closes again over a synchronous store, whose reads are never its probe", function*() {
    const memory = MemoryStore.make()
    let locked = false
    const store: Store.Store = {
      ...memory,
      acquire: pluralOf.acquire((id, options) => locked ? Effect.never : singly(memory).acquire(id, options))
    }
    const get = (key: string) => counting().load.pipe(Cached.ttl(key, { ttl: "1 hour" }))
    yield* Effect.gen(function*() {
      locked = true
      for (const key of ["a", "b", "c"]) yield* taking("1 second", get(key))
      locked = false
      yield* TestClock.adjust("2 seconds")
      yield* get("d")
      yield* get("e")
      expect(yield* store.size).toBe(2)
    }).pipe(Effect.provide(cacheOver(store)))
  })

  test.overFake("is open for a second, however many timed out at once", function*(fake) {
    fake.behave = () => ({ before: Effect.never })

    const get = (n: number) => counting().load.pipe(Cached.ttl(`k${n}`, { ttl: "1 hour" }))
    const readers = yield* Effect.forEach(Array.from({ length: 50 }, (_, n) => n), (n) => start(get(n)))
    yield* TestClock.adjust("600 millis")
    yield* Fiber.awaitAll(readers)
    fake.behave = () => ({})
    const asked = fake.calls.length
    yield* TestClock.adjust("1 second")
    yield* get(100)
    expect(fake.calls.length).toBeGreaterThan(asked)
  })
})

test.overFake("a probe that is interrupted leaves the circuit to the next", function*(fake) {
  fake.behave = () => ({ before: Effect.never })

  const get = (key: string) => counting().load.pipe(Cached.ttl(key, { ttl: "1 hour" }))
  for (const key of ["a", "b", "c"]) yield* taking("1 second", get(key))
  yield* TestClock.adjust("2 seconds")
  const probing = yield* start(get("probe"))
  yield* Fiber.interrupt(probing)
  fake.behave = () => ({})
  yield* get("d")
  expect(fake.entries.size).toBe(1)
})

describe("an exclusive load whose result no caller will get", () => {
  const shared = Effect.sync(() => {
    const memory = new Map<string, Parameters<Store.SyncStorage["set"]>[1]>()
    return Store.makeSync({
      name: "shared",
      capabilities: { shared: true },
      get: (id) => memory.get(id),
      set: (id, entry) => void memory.set(id, entry),
      setIfAbsent: (id, entry) => !memory.has(id) && memory.set(id, entry) === memory,
      remove: (id) => memory.delete(id)
    })
  })
  const slow = Cached.ttl(Effect.as(Effect.sleep("4 seconds"), "old"), "k", { ttl: "1 hour", tags: ["t"] })
  const quick = Cached.ttl(Effect.succeed("new"), "k", { ttl: "1 hour", tags: ["t"] })

  for (
    const [name, next] of [
      ["after its tag was invalidated", Effect.andThen(Cached.invalidate({ tag: "t" }), quick)],
      ["under writeOnly", CachePolicy.disable("get")(quick)],
      ["under refresh", CachePolicy.refresh(quick)]
    ] as const
  ) {
    test(`does not delay the next one, ${name}`, function*() {
      const layer = cacheOver(yield* shared)
      yield* Effect.gen(function*() {
        const first = yield* start(slow)
        yield* TestClock.adjust("100 millis")
        const second = yield* start(next)
        yield* TestClock.adjust("1 millis")
        expect(second.pollUnsafe()).toMatchObject({ _tag: "Success", value: "new" })
        yield* TestClock.adjust("5 seconds")
        expect(yield* Fiber.join(first)).toBe("old")
        expect(yield* quick).toBe("new")
      }).pipe(Effect.provide(layer))
    })
  }

  test("delays the next one when it cannot be interrupted and everybody has left, but for twice the lease", function*() {
    const layer = cacheOver(yield* shared)
    const stuck = Effect.uninterruptible(Effect.sleep("1 hour")).pipe(Cached.ttl("k", { ttl: "1 hour" }))
    yield* inside(layer, function*() {
      const first = yield* start(stuck)
      yield* start(Fiber.interrupt(first))
      const second = yield* start(quick)
      yield* TestClock.adjust("9999 millis")
      expect(second.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 millis")
      expect(second.pollUnsafe()).toMatchObject({ _tag: "Success", value: "new" })
    })
  })
})

it.effect("a refresh that hangs and cannot be interrupted makes room for the next in the queue", () =>
  inside(CacheLayer.memory({ refresh: { concurrency: 1, timeout: "1 minute" } }), function*() {
    let hangs = false
    const a = Effect.suspend(() => hangs ? Effect.uninterruptible(Effect.sleep("1 day")) : Effect.void).pipe(
      Cached.refreshAhead("a", { ttl: "10 hours", refreshAfter: "1 minute" })
    )
    const b = counting()
    const readB = b.load.pipe(Cached.refreshAhead("b", { ttl: "10 hours", refreshAfter: "1 minute" }))
    yield* a
    yield* readB
    hangs = true
    yield* TestClock.adjust("2 minutes")
    yield* a
    yield* readB
    expect(b.counts.started).toBe(1)
    yield* TestClock.adjust("2 minutes")
    expect(b.counts.started).toBe(2)
  }))

test("a store that reads but does not write is one line in the log, not one a load", function*() {
  const fake = fakeStore()
  const full = new CacheError.StoreError({ store: "fake", operation: "set", reason: "Full" })
  fake.behave = (operation) => operation === "set" ? { before: Effect.fail(full) } : {}
  const messages = yield* logged(
    Effect.forEach(["a", "b", "c", "d"], (key) => counting().load.pipe(Cached.ttl(key, { ttl: "1 hour" }))).pipe(
      Effect.provide(over(fake))
    )
  )
  expect(messages.filter((message) => message.includes("it is full"))).toHaveLength(1)
  expect(messages.filter((message) => message.includes("answers again"))).toHaveLength(0)
})

test("a store that is away and then refuses is one incident of two warnings: the second names the fix", function*() {
  let reason: CacheError.StoreErrorReason = "Unavailable"
  const store = Store.make({
    name: "map",
    get: () => Effect.suspend(() => Effect.fail(new CacheError.StoreError({ store: "map", operation: "get", reason }))),
    set: () => Effect.void,
    remove: () => Effect.succeed(false)
  })
  const messages = yield* logged(
    Effect.gen(function*() {
      for (const next of ["Unavailable", "Unavailable", "Denied", "Denied", "Unavailable", "Denied"] as const) {
        reason = next
        yield* Effect.exit(Store.ping)
      }
    }).pipe(Effect.provide(cacheOver(store, { memory: false })))
  )
  expect(messages.map((message) => message.includes("it refuses access"))).toEqual([false, true])
})

test("a store of several servers of which one is down is one incident, until all answer", function*() {
  let isDown = true
  const down = new CacheError.StoreError({ store: "parts", operation: "get", reason: "Unavailable" })
  const inner = MemoryStore.make()
  const store = (isWhole?: () => boolean) =>
    Store.complete({
      ...inner,
      name: "parts",
      isWhole,
      getUnsafe: undefined,
      get: (id, tags) => isDown && id === "b" ? Effect.fail(down) : inner.get(id, tags)
    })
  const read = (key: string) => counting().load.pipe(Cached.ttl(key, { ttl: "1 hour" }), Effect.orDie)
  const reads = Effect.forEach(["a", "b", "a", "b", "a", "b"], read)
  const incidents = (isWhole?: () => boolean) => {
    isDown = true
    const whole = reads.pipe(Effect.andThen(Effect.sync(() => isDown = false)), Effect.andThen(reads))
    return Effect.map(
      logged(Effect.provide(whole, cacheOver(store(isWhole), { memory: false }))),
      (messages) => messages.map((message) => message.includes("answers again"))
    )
  }
  expect(yield* incidents(() => !isDown)).toEqual([false, true])
  // A store that does not say so begins and ends one each time, of which the first one is logged.
  expect(yield* incidents()).toEqual([false, true])
  expect(
    yield* incidents(() => {
      throw new Error("a bug of the store")
    })
  ).toHaveLength(2)
})

it.effect("a store that fails now and then is two lines in ten seconds, and what lasts by then is another one", () => {
  const fake = fakeStore()
  const down = new CacheError.StoreError({ store: "fake", operation: "get", reason: "Unavailable" })
  let isDown = false
  fake.behave = (operation) => isDown && operation === "get" ? { before: Effect.fail(down) } : {}
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => void lines.push(/fake" (could not|answers)/.exec(String(message))![1]!))
  let reads = 0
  const read = (state: "up" | "down") => {
    isDown = state === "down"
    return counting().load.pipe(Cached.ttl(`${reads++}`, { ttl: "1 hour" }))
  }
  const linesOf = (states: ReadonlyArray<"up" | "down">) =>
    Effect.map(Effect.forEach(states, read), () => lines.splice(0))
  return Effect.gen(function*() {
    expect(yield* linesOf(["down", "down", "up", "down", "up", "down"])).toEqual(["could not", "answers"])
    yield* TestClock.adjust("9999 millis")
    expect(yield* linesOf(["down"])).toEqual([])
    yield* TestClock.adjust("1 millis")
    expect(yield* linesOf(["down", "down", "up", "up"])).toEqual(["could not", "answers"])
  }).pipe(Effect.provide(over(fake, { memory: false })), Effect.provide(Logger.layer([logger])))
})

describe("an incident in which operations fail that are rarely asked", () => {
  type Reason = CacheError.StoreErrorReason
  /** A cache whose store fails as `failing` says, with the beginnings and ends of incidents in its log. */
  const incidents = () => {
    const state = { lines: [] as Array<string>, failing: (_operation: string): Reason | undefined => undefined }
    const logger = Logger.make(({ message }) =>
      void state.lines.push(
        /could not (.+): it|answers again.*/.exec(String(message))!.findLast((part) => part !== undefined)!
      )
    )
    const store = MemoryStore.layer.pipe(Store.tap({
      around: ({ operation, store }, run) => {
        const reason = state.failing(operation)
        return reason === undefined ? run : Effect.fail(new CacheError.StoreError({ store, operation, reason }))
      }
    }))
    const layer = Layer.provideMerge(Layer.provide(CacheLayer.layer({ memory: false }), store), Logger.layer([logger]))
    return { state, layer }
  }
  const testIncidents = testWith(incidents, ({ layer }) => layer)
  let reads = 0
  const read = Effect.suspend(() => counting().load.pipe(Cached.ttl(`k${reads++}`, { ttl: "1 hour" })))
  const increment = Effect.exit(Cached.counter("visits").increment())

  testIncidents(
    "ends with the first answer, and the next incident has a first and a last line too",
    function*({ state }) {
      for (let outages = 0; outages < 2; outages++) {
        state.failing = () => "Unavailable"
        yield* increment
        yield* Effect.exit(Cached.size)
        yield* TestClock.adjust("3 seconds")
        yield* increment
        yield* read
        state.failing = () => undefined
        yield* read
        yield* TestClock.adjust("9 seconds")
      }
      expect(state.lines).toEqual([
        "increment a counter",
        "answers again after 3s",
        "increment a counter",
        "answers again after 3s"
      ])
    }
  )

  testIncidents("lasts while an operation fails although others are answered", function*({ state }) {
    state.failing = (operation) => operation === "increment" ? "Unavailable" : undefined
    for (let i = 0; i < 100; i++) {
      yield* increment
      yield* read
      yield* TestClock.adjust("1 second")
    }
    // The first answer seems to end it: that the operation fails alone shows only when it fails again.
    expect(state.lines).toEqual(["increment a counter", "answers again after 0", "increment a counter"])
    state.failing = () => undefined
    yield* increment
    expect(state.lines.slice(3)).toEqual(["answers again after 1m 39s"])
  })

  testIncidents("lasts while an operation is refused, for ten seconds after it was last asked", function*({ state }) {
    state.failing = (operation) => operation === "increment" ? "Full" : undefined
    yield* increment
    yield* TestClock.adjust("9 seconds")
    yield* increment
    yield* TestClock.adjust("9 seconds")
    yield* read
    expect(state.lines).toEqual(["increment a counter"])
    yield* TestClock.adjust("1 second")
    yield* read
    expect(state.lines.slice(1)).toEqual(["answers again after 19s"])
  })

  testIncidents("has a second line when the store, which refused something, is away", function*({ state }) {
    state.failing = (operation) => operation === "increment" ? "Full" : undefined
    yield* increment
    yield* TestClock.adjust("2 seconds")
    yield* read
    expect(state.lines).toEqual(["increment a counter"])
    state.failing = () => "Unavailable"
    yield* read
    yield* read
    expect(state.lines.slice(1)).toEqual(["read an entry"])
    state.failing = () => undefined
    yield* read
    expect(state.lines.slice(2)).toEqual(["answers again after 2s"])
  })
})

test("closing sends the store the lost invalidations within one store timeout, however many they are", function*() {
  const fake = fakeStore()
  fake.behave = (operation) => operation === "remove" ? { before: Effect.sleep("400 millis") } : {}
  const keys = Array.from({ length: 100 }, (_, n) => `k${n}`)
  const using = yield* start(
    Effect.gen(function*() {
      const invalidating = yield* start(Cached.invalidate(keys))
      yield* Effect.yieldNow
      yield* start(Fiber.interrupt(invalidating))
    }).pipe(Effect.provide(over(fake)))
  )
  yield* TestClock.adjust("1200 millis")
  expect(using.pollUnsafe()).toBeDefined()
})

test("CA-23 · a damaged entry is a miss, and one warning", function*() {
  const store = Store.makeSync({ name: "rotten", get: () => "damaged", set: () => undefined, remove: () => true })
  const { counts, get } = counting()
  const messages = yield* logged(Effect.andThen(get, get).pipe(Effect.provide(cacheOver(store, { memory: false }))))
  expect(counts.started).toBe(2)
  expect(messages.filter((message) => message.includes("damaged"))).toHaveLength(1)
})
