/** If a store reports only changes of entries that were read, memory does not trust the other values for long. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Queue, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching, Store, Strategy, Transaction } from "effect-cached"
import { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { settle } from "../support/caches.ts"

class Gone extends Schema.TaggedError<Gone>()("Gone", {}) {}

class Account extends CacheKey.Class<Account>()("Account", { success: Schema.Int, error: Gone }) {}

class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.Int }) {}

const over = (parts: (store: Store.Store) => Partial<Store.Store>) => {
  const store = MemoryStore.make()
  const changes = Stream.concat(Stream.make<Array<Store.Change>>({ _tag: "Coherent" }), Stream.never)
  const asked: Store.Store = {
    ...store,
    capabilities: { shared: true, changes: "reads" },
    getUnsafe: undefined,
    getCallback: undefined,
    changesUnsafe: undefined,
    changes,
    ...parts(store)
  }
  return Layer.provide(CacheLayer.layerWith({ maxStaleness: "10 seconds" }), Layer.succeed(Store.Store, asked))
}

describe("a store that reports changes of reads only", () => {
  it.effect.each([["acquired", false], ["not acquired", true]] as const)(
    "P2 · the result of a load whose lease was %s stays in memory only as long as it can be trusted",
    ([, isDown]) =>
      Effect.gen(function*() {
        let loads = 0
        const read = Effect.sync(() => ++loads).pipe(Cached.ttl({ key: "k", ttl: "1 hour" }))
        yield* TestClock.adjust("1 second")
        expect((yield* Cached.stats).coherence).toBe("keys")
        expect(yield* read).toBe(1)
        yield* TestClock.adjust("9 seconds")
        expect(yield* read).toBe(1)
        yield* TestClock.adjust("2 seconds")
        expect(yield* read).toBe(isDown ? 2 : 1)
      }).pipe(
        Effect.provide(over((store) => ({
          get: () => Effect.succeed({ entry: undefined, versions: [] }),
          acquire: isDown
            ? () => Effect.fail(new StoreError({ store: "down", operation: "acquire", reason: "Denied" }))
            : store.acquire
        })))
      )
  )

  it.effect("P2 · a value that was loaded while the store failed is read again as soon as the store answers", () => {
    const denied = new StoreError({ store: "down", operation: "acquire", reason: "Denied" })
    let isDown = true
    return Effect.gen(function*() {
      let loads = 0
      const read = Effect.sync(() => ++loads).pipe(Cached.ttl({ key: "k", ttl: "1 hour" }))
      yield* TestClock.adjust("1 second")
      expect(yield* read).toBe(1)
      expect(yield* read).toBe(1)
      isDown = false
      yield* Effect.succeed(1).pipe(Cached.ttl({ key: "other", ttl: "1 hour" }))
      expect(yield* read).toBe(2)
      expect(yield* read).toBe(2)
    }).pipe(
      Effect.provide(over((store) => ({
        acquire: (id, options) => isDown ? Effect.fail(denied) : store.acquire(id, options)
      })))
    )
  })

  it.effect("P2 · the result of a load during an invalidation of its id does not stay in memory", () =>
    Effect.gen(function*() {
      let loads = 0
      const read = Effect.sync(() => ++loads).pipe(Cached.ttl({ key: "k", ttl: "1 hour" }))
      yield* TestClock.adjust("1 second")
      expect(yield* read).toBe(1)
      const invalidating = yield* Effect.forkChild(Cached.invalidate("k"), { startImmediately: true })
      yield* TestClock.adjust("10 millis")
      expect(yield* read).toBe(2)
      yield* TestClock.adjust("1 second")
      expect(invalidating.pollUnsafe()).toBeDefined()
      expect((yield* Cached.stats).size).toBe(0)
    }).pipe(Effect.provide(over((store) => ({ remove: (id) => Effect.delay(store.remove(id), "100 millis") })))))

  it.effect("the reported changes of entries that had not changed are counted", () =>
    Effect.gen(function*() {
      const changes = yield* Queue.make<Store.Change>()
      yield* Queue.offer(changes, { _tag: "Coherent" })
      let store!: Store.Store
      const read = Effect.succeed(1).pipe(Cached.ttl({ key: "k", ttl: "1 hour" }))
      const layer = over((given) => {
        store = given
        return { changes: Stream.fromQueue(changes) }
      })
      yield* Effect.gen(function*() {
        const told = Effect.andThen(Queue.offer(changes, { _tag: "Changed", id: "k" }), TestClock.adjust("1 second"))
        const counted = Effect.map(Cached.stats, ({ toldUnchanged }) => toldUnchanged)
        yield* TestClock.adjust("1 second")
        yield* read
        yield* told
        yield* read
        expect(yield* counted).toBe(1)
        yield* store.remove("k")
        yield* told
        yield* read
        yield* told
        yield* Cached.set("k", 2)
        yield* read
        expect(yield* counted).toBe(1)
      }).pipe(Effect.provide(layer))
    }))

  it.effect("P2 · a value is not kept in memory if its id changed before its load began, and it was not stored", () =>
    Effect.gen(function*() {
      const changes = yield* Queue.make<Store.Change>()
      yield* Queue.offer(changes, { _tag: "Coherent" })
      let loads = 0
      const read = Effect.sync(() => ++loads).pipe(Cached.ttl({ key: "k", ttl: "1 hour" }))
      const layer = over((store) => ({
        changes: Stream.fromQueue(changes),
        get: () => Effect.succeed({ entry: undefined, versions: [] }),
        acquire: (id, options) =>
          Effect.tap(
            store.acquire(id, options),
            () => Effect.andThen(Queue.offer(changes, { _tag: "Changed", id }), Effect.sleep("10 millis"))
          ),
        commit: () => Effect.fail(new StoreError({ store: "down", operation: "commit", reason: "Denied" }))
      }))
      yield* Effect.gen(function*() {
        yield* TestClock.adjust("1 second")
        for (const n of [1, 2]) {
          const reading = yield* Effect.forkChild(read, { startImmediately: true })
          yield* TestClock.adjust("1 second")
          expect(yield* Fiber.join(reading)).toBe(n)
        }
      }).pipe(Effect.provide(layer))
    }))

  /** A store that reports a change of each id whose lease is asked for, before it answers. */
  const changing = Effect.gen(function*() {
    const changes = yield* Queue.make<Store.Change>()
    yield* Queue.offer(changes, { _tag: "Coherent" })
    let store!: Store.Store
    const layer = over((made) => {
      store = made
      return {
        changes: Stream.fromQueue(changes),
        acquire: (id, options) =>
          Queue.offer(changes, { _tag: "Changed", id }).pipe(
            Effect.andThen(Effect.sleep("10 millis")),
            Effect.andThen(made.acquire(id, options))
          )
      }
    })
    return [store, layer] as const
  })

  it.effect("P2 · a caller that joins a load whose id changed before it began reads again at its end", () =>
    Effect.gen(function*() {
      const [store, layer] = yield* changing
      let loads = 0
      const read = Effect.delay(Effect.sync(() => ++loads), "1 second").pipe(Cached.ttl({ key: "k", ttl: "1 hour" }))
      yield* Effect.gen(function*() {
        yield* TestClock.adjust("1 second")
        const first = yield* Effect.forkChild(read, { startImmediately: true })
        yield* TestClock.adjust("500 millis")
        // Not reported: the store has forgotten that this process has asked for the id.
        yield* store.remove("k")
        const second = yield* Effect.forkChild(read, { startImmediately: true })
        yield* TestClock.adjust("3 seconds")
        expect(yield* Effect.all([Fiber.join(first), Fiber.join(second)])).toEqual([1, 2])
      }).pipe(Effect.provide(layer))
    }))

  it.effect("P2 · a stored failure is not kept in memory if the store may not report changes of its tags", () =>
    Effect.gen(function*() {
      const [, layer] = yield* changing
      const read = Effect.fail(new Gone()).pipe(
        Cached.ttl({ key: new Account(), ttl: "1 hour", storeFailures: ["Gone"] }),
        Effect.exit
      )
      yield* Effect.gen(function*() {
        yield* TestClock.adjust("1 second")
        const reading = yield* Effect.forkChild(read, { startImmediately: true })
        yield* TestClock.adjust("1 second")
        expect(yield* Fiber.join(reading)).toEqual(Exit.fail(new Gone()))
        expect((yield* Cached.stats).size).toBe(0)
      }).pipe(Effect.provide(layer))
    }))

  it.effect.each([true, false])(
    "P2 · a tag that a load determines, and that is invalidated meanwhile, is not believed (waitForWrite: %s)",
    (waitForWrite) => {
      let store!: Store.Store
      return Effect.gen(function*() {
        let loads = 0
        const read = Effect.delay(Effect.sync(() => ++loads), "1 second").pipe(
          Cached.ttl({ key: "k", ttl: "1 hour", tags: () => ["t"], waitForWrite })
        )
        yield* TestClock.adjust("1 second")
        const first = yield* Effect.forkChild(read, { startImmediately: true })
        yield* TestClock.adjust("500 millis")
        // Not reported: this process has not asked for the tag yet.
        yield* store.invalidateTags(["t"], "hard")
        const second = yield* Effect.forkChild(read, { startImmediately: true })
        yield* TestClock.adjust("505 millis")
        const third = yield* Effect.forkChild(read, { startImmediately: true })
        yield* TestClock.adjust("3 seconds")
        expect(yield* Effect.all([first, second, third].map(Fiber.join))).toEqual([1, 2, 2])
        expect(yield* read).toBe(2)
      }).pipe(Effect.provide(over((made) => {
        store = made
        return { markers: (tags) => Effect.delay(made.markers(tags), "10 millis") }
      })))
    }
  )

  it.effect("P2 · a consumer joins no run of a stream that determines its tags, because their changes are not reported", () =>
    Effect.gen(function*() {
      let runs = 0
      const rows = (tags: ReadonlyArray<string> | (() => ReadonlyArray<string>)) =>
        Stream.suspend(() => Stream.fromEffect(Effect.delay(Effect.succeed(++runs), "1 second"))).pipe(
          Cached.stream({ key: `rows ${typeof tags}`, ttl: "1 hour", tags }),
          Stream.runCollect
        )
      yield* TestClock.adjust("1 second")
      for (const tags of [["t"], () => ["t"]]) {
        runs = 0
        const first = yield* Effect.forkChild(rows(tags), { startImmediately: true })
        yield* settle
        yield* TestClock.adjust("500 millis")
        const second = yield* Effect.forkChild(rows(tags), { startImmediately: true })
        yield* settle
        yield* TestClock.adjust("2 seconds")
        expect(yield* Effect.all([Fiber.join(first), Fiber.join(second)])).toEqual(
          typeof tags === "function" ? [[1], [2]] : [[1], [1]]
        )
      }
    }).pipe(Effect.provide(over(() => ({})))))

  it.effect("P2 · a value that is loaded without the store is not kept once the store reports all changes", () =>
    Effect.gen(function*() {
      const changes = yield* Queue.make<Store.Change>()
      yield* Queue.offer(changes, { _tag: "Coherent" })
      const read = Effect.delay(Effect.succeed(1), "1 second").pipe(Cached.ttl({ key: "k", ttl: "1 hour" }))
      const layer = over(() => ({
        changes: Stream.fromQueue(changes),
        get: () => Effect.succeed({ entry: undefined, versions: [] }),
        acquire: () => Effect.fail(new StoreError({ store: "down", operation: "acquire", reason: "Denied" }))
      }))
      yield* Effect.gen(function*() {
        yield* TestClock.adjust("1 second")
        const reading = yield* Effect.forkChild(read, { startImmediately: true })
        yield* TestClock.adjust("500 millis")
        yield* Queue.offer(changes, { _tag: "Reports", of: "all" })
        yield* TestClock.adjust("1 second")
        expect(yield* Fiber.join(reading)).toBe(1)
        const { coherence, size } = yield* Cached.stats
        expect([coherence, size]).toEqual(["broadcast", 0])
      }).pipe(Effect.provide(layer))
    }))

  it.effect("P2 · a value that was set and that the store does not have is trusted only shortly", () =>
    Effect.gen(function*() {
      const read = Effect.succeed("loaded").pipe(Cached.ttl({ key: "k", ttl: "1 hour" }))
      yield* TestClock.adjust("1 second")
      yield* Cached.set("k", "set", { ttl: "1 hour" })
      expect(yield* read).toBe("set")
      yield* TestClock.adjust("11 seconds")
      expect(yield* read).toBe("loaded")
    }).pipe(Effect.provide(over(() => {
      const denied = new StoreError({ store: "down", operation: "set", reason: "Unavailable" })
      return { set: () => Effect.fail(denied), remove: () => Effect.fail(denied) }
    }))))

  it.effect("P2 · while the kind of reports changes, values on their way do not enter memory", () =>
    Effect.gen(function*() {
      const changes = yield* Queue.make<Store.Change>()
      yield* Queue.offerAll(changes, [{ _tag: "Reports", of: "all" }, { _tag: "Coherent" }])
      let loads = 0
      const read = (key: string) =>
        Effect.delay(Effect.sync(() => ++loads), "1 second").pipe(Cached.ttl({ key, ttl: "1 hour", tags: ["t"] }))
      const layer = over(() => ({ changes: Stream.fromQueue(changes), capabilities: { shared: true, changes: true } }))
      yield* Effect.gen(function*() {
        yield* TestClock.adjust("1 second")
        const before = yield* Effect.forkChild(read("before"), { startImmediately: true })
        yield* TestClock.adjust("2 seconds")
        expect(yield* Fiber.join(before)).toBe(1)
        const during = yield* Effect.forkChild(read("during"), { startImmediately: true })
        yield* TestClock.adjust("10 millis")
        let held: Store.Held | undefined
        yield* Queue.offer(changes, { _tag: "Reports", of: "both", answer: (all) => void (held = all) })
        yield* TestClock.adjust("10 millis")
        expect(Array.from(held!.entries(), ({ id, tags }) => [id, tags])).toEqual([["before", ["t"]]])
        expect(["before", "other"].map((id) => held!.has(id))).toEqual([true, false])
        expect((yield* Cached.stats).coherence).toBe("broadcast")
        yield* Queue.offer(changes, { _tag: "Reports", of: "reads" })
        yield* TestClock.adjust("2 seconds")
        expect(yield* Fiber.join(during)).toBe(2)
        const { coherence, size } = yield* Cached.stats
        expect([coherence, size]).toEqual(["keys", 1])
      }).pipe(Effect.provide(layer))
    }))

  it.effect.each([1, 1000])(
    "P2 · while the kind of reports changes, the values of a call for %i keys do not enter memory",
    (count) =>
      Effect.gen(function*() {
        const changes = yield* Queue.make<Store.Change>()
        yield* Queue.offer(changes, { _tag: "Coherent" })
        const lookup = (keys: ReadonlyArray<User>) =>
          Effect.sync(() => new Map(keys.map((key) => [key, Exit.succeed(key.id)])))
        const users = Cached.many(User, { lookup, strategy: Strategy.ttl({ ttl: "1 hour" }), tags: ["t"] })
        let isBlind = false
        const layer = over((store) => ({
          changes: Stream.fromQueue(changes),
          markers: (tags) =>
            Effect.tap(store.markers(tags), () => {
              if (!isBlind) {
                isBlind = true
                Queue.offerAllUnsafe(changes, [{ _tag: "Reports", of: "both" }, { _tag: "Reports", of: "reads" }])
              }
              // The store does not report this.
              return Effect.andThen(store.invalidateTags(["t"], "hard"), Effect.sleep("20 millis"))
            })
        }))
        yield* Effect.gen(function*() {
          yield* TestClock.adjust("1 second")
          const keys = Array.from({ length: count }, (_, id) => ({ id }))
          const reading = yield* Effect.forkChild(users(keys), { startImmediately: true })
          yield* Effect.repeat(Effect.yieldNow, { until: () => isBlind })
          yield* TestClock.adjust("10 millis")
          const joining = yield* Effect.forkChild(users(keys.slice(0, 100).slice(-1)), { startImmediately: true })
          yield* settle
          yield* TestClock.adjust("1 second")
          expect(yield* Fiber.join(joining)).toHaveLength(1)
          expect(yield* Fiber.join(reading)).toHaveLength(count)
          // The caller that joined has read again, and everything is loaded again now.
          const again = yield* Effect.forkChild(users(keys), { startImmediately: true })
          yield* settle
          yield* TestClock.adjust("1 second")
          yield* Fiber.join(again)
          expect((yield* Cached.stats).loads).toBe(2 * count)
        }).pipe(Effect.provide(layer), Effect.orDie)
      })
  )

  it.effect.each<[string, Effect.Effect<unknown, unknown, Caching.Caching>, "set" | "markers"]>([
    ["set on a condition", Cached.set("k", 1, { tags: ["t"], ifAbsent: true }), "set"],
    ["set in a transaction", Transaction.run(Cached.set("k", 1, { tags: ["t"] }), { isolation: "fast" }), "markers"]
  ])(
    "P2 · while the kind of reports changes, a value that is %s does not enter memory",
    ([, write, operation]) =>
      Effect.gen(function*() {
        const changes = yield* Queue.make<Store.Change>()
        yield* Queue.offerAll(changes, [{ _tag: "Reports", of: "all" }, { _tag: "Coherent" }])
        const layer = over((store) => {
          const run = store[operation] as (...args: ReadonlyArray<any>) => Effect.Effect<any, StoreError>
          return {
            changes: Stream.fromQueue(changes),
            capabilities: { shared: true, changes: true },
            [operation]: (...args: ReadonlyArray<any>) => Effect.delay(run(...args), "100 millis")
          }
        })
        yield* Effect.gen(function*() {
          yield* TestClock.adjust("1 second")
          const writing = yield* Effect.forkChild(write, { startImmediately: true })
          yield* TestClock.adjust("10 millis")
          yield* Queue.offer(changes, { _tag: "Reports", of: "both", answer: () => undefined })
          yield* TestClock.adjust("10 millis")
          yield* Queue.offer(changes, { _tag: "Reports", of: "reads" })
          yield* TestClock.adjust("1 second")
          yield* Fiber.join(writing)
          expect((yield* Cached.stats).size).toBe(0)
          expect(yield* Cached.getOption("k")).toEqual(Option.some(1))
        }).pipe(Effect.provide(layer), Effect.orDie)
      })
  )

  it.effect("P2 · an answer for a key that was not asked for is found in the store, and not in memory", () =>
    Effect.gen(function*() {
      const lookup = (keys: ReadonlyArray<User>) =>
        Effect.sync(() => new Map([...keys, new User({ id: 2 })].map((key) => [key, Exit.succeed(key.id)])))
      const users = Cached.many(User, { lookup, strategy: Strategy.ttl({ ttl: "1 hour" }) })
      yield* TestClock.adjust("1 second")
      yield* users([{ id: 1 }])
      yield* TestClock.adjust("1 second")
      expect((yield* Cached.stats).size).toBe(1)
    }).pipe(Effect.provide(over(() => ({})))))
})
