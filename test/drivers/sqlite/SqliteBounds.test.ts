/** Writes that fill a SQLite database, ways to make room, and writes that are refused. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { SqliteStore } from "effect-cached/sqlite"
import { TestClock } from "effect/testing"
import * as fs from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { singly } from "../../../src/testing/internal/singly.ts"
import { changesOf, connection, entry, fileOf, read } from "../../support/sqlite.ts"
import { storeFrom } from "../../support/storeFrom.ts"
import { tempDirectory } from "../../support/tempDirectory.ts"
import { test } from "../../support/tests.ts"

const range = (n: number) => Array.from({ length: n }, (_, i) => i)

const asking = { owner: "a", leaseMillis: 1000, rejectedWriteId: undefined, join: false }

describe("a smaller maxSize", () => {
  const filled = Effect.gen(function*() {
    const directory = yield* tempDirectory
    yield* Effect.scoped(Effect.gen(function*() {
      const store = yield* storeFrom(SqliteStore.layer({ directory, maxSize: "16 MiB" }))
      for (const i of range(100)) yield* singly(store).set(`id ${i}`, entry(i, 100_000))
    }))
    expect(fs.statSync(fileOf(directory)).size).toBeGreaterThan(9_000_000)
    return directory
  })

  test("shrinks a database in small steps after it is opened, the oldest entries first", function*() {
    const directory = yield* filled
    yield* Effect.scoped(
      Effect.gen(function*() {
        const store = yield* storeFrom(SqliteStore.layer({ directory, maxSize: "2 MiB" }))
        yield* TestClock.adjust("100 millis")
        expect(read(store, "id 99")).toBeDefined()
        expect(yield* store.size).toBeGreaterThan(80)
        yield* TestClock.adjust("5 seconds")
        expect(read(store, "id 99")).toBeDefined()
        expect(read(store, "id 0")).toBeUndefined()
        expect(yield* store.size).toBeGreaterThan(10)
      })
    )
    expect(fs.statSync(fileOf(directory)).size).toBeLessThanOrEqual(2 * 1024 ** 2)
  })

  test("holds for a concurrent writer, and in every process that has it", function*() {
    const directory = yield* filled
    yield* Effect.scoped(
      Effect.gen(function*() {
        const a = yield* storeFrom(SqliteStore.layer({ directory, maxSize: "2 MiB" }))
        const b = yield* storeFrom(SqliteStore.layer({ directory, maxSize: "2 MiB" }))
        yield* TestClock.adjust("5 seconds")
        for (const i of range(200)) yield* singly(i % 2 === 0 ? a : b).set(`new ${i}`, entry(i, 100_000))
        yield* TestClock.adjust("5 seconds")
      })
    )
    expect(fs.statSync(fileOf(directory)).size).toBeLessThanOrEqual(2 * 1024 ** 2)
  })

  it("below 1 MiB is a mistake that is named", () => {
    const make = (maxSize: number | string) => () =>
      storeFrom(SqliteStore.layer({ directory: "x", maxSize: maxSize as never }))
    expect(make(1024 ** 2 - 1)).toThrow(/"maxSize" must be at least 1048576 bytes \(1024 KiB\), not 1048575/)
    expect(make("500 kB")).toThrow(/"maxSize"/)
    expect(make(1024 ** 2)).not.toThrow()
  })
})

describe("markers, leases and counters", () => {
  test("of very many tags leave room for entries, and for invalidations", function*() {
    const directory = yield* tempDirectory
    const store = yield* storeFrom(SqliteStore.layer({ directory, maxSize: "2 MiB" }))
    for (const i of range(300)) yield* store.markers(range(100).map((n) => `a tag with a long name ${i} ${n}`))
    for (const i of range(20)) yield* singly(store).set(`id ${i}`, entry(i, 30_000))
    expect(read(store, "id 19")).toBeDefined()
    expect(read(store, "id 5")).toBeDefined()
    for (const i of range(50)) yield* store.invalidateTags([`other ${i}`])
  })

  test("of very long names too", function*() {
    const directory = yield* tempDirectory
    const store = yield* storeFrom(SqliteStore.layer({ directory, maxSize: "1 MiB" }))
    for (const i of range(2000)) yield* store.markers([`${"x".repeat(2000)} ${i}`])
    for (const i of range(50)) yield* store.invalidateTags([`${"y".repeat(2000)} ${i}`])
    yield* singly(store).set("id", entry(1, 50_000))
    expect(read(store, "id")).toBeDefined()
  })

  test("outdated leases are removed bit by bit, also behind thousands that are held", function*() {
    const directory = yield* tempDirectory
    const store = yield* storeFrom(SqliteStore.layer({ directory }))
    const acquire = (name: string, count: number, leaseMillis: number) =>
      store.acquire(range(count).map((i) => ({ ...asking, id: `${name} ${i}`, leaseMillis })))
    yield* acquire("held", 6000, 86_400_000)
    yield* acquire("outdated", 3000, 1000)
    yield* TestClock.adjust("2 hours")
    yield* acquire("new", 5000, 1000)
    const database = new DatabaseSync(fileOf(directory), { readOnly: true })
    const rows = database.prepare("SELECT id FROM lease").all().map(({ id }) => String(id).split(" ")[0])
    database.close()
    expect(rows.filter((name) => name === "outdated")).toHaveLength(0)
    expect(rows.filter((name) => name !== "outdated")).toHaveLength(11_000)
  })

  test("leases and counters give way too", function*() {
    const directory = yield* tempDirectory
    const store = yield* storeFrom(SqliteStore.layer({ directory, maxSize: "1 MiB" }))
    for (const i of range(6000)) yield* singly(store).acquire(`${"x".repeat(200)} ${i}`, asking)
    yield* singly(store).set("id", entry(1, 50_000))
    for (const i of range(6000)) yield* store.increment(`${"x".repeat(200)} ${i}`, 1)
    yield* singly(store).set("id", entry(2, 50_000))
    expect(read(store, "id")).toBeDefined()
    yield* store.invalidateTags(["tag"])
  })

  test("a marker that gives way is reported to others as a change of its tag", function*() {
    const directory = yield* tempDirectory
    const a = yield* storeFrom(SqliteStore.layer({ directory, maxSize: "1 MiB" }))
    const b = yield* storeFrom(SqliteStore.layer({ directory, maxSize: "1 MiB" }))
    yield* a.markers(["first"])
    changesOf(b)
    const told = new Set<string>()
    for (const i of range(3000)) {
      yield* a.markers([`tag ${i}`])
      for (const change of changesOf(b)) told.add(change._tag === "TagChanged" ? change.tag : change._tag)
    }
    expect(told.has("Gap") || told.has("first")).toBe(true)
    const database = yield* connection(directory)
    expect(database.prepare("SELECT count(*) AS n FROM marker").get()!["n"]).toBeLessThan(1500)
  })
})

describe("a marker that gives way to entries", () => {
  test("is reported to others as a change of its tag", function*() {
    const directory = yield* tempDirectory
    const a = yield* storeFrom(SqliteStore.layer({ directory, maxSize: "1 MiB" }))
    const b = yield* storeFrom(SqliteStore.layer({ directory, maxSize: "1 MiB" }))
    const names = range(350).map((i) => `${"x".repeat(2000)} ${i}`)
    for (const name of names) yield* a.markers([name])
    changesOf(b)
    yield* singly(a).set("id", entry(1, 200_000))
    const database = yield* connection(directory)
    const left = Number(database.prepare("SELECT count(*) AS n FROM marker").get()!["n"])
    expect(left).toBeLessThan(names.length)
    // Names of that length are reported as a gap.
    expect(changesOf(b).map(({ _tag }) => _tag)).toContain("Gap")
  })
})

describe("a value", () => {
  test("larger than maxValue is refused before it is written, and the reason names it", function*() {
    const directory = yield* tempDirectory
    const store = yield* storeFrom(SqliteStore.layer({ directory, maxValue: "10 kB" }))
    yield* singly(store).set("id", entry(1, 10_000))
    const error = yield* Effect.flip(singly(store).set("id", entry(2, 10_001)))
    expect(error).toMatchObject({ reason: "TooLarge" })
    expect(String(error.cause)).toBe("Error: the value of \"id\" has 10001 bytes, and maxValue is 10000")
    expect(read(store, "id")).toEqual(entry(1, 10_000))
  })

  test("may have 8 MiB, or a quarter of maxSize", function*() {
    const large = yield* storeFrom(SqliteStore.layer({ directory: yield* tempDirectory }))
    yield* singly(large).set("id", entry(1, 8 * 1024 ** 2))
    expect(yield* Effect.flip(singly(large).set("id", entry(1, 8 * 1024 ** 2 + 1)))).toMatchObject({
      reason: "TooLarge"
    })
    const small = yield* storeFrom(SqliteStore.layer({ directory: yield* tempDirectory, maxSize: "1 MiB" }))
    yield* singly(small).set("id", entry(1, 1024 ** 2 / 4))
    expect(yield* Effect.flip(singly(small).set("id", entry(1, 1024 ** 2 / 4 + 1)))).toMatchObject({
      reason: "TooLarge"
    })
  })

  it("maxValue above a quarter of maxSize is a mistake", () => {
    expect(() => storeFrom(SqliteStore.layer({ directory: "x", maxSize: "4 MiB", maxValue: "2 MiB" }))).toThrow(
      /"maxValue" must be at most 1048576 bytes beside a "maxSize" of 4194304, not 2097152/
    )
    expect(() => storeFrom(SqliteStore.layer({ directory: "x", maxValue: 0 }))).toThrow(/"maxValue"/)
  })
})

describe("operations on very many ids", () => {
  test.live("leave turns to everybody else", function*() {
    const store = yield* storeFrom(SqliteStore.layer({ directory: yield* tempDirectory }))
    const ids = range(5000).map((i) => `id ${i}`)
    const turnsOf = Effect.fnUntraced(function*<A, E>(operation: Effect.Effect<A, E>) {
      let turns = 0
      let next = setImmediate(function count() {
        turns++
        next = setImmediate(count)
      })
      const answer = yield* operation
      clearImmediate(next)
      expect(turns).toBeGreaterThan(ids.length / 256)
      return answer
    })
    yield* turnsOf(store.set(ids.map((id) => ({ id, entry: entry(1) }))))
    expect((yield* turnsOf(store.remove(ids))).every((was) => was)).toBe(true)
    const granted = yield* turnsOf(store.acquire(ids.map((id) => ({ ...asking, id, leaseMillis: 60_000 }))))
    const commits = ids.map((id, i) => {
      const acquired = granted[i]!
      return { id, entry: entry(2), generation: acquired._tag === "Granted" ? acquired.generation : "" }
    })
    expect((yield* turnsOf(store.commit(commits))).every((accepted) => accepted)).toBe(true)
  })
})

describe("damage that SQLite does not see", () => {
  test("a counter of invalidations that was deleted: the next database is started", function*() {
    const directory = yield* tempDirectory
    const store = yield* storeFrom(SqliteStore.layer({ directory }))
    const database = yield* connection(directory)
    for (const use of [store.markers(["new"]), store.invalidateTags(["tag"])]) {
      database.exec("DELETE FROM sequence")
      yield* use
      const { markers, seq } = yield* store.markers(["other"])
      expect(Number.isInteger(seq)).toBe(true)
      expect(Number.isInteger(markers[0]!.seq)).toBe(true)
    }
    expect(fs.existsSync(fileOf(directory, 2))).toBe(true)
  })

  test("a frame whose lengths lead out of it is a miss that the next write replaces, and no end of a scan", function*() {
    const { crc32 } = yield* Effect.promise(() => import("node:zlib"))
    const directory = yield* tempDirectory
    const store = yield* storeFrom(SqliteStore.layer({ directory }))
    const database = yield* connection(directory)
    const tags = [{ tag: "tag", version: "00".repeat(12) }]
    const lengths = [0x7fff_ffff, 0xffff_ffff, 1000, 0x8000_1000]
    yield* singly(store).set("other", entry(1))
    for (const [field, meta] of [[51, { tags }], [51, { etag: "etag" }], [49, { tags }]] as const) {
      for (const length of lengths) {
        yield* singly(store).set("id", entry(1, 20, meta))
        const { frame } = database.prepare("SELECT frame FROM entry WHERE id = 'id'").get() as { frame: Uint8Array }
        const crafted = Buffer.from(frame)
        if (field === 49) crafted.writeUInt16BE(length & 0xffff, field)
        else crafted.writeUInt32BE(length, field)
        crafted.writeUInt32LE(crc32(crafted.subarray(0, -4), crc32("id")), crafted.length - 4)
        database.prepare("UPDATE entry SET frame = ? WHERE id = 'id'").run(crafted)
        expect(read(store, "id")).toBeUndefined()
        expect((yield* Stream.runCollect(store.scan())).map(({ id }) => id)).toEqual(["other"])
        yield* singly(store).set("id", entry(3))
        expect(read(store, "id")).toEqual(entry(3))
      }
    }
  })
})
