/** Keys of a long list over a store have tickets in place of flights: their leases, and what somebody else sees. */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Queue, Scope, Stream } from "effect"
import { Cached } from "effect-cached"
import type { Store } from "effect-cached/adapters"
import { TestClock } from "effect/testing"
import { Within } from "../../src/internal/engine/request/attempt.ts"
import type { Flights } from "../../src/internal/engine/state.ts"
import { found, hour, idOf, key, over, payloads, process, read, sharedStore, take, User } from "../support/bulkCalls.ts"
import { ended, settle, start } from "../support/caches.ts"

/** The engine of the cache in use. */
const engine: Effect.Effect<Flights, never, any> = Effect.map(Within, (within) => within!.flight!.engine).pipe(
  Cached.ttl("the engine", { ttl: 1 })
)

const one = Cached.fn(User, ({ id }) => Effect.succeed(`one ${id}`), { strategy: hour })

const count = 300
const expectedOf = (count: number) => payloads(count).map(({ id }) => Exit.succeed(`old ${id}`))
const expected = expectedOf(count)

/** A process whose store waits for a gate at one operation, and notes for which ids it was asked. */
const make = Effect.fnUntraced(function*(
  gated: "acquireMany" | "commitMany" | "nothing" = "nothing",
  more: Partial<Store.Store> = {}
) {
  const gate = yield* Deferred.make<void>()
  const asked: Array<string> = []
  const shared = sharedStore((store) => {
    const when = (operation: typeof gated) => operation === gated ? Deferred.await(gate) : Effect.void
    return {
      acquire: (id, options) => (asked.push(id), store.acquire(id, options)),
      acquireMany: (requests) => {
        asked.push(...requests.map(({ id }) => id))
        // The leases are granted, but their answer is on its way.
        return Effect.tap(store.acquireMany(requests), () => when("acquireMany"))
      },
      commitMany: (requests) => Effect.andThen(when("commitMany"), store.commitMany(requests)),
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

describe("PW-01 · the keys of a long list over a store", () => {
  it.effect("are no flights but for the first, hold their leases, and are all stored", () =>
    Effect.gen(function*() {
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
      expect([running.size, flights.tickets]).toEqual([0, undefined])
      const there = yield* process(over(sharedStore(() => store).layer))
      expect(yield* there(Effect.forEach([0, 1, 256, 299], found))).toEqual(["old 0", "old 1", "old 256", "old 299"])
      expect((yield* here(Cached.stats)).size).toBe(count)
    }).pipe(Effect.scoped))

  describe.each(["acquireMany", "commitMany", "nothing"] as const)("while the store is asked for %s", (gated) => {
    // Behind the first 256, other keys wait for an answer to these.
    const count = gated === "acquireMany" ? 250 : 300
    const expected = expectedOf(count)
    const last = count - 1
    const begin = Effect.fnUntraced(function*(more?: Partial<Store.Store>) {
      const made = yield* make(gated, more)
      const loading = yield* Deferred.make<void>()
      const reading = yield* start(made.here(read(count, gated === "nothing" ? Deferred.await(loading) : Effect.void)))
      yield* settle
      const open = Effect.andThen(Deferred.succeed(made.gate, undefined), Deferred.succeed(loading, undefined))
      return { ...made, open, reading }
    })

    it.effect("P1 · are joined by another reader and another list, and asked for once", () =>
      Effect.gen(function*() {
        const { asked, here, open, reading, store } = yield* begin()
        const single = yield* start(here(one({ id: last - 1 })))
        const list = yield* start(here(read(230, Effect.void, "new")))
        yield* settle
        yield* open
        expect(yield* Fiber.join(reading)).toEqual(expected)
        expect(yield* Fiber.join(single)).toBe(`old ${last - 1}`)
        expect(yield* Fiber.join(list)).toEqual(expected.slice(0, 230))
        expect(asked).toHaveLength(count)
        expect(yield* store.size).toBe(count)
        expect(new Set(yield* tags(store, [0, 100, last - 1]))).toEqual(new Set(["Hit"]))
      }).pipe(Effect.scoped))

    it.effect("P2 · lose what is set, invalidated or removed meanwhile, and their leases", () =>
      Effect.gen(function*() {
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
      }).pipe(Effect.scoped))

    it.effect("P2 · store nothing after a clear, which gives their leases back", () =>
      Effect.gen(function*() {
        const { here, open, reading, store } = yield* begin()
        yield* here(Cached.clear)
        yield* settle
        if (gated === "nothing") expect(yield* tag(store, last)).toBe("Granted")
        yield* open
        expect(yield* Fiber.join(reading)).toEqual(expected)
        yield* settle
        expect([yield* store.size, (yield* here(Cached.stats)).size]).toEqual([0, 0])
        expect(new Set(yield* tags(store, [0, 7, 248, last]))).toEqual(new Set(["Granted"]))
      }).pipe(Effect.scoped))

    it.effect("give their leases back if their reader leaves before the load has ended, and are stored after it", () =>
      Effect.gen(function*() {
        const { flights, here, open, reading, store } = yield* begin()
        const leaving = yield* start(Fiber.interrupt(reading))
        yield* settle
        yield* open
        yield* Fiber.join(leaving)
        yield* settle
        const isStored = gated === "commitMany"
        expect(yield* store.size).toBe(isStored ? count : 0)
        expect(new Set(yield* tags(store, [0, 7, 248, last]))).toEqual(new Set([isStored ? "Hit" : "Granted"]))
        expect(yield* here(found(last))).toBe(isStored ? `old ${last}` : undefined)
        expect(flights.tickets).toBe(undefined)
      }).pipe(Effect.scoped))
  })

  it.effect("P1 · wait for the loads of others, whoever has the lease of the first", () =>
    Effect.gen(function*() {
      const { here, running, store } = yield* make()
      for (const id of [0, 3]) expect(yield* take(store, id)).toMatchObject({ _tag: "Granted" })
      const calls: Array<number> = []
      const users = Cached.many(User, (keys) =>
        Effect.sync(() => {
          calls.push(keys.length)
          return keys.map(({ id }) => Exit.succeed(`old ${id}`))
        }), { strategy: hour })
      const reading = yield* start(here(users(payloads(100))))
      yield* settle
      expect(calls).toEqual([98])
      expect(running.size).toBe(2)
      for (const id of [0, 3]) yield* store.release(idOf(id), "other")
      yield* TestClock.adjust("1 second")
      yield* settle
      expect(yield* Fiber.join(reading)).toEqual(expected.slice(0, 100))
      expect(calls).toEqual([98, 2])
      expect(new Set(yield* tags(store, [0, 3, 50]))).toEqual(new Set(["Hit"]))
    }).pipe(Effect.scoped))

  it.effect("P7 · are found in a circle of loads of two processes", () =>
    Effect.gen(function*() {
      const { layer } = sharedStore()
      const here = yield* process(over(layer, { lease: "3 seconds" }))
      const there = yield* process(over(layer, { lease: "3 seconds" }))
      const begun = yield* Deferred.make<void>()
      const inner = <R>(load: Effect.Effect<string, never, R>) => Cached.ttl(load, "inner", { ttl: "1 hour" })
      const theirs = yield* start(there(inner(Effect.andThen(Deferred.await(begun), Effect.orDie(one({ id: 20 }))))))
      const users = Cached.many(User, (keys) =>
        Effect.map(
          Effect.andThen(Deferred.succeed(begun, undefined), inner(Effect.succeed("own"))),
          (value) => keys.map(() => Exit.succeed(value))
        ), { strategy: hour })
      const ours = yield* start(here(Effect.exit(users(payloads(100)))))
      for (let seconds = 0; seconds < 10; seconds++) {
        yield* settle
        yield* TestClock.adjust("1 second")
      }
      yield* settle
      expect([ended(theirs), ended(ours)].map(String).join()).toContain("CacheCycle")
    }).pipe(Effect.provideService(Scope.Scope, Scope.makeUnsafe())))

  it.effect("P4 · become one flight, even if the store reports a change of the key at that moment", () =>
    Effect.gen(function*() {
      const { flights, gate, here, store } = yield* make("acquireMany")
      const { tagEpochs } = yield* here(engine)
      yield* take(store, 7)
      const reading = yield* start(here(read(250, Effect.void)))
      yield* settle
      let looks = 0
      // The first read of a turn polls the store, and a change looks the flight of its id up.
      tagEpochs.lookIfLate = () => void (++looks === 1 && flights.get(idOf(7)))
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      expect(looks).toBeGreaterThan(0)
      yield* store.release(idOf(7), "other")
      yield* TestClock.adjust("10 seconds")
      expect(reading.pollUnsafe()).toMatchObject({ _tag: "Success", value: expectedOf(250) })
    }).pipe(Effect.scoped))

  it.effect("P2 · do not enter memory if the store refuses them, and reach their reader", () =>
    Effect.gen(function*() {
      const { here, store } = yield* make()
      const loading = yield* Deferred.make<void>()
      const reading = yield* start(here(read(count, Deferred.await(loading))))
      yield* settle
      // The store does not report what others do.
      for (const id of [7, 299]) yield* store.remove(idOf(id))
      yield* Deferred.succeed(loading, undefined)
      expect(yield* Fiber.join(reading)).toEqual(expected)
      expect(yield* here(Effect.forEach([6, 7, 298, 299], found))).toEqual(["old 6", undefined, "old 298", undefined])
      expect((yield* here(Cached.stats)).size).toBe(count - 2)
    }).pipe(Effect.scoped))

  const afterGap = Effect.fnUntraced(function*(more?: Partial<Store.Store>) {
    const changes = yield* Queue.unbounded<Store.Change>()
    const { here, store } = yield* make("nothing", { changes: Stream.fromQueue(changes), ...more })
    const loading = yield* Deferred.make<void>()
    const reading = yield* start(here(read(count, Deferred.await(loading))))
    yield* settle
    // Another process removes one, and this is not reported.
    yield* store.remove(idOf(7))
    yield* Queue.offer(changes, { _tag: "Gap" })
    yield* settle
    return {
      tags: yield* tags(store, [0, 7, 299]),
      end: Effect.gen(function*() {
        const later = yield* start(here(one({ id: 299 })))
        yield* settle
        yield* Deferred.succeed(loading, undefined)
        expect(yield* Fiber.join(reading)).toEqual(expected)
        yield* settle
        return [ended(later), yield* store.size, (yield* here(Cached.stats)).size]
      })
    }
  })

  it.effect("P2 · are stored, but not in memory, if a store of several processes has lost changes, and refused if changed", () =>
    Effect.gen(function*() {
      const { end, tags } = yield* afterGap()
      expect(tags).toEqual(["Wait", "Granted", "Wait"])
      // The later reader reads again at the end: from the store.
      expect(yield* end).toEqual([Exit.succeed("old 299"), count - 1, 1])
    }).pipe(Effect.scoped))

  it.effect("P2 · give their leases back, and are not stored, if a store that may not refuse them has lost changes", () =>
    Effect.gen(function*() {
      const { end, tags } = yield* afterGap({ transact: undefined })
      expect(tags).toEqual(["Granted", "Granted", "Granted"])
      expect(yield* end).toEqual([Exit.succeed("one 299"), 1, 1])
    }).pipe(Effect.scoped))

  it.effect("P2 · are not stored if many changes are reported at once, and theirs may be among these", () =>
    Effect.gen(function*() {
      const changes = yield* Queue.unbounded<Store.Change>()
      const { here, store } = yield* make("nothing", { changes: Stream.fromQueue(changes) })
      const loading = yield* Deferred.make<void>()
      const reading = yield* start(here(read(count, Deferred.await(loading))))
      yield* settle
      yield* Queue.offer(changes, { _tag: "ManyChanged", mayBe: (id) => id === idOf(7) })
      yield* settle
      yield* Deferred.succeed(loading, undefined)
      expect(yield* Fiber.join(reading)).toEqual(expected)
      yield* settle
      expect(yield* store.size).toBe(count - 1)
      expect(yield* tags(store, [6, 7])).toEqual(["Hit", "Granted"])
    }).pipe(Effect.scoped))

  it.effect("are stored, but not in memory, if the store may not have reported all changes since they began", () =>
    Effect.gen(function*() {
      const changes = yield* Queue.unbounded<Store.Change>()
      const { here, running, store } = yield* make("nothing", { changes: Stream.fromQueue(changes) })
      const loading = yield* Deferred.make<void>()
      const reading = yield* start(here(read(count, Deferred.await(loading))))
      yield* settle
      yield* Queue.offer(changes, { _tag: "Coherent" })
      yield* settle
      const single = yield* start(here(one({ id: 299 })))
      yield* settle
      expect(single.pollUnsafe()).toBe(undefined)
      expect(running.size).toBe(2)
      yield* Deferred.succeed(loading, undefined)
      expect(yield* Fiber.join(reading)).toEqual(expected)
      yield* settle
      expect(yield* Fiber.join(single)).toBe("old 299")
      expect(yield* store.size).toBe(count)
      expect((yield* here(Cached.stats)).size).toBe(1)
    }).pipe(Effect.scoped))
})
