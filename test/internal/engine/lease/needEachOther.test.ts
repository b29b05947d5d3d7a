/** Loads of several processes that wait for each other: found, and distinguished from loads that only take long. */
import { describe, expect } from "@effect/vitest"
import { Cause, type Context, Effect, Exit, Fiber, Layer, Schema, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, type Caching, Transaction } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { singly } from "../../../../src/testing/internal/singly.ts"
import { elapse, settle, start } from "../../../support/caches.ts"
import * as Looking from "../../../support/looking.ts"
import { pluralOf } from "../../../support/pluralOf.ts"
import { test } from "../../../support/tests.ts"

type Process = Context.Context<Caching.Caching>
type Read = Effect.Effect<unknown, never, Caching.Caching>

class Item extends CacheKey.Class<Item>()("Item", { payload: { id: Schema.String }, success: Schema.String }) {}

const shared = (): Store.Store => ({ ...MemoryStore.make(), capabilities: { shared: true, changes: false } })

/** Several processes on one store, each with its own view of it. */
const processes = Effect.fnUntraced(function*(
  count: number,
  view: (store: Store.Store, place: number) => Store.Store = (store) => store
) {
  const store = shared()
  // Runs before the layers close, which wait for what is loaded.
  const built = yield* Effect.forEach(
    Array.from({ length: count }, (_, place) => view(store, place)),
    (store) => Layer.build(Layer.fresh(Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, store))))
  )
  yield* Effect.addFinalizer(() => TestClock.adjust("1 hour"))
  return { built: built as ReadonlyArray<Process>, store }
})

const cached = (key: string, load: Read, options: { readonly shareLoad?: boolean } = {}) =>
  Effect.as(load, key).pipe(Cached.ttl(key, { ttl: "1 hour", ...options }))

const inProcess = <A, E>(process: Process | undefined, effect: Effect.Effect<A, E, Caching.Caching>) =>
  start(Effect.provide(effect, process!))

/** In each process a load of its own key that reads that of the next one, after a second. */
const circle = (count: number, view?: (store: Store.Store, place: number) => Store.Store) =>
  Effect.gen(function*() {
    const { built, store } = yield* processes(count, view)
    const read = (place: number): Read =>
      cached(`key ${place}`, Effect.suspend(() => Effect.delay(read((place + 1) % count), "1 second")))
    const fibers = yield* Effect.forEach(built, (process, place) => inProcess(process, read(place)))
    return { built, fibers, store }
  })

const defectIn = (exit: Exit.Exit<unknown, unknown> | undefined) =>
  exit !== undefined && Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined

const isCycle = (fiber: Fiber.Fiber<unknown, unknown>) => defectIn(fiber.pollUnsafe()) instanceof CacheError.CacheCycle

const exitsOf = (fibers: ReadonlyArray<Fiber.Fiber<unknown, unknown>>) =>
  fibers.map((fiber) => {
    const exit = fiber.pollUnsafe()
    return exit === undefined ? "waits" : Exit.isSuccess(exit) ? exit.value : `dies: ${String(defectIn(exit))}`
  })

