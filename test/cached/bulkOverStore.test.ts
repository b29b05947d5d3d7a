/** Bulk calls at the store: leases, renewals and results go in waves. */
import { describe, expect, it } from "@effect/vitest"
import {
  Cause,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Latch,
  Layer,
  Option,
  Queue,
  Schema,
  Scope,
  Semaphore,
  Stream
} from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { TestClock } from "effect/testing"
import { Within } from "../../src/internal/engine/request/attempt.ts"
import type { Flights } from "../../src/internal/engine/state.ts"
import { singly } from "../../src/testing/internal/singly.ts"
import {
  found,
  hour,
  idOf,
  key,
  oneProcess,
  over,
  payloads,
  process,
  read,
  sharedStore,
  take,
  User
} from "../support/bulkCalls.ts"
import { elapse, ended, type FakeStore, fakeStore, settle, start, started } from "../support/caches.ts"
import { warningsOf } from "../support/logged.ts"
import * as Looking from "../support/looking.ts"
import { test } from "../support/tests.ts"

describe("PW-01 · the flights of a bulk call at the store", () => {
  /** With a timeout, each key has a flight from the beginning. */
  const ways = [{}, { timeout: "1 hour" }] as const

  const usersWith = (options: (typeof ways)[number], gate: Effect.Effect<unknown> = Effect.void) =>
    Cached.many(User, (keys) => Effect.as(gate, keys.map(({ id }) => Exit.succeed(`old ${id}`))), {
      ...hour,
      ...options
    })

  test("ask in waves, and hold each lease until its result is stored", function*() {
    const { calls, here, layer, store } = yield* oneProcess(undefined, { lease: "3 seconds" })
    const gate = yield* Deferred.make<void>()
    const reading = yield* started(here(read(600, Deferred.await(gate))))
    expect(calls).toEqual(["acquire 256", "acquire 256", "acquire 88"])
    calls.length = 0
    for (let seconds = 0; seconds < 6; seconds++) {
      yield* elapse("1 second")
      for (const id of [0, 255, 256, 599]) expect(yield* take(store, id)).toMatchObject({ _tag: "Wait" })
    }
    expect(calls.slice(0, 3)).toEqual(["renew 256", "renew 256", "renew 88"])
    calls.length = 0
    yield* Deferred.succeed(gate, undefined)
    expect((yield* Fiber.join(reading)).every(Exit.isSuccess)).toBe(true)
    expect(calls).toEqual(["commit 256", "commit 256", "commit 88"])
    const there = yield* process(over(layer))
    expect([yield* there(found(0)), yield* there(found(599))]).toEqual(["old 0", "old 599"])
  })

  test("P2 · store nothing of a key that another process has changed during the load, and all others", function*() {
    const { here, layer, store } = yield* oneProcess()
    const there = yield* process(over(layer))
    const gate = yield* Deferred.make<void>()
    const reading = yield* started(here(read(300, Deferred.await(gate))))
    yield* there(Cached.invalidate(key(3)))
    yield* there(Cached.invalidate({ tag: "user:299" }))
    yield* there(Cached.set(key(5), "new"))
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.join(reading)
    // The changes of this store are not reported, so that memory learns of none but a refused commit.
    const ids = [3, 5, 0, 298]
    expect(yield* here(Effect.forEach(ids, found))).toEqual([undefined, "new", "old 0", "old 298"])
    expect(yield* there(Effect.forEach(ids, found))).toEqual([undefined, "new", "old 0", "old 298"])
    expect(yield* there(found(299))).toBe(undefined)
    expect(yield* store.size).toBe(298 + 1)
  })

  test("P1 · wait alone for a key that another process is loading", function*() {
    const { here, store } = yield* oneProcess()
    expect(yield* take(store, 3)).toMatchObject({ _tag: "Granted" })
    const calls: Array<number> = []
    const users = Cached.many(User, (keys) =>
      Effect.sync(() => {
        calls.push(keys.length)
        return keys.map(({ id }) => Exit.succeed(`old ${id}`))
      }), hour)
    const reading = yield* started(here(users(payloads(10))))
    expect(calls).toEqual([9])
    expect(reading.pollUnsafe()).toBe(undefined)
    yield* store.release(idOf(3), "other")
    yield* TestClock.adjust("1 second")
    expect((yield* Fiber.join(reading)).length).toBe(10)
    expect(calls).toEqual([9, 1])
  })

  test("do not ask again for keys that other processes are loading, or have stored", function*() {
    let asked = 0
    const { calls, here, store } = yield* oneProcess(({ acquire, markers }) => ({
      acquire: (requests) => (requests.length === 1 && asked++, acquire(requests)),
      markers: (tags) => (asked++, markers(tags))
    }))
    const there = yield* process(Layer.provide(CacheLayer.layer({}), Layer.succeed(Store.Store, store)))
    const gate = yield* Deferred.make<void>()
    const first = yield* started(there(read(300, Deferred.await(gate), "their")))
    const second = yield* started(here(read(300)))
    // The markers of each wave, and no question of a single key.
    expect(asked).toBeLessThanOrEqual(3)
    expect(calls).toEqual(["acquire 256", "acquire 44"])
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.join(first)
    yield* elapse("1 second")
    expect((yield* Fiber.join(second))[299]).toEqual(Exit.succeed("their 299"))
    expect(asked).toBeLessThanOrEqual(3)
  })

  describe.each(["acquire", "commit"] as const)("P4 · of a store whose second %s goes wrong", (operation) => {
    const outcomes = {
      fails: Effect.fail(new StoreError({ store: "s", operation, reason: "Unavailable" })),
      hangs: Effect.never,
      "dies of a bug": Effect.die(new Error("a bug"))
    }
    test.each(Object.keys(outcomes) as Array<keyof typeof outcomes>)("which %s", function*(how) {
      let asked = 0
      const { layer, store } = sharedStore((store) => ({
        [operation]: (requests: never) => ++asked === 2 ? outcomes[how] : store[operation](requests)
      }))
      const warnings = yield* warningsOf(
        Effect.gen(function*() {
          const here = yield* process(over(layer, { storeTimeout: "1 second" }))
          const reading = yield* start(here(read(1000)))
          for (let i = 0; i < 4; i++) {
            yield* settle
            yield* TestClock.adjust("500 millis")
          }
          yield* settle
          const exits = yield* Fiber.join(reading)
          expect(exits).toEqual(payloads(1000).map(({ id }) => Exit.succeed(`old ${id}`)))
          expect(yield* here(Effect.forEach([0, 300, 999], found))).toEqual(["old 0", "old 300", "old 999"])
          const there = yield* process(over(layer))
          // A store that was too slow before the load is not asked again after it.
          const isAsked = how !== "hangs" || operation === "commit"
          expect(yield* there(Effect.forEach([0, 300], found))).toEqual([isAsked ? "old 0" : undefined, undefined])
          // No lease is left that keeps others from loading.
          expect(yield* take(store, 300)).toMatchObject({ _tag: "Granted" })
          expect(yield* take(store, 0)).toMatchObject({ _tag: isAsked ? "Hit" : "Granted" })
        }).pipe(Effect.scoped)
      )
      expect(warnings.filter((text) => text.includes("Until it answers") || text.includes("slow"))).toHaveLength(1)
    })
  })

  test("P4 · are answered after one budget by a store that hangs, and give their leases back", function*() {
    let hangs = true
    const { here, store } = yield* oneProcess(({ commit }) => ({
      commit: (requests) => hangs ? Effect.never : commit(requests)
    }), { storeTimeout: "1 second" })
    const reading = yield* started(here(read(1000)))
    yield* elapse("1 second")
    expect(reading.pollUnsafe()).toMatchObject({ _tag: "Success" })
    // In memory until the store answers again.
    expect(yield* here(found(999))).toBe("old 999")
    yield* elapse("1 second")
    expect(yield* take(store, 999)).toMatchObject({ _tag: "Granted" })
    hangs = false
  })

  test("keep what a store has taken before it refused one of them", function*() {
    const { here, layer, store } = yield* oneProcess(({ commit }) => {
      const refused = () => Effect.fail(new StoreError({ store: "s", operation: "commit", reason: "TooLarge" }))
      return {
        // The first half is committed before one is refused.
        commit: (requests) =>
          requests.every(({ id }) => id !== idOf(7))
            ? commit(requests)
            : Effect.andThen(commit(requests.slice(0, requests.length / 2)), refused())
      }
    })
    yield* here(read(10))
    expect(yield* store.size).toBe(9)
    const there = yield* process(over(layer))
    expect(yield* Effect.forEach([0, 4, 5, 7, 9], (id) => there(found(id))))
      .toEqual(["old 0", "old 4", "old 5", undefined, "old 9"])
    expect(yield* here(found(7))).toBe("old 7")
    expect((yield* here(Cached.stats)).size).toBe(10)
  })

  test("give back the leases that are granted after their reader has left", function*() {
    const gate = yield* Deferred.make<void>()
    const { here, store } = yield* oneProcess(({ acquire }) => ({
      acquire: (requests) => Effect.andThen(Deferred.await(gate), acquire(requests))
    }))
    const reading = yield* started(here(read(10)))
    const leaving = yield* started(Fiber.interrupt(reading))
    yield* Deferred.succeed(gate, undefined)
    yield* settle
    yield* Fiber.join(leaving)
    expect(yield* take(store, 3)).toMatchObject({ _tag: "Granted" })
  })

  it.live.each(ways)(
    "call no lookup for a reader that leaves while they ask, whichever wave is answered meanwhile (%j)",
    (options) =>
      Effect.gen(function*() {
        const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
        const { calls, here } = yield* oneProcess(({ acquire }) => ({
          acquire: (requests) => Effect.andThen(turn, acquire(requests))
        }))
        let lookups = 0
        for (const waves of [1, 5, 20]) {
          calls.length = 0
          const reading = yield* start(here(usersWith(options, Effect.sync(() => void lookups++))(payloads(8000))))
          const asked = () => calls.filter((call) => call.startsWith("acquire")).length
          while (asked() < waves) yield* turn
          yield* Fiber.interrupt(reading)
          yield* Effect.forEach(Array.from({ length: 50 }), () => turn)
        }
        expect(lookups).toBe(0)
        expect((yield* here(read(8000))).every(Exit.isSuccess)).toBe(true)
      }).pipe(Effect.scoped)
  )

  test.each(ways)(
    "store all results of a call that has ended, though their reader leaves in between (%j)",
    function*(options) {
      const gate = yield* Deferred.make<void>()
      const { calls, here, store } = yield* oneProcess(({ commit }) => ({
        commit: (requests) => Effect.andThen(Deferred.await(gate), commit(requests))
      }))
      const reading = yield* started(here(usersWith(options)(payloads(600))))
      const leaving = yield* started(Fiber.interrupt(reading))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(leaving)
      yield* settle
      expect(calls.filter((call) => call.startsWith("commit"))).toEqual(["commit 256", "commit 256", "commit 88"])
      expect(yield* store.size).toBe(600)
    }
  )

  test("make all results as old as the call, whichever wave stores them", function*() {
    const { here } = yield* oneProcess(({ commit }) => ({
      commit: (requests) => Effect.delay(commit(requests), "40 seconds")
    }), { storeTimeout: "1 minute", lease: "5 minutes" })
    const reading = yield* start(here(read(300)))
    for (let step = 0; step < 2; step++) {
      yield* settle
      yield* TestClock.adjust("40 seconds")
    }
    yield* settle
    expect(reading.pollUnsafe()).toBeDefined()
    const left = yield* here(Effect.forEach([0, 299], (id) => Looking.expiresIn(key(id))))
    expect(left.map(Option.map(Duration.toSeconds))).toEqual([Option.some(3520), Option.some(3520)])
  })

  test("store each result with the versions of its own tags, in whatever order keys name them", function*() {
    class Named extends CacheKey.Class<Named>()("Named", {
      payload: { id: Schema.Int },
      success: Schema.Int,
      tags: ({ id }) => id % 2 === 0 ? ["a", "b"] : ["b", "a"]
    }) {}
    const { layer } = sharedStore()
    let loads = 0
    const named = Cached.many(
      Named,
      (keys) => Effect.sync(() => (loads += keys.length, keys.map(({ id }) => Exit.succeed(id)))),
      hour
    )
    const here = yield* process(over(layer, { memory: false }))
    yield* here(named(payloads(4)))
    yield* here(named(payloads(4)))
    expect(loads).toBe(4)
  })

  test("ask once a wave for the tags that only the results name", function*() {
    class Late extends CacheKey.Class<Late>()("Late", { payload: { id: Schema.Int }, success: Schema.Int }) {}
    let asked = 0
    const { layer } = sharedStore(({ markers }) => ({ markers: (tags) => (asked++, markers(tags)) }))
    let loads = 0
    const late = Cached.many(
      Late,
      (keys) => Effect.sync(() => (loads += keys.length, keys.map(({ id }) => Exit.succeed(id)))),
      {
        ...hour,
        tags: (exit) => Exit.isSuccess(exit) ? [`late:${exit.value % 7}`, "late"] : []
      }
    )
    const here = yield* process(over(layer, { memory: false }))
    yield* here(late(payloads(200)))
    // One before the load, for the count of invalidations, one for further answers, and one after it.
    expect(asked).toBeLessThanOrEqual(3)
    yield* here(late(payloads(200)))
    expect(loads).toBe(200)
    const there = yield* process(over(layer, { memory: false }))
    yield* there(Cached.invalidate({ tag: "late:3" }))
    yield* here(late(payloads(200)))
    expect(loads).toBe(200 + 29)
  })

  test("a key whose tags throw fails alone", function*() {
    class Odd extends CacheKey.Class<Odd>()("Odd", { payload: { id: Schema.Int }, success: Schema.Int }) {}
    const odd = Cached.many(
      Odd,
      (keys) => Effect.succeed(keys.map(({ id }) => Exit.succeed(id))),
      {
        ...hour,
        tags: (_, { id }) => {
          if (id === 3) throw new Error("no tags")
          return [`odd:${id}`]
        }
      }
    )
    const { here, store } = yield* oneProcess()
    yield* Effect.exit(here(odd(payloads(10)) as Effect.Effect<unknown>))
    expect(yield* store.size).toBe(9)
  })

  test("P6 · set together live equally long, however long the waves before have taken", function*() {
    const { here } = yield* oneProcess(({ set }) => ({
      set: (entries) => Effect.delay(set(entries), "400 millis")
    }), { storeTimeout: "1 second" })
    const pairs = payloads(600).map(({ id }) => [key(id), `set ${id}`] as const)
    const setting = yield* start(here(Cached.setMany(pairs, { ttl: "10 seconds" })))
    for (let i = 0; i < 4; i++) {
      yield* settle
      yield* TestClock.adjust("400 millis")
    }
    yield* Fiber.join(setting)
    const left = yield* here(Effect.forEach([0, 599], (id) => Looking.expiresIn(key(id))))
    expect(left.map(Option.map(Duration.toMillis))).toEqual([Option.some(8400), Option.some(8400)])
  })

  test("P4 · share one budget of a slow store, if they are one wave", function*() {
    const slow = <A, E>(effect: Effect.Effect<A, E>) => Effect.delay(effect, "400 millis")
    const { here } = yield* oneProcess((store) => ({
      getMany: (ids) => slow(store.getMany(ids)),
      markers: (tags) => slow(store.markers(tags)),
      acquire: (requests) => slow(store.acquire(requests)),
      commit: (requests) => slow(store.commit(requests))
    }), { storeTimeout: "1 second" })
    const reading = yield* start(here(read(2)))
    for (let i = 0; i < 20; i++) {
      yield* settle
      yield* TestClock.adjust("55 millis")
    }
    yield* settle
    expect(reading.pollUnsafe()).toMatchObject({ _tag: "Success" })
  })

  test("P6 · a failing call fails all its readers, stores nothing, and gives the leases back", function*() {
    const { here, store } = yield* oneProcess()
    const users = Cached.many(User, () => Effect.fail("down"), hour)
    const exit = yield* Effect.exit(here(users(payloads(300))))
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBe("down")
    yield* settle
    expect(yield* store.size).toBe(0)
    for (const id of [0, 299]) expect(yield* take(store, id)).toMatchObject({ _tag: "Granted" })
  })
})

