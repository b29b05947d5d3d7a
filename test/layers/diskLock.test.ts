/** The lock of a program whose cache is in a folder. */
import { describe, expect } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { CacheLayer } from "effect-cached"
import { Lock } from "effect-cached/adapters"
import { SqliteGuards } from "effect-cached/sqlite"
import { readdirSync } from "node:fs"
import { lockOf, processLock } from "../support/services.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"

const held = Effect.gen(function*() {
  const lock = yield* Lock.Lock
  yield* lock.acquire("door", { lease: "10 seconds", wait: 0 })
})

describe("the default lock under CacheLayer.disk", () => {
  test("is the folder's: a process that names the same folder is kept out", function*() {
    const directory = yield* tempDirectory
    const other = yield* lockOf(SqliteGuards.layer({ directory }))
    yield* Effect.gen(function*() {
      yield* held
      expect(yield* other.isLocked("door")).toBe(true)
      expect(yield* (yield* Lock.Lock).isLocked("door")).toBe(true)
      expect(yield* Effect.flip(other.acquire("door", { lease: "10 seconds", wait: 0 }))).toMatchObject({
        reason: "Timeout"
      })
    }).pipe(Effect.scoped, Effect.provide(CacheLayer.disk({ directory })))
    expect(yield* other.isLocked("door")).toBe(false)
  })

  test("makes no file before it is used", function*() {
    const directory = yield* tempDirectory
    yield* Effect.provide(Lock.Lock, CacheLayer.disk({ directory }))
    expect(readdirSync(directory).filter((name) => name.startsWith("locks"))).toEqual([])
    yield* Effect.provide(Effect.scoped(held), CacheLayer.disk({ directory }))
    expect(readdirSync(directory).filter((name) => name.startsWith("locks"))).toEqual(["locks.v1.db"])
  })

  test("is the program's own where it has one", function*() {
    const directory = yield* tempDirectory
    const lock = yield* Lock.Lock
    const own = processLock()
    const seen = Effect.provide(Lock.Lock, CacheLayer.disk({ directory }))
    expect(yield* seen).not.toBe(lock)
    expect(yield* Effect.provideService(seen, Lock.Lock, own)).toBe(own)
    const within = CacheLayer.disk({ directory }).pipe(Layer.provide(Layer.succeed(Lock.Lock, own)))
    expect(yield* Effect.provideService(Effect.provide(Lock.Lock, within), Lock.Lock, own)).toBe(own)
  })

  test("is that of the process under all other layers", function*() {
    const lock = yield* Lock.Lock
    expect(yield* Effect.provide(Lock.Lock, CacheLayer.memory())).toBe(lock)
    expect(yield* Effect.provide(Lock.Lock, CacheLayer.files({ directory: yield* tempDirectory }))).toBe(lock)
  })
})
