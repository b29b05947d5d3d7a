/** `ChaosStore` fails, drops, delays and lies as configured, and the program over it continues. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Stream } from "effect"
import { Cached, CacheError, CacheLayer } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { ChaosStore, SeededScheduler, storeLaws, withTimePassing } from "effect-cached/testing"
import { TestClock } from "effect/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import { entry } from "../support/stored.ts"
import { test } from "../support/tests.ts"

const chaosOf = (options: Parameters<typeof ChaosStore.make>[1]) => {
  const inner = MemoryStore.make()
  return { ...ChaosStore.make(inner, options), inner }
}

const read = (store: Store.Store, id: string) => Effect.map(store.get(id, []), ({ entry }) => entry?.payload[0])

/** A request that has not been answered. */
const asking = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

describe("without faults", () => {
  const laws = storeLaws(Effect.sync(() => ChaosStore.make(MemoryStore.make(), { seed: 1 }).store))
  for (const { name, run } of laws) {
    it.effect(`the laws of stores hold: ${name}`, () => withTimePassing(run, { step: "500 millis" }))
  }

  it("it says what it can do", () => {
    const { inner, store } = chaosOf({ seed: 1 })
    expect(store.name).toBe(inner.name)
    expect(store.capabilities).toEqual(inner.capabilities)
    expect(store.getUnsafe).toBeUndefined()
  })
})

describe("options", () => {
  test("that make no sense are refused", function*() {
    const store = MemoryStore.make()
    expect(() => ChaosStore.make(store, { seed: 1, failRate: 2 })).toThrow(
      "failRate of ChaosStore must be between 0 and 1"
    )
    expect(() => ChaosStore.make(store, { seed: 1, lateRate: Number.NaN })).toThrow(CacheError.CacheConfigError)
    expect(() => ChaosStore.make(store, { seed: 1, delay: "soon" as never })).toThrow("delay is not a duration")
    expect(() => ChaosStore.make(store, { seed: 1, rate: 1 } as never)).toThrow("no option \"rate\"")
    const exit = yield* Effect.exit(chaosOf({ seed: 1 }).set({ dropRate: -1 }))
    expect(Exit.hasDies(exit)).toBe(true)
  })
})

describe("failing", () => {
  test("operations do nothing, and say so", function*() {
    const { counts, inner, store } = chaosOf({ seed: 1, failRate: 1 })
    const error = yield* Effect.flip(singly(store).set("id", entry(1)))
    expect(error).toEqual(new CacheError.StoreError({ store: "memory", operation: "set", reason: "Unavailable" }))
    const all: ReadonlyArray<Effect.Effect<unknown, CacheError.StoreError>> = [
      store.get("id", []),
      store.getMany(["id"]),
      singly(store).remove("id"),
      store.touch("id", { softExpiresAt: 1, expiresAt: 2 }),
      singly(store).acquire("id", { owner: "a", leaseMillis: 1, rejectedWriteId: undefined, join: false }),
      singly(store).commit("id", "generation", entry(1)),
      singly(store).renew("id", "a", 1),
      store.release("id", "a"),
      singly(store).remove("id"),
      store.markers(["tag"]),
      store.invalidateTags(["tag"]),
      Stream.runDrain(store.scan()),
      store.size,
      store.clear,
      store.increment("n", 1)
    ]
    for (const operation of all) expect((yield* Effect.flip(operation)).reason).toBe("Unavailable")
    expect(yield* read(inner, "id")).toBeUndefined()
    expect(yield* counts).toEqual({ asked: 16, failed: 16, dropped: 0, late: 0, unanswered: 0 })
  })

  test("as often as the rate says, in an order that the seed decides", function*() {
    const failures = (seed: number) => {
      const { store } = chaosOf({ seed, failRate: 0.3 })
      return Effect.forEach(Array.from({ length: 1000 }), () => Effect.map(Effect.exit(store.size), Exit.isFailure))
    }
    const first = yield* failures(7)
    expect(first.filter(Boolean).length).toBeGreaterThan(250)
    expect(first.filter(Boolean).length).toBeLessThan(350)
    expect(yield* failures(7)).toEqual(first)
    expect(yield* failures(8)).not.toEqual(first)
  })
})

