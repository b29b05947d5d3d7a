/** Code that runs within a step of the engine: listeners, and changes that the store reports while it is asked. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Layer, Schedule, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { jobsOfTurn } from "../../../src/internal/defaults/bounds.ts"
import { singly } from "../../../src/testing/internal/singly.ts"
import { caches, ended, settle, start, within } from "../../support/caches.ts"
import { listenersOf } from "../../support/listeners.ts"
import { pluralOf } from "../../support/pluralOf.ts"
import { test, testIn } from "../../support/tests.ts"

const cache = Effect.map(Caching.Caching, listenersOf)

/** Runs an effect within the call of a listener. */
const inline = Effect.map(
  Effect.context<never>(),
  (context) => (self: Effect.Effect<unknown, unknown, any>): void => {
    Effect.runForkWith(context as never)(self as Effect.Effect<unknown, unknown>)
  }
)

/** A shared store, with the changes of others pushed by hand. */
const shared = (base: Store.Store = MemoryStore.make()) => {
  const changes: Array<Store.Change> = []
  const store: Store.Store = {
    ...base,
    capabilities: { shared: true, changes: true },
    changesUnsafe: () => changes.splice(0)
  }
  return { base, changes, store }
}

const over = (store: Store.Store) => <A, E, R>(use: Effect.Effect<A, E, R>) =>
  within(Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, store)), use)

describe("a caller that joins a refresh in the queue", () => {
  const ways: ReadonlyArray<{ readonly name: string; readonly act: Effect.Effect<unknown, unknown, any> }> = [
    { name: "invalidates the key", act: Cached.invalidate("k") },
    { name: "clears", act: Cached.clear },
    { name: "pushes the entry out of memory", act: Effect.forEach([1, 2, 3], (n) => Cached.set(`other ${n}`, n)) }
  ]
  testIn(CacheLayer.memory({ capacity: 3, refresh: { concurrency: 1, retry: Schedule.recurs(0), timeout: "1 hour" } }))
    .each(ways)("is answered, whatever a listener of it does: $name", function*({ act }) {
      const run = yield* inline
      let refreshes = false
      const hang = Effect.suspend(() => refreshes ? Effect.never : Effect.succeed("hangs")).pipe(
        Cached.refreshAhead("hangs", { ttl: "1 hour", refreshAfter: "1 minute" })
      )
      let loads = 0
      const read = Effect.sync(() => ++loads).pipe(
        Cached.refreshAhead("k", { ttl: "1 hour", refreshAfter: "1 minute" })
      )
      yield* hang
      yield* read
      refreshes = true
      yield* TestClock.adjust("2 minutes")
      yield* hang
      yield* read
      yield* TestClock.adjust("1 millis")
      expect(loads).toBe(1)
      const unsubscribe = (yield* cache).listen((event) => {
        if (event._tag === "Miss" && event.id === "k") {
          unsubscribe()
          run(act)
        }
      })
      // The queued refresh will do, but what is stored will not.
      const strict = Effect.sync(() => ++loads).pipe(Cached.softTtl("k", { ttl: "1 hour", softTtl: "1 minute" }))
      const joining = yield* start(strict)
      yield* TestClock.adjust("10 seconds")
      expect(ended(joining)).toMatchObject({ value: 2 })
    })
})

describe("P2 · a conditional set", () => {
  test("that another process has undone meanwhile keeps its value out of memory", function*() {
    const { base, changes, store } = shared()
    const slow: Store.Store = {
      ...store,
      getUnsafe: undefined,
      set: pluralOf.set((id, entry, condition) =>
        Effect.tap(singly(base).set(id, entry, condition), () => Effect.sleep("300 millis"))
      )
    }
    yield* Effect.gen(function*() {
      const set = Cached.set("k", "mine", { ttl: "1 hour", ifAbsent: true })
      const read = Effect.succeed("theirs").pipe(Cached.ttl("k", { ttl: "1 hour" }))
      const both = yield* start(Effect.all([set, read]))
      // Without reads for a while, no poll looks for changes.
      yield* TestClock.adjust("200 millis")
      yield* singly(base).remove("k")
      changes.push({ _tag: "Changed", id: "k" })
      yield* TestClock.adjust("1 second")
      expect(ended(both)).toMatchObject({ value: [true, "theirs"] })
    }).pipe(over(slow))
  })
})

