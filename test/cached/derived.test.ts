/** `inherit: "changes"`: an entry ends with each change of what its load has read. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Clock, Deferred, Duration, Effect, Exit, Fiber, Layer, Logger, Option, Schema, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy, type Caching, Transaction } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import { fakeStore, over, settle, start, started, taking } from "../support/caches.ts"
import { warner } from "../support/logged.ts"
import * as Looking from "../support/looking.ts"
import { pluralOf } from "../support/pluralOf.ts"
import { test, testIn } from "../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

class User extends CacheKey.Class<User>()("User", {
  payload: { id: Schema.Int },
  success: Schema.String,
  indexes: ["id"]
}) {}

class Post extends CacheKey.Class<Post>()("Post", { payload: { id: Schema.Int }, success: Schema.String }) {}

const changes = { inherit: "changes", ttl: "1 day" } as const

const overMemoryStore = (options?: CacheLayer.LayerOptions) =>
  Layer.provide(CacheLayer.layer(options), MemoryStore.layer)

const caches = [
  { name: "memory", keeps: true, layer: () => CacheLayer.memory() },
  { name: "a small memory", keeps: false, layer: () => CacheLayer.memory({ capacity: 2 }) },
  { name: "a store, with memory", keeps: true, layer: () => overMemoryStore() },
  { name: "a store, with a small memory", keeps: true, layer: () => overMemoryStore({ capacity: 2 }) },
  { name: "a store, without memory", keeps: true, layer: () => overMemoryStore({ memory: false }) }
]

describe.each(caches)("derived entries, over $name", ({ keeps, layer }) => {
  const test = testIn(layer())

  /** An origin that counts its versions, and a page made of users. */
  const world = () => {
    const names = new Map<number, number>()
    const loads: Array<string> = []
    const user = (id: number) =>
      Effect.sync(() => {
        loads.push(`user ${id}`)
        return `user ${id} v${names.get(id) ?? 0}`
      }).pipe(Cached.ttl(new User({ id }), { ttl: "1 day" }))
    const page = (key = "page", ids: ReadonlyArray<number> = [1, 2]) =>
      Effect.suspend(() => {
        loads.push(key)
        return Effect.map(Effect.forEach(ids, user), (users) => users.join(", "))
      }).pipe(Cached.ttl(key, changes))
    const rename = (id: number) => names.set(id, (names.get(id) ?? 0) + 1)
    return { loads, page, rename, user }
  }

  test("P8 · inside a transaction, what derives from what it has written is not served", function*() {
    const { page, user } = world()
    const site = page().pipe(Cached.ttl("site", changes))
    const list = page("list", Array.from({ length: 70 }, (_, i) => i))
    const before = [yield* site, (yield* list).split(", ").length]
    expect(before).toEqual(["user 1 v0, user 2 v0", 70])
    const write = Cached.set(new User({ id: 1 }), "by hand", { ttl: "1 day" })
    const reads = Effect.all([site, page(), Effect.map(list, (list) => list.split(", ")[1]!)])
    const expected = ["by hand, user 2 v0", "by hand, user 2 v0", "by hand"]
    const inside = Effect.gen(function*() {
      // One that was read before, and those that were not.
      yield* page()
      yield* write
      expect(yield* reads).toEqual(expected)
      expect(yield* Transaction.run(reads)).toEqual(expected)
      expect(yield* Transaction.run(Effect.andThen(Cached.remove(new User({ id: 2 })), page()))).toContain("by hand")
      return yield* Effect.fail("rolled back")
    })
    yield* Effect.flip(Transaction.run(inside))
    expect(yield* site).toBe("user 1 v0, user 2 v0")
    yield* Transaction.run(
      Effect.andThen(write, Effect.flatMap(reads, (all) => Effect.sync(() => expect(all).toEqual(expected))))
    )
    // A memory with room for two has lost what was written.
    if (keeps) expect([...yield* reads, yield* user(1)]).toEqual([...expected, "by hand"])
  })

  test("P8 · a removal of what was read ends the entry", function*() {
    const { loads, page, rename } = world()
    expect(yield* page()).toBe("user 1 v0, user 2 v0")
    expect(yield* page()).toBe("user 1 v0, user 2 v0")
    expect(loads.filter((load) => load === "page")).toEqual(["page"])
    rename(1)
    yield* Cached.invalidate(new User({ id: 1 }))
    expect(yield* page()).toBe("user 1 v1, user 2 v0")
  })

  test("P8 · so does a write by hand, a touch does not", function*() {
    const { loads, page } = world()
    yield* page()
    yield* Cached.touch(new User({ id: 1 }), "2 days")
    yield* page()
    expect(loads.filter((load) => load === "page")).toEqual(["page"])
    yield* Cached.set(new User({ id: 1 }), "by hand", { ttl: "1 day" })
    if (keeps) expect(yield* page()).toBe("by hand, user 2 v0")
  })

  test("P8 · so does a tag, an index and the class of what was read", function*() {
    const { page, rename } = world()
    expect(yield* page()).toBe("user 1 v0, user 2 v0")
    rename(2)
    yield* Cached.invalidate({ tag: "other" })
    if (keeps) expect(yield* page()).toBe("user 1 v0, user 2 v0")
    yield* Cached.invalidate({ where: [User, { id: 2 }] })
    expect(yield* page()).toBe("user 1 v0, user 2 v1")
    rename(1)
    yield* Cached.invalidate({ all: User })
    expect(yield* page()).toBe("user 1 v1, user 2 v1")
  })

  test("P8 · an entry that was not read ends nothing", function*() {
    const { loads, page, user } = world()
    yield* user(3)
    yield* page()
    yield* Cached.invalidate(new User({ id: 3 }))
    yield* Cached.invalidate("other")
    yield* page()
    expect(loads.filter((load) => load === "page")).toEqual(["page"])
  })

  test("P8 · through entries that derive too, and not through others", function*() {
    const { page, rename } = world()
    const site = page().pipe(Cached.ttl("site", changes))
    const plain = page().pipe(Cached.ttl("plain", { ttl: "1 day" }))
    const over = plain.pipe(Cached.ttl("over", changes))
    yield* site
    yield* over
    rename(1)
    yield* Cached.invalidate(new User({ id: 1 }))
    expect(yield* site).toBe("user 1 v1, user 2 v0")
    if (keeps) expect(yield* over).toBe("user 1 v0, user 2 v0")
    yield* Cached.invalidate("plain")
    expect(yield* over).toBe("user 1 v1, user 2 v0")
  })

  test("P8 · a change of what was read while the load runs keeps its result out", function*() {
    const { rename, user } = world()
    const gate = yield* Deferred.make<void>()
    const slow = Effect.tap(user(1), () => Deferred.await(gate)).pipe(Cached.ttl("slow", changes))
    const { fiber: before } = yield* Effect.map(start(slow), (fiber) => ({ fiber }))
    yield* settle
    rename(1)
    yield* Cached.invalidate(new User({ id: 1 }))
    const after = yield* started(slow)
    yield* Deferred.succeed(gate, undefined)
    expect(yield* Fiber.join(before)).toBe("user 1 v0")
    // It came after the invalidation, and joins no load that read what was before it.
    expect(yield* Fiber.join(after)).toBe("user 1 v1")
    expect(yield* slow).toBe("user 1 v1")
  })

  test("P8 · a caller that joins while an inner load still runs reads again where that load was too old", function*() {
    const { rename, user } = world()
    const gate = yield* Deferred.make<void>()
    const inner = Effect.tap(user(1), () => Deferred.await(gate)).pipe(Cached.ttl("inner", changes))
    const outer = inner.pipe(Cached.ttl("outer", changes))
    const before = yield* started(outer)
    rename(1)
    yield* Cached.invalidate(new User({ id: 1 }))
    const after = yield* started(outer)
    yield* Deferred.succeed(gate, undefined)
    expect(yield* Fiber.join(before)).toBe("user 1 v0")
    expect(yield* Fiber.join(after)).toBe("user 1 v1")
    expect(yield* outer).toBe("user 1 v1")
  })

  test("a caller that joins after the source was read and before it changes shares the result", function*() {
    const { rename, user } = world()
    const gate = yield* Deferred.make<void>()
    let loads = 0
    const page = Effect.suspend(() => {
      loads++
      return Effect.tap(user(1), () => Deferred.await(gate))
    }).pipe(Cached.ttl("page", changes))
    const before = yield* started(page)
    // Something else changes, so that it does not join in the moment of its beginning.
    yield* Cached.invalidate({ tag: "others" })
    const between = yield* started(page)
    rename(1)
    yield* Cached.invalidate(new User({ id: 1 }))
    yield* Deferred.succeed(gate, undefined)
    expect(yield* Fiber.join(before)).toBe("user 1 v0")
    expect(yield* Fiber.join(between)).toBe("user 1 v0")
    expect(loads).toBe(1)
    expect(yield* page).toBe("user 1 v1")
  })

  test("a change before it is read does not keep the result out", function*() {
    const { user } = world()
    const gate = yield* Deferred.make<void>()
    let loads = 0
    const outer = Effect.suspend(() => {
      loads++
      return Effect.andThen(Deferred.await(gate), user(1))
    }).pipe(Cached.ttl("outer", changes))
    // Something depends on it already.
    yield* user(1).pipe(Cached.ttl("other", changes))
    const reading = yield* started(outer)
    yield* Cached.invalidate(new User({ id: 1 }))
    yield* Cached.invalidate({ all: User })
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.join(reading)
    yield* outer
    expect(loads).toBe(1)
  })

  test("an absent entry counts too", function*() {
    const found = Effect.map(Cached.getOption(new User({ id: 1 })), Option.isSome).pipe(
      Cached.ttl("found", changes)
    )
    expect(yield* found).toBe(false)
    yield* Cached.set(new User({ id: 1 }), "there", { ttl: "1 day" })
    expect(yield* found).toBe(true)
    yield* Cached.invalidate(new User({ id: 1 }))
    expect(yield* found).toBe(false)
  })

  test("it ends with the first end of what was read", function*() {
    const short = Effect.succeed(1).pipe(Cached.ttl("short", { ttl: "1 minute" }))
    const outer = short.pipe(Cached.ttl("outer", changes))
    yield* outer
    expect(yield* Effect.map(Looking.expiresIn("outer"), Option.map(Duration.toMinutes))).toEqual(Option.some(1))
    yield* TestClock.adjust("1 minute")
    expect(yield* Cached.has("outer")).toBe(false)
  })

  test("keys of one call share what the call has read", function*() {
    const { rename, user } = world()
    let calls = 0
    const many = Cached.many(Post, (keys) =>
      Effect.suspend(() => {
        calls++
        return Effect.map(user(1), (name) => keys.map(({ id }) => Exit.succeed(`${id} of ${name}`)))
      }), { inherit: "changes", ttl: "1 day" })
    const posts = many([{ id: 1 }, { id: 2 }])
    yield* posts
    yield* posts
    if (keeps) expect(calls).toBe(1)
    rename(1)
    yield* Cached.invalidate(new User({ id: 1 }))
    expect((yield* posts).map(Exit.getSuccess)).toEqual([
      Option.some("1 of user 1 v1"),
      Option.some("2 of user 1 v1")
    ])
  })

  test("a refresh of what was read by its own strategy ends nothing", function*() {
    const { loads, page, user } = world()
    yield* page()
    yield* CachePolicy.refresh(user(1))
    yield* page()
    expect(loads.filter((load) => load === "page")).toEqual(["page"])
  })

  test("P8 · a stale value is no fallback once what it was made of has changed", function*() {
    const { user } = world()
    let isDown = false
    const gate = yield* Deferred.make<void>()
    const page = Effect.suspend(() => isDown ? Effect.andThen(Deferred.await(gate), Effect.fail("down")) : user(1))
      .pipe(Cached.softTtl("page", { inherit: "changes", softTtl: "1 minute", ttl: "1 day", fallbackOn: "all" }))
    expect(yield* page).toBe("user 1 v0")
    yield* TestClock.adjust("1 minute")
    isDown = true
    const before = yield* started(page)
    // Only the load has it now.
    yield* Effect.forEach([1, 2, 3], (n) => Effect.succeed(n).pipe(Cached.ttl(`other ${n}`, { ttl: "1 day" })))
    yield* Cached.invalidate(new User({ id: 1 }))
    const after = yield* started(Effect.flip(page))
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.await(before)
    expect(yield* Fiber.join(after)).toBe("down")
  })

  inMemory("of many ids of a group every change of the group counts", function*() {
    let loads = 0
    const item = (key: string) => Effect.succeed(key).pipe(Cached.ttl(key, { ttl: "1 day" }))
    const list = Effect.suspend(() => {
      loads++
      return Effect.forEach(Array.from({ length: 70 }, (_, i) => `item:${i}`), item)
    }).pipe(Cached.ttl("list", changes))
    yield* list
    yield* Cached.invalidate("other:1")
    yield* list
    expect(loads).toBe(1)
    yield* Cached.invalidate("item:69")
    yield* list
    expect(loads).toBe(2)
    yield* Cached.invalidate("item:new")
    yield* list
    expect(loads).toBe(3)
  })

  test("a value that another cache has served keeps the result out", function*() {
    const other = yield* Layer.build(CacheLayer.memory())
    let loads = 0
    const inner = Effect.succeed(1).pipe(Cached.ttl("inner", { ttl: "1 day" }), Effect.provide(other))
    const outer = Effect.suspend(() => (loads++, inner)).pipe(Cached.ttl("outer", changes))
    yield* outer
    yield* outer
    expect(loads).toBe(2)
    expect((yield* Cached.stats).refused).toBe(2)
  })

  test.each([
    { name: "readers at once", read: <A, E, R>(self: Effect.Effect<A, E, R>) => self, loads: 2 },
    { name: "refreshes asked for together", read: CachePolicy.refresh, loads: 1 }
  ])("P1, P3 · $name do not load one after another if another cache has served a value", function*({ loads, read }) {
    const other = yield* Layer.build(CacheLayer.memory())
    let begun = 0
    const inner = Effect.succeed(1).pipe(Cached.ttl("inner", { ttl: "1 day" }), Effect.provide(other))
    const outer = Effect.suspend(() => (begun++, Effect.delay(inner, "1 second"))).pipe(
      Cached.ttl("outer", changes)
    )
    const before = yield* Clock.currentTimeMillis
    const reading = yield* start(
      Effect.forEach([1, 2, 3, 4, 5], () => Effect.andThen(read(outer), Clock.currentTimeMillis), {
        concurrency: "unbounded"
      })
    )
    yield* TestClock.adjust("1 minute")
    const last = Math.max(...yield* Fiber.join(reading))
    expect([begun, last - before]).toEqual([loads, loads * 1000])
  })

  test("a value that was read and refused is reported", function*() {
    const { user } = world()
    const gate = yield* Deferred.make<void>()
    const told: Array<string> = []
    yield* Effect.forkScoped(Stream.runForEach(Cached.events(), (event) =>
      Effect.sync(() => {
        if (event._tag === "Refused") told.push(`${event.id}: ${event.because}`)
      })))
    yield* settle
    const page = Effect.tap(user(1), () => Deferred.await(gate)).pipe(Cached.ttl("page", changes))
    const reading = yield* started(page)
    yield* Cached.invalidate(new User({ id: 1 }))
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.join(reading)
    yield* settle
    expect(told).toEqual(["page: dependency"])
  })
})

