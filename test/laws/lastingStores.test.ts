/** The laws of storages that outlive their process hold for maps, files and databases. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { type CacheEntry, Store } from "effect-cached/adapters"
import { FilesStore } from "effect-cached/files"
import { SqlStore } from "effect-cached/sql"
import { SqliteStore } from "effect-cached/sqlite"
import { lastingStoreLaws, sharedStoreLaws, storeLaws, withTimePassing } from "effect-cached/testing"
import { join } from "node:path"
import { thirdOf } from "../support/everything.ts"
import { mapAsync, mapSync, plainFiles } from "../support/lastingStorages.ts"
import { provideSql, sqlClientOf } from "../support/sqlClient.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"

const files = Effect.map(tempDirectory, plainFiles)

/** A database over the SQL client of a program. */
const overClient = Effect.flatMap(
  tempDirectory,
  (directory) =>
    Effect.map(
      sqlClientOf(join(directory, "db")),
      (sql) => ({ open: Effect.orDie(provideSql(sql)(storeFrom(SqlStore.layer()))) })
    )
)

const storages = {
  "a map that answers at once": mapSync("lasting"),
  "a map that answers at once, and is shared": mapSync("shared"),
  "a map that answers late": mapAsync("lasting"),
  "a map that answers late, and many at once": mapAsync("lasting", { many: true }),
  "a map that answers late, and is shared": mapAsync("shared"),
  "a folder of plain files": files,
  "an SQL client for SQLite": overClient
}

for (const [turn, [name, make]] of Object.entries(storages).entries()) {
  describe(`the laws of lasting stores hold for ${name}`, () => {
    for (const law of thirdOf(lastingStoreLaws<never, unknown>(make), turn)) {
      it.effect(law.name, () => withTimePassing(law.run))
    }
  })

  describe(`the laws of stores hold for ${name}`, () => {
    for (const law of thirdOf(storeLaws<unknown>(Effect.flatMap(make, ({ open }) => open)), turn)) {
      it.effect(law.name, () => withTimePassing(law.run))
    }
  })
}

/** A map whose removals end with the process. */
const forgetful = Effect.sync(() => {
  const entries = new Map<string, CacheEntry.Stored>()
  const open = Effect.sync(() => {
    const removed = new Set<string>()
    return Store.makeSync({
      name: "forgetful",
      capabilities: { lasting: true },
      get: (id) => removed.has(id) ? undefined : entries.get(id),
      set: (id, entry) => {
        removed.delete(id)
        entries.set(id, entry)
      },
      remove: (id) => {
        removed.add(id)
        return entries.has(id)
      },
      scan: (prefix) =>
        Array.from(entries, ([id, { meta }]) => ({ id, meta })).filter(({ id }) =>
          id.startsWith(prefix) && !removed.has(id)
        )
    })
  })
  return { open }
})

test("a storage that forgets removals breaks the laws about them, and no others", function*() {
  const laws = lastingStoreLaws<never, unknown>(forgetful)
  const exits = yield* Effect.forEach(laws, ({ run }) => Effect.exit(withTimePassing(run)))
  const broken = laws.filter((_, i) => Exit.isFailure(exits[i]!)).map(({ name }) => name)
  expect(broken).toEqual([
    "a removal survives a restart",
    "after `clear` and a restart, only later entries are there"
  ])
})

const adapters = {
  sqlite: Effect.map(tempDirectory, (directory) => ({ open: storeFrom(SqliteStore.layer({ directory })) })),
  files: Effect.map(tempDirectory, (directory) => ({ open: storeFrom(FilesStore.layer({ directory })) }))
}

for (const [name, make] of Object.entries(adapters)) {
  describe(`the laws of lasting stores hold for ${name}`, () => {
    for (const law of lastingStoreLaws<unknown, unknown>(make)) it.effect(law.name, () => withTimePassing(law.run))
  })
}

// Leases, generations and what is atomic belong to the process of such a store: tags and entries do not.
const isOfTags = /^a set, a remove and an invalidation|^a marker that is missing|^soft and hard|^a concurrent soft/

const shared = {
  "a map that answers at once": storages["a map that answers at once, and is shared"],
  "a map that answers late": storages["a map that answers late, and is shared"],
  "a folder of plain files": storages["a folder of plain files"],
  files: adapters.files
}

for (const [name, make] of Object.entries(shared)) {
  describe(`the laws of shared tags hold for ${name}`, () => {
    const two = Effect.flatMap(make, ({ open }) => Effect.all([open, open]))
    for (const law of sharedStoreLaws<unknown>(two)) {
      if (isOfTags.test(law.name)) it.effect(law.name, () => withTimePassing(law.run))
    }
  })
}
