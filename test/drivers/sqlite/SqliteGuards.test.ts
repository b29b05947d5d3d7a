/** The state of guards in a folder: shared, kept, tidied, and what happens when it cannot be used. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { CacheError, CacheLayer, Guard } from "effect-cached"
import { GuardStore } from "effect-cached/adapters"
import { MemoryGuards } from "effect-cached/memory"
import { SqliteGuards } from "effect-cached/sqlite"
import { TestClock } from "effect/testing"
import { readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { guardsOf } from "../../support/services.ts"
import { tempDirectory } from "../../support/tempDirectory.ts"
import { test } from "../../support/tests.ts"

const call = Effect.as(Effect.void, "ok").pipe(
  Guard.rateLimit({ key: "api", limit: 2, window: "1 minute", onStoreError: "fail" }),
  Effect.catchTag("RateLimitExceeded", () => Effect.succeed("refused"))
)

const fileIn = (directory: string) => join(directory, "guards.v1.db")

describe("the state of guards under CacheLayer.disk", () => {
  test("is the folder's, also after a restart; its file is made with the first step", function*() {
    const directory = yield* tempDirectory
    const cache = () => CacheLayer.disk({ directory })
    yield* Effect.provide(Effect.void, cache())
    expect(readdirSync(directory).filter((name) => name.startsWith("guards"))).toEqual([])
    yield* Effect.gen(function*() {
      expect(yield* call).toBe("ok")
      expect(yield* call.pipe(Effect.provide(cache(), { local: true }))).toBe("ok")
      expect(yield* call).toBe("refused")
    }).pipe(Effect.provide(cache()))
    expect(yield* call.pipe(Effect.provide(cache()))).toBe("refused")
    expect(readdirSync(directory)).toContain("guards.v1.db")
    // A folder of its own, and a place of the program's own.
    const other = yield* tempDirectory
    expect(yield* call.pipe(Effect.provide(CacheLayer.disk({ directory: other })))).toBe("ok")
    expect(yield* call.pipe(Effect.provide(cache()), Effect.provide(MemoryGuards.layer))).toBe("ok")
    const own = cache().pipe(Layer.provideMerge(MemoryGuards.layer))
    expect(yield* call.pipe(Effect.provide(own))).toBe("ok")
  })

  test("is left alone by what else is in the folder: two kinds, and names that are no UTF-8", function*() {
    const directory = yield* tempDirectory
    const names = ["a", "a\0", "\ud800", "\ud801", "é", "", "~"]
    const calls = names.map((key) =>
      Effect.void.pipe(
        Guard.rateLimit({ key, limit: 1, window: "1 minute", onStoreError: "fail", algorithm: "sliding-log" }),
        Effect.exit
      )
    )
    const provided = Effect.provide(CacheLayer.disk({ directory }))
    expect((yield* provided(Effect.all(calls))).map(({ _tag }) => _tag)).toEqual(names.map(() => "Success"))
    expect((yield* provided(Effect.all(calls))).map(({ _tag }) => _tag)).toEqual(names.map(() => "Failure"))
  })
})

describe("the file", () => {
  test("expired state leaves while there are steps", function*() {
    const directory = yield* tempDirectory
    const store = yield* guardsOf(SqliteGuards.layer({ directory }))
    const limited = (key: string) =>
      Effect.void.pipe(
        Guard.rateLimit({ key, limit: 1, window: "1 second", onStoreError: "fail" }),
        Effect.provideService(GuardStore.GuardStore, store)
      )
    for (let i = 0; i < 1500; i++) {
      yield* limited(`name ${i}`)
      if (i === 1000) yield* TestClock.adjust("10 seconds")
    }
    const database = new DatabaseSync(fileIn(directory))
    expect(Number(database.prepare("SELECT count(*) AS count FROM guard").get()!["count"])).toBeLessThan(600)
    database.close()
  })

  test("that is removed is made again", function*() {
    const directory = yield* tempDirectory
    const provided = Effect.provideService(
      GuardStore.GuardStore,
      yield* guardsOf(SqliteGuards.layer({ directory }))
    )
    expect(yield* Effect.all([call, call, call]).pipe(provided)).toEqual(["ok", "ok", "refused"])
    for (const end of ["", "-wal", "-shm"]) rmSync(fileIn(directory) + end, { force: true })
    expect(yield* call.pipe(provided)).toBe("ok")
  })

  test("a state in it that no step has written counts as missing", function*() {
    const directory = yield* tempDirectory
    const provided = Effect.provideService(GuardStore.GuardStore, yield* guardsOf(SqliteGuards.layer({ directory })))
    expect(yield* Effect.all([call, call, call]).pipe(provided)).toEqual(["ok", "ok", "refused"])
    const database = new DatabaseSync(fileIn(directory))
    for (
      const state of ["", "{", `{"count":-1e15,"until":9e15}`, `{"count":1,"until":1e999}`, `{"count":9,"until":-1}`]
    ) {
      database.prepare("UPDATE guard SET state = ?").run(state)
      expect([state, yield* Effect.all([call, call, call]).pipe(provided)]).toEqual([state, ["ok", "ok", "refused"]])
    }
    database.close()
  })

  test("that is damaged, or of another program, is left alone: limits continue in this process", function*() {
    const directory = yield* tempDirectory
    writeFileSync(fileIn(directory), "no database at all, but long enough to look like one ".repeat(100))
    expect(yield* Effect.flip(Effect.scoped(guardsOf(SqliteGuards.layer({ directory }))))).toMatchObject({
      _tag: "StoreError",
      store: "sqlite"
    })
    const local = Effect.as(Effect.void, "ok").pipe(
      Guard.rateLimit({ key: "api", limit: 2, window: "1 minute" }),
      Effect.catch(() => Effect.succeed("refused"))
    )
    expect(yield* Effect.all([local, local, local]).pipe(Effect.provide(CacheLayer.disk({ directory })))).toEqual([
      "ok",
      "ok",
      "refused"
    ])
    expect(yield* Effect.flip(call.pipe(Effect.provide(CacheLayer.disk({ directory }))))).toMatchObject({
      _tag: "StoreError"
    })
  })

  test.live("that another process holds is waited for, within the store budget", function*() {
    const directory = yield* tempDirectory
    const store = yield* guardsOf(SqliteGuards.layer({ directory }))
    const other = new DatabaseSync(fileIn(directory))
    other.exec("BEGIN IMMEDIATE")
    const waiting = yield* Effect.forkChild(
      Effect.provideService(call, GuardStore.GuardStore, store).pipe(Effect.flip),
      { startImmediately: true }
    )
    expect(yield* Fiber.join(waiting)).toMatchObject({ _tag: "StoreError", reason: "Timeout" })
    other.exec("ROLLBACK")
    other.close()
    // The pause after the last attempt.
    yield* Effect.sleep("200 millis")
    expect(yield* Effect.provideService(call, GuardStore.GuardStore, store)).toBe("ok")
  })

  test("that is closed refuses", function*() {
    const directory = yield* tempDirectory
    const store = yield* Effect.scoped(guardsOf(SqliteGuards.layer({ directory })))
    expect(yield* Effect.flip(Effect.provideService(call, GuardStore.GuardStore, store))).toMatchObject({
      _tag: "StoreError",
      cause: { message: "the file of guards is closed" }
    })
  })

  it("bad options are a CacheConfigError", () => {
    expect(() => SqliteGuards.layer({} as never)).toThrow(CacheError.CacheConfigError)
    expect(() => SqliteGuards.layer({ directory: "" })).toThrow(CacheError.CacheConfigError)
    expect(() => SqliteGuards.layer({ directory: "a", maxSize: 1 } as never)).toThrow(/no option "maxSize"/)
    expect(() => SqliteGuards.layer({ directory: "a", trustFolder: 1 as never })).toThrow(
      CacheError.CacheConfigError
    )
  })
})