describe("dropping", () => {
  test("writes are lost, and answered as if they were not", function*() {
    const { heal, inner, store, ...chaos } = chaosOf({ seed: 1 })
    yield* singly(store).set("id", entry(1))
    yield* chaos.set({ dropRate: 1 })
    expect(yield* singly(store).set("id", entry(2))).toBe(true)
    expect(yield* singly(store).remove("id")).toBe(true)
    expect(yield* store.touch("id", { softExpiresAt: 1, expiresAt: 2 })).toBe(true)
    yield* singly(store).remove("id")
    yield* store.clear
    const acquired = yield* singly(store).acquire("other", {
      owner: "a",
      leaseMillis: 1000,
      rejectedWriteId: undefined,
      join: false
    })
    expect(yield* singly(store).commit("other", acquired._tag === "Granted" ? acquired.generation : "", entry(3)))
      .toBe(true)
    expect(yield* store.increment("n", 2)).toBe(2)
    expect(yield* chaos.counts).toMatchObject({ dropped: 6, failed: 0 })
    yield* heal
    expect(yield* read(inner, "id")).toBe(1)
    expect(yield* read(inner, "other")).toBeUndefined()
  })
})

describe("being late", () => {
  test("a write is done though its caller has given up", function*() {
    const { inner, store } = chaosOf({ seed: 1, lateRate: 1, late: "1 minute" })
    const fiber = yield* asking(Effect.timeoutOption(singly(store).set("id", entry(1)), "1 second"))
    yield* TestClock.adjust("1 second")
    expect(Option.isNone(yield* Fiber.join(fiber))).toBe(true)
    expect(yield* read(inner, "id")).toBe(1)
  })

  test("the answer comes in the end", function*() {
    const { store } = chaosOf({ seed: 1, lateRate: 1 })
    const fiber = yield* asking(store.size)
    yield* TestClock.adjust("999 millis")
    expect(fiber.pollUnsafe()).toBeUndefined()
    yield* TestClock.adjust("1 millis")
    expect(yield* Fiber.join(fiber)).toBe(0)
  })
})

describe("delaying", () => {
  test("an operation gets there later, also if its caller has given up", function*() {
    const { inner, store } = chaosOf({ seed: 1, delay: "2 seconds" })
    const fiber = yield* asking(singly(store).set("id", entry(1)))
    yield* TestClock.adjust("1999 millis")
    expect(yield* read(inner, "id")).toBeUndefined()
    yield* Fiber.interrupt(fiber)
    yield* TestClock.adjust("1 millis")
    expect(yield* read(inner, "id")).toBe(1)
  })

  const delayed = { delay: [0, 1000] as const }

  test("explicit writes of an id keep their order", function*() {
    for (let seed = 0; seed < 50; seed++) {
      const { inner, store } = chaosOf({ seed, ...delayed })
      yield* asking(singly(store).set("other", entry(9)))
      for (const n of [1, 2, 3]) yield* asking(singly(store).set("id", entry(n)))
      yield* asking(seed % 2 === 0 ? singly(store).remove("id") : store.clear)
      yield* asking(singly(store).set("id", entry(4)))
      yield* TestClock.adjust("5 seconds")
      expect([seed, yield* read(inner, "id")]).toEqual([seed, 4])
      expect([seed, yield* read(inner, "other")]).toEqual([seed, seed % 2 === 0 ? 9 : undefined])
    }
  })

  test("the result of a load may overtake what was asked before, or be overtaken", function*() {
    const results = new Set<number | undefined>()
    for (let seed = 0; seed < 50; seed++) {
      const { inner, store } = chaosOf({ seed, ...delayed })
      const options = { owner: "a", leaseMillis: 10_000, rejectedWriteId: undefined, join: false }
      const acquired = yield* singly(inner).acquire("id", options)
      yield* asking(singly(store).commit("id", acquired._tag === "Granted" ? acquired.generation : "", entry(1)))
      yield* asking(singly(store).remove("id"))
      yield* TestClock.adjust("2 seconds")
      // After a removal it is refused, before it is dropped: never stored.
      expect([seed, yield* read(inner, "id")]).toEqual([seed, undefined])
      const order: Array<string> = []
      for (const n of [1, 2]) {
        yield* asking(Effect.tap(read(store, "id"), () => Effect.sync(() => order.push(`${n}`))))
      }
      yield* TestClock.adjust("2 seconds")
      results.add(Number(order.join("")))
    }
    expect(results).toEqual(new Set([12, 21]))
  })

  it("the same seed is the same run", () => {
    const run = (seed: number) => {
      const { counts, store } = chaosOf({ seed, ...delayed, failRate: 0.2, dropRate: 0.2, lateRate: 0.2 })
      const order: Array<string> = []
      const writes = Array.from(
        { length: 20 },
        (_, n) =>
          Effect.tap(
            Effect.exit(singly(store).set(`${n % 3}`, entry(n))),
            (exit) => Effect.sync(() => order.push(`${n} ${exit._tag}`))
          )
      )
      const all = Effect.all(writes, { concurrency: "unbounded" })
      SeededScheduler.make({ seed: 1 }).run(all)
      return [order, Effect.runSync(counts)]
    }
    expect(run(3)).toEqual(run(3))
    expect(run(3)).not.toEqual(run(4))
  })
})

