/** `Cached.setMany` over a store: waves, values that the store refuses, and other operations on the same keys. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Layer, Option } from "effect"
import { Cached, CachePolicy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { TestClock } from "effect/testing"
import { fakeStore, over, settle, start, taking } from "../support/caches.ts"
import { warningsOf } from "../support/logged.ts"
import { pluralOf } from "../support/pluralOf.ts"
import { test, testWith } from "../support/tests.ts"

const rows = (count: number, tags: ReadonlyArray<string> = []) => ({
  ids: Array.from({ length: count }, (_, i) => `row:${i}`),
  set: (value: (i: number) => unknown = (i) => i) =>
    Cached.setMany(Array.from({ length: count }, (_, i) => [`row:${i}`, value(i)] as const), { ttl: "1 hour", tags })
})

/** Counts the requests for many entries, and answers them as the fake store's entries do, or fails. */
const watched = (fails: (ids: ReadonlyArray<string>) => StoreError["reason"] | undefined = () => undefined) => {
  const fake = fakeStore()
  const calls: Array<string> = []
  const gate = Latch.makeUnsafe(true)
  const failing = (ids: ReadonlyArray<string>) => {
    const reason = fails(ids)
    return reason && Effect.fail(new StoreError({ store: "fake", operation: "set", reason }))
  }
  const store: Store.Store = {
    ...fake.store,
    set: (requests) => {
      calls.push(`setMany ${requests.length}`)
      return failing(requests.map(({ id }) => id)) ?? fake.store.set(requests)
    },
    markers: (tags) => {
      calls.push(`markers ${tags.length}`)
      return Effect.andThen(gate.await, fake.store.markers(tags))
    }
  }
  return { fake, calls, gate, layer: over({ layer: Layer.succeed(Store.Store, store) }, { memory: false }) }
}

const testWatched = testWith(() => watched(), ({ layer }) => layer)

describe("AI-03 · Cached.setMany over a store", () => {
  testWatched("asks once a wave for the markers and once to take its values", function*({ calls, fake }) {
    yield* rows(600, ["a", "b"]).set()
    expect(calls).toEqual([256, 256, 88].flatMap((size) => ["markers 2", `setMany ${size}`]))
    expect(fake.entries.size).toBe(600)
    expect((yield* Cached.getMany(["row:0", "row:599"])).map(Option.getOrUndefined)).toEqual([0, 599])
    yield* Cached.invalidate({ tag: "b" })
    expect(yield* Cached.getMany(["row:0", "row:599"])).toEqual([Option.none(), Option.none()])
  })

  it.effect("a refused value takes its older one with it, and all others are stored", () => {
    let isStrict = false
    const { fake, layer } = watched((ids) => isStrict && ids.includes("row:3") ? "Unsupported" : undefined)
    return Effect.gen(function*() {
      const { ids, set } = rows(10)
      yield* set()
      isStrict = true
      yield* set((i) => -i)
      const left = ids.filter((id) => id !== "row:3")
      expect(Array.from(fake.entries.keys()).toSorted()).toEqual(left)
      expect((yield* Cached.getMany(left)).map(Option.getOrUndefined)).toEqual(left.map((id) => -Number(id.slice(4))))
      expect(yield* CachePolicy.strict(Effect.exit(set()))).toMatchObject({ _tag: "Failure" })
    }).pipe(Effect.provide(layer))
  })

  it.effect("a value that cannot be encoded takes its older one with it, and all others are stored", () => {
    const { fake, layer } = watched()
    return Effect.gen(function*() {
      const { ids, set } = rows(10)
      yield* set()
      yield* set((i) => i === 3 ? () => {} : i)
      expect(Array.from(fake.entries.keys()).toSorted()).toEqual(ids.filter((id) => id !== "row:3"))
    }).pipe(Effect.provide(layer))
  })

  it.effect.each<[string, (i: number) => unknown]>([
    ["the store refuses", (i) => i],
    ["cannot be encoded", (i) => i === 3 ? () => {} : i]
  ])("under strict, a value that %s keeps no other from the store", ([, value]) => {
    const fake = fakeStore()
    const refused = new StoreError({ store: "fake", operation: "set", reason: "TooLarge" })
    const slowly = <A>(run: Effect.Effect<A, StoreError>) => Effect.delay(run, 10)
    const store: Store.Store = {
      ...fake.store,
      set: (requests) =>
        requests.some(({ id }) => id === "row:3") ? Effect.fail(refused) : slowly(fake.store.set(requests)),
      // As for a value that cannot be encoded, but the removal fails too.
      remove: pluralOf.remove(() =>
        Effect.fail(new StoreError({ store: "fake", operation: "remove", reason: "Unavailable" }))
      )
    }
    const layer = over({ layer: Layer.succeed(Store.Store, store) }, { memory: false })
    return Effect.gen(function*() {
      // More than the store is asked for at once.
      const { ids, set } = rows(40)
      expect(yield* taking(100, Effect.exit(CachePolicy.strict(set(value))))).toMatchObject({ _tag: "Failure" })
      expect(Array.from(fake.entries.keys()).toSorted()).toEqual(ids.filter((id) => id !== "row:3").toSorted())
    }).pipe(Effect.provide(layer))
  })

  it.effect("under strict, a wave of removals that fails keeps no other from the store", () => {
    const fake = fakeStore()
    const asked: Array<number> = []
    const store: Store.Store = {
      ...fake.store,
      remove: (ids) => {
        asked.push(ids.length)
        return ids.includes("row:3")
          ? Effect.fail(new StoreError({ store: "fake", operation: "remove", reason: "Unavailable" }))
          : fake.store.remove(ids)
      }
    }
    return Effect.gen(function*() {
      const { ids, set } = rows(600)
      yield* set()
      expect(yield* Effect.exit(CachePolicy.strict(Cached.remove(ids)))).toMatchObject({ _tag: "Failure" })
      expect(asked).toEqual([256, 256, 88])
      expect(fake.entries.size).toBe(256)
    }).pipe(Effect.provide(over({ layer: Layer.succeed(Store.Store, store) }, { memory: false })))
  })

  testWatched("a key that is invalidated while the wave waits stays invalidated", function*({ fake, gate }) {
    const { set } = rows(10)
    gate.closeUnsafe()
    const setting = yield* start(rows(10, ["tag"]).set())
    yield* Cached.invalidate("row:3")
    gate.openUnsafe()
    yield* Fiber.join(setting)
    yield* settle
    expect(Array.from(fake.entries.keys())).not.toContain("row:3")
    expect(fake.entries.size).toBe(9)
    yield* set()
    expect(fake.entries.size).toBe(10)
  })

  it.effect("values of a store that fails are sent again as removals, and only their process reads them until then", () => {
    let isDown = false
    const { fake, layer } = watched(() => isDown ? "Unavailable" : undefined)
    return Effect.gen(function*() {
      const { ids, set } = rows(300)
      yield* set()
      isDown = true
      yield* set((i) => -i)
      expect(yield* Cached.getMany(ids.slice(0, 2))).toEqual([Option.some(-0), Option.some(-1)])
      isDown = false
      yield* TestClock.adjust("1 minute")
      expect(yield* Cached.getMany(ids.slice(0, 2))).toEqual([Option.none(), Option.none()])
      expect(fake.entries.size).toBe(0)
      yield* set((i) => i + 1)
      expect((yield* Cached.getMany(ids.slice(0, 2))).map(Option.getOrUndefined)).toEqual([1, 2])
    }).pipe(Effect.provide(layer))
  })
})

