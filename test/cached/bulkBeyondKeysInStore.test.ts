/** Answers beyond the asked keys, in the store: later processes have them, and no newer state is overwritten. */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Option, Schema, type Scope, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching, Strategy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { fakeStore, over, settle, start } from "../support/caches.ts"
import { tempDirectory } from "../support/tempDirectory.ts"

class User extends CacheKey.Class<User>()("User", {
  payload: { id: Schema.Int },
  success: Schema.String,
  indexes: ["id"],
  tags: ["users"]
}) {}

const hour = Strategy.ttl({ ttl: "1 hour" })
const key = (id: number) => new User({ id })
const idOf = (id: number) => CacheKey.id(key(id))

/** Reads user 1 with a lookup that answers these users too, each with the text, after the gate is open. */
const readOne = (unasked: ReadonlyArray<number>, text = "old", gate: Effect.Effect<unknown> = Effect.void) =>
  Effect.suspend(() => {
    const users = Cached.many(User, (keys) =>
      Effect.as(
        gate,
        new Map([...keys.map(({ id }) => id), ...unasked].map((id) => [key(id), Exit.succeed(`${text} ${id}`)]))
      ), { strategy: hour })
    return Effect.asVoid(users([{ id: 1 }]))
  })

const found = (id: number) => Effect.map(Cached.getOption(key(id)), Option.getOrUndefined)

type Run = <A, E>(effect: Effect.Effect<A, E, Caching.Caching>) => Effect.Effect<A, E>

/** A process of its own. */
const process = (layer: Layer.Layer<Caching.Caching, unknown>) =>
  Effect.map(
    Effect.orDie(Layer.build(Layer.fresh(layer))),
    (context): Run => (effect) => Effect.provideContext(effect, context)
  )

/** A store in memory that two processes use as they would a server: changes come later than the answers. */
const sharedStore = (parts: (store: Store.Store) => Partial<Store.Store> = () => ({})) => {
  const inMemory = MemoryStore.make()
  const group = `~*${idOf(1).split(":")[0]}`
  const store: Store.Store = {
    ...inMemory,
    capabilities: { shared: true, changes: true, dependencies: true },
    changes: Stream.concat(Stream.make({ _tag: "Coherent" }), Stream.never),
    changesUnsafe: undefined,
    getUnsafe: undefined,
    // A server loses its markers.
    clear: Effect.andThen(inMemory.clear, inMemory.invalidateTags([group]))
  }
  return { layer: Layer.succeed(Store.Store, { ...store, ...parts(store) }), store }
}

const fresh = { _tag: "Granted" }
const acquire = (store: Store.Store, id: string, owner: string) =>
  store.acquire(id, { owner, leaseMillis: 1000, rejectedWriteId: undefined, join: false })

type Two = Effect.Effect<Layer.Layer<Caching.Caching, unknown>, never, Scope.Scope>

/** The cache of each process. */
const worlds: ReadonlyArray<{ readonly name: string; readonly isShared: boolean; readonly cache: Two }> = [
  {
    name: "a store of one process",
    isShared: false,
    cache: Effect.sync(() => over({ layer: Layer.succeed(Store.Store, MemoryStore.make()) }))
  },
  { name: "an asynchronous store of one process", isShared: false, cache: Effect.sync(() => over(fakeStore())) },
  { name: "a store that reports changes late", isShared: true, cache: Effect.sync(() => over(sharedStore())) },
  {
    name: "a folder",
    isShared: true,
    cache: Effect.map(tempDirectory, (directory) => CacheLayer.disk({ directory }))
  }
]

describe.each(worlds)("over $name", ({ cache, isShared }) => {
  it.effect("AI-18 · an answer beyond the asked keys is in the store afterwards", () =>
    Effect.gen(function*() {
      const layer = yield* cache
      const here = yield* process(layer)
      yield* here(readOne([2, 3]))
      yield* settle
      const there = yield* process(layer)
      expect([yield* there(found(1)), yield* there(found(2)), yield* there(found(3))]).toEqual([
        "old 1",
        "old 2",
        "old 3"
      ])
      // With the tags of its class.
      yield* there(Cached.invalidate({ where: [User, { id: 2 }] }))
      const third = yield* process(layer)
      expect([yield* third(found(2)), yield* third(found(3))]).toEqual([undefined, "old 3"])
    }).pipe(Effect.scoped))

  const changes = [
    ["removed", Cached.invalidate(key(2)), undefined],
    ["invalidated by its tag", Cached.invalidate({ tag: "users" }), undefined],
    ["invalidated softly by its tag", Cached.invalidate({ tag: "users" }, { mode: "soft" }), undefined],
    ["invalidated by its field", Cached.invalidate({ where: [User, { id: 2 }] }), undefined],
    ["invalidated by its class", Cached.invalidate({ all: User }), undefined],
    ["cleared", Cached.clear, undefined],
    ["set", Cached.set(key(2), "new"), "new"],
    ["set and removed", Effect.andThen(Cached.set(key(2), "new"), Cached.remove(key(2))), undefined]
  ] as const

  it.effect.each(
    changes.flatMap(([by, change, after]) =>
      (isShared ? ["here", "by another process"] : ["here"]).map((where) => [by, where, change, after] as const)
    )
  )("P2 · does not come back where it is %s during the call, %s", ([, where, change, after]) =>
    Effect.gen(function*() {
      const layer = yield* cache
      const here = yield* process(layer)
      const there = yield* process(layer)
      const gate = yield* Deferred.make<void>()
      const reading = yield* start(here(readOne([2], "old", Deferred.await(gate))))
      yield* settle
      yield* (where === "here" ? here : there)(change)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(reading)
      yield* settle
      const third = yield* process(layer)
      expect(yield* third(found(2))).toBe(after)
    }).pipe(Effect.scoped))
})

