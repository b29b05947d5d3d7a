/** P4: a store that goes wrong fails and delays no caller. */
import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Layer, Option, Schema } from "effect"
import { Cached, CacheError, CacheKey, CachePolicy, type Strategy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import {
  type Behaviour,
  counting,
  elapse,
  ended,
  fakeStore,
  inside,
  over,
  overFake,
  settle,
  start,
  started
} from "../support/caches.ts"
import { pluralOf } from "../support/pluralOf.ts"
import { test } from "../support/tests.ts"

const unavailable = new CacheError.StoreError({ store: "fake", operation: "any", reason: "Unavailable" })

const faults: ReadonlyArray<{ readonly name: string; readonly behaviour: () => Behaviour }> = [
  { name: "fails", behaviour: () => ({ before: Effect.fail(unavailable) }) },
  { name: "fails late", behaviour: () => ({ before: Effect.delay(Effect.fail(unavailable), 100) }) },
  { name: "dies", behaviour: () => ({ before: Effect.die("broken") }) },
  { name: "interrupts itself", behaviour: () => ({ before: Effect.interrupt }) },
  {
    name: "throws",
    behaviour: () => {
      throw new Error("broken")
    }
  },
  { name: "never answers", behaviour: () => ({ before: Effect.never }) },
  {
    name: "never answers and cannot be interrupted",
    behaviour: () => ({ before: Effect.uninterruptible(Effect.never) })
  },
  { name: "answers after the budget", behaviour: () => ({ after: Effect.sleep(10_000) }) }
]

const operations = ["get", "set", "remove", "clear"] as const

const tiers = [{ memory: true }, { memory: false }]

/** Runs to its end under a clock that moves, and returns the time it took. */
const timed = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const startedAt = yield* Clock.currentTimeMillis
    const fiber = yield* start(Effect.zip(self, Clock.currentTimeMillis))
    for (let i = 0; i < 100 && fiber.pollUnsafe() === undefined; i++) yield* elapse(25)
    expect(ended(fiber)).not.toBe("still waiting")
    const [value, endedAt] = yield* Fiber.join(fiber)
    return { value, millis: endedAt - startedAt }
  })

class Weather extends CacheKey.Class<Weather>()("Weather", {
  payload: { city: Schema.String },
  success: Schema.Struct({ celsius: Schema.Number })
}) {}

