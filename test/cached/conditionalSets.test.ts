/** A value is set only if nothing is there, or if it is unchanged. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Option, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { TestClock } from "effect/testing"
import { caches, counting, elapse, fakeStore, over, overFake, start, started } from "../support/caches.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test, testIn } from "../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

class Report extends CacheKey.Class<Report>()("Report", {
  payload: { city: Schema.String },
  success: Schema.Number,
  error: Schema.String
}) {}

const writeIdOf = (key: string) => Effect.map(Cached.getEntry(key), (entry) => Option.getOrThrow(entry).writeId)

const unavailable = new CacheError.StoreError({ store: "fake", operation: "any", reason: "Unavailable" })

describe.each(caches)("over $name", (cache) => {
  const test = testIn(cache.layer())

  test("ifPresent: only where something is, be it undefined", function*() {
    expect(yield* Cached.set("k", 1, { ifPresent: true })).toBe(false)
    expect(yield* Cached.has("k")).toBe(false)
    yield* Cached.set("k", undefined)
    expect(yield* Cached.set("k", 2, { ifPresent: true })).toBe(true)
    expect(yield* Cached.getOption("k")).toEqual(Option.some(2))
  })

  test("CA-11 · an expired entry that was not swept is absent", function*() {
    yield* Cached.set("k", 1, { ttl: "1 second" })
    yield* TestClock.adjust("1 second")
    expect(yield* Cached.set("k", 2, { ifPresent: true })).toBe(false)
    expect(yield* Cached.set("k", 3, { ifAbsent: true, ttl: "1 second" })).toBe(true)
    expect(yield* Cached.getOption("k")).toEqual(Option.some(3))
    const writeId = yield* writeIdOf("k")
    yield* TestClock.adjust("1 second")
    expect(yield* Cached.set("k", 4, { ifUnchanged: writeId })).toBe(false)
  })

  test("AI-20 · ifUnchanged fails after a set, a load and an invalidation, not after a touch", function*() {
    const get = Cached.ttl(Effect.succeed(1), "k", { ttl: "1 hour" })
    const changes: ReadonlyArray<readonly [Effect.Effect<unknown>, boolean]> = [
      [Cached.set("k", 2), false],
      [Cached.invalidate("k"), false],
      [CachePolicy.refresh(get), false],
      [Effect.andThen(Cached.invalidate("k"), get), false],
      [Cached.touch("k", "2 hours"), true],
      [Cached.getOption("k"), true],
      [Cached.set("k", 2, { ifAbsent: true }), true]
    ] as never
    for (const [change, holds] of changes) {
      yield* get
      const writeId = yield* writeIdOf("k")
      yield* change
      expect(yield* Cached.set("k", 3, { ifUnchanged: writeId })).toBe(holds)
    }
  })

  test("of fifty at once exactly one sets what is absent, and all counts arrive by compare and set", function*() {
    const all = Array.from({ length: 50 }, (_, i) => i)
    const won = yield* Effect.forEach(all, (i) => Cached.set("leader", i, { ifAbsent: true }), {
      concurrency: "unbounded"
    })
    expect(won.filter((w) => w).length).toBe(1)
    expect(yield* Cached.getOption("leader")).toEqual(Option.some(won.indexOf(true)))
    yield* Cached.set("n", 0)
    const increment: Effect.Effect<void> = Effect.gen(function*() {
      const { value, writeId } = Option.getOrThrow(yield* Cached.getEntry("n"))
      if (!(yield* Cached.set("n", (value as number) + 1, { ifUnchanged: writeId }))) return yield* increment
    }) as never
    yield* Effect.forEach(all, () => increment, { concurrency: "unbounded" })
    expect(yield* Cached.getOption("n")).toEqual(Option.some(50))
  })

  test("P2 · a load that runs does not overwrite what was set, and is not disturbed by what was not", function*() {
    const { load } = counting(1000)
    const get = Cached.ttl(load, "k", { ttl: "1 hour" })
    const reader = yield* started(get)
    expect(yield* Cached.set("k", 5, { ifPresent: true })).toBe(false)
    expect(yield* Cached.set("k", 5, { ifAbsent: true })).toBe(true)
    yield* TestClock.adjust("1 second")
    expect(yield* Fiber.join(reader)).toBe(1)
    expect(yield* get).toBe(5)
    const other = yield* started(Cached.ttl(load, "l", { ttl: "1 hour" }))
    expect(yield* Cached.set("l", 5, { ifPresent: true })).toBe(false)
    yield* TestClock.adjust("1 second")
    expect(yield* Fiber.join(other)).toBe(2)
    expect(yield* Cached.getOption("l")).toEqual(Option.some(2))
  })

  test("a stored failure is something: ifAbsent keeps it", function*() {
    const key = new Report({ city: "Berlin" })
    yield* Effect.exit(Cached.ttl(Effect.fail("down"), key, { ttl: "1 hour", when: () => true }))
    expect(yield* Cached.set(key, 1, { ifAbsent: true })).toBe(false)
    expect(yield* Cached.set(key, 1, { ifPresent: true })).toBe(true)
    expect(yield* Cached.getOption(key)).toEqual(Option.some(1))
  })

  test("with the other options: ttl, keepTtl, tags, etag", function*() {
    yield* Cached.set("k", 1, { ifAbsent: true, ttl: "1 hour", tags: ["t"], etag: "v1" })
    expect(Option.getOrThrow(yield* Cached.getEntry("k"))).toMatchObject({ tags: ["t"], etag: "v1", value: 1 })
    yield* TestClock.adjust("30 minutes")
    expect(yield* Cached.set("k", 2, { ifPresent: true, keepTtl: true })).toBe(true)
    yield* TestClock.adjust("30 minutes")
    expect(yield* Cached.has("k")).toBe(false)
  })

  test("a ttl of zero or less leaves nothing where the condition holds, and all where it does not", function*() {
    yield* Cached.set("k", 1)
    expect(yield* Cached.set("k", 2, { ifAbsent: true, ttl: 0 })).toBe(false)
    expect(yield* Cached.has("k")).toBe(true)
    expect(yield* Cached.set("k", 2, { ifPresent: true, ttl: -1 })).toBe(true)
    expect(yield* Cached.has("k")).toBe(false)
  })

  test("a policy that writes nothing sets nothing, and says so", function*() {
    for (const under of [CachePolicy.disable("set"), CachePolicy.bypass, CachePolicy.disable("set")]) {
      expect(yield* under(Cached.set("k", 1, { ifAbsent: true }))).toBe(false)
      expect(yield* Cached.has("k")).toBe(false)
    }
  })
})

inMemory.each(
  [
    ["two conditions", { ifAbsent: true, ifPresent: true }],
    ["one that is none", { ifAbset: true }],
    ["a condition that is no boolean", { ifAbsent: "true" }],
    ["a writeId that is none", { ifUnchanged: 5 }],
    ["a writeId of nothing that was found", { ifUnchanged: undefined }]
  ] as const
)("%s: a CacheConfigError", function*([, options]) {
  const exit = yield* Effect.exit(Effect.suspend(() => Cached.set("k", 1, options as never)))
  expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheConfigError)
})

describe("while the store fails", () => {
  const conditions = [{ ifAbsent: true }, { ifPresent: true }, { ifUnchanged: "0".repeat(32) }] as const

  test.each(conditions)(
    "%j is the store's to know: its failure is the caller's, and nothing is invented",
    function*(condition) {
      const fake = fakeStore()
      yield* Effect.gen(function*() {
        fake.behave = () => ({ before: Effect.fail(unavailable) })
        const error = yield* Effect.flip(Cached.set("k", 1, condition))
        expect(error).toMatchObject({ _tag: "StoreError", reason: "Unavailable" })
        fake.behave = () => ({})
        expect(yield* Cached.has("k")).toBe(false)
        expect(fake.entries.size).toBe(0)
      }).pipe(Effect.provide(over(fake)))
    }
  )

  testIn(over(fakeStore())).each([{ ifAbsent: true } as const, { ifPresent: true } as const])(
    "%j of a value that cannot be encoded is Unsupported: trying again is of no use",
    function*(condition) {
      if ("ifPresent" in condition) yield* Cached.set("k", 1)
      const error = yield* Effect.flip(Cached.set("k", () => 1, condition as { readonly ifAbsent: true }))
      expect(error).toMatchObject({ _tag: "StoreError", reason: "Unsupported", cause: { _tag: "SerializerError" } })
    }
  )

  it.effect("P4 · it takes no longer than the budget, and what it may have written is not hidden by memory", () =>
    overFake(function*(fake) {
      yield* Cached.set("k", 1)
      fake.behave = (operation) => operation === "set" ? { after: Effect.never } : {}
      const setting = yield* start(Effect.flip(Cached.set("k", 2, { ifPresent: true })))
      yield* TestClock.adjust("500 millis")
      expect(yield* Fiber.join(setting)).toMatchObject({ reason: "Timeout" })
      fake.behave = () => ({})
      expect(yield* Cached.getOption("k")).toEqual(Option.some(2))
    }))

  test.overFake("a caller interrupted while the store writes leaves no older copy in memory", function*(fake) {
    yield* Cached.set("k", 1)
    fake.behave = (operation) => operation === "set" ? { after: Effect.never } : {}
    const setting = yield* started(Cached.set("k", 2, { ifPresent: true }))
    yield* Fiber.interrupt(setting)
    fake.behave = () => ({})
    expect(yield* Cached.getOption("k")).toEqual(Option.some(2))
  })

  it.effect("P2 · an entry invalidated in vain is absent: the store is asked once more, or the write is its failure", () =>
    overFake(function*(fake) {
      yield* Cached.set("k", 1)
      const writeId = yield* writeIdOf("k")
      fake.behave = (operation) => operation === "remove" ? { before: Effect.fail(unavailable) } : {}
      yield* Cached.invalidate("k")
      for (const condition of [{ ifAbsent: true }, { ifPresent: true }, { ifUnchanged: writeId }] as const) {
        expect(yield* Effect.flip(Cached.set("k", 2, condition))).toMatchObject({ _tag: "StoreError" })
      }
      fake.behave = () => ({})
      expect(yield* Cached.set("k", 2, { ifPresent: true })).toBe(false)
      expect(yield* Cached.set("k", 2, { ifUnchanged: writeId })).toBe(false)
      expect(yield* Cached.set("k", 2, { ifAbsent: true })).toBe(true)
      yield* TestClock.adjust("1 minute")
      expect(yield* Cached.getOption("k")).toEqual(Option.some(2))
    }))

  testIn(over(fakeStore()))("a value that cannot be encoded is a StoreError too, and what is there stays", function*() {
    const key = new Report({ city: "Berlin" })
    yield* Cached.set(key, 1)
    const error = yield* Effect.flip(Cached.set(key, "text" as never, { ifPresent: true }))
    expect(error).toMatchObject({ _tag: "StoreError", operation: "set" })
    expect(yield* Cached.getOption(key)).toEqual(Option.some(1))
  })

  it.effect("a copy that the store contradicts is given up: compare and set continues with the stored entry", () =>
    overFake(function*(fake) {
      yield* Cached.set("k", 1)
      // Another program, whose changes do not arrive.
      const stored = fake.entries.get("k")!
      fake.entries.set("k", { ...stored, meta: { ...stored.meta, writeId: "f".repeat(32) } })
      expect(yield* Cached.set("k", 2, { ifUnchanged: yield* writeIdOf("k") })).toBe(false)
      expect(yield* Cached.set("k", 2, { ifUnchanged: yield* writeIdOf("k") })).toBe(true)
      fake.entries.clear()
      expect(yield* Cached.set("k", 3, { ifPresent: true })).toBe(false)
      expect(yield* Cached.has("k")).toBe(false)
    }))
})

describe("across engines on one folder", () => {
  const engine = (directory: string) => Layer.build(Layer.fresh(CacheLayer.disk({ directory })))

  test("of fifty racing callers exactly one sets an absent key", function*() {
    const directory = yield* tempDirectory
    const engines = [yield* engine(directory), yield* engine(directory)]
    const won = yield* Effect.forEach(
      Array.from({ length: 50 }, (_, i) => i),
      (i) => Cached.set("leader", i, { ifAbsent: true }).pipe(Effect.provide(engines[i % 2]!)),
      { concurrency: "unbounded" }
    )
    expect(won.filter((w) => w).length).toBe(1)
    yield* TestClock.adjust("100 millis")
    for (const context of engines) {
      expect(yield* Cached.getOption("leader").pipe(Effect.provide(context))).toEqual(Option.some(won.indexOf(true)))
    }
  })

  test("ifUnchanged fails after the other's write, though memory has the older copy", function*() {
    const directory = yield* tempDirectory
    const [one, other] = [yield* engine(directory), yield* engine(directory)]
    yield* Cached.set("k", 1).pipe(Effect.provide(one))
    const writeId = yield* writeIdOf("k").pipe(Effect.provide(one))
    yield* Cached.set("k", 2).pipe(Effect.provide(other))
    expect(yield* Cached.set("k", 3, { ifUnchanged: writeId }).pipe(Effect.provide(one))).toBe(false)
    expect(yield* Cached.getOption("k").pipe(Effect.provide(one))).toEqual(Option.some(2))
    const anew = yield* writeIdOf("k").pipe(Effect.provide(one))
    expect(yield* Cached.set("k", 3, { ifUnchanged: anew }).pipe(Effect.provide(one))).toBe(true)
    yield* TestClock.adjust("100 millis")
    expect(yield* Cached.getOption("k").pipe(Effect.provide(other))).toEqual(Option.some(3))
  })
})

test("P2 · a tag invalidated while the value is on its way: it is put in again, behind the invalidation", function*() {
  const fake = fakeStore()
  const layer = Layer.succeed(Store.Store, {
    ...fake.store,
    markers: (tags) => Effect.delay(fake.store.markers(tags), "100 millis")
  })
  yield* Effect.gen(function*() {
    const setting = yield* start(Cached.set("k", 1, { ifAbsent: true, tags: ["t"] }))
    yield* TestClock.adjust("50 millis")
    yield* Cached.invalidate({ tag: "t" })
    yield* elapse("50 millis")
    yield* TestClock.adjust("100 millis")
    expect(yield* Fiber.join(setting)).toBe(true)
    expect(yield* Cached.getOption("k")).toEqual(Option.some(1))
  }).pipe(Effect.provide(over({ layer })))
})
