/** A store that answers only parts of an operation, or later than a read: nothing older stays, and no value is lost. */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Option, Schema } from "effect"
import { Cached, CacheKey, type CacheLayer, CachePolicy, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { StoreError, type StoreErrorReason } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { singly } from "../../src/testing/internal/singly.ts"
import { elapse, fakeStore, over, settle, started } from "../support/caches.ts"
import { pluralOf } from "../support/pluralOf.ts"
import { testIn } from "../support/tests.ts"

const fault = (operation: string, reason: StoreErrorReason = "Unavailable") =>
  Effect.fail(new StoreError({ store: "s", operation, reason }))

const failed = { _tag: "Failure" }

const strictly = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.exit(CachePolicy.strict(effect))

const overStore = (store: Store.Store, options?: CacheLayer.LayerOptions) =>
  over({ layer: Layer.succeed(Store.Store, store) }, { storeTimeout: "1 hour", ...options })

describe("AI-03 · a strict Cached.setMany stores every value that the store takes", () => {
  class Row extends CacheKey.Class<Row>()("Row", { payload: { n: Schema.Int }, success: Schema.Int }) {}
  const rows = Array.from({ length: 60 }, (_, n) => new Row({ n }))
  const set = (value: (n: number) => number) => Cached.setMany(rows.map((row) => [row, value(row.n)] as const))
  const good = rows.filter(({ n }) => n !== 3)

  const fails = (parts: (store: Store.Store) => Partial<Store.Store>, bad = 2) => {
    const fake = fakeStore()
    const state = { isWrong: false }
    const store = { ...fake.store, ...parts(fake.store) }
    return Effect.gen(function*() {
      yield* set(() => 1)
      state.isWrong = true
      expect(yield* strictly(set((n) => n === 3 ? bad : 2))).toMatchObject(failed)
      yield* elapse("1 minute")
      expect(new Set((yield* Cached.getMany(good)).map(Option.getOrUndefined))).toEqual(new Set([2]))
    }).pipe(Effect.provide(overStore({
      ...store,
      set: (...asked) => state.isWrong ? store.set(...asked) : fake.store.set(...asked),
      remove: (...asked) => state.isWrong ? store.remove(...asked) : fake.store.remove(...asked)
    }, { memory: false })))
  }

  it.effect("although it refuses one of them", () => {
    const refused = (ids: ReadonlyArray<string>) =>
      ids.includes(CacheKey.id(rows[3]!)) ? fault("set", "Unsupported") : undefined
    return fails((store) => ({ set: (requests) => refused(requests.map(({ id }) => id)) ?? store.set(requests) }))
  })

  it.effect("although the older one of a value that cannot be encoded is not removed", () =>
    fails(() => ({ remove: pluralOf.remove(() => fault("remove")) }), 0.5))
})

/** A read of `id` with tags waits for its answer, which is older than what happens meanwhile. */
const lateAnswer = (inner: Store.Store, id: string) => {
  const told = Deferred.makeUnsafe<void>()
  const state = { isLate: false }
  const { getCallback: _, getUnsafe: __, ...store } = inner
  const get: Store.Store["get"] = (asked, tags) =>
    Effect.tap(
      inner.get(asked, tags),
      () => state.isLate && asked === id && tags.length > 0 ? Deferred.await(told) : Effect.void
    )
  return { store: { ...store, get } as Store.Store, state, tell: Deferred.succeed(told, undefined) }
}

type Invalidation = Effect.Effect<unknown, unknown, Caching.Caching>

const ways = ["fails", "is interrupted"]

describe.each(ways)("P2 · an invalidation that %s after the store has answered a part", (how) => {
  /** Two processes over one store. Reads `k` in the second one while it invalidates. */
  const reads = Effect.fnUntraced(function*<A>(
    operation: "invalidateTags" | "remove",
    invalidation: Invalidation,
    { read, write }: { readonly read: Effect.Effect<A, never, Caching.Caching>; readonly write: Invalidation }
  ) {
    const inner = yield* Store.Store
    const { state, store, tell } = lateAnswer(inner, "k")
    const first = Deferred.makeUnsafe<void, StoreError>()
    const second = Deferred.makeUnsafe<void, StoreError>()
    let asked = 0
    const inParts = <B>(effect: Effect.Effect<B, StoreError>): Effect.Effect<B, StoreError> =>
      Effect.suspend(() => {
        if (++asked > 2) return effect
        return Effect.andThen(Deferred.await(asked === 1 ? first : second), effect)
      })
    const here = overStore({
      ...store,
      [operation]: (...given: ReadonlyArray<never>) =>
        inParts((store[operation] as (...given: ReadonlyArray<never>) => Effect.Effect<any, StoreError>)(...given))
    })
    yield* Effect.provide(write, overStore(inner))
    return yield* Effect.gen(function*() {
      const invalidating = yield* started(strictly(invalidation))
      state.isLate = true
      const reading = yield* started(read)
      yield* Deferred.succeed(first, undefined)
      yield* settle
      yield* tell
      yield* Fiber.join(reading)
      if (how === "fails") {
        yield* Deferred.fail(second, new StoreError({ store: "s", operation, reason: "Unavailable" }))
      } else yield* Fiber.interrupt(invalidating)
      yield* Fiber.await(invalidating)
      yield* elapse("1 minute")
      expect(asked).toBeGreaterThan(2)
      return yield* read
    }).pipe(Effect.provide(here))
  })

  const test = testIn(MemoryStore.layer)

  test("leaves no entry with a tag of that part in memory", function*() {
    const tags = Array.from({ length: 300 }, (_, i) => ({ tag: `t${i}` }))
    const write = Cached.set("k", "old", { tags: ["t0"] })
    const read = Cached.getOption("k")
    expect(yield* reads("invalidateTags", Cached.invalidate(tags), { read, write })).toEqual(Option.none())
  })

  test("P8 · leaves no entry that derives from an id of that part in memory", function*() {
    let version = 1
    const source = Effect.sync(() => version).pipe(Cached.ttl("source", { ttl: "1 day" }))
    const read = Cached.ttl(source, "k", { ttl: "1 day", inherit: "changes" })
    const ids = ["source", ...Array.from({ length: 599 }, (_, i) => `${i}`)]
    const invalidation = Effect.suspend(() => {
      version = 2
      return Cached.invalidate(ids)
    })
    expect(yield* reads("remove", invalidation, { read, write: read })).toBe(2)
  })
})

describe("P8 · an entry read while its source waits to be sent again", () => {
  testIn(MemoryStore.layer).each<readonly [string, "remove" | "set", Invalidation]>([
    ["is not served after a removal", "remove", Cached.invalidate("source")],
    ["is not served after a write that the store has", "set", Cached.set("source", 2)]
  ])("%s", function*([, operation, change]) {
    const inner = yield* Store.Store
    const { state, store, tell } = lateAnswer(inner, "page")
    const mayWrite = Deferred.makeUnsafe<void>()
    let isDown = false
    const here = overStore({
      ...store,
      remove: pluralOf.remove((id) => isDown && operation === "remove" ? fault("remove") : singly(store).remove(id)),
      // The answer of the write is lost, and the store carries it out later.
      set: pluralOf.set((id, entry, condition) => {
        if (!isDown) return singly(store).set(id, entry, condition)
        Effect.runFork(Effect.andThen(Deferred.await(mayWrite), singly(store).set(id, entry, condition)))
        return fault("set")
      })
    })
    let version = 1
    const source = Effect.sync(() => version).pipe(Cached.ttl("source", { ttl: "1 day" }))
    const page = Effect.map(source, (version) => `page of ${version}`).pipe(
      Cached.ttl("page", { ttl: "1 day", inherit: "changes" })
    )
    yield* Effect.provide(page, overStore(inner))
    yield* Effect.gen(function*() {
      isDown = true
      version = 2
      yield* change
      isDown = false
      state.isLate = true
      const reading = yield* started(page)
      yield* Deferred.succeed(mayWrite, undefined)
      yield* elapse("10 seconds")
      yield* tell
      expect(yield* Fiber.join(reading)).toBe("page of 2")
      expect(yield* page).toBe("page of 2")
    }).pipe(Effect.provide(here))
  })
})

describe("P8 · an entry read while the store refuses the new value of its source", () => {
  testIn(MemoryStore.layer).each<readonly [string, Invalidation]>([
    ["a strict Cached.set", Cached.set("source", 2)],
    ["a strict Cached.setMany", Cached.setMany([["source", 2]])]
  ])("is not served after %s", function*([, write]) {
    const inner = yield* Store.Store
    const { state, store, tell } = lateAnswer(inner, "page")
    const mayRemove = Deferred.makeUnsafe<void>()
    const here = overStore({
      ...store,
      set: pluralOf.set(() => fault("set", "Unsupported")),
      remove: pluralOf.remove((id) => Effect.andThen(Deferred.await(mayRemove), singly(store).remove(id)))
    })
    let version = 1
    const source = Effect.sync(() => version).pipe(Cached.ttl("source", { ttl: "1 day" }))
    const page = Effect.map(source, (version) => `page of ${version}`).pipe(
      Cached.ttl("page", { ttl: "1 day", inherit: "changes" })
    )
    yield* Effect.provide(page, overStore(inner))
    version = 2
    yield* Effect.gen(function*() {
      const writing = yield* started(strictly(write))
      state.isLate = true
      const reading = yield* started(page)
      yield* Deferred.succeed(mayRemove, undefined)
      yield* settle
      expect(yield* Fiber.join(writing)).toMatchObject(failed)
      yield* tell
      yield* Fiber.join(reading)
      expect(yield* page).toBe("page of 2")
    }).pipe(Effect.provide(here))
  })
})

it.effect("P4 · an invalidation that the store always refuses keeps no other from being sent again", () => {
  const fake = fakeStore()
  let isDown = false
  const store: Store.Store = {
    ...fake.store,
    invalidateTags: (tags, mode) =>
      isDown || tags.includes("bad") ? fault("invalidateTags") : fake.store.invalidateTags(tags, mode),
    remove: pluralOf.remove((id) => isDown ? fault("remove") : singly(fake.store).remove(id))
  }
  return Effect.gen(function*() {
    yield* Cached.set("k", 1)
    isDown = true
    yield* Cached.invalidate({ tag: "bad" })
    yield* Cached.invalidate("k")
    isDown = false
    yield* elapse("1 minute")
    expect(fake.entries.has("k")).toBe(false)
  }).pipe(Effect.provide(overStore(store)))
})

it.effect("AI-07 · a strict Cached.touch that removes an entry removes it, although the store fails", () => {
  const fake = fakeStore()
  let isDown = false
  const store: Store.Store = {
    ...fake.store,
    touch: (id, options) => isDown ? fault("touch") : fake.store.touch(id, options),
    remove: pluralOf.remove((id) => isDown ? fault("remove") : singly(fake.store).remove(id))
  }
  return Effect.gen(function*() {
    yield* Cached.set("k", 1)
    isDown = true
    expect(yield* strictly(Cached.touch("k", 0))).toMatchObject(failed)
    isDown = false
    expect(yield* Cached.getOption("k")).toEqual(Option.none())
    yield* elapse("1 minute")
    expect(fake.entries.has("k")).toBe(false)
  }).pipe(Effect.provide(overStore(store)))
})