describe("while a store is asked that answers late", () => {
  /** Two caches over one store; the tags of what is found come a second later to the second one. */
  const two = Effect.gen(function*() {
    const store = MemoryStore.make()
    const slow: Store.Store = {
      ...store,
      getUnsafe: undefined,
      get: (id, tags) =>
        tags.length === 0 ? store.get(id, tags) : Effect.tap(store.get(id, tags), Effect.sleep("1 second"))
    }
    const overIt = (store: Store.Store) =>
      Effect.map(
        Layer.build(
          Layer.provide(CacheLayer.layer({ storeTimeout: "1 minute" }), Layer.succeed(Store.Store, store))
        ),
        (context) => Effect.provide(context)
      )
    return { first: yield* overIt(store), second: yield* overIt(slow) }
  })

  let version = 0
  const source = Effect.sync(() => version).pipe(Cached.ttl("source", { ttl: "1 day" }))
  const posts = Cached.many(
    Post,
    (keys) => Effect.map(source, (version) => keys.map(() => Exit.succeed(`v${version}`))),
    { inherit: "changes", ttl: "1 day" }
  )([{ id: 1 }, { id: 2 }])
  const keys = [new Post({ id: 1 }), new Post({ id: 2 })]

  test.each([
    { name: "a look-up", read: Cached.getOption(keys[0]!) },
    { name: "a look-up of many", read: Cached.getMany(keys) },
    { name: "a read of many", read: posts }
  ])("P8 · $name inside a load takes over nothing from before a change here", function*({ read }) {
    version = 0
    const { first, second } = yield* two
    yield* first(posts)
    const page = Effect.map(read as typeof posts, (found) => JSON.stringify(found)).pipe(
      Cached.ttl("page", changes)
    )
    const reading = yield* started(second(page))
    // The store has read the versions, and the answer is on its way.
    version = 1
    yield* second(Cached.invalidate("source"))
    yield* TestClock.adjust("1 minute")
    yield* Fiber.join(reading)
    expect(yield* taking("1 minute", second(page))).not.toContain("v0")
  })
})