describe("loads of several processes that need each other", () => {
  for (const count of [2, 3, 5]) {
    test(`${count} in a circle: the first dies within two renewals, and then the others do`, function*() {
      const { fibers, store } = yield* circle(count)
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust(5000 * 2 / 3)
      const cycle = fibers.map((fiber) => defectIn(fiber.pollUnsafe())).find((defect) => defect !== undefined)
      expect(cycle).toBeInstanceOf(CacheError.CacheCycle)
      const { path } = cycle as CacheError.CacheCycle
      expect(new Set(path).size).toBe(count)
      expect(path.length).toBe(count + 1)
      expect(path[0]).toBe(path[count])
      yield* TestClock.adjust("5 seconds")
      expect(fibers.map(isCycle)).toEqual(Array(count).fill(true))
      yield* TestClock.adjust("1 minute")
      expect(yield* store.size).toBe(0)
    })
  }

  test("are found where processes have begun to receive changes after the loads began", function*() {
    const { fibers } = yield* circle(2, (store) => ({
      ...store,
      capabilities: { shared: true, changes: true },
      changesUnsafe: undefined,
      changes: Stream.concat(
        Stream.fromEffect(Effect.delay(Effect.succeed<Store.Change>({ _tag: "Coherent" }), "500 millis")),
        Stream.never
      )
    }))
    yield* TestClock.adjust("10 seconds")
    expect(fibers.map(isCycle)).toEqual([true, true])
  })

  test("are found where one load continues although its caller has left", function*() {
    const { built: [a, b] } = yield* processes(2)
    const y: Read = cached("y", Effect.suspend(() => Effect.delay(x, "1 second")))
    const x: Read = cached("x", Effect.uninterruptible(Effect.suspend(() => Effect.delay(y, "1 second"))))
    const inA = yield* inProcess(a, x)
    const inB = yield* inProcess(b, y)
    yield* TestClock.adjust("500 millis")
    yield* start(Fiber.interrupt(inA))
    yield* TestClock.adjust(1000 + 5000 * 2 / 3)
    expect(isCycle(inB)).toBe(true)
  })

  test("are found in calls for many keys", function*() {
    const { built: [a, b] } = yield* processes(2)
    const many = Cached.many(
      Item,
      (keys) => Effect.as(Effect.delay(x, "1 second"), keys.map(({ id }) => Exit.succeed(id))),
      { ttl: "1 hour" }
    )
    const items = (...ids: ReadonlyArray<string>) => Effect.orDie(many(ids.map((id) => new Item({ id }))))
    const x: Read = cached("x", Effect.suspend(() => Effect.delay(items("y", "other"), "1 second")))
    const inB = yield* inProcess(b, items("z", "y"))
    const inA = yield* inProcess(a, x)
    yield* TestClock.adjust("10 seconds")
    expect([isCycle(inA), isCycle(inB)]).toEqual([true, true])
  })

  test("are found at once inside a transaction, whose loads wait for no lease", function*() {
    const { built: [a, b] } = yield* processes(2)
    const y = cached("y", Effect.delay(cached("x", Effect.void), "1 second"))
    const inA = yield* inProcess(a, cached("x", Effect.delay(Effect.orDie(Transaction.run(y)), "1 second")))
    const inB = yield* inProcess(b, y)
    yield* TestClock.adjust("10 seconds")
    expect(isCycle(inA)).toBe(true)
    expect(exitsOf([inB])).toEqual(["y"])
  })

  test("are found where two circles share loads", function*() {
    const { built: [a, b, c] } = yield* processes(3)
    const later = (read: Read) => Effect.delay(read, "1 second")
    const x: Read = cached("x", Effect.suspend(() => later(y)))
    const y: Read = cached("y", Effect.suspend(() => later(z)))
    const z: Read = cached("z", Effect.suspend(() => later(Effect.all([y, x], { concurrency: 2 }))))
    const fibers = yield* Effect.all([inProcess(a, x), inProcess(b, y), inProcess(c, z)])
    yield* TestClock.adjust("30 seconds")
    expect(exitsOf(fibers)).not.toContain("waits")
    expect(fibers.some(isCycle)).toBe(true)
  })

  test.each(["[\"n\",\"w\",{\"toString\":1}]", "[5,\"w\",\"w\"]", "{}", "nothing"])(
    "are found though a load outside has said something that no process understands: %s",
    function*(said) {
      const { built: [a, b, c, d] } = yield* processes(4, (store, place) => ({
        ...store,
        set: (requests) =>
          store.set(
            place !== 2 ? requests : requests.map(({ entry, id }) => ({
              id,
              entry: { ...entry, payload: new TextEncoder().encode(said) }
            }))
          )
      }))
      const w = cached("w", Effect.sleep("50 seconds"))
      yield* inProcess(d, w)
      yield* settle
      const z = cached("z", w)
      yield* inProcess(c, z)
      yield* settle
      const y: Read = cached("y", Effect.suspend(() => Effect.delay(x, "1 second")))
      const x: Read = cached(
        "x",
        Effect.suspend(() => Effect.delay(Effect.all([y, z], { concurrency: 2 }), "1 second"))
      )
      const fibers = yield* Effect.all([inProcess(a, x), inProcess(b, y)])
      yield* TestClock.adjust("15 seconds")
      expect(fibers.map(isCycle)).toEqual([true, true])
    }
  )

  test("are found after a store has once not answered", function*() {
    let hangs = 2
    const { fibers } = yield* circle(2, (store) => ({
      ...store,
      getMany: (ids) => Effect.suspend(() => hangs > 0 && hangs-- > 0 ? Effect.never : store.getMany(ids))
    }))
    yield* TestClock.adjust("20 seconds")
    expect(hangs).toBe(0)
    expect(fibers.map(isCycle)).toEqual([true, true])
  })
})

