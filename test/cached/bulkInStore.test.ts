/** The flights of a bulk call at the store: leases, renewals and results go in waves. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, Layer, Option, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { TestClock } from "effect/testing"
import { found, hour, idOf, key, over, payloads, process, read, sharedStore, take, User } from "../support/bulkCalls.ts"
import { settle, start } from "../support/caches.ts"
import { warningsOf } from "../support/logged.ts"
import * as Looking from "../support/looking.ts"

/** With a timeout, each key has a flight from the beginning. */
const ways = [{}, { timeout: "1 hour" }] as const

const usersWith = (options: (typeof ways)[number], gate: Effect.Effect<unknown> = Effect.void) =>
  Cached.many(User, (keys) => Effect.as(gate, keys.map(({ id }) => Exit.succeed(`old ${id}`))), {
    strategy: hour,
    ...options
  })

describe("PW-01 · the flights of a bulk call at the store", () => {
  it.effect("ask in waves, and hold each lease until its result is stored", () =>
    Effect.gen(function*() {
      const { calls, layer, store } = sharedStore()
      const here = yield* process(over(layer, { lease: "3 seconds" }))
      const gate = yield* Deferred.make<void>()
      const reading = yield* start(here(read(600, Deferred.await(gate))))
      yield* settle
      expect(calls).toEqual(["acquire 256", "acquire 256", "acquire 88"])
      calls.length = 0
      for (let seconds = 0; seconds < 6; seconds++) {
        yield* TestClock.adjust("1 second")
        yield* settle
        for (const id of [0, 255, 256, 599]) expect(yield* take(store, id)).toMatchObject({ _tag: "Wait" })
      }
      expect(calls.slice(0, 3)).toEqual(["renew 256", "renew 256", "renew 88"])
      calls.length = 0
      yield* Deferred.succeed(gate, undefined)
      expect((yield* Fiber.join(reading)).every(Exit.isSuccess)).toBe(true)
      expect(calls).toEqual(["commit 256", "commit 256", "commit 88"])
      const there = yield* process(over(layer))
      expect([yield* there(found(0)), yield* there(found(599))]).toEqual(["old 0", "old 599"])
    }).pipe(Effect.scoped))

  it.effect("P2 · store nothing of a key that another process has changed during the load, and all others", () =>
    Effect.gen(function*() {
      const { layer, store } = sharedStore()
      const here = yield* process(over(layer))
      const there = yield* process(over(layer))
      const gate = yield* Deferred.make<void>()
      const reading = yield* start(here(read(300, Deferred.await(gate))))
      yield* settle
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
    }).pipe(Effect.scoped))

  it.effect("P1 · wait alone for a key that another process is loading", () =>
    Effect.gen(function*() {
      const { layer, store } = sharedStore()
      const here = yield* process(over(layer))
      expect(yield* take(store, 3)).toMatchObject({ _tag: "Granted" })
      const calls: Array<number> = []
      const users = Cached.many(User, (keys) =>
        Effect.sync(() => {
          calls.push(keys.length)
          return keys.map(({ id }) => Exit.succeed(`old ${id}`))
        }), { strategy: hour })
      const reading = yield* start(here(users(payloads(10))))
      yield* settle
      expect(calls).toEqual([9])
      expect(reading.pollUnsafe()).toBe(undefined)
      yield* store.release(idOf(3), "other")
      yield* TestClock.adjust("1 second")
      expect((yield* Fiber.join(reading)).length).toBe(10)
      expect(calls).toEqual([9, 1])
    }).pipe(Effect.scoped))

  it.effect("do not ask again for keys that other processes are loading, or have stored", () =>
    Effect.gen(function*() {
      let asked = 0
      const { calls, layer, store } = sharedStore(({ acquire, markers }) => ({
        acquire: (id, options) => (asked++, acquire(id, options)),
        markers: (tags) => (asked++, markers(tags))
      }))
      const here = yield* process(over(layer))
      const there = yield* process(Layer.provide(CacheLayer.layerWith({}), Layer.succeed(Store.Store, store)))
      const gate = yield* Deferred.make<void>()
      const first = yield* start(there(read(300, Deferred.await(gate), "their")))
      yield* settle
      const second = yield* start(here(read(300)))
      yield* settle
      // The markers of each wave, those of unasked answers, and no question of a single key.
      expect(asked).toBeLessThanOrEqual(3)
      expect(calls).toEqual(["acquire 256", "acquire 44"])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(first)
      yield* TestClock.adjust("1 second")
      yield* settle
      expect((yield* Fiber.join(second))[299]).toEqual(Exit.succeed("their 299"))
      expect(asked).toBeLessThanOrEqual(3)
    }).pipe(Effect.scoped))

  describe.each(["acquireMany", "commitMany"] as const)("P4 · of a store whose second %s goes wrong", (operation) => {
    const outcomes = {
      fails: Effect.fail(new StoreError({ store: "s", operation, reason: "Unavailable" })),
      hangs: Effect.never,
      "dies of a bug": Effect.die(new Error("a bug"))
    }
    it.effect.each(Object.keys(outcomes) as Array<keyof typeof outcomes>)("which %s", (how) =>
      Effect.gen(function*() {
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
            const isAsked = how !== "hangs" || operation === "commitMany"
            expect(yield* there(Effect.forEach([0, 300], found))).toEqual([isAsked ? "old 0" : undefined, undefined])
            // No lease is left that keeps others from loading.
            expect(yield* take(store, 300)).toMatchObject({ _tag: "Granted" })
            expect(yield* take(store, 0)).toMatchObject({ _tag: isAsked ? "Hit" : "Granted" })
          }).pipe(Effect.scoped)
        )
        expect(warnings.filter((text) => text.includes("Until it answers") || text.includes("slow"))).toHaveLength(1)
      }))
  })

  it.effect("P4 · are answered after one budget by a store that hangs, and give their leases back", () =>
    Effect.gen(function*() {
      let hangs = true
      const { layer, store } = sharedStore(({ commitMany }) => ({
        commitMany: (requests) => hangs ? Effect.never : commitMany(requests)
      }))
      const here = yield* process(over(layer, { storeTimeout: "1 second" }))
      const reading = yield* start(here(read(1000)))
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* settle
      expect(reading.pollUnsafe()).toMatchObject({ _tag: "Success" })
      // In memory until the store answers again.
      expect(yield* here(found(999))).toBe("old 999")
      yield* TestClock.adjust("1 second")
      yield* settle
      expect(yield* take(store, 999)).toMatchObject({ _tag: "Granted" })
      hangs = false
    }).pipe(Effect.scoped))

  it.effect("keep what a store has taken before it refused one of them", () =>
    Effect.gen(function*() {
      const { layer, store } = sharedStore(({ commit }) => {
        const refused = () => Effect.fail(new StoreError({ store: "s", operation: "commit", reason: "TooLarge" }))
        return {
          commit: (id, generation, entry) => id === idOf(7) ? refused() : commit(id, generation, entry),
          // The first half is committed before one is refused.
          commitMany: (requests) =>
            Effect.andThen(
              Effect.forEach(requests.slice(0, 5), ({ entry, generation, id }) => commit(id, generation, entry)),
              refused()
            )
        }
      })
      const here = yield* process(over(layer))
      yield* here(read(10))
      expect(yield* store.size).toBe(9)
      const there = yield* process(over(layer))
      expect(yield* Effect.forEach([0, 4, 5, 7, 9], (id) => there(found(id))))
        .toEqual(["old 0", "old 4", "old 5", undefined, "old 9"])
      expect(yield* here(found(7))).toBe("old 7")
      expect((yield* here(Cached.stats)).size).toBe(10)
    }).pipe(Effect.scoped))

  it.effect("give back the leases that are granted after their reader has left", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { layer, store } = sharedStore(({ acquireMany }) => ({
        acquireMany: (requests) => Effect.andThen(Deferred.await(gate), acquireMany(requests))
      }))
      const here = yield* process(over(layer))
      const reading = yield* start(here(read(10)))
      yield* settle
      const leaving = yield* start(Fiber.interrupt(reading))
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      yield* Fiber.join(leaving)
      expect(yield* take(store, 3)).toMatchObject({ _tag: "Granted" })
    }).pipe(Effect.scoped))

  it.live.each(ways)(
    "call no lookup for a reader that leaves while they ask, whichever wave is answered meanwhile (%j)",
    (options) =>
      Effect.gen(function*() {
        const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
        const { calls, layer } = sharedStore(({ acquireMany }) => ({
          acquireMany: (requests) => Effect.andThen(turn, acquireMany(requests))
        }))
        const here = yield* process(over(layer))
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

  it.effect.each(ways)(
    "store all results of a call that has ended, though their reader leaves in between (%j)",
    (options) =>
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const { calls, layer, store } = sharedStore(({ commitMany }) => ({
          commitMany: (requests) => Effect.andThen(Deferred.await(gate), commitMany(requests))
        }))
        const here = yield* process(over(layer))
        const reading = yield* start(here(usersWith(options)(payloads(600))))
        yield* settle
        const leaving = yield* start(Fiber.interrupt(reading))
        yield* settle
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(leaving)
        yield* settle
        expect(calls.filter((call) => call.startsWith("commit"))).toEqual(["commit 256", "commit 256", "commit 88"])
        expect(yield* store.size).toBe(600)
      }).pipe(Effect.scoped)
  )

  it.effect("make all results as old as the call, whichever wave stores them", () =>
    Effect.gen(function*() {
      const { layer } = sharedStore(({ commitMany }) => ({
        commitMany: (requests) => Effect.delay(commitMany(requests), "40 seconds")
      }))
      const here = yield* process(over(layer, { storeTimeout: "1 minute", lease: "5 minutes" }))
      const reading = yield* start(here(read(300)))
      for (let step = 0; step < 2; step++) {
        yield* settle
        yield* TestClock.adjust("40 seconds")
      }
      yield* settle
      expect(reading.pollUnsafe()).toBeDefined()
      const left = yield* here(Effect.forEach([0, 299], (id) => Looking.expiresIn(key(id))))
      expect(left.map(Option.map(Duration.toSeconds))).toEqual([Option.some(3520), Option.some(3520)])
    }).pipe(Effect.scoped))

  it.effect("store each result with the versions of its own tags, in whatever order keys name them", () =>
    Effect.gen(function*() {
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
        { strategy: hour }
      )
      const here = yield* process(over(layer, { memory: false }))
      yield* here(named(payloads(4)))
      yield* here(named(payloads(4)))
      expect(loads).toBe(4)
    }).pipe(Effect.scoped))

  it.effect("ask once a wave for the tags that only the results name", () =>
    Effect.gen(function*() {
      class Late extends CacheKey.Class<Late>()("Late", { payload: { id: Schema.Int }, success: Schema.Int }) {}
      let asked = 0
      const { layer } = sharedStore(({ markers }) => ({ markers: (tags) => (asked++, markers(tags)) }))
      let loads = 0
      const late = Cached.many(Late, (keys) =>
        Effect.sync(() => (loads += keys.length, keys.map(({ id }) => Exit.succeed(id)))), {
        strategy: hour,
        tags: (exit) =>
          Exit.isSuccess(exit) ? [`late:${exit.value % 7}`, "late"] : []
      })
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
    }).pipe(Effect.scoped))

  it.effect("a key whose tags throw fails alone", () =>
    Effect.gen(function*() {
      class Odd extends CacheKey.Class<Odd>()("Odd", { payload: { id: Schema.Int }, success: Schema.Int }) {}
      const odd = Cached.many(
        Odd,
        (keys) => Effect.succeed(keys.map(({ id }) => Exit.succeed(id))),
        {
          strategy: hour,
          tags: (_, { id }) => {
            if (id === 3) throw new Error("no tags")
            return [`odd:${id}`]
          }
        }
      )
      const { layer, store } = sharedStore()
      const here = yield* process(over(layer))
      yield* Effect.exit(here(odd(payloads(10)) as Effect.Effect<unknown>))
      expect(yield* store.size).toBe(9)
    }).pipe(Effect.scoped))

  it.effect("P6 · set together live equally long, however long the waves before have taken", () =>
    Effect.gen(function*() {
      const { layer } = sharedStore(({ setMany }) => ({
        setMany: (entries) => Effect.delay(setMany(entries), "400 millis")
      }))
      const here = yield* process(over(layer, { storeTimeout: "1 second" }))
      const pairs = payloads(600).map(({ id }) => [key(id), `set ${id}`] as const)
      const setting = yield* start(here(Cached.setMany(pairs, { ttl: "10 seconds" })))
      for (let i = 0; i < 4; i++) {
        yield* settle
        yield* TestClock.adjust("400 millis")
      }
      yield* Fiber.join(setting)
      const left = yield* here(Effect.forEach([0, 599], (id) => Looking.expiresIn(key(id))))
      expect(left.map(Option.map(Duration.toMillis))).toEqual([Option.some(8400), Option.some(8400)])
    }).pipe(Effect.scoped))

  it.effect("P4 · share one budget of a slow store, if they are one wave", () =>
    Effect.gen(function*() {
      const slow = <A, E>(effect: Effect.Effect<A, E>) => Effect.delay(effect, "400 millis")
      const { layer } = sharedStore((store) => ({
        getMany: (ids) => slow(store.getMany(ids)),
        markers: (tags) => slow(store.markers(tags)),
        acquireMany: (requests) => slow(store.acquireMany(requests)),
        commitMany: (requests) => slow(store.commitMany(requests))
      }))
      const here = yield* process(over(layer, { storeTimeout: "1 second" }))
      const reading = yield* start(here(read(2)))
      for (let i = 0; i < 20; i++) {
        yield* settle
        yield* TestClock.adjust("55 millis")
      }
      yield* settle
      expect(reading.pollUnsafe()).toMatchObject({ _tag: "Success" })
    }).pipe(Effect.scoped))

  it.effect("P6 · a failing call fails all its readers, stores nothing, and gives the leases back", () =>
    Effect.gen(function*() {
      const { layer, store } = sharedStore()
      const here = yield* process(over(layer))
      const users = Cached.many(User, () => Effect.fail("down"), { strategy: hour })
      const exit = yield* Effect.exit(here(users(payloads(300))))
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBe("down")
      yield* settle
      expect(yield* store.size).toBe(0)
      for (const id of [0, 299]) expect(yield* take(store, id)).toMatchObject({ _tag: "Granted" })
    }).pipe(Effect.scoped))
})