describe.each(caches.filter(({ keeps, name }) => keeps && !name.includes("small")))("over $name", ({ layer }) => {
  const test = testIn(layer())

  it.effect.each(
    [
      ["takes over what changes", { inherit: "changes" }],
      ["has a tag of its own", { tags: ["src"] }]
    ] as const
  )(
    "P8 · a consumer that comes after a change joins no stream whose origin waits for a load that %s",
    ([, inner]) =>
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        let version = 0
        const src = Effect.sync(() => version).pipe(Cached.ttl("src", { ttl: "1 day", tags: ["src"] }))
        const part = Effect.tap(src, () => Deferred.await(gate)).pipe(
          Cached.ttl("part", { ttl: "1 day", ...inner })
        )
        const rows = Stream.fromEffect(part).pipe(Cached.stream("rows", changes))
        const before = yield* started(Stream.runCollect(rows))
        version = 1
        yield* Cached.invalidate({ tag: "src" })
        const after = yield* started(Stream.runCollect(rows))
        yield* Deferred.succeed(gate, undefined)
        expect(yield* Fiber.join(before)).toEqual([0])
        expect(yield* Fiber.join(after)).toEqual([1])
        expect(yield* Stream.runCollect(rows)).toEqual([1])
      }).pipe(Effect.provide(layer()))
  )

  test("P8 · a stream that derives ends with what its origin has read, and is replayed until then", function*() {
    let version = 0
    let runs = 0
    const user = Effect.sync(() => version).pipe(Cached.ttl("user:1", { ttl: "1 day" }))
    const rows = Stream.unwrap(Effect.map(user, (version) => Stream.make(version, ++runs)))
      .pipe(Cached.stream("rows", changes))
    const page = Effect.map(Stream.runCollect(rows), (rows) => rows.join()).pipe(
      Cached.ttl("page", changes)
    )
    const both = Effect.all([Stream.runCollect(rows), page])
    expect(yield* both).toEqual([[0, 1], "0,1"])
    expect(yield* both).toEqual([[0, 1], "0,1"])
    for (
      const change of [Cached.invalidate("user:1"), Cached.set("user:1", 2), Cached.remove({ matching: "user:*" })]
    ) {
      version++
      const before = runs
      yield* change
      expect(yield* both).toEqual([[version, before + 1], `${version},${before + 1}`])
      expect(runs).toBe(before + 1)
    }
  })

  test("64 ids of a group are known one by one; where there are more, the group is", function*() {
    const item = (n: number) => Effect.succeed(n).pipe(Cached.ttl(`item:${n}`, { ttl: "1 day" }))
    const list = (count: number) =>
      Effect.asVoid(Effect.forEach(Array.from({ length: count }, (_, i) => i), item)).pipe(
        Cached.ttl(`list ${count}`, changes)
      )
    const known = Effect.gen(function*() {
      yield* list(64)
      yield* list(65)
      return yield* Effect.forEach(
        ["list 64", "list 65"],
        (key) => Effect.map(Cached.getEntry(key), Option.getOrUndefined)
      )
    })
    const [few, many] = yield* known
    expect(few!.dependsOn).toEqual(Array.from({ length: 64 }, (_, i) => `item:${i}`))
    expect(many!.dependsOn).toContain("item:*")
    expect(many!.dependsOn).not.toContain("item:64")
    yield* Cached.remove("item:1000")
    expect(yield* Effect.filter(["list 64", "list 65"], Cached.has)).toEqual(["list 64"])
  })
})

