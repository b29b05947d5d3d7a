/** Thousands of operations while another program holds the lock of the database. */
import { describe, expect, vi } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber } from "effect"
import { Cached, CacheLayer, type Caching, Guard } from "effect-cached"
import { SqliteGuards, SqliteStore } from "effect-cached/sqlite"
import { TestClock } from "effect/testing"
import { join } from "node:path"
import { DatabaseSync, StatementSync } from "node:sqlite"
import { singly } from "../../../../src/testing/internal/singly.ts"
import { connection, entry } from "../../../support/sqlite.ts"
import { storeFrom } from "../../../support/storeFrom.ts"
import { tempDirectory } from "../../../support/tempDirectory.ts"
import { test } from "../../../support/tests.ts"
import { turns } from "../../../support/turns.ts"

const many = 1000
/** Turns are counted beside the limit, so two slices of 64 may fall into one. */
const ofTurn = 2 * 64

const range = Array.from({ length: many }, (_, i) => i)

const begin = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const beginAll = <A, E, R>(each: (i: number) => Effect.Effect<A, E, R>) =>
  Effect.forEach(range, (i) => begin(Effect.exit(each(i))))

const joinAll = <A>(fibers: ReadonlyArray<Fiber.Fiber<A>>) => Effect.forEach(fibers, (fiber) => Fiber.join(fiber))

const asking = { owner: "a", leaseMillis: 60_000, rejectedWriteId: undefined, join: false }

const locked = Effect.gen(function*() {
  const directory = join(yield* tempDirectory, "cache")
  const store = yield* storeFrom(SqliteStore.layer({ directory }))
  const other = yield* connection(directory)
  other.exec("BEGIN IMMEDIATE")
  return { directory, other, store }
})

/** How many statements with this text the process runs from now on. */
const statements = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => ({
      exec: vi.spyOn(DatabaseSync.prototype, "exec"),
      run: vi.spyOn(StatementSync.prototype, "run")
    })),
    ({ exec, run }) =>
      Effect.sync(() => {
        exec.mockRestore()
        run.mockRestore()
      })
  ),
  ({ exec, run }) => (text: string) => {
    const statements = run.mock.contexts as ReadonlyArray<StatementSync>
    const texts = [...exec.mock.calls.map(([sql]) => sql as string), ...statements.map(({ sourceSQL }) => sourceSQL)]
    return texts.filter((sql) => sql.includes(text)).length
  }
)

describe("the lock", () => {
  test("is asked for a few times, however many operations wait", function*() {
    const { store } = yield* locked
    const count = yield* statements
    const clock = yield* Clock.Clock
    const sleep = vi.fn(clock.sleep.bind(clock))
    const counting: Clock.Clock = Object.assign(Object.create(clock), { sleep })
    const fibers = yield* beginAll((i) => Effect.provideService(singly(store).remove(`${i}`), Clock.Clock, counting))
    for (let i = 0; i < 50; i++) yield* TestClock.adjust("10 millis")
    const exits = yield* joinAll(fibers)
    expect(exits.every(Exit.isFailure)).toBe(true)
    expect(sleep.mock.calls.length).toBeLessThan(20)
    // The first pauses double, and further ones last 50 ms or somewhat longer.
    expect(count("BEGIN IMMEDIATE")).toBeLessThan(20)
  })

  test("is asked for by the next operation when the leader is interrupted or times out", function*() {
    const { other, store } = yield* locked
    const first = yield* begin(singly(store).set("first", entry(1)))
    const lease = yield* begin(Effect.flip(singly(store).acquire("lease", asking)))
    const second = yield* begin(singly(store).set("second", entry(1)))
    yield* Fiber.interrupt(first)
    yield* TestClock.adjust("250 millis")
    expect(yield* Fiber.join(lease)).toMatchObject({ reason: "Timeout" })
    expect(second.pollUnsafe()).toBeUndefined()
    other.exec("ROLLBACK")
    yield* TestClock.adjust("100 millis")
    expect(yield* Fiber.join(second)).toBe(true)
  })

  test("holds a load up for half of `storeTimeout`: the rest is for the write of its result", function*() {
    const { store } = yield* locked
    const lease = yield* begin(Effect.flip(singly(store).acquire("lease", asking)))
    yield* TestClock.adjust("249 millis")
    expect(lease.pollUnsafe()).toBeUndefined()
    yield* TestClock.adjust("1 millis")
    expect(yield* Fiber.join(lease)).toMatchObject({ reason: "Timeout", operation: "acquire" })
  })
})