describe("P4 · a store that is down, slow, full or lying never fails a program, nor delays it beyond its budget", () => {
  describe.each(tiers)("memory: $memory", ({ memory }) => {
    describe.each(faults)("a store that $name", ({ behaviour }) => {
      it.effect.each(operations.slice(0, 2))(
        "at %s: a read gives the load's value within the budget",
        (operation) =>
          overFake(function*(fake) {
            fake.behave = (asked) => asked === operation ? behaviour() : {}
            const { counts, load } = counting()
            const read = yield* timed(load.pipe(Cached.ttl("k", { ttl: "1 hour", tags: ["t"] })))
            expect(read.value).toBe(1)
            expect(read.millis).toBeLessThanOrEqual(500)
            expect(counts.started).toBe(1)
            fake.behave = () => ({})
          }, { memory })
      )

      it.effect("F6 · at everything: reads, writes and invalidations succeed within the budget", () => {
        const fake = fakeStore()
        fake.behave = behaviour
        const budget = 500
        return inside(over(fake, { memory }), function*() {
          const { load } = counting()
          for (
            const run of [
              load.pipe(Cached.ttl("a", { ttl: "1 hour" })),
              load.pipe(Cached.softTtl("b", { ttl: "1 hour", softTtl: "1 minute", tags: ["t"] })),
              CachePolicy.refresh(load.pipe(Cached.ttl("c", { ttl: "1 hour" }))),
              Cached.getOption("other"),
              Cached.has("other"),
              Cached.set("d", 1, { tags: ["t"] }),
              Cached.invalidate("a"),
              Cached.invalidate({ tag: "t" }),
              Cached.remove("b"),
              Cached.clear
            ]
          ) {
            const { millis } = yield* timed(run as Effect.Effect<unknown>)
            expect(millis).toBeLessThanOrEqual(budget)
          }
        })
      })
    })
  })

  test.withoutMemory("the budget is that of all steps of one read together", function*(fake) {
    fake.behave = () => ({ before: Effect.sleep(200) })
    const { load } = counting()
    const read = yield* timed(load.pipe(Cached.ttl("k", { ttl: "1 hour" })))
    expect(read).toEqual({ value: 1, millis: 500 })
  })

  it.effect("a synchronous store that waits for locks has the same budget", () => {
    const entries = new Map()
    const store = Store.makeSync({
      name: "locked",
      get: (id) => entries.get(id),
      set: (id, entry) => void entries.set(id, entry),
      remove: (id) => entries.delete(id),
      attempt: (_, run) => Effect.delay(Effect.sync(run), 400)
    })
    return Effect.gen(function*() {
      const { load } = counting()
      const read = yield* timed(load.pipe(Cached.ttl("k", { ttl: "1 hour" })))
      expect(read).toEqual({ value: 1, millis: 500 })
    }).pipe(Effect.provide(over({ layer: Layer.succeed(Store.Store, store) }, { memory: false })))
  })

  it.effect("storeTimeout sets the budget, of the layer and of a call", () =>
    overFake(function*(fake) {
      fake.behave = () => ({ before: Effect.never })
      const get = (key: string) => Effect.succeed(1).pipe(Cached.ttl(key, { ttl: "1 hour" }))
      expect((yield* timed(get("a"))).millis).toBe(200)
      expect((yield* timed(CachePolicy.storeTimeout("50 millis")(get("b")))).millis).toBe(50)
      fake.behave = () => ({})
    }, { storeTimeout: "200 millis" }))

  test.withoutMemory("after three timeouts the store is skipped until a probe succeeds", function*(fake) {
    fake.behave = () => ({ before: Effect.never })
    const get = (key: string) => Effect.succeed(1).pipe(Cached.ttl(key, { ttl: "1 hour" }))
    for (const key of ["a", "b", "c"]) expect((yield* timed(get(key))).millis).toBe(500)
    const asked = fake.calls.length
    for (const key of ["d", "e", "f"]) expect(yield* get(key)).toBe(1)
    expect(fake.calls.length).toBe(asked)
    // The first reader after the pause is the probe, alone.
    yield* TestClock.adjust("1 second")
    const probe = yield* start(get("g"))
    expect(yield* get("h")).toBe(1)
    expect(fake.calls.length).toBe(asked + 1)
    yield* TestClock.adjust("500 millis")
    expect(yield* Fiber.join(probe)).toBe(1)
    // It failed: twice the pause.
    yield* TestClock.adjust("1 second")
    yield* get("i")
    expect(fake.calls.length).toBe(asked + 1)
    yield* TestClock.adjust("1 second")
    fake.behave = () => ({})
    yield* get("j")
    yield* get("k")
    expect(Array.from(fake.entries.keys())).toEqual(["j", "k"])
  })

  test.withoutMemory("a lost invalidation is replayed; until then the store answers for other ids", function*(fake) {
    yield* Cached.set("k", "old")
    yield* Cached.set("other", "kept")
    fake.behave = (operation) => operation === "remove" ? { before: Effect.fail(unavailable) } : {}
    yield* Cached.invalidate("k")
    expect(fake.entries.has("k")).toBe(true)
    expect(yield* Cached.getOption("other")).toEqual(Option.some("kept"))
    expect(yield* Cached.getOption("k")).toEqual(Option.none())
    expect(yield* Effect.succeed("new").pipe(Cached.ttl("k", { ttl: "1 hour" }))).toBe("new")
    expect(yield* Effect.succeed("newer").pipe(Cached.ttl("k", { ttl: "1 hour" }))).toBe("newer")
    fake.behave = () => ({})
    yield* TestClock.adjust("2 minutes")
    expect(fake.entries.has("k")).toBe(false)
    yield* Effect.succeed("stored").pipe(Cached.ttl("k", { ttl: "1 hour" }))
    expect(fake.entries.has("k")).toBe(true)
    expect(yield* Cached.getOption("other")).toEqual(Option.some("kept"))
  })

  it.effect("a lost tag invalidation is replayed, and entries of the tag not used until then", () => {
    const fake = fakeStore()
    let down = false
    const layer = Layer.succeed(Store.Store, {
      ...fake.store,
      invalidateTags: (tags: ReadonlyArray<string>) =>
        Effect.suspend(() => down ? Effect.fail(unavailable) : fake.store.invalidateTags(tags))
    })
    return Effect.gen(function*() {
      const get = (key: string, value: string, tag: string) =>
        Effect.succeed(value).pipe(Cached.ttl(key, { ttl: "1 hour", tags: [tag] }))
      yield* get("k", "old", "t")
      yield* get("l", "kept", "u")
      down = true
      yield* Cached.invalidate({ tag: "t" })
      expect([yield* get("k", "new", "t"), yield* get("l", "other", "u")]).toEqual(["new", "kept"])
      down = false
      yield* TestClock.adjust("2 minutes")
      expect([yield* get("k", "newest", "t"), yield* get("k", "hit", "t")]).toEqual(["newest", "newest"])
    }).pipe(Effect.provide(over({ layer }, { memory: false })))
  })

  test.overFake("an entry that the store could not take is served from memory", function*(fake) {
    fake.behave = (operation) =>
      operation === "set"
        ? { before: Effect.fail(new CacheError.StoreError({ store: "fake", operation: "set", reason: "Full" })) }
        : {}
    const { get } = counting()
    expect([yield* get, yield* get]).toEqual([1, 1])
  })

  describe("under CachePolicy.strict", () => {
    const get = Effect.succeed(1).pipe(Cached.ttl("k", { ttl: "1 hour", tags: ["t"] }))

    it.effect.each(
      [
        ["a read", "get", get],
        ["a read's write", "set", get],
        ["getOption", "get", Cached.getOption("k")],
        ["set", "set", Cached.set("k", 1)],
        ["invalidate", "remove", Cached.invalidate("k")],
        ["clear", "clear", Cached.clear]
      ] as const
    )("%s fails with the StoreError", ([, operation, run]) =>
      overFake(function*(fake) {
        fake.behave = (asked) => asked === operation ? { before: Effect.fail(unavailable) } : {}
        expect(yield* Effect.exit(CachePolicy.strict(run))).toEqual(Exit.fail(unavailable))
      }))

    describe.each(tiers)("an unacknowledged invalidation, with memory: $memory", ({ memory }) => {
      class Row extends CacheKey.Class<Row>()("Row", { payload: { id: Schema.Int }, success: Schema.Int }) {}
      const key = new Row({ id: 1 })
      const other = new Row({ id: 2 })
      const { load } = counting()
      const options = { ttl: "1 hour", tags: ["t"] } as const
      const read = load.pipe(Cached.ttl(key, options))
      const rows = Cached.many(Row, (keys) => Effect.succeed(keys.map(({ id }) => Exit.succeed(id))), {
        ttl: "1 hour",
        tags: ["t"]
      })
      const unacknowledged = Exit.fail(
        new CacheError.StoreError({
          store: "fake",
          operation: "get",
          reason: "Unavailable",
          cause: new Error("it has not acknowledged an earlier invalidation of that")
        })
      )
      /** Cannot remove, nor write markers. */
      const deaf = (fake: ReturnType<typeof fakeStore>) => {
        fake.behave = (operation) =>
          operation === "remove" || operation === "clear" ? { before: Effect.fail(unavailable) } : {}
        const { invalidateTags } = fake.store
        const state = { isDeaf: true }
        const store: Store.Store = {
          ...fake.store,
          invalidateTags: (tags, mode) => state.isDeaf ? Effect.fail(unavailable) : invalidateTags(tags, mode)
        }
        return { store, state, layer: Layer.succeed(Store.Store, store) }
      }

      it.effect.each(
        [
          ["its invalidation", Cached.invalidate(key)],
          ["a hard one of its tag", Cached.invalidate({ tag: "t" })],
          ["a soft one of its tag", Cached.invalidate({ tag: "t" }, { mode: "soft" })],
          ["one of its class", Cached.invalidate({ all: Row })],
          ["a clear", Cached.clear]
        ] as const
      )("%s: a read of it fails, until it is acknowledged", ([, invalidate]) => {
        const fake = fakeStore()
        const { layer, state } = deaf(fake)
        return inside(over({ layer }, { memory }), function*() {
          yield* read
          yield* invalidate
          expect(yield* Effect.exit(CachePolicy.strict(read))).toEqual(unacknowledged)
          // A value that has entered memory since does not hide it.
          yield* read
          for (
            const strict of [
              read,
              CachePolicy.refresh(read),
              CachePolicy.disable("set")(read),
              Effect.asVoid(rows([{ id: 1 }]))
            ]
          ) {
            expect(yield* Effect.exit(CachePolicy.strict(strict))).toEqual(unacknowledged)
          }
          expect(Exit.isSuccess(yield* Effect.exit(CachePolicy.strict(CachePolicy.bypass(read))))).toBe(true)
          fake.behave = () => ({})
          state.isDeaf = false
          // It is sent again before the read.
          expect(Exit.isSuccess(yield* Effect.exit(CachePolicy.strict(read)))).toBe(true)
        })
      })

      it.effect("look-ups of it and touch fail too, those of other keys do not", () => {
        const fake = fakeStore()
        const { layer, state } = deaf(fake)
        return inside(over({ layer }, { memory }), function*() {
          yield* Cached.set(other, 2)
          yield* Cached.invalidate(key)
          for (
            const strict of [Cached.getOption(key), Cached.getMany([other, key]), Cached.has(key)]
          ) {
            expect(yield* Effect.exit(CachePolicy.strict(strict as Effect.Effect<unknown>))).toEqual(unacknowledged)
          }
          expect((yield* Effect.flip(CachePolicy.strict(Cached.touch(key, 1)))).message).toBe(
            `The store "fake" could not change the lifetime of an entry: it is unavailable (it has not acknowledged ` +
              "an earlier invalidation of that)"
          )
          expect(yield* CachePolicy.strict(Cached.getOption(other))).toEqual(Option.some(2))
          expect(yield* CachePolicy.strict(load.pipe(Cached.ttl(other, { ttl: "1 hour" })))).toBe(2)
          expect(yield* CachePolicy.strict(rows([{ id: 2 }]))).toEqual([Exit.succeed(2)])
          fake.behave = () => ({})
          state.isDeaf = false
        })
      })

      it.effect("a bulk read also sends an invalidation that stays unacknowledged while it sends another one", () => {
        const fake = fakeStore()
        return inside(over(fake, { memory }), function*() {
          fake.behave = (operation) => operation === "remove" ? { before: Effect.fail(unavailable) } : {}
          yield* Cached.invalidate(key)
          fake.behave = (operation) => operation === "remove" ? { before: Effect.sleep(10) } : {}
          const reading = yield* started(CachePolicy.strict(rows([{ id: 1 }, { id: 2 }])))
          const invalidating = yield* started(Cached.invalidate(other))
          yield* Fiber.interrupt(invalidating)
          for (let i = 0; i < 3; i++) yield* Effect.andThen(TestClock.adjust(10), settle)
          expect(yield* Fiber.join(reading)).toEqual([Exit.succeed(1), Exit.succeed(2)])
          expect(fake.count("remove")).toBe(4)
        })
      })

      it.effect("tags that throw at first hide no invalidation from a bulk read", () => {
        const fake = fakeStore()
        let throwsOnce = () => {}
        class Tagged extends CacheKey.Class<Tagged>()("Tagged", {
          payload: { id: Schema.Int },
          success: Schema.Int,
          tags: ({ id }) => {
            if (id === 2) throwsOnce()
            return [`of ${id}`]
          }
        }) {}
        return inside(over(fake, { memory }), function*() {
          const tagged = Cached.many(Tagged, (keys) => Effect.succeed(keys.map(({ id }) => Exit.succeed(id))), {
            ttl: "1 hour"
          })
          fake.behave = (operation) => operation === "remove" ? { before: Effect.fail(unavailable) } : {}
          yield* Cached.invalidate([new Tagged({ id: 1 }), new Tagged({ id: 2 })])
          fake.behave = () => ({})
          throwsOnce = () => {
            throwsOnce = () => {}
            throw new Error("no tags")
          }
          expect(yield* CachePolicy.strict(tagged([{ id: 1 }, { id: 2 }]))).toEqual([Exit.succeed(1), Exit.succeed(2)])
        })
      })

      it.effect("while the store is still asked it fails no caller", () => {
        const fake = fakeStore()
        fake.behave = (operation) => operation === "remove" ? { before: Effect.sleep(100) } : {}
        return inside(over(fake, { memory }), function*() {
          const invalidating = yield* started(Cached.invalidate(key))
          expect(Exit.isSuccess(yield* Effect.exit(CachePolicy.strict(read)))).toBe(true)
          yield* TestClock.adjust(100)
          yield* Fiber.join(invalidating)
        })
      })
    })

    test.overFake("a timeout is a StoreError with that reason", function*(fake) {
      fake.behave = () => ({ before: Effect.never })
      const { value } = yield* timed(Effect.flip(CachePolicy.strict(get)))
      expect(value).toMatchObject({ _tag: "StoreError", reason: "Timeout", operation: "get" })
      fake.behave = () => ({})
    })

    it.effect("a value that does not fit its schema is a SerializerError, and without strict no failure", () =>
      Effect.gen(function*() {
        const key = new Weather({ city: "Berlin" })
        const wrong = Effect.succeed({ celsius: "warm" } as never).pipe(Cached.ttl(key, { ttl: "1 hour" }))
        expect(yield* wrong).toEqual({ celsius: "warm" })
        yield* Cached.invalidate(key)
        expect(yield* Effect.flip(CachePolicy.strict(wrong))).toMatchObject({ _tag: "SerializerError" })
      }).pipe(Effect.provide(over(fakeStore()))))

    test.overFake("a reader that joins a load after its fault gets it too", function*(fake) {
      fake.behave = (operation) => operation === "get" ? { before: Effect.fail(unavailable) } : {}
      const load = Effect.delay(Effect.succeed(1), 1000).pipe(Cached.ttl("k", { ttl: "1 hour" }))
      const lenient = yield* started(load)
      const strict = yield* start(CachePolicy.strict(load))
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(lenient)).toBe(1)
      expect(yield* Fiber.await(strict)).toEqual(Exit.fail(unavailable))
    })

    test.overFake("does not show between the read and the boundary, nor reach readers beside it", function*(fake) {
      fake.behave = () => ({ before: Effect.delay(Effect.fail(unavailable), 10) })
      let caught = false
      const program = get.pipe(Effect.catch(() => {
        caught = true
        return Effect.succeed(2)
      }))
      const strict = yield* start(CachePolicy.strict(program))
      const lenient = yield* start(get)
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.await(strict)).toEqual(Exit.fail(unavailable))
      expect(yield* Fiber.join(lenient)).toBe(1)
      expect(caught).toBe(false)
    })
  })
})

