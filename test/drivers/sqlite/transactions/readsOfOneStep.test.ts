/** Reads of one step are one transaction, which no caller can distinguish from separate reads. */
import { describe, expect, vi } from "@effect/vitest"
import { Clock, Effect, Scope, Stream } from "effect"
import type { Store } from "effect-cached/adapters"
import { SqliteGuards, SqliteStore } from "effect-cached/sqlite"
import { singly } from "../../../../src/testing/internal/singly.ts"
import { lockOf } from "../../../support/services.ts"
import { connection, entry, read } from "../../../support/sqlite.ts"
import { storeFrom } from "../../../support/storeFrom.ts"
import { tempDirectory } from "../../../support/tempDirectory.ts"
import { test } from "../../../support/tests.ts"

/** Enough reads that they become one transaction. */
const readOften = (store: Store.Store, id = "id") => {
  let found = read(store, id)
  for (let i = 0; i < 20; i++) found = read(store, id)
  return found
}

const nextStep = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

/** A store with an entry, and a connection as another process would have it. */
const make = Effect.gen(function*() {
  const directory = yield* tempDirectory
  const store = yield* storeFrom(SqliteStore.layer({ directory }))
  yield* singly(store).set("id", entry(1))
  // The first step with such reads shows that the program does not continue for long after them.
  readOften(store)
  yield* nextStep
  const other = yield* connection(directory)
  const removeAll = () => other.exec("DELETE FROM entry")
  const emptyLog = () => Number(other.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()!["busy"])
  return { directory, emptyLog, removeAll, store }
})

/** The same, where time passes as the test says: also within a step. */
const makeWithClock = Effect.gen(function*() {
  const clock = yield* Clock.Clock
  let millis = 0
  const nanos = () => BigInt(millis) * 1_000_000n
  const stores = yield* Effect.provideService(make, Clock.Clock, {
    currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
    currentTimeMillis: clock.currentTimeMillis,
    currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
    currentTimeNanos: clock.currentTimeNanos,
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: (duration) => clock.sleep(duration)
  })
  return { stores, pass: (more: number) => void (millis += more) }
})

describe("reads of one step of the program", () => {
  test("see what another process has committed before the step began", function*() {
    const { removeAll, store } = yield* make
    expect(readOften(store)).toEqual(entry(1))
    yield* Effect.promise(() => Promise.resolve())
    removeAll()
    expect(read(store, "id")).toBeUndefined()
  })

  test("see what this process writes in that step, through this store or another one", function*() {
    const { directory, store } = yield* make
    const another = yield* storeFrom(SqliteStore.layer({ directory }))
    for (const [i, by] of [store, another, store, another].entries()) {
      readOften(store)
      Effect.runSync(singly(by).set("id", entry(i + 2)))
      expect(read(store, "id")).toEqual(entry(i + 2))
      expect(read(another, "id")).toEqual(entry(i + 2))
    }
  })

  test("see what another process commits while the step takes long", function*() {
    const { pass, stores } = yield* makeWithClock
    const { removeAll, store } = stores
    expect(readOften(store)).toEqual(entry(1))
    removeAll()
    pass(2)
    expect(read(store, "id")).toBeUndefined()
  })

  test("do not prevent the log from being emptied afterwards", function*() {
    const { emptyLog, removeAll, store } = yield* make
    readOften(store)
    removeAll()
    expect(emptyLog()).toBe(1)
    yield* Effect.promise(() => Promise.resolve())
    expect(emptyLog()).toBe(0)
  })

  test("continue where the database was replaced meanwhile, and close the former one", function*() {
    const { directory, store } = yield* make
    readOften(store)
    const { rmSync } = yield* Effect.promise(() => import("node:fs"))
    rmSync(directory, { recursive: true })
    readOften(store)
    yield* singly(store).set("id", entry(2))
    expect(readOften(store)).toEqual(entry(2))
  })

  test("are no part of a scan, which sees what another store has written", function*() {
    const { directory, store } = yield* make
    const another = yield* storeFrom(SqliteStore.layer({ directory }))
    readOften(store)
    Effect.runSync(singly(another).set("next", entry(2)))
    const scanned = Effect.runSync(Stream.runCollect(store.scan()))
    expect(scanned.map(({ id }) => id)).toEqual(["id", "next"])
    readOften(store)
    Effect.runSync(another.increment("counter", 1))
    expect(Effect.runSync(Stream.runCollect(store.scanCounters()))).toMatchObject([{ name: "counter", value: 1 }])
  })

  test("see what the last holder of a lock has done, once it is taken over", function*() {
    const { directory, removeAll, store } = yield* make
    const lock = yield* lockOf(SqliteGuards.layer({ directory }))
    yield* nextStep
    const scope = yield* Effect.scope
    readOften(store)
    removeAll()
    Effect.runSync(Scope.provide(lock.acquire("id", { lease: "1 minute", wait: 0 }), scope))
    expect(read(store, "id")).toBeUndefined()
  })

  test("are of their own where the program continues for long after them", function*() {
    const { pass, stores } = yield* makeWithClock
    const { emptyLog, removeAll, store } = stores
    const steps = Effect.gen(function*() {
      readOften(store)
      yield* nextStep
      readOften(store)
      removeAll()
      return emptyLog() === 1
    })
    expect(yield* steps).toBe(true)
    pass(20)
    yield* nextStep
    expect(yield* steps).toBe(false)
    yield* nextStep
    pass(199)
    expect(yield* steps).toBe(false)
    yield* nextStep
    // It is noticed that the program has changed its ways.
    pass(1)
    expect(yield* steps).toBe(true)
  })

  test.live("are of their own before the program has shown how it continues", function*() {
    const directory = yield* tempDirectory
    const store = yield* storeFrom(SqliteStore.layer({ directory }))
    yield* singly(store).set("id", entry(1))
    const other = yield* connection(directory)
    readOften(store)
    other.exec("DELETE FROM entry")
    expect(other.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()!["busy"]).toBe(0)
  })

  test("end with their step where a test keeps microtasks from running", function*() {
    const { emptyLog, removeAll, store } = yield* make
    vi.useFakeTimers({ toFake: ["queueMicrotask"] })
    try {
      readOften(store)
      yield* Effect.promise(() => Promise.resolve())
      removeAll()
      expect(emptyLog()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })
})
