/** A store behind others: parts of their own, code around operations, limits of payloads. */
import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Context, Effect, Exit, Layer, Option, Schema, Stream } from "effect"
import { Cached, CacheError, CacheLayer, CachePolicy, Transaction } from "effect-cached"
import { type CacheEntry, Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { SqliteStore } from "effect-cached/sqlite"
import { sharedStoreLaws, storeLaws, withTimePassing } from "effect-cached/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import { thirdOf } from "../support/everything.ts"
import { warningsOf } from "../support/logged.ts"
import { pluralOf } from "../support/pluralOf.ts"
import { slowStore } from "../support/slowStore.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { tempDirectory } from "../support/tempDirectory.ts"

type StoreLayer = Layer.Layer<Store.Store>
type Tap = (layer: StoreLayer) => StoreLayer

const over = (store: Store.Store, tap: Tap) =>
  Effect.map(Layer.build(tap(Layer.succeed(Store.Store, store))), (context) => Context.get(context, Store.Store))

/** A part of a store, for tests that are not about layers. */
const part = (store: Store.Store, prefix: string): Store.Store =>
  Effect.runSync(Effect.scoped(over(store, Store.tap({ prefix }))))

const identity = Store.tap({ around: (_, effect) => effect })

const taps: Record<string, Tap> = {
  "a prefix": Store.tap({ prefix: "app:" }),
  "a prefix with slashes and percents": Store.tap({ prefix: "a/b%/" }),
  "an around that changes nothing": identity,
  "all of it twice": (layer) => identity(taps["a prefix"]!(Store.tap({ prefix: "outer", maxSize: "2 MB" })(layer)))
}

const stores = {
  memory: Effect.sync(() => MemoryStore.make()),
  sqlite: Effect.flatMap(tempDirectory, (directory) => storeFrom(SqliteStore.layer({ directory }))),
  "a simple storage that answers late": slowStore
}

for (const [turn, [name, tap]] of Object.entries(taps).entries()) {
  for (const [at, [storeName, make]] of Object.entries(stores).entries()) {
    describe(`the laws of stores hold for ${storeName} behind ${name} (CA-21)`, () => {
      const laws = storeLaws<unknown>(Effect.flatMap(make, (store: Store.Store) => over(store, tap)))
      for (const law of thirdOf(laws, turn + at)) {
        it.effect(law.name, () => withTimePassing(law.run))
      }
    })
  }

  describe(`the laws of shared stores hold for two sqlite stores behind ${name}`, () => {
    const two = Effect.flatMap(tempDirectory, (directory) => {
      const one = Effect.flatMap(storeFrom(SqliteStore.layer({ directory })), (store) => over(store, tap))
      return Effect.all([one, one])
    })
    for (const law of thirdOf(sharedStoreLaws<unknown>(two), turn)) it.effect(law.name, () => withTimePassing(law.run))
  })
}

const entry = (text: string, tags: ReadonlyArray<CacheEntry.TagVersion> = []): CacheEntry.Stored => ({
  meta: {
    createdAt: 0,
    softExpiresAt: Infinity,
    expiresAt: Infinity,
    loadMillis: 0,
    outcome: "success",
    tags,
    writeId: "0".repeat(32),
    serializer: 1
  },
  payload: new TextEncoder().encode(text)
})

const textOf = (stored: CacheEntry.Stored | undefined) => stored && new TextDecoder().decode(stored.payload)
const textIn = (store: Store.Store, id: string) => Effect.map(store.get(id, []), ({ entry }) => textOf(entry))
const idsIn = (store: Store.Store) =>
  Effect.map(Stream.runCollect(store.scan()), (all) => Array.from(all, ({ id }) => id).toSorted())
const asking = (owner: string) => ({ owner, leaseMillis: 2000, rejectedWriteId: undefined, join: false })
const generationOf = (acquired: Store.Acquired) => acquired._tag === "Granted" ? acquired.generation : ""

const units = ["a", ":", "/", "%", "2", "F", "~"]
const Index = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: units.length - 1 }))
const ids = Arbitrary.map(
  Arbitrary.array(Arbitrary.schema(Index), { maxLength: 4 }),
  (indexes) => indexes.map((i) => units[i]).join("")
)
const prefixes = Arbitrary.map(
  Arbitrary.all({ first: Arbitrary.schema(Index), rest: ids }),
  ({ first, rest }) => `${units[first]}${rest}`
)