describe("between two steps of the store", () => {
  const steps = ["markers", "acquireMany", "commitMany"] as const
  const changes = [
    ["removed", Cached.invalidate(key(2))],
    ["invalidated by its tag", Cached.invalidate({ tag: "users" })],
    ["cleared", Cached.clear]
  ] as const

  it.effect.each(
    steps.flatMap((step) =>
      changes.flatMap(([by, change]) =>
        (["before", "after"] as const).flatMap((when) =>
          step === "commitMany" && when === "after" ? [] : [[when, step, by, change] as const]
        )
      )
    )
  )("P2 · %s `%s` another process sees it %s for good", ([when, step, , change]) =>
    Effect.gen(function*() {
      let isArmed = false
      let other: Run | undefined
      const changing = Effect.suspend(() => {
        if (!isArmed) return Effect.void
        isArmed = false
        return other!(change)
      })
      const around = <A, E>(effect: Effect.Effect<A, E>) =>
        when === "before" ? Effect.andThen(changing, effect) : Effect.tap(effect, changing)
      const { layer, store } = sharedStore((store) => ({
        [step]: (...args: ReadonlyArray<never>) => around((store[step] as any)(...args))
      }))
      other = yield* process(over({ layer: Layer.succeed(Store.Store, store) }))
      const here = yield* process(over({ layer }))
      // Armed when the lookup has answered.
      yield* here(readOne(
        [2],
        "old",
        Effect.sync(() => {
          isArmed = true
        })
      ))
      yield* settle
      expect(isArmed).toBe(false)
      const third = yield* process(over({ layer }))
      expect(yield* third(found(2))).toBe(undefined)
    }).pipe(Effect.scoped))
})

describe("a lease", () => {
  it.effect("of another process is neither waited for nor taken", () =>
    Effect.gen(function*() {
      const { layer, store } = sharedStore()
      expect(yield* acquire(store, idOf(2), "other")).toMatchObject(fresh)
      const here = yield* process(over({ layer }))
      yield* here(readOne([2, 3]))
      yield* settle
      expect((yield* store.get(idOf(2), [])).entry).toBe(undefined)
      expect((yield* store.get(idOf(3), [])).entry).toBeDefined()
      expect(yield* store.renew(idOf(2), "other", 1000)).toBe(true)
    }).pipe(Effect.scoped))

  it.effect("that a store grants late, and after the answer was given up, keeps no other process waiting", () =>
    Effect.gen(function*() {
      const { layer, store } = sharedStore(({ acquireMany }) => ({
        // The request cannot be taken back, and is carried out after three seconds.
        acquireMany: (requests) =>
          Effect.andThen(
            Effect.forkDetach(Effect.delay(acquireMany(requests), "3 seconds"), { startImmediately: true }),
            Effect.never
          )
      }))
      const here = yield* process(over({ layer }))
      yield* here(readOne([2]))
      for (let i = 0; i < 31; i++) yield* Effect.andThen(TestClock.adjust("100 millis"), settle)
      expect(yield* acquire(store, idOf(2), "other")).toMatchObject(fresh)
    }).pipe(Effect.scoped))

  it.effect("is free again where nothing was stored", () =>
    Effect.gen(function*() {
      const { layer, store } = sharedStore()
      const gate = yield* Deferred.make<void>()
      const here = yield* process(over({ layer }))
      const reading = yield* start(here(readOne([2], "old", Deferred.await(gate))))
      yield* settle
      yield* store.invalidateTags(["users"])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(reading)
      yield* settle
      expect((yield* store.get(idOf(2), [])).entry).toBe(undefined)
      expect(yield* acquire(store, idOf(2), "other")).toMatchObject(fresh)
    }).pipe(Effect.scoped))
})

