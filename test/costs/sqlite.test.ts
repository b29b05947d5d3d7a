/** The statements that operations run in SQLite. */
import { expect, it, vi } from "@effect/vitest"
import { ManagedRuntime } from "effect"
import { CacheLayer } from "effect-cached"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync, StatementSync } from "node:sqlite"
import { costsOf, operations, whereMostReadsLoad } from "../support/costs.ts"

/** Entries that are read, statements that write, and transactions that do. */
const costs = {
  "a hit": [1, 0, 0],
  "a hit with a tag": [2, 0, 0],
  "a hit of a class": [1, 0, 0],
  "50 hits at once": [50, 0, 0],
  "a miss": [2, 4, 1],
  "a miss with a tag": [2, 4, 1],
  "many, 100 hits": [101, 0, 0],
  "many, 100 misses": [200, 400, 1],
  "set": [0, 5, 1],
  "setMany of 100": [1, 401, 1],
  "remove": [1, 5, 1],
  "remove of 100": [101, 401, 1],
  "invalidate a tag": [0, 3, 1],
  "a miss, where most reads load": [2, 4, 1]
}

it("operations run as many statements as the table says", async () => {
  const counts = [0, 0, 0]
  const counted = [/^SELECT frame/, /^(INSERT|UPDATE|DELETE)(?! FROM change)/, /^BEGIN IMMEDIATE/]
  const count = (sql: string) => counted.forEach((pattern, i) => counts[i]! += pattern.test(sql.trim()) ? 1 : 0)
  for (const method of ["all", "get", "iterate", "run"] as const) {
    const ran = StatementSync.prototype[method] as (...asked: ReadonlyArray<any>) => any
    vi.spyOn(StatementSync.prototype, method).mockImplementation(function(
      this: StatementSync,
      ...asked: ReadonlyArray<any>
    ) {
      count(this.sourceSQL)
      return ran.call(this, ...asked)
    })
  }
  const { exec } = DatabaseSync.prototype
  vi.spyOn(DatabaseSync.prototype, "exec").mockImplementation(function(this: DatabaseSync, sql) {
    count(sql)
    exec.call(this, sql)
  })
  const folder = mkdtempSync(join(tmpdir(), "effect-cached-costs-"))
  try {
    const open = () => ManagedRuntime.make(CacheLayer.disk({ directory: join(folder, "cache"), memory: false }))
    const tableOf = (all: typeof operations) => costsOf(open(), open(), all, () => [...counts], costs)
    expect({ ...await tableOf(operations), ...await tableOf(whereMostReadsLoad) }).toEqual(costs)
  } finally {
    vi.restoreAllMocks()
    rmSync(folder, { recursive: true, force: true })
  }
})