describe("over a full store, Cached.setMany ends like a Cached.set for each key", () => {
  const count = 300
  const ids = Array.from({ length: count }, (_, i) => `row:${i}`)

  /** The end of both: values here and in the store, how often values were removed from it, and the warnings. */
  const endOf = Effect.fnUntraced(function*(fails: string, all: boolean) {
    const { store: inner } = fakeStore()
    const state = { isFull: false }
    let removals = 0
    const full = (operation: string, is: boolean) =>
      state.isFull && is ? Effect.fail(new StoreError({ store: "fake", operation, reason: "Full" })) : undefined
    const isRefused = (id: string) => fails === "all values" || (fails === "some values" && id.endsWith("3"))
    const noted = (count: number) => Effect.sync(() => void (removals += count))
    const store: Store.Store = {
      ...inner,
      set: (requests) => full("set", requests.some(({ id }) => isRefused(id))) ?? inner.set(requests),
      markers: (tags) => full("markers", fails === "tags") ?? inner.markers(tags),
      remove: (some) => Effect.andThen(noted(some.length), inner.remove(some))
    }
    const layer = Layer.succeed(Store.Store, store)
    const pairs = (value: number) => ids.map((id) => [id, value] as const)
    const options = { tags: ["t"] }
    const use = Effect.gen(function*() {
      yield* Cached.setMany(pairs(1), options)
      state.isFull = true
      yield* all
        ? Cached.setMany(pairs(2), options)
        : Effect.forEach(ids, (id) => Cached.set(id, 2, options), { discard: true })
      const there = yield* Effect.provide(Cached.getMany(ids), Layer.fresh(over({ layer }, { memory: false })))
      return [yield* Cached.getMany(ids), there].map((values) => values.map(Option.getOrUndefined))
    })
    let values: ReadonlyArray<unknown> = []
    const warnings = yield* warningsOf(
      Effect.map(Effect.provide(use, over({ layer })), (found) => {
        values = found
      })
    )
    return { values, removals, warnings }
  })

  test.each(["all values", "some values", "tags"])("that refuses %s", function*(fails) {
    const one = yield* endOf(fails, false)
    expect(one.removals).toBeGreaterThan(0)
    expect(one.warnings).toHaveLength(1)
    expect(yield* endOf(fails, true)).toEqual(one)
  })
})
