/** Several caches in one program, by name. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, Layer, ManagedRuntime, Option, Schema, Scope, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy, Caching } from "effect-cached"
import { RecordingCache } from "effect-cached/testing"
import { TestClock } from "effect/testing"
import { cacheOf } from "../../src/internal/engine/boundCache.ts"
import { type Cache, caches, counting, ended, fakeStore, over, settle, start } from "../support/caches.ts"
import { warningsOf } from "../support/logged.ts"
import * as Looking from "../support/looking.ts"
import { test, testIn } from "../support/tests.ts"

class A extends Context.Service<A, Caching.Shape>()("A") {}
class B extends Context.Service<B, Caching.Shape>()("B") {}

const get = <A, E, R>(load: Effect.Effect<A, E, R>, key = "k") => load.pipe(Cached.ttl(key, { ttl: "1 hour" }))

/** Each over a store of its own, also where that store is a constant. */
const both = ({ layer }: Cache) =>
  Layer.mergeAll(
    Layer.fresh(layer()),
    CacheLayer.named(A, Layer.fresh(layer())),
    CacheLayer.named(B, Layer.fresh(layer()))
  )

describe("two services of one name", () => {
  const Other = (() => {
    class A extends Context.Service<A, Caching.Shape>()("A") {}
    return A
  })()
  const [one, other] = [CacheLayer.named(A, CacheLayer.memory()), CacheLayer.named(Other, CacheLayer.memory())]
  const read = get(Effect.succeed(1)).pipe(Cached.withCache(A))

  test("are warned of: side by side, and one inside the other", function*() {
    const provided = [
      read.pipe(Effect.provide([one, other])),
      read.pipe(Effect.provide(Layer.provideMerge(other, one))),
      read.pipe(Effect.provide(other), Effect.provide(one))
    ]
    for (const program of provided) {
      expect(yield* warningsOf(program)).toEqual([
        "Two services of caches have the name \"A\", so if both are provided, each gets the cache that was provided last: " +
        "give one of them another name"
      ])
    }
  })

  test("in two programs are none, nor is one service that is provided again", function*() {
    const two = Effect.andThen(read.pipe(Effect.provide(one)), read.pipe(Effect.provide(other)))
    expect(yield* warningsOf(two)).toEqual([])
    const again = CacheLayer.named(A, CacheLayer.memory())
    expect(yield* warningsOf(read.pipe(Effect.provide([one, again])))).toEqual([])
    expect(yield* warningsOf(read.pipe(Effect.provide(one), Effect.provide(again)))).toEqual([])
  })
})

class Squared extends CacheKey.Class<Squared>()("Squared", {
  payload: { n: Schema.Number },
  success: Schema.Number,
  tags: ["squares"]
}) {}

