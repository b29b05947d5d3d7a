/** How long a process waits for the load of another one that lives: as long as that renews its lease, or `wait`. */
import { describe, expect, it } from "@effect/vitest"
import { Clock, type Context, Effect, Exit, Fiber, Layer, Stream } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import { ended, settle, start, started } from "../support/caches.ts"
import { pluralOf } from "../support/pluralOf.ts"
import { test } from "../support/tests.ts"

/** Several processes on one store, and when each load of them began. */
const fleet = (
  count: number,
  options: CacheLayer.LayerOptions,
  load: (nth: number) => Effect.Effect<string>,
  parts: (store: Store.Store) => Partial<Store.Store> = () => ({})
) =>
  Effect.gen(function*() {
    const store = MemoryStore.make()
    const shared: Store.Store = { ...store, ...parts(store), capabilities: { shared: true, changes: false } }
    const layer = Layer.provide(CacheLayer.layer(options), Layer.succeed(Store.Store, shared))
    const processes = yield* Effect.forEach(Array(count).fill(0), () => Layer.build(Layer.fresh(layer)))
    // Runs before the layers close, which wait for what is loaded.
    yield* Effect.addFinalizer(() => TestClock.adjust("1 hour"))
    const began: Array<number> = []
    const read = Effect.flatMap(Clock.currentTimeMillis, (now) => load(began.push(now))).pipe(
      Cached.ttl("k", { ttl: "1 hour" })
    )
    const readers: Array<Fiber.Fiber<string>> = []
    for (const context of processes) {
      readers.push(yield* start(Effect.provide(read, context)))
      yield* settle
    }
    /** The clock advances in steps: a waiting caller asks again and again. */
    const wait = (seconds: number) =>
      Effect.forEach(Array(seconds * 10).fill(0), () => Effect.andThen(TestClock.adjust(100), settle), {
        discard: true
      })
    return { began, readers, wait }
  })

const after = (seconds: number, value: string) => Effect.as(Effect.sleep(seconds * 1000), value)

describe("without wait", () => {
  test("a load that lives is waited for, however long it takes", function*() {
    const { began, readers, wait } = yield* fleet(4, { lease: "1 second" }, (n) => after(60, `#${n}`))
    yield* wait(59)
    expect(readers.map(ended)).toEqual(Array(4).fill("still waiting"))
    yield* wait(3)
    expect(readers.map(ended)).toEqual(Array(4).fill(Exit.succeed("#1")))
    expect(began).toEqual([0])
  })

  test("and although a renewal of its lease hangs", function*() {
    let renewals = 0
    const { began, readers, wait } = yield* fleet(
      2,
      { lease: "2.4 seconds", storeTimeout: "1 second" },
      (n) => after(12, `#${n}`),
      (store) => ({
        renew: pluralOf.renew((...args) =>
          Effect.suspend(() => ++renewals % 3 === 1 ? Effect.never : singly(store).renew(...args))
        )
      })
    )
    yield* wait(15)
    expect(renewals).toBeGreaterThan(6)
    expect(readers.map(ended)).toEqual(Array(2).fill(Exit.succeed("#1")))
    expect(began).toEqual([0])
  })

  test("one that hangs holds its id for maxLoad and the rest of its lease", function*() {
    const { began, readers, wait } = yield* fleet(
      3,
      { lease: "3 seconds", maxLoad: "30 seconds" },
      (n) => n === 1 ? Effect.never : after(1, `#${n}`)
    )
    yield* wait(29)
    expect(began).toEqual([0])
    yield* wait(8)
    expect(began).toHaveLength(2)
    expect(began[1]).toBeGreaterThanOrEqual(29_000)
    expect(readers.slice(1).map(ended)).toEqual(Array(2).fill(Exit.succeed("#2")))
    yield* Fiber.interrupt(readers[0]!)
  })
})

describe("with wait", () => {
  test("at its end one of all that wait loads beside, and one more after each further wait", function*() {
    const { began, readers, wait } = yield* fleet(
      5,
      { lease: "1 second", wait: "5 seconds" },
      (n) => after(18, `#${n}`)
    )
    yield* wait(4)
    expect(began).toEqual([0])
    yield* wait(14)
    const tenths = began.map((at) => Math.round(at / 1000))
    expect(tenths).toEqual([0, 5, 10, 15])
    yield* wait(3)
    // The first result is for those that wait; those that load beside give their own.
    expect(readers.map(ended).filter((exit) => exit !== "still waiting").length).toBeGreaterThanOrEqual(2)
    yield* wait(20)
    expect(readers.map((reader) => ended(reader)).every((exit) => exit !== "still waiting")).toBe(true)
    expect(began).toHaveLength(4)
  })

  test("the timeout of a read ends the wait of its own caller alone", function*() {
    const { began, readers, wait } = yield* fleet(2, { lease: "1 second" }, (n) => after(8, `#${n}`))
    yield* wait(3)
    yield* Fiber.interrupt(readers[1]!)
    yield* wait(6)
    expect(ended(readers[0]!)).toEqual(Exit.succeed("#1"))
    expect(began).toEqual([0])
  })
})

