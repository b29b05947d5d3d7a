/** Invalidations that the store refuses again and again: they keep no other from the store, and their order holds. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Scheduler, Scope, Stream } from "effect"
import { Cached, type CacheLayer, CachePolicy, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import { elapse, inside, over, start, started, taking } from "../support/caches.ts"
import { pluralOf } from "../support/pluralOf.ts"
import { test, testWith } from "../support/tests.ts"

type Refuses = (operation: string, subjects: ReadonlyArray<string>) => boolean

/** A store that refuses requests, answers late, or loses the answer of a write. */
const refusing = (options?: CacheLayer.LayerOptions, capabilities: Partial<Store.Store["capabilities"]> = {}) => {
  const inner = MemoryStore.make()
  const asked: Array<readonly [operation: string, subjects: ReadonlyArray<string>]> = []
  const state = {
    refuses: ((): boolean => false) as Refuses,
    before: (_operation: string, _subjects: ReadonlyArray<string>): Effect.Effect<void> => Effect.void,
    answer: Effect.void as Effect.Effect<void, StoreError>,
    changes: [] as Array<Store.Change>
  }
  const fault = new StoreError({ store: "s", operation: "any", reason: "Unavailable" })
  const send = <A>(
    operation: string,
    subjects: ReadonlyArray<string>,
    effect: Effect.Effect<A, StoreError>
  ): Effect.Effect<A, StoreError> =>
    Effect.suspend(() => {
      asked.push([operation, subjects])
      return Effect.andThen(
        state.before(operation, subjects),
        Effect.suspend(() => state.refuses(operation, subjects) ? Effect.fail(fault) : effect)
      )
    })
  const store: Store.Store = {
    ...inner,
    capabilities: { ...inner.capabilities, ...capabilities },
    getUnsafe: undefined,
    set: pluralOf.set((id, ...given) =>
      Effect.tap(send("set", [id], singly(inner).set(id, ...given)), () => state.answer)
    ),
    remove: (ids) => send("remove", ids, inner.remove(ids)),
    invalidateTags: (tags, mode) => send("invalidateTags", tags, inner.invalidateTags(tags, mode)),
    clear: Effect.suspend(() => send("clear", [], inner.clear)),
    ...capabilities.changes === true ? { changesUnsafe: () => state.changes.splice(0) } : {}
  }
  const layer = over({ layer: Layer.succeed(Store.Store, store) }, { storeTimeout: "1 second", ...options })
  const other = <A>(use: Effect.Effect<A, never, Caching.Caching>) =>
    Effect.provide(use, Layer.fresh(over({ layer: Layer.succeed(Store.Store, inner) }, { memory: false })))
  return { asked, fault, inner, layer, other, state }
}

const testRefusing = testWith(() => refusing(), ({ layer }) => layer)

const isDown: Refuses = (operation) => operation !== "set"
const isBad: Refuses = (operation, subjects) => operation === "clear" || subjects.includes("bad")

const ids = Array.from({ length: 40 }, (_, i) => i === 7 ? "bad" : `k${i}`)
const read = (key: string) => Cached.getOption(key)
const good = ids.filter((id) => id !== "bad")

