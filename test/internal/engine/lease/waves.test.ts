/** The leases of many keys: which are renewed, which are given back, and which of a wave's answers count. */
import { describe, expect } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { Cached } from "effect-cached"
import { StoreError } from "effect-cached/CacheError"
import { TestClock } from "effect/testing"
import { singly } from "../../../../src/testing/internal/singly.ts"
import { hour, idOf, key, over, payloads, process, read, sharedStore, take, User } from "../../../support/bulkCalls.ts"
import { elapse, ended, settle, start, started } from "../../../support/caches.ts"
import { warningsOf } from "../../../support/logged.ts"
import { pluralOf } from "../../../support/pluralOf.ts"
import { test } from "../../../support/tests.ts"

/** With a timeout, each key has a flight from the beginning. */
const ways = [{}, { timeout: "1 hour" }] as const

const usersWith = (options: (typeof ways)[number], gate: Effect.Effect<unknown> = Effect.void) =>
  Cached.many(User, (keys) => Effect.as(gate, keys.map(({ id }) => Exit.succeed(`old ${id}`))), {
    ...hour,
    ...options
  })

describe("the leases of a wave", () => {
  test("are renewed until the last of them is not needed, however the others have ended", function*() {
    const gate = yield* Deferred.make<void>()
    const loading = yield* Deferred.make<void>()
    const renewed: Array<ReadonlyArray<string>> = []
    const { layer, store } = sharedStore(({ acquire, renew }) => ({
      acquire: (requests) => Effect.andThen(Deferred.await(gate), acquire(requests)),
      renew: (ids, ...rest) => {
        renewed.push(ids)
        return Effect.map(renew(ids, ...rest), (answers) => answers.map((is, i) => is && ids[i] !== idOf(1)))
      }
    }))
    const here = yield* process(over(layer, { lease: "3 seconds" }))
    const reading = yield* started(here(usersWith({ timeout: "1 hour" }, Deferred.await(loading))(payloads(4))))
    // One has changed before the store has answered.
    yield* here(Cached.invalidate(key(0)))
    yield* Deferred.succeed(gate, undefined)
    yield* settle
    yield* elapse("1 second")
    expect(renewed).toEqual([[idOf(1), idOf(2), idOf(3)]])
    // The store has said that the lease of the second is lost: it is not renewed again.
    renewed.length = 0
    yield* elapse("1 second")
    expect(renewed).toEqual([[idOf(2), idOf(3)]])
    yield* here(Cached.invalidate(key(1)))
    yield* here(Cached.invalidate(key(2)))
    renewed.length = 0
    for (let seconds = 0; seconds < 10; seconds++) {
      yield* elapse("1 second")
      expect(yield* take(store, 3)).toMatchObject({ _tag: "Wait" })
    }
    expect(new Set(renewed.flat())).toEqual(new Set([idOf(3)]))
    yield* Deferred.succeed(loading, undefined)
    yield* Fiber.join(reading)
  })

  test.each(ways)(
    "are released where the store answers too late, but not those it was not asked for (%j)",
    function*(options) {
      const released: Array<string> = []
      const asked: Array<string> = []
      const { layer } = sharedStore(({ release }) => ({
        acquire: (requests) => {
          asked.push(...requests.map(({ id }) => id))
          return Effect.never
        },
        release: (id, ...rest) => {
          released.push(id)
          return release(id, ...rest)
        }
      }))
      const here = yield* process(over(layer, { storeTimeout: "1 second" }))
      const reading = yield* started(here(usersWith(options)(payloads(600))))
      expect(asked.length).toBeLessThan(600)
      yield* elapse("1 second")
      expect(yield* ended(reading) as Exit.Exit<ReadonlyArray<unknown>>).toHaveLength(600)
      expect(released.toSorted()).toEqual(asked.toSorted())
    }
  )

  test.each(ways)("are not released where the store hung before it was asked for them (%j)", function*(options) {
    const asked: Array<string> = []
    const { layer } = sharedStore(({ acquire, release }) => ({
      getMany: () => Effect.never,
      acquire: (requests) => {
        asked.push(`acquire ${requests.length}`)
        return acquire(requests)
      },
      release: (id, ...rest) => {
        asked.push(`release ${id}`)
        return release(id, ...rest)
      }
    }))
    const here = yield* process(over(layer, { storeTimeout: "1 second" }))
    const reading = yield* started(here(usersWith(options)(payloads(10))))
    yield* elapse("1 second")
    expect(yield* ended(reading) as Exit.Exit<ReadonlyArray<unknown>>).toHaveLength(10)
    expect(asked).toEqual([])
  })

  test("that a store has refused are not released", function*() {
    const released: Array<string> = []
    const down = Effect.fail(new StoreError({ store: "s", operation: "acquire", reason: "Unavailable" }))
    const { layer } = sharedStore(({ release }) => ({
      acquire: () => down,
      release: (id, ...rest) => {
        released.push(id)
        return release(id, ...rest)
      }
    }))
    const here = yield* process(over(layer))
    yield* here(read(3))
    yield* here(Effect.succeed("v").pipe(Cached.ttl("k", hour)))
    yield* settle
    expect(released).toEqual([])
  })

  test("are none in a store of one process, which is asked to release nothing", function*() {
    const released: Array<string> = []
    const { layer, store } = sharedStore(({ release }) => ({
      capabilities: { shared: false, changes: false },
      release: (id, ...rest) => {
        released.push(id)
        return release(id, ...rest)
      }
    }))
    const here = yield* process(over(layer))
    const gate = yield* Deferred.make<void>()
    const reading = yield* start(here(read(10, Deferred.await(gate))))
    const failing = Effect.fail("broken").pipe(Cached.ttl("k", hour))
    expect(yield* here(Effect.exit(failing))).toEqual(Exit.fail("broken"))
    yield* settle
    yield* here(Cached.clear)
    yield* settle
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.join(reading)
    yield* settle
    expect(released).toEqual([])
    expect(yield* store.size).toBe(0)
  })

  test("are used for the other keys where one has changed that another process is loading", function*() {
    const gate = yield* Deferred.make<void>()
    const { layer, store } = sharedStore(({ acquire }) => ({
      acquire: (requests) => Effect.andThen(Deferred.await(gate), acquire(requests))
    }))
    const here = yield* process(over(layer))
    const reading = yield* started(here(read(10)))
    expect(yield* take(store, 3)).toMatchObject({ _tag: "Granted" })
    yield* here(Cached.invalidate(key(3)))
    expect(yield* take(store, 3)).toMatchObject({ _tag: "Granted" })
    yield* Deferred.succeed(gate, undefined)
    yield* settle
    yield* elapse("2 seconds")
    expect(ended(reading)).toEqual(Exit.succeed(payloads(10).map(({ id }) => Exit.succeed(`old ${id}`))))
    expect(yield* store.size).toBeGreaterThanOrEqual(9)
  })

  test.each(
    [
      ["that fails does not keep back the others", "Unavailable", 39],
      ["that gets no answer ends them", "Timeout", 0]
    ] as const
  )("a release %s", function*([, reason, others]) {
    const gate = yield* Deferred.make<void>()
    const freed: Array<string> = []
    const { layer } = sharedStore(({ acquire, release }) => ({
      acquire: (requests) => Effect.andThen(Deferred.await(gate), acquire(requests)),
      release: (id, ...rest) =>
        id === idOf(0)
          ? Effect.fail(new StoreError({ store: "s", operation: "release", reason }))
          : Effect.suspend(() => {
            freed.push(id)
            return Effect.delay(release(id, ...rest), "10 millis")
          })
    }))
    const here = yield* process(over(layer))
    const reading = yield* started(here(read(40)))
    const leaving = yield* started(Fiber.interrupt(reading))
    yield* Deferred.succeed(gate, undefined)
    yield* settle
    yield* Fiber.join(leaving)
    yield* TestClock.adjust("1 second")
    expect(freed).toHaveLength(others)
  })

  test("on several servers do not depend on one that hangs, nor its results on one that refuses them", function*() {
    const asked: Array<string> = []
    const { layer, store } = sharedStore((shared) => ({
      capabilities: { shared: true, changes: true, sharded: true },
      acquire: pluralOf.acquire((id, options) => id === idOf(0) ? Effect.never : singly(shared).acquire(id, options)),
      commit: pluralOf.commit((id, generation, entry) =>
        id === idOf(1)
          ? Effect.fail(new StoreError({ store: "s", operation: "commit", reason: "TooLarge" }))
          : singly(shared).commit(id, generation, entry)
      ),
      getMany: (ids) => {
        asked.push(`getMany ${ids.length}`)
        return shared.getMany(ids)
      }
    }))
    const here = yield* process(over(layer, { storeTimeout: "1 second" }))
    const reading = yield* started(here(usersWith({ timeout: "1 hour" })(payloads(300))))
    for (let seconds = 0; seconds < 5; seconds++) {
      yield* elapse("1 second")
    }
    expect(yield* ended(reading) as Exit.Exit<ReadonlyArray<unknown>>).toHaveLength(300)
    expect(yield* store.size).toBe(298)
    // Only the question before the loads.
    expect(asked).toEqual(["getMany 256", "getMany 44"])
  })

  test("are not asked for where all have invalidations that the store has not acknowledged", function*() {
    const asked: Array<number> = []
    const down = Effect.fail(new StoreError({ store: "s", operation: "remove", reason: "Unavailable" }))
    const { layer } = sharedStore(({ acquire }) => ({
      remove: () => down,
      acquire: (requests) => {
        asked.push(requests.length)
        return acquire(requests)
      }
    }))
    const here = yield* process(over(layer))
    yield* here(Effect.ignore(Cached.invalidate([key(0), key(1)])))
    expect(yield* here(read(2))).toEqual([Exit.succeed("old 0"), Exit.succeed("old 1")])
    expect(asked).toEqual([])
  })

  test("whose markers a far store cannot read keep back the results with tags, and no others", function*() {
    const released: Array<string> = []
    const down = Effect.fail(new StoreError({ store: "s", operation: "markers", reason: "Unavailable" }))
    const { layer, store } = sharedStore(({ release }) => ({
      distanceMillis: () => 50,
      markers: () => down,
      release: (id, ...rest) => {
        released.push(id)
        return release(id, ...rest)
      }
    }))
    const here = yield* process(over(layer))
    const reading = (id: string, tags: ReadonlyArray<string>) =>
      Effect.succeed(id).pipe(Cached.ttl(id, { ...hour, tags }))
    const places = Array.from({ length: 20 }, (_, i) => i)
    const reads = Effect.forEach(places, (i) => reading(`k${i}`, i % 2 === 0 ? [] : ["odd"]), {
      concurrency: "unbounded"
    })
    expect(yield* here(reads)).toEqual(places.map((i) => `k${i}`))
    yield* settle
    const stored = yield* Effect.filter(
      places,
      (i) => Effect.map(store.get(`k${i}`, []), ({ entry }) => entry !== undefined)
    )
    expect(stored).toEqual(places.filter((i) => i % 2 === 0))
    expect(new Set(released)).toEqual(new Set(places.filter((i) => i % 2 === 1).map((i) => `k${i}`)))
  })

  test("of single loads on several servers are asked for alone: none waits for a server that hangs", function*() {
    const { layer } = sharedStore((shared) => ({
      capabilities: { shared: true, changes: true, sharded: true },
      acquire: pluralOf.acquire((id, options) => id === "k19" ? Effect.never : singly(shared).acquire(id, options))
    }))
    const here = yield* process(over(layer, { storeTimeout: "1 second" }))
    const reads = yield* Effect.forEach(
      Array.from({ length: 20 }, (_, i) => `k${i}`),
      (id) => start(here(Effect.succeed(id).pipe(Cached.ttl(id, hour))))
    )
    yield* settle
    expect(reads.filter((one) => ended(one) === "still waiting")).toHaveLength(1)
    yield* elapse("1 second")
    expect(reads.filter((one) => ended(one) === "still waiting")).toHaveLength(0)
  })

  test("have the markers of each load's tags, in whatever order it names them", function*() {
    const { layer } = sharedStore()
    let loads = 0
    const reads = Effect.forEach(
      Array.from({ length: 20 }, (_, i) => i),
      (i) =>
        Effect.sync(() => ++loads).pipe(
          Cached.ttl(`k${i}`, { ...hour, tags: i % 2 === 0 ? ["a", "b"] : ["b", "a"] })
        ),
      { concurrency: "unbounded", discard: true }
    )
    for (let processes = 0; processes < 2; processes++) {
      const here = yield* process(over(layer))
      yield* here(reads)
      yield* settle
    }
    expect(loads).toBe(20)
  })

  test("that a far store grants with nothing wrong warn of nothing", function*() {
    const { layer } = sharedStore(() => ({ distanceMillis: () => 50 }))
    const read = Effect.succeed("v").pipe(Cached.ttl("k", hour))
    expect(yield* warningsOf(Effect.provide(read, over(layer)))).toEqual([])
  })
})
