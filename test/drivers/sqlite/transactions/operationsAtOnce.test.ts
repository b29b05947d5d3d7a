/** Operations that come at once and run as one transaction: each succeeds or fails as if it were alone. */
import { describe, expect } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import type { CacheEntry, Store } from "effect-cached/adapters"
import { SqliteStore } from "effect-cached/sqlite"
import { TestClock } from "effect/testing"
import * as fs from "node:fs"
import { join } from "node:path"
import { singly } from "../../../../src/testing/internal/singly.ts"
import { slowly } from "../../../support/slowly.ts"
import { connection, entry, read } from "../../../support/sqlite.ts"
import { storeFrom } from "../../../support/storeFrom.ts"
import { tempDirectory } from "../../../support/tempDirectory.ts"
import { test } from "../../../support/tests.ts"

const asking = (owner: string) => ({ owner, leaseMillis: 60_000, rejectedWriteId: undefined, join: false })

const open = (
  directory: string,
  { lookMillis = 1, ...options }: Partial<SqliteStore.Options> & { readonly lookMillis?: number } = {}
) =>
  Effect.flatMap(
    slowly(lookMillis),
    (clock) => Effect.provideService(storeFrom(SqliteStore.layer({ directory, ...options })), Clock.Clock, clock)
  )

const fresh = (lookMillis = 1) =>
  Effect.gen(function*() {
    const directory = join(yield* tempDirectory, "cache")
    return { directory, store: yield* open(directory, { lookMillis }) }
  })

const one = fresh()

const range = (n: number) => Array.from({ length: n }, (_, i) => i)

const atOnce = <A, E>(n: number, each: (i: number) => Effect.Effect<A, E>) =>
  Effect.forEach(range(n), (i) => Effect.exit(each(i)), { concurrency: "unbounded" })

const stored = (store: Store.Store, n: number) => range(n).map((i) => read(store, `${i}`))

/** As they are read: each with its own number. */
const numbered = (n: number): ReadonlyArray<CacheEntry.Stored> => range(n).map((i) => entry(i))

/** Reads that load, all at once, of a cache on disk. */
const readAtOnce = (keys: number) =>
  Effect.gen(function*() {
    const directory = yield* tempDirectory
    const read = (i: number) => Effect.succeed(i).pipe(Cached.ttl(`k${i}`, { ttl: "1 hour" }))
    const ids = Array.from({ length: keys }, (_, i) => i)
    return yield* Effect.gen(function*() {
      yield* Effect.forEach(ids, read, { concurrency: "unbounded", discard: true })
      return { failures: (yield* Cached.stats).storeFailures, size: yield* Cached.size }
    }).pipe(Effect.provide(CacheLayer.disk({ directory, memory: false })))
  })

describe("while another program holds the lock", () => {
  test("the time counts as if the store had worked", function*() {
    const directory = yield* tempDirectory
    const store = yield* storeFrom(SqliteStore.layer({ directory }))
    const other = yield* connection(directory)
    expect(store.workedMillis!()).toBe(0)
    other.exec("BEGIN IMMEDIATE")
    const writing = yield* Effect.forkChild(singly(store).set("id", entry(1)), { startImmediately: true })
    yield* Effect.yieldNow
    yield* TestClock.adjust("300 millis")
    expect(store.workedMillis!()).toBe(300)
    other.exec("COMMIT")
    yield* TestClock.adjust("100 millis")
    yield* Fiber.join(writing)
    const after = store.workedMillis!()
    yield* TestClock.adjust("1 minute")
    expect(store.workedMillis!()).toBe(after)
  })
})

describe("the time of operations counts for `storeTimeout`", () => {
  const workedAfter = (sets: number, lookMillis: number) =>
    Effect.gen(function*() {
      const { store } = yield* fresh(lookMillis)
      yield* atOnce(sets, (i) => singly(store).set(`${i}`, entry(i)))
      return store.workedMillis!()
    })

  test("not where they are many, and short", function*() {
    expect(yield* workedAfter(2000, 0.1)).toBe(0)
  })

  test("where they are long", function*() {
    // The first one alone, and four together.
    expect(yield* workedAfter(5, 100)).toBe(200 - 5 * 0.5)
  })
})

describe("thousands of loads at once", () => {
  test.live("are all stored, however long the program takes for them", function*() {
    expect(yield* readAtOnce(10_000)).toEqual({ failures: 0, size: 10_000 })
  })
})

