/** Pipelines over a store that fails, and their numbers: no call is made twice, and all are counted. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, References, Schema, Sink, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { Pipeline } from "effect-cached/pipeline"
import { TestClock } from "effect/testing"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { over } from "../support/caches.ts"
import { test, testIn } from "../support/tests.ts"

/** Rows, and a function that counts what its lookup sees. */
const paid = (options: object = { ttl: "30 days" }, name = "Row") => {
  class Row extends CacheKey.Class<Row>()(name, {
    payload: { n: Schema.Int },
    success: Schema.String,
    error: Schema.String
  }) {}
  const seen: Array<number> = []
  const through = Cached.many(Row, (keys) =>
    Effect.delay(
      Effect.sync(() => {
        seen.push(...keys.map(({ n }) => n))
        return keys.map(({ n }) => n < 0 ? Exit.fail("none") : Exit.succeed(`${n}`))
      }),
      "20 millis"
    ), options as { readonly ttl: "30 days" })
  return { through, seen }
}

const rows = (...numbers: ReadonlyArray<number>) => Stream.fromIterable(numbers.map((n) => ({ n })))
const count = (length: number) => Array.from({ length }, (_, n) => n)

type Options = Partial<Pipeline.Options<any, any, any, any, any, any>>

const run = (through: unknown, from: Stream.Stream<{ readonly n: number }>, options: Options = {}) =>
  Pipeline.run({ from, through, to: Sink.drain, chunk: 10, concurrency: 2, ...options } as never) as Effect.Effect<
    Pipeline.Summary
  >

