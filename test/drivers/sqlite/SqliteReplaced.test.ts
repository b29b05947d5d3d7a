/** A SQLite database that is replaced while programs use it: what they write must not be lost in the former one. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { Store } from "effect-cached/adapters"
import { SqliteStore } from "effect-cached/sqlite"
import { TestClock } from "effect/testing"
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { promisify } from "node:util"
import { singly } from "../../../src/testing/internal/singly.ts"
import { changesOf, entry, fileOf, read } from "../../support/sqlite.ts"
import { storeFrom } from "../../support/storeFrom.ts"
import { tempDirectory } from "../../support/tempDirectory.ts"
import { test } from "../../support/tests.ts"

const asking = (owner: string) => ({ owner, leaseMillis: 5000, rejectedWriteId: undefined, join: false })

const versions = [{ tag: "tag", version: "00".repeat(12) }]

/** Removes the folder, and another program makes a new database there before `a` has noticed. */
const replace = Effect.fnUntraced(function*(directory: string) {
  fs.rmSync(directory, { recursive: true })
  return yield* storeFrom(SqliteStore.layer({ directory }))
})

/** Two programs that have met; then the folder is replaced under the first. */
const replaced = Effect.gen(function*() {
  const directory = join(yield* tempDirectory, "cache")
  const a = yield* storeFrom(SqliteStore.layer({ directory }))
  yield* singly(a).set("id", entry(1))
  yield* a.markers(["tag"])
  const b = yield* replace(directory)
  return { a, b, directory }
})

const held = Effect.fnUntraced(function*(store: Store.Store, owner: string) {
  const acquired = yield* singly(store).acquire("id", asking(owner))
  return acquired._tag === "Granted" ? acquired.generation : ""
})

describe("a database that was deleted and made again", () => {
  const both = (
    name: string,
    program: (a: Store.Store, b: Store.Store) => Generator<Effect.Effect<any, any, Scope.Scope>, void, never>
  ) => it.effect(name, () => Effect.flatMap(replaced, ({ a, b }) => Effect.gen(() => program(a, b))))

  both("loses no removal that was acknowledged", function*(a, b) {
    yield* singly(b).set("id", entry(1))
    yield* singly(a).remove("id")
    expect(read(b, "id")).toBeUndefined()
  })

  both("loses no removal of many ids", function*(a, b) {
    yield* singly(b).set("id", entry(1))
    yield* a.remove(["other", "id"])
    expect(read(b, "id")).toBeUndefined()
  })

  both("loses no invalidation of tags", function*(a, b) {
    const before = yield* b.markers(["tag"])
    yield* a.invalidateTags(["tag"])
    expect((yield* b.markers(["tag"])).markers[0]!.version).not.toBe(before.markers[0]!.version)
  })

  both("loses no clear", function*(a, b) {
    yield* singly(b).set("id", entry(1))
    yield* a.clear
    expect(yield* b.size).toBe(0)
  })

  both("loses no set, and a condition counts as it is there", function*(a, b) {
    yield* singly(a).set("id", entry(2))
    expect(read(b, "id")).toEqual(entry(2))
  })

  both("judges a condition by what is there", function*(a, b) {
    yield* singly(b).set("new", entry(1))
    expect(yield* singly(a).set("new", entry(2), { _tag: "IfAbsent" })).toBe(false)
    expect(read(b, "new")).toEqual(entry(1))
  })

  test("starts its counters there", function*() {
    const directory = join(yield* tempDirectory, "cache")
    const a = yield* storeFrom(SqliteStore.layer({ directory }))
    yield* a.increment("n", 41)
    const b = yield* replace(directory)
    expect(yield* a.increment("n", 1)).toBe(1)
    expect(yield* b.counter("n")).toMatchObject({ value: 1 })
  })

  test("refuses what was loaded under a lease of before", function*() {
    const directory = join(yield* tempDirectory, "cache")
    const a = yield* storeFrom(SqliteStore.layer({ directory }))
    const generation = yield* held(a, "a")
    const b = yield* replace(directory)
    expect(yield* singly(a).commit("id", generation, entry(1))).toBe(false)
    expect(read(b, "id")).toBeUndefined()
  })

  both("grants leases that count there", function*(a, b) {
    yield* singly(b).remove("id")
    expect(yield* singly(a).acquire("free", asking("a"))).toMatchObject({ _tag: "Granted" })
    expect(yield* singly(b).acquire("free", asking("b"))).toMatchObject({ _tag: "Wait" })
  })

  both("creates markers that count there", function*(a, b) {
    expect((yield* a.markers(["new"])).markers).toEqual((yield* b.markers(["new"])).markers)
  })
})

