/** Filters, over each place where their bits can be. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Stream } from "effect"
import { CacheError, CacheLayer, CachePolicy, Guard } from "effect-cached"
import { GuardStore } from "effect-cached/adapters"
import { SqliteGuards } from "effect-cached/sqlite"
import { TestClock } from "effect/testing"
import { guardsOf, memoryGuards } from "../support/services.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test, testIn } from "../support/tests.ts"
import { places } from "./places.ts"

const inMemory = testIn(CacheLayer.memory())

const names = (from: number, count: number) => Array.from({ length: count }, (_, i) => `name ${from + i}`)

const countOf = (filter: Guard.Bloom, items: ReadonlyArray<string>) =>
  Effect.map(Effect.forEach(items, filter.mayHave), (answers) => answers.filter(Boolean).length)

describe.each(places)("a filter in $name", ({ layer }) => {
  const test = testIn(layer())

  test("CA-15 · CA-48 · never says of what was added that it was not, and seldom the other way round", function*() {
    const filter = Guard.bloom({ key: "names", capacity: 1000, errorRate: 0.02 })
    yield* Effect.forEach(names(0, 50), filter.add, { concurrency: "unbounded", discard: true })
    yield* filter.addAll(names(50, 850))
    expect(yield* countOf(filter, names(0, 900))).toBe(900)
    expect(yield* countOf(filter, names(1000, 1000))).toBeLessThan(40)
    const report = yield* filter.report
    expect(report).toMatchObject({ layers: 1 })
    expect(report.items).toBeGreaterThan(850)
    expect(report.items).toBeLessThan(950)
    expect(report.errorRate).toBeLessThan(0.02)
    expect(report.fill).toBeGreaterThan(0.4)
    expect(report.bytes).toBeLessThan(1300)
  })

  test(
    "CA-48 · grows by layers when more is added, one by one and in one step, and the error stays below",
    function*() {
      for (const isOneByOne of [false, true]) {
        const filter = Guard.bloom({ key: `many ${isOneByOne}`, capacity: 100, errorRate: 0.05 })
        yield* isOneByOne
          ? Effect.forEach(names(0, 650), filter.add, { concurrency: 10 })
          : filter.addAll(names(0, 650))
        expect(yield* countOf(filter, names(0, 650))).toBe(650)
        const report = yield* filter.report
        expect([report.layers, report.errorRate < 0.05]).toEqual([3, true])
        expect(yield* countOf(filter, names(700, 1000))).toBeLessThan(100)
      }
    }
  )

  test("CA-48 · is filled by a stream, which reports its progress", function*() {
    const filter = Guard.bloom({ key: "filled", capacity: 30_000 })
    const told: Array<number> = []
    const end = yield* filter.fill(Stream.fromIterable(names(0, 25_000)), {
      onProgress: ({ added, errorRate, fill }) => Effect.sync(() => told.push(added, fill, errorRate))
    })
    expect([told[0], told[3], told[6]]).toEqual([10_000, 20_000, 25_000])
    expect(end.added).toBe(25_000)
    expect(told[1]! > 0.1 && told[1]! < told[4]! && told[4]! < told[7]! && told[7]! < 0.5).toBe(true)
    expect(told[8]).toBeLessThan(0.01)
    expect(yield* countOf(filter, names(0, 2000))).toBe(2000)
    const failed = yield* Effect.flip(filter.fill(Stream.fail("mine")))
    expect(failed).toBe("mine")
  })

  test("CA-48 · a guard runs only what may find something: effects and streams", function*() {
    const filter = Guard.bloom({ key: "guard", capacity: 100 })
    yield* filter.add("ann")
    let runs = 0
    const find = (name: string) =>
      Effect.sync(() => ++runs).pipe(filter.guard(name, () => Effect.succeed("absent" as const)))
    expect([yield* find("ann"), yield* find("bob"), yield* filter.guard(Effect.succeed(1), "ann", () => Effect.void)])
      .toEqual([1, "absent", 1])
    const pages = (name: string) =>
      Stream.runCollect(Stream.make(1, 2).pipe(filter.guard(name, () => Stream.make("none"))))
    expect([yield* pages("ann"), yield* pages("bob")]).toEqual([[1, 2], ["none"]])
  })

  test("filters of another key, or another size, are others; clear begins again", function*() {
    const filter = Guard.bloom({ key: "a", capacity: 100 })
    yield* filter.add("ann")
    expect(yield* Guard.bloom({ key: "a", capacity: 100 }).mayHave("ann")).toBe(true)
    expect(yield* Guard.bloom({ key: "b", capacity: 100 }).mayHave("ann")).toBe(false)
    expect(yield* Guard.bloom({ key: "a", capacity: 101 }).mayHave("ann")).toBe(false)
    yield* filter.clear
    expect(yield* filter.mayHave("ann")).toBe(false)
    yield* filter.add("ann")
    expect(yield* filter.mayHave("ann")).toBe(true)
  })

  test("CA-49 · yes and no are remembered apart, and asked once", function*() {
    let asked = 0
    const evens = Guard.dualBloom({ key: "evens", capacity: 1000, errorRate: 0.001 })
    const isEven = (n: number) => Effect.sync(() => ++asked > 0 && n % 2 === 0).pipe(evens.remember(String(n)))
    const numbers = Array.from({ length: 200 }, (_, n) => n)
    const expected = numbers.map((n) => n % 2 === 0)
    const wrong = (answers: ReadonlyArray<boolean>) => answers.filter((answer, i) => answer !== expected[i]).length
    expect(wrong(yield* Effect.forEach(numbers, isEven))).toBeLessThanOrEqual(1)
    const askedBefore = asked
    expect(askedBefore).toBeGreaterThan(190)
    expect(wrong(yield* Effect.forEach(numbers, isEven))).toBeLessThanOrEqual(1)
    expect(asked - askedBefore).toBeLessThan(3)
    expect([yield* evens.answer("2"), yield* evens.answer("3"), yield* evens.answer("none")]).toEqual([
      true,
      false,
      undefined
    ])
    // An item that is in both is asked.
    yield* evens.no.add("2")
    const now = asked
    yield* isEven(2)
    expect(asked).toBe(now + 1)
    expect(yield* Effect.flip(Effect.fail("mine").pipe(evens.remember("failed")))).toBe("mine")
  })

  test("CA-49 · noCollisions: an answer whose bits are touched is not remembered", function*() {
    const make = (noCollisions: boolean) =>
      Guard.dualBloom({ key: `free ${noCollisions}`, capacity: 100, errorRate: 0.5, noCollisions })
    const [free, all] = [make(true), make(false)]
    const items = names(0, 60)
    for (const item of items) {
      for (const dual of [free, all]) yield* Effect.succeed(true).pipe(dual.remember(item))
    }
    expect(yield* countOf(all.yes, items)).toBe(60)
    const [freeReport, allReport] = [yield* free.yes.report, yield* all.yes.report]
    expect(freeReport.items).toBeGreaterThan(30)
    expect(freeReport.items).toBeLessThan(allReport.items - 8)
    expect(freeReport.layers).toBe(1)
  })
})

inMemory("CA-48 · small filters keep their errorRate too, also when more is added", function*() {
  for (const capacity of [1, 3, 10]) {
    for (const errorRate of [0.01, 0.1]) {
      for (const times of [1, 60]) {
        const filter = Guard.bloom({ key: `${times}`, capacity, errorRate })
        yield* Effect.forEach(names(0, capacity * times), filter.add, { discard: true })
        const wrong = yield* countOf(filter, names(10_000, 1000))
        expect([capacity, errorRate, wrong <= 1000 * errorRate]).toEqual([capacity, errorRate, true])
        expect((yield* filter.report).errorRate).toBeLessThan(errorRate)
      }
    }
  }
})

test("CA-48 · additions at the same time do not overfill a layer, each unaware of the other", function*() {
  const { runUnsafe: _, ...place } = memoryGuards()
  let merges = 0
  const layer = Layer.succeed(GuardStore.GuardStore, {
    ...place,
    mergeBits: (...args) => Effect.delay(place.mergeBits(...args), ++merges === 1 ? "300 millis" : 0)
  })
  yield* Effect.gen(function*() {
    const filter = Guard.bloom({ key: "names", capacity: 1000, errorRate: 0.01 })
    const slow = yield* Effect.forkChild(filter.addAll(names(0, 900)), { startImmediately: true })
    yield* TestClock.adjust(1)
    for (const items of [["one"], names(1000, 900)]) {
      const adding = yield* Effect.forkChild(filter.addAll(items), { startImmediately: true })
      yield* TestClock.adjust(1)
      yield* Fiber.join(adding)
    }
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(slow)
    expect((yield* filter.report).errorRate).toBeLessThan(0.01)
  }).pipe(Effect.provide(layer))
})

describe("several processes", () => {
  test("CA-48 · a member that one has added is called absent by no other, whatever each of them knew before", function*() {
    const directory = yield* tempDirectory
    const make = Effect.map(
      guardsOf(SqliteGuards.layer({ directory })),
      (store) => Effect.provideService(GuardStore.GuardStore, store)
    )
    const [here, there] = [yield* make, yield* make]
    const filter = Guard.bloom({ key: "names", capacity: 50 })
    for (let round = 0; round < 6; round++) {
      const [writer, reader] = round % 2 === 0 ? [here, there] : [there, here]
      const items = names(round * 100, 100)
      expect(yield* reader(countOf(filter, items))).toBeLessThan(10)
      yield* writer(filter.addAll(items.slice(0, 50)))
      yield* writer(Effect.forEach(items.slice(50), filter.add, { concurrency: "unbounded", discard: true }))
      // In a layer that the reader may not know of.
      yield* writer(filter.add(`last of ${round}`))
      expect(yield* reader(filter.mayHave(`last of ${round}`))).toBe(true)
      expect(yield* reader(countOf(filter, items))).toBe(100)
    }
    const reports = [yield* here(filter.report), yield* there(filter.report)]
    expect(reports[0]).toEqual(reports[1])
    expect(reports[0]!.errorRate).toBeLessThan(0.01)
    // A third one knows nothing yet: it neither forgets nor fills the first layers again.
    const later = yield* make
    yield* later(filter.addAll(names(600, 60)))
    const after = yield* later(filter.report)
    expect([after.layers, after.errorRate < 0.01]).toEqual([reports[0]!.layers, true])
    expect(yield* later(countOf(filter, names(0, 660)))).toBe(660)
  })

  test("a place that was wiped: what is added afterwards is there for others", function*() {
    const place = memoryGuards()
    const { runUnsafe: _, ...other } = place
    const [here, there] = [{ ...other }, { ...other }].map((store) =>
      Effect.provideService(GuardStore.GuardStore, store)
    )
    const filter = Guard.bloom({ key: "names", capacity: 50 })
    yield* here!(filter.add("ann"))
    yield* place.removeBits("names:50:0.01")
    yield* here!(filter.add("ann"))
    expect(yield* there!(filter.mayHave("ann"))).toBe(true)
  })
})

test("CA-48 · answers of a place in any order: what was added is never absent", function*() {
  const inner = memoryGuards()
  let seed = 7
  const dice = (sides: number) => (seed = (seed * 48_271) % 2_147_483_647) % sides
  // Each answer is made at one moment, and comes at another.
  const late = <A>(effect: Effect.Effect<A, CacheError.StoreError>) =>
    Effect.suspend(() =>
      effect.pipe(
        Effect.delay(`${dice(20)} millis`),
        Effect.flatMap((answer) => Effect.delay(Effect.succeed(answer), `${dice(200)} millis`))
      )
    )
  const { runUnsafe: _, ...store } = inner
  const place = (): GuardStore.GuardStore => ({
    ...store,
    readBits: (...args) => late(store.readBits(...args)),
    mergeBits: (...args) => late(store.mergeBits(...args))
  })
  const [here, there] = [place(), place()].map((store) => Effect.provideService(GuardStore.GuardStore, store))
  // Bits in several blocks, which are read apart.
  const filter = Guard.bloom({ key: "names", capacity: 20_000 })
  const absent: Array<string> = []
  const wanted = (item: string) => Effect.map(filter.mayHave(item), (mayHave) => void (mayHave || absent.push(item)))
  const one = (item: string) =>
    Effect.gen(function*() {
      yield* there!(filter.add(item))
      yield* here!(Effect.all([wanted(item), wanted(item)], { concurrency: 2 }))
    })
  const running = yield* Effect.forkChild(
    Effect.forEach(names(0, 400), one, { concurrency: 25, discard: true })
  )
  yield* TestClock.adjust("10 minutes")
  yield* Fiber.join(running)
  expect(absent).toEqual([])
})

describe("a place that fails", () => {
  const down = () => {
    const self = { isDown: true, asked: 0 }
    const { runUnsafe: _, ...inner } = memoryGuards()
    const error = new CacheError.StoreError({ store: "told", operation: "bits", reason: "Unavailable" })
    const unless = <A>(effect: Effect.Effect<A, CacheError.StoreError>) =>
      Effect.suspend(() => {
        self.asked++
        return self.isDown ? Effect.fail(error) : effect
      })
    const layer = Layer.succeed(GuardStore.GuardStore, {
      ...inner,
      readBits: (...args) => unless(inner.readBits(...args)),
      mergeBits: (...args) => unless(inner.mergeBits(...args))
    })
    return Object.assign(self, { layer })
  }

  test("its state is unknown: the answer is maybe, additions fail, and nothing unsaved is taken for added", function*() {
    const place = down()
    const filter = Guard.bloom({ key: "names", capacity: 100 })
    const dual = Guard.dualBloom({ key: "dual", capacity: 100 })
    yield* Effect.gen(function*() {
      expect(yield* filter.mayHave("ann")).toBe(true)
      expect(yield* Effect.flip(filter.add("ann"))).toMatchObject({ _tag: "StoreError" })
      expect(yield* Effect.flip(filter.addAll(["ann"]))).toMatchObject({ _tag: "StoreError" })
      expect(yield* Effect.flip(filter.report)).toMatchObject({ _tag: "StoreError" })
      expect(yield* Effect.succeed(false).pipe(dual.remember("ann"))).toBe(false)
      expect(yield* Effect.flip(CachePolicy.strict(filter.mayHave("ann")))).toMatchObject({ _tag: "StoreError" })
      // It is left alone for a second, so that not every call waits for it.
      const asked = place.asked
      expect(yield* filter.mayHave("ann")).toBe(true)
      expect(place.asked).toBe(asked)
      place.isDown = false
      yield* TestClock.adjust("1 second")
      expect(yield* filter.mayHave("ann")).toBe(false)
      expect(yield* dual.answer("ann")).toBeUndefined()
      yield* filter.add("ann")
      expect(yield* filter.mayHave("ann")).toBe(true)
    }).pipe(Effect.provide(place.layer))
  })

  inMemory("a caller interrupted during an addition keeps no other from being saved", function*() {
    const filter = Guard.bloom({ key: "names", capacity: 100 })
    const first = yield* Effect.forkChild(filter.add("ann"))
    const second = yield* Effect.forkChild(filter.add("bob"))
    yield* Effect.yieldNow
    yield* Fiber.interrupt(first)
    yield* Fiber.join(second)
    expect(yield* filter.mayHave("bob")).toBe(true)
  })
})

inMemory("each run of fill counts what it adds itself", function*() {
  const filling = Guard.bloom({ key: "a", capacity: 10 }).fill(Stream.make("ann", "bob"))
  expect([(yield* filling).added, (yield* filling).added]).toEqual([2, 2])
})

describe("bad input is a CacheConfigError where it is given", () => {
  const filter = Guard.bloom({ key: "a", capacity: 1 })
  it.each([
    ["no key", () => Guard.bloom({ capacity: 1 } as never), /Guard.bloom needs "key", a string/],
    [
      "a capacity of 0",
      () => Guard.bloom({ key: "a", capacity: 0 }),
      /capacity of Guard.bloom must be a positive integer/
    ],
    ["a capacity of 1.5", () => Guard.dualBloom({ key: "a", capacity: 1.5 }), /positive integer/],
    ["a rate of 0", () => Guard.bloom({ key: "a", capacity: 1, errorRate: 0 }), /above 0 and below 1/],
    ["a rate of 1", () => Guard.bloom({ key: "a", capacity: 1, errorRate: 1 }), /above 0 and below 1/],
    ["a capacity beyond all memories", () => Guard.bloom({ key: "a", capacity: 1e14 }), /at most 1000000000/],
    ["a rate next to 0", () => Guard.bloom({ key: "a", capacity: 1, errorRate: Number.MIN_VALUE }), /not below 1e-12/],
    ["a guard that is given no function", () => filter.guard(Effect.void, "a", Effect.void as never), /a function/],
    ["a text to fill it with", () => filter.fill("a" as never), /a stream of items/],
    ["an unknown option of fill", () => filter.fill(Stream.make("a"), { onProgres: 1 } as never), /onProgress/],
    ["onProgress that is none", () => filter.fill(Stream.make("a"), { onProgress: 5 as never }), /must be a function/],
    ["a rate in percent", () => Guard.dualBloom({ key: "a", capacity: 1, errorRate: 5 }), /above 0 and below 1/],
    ["noCollisions of 1", () => Guard.dualBloom({ key: "a", capacity: 1, noCollisions: 1 as never }), /true or false/],
    ["an unknown option", () => Guard.bloom({ key: "a", capasity: 1 } as never), /did you mean "capacity"/],
    ["an item that is no text", () => filter.add(5 as never), /An item of a filter must be a string/],
    ["an item of mayHave", () => filter.mayHave(undefined as never), /An item of a filter must be a string/],
    ["items that are a text", () => filter.addAll("abc"), /needs a list/],
    [
      "remember of a stream",
      () => Guard.dualBloom({ key: "a", capacity: 1 }).remember(Stream.make(true) as never, "a"),
      /remember of Guard.dualBloom needs an effect/
    ],
    ["a guard of nothing", () => filter.guard("a", () => Effect.void)(5 as never), /an effect or a stream/]
  ])("%s", (_, make, message) => {
    expect(make).toThrow(CacheError.CacheConfigError)
    expect(make).toThrow(message)
  })

  inMemory("items that are no texts are a defect", function*() {
    for (const adding of [filter.addAll(["a", 5 as never]), filter.fill(Stream.make(5 as never))]) {
      expect(String(yield* Effect.exit(adding))).toContain("An item of a filter must be a string")
    }
  })

  inMemory("an answer that is neither true nor false is a defect", function*() {
    const dual = Guard.dualBloom({ key: "a", capacity: 1 })
    const exit = yield* Effect.exit(Effect.succeed("yes" as never).pipe(dual.remember("a")))
    expect(String(exit)).toContain("remember of Guard.dualBloom needs an effect of true or false")
  })
})