describe("the parts of a store are disjoint (CA-21)", () => {
  it.effect.prop(
    "whatever their prefixes are",
    { prefix: prefixes, id: ids, other: prefixes, otherId: ids },
    ({ id, other, otherId, prefix }) =>
      Effect.gen(function*() {
        if (prefix === other) return
        const store = MemoryStore.make()
        const [a, b] = [part(store, prefix), part(store, other)]
        yield* singly(a).set(id, entry("a"))
        yield* singly(b).set(otherId, entry("b"))
        expect(yield* idsIn(a)).toEqual([id])
        expect(yield* idsIn(b)).toEqual([otherId])
        const { markers } = yield* a.markers([id])
        yield* b.invalidateTags([otherId])
        yield* b.clear
        expect((yield* a.markers([id])).markers).toEqual(markers)
        expect(yield* a.increment(id, 1)).toBe(1)
        expect(yield* b.increment(otherId, 1)).toBe(1)
        expect(yield* textIn(a, id)).toBe("a")
        expect(yield* b.size).toBe(0)
        expect(yield* store.size).toBe(1)
      })
  )

  it.effect("where one begins with the other", () =>
    Effect.gen(function*() {
      const store = MemoryStore.make()
      const [a, av] = [part(store, "a"), part(store, "a:v")]
      yield* singly(a).set(":v1", entry("a"))
      yield* singly(a).set(":v/1", entry("a"))
      expect(yield* av.size).toBe(0)
      yield* av.clear
      expect(yield* a.size).toBe(2)
    }))

  it.effect("and written keys begin with the prefix, for a look into the store", () =>
    Effect.gen(function*() {
      const store = MemoryStore.make()
      yield* singly(part(store, "app:")).set("user", entry("u"))
      expect(yield* idsIn(store)).toEqual(["app:/user"])
    }))

  it.effect("under an entry's own tags, which come back as they were", () =>
    Effect.gen(function*() {
      const a = part(MemoryStore.make(), "a")
      const { markers } = yield* a.markers(["users"])
      const tags = [{ tag: "users", version: markers[0]!.version }]
      yield* singly(a).set("id", entry("x", tags))
      expect((yield* a.get("id", ["users"])).entry?.meta.tags).toEqual(tags)
      expect((yield* a.getMany(["id"]))[0]?.meta.tags).toEqual(tags)
      yield* a.invalidateTags(["users"])
      expect(yield* singly(a).set("id", entry("y"), { _tag: "IfPresent" })).toBe(false)
    }))

  it.effect("an entry under the prefix that its part did not write is a miss", () =>
    Effect.gen(function*() {
      const store = MemoryStore.make()
      yield* singly(store).set("a/id", entry("foreign"))
      const a = part(store, "a")
      expect((yield* a.get("id", [])).entry).toBeUndefined()
      expect(yield* a.size).toBe(0)
      expect((yield* singly(a).acquire("id", asking("me")))._tag).toBe("Granted")
    }))
})

