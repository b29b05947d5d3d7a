/** Loads that wait for leases of another process ask together, then more rarely, and at once when there is news. */
import { describe, expect } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Layer, Queue, Schema, Stream } from "effect"
import { Cached, type CacheError, CacheKey, CacheLayer } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { leasePoll } from "../../../../src/internal/defaults/processes.ts"
import { Within } from "../../../../src/internal/engine/request/attempt.ts"
import { singly } from "../../../../src/testing/internal/singly.ts"
import { elapse, ended, settle, start, started } from "../../../support/caches.ts"
import { pluralOf } from "../../../support/pluralOf.ts"
import { test } from "../../../support/tests.ts"

const keysOf = (count: number) => Array.from({ length: count }, (_, i) => `k${i}`)
const keys = keysOf(20)

/** Two processes on one store: the first loads all keys for ten seconds, the second waits for each. */
const twoProcessesFor = Effect.fnUntraced(function*(keys: ReadonlyArray<string>) {
  const store = MemoryStore.make()
  const news = yield* Queue.unbounded<Store.Change>()
  Queue.offerUnsafe(news, { _tag: "Coherent" })
  const of = (process: Partial<Store.Store>, changes: boolean) =>
    Layer.build(Layer.fresh(Layer.provide(
      CacheLayer.layer(),
      Layer.succeed(Store.Store, { ...store, ...process, capabilities: { shared: true, changes } })
    )))
  const leader = yield* of({
    commit: pluralOf.commit((id, generation, entry) =>
      Effect.tap(singly(store).commit(id, generation, entry), () => Queue.offer(news, { _tag: "Changed", id }))
    )
  }, false)
  const asked: Array<{ readonly at: number; readonly ids: ReadonlyArray<string> }> = []
  const read = { entries: 0 }
  const hooks = { answered: Effect.void as Effect.Effect<void, CacheError.StoreError>, asked: Effect.void }
  const note = (ids: ReadonlyArray<string>) => Effect.map(Clock.currentTimeMillis, (at) => void asked.push({ at, ids }))
  const hit = (answers: ReadonlyArray<Store.Acquired>, ids: ReadonlyArray<string>) =>
    answers.some(({ _tag }, i) => _tag === "Hit" && ids[i] === "k3") ? hooks.answered : Effect.void
  const other = yield* of({
    acquire: (requests) => {
      const ids = requests.map(({ id }) => id)
      return note(ids).pipe(
        Effect.andThen(Effect.suspend(() => hooks.asked)),
        Effect.andThen(Effect.tap(store.acquire(requests), (answers) => hit(answers, ids)))
      )
    },
    get: (id, tags) => Effect.andThen(Effect.sync(() => read.entries++), store.get(id, tags)),
    getUnsafe: undefined,
    changes: Stream.fromQueue(news)
  }, true)
  // Runs before the layers close, which wait for what is loaded.
  yield* Effect.addFinalizer(() => TestClock.adjust("1 minute"))
  let loads = 0
  const cached = (key: string) =>
    Effect.delay(Effect.sync(() => ++loads), "10 seconds").pipe(Cached.ttl(key, { ttl: "1 hour" }))
  for (const key of keys) yield* start(Effect.provide(cached(key), leader))
  yield* settle
  const readers = yield* Effect.forEach(keys, (key) => start(Effect.provide(cached(key), other)))
  yield* settle
  return { asked, cached, first: asked.splice(0), hooks, leader, loads: () => loads, news, other, read, readers, store }
})

const twoProcesses = twoProcessesFor(keys)