describe("loads that are in no circle", () => {
  test("all get their values where they only take long, and wait for each other one after the other", function*() {
    const { built: [a, b] } = yield* processes(2)
    const slow = (key: string, more: Read = Effect.void) =>
      cached(key, Effect.andThen(Effect.sleep("20 seconds"), more))
    // The load of "x" here waits for "y" there, and then that process reads "x" without a load of its own.
    const y = slow("y")
    const x = slow("x", y)
    const first = yield* inProcess(a, x)
    yield* TestClock.adjust("15 seconds")
    const second = yield* inProcess(b, Effect.andThen(y, x))
    yield* TestClock.adjust("1 minute")
    expect([yield* Fiber.join(first), yield* Fiber.join(second)]).toEqual(["x", "x"])
  })

  test("get their values where one has waited for another, and no longer does", function*() {
    const { built: [a, b] } = yield* processes(2)
    const y = cached("y", Effect.andThen(cached("x", Effect.die("another loads it")), Effect.sleep("8 seconds")))
    const first = yield* inProcess(a, cached("x", Effect.sleep("5 seconds")))
    yield* settle
    const inB = yield* inProcess(b, y)
    yield* TestClock.adjust("6500 millis")
    expect(yield* Fiber.join(first)).toBe("x")
    yield* Effect.provide(Cached.invalidate("x"), a!)
    const inA = yield* inProcess(a, cached("x", y))
    yield* TestClock.adjust("1 minute")
    expect([yield* Fiber.join(inA), yield* Fiber.join(inB)]).toEqual(["x", "y"])
  })

  test("get their values where the waits of three would be a circle, but are never at one time", function*() {
    const { built: [a, b, c] } = yield* processes(3)
    const z = (more: Read) => cached("z", more)
    const x = cached("x", cached("y", Effect.die("another loads it")))
    const first = yield* inProcess(c, z(Effect.sleep("6 seconds")))
    yield* settle
    const inB = yield* inProcess(
      b,
      cached("y", Effect.andThen(z(Effect.die("another loads it")), Effect.sleep("20 seconds")))
    )
    yield* settle
    const inA = yield* inProcess(a, x)
    yield* TestClock.adjust("6100 millis")
    expect(yield* Fiber.join(first)).toBe("z")
    yield* TestClock.adjust("1 second")
    // "y" waits no more for "z", which waits for "x", which waits for "y"
    yield* Effect.provide(Cached.invalidate("z"), c!)
    const inC = yield* inProcess(c, z(x))
    yield* TestClock.adjust("1 minute")
    expect(exitsOf([inA, inB, inC])).toEqual(["x", "y", "z"])
  })

  test("get their values where a process was stopped, and another one has taken over its lease", function*() {
    let isStopped = true
    const { built: [a, b, c] } = yield* processes(3, (store, place) => ({
      ...store,
      renew: pluralOf.renew((id, owner, millis) =>
        Effect.suspend(() => place === 0 && isStopped ? Effect.never : singly(store).renew(id, owner, millis))
      )
    }))
    const y = (more: Read) => cached("y", more)
    const inA = yield* inProcess(a, cached("x", Effect.delay(y(Effect.die("another loads it")), "7 seconds")))
    yield* settle
    const inC = yield* inProcess(c, cached("x", Effect.sleep("30 seconds")))
    yield* TestClock.adjust("6 seconds")
    const inB = yield* inProcess(b, y(cached("x", Effect.die("another loads it"))))
    yield* TestClock.adjust("1 second")
    isStopped = false
    yield* TestClock.adjust("1 minute")
    expect(exitsOf([inA, inB, inC])).toEqual(["x", "y", "x"])
  })

  test("do not die of one that they wait for, in its process and in others", function*() {
    const { built: [a, b, c] } = yield* processes(3)
    // As another version of the program has it: in no other process "y" needs "x".
    const y = cached("y", Effect.void)
    const x = cached("x", Effect.delay(y, "1 second"))
    const inCircle = yield* Effect.all([
      inProcess(a, x),
      inProcess(b, cached("y", Effect.delay(cached("x", Effect.void), "1 second")))
    ])
    yield* TestClock.adjust("2 seconds")
    const outside = cached("x", Effect.void)
    const beside = yield* Effect.all([
      inProcess(a, y),
      inProcess(a, cached("w", y)),
      inProcess(b, outside),
      inProcess(b, cached("v", outside)),
      inProcess(c, y),
      inProcess(c, cached("u", y))
    ])
    yield* TestClock.adjust("1 minute")
    expect(inCircle.filter(isCycle).length).toBeGreaterThan(0)
    expect(exitsOf(beside)).toEqual(["y", "w", "x", "v", "y", "u"])
  })

  test("do not die of loads without a lease, nor do these", function*() {
    const { built: [a, b] } = yield* processes(2)
    const inA = yield* inProcess(
      a,
      cached("x", Effect.delay(cached("y", Effect.die("another loads it")), "1 second"), { shareLoad: false })
    )
    const inB = yield* inProcess(
      b,
      cached("y", Effect.delay(cached("x", Effect.sleep("20 seconds"), { shareLoad: false }), "2 seconds"))
    )
    yield* TestClock.adjust("1 minute")
    expect(exitsOf([inA, inB])).toEqual(["x", "y"])
  })
})

