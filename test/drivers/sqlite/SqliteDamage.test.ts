/** SQLite files that are cut off, damaged, deleted or full. */
import { describe, expect, vi } from "@effect/vitest"
import { Effect, Exit, Scheduler, Scope, Stream } from "effect"
import type { Store } from "effect-cached/adapters"
import { SqliteGuards, SqliteStore } from "effect-cached/sqlite"
import { TestClock } from "effect/testing"
import * as fs from "node:fs"
import { join } from "node:path"
import { DatabaseSync, type StatementSync } from "node:sqlite"
import * as Connection from "../../../src/drivers/sqlite/connection.ts"
import * as Entries from "../../../src/drivers/sqlite/tables/entries.ts"
import * as Backoff from "../../../src/drivers/sqlite/transactions/backoff.ts"
import { singly } from "../../../src/testing/internal/singly.ts"
import { guardsOf, lockOf } from "../../support/services.ts"
import { changesOf, connection, entry, fileOf, read } from "../../support/sqlite.ts"
import { storeFrom } from "../../support/storeFrom.ts"
import { tempDirectory } from "../../support/tempDirectory.ts"
import { test } from "../../support/tests.ts"

const gap = [{ _tag: "Gap" }]

const names = Array.from({ length: 30 }, (_, i) => `id ${i}`)

const fill = (store: Store.Store) => Effect.forEach(names, (id, i) => singly(store).set(id, entry(i, i * 50)))

/** A directory with entries in one file and no log beside it. */
const filled = Effect.gen(function*() {
  const directory = yield* tempDirectory
  yield* Effect.scoped(Effect.flatMap(storeFrom(SqliteStore.layer({ directory })), fill))
  return directory
})

/** Whichever damage happened: each entry is as it was set, or missing, and the store can be used. */
const isUsable = Effect.fnUntraced(function*(store: Store.Store) {
  for (const [i, id] of names.entries()) {
    const { entry: found } = yield* store.get(id, [])
    if (found !== undefined) expect(Uint8Array.from(found.payload)).toEqual(entry(i, i * 50).payload)
  }
  yield* singly(store).set("new", entry(1, 5000))
  expect(read(store, "new")).toEqual(entry(1, 5000))
})

const dropTables = (directory: string) =>
  Effect.runSync(Effect.scoped(Effect.map(connection(directory), (database) => {
    database.exec("DROP TABLE entry; DROP TABLE lease; DROP TABLE change; DROP TABLE marker; DROP TABLE counter")
  })))

const files = (directory: string) => fs.readdirSync(directory).toSorted()

describe("a file cut off", () => {
  test("at any page is no reason to fail, nor to answer what was not set", function*() {
    const directory = yield* filled
    const bytes = fs.readFileSync(fileOf(directory))
    expect(bytes.length / 4096).toBeGreaterThan(12)
    for (let length = 0; length <= bytes.length; length += 4096) {
      yield* Effect.scoped(Effect.gen(function*() {
        const copy = yield* tempDirectory
        fs.writeFileSync(fileOf(copy), bytes.subarray(0, length))
        yield* isUsable(yield* storeFrom(SqliteStore.layer({ directory: copy })))
      }))
    }
  })

  test("at any page while two have it open is followed by both", function*() {
    const directory = yield* filled
    const bytes = fs.readFileSync(fileOf(directory))
    for (let length = 0; length < bytes.length; length += 4096) {
      yield* Effect.scoped(Effect.gen(function*() {
        const copy = yield* tempDirectory
        fs.writeFileSync(fileOf(copy), bytes)
        const a = yield* storeFrom(SqliteStore.layer({ directory: copy }))
        const b = yield* storeFrom(SqliteStore.layer({ directory: copy }))
        fs.truncateSync(fileOf(copy), length)
        yield* isUsable(a)
        yield* isUsable(b)
        expect(changesOf(a)).not.toEqual([])
        expect(changesOf(b)).not.toEqual([])
        yield* singly(a).set("shared", entry(7))
        expect(read(b, "shared")).toEqual(entry(7))
      }))
    }
  })
})

describe("a log cut off", () => {
  test("while two have it open is left for the next file by both", function*() {
    const directory = yield* tempDirectory
    const a = yield* storeFrom(SqliteStore.layer({ directory }))
    const b = yield* storeFrom(SqliteStore.layer({ directory }))
    yield* fill(a)
    fs.truncateSync(`${fileOf(directory)}-wal`, 4096)
    yield* isUsable(b)
    expect(changesOf(a)).toEqual(gap)
    expect(read(a, "new")).toEqual(entry(1, 5000))
  })
})