it.effect("an entry with 256 tags is stored, one with more stays in memory, and one warning says so", () => {
  const { logger, warnings } = warner("The result of")
  return Effect.gen(function*() {
    const store = MemoryStore.make()
    const cache = Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, store))
    const item = (n: number) => Effect.succeed(n).pipe(Cached.ttl(`item ${n}`, { ttl: "1 day" }))
    const list = (key: string, count: number) =>
      Effect.asVoid(Effect.forEach(Array.from({ length: count }, (_, i) => i), item)).pipe(
        Cached.ttl(key, changes)
      )
    const lists = Effect.all([list("256", 256), list("257", 257), list("257", 257), list("258", 258)])
    yield* Effect.provide(
      Effect.gen(function*() {
        yield* lists
        expect(yield* Effect.filter(["256", "257"], Cached.has)).toEqual(["256", "257"])
        yield* Cached.invalidate("item 3")
        expect(yield* Effect.filter(["256", "257"], Cached.has)).toEqual([])
        yield* lists
      }),
      cache
    )
    const stored = yield* store.getMany(["256", "257", "258"])
    expect(stored.map((entry) => entry !== undefined)).toEqual([true, false, false])
    expect(warnings.map((warning) => warning.slice(0, 39))).toEqual([
      "The result of \"257\" stays in memory and"
    ])
  }).pipe(Effect.provide(Logger.layer([logger])))
})

