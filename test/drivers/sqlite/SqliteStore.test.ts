/** The SQLite store: restarts, unusable files, its size, other writers. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Stream } from "effect"
import { CacheError } from "effect-cached"
import type { Store } from "effect-cached/adapters"
import { SqliteStore } from "effect-cached/sqlite"
import { TestClock } from "effect/testing"
import * as fs from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { singly } from "../../../src/testing/internal/singly.ts"
import { entry, fileOf, read } from "../../support/sqlite.ts"
import { storeFrom } from "../../support/storeFrom.ts"
import { tempDirectory } from "../../support/tempDirectory.ts"
import { test } from "../../support/tests.ts"

/** The store of a directory, opened and closed once. */
const using = <A, E, R>(
  directory: string,
  use: (store: Store.Store) => Effect.Effect<A, E, R>,
  options?: Partial<SqliteStore.Options>
) => Effect.scoped(Effect.flatMap(storeFrom(SqliteStore.layer({ directory, ...options })), use))

/** A program with a store in a folder of its own. */
const inFolder = <Step extends Effect.Effect<any, any, any>, A>(
  program: (store: Store.Store, directory: string) => Generator<Step, A, never>,
  options?: Partial<SqliteStore.Options>
) =>
  Effect.flatMap(
    tempDirectory,
    (directory) => using(directory, (store) => Effect.gen(() => program(store, directory)), options)
  )

const files = (directory: string) => fs.readdirSync(directory).toSorted()

