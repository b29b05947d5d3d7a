/** The laws of stores hold for memory, SQLite and stores made from few operations. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { MemoryStore } from "effect-cached/memory"
import { SqliteStore } from "effect-cached/sqlite"
import { sharedStoreLaws, storeLaws, withTimePassing } from "effect-cached/testing"
import { slowStore } from "../support/slowStore.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { tempDirectory } from "../support/tempDirectory.ts"

const stores = {
  memory: Effect.sync(() => MemoryStore.make()),
  sqlite: Effect.flatMap(tempDirectory, (directory) => storeFrom(SqliteStore.layer({ directory }))),
  "a simple storage that answers late and out of order": slowStore
}

for (const [name, make] of Object.entries(stores)) {
  describe(`the laws of stores hold for ${name}`, () => {
    for (const law of storeLaws<unknown>(make)) it.effect(law.name, () => withTimePassing(law.run))
  })
}

const twoOnOneDirectory = Effect.flatMap(
  tempDirectory,
  (directory) => Effect.all([storeFrom(SqliteStore.layer({ directory })), storeFrom(SqliteStore.layer({ directory }))])
)

describe("the laws of shared stores hold for two sqlite stores on one directory", () => {
  for (const law of sharedStoreLaws<unknown>(twoOnOneDirectory)) {
    it.effect(law.name, () => withTimePassing(law.run))
  }
})