describe("a store that does not report the marker of a tag", () => {
  test.each([
    { name: "at all", isKnown: false },
    { name: "with one of two entries that have it", isKnown: true }
  ])("$name gets no entry that derives from what has the tag", function*({ isKnown }) {
    let isDown = true
    const store = MemoryStore.make()
    const silent: Store.Store = {
      ...store,
      markers: (tags) =>
        isDown && tags.includes("team")
          ? Effect.fail(new CacheError.StoreError({ store: "memory", operation: "markers", reason: "Unavailable" }))
          : store.markers(tags)
    }
    const cache = Layer.build(
      Layer.provide(CacheLayer.layer({ memory: true }), Layer.succeed(Store.Store, silent))
    )
    const first = Effect.provideContext(yield* cache)
    const member = (id: number) => Effect.succeed(id).pipe(Cached.ttl(`${id}`, { ttl: "1 day", tags: ["team"] }))
    const both = Effect.gen(function*() {
      isDown = false
      if (isKnown) yield* member(1)
      isDown = true
      return yield* member(2)
    })
    const page = both.pipe(Cached.ttl("page", changes))
    const site = page.pipe(Cached.ttl("site", changes))
    yield* first(site)
    expect(yield* store.getMany(["page", "site"])).toEqual([undefined, undefined])
    // In this process it is there until the tag is invalidated.
    expect(yield* first(Cached.getMany(["page", "site"]))).toEqual([Option.some(2), Option.some(2)])
    isDown = false
    yield* first(Cached.invalidate({ tag: "team" }))
    expect(yield* first(Cached.getMany(["page", "site"]))).toEqual([Option.none(), Option.none()])
  })
})