it.effect("what is stored and valid stays, what is invalid or expired is replaced", () =>
  Effect.gen(function*() {
    const { layer } = sharedStore()
    const there = yield* process(over({ layer }))
    yield* there(Cached.set(key(2), "valid"))
    yield* there(Cached.set(key(3), "expired", { ttl: "1 minute" }))
    yield* there(Effect.scoped(readOne([4], "invalid")))
    yield* settle
    yield* there(Cached.invalidate({ where: [User, { id: 4 }] }))
    yield* TestClock.adjust("2 minutes")
    const here = yield* process(over({ layer }))
    yield* here(Cached.invalidate(key(1)))
    yield* here(readOne([2, 3, 4], "new"))
    yield* settle
    const third = yield* process(over({ layer }))
    expect([yield* third(found(2)), yield* third(found(3)), yield* third(found(4))]).toEqual([
      "valid",
      "new 3",
      "new 4"
    ])
  }).pipe(Effect.scoped))

describe("a store that is in trouble", () => {
  const troubles = [
    ["hangs", Effect.never],
    ["fails", Effect.die("down")]
  ] as const
  const steps = ["acquireMany", "commitMany"] as const

  it.effect.each(troubles.flatMap(([what, trouble]) => steps.map((step) => [step, what, trouble] as const)))(
    "`%s` %s: the asked keys are answered at once, and the leases are given back",
    ([step, , trouble]) =>
      Effect.gen(function*() {
        const { layer, store } = sharedStore(() => ({ [step]: () => trouble }))
        const here = yield* process(over({ layer }))
        const reading = yield* start(here(readOne([2])))
        yield* settle
        expect(reading.pollUnsafe()).toEqual(Exit.void)
        expect(yield* here(found(2))).toBe("old 2")
        yield* TestClock.adjust("1 second")
        yield* settle
        expect(yield* acquire(store, idOf(2), "other")).toMatchObject(fresh)
      }).pipe(Effect.scoped)
  )

  it.effect("a question before the call that is not answered keeps its further answers in memory", () =>
    Effect.gen(function*() {
      let isFirst = true
      const { layer, store } = sharedStore(({ markers }) => ({
        markers: (tags) => {
          const isAsked = isFirst
          isFirst = false
          return isAsked ? Effect.never : markers(tags)
        }
      }))
      const here = yield* process(over({ layer }))
      const reading = yield* start(here(readOne([2])))
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(reading)).toBe(undefined)
      expect(yield* here(found(2))).toBe("old 2")
      yield* settle
      expect((yield* store.get(idOf(2), [])).entry).toBe(undefined)
    }).pipe(Effect.scoped))

  it.effect("P2 · an answer to that question during the call proves nothing", () =>
    Effect.gen(function*() {
      const answered = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      let isFirst = true
      const { layer, store } = sharedStore(({ markers }) => ({
        markers: (tags) => {
          if (!isFirst) return markers(tags)
          isFirst = false
          return Effect.uninterruptible(Effect.andThen(Deferred.await(answered), markers(tags)))
        }
      }))
      const here = yield* process(over({ layer }))
      const reading = yield* start(here(readOne([2], "old", Deferred.await(gate))))
      // The call begins once the question has been given up.
      yield* TestClock.adjust("1 second")
      yield* store.remove(idOf(2))
      yield* Deferred.succeed(answered, undefined)
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(reading)
      yield* settle
      expect((yield* store.get(idOf(2), [])).entry).toBe(undefined)
    }).pipe(Effect.scoped))

  it.effect("no more than 10,000 answers wait for it", () =>
    Effect.gen(function*() {
      let asked = 0
      const { layer } = sharedStore(() => ({
        acquireMany: () => Effect.andThen(Effect.sync(() => asked++), Effect.never)
      }))
      const here = yield* process(over({ layer }, { capacity: 100_000 }))
      for (let i = 0; i < 15; i++) {
        yield* here(readOne(Array.from({ length: 2000 }, (_, n) => 10_000 * (i + 1) + n)))
        yield* here(Cached.invalidate({ where: [User, { id: 1 }] }))
      }
      yield* settle
      expect(asked).toBe(10)
      yield* TestClock.adjust("2 seconds")
    }).pipe(Effect.scoped))
})

it.effect("of very many 1,000 are stored, with few questions to the store", () =>
  Effect.gen(function*() {
    const sizes: Record<string, Array<number>> = { acquireMany: [], commitMany: [], acquire: [] }
    const { layer, store } = sharedStore((store) => ({
      acquire: (id, options) => {
        sizes["acquire"]!.push(1)
        return store.acquire(id, options)
      },
      acquireMany: (requests) => {
        sizes["acquireMany"]!.push(requests.length)
        return store.acquireMany(requests)
      },
      commitMany: (requests) => {
        sizes["commitMany"]!.push(requests.length)
        return store.commitMany(requests)
      }
    }))
    const here = yield* process(over({ layer }, { capacity: 20 }))
    yield* here(readOne(Array.from({ length: 100_000 }, (_, n) => n + 10)))
    yield* settle
    expect(yield* store.size).toBe(1001)
    expect(sizes["acquire"]).toEqual([1])
    expect(sizes["acquireMany"]!.reduce((all, n) => all + n)).toBe(1000)
    expect(sizes["acquireMany"]!.length).toBeLessThan(20)
    expect(sizes["commitMany"]!.length).toBeLessThan(20)
  }).pipe(Effect.scoped))

