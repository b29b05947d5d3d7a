/** Loads that wait for leases of another process ask together, then more rarely, and at once when there is news. */
import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Layer, Queue, Stream } from "effect"
import { Cached, CacheLayer, Store } from "effect-cached"
import * as MemoryStore from "effect-cached/stores/MemoryStore"
import { TestClock } from "effect/testing"
import { leasePoll } from "../../../../src/internal/defaults.ts"
import { Within } from "../../../../src/internal/engine/flight/attempt.ts"
import { settle, start } from "../../../promises/caches.ts"

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
  const note = (ids: ReadonlyArray<string>) => Effect.map(Clock.currentTimeMillis, (at) => void asked.push({ at, ids }))
  const other = yield* of({
    acquire: (id, options) => Effect.andThen(note([id]), store.acquire(id, options)),
    acquireMany: (requests) => Effect.andThen(note(requests.map(({ id }) => id)), store.acquireMany(requests)),
    changes: Stream.fromQueue(news)
  }, true)
  // runs before the layers close, which wait for what is loaded
  yield* Effect.addFinalizer(() => TestClock.adjust("1 minute"))
  let loads = 0
  const read = (key: string) =>
    Effect.delay(Effect.sync(() => ++loads), "10 seconds").pipe(Cached.ttl({ key, ttl: "1 hour" }))
  for (const key of keys) yield* start(Effect.provide(read(key), leader))
  yield* settle
  const readers = yield* Effect.forEach(keys, (key) => start(Effect.provide(read(key), other)))
  yield* settle
  return { asked, first: asked.splice(0), leader, loads: () => loads, other, read, readers }
})

describe("loads that wait for leases of another process", () => {
  it.effect("ask for all of them in one question", () =>
    Effect.gen(function*() {
      const { asked, first } = yield* twoProcesses
      expect(first.map(({ ids }) => ids)).toEqual(keys.map((key) => [key]))
      yield* TestClock.adjust("9 seconds")
      expect(asked.length).toBeGreaterThan(5)
      for (const { ids } of asked) expect(ids).toEqual(keys)
    }))

  it.effect("do not look at all that wait for each one that begins, or is woken", () =>
    Effect.gen(function*() {
      const { asked, leader, other, read } = yield* twoProcesses
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
      for (const key of more) yield* start(Effect.provide(read(key), leader))
      yield* settle
      for (const key of more) yield* start(Effect.provide(read(key), other))
      yield* settle
      expect(waiting.size).toBe(keys.length + more.length)
      yield* TestClock.adjust("20 seconds")
      expect(waiting.size).toBe(0)
      // to find what is due, and when the next is
      expect(looks).toBeLessThanOrEqual(2 * asked.length)
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
      // without the news the next question is far off
      expect(10_000 - asked[questions - 1]!.at).toBeLessThan(leasePoll.longestMillis)
      for (const reader of readers) expect(reader.pollUnsafe()).toMatchObject({ _tag: "Success" })
      expect(loads()).toBe(keys.length)
    }))
})