describe.each(caches)("several caches over $name", (cache) => {
  const test = testIn(both(cache))

  test("an entry cached in one is not in another", function*() {
    const { counts, load } = counting()
    const read = get(load)
    expect(yield* read).toBe(1)
    expect(yield* read.pipe(Cached.withCache(A))).toBe(2)
    expect(yield* read.pipe(Cached.withCache(B))).toBe(3)
    expect(yield* read).toBe(1)
    expect(yield* Cached.withCache(read, A)).toBe(2)
    expect(yield* Cached.withCache(read, B)).toBe(3)
    expect(counts.started).toBe(3)
  })

  test("operations and invalidations are those of the cache they use", function*() {
    yield* Cached.set("k", 0)
    yield* Cached.set("k", 1).pipe(Cached.withCache(A))
    yield* Cached.set("k", 2, { tags: ["t"] }).pipe(Cached.withCache(B))
    const all = Effect.gen(function*() {
      const found = [
        yield* Cached.getOption("k"),
        yield* Cached.getOption("k").pipe(Cached.withCache(A)),
        yield* Cached.getOption("k").pipe(Cached.withCache(B))
      ]
      return found.map(Option.getOrUndefined)
    })
    expect(yield* all).toEqual([0, 1, 2])
    yield* Cached.invalidate("k").pipe(Cached.withCache(A))
    expect(yield* all).toEqual([0, undefined, 2])
    yield* Cached.invalidate({ tag: "t" })
    yield* Cached.invalidate({ tag: "t" }).pipe(Cached.withCache(A))
    expect(yield* all).toEqual([0, undefined, 2])
    yield* Cached.invalidate({ tag: "t" }).pipe(Cached.withCache(B))
    expect(yield* all).toEqual([0, undefined, undefined])
    yield* Cached.clear.pipe(Cached.withCache(B))
    expect(yield* all).toEqual([0, undefined, undefined])
    yield* Cached.set("l", 1).pipe(Cached.withCache(B))
    expect(yield* Stream.runCollect(Cached.withCache(Looking.ids(), B))).toEqual(["l"])
    expect(yield* Stream.runCollect(Looking.ids())).toEqual(["k"])
  })

  test("each counts for itself", function*() {
    const { load } = counting()
    const read = get(load).pipe(Cached.withCache(A))
    yield* read
    yield* read
    const { loads } = yield* Cached.stats
    const a = yield* Cached.stats.pipe(Cached.withCache(A))
    const b = yield* Cached.stats.pipe(Cached.withCache(B))
    expect([loads, a.loads, b.loads]).toEqual([0, 1, 0])
    expect(a.hits + a.storeHits).toBe(1)
  })

  test("the nearest withCache wins, before that of what is around it", function*() {
    const { load } = counting()
    const inner = get(load).pipe(Cached.withCache(A), Cached.withCache(B))
    expect(yield* inner).toBe(1)
    expect(yield* get(load).pipe(Cached.withCache(A))).toBe(1)
    expect(yield* get(load).pipe(Cached.withCache(B))).toBe(2)
    // After it the one around counts again, also where it fails.
    const around = Effect.gen(function*() {
      const before = yield* get(load)
      yield* Effect.exit(Cached.withCache(Effect.fail("no"), A))
      return [before, yield* get(load)]
    })
    expect(yield* around.pipe(Cached.withCache(B))).toEqual([2, 2])
  })

  test("a read inside a load uses the same cache, unless it names another", function*() {
    const inner = counting()
    const elsewhere = counting()
    const load = Effect.all([get(inner.load, "inner"), get(elsewhere.load, "elsewhere").pipe(Cached.withCache(B))])
    yield* get(load, "outer").pipe(Cached.withCache(A))
    yield* get(inner.load, "inner").pipe(Cached.withCache(A))
    expect(inner.counts.started).toBe(1)
    yield* get(elsewhere.load, "elsewhere").pipe(Cached.withCache(B))
    expect(elsewhere.counts.started).toBe(1)
    yield* get(inner.load, "inner")
    expect(inner.counts.started).toBe(2)
  })

  test("cached functions belong to a cache, with their members", function*() {
    let loads = 0
    const strategy = { ttl: "1 hour" } as const
    const square = Cached.withCache(
      Cached.fn(Squared, ({ n }) => Effect.sync(() => n * n + 1000 * loads++), strategy),
      A
    )
    expect(yield* square({ n: 2 })).toBe(4)
    expect(yield* square({ n: 2 })).toBe(4)
    expect(CacheKey.id(square.key({ n: 2 }))).toBe(CacheKey.id(new Squared({ n: 2 })))
    expect(yield* Cached.has(square.key({ n: 2 })).pipe(Cached.withCache(A))).toBe(true)
    expect(yield* Cached.has(square.key({ n: 2 }))).toBe(false)
    expect(yield* square.refresh({ n: 2 })).toBe(1004)
    expect(yield* square({ n: 2 })).toBe(1004)
    yield* square.invalidate({ n: 2 })
    expect(yield* square({ n: 2 })).toBe(2004)
    yield* Cached.invalidate({ all: Squared })
    expect(yield* square({ n: 2 })).toBe(2004)

    const squares = Cached.withCache(
      Cached.many(Squared, (keys) => Effect.succeed(keys.map(({ n }) => Exit.succeed(n * n))), strategy),
      A
    )
    expect(yield* squares([{ n: 2 }, { n: 3 }])).toEqual([Exit.succeed(2004), Exit.succeed(9)])
    yield* squares.invalidate([{ n: 2 }])
    expect(yield* squares.refresh([{ n: 2 }])).toEqual([Exit.succeed(4)])
    expect(yield* Cached.has(new Squared({ n: 3 }))).toBe(false)
  })
})