describe("a store that does not answer about markers", () => {
  const read = <A, E>(page: Effect.Effect<A, E, Caching.Caching>) => {
    const store: Store.Store = { ...MemoryStore.make(), markers: () => Effect.never }
    const cache = Layer.provide(CacheLayer.layer({ storeTimeout: "1 second" }), Layer.succeed(Store.Store, store))
    return taking("1 minute", Effect.provide(page, cache))
  }

  test("holds up a read inside a load no longer than the timeout of that read", function*() {
    const source = (timeout: number | (() => number)) =>
      Effect.delay(Effect.succeed("found"), "1 hour").pipe(
        Cached.ttl("source", { ttl: "1 day", timeout }),
        Effect.catch((error: CacheError.LoadTimeout) => Effect.succeed(error._tag))
      )
    const page = Effect.gen(function*() {
      const at = yield* Clock.currentTimeMillis
      const told = [yield* source(10), yield* source(() => 20)]
      return [...told, (yield* Clock.currentTimeMillis) - at]
    }).pipe(Cached.ttl("page", changes))
    expect(yield* read(page)).toEqual(["LoadTimeout", "LoadTimeout", 30])
  })

  test("does not hold up a read inside a load that an option or a timeout function ends", function*() {
    const wrong = "soon" as never
    const options = [{ timeout: 10, retryAfter: wrong }, { timeout: () => 10, retryAfter: wrong }, {
      timeout: () => wrong
    }]
    const page = Effect.forEach(options, (given) =>
      Effect.gen(function*() {
        const at = yield* Clock.currentTimeMillis
        const exit = yield* Effect.exit(Effect.succeed(1).pipe(Cached.ttl("source", { ttl: "1 day", ...given })))
        const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        return [error instanceof CacheError.CacheConfigError, (yield* Clock.currentTimeMillis) - at]
      })).pipe(Cached.ttl("page", changes))
    expect(yield* read(page)).toEqual([[true, 0], [true, 0], [true, 0]])
  })

  test("holds up a read of many inside a load no longer than the timeout of each key", function*() {
    let asked = 0
    const users = (timeout: number | ((user: User) => number)) =>
      Cached.many(User, (keys) => Effect.delay(Effect.succeed(keys.map(() => Exit.succeed("found"))), "1 hour"), {
        ttl: "1 day",
        timeout
      })
    const tags = (exits: ReadonlyArray<Exit.Exit<unknown, unknown>>) =>
      exits.map((exit) => Exit.isFailure(exit) ? (Cause.squash(exit.cause) as { readonly _tag: string })._tag : "")
    const page = Effect.gen(function*() {
      const at = yield* Clock.currentTimeMillis
      const told = [
        ...tags(yield* users(10)([{ id: 1 }, { id: 2 }])),
        ...tags(yield* users(({ id }) => (asked++, id * 5))([{ id: 3 }, { id: 4 }]))
      ]
      return [...told, (yield* Clock.currentTimeMillis) - at]
    }).pipe(Cached.ttl("page", changes))
    expect(yield* read(page)).toEqual([...Array.from({ length: 4 }, () => "LoadTimeout"), 30])
    // Each once.
    expect(asked).toBe(2)
  })
})

