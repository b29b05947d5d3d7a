/** Loads that wait for leases of another process ask together, then more rarely, and at once when there is news. */
import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer, Queue, Stream } from "effect"
import { Cached, type CacheError, CacheLayer, Store } from "effect-cached"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { leasePoll } from "../../../../src/internal/defaults/processes.ts"
import { Within } from "../../../../src/internal/engine/request/attempt.ts"
import { ended, settle, start } from "../../../support/caches.ts"

const keys = Array.from({ length: 20 }, (_, i) => `k${i}`)

/** Two processes on one store: the first loads all keys for ten seconds, the second waits for each. */
const twoProcesses = Effect.gen(function*() {
  const store = MemoryStore.make()
  const news = yield* Queue.unbounded<Store.Change>()
  Queue.offerUnsafe(news, { _tag: "Coherent" })
  const of = (process: Partial<Store.Store>, changes: boolean) =>
    Layer.build(Layer.fresh(Layer.provide(
      CacheLayer.layer,
      Layer.succeed(Store.Store, { ...store, ...process, capabilities: { shared: true, changes } })
    )))
  const leader = yield* of({
    commit: (id, generation, entry) =>
      Effect.tap(store.commit(id, generation, entry), () => Queue.offer(news, { _tag: "Changed", id }))
  }, false)
  const asked: Array<{ readonly at: number; readonly ids: ReadonlyArray<string> }> = []
  const read = { entries: 0 }
  const hooks = { answered: Effect.void as Effect.Effect<void, CacheError.StoreError> }
  const note = (ids: ReadonlyArray<string>) => Effect.map(Clock.currentTimeMillis, (at) => void asked.push({ at, ids }))
  const other = yield* of({
    acquire: (id, options) => Effect.andThen(note([id]), store.acquire(id, options)),
    acquireMany: (requests) =>
      Effect.andThen(note(requests.map(({ id }) => id)), store.acquireMany(requests)).pipe(
        Effect.tap((answers) =>
          answers.some(({ _tag }, i) => _tag === "Hit" && requests[i]!.id === "k3") ? hooks.answered : Effect.void
        )
      ),
    get: (id, tags) => Effect.andThen(Effect.sync(() => read.entries++), store.get(id, tags)),
    getUnsafe: undefined,
    changes: Stream.fromQueue(news)
  }, true)
  // Runs before the layers close, which wait for what is loaded.
  yield* Effect.addFinalizer(() => TestClock.adjust("1 minute"))
  let loads = 0
  const cached = (key: string) =>
    Effect.delay(Effect.sync(() => ++loads), "10 seconds").pipe(Cached.ttl({ key, ttl: "1 hour" }))
  for (const key of keys) yield* start(Effect.provide(cached(key), leader))
  yield* settle
  const readers = yield* Effect.forEach(keys, (key) => start(Effect.provide(cached(key), other)))
  yield* settle
  return { asked, cached, first: asked.splice(0), hooks, leader, loads: () => loads, news, other, read, readers, store }
})