/** A store that fails as `fault` says, and whether a write or a read reached it meanwhile. */
const failing = () => {
  const inMemory = MemoryStore.make()
  const state = {
    fault: undefined as StoreError["reason"] | undefined,
    only: undefined as string | undefined,
    tries: 0
  }
  const guarded = <A>(operation: string, effect: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> =>
    Effect.suspend(() => {
      if (state.fault === undefined || state.only !== undefined && !operation.startsWith(state.only)) return effect
      state.tries++
      return state.fault === "Timeout"
        ? Effect.never
        : Effect.fail(new StoreError({ store: "mine", operation, reason: state.fault }))
    })
  const store: Store.Store = {
    ...inMemory,
    changesUnsafe: undefined,
    getUnsafe: undefined,
    get: (...args) => guarded("get", inMemory.get(...args)),
    getMany: (...args) => guarded("getMany", inMemory.getMany(...args)),
    markers: (...args) => guarded("markers", inMemory.markers(...args)),
    acquire: (...args) => guarded("acquireMany", inMemory.acquire(...args)),
    commit: (...args) => guarded("commitMany", inMemory.commit(...args))
  }
  const layer = over({ layer: Layer.succeed(Store.Store, store) })
  /** Another process, with an empty memory. */
  const later = <A>(effect: Effect.Effect<A, never, any>) => Effect.provide(effect, Layer.fresh(layer))
  return { state, later: later as <A>(effect: Effect.Effect<A, never, any>) => Effect.Effect<A> }
}

const failAfter = (state: ReturnType<typeof failing>["state"], fault: StoreError["reason"], millis = "50 millis") =>
  Effect.andThen(TestClock.adjust(millis as never), Effect.sync(() => void (state.fault = fault)))

describe("patience", () => {
  it.effect.each(["Timeout", "Unavailable", "Full"] as const)(
    "a store that fails for a while (%s) is waited for, without further calls: the second run makes none",
    (fault) =>
      Effect.gen(function*() {
        const { later, state } = failing()
        const { seen, through } = paid()
        const running = yield* Effect.forkChild(later(run(through, rows(...count(100)))))
        yield* failAfter(state, fault)
        yield* TestClock.adjust("30 seconds")
        const before = seen.length
        yield* TestClock.adjust("30 seconds")
        // At most chunk × concurrency results wait.
        expect([seen.length, before < 100, before % 10]).toEqual([before, true, 0])
        state.fault = undefined
        yield* TestClock.adjust("1 minute")
        expect(yield* Fiber.join(running)).toMatchObject({ rows: 100, calls: 100, unsaved: 0 })
        expect(yield* later(run(through, rows(...count(100))))).toMatchObject({ calls: 0, saved: 100 })
        expect(seen).toHaveLength(100)
      })
  )

  it.effect.each([1, 10])(
    "loads that run while a connection is lost are stored (%s in a chunk)",
    (chunk) =>
      Effect.gen(function*() {
        const inMemory = MemoryStore.make()
        let followed = 0
        const store: Store.Store = {
          ...inMemory,
          capabilities: { shared: true, changes: true },
          changesUnsafe: undefined,
          getUnsafe: undefined,
          // The first two connections end after a while.
          changes: Stream.concat(
            Stream.make<[Store.Change]>({ _tag: "Coherent" }),
            Stream.fromEffectDrain(Effect.suspend(() => ++followed > 2 ? Effect.never : Effect.sleep("50 millis")))
          )
        }
        const layer = () => Layer.fresh(over({ layer: Layer.succeed(Store.Store, store) }))
        const { through, seen } = paid()
        const once = () =>
          Effect.forkChild(Effect.provide(run(through, rows(...count(100 * chunk)), { chunk }), layer()))
        const first = yield* once()
        yield* TestClock.adjust("1 minute")
        expect(followed).toBe(3)
        expect(yield* Fiber.join(first)).toMatchObject({ calls: 100 * chunk, unsaved: 0 })
        const second = yield* once()
        yield* TestClock.adjust("1 minute")
        expect(yield* Fiber.join(second)).toMatchObject({ calls: 0, saved: 100 * chunk })
        expect(seen).toHaveLength(100 * chunk)
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
  )

  it.effect.each([[1, undefined], [10, undefined], [1, "commit"], [10, "commit"]] as const)(
    "a refresh waits for the store too, and with its result beyond its own timeout (%s in a chunk, %s)",
    ([chunk, only]) =>
      Effect.gen(function*() {
        const { later, state } = failing()
        const { through, seen } = paid({ strategy: "refreshAhead", ttl: "1 day", refreshAfter: "1 hour" })
        state.only = only
        const job = Effect.gen(function*() {
          const outcomes: Array<unknown> = []
          for (const numbers of [rows(...count(20)), rows(...count(20), 20)]) {
            yield* TestClock.adjust("2 hours")
            state.fault = "Unavailable"
            const running = yield* Effect.forkChild(run(through, numbers, { chunk }))
            yield* TestClock.adjust(only === undefined ? "20 seconds" : "4 minutes")
            state.fault = undefined
            yield* TestClock.adjust("1 minute")
            const { calls, unsaved } = yield* Fiber.join(running)
            outcomes.push([calls, unsaved])
          }
          return outcomes
        })
        expect([yield* later(job), seen.length]).toEqual([[[20, 0], [21, 0]], 41])
        const again = yield* Effect.forkChild(later(run(through, rows(...count(21)))))
        yield* TestClock.adjust("1 minute")
        expect(yield* Fiber.join(again)).toMatchObject({ calls: 0, saved: 21 })
      })
  )

  it.effect.each([1, 10])(
    "an interruption tries once more what waits for the store (%s in a chunk)",
    (chunk) =>
      Effect.gen(function*() {
        const { later, state } = failing()
        const { seen, through } = paid()
        state.only = "commit"
        state.fault = "Unavailable"
        const running = yield* Effect.forkChild(later(run(through, rows(...count(20)), { chunk })))
        yield* TestClock.adjust("20 seconds")
        const paidFor = seen.length
        state.fault = undefined
        const stopping = yield* Effect.forkChild(Fiber.interrupt(running))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(stopping)
        const again = yield* Effect.forkChild(later(run(through, rows(...count(20)))))
        yield* TestClock.adjust("1 minute")
        expect([(yield* Fiber.join(again)).saved, paidFor]).toEqual([chunk * 2, chunk * 2])
      })
  )

  test("a store that fails for good: the output has all rows, and the rest is unsaved after one patience", function*() {
    const { later, state } = failing()
    const { seen, through } = paid()
    const written: Array<unknown> = []
    const to = Sink.forEach((row) => Effect.sync(() => void written.push(row)))
    const running = yield* Effect.forkChild(later(run(through, rows(...count(100)), { patience: "1 minute", to })))
    yield* failAfter(state, "Unavailable")
    yield* TestClock.adjust("58 seconds")
    expect(seen.length).toBeLessThan(100)
    yield* TestClock.adjust("20 minutes")
    const summary = yield* Fiber.join(running)
    expect(summary).toMatchObject({ rows: 100, calls: 100, saved: 0, failed: 0 })
    expect([written.length, seen.length]).toEqual([100, 100])
    state.fault = undefined
    const again = yield* Effect.forkChild(later(run(through, rows(...count(100)))))
    yield* TestClock.adjust("1 minute")
    const second = yield* Fiber.join(again)
    expect([second.calls, second.calls > 0, second.unsaved]).toEqual([summary.unsaved, true, 0])
    expect(summary.text).toContain(`The store could not keep ${summary.unsaved} results`)
  })

  test("after it, each chunk tries once, and after a success the pipeline waits again", function*() {
    const { later, state } = failing()
    const { through } = paid()
    const options = { patience: "10 seconds", chunk: 10, concurrency: 1 } as const
    const slow = Stream.fromIterable(count(60)).pipe(
      Stream.rechunk(10),
      Stream.mapArrayEffect((some) => Effect.as(Effect.sleep("1 minute"), some)),
      Stream.map((n) => ({ n }))
    )
    state.only = "commit"
    state.fault = "Unavailable"
    const running = yield* Effect.forkChild(later(run(through, slow, options)))
    yield* TestClock.adjust("1 minute")
    yield* TestClock.adjust("50 seconds")
    expect(state.tries).toBeGreaterThan(5)
    const before = state.tries
    // The second chunk tries once, and does not wait.
    yield* TestClock.adjust("30 seconds")
    expect(state.tries).toBe(before + 1)
    state.fault = undefined
    yield* TestClock.adjust("1 minute")
    state.fault = "Unavailable"
    yield* TestClock.adjust("65 seconds")
    expect(state.tries).toBeGreaterThan(before + 3)
    state.fault = undefined
    yield* TestClock.adjust("10 minutes")
    expect(yield* Fiber.join(running)).toMatchObject({ calls: 60, unsaved: 30 })
  })

  test("what the strategy or the policy does not store, or a failed load, is not unsaved", function*() {
    const { later, state } = failing()
    const never = paid({ ttl: () => 0 })
    const always = paid()
    state.fault = "Unavailable"
    const programs = [
      run(never.through, rows(1, 2), { patience: "1 second" }),
      CachePolicy.disable("set")(run(always.through, rows(1, 2), { patience: "1 second" })),
      run(always.through, rows(-1, -2), { patience: "1 second" })
    ]
    for (const program of programs) {
      const running = yield* Effect.forkChild(later(program))
      yield* TestClock.adjust("1 minute")
      expect(yield* Fiber.join(running)).toMatchObject({ calls: 2, unsaved: 0 })
    }
  })

  test("waits although callers do not wait for writes, and other readers do not wait for the store", function*() {
    const { later, state } = failing()
    const { through } = paid()
    yield* later(Effect.gen(function*() {
      const running = yield* Effect.forkChild(run(through, rows(1)))
      yield* failAfter(state, "Unavailable", "10 millis")
      yield* TestClock.adjust("1 second")
      expect(running.pollUnsafe()).toBe(undefined)
      const other = yield* Effect.forkChild(through([{ n: 2 }]))
      yield* TestClock.adjust("1 second")
      expect(other.pollUnsafe()).toEqual(Exit.succeed([Exit.succeed("2")]))
      state.fault = undefined
      yield* TestClock.adjust("5 seconds")
      expect(yield* Fiber.join(running)).toMatchObject({ calls: 1, unsaved: 0 })
    }))
  })

  it("a folder on disk that another program has locked is waited for", async () => {
    const directory = mkdtempSync(join(tmpdir(), "pipeline-"))
    const { seen, through } = paid()
    let lock: DatabaseSync | undefined
    const from = Stream.tap(rows(...count(60)), ({ n }) =>
      Effect.sync(() => {
        if (n !== 30) return
        lock = new DatabaseSync(join(directory, readdirSync(directory).find((name) => name.endsWith(".db"))!))
        lock.exec("BEGIN IMMEDIATE")
        setTimeout(() => lock!.close(), 700)
      }))
    const onDisk = (rows: typeof from) =>
      Effect.runPromise(run(through, rows).pipe(Effect.provide(CacheLayer.disk({ directory }))))
    try {
      expect(await onDisk(from)).toMatchObject({ rows: 60, calls: 60, unsaved: 0 })
      expect(await onDisk(rows(...count(60)))).toMatchObject({ calls: 0, saved: 60 })
      expect([seen.length, lock === undefined]).toEqual([60, false])
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  it("patience and every must be times", () => {
    expect(() => run(paid().through, rows(1), { patience: -1 })).toThrow("patience of Pipeline.run must be longer")
    expect(() => run(paid().through, rows(1), { every: 0 })).toThrow("every of Pipeline.run must be longer")
    expect(() => run(paid().through, rows(1), { every: "soon" as never })).toThrow("every of Pipeline.run is not a")
  })
})

describe("numbers", () => {
  testIn(CacheLayer.memory())(
    "two pipelines over one cache count their own calls, for shared, repeated and failing ids, cold and warm",
    function*() {
      const a = paid()
      const b = paid(undefined, "Other")
      const numbers = [...count(30), ...count(30).map((n) => n % 7), -1, -1, -2]
      const cost = { price: 1 }
      for (const round of ["cold", "warm"]) {
        const before = { a: a.seen.length, b: b.seen.length }
        const running = yield* Effect.forkChild(Effect.all([
          run(a.through, rows(...numbers), cost),
          run(a.through, rows(...numbers.slice().reverse()), cost),
          run(b.through, rows(...numbers), cost)
        ], { concurrency: "unbounded" }))
        yield* TestClock.adjust("1 minute")
        const [first, second, third] = yield* Fiber.join(running)
        expect([round, first.calls + second.calls, third.calls]).toEqual([
          round,
          a.seen.length - before.a,
          b.seen.length - before.b
        ])
        for (const { calls, cost, failed, rows, saved } of [first, second, third]) {
          expect([rows, failed, cost]).toEqual([63, 3, { spent: calls, saved }])
        }
        // Each of the 60 rows with a result was paid by one of the calls, or is saved.
        const good = round === "cold" ? 30 : 0
        expect([first.saved + second.saved, third.saved]).toEqual([120 - good, 60 - good])
      }
    }
  )

  testIn(CacheLayer.memory())(
    "a refresh that a read begins is a call, and its row is saved; other loads are not counted",
    function*() {
      const { seen, through } = paid({ strategy: "refreshAhead", ttl: "1 day", refreshAfter: "1 second" })
      const other = paid(undefined, "Other")
      const first = yield* Effect.forkChild(run(through, rows(1, 2, 3)))
      yield* TestClock.adjust("2 seconds")
      expect(yield* Fiber.join(first)).toMatchObject({ calls: 3, saved: 0 })
      const slow = Stream.tap(rows(1, 2, 3), () => Effect.sleep("1 second"))
      const second = yield* Effect.forkChild(
        Effect.all([run(through, slow, { chunk: 1 }), other.through([{ n: 1 }])], { concurrency: 2 })
      )
      yield* TestClock.adjust("1 minute")
      const [summary] = yield* Fiber.join(second)
      expect([summary.calls, summary.saved, seen.length]).toEqual([seen.length - 3, 3, 6])
    }
  )

  testIn(CacheLayer.memory())(
    "under a policy that bypasses the cache, and for reads inside of a load, calls are those of the lookup",
    function*() {
      const inner = paid(undefined, "Inner")
      class Outer extends CacheKey.Class<Outer>()("Outer", { payload: { n: Schema.Int }, success: Schema.String }) {}
      let outer = 0
      const through = Cached.many(Outer, (keys) => {
        outer += keys.length
        return Effect.map(
          inner.through(keys.map(({ n }) => ({ n: n + 100 }))),
          (exits) => exits.map((exit) => Exit.mapError(exit, String)) as never
        )
      }, { ttl: "1 hour" })
      const both = yield* Effect.forkChild(
        Effect.all([run(through, rows(1, 2)), CachePolicy.bypass(run(through, rows(1, 2, 2)))])
      )
      yield* TestClock.adjust("1 minute")
      const [cached, bypassing] = yield* Fiber.join(both)
      expect([cached.calls, bypassing.calls, outer]).toEqual([2, 2, 4])
      expect([cached.saved, bypassing.saved]).toEqual([0, 1])
    }
  )
})
