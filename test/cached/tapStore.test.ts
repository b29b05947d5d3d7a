/** A store behind others: code around operations, limits of payloads. */
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Option, Stream } from "effect"
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
import { stored, textOf } from "../support/stored.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"

type StoreLayer = Layer.Layer<Store.Store>
type Tap = (layer: StoreLayer) => StoreLayer

const over = (store: Store.Store, tap: Tap) =>
  Effect.map(Layer.build(tap(Layer.succeed(Store.Store, store))), (context) => Context.get(context, Store.Store))

const identity = Store.tap({ around: (_, effect) => effect })

const twice: Tap = (layer) => identity(Store.tap({ around: (_, effect) => effect, maxSize: "2 MB" })(layer))

const taps: Record<string, Tap> = { "an around that changes nothing": identity, "all of it twice": twice }

const stores = {
  memory: Effect.sync(() => MemoryStore.make()),
  sqlite: Effect.flatMap(tempDirectory, (directory) => storeFrom(SqliteStore.layer({ directory }))),
  "a simple storage that answers late": slowStore
}

for (const [turn, [name, tap]] of Object.entries(taps).entries()) {
  for (const [at, [storeName, make]] of Object.entries(stores).entries()) {
    describe(`the laws of stores hold for ${storeName} behind ${name} (CA-21)`, () => {
      const laws = storeLaws<unknown>(Effect.flatMap(make, (store: Store.Store) => over(store, tap)))
      for (const law of thirdOf(laws, turn + at)) it.effect(law.name, () => withTimePassing(law.run))
    })
  }
}

describe("the laws of shared stores hold for two sqlite stores behind taps", () => {
  const two = Effect.flatMap(tempDirectory, (directory) => {
    const one = Effect.flatMap(storeFrom(SqliteStore.layer({ directory })), (store) => over(store, twice))
    return Effect.all([one, one])
  })
  for (const law of sharedStoreLaws<unknown>(two)) it.effect(law.name, () => withTimePassing(law.run))
})

const entry = (text: string, tags: ReadonlyArray<CacheEntry.TagVersion> = []) => stored(text, { tags })

const textIn = (store: Store.Store, id: string) => Effect.map(store.get(id, []), ({ entry }) => textOf(entry))
const asking = (owner: string) => ({ owner, leaseMillis: 2000, rejectedWriteId: undefined, join: false })
const generationOf = (acquired: Store.Acquired) => acquired._tag === "Granted" ? acquired.generation : ""

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
  test("sees every operation, with the services of the layer", function*() {
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
  })

  test("sees each operation of the store, in whatever way it is asked", function*() {
    const seen: Array<string> = []
    const store = yield* over(
      MemoryStore.make(),
      Store.tap({ around: ({ operation }, effect) => Effect.andThen(Effect.sync(() => seen.push(operation)), effect) })
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
  })

  it("needs its services of the layer, and none where it needs none", () => {
    const services: Layer.Layer<Store.Store, never, Tally> = MemoryStore.layer.pipe(tallied)
    // @ts-expect-error a Tally is needed
    const noServices: StoreLayer = MemoryStore.layer.pipe(tallied)
    const fromLayer: Layer.Layer<Store.Store, "failed", Tally> = identity(
      Layer.effect(Store.Store, Effect.andThen(Tally, Effect.fail("failed" as const)))
    )
    expect([services, noServices, fromLayer].every(Layer.isLayer)).toBe(true)
  })

  test("leaves alone what is no operation, and what a leader receives beside its generation", function*() {
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
  })

  test("leaves `isWhole` as it is, and its own time counts as time of the store", function*() {
    const inner: Store.Store = { ...MemoryStore.make(), isWhole: () => false, workedMillis: () => 1 }
    const store = yield* over(inner, Store.tap({ around: (_, effect) => effect }))
    expect(store.isWhole!()).toBe(false)
    expect(store.workedMillis).toBe(undefined)
  })

  test("an operation that it refuses, or that it dies of, does not fail a program (P4)", function*() {
    const refusals = [
      Store.tap({
        around: ({ operation, store }) => Effect.fail(new CacheError.StoreError({ store, operation, reason: "Denied" }))
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
  })

  test("spans are children of the caller's, not of those of the layer's builder", function*() {
    const parents: Array<string | undefined> = []
    const tap = Store.tap({
      around: (_, effect) =>
        Effect.tap(
          effect,
          () =>
            Effect.map(Effect.option(Effect.currentSpan), (span) =>
              parents.push(span._tag === "Some" ? span.value.name : undefined))
        )
    })
    const store = yield* over(MemoryStore.make(), tap).pipe(Effect.withSpan("building"))
    yield* singly(store).remove("id").pipe(Effect.withSpan("asking"))
    expect(parents).toEqual(["asking"])
  })
})

describe("payloads out of range (CA-21)", () => {
  const sized = Store.tap({ minSize: 2, maxSize: "4 B" })

  test("are not written, and the rest is", function*() {
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
  })

  test("a set of one removes what was there, and ends the load that runs; a conditional one leaves it", function*() {
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
  })

  test("stay in memory, and the program continues", function*() {
    const inner = MemoryStore.make()
    let loads = 0
    const large = Effect.sync(() => `${++loads}`.repeat(100)).pipe(Cached.ttl("large", { ttl: "1 hour" }))
    const program = Effect.all([large, large])
    const layer = cache(sized(Layer.succeed(Store.Store, inner)))
    expect(yield* program.pipe(Effect.provide(layer))).toEqual(["1".repeat(100), "1".repeat(100)])
    expect(yield* inner.size).toBe(0)
  })
})

describe("a rule that keeps payloads out is no failure", () => {
  const events = (what: Array<string>) =>
    Effect.forkChild(
      Stream.runForEach(Cached.events(), ({ _tag }) => Effect.sync(() => what.push(_tag))),
      { startImmediately: true }
    )

  for (const [name, make] of Object.entries(stores)) {
    test(`over ${name}`, function*() {
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
    })
  }

  test("a value that was there before is removed from the store", function*() {
    const inner = MemoryStore.make()
    const sized = Store.tap({ minSize: 1000 })
    yield* Cached.set("k", "x".repeat(2000)).pipe(Effect.provide(cache(sized(Layer.succeed(Store.Store, inner)))))
    expect(yield* inner.size).toBe(1)
    yield* Cached.set("k", "x").pipe(Effect.provide(cache(sized(Layer.succeed(Store.Store, inner)))))
    expect(yield* inner.size).toBe(0)
  })
})

describe("options that make no sense are refused at once", () => {
  const cases: Record<string, unknown> = {
    "unknown": { maxSise: 1 },
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