describe("clear empties one part alone", () => {
  it.effect("and gives back the leases of callers that may lead beside others, too", () =>
    Effect.gen(function*() {
      const store = part(MemoryStore.make(), "a")
      const asking = { leaseMillis: 5000, rejectedWriteId: undefined }
      yield* singly(store).acquire("id", { ...asking, owner: "a", join: { afterMillis: 100 } })
      yield* store.clear
      expect(yield* singly(store).acquire("id", { ...asking, owner: "b", join: false })).toMatchObject({
        _tag: "Granted"
      })
    }))

  it.effect("and leaves none of its counters in the store", () =>
    Effect.gen(function*() {
      const inner = MemoryStore.make()
      const names: Array<string> = []
      const store = part({
        ...inner,
        increment: (name, ...rest) => {
          names.push(name)
          return inner.increment(name, ...rest)
        }
      }, "a")
      yield* store.increment("n", 1)
      yield* store.clear
      expect(yield* inner.counter(names[0]!)).toBeUndefined()
      yield* store.increment("n", 2)
      expect(yield* inner.counter(names[1]!)).toMatchObject({ value: 2 })
    }))

  const two = Effect.flatMap(
    tempDirectory,
    (directory) =>
      Effect.all([storeFrom(SqliteStore.layer({ directory })), storeFrom(SqliteStore.layer({ directory }))])
  )

  it.effect("and ends loads of other processes, also of ids that are not stored", () =>
    withTimePassing(Effect.gen(function*() {
      const [first, second] = yield* two
      const [mine, theirs, others] = [part(first, "a"), part(second, "a"), part(second, "b")]
      const cold = generationOf(yield* singly(theirs).acquire("cold", asking("them")))
      const other = generationOf(yield* singly(others).acquire("cold", asking("others")))
      yield* mine.clear
      expect(yield* singly(theirs).commit("cold", cold, entry("old"))).toBe(false)
      expect(yield* textIn(theirs, "cold")).toBeUndefined()
      expect(yield* singly(others).commit("cold", other, entry("b"))).toBe(true)
    })))

  it.effect("and the next caller may load and store", () =>
    withTimePassing(Effect.gen(function*() {
      const a = part(MemoryStore.make(), "a")
      yield* singly(a).acquire("cold", asking("first"))
      yield* a.clear
      yield* Effect.sleep("3 seconds")
      const generation = generationOf(yield* singly(a).acquire("cold", asking("second")))
      expect(yield* singly(a).commit("cold", generation, entry("new"))).toBe(true)
      expect(yield* textIn(a, "cold")).toBe("new")
    })))

  it.effect("and frees its room", () =>
    Effect.gen(function*() {
      const store = MemoryStore.make()
      const [a, b] = [part(store, "a"), part(store, "b")]
      for (const id of ["1", "2", "3"]) yield* singly(a).set(id, entry(id))
      yield* singly(b).set("1", entry("b"))
      yield* a.clear
      expect(yield* idsIn(store)).toEqual(["b/1"])
    }))

  it.effect("at once, where removing takes longer than one waits or nothing can be listed", () =>
    Effect.gen(function*() {
      const inner = MemoryStore.make()
      const unlisted = {
        ...inner,
        scan: () =>
          Stream.fromEffect(new CacheError.StoreError({ store: "m", operation: "scan", reason: "Unsupported" }))
      }
      const slow = { ...inner, remove: pluralOf.remove(() => Effect.never) }
      for (const store of [unlisted, slow]) {
        const a = part(store, "a")
        yield* singly(a).set("id", entry("x"))
        yield* withTimePassing(a.clear)
        expect(yield* textIn(a, "id")).toBeUndefined()
        expect(a.getUnsafe?.("id", []).entry).toBeUndefined()
        expect(yield* a.getMany(["id"])).toEqual([undefined])
        expect((yield* singly(a).acquire("id", asking("me")))._tag).toBe("Granted")
        expect(yield* singly(a).set("id", entry("y"), { _tag: "IfAbsent" })).toBe(true)
        expect(yield* textIn(a, "id")).toBe("y")
      }
    }))

  it.effect("and a commit that passes while it is cleared is not seen", () =>
    Effect.gen(function*() {
      const inner = MemoryStore.make()
      // The clear comes after the question whether the load may be stored still.
      const racing: Store.Store = {
        ...inner,
        commit: (requests) => Effect.andThen(part(inner, "a").clear, inner.commit(requests))
      }
      const a = part(racing, "a")
      const generation = generationOf(yield* singly(a).acquire("id", asking("me")))
      yield* singly(a).commit("id", generation, entry("old"))
      expect(yield* textIn(a, "id")).toBeUndefined()
    }))
})