describe("a file that is damaged while the program runs", () => {
  const damages: Record<string, (directory: string) => void> = {
    "overwritten with noise": (directory) =>
      fs.writeFileSync(fileOf(directory), Buffer.alloc(fs.statSync(fileOf(directory)).size, 0xa5)),
    "overwritten behind its head": (directory) => {
      const size = fs.statSync(fileOf(directory)).size
      const file = fs.openSync(fileOf(directory), "r+")
      fs.writeSync(file, Buffer.alloc(size - 4096, 0xa5), 0, size - 4096, 4096)
      fs.closeSync(file)
    },
    "without its tables": dropTables
  }

  for (const [how, damage] of Object.entries(damages)) {
    test(`(${how}) is left for the next one, by all its processes`, function*() {
      const directory = yield* filled
      const a = yield* storeFrom(SqliteStore.layer({ directory }))
      const b = yield* storeFrom(SqliteStore.layer({ directory }))
      damage(directory)
      yield* isUsable(a)
      expect(files(directory)).toContain("cache.v2.2.db")
      expect(fs.readFileSync(join(directory, "cache.v2.current"), "utf8")).toBe("2\n")
      // The other has met no error yet: it follows when it asks what has changed.
      expect(changesOf(b)).toEqual(gap)
      expect(read(b, "new")).toEqual(entry(1, 5000))
      expect(changesOf(a)).toEqual(gap)
      expect(changesOf(a)).toEqual([])
      yield* singly(b).remove("new")
      expect(changesOf(a)).toEqual([{ _tag: "Changed", id: "new" }])
    })

    test(`(${how}) is found out also by polling for changes, taking, or writing`, function*() {
      const options = { owner: "a", leaseMillis: 1000, rejectedWriteId: undefined, join: false }
      const asks = [
        (store: Store.Store) => singly(store).acquire("new", options),
        (store: Store.Store) => singly(store).set("new", entry(1)),
        (store: Store.Store) => singly(store).remove("new"),
        (store: Store.Store) => store.invalidateTags(["tag"]),
        (store: Store.Store) => store.markers(["tag"]),
        (store: Store.Store) => Effect.sync(() => changesOf(store)),
        (store: Store.Store) => Stream.runHead(store.changes)
      ]
      for (const ask of asks) {
        yield* Effect.scoped(Effect.gen(function*() {
          const directory = yield* filled
          const store = yield* storeFrom(SqliteStore.layer({ directory }))
          damage(directory)
          yield* ask(store)
          yield* isUsable(store)
        }))
      }
    })
  }
})

describe("a frame", () => {
  test("of which any byte was changed is a miss", function*() {
    const directory = yield* tempDirectory
    const store = yield* storeFrom(SqliteStore.layer({ directory }))
    const tags = [{ tag: "tag", version: "00".repeat(12) }]
    yield* singly(store).set("id", entry(1, 20, { tags }))
    const database = yield* connection(directory)
    const frame = database.prepare("SELECT frame FROM entry").get()!["frame"] as Uint8Array
    const damage = database.prepare("UPDATE entry SET frame = ?")
    for (const [at, byte] of frame.entries()) {
      for (const other of [byte ^ 1, byte ^ 0x80, byte ^ 0xff]) {
        damage.run(frame.with(at, other))
        expect(read(store, "id")).toBeUndefined()
      }
    }
    damage.run(frame)
    expect(read(store, "id")).toEqual(entry(1, 20, { tags }))
  })
})

describe("a connection whose disk failed", () => {
  test("is left for another to the same file", function*() {
    const directory = yield* filled
    const now = () => 0
    const backoff = () => Backoff.make(now, new Scheduler.MixedScheduler().makeDispatcher())
    const opened = Effect.sync(() =>
      Connection.make({
        directory,
        maxSize: 1_000_000,
        maxValue: 100_000,
        trustFolder: false,
        now,
        newVersion: () => "",
        backoffs: { lock: backoff(), values: backoff() },
        wallNow: now
      })
    )
    const connection = yield* Effect.acquireRelease(opened, (it) => Effect.sync(() => Connection.close(it)))
    const polled = Connection.listen(connection)
    const failed = Connection.tables(connection)
    const answer = Connection.run(connection, () => {
      if (Connection.tables(connection) === failed) {
        throw Object.assign(new Error("disk I/O error"), { errcode: 10 | 3 << 8 })
      }
      return Entries.get(Connection.tables(connection).entries, "id 1")
    })
    expect(answer).toMatchObject({ meta: entry(1).meta })
    expect(polled()).toEqual(gap)
    expect(files(directory)).toContain("cache.v2.1.db")
    expect(files(directory)).not.toContain("cache.v2.2.db")
  })
})

