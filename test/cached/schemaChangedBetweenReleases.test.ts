/** Two releases of a program at once, or one after the other: one key class, of which `success` has changed. */
import { describe, expect } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Schema, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy, type Caching, Transaction } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { mapOperations } from "../../src/internal/store/tapped.ts"
import { singly } from "../../src/testing/internal/singly.ts"
import { caches, counting, elapse, over, settle, start, started, taking } from "../support/caches.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test, testIn } from "../support/tests.ts"

const payload = { id: Schema.Union([Schema.Int, Schema.String]) }

class OldUser extends CacheKey.Class<OldUser>()("User", { payload, success: Schema.Int }) {}
class NewUser extends CacheKey.Class<NewUser>()("User", { payload, success: Schema.Number }) {}
class NextUser extends CacheKey.Class<NextUser>()("User", { payload, success: Schema.Finite }) {}

type Key = CacheKey.CacheKey<number>

const read = (key: Key, value: number) => Cached.ttl(Effect.succeed(value), key, { ttl: "1 week" })

const found = (key: Key) => Effect.map(Cached.getOption(key), Option.getOrUndefined)

type Process = <A, E>(self: Effect.Effect<A, E, Caching.Caching>) => Effect.Effect<A, E>

const build = <E>(layer: Layer.Layer<Caching.Caching, E>) =>
  Effect.map(Layer.build(layer), (context): Process => (self) => Effect.provide(self, context))

const recordId = "~:p:fingerprints:~User@"

/** The layer of a store that processes share, with code around its operations. */
const sharing = (store: Store.Store, around: Parameters<typeof mapOperations>[1]) =>
  Layer.succeed(Store.Store, mapOperations({ ...store, capabilities: { ...store.capabilities, shared: true } }, around))

/** A store over memory that counts its requests, and can be made to fail. */
const counted = (store = MemoryStore.make()) => {
  const calls: Array<string> = []
  const seen = { calls, store, isDown: false, layer: undefined as unknown as Layer.Layer<Store.Store> }
  seen.layer = sharing(store, (operation, _, run) =>
    Effect.suspend(() => {
      calls.push(operation)
      return seen.isDown
        ? Effect.fail(new CacheError.StoreError({ store: "counted", operation, reason: "Unavailable" }))
        : run()
    }))
  return seen
}

const changes: ReadonlyArray<readonly [string, (key: Key) => Effect.Effect<unknown, unknown, Caching.Caching>]> = [
  ["invalidate", (key) => Cached.invalidate(key)],
  ["remove", (key) => Cached.remove(key)],
  ["invalidateMany", (key) => Cached.invalidate(["other", key])],
  ["removeMany", (key) => Cached.remove([key])],
  ["invalidateAfter", (key) => Cached.invalidateAfter(Effect.void, key)],
  ["invalidateFurther", (key) => CachePolicy.invalidating(read(key, 2))],
  ["set", (key) => Cached.set(key, 2)],
  ["set under strict", (key) => CachePolicy.strict(Cached.set(key, 2))],
  ["setMany", (key) => Cached.setMany([[key, 2]])],
  ["set with a condition", (key) => Cached.set(key, 2, { ifAbsent: true })],
  ["update", (key) => Cached.update(key, () => Option.some(2))],
  ["touch to an end", (key) => Effect.andThen(read(key, 2), Cached.touch(key, "0 millis"))],
  ["an invalidation in a transaction", (key) => Transaction.run(Cached.invalidate(key))],
  ["set in a transaction", (key) => Transaction.run(Cached.set(key, 2))]
]