describe("changes of a part", () => {
  it.effect("are its own, and what concerns all", () =>
    Effect.gen(function*() {
      const reported: ReadonlyArray<Store.Change> = [
        { _tag: "Changed", id: "a/1" },
        { _tag: "Changed", id: "b/1" },
        { _tag: "TagChanged", tag: "a/t" },
        { _tag: "TagChanged", tag: "b/t" },
        { _tag: "TagChanged", tag: "a%" },
        { _tag: "TagChanged", tag: "b%" },
        { _tag: "AllChanged" },
        { _tag: "Gap" },
        { _tag: "Coherent" },
        { _tag: "ManyChanged", mayBe: (id) => id === "a/1" || id === "b/2" }
      ]
      const store: Store.Store = {
        ...MemoryStore.make(),
        changes: Stream.fromIterable(reported),
        changesUnsafe: () => reported
      }
      const expected = [
        { _tag: "Changed", id: "1" },
        { _tag: "TagChanged", tag: "t" },
        { _tag: "AllChanged" },
        { _tag: "AllChanged" },
        { _tag: "Gap" },
        { _tag: "Coherent" },
        { _tag: "ManyChanged", mayBe: expect.any(Function) }
      ]
      const a = part(store, "a")
      const changes = a.changesUnsafe!()
      expect(changes).toEqual(expected)
      const many = changes.at(-1)
      expect(["1", "2"].map((id) => many?._tag === "ManyChanged" && many.mayBe(id))).toEqual([true, false])
      expect(Array.from(yield* Stream.runCollect(a.changes))).toEqual(expected)
    }))

  it("a part of a synchronous store is synchronous", () => {
    const a = part(MemoryStore.make(), "a")
    Effect.runSync(singly(a).set("id", entry("x")))
    expect(textOf(a.getUnsafe?.("id", []).entry)).toBe("x")
  })
})

class Tally extends Context.Service<Tally, { readonly calls: Array<string> }>()("Tally") {}

const tallied = Store.tap({
  around: ({ ids, operation, store }, effect) =>
    Effect.flatMap(
      Tally,
      ({ calls }) =>
        Effect.onExit(effect, (exit) =>
          Effect.sync(() => calls.push(`${store} ${operation} ${ids.map((id) => id.slice(0, 5))} ${exit._tag}`)))
    )
})

const cache = (layer: StoreLayer) => CacheLayer.layer().pipe(Layer.provide(layer))