describe("loads that wait for leases of another process", () => {
  test("ask for all of them in one question", function*() {
    const { asked, first } = yield* twoProcesses
    expect(first.flatMap(({ ids }) => ids)).toEqual(keys)
    yield* TestClock.adjust("9 seconds")
    expect(asked.length).toBeGreaterThan(5)
    for (const { ids } of asked) expect(ids).toEqual(keys)
  })

  test("do not look at all that wait for each one that begins, or is woken", function*() {
    const { asked, cached, leader, other } = yield* twoProcesses
    const engine = Effect.map(Within, (within) => within!.flight!.engine).pipe(
      Cached.ttl("the engine", { ttl: 1 })
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
  })

  test("ask often at first, then more rarely", function*() {
    const { asked } = yield* twoProcesses
    yield* TestClock.adjust("9 seconds")
    const times = [0, ...asked.map(({ at }) => at)]
    const pauses = times.slice(1).map((at, i) => at - times[i]!)
    expect(pauses[0]).toBe(leasePoll.firstMillis)
    expect(pauses).toEqual(pauses.toSorted((a, b) => a - b))
    expect(pauses.at(-1)).toBe(leasePoll.longestMillis)
  })

  test("are woken by what the other process stores", function*() {
    const { asked, loads, readers } = yield* twoProcesses
    yield* TestClock.adjust("9999 millis")
    const questions = asked.length
    yield* elapse("1 millis")
    // Without the news the next question is far off.
    expect(10_000 - asked[questions - 1]!.at).toBeLessThan(leasePoll.longestMillis)
    for (const reader of readers) expect(reader.pollUnsafe()).toMatchObject({ _tag: "Success" })
    expect(loads()).toBe(keys.length)
  })

  test("ask at once for an id whose load has ended elsewhere without an entry", function*() {
    const { asked, news } = yield* twoProcesses
    yield* TestClock.adjust("9 seconds")
    asked.length = 0
    yield* Queue.offer(news, { _tag: "LoadEnded", id: "k7" })
    yield* settle
    expect(asked.map(({ ids }) => ids)).toEqual([["k7"]])
  })

  test("take the entry that the answer about the lease has, and ask nothing more", function*() {
    const { other, read, readers } = yield* twoProcesses
    const before = read.entries
    yield* elapse("10 seconds")
    for (const [i, reader] of readers.entries()) expect(ended(reader)).toMatchObject({ value: i + 1 })
    expect(read.entries).toBe(before)
    expect(yield* Effect.provide(Effect.forEach(keys, Cached.getEntry), other)).toHaveLength(keys.length)
    expect(read.entries).toBe(before)
  })

  test("ask one question at a time: what arrives meanwhile is asked after the answer", function*() {
    const { asked, hooks, news } = yield* twoProcesses
    yield* TestClock.adjust("5 seconds")
    let interrupted = 0
    hooks.asked = Effect.onInterrupt(Effect.sleep("200 millis"), () => Effect.sync(() => void interrupted++))
    yield* Queue.offer(news, { _tag: "Gap" })
    yield* settle
    const before = asked.length
    yield* Queue.offer(news, { _tag: "LoadEnded", id: "k8" })
    yield* settle
    expect(asked.length).toBe(before)
    yield* elapse("200 millis")
    expect(interrupted).toBe(0)
    expect(asked.slice(before).map(({ ids }) => ids)).toEqual([["k8"]])
    hooks.asked = Effect.void
  })

  test("ask more rarely if they are many", function*() {
    const count = 1000
    const { asked, loads, readers } = yield* twoProcessesFor(keysOf(count))
    yield* TestClock.adjust("2 seconds")
    const sizes = asked.map(({ ids }) => ids.length)
    // Each load asks after half a second at the earliest, not 14 times as a single one does.
    expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(4 * count)
    yield* elapse("8 seconds")
    yield* elapse("5 seconds")
    for (const reader of readers) expect(reader.pollUnsafe()).toMatchObject({ _tag: "Success" })
    expect(loads()).toBe(count)
  })

  test("P4 · a store that hangs is asked for one wave, and delays all others by one budget", function*() {
    const { asked, hooks, loads, news } = yield* twoProcessesFor(keysOf(600))
    const before = loads()
    hooks.asked = Effect.never
    yield* Queue.offer(news, { _tag: "Gap" })
    yield* settle
    yield* elapse("501 millis")
    yield* elapse("10 seconds")
    expect(asked.map(({ ids }) => ids.length)).toEqual([256])
    expect(loads() - before).toBeGreaterThanOrEqual(600)
  })

  test("ask in waves if all are woken at once", function*() {
    const { asked, news } = yield* twoProcessesFor(keysOf(600))
    yield* Queue.offer(news, { _tag: "Gap" })
    yield* settle
    yield* TestClock.adjust("1 millis")
    expect(asked.map(({ ids }) => ids.length)).toEqual([256, 256, 88])
  })

  test("ask once more where a change arrived before that answer", function*() {
    const { hooks, news, read, readers, store } = yield* twoProcesses
    const before = read.entries
    // It is on its way when another process changes an entry.
    hooks.answered = Effect.andThen(singly(store).remove("k3"), Queue.offer(news, { _tag: "Changed", id: "k3" }))
      .pipe(
        Effect.andThen(settle),
        Effect.andThen(Effect.sync(() => hooks.answered = Effect.void))
      )
    yield* elapse("10 seconds")
    expect(read.entries).toBe(before + 1)
    expect(readers[3]!.pollUnsafe()).toBeUndefined()
    yield* elapse("11 seconds")
    expect(ended(readers[3]!)).toMatchObject({ value: keys.length + 1 })
  })
})

class Row extends CacheKey.Class<Row>()("Row", { payload: { n: Schema.Int }, success: Schema.Number, tags: ["t"] }) {}

const rows = Array.from({ length: 20 }, (_, n) => ({ n }))

/** Two processes that read all rows with one call each. The first has all leases. */
const twoCalls = Effect.fnUntraced(function*(millis: readonly [first: number, second: number]) {
  const store = { ...MemoryStore.make(), capabilities: { shared: true, changes: false } }
  const counts = { commit: 0, get: 0, renew: 0 }
  const counted = <A, E>(what: keyof typeof counts, effect: Effect.Effect<A, E>) =>
    Effect.andThen(Effect.sync(() => counts[what]++), effect)
  const of = (process: Partial<Store.Store>) =>
    Layer.build(Layer.fresh(Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, { ...store, ...process }))))
  const hooks = { answered: Effect.void as Effect.Effect<unknown, CacheError.StoreError> }
  const first = yield* of({ renew: () => Effect.never })
  const second = yield* of({
    acquire: (asked) => Effect.tap(store.acquire(asked), ([one]) => one!._tag === "Hit" ? hooks.answered : Effect.void),
    commit: (...asked) => counted("commit", store.commit(...asked)),
    get: (...asked) => counted("get", store.get(...asked)),
    getUnsafe: undefined,
    renew: (...asked) => counted("renew", store.renew(...asked))
  })
  let calls = 0
  const reading = Cached.many(Row, (asked) =>
    Effect.suspend(() => {
      const call = calls++
      return Effect.delay(Effect.succeed(asked.map(({ n }) => Exit.succeed(100 * call + n))), millis[call]!)
    }), { ttl: "1 hour" })(rows)
  // Runs before the layers close, which wait for what is loaded.
  yield* Effect.addFinalizer(() => TestClock.adjust("2 hours"))
  yield* start(Effect.provide(reading, first))
  yield* settle
  const reader = yield* started(Effect.provide(reading, second))
  return { calls: () => calls, counts, hooks, reader, store }
})