describe("a directory that is deleted while the program runs", () => {
  test("is made again, and shared again by all", function*() {
    const directory = join(yield* tempDirectory, "cache")
    const a = yield* storeFrom(SqliteStore.layer({ directory }))
    const b = yield* storeFrom(SqliteStore.layer({ directory }))
    yield* fill(a)
    changesOf(b)
    fs.rmSync(directory, { recursive: true })
    expect(changesOf(a)).toEqual(gap)
    yield* isUsable(a)
    expect(changesOf(b)).toEqual(gap)
    expect(read(b, "new")).toEqual(entry(1, 5000))
    expect(read(b, "id 1")).toBeUndefined()
    yield* singly(b).remove("new")
    expect(read(a, "new")).toBeUndefined()
  })

  test("after a file that was damaged begins again, too", function*() {
    const directory = join(yield* tempDirectory, "cache")
    const a = yield* storeFrom(SqliteStore.layer({ directory }))
    dropTables(directory)
    yield* isUsable(a)
    expect(files(directory)).toContain("cache.v2.2.db")
    expect(changesOf(a)).toEqual(gap)
    fs.rmSync(directory, { recursive: true })
    const b = yield* storeFrom(SqliteStore.layer({ directory }))
    expect(changesOf(a)).toEqual(gap)
    yield* singly(a).set("id", entry(1))
    expect(read(b, "id")).toEqual(entry(1))
    expect(files(directory).filter((name) => name.endsWith(".db"))).toEqual(["cache.v2.1.db"])
  })

  test("and cannot be made again is a typed failure until it can", function*() {
    const parent = yield* tempDirectory
    const directory = join(parent, "cache")
    const store = yield* storeFrom(SqliteStore.layer({ directory }))
    fs.rmSync(directory, { recursive: true })
    fs.writeFileSync(directory, "in the way")
    // At once: the knowledge about the deleted database is no longer valid.
    expect(changesOf(store)).toEqual(gap)
    expect(() => changesOf(store)).toThrow(/"sqlite" could not report changes: it is unavailable/)
    expect(yield* Effect.flip(singly(store).set("id", entry(1)))).toMatchObject({
      _tag: "StoreError",
      operation: "set"
    })
    fs.rmSync(directory)
    expect(changesOf(store)).toEqual(gap)
    yield* isUsable(store)
  })
})

describe("a directory that is deleted while it is opened", () => {
  /** Deletes it at one step after the other. */
  const deletedAt = Effect.fnUntraced(function*(directory: string, steps: ReadonlyArray<string>) {
    const prepare: (this: DatabaseSync, sql: string) => StatementSync = DatabaseSync.prototype.prepare
    const left = [...steps]
    const spied = vi.spyOn(DatabaseSync.prototype, "prepare").mockImplementation(function(this: DatabaseSync, sql) {
      if (sql === left[0]) {
        left.shift()
        fs.rmSync(directory, { recursive: true })
      }
      return prepare.call(this, sql)
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => spied.mockRestore()))
    return left
  })

  test("is made again", function*() {
    const directory = join(yield* tempDirectory, "cache")
    const left = yield* deletedAt(directory, ["PRAGMA user_version", "SELECT max(seq) FROM entry"])
    const store = yield* storeFrom(SqliteStore.layer({ directory }))
    expect(left).toEqual([])
    yield* isUsable(store)
  })

  const others = {
    "a lock": (directory: string) =>
      Effect.flatMap(
        lockOf(SqliteGuards.layer({ directory })),
        (lock) => lock.acquire("name", { lease: "1 second", wait: 0 })
      ),
    guards: (directory: string) =>
      Effect.flatMap(guardsOf(SqliteGuards.layer({ directory })), (guards) => guards.readBits("filter", [0]))
  }

  for (const [name, use] of Object.entries(others)) {
    test(`is made again by ${name}, too`, function*() {
      const directory = join(yield* tempDirectory, "cache")
      const left = yield* deletedAt(directory, ["PRAGMA user_version", "PRAGMA user_version"])
      yield* use(directory)
      expect(left).toEqual([])
    })
  }
})

describe("two releases on one directory", () => {
  test("have files of their own, and touch none of the other", function*() {
    const directory = yield* tempDirectory
    const others = ["cache.v3.1.db", "cache.v3.1.db-wal", "cache.v3.9.db", "cache.v0.1.db", "cache.v3.current"]
    for (const name of others) fs.writeFileSync(join(directory, name), "theirs")
    fs.writeFileSync(fileOf(directory, 1), "not a database".repeat(100))
    fs.writeFileSync(fileOf(directory, 3), "not a database".repeat(100))
    const store = yield* storeFrom(SqliteStore.layer({ directory }))
    yield* isUsable(store)
    for (const name of others) expect(fs.readFileSync(join(directory, name), "utf8")).toBe("theirs")
    expect(fs.existsSync(fileOf(directory, 1))).toBe(false)
    expect(fs.existsSync(fileOf(directory, 4))).toBe(true)
  })
})