describe("around (CA-20, CA-22, AI-21)", () => {
  it.effect("sees every operation, with the services of the layer", () =>
    Effect.gen(function*() {
      const calls: Array<string> = []
      const layer = MemoryStore.layer.pipe(tallied, Layer.provide(Layer.succeed(Tally, { calls })))
      yield* Effect.gen(function*() {
        const answer = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour", tags: ["t"] }))
        yield* answer
        yield* answer
        yield* Cached.invalidate("answer")
        yield* Cached.invalidate({ tag: "t" })
        yield* Cached.clear
      }).pipe(Effect.provide(cache(layer)))
      expect(calls).toEqual([
        "memory get answe Success",
        "memory markers t Success",
        "memory acquire answe Success",
        "memory commit answe Success",
        "memory remove answe Success",
        "memory invalidateTags t Success",
        "memory clear  Success"
      ])
    }))

  it.effect("sees each operation of the store, in whatever way it is asked", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const store = yield* over(
        MemoryStore.make(),
        Store.tap({
          around: ({ operation }, effect) => Effect.andThen(Effect.sync(() => seen.push(operation)), effect)
        })
      )
      expect(store.getUnsafe).toBeUndefined()
      const id = "id"
      const operations: Record<string, Effect.Effect<unknown, unknown>> = {
        get: store.get(id, []),
        getMany: store.getMany([id]),
        set: singly(store).set(id, entry("x")),
        remove: singly(store).remove(id),
        acquire: singly(store).acquire(id, asking("me")),
        commit: singly(store).commit(id, "", entry("x")),
        renew: singly(store).renew(id, "me", 1),
        release: store.release(id, "me"),
        markers: store.markers([]),
        invalidateTags: store.invalidateTags([]),
        size: store.size,
        clear: store.clear,
        increment: store.increment("n", 1)
      }
      for (const operation of Object.values(operations)) {
        yield* operation
        yield* operation
      }
      expect(seen).toEqual(Object.keys(operations).flatMap((name) => [name, name]))
      seen.length = 0
      yield* Effect.forEach(Array.from({ length: 600 }, (_, i) => i), (i) => singly(store).set(`${i}`, entry("x")))
      seen.length = 0
      expect(yield* Stream.runCount(store.scan())).toBe(600)
      expect(new Set(seen)).toEqual(new Set(["scan"]))
    }))

  it("needs its services of the layer, and none where it needs none", () => {
    const services: Layer.Layer<Store.Store, never, Tally> = MemoryStore.layer.pipe(tallied)
    // @ts-expect-error a Tally is needed
    const noServices: StoreLayer = MemoryStore.layer.pipe(tallied)
    const fromLayer: Layer.Layer<Store.Store, "failed", Tally> = identity(
      Layer.effect(Store.Store, Effect.andThen(Tally, Effect.fail("failed" as const)))
    )
    expect([services, noServices, fromLayer].every(Layer.isLayer)).toBe(true)
  })

  it.effect("leaves alone what is no operation, and what a leader receives beside its generation", () =>
    Effect.gen(function*() {
      const inner = MemoryStore.make()
      const path = Store.complete({
        ...inner,
        ...{ path: "/tmp" },
        acquire: pluralOf.acquire((...call) =>
          Effect.map(singly(inner).acquire(...call), (acquired) => ({ ...acquired, more: 3 }))
        )
      })
      for (const tap of Object.values(taps)) {
        const store = yield* over(path, tap)
        expect(store).toMatchObject({ path: "/tmp" })
        expect(yield* singly(store).acquire("id", asking("me"))).toMatchObject({ _tag: "Granted", more: 3 })
        yield* singly(store).remove("id")
      }
    }).pipe(Effect.scoped))

  it.effect("leaves `isWhole` as it is, and its own time counts as time of the store", () =>
    Effect.gen(function*() {
      const inner: Store.Store = { ...MemoryStore.make(), isWhole: () => false, workedMillis: () => 1 }
      const store = yield* over(inner, Store.tap({ around: (_, effect) => effect }))
      expect(store.isWhole!()).toBe(false)
      expect(store.workedMillis).toBe(undefined)
    }).pipe(Effect.scoped))

  it.effect("an operation that it refuses, or that it dies of, does not fail a program (P4)", () =>
    Effect.gen(function*() {
      const refusals = [
        Store.tap({
          around: ({ operation, store }) =>
            Effect.fail(new CacheError.StoreError({ store, operation, reason: "Denied" }))
        }),
        Store.tap({
          around: () => {
            throw new Error("a mistake of the user")
          }
        })
      ]
      for (const refused of refusals) {
        const program = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
        expect(yield* program.pipe(Effect.provide(cache(MemoryStore.layer.pipe(refused))))).toBe(42)
        const strict = yield* program.pipe(
          CachePolicy.strict,
          Effect.exit,
          Effect.provide(cache(MemoryStore.layer.pipe(refused)))
        )
        expect(Exit.isFailure(strict)).toBe(true)
      }
    }))

  it.effect("spans are children of the caller's, not of those of the layer's builder", () =>
    Effect.gen(function*() {
      const parents: Array<string | undefined> = []
      const tap = Store.tap({
        around: (_, effect) =>
          Effect.tap(effect, () =>
            Effect.map(Effect.option(Effect.currentSpan), (span) =>
              parents.push(span._tag === "Some" ? span.value.name : undefined)))
      })
      const store = yield* over(MemoryStore.make(), tap).pipe(Effect.withSpan("building"))
      yield* singly(store).remove("id").pipe(Effect.withSpan("asking"))
      expect(parents).toEqual(["asking"])
    }))
})