describe("operations that come at once", () => {
  test("are all done, and seen by others", function*() {
    const { directory, store } = yield* one
    const exits = yield* atOnce(200, (i) => singly(store).set(`${i}`, entry(i)))
    expect(exits.every(Exit.isSuccess)).toBe(true)
    expect(stored(yield* open(directory), 200)).toEqual(numbered(200))
  })

  test("do not fail with one of them, of which nothing stays", function*() {
    const { store } = yield* one
    const acquired = yield* singly(store).acquire("77", asking("a"))
    const exits = yield* atOnce(100, (i) => singly(store).set(`${i}`, entry(i, i === 77 ? 9 * 1024 ** 2 : 8)))
    expect(exits.flatMap((exit, i) => Exit.isFailure(exit) ? [i] : [])).toEqual([77])
    expect(stored(store, 100).flatMap((entry, i) => entry === undefined ? [i] : [])).toEqual([77])
    // The failed one wrote something before it failed: the end of the lease.
    const generation = acquired._tag === "Granted" ? acquired.generation : ""
    expect(yield* singly(store).commit("77", generation, entry(1))).toBe(true)
  })

  test("are removals and invalidations too, of which each has its answer and its number", function*() {
    const { directory, store } = yield* one
    yield* atOnce(100, (i) => singly(store).set(`${i}`, entry(i)))
    const { seq } = yield* store.markers(["tag"])
    let ended = 0
    const each = (i: number) =>
      Effect.tap(
        i % 2 === 0 ? singly(store).remove(`${i}`) : store.invalidateTags([`tag ${i}`]),
        () => Effect.sync(() => ended++)
      )
    const all = yield* Effect.forkChild(atOnce(200, each))
    yield* Effect.yieldNow
    expect(ended).toBeLessThan(10)
    const answers = (yield* Fiber.join(all)).map((exit) => Exit.isSuccess(exit) ? exit.value : "failed")
    expect(answers).toEqual(range(200).map((i) => i % 2 === 0 ? i < 100 : undefined))
    const other = yield* open(directory)
    expect(stored(other, 100).flatMap((entry, i) => entry === undefined ? [] : [i])).toEqual(
      range(100).filter((i) => i % 2 !== 0)
    )
    expect((yield* other.markers(["tag"])).seq).toBe(seq + 100)
  })

  test("and remove are all done while no values may be stored, because a long read keeps the log", function*() {
    const directory = join(yield* tempDirectory, "cache")
    const store = yield* open(directory, { maxSize: 2 ** 20, storeTimeout: 10 })
    yield* atOnce(100, (i) => singly(store).set(`${i}`, entry(i)))
    const foreign = yield* connection(directory)
    foreign.exec("BEGIN")
    foreign.prepare("SELECT count(*) FROM entry").get()
    const storing = yield* Effect.forkChild(atOnce(30, (i) => singly(store).set(`large ${i}`, entry(i, 20_000))))
    yield* TestClock.adjust("1 second")
    expect((yield* Fiber.join(storing)).some(Exit.isFailure)).toBe(true)
    const removing = yield* Effect.forkChild(atOnce(100, (i) => singly(store).remove(`${i}`)))
    yield* TestClock.adjust("1 second")
    expect(yield* Fiber.join(removing)).toEqual(range(100).map(() => Exit.succeed(true)))
    foreign.exec("COMMIT")
  })

  test("that only read wait for no writer of another process", function*() {
    const { directory, store } = yield* one
    yield* singly(store).acquire("led", asking("b"))
    const foreign = yield* connection(directory)
    foreign.exec("BEGIN IMMEDIATE")
    const writing = yield* Effect.forkChild(atOnce(50, (i) => singly(store).acquire(`${i}`, asking("a"))))
    const reading = yield* Effect.forkChild(atOnce(50, () => singly(store).acquire("led", asking("a"))))
    const led = yield* Fiber.join(reading)
    expect(led.every((exit) => Exit.isSuccess(exit) && exit.value._tag === "Wait")).toBe(true)
    foreign.exec("COMMIT")
    yield* TestClock.adjust("2 seconds")
    const exits = yield* Fiber.join(writing)
    expect(exits.every((exit) => Exit.isSuccess(exit) && exit.value._tag === "Granted")).toBe(true)
  })

  test("are all done again where the database has been replaced", function*() {
    const { directory, store } = yield* one
    yield* singly(store).set("before", entry(1))
    fs.rmSync(directory, { recursive: true })
    const other = yield* open(directory)
    yield* atOnce(100, (i) => singly(store).set(`${i}`, entry(i)))
    expect(stored(other, 100)).toEqual(numbered(100))
  })

  test("that need more room than there is get it one by one", function*() {
    const directory = join(yield* tempDirectory, "cache")
    const store = yield* open(directory, { maxSize: "2 MB" })
    const exits = yield* atOnce(200, (i) => singly(store).set(`${i}`, entry(i, 20_000)))
    expect(exits.filter(Exit.isFailure)).toEqual([])
    expect(read(store, "199")).toEqual(entry(199, 20_000))
  })
})
