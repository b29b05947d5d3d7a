/** Single loads that begin in one turn: their leases and results go to the store in waves. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Logger, Option, Schema, Semaphore, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import { elapse, settle, start, started } from "../support/caches.ts"
import { warner } from "../support/logged.ts"
import { test } from "../support/tests.ts"

class User extends CacheKey.Class<User>()("User", {
  payload: { id: Schema.Int },
  success: Schema.String,
  tags: ({ id }) => ["users", `user:${id}`]
}) {}

const key = (id: number) => new User({ id })
const idOf = (id: number) => CacheKey.id(key(id))
const ids = (count: number) => Array.from({ length: count }, (_, id) => id)

/** How `calls` names a request: that of a flight which asks alone has no size. */
const callOf = (operation: string, { length }: ReadonlyArray<unknown>) =>
  length === 1 ? operation : `${operation} ${length}`

/** A store in memory that several processes share. `calls` has the requests for leases and results, and their sizes. */
const sharedStore = (parts: (store: Store.Store) => Partial<Store.Store> = () => ({})) => {
  const calls: Array<string> = []
  const store: Store.Store = {
    ...MemoryStore.make(),
    capabilities: { shared: true, changes: true },
    changes: Stream.concat(Stream.make({ _tag: "Coherent" }), Stream.never),
    changesUnsafe: undefined,
    getUnsafe: undefined
  }
  const noted = <A>(call: string, effect: Effect.Effect<A, StoreError>) =>
    Effect.suspend(() => {
      calls.push(call)
      return effect
    })
  const changed: Store.Store = { ...store, ...parts(store) }
  const counted: Store.Store = {
    ...changed,
    markers: (tags) => noted(`markers ${tags.length}`, changed.markers(tags)),
    acquire: (requests) => noted(callOf("acquire", requests), changed.acquire(requests)),
    renew: (some, ...asked) => noted(callOf("renew", some), changed.renew(some, ...asked)),
    commit: (requests) => noted(callOf("commit", requests), changed.commit(requests))
  }
  return { layer: Layer.succeed(Store.Store, counted), store, calls }
}

const over = (layer: Layer.Layer<Store.Store>, options: CacheLayer.LayerOptions = {}) =>
  Layer.provide(CacheLayer.layer(options), layer)

const process = (layer: Layer.Layer<Caching.Caching, unknown>) =>
  Effect.map(
    Effect.orDie(Layer.build(Layer.fresh(layer))),
    (context) => <A, E>(effect: Effect.Effect<A, E, Caching.Caching>) => Effect.provideContext(effect, context)
  )

/** Such a store, and a process over it. */
const oneProcess = (parts?: Parameters<typeof sharedStore>[0], options?: CacheLayer.LayerOptions) => {
  const shared = sharedStore(parts)
  return Effect.map(process(over(shared.layer, options)), (here) => ({ ...shared, here }))
}

/** A function of one user, whose loads wait for the gate. */
const userOf = (gate: Effect.Effect<unknown> = Effect.void) =>
  Cached.fn(User, ({ id }) => Effect.as(gate, `old ${id}`), { ttl: "1 hour" })

const readAll = (count: number, gate?: Effect.Effect<unknown>) => {
  const user = userOf(gate)
  return Effect.forEach(ids(count), (id) => user({ id }), { concurrency: "unbounded" })
}

const take = (store: Store.Store, id: number) =>
  singly(store).acquire(idOf(id), { owner: "other", leaseMillis: 1000, rejectedWriteId: undefined, join: false })

const found = (id: number) => Effect.map(Cached.getOption(key(id)), Option.getOrUndefined)

/** The loads of one turn that ask for their leases alone. */
const alone = 8

/** Sorts calls into those for one load, of which only the number matters, and those for many. */
const manyOf = (calls: ReadonlyArray<string>, operation: string) =>
  calls.filter((call) => call.startsWith(`${operation} `))

const oneOf = (calls: ReadonlyArray<string>, operation: string) => calls.filter((call) => call === operation).length

/** How many ids the requests of an operation concern. */
const concerned = (calls: ReadonlyArray<string>, operation: string) =>
  manyOf(calls, operation).reduce((sum, call) => sum + Number(call.split(" ")[1]), oneOf(calls, operation))

const requestsOf = (calls: ReadonlyArray<string>, operation: string) =>
  manyOf(calls, operation).length + oneOf(calls, operation)