describe("P2 · a listener of the removal of one entry by others", () => {
  test("finds no other one that they had removed too, after a pause", function*() {
    const { base, changes, store } = shared()
    yield* Effect.gen(function*() {
      const run = yield* inline
      let value = 1
      const b = Effect.sync(() => value).pipe(Cached.ttl("b", { ttl: "1 hour" }))
      yield* Effect.succeed("a").pipe(Cached.ttl("a", { ttl: "1 hour" }))
      yield* b
      const found: Array<number> = []
      const { onRemoval } = yield* cache
      onRemoval(({ id }) => {
        if (id === "a") run(Effect.tap(b, (b) => Effect.sync(() => found.push(b))))
      })
      yield* TestClock.adjust("10 minutes")
      value = 2
      for (const id of ["a", "b"]) {
        yield* singly(base).remove(id)
        changes.push({ _tag: "Changed", id })
      }
      yield* TestClock.adjust("10 minutes")
      expect(yield* b).toBe(2)
      expect(found).toEqual([2])
    }).pipe(over(store))
  })
})

describe.each(caches.filter(({ memory }) => memory))("over $name, a listener of an invalidation", (cache) => {
  const ways = [
    { name: "of many keys", run: Cached.invalidate(["a", "b"]) },
    { name: "by tag", run: Cached.invalidate({ tag: "t" }) },
    { name: "of everything", run: Cached.clear }
  ]
  it.effect.each(ways)("finds nothing that it removes: $name", ({ run }) =>
    within(
      cache.layer(),
      Effect.gen(function*() {
        const here = yield* inline
        let value = "old"
        const read = (key: string) => Effect.sync(() => value).pipe(Cached.ttl(key, { ttl: "1 hour", tags: ["t"] }))
        yield* read("a")
        yield* read("b")
        const found: Array<string> = []
        const look = (key: string) => here(Effect.tap(read(key), (value) => Effect.sync(() => found.push(value))))
        const { listen, onRemoval } = listenersOf(yield* Caching.Caching)
        listen(({ _tag }) => {
          if (_tag === "Invalidate") look("a")
        })
        onRemoval(({ id }) => {
          if (id === "a") look("b")
        })
        value = "new"
        yield* run
        yield* settle
        expect(new Set(found)).toEqual(new Set(["new"]))
      })
    ))
})

describe("an entry that `set` has put into memory", () => {
  const name = "is not followed there by what the store had before, if a listener pushes it out and reads it again"
  test.each([false, true])(`${name}; the store fails: %s`, function*(fails) {
    const { base, store } = shared()
    let isDown = false
    const failing = new StoreError({ store: store.name, operation: "set", reason: "Unavailable" })
    const set: Store.Store["set"] = (...args) => isDown ? Effect.fail(failing) : base.set(...args)
    yield* within(
      Layer.provide(
        CacheLayer.layer({ capacity: 1 }),
        Layer.succeed(Store.Store, { ...store, set })
      ),
      Effect.gen(function*() {
        const here = yield* inline
        const read = Effect.succeed("loaded").pipe(Cached.ttl("k", { ttl: "1 hour" }))
        yield* Cached.set("k", "old", { ttl: "1 hour" })
        yield* Cached.set("x", "x", { ttl: "1 hour" })
        const { onRemoval } = listenersOf(yield* Caching.Caching)
        onRemoval(({ id }) => {
          if (id === "x") here(Cached.set("y", "y", { ttl: "1 hour" }))
          if (id === "k") here(read)
        })
        isDown = fails
        yield* Cached.set("k", "new", { ttl: "1 hour" })
        expect(yield* read).not.toBe("old")
        if (!fails) expect(yield* base.size).toBe(3)
      })
    )
  })
})

class Item extends CacheKey.Class<Item>()("Item", { payload: { n: Schema.Int }, success: Schema.Int }) {}

