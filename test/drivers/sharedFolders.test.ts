/** Folders that others can write to, and what others put there. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { CacheLayer } from "effect-cached"
import type { LockError, StoreError } from "effect-cached/CacheError"
import { FilesStore } from "effect-cached/files"
import { SqliteGuards, SqliteStore } from "effect-cached/sqlite"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { join } from "node:path"
import { networkOf } from "../../src/drivers/shared/networkFolders.ts"
import { singly } from "../../src/testing/internal/singly.ts"
import { lockOf } from "../support/services.ts"
import { entry } from "../support/sqlite.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"

type Make = (
  options: Parameters<typeof SqliteGuards.layer>[0]
) => Effect.Effect<unknown, StoreError | LockError, Scope.Scope>

const makers: Record<string, Make> = {
  disk: (options) => storeFrom(SqliteStore.layer(options)),
  files: (options) => storeFrom(FilesStore.layer(options)),
  lock: (options: Parameters<typeof SqliteGuards.layer>[0]) => lockOf(SqliteGuards.layer(options))
}

const modeOf = (path: string) => fs.statSync(path).mode & 0o777

/** Traps with which others could redirect a program, or stop it. */
const traps: Record<string, (path: string, victim: string) => void> = {
  "a link to a file of the victim": (path, victim) => fs.symlinkSync(victim, path),
  "a link to nothing": (path) => fs.symlinkSync("/nowhere/at/all", path),
  "a pipe": (path) => void execFileSync("mkfifo", [path])
}

for (const [kind, make] of Object.entries(makers)) {
  describe(`the folder of ${kind}`, () => {
    test("is for its owner alone where it is made", function*() {
      const parent = join(yield* tempDirectory, "made")
      yield* make({ directory: join(parent, "cache") })
      expect([modeOf(parent), modeOf(join(parent, "cache"))]).toEqual([0o700, 0o700])
    })

    test("is refused where everybody can write to it, unless it is trusted", function*() {
      const directory = yield* tempDirectory
      for (const mode of [0o777, 0o1777, 0o702]) {
        fs.chmodSync(directory, mode)
        const error = yield* Effect.flip(make({ directory }))
        expect(String(error.cause)).toMatch(/is refused because everyone can write to it: .*trustFolder: true/)
        yield* make({ directory, trustFolder: true })
      }
    })

    test("is refused where another group can write to it, and not where the own one can", function*() {
      const directory = yield* tempDirectory
      fs.chmodSync(directory, 0o770)
      yield* make({ directory })
      // Only the superuser may give it to another group.
      if (process.getuid?.() !== 0) return
      fs.chownSync(directory, 0, 54_321)
      const error = yield* Effect.flip(make({ directory }))
      expect(String(error.cause)).toMatch(/the group 54321/)
      yield* make({ directory, trustFolder: true })
    })

    it("takes no other trustFolder than true and false", () => {
      expect(() => make({ directory: "x", trustFolder: "yes" as never })).toThrow(/"trustFolder" must be true or false/)
    })
  })
}

describe("traps that others put into a folder", () => {
  for (const [what, set] of Object.entries(traps)) {
    test(`${what} is no database, and no lock`, function*() {
      const directory = yield* tempDirectory
      const victim = join(yield* tempDirectory, "victim")
      fs.writeFileSync(victim, "precious")
      for (const name of ["cache.v2.1.db", "locks.v1.db"]) set(join(directory, name), victim)
      for (const make of [makers["disk"]!, makers["lock"]!]) {
        const error = yield* Effect.flip(Effect.scoped(make({ directory })))
        expect(String(error.cause)).toMatch(/is refused because it is not a plain file/)
      }
      expect(fs.readFileSync(victim, "utf8")).toBe("precious")
    })

    test(`${what} is not written to, nor waited for, under a name that can be guessed (disk)`, function*() {
      const directory = yield* tempDirectory
      const victim = join(yield* tempDirectory, "victim")
      fs.writeFileSync(victim, "precious")
      for (const name of ["cache.v2.current", `cache.v2.current.${process.pid}`, "cache.v2.reserve"]) {
        set(join(directory, name), victim)
      }
      const store = yield* storeFrom(SqliteStore.layer({ directory, storeTimeout: 10 }))
      yield* singly(store).remove("id")
      expect(fs.readFileSync(victim, "utf8")).toBe("precious")
    })

    test(`${what} is not written to, nor waited for, under a name that can be guessed (files)`, function*() {
      const directory = yield* tempDirectory
      const victim = join(yield* tempDirectory, "victim")
      fs.writeFileSync(victim, "precious")
      const names = yield* Effect.scoped(Effect.gen(function*() {
        const first = yield* tempDirectory
        const store = yield* storeFrom(FilesStore.layer({ directory: first }))
        yield* singly(store).set("id", entry(1))
        yield* store.invalidateTags(["tag"])
        yield* store.increment("n", 1)
        return fs.readdirSync(first, { recursive: true }).map(String)
          .filter((name) => fs.statSync(join(first, name)).isFile())
      }))
      for (const folder of ["tags", "counters"]) fs.mkdirSync(join(directory, folder))
      for (const name of names) set(join(directory, name), victim)
      const store = yield* storeFrom(FilesStore.layer({ directory }))
      expect((yield* store.get("id", ["tag"])).entry).toBeUndefined()
      yield* singly(store).set("id", entry(2))
      expect((yield* store.get("id", [])).entry).toBeDefined()
      yield* Effect.exit(store.invalidateTags(["tag"]))
      yield* Effect.exit(store.increment("n", 1))
      expect(fs.readFileSync(victim, "utf8")).toBe("precious")
    })
  }

  test("a database that everybody can write to is refused", function*() {
    const directory = yield* tempDirectory
    yield* Effect.scoped(storeFrom(SqliteStore.layer({ directory })))
    fs.chmodSync(join(directory, "cache.v2.1.db"), 0o666)
    const error = yield* Effect.flip(Effect.scoped(storeFrom(SqliteStore.layer({ directory }))))
    expect(error).toMatchObject({ _tag: "StoreError", reason: "Denied" })
    yield* Effect.scoped(storeFrom(SqliteStore.layer({ directory, trustFolder: true })))
  })
})

describe("the layers", () => {
  test("pass trustFolder on", function*() {
    const directory = yield* tempDirectory
    fs.chmodSync(directory, 0o777)
    for (const layer of [CacheLayer.disk, CacheLayer.files]) {
      expect(yield* Effect.flip(Effect.provide(Effect.void, layer({ directory })))).toMatchObject({
        reason: "Denied"
      })
      yield* Effect.provide(Effect.void, layer({ directory, trustFolder: true }))
    }
  })
})

describe("a network file system", () => {
  it("is known by its type", () => {
    expect([0x6969, 0xff53_4d42, -0xac_b2be, 0xef53, 0x0102_1994].map(networkOf)).toEqual([
      "NFS",
      "CIFS",
      "CIFS",
      undefined,
      undefined
    ])
  })
})