describe("P3 · single loads that begin one after the other", () => {
  test.each(["lease", "result"])("wait for no other one, of which the store does not take the %s", function*(what) {
    const millisFor = (one: string, ids: ReadonlyArray<string>) => one === what && ids.includes("hangs") ? 1e9 : 5
    const { calls, here, store } = yield* oneProcess((store) => ({
      acquire: (requests) => Effect.delay(store.acquire(requests), millisFor("lease", requests.map(({ id }) => id))),
      commit: (requests) => Effect.delay(store.commit(requests), millisFor("result", requests.map(({ id }) => id)))
    }))
    const took: Array<number> = []
    const one = (id: string) =>
      here(
        Effect.clockWith((clock) => {
          const since = clock.currentTimeMillisUnsafe()
          return Effect.tap(
            Cached.ttl(Effect.succeed(1), id, { ttl: "1 hour" }),
            () => Effect.sync(() => took.push(clock.currentTimeMillisUnsafe() - since))
          )
        })
      )
    for (let i = 0; i < 300; i++) {
      for (const id of i === 100 ? ["hangs"] : [`a ${i}`, `b ${i}`]) {
        yield* start(one(id))
      }
      yield* TestClock.adjust(1)
    }
    yield* TestClock.adjust("1 minute")
    expect(took.filter((millis) => millis > 20)).toHaveLength(1)
    expect(concerned(calls, "acquire")).toBe(599)
    expect(yield* store.size).toBe(598)
  })
})