describe.each(caches.map((cache) => [cache.name, cache] as const))("in one process, over %s", (_, cache) => {
  const test = testIn(cache.layer())

  test.each(changes)("%s reaches what the other release has", function*([, change]) {
    yield* read(new OldUser({ id: 1 }), 1)
    yield* read(new OldUser({ id: 2 }), 1)
    yield* change(new NewUser({ id: 1 }))
    expect(yield* found(new OldUser({ id: 1 }))).toBe(undefined)
    expect(yield* found(new OldUser({ id: 2 }))).toBe(1)
    // After a rollback.
    yield* read(new NewUser({ id: 3 }), 3)
    yield* change(new OldUser({ id: 3 }))
    expect(yield* found(new NewUser({ id: 3 }))).toBe(undefined)
  })

  test("a load of the other release is not stored", function*() {
    const { load } = counting(1000)
    const old = new OldUser({ id: 1 })
    const reader = yield* started(Cached.ttl(load, old, { ttl: "1 hour" }))
    yield* Cached.invalidate(new NewUser({ id: 1 }))
    yield* TestClock.adjust("1 second")
    expect(yield* Fiber.join(reader)).toBe(1)
    expect(yield* found(old)).toBe(undefined)
  })

  test("the number of removed entries counts the given keys alone", function*() {
    yield* read(new OldUser({ id: 1 }), 1)
    expect(yield* Cached.remove(new NewUser({ id: 1 }))).toBe(false)
    yield* read(new OldUser({ id: 1 }), 1)
    yield* read(new NewUser({ id: 1 }), 2)
    expect(yield* Cached.remove([new NewUser({ id: 1 })])).toBe(1)
  })

  test("a stream", function*() {
    const of = (key: Key, value: number) => Stream.runCollect(Cached.stream(Stream.make(value), key, { ttl: "1 hour" }))
    yield* of(new OldUser({ id: 1 }), 1)
    yield* of(new OldUser({ id: 2 }), 1)
    yield* Cached.invalidate(new NewUser({ id: 1 }))
    expect(yield* of(new OldUser({ id: 1 }), 2)).toEqual([2])
    expect(yield* of(new OldUser({ id: 2 }), 2)).toEqual([1])
  })

  test("a key whose payload is hashed", function*() {
    const id = "x".repeat(1000)
    yield* read(new OldUser({ id }), 1)
    yield* Cached.invalidate(new NewUser({ id }))
    expect(yield* found(new OldUser({ id }))).toBe(undefined)
  })

  test("nothing of the records is listed", function*() {
    yield* read(new OldUser({ id: 1 }), 1)
    expect(yield* Cached.size).toBe(1)
    expect((yield* Stream.runCollect(Cached.entries())).map(({ id }) => id))
      .toEqual([CacheKey.id(new OldUser({ id: 1 }))])
    expect(yield* Cached.remove({ matching: "*" })).toBe(1)
  })
})

const ttl = { ttl: "1 hour" } as const

const slowly = Cached.many(OldUser, (keys) => Effect.as(Effect.sleep("1 second"), keys.map(() => Exit.succeed(1))), {
  ...ttl
})

const atOnce = Cached.many(OldUser, (keys) => Effect.succeed(keys.map(() => Exit.succeed(1))), ttl)

