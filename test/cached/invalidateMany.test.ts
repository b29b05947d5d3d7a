/** Many ids are invalidated in few questions to the store, and none of them is forgotten when it does not answer. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, References, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { testIn } from "../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

class Num extends CacheKey.Class<Num>()("Num", { payload: { n: Schema.Int }, success: Schema.Int }) {}

const ids = (count: number): ReadonlyArray<string> => Array.from({ length: count }, (_, i) => `id ${i}`)

const watching = () => {
  const inner = MemoryStore.make()
  const state = { isDown: false }
  const asked: Array<readonly [operation: string, ids: number]> = []
  const down = new StoreError({ store: "watching", operation: "remove", reason: "Unavailable" })
  const through = <A>(operation: string, count: number, effect: Effect.Effect<A, StoreError>) =>
    Effect.suspend(() => {
      asked.push([operation, count])
      return state.isDown ? Effect.fail(down) : effect
    })
  const store: Store.Store = {
    ...inner,
    remove: (ids) => through("remove", ids.length, inner.remove(ids))
  }
  const layer = Layer.provide(CacheLayer.layer({ memory: false }), Layer.succeed(Store.Store, store))
  return { asked, layer, state }
}

type Watched = ReturnType<typeof watching>

const overWatched = (
  title: string,
  program: (watched: Watched) => Generator<Effect.Effect<any, any, Caching.Caching>, unknown, never>
) =>
  it.effect(title, () => {
    const watched = watching()
    return Effect.gen(() => program(watched)).pipe(
      Effect.provide(watched.layer),
      Effect.provideService(References.MinimumLogLevel, "None")
    )
  })

const stored = (id: string) => Cached.set(id, id, { ttl: "1 hour" })

describe("invalidating many", () => {
  overWatched("asks about 256 at once, and about one by itself", function*({ asked }) {
    yield* Effect.forEach(ids(600), stored)
    expect(yield* Cached.remove(ids(700))).toBe(600)
    expect(yield* Cached.remove("id 0")).toBe(false)
    expect(asked).toEqual([["remove", 256], ["remove", 256], ["remove", 188], ["remove", 1]])
    expect(yield* Cached.size).toBe(0)
  })

  overWatched("an unacknowledged invalidation hides the entry, and is sent again", function*({ state }) {
    yield* Effect.forEach(ids(300), stored)
    state.isDown = true
    yield* Cached.invalidate(ids(300))
    expect(yield* Cached.has("id 7")).toBe(false)
    expect(yield* Cached.has("id 299")).toBe(false)
    state.isDown = false
    yield* TestClock.adjust("10 seconds")
    expect(yield* Cached.size).toBe(0)
  })

  overWatched("under strict a store that fails is the caller's to know", function*({ state }) {
    state.isDown = true
    const error = yield* Effect.flip(CachePolicy.strict(Cached.invalidate(ids(300))))
    expect(error).toMatchObject({ _tag: "StoreError", reason: "Unavailable" })
  })
})

describe("P2 · under strict, of ids and tags and patterns", () => {
  it.effect("all leave memory, although the store fails for some of them at once", () => {
    const store = MemoryStore.make()
    const down = Effect.fail(new StoreError({ store: "s", operation: "remove", reason: "Unavailable" }))
    const failing: Store.Store = {
      ...store,
      capabilities: { shared: true, changes: true },
      changes: Stream.concat(Stream.make({ _tag: "Coherent" }), Stream.never),
      changesUnsafe: undefined,
      getUnsafe: undefined,
      remove: () => down
    }
    let loads = 0
    const read = (key: string) =>
      Effect.sync(() => `${key} ${++loads}`).pipe(
        Cached.ttl(key, { ttl: "1 hour", tags: key === "tagged" ? ["t"] : [] })
      )
    return Effect.gen(function*() {
      const many = ids(600)
      for (const key of ["a", "tagged", "matching", ...many]) yield* read(key)
      const targets = ["a", { tag: "t" }, { matching: "match*" }] as const
      const error = yield* Effect.flip(CachePolicy.strict(Cached.invalidate(targets)))
      expect(error).toMatchObject({ _tag: "StoreError" })
      expect([yield* read("a"), yield* read("tagged"), yield* read("matching")]).toEqual([
        "a 604",
        "tagged 605",
        "matching 606"
      ])
      const ofMany = yield* Effect.flip(CachePolicy.strict(Cached.invalidate({ matching: "id *" })))
      expect(ofMany).toMatchObject({ _tag: "StoreError" })
      yield* Effect.forEach(many, read)
      expect(loads).toBe(1206)
    }).pipe(
      Effect.provide(Layer.provide(CacheLayer.layer({}), Layer.succeed(Store.Store, failing))),
      Effect.provideService(References.MinimumLogLevel, "None")
    )
  })
})

describe("others get their turns", () => {
  /** How often another fiber runs while this one does. */
  const turnsDuring = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.gen(function*() {
      let turns = 0
      const other = yield* Effect.forkChild(
        Effect.whileLoop({ while: () => true, body: () => Effect.yieldNow, step: () => void turns++ }),
        { startImmediately: true }
      )
      const before = turns
      yield* effect
      other.interruptUnsafe()
      return turns - before
    })

  overWatched("while 20,000 ids are invalidated, and the store is down", function*({ state }) {
    state.isDown = true
    // Twice for each 256 ids: where they are forgotten, and where the store is asked.
    expect(yield* turnsDuring(Cached.invalidate(ids(20_000)))).toBeGreaterThan(150)
  })

  inMemory("while 20,000 tags are invalidated", function*() {
    const tags = Array.from({ length: 20_000 }, (_, i) => ({ tag: `tag ${i}` }))
    expect(yield* turnsDuring(Cached.invalidate(tags))).toBeGreaterThan(70)
  })

  inMemory("while a list is warmed whose loads end at once", function*() {
    const loads = Cached.fn(Num, ({ n }) => Effect.succeed(n), { ttl: "1 hour" })
    const payloads = Array.from({ length: 5120 }, (_, n) => ({ n }))
    expect(yield* turnsDuring(Stream.runDrain(Cached.warm(loads, payloads)))).toBeGreaterThan(40)
  })

  overWatched("while 5,000 invalidations are sent again", function*({ state }) {
    state.isDown = true
    yield* Cached.invalidate(ids(5000))
    state.isDown = false
    expect(yield* turnsDuring(TestClock.adjust("10 seconds"))).toBeGreaterThan(70)
  })
})