describe("two processes over one store", () => {
  /** `there` is another process: `here` receives its removals every 50 milliseconds. */
  const world = Effect.gen(function*() {
    const store = MemoryStore.make()
    const log: Array<Store.Change> = []
    const state = {
      version: 0,
      isDown: (): boolean => false,
      written: (_id: string): Effect.Effect<unknown> => Effect.void,
      answered: (_tags: ReadonlyArray<string>): Effect.Effect<unknown> => Effect.void
    }
    const removed = (id: string) => Effect.sync(() => void log.push({ _tag: "Changed", id }))
    const capabilities = { ...store.capabilities, shared: true, changes: true }
    const down = Effect.fail(
      new CacheError.StoreError({ store: "memory", operation: "markers", reason: "Unavailable" })
    )
    let heard = 0
    const here = {
      ...store,
      capabilities,
      markers: (tags: ReadonlyArray<string>) =>
        Effect.suspend(() => state.isDown() ? down : store.markers(tags)).pipe(Effect.tap(() => state.answered(tags))),
      commit: (requests: Parameters<Store.Store["commit"]>[0]) =>
        Effect.tap(store.commit(requests), () => Effect.forEach(requests, ({ id }) => Effect.orDie(state.written(id)))),
      changesUnsafe: () => log.slice(heard, heard = log.length)
    }
    const there = {
      ...store,
      capabilities,
      changesUnsafe: () => [],
      remove: (ids: ReadonlyArray<string>) => Effect.tap(store.remove(ids), Effect.forEach(ids, removed))
    }
    const run = (store: Store.Store) =>
      Effect.map(
        Layer.build(Layer.fresh(Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, store)))),
        (context) => Effect.provide(context)
      )
    const gate = yield* Deferred.make<void>()
    const source = Effect.suspend(() => Effect.as(Deferred.await(gate), state.version)).pipe(
      Cached.ttl("source", { ttl: "1 day" })
    )
    // A process that is granted a lease polls for changes: later ones have not arrived yet.
    const begun = yield* Deferred.make<void>()
    const page = Effect.andThen(Deferred.await(begun), Effect.map(source, (version) => `v${version}`)).pipe(
      Cached.ttl("page", changes)
    )
    const site = page.pipe(Cached.ttl("site", changes))
    return { begun, gate, here: yield* run(here), log, page, site, source, state, there: yield* run(there) }
  })

  test("P8 · a load that runs since before its marker was requested is not taken over, at any level", function*() {
    const { begun, gate, here, page, site, source, state, there } = yield* world
    const before = yield* start(here(source))
    const reading = yield* start(here(site))
    const joined = yield* started(here(site))
    state.version = 1
    yield* there(Cached.invalidate("source"))
    yield* Deferred.succeed(begun, undefined)
    yield* settle
    yield* Deferred.succeed(gate, undefined)
    expect(yield* Fiber.join(before)).toBe(0)
    yield* Fiber.join(reading)
    // No change has arrived since it joined, and yet one may have been there before.
    expect(yield* Fiber.join(joined)).toBe("v1")
    for (const read of [site, page]) {
      expect(yield* there(read)).toBe("v1")
      expect(yield* here(read)).toBe("v1")
    }
  })

  test("P8 · an entry written before its marker was requested is not taken over, whenever the store says it", function*() {
    const { begun, gate, here, page, site, source, state, there } = yield* world
    const told = yield* Deferred.make<void>()
    state.written = (id) => id === "source" ? Deferred.await(told) : Effect.void
    yield* Deferred.succeed(gate, undefined)
    const before = yield* start(here(source))
    const reading = yield* started(here(site))
    state.version = 1
    yield* there(Cached.invalidate("source"))
    yield* Deferred.succeed(begun, undefined)
    yield* settle
    yield* Deferred.succeed(told, undefined)
    yield* Fiber.join(before)
    yield* Fiber.join(reading)
    yield* TestClock.adjust("100 millis")
    for (const read of [site, page]) {
      expect(yield* there(read)).toBe("v1")
      expect(yield* here(read)).toBe("v1")
    }
  })

  test("P8 · a caller that knows of a change is not answered by a load that read an older value", function*() {
    const { begun, gate, here, site, source, state, there } = yield* world
    const before = yield* start(here(source))
    const reading = yield* started(here(site))
    state.version = 1
    yield* there(Cached.invalidate("source"))
    yield* Deferred.succeed(begun, undefined)
    yield* settle
    yield* TestClock.adjust("100 millis")
    const after = yield* started(here(site))
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.join(before)
    yield* Fiber.join(reading)
    expect(yield* Fiber.join(after)).toBe("v1")
  })

  it.effect("P8 · a change that arrives while the marker is asked for keeps the result out: it may be the last", () =>
    Effect.gen(function*() {
      const { begun, gate, here, log, page, state, there } = yield* world
      yield* Deferred.succeed(begun, undefined)
      yield* Deferred.succeed(gate, undefined)
      const told = yield* Deferred.make<void>()
      const asked: Array<string> = []
      state.answered = (tags) => Effect.andThen(Effect.sync(() => asked.push(...tags)), Deferred.await(told))
      const reading = yield* started(here(page))
      // The removal ends the marker, which is reported. From then on there is none whose end could be reported.
      yield* there(Cached.invalidate("source"))
      log.push(...asked.map((tag) => ({ _tag: "TagChanged", tag }) as const))
      yield* TestClock.adjust("100 millis")
      yield* Deferred.succeed(told, undefined)
      expect(yield* Fiber.join(reading)).toBe("v0")
      state.version = 1
      yield* there(Cached.invalidate("source"))
      yield* TestClock.adjust("100 millis")
      expect(yield* here(page)).toBe("v1")
    }).pipe(Effect.scoped))

  test("P8 · a result made without the store stays in this process, and ends when the store answers", function*() {
    const { begun, gate, here, site, state, there } = yield* world
    yield* Deferred.succeed(begun, undefined)
    yield* Deferred.succeed(gate, undefined)
    // The store answers the marker of the page, and not that of the source.
    let asked = 0
    state.isDown = () => ++asked === 2
    expect(yield* here(site)).toBe("v0")
    expect(asked).toBe(2)
    expect((yield* here(Cached.stats)).storeFailures).toBe(1)
    state.version = 1
    yield* there(Cached.invalidate("source"))
    expect(yield* there(site)).toBe("v1")
    yield* TestClock.adjust("100 millis")
    // Answered, as the first time was not.
    yield* here(Effect.succeed(1).pipe(Cached.ttl("other", { tags: ["tag"], ttl: "1 day" })))
    expect(yield* here(site)).toBe("v1")
  })
})

