/** A memory that is full all the time: its bound, whatever its policy and however small it is, and its reports. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option } from "effect"
import { Cached, type CacheEvent, Caching } from "effect-cached"
import type { Eviction } from "effect-cached/adapters"
import { TestClock } from "effect/testing"
import { policies as builtIn } from "../../src/internal/eviction/policies.ts"
import { caches, counting, settle, start } from "../support/caches.ts"
import { listenersOf } from "../support/listeners.ts"
import { randomOf } from "../support/random.ts"

const { adaptive, fifo, leastRecentlyUpdated, lru, s3Fifo, wTinyLfu } = builtIn
const policies = [adaptive, lru, fifo, leastRecentlyUpdated, s3Fifo, wTinyLfu]

/** Counts the calls of a policy, and forwards them to another one. */
const told = (inner: Eviction.Eviction) => {
  const counts = { added: 0, read: 0, removed: 0, replaced: 0 }
  const held = new Map<string, Eviction.Node>()
  const eviction: Eviction.Eviction = {
    name: "told",
    make: (options) => {
      const policy = inner.make(options)
      return {
        ...policy,
        added: (node) => {
          counts.added++
          held.set(node.id, node)
          policy.added(node)
        },
        read: (node) => {
          counts.read++
          policy.read(node)
        },
        removed: (node) => {
          counts.removed++
          held.delete(node.id)
          policy.removed(node)
        },
        replaced: (old, node) => {
          counts.replaced++
          held.set(node.id, node)
          if (policy.replaced !== undefined) return policy.replaced(old, node)
          policy.removed(old)
          policy.added(node)
        }
      }
    }
  }
  return { counts, eviction, held }
}

const small = policies.flatMap((eviction) => [1, 2, 3].map((capacity) => ({ capacity, eviction, name: eviction.name })))