describe("two processes on one store", () => {
  const folder = Effect.gen(function*() {
    const directory = yield* tempDirectory
    const open = build(CacheLayer.disk({ directory }))
    return yield* Effect.all([open, open, open])
  })

  test.each(changes)("%s, as the first that a process does", function*([, change]) {
    const [older, newer, third] = yield* folder
    const old = new OldUser({ id: 1 })
    yield* older(read(old, 1))
    expect(yield* third(found(old))).toBe(1)
    yield* newer(change(new NewUser({ id: 1 })))
    yield* TestClock.adjust("100 millis")
    expect(yield* older(found(old))).toBe(undefined)
    // The memory of a third process.
    expect(yield* third(found(old))).toBe(undefined)
  })

  test("a load that runs in the old release, even its first, is not stored", function*() {
    const [older, newer] = yield* folder
    const { load } = counting(1000)
    const old = new OldUser({ id: 1 })
    const loading = yield* start(older(Cached.ttl(load, old, { ttl: "1 hour" })))
    const many = yield* started(older(slowly([{ id: 2 }, { id: 3 }])))
    yield* newer(Cached.invalidate([1, 2].map((id) => new NewUser({ id }))))
    yield* TestClock.adjust("2 seconds")
    yield* Fiber.join(loading)
    yield* Fiber.join(many)
    expect(yield* older(found(old))).toBe(undefined)
    expect(yield* older(found(new OldUser({ id: 2 })))).toBe(undefined)
    expect(yield* older(found(new OldUser({ id: 3 })))).toBe(1)
  })

  test("a release that begins later than the last invalidation is known to the next", function*() {
    const { layer } = counted()
    const older = yield* build(over({ layer }, { memory: false }))
    const newer = yield* build(over({ layer }, { memory: false }))
    yield* older(read(new OldUser({ id: 1 }), 1))
    yield* older(Cached.invalidate(new OldUser({ id: 1 })))
    yield* newer(read(new NewUser({ id: 1 }), 2))
    const next = yield* build(over({ layer }, { memory: false }))
    yield* next(read(new NextUser({ id: 1 }), 3))
    yield* older(Cached.invalidate(new OldUser({ id: 1 })))
    expect(yield* newer(found(new NewUser({ id: 1 })))).toBe(undefined)
    expect(yield* next(found(new NextUser({ id: 1 })))).toBe(undefined)
  })

  test("a load that begins before its fingerprint is recorded is not stored beside other fingerprints", function*() {
    const store = MemoryStore.make()
    const shared = { ...store, capabilities: { ...store.capabilities, shared: true } }
    const slow = mapOperations(
      shared,
      (operation, [id], run) => operation === "set" && id === recordId ? Effect.delay(run(), "1 second") : run()
    )
    const older = yield* build(over({ layer: Layer.succeed(Store.Store, shared) }, { memory: false }))
    const newer = yield* build(
      over({ layer: Layer.succeed(Store.Store, slow) }, { memory: false, storeTimeout: 10_000 })
    )
    yield* older(read(new OldUser({ id: 1 }), 1))
    const loading = yield* started(newer(read(new NewUser({ id: 1 }), 1)))
    // The older release cannot know of the newer one yet.
    yield* older(Cached.invalidate(new OldUser({ id: 1 })))
    yield* TestClock.adjust("5 seconds")
    expect(yield* Fiber.join(loading)).toBe(1)
    expect(yield* newer(read(new NewUser({ id: 1 }), 2))).toBe(2)
    expect(yield* newer(read(new NewUser({ id: 1 }), 3))).toBe(2)
  })

  test("two releases that store first at once: neither is lost", function*() {
    const store = MemoryStore.make()
    // Both have read the record before either writes it.
    const layer = sharing(
      store,
      (operation, _, run) => operation === "getMany" ? Effect.tap(run(), () => Effect.sleep(10)) : run()
    )
    const classes = [OldUser, NewUser, NextUser]
    const processes = yield* Effect.forEach(classes, () => build(over({ layer }, { memory: false })))
    yield* taking(
      "1 second",
      Effect.all(classes.map((User, i) => processes[i]!(read(new User({ id: 1 }), i))), { concurrency: "unbounded" })
    )
    yield* taking("1 second", processes[0]!(Cached.invalidate(new OldUser({ id: 1 }))))
    expect(
      yield* Effect.forEach(
        classes,
        (User) => Effect.map(store.get(CacheKey.id(new User({ id: 1 })), []), ({ entry }) => entry)
      )
    ).toEqual([undefined, undefined, undefined])
  })
})

/** A conditional set fails, and has changed nothing, if the store does not answer. */
const unconditional = changes.slice(0, 9)

describe("a store that is down", () => {
  const isOfRecords = (id: unknown) => JSON.stringify(id ?? "").includes("\"~:p:")
  const refused = (operation: string) =>
    Effect.fail(new CacheError.StoreError({ store: "memory", operation, reason: "Unavailable" }))

  test.each(unconditional)("%s reaches it as soon as it is back, though it was never asked", function*([, change]) {
    const seen = counted()
    const older = yield* build(over(seen, { memory: false }))
    const newer = yield* build(over(seen))
    yield* older(read(new OldUser({ id: 1 }), 1))
    seen.isDown = true
    yield* Effect.exit(newer(change(new NewUser({ id: 1 }))))
    seen.isDown = false
    yield* elapse("1 minute")
    expect(yield* older(found(new OldUser({ id: 1 })))).toBe(undefined)
  })

  test("in the process itself no read gets the old entry before", function*() {
    const seen = counted()
    const cache = yield* build(over(seen))
    yield* cache(read(new OldUser({ id: 1 }), 1))
    seen.isDown = true
    yield* cache(Cached.invalidate(new NewUser({ id: 1 })))
    seen.isDown = false
    expect(yield* cache(found(new OldUser({ id: 1 })))).toBe(undefined)
  })

  test("when it hangs at a record, that is tried again with a later load", function*() {
    const store = MemoryStore.make()
    let hangs = true
    const layer = sharing(store, (_, [id], run) => hangs && String(id) === recordId ? Effect.never : run())
    const cache = yield* build(over({ layer }, { memory: false, storeTimeout: "100 millis" }))
    expect(yield* taking("1 second", cache(read(new OldUser({ id: 1 }), 1)))).toBe(1)
    hangs = false
    yield* TestClock.adjust("1 minute")
    expect(yield* cache(read(new OldUser({ id: 2 }), 1))).toBe(1)
    expect(yield* cache(read(new OldUser({ id: 2 }), 2))).toBe(1)
  })

  test("when a fingerprint is to be recorded keeps nothing, and gives the lease back", function*() {
    const store = MemoryStore.make()
    let isDown = true
    const layer = sharing(store, (operation, [id], run) => isDown && isOfRecords(id) ? refused(operation) : run())
    const cache = yield* build(over({ layer }, { memory: false }))
    const old = new OldUser({ id: 1 })
    expect(yield* cache(read(old, 1))).toBe(1)
    expect((yield* store.get(CacheKey.id(old), [])).entry).toBe(undefined)
    isDown = false
    expect([yield* cache(read(old, 2)), yield* cache(read(old, 3))]).toEqual([2, 2])
  })

  test("when a fingerprint is to be recorded leaves no fiber, although the lease cannot be given back", function*() {
    const store = MemoryStore.make()
    let hanging = 0
    const never = Effect.acquireUseRelease(
      Effect.sync(() => hanging++),
      () => Effect.never,
      () => Effect.sync(() => hanging--)
    )
    const layer = sharing(
      store,
      (operation, [id], run) => operation === "release" ? never : isOfRecords(id) ? refused(operation) : run()
    )
    const cache = yield* build(over({ layer }, { memory: false }))
    const reading = yield* start(cache(read(new OldUser({ id: 1 }), 1)))
    yield* TestClock.adjust("1 minute")
    expect(reading.pollUnsafe()).toEqual(Exit.succeed(1))
    expect(hanging).toBe(0)
  })
})