describe("an older copy of the folder that takes its place", () => {
  /** `b` opens what was copied before `a` did something. */
  const restored = (act: (a: Store.Store) => Effect.Effect<unknown, unknown>, later = 0) =>
    Effect.gen(function*() {
      const parent = yield* tempDirectory
      const directory = join(parent, "cache")
      const a = yield* storeFrom(SqliteStore.layer({ directory }))
      yield* singly(a).set("id", entry(1))
      yield* singly(a).set("tagged", entry(1, 10, { tags: versions }))
      const before = yield* a.markers(["tag"])
      fs.cpSync(directory, join(parent, "copy"), { recursive: true })
      yield* act(a)
      yield* TestClock.adjust(later)
      fs.rmSync(directory, { recursive: true })
      fs.renameSync(join(parent, "copy"), directory)
      const b = yield* storeFrom(SqliteStore.layer({ directory }))
      expect(changesOf(a)).toEqual([{ _tag: "Gap" }])
      return { a, b, before }
    })

  test("does not bring back what was removed in the last ten seconds", function*() {
    const { b } = yield* restored((a) => singly(a).remove("id"), 9900)
    expect(read(b, "id")).toBeUndefined()
    expect(changesOf(b)).toContainEqual({ _tag: "Changed", id: "id" })
  })

  test("brings it back when that is longer ago", function*() {
    const { b } = yield* restored((a) => singly(a).remove("id"), 10_100)
    expect(read(b, "id")).toEqual(entry(1))
  })

  test("does not bring back what was set otherwise, nor the version of a tag", function*() {
    const { b, before } = yield* restored((a) =>
      Effect.andThen(singly(a).set("id", entry(2)), a.invalidateTags(["tag"]))
    )
    expect(read(b, "id")).toBeUndefined()
    expect((yield* b.markers(["tag"])).markers[0]!.version).not.toBe(before.markers[0]!.version)
  })

  test("nor what was cleared, by one call or by very many", function*() {
    const cleared = yield* restored((a) => a.clear)
    expect(yield* cleared.b.size).toBe(0)
    const ids = Array.from({ length: 20_000 }, (_, i) => `id ${i}`)
    const many = yield* restored((a) => a.remove(["id", ...ids]))
    expect(read(many.b, "id")).toBeUndefined()
  })

  test("nor what was removed from a database of a lower number", function*() {
    const parent = yield* tempDirectory
    const directory = join(parent, "cache")
    yield* Effect.scoped(storeFrom(SqliteStore.layer({ directory })))
    fs.writeFileSync(fileOf(directory), "damaged")
    yield* Effect.scoped(
      Effect.flatMap(storeFrom(SqliteStore.layer({ directory })), (second) => singly(second).set("id", entry(1)))
    )
    fs.renameSync(directory, join(parent, "copy"))
    const first = yield* storeFrom(SqliteStore.layer({ directory }))
    yield* singly(first).remove("id")
    fs.rmSync(directory, { recursive: true })
    fs.renameSync(join(parent, "copy"), directory)
    expect(changesOf(first)).toEqual([{ _tag: "Gap" }])
    expect(read(yield* storeFrom(SqliteStore.layer({ directory })), "id")).toBeUndefined()
  })
})