describe("a restart", () => {
  test("keeps numbers", function*() {
    const directory = join(yield* tempDirectory, "made", "for", "it")
    yield* using(directory, (store) => store.increment("n", 41))
    expect(yield* using(directory, (store) => store.increment("n", 1))).toBe(42)
  })

  test("finds one file, no log beside it, whose free pages can be given back", function*() {
    const directory = yield* tempDirectory
    yield* using(directory, (store) => singly(store).set("id", entry(1)))
    expect(files(directory)).toEqual(["cache.v2.1.db", "cache.v2.current", "cache.v2.reserve"])
    const database = new DatabaseSync(fileOf(directory))
    expect(database.prepare("PRAGMA auto_vacuum").get()).toEqual({ auto_vacuum: 2 })
    expect(database.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" })
    database.close()
  })
})

describe("a start while another process has the whole database", () => {
  const locked = (heldMillis: number) =>
    Effect.gen(function*() {
      const directory = yield* tempDirectory
      yield* using(directory, () => Effect.void)
      const database = new DatabaseSync(fileOf(directory))
      database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
      const opening = yield* Effect.forkChild(Effect.exit(using(directory, (store) => store.increment("n", 1))))
      yield* TestClock.adjust(heldMillis)
      database.close()
      yield* TestClock.adjust("1 second")
      return yield* Fiber.join(opening)
    })

  test("waits for it, for longer than `storeTimeout`", function*() {
    expect(yield* locked(4000)).toEqual(Exit.succeed(1))
  })

  test("fails after five seconds", function*() {
    expect(Exit.isFailure(yield* locked(6000))).toBe(true)
  })
})

describe("a file that cannot be used", () => {
  const unusable: Record<string, (file: string) => void> = {
    "is no database": (file) =>
      fs.writeFileSync(file, "not a database, but long enough to be taken for one".repeat(100)),
    "is noise": (file) => fs.writeFileSync(file, Buffer.alloc(8192, 0xa5)),
    "belongs to another release": (file) => {
      const database = new DatabaseSync(file)
      database.exec("CREATE TABLE entry (x); PRAGMA user_version = 77")
      database.close()
    },
    "belongs to another program": (file) => {
      const database = new DatabaseSync(file)
      database.exec("CREATE TABLE invoices (x)")
      database.close()
    },
    "lacks a column": (file) => {
      const database = new DatabaseSync(file)
      database.exec("ALTER TABLE lease DROP COLUMN failures")
      database.close()
    },
    "has noise in its pages": (file) => {
      const bytes = fs.readFileSync(file)
      fs.writeFileSync(file, bytes.fill(0xa5, 4096))
    },
    "lost its pages": (file) => fs.truncateSync(file, 4096)
  }

  for (const [what, damage] of Object.entries(unusable)) {
    test(`because it ${what} is left as it is, and a new one is started beside it`, function*() {
      const directory = yield* tempDirectory
      const bad = fileOf(directory)
      yield* using(directory, (store) => singly(store).set("id", entry(1)))
      if (what.startsWith("belongs")) fs.rmSync(bad)
      damage(bad)
      const bytes = fs.readFileSync(bad)
      yield* using(directory, (store) =>
        Effect.gen(function*() {
          expect(read(store, "id")).toBeUndefined()
          yield* singly(store).set("id", entry(2))
        }))
      expect(fs.readFileSync(bad)).toEqual(bytes)
      expect(fs.readFileSync(join(directory, "cache.v2.current"), "utf8").trim()).toBe("2")
      yield* using(directory, (store) => Effect.sync(() => expect(read(store, "id")).toEqual(entry(2))))
    })
  }

  test("is kept until there is a third one, not longer", function*() {
    const directory = yield* tempDirectory
    for (const n of [1, 2, 3]) {
      fs.writeFileSync(join(directory, `cache.v2.${n}.db`), "not a database".repeat(100))
      yield* using(directory, () => Effect.void)
    }
    expect(files(directory)).toEqual(["cache.v2.3.db", "cache.v2.4.db", "cache.v2.current", "cache.v2.reserve"])
  })

  test("is not one of no bytes: that is a fresh one", function*() {
    const directory = yield* tempDirectory
    fs.writeFileSync(fileOf(directory), "")
    yield* using(directory, (store) => singly(store).set("id", entry(1)))
    expect(files(directory)).toEqual(["cache.v2.1.db", "cache.v2.current", "cache.v2.reserve"])
  })

  test("is not looked for where the pointer is damaged or lost: the newest file is taken", function*() {
    const directory = yield* tempDirectory
    yield* using(directory, (store) => singly(store).set("id", entry(1)))
    fs.renameSync(fileOf(directory), join(directory, "cache.v2.7.db"))
    for (const pointer of ["", "seven", "-1", "1e9"]) {
      fs.writeFileSync(join(directory, "cache.v2.current"), pointer)
      yield* using(directory, (store) => Effect.sync(() => expect(read(store, "id")).toEqual(entry(1))))
    }
  })
})

describe("maxSize", () => {
  test("has room for many at once as for each alone", function*() {
    yield* using(yield* tempDirectory, (store) =>
      Effect.gen(function*() {
        for (let i = 0; i < 60; i++) yield* singly(store).set(`old ${i}`, entry(i, 20_000))
        const ids = Array.from({ length: 30 }, (_, i) => `new ${i}`)
        yield* store.set(ids.map((id, i) => ({ id, entry: entry(i, 20_000) })))
        expect(read(store, "new 29")).toBeDefined()
        const asking = { owner: "a", leaseMillis: 1000, rejectedWriteId: undefined, join: false }
        const granted = yield* store.acquire(ids.map((id) => ({ ...asking, id: `loaded ${id}` })))
        const commits = granted.map((acquired, i) => ({
          id: `loaded ${ids[i]!}`,
          generation: acquired._tag === "Granted" ? acquired.generation : "",
          entry: entry(i, 20_000)
        }))
        expect((yield* store.commit(commits)).every((accepted) => accepted)).toBe(true)
      }), { maxSize: "1 MiB" })
  })

  /** How many entries have ids that begin so and end there, without reading them. */
  const sizeIn = (store: Store.Store, id: string) =>
    Effect.map(Stream.runCollect(store.scan({ prefix: id })), (all) => all.filter((found) => found.id === id).length)

  const sizeOf = (directory: string) => fs.statSync(fileOf(directory)).size

  test("measures the content: the file stays within it, whatever is written (F21)", function*() {
    const directory = yield* tempDirectory
    yield* using(directory, (store) =>
      Effect.forEach(
        Array.from({ length: 2000 }, (_, i) => i),
        (i) => singly(store).set(`id ${i}`, entry(i % 256, (i * 7919) % 12_000))
      ), { maxSize: "1 MiB" })
    expect(sizeOf(directory)).toBeLessThanOrEqual(1024 * 1024)
    expect(sizeOf(directory)).toBeGreaterThan(600 * 1024)
  })

  const range = (n: number) => Array.from({ length: n }, (_, i) => i)

  it.effect("an entry that is read goes after one that is not, however long ago it was written (PE-12)", () =>
    inFolder(function*(store) {
      yield* singly(store).set("read", entry(1, 20_000))
      yield* singly(store).set("unread", entry(2, 20_000))
      yield* singly(store).set("looked at by a scan", entry(3, 20_000))
      for (const i of range(300)) {
        yield* singly(store).set(`id ${i}`, entry(i & 255, 20_000))
        expect(read(store, "read")).toEqual(entry(1, 20_000))
        if (i < 50) yield* Stream.runDrain(store.scan())
      }
      for (const id of ["unread", "looked at by a scan", "id 200"]) expect(read(store, id)).toBeUndefined()
      expect(read(store, "id 299")).toBeDefined()
      expect(read(store, "id 280")).toBeDefined()
    }, { maxSize: "1 MiB" }))

  it.effect("an entry written again has to be read again (PE-12)", () =>
    inFolder(function*(store) {
      yield* singly(store).set("id", entry(1, 20_000))
      expect(read(store, "id")).toBeDefined()
      yield* singly(store).set("id", entry(2, 20_000))
      for (const i of range(60)) yield* singly(store).set(`id ${i}`, entry(3, 20_000))
      expect(yield* sizeIn(store, "id")).toBe(0)
    }, { maxSize: "1 MiB" }))

  it.effect("a value larger than all of it is refused, and nothing is dropped for it", () =>
    inFolder(function*(store) {
      yield* singly(store).set("id", entry(1))
      const error = yield* Effect.flip(singly(store).set("large", entry(2, 2_000_000)))
      expect(error).toMatchObject({ _tag: "StoreError", reason: "TooLarge" })
      expect(read(store, "id")).toEqual(entry(1))
    }, { maxSize: "1 MiB" }))

  it.effect("a full store still takes invalidations (F28)", () =>
    inFolder(function*(store) {
      for (let i = 0; i < 100; i++) yield* singly(store).set(`id ${i}`, entry(1, 12_000))
      const tags = Array.from({ length: 1000 }, (_, i) => `tag ${i}`)
      const before = yield* store.markers(tags)
      yield* store.invalidateTags(tags)
      const after = yield* store.markers(tags)
      expect(after.markers.every(({ version }, i) => version !== before.markers[i]!.version)).toBe(true)
      yield* singly(store).remove("id 99")
    }, { maxSize: "1 MiB" }))

  it.effect("an expired entry goes in time, also where there is room", () =>
    inFolder(function*(store) {
      for (let i = 0; i < 1000; i++) yield* singly(store).set(`id ${i}`, entry(1, 8, { expiresAt: 1000 }))
      yield* TestClock.adjust("1 hour")
      for (let i = 0; i < 1000; i++) yield* singly(store).set("same", entry(1))
      expect(yield* store.size).toBe(1)
    }))
})

describe("another process that writes", () => {
  /** A transaction of another process, which holds the lock until it is closed. */
  const writing = (directory: string) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const database = new DatabaseSync(fileOf(directory))
        database.exec("BEGIN IMMEDIATE")
        return database
      }),
      (database) => Effect.sync(() => database.close())
    )

  it.effect("delays a write, which is done when the other has ended", () =>
    inFolder(function*(store, directory) {
      const other = yield* writing(directory)
      const set = yield* Effect.forkChild(singly(store).set("id", entry(1)), { startImmediately: true })
      yield* TestClock.adjust("100 millis")
      expect(set.pollUnsafe()).toBeUndefined()
      other.exec("COMMIT")
      yield* TestClock.adjust("100 millis")
      expect(yield* Fiber.join(set)).toBe(true)
    }))

  it.effect("delays no read", () =>
    inFolder(function*(store, directory) {
      yield* singly(store).set("id", entry(1))
      yield* writing(directory)
      expect(read(store, "id")).toEqual(entry(1))
    }))

  it.effect("and never ends fails a write after storeTimeout", () =>
    inFolder(function*(store, directory) {
      yield* writing(directory)
      const set = yield* Effect.forkChild(Effect.flip(singly(store).set("id", entry(1))), {
        startImmediately: true
      })
      yield* TestClock.adjust("900 millis")
      expect(set.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("300 millis")
      expect(yield* Fiber.join(set)).toMatchObject({ reason: "Timeout", operation: "set", store: "sqlite" })
    }, { storeTimeout: "1 second" }))
})