it.effect("a read that asks the store while a refresh runs, and then loads, has one budget", () => {
  const inMemory = MemoryStore.make()
  let hangs = false
  const unlessHanging = <A>(effect: Effect.Effect<A, CacheError.StoreError>) =>
    Effect.suspend(() => hangs ? Effect.never : effect)
  const layer = Layer.succeed(Store.Store, {
    ...inMemory,
    capabilities: { shared: true, changes: false },
    getUnsafe: undefined,
    get: (id, tags) => unlessHanging(inMemory.get(id, tags)),
    acquire: pluralOf.acquire((id, options) => unlessHanging(singly(inMemory).acquire(id, options)))
  })
  return Effect.gen(function*() {
    const read = Cached.ttl(Effect.delay(Effect.succeed(1), 100), "k", { ttl: "1 hour" })
    const refreshing = yield* started(CachePolicy.refresh(read))
    hangs = true
    const { millis } = yield* timed(read)
    expect(millis).toBe(500 + 100)
    yield* Fiber.join(refreshing)
  }).pipe(Effect.provide(over({ layer }, { memory: false, storeTimeout: 500 })))
})

it.effect("an older entry of the store does not replace a newer one that it has failed to take", () => {
  const inMemory = MemoryStore.make()
  let isDown = false
  const unlessDown = <A>(effect: Effect.Effect<A, CacheError.StoreError>) =>
    Effect.suspend(() => isDown ? Effect.fail(unavailable) : effect)
  const layer = Layer.succeed(Store.Store, {
    ...inMemory,
    capabilities: { shared: true, changes: false },
    acquire: pluralOf.acquire((id, options) => unlessDown(singly(inMemory).acquire(id, options)))
  })
  let value = 0
  const load = Effect.sync(() => ++value)
  const read = Cached.ttl(load, "k", { ttl: "1 hour" })
  // The strategy of another reader, which does not accept what is younger than a second.
  const old: Strategy.Strategy = {
    name: "old",
    decide: (entry, now) => entry !== undefined && now - entry.createdAt > 1000 ? "Serve" : "Load",
    lifetime: () => ({ softTtl: Infinity, ttl: Infinity })
  }
  return Effect.gen(function*() {
    expect(yield* read).toBe(1)
    yield* TestClock.adjust("2 seconds")
    isDown = true
    expect(yield* CachePolicy.refresh(read)).toBe(2)
    expect(yield* Cached.withStrategy(load, "k", { strategy: old })).toBe(1)
    expect(yield* read).toBe(2)
  }).pipe(Effect.provide(over({ layer })))
})