describe("payloads out of range (CA-21)", () => {
  const sized = Store.tap({ prefix: "app:", minSize: 2, maxSize: "4 B" })

  it.effect("are not written, and the rest is", () =>
    Effect.gen(function*() {
      const store = yield* over(MemoryStore.make(), sized)
      for (const text of ["", "1", "12345"]) {
        const generation = generationOf(yield* singly(store).acquire("id", asking("me")))
        const refused = { reason: "TooLarge", store: "memory" }
        expect(yield* Effect.flip(singly(store).commit("id", generation, entry(text)))).toMatchObject({
          ...refused,
          operation: "commit"
        })
        expect(yield* Effect.flip(singly(store).set("id", entry(text)))).toMatchObject({ ...refused, operation: "set" })
        expect(yield* textIn(store, "id")).toBeUndefined()
      }
      for (const text of ["12", "1234"]) {
        yield* singly(store).set("id", entry(text))
        expect(yield* textIn(store, "id")).toBe(text)
      }
    }))

  it.effect("a set of one removes what was there, and ends the load that runs; a conditional one leaves it", () =>
    Effect.gen(function*() {
      const store = yield* over(MemoryStore.make(), sized)
      yield* singly(store).set("id", entry("old"))
      yield* Effect.flip(singly(store).set("id", entry("12345"), { _tag: "IfAbsent" }))
      expect(yield* textIn(store, "id")).toBe("old")
      const generation = generationOf(
        yield* singly(store).acquire("id", { ...asking("me"), rejectedWriteId: "0".repeat(32) })
      )
      yield* Effect.flip(singly(store).set("id", entry("12345")))
      expect(yield* textIn(store, "id")).toBeUndefined()
      expect(yield* singly(store).commit("id", generation, entry("new"))).toBe(false)
    }))

  it.effect("stay in memory, and the program continues", () =>
    Effect.gen(function*() {
      const inner = MemoryStore.make()
      let loads = 0
      const large = Effect.sync(() => `${++loads}`.repeat(100)).pipe(Cached.ttl("large", { ttl: "1 hour" }))
      const program = Effect.all([large, large])
      const layer = cache(sized(Layer.succeed(Store.Store, inner)))
      expect(yield* program.pipe(Effect.provide(layer))).toEqual(["1".repeat(100), "1".repeat(100)])
      expect(yield* inner.size).toBe(0)
    }))
})