describe("the record", () => {
  const usesIn = (store: Store.Store) =>
    Effect.map(
      store.get(recordId, []),
      ({ entry }) => new TextDecoder().decode(entry?.payload).match(/[\w-]{8} \d+;/g) ?? []
    )

  test("costs reads and bulk calls nothing, an invalidation one request beside its own", function*() {
    const seen = counted()
    const cache = yield* build(over(seen, { memory: false }))
    const asked = (self: Effect.Effect<unknown, unknown, Caching.Caching>) =>
      Effect.suspend(() => {
        seen.calls.length = 0
        return Effect.map(cache(self), () => seen.calls.filter((call) => call !== "distanceMillis"))
      })
    const first = yield* asked(read(new OldUser({ id: 1 }), 1))
    const second = yield* asked(read(new OldUser({ id: 2 }), 1))
    expect(first).toEqual([...second.slice(0, -1), "set", "commit"])
    expect(second).not.toContain("set")
    const bulk = yield* asked(atOnce(Array.from({ length: 300 }, (_, i) => ({ id: 10 + i }))))
    expect(bulk.filter((call) => call === "set")).toEqual([])
    expect(yield* asked(read(new OldUser({ id: 1 }), 1))).toEqual(["get"])
    expect((yield* asked(Cached.invalidate(new OldUser({ id: 1 })))).sort()).toEqual(["getMany", "remove"])
    expect((yield* asked(Cached.invalidate(new OldUser({ id: 1 })))).sort()).toEqual(["getMany", "remove"])
    expect(yield* asked(Cached.invalidate("a string"))).toEqual(["remove"])
    expect((yield* asked(Cached.set(new OldUser({ id: 1 }), 1))).sort()).toEqual(["getMany", "markers", "set"])
    expect(yield* asked(Cached.set("a string", 1))).toEqual(["set"])
    // A process that only reads hits records nothing.
    const reader = yield* build(over(seen, { memory: false }))
    seen.calls.length = 0
    yield* reader(read(new OldUser({ id: 1 }), 2))
    expect(seen.calls).toEqual(["get"])
    const invalidating = yield* build(over(seen, { memory: false }))
    seen.calls.length = 0
    yield* invalidating(Cached.invalidate(new OldUser({ id: 1 })))
    expect(seen.calls.sort()).toEqual(["getMany", "getMany", "remove", "set"])
  })

  test("is renewed while a fingerprint stores, and forgets it a day after its last use", function*() {
    const { layer, store } = counted()
    const older = yield* build(over({ layer }, { memory: false }))
    const newer = yield* build(over({ layer }, { memory: false }))
    yield* older(read(new OldUser({ id: 1 }), 1))
    for (let hour = 0; hour < 23; hour++) {
      yield* newer(read(new NewUser({ id: hour }), 1))
      yield* TestClock.adjust("1 hour")
    }
    expect((yield* usesIn(store)).length).toBe(2)
    yield* newer(Cached.invalidate(new NewUser({ id: 1 })))
    expect(yield* older(found(new OldUser({ id: 1 })))).toBe(undefined)
    yield* TestClock.adjust("2 hours")
    yield* newer(read(new NewUser({ id: 100 }), 1))
    expect((yield* usesIn(store)).length).toBe(1)
  })

  const damage = (text: string) => ({ get }: Store.Store) =>
    Effect.map(get(recordId, []), ({ entry }) => ({ ...entry!, payload: new TextEncoder().encode(text) }))

  const wrong = [
    "",
    "null",
    "abcdefgh",
    "abcdefgh x;abcdefg 1;../../.. 2;abcdefgh -1;abcdefgh 99999999999999999999;",
    "\u0000".repeat(1000),
    Array.from({ length: 100_000 }, (_, i) => `f${1_000_000 + i} ;`).join("")
  ]
  test.each(wrong.map((text) => ({ text, name: JSON.stringify(text.slice(0, 20)) })))(
    "that is damaged ($name) is written again",
    function*({ text }) {
      const { layer, store } = counted()
      const older = yield* build(over({ layer }, { memory: false }))
      yield* older(read(new OldUser({ id: 1 }), 1))
      yield* singly(store).set(recordId, yield* damage(text)(store))
      const newer = yield* build(over({ layer }, { memory: false }))
      yield* newer(Cached.invalidate(new NewUser({ id: 1 })))
      yield* newer(read(new NewUser({ id: 2 }), 1))
      yield* TestClock.adjust("1 hour")
      yield* older(read(new OldUser({ id: 2 }), 1))
      expect((yield* usesIn(store)).length).toBe(2)
      yield* newer(Cached.invalidate(new NewUser({ id: 2 })))
      expect(yield* older(found(new OldUser({ id: 2 })))).toBe(undefined)
    }
  )

  test("is bounded, and so is what a removal sends", function*() {
    const { layer, store } = counted()
    const cache = yield* build(over({ layer }, { memory: false }))
    for (let version = 0; version < 40; version++) {
      class User extends CacheKey.Class<User>()("User", { payload, success: Schema.Int, version: `${version}` }) {}
      yield* cache(read(new User({ id: 1 }), 1))
    }
    expect((yield* usesIn(store)).length).toBeLessThanOrEqual(17)
    yield* cache(Cached.invalidate(new OldUser({ id: 1 })))
  })

  test("that is cleared with everything else is written again before the next load", function*() {
    const directory = yield* tempDirectory
    const older = yield* build(CacheLayer.disk({ directory }))
    const newer = yield* build(CacheLayer.disk({ directory }))
    yield* older(read(new OldUser({ id: 1 }), 1))
    yield* newer(Cached.clear)
    yield* TestClock.adjust("100 millis")
    yield* older(read(new OldUser({ id: 1 }), 1))
    yield* newer(Cached.invalidate(new NewUser({ id: 1 })))
    yield* TestClock.adjust("100 millis")
    expect(yield* older(found(new OldUser({ id: 1 })))).toBe(undefined)
  })

  test("is not taken for a page of a stream that has ended", function*() {
    const { layer, store } = counted()
    const cache = yield* build(over({ layer }))
    yield* cache(read(new OldUser({ id: 1 }), 1))
    yield* TestClock.adjust("2 hours")
    const numbers = Cached.stream(Stream.make(1), "numbers", { ttl: "1 minute" })
    yield* cache(Stream.runDrain(numbers))
    yield* TestClock.adjust("2 hours")
    yield* cache(Stream.runDrain(numbers))
    yield* settle
    expect((yield* usesIn(store)).length).toBe(1)
  })

  test("is read past the copies of a nearer tier", function*() {
    const { layer } = counted()
    const near = MemoryStore.make()
    const tiered = () =>
      CacheLayer.tiered([
        CacheLayer.memory(),
        Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, near)),
        over({ layer })
      ])
    const older = yield* build(tiered())
    yield* older(read(new OldUser({ id: 1 }), 1))
    yield* older(Cached.invalidate(new OldUser({ id: 1 })))
    yield* settle
    const newer = yield* build(over({ layer }, { memory: false }))
    yield* newer(read(new NewUser({ id: 1 }), 1))
    yield* older(Cached.invalidate(new OldUser({ id: 1 })))
    expect(yield* newer(found(new NewUser({ id: 1 })))).toBe(undefined)
  })
})

testIn(CacheLayer.memory())("a string key that looks like the id of a class reaches nothing else", function*() {
  const old = new OldUser({ id: 1 })
  yield* read(old, 1)
  yield* Cached.invalidate(CacheKey.id(new NewUser({ id: 1 })))
  expect(yield* found(old)).toBe(1)
})