describe("a load that waits for no other (`lease: false`) keeps no other waiting", () => {
  const over = (program: Effect.Effect<void, unknown, Caching.Caching>) => {
    const shared: Store.Store = { ...MemoryStore.make(), capabilities: { shared: true, changes: false } }
    return Effect.provide(program, Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, shared)))
  }
  const next = Effect.succeed("next").pipe(Cached.ttl("k", { ttl: "1 hour" }))

  it.effect("once it has failed", () =>
    over(Effect.gen(function*() {
      const failing = Effect.fail("failed").pipe(Cached.ttl("k", { ttl: "1 hour", shareLoad: false }))
      expect(yield* Effect.exit(failing)).toEqual(Exit.fail("failed"))
      const reader = yield* started(next)
      expect(ended(reader)).toEqual(Exit.succeed("next"))
    })))

  it.effect("once its caller has left", () =>
    over(Effect.gen(function*() {
      const left = yield* start(Effect.never.pipe(Cached.ttl("k", { ttl: "1 hour", shareLoad: false })))
      yield* Fiber.interrupt(left)
      const reader = yield* started(next)
      expect(ended(reader)).toEqual(Exit.succeed("next"))
    })))

  it.effect("while it is a stream, and the other is not", () =>
    over(Effect.gen(function*() {
      const stream = Stream.tick("1 second").pipe(Stream.take(3), Cached.stream("k", { ttl: "1 hour" }))
      const consumer = yield* start(Stream.runDrain(stream))
      const reader = yield* started(next)
      expect(ended(reader)).toEqual(Exit.succeed("next"))
      yield* Fiber.interrupt(consumer)
    })))
})

describe("a lease that the store grants after `storeTimeout` keeps no other waiting", () => {
  /** A slow process on a store whose steps on leases are carried out late, and a fast one. */
  const twoProcesses = (isLate: (count: number) => boolean) =>
    Effect.gen(function*() {
      const store: Store.Store = { ...MemoryStore.make(), capabilities: { shared: true, changes: false } }
      const late = <A, E>(effect: Effect.Effect<A, E>) =>
        Effect.flatMap(Effect.forkDetach(Effect.delay(effect, "700 millis")), Fiber.join)
      const slow: Store.Store = {
        ...store,
        acquire: (requests) => isLate(requests.length) ? late(store.acquire(requests)) : store.acquire(requests),
        release: (id, owner, note) => late(store.release(id, owner, note))
      }
      const of = (store: Store.Store) =>
        Layer.build(Layer.fresh(Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, store))))
      const processes = { slow: yield* of(slow), fast: yield* of(store) }
      // Runs before the layers close, which wait for what is loaded.
      yield* Effect.addFinalizer(() => TestClock.adjust("1 hour"))
      return processes
    })
  const keys = Array.from({ length: 10 }, (_, i) => `k${i}`)
  const readers = (context: Context.Context<Caching.Caching>, load: Effect.Effect<string>) =>
    Effect.forEach(keys, (key) => start(Effect.provide(Cached.ttl(load, key, { ttl: "1 hour" }), context)))

  test("where many were asked for, so that the store counts as down", function*() {
    const { fast, slow } = yield* twoProcesses(() => true)
    const late = yield* readers(slow, Effect.succeed("slow"))
    yield* TestClock.adjust("500 millis")
    expect(late.map(ended)).toEqual(keys.map(() => Exit.succeed("slow")))
    yield* TestClock.adjust("1 second")
    const next = yield* readers(fast, Effect.succeed("fast"))
    yield* settle
    expect(next.map(ended)).toEqual(keys.map(() => Exit.succeed("fast")))
  })

  test("where it was waited for", function*() {
    const { fast, slow } = yield* twoProcesses((count) => count > 1)
    const first = yield* readers(fast, after(3, "first"))
    yield* settle
    const waiting = yield* readers(slow, Effect.succeed("slow"))
    yield* settle
    yield* Effect.forEach(first, Fiber.interrupt)
    yield* Effect.forEach(Array(30).fill(0), () => Effect.andThen(TestClock.adjust(100), settle))
    expect(waiting.map(ended)).toEqual(keys.map(() => Exit.succeed("slow")))
    const next = yield* readers(fast, Effect.succeed("fast"))
    yield* settle
    expect(next.map(ended)).toEqual(keys.map(() => Exit.succeed("fast")))
  })
})