describe("PW-04 · single loads that begin in one turn", () => {
  test("ask the store in waves, and hold each lease until its result is stored", function*() {
    const { calls, here, store } = yield* oneProcess(undefined, { lease: "3 seconds" })
    const gate = yield* Deferred.make<void>()
    const reading = yield* started(here(readAll(600, Deferred.await(gate))))
    expect(concerned(calls, "acquire")).toBe(600)
    // Those that ask alone, of the three turns in which the store answers the reads, and three waves.
    expect(requestsOf(calls, "acquire")).toBeLessThanOrEqual(3 * alone + 3)
    expect(manyOf(calls, "markers").length).toBe(requestsOf(calls, "acquire"))
    calls.length = 0
    for (let seconds = 0; seconds < 6; seconds++) {
      yield* elapse("1 second")
      for (const id of [0, 7, 8, 300, 599]) expect(yield* take(store, id)).toMatchObject({ _tag: "Wait" })
    }
    // Each wave renews its leases together.
    expect(concerned(calls, "renew") % 600).toBe(0)
    expect(manyOf(calls, "renew").length / (concerned(calls, "renew") / 600)).toBeLessThanOrEqual(3 * alone + 3)
    calls.length = 0
    yield* Deferred.succeed(gate, undefined)
    expect(yield* Fiber.join(reading)).toEqual(ids(600).map((id) => `old ${id}`))
    expect(concerned(calls, "commit")).toBe(600)
    expect(requestsOf(calls, "commit")).toBeLessThanOrEqual(3 * alone + 3)
    expect(yield* store.size).toBe(600)
    calls.length = 0
    yield* TestClock.adjust("10 seconds")
    expect(calls.filter((call) => call.startsWith("renew"))).toEqual([])
  })

  test("a few at once ask alone, without a delay", function*() {
    const { calls, here } = yield* oneProcess()
    // `Effect.runSync` fails if a load waits for a later turn.
    const context = yield* Effect.context<never>()
    expect(Effect.runSyncWith(context)(here(readAll(alone)))).toEqual(ids(alone).map((id) => `old ${id}`))
    expect([oneOf(calls, "acquire"), oneOf(calls, "commit")]).toEqual([alone, alone])
    // However many load one after another: a program that cannot wait has no waves.
    expect(Effect.runSyncWith(context)(here(readAll(40))).length).toBe(40)
    expect([manyOf(calls, "acquire"), manyOf(calls, "commit")]).toEqual([[], []])
    // A program that could wait for waves has none either.
    yield* here(Cached.clear)
    calls.length = 0
    expect((yield* here(readAll(alone))).length).toBe(alone)
    expect([oneOf(calls, "acquire"), oneOf(calls, "commit")]).toEqual([alone, alone])
  })

  test("P2 · store nothing of a key that another process has changed during the load, and all others", function*() {
    const { here, layer, store } = yield* oneProcess()
    const there = yield* process(over(layer))
    const gate = yield* Deferred.make<void>()
    const reading = yield* started(here(readAll(50, Deferred.await(gate))))
    yield* there(Cached.invalidate(key(30)))
    yield* there(Cached.invalidate({ tag: "user:49" }))
    yield* there(Cached.set(key(35), "new"))
    yield* Deferred.succeed(gate, undefined)
    expect((yield* Fiber.join(reading)).length).toBe(50)
    // The changes of this store are not reported, so that memory learns of none but a refused commit.
    const some = [30, 35, 0, 48]
    expect(yield* here(Effect.forEach(some, found))).toEqual([undefined, "new", "old 0", "old 48"])
    expect(yield* there(Effect.forEach(some, found))).toEqual([undefined, "new", "old 0", "old 48"])
    expect(yield* there(found(49))).toBe(undefined)
    expect(yield* store.size).toBe(48 + 1)
  })

  test("P1 · wait for a key that another process is loading, and ask for it once", function*() {
    const { calls, here, store } = yield* oneProcess()
    expect(yield* take(store, 30)).toMatchObject({ _tag: "Granted" })
    const reading = yield* started(here(readAll(50)))
    expect(concerned(calls, "acquire")).toBe(50)
    expect(requestsOf(calls, "acquire")).toBeLessThanOrEqual(2 * alone + 1)
    expect(yield* store.size).toBe(49)
    expect(reading.pollUnsafe()).toBe(undefined)
    yield* store.release(idOf(30), "other")
    yield* TestClock.adjust("1 second")
    expect((yield* Fiber.join(reading)).length).toBe(50)
  })

  test("P1 · hold the lease of a load that replaces another one of the same turn", function*() {
    const { here, store } = yield* oneProcess()
    const gate = yield* Deferred.make<void>()
    const user = userOf(Deferred.await(gate))
    const busy = yield* start(here(readAll(20, Deferred.await(gate))))
    const before = yield* start(here(user({ id: 30 })))
    yield* here(Cached.invalidate(key(30)))
    const after = yield* started(here(user({ id: 30 })))
    expect(yield* take(store, 30)).toMatchObject({ _tag: "Wait" })
    yield* Deferred.succeed(gate, undefined)
    for (const fiber of [busy, before, after]) yield* Fiber.join(fiber as Fiber.Fiber<unknown>)
    expect(yield* store.size).toBe(21)
  })

  test("P3 · the others continue if readers leave, in line or while the store answers", function*() {
    const gate = yield* Deferred.make<void>()
    const asked: Array<string> = []
    const { here, store } = yield* oneProcess(({ acquire }) => ({
      acquire: (requests) => {
        asked.push(...requests.map(({ id }) => id))
        return Effect.andThen(Deferred.await(gate), acquire(requests))
      }
    }))
    const user = userOf()
    const readers = yield* Effect.forEach(ids(30), (id) => start(here(user({ id }))))
    // Leaves before the wave is sent.
    yield* Fiber.interrupt(readers[20]!)
    yield* settle
    expect([20, 21].map((id) => asked.includes(idOf(id)))).toEqual([false, true])
    const leaving = yield* started(Fiber.interrupt(readers[21]!))
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.join(leaving)
    yield* settle
    const ended = readers.map((reader) => reader.pollUnsafe())
    expect(ended.filter((exit) => exit !== undefined && Exit.isSuccess(exit)).length).toBe(28)
    expect(yield* store.size).toBe(28)
    for (const id of [20, 21]) expect(yield* take(store, id)).toMatchObject({ _tag: "Granted" })
  })

  test("P4 · have a budget that begins when their wave is sent: a healthy store takes all results", function*() {
    // One wave after the other: the last ones wait in the line for longer than their budget.
    const one = Semaphore.makeUnsafe(1)
    const slowly = <A>(effect: Effect.Effect<A, StoreError>) => one.withPermit(Effect.delay(effect, "100 millis"))
    const { here, store } = yield* oneProcess(({ acquire, commit }) => ({
      acquire: (requests) => requests.length === 1 ? acquire(requests) : slowly(acquire(requests)),
      commit: (requests) => requests.length === 1 ? commit(requests) : slowly(commit(requests))
    }), { storeTimeout: "500 millis", lease: "1 minute" })
    const reading = yield* start(here(readAll(3000)))
    for (let i = 0; i < 50; i++) {
      yield* settle
      yield* TestClock.adjust("100 millis")
    }
    yield* Fiber.join(reading)
    expect(yield* store.size).toBe(3000)
    expect((yield* here(Cached.stats)).storeFailures).toBe(0)
  })

  test("P4 · are sent to a store that has been late once and whose time stands still while it is healthy", function*() {
    let workedMillis = 0
    let isSlow = true
    const { here, store } = yield* oneProcess(({ acquire }) => ({
      workedMillis: () => workedMillis,
      acquire: (requests) =>
        Effect.suspend(() => {
          if (isSlow) workedMillis += 1000
          isSlow = false
          return acquire(requests)
        })
    }), { storeTimeout: "500 millis" })
    yield* here(readAll(30))
    yield* here(Cached.clear)
    expect(isSlow).toBe(false)
    yield* here(readAll(30))
    expect(yield* store.size).toBe(30)
  })

  test("P4 · wait in the line for ten budgets at most", function*() {
    const one = Semaphore.makeUnsafe(1)
    const { here } = yield* oneProcess(({ acquire }) => ({
      acquire: (requests) =>
        requests.length === 1
          ? acquire(requests)
          : one.withPermit(Effect.delay(acquire(requests), "240 millis"))
    }), { storeTimeout: "500 millis", lease: "1 minute" })
    // So many waves, one after the other, would take almost seven seconds.
    const reading = yield* start(here(readAll(7000)))
    for (let i = 0; i < 57; i++) {
      yield* settle
      yield* TestClock.adjust("100 millis")
    }
    yield* settle
    expect(reading.pollUnsafe()).toMatchObject({ _tag: "Success" })
  })

  it.effect.each([
    { name: "a store that hangs", hangs: 1 },
    // So few timeouts do not open the circuit.
    { name: "a store that hangs for waves alone", hangs: 2 }
  ])("P4 · are answered after one budget by $name, however many they are, with one warning", ({ hangs }) => {
    const { logger, warnings } = warner("The store")
    return Effect.gen(function*() {
      const { here } = yield* oneProcess(({ acquire }) => ({
        acquire: (requests) => requests.length >= hangs ? Effect.never : acquire(requests)
      }), { storeTimeout: "1 second" })
      const reading = yield* started(here(readAll(1000)))
      yield* TestClock.adjust("1 second")
      for (let turns = 0; turns < 20; turns++) yield* settle
      expect(reading.pollUnsafe()).toMatchObject({ _tag: "Success" })
      expect(warnings.length).toBe(1)
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([logger])))
  })

  test("keep what a store has taken before it refused one of them", function*() {
    const { here, store } = yield* oneProcess(({ commit }) => {
      const refused = () => Effect.fail(new StoreError({ store: "s", operation: "commit", reason: "TooLarge" }))
      return {
        commit: (requests) =>
          requests.every(({ id }) => id !== idOf(20))
            ? commit(requests)
            : Effect.andThen(commit(requests.slice(0, requests.length > 1 ? 5 : 0)), refused())
      }
    })
    expect((yield* here(readAll(30))).length).toBe(30)
    expect(yield* store.size).toBe(29)
    expect(yield* here(found(20))).toBe("old 20")
  })

  test("P5 · one that fails or dies concerns its own reader", function*() {
    const { here, store } = yield* oneProcess()
    const user = Cached.fn(User, ({ id }) => id === 20 ? Effect.die("broken") : Effect.succeed(`old ${id}`), {
      ttl: "1 hour"
    })
    const exits = yield* here(
      Effect.forEach(ids(30), (id) => Effect.exit(user({ id })), { concurrency: "unbounded" })
    )
    expect(exits.filter(Exit.isSuccess).length).toBe(29)
    const failed = exits[20]!
    expect(Exit.isFailure(failed) && Cause.squash(failed.cause)).toBe("broken")
    yield* settle
    expect(yield* store.size).toBe(29)
    expect(yield* take(store, 20)).toMatchObject({ _tag: "Granted" })
  })
})