describe("P4 · an invalidation that the store refuses for good", () => {
  testRefusing(
    "leaves the rest of its wave to be sent, and is sent again alone, less and less often",
    function*({ asked, other, state }) {
      yield* Cached.setMany(ids.map((id) => [id, 1]))
      state.refuses = isDown
      yield* Cached.invalidate(ids)
      state.refuses = isBad
      yield* TestClock.adjust("4 seconds")
      expect(yield* other(Cached.getMany(good))).toEqual(good.map(() => Option.none()))
      expect(yield* other(read("bad"))).toEqual(Option.some(1))
      asked.length = 0
      yield* TestClock.adjust("10 minutes")
      expect(asked.every(([, subjects]) => subjects.length === 1 && subjects[0] === "bad")).toBe(true)
      expect(asked.length).toBeGreaterThan(15)
      expect(asked.length).toBeLessThan(30)
      // An invalidation that fails meanwhile does not wait as long.
      yield* Cached.set("new", 1)
      state.refuses = isDown
      yield* Cached.invalidate("new")
      state.refuses = isBad
      yield* TestClock.adjust("3 seconds")
      expect(yield* other(read("new"))).toEqual(Option.none())
      state.refuses = () => false
      yield* TestClock.adjust("1 minute")
      expect(yield* other(read("bad"))).toEqual(Option.none())
    }
  )

  testRefusing("leaves an invalidation of other tags of the same call to be sent", function*({ other, state }) {
    const tags = ["a", "bad", "b"]

    for (const tag of tags) yield* Cached.set(`of ${tag}`, 1, { tags: [tag] })
    state.refuses = isDown
    yield* Cached.invalidate(tags.map((tag) => ({ tag })))
    state.refuses = isBad
    yield* TestClock.adjust("4 seconds")
    expect(yield* other(Cached.getMany(tags.map((tag) => `of ${tag}`)))).toEqual([
      Option.none(),
      Option.some(1),
      Option.none()
    ])
  })

  testRefusing("leaves removals behind a clear to be sent", function*({ other, state }) {
    yield* Cached.setMany([["k", 1], ["l", 1], ["m", 1]], { tags: ["t"] })
    yield* Cached.set("n", 1)
    state.refuses = isDown
    yield* Cached.clear
    yield* Cached.invalidate("n")
    yield* Cached.invalidate({ tag: "t" })
    state.refuses = isBad
    yield* TestClock.adjust("4 seconds")
    expect(yield* other(Cached.getMany(["k", "n"]))).toEqual([Option.none(), Option.none()])
  })

  it.effect("and hangs, leaves the rest of its wave to be sent", () => {
    const { layer, other, state } = refusing()
    return inside(layer, function*() {
      yield* Cached.setMany(ids.map((id) => [id, 1]))
      state.refuses = isDown
      yield* Cached.invalidate(ids)
      state.refuses = () => false
      state.before = (_, subjects) => subjects.includes("bad") ? Effect.never : Effect.void
      yield* TestClock.adjust("10 seconds")
      expect(yield* other(Cached.getMany(good))).toEqual(good.map(() => Option.none()))
    })
  })

  testRefusing("holds up no write with a condition of another key, and no transaction", function*({ state }) {
    state.refuses = isDown
    yield* Cached.invalidate(["bad", "k"])
    state.refuses = isBad
    expect(yield* Cached.set("k", 1, { ifAbsent: true })).toBe(true)
  })
})

testRefusing("P7 · a store that is down is asked for few of many invalidations at a time", function*({ asked, state }) {
  state.refuses = isDown
  yield* Cached.invalidate(Array.from({ length: 3000 }, (_, i) => `${i}`))
  asked.length = 0
  yield* TestClock.adjust("10 minutes")
  expect(asked.length).toBeLessThan(17 * 30)
  state.refuses = () => false
  yield* TestClock.adjust("1 minute")
  asked.length = 0
  yield* TestClock.adjust("1 minute")
  expect(asked).toEqual([])
})

it.effect("a written value is not acknowledged before an older clear that is sent again", () => {
  const { fault, layer, other, state } = refusing({ memory: false })
  const lost: Array<string> = []
  return Effect.gen(function*() {
    yield* started(Stream.runForEach(Cached.events(), (event) =>
      Effect.sync(() => {
        if (event._tag === "LostSet") lost.push(event.id)
      })))
    state.refuses = isDown
    yield* Cached.clear
    // The store carries the write out, and its answer is lost.
    state.answer = Effect.fail(fault)
    yield* Cached.set("k", 1)
    state.answer = Effect.void
    yield* Cached.invalidate("l")
    state.refuses = isBad
    yield* TestClock.adjust("5 seconds")
    expect(yield* other(read("k"))).toEqual(Option.some(1))
    state.refuses = () => false
    yield* elapse("1 minute")
    expect(yield* other(read("k"))).toEqual(Option.none())
    expect(lost).toEqual(["k"])
  }).pipe(Effect.provide(layer))
})