const valuesOf = (call: number) => ({ value: rows.map(({ n }) => ({ value: 100 * call + n })) })

describe("calls for many keys that wait for leases of another process", () => {
  test("take the entries that the answer about the leases has, and read the versions of their tags once", function*() {
    const { calls, counts, reader } = yield* twoCalls([2000, 0])
    yield* elapse("4 seconds")
    expect(ended(reader)).toMatchObject(valuesOf(0))
    expect(calls()).toBe(1)
    expect(counts).toMatchObject({ get: 1 })
  })

  test("do not take entries whose tag was invalidated before its version was read", function*() {
    const { calls, hooks, reader, store } = yield* twoCalls([2000, 0])
    hooks.answered = store.invalidateTags(["t"])
    yield* elapse("10 seconds")
    expect(ended(reader)).toMatchObject(valuesOf(1))
    expect(calls()).toBe(2)
  })

  test("renew and commit together what they are granted at once, because the other process has ended", function*() {
    const { calls, counts, reader } = yield* twoCalls([3_600_000, 10_000])
    yield* elapse("16 seconds")
    expect(ended(reader)).toMatchObject(valuesOf(1))
    expect(calls()).toBe(2)
    expect(counts).toMatchObject({ commit: 1 })
    // After each third of a lease, for as long as the call takes.
    expect(counts.renew).toBeGreaterThanOrEqual(5)
    expect(counts.renew).toBeLessThanOrEqual(6)
  })
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
    const layer = Layer.provide(CacheLayer.layer(options), Layer.succeed(Store.Store, shared))
    const began: Array<number> = []
    const get = Effect.flatMap(Clock.currentTimeMillis, (now) => {
      began.push(now)
      return load
    }).pipe(Cached.ttl("k", { ttl: "1 hour" }))
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
  test("is waited for by all processes, as long as its leader renews it", function*() {
    const { began, readers } = yield* readByAll(4, Effect.delay(Effect.succeed("loaded"), "5 minutes"), {
      maxLoad: "10 minutes"
    })
    yield* elapse("302 seconds")
    for (const reader of readers) expect(ended(reader)).toMatchObject({ value: "loaded" })
    expect(began).toEqual([0])
  })

  test("is asked for a moment after its end, not before, where nothing else is due", function*() {
    const inner = MemoryStore.make()
    const asked: Array<number> = []
    const store: Store.Store = {
      ...inner,
      capabilities: { shared: true, changes: false },
      acquire: (requests) =>
        Effect.andThen(Effect.map(Clock.currentTimeMillis, (at) => void asked.push(at)), inner.acquire(requests))
    }
    yield* singly(inner).acquire("k", { owner: "gone", leaseMillis: 5200, rejectedWriteId: undefined, join: false })
    const cache = yield* Layer.build(Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, store)))
    const reader = yield* start(Effect.provide(Effect.succeed("v").pipe(Cached.ttl("k", { ttl: "1 hour" })), cache))
    yield* elapse("6 seconds")
    expect(ended(reader)).toMatchObject({ value: "v" })
    expect(asked.at(-1)).toBeCloseTo(5200 + leasePoll.afterEndMillis)
    expect(asked.at(-2)).toBeLessThan(5200 - leasePoll.afterEndMillis)
  })

  test("where `wait` is set: at its end one of all that wait loads beside it, and one more after each further", function*() {
    const load = Effect.delay(Effect.succeed("loaded"), "1 minute")
    const { began, readers } = yield* readByAll(4, load, { wait: "10 seconds" })
    yield* elapse("25 seconds")
    expect(began).toHaveLength(3)
    yield* elapse("20 seconds")
    expect(began).toHaveLength(4)
    // None begins earlier than a whole `wait` after the one before.
    for (const [i, at] of began.entries()) {
      expect(at).toBeGreaterThanOrEqual(i * 10_000)
      expect(at).toBeLessThan(i * 10_000 + 10_000)
    }
    yield* elapse("1 minute")
    for (const reader of readers) expect(ended(reader)).toMatchObject({ value: "loaded" })
    expect(began).toHaveLength(4)
  })

  test("is renewed for `maxLoad`: then one other process takes over from one that hangs, for as long", function*() {
    const { began } = yield* readByAll(4, Effect.never, { maxLoad: "1 minute", lease: "3 seconds" })
    yield* elapse("1 minute")
    expect(began).toEqual([0])
    for (const processes of [2, 3, 4]) {
      yield* elapse("5 seconds")
      expect(began).toHaveLength(processes)
      yield* elapse("57 seconds")
      expect(began).toHaveLength(processes)
    }
  })

  test("is believed no longer than one load may take, if it says that it never ends: then one of all loads", function*() {
    const load = Effect.delay(Effect.succeed("loaded"), "1 second")
    const options = { maxLoad: "1 minute", lease: "3 seconds" } as const
    const endless = { owner: "dead", leaseMillis: 1e12, rejectedWriteId: undefined, join: false }
    const { began, readers } = yield* readByAll(4, load, options, (store) => singly(store).acquire("k", endless))
    yield* elapse("62 seconds")
    expect(began).toEqual([])
    yield* elapse("5 seconds")
    for (const reader of readers) expect(ended(reader)).toMatchObject({ value: "loaded" })
    expect(began).toHaveLength(1)
  })

  test("where `wait` is set, they do not begin all at once, however long it hangs", function*() {
    const options = { maxLoad: "20 seconds", lease: "3 seconds", wait: "15 seconds" } as const
    const { began } = yield* readByAll(12, Effect.never, options)
    yield* elapse("3 minutes")
    expect(began).toHaveLength(12)
    // One takes over the lease, and one leads beside it.
    for (const at of began) expect(began.filter((other) => other === at).length).toBeLessThanOrEqual(2)
  })
})
