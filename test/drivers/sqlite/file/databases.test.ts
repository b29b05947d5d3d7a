/** The database files of a directory, when several processes make them at once. */
import { afterEach, describe, expect, it, vi } from "@effect/vitest"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync, type StatementSync } from "node:sqlite"
import * as Databases from "../../../../src/drivers/sqlite/file/databases.ts"

const maxSize = 10_000_000

afterEach(() => {
  vi.restoreAllMocks()
})

/** Runs `meanwhile` after the nth statement with this text has been read. */
const after = (sql: string, nth: number, meanwhile: () => void) => {
  const prepare: (this: DatabaseSync, sql: string) => StatementSync = DatabaseSync.prototype.prepare
  let left = nth
  vi.spyOn(DatabaseSync.prototype, "prepare").mockImplementation(function(this: DatabaseSync, text: string) {
    const statement = prepare.call(this, text)
    if (text !== sql || --left !== 0) return statement
    const get = statement.get.bind(statement)
    statement.get = () => {
      const row = get()
      meanwhile()
      return row
    }
    return statement
  })
}

describe("a new directory", () => {
  it.each([1, 2])("has one database, whichever process makes it after step %i", (step) => {
    const directory = fs.mkdtempSync(join(tmpdir(), "cache-"))
    const opened: Array<Databases.Opened> = []
    after("PRAGMA user_version", step, () => opened.push(Databases.open(directory, maxSize)))
    opened.push(Databases.open(directory, maxSize))
    expect(opened.map(({ number }) => number)).toEqual([1, 1])
    for (const one of opened) Databases.close(one)
    fs.rmSync(directory, { recursive: true })
  })
})
