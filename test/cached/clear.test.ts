/** Memory is emptied in one step; listeners are called over as many turns as they need, once for each entry. */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Layer, type Scope } from "effect"
import { Cached, CacheLayer, Caching } from "effect-cached"
import { type Eviction, Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { many } from "../../src/internal/defaults/bounds.ts"
import { policies as builtIn } from "../../src/internal/eviction/policies.ts"
import { caches, elapse, settle, start, started } from "../support/caches.ts"
import { impatient } from "../support/impatient.ts"
import { listenersOf } from "../support/listeners.ts"
import { test } from "../support/tests.ts"

const size = 20 * many.steps
const ids = Array.from({ length: size }, (_, i) => `key ${i}`)
const filled = Cached.setMany(ids.map((id, i) => [id, i] as const))

/** LRU as a user writes it without `cleared`, or with one that throws. */
const mine = (cleared: (() => void) | undefined): Eviction.Eviction => ({
  name: "mine",
  make: (options) => ({ ...builtIn.lru.make(options), cleared })
})

describe.each(caches.filter(({ memory }) => memory))("clear, over $name", (cache) => {
  const within = <A, E>(effect: Effect.Effect<A, E, Caching.Caching | Scope.Scope>) =>
    impatient(Effect.scoped(Effect.provide(effect, cache.layer({ capacity: size }))))

  it.effect("empties memory before the first listener runs, and ends after all have run, once an entry", () =>
    within(Effect.gen(function*() {
      yield* filled
      const told: Array<string> = []
      let turns = 0
      let first: ReadonlyArray<unknown> = []
      listenersOf(yield* Caching.Caching).onRemoval(({ cause, id }) => {
        if (told.length === 0) first = [Effect.runSync(Effect.provide(Cached.stats, context))]
        expect(cause).toBe("invalidated")
        told.push(id)
      })
      const context = yield* Effect.context<Caching.Caching>()
      yield* start(Effect.forever(Effect.andThen(Effect.yieldNow, Effect.sync(() => turns++))))
      yield* Cached.clear
      expect(told.toSorted()).toEqual(ids.toSorted())
      expect(turns).toBeGreaterThan(9)
      expect(first).toMatchObject([{ size: 0, weight: 0, removals: { invalidated: size } }])
    })))

  it.effect("reports a removed entry even when another has taken its place meanwhile", () =>
    within(Effect.gen(function*() {
      yield* filled
      let told = 0
      listenersOf(yield* Caching.Caching).onRemoval(({ cause }) => {
        if (cause === "invalidated") told++
      })
      yield* start(Cached.clear)
      yield* filled
      yield* settle
      // A store that answers later empties memory once more.
      expect(told).toBeGreaterThanOrEqual(size)
      expect(told).toBe((yield* Cached.stats).removals.invalidated)
    })))
})

const policies: ReadonlyArray<readonly [string, Eviction.Eviction]> = [
  ...Object.values(builtIn).flatMap((one) =>
    typeof one === "object" && "make" in one ? [[one.name, one as Eviction.Eviction] as const] : []
  ),
  ["one of a user", mine(undefined)],
  [
    "one of a user that throws",
    mine(() => {
      throw new Error("no")
    })
  ]
]

describe("entries stored after a clear", () => {
  test.each(policies)("is evicted as before, with %s", function*([name, eviction]) {
    for (const capacity of [1, 2, 3, 100]) {
      const test = Effect.gen(function*() {
        for (let round = 0; round < 3; round++) {
          for (let i = 0; i < 250; i++) {
            yield* Cached.set(`${i}`, i, { ttl: i % 3 === 0 ? "1 second" : "1 hour" })
            yield* Cached.getOption(`${i % 7}`)
          }
          expect(yield* Cached.stats).toMatchObject({ size: capacity, weight: capacity })
          yield* Cached.clear
          expect(yield* Cached.stats).toMatchObject({ size: 0, weight: 0 })
        }
        yield* Cached.set("short", 1, { ttl: "1 second" })
        yield* TestClock.adjust("3 seconds")
        const { callbackFailures, removals, size } = yield* Cached.stats
        expect([size, callbackFailures]).toEqual([0, name.includes("throws") ? 1 : 0])
        expect(removals.invalidated).toBe(3 * capacity)
        const evicted = removals.evicted + removals.expired + removals.replaced + removals.invalidated
        expect(evicted).toBe(751)
      })
      yield* Effect.provide(test, Layer.fresh(CacheLayer.memory({ capacity, eviction })))
    }
  })
})

describe("a load that runs when memory is emptied", () => {
  test("holds no other entry than its own: they are linked to each other", function*() {
    const held: Array<Eviction.Node> = []
    const eviction: Eviction.Eviction = {
      name: "watched",
      make: (options) => {
        const policy = builtIn.lru.make(options)
        return {
          ...policy,
          added: (node) => {
            if (node.id === "loads") held.push(node)
            policy.added(node)
          }
        }
      }
    }
    const test = Effect.gen(function*() {
      const gate = yield* Deferred.make<number>()
      yield* Cached.set("before", 1)
      const read = (load: Effect.Effect<number>) =>
        Cached.softTtl(load, "loads", { softTtl: "1 second", ttl: "1 hour" })
      yield* read(Effect.succeed(1))
      yield* Cached.set("after", 1)
      yield* TestClock.adjust("2 seconds")
      yield* started(read(Deferred.await(gate)))
      yield* Cached.clear
      expect(held.map(({ next, previous }) => [next, previous])).toEqual([[undefined, undefined]])
      yield* Deferred.succeed(gate, 2)
    })
    yield* Effect.provide(test, CacheLayer.memory({ eviction }))
  })
})

describe("all that others change at once", () => {
  it.effect("is reported after memory is empty, in turns, and so are removals that wait", () => {
    const store = MemoryStore.make()
    const changes: Array<Store.Change> = []
    const shared: Store.Store = {
      ...store,
      capabilities: { ...store.capabilities, shared: true },
      changesUnsafe: () => changes.splice(0)
    }
    const test = Effect.gen(function*() {
      yield* filled
      let told = 0
      const sizes = new Set<number>()
      const context = yield* Effect.context<Caching.Caching>()
      listenersOf(yield* Caching.Caching).onRemoval(() => {
        told++
        sizes.add(Effect.runSync(Effect.provide(Cached.stats, context)).size)
      })
      changes.push({ _tag: "AllChanged" })
      yield* elapse("50 millis")
      for (let i = 0; i < 50; i++) yield* Effect.yieldNow
      expect([told, ...sizes]).toEqual([size, 0])
    })
    const layer = Layer.provide(CacheLayer.layer({ capacity: size }), Layer.succeed(Store.Store, shared))
    return impatient(Effect.provide(test, layer))
  })
})