describe("when the lock is free", () => {
  test("waiting operations proceed, some in each turn", function*() {
    const { other, store } = yield* locked
    const { most, note } = yield* turns
    const fibers = yield* beginAll((i) => Effect.andThen(singly(store).remove(`${i}`), note))
    yield* TestClock.adjust("100 millis")
    other.exec("ROLLBACK")
    yield* TestClock.adjust("100 millis")
    expect((yield* joinAll(fibers)).every(Exit.isSuccess)).toBe(true)
    expect(most()).toBeLessThanOrEqual(ofTurn)
  })

  test("all leases are granted, each once", function*() {
    const { other, store } = yield* locked
    const fibers = yield* beginAll((i) => singly(store).acquire(`${i % 500}`, { ...asking, owner: `${i}` }))
    yield* TestClock.adjust("100 millis")
    other.exec("ROLLBACK")
    yield* TestClock.adjust("100 millis")
    const answers = (yield* joinAll(fibers)).map((exit) => Exit.isSuccess(exit) ? exit.value._tag : "failed")
    expect(answers.filter((answer) => answer === "Granted")).toHaveLength(500)
    expect(answers.filter((answer) => answer === "Wait")).toHaveLength(500)
  })
})

describe("loads of a cache on disk", () => {
  const read = (note: Effect.Effect<void>) => (i: number) =>
    Effect.as(note, i).pipe(Cached.ttl(`k${i}`, { ttl: "1 hour" }))

  test("proceed without the store, some in each turn, and ask it for nothing more", function*() {
    const directory = yield* tempDirectory
    yield* Effect.gen(function*() {
      yield* Cached.size
      const other = yield* connection(directory)
      other.exec("BEGIN IMMEDIATE")
      const { most, note } = yield* turns
      const count = yield* statements
      const fibers = yield* beginAll(read(note))
      // The reads ask the store in turns.
      for (let i = 0; i < 100; i++) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      for (let i = 0; i < 30; i++) yield* TestClock.adjust("10 millis")
      const exits = yield* joinAll(fibers)
      expect(exits.map((exit) => Exit.isSuccess(exit) ? exit.value : exit)).toEqual(range)
      expect(most()).toBeLessThanOrEqual(ofTurn)
      const asked = count("BEGIN IMMEDIATE")
      expect(asked).toBeLessThan(20)
      other.exec("ROLLBACK")
      yield* TestClock.adjust("1 second")
      expect(yield* Cached.size).toBe(0)
      // An operation that timed out while it waited is never carried out, so no lease is released.
      expect(count("BEGIN IMMEDIATE")).toBe(asked)
    }).pipe(Effect.provide(CacheLayer.disk({ directory })))
  })

  test("that find their values there ask in turns, too", function*() {
    const directory = yield* tempDirectory
    const { most, note } = yield* turns
    const all = (note: Effect.Effect<void>) =>
      Effect.forEach(range, (i) => Effect.tap(read(Effect.void)(i), () => note), { concurrency: "unbounded" })
    const layer = CacheLayer.disk({ directory, memory: false })
    yield* Effect.provide(all(Effect.void), layer)
    const values = yield* Effect.provide(Effect.tap(all(note), () => Cached.size), layer)
    expect(values).toEqual(range)
    expect(most()).toBeLessThanOrEqual(2 * 128)
  })

  test("in one step all ask at once", function*() {
    const directory = yield* tempDirectory
    yield* Effect.gen(function*() {
      const runSync = Effect.runSyncWith(yield* Effect.context<Caching.Caching>())
      for (const i of range) expect(runSync(read(Effect.void)(i))).toBe(i)
    }).pipe(Effect.provide(CacheLayer.disk({ directory, memory: false })))
  })
})

describe("guards", () => {
  test("of a locked database proceed in turns", function*() {
    const directory = yield* tempDirectory
    yield* Effect.gen(function*() {
      const { most, note } = yield* turns
      const guarded = (i: number) => note.pipe(Guard.rateLimit({ key: `${i}`, limit: 1, window: "1 minute" }))
      yield* guarded(-1)
      const other = new DatabaseSync(join(directory, "guards.v1.db"))
      other.exec("BEGIN IMMEDIATE")
      const fibers = yield* beginAll(guarded)
      yield* TestClock.adjust("100 millis")
      other.exec("ROLLBACK")
      other.close()
      yield* TestClock.adjust("100 millis")
      expect((yield* joinAll(fibers)).every(Exit.isSuccess)).toBe(true)
      expect(most()).toBeLessThanOrEqual(ofTurn)
    }).pipe(Effect.provide(SqliteGuards.layer({ directory })))
  })
})