describe("P7 · a cache that closes", () => {
  const closing = Effect.fnUntraced(function*(
    { layer, state }: ReturnType<typeof refusing>,
    last: Partial<typeof state>,
    use: Effect.Effect<unknown, never, Caching.Caching>
  ) {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(layer, scope)
    yield* Effect.provide(
      Effect.gen(function*() {
        yield* Cached.setMany(ids.map((id) => [id, 1]))
        state.refuses = isDown
        yield* use
      }),
      context
    )
    state.refuses = () => false
    Object.assign(state, last)
    const closed = yield* started(Scope.close(scope, Exit.void))
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(closed)
  })

  it.effect.each<[string, { readonly refuses: Refuses } | Pick<ReturnType<typeof refusing>["state"], "before">]>([
    ["refuses", { refuses: isBad }],
    ["leaves unanswered", { before: (_, subjects) => subjects.includes("bad") ? Effect.never : Effect.sleep(100) }]
  ])("sends the store what is behind an invalidation that it %s", ([, last]) => {
    const store = refusing()
    return Effect.gen(function*() {
      const use = Effect.andThen(Cached.invalidate({ tag: "bad" }), Cached.invalidate(good))
      yield* closing(store, last, use)
      expect(yield* store.other(Cached.getMany(good))).toEqual(good.map(() => Option.none()))
    })
  })

  test("sends the store what is behind a clear that it refuses", function*() {
    const store = refusing()

    yield* closing(store, { refuses: isBad }, Effect.andThen(Cached.clear, Cached.invalidate(ids)))
    expect(yield* store.other(Cached.getMany(good))).toEqual(good.map(() => Option.none()))
  })
})

describe("many writes behind one unacknowledged invalidation of their tag", () => {
  const keys = Array.from({ length: 200 }, (_, i) => `${i}`)
  const set = (key: string) => Cached.set(key, 2, { tags: ["t"] })
  const sentOf = (asked: ReadonlyArray<readonly [string, unknown]>) =>
    asked.filter(([operation]) => operation === "invalidateTags").length

  const behind = (
    use: (self: ReturnType<typeof refusing>) => Generator<Effect.Effect<any, never, Caching.Caching>, unknown, never>
  ) => {
    const self = refusing({ memory: false, storeTimeout: "10 seconds" })
    return Effect.gen(function*() {
      self.state.refuses = isDown
      yield* Cached.invalidate({ tag: "t" })
      self.state.refuses = () => false
      self.asked.length = 0
      yield* Effect.gen(() => use(self))
      yield* TestClock.adjust("1 minute")
      expect(yield* self.other(Cached.getMany(keys))).toEqual(keys.map(() => Option.some(2)))
    }).pipe(Effect.provide(self.layer))
  }

  const slowly = (self: ReturnType<typeof refusing>) => {
    self.state.before = (operation) => operation === "invalidateTags" ? Effect.sleep(50) : Effect.void
  }

  it.effect("send it once", () =>
    behind(function*(self) {
      slowly(self)
      yield* taking("1 second", Effect.forEach(keys, set, { concurrency: "unbounded" }))
      expect(sentOf(self.asked)).toBe(1)
    }))

  it.effect("P3 · send it once more if the one that sends is interrupted", () =>
    behind(function*(self) {
      slowly(self)
      const first = yield* start(set("first"))
      const writing = yield* start(Effect.forEach(keys, set, { concurrency: "unbounded" }))
      yield* TestClock.adjust(10)
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("900 millis")
      yield* Fiber.join(writing)
      expect(sentOf(self.asked)).toBe(2)
    }))

  it.effect("P3 · wait for no sender that was interrupted at any of its steps", () => {
    const { layer, state } = refusing({ memory: false, storeTimeout: "10 seconds" })
    return inside(layer, function*() {
      for (let steps = 0; steps < 300; steps++) {
        const tired = Effect.provideService(set("first"), Scheduler.MaxOpsBeforeYield, 2 + steps % 4)
        state.refuses = isDown
        yield* Cached.invalidate({ tag: "t" })
        const first = yield* start(tired)
        for (let i = 0; i < steps / 4; i++) yield* Effect.yieldNow
        yield* Fiber.interrupt(first)
        state.refuses = () => false
        const second = yield* started(set("second"))
        expect(second.pollUnsafe()).toEqual(Exit.succeed(true))
      }
    })
  })

  it.effect("P3 · send it once more if the one that sends has less time", () =>
    behind(function*(self) {
      slowly(self)
      yield* start(CachePolicy.storeTimeout(20)(set("first")))
      yield* taking("900 millis", Effect.forEach(keys, set, { concurrency: "unbounded" }))
      expect(sentOf(self.asked)).toBe(2)
    }))

  testRefusing(
    "all fail under CachePolicy.strict if the store refuses it, which is asked once",
    function*({ asked, state }) {
      state.refuses = isDown
      yield* Cached.invalidate({ tag: "t" })
      asked.length = 0
      state.before = () => Effect.yieldNow
      const all = Effect.forEach(keys, (key) => Effect.exit(CachePolicy.strict(set(key))), { concurrency: "unbounded" })
      expect((yield* all).every(Exit.isFailure)).toBe(true)
      expect(sentOf(asked)).toBe(1)
    }
  )
})

