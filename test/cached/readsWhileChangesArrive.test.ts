/** Changes that are reported while the store is read: the entry that answers may be newer than they are. */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Option, Queue, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import { settle, start } from "../support/caches.ts"
import { pluralOf } from "../support/pluralOf.ts"

class User extends CacheKey.Class<User>()("User", {
  payload: { id: Schema.Int },
  success: Schema.String,
  tags: ["users"]
}) {}

const hour = { ttl: "1 hour" } as const
const key = new User({ id: 1 })

type Reading = (load: Effect.Effect<string>) => Effect.Effect<string, never, Caching.Caching>

const reads: ReadonlyArray<readonly [string, Reading]> = [
  ["a single read", (load) => load.pipe(Cached.ttl(key, { ttl: "1 hour" }))],
  [
    "a bulk read",
    (load) => {
      const users = Cached.many(User, (keys) => Effect.forEach(keys, () => Effect.exit(load)), hour)
      return Effect.flatMap(users([{ id: 1 }]), ([exit]) => Effect.orDie(exit!))
    }
  ]
]

/** Two processes on one store. `hold` lets the next answer wait; `release` first reports an invalidation. */
const processes = Effect.gen(function*() {
  const inMemory = MemoryStore.make()
  const changes = yield* Queue.unbounded<Store.Change>()
  const gate = yield* Deferred.make<void>()
  let isHeld = false
  let afterNext: Effect.Effect<unknown> = Effect.void
  let reports = 0
  const report = Effect.suspend(() => {
    reports--
    return Effect.andThen(Queue.offer(changes, { _tag: "TagChanged", tag: "users" }), settle)
  })
  const answered = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.suspend(() => {
      const then = isHeld ? Deferred.await(gate) : reports > 0 ? report : afterNext
      isHeld = false
      afterNext = Effect.void
      return Effect.tap(effect, () => then)
    })
  const store: Store.Store = {
    ...inMemory,
    capabilities: { shared: true, changes: true },
    changes: Stream.concat(Stream.make({ _tag: "Coherent" as const }), Stream.fromQueue(changes)),
    changesUnsafe: undefined,
    getUnsafe: undefined,
    getCallback: undefined,
    get: (id, tags) => answered(inMemory.get(id, tags)),
    getMany: (ids) => answered(inMemory.getMany(ids))
  }
  const over = (store: Store.Store) =>
    Layer.build(Layer.fresh(Layer.provide(CacheLayer.layer({}), Layer.succeed(Store.Store, store))))
  const here = yield* over(store)
  const another = yield* over({ ...inMemory, getUnsafe: undefined, changes: Stream.never, changesUnsafe: undefined })
  const set = Effect.andThen(Cached.invalidate({ tag: "users" }), Cached.set(key, "set", { ttl: "1 hour" }))
  return {
    here: <A, E>(effect: Effect.Effect<A, E, Caching.Caching>) => Effect.provideContext(effect, here),
    setByAnother: Effect.orDie(Effect.provideContext(set, another)),
    hold: Effect.sync(() => {
      isHeld = true
    }),
    afterNextAnswer: (effect: Effect.Effect<unknown>) => {
      afterNext = effect
    },
    /** Each of the next answers meets a report of an older invalidation. */
    reportToNext: (answers: number) => {
      reports = answers
    },
    release: Effect.gen(function*() {
      yield* settle
      yield* Queue.offer(changes, { _tag: "TagChanged", tag: "users" })
      yield* settle
      yield* Deferred.succeed(gate, undefined)
    })
  }
})

describe.each(reads)("%s", (_, reading) => {
  it.effect.each([
    ["an entry that was stored after an invalidation of its tag", false],
    ["the same where the entry is found instead of a lease", true]
  ])("serves %s, and loads nothing", ([, isLater]) =>
    Effect.gen(function*() {
      const { afterNextAnswer, here, hold, release, setByAnother } = yield* processes
      let loads = 0
      const setting = Effect.andThen(setByAnother, hold)
      if (isLater) afterNextAnswer(setting)
      else yield* setting
      yield* settle
      const reader = yield* start(here(reading(Effect.sync(() => `loaded ${++loads}`))))
      yield* release
      expect(yield* Fiber.join(reader)).toBe("set")
      expect(loads).toBe(0)
    }).pipe(Effect.scoped, Effect.orDie))
})

const lookUps: ReadonlyArray<readonly [string, Effect.Effect<unknown, never, Caching.Caching>, unknown]> = [
  ["getOption", Cached.getOption(key), Option.some("set")],
  ["has", Cached.has(key), true],
  ["getMany", Cached.getMany([key, new User({ id: 2 })]), [Option.some("set"), Option.none()]]
]

describe.each(lookUps)("%s", (_, lookUp, expected) => {
  it.effect.each([1, 2, 4, 6])(
    "finds a valid entry, though %i of the answers meet an older invalidation",
    (answers) =>
      Effect.gen(function*() {
        const { here, reportToNext, setByAnother } = yield* processes
        yield* setByAnother
        yield* settle
        reportToNext(answers)
        expect(yield* here(lookUp)).toEqual(expected)
      }).pipe(Effect.scoped, Effect.orDie)
  )
})

it.effect("a refresh does not ask again and again if the store reads an older entry than it shows with the lease", () => {
  const store = MemoryStore.make()
  let acquired = 0
  let copy: Store.Answer | undefined
  const layer = Layer.provide(
    CacheLayer.layer({}),
    Layer.succeed(Store.Store, {
      ...store,
      capabilities: { shared: true, changes: true },
      changes: Stream.concat(Stream.make({ _tag: "Coherent" as const }), Stream.never),
      changesUnsafe: undefined,
      getUnsafe: undefined,
      getCallback: undefined,
      get: (id, tags) => copy === undefined ? store.get(id, tags) : Effect.succeed(copy),
      acquire: pluralOf.acquire((id, options) => ++acquired > 100 ? Effect.never : singly(store).acquire(id, options))
    })
  )
  return Effect.gen(function*() {
    let loads = 0
    const load = Effect.sync(() => ++loads)
    const read = load.pipe(Cached.refreshAhead("k", { refreshAfter: "1 minute", ttl: "1 hour", tags: ["t"] }))
    yield* settle
    expect(yield* read).toBe(1)
    copy = yield* store.get("k", ["t"])
    const { meta, payload } = copy.entry!
    yield* singly(store).set("k", { meta: { ...meta, writeId: "newer" }, payload })
    yield* TestClock.adjust("2 minutes")
    acquired = 0
    expect(yield* read).toBe(1)
    yield* settle
    expect([loads, acquired < 10]).toEqual([2, true])
  }).pipe(Effect.provide(layer))
})