describe("a log or an index beside the database that is removed", () => {
  for (const suffixes of [["-wal"], ["-shm"], ["-wal", "-shm"]]) {
    test(`(${suffixes.join(", ")}) separates no process: all meet in the next database`, function*() {
      const directory = yield* tempDirectory
      const a = yield* storeFrom(SqliteStore.layer({ directory }))
      const b = yield* storeFrom(SqliteStore.layer({ directory }))
      yield* singly(a).set("id", entry(1))
      changesOf(b)
      for (const suffix of suffixes) fs.rmSync(`${fileOf(directory)}${suffix}`)
      const c = yield* storeFrom(SqliteStore.layer({ directory }))
      yield* singly(c).set("id", entry(1))
      yield* singly(a).remove("id")
      expect(changesOf(b)).toEqual([{ _tag: "Gap" }])
      expect(changesOf(c)).not.toEqual([])
      for (const store of [a, b, c]) expect(read(store, "id")).toBeUndefined()
      yield* singly(c).set("id", entry(3))
      for (const store of [a, b, c]) expect(read(store, "id")).toEqual(entry(3))
      // No process takes up the former database, and neither does a later one.
      const d = yield* storeFrom(SqliteStore.layer({ directory }))
      expect(read(d, "id")).toEqual(entry(3))
      expect(fs.existsSync(fileOf(directory, 2))).toBe(true)
      expect(fs.existsSync(fileOf(directory, 3))).toBe(false)
    })

    test(`(${suffixes.join(", ")}) is noticed by a process that only polls for changes`, function*() {
      const directory = yield* tempDirectory
      const a = yield* storeFrom(SqliteStore.layer({ directory }))
      for (const suffix of suffixes) fs.rmSync(`${fileOf(directory)}${suffix}`)
      expect(changesOf(a)).toEqual([{ _tag: "Gap" }])
      expect(changesOf(a)).toEqual([])
    })
  }

  it.skipIf(process.platform === "win32")(
    "brings nothing back, although there are no files left for the next one",
    async () => {
      const program = join(import.meta.dirname, "../../support/withoutFiles.ts")
      const args = [
        "-c",
        `ulimit -n 64 && exec "$0" "$@"`,
        process.execPath,
        "--conditions=effect-cached-source",
        program
      ]
      const { stdout } = await promisify(execFile)("sh", args)
      expect(JSON.parse(stdout)).toEqual({ meanwhile: "Failure", isBack: false, hasNext: true })
    }
  )

  test("leaves a database of newcomers sound", function*() {
    const directory = yield* tempDirectory
    const a = yield* storeFrom(SqliteStore.layer({ directory }))
    for (let i = 0; i < 100; i++) yield* singly(a).set(`id ${i}`, entry(i, 3000))
    fs.rmSync(`${fileOf(directory)}-wal`)
    fs.rmSync(`${fileOf(directory)}-shm`)
    const c = yield* storeFrom(SqliteStore.layer({ directory }))
    for (let i = 0; i < 100; i++) yield* singly(c).set(`id ${i}`, entry(i + 100, 3000))
    expect(changesOf(a)).toEqual([{ _tag: "Gap" }])
    for (let i = 0; i < 100; i++) {
      const found = read(c, `id ${i}`)
      if (found !== undefined) expect(found).toEqual(entry(i + 100, 3000))
    }
    const database = new DatabaseSync(fileOf(directory))
    expect(database.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" })
    database.close()
  })
})

describe("a database cut to zero bytes while it is in use", () => {
  test("prevents no process from opening the folder, and all meet in the next one", function*() {
    const directory = yield* tempDirectory
    const a = yield* storeFrom(SqliteStore.layer({ directory }))
    yield* singly(a).set("id", entry(1))
    fs.truncateSync(fileOf(directory), 0)
    const b = yield* storeFrom(SqliteStore.layer({ directory }))
    yield* singly(b).set("new", entry(2))
    changesOf(a)
    expect(read(a, "new")).toEqual(entry(2))
    expect(read(a, "id")).toBeUndefined()
  })
})