describe("a rule that keeps payloads out is no failure", () => {
  const events = (what: Array<string>) =>
    Effect.forkChild(
      Stream.runForEach(Cached.events(), ({ _tag }) => Effect.sync(() => what.push(_tag))),
      { startImmediately: true }
    )

  for (const [name, make] of Object.entries(stores)) {
    it.effect(`over ${name}`, () =>
      Effect.gen(function*() {
        const inner = yield* make
        const layer = cache(Store.tap({ minSize: 1000 })(Layer.succeed(Store.Store, inner as Store.Store)))
        const seen: Array<string> = []
        const warnings = yield* warningsOf(
          withTimePassing(
            Effect.gen(function*() {
              yield* events(seen)
              let loads = 0
              const read = Effect.sync(() => ++loads).pipe(Cached.ttl("loaded", { ttl: "1 hour" }))
              for (let i = 0; i < 10; i++) {
                expect(yield* CachePolicy.strict(Cached.set("set", i))).toBe(true)
                yield* CachePolicy.strict(read)
              }
              expect(yield* Cached.getOption("set")).toEqual(Option.some(9))
              expect(loads).toBe(1)
              expect((yield* Cached.stats).storeFailures).toBe(0)
              if (inner.transact !== undefined) {
                yield* Transaction.run(Effect.andThen(Cached.set("set", "of a transaction"), Cached.set("other", 1)))
                expect(yield* Cached.getOption("set")).toEqual(Option.some("of a transaction"))
              }
              // Only the store knows whether a condition holds.
              const conditional = yield* Effect.flip(Cached.set("new", 1, { ifAbsent: true }))
              expect(conditional.reason).toBe("TooLarge")
            })
          ).pipe(Effect.provide(layer))
        )
        expect(warnings).toEqual([])
        expect(seen).not.toContain("StoreFailure")
        expect(yield* inner.size).toBe(0)
      }))
  }

  it.effect("a value that was there before is removed from the store", () =>
    Effect.gen(function*() {
      const inner = MemoryStore.make()
      const sized = Store.tap({ minSize: 1000 })
      yield* Cached.set("k", "x".repeat(2000)).pipe(Effect.provide(cache(sized(Layer.succeed(Store.Store, inner)))))
      expect(yield* inner.size).toBe(1)
      yield* Cached.set("k", "x").pipe(Effect.provide(cache(sized(Layer.succeed(Store.Store, inner)))))
      expect(yield* inner.size).toBe(0)
    }))
})

describe("two caches on one store", () => {
  it.effect("of one part, in two processes: what the one clears or invalidates the other forgets", () =>
    withTimePassing(Effect.gen(function*() {
      const directory = yield* tempDirectory
      const process = Effect.map(
        Layer.build(cache(SqliteStore.layer({ directory }).pipe(Layer.orDie, Store.tap({ prefix: "a" })))),
        (context) => Effect.provideContext(context)
      )
      const [one, two] = [yield* process, yield* process]
      let loads = 0
      const n = Effect.sync(() => ++loads).pipe(Cached.ttl("n", { ttl: "1 hour", tags: ["t"] }))
      const ways = [Cached.clear, Cached.invalidate({ tag: "t" }), Cached.invalidate("n")]
      for (const [i, way] of ways.entries()) {
        expect([yield* one(n), yield* two(n)]).toEqual([i + 1, i + 1])
        yield* one(way)
        yield* Effect.sleep("100 millis")
        expect([yield* two(n), yield* one(n)]).toEqual([i + 2, i + 2])
      }
    })))

  it.effect("share nothing, and one is cleared without the other", () =>
    Effect.gen(function*() {
      const store = Layer.succeed(Store.Store, MemoryStore.make())
      const counter = () => {
        let loads = 0
        return Effect.sync(() => ++loads).pipe(Cached.ttl("n", { ttl: "1 hour" }))
      }
      const [a, b] = [counter(), counter()]
      const withA = Effect.provide(cache(store.pipe(Store.tap({ prefix: "a" }))))
      const withB = Effect.provide(cache(store.pipe(Store.tap({ prefix: "b" }))))
      yield* a.pipe(withA)
      yield* b.pipe(withB)
      yield* Cached.clear.pipe(withA)
      expect(yield* b.pipe(withB)).toBe(1)
      expect(yield* a.pipe(withA)).toBe(2)
    }))
})

describe("options that make no sense are refused at once", () => {
  const cases: Record<string, unknown> = {
    "unknown": { prefx: "a" },
    "an empty prefix": { prefix: "" },
    "a prefix that is no text": { prefix: 1 },
    "an around that is no function": { around: "log" },
    "a size that is none": { maxSize: "1 banana" },
    "a negative size": { minSize: -1 },
    "nothing at most": { maxSize: 0 },
    "a range without content": { minSize: "2 MB", maxSize: "1 MB" }
  }
  for (const [name, options] of Object.entries(cases)) {
    it(name, () => {
      expect(() => Store.tap(options as Parameters<typeof Store.tap<never>>[0])).toThrow(CacheError.CacheConfigError)
    })
  }
})