describe("PW-01 · the keys of a long list over a store", () => {
  /** The engine of the cache in use. */
  const engine: Effect.Effect<Flights, never, any> = Effect.map(Within, (within) => within!.flight!.engine).pipe(
    Cached.ttl("the engine", { ttl: 1 })
  )

  const one = Cached.fn(User, ({ id }) => Effect.succeed(`one ${id}`), hour)

  const count = 300
  const expectedOf = (count: number) => payloads(count).map(({ id }) => Exit.succeed(`old ${id}`))
  const expected = expectedOf(count)

  /** A process whose store waits for a gate at one operation, and notes for which ids it was asked. */
  const make = Effect.fnUntraced(function*(
    gated: "acquire" | "commit" | "nothing" = "nothing",
    more: Partial<Store.Store> = {}
  ) {
    const gate = yield* Deferred.make<void>()
    const asked: Array<string> = []
    const shared = sharedStore((store) => {
      const when = (operation: typeof gated, { length }: ReadonlyArray<unknown>) =>
        operation === gated && length > 1 ? Deferred.await(gate) : Effect.void
      return {
        acquire: (requests) => {
          asked.push(...requests.map(({ id }) => id))
          // The leases are granted, but their answer is on its way.
          return Effect.tap(store.acquire(requests), () => when("acquire", requests))
        },
        commit: (requests) => Effect.andThen(when("commit", requests), store.commit(requests)),
        ...more
      }
    })
    const here = yield* process(over(shared.layer, { lease: "3 seconds", storeTimeout: "1 minute" }))
    const { flights, running } = yield* here(engine)
    yield* here(Cached.invalidate("the engine"))
    asked.length = 0
    return { ...shared, asked, flights, gate, here, running }
  })

  const tag = (store: Store.Store, id: number) =>
    Effect.tap(Effect.map(take(store, id), ({ _tag }) => _tag), () => store.release(idOf(id), "other"))

  const tags = (store: Store.Store, ids: ReadonlyArray<number>) => Effect.forEach(ids, (id) => tag(store, id))

  test("are no flights but for the first, hold their leases, and are all stored", function*() {
    const { asked, flights, here, running, store } = yield* make()
    const loading = yield* Deferred.make<void>()
    const reading = yield* start(here(read(count, Deferred.await(loading))))
    for (let seconds = 0; seconds < 6; seconds++) {
      yield* settle
      expect(running.size).toBe(1)
      expect(new Set(yield* tags(store, [0, 1, 255, 256, 299]))).toEqual(new Set(["Wait"]))
      yield* TestClock.adjust("1 second")
    }
    yield* Deferred.succeed(loading, undefined)
    expect(yield* Fiber.join(reading)).toEqual(expected)
    expect(asked).toHaveLength(count)
    expect([running.size, flights.stubs]).toEqual([0, undefined])
    const there = yield* process(over(sharedStore(() => store).layer))
    expect(yield* there(Effect.forEach([0, 1, 256, 299], found))).toEqual(["old 0", "old 1", "old 256", "old 299"])
    expect((yield* here(Cached.stats)).size).toBe(count)
  })

  describe.each(["acquire", "commit", "nothing"] as const)("while the store is asked for %s", (gated) => {
    // Behind the first 256, other keys wait for an answer to these.
    const count = gated === "acquire" ? 250 : 300
    const expected = expectedOf(count)
    const last = count - 1
    const begin = Effect.fnUntraced(function*(more?: Partial<Store.Store>) {
      const made = yield* make(gated, more)
      const loading = yield* Deferred.make<void>()
      const reading = yield* started(
        made.here(read(count, gated === "nothing" ? Deferred.await(loading) : Effect.void))
      )
      const open = Effect.andThen(Deferred.succeed(made.gate, undefined), Deferred.succeed(loading, undefined))
      return { ...made, open, reading }
    })

    test("P1 · are joined by another reader and another list, and asked for once", function*() {
      const { asked, here, open, reading, store } = yield* begin()
      const single = yield* start(here(one({ id: last - 1 })))
      const list = yield* started(here(read(230, Effect.void, "new")))
      yield* open
      expect(yield* Fiber.join(reading)).toEqual(expected)
      expect(yield* Fiber.join(single)).toBe(`old ${last - 1}`)
      expect(yield* Fiber.join(list)).toEqual(expected.slice(0, 230))
      expect(asked).toHaveLength(count)
      expect(yield* store.size).toBe(count)
      expect(new Set(yield* tags(store, [0, 100, last - 1]))).toEqual(new Set(["Hit"]))
    })

    test("P2 · lose what is set, invalidated or removed meanwhile, and their leases", function*() {
      const { here, open, reading, store } = yield* begin()
      // Writes may wait for the answer of the store.
      const writes = [
        Cached.invalidate(key(7)),
        Cached.set(key(8), "set"),
        Cached.remove(key(last - 1)),
        Cached.set(key(last), "set")
      ]
      for (const write of writes) yield* start(here(write))
      yield* settle
      yield* open
      expect(yield* Fiber.join(reading)).toEqual(expected)
      yield* settle
      const ids = [6, 7, 8, last - 2, last - 1, last]
      expect(yield* here(Effect.forEach(ids, found))).toEqual([
        "old 6",
        undefined,
        "set",
        `old ${last - 2}`,
        undefined,
        "set"
      ])
      expect(yield* tags(store, ids)).toEqual(["Hit", "Granted", "Hit", "Hit", "Granted", "Hit"])
      expect(yield* store.size).toBe(count - 2)
    })

    test("P2 · store nothing after a clear, which gives their leases back", function*() {
      const { here, open, reading, store } = yield* begin()
      yield* here(Cached.clear)
      yield* settle
      if (gated === "nothing") expect(yield* tag(store, last)).toBe("Granted")
      yield* open
      expect(yield* Fiber.join(reading)).toEqual(expected)
      yield* settle
      expect([yield* store.size, (yield* here(Cached.stats)).size]).toEqual([0, 0])
      expect(new Set(yield* tags(store, [0, 7, 248, last]))).toEqual(new Set(["Granted"]))
    })

    test("give their leases back if their reader leaves before the load has ended, and later are stored", function*() {
      const { flights, here, open, reading, store } = yield* begin()
      const leaving = yield* started(Fiber.interrupt(reading))
      yield* open
      yield* Fiber.join(leaving)
      yield* settle
      const isStored = gated === "commit"
      expect(yield* store.size).toBe(isStored ? count : 0)
      expect(new Set(yield* tags(store, [0, 7, 248, last]))).toEqual(new Set([isStored ? "Hit" : "Granted"]))
      expect(yield* here(found(last))).toBe(isStored ? `old ${last}` : undefined)
      expect(flights.stubs).toBe(undefined)
    })
  })

  test("P1 · wait for the loads of others, whoever has the lease of the first", function*() {
    const { here, running, store } = yield* make()
    for (const id of [0, 3]) expect(yield* take(store, id)).toMatchObject({ _tag: "Granted" })
    const calls: Array<number> = []
    const users = Cached.many(User, (keys) =>
      Effect.sync(() => {
        calls.push(keys.length)
        return keys.map(({ id }) => Exit.succeed(`old ${id}`))
      }), hour)
    const reading = yield* started(here(users(payloads(100))))
    expect(calls).toEqual([98])
    expect(running.size).toBe(2)
    for (const id of [0, 3]) yield* store.release(idOf(id), "other")
    yield* elapse("1 second")
    expect(yield* Fiber.join(reading)).toEqual(expected.slice(0, 100))
    expect(calls).toEqual([98, 2])
    expect(new Set(yield* tags(store, [0, 3, 50]))).toEqual(new Set(["Hit"]))
  })

  it.effect("P7 · are found in a circle of loads of two processes", () =>
    Effect.gen(function*() {
      const { here, layer } = yield* oneProcess(undefined, { lease: "3 seconds" })
      const there = yield* process(over(layer, { lease: "3 seconds" }))
      const begun = yield* Deferred.make<void>()
      const inner = <R>(load: Effect.Effect<string, never, R>) => Cached.ttl(load, "inner", { ttl: "1 hour" })
      const theirs = yield* start(there(inner(Effect.andThen(Deferred.await(begun), Effect.orDie(one({ id: 20 }))))))
      const users = Cached.many(User, (keys) =>
        Effect.map(
          Effect.andThen(Deferred.succeed(begun, undefined), inner(Effect.succeed("own"))),
          (value) => keys.map(() => Exit.succeed(value))
        ), hour)
      const ours = yield* start(here(Effect.exit(users(payloads(100)))))
      for (let seconds = 0; seconds < 10; seconds++) {
        yield* settle
        yield* TestClock.adjust("1 second")
      }
      yield* settle
      expect([ended(theirs), ended(ours)].map(String).join()).toContain("CacheCycle")
    }).pipe(Effect.provideService(Scope.Scope, Scope.makeUnsafe())))

  test("P4 · become one flight, even if the store reports a change of the key at that moment", function*() {
    const { flights, gate, here, store } = yield* make("acquire")
    const { tagEpochs } = yield* here(engine)
    yield* take(store, 7)
    const reading = yield* started(here(read(250, Effect.void)))
    let looks = 0
    // The first read of a turn polls the store, and a change looks the flight of its id up.
    tagEpochs.lookIfLate = () => void (++looks === 1 && flights.get(idOf(7)))
    yield* Deferred.succeed(gate, undefined)
    yield* settle
    expect(looks).toBeGreaterThan(0)
    yield* store.release(idOf(7), "other")
    yield* TestClock.adjust("10 seconds")
    expect(reading.pollUnsafe()).toMatchObject({ _tag: "Success", value: expectedOf(250) })
  })

  test("P2 · do not enter memory if the store refuses them, and reach their reader", function*() {
    const { here, store } = yield* make()
    const loading = yield* Deferred.make<void>()
    const reading = yield* started(here(read(count, Deferred.await(loading))))
    // The store does not report what others do.
    for (const id of [7, 299]) yield* singly(store).remove(idOf(id))
    yield* Deferred.succeed(loading, undefined)
    expect(yield* Fiber.join(reading)).toEqual(expected)
    expect(yield* here(Effect.forEach([6, 7, 298, 299], found))).toEqual(["old 6", undefined, "old 298", undefined])
    expect((yield* here(Cached.stats)).size).toBe(count - 2)
  })

  const afterGap = Effect.fnUntraced(function*(more?: Partial<Store.Store>) {
    const changes = yield* Queue.unbounded<Store.Change>()
    const { here, store } = yield* make("nothing", { changes: Stream.fromQueue(changes), ...more })
    const loading = yield* Deferred.make<void>()
    const reading = yield* started(here(read(count, Deferred.await(loading))))
    // Another process removes one, and this is not reported.
    yield* singly(store).remove(idOf(7))
    yield* Queue.offer(changes, { _tag: "Gap" })
    yield* settle
    return {
      tags: yield* tags(store, [0, 7, 299]),
      end: Effect.gen(function*() {
        const later = yield* started(here(one({ id: 299 })))
        yield* Deferred.succeed(loading, undefined)
        expect(yield* Fiber.join(reading)).toEqual(expected)
        yield* settle
        return [ended(later), yield* store.size, (yield* here(Cached.stats)).size]
      })
    }
  })

  test("P2 · are stored, but not in memory, if a shared store has lost changes, and refused if changed", function*() {
    const { end, tags } = yield* afterGap()
    expect(tags).toEqual(["Wait", "Granted", "Wait"])
    // The later reader reads again at the end: from the store.
    expect(yield* end).toEqual([Exit.succeed("old 299"), count - 1, 1])
  })

  test("P2 · give their leases back, unstored, if a store that may not refuse them has lost changes", function*() {
    const { end, tags } = yield* afterGap({ transact: undefined })
    expect(tags).toEqual(["Granted", "Granted", "Granted"])
    expect(yield* end).toEqual([Exit.succeed("one 299"), 1, 1])
  })

  test("P2 · are not stored if many changes are reported at once, and theirs may be among these", function*() {
    const changes = yield* Queue.unbounded<Store.Change>()
    const { here, store } = yield* make("nothing", { changes: Stream.fromQueue(changes) })
    const loading = yield* Deferred.make<void>()
    const reading = yield* started(here(read(count, Deferred.await(loading))))
    yield* Queue.offer(changes, { _tag: "ManyChanged", mayBe: (id) => id === idOf(7) })
    yield* settle
    yield* Deferred.succeed(loading, undefined)
    expect(yield* Fiber.join(reading)).toEqual(expected)
    yield* settle
    expect(yield* store.size).toBe(count - 1)
    expect(yield* tags(store, [6, 7])).toEqual(["Hit", "Granted"])
  })

  test("are stored, but not in memory, if the store may not have reported all changes since they began", function*() {
    const changes = yield* Queue.unbounded<Store.Change>()
    const { here, running, store } = yield* make("nothing", { changes: Stream.fromQueue(changes) })
    const loading = yield* Deferred.make<void>()
    const reading = yield* started(here(read(count, Deferred.await(loading))))
    yield* Queue.offer(changes, { _tag: "Coherent" })
    yield* settle
    const single = yield* started(here(one({ id: 299 })))
    expect(single.pollUnsafe()).toBe(undefined)
    expect(running.size).toBe(2)
    yield* Deferred.succeed(loading, undefined)
    expect(yield* Fiber.join(reading)).toEqual(expected)
    yield* settle
    expect(yield* Fiber.join(single)).toBe("old 299")
    expect(yield* store.size).toBe(count)
    expect((yield* here(Cached.stats)).size).toBe(1)
  })
})

