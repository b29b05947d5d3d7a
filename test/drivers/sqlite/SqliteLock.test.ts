/** Locks in a SQLite file: directories, tokens, damage, clocks. Processes: `test/timed/sqliteLocks.test.ts`. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { CacheError } from "effect-cached"
import { Lock, Store } from "effect-cached/adapters"
import { SqliteGuards, SqliteStore } from "effect-cached/sqlite"
import { withTimePassing } from "effect-cached/testing"
import { TestClock } from "effect/testing"
import * as fs from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { lockOf } from "../../support/services.ts"
import { tempDirectory } from "../../support/tempDirectory.ts"
import { test } from "../../support/tests.ts"

const options = { lease: "3 seconds", wait: "1 minute" } as const
const once = { lease: "3 seconds", wait: 0 } as const

const tokenOf = (lock: Lock.Lock) => Effect.map(Effect.scoped(lock.acquire("name", options)), ({ token }) => token)

describe("a directory", () => {
  it("is needed", () => {
    expect(() => SqliteGuards.layer({ directory: "" })).toThrow(CacheError.CacheConfigError)
    expect(() => SqliteGuards.layer({} as Parameters<typeof SqliteGuards.layer>[0])).toThrow("directory")
    expect(() => SqliteGuards.layer({ directory: ".", lease: 1 } as Parameters<typeof SqliteGuards.layer>[0])).toThrow(
      "no option \"lease\""
    )
  })

  test("is made, and may be that of a store", function*() {
    const directory = join(yield* tempDirectory, "made", "for", "it")
    const program = Effect.gen(function*() {
      yield* (yield* Lock.Lock).acquire("name", options)
      return yield* (yield* Store.Store).size
    })
    const size = yield* Effect.scoped(program).pipe(
      Effect.provide(SqliteGuards.layer({ directory })),
      Effect.provide(SqliteStore.layer({ directory }))
    )
    expect(size).toBe(0)
    expect(fs.readdirSync(directory)).toContain("locks.v1.db")
  })

  test("that cannot be used fails the layer", function*() {
    const file = join(yield* tempDirectory, "file")
    fs.writeFileSync(file, "")
    const error = yield* Effect.flip(lockOf(SqliteGuards.layer({ directory: join(file, "below") })))
    expect(error).toMatchObject({ _tag: "StoreError", operation: "open" })
    expect(error.cause).toMatchObject({ code: "ENOTDIR" })
  })
})

describe("tokens", () => {
  test("grow over restarts", function*() {
    const directory = yield* tempDirectory
    const restarted = Effect.scoped(Effect.flatMap(lockOf(SqliteGuards.layer({ directory })), tokenOf))
    expect(yield* restarted).toBe(1n)
    expect(yield* restarted).toBe(2n)
    yield* TestClock.setTime(1_700_000_000_000)
    expect(yield* restarted).toBe(1_700_000_000_000_000n)
    yield* TestClock.setTime(1000)
    expect(yield* restarted).toBe(1_700_000_000_000_001n)
  })

  test("grow though the file is deleted, also under a process that has it open", function*() {
    const directory = yield* tempDirectory
    const lock = yield* lockOf(SqliteGuards.layer({ directory }))
    yield* TestClock.setTime(1_700_000_000_000)
    const before = yield* tokenOf(lock)
    fs.rmSync(directory, { recursive: true })
    yield* TestClock.adjust(1)
    const after = yield* tokenOf(lock)
    expect(after).toBeGreaterThan(before)
    const other = yield* lockOf(SqliteGuards.layer({ directory }))
    expect(yield* tokenOf(other)).toBeGreaterThan(after)
  })
})

describe("a file", () => {
  test("keeps no row of a name without a holder", function*() {
    const directory = yield* tempDirectory
    const lock = yield* lockOf(SqliteGuards.layer({ directory }))
    for (let i = 0; i < 100; i++) yield* Effect.scoped(lock.acquire(`name ${i}`, options))
    const database = new DatabaseSync(join(directory, "locks.v1.db"))
    const rows = () => database.prepare("SELECT count(*) AS rows FROM lock").get()
    expect(rows()).toEqual({ rows: 0 })
    // A row that a killed process has left.
    database.exec("INSERT INTO lock VALUES ('dead', 1, 3000, 3000)")
    yield* TestClock.adjust("2 days")
    yield* lock.acquire("other", options)
    expect(rows()).toEqual({ rows: 1 })
    database.close()
  })

  test("is searched for what the dead have left once a day: each search goes through all that is held", function*() {
    const directory = yield* tempDirectory
    const lock = yield* lockOf(SqliteGuards.layer({ directory }))
    yield* Effect.scoped(lock.acquire("first", options))
    const database = new DatabaseSync(join(directory, "locks.v1.db"))
    database.exec("INSERT INTO lock VALUES ('dead', 1, 3000, -100000000)")
    const rows = () => database.prepare("SELECT count(*) AS rows FROM lock").get()
    yield* Effect.scoped(lock.acquire("second", options))
    expect(rows()).toEqual({ rows: 1 })
    yield* TestClock.adjust("1 day")
    yield* Effect.scoped(lock.acquire("third", options))
    expect(rows()).toEqual({ rows: 0 })
    database.close()
  })

  test("that is damaged is unavailable until it is deleted", function*() {
    const directory = yield* tempDirectory
    const file = join(directory, "locks.v1.db")
    fs.writeFileSync(file, "not a database, but long enough to be taken for one".repeat(100))
    const error = yield* Effect.flip(lockOf(SqliteGuards.layer({ directory })))
    expect(error.reason).toBe("Corrupt")
    expect(fs.readFileSync(file, "utf8")).toContain("not a database")
    fs.rmSync(file)
    expect(yield* tokenOf(yield* lockOf(SqliteGuards.layer({ directory })))).toBe(1n)
  })

  test("of another release is left alone", function*() {
    const directory = yield* tempDirectory
    const database = new DatabaseSync(join(directory, "locks.v1.db"))
    database.exec("PRAGMA user_version = 7")
    database.close()
    const error = yield* Effect.flip(lockOf(SqliteGuards.layer({ directory })))
    expect(String(error.cause)).toContain("another release")
  })

  test.live("that another process writes to is waited for", function*() {
    const directory = yield* tempDirectory
    const lock = yield* lockOf(SqliteGuards.layer({ directory }))
    const database = new DatabaseSync(join(directory, "locks.v1.db"))
    database.exec("BEGIN IMMEDIATE")
    const fiber = yield* Effect.forkChild(Effect.scoped(lock.acquire("name", once)), { startImmediately: true })
    yield* Effect.sleep("100 millis")
    expect(fiber.pollUnsafe()).toBeUndefined()
    database.exec("COMMIT")
    expect((yield* Fiber.join(fiber)).token).toBeGreaterThan(0n)
    database.exec("BEGIN IMMEDIATE")
    const error = yield* Effect.flip(Effect.scoped(lock.acquire("name", once)))
    expect(error.reason).toBe("Unavailable")
    database.close()
  })
})

describe("a clock that is set back", () => {
  test("holds a lock for its lease at most", function*() {
    const directory = yield* tempDirectory
    yield* TestClock.setTime(1_700_000_000_000)
    const holder = yield* lockOf(SqliteGuards.layer({ directory }))
    yield* holder.acquire("mine", options)
    const database = new DatabaseSync(join(directory, "locks.v1.db"))
    database.exec("INSERT INTO lock VALUES ('dead', 1, 3000, 1700000003000)")
    database.close()
    yield* TestClock.setTime(1_600_000_000_000)
    const lock = yield* lockOf(SqliteGuards.layer({ directory }))
    const waiting = yield* Effect.forkChild(Effect.exit(lock.acquire("dead", { ...options, wait: "10 seconds" })))
    yield* TestClock.adjust("10 seconds")
    expect(Exit.isSuccess(yield* Fiber.join(waiting))).toBe(true)
  })
})

describe("a lock that is closed", () => {
  it.effect("is of no use, and what it held is free at the lease's end", () =>
    withTimePassing(Effect.gen(function*() {
      const directory = yield* tempDirectory
      const scope = yield* Scope.make()
      const lock = yield* Scope.provide(lockOf(SqliteGuards.layer({ directory })), scope)
      const { lost } = yield* lock.acquire("name", once)
      yield* Scope.close(scope, Exit.void)
      expect((yield* Effect.flip(lock.acquire("other", once))).reason).toBe("Unavailable")
      const other = yield* lockOf(SqliteGuards.layer({ directory }))
      expect((yield* Effect.flip(other.acquire("name", once))).reason).toBe("Timeout")
      yield* other.acquire("name", options)
      expect((yield* Effect.flip(lost)).reason).toBe("Lost")
    })))
})