it.effect("P2 · a clear that is sent again empties memory, because changes of others before it are no longer reported", () => {
  const { layer, state } = refusing({}, { shared: true, changes: true })
  let version = 1
  const value = Effect.sync(() => version).pipe(Cached.ttl("k", { ttl: "1 hour" }))
  return Effect.gen(function*() {
    state.refuses = isDown
    yield* Cached.clear
    expect(yield* value).toBe(1)
    // Another process invalidates the key. The report of this belongs to what the clear has removed.
    version = 2
    state.refuses = () => false
    yield* TestClock.adjust("3 seconds")
    expect(yield* value).toBe(2)
  }).pipe(Effect.provide(layer))
})

it.effect("P2 · a value that the store has not acknowledged is gone when another process has changed its key since", () => {
  const { layer, state } = refusing({ memory: false }, { changes: true })
  return inside(layer, function*() {
    const get = Cached.ttl(Effect.succeed("loaded"), "k", { ttl: "1 hour" })
    state.refuses = (operation) => operation === "set" || operation === "remove"
    yield* Cached.set("k", "written", { ttl: "1 hour" })
    expect(yield* get).toBe("written")
    // Without reads, the cache stops asking for changes.
    yield* TestClock.adjust("20 minutes")
    state.changes.push({ _tag: "Changed", id: "k" })
    expect(yield* get).toBe("loaded")
  })
})

testRefusing(
  "P2 · a written value behind an invalidation that the store refuses does not leave an older one there",
  function*({ other, state }) {
    yield* Cached.set("k", 1, { ttl: "1 day" })
    state.refuses = () => true
    yield* Cached.invalidate({ tag: "bad" })
    yield* Cached.set("k", 2, { tags: ["bad"], ttl: "1 day" })
    state.refuses = isBad
    yield* TestClock.adjust("1 hour")
    expect(yield* other(read("k"))).toEqual(Option.none())
  }
)

it.effect("P2 · a clear that the store carries out late empties memory, although a newer clear was acknowledged", () => {
  const { layer, state } = refusing({ storeTimeout: "5 seconds" }, { shared: true, changes: true })
  let version = 1
  const value = Effect.sync(() => version).pipe(Cached.ttl("k", { ttl: "1 hour" }))
  return Effect.gen(function*() {
    state.refuses = (operation) => operation !== "set"
    yield* Cached.clear
    state.refuses = () => false
    let clears = 0
    state.before = (operation) => operation === "clear" && clears++ === 0 ? Effect.sleep("3 seconds") : Effect.void
    yield* TestClock.adjust("1500 millis")
    yield* Cached.set("x", 1)
    expect(clears).toBe(2)
    expect(yield* value).toBe(1)
    // Another process invalidates the key, and the late clear removes the report of that.
    version = 2
    yield* elapse("4 seconds")
    expect(yield* value).toBe(2)
  }).pipe(Effect.provide(layer))
})

it.effect("a strict read acknowledges no written value before an older clear, so that its loss is reported", () => {
  const { fault, layer, other, state } = refusing({ memory: false })
  const lost: Array<string> = []
  return Effect.gen(function*() {
    yield* started(Stream.runForEach(Cached.events(), (event) =>
      Effect.sync(() => {
        if (event._tag === "LostSet") lost.push(event.id)
      })))
    state.refuses = (operation) => operation !== "set"
    yield* Cached.clear
    state.answer = Effect.fail(fault)
    yield* Cached.set("k", 1)
    state.answer = Effect.void
    state.refuses = isBad
    expect(Exit.isFailure(yield* Effect.exit(CachePolicy.strict(read("k"))))).toBe(true)
    state.refuses = () => false
    yield* elapse("1 minute")
    expect(yield* other(read("k"))).toEqual(Option.none())
    expect(lost).toEqual(["k"])
  }).pipe(Effect.provide(layer))
})