const memories = Layer.mergeAll(
  CacheLayer.memory(),
  CacheLayer.named(A, CacheLayer.memory()),
  CacheLayer.named(B, CacheLayer.memory())
)

const inMemory = testIn(memories)

describe("one cache that reads another", () => {
  inMemory("may do so under the same key", function*() {
    const { counts, load } = counting(10)
    const near = get(load).pipe(Cached.withCache(B), (far) => get(far), Cached.withCache(A))
    const readers = yield* Effect.forEach([1, 2, 3], () => start(near))
    yield* TestClock.adjust(10)
    expect(readers.map(ended)).toEqual([Exit.succeed(1), Exit.succeed(1), Exit.succeed(1)])
    expect(counts.started).toBe(1)
  })

  const cycle = (id: string): Effect.Effect<number, never, A | B> =>
    Effect.suspend(() => cycle(id)).pipe(
      (self) => get(self, id).pipe(Cached.withCache(B)),
      (self) => get(self, id).pipe(Cached.withCache(A))
    )

  inMemory("a circle through both is a CacheCycle that names its way, no deadlock", function*() {
    const reader = yield* start(cycle("k"))
    yield* settle
    const exit = ended(reader)
    expect(exit !== "still waiting" && Exit.isFailure(exit) && Cause.squash(exit.cause)).toEqual(
      new CacheError.CacheCycle({ path: ["k", "k", "k"] })
    )
  })

  inMemory("so is one that two fibers close, each from its side", function*() {
    const a: Effect.Effect<number, never, A | B> = Effect.suspend(() => Effect.andThen(Effect.sleep(10), b)).pipe(
      (self) => get(self, "a").pipe(Cached.withCache(A))
    )
    const b: Effect.Effect<number, never, A | B> = Effect.suspend(() => Effect.andThen(Effect.sleep(10), a)).pipe(
      (self) => get(self, "b").pipe(Cached.withCache(B))
    )
    const readers = [yield* start(a), yield* start(b)]
    yield* TestClock.adjust(100)
    for (const reader of readers) {
      const exit = ended(reader)
      expect(exit !== "still waiting" && Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(
        CacheError.CacheCycle
      )
    }
  })

  inMemory("recursion from one into the other and back is deep", function*() {
    const deep = (n: number): Effect.Effect<number, never, A | B> =>
      n === 0
        ? Effect.succeed(0)
        : Effect.suspend(() => Effect.map(deep(n - 1), (m) => m + 1)).pipe(
          (self) => get(self, `${n}`),
          (self) => n % 2 === 0 ? Cached.withCache(self, A) : Cached.withCache(self, B)
        )
    expect(yield* deep(5000)).toBe(5000)
    // A load that ends at once completes by itself; waiting ones complete in a row.
    const slow = (n: number): Effect.Effect<number, never, A | B> =>
      n === 0
        ? Effect.as(Effect.sleep(10), 0)
        : Effect.suspend(() => Effect.map(slow(n - 1), (m) => m + 1)).pipe(
          (self) => get(self, `slow ${n}`),
          (self) => n % 2 === 0 ? Cached.withCache(self, A) : Cached.withCache(self, B)
        )
    const reader = yield* start(slow(5000))
    yield* settle
    yield* TestClock.adjust(10)
    expect(ended(reader)).toEqual(Exit.succeed(5000))
  })

  inMemory("interrupted at its deepest it leaves no load in either", function*() {
    const { counts, load } = counting(10)
    const deep = (n: number): Effect.Effect<number, never, A | B> =>
      get(n === 0 ? load : Effect.suspend(() => deep(n - 1)), `${n}`).pipe(
        Cached.withCache(B),
        (far) => Cached.withCache(get(far, `${n}`), A)
      )
    const reader = yield* start(deep(2000))
    yield* settle
    yield* Fiber.interrupt(reader)
    expect(counts).toEqual({ started: 1, ended: 0, interrupted: 1 })
    expect(yield* Cached.size.pipe(Cached.withCache(B))).toBe(0)
  })

  inMemory("does not keep what it has made of a stale value", function*() {
    let up = true
    const source = Effect.suspend(() => up ? Effect.succeed("good") : Effect.fail("down")).pipe(
      Cached.softTtl("source", { ttl: "1 hour", softTtl: "1 minute", fallbackOn: "all" }),
      Cached.withCache(B)
    )
    const { counts, load } = counting()
    const page = get(Effect.zip(source, load), "page").pipe(Cached.withCache(A))
    yield* source
    up = false
    yield* TestClock.adjust("2 minutes")
    expect(yield* page).toEqual(["good", 1])
    expect(yield* page).toEqual(["good", 2])
    expect(counts.started).toBe(2)
    expect((yield* Cached.stats.pipe(Cached.withCache(A))).refused).toBe(2)
  })

  testIn(Layer.merge(memories, CacheLayer.named(B, CacheLayer.disabled)))(
    "a load says of its own result only, whichever cache is disabled",
    function*() {
      const strategy = { ttl: "1 hour" } as const
      const inner = Cached.withCache(
        Cached.fn(Squared, ({ n }) =>
          Effect.gen(function*() {
            expect(yield* Cached.previous(Squared)).toEqual(Option.none())
            yield* Cached.annotate({ ttl: 0, tags: ["inner"] })
            return n * n
          }), strategy),
        B
      )
      const outer = Cached.withCache(Cached.fn(Squared, inner, strategy), A)
      yield* outer({ n: 2 })
      expect(yield* Cached.has(new Squared({ n: 2 })).pipe(Cached.withCache(A))).toBe(true)
      yield* outer.refresh({ n: 2 })
      expect(yield* Cached.has(new Squared({ n: 2 })).pipe(Cached.withCache(A))).toBe(true)
      const many = Cached.withCache(
        Cached.many(
          Squared,
          (keys) => Effect.as(Cached.annotate({ ttl: 0 }), keys.map(({ n }) => Exit.succeed(n * n))),
          strategy
        ),
        B
      )
      yield* get(many([{ n: 2 }]), "many").pipe(Cached.withCache(A))
      expect(yield* Cached.has("many").pipe(Cached.withCache(A))).toBe(true)
    }
  )

  test("closes before it where it is built over it: its load finds the other open", function*() {
    const over = CacheLayer.named(A, CacheLayer.memory()).pipe(
      Layer.provideMerge(CacheLayer.named(B, CacheLayer.memory()))
    )
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(over, scope)
    const { load } = counting()
    const page = get(Effect.andThen(Effect.sleep("1 second"), get(load).pipe(Cached.withCache(B))), "page")
    const reader = yield* start(page.pipe(Cached.withCache(A), Effect.provide(context)))
    const closing = yield* start(Scope.close(scope, Exit.void))
    yield* TestClock.adjust("1 second")
    expect(ended(reader)).toEqual(Exit.succeed(1))
    expect(ended(closing)).toEqual(Exit.void)
  })
})

describe("policies and watching hold for all caches", () => {
  inMemory("a policy around reads of both", function*() {
    const { counts, load } = counting()
    const one = get(load).pipe(Cached.withCache(A))
    const two = get(load).pipe(Cached.withCache(B))
    yield* Effect.all([one, two])
    expect(yield* Effect.all([one, two]).pipe(CachePolicy.bypass)).toEqual([3, 4])
    expect(yield* Effect.all([one, two]).pipe(CachePolicy.refresh)).toEqual([5, 6])
    expect(yield* Effect.all([one, two])).toEqual([5, 6])
    expect(yield* one.pipe(CachePolicy.bypass, Cached.withCache(B))).toBe(7)
    expect(counts.started).toBe(7)
  })

  inMemory("detect reports the reads of both, events those of one", function*() {
    const received: Array<string> = []
    yield* Effect.forkScoped(
      Stream.runForEach(
        Cached.withCache(Cached.events(), A),
        (event) => Effect.sync(() => received.push(event._tag))
      ),
      { startImmediately: true }
    )
    yield* settle
    const inner = get(Effect.succeed(1), "inner").pipe(Cached.withCache(B))
    const [, reads] = yield* Cached.detect(get(inner, "outer").pipe(Cached.withCache(A)))
    expect(reads.map(({ key, source }) => `${key}: ${source}`)).toEqual(["inner: load", "outer: load"])
    yield* settle
    expect(received).toEqual(["Miss", "Load"])
  })

  test("a store's failure under strict, from a named cache", function*() {
    const fake = fakeStore()
    const broken = new CacheError.StoreError({ store: "fake", operation: "get", reason: "Unavailable" })
    fake.behave = () => ({ before: Effect.fail(broken) })
    const read = get(Effect.succeed(1)).pipe(Cached.withCache(A))
    const failure = yield* Effect.flip(CachePolicy.strict(read)).pipe(
      Effect.provide(CacheLayer.named(A, over(fake)))
    )
    expect(failure).toMatchObject({ _tag: "StoreError" })
  })
})

describe("named", () => {
  test("one layer over two stores is two caches", function*() {
    const one = fakeStore()
    const two = fakeStore()
    const layers = Layer.merge(
      CacheLayer.named(A, over(one)),
      CacheLayer.named(B, Layer.provide(CacheLayer.layer(), two.layer))
    )
    const constant = Layer.merge(
      CacheLayer.named(A, Layer.provide(CacheLayer.layer(), one.layer)),
      CacheLayer.named(B, Layer.provide(CacheLayer.layer(), two.layer))
    )
    for (const layer of [layers, constant]) {
      const { load } = counting()
      yield* Effect.gen(function*() {
        yield* get(load).pipe(Cached.withCache(A))
        yield* get(load).pipe(Cached.withCache(B))
      }).pipe(Effect.provide(Layer.fresh(layer)))
      expect([one.entries.size, two.entries.size]).toEqual([1, 1])
      one.entries.clear()
      two.entries.clear()
    }
  })

  test("a layer that two parts of a program provide themselves with is one cache", function*() {
    class One extends Context.Service<One, Caching.Shape>()("One") {}
    class Two extends Context.Service<Two, Caching.Shape>()("Two") {}
    const over = CacheLayer.layer()
    const parts = Layer.merge(Layer.effect(One, Caching.Caching), Layer.effect(Two, Caching.Caching)).pipe(
      Layer.provide(over),
      Layer.provide(fakeStore().layer)
    )
    const apart = Layer.merge(
      Layer.provide(Layer.effect(One, Caching.Caching), over),
      Layer.provide(Layer.effect(Two, Caching.Caching), over)
    ).pipe(Layer.provide(fakeStore().layer))
    for (const layer of [parts, apart]) {
      const context = yield* Layer.build(layer)
      expect(Context.get(context, One)).toBe(Context.get(context, Two))
    }
  })

  test("two names of one layer die with what to do", function*() {
    const small = CacheLayer.memory()
    const exit = yield* Effect.exit(Layer.build(Layer.merge(CacheLayer.named(A, small), CacheLayer.named(B, small))))
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toEqual(
      new CacheError.CacheConfigError({
        message: `"A" and "B" were given the same cache: call CacheLayer.memory() (or disk, or layer) once for ` +
          "each of them"
      })
    )
  })

  test("one name twice, and a disabled cache under every name, are in order", function*() {
    const small = CacheLayer.memory()
    yield* Layer.build(Layer.merge(CacheLayer.named(A, small), CacheLayer.named(A, small)))
    const { load } = counting()
    const disabled = Layer.merge(
      CacheLayer.named(A, CacheLayer.disabled),
      CacheLayer.named(B, CacheLayer.disabled)
    )
    const reads = Effect.all([get(load).pipe(Cached.withCache(A)), get(load).pipe(Cached.withCache(B))])
    expect(yield* reads.pipe(Effect.provide(disabled))).toEqual([1, 2])
  })

  test("the program's cache can have a name too, and be come back to", function*() {
    const main = CacheLayer.memory()
    const { counts, load } = counting()
    const shared = get(load).pipe(Cached.withCache(B))
    yield* Effect.gen(function*() {
      yield* get(load)
      expect(yield* get(shared, "outer").pipe(Cached.withCache(A))).toBe(1)
      expect(counts.started).toBe(1)
    }).pipe(
      Effect.provide(Layer.mergeAll(main, CacheLayer.named(B, main), CacheLayer.named(A, CacheLayer.memory())))
    )
  })

  test("a name hides nothing that its layer gives beside the cache, nor the program's own cache", function*() {
    const { load } = counting()
    const recorded = CacheLayer.named(A, RecordingCache.layer(CacheLayer.memory()))
    yield* Effect.gen(function*() {
      yield* get(load)
      yield* get(load).pipe(Cached.withCache(A))
      const { reads } = yield* RecordingCache
      expect(yield* reads("k")).toEqual(["load"])
      expect((yield* Cached.stats).loads).toBe(1)
    }).pipe(Effect.provide(Layer.provideMerge(recorded, CacheLayer.memory())))
  })

  it("an argument that is neither a service nor a layer is refused at once", () => {
    expect(() => CacheLayer.named("A" as never, CacheLayer.memory())).toThrow(CacheError.CacheConfigError)
    expect(() => CacheLayer.named(A, {} as never)).toThrow(CacheError.CacheConfigError)
    expect(() => Cached.withCache("A" as never)(Effect.void)).toThrow(CacheError.CacheConfigError)
    expect(() => Cached.withCache(Effect.void, {} as never)).toThrow(CacheError.CacheConfigError)
  })

  it("a cache that is not provided says its name", async () => {
    const read = get(Effect.succeed(1)).pipe(Cached.withCache(A)) as Effect.Effect<number>
    await expect(Effect.runPromise(read)).rejects.toThrow("A")
  })
})

describe("from plain async code", () => {
  it("a runtime keeps its caches from call to call, and closes them when it is disposed", async () => {
    const { counts, load } = counting()
    const runtime = ManagedRuntime.make(Layer.merge(CacheLayer.memory(), CacheLayer.named(A, CacheLayer.memory())))
    const read = get(load)
    expect(await Promise.all([runtime.runPromise(read), runtime.runPromise(read)])).toEqual([1, 1])
    expect(await runtime.runPromise(Cached.withCache(read, A))).toBe(2)
    expect(await runtime.runPromise(read)).toBe(1)
    expect(counts.started).toBe(2)
    const { read: readClosed } = await runtime.runPromise(Effect.map(Caching.Caching, cacheOf))
    await runtime.dispose()
    const closed = { ...cacheOf(Caching.disabled), read: readClosed }
    const late = await Effect.runPromiseExit(get(load, "new").pipe(Effect.provideService(Caching.Caching, closed)))
    expect(Exit.isFailure(late) && Cause.squash(late.cause)).toBeInstanceOf(CacheError.CacheClosed)
    await expect(runtime.runPromise(read)).rejects.toThrow("ManagedRuntime disposed")
  })

  it("an entry in memory is there at once", async () => {
    const runtime = ManagedRuntime.make(CacheLayer.memory())
    const read = get(counting(1).load)
    expect(await runtime.runPromise(read)).toBe(1)
    expect(runtime.runSync(read)).toBe(1)
    await runtime.dispose()
  })

  it("a signal leaves a load that others wait for", async () => {
    const { counts, load } = counting(20)
    const runtime = ManagedRuntime.make(CacheLayer.memory())
    const read = get(load)
    const abort = new AbortController()
    const first = runtime.runPromiseExit(read, { signal: abort.signal })
    const second = runtime.runPromise(read)
    abort.abort()
    expect(Exit.hasInterrupts(await first)).toBe(true)
    expect(await second).toBe(1)
    expect(counts).toEqual({ started: 1, ended: 1, interrupted: 0 })
    await runtime.dispose()
  })
})