describe("a store whose ids are on several servers, one of which is down", () => {
  const down = new StoreError({ store: "memory", operation: "", reason: "Unavailable" })
  const isDown = (id: string) => Number(/\d+(?=\D*$)/.exec(id)![0]) % 3 === 0
  const unlessDown = <A>(ids: ReadonlyArray<string>, effect: Effect.Effect<A, StoreError>) =>
    ids.some(isDown) ? Effect.fail(down) : effect
  const idsOf = (items: ReadonlyArray<{ readonly id: string }>) => items.map(({ id }) => id)
  const sharded = () =>
    sharedStore((store) => ({
      capabilities: { ...store.capabilities, sharded: true },
      acquire: (requests) => unlessDown(idsOf(requests), store.acquire(requests)),
      renew: (ids, ...options) => unlessDown(ids, store.renew(ids, ...options)),
      commit: (requests) => unlessDown(idsOf(requests), store.commit(requests))
    }))
  const expected = ids(60)
  type Read = (gate: Effect.Effect<unknown>) => Effect.Effect<unknown, never, Caching.Caching>
  const many: Read = (gate) =>
    Cached.many(User, (users) => Effect.as(gate, users.map(({ id }) => Exit.succeed(`old ${id}`))), { ttl: "1 hour" })(
      expected.map((id) => ({ id }))
    )

  test.each<[string, Read]>([
    ["single loads that begin in one turn", (gate) => readAll(60, gate)],
    ["a bulk call", many]
  ])("stores the results of the others: %s", function*([, read]) {
    const { layer, store } = sharded()
    const here = yield* process(over(layer, { lease: "3 seconds" }))
    const gate = yield* Deferred.make<void>()
    const reading = yield* started(here(read(Deferred.await(gate))))
    for (let seconds = 0; seconds < 6; seconds++) {
      yield* elapse("1 second")
      for (const id of [1, 10, 59]) expect(yield* take(store, id)).toMatchObject({ _tag: "Wait" })
    }
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.join(reading)
    const stored = yield* store.getMany(expected.map(idOf))
    expect(expected.filter((i) => stored[i] !== undefined)).toEqual(expected.filter((id) => id % 3 > 0))
  })
})