describe.each(caches.filter(({ memory }) => memory))("over $name", { timeout: 120_000 }, (cache) => {
  // A store changes nothing of it but the time that it takes.
  it.effect.each(cache.store ? small.filter(({ eviction }) => eviction === adaptive) : small)(
    "with room for $capacity under $name: never over the bound, and each removal is reported once, with its cause",
    ({ capacity, eviction }) =>
      Effect.gen(function*() {
        const random = randomOf(capacity)
        const { listen, onRemoval } = listenersOf(yield* Caching.Caching)
        const gone: { [cause in CacheEvent.RemovalCause]: number } = {
          evicted: 0,
          expired: 0,
          replaced: 0,
          invalidated: 0,
          unverified: 0
        }
        // Each value is stored once.
        const left = new Set<unknown>()
        onRemoval(({ cause, exit }) => {
          gone[cause]++
          const value = Exit.isSuccess(exit) ? exit.value : undefined
          expect(left.has(value)).toBe(false)
          left.add(value)
        })
        let evictions = 0
        listen((event) => {
          if (event._tag === "Evict") evictions++
        })
        for (let step = 0; step < 400; step++) {
          const id = Math.floor(random() ** 2 * 8)
          const key = `key ${id}`
          const what = random()
          if (what < 0.6) {
            const ttl = random() < 0.6 ? "1 second" : "1 hour"
            expect(yield* Cached.ttl(Effect.sync(() => ({ id })), key, { ttl })).toEqual({ id })
          } else if (what < 0.7) yield* Cached.set(key, { id })
          else if (what < 0.75) yield* Cached.invalidate(key)
          else if (what < 0.8) expect([Option.none(), Option.some({ id })]).toContainEqual(yield* Cached.getOption(key))
          else if (what < 0.81) yield* Cached.clear
          else if (what < 0.84) yield* Cached.touch(key, "1 minute")
          else yield* TestClock.adjust(`${Math.ceil(random() * 1500)} millis`)
          const { removals, size, weight } = yield* Cached.stats
          expect(size).toBeLessThanOrEqual(capacity)
          expect(weight).toBe(size)
          expect(removals).toEqual(gone)
        }
        expect(gone.evicted).toBeGreaterThan(20)
        expect(evictions).toBe(gone.evicted)
        expect(gone.expired).toBeGreaterThan(3)
        yield* Cached.clear
        expect(yield* Cached.stats).toMatchObject({ size: 0, weight: 0 })
      }).pipe(Effect.provide(cache.layer({ capacity, eviction })))
  )

  it.effect("F11 · whose first load runs is not known to the policy, and is no hit", () => {
    const { counts: asked, eviction, held } = told(lru)
    return Effect.gen(function*() {
      const { counts, load } = counting(1000)
      const read = Cached.ttl(load, "loading", { ttl: "1 hour" })
      const readers = [yield* start(read)]
      yield* settle
      for (let i = 0; i < 20; i++) {
        yield* Cached.set(`other ${i}`, i)
        readers.push(yield* start(read))
      }
      expect([...held.keys()]).toEqual(["other 18", "other 19"])
      expect(asked).toEqual({ added: 20, read: 0, removed: 18, replaced: 0 })
      expect(yield* Cached.stats).toMatchObject({ hits: 0, misses: 21, joined: 20, evictions: 18 })
      yield* TestClock.adjust("1 second")
      for (const reader of readers) expect(yield* Fiber.join(reader)).toBe(1)
      expect(counts.started).toBe(1)
      expect(asked).toMatchObject({ added: 21, read: 0 })
      expect([...held.keys()]).toEqual(["other 19", "loading"])
      yield* read
      expect(asked.read).toBe(1)
      expect(yield* Cached.stats).toMatchObject({ hits: 1, misses: 21 })
    }).pipe(Effect.provide(cache.layer({ capacity: 2, eviction })))
  })

  it.effect("ME-12 · the policy sees each invalidation, and a value loaded before it does not come back", () => {
    const { eviction, held } = told(fifo)
    return Effect.gen(function*() {
      const { load } = counting(1000)
      const reader = yield* start(Cached.ttl(load, "a", { ttl: "1 hour", tags: ["t"] }))
      yield* Cached.set("b", 1, { tags: ["t"] })
      yield* settle
      yield* Cached.invalidate({ tag: "t" })
      yield* Cached.invalidate("b")
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(reader)).toBe(1)
      expect(yield* Effect.filter(["a", "b"], Cached.has)).toEqual([])
      expect([...held.keys()]).toEqual([])
    }).pipe(Effect.provide(cache.layer({ capacity: 3, eviction })))
  })

  it.effect.each(policies)("under $name its bound may change while readers load", (eviction) =>
    Effect.gen(function*() {
      const random = randomOf(3)
      const loads = new Map<string, number>()
      const running = new Set<string>()
      const load = (key: string) =>
        Effect.gen(function*() {
          expect(running.has(key)).toBe(false)
          running.add(key)
          loads.set(key, (loads.get(key) ?? 0) + 1)
          yield* Effect.sleep(1 + Math.floor(random() * 20))
          running.delete(key)
          return key
        })
      const reader = Effect.gen(function*() {
        for (let i = 0; i < 40; i++) {
          const key = `key ${Math.floor(random() ** 2 * 60)}`
          expect(yield* Cached.ttl(load(key), key, { ttl: "1 hour" })).toBe(key)
          yield* Effect.sleep(1)
        }
      })
      const readers = yield* Effect.forEach(Array.from({ length: 10 }), () => start(reader))
      let most = 0
      for (const bound of [1, 40, 3, 25, 2, Infinity, 7, 1, 30, 5]) {
        yield* Cached.resize(bound)
        const { size } = yield* Cached.stats
        expect(size).toBeLessThanOrEqual(bound)
        for (let i = 0; i < 12; i++) {
          yield* TestClock.adjust(5)
          const { size } = yield* Cached.stats
          expect(size).toBeLessThanOrEqual(bound)
          most = Math.max(most, size)
        }
      }
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.joinAll(readers)
      for (let i = 0; i < 10; i++) yield* Cached.set(`new ${i}`, i)
      // It was used, and what went could be loaded again.
      expect(most).toBeGreaterThan(10)
      expect(Math.max(...loads.values())).toBeGreaterThan(cache.store ? 0 : 1)
      expect((yield* Cached.stats).size).toBe(5)
    }).pipe(Effect.provide(cache.layer({ capacity: 20, eviction }))))
})

describe.each(caches.filter(({ memory }) => !memory))("over $name", (cache) => {
  it.effect("nothing is held, weighed, evicted or reported", () => {
    const { counts, eviction } = told(adaptive)
    return Effect.gen(function*() {
      const gone: Array<unknown> = []
      listenersOf(yield* Caching.Caching).onRemoval((entry) => void gone.push(entry))
      for (let i = 0; i < 50; i++) yield* Cached.ttl(Effect.succeed(i), `key ${i % 5}`, { ttl: "1 hour" })
      yield* Cached.resize(3)
      yield* Cached.set("key 1", 9)
      expect(yield* Cached.ttl(Effect.succeed(7), "key 1", { ttl: "1 hour" })).toBe(9)
      expect(yield* Cached.stats).toMatchObject({ hits: 0, storeHits: 46, misses: 5, size: 0, weight: 0, evictions: 0 })
      expect(counts).toEqual({ added: 0, read: 0, removed: 0, replaced: 0 })
      expect(gone).toEqual([])
    }).pipe(Effect.provide(cache.layer({ eviction })))
  })
})

it.effect("a weigher is not asked where there is no memory", () =>
  Effect.gen(function*() {
    yield* Effect.exit(Cached.set("a", 1))
    expect((yield* Cached.stats).size).toBe(0)
  }).pipe(Effect.provide(Layer.suspend(() =>
    caches.find(({ memory }) => !memory)!.layer({
      maxWeight: 5,
      weigher: () => {
        throw new Error("asked")
      }
    })
  ))))