it.effect.each([undefined, false] as const)(
  "AI-18 · on disk it is stored when the call ends, so that neither the next read nor the next process loads it (%s)",
  (memory) =>
    Effect.gen(function*() {
      const directory = yield* tempDirectory
      const layer = CacheLayer.disk({ directory, ...memory === undefined ? {} : { memory } })
      const run = <A>(effect: Effect.Effect<A, never, Caching.Caching>) =>
        Effect.provide(effect, Layer.fresh(layer)).pipe(Effect.orDie)
      // A script that ends at once.
      yield* run(readOne([2, 3]))
      expect(yield* run(Effect.all([found(2), found(3)]))).toEqual(["old 2", "old 3"])
      yield* run(Effect.gen(function*() {
        yield* readOne([4])
        yield* Cached.invalidate(key(1))
        yield* readOne([5])
        expect(yield* found(5)).toBe("old 5")
      }))
    })
)

it.effect("of a lookup that returns a list, the store is asked for no further markers than that of its class", () =>
  Effect.gen(function*() {
    let asked = 0
    const { layer } = sharedStore((store) => ({
      markers: (tags) => {
        asked += tags.length
        return store.markers(tags)
      }
    }))
    class Plain extends CacheKey.Class<Plain>()("Plain", { payload: { id: Schema.Int }, success: Schema.String }) {}
    const here = yield* process(over({ layer }))
    const answers = (isMap: boolean) => {
      const plain = Cached.many(Plain, (keys) => {
        const pairs = keys.map((key) => [key, Exit.succeed("a")] as const)
        return Effect.succeed(isMap ? new Map(pairs) as never : pairs.map(([, exit]) => exit))
      }, { strategy: hour })
      return Effect.gen(function*() {
        yield* here(plain([{ id: 1 }]))
        const before = asked
        yield* here(plain([{ id: 2 }]))
        yield* here(plain([{ id: 3 }]))
        yield* here(Cached.invalidate([1, 2, 3].map((id) => new Plain({ id }))))
        return asked - before
      })
    }
    expect([yield* answers(false), yield* answers(true)]).toEqual([2, 6])
  }).pipe(Effect.scoped))

it.effect("what cannot be shown to be the newest stays in memory: files report no changes", () =>
  Effect.gen(function*() {
    const layer = CacheLayer.files({ directory: yield* tempDirectory })
    const here = yield* process(layer)
    yield* here(readOne([2]))
    yield* settle
    const there = yield* process(layer)
    expect([yield* here(found(2)), yield* there(found(1)), yield* there(found(2))]).toEqual([
      "old 2",
      "old 1",
      undefined
    ])
  }).pipe(Effect.scoped))

it.effect("an answer that derives from other entries stays in memory", () =>
  Effect.gen(function*() {
    const { layer, store } = sharedStore()
    const here = yield* process(over({ layer }))
    const part = Effect.succeed("part").pipe(Cached.ttl("part", { ttl: "1 hour" }))
    const users = Cached.many(User, () =>
      Effect.map(part, (part) => new Map([1, 2].map((id) => [key(id), Exit.succeed(part)]))), {
      strategy: hour,
      inherit: "changes"
    })
    yield* here(users([{ id: 1 }]))
    yield* settle
    expect((yield* store.get(idOf(1), [])).entry).toBeDefined()
    expect((yield* store.get(idOf(2), [])).entry).toBe(undefined)
  }).pipe(Effect.scoped))

it.effect("P2 · an answer of a call that began before an invalidation was acknowledged is kept nowhere", () =>
  Effect.gen(function*() {
    const [acknowledged, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
    const fake = fakeStore()
    fake.behave = (operation) => operation === "remove" ? { before: Deferred.await(acknowledged) } : {}
    const here = yield* process(over(fake))
    const invalidating = yield* start(here(Cached.invalidate(key(2))))
    yield* settle
    const reading = yield* start(here(readOne([2], "old", Deferred.await(gate))))
    yield* settle
    yield* Deferred.succeed(acknowledged, undefined)
    yield* Fiber.join(invalidating)
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.join(reading)
    yield* settle
    expect([fake.entries.has(idOf(2)), yield* here(found(2)), yield* here(found(1))]).toEqual([
      false,
      undefined,
      "old 1"
    ])
  }).pipe(Effect.scoped))
