/** Opening a folder with a million entries, and the first hit there, beside `node:sqlite` doing the same. */
import { Effect } from "effect"
import { SqliteStore } from "effect-cached/sqlite"
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { singly } from "../../../../src/testing/internal/singly.ts"
import { entry } from "../../../support/stored.ts"
import { storeFrom } from "../../../support/storeFrom.ts"
import { lowerQuartile, print } from "../measure.ts"

const entries = 1_000_000
const starts = 9
const directory = mkdtempSync(join(tmpdir(), "effect-cached-bench-"))
const cache = join(directory, "cache")
const file = join(cache, "cache.v2.1.db")

/** Past the store: a million writes of its own would take minutes. */
const fill = Effect.gen(function*() {
  const store = yield* storeFrom(SqliteStore.layer({ directory: cache, maxSize: "4 GiB" }))
  yield* singly(store).set("id 0", entry(1, 100))
  const database = new DatabaseSync(file)
  database.exec(`
    WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ${entries - 1})
    INSERT INTO entry (id, frame, expires_at) SELECT 'id ' || n, (SELECT frame FROM entry WHERE id = 'id 0'), 9e15 + n FROM number`)
  database.close()
})

const ours = Effect.scoped(Effect.gen(function*() {
  const store = yield* storeFrom(SqliteStore.layer({ directory: cache, maxSize: "4 GiB" }))
  if (store.getUnsafe!("id 0", []).entry === undefined) throw new Error("it is stored")
}))

const raw = () => {
  const database = new DatabaseSync(file)
  if (database.prepare("SELECT frame FROM entry WHERE id = 'id 0'").get() === undefined) throw new Error("it is stored")
  database.close()
}

const millisOf = async (step: () => unknown): Promise<number> => {
  const times: Array<number> = []
  for (let i = 0; i < starts; i++) {
    const startedAt = performance.now()
    await step()
    times.push(performance.now() - startedAt)
  }
  return lowerQuartile(times)
}

try {
  await Effect.runPromise(Effect.scoped(fill))
  const size = readdirSync(cache).reduce((sum, name) => sum + statSync(join(cache, name)).size, 0)
  if (size < entries * 100) throw new Error("it is not filled")
  print([
    { name: "node:sqlite", value: await millisOf(raw) },
    { name: "SqliteStore.layer", value: await millisOf(() => Effect.runPromise(ours)) },
    { name: "50 ms", value: 50 }
  ])
} finally {
  rmSync(directory, { recursive: true, force: true })
}