describe("a read of 3,000 keys asks the store in groups", () => {
  class Row extends CacheKey.Class<Row>()("User", {
    payload: { id: Schema.Int },
    success: Schema.Int,
    error: Schema.String
  }) {}

  const keys = 3000

  /** How many users are stored, without the record of the fingerprints of their class. */
  const usersIn = ({ entries }: FakeStore) => Array.from(entries.keys()).filter((id) => id.startsWith("~User@")).length

  /** Reads them all in a cache over a store; answers how long that takes, in milliseconds of the test's clock. */
  const readAll = Effect.fnUntraced(function*(fake: FakeStore) {
    const calls: Array<number> = []
    const users = Cached.many(Row, (keys) =>
      Effect.sync(() => {
        calls.push(keys.length)
        return keys.map(({ id }) => Exit.succeed(id))
      }), { ttl: "1 hour" })
    const timed = Effect.timed(users(payloads(keys)))
    const reading = yield* start(timed)
    // Only the writes take time.
    while (fake.count("set") === 0) yield* Effect.yieldNow
    yield* TestClock.adjust("1 minute")
    const [taken, exits] = yield* Fiber.join(reading)
    expect(exits.every(Exit.isSuccess)).toBe(true)
    expect(calls).toEqual([keys])
    expect(usersIn(fake)).toBe(keys)
    expect((yield* Cached.stats).storeFailures).toBe(0)
    return Duration.toMillis(taken)
  })

  it.effect("a store that writes one entry after the other gets all of them", () => {
    const fake = fakeStore()
    const oneByOne = Semaphore.makeUnsafe(1).withPermits(1)
    fake.behave = (operation) => operation === "set" ? { before: oneByOne(Effect.sleep("500 micros")) } : {}
    return Effect.provide(readAll(fake), over(fake.layer))
  })

  it.effect("one that is far away, and writes all at once, gets them in a few groups", () => {
    const fake = fakeStore()
    fake.behave = (operation) => operation === "set" ? { before: Effect.sleep("200 millis") } : {}
    return Effect.gen(function*() {
      expect(yield* readAll(fake)).toBeLessThanOrEqual(1000)
    }).pipe(Effect.provide(over(fake.layer)))
  })

  it.effect("its first leases are granted before more are asked for", () => {
    const fake = fakeStore()
    const gate = Latch.makeUnsafe()
    const calls: Array<number> = []
    const store: Store.Store = {
      ...fake.store,
      acquire: (requests) =>
        Effect.suspend(() => {
          calls.push(requests.length)
          return Effect.andThen(gate.await, fake.store.acquire(requests))
        })
    }
    return Effect.gen(function*() {
      const users = Cached.many(Row, (keys) => Effect.succeed(keys.map(({ id }) => Exit.succeed(id))), {
        ttl: "1 hour"
      })
      const reading = yield* start(users(payloads(keys)))
      while (calls.length === 0) yield* Effect.yieldNow
      yield* settle
      expect(calls).toEqual([256])
      yield* gate.open
      yield* Fiber.join(reading)
      expect(usersIn(fake)).toBe(keys)
    }).pipe(Effect.provide(over(Layer.succeed(Store.Store, store))))
  })
})
