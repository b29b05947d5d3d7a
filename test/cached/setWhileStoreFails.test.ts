/** A value that is set while the store fails: its process reads it, and reports it if the store never gets it. */
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Option, Queue, Stream } from "effect"
import { Cached, CacheLayer, CachePolicy, Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import { settle, start, started } from "../support/caches.ts"
import { pluralOf } from "../support/pluralOf.ts"
import { test } from "../support/tests.ts"

/**
 * A server of several processes, which pushes changes as Redis does. While it is `away`, each operation fails at once;
 * a write is lost on its way to the server (`request`), or is carried out, and its answer is lost (`answer`).
 */
const server = (options?: CacheLayer.LayerOptions) =>
  Effect.gen(function*() {
    const inner = MemoryStore.make()
    const changes = yield* Queue.unbounded<Store.Change>()
    const state = {
      away: undefined as undefined | "request" | "answer",
      lookMillis: 0,
      looks: 0,
      markersMillis: 0,
      reports: false
    }
    const down = Effect.fail(new StoreError({ store: "server", operation: "set", reason: "Unavailable" }))
    /** The change is known before its answer: they arrive by two connections. */
    const reported = (id: string) =>
      Effect.when(
        Effect.andThen(Effect.sync(() => Queue.offerUnsafe(changes, { _tag: "Changed", id })), Effect.sleep(10)),
        Effect.sync(() => state.reports)
      )
    const failing = <A>(operation: string, run: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> =>
      Effect.suspend(() => {
        if (state.away === undefined) return run
        return state.away === "answer" && operation.startsWith("set") ? Effect.andThen(run, down) : down
      })
    const store: Store.Store = {
      ...inner,
      name: "server",
      capabilities: { ...inner.capabilities, shared: true, changes: true },
      getUnsafe: undefined,
      get: (...asked) => failing("get", inner.get(...asked)),
      getMany: (...asked) => {
        state.looks++
        const looking = failing("getMany", inner.getMany(...asked))
        return state.lookMillis === 0 ? looking : Effect.delay(looking, state.lookMillis)
      },
      set: (...asked) => failing("setMany", inner.set(...asked)),
      remove: pluralOf.remove((...asked) =>
        failing("remove", Effect.tap(singly(inner).remove(...asked), () => reported(asked[0])))
      ),
      acquire: pluralOf.acquire((...asked) => failing("acquire", singly(inner).acquire(...asked))),
      commit: pluralOf.commit((...asked) => failing("commit", singly(inner).commit(...asked))),
      touch: (...asked) => failing("touch", inner.touch(...asked)),
      markers: (...asked) => Effect.delay(failing("markers", inner.markers(...asked)), state.markersMillis),
      invalidateTags: (...asked) => failing("invalidateTags", inner.invalidateTags(...asked)),
      changes: Stream.unwrap(Effect.suspend(() => {
        if (state.away !== undefined) return down
        Queue.offerUnsafe(changes, { _tag: "Coherent" })
        return Effect.succeed(Stream.mapEffect(
          Stream.fromQueue(changes),
          (change) => change._tag === "Gap" ? down : Effect.succeed(change)
        ))
      }))
    }
    const layer = Layer.provide(CacheLayer.layer(options), Layer.succeed(Store.Store, store))
    const build = Effect.map(Layer.build(Layer.fresh(layer)), (context) =>
      Effect.provideService(Caching.Caching, Context.get(context, Caching.Caching)))
    const within = yield* build
    const lost: Array<string> = []
    yield* within(start(Stream.runForEach(Cached.events(), (event) =>
      Effect.sync(() => {
        if (event._tag === "LostSet") {
          lost.push(event.id)
        }
      }))))
    const push = (change: Store.Change) =>
      Effect.andThen(Effect.sync(() => Queue.offerUnsafe(changes, change)), settle)
    yield* settle
    return {
      inner,
      lost,
      push,
      state,
      within,
      /** The connection is cut: what is asked from now on fails. */
      cut: (away: "request" | "answer") => Effect.andThen(Effect.sync(() => state.away = away), push({ _tag: "Gap" })),
      back: Effect.sync(() => state.away = undefined),
      value: Effect.map(inner.get("k", []), ({ entry }) => entry !== undefined)
    }
  })

test("P2 · an older change that is reported before the store is asked to take a value does not remove the value", function*() {
  const { inner, push, state, within } = yield* server()
  const read = Effect.map(within(Cached.getOption("k")), Option.getOrUndefined)
  for (const value of ["new", () => {}]) {
    state.markersMillis = 100
    const setting = yield* started(within(Cached.set("k", value, { ttl: "1 hour", tags: ["t"] })))
    yield* push({ _tag: "Changed", id: "k" })
    expect(yield* read).toBe(value)
    yield* TestClock.adjust(100)
    yield* Fiber.join(setting)
    // Not from the store.
    yield* singly(inner).remove("k")
    expect(yield* read).toBe(value)
    yield* push({ _tag: "Changed", id: "k" })
    expect(yield* read).toBe(undefined)
  }
})

test("P2 · a change removes a value whose write was interrupted before the store was asked", function*() {
  const { push, state, within } = yield* server()
  state.markersMillis = 100
  const setting = yield* started(within(Cached.set("k", "new", { ttl: "1 hour", tags: ["t"] })))
  yield* Fiber.interrupt(setting)
  yield* push({ _tag: "Changed", id: "k" })
  expect(yield* Effect.map(within(Cached.getOption("k")), Option.getOrUndefined)).toBe(undefined)
})

it.effect("a value that only this process can have read stays in memory, and is not reported as lost", () => {
  const inner = MemoryStore.make()
  const state = { away: true }
  const failing = <A>(run: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> =>
    Effect.suspend(() =>
      state.away ? Effect.fail(new StoreError({ store: "own", operation: "set", reason: "Unavailable" })) : run
    )
  const store: Store.Store = {
    ...inner,
    getUnsafe: undefined,
    set: (...asked) => failing(inner.set(...asked)),
    remove: (...asked) => failing(inner.remove(...asked))
  }
  return Effect.gen(function*() {
    const lost: Array<string> = []
    yield* start(Stream.runForEach(Cached.events(), (event) =>
      Effect.sync(() => {
        if (event._tag === "LostSet") lost.push(event.id)
      })))
    yield* Cached.setMany([["k", 1], ["other", 2]])
    state.away = false
    yield* TestClock.adjust("5 seconds")
    expect(yield* inner.getMany(["k", "other"])).toEqual([undefined, undefined])
    expect(yield* Cached.getMany(["k", "other"])).toEqual([Option.some(1), Option.some(2)])
    expect(lost).toEqual([])
  }).pipe(Effect.provide(CacheLayer.layer().pipe(Layer.provide(Layer.succeed(Store.Store, store)))))
})

it.effect("a value set behind an unsent invalidation of its tag is lost with an event if that is acknowledged meanwhile", () => {
  const inner = MemoryStore.make()
  const state = { away: true, markersMillis: 0 }
  const down = Effect.fail(new StoreError({ store: "own", operation: "invalidateTags", reason: "Unavailable" }))
  const store: Store.Store = {
    ...inner,
    getUnsafe: undefined,
    invalidateTags: (...asked) => Effect.suspend(() => state.away ? down : inner.invalidateTags(...asked)),
    markers: (...asked) => Effect.delay(inner.markers(...asked), state.markersMillis)
  }
  const layer = CacheLayer.layer({ storeTimeout: "10 seconds" })
  return Effect.gen(function*() {
    const lost: Array<string> = []
    yield* start(Stream.runForEach(Cached.events(), (event) =>
      Effect.sync(() => {
        if (event._tag === "LostSet") lost.push(event.id)
      })))
    yield* Cached.invalidate({ tag: "t" })
    state.markersMillis = 3000
    const setting = yield* started(Cached.set("k", 1, { ttl: "1 hour", tags: ["t"] }))
    state.away = false
    yield* TestClock.adjust("10 seconds")
    yield* Fiber.join(setting)
    expect(yield* Cached.getOption("k")).toEqual(Option.none())
    expect(lost).toEqual(["k"])
  }).pipe(Effect.provide(layer.pipe(Layer.provide(Layer.succeed(Store.Store, store)))))
})

const get = Effect.map(Cached.getOption("k"), Option.getOrUndefined)
const set = (value: string) => Cached.set("k", value, { ttl: "1 hour" })

describe.each([true, false])("a value that is set while the store is away, with memory: %s", (memory) => {
  test("stays if only the answer was lost", function*() {
    const { back, cut, lost, value, within } = yield* server({ memory })
    yield* within(set("old"))
    yield* cut("answer")
    expect([yield* within(set("new")), yield* within(get)]).toEqual([true, "new"])
    yield* back
    // Until it is known what the store has, and from then on.
    for (let i = 0; i < 40; i++) {
      expect(yield* within(get)).toBe("new")
      yield* TestClock.adjust(100)
    }
    expect(yield* value).toBe(true)
    expect(yield* within(Cached.ttl(Effect.succeed("loaded"), "k", { ttl: "1 hour" }))).toBe("new")
    expect(lost).toEqual([])
  })

  test("is lost with an event if the store never got it", function*() {
    const { back, cut, lost, value, within } = yield* server({ memory })
    yield* cut("request")
    expect(yield* within(set("new"))).toBe(true)
    yield* back
    yield* settle
    expect(yield* within(get)).toBe("new")
    expect(lost).toEqual([])
    yield* TestClock.adjust("5 seconds")
    expect(lost).toEqual(["k"])
    expect(yield* within(get)).toBe(undefined)
    expect(yield* value).toBe(false)
  })

  test("is lost with an event if the store reports its removal before it answers", function*() {
    const { back, cut, lost, state, within } = yield* server({ memory })
    yield* cut("request")
    yield* within(set("new"))
    Object.assign(state, { reports: true })
    yield* back
    yield* TestClock.adjust("5 seconds")
    expect(lost).toEqual(["k"])
  })

  test("is read for maxStaleness, however soon memory is cleared, and no longer", function*() {
    const { cut, within } = yield* server({ memory })
    yield* cut("request")
    yield* TestClock.adjust("9900 millis")
    yield* within(set("new"))
    const read = Cached.ttl(Effect.fail("loaded"), "k", { ttl: "1 hour" })
    for (let i = 0; i < 99; i++) {
      expect(yield* within(get)).toBe("new")
      expect(yield* within(Cached.getMany(["k"]))).toEqual([Option.some("new")])
      yield* TestClock.adjust(100)
    }
    expect(yield* within(read)).toBe("new")
    yield* TestClock.adjust(100)
    expect([yield* within(get), yield* within(Effect.flip(read))]).toEqual([undefined, "loaded"])
  })

  test.each<Store.Change>([{ _tag: "Changed", id: "k" }, { _tag: "AllChanged" }, {
    _tag: "ManyChanged",
    mayBe: () => true
  }])(
    "hides no change by another process, which a cache without memory does not follow: $_tag",
    function*(change) {
      const { inner, push, state, within } = yield* server({ memory })
      state.away = "request"
      yield* within(set("new"))
      yield* singly(inner).remove("k")
      yield* push(change)
      if (!memory) yield* TestClock.adjust("10 seconds")
      expect(yield* within(get)).toBe(undefined)
    }
  )

  test.each([
    ["a removal", Cached.remove("k"), undefined],
    ["an invalidation of its tag", Cached.invalidate({ tag: "t" }), undefined],
    ["clear", Cached.clear, undefined],
    ["an invalidation by pattern", Effect.exit(Cached.invalidate({ matching: "*" })), undefined],
    ["a later set", set("later"), "later"],
    ["a refresh", CachePolicy.refresh(Cached.ttl(Effect.succeed("loaded"), "k", { ttl: "1 hour" })), undefined],
    ["touch", Cached.touch("k", 0), undefined]
  ])("%s of this process is not hidden", function*([, run, expected]) {
    const { cut, within } = yield* server({ memory })
    yield* cut("request")
    yield* TestClock.adjust("9900 millis")
    yield* within(Cached.set("k", "new", { ttl: "1 hour", tags: ["t"] }))
    yield* within(run as Effect.Effect<unknown, unknown, Caching.Caching>)
    // Memory has been cleared by then.
    yield* TestClock.adjust(200)
    expect(yield* within(get)).toBe(expected)
  })

  test("is set by many too, and each that is lost is an event", function*() {
    const { back, cut, lost, within } = yield* server({ memory })
    yield* cut("request")
    yield* within(Cached.setMany([["k", 1], ["other", 2]]))
    yield* within(Cached.set("mine", 3))
    expect(yield* within(Cached.getMany(["k", "unknown"]))).toEqual([Option.some(1), Option.none()])
    yield* back
    yield* within(Cached.invalidate("mine"))
    expect(yield* within(Cached.getMany(["k", "other", "mine"]))).toEqual([
      Option.some(1),
      Option.some(2),
      Option.none()
    ])
    yield* TestClock.adjust("5 seconds")
    expect(lost).toEqual(["k", "other"])
  })

  test("is removed if it is touched while the store is asked for it", function*() {
    const { back, cut, state, value, within } = yield* server({ memory })
    yield* cut("answer")
    yield* within(set("new"))
    yield* back
    Object.assign(state, { lookMillis: 100, looks: 0 })
    for (let i = 0; i < 400 && state.looks === 0; i++) yield* TestClock.adjust(10)
    expect(state.looks).toBe(1)
    yield* within(Cached.touch("k", "1 minute"))
    yield* TestClock.adjust(200)
    expect(yield* value).toBe(false)
  })

  test("fails under strict", function*() {
    const { cut, within } = yield* server({ memory })
    yield* cut("answer")
    expect(yield* within(Effect.flip(CachePolicy.strict(set("new"))))).toMatchObject({ reason: "Unavailable" })
  })
})