describe("SqliteStore.layer", () => {
  it("refuses options that make no sense", () => {
    const make = (options: object) => () => storeFrom(SqliteStore.layer({ directory: "never made", ...options }))
    expect(make({ dir: "x" })).toThrow(/no option "dir"/)
    expect(make({ directory: 1 })).toThrow(CacheError.CacheConfigError)
    expect(make({ directory: "" })).toThrow(CacheError.CacheConfigError)
    expect(make({ maxSize: "lots" })).toThrow(/"maxSize"/)
    expect(make({ maxSize: 0 })).toThrow(/"maxSize"/)
    expect(make({ storeTimeout: "soon" })).toThrow(/"storeTimeout"/)
    expect(fs.existsSync("never made")).toBe(false)
  })
})

describe("an inspection", () => {
  test("waits while another program has locked the database, for storeTimeout at most", function*() {
    const directory = yield* tempDirectory
    yield* using(directory, (store) => singly(store).set("id", entry(1)))
    const other = new DatabaseSync(fileOf(directory))
    other.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
    const inspect = (storeTimeout: "1 second" | "5 seconds") => SqliteStore.inspect({ directory, storeTimeout })
    const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })
    const late = yield* start(Effect.flip(inspect("1 second")))
    const opening = yield* start(inspect("5 seconds"))
    yield* TestClock.adjust("4 seconds")
    expect(late.pollUnsafe()).toMatchObject({ value: { reason: "Timeout" } })
    expect(opening.pollUnsafe()).toBeUndefined()
    other.close()
    yield* TestClock.adjust("1 second")
    const { get } = yield* Fiber.join(opening)
    expect((yield* get("id", [])).entry).toEqual(entry(1))
  })
})