it.effect.each(caches)("inside a transaction over $name, a load that derives reads the same cache", ({ layer }) => {
  const warnings: Array<string> = []
  const logger = Logger.make(({ message }) => void warnings.push(String(message)))
  const user = Effect.succeed("Ada").pipe(Cached.ttl("user", { ttl: "1 day" }))
  const page = user.pipe(Cached.ttl("page", changes))
  const site = page.pipe(Cached.ttl("site", changes))
  return Effect.gen(function*() {
    yield* Transaction.run(site)
    yield* page
    yield* Transaction.run(site)
    expect(warnings).toEqual([])
  }).pipe(Effect.provide(layer()), Effect.provide(Logger.layer([logger])))
})

describe("a look-up in a store that was down", () => {
  test.each([
    { name: "one key", keys: ["page"] },
    { name: "several", keys: ["page", "site"] }
  ])(
    "P8 · $name: what was invalidated before it is not found, though the store answers of before",
    function*({ keys }) {
      const store = MemoryStore.make()
      const told = yield* Deferred.make<void>()
      let isDown = false
      let isSlow = false
      const slow: Store.Store = {
        ...store,
        getUnsafe: undefined,
        get: (id, tags) =>
          Effect.tap(store.get(id, tags), () => isSlow && tags.length > 0 ? Deferred.await(told) : Effect.void),
        remove: pluralOf.remove((id) =>
          isDown
            ? Effect.fail(new CacheError.StoreError({ store: "memory", operation: "remove", reason: "Unavailable" }))
            : singly(store).remove(id)
        )
      }
      const source = Effect.succeed(0).pipe(Cached.ttl("source", { ttl: "1 day" }))
      const page = source.pipe(Cached.ttl("page", changes))
      const site = page.pipe(Cached.ttl("site", changes))
      yield* Effect.gen(function*() {
        yield* site
        expect(yield* Effect.filter(keys, Cached.has)).toEqual(keys)
        isDown = true
        yield* Cached.invalidate("source")
        isDown = false
        isSlow = true
        const looking = yield* started(Cached.getMany(keys))
        // It takes the place of the first one, and is carried out.
        yield* Cached.invalidate("source")
        yield* Deferred.succeed(told, undefined)
        expect(yield* Fiber.join(looking)).toEqual(keys.map(() => Option.none()))
      }).pipe(Effect.provide(
        Layer.provide(CacheLayer.layer({ memory: false }), Layer.succeed(Store.Store, slow))
      ))
    }
  )
})

describe("where a store cannot tell", () => {
  const fails = (layer: Layer.Layer<Caching.Caching>) =>
    Effect.gen(function*() {
      const page = Effect.succeed(1).pipe(Cached.ttl("page", changes))
      const exit = yield* Effect.exit(page)
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheConfigError)
    }).pipe(Effect.provide(layer))

  it.effect("a read says so", () => fails(Layer.suspend(() => over(fakeStore()))))
})
