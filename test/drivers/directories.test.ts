/** The option `directory` of the stores and locks in a folder. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { CacheLayer } from "effect-cached"
import { FilesStore } from "effect-cached/files"
import { SqliteGuards, SqliteStore } from "effect-cached/sqlite"
import * as fs from "node:fs"
import { join } from "node:path"
import { singly } from "../../src/testing/internal/singly.ts"
import { lockOf } from "../support/services.ts"
import { entry } from "../support/sqlite.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"

/** Changes the working directory, until the scope closes. */
const chdir = (directory: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = process.cwd()
      process.chdir(directory)
      return before
    }),
    (before) => Effect.sync(() => process.chdir(before))
  )

describe("a relative directory", () => {
  for (const [name, make] of [["disk", SqliteStore.layer], ["files", FilesStore.layer]] as const) {
    test(`stays where it is when the program goes elsewhere (${name})`, function*() {
      const [here, there] = [yield* tempDirectory, yield* tempDirectory]
      yield* chdir(here)
      const made = storeFrom(make({ directory: "cache" }))
      process.chdir(there)
      const store = yield* made
      yield* singly(store).set("id", entry(1))
      process.chdir(here)
      store.changesUnsafe?.()
      yield* singly(store).set("id", entry(2))
      fs.rmSync(join(here, "cache"), { recursive: true })
      process.chdir(there)
      store.changesUnsafe?.()
      yield* singly(store).set("id", entry(3))
      expect(fs.readdirSync(here)).toEqual(["cache"])
      expect(fs.readdirSync(there)).toEqual([])
    })

    test(`is nowhere if the working directory was deleted, also when the program goes elsewhere (${name})`, function*() {
      const [here, there] = [yield* tempDirectory, yield* tempDirectory]
      yield* chdir(here)
      fs.rmdirSync(here)
      const made = storeFrom(make({ directory: "cache" }))
      process.chdir(there)
      expect(yield* Effect.flip(made)).toMatchObject({ _tag: "StoreError", operation: "open", reason: "Unavailable" })
      expect(fs.readdirSync(there)).toEqual([])
      fs.mkdirSync(here)
    })
  }
})

describe("a path that cannot be one", () => {
  const makers = [
    SqliteStore.layer,
    FilesStore.layer,
    (options: Parameters<typeof SqliteGuards.layer>[0]) => lockOf(SqliteGuards.layer(options)),
    CacheLayer.disk,
    CacheLayer.files
  ]

  it("the home folder of a shell says what to do", () => {
    for (const make of makers) {
      for (const directory of ["~/cache", "~\\cache", "~"]) {
        expect(() => make({ directory })).toThrow(`only a shell knows "${directory}" as the home folder`)
      }
    }
  })

  it("a URL as a text says what to do", () => {
    for (const make of makers) {
      expect(() => make({ directory: "file:///tmp/cache" })).toThrow(/must be a path, not the URL .*fileURLToPath/)
    }
  })

  it("one that SQLite cannot open is refused at once, and one that it can is opened", () => {
    const long = `/tmp/${"x".repeat(200)}/${"y".repeat(200)}/`
    for (
      const make of [
        SqliteStore.layer,
        (options: Parameters<typeof SqliteGuards.layer>[0]) => lockOf(SqliteGuards.layer(options))
      ]
    ) {
      expect(() => make({ directory: long + "z".repeat(200) })).toThrow(
        /"directory" is \d+ bytes too long for SQLite, which opens paths of 512 bytes at most/
      )
    }
  })

  test("at the limit works", function*() {
    const directory = join(yield* tempDirectory, "x".repeat(200), "y".repeat(200))
    const rest = 512 - 8 - Buffer.byteLength(join(directory, "z", "cache.v99.999999999.db")) + 1
    const longest = join(directory, "z".repeat(rest))
    const store = yield* storeFrom(SqliteStore.layer({ directory: longest }))
    yield* singly(store).set("id", entry(1))
    expect(() => storeFrom(SqliteStore.layer({ directory: `${longest}z` }))).toThrow(/1 bytes too long/)
  })
})