describe("a circle that cannot be found", () => {
  const views: ReadonlyArray<readonly [name: string, view: Partial<Store.Store>]> = [
    ["no changes", { capabilities: { shared: true, changes: false } }],
    ["changes", {
      capabilities: { shared: true, changes: true },
      changesUnsafe: undefined,
      changes: Stream.concat(Stream.succeed<Store.Change>({ _tag: "Coherent" }), Stream.never)
    }]
  ]
  test.each(views)("ends after maxLoad, where the store reports %s", function*([, view]) {
    // The statements of processes about their waits are smaller than that.
    const store = Layer.succeed(Store.Store, { ...MemoryStore.make(), ...view } as Store.Store).pipe(
      Store.tap({ minSize: "1 KB" })
    )
    const cache = CacheLayer.layer({ maxLoad: "30 seconds" }).pipe(Layer.provide(store))
    const built = yield* Effect.all([Layer.build(Layer.fresh(cache)), Layer.build(Layer.fresh(cache))])
    const read = (place: number): Read =>
      cached(`key ${place}`, Effect.suspend(() => Effect.delay(read(1 - place), "1 second")))
    const fibers = yield* Effect.forEach(built, (process, place) => inProcess(process, read(place)))
    yield* Effect.addFinalizer(() =>
      Effect.andThen(
        Effect.forEach(fibers, (fiber) => Effect.forkDetach(Fiber.interrupt(fiber))),
        TestClock.adjust("20 seconds")
      )
    )
    yield* TestClock.adjust("29 seconds")
    expect(exitsOf(fibers)).toEqual(["waits", "waits"])
    yield* TestClock.adjust("10 seconds")
    expect(fibers.map(isCycle)).toEqual([true, true])
  })
})

describe("reports of circles", () => {
  const waiting = Effect.gen(function*() {
    const seen: Array<string> = []
    const { built, store } = yield* processes(2, (store) => ({
      ...store,
      set: (requests) => {
        seen.push(...requests.map(({ id }) => id))
        return store.set(requests)
      }
    }))
    const [a, b] = built
    const y = cached("y", Effect.sleep("20 seconds"))
    const inB = yield* inProcess(b, y)
    yield* settle
    const inA = yield* inProcess(a, cached("x", y))
    yield* TestClock.adjust("10 seconds")
    return { a: a!, b: b!, fibers: [inA, inB], seen, store }
  })

  test("is no entry of a user, and goes by itself", function*() {
    const { b, fibers, seen, store } = yield* waiting
    expect(seen.length).toBeGreaterThan(0)
    const listed = Effect.all({
      size: Cached.size,
      stats: Effect.map(Cached.stats, ({ size }) => size),
      scan: Stream.runCollect(Looking.ids()),
      entries: Stream.runCollect(Cached.entries()),
      removed: Cached.remove({ matching: "*" })
    })
    expect(yield* Effect.provide(listed, b)).toEqual({ size: 0, stats: 0, scan: [], entries: [], removed: 0 })
    yield* TestClock.adjust("1 minute")
    expect(exitsOf(fibers)).toEqual(["x", "y"])
    const left = yield* Stream.runCollect(store.scan({ prefix: "~" }))
    expect(left.filter(({ meta }) => meta.expiresAt > 71_000)).toEqual([])
  })

  test("that a store refuses are events of failed writes", function*() {
    const down = Effect.fail(new CacheError.StoreError({ store: "s", operation: "set", reason: "Unavailable" }))
    const told: Array<unknown> = []
    const { built: [a, b] } = yield* processes(2, (store) => ({ ...store, set: () => down }))
    yield* inProcess(
      a,
      Stream.runForEach(Cached.events({ of: ["StoreFailure"] }), (event) => Effect.sync(() => told.push(event)))
    )
    const y = cached("y", Effect.sleep("20 seconds"))
    yield* inProcess(b, y)
    yield* settle
    yield* inProcess(a, cached("x", y))
    yield* elapse("10 seconds")
    expect(told[0]).toMatchObject({ operation: "set", reason: "Unavailable" })
  })

  test("are not made by a process whose loads wait, but hold no lease", function*() {
    const seen: Array<number> = []
    const { built: [a, b] } = yield* processes(2, (store) => ({
      ...store,
      set: (requests) => {
        seen.push(requests.length)
        return store.set(requests)
      }
    }))
    const y = cached("y", Effect.sleep("20 seconds"))
    const fibers = [yield* inProcess(b, y), yield* Effect.andThen(settle, inProcess(a, y))]
    yield* TestClock.adjust("30 seconds")
    expect(exitsOf(fibers)).toEqual(["y", "y"])
    expect(seen).toEqual([])
  })

  test("is said a few times in the length of a lease", function*() {
    const { seen } = yield* waiting
    expect(seen.length).toBeLessThanOrEqual(12)
  })
})