describe("silence", () => {
  test("swallows what is asked in it and what is on its way, for ever", function*() {
    const { counts, heal, inner, silence, store } = chaosOf({ seed: 1, delay: "1 second" })
    const before = yield* asking(singly(store).set("before", entry(1)))
    yield* silence
    const during = yield* asking(singly(store).set("during", entry(2)))
    yield* TestClock.adjust("1 minute")
    yield* heal
    const after = yield* asking(singly(store).set("after", entry(3)))
    yield* TestClock.adjust("1 minute")
    expect([before, during].map((fiber) => fiber.pollUnsafe())).toEqual([undefined, undefined])
    expect(yield* Fiber.join(after)).toBe(true)
    expect(yield* inner.size).toBe(1)
    expect(yield* counts).toMatchObject({ asked: 3, unanswered: 2 })
  })

  test("swallows the answer to what was done before it", function*() {
    const { inner, silence, store } = chaosOf({ seed: 1, lateRate: 1 })
    const fiber = yield* asking(singly(store).set("id", entry(1)))
    yield* TestClock.adjust("1 millis")
    yield* silence
    yield* TestClock.adjust("1 minute")
    expect(fiber.pollUnsafe()).toBeUndefined()
    expect(yield* read(inner, "id")).toBe(1)
  })

  test("does not hold up later writes of the same id", function*() {
    const { heal, inner, store } = chaosOf({ seed: 1, silent: true })
    yield* asking(singly(store).set("id", entry(1)))
    yield* TestClock.adjust("1 millis")
    yield* heal
    expect(yield* singly(store).set("id", entry(2))).toBe(true)
    expect(yield* read(inner, "id")).toBe(2)
  })

  test("keeps changes back until it ends", function*() {
    const inner = {
      ...MemoryStore.make(),
      changes: Stream.make<ReadonlyArray<Store.Change>>({ _tag: "AllChanged" }),
      changesUnsafe: (): ReadonlyArray<Store.Change> => [{ _tag: "AllChanged" }]
    }
    const { heal, silence, store } = ChaosStore.make(inner, { seed: 1 })
    yield* silence
    const fiber = yield* asking(Stream.runCollect(store.changes))
    yield* TestClock.adjust("1 minute")
    expect(fiber.pollUnsafe()).toBeUndefined()
    expect(() => store.changesUnsafe!()).toThrow("it did not answer in time")
    yield* heal
    expect([...yield* Fiber.join(fiber)]).toEqual([{ _tag: "AllChanged" }])
    expect(store.changesUnsafe!()).toEqual([{ _tag: "AllChanged" }])
  })
})

describe("a program over a store that goes wrong", () => {
  test("is never failed, and answered by its load", function*() {
    const { silence, store, ...chaos } = chaosOf({ seed: 1, failRate: 1 })
    let loads = 0
    const load = (key: string) => Effect.sync(() => ++loads).pipe(Cached.ttl(key, { ttl: "1 minute" }))
    const layer = Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, store))
    yield* Effect.gen(function*() {
      expect(yield* load("a")).toBe(1)
      yield* chaos.set({ failRate: 0 })
      yield* silence
      const fiber = yield* asking(load("b"))
      yield* TestClock.adjust("2 seconds")
      expect(yield* Fiber.join(fiber)).toBe(2)
    }).pipe(
      Effect.provide(layer),
      (program) => withTimePassing(program, { step: "1 second" })
    )
  })
})