describe("a disk that is full", () => {
  test("and stays full drops writes, and answers reads and invalidations", function*() {
    const directory = yield* tempDirectory
    const store = yield* storeFrom(SqliteStore.layer({ directory, maxSize: "1 MiB" }))
    yield* singly(store).set("id", entry(1))
    // Room that another program has taken cannot be freed.
    const database = yield* connection(directory)
    const size = 1024 * 1024 - fs.statSync(fileOf(directory)).size - 12 * 4096
    database.exec(`CREATE TABLE other AS SELECT zeroblob(${Math.max(0, size)}) AS bytes`)
    expect(yield* Effect.flip(singly(store).set("large", entry(2, 200_000)))).toMatchObject({ reason: "Full" })
    yield* store.invalidateTags(["tag"])
    yield* singly(store).remove("id")
    expect(read(store, "id")).toBeUndefined()
    yield* singly(store).set("small", entry(3))
    expect(read(store, "small")).toEqual(entry(3))
  })

  test("makes room for leases, so that they do not keep others from writing", function*() {
    const directory = yield* tempDirectory
    const store = yield* storeFrom(SqliteStore.layer({ directory, maxSize: "1 MiB" }))
    for (let i = 0; i < 100; i++) yield* singly(store).set(`id ${i}`, entry(1, 12_000))
    for (let i = 0; i < 500; i++) {
      const acquired = yield* singly(store).acquire(`lease ${i}`, {
        owner: "a",
        leaseMillis: 1000,
        rejectedWriteId: undefined,
        join: false
      })
      expect(acquired._tag).toBe("Granted")
    }
  })
})

describe("room that is no longer needed", () => {
  test("is given back in small steps while nothing is written, and then nothing runs", function*() {
    const directory = yield* tempDirectory
    const store = yield* storeFrom(SqliteStore.layer({ directory }))
    for (let i = 0; i < 1000; i++) yield* singly(store).set(`id ${i}`, entry(1, 5000))
    const pages = Effect.scoped(Effect.map(connection(directory), (database) => {
      return database.prepare("PRAGMA page_count").get()!["page_count"] as number
    }))
    const before = yield* pages
    yield* store.clear
    expect(yield* pages).toBe(before)
    yield* TestClock.adjust("100 millis")
    expect(yield* pages).toBeGreaterThan(before - 250)
    expect(yield* pages).toBeLessThan(before - 150)
    yield* TestClock.adjust("5 seconds")
    expect(yield* pages).toBeLessThan(50)
    yield* store.clear
    yield* TestClock.adjust("5 seconds")
    yield* isUsable(store)
  })

  test("is left where the store is closed meanwhile", function*() {
    const directory = yield* tempDirectory
    yield* Effect.scoped(Effect.gen(function*() {
      const store = yield* storeFrom(SqliteStore.layer({ directory }))
      yield* fill(store)
      yield* store.clear
    }))
    yield* TestClock.adjust("5 seconds")
    expect(files(directory)).toEqual(["cache.v2.1.db", "cache.v2.current", "cache.v2.reserve"])
  })
})

describe("a store that is closed", () => {
  test("fails typed, and makes nothing again", function*() {
    const directory = join(yield* tempDirectory, "cache")
    const scope = yield* Scope.make()
    const store = yield* Scope.provide(storeFrom(SqliteStore.layer({ directory })), scope)
    yield* Scope.close(scope, Exit.void)
    fs.rmSync(directory, { recursive: true })
    expect(yield* Effect.flip(singly(store).set("id", entry(1)))).toMatchObject({ reason: "Unavailable" })
    expect(() => store.getUnsafe!("id", [])).toThrow(/it is unavailable/)
    expect(() => changesOf(store)).toThrow(/it is unavailable/)
    expect(fs.existsSync(directory)).toBe(false)
  })
})

describe("a directory that refuses to be written", () => {
  test("is a typed failure: Denied", function*() {
    const directory = yield* tempDirectory
    fs.chmodSync(directory, 0o500)
    // The superuser may write everywhere but here.
    const refused = process.getuid?.() === 0 ? "/sys/kernel/cache" : directory
    const error = yield* Effect.flip(Effect.scoped(storeFrom(SqliteStore.layer({ directory: refused }))))
    expect(error).toMatchObject({ _tag: "StoreError", reason: "Denied", operation: "open" })
    fs.chmodSync(directory, 0o700)
  })
})
