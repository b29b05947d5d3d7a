/** Thousands of keys over a store that is slow, far away, or fails in a later wave: budgets, renewals and turns. */
import { describe, expect, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Exit, Fiber, Latch, Layer, Option, References, Schema, Scope } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { turns } from "../../src/internal/time/turns.ts"
import { found, idOf, key, oneProcess, over, payloads, process, read, sharedStore, take } from "../support/bulkCalls.ts"
import { elapse, ended, settle, start, started } from "../support/caches.ts"
import { warningsOf } from "../support/logged.ts"
import { test } from "../support/tests.ts"

const wave = 256

describe("each wave has the store's whole time, until one has exceeded it", () => {
  class User extends CacheKey.Class<User>()("User", {
    payload: { id: Schema.Int },
    success: Schema.String,
    tags: ({ id }) => [`group:${id % 300}`]
  }) {}

  const count = 6000
  const keys = Array.from({ length: count }, (_, id) => new User({ id }))
  const pairs = keys.map((key) => [key, `user ${key.id}`] as const)

  const loaded: Array<number> = []
  const users = Cached.many(User, (keys) =>
    Effect.sync(() => {
      loaded.push(keys.length)
      return keys.map(({ id }) => Exit.succeed(`user ${id}`))
    }), { ttl: "1 hour" })

  /** A store that takes a tenth of a millisecond for each id, or hangs. */
  const makeStore = (storeTimeout = "500 millis" as const) => {
    const inner = MemoryStore.make()
    const state = { hangs: false }
    const asked: Array<string> = []
    const taking = <A>(operation: string, items: ReadonlyArray<unknown>, effect: Effect.Effect<A, StoreError>) =>
      Effect.suspend(() => {
        asked.push(operation)
        return state.hangs ? Effect.never : Effect.delay(effect, items.length / 10)
      })
    const store: Store.Store = {
      ...inner,
      getUnsafe: undefined,
      workedMillis: undefined,
      get: (id, tags) => taking("get", tags, inner.get(id, tags)),
      getMany: (ids) => taking("getMany", ids, inner.getMany(ids)),
      acquire: (requests) => taking("acquireMany", requests, inner.acquire(requests)),
      commit: (requests) => taking("commitMany", requests, inner.commit(requests)),
      set: (requests) => taking("setMany", requests, inner.set(requests)),
      markers: (tags) => taking("markers", tags, inner.markers(tags)),
      remove: (ids) => taking("removeMany", ids, inner.remove(ids)),
      invalidateTags: (tags, mode) => taking("invalidateTags", tags, inner.invalidateTags(tags, mode)),
      clear: taking("clear", [], inner.clear)
    }
    const layer = Layer.provide(
      CacheLayer.layer({ memory: false, storeTimeout }),
      Layer.succeed(Store.Store, store)
    )
    return { asked, inner, layer, state }
  }

  /** Runs an effect while the clock moves on. */
  const passing = <A, E, R>(
    effect: Effect.Effect<A, E, R>,
    duration: "1 minute" | "10 millis" | "1 second" = "1 minute"
  ) =>
    Effect.gen(function*() {
      const fiber = yield* start(effect)
      for (let i = 0; i < 10 && fiber.pollUnsafe() === undefined; i++) {
        yield* TestClock.adjust(duration)
        for (let j = 0; j < 500 && fiber.pollUnsafe() === undefined; j++) yield* Effect.yieldNow
      }
      expect(ended(fiber)).not.toBe("still waiting")
      return yield* ended(fiber) as Exit.Exit<A, E>
    })

  const found = (options: ReadonlyArray<Option.Option<string>>) => options.filter(Option.isSome).length

  const warnings = <A, E>(effect: Effect.Effect<A, E, Caching.Caching>, layer: Layer.Layer<Caching.Caching>) =>
    Effect.map(warningsOf(Effect.provide(effect, layer)), (messages) =>
      // The test's clock warns too, of a fiber that works for long.
      messages.filter((message) => message.includes("The store")))

  /** A test over such a store, and what the cache warns of. */
  const warned = (
    title: string,
    said: ReadonlyArray<string>,
    program: (store: ReturnType<typeof makeStore>) => Generator<Effect.Effect<any, any, Caching.Caching>, void, never>
  ) =>
    it.effect(title, () => {
      const store = makeStore()
      return Effect.map(
        warnings(Effect.gen(() => program(store)), store.layer),
        (messages) => expect(messages).toEqual(said.map((text) => expect.stringContaining(text)))
      )
    })

  describe("P4 · a healthy store that needs longer than its time limit for the whole call", () => {
    warned("answers a lookup of all keys", [], function*() {
      yield* passing(Cached.setMany(pairs, { ttl: "1 hour" }))
      expect(found(yield* passing(Cached.getMany(keys)))).toBe(count)
      expect(found(yield* passing(CachePolicy.strict(Cached.getMany(keys))))).toBe(count)
    })

    warned("answers a read of all keys without a load, and takes the results of one with", [], function*(store) {
      loaded.length = 0
      yield* passing(users(keys))
      expect(store.asked.filter((operation) => operation === "commitMany")).toHaveLength(24)
      expect(yield* passing(users(keys))).toEqual(pairs.map(([, value]) => Exit.succeed(value)))
      expect(loaded).toEqual([count])
    })
  })

  describe("P4 · a store that hangs", () => {
    warned(
      "is asked once by a lookup of many keys, which ends after one timeout",
      ["could not read entries"],
      function*({ asked, state }) {
        yield* passing(Cached.setMany(pairs, { ttl: "1 hour" }))
        state.hangs = true
        asked.length = 0
        expect(found(yield* passing(Cached.getMany(keys), "1 second"))).toBe(0)
        expect(asked).toEqual(["getMany"])
        state.hangs = false
        expect(found(yield* passing(Cached.getMany(keys)))).toBe(count)
      }
    )

    warned("keeps what it has answered before", ["could not read entries"], function*({ asked, state }) {
      yield* passing(Cached.setMany(pairs, { ttl: "1 hour" }))
      asked.length = 0
      const fiber = yield* start(Cached.getMany(keys))
      // Waves of 1, 2 and 4 times 256 keys take 25.6 milliseconds each, and as long for their tags.
      yield* TestClock.adjust("130 millis")
      state.hangs = true
      yield* TestClock.adjust("1 second")
      expect(found(yield* fiber.pollUnsafe()!)).toBe(7 * 256)
    })

    warned(
      "is asked once by a read of many keys, which loads them after one timeout",
      ["could not read entries"],
      function*({ asked, state }) {
        state.hangs = true
        expect((yield* passing(users(keys), "1 second")).every(Exit.isSuccess)).toBe(true)
        expect(asked).toEqual(["getMany"])
      }
    )
  })

  describe("P4 · invalidations of many", () => {
    const tags = Array.from({ length: count }, (_, i) => ({ tag: `tag ${i}` }))

    warned("have time for each wave in a healthy store", [], function*(store) {
      yield* passing(Cached.setMany(pairs, { ttl: "1 hour" }))
      expect(yield* passing(Cached.remove(keys))).toBe(count)
      yield* passing(Cached.invalidate(tags))
      expect(store.asked.filter((operation) => operation === "removeMany")).toHaveLength(24)
      expect(store.asked.filter((operation) => operation === "invalidateTags")).toHaveLength(24)
    })

    warned(
      "ask a store that hangs once, and take effect when it answers again",
      ["could not"],
      function*({ asked, inner, state }) {
        yield* passing(Cached.setMany(pairs, { ttl: "1 hour" }))
        state.hangs = true
        asked.length = 0
        yield* passing(Effect.all([Cached.invalidate(keys), Cached.invalidate(tags)]), "1 second")
        expect(asked).toEqual(["removeMany", "invalidateTags"])
        expect(yield* Cached.has(keys[count - 1]!)).toBe(false)
        state.hangs = false
        yield* TestClock.adjust("5 minutes")
        expect(yield* inner.size).toBe(0)
      }
    )

    it.effect("are sent again where the store answered only the first wave", () => {
      const { asked, inner, layer, state } = makeStore()
      return Effect.gen(function*() {
        yield* Effect.provide(
          Effect.gen(function*() {
            yield* passing(Cached.setMany(pairs.slice(0, 512), { ttl: "1 hour" }))
            asked.length = 0
            const removing = yield* start(Cached.remove(keys.slice(0, 512)))
            for (let i = 0; i < 500 && asked.length === 0; i++) yield* Effect.yieldNow
            state.hangs = true
            expect(yield* passing(Fiber.join(removing), "1 second")).toBe(256)
            expect(asked).toEqual(["removeMany", "removeMany"])
            state.hangs = false
            yield* TestClock.adjust("1 minute")
            expect(yield* inner.size).toBe(0)
          }),
          layer
        )
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
    })

    it.effect("are sent again in waves", () => {
      const { asked, inner, layer, state } = makeStore()
      return Effect.gen(function*() {
        yield* Effect.provide(
          Effect.gen(function*() {
            yield* passing(Cached.setMany(pairs.slice(0, 640), { ttl: "1 hour" }))
            state.hangs = true
            yield* passing(Cached.invalidate(keys.slice(0, 640)), "1 second")
            state.hangs = false
            asked.length = 0
            yield* TestClock.adjust("1 minute")
            expect(asked.filter((operation) => operation === "removeMany")).toHaveLength(10)
            expect(yield* inner.size).toBe(0)
          }),
          layer
        )
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
    })
  })
})

describe("a call whose store goes wrong in a later wave continues, warns once, and waits for one budget", () => {
  const count = 1000
  const budgetMillis = 1000

  type Asked = "getMany" | "get" | "markers" | "renew"

  const outcomes: Readonly<Record<string, (operation: Asked) => Effect.Effect<never, StoreError>>> = {
    fails: (operation) => Effect.fail(new StoreError({ store: "s", operation, reason: "Unavailable" })),
    hangs: () => Effect.never,
    "dies of a bug": () => Effect.die(new Error("a bug")),
    lies: () => Effect.succeed(["of another kind"] as never)
  }

  /** Two processes over one store, which goes wrong for the first one when an operation is asked for the n-th time. */
  const twoProcesses = Effect.fnUntraced(function*(operation: Asked, how: string, nth = 2) {
    const state = { asked: 0, isWrong: false }
    const { here, layer, store } = yield* oneProcess((store) => ({
      [operation]: (...args: ReadonlyArray<never>) =>
        Effect.suspend(() => {
          if (state.isWrong && ++state.asked === nth) return outcomes[how]!(operation)
          return (store[operation] as unknown as (...args: ReadonlyArray<never>) => Effect.Effect<never, StoreError>)(
            ...args
          )
        })
    }), { storeTimeout: budgetMillis, lease: 2400 })
    const there = yield* process(over(layer))
    return { here, there, store, state }
  })

  /** Lets a reader run until it ends. Returns its answer, and how long it has waited. */
  const timed = Effect.fnUntraced(function*<A, E, R>(reading: Effect.Effect<A, E, R>) {
    const beganAt = yield* Clock.currentTimeMillis
    const fiber = yield* started(reading)
    for (let i = 0; i < 100 && fiber.pollUnsafe() === undefined; i++) {
      yield* elapse("100 millis")
    }
    const exit = ended(fiber)
    expect(exit).not.toBe("still waiting")
    return [yield* exit as Exit.Exit<A, E>, (yield* Clock.currentTimeMillis) - beganAt] as const
  })

  const all = payloads(count)
  const keys = all.map(({ id }) => key(id))
  const texts = (exits: ReadonlyArray<Exit.Exit<string, string>>) =>
    exits.map((exit) => Exit.isSuccess(exit) && exit.value)

  describe.each(Object.keys(outcomes))("P4 · a store that %s in the second wave", (how) => {
    const hangs = how === "hangs"

    /** A test of two processes, the first of which warns once. */
    const warns = (
      title: string,
      operation: Asked,
      program: (
        two: Effect.Success<ReturnType<typeof twoProcesses>>
      ) => Generator<Effect.Effect<any, any, Scope.Scope>, void, never>
    ) =>
      test(title, function*() {
        // The processes log where they begin, and as long as they run.
        const both = Effect.flatMap(twoProcesses(operation, how), (two) => Effect.gen(() => program(two)))
        const warnings = yield* warningsOf(Effect.scoped(both))
        expect(warnings.filter((text) => text.includes("The store"))).toHaveLength(1)
      })

    describe.each(["getMany", "get"] as const)("when it is asked for entries or their tags (%s)", (operation) => {
      warns("leaves the other waves of a read as they are stored", operation, function*({ here, state, store, there }) {
        yield* there(read(count))
        state.isWrong = true
        const [exits, millis] = yield* timed(here(read(count, Effect.void, "new")))
        // A store that hangs is not asked again. Another finds the entries when it is asked for their leases.
        expect(texts(exits)).toEqual(all.map(({ id }) => hangs && id >= wave ? `new ${id}` : `old ${id}`))
        expect(millis).toBe(hangs ? budgetMillis : 0)
        // The results that could not be stored are in memory, and no lease is left.
        expect(yield* here(found(999))).toBe(hangs ? "new 999" : "old 999")
        expect(yield* there(found(999))).toBe("old 999")
        for (const id of [0, 300, 999]) expect(yield* take(store, id)).toMatchObject({ _tag: "Hit" })
      })

      warns("leaves the other waves of a look-up as they are stored", operation, function*({ here, state, there }) {
        yield* there(read(count))
        state.isWrong = true
        const [options, millis] = yield* timed(here(Cached.getMany(keys)))
        expect(options.map(Option.getOrUndefined)).toEqual(
          all.map(({ id }) => id < wave || (!hangs && id >= 2 * wave) ? `old ${id}` : undefined)
        )
        expect(millis).toBe(hangs ? budgetMillis : 0)
        expect(yield* here(found(300))).toBe("old 300")
      })

      test("fails a strict look-up, after one budget", function*() {
        const { here, state, there } = yield* twoProcesses(operation, how)
        yield* there(read(count))
        state.isWrong = true
        const [error, millis] = yield* timed(here(Effect.flip(CachePolicy.strict(Cached.getMany(keys)))))
        expect(error).toMatchObject({ _tag: "StoreError" })
        expect(millis).toBe(hangs ? budgetMillis : 0)
      })
    })

    warns(
      "when it is asked for markers, stores the results of the other waves",
      "markers",
      function*({ here, state, store, there }) {
        state.isWrong = true
        const [exits, millis] = yield* timed(here(read(count)))
        expect(texts(exits)).toEqual(all.map(({ id }) => `old ${id}`))
        expect(millis).toBe(hangs ? budgetMillis : 0)
        expect(yield* here(found(300))).toBe("old 300")
        // A store that hangs is not asked to take the results of the first wave either.
        expect(yield* there(Effect.forEach([0, 300, 999], found))).toEqual(
          hangs ? [undefined, undefined, undefined] : ["old 0", undefined, "old 999"]
        )
        expect(yield* take(store, 300)).toMatchObject({ _tag: "Granted" })
      }
    )

    warns(
      "when it is asked to renew leases, keeps the leases of the other waves, and takes all results",
      "renew",
      function*({ here, state, store, there }) {
        state.isWrong = true
        const gate = yield* Deferred.make<void>()
        const reading = yield* started(here(read(count, Deferred.await(gate))))
        const lost: Array<string> = []
        for (let millis = 100; millis <= 6000; millis += 100) {
          yield* elapse(100)
          for (const id of [0, 300, 600, 999]) {
            if ((yield* take(store, id))._tag === "Wait") continue
            yield* store.release(idOf(id), "other")
            lost.push(`${id} after ${millis} ms`)
          }
        }
        yield* Deferred.succeed(gate, undefined)
        expect(texts(yield* Fiber.join(reading))).toEqual(all.map(({ id }) => `old ${id}`))
        expect(yield* there(Effect.forEach([0, 300, 999], found))).toEqual(["old 0", "old 300", "old 999"])
        expect(lost).toEqual([])
      }
    )
  })
})

describe("P1 · all leases of a huge bulk call are renewed before they end", () => {
  class Row extends CacheKey.Class<Row>()("Row", { payload: { id: Schema.Int }, success: Schema.Int }) {}

  const rows = Cached.many(
    Row,
    (keys) => Effect.delay(Effect.succeed(keys.map(({ id }) => Exit.succeed(id))), "15 seconds"),
    { ttl: "1 day" }
  )

  /** Counts the leases that ended before they were renewed, over a store that takes its time. */
  const renewals = Effect.fnUntraced(
    function*(count: number, takes: (count: number) => Effect.Effect<void>) {
      const inner = MemoryStore.make()
      const until = new Map<string, number>()
      const seen = { ended: 0, renewed: 0, longestMillis: 0 }
      const grant = (ids: Iterable<string>, leaseMillis: number) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          seen.longestMillis = Math.max(seen.longestMillis, leaseMillis)
          for (const id of ids) until.set(id, now + leaseMillis)
        })
      const store: Store.Store = {
        ...inner,
        capabilities: { ...inner.capabilities, shared: true, changes: false },
        getUnsafe: undefined,
        acquire: (requests) =>
          grant(requests.map(({ id }) => id), requests[0]!.leaseMillis).pipe(
            Effect.andThen(takes(requests.length)),
            Effect.andThen(inner.acquire(requests))
          ),
        renew: (ids, owner, leaseMillis) =>
          Effect.gen(function*() {
            yield* takes(ids.length)
            const now = yield* Clock.currentTimeMillis
            for (const id of ids) {
              seen.renewed++
              if (until.get(id)! < now) seen.ended++
            }
            yield* grant(ids, leaseMillis)
            return yield* inner.renew(ids, owner, leaseMillis)
          })
      }
      yield* Effect.gen(function*() {
        const reading = yield* started(rows(payloads(count)))
        for (let i = 0; i < 1500 && reading.pollUnsafe() === undefined; i++) {
          yield* Effect.andThen(TestClock.adjust(20), settle)
        }
        expect(yield* Fiber.join(reading)).toHaveLength(count)
      }).pipe(
        Effect.provide(
          over(Layer.succeed(Store.Store, store), { memory: false, lease: 2000, storeTimeout: "1 minute" })
        )
      )
      return seen
    }
  )

  test("by several requests at once, if the store is only far away", function*() {
    const { ended, longestMillis } = yield* renewals(30_000, () => Effect.sleep(40))
    expect(ended).toBe(0)
    expect(longestMillis).toBeLessThan(5000)
  })
})

describe("waves whose answers arrive together are handled in turns of their own", () => {
  const count = 15 * wave

  /** How many values have been encoded or decoded in each turn of the event loop. */
  const values = new Map<number, number>()
  let turn = 0
  const counted = Schema.makeFilter<string>(() => {
    values.set(turn, (values.get(turn) ?? 0) + 1)
    return true
  })

  const counting = Effect.forever(Effect.andThen(Effect.yieldNow, Effect.sync(() => void turn++)))

  class Row
    extends CacheKey.Class<Row>()("Row", { payload: { id: Schema.Int }, success: Schema.String.check(counted) })
  {}

  const keys = Array.from({ length: count }, (_, id) => new Row({ id }))
  const pairs = keys.map((key) => [key, `row ${key.id}`] as const)
  const rows = Cached.many(Row, (keys) => Effect.succeed(keys.map(() => Exit.succeed("loaded"))), { ttl: "1 hour" })

  const operations: ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown, Caching.Caching>]> = [
    ["setMany", Cached.setMany(pairs)],
    ["getMany", Cached.getMany(keys)],
    ["a function of many", rows(keys)]
  ]

  test.each(operations)("%s, over a store that is far away", function*([, operation]) {
    const inner = MemoryStore.make()
    // Answers all requests for markers and tags together, a millisecond later.
    let gate = Latch.makeUnsafe(false)
    let waiting = 0
    let most = 0
    const together = <A, E>(answer: Effect.Effect<A, E>) =>
      Effect.suspend(() => {
        most = Math.max(most, ++waiting)
        return Effect.andThen(gate.await, answer)
      })
    const store = Store.complete({
      ...inner,
      getUnsafe: undefined,
      workedMillis: undefined,
      get: (id, tags) => together(inner.get(id, tags)),
      markers: (tags) => together(inner.markers(tags))
    })
    const layer = Layer.provide(CacheLayer.layer({ memory: false }), Layer.succeed(Store.Store, store))
    const running = <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.gen(function*() {
        const fiber = yield* start(effect)
        for (let i = 0; i < 100 && fiber.pollUnsafe() === undefined; i++) {
          yield* settle
          yield* TestClock.adjust("1 millis")
          waiting = 0
          const open = gate
          gate = Latch.makeUnsafe(false)
          yield* open.open
        }
        expect(ended(fiber)).not.toBe("still waiting")
        return yield* ended(fiber) as Exit.Exit<A, E>
      })
    yield* start(counting)
    const context = yield* Layer.build(layer)
    yield* running(Effect.provideContext(Cached.setMany(pairs), context))
    values.clear()
    most = 0
    yield* running(Effect.provideContext(operation, context))
    expect(most).toBeGreaterThan(2)
    expect(Array.from(values.values()).reduce((sum, some) => sum + some)).toBe(count)
    // Two, because the fiber that counts the turns has its own in the middle of those of the event loop.
    expect(Math.max(...values.values())).toBeLessThanOrEqual(2 * wave)
  })

  test("a clear gives up the leases of a bulk call over several turns", function*() {
    const released: Array<number> = []
    const { here } = yield* oneProcess((store) => ({
      release: (id, owner) => {
        released.push(turn)
        return store.release(id, owner)
      }
    }))
    const gate = Latch.makeUnsafe(false)
    const reading = yield* start(here(read(count, gate.await)))
    for (let i = 0; i < 10; i++) yield* settle
    yield* started(counting)
    const clearedAt = turn
    // From now on, each turn counts as long.
    const { millis, steps } = turns
    yield* Effect.acquireRelease(Effect.sync(() => turns.millis = 0), () => Effect.sync(() => turns.millis = millis))
    yield* here(Cached.clear)
    for (let i = 0; i < 10; i++) yield* settle
    yield* gate.open
    yield* Fiber.join(reading)
    expect(released.length).toBe(count)
    // The first one is that of the flight that leads the call.
    expect(released[1]! - clearedAt).toBeGreaterThan(count / steps / 3)
  })

  it.live(
    "P7 · a layer that ends soon after a long bulk call was interrupted gives up all of its leases",
    () =>
      Effect.gen(function*() {
        const counts = { acquired: 0, released: 0 }
        const { layer } = sharedStore((store) => ({
          acquire: (requests) => {
            counts.acquired += requests.length
            return store.acquire(requests)
          },
          release: (id, owner) => {
            counts.released++
            return store.release(id, owner)
          }
        }))
        const many = 100_000
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(Layer.fresh(over(layer)), scope)
        const reading = yield* start(Effect.provideContext(read(many, Effect.never), context))
        while (counts.acquired < many) yield* Effect.sleep(5)
        yield* Effect.sleep(50)
        yield* Fiber.interrupt(reading)
        yield* Scope.close(scope, Exit.void)
        expect(counts.released).toBe(many)
      }),
    60_000
  )
})
