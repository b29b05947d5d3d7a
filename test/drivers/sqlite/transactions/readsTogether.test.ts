/** Look-ups of several entries beside commits of another process. */
import { expect, vi } from "@effect/vitest"
import { Effect } from "effect"
import { SqliteStore } from "effect-cached/sqlite"
import { join } from "node:path"
import { StatementSync } from "node:sqlite"
import { entry } from "../../../support/sqlite.ts"
import { storeFrom } from "../../../support/storeFrom.ts"
import { tempDirectory } from "../../../support/tempDirectory.ts"
import { test } from "../../../support/tests.ts"

const ids = ["a", "b", "c"]

/** Runs a step after each `SELECT` of an entry. */
const afterEachRead = (step: () => void) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const { get } = StatementSync.prototype
      return vi.spyOn(StatementSync.prototype, "get").mockImplementation(function(this: StatementSync, ...asked) {
        const row = get.apply(this, asked as Parameters<typeof get>)
        if (this.sourceSQL.startsWith("SELECT frame")) step()
        return row
      })
    }),
    (spy) => Effect.sync(() => spy.mockRestore())
  )

const stores = Effect.gen(function*() {
  const directory = join(yield* tempDirectory, "cache")
  const store = yield* storeFrom(SqliteStore.layer({ directory }))
  const other = yield* storeFrom(SqliteStore.layer({ directory }))
  let version = 0
  const commit = () => {
    version++
    Effect.runSync(other.set(ids.map((id) => ({ id, entry: entry(version) }))))
  }
  commit()
  return { commit, store }
})

test.each([1, 5])("%d look-ups at once each see all of a commit, or nothing of it", function*(many) {
  const { commit, store } = yield* stores
  yield* afterEachRead(commit)
  const all = yield* Effect.all(Array.from({ length: many }, () => store.getMany(ids)), {
    concurrency: "unbounded"
  })
  for (const found of all) {
    expect(new Set(found.map((one) => one?.meta.writeId)).size).toBe(1)
    expect(found[0]).toBeDefined()
  }
})