describe("loads that wait for leases of another process", () => {
  it.effect("ask for all of them in one question", () =>
    Effect.gen(function*() {
      const { asked, first } = yield* twoProcesses
      expect(first.flatMap(({ ids }) => ids)).toEqual(keys)
      yield* TestClock.adjust("9 seconds")
      expect(asked.length).toBeGreaterThan(5)
      for (const { ids } of asked) expect(ids).toEqual(keys)
    }))

  it.effect("do not look at all that wait for each one that begins, or is woken", () =>
    Effect.gen(function*() {
      const { asked, cached, leader, other } = yield* twoProcesses
      const engine = Effect.map(Within, (within) => within!.flight!.engine).pipe(
        Cached.ttl({ key: "the engine", ttl: 1 })
      )
      const { leaseWaits: { waiting } } = yield* Effect.provide(engine, other)
      let looks = 0
      const look = <A extends object>(iterate: () => A) => () => {
        looks++
        return iterate.call(waiting)
      }
      Object.assign(waiting, {
        values: look(waiting.values),
        [Symbol.iterator]: look(waiting[Symbol.iterator] as () => object)
      })
      const more = Array.from({ length: 200 }, (_, i) => `more${i}`)
      for (const key of more) yield* start(Effect.provide(cached(key), leader))
      yield* settle
      for (const key of more) yield* start(Effect.provide(cached(key), other))
      yield* settle
      expect(waiting.size).toBe(keys.length + more.length)
      yield* TestClock.adjust("20 seconds")
      expect(waiting.size).toBe(0)
      // For each question, to find what is due, and when the next is; and at most once for each load that begins.
      expect(looks).toBeLessThanOrEqual(2 * asked.length + more.length)
    }))

  it.effect("ask often at first, then more rarely", () =>
    Effect.gen(function*() {
      const { asked } = yield* twoProcesses
      yield* TestClock.adjust("9 seconds")
      const times = [0, ...asked.map(({ at }) => at)]
      const pauses = times.slice(1).map((at, i) => at - times[i]!)
      expect(pauses[0]).toBe(leasePoll.firstMillis)
      expect(pauses).toEqual(pauses.toSorted((a, b) => a - b))
      expect(pauses.at(-1)).toBe(leasePoll.longestMillis)
    }))

  it.effect("are woken by what the other process stores", () =>
    Effect.gen(function*() {
      const { asked, loads, readers } = yield* twoProcesses
      yield* TestClock.adjust("9999 millis")
      const questions = asked.length
      yield* TestClock.adjust("1 millis")
      yield* settle
      // Without the news the next question is far off.
      expect(10_000 - asked[questions - 1]!.at).toBeLessThan(leasePoll.longestMillis)
      for (const reader of readers) expect(reader.pollUnsafe()).toMatchObject({ _tag: "Success" })
      expect(loads()).toBe(keys.length)
    }))

  it.effect("take the entry that the answer about the lease has, and ask nothing more", () =>
    Effect.gen(function*() {
      const { other, read, readers } = yield* twoProcesses
      const before = read.entries
      yield* TestClock.adjust("10 seconds")
      yield* settle
      for (const [i, reader] of readers.entries()) expect(ended(reader)).toMatchObject({ value: i + 1 })
      expect(read.entries).toBe(before)
      expect(yield* Effect.provide(Effect.forEach(keys, Cached.getEntry), other)).toHaveLength(keys.length)
      expect(read.entries).toBe(before)
    }))

  it.effect("ask once more where a change arrived before that answer", () =>
    Effect.gen(function*() {
      const { hooks, news, read, readers, store } = yield* twoProcesses
      const before = read.entries
      // It is on its way when another process changes an entry.
      hooks.answered = Effect.andThen(store.remove("k3"), Queue.offer(news, { _tag: "Changed", id: "k3" })).pipe(
        Effect.andThen(settle),
        Effect.andThen(Effect.sync(() => hooks.answered = Effect.void))
      )
      yield* TestClock.adjust("10 seconds")
      yield* settle
      expect(read.entries).toBe(before + 1)
      expect(readers[3]!.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("11 seconds")
      yield* settle
      expect(ended(readers[3]!)).toMatchObject({ value: keys.length + 1 })
    }))
})

/** Processes on one store that read one key, the first a moment before the others. */
const readByAll = <A>(
  count: number,
  load: Effect.Effect<A>,
  options?: CacheLayer.LayerOptions,
  before: (store: Store.Store) => Effect.Effect<unknown, CacheError.StoreError> = () => Effect.void
) =>
  Effect.gen(function*() {
    const shared = { ...MemoryStore.make(), capabilities: { shared: true, changes: false } }
    yield* before(shared)
    const layer = Layer.provide(CacheLayer.layerWith(options), Layer.succeed(Store.Store, shared))
    const began: Array<number> = []
    const get = Effect.flatMap(Clock.currentTimeMillis, (now) => {
      began.push(now)
      return load
    }).pipe(Cached.ttl({ key: "k", ttl: "1 hour" }))
    const processes = yield* Effect.all(Array.from({ length: count }, () => Layer.build(Layer.fresh(layer))))
    const readers: Array<Fiber.Fiber<A>> = []
    // Runs before the layers close, which wait for loads with callers.
    yield* Effect.addFinalizer(() => Fiber.interruptAll(readers))
    for (const process of processes) {
      readers.push(yield* start(Effect.provide(get, process)))
      yield* settle
    }
    return { began, readers }
  })

describe("a load that takes longer than its lease", () => {
  it.effect("is waited for by all processes, as long as its leader renews it", () =>
    Effect.gen(function*() {
      const { began, readers } = yield* readByAll(4, Effect.delay(Effect.succeed("loaded"), "5 minutes"))
      yield* TestClock.adjust("302 seconds")
      yield* settle
      for (const reader of readers) expect(ended(reader)).toMatchObject({ value: "loaded" })
      expect(began).toEqual([0])
    }))

  it.effect("where `wait` is set: at its end one of all that wait loads beside it, and one more after each further", () =>
    Effect.gen(function*() {
      const load = Effect.delay(Effect.succeed("loaded"), "1 minute")
      const { began, readers } = yield* readByAll(4, load, { wait: "10 seconds" })
      yield* TestClock.adjust("25 seconds")
      yield* settle
      expect(began).toHaveLength(3)
      yield* TestClock.adjust("20 seconds")
      yield* settle
      expect(began).toHaveLength(4)
      // None begins earlier than a whole `wait` after the one before.
      for (const [i, at] of began.entries()) {
        expect(at).toBeGreaterThanOrEqual(i * 10_000)
        expect(at).toBeLessThan(i * 10_000 + 10_000)
      }
      yield* TestClock.adjust("1 minute")
      yield* settle
      for (const reader of readers) expect(ended(reader)).toMatchObject({ value: "loaded" })
      expect(began).toHaveLength(4)
    }))

  it.effect("is renewed for `maxLoad`: then one other process takes over from one that hangs, for as long", () =>
    Effect.gen(function*() {
      const { began } = yield* readByAll(4, Effect.never, { maxLoad: "1 minute", lease: "3 seconds" })
      yield* TestClock.adjust("1 minute")
      yield* settle
      expect(began).toEqual([0])
      for (const processes of [2, 3, 4]) {
        yield* TestClock.adjust("5 seconds")
        yield* settle
        expect(began).toHaveLength(processes)
        yield* TestClock.adjust("57 seconds")
        yield* settle
        expect(began).toHaveLength(processes)
      }
    }))

  it.effect("is believed no longer than one load may take, if it says that it never ends: then one of all loads", () =>
    Effect.gen(function*() {
      const load = Effect.delay(Effect.succeed("loaded"), "1 second")
      const options = { maxLoad: "1 minute", lease: "3 seconds" } as const
      const endless = { owner: "dead", leaseMillis: 1e12, rejectedWriteId: undefined, join: false }
      const { began, readers } = yield* readByAll(4, load, options, (store) => store.acquire("k", endless))
      yield* TestClock.adjust("62 seconds")
      yield* settle
      expect(began).toEqual([])
      yield* TestClock.adjust("5 seconds")
      yield* settle
      for (const reader of readers) expect(ended(reader)).toMatchObject({ value: "loaded" })
      expect(began).toHaveLength(1)
    }))

  it.effect("where `wait` is set, they do not begin all at once, however long it hangs", () =>
    Effect.gen(function*() {
      const options = { maxLoad: "20 seconds", lease: "3 seconds", wait: "15 seconds" } as const
      const { began } = yield* readByAll(12, Effect.never, options)
      yield* TestClock.adjust("3 minutes")
      yield* settle
      expect(began).toHaveLength(12)
      // One takes over the lease, and one leads beside it.
      for (const at of began) expect(began.filter((other) => other === at).length).toBeLessThanOrEqual(2)
    }))
})