describe("P2 · a refresh of many keys of which some have begun", () => {
  const ways = [
    { name: "everything", run: Cached.clear },
    {
      name: "those that have not begun, with others",
      run: Cached.invalidate(["c", ...Array.from({ length: 100 }, (_, i) => new Item({ n: jobsOfTurn + i })), "b"])
    }
  ]
  testIn(CacheLayer.memory({ refresh: { retry: Schedule.recurs(0) } })).each(ways)(
    "loads nothing of what was there, when it is invalidated: $name",
    function*({ run }) {
      let value = "old"
      const b = Effect.sync(() => value).pipe(Cached.ttl("b", { ttl: "1 hour" }))
      const c = Effect.tap(b, () => Effect.sleep("1 second")).pipe(Cached.ttl("c", { ttl: "1 hour" }))
      const calls: Array<number> = []
      const many = Cached.many(Item, (keys) => {
        calls.push(keys.length)
        return Effect.as(calls.length === 1 ? Effect.void : c, keys.map(() => Exit.succeed(1)))
      }, { strategy: "refreshAhead", ttl: "1 hour", refreshAfter: "1 minute" })
      const read = many(Array.from({ length: jobsOfTurn + 100 }, (_, n) => ({ n })))
      yield* read
      yield* TestClock.adjust("2 minutes")
      yield* b
      value = "new"
      yield* read
      // One turn of the work loop has started the first of them.
      yield* Effect.yieldNow
      yield* run
      yield* TestClock.adjust("5 seconds")
      expect(calls).toEqual([jobsOfTurn + 100, jobsOfTurn])
      const after = yield* start(c)
      yield* TestClock.adjust("5 seconds")
      expect(ended(after)).toMatchObject({ value: "new" })
    }
  )
})

describe("P2 · an entry of the store that a listener invalidates while it enters memory", () => {
  const fails = Effect.delay(Effect.fail("down"), "1 second")
  const options = { ttl: "1 hour" } as const
  const falling = Cached.softTtl(fails, "k", { ...options, softTtl: "1 minute", fallbackOn: "all" })
  const ways = [
    { name: "of a load", read: falling },
    { name: "of a refresh", read: Cached.refreshAhead(fails, "k", { ...options, refreshAfter: "1 minute" }) }
  ]
  test.each(ways)("is no fallback $name for a later caller", function*({ read }) {
    const { base, store } = shared()
    yield* within(
      Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, base)),
      Effect.succeed("old").pipe(Cached.softTtl("k", { ...options, softTtl: "1 minute" }))
    )
    yield* within(
      Layer.provide(CacheLayer.layer({ capacity: 1 }), Layer.succeed(Store.Store, store)),
      Effect.gen(function*() {
        const here = yield* inline
        yield* Cached.set("x", 1, { ttl: "1 hour" })
        listenersOf(yield* Caching.Caching).onRemoval(({ id }) => {
          if (id === "x") here(Cached.invalidate("k"))
        })
        yield* TestClock.adjust("2 minutes")
        const before = yield* start(read)
        const after = yield* start(Effect.flip(falling))
        yield* TestClock.adjust("1 minute")
        expect([ended(before), ended(after)]).toMatchObject([{ value: "old" }, { value: "down" }])
      })
    )
  })
})

testIn(CacheLayer.memory())(
  "a key that is in a list twice has one answer, though a listener removes it within the read",
  function*() {
    const here = yield* inline
    let loads = 0
    const read = Cached.many(Item, (keys) => Effect.sync(() => (loads++, keys.map(() => Exit.succeed(loads)))), {
      strategy: "refreshAhead",
      ttl: "1 hour",
      refreshAfter: "1 minute"
    })
    yield* read([{ n: 1 }])
    listenersOf(yield* Caching.Caching).listen(({ _tag }) => {
      if (_tag === "Hit") here(Cached.clear)
    })
    expect(yield* read([{ n: 1 }, { n: 1 }])).toEqual([Exit.succeed(1), Exit.succeed(1)])
    expect(yield* read([{ n: 1 }])).toEqual([Exit.succeed(2)])
    yield* TestClock.adjust("2 minutes")
    expect(yield* read([{ n: 1 }, { n: 1 }])).toEqual([Exit.succeed(2), Exit.succeed(2)])
  }
)
