/**
 * A transaction of a hundred sets on disk, beside one of `node:sqlite` that writes the same rows: frames with their
 * checksums, and the notice of the change for others.
 */
import { Effect } from "effect"
import { Cached, CacheLayer, Transaction } from "effect-cached"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { type Body, inTurn, nanos, print, repeat } from "../measure.ts"
import { openRaw, writerOf } from "../rawTables.ts"
import { user } from "../record.ts"

const sets = 100
const ids = Array.from({ length: 1000 }, (_, i) => `user:${i}`)
const idsOf = (i: number): ReadonlyArray<string> => {
  const from = (i * sets) % ids.length
  return ids.slice(from, from + sets)
}

const directory = mkdtempSync(join(tmpdir(), "effect-cached-bench-"))

const writeOf = (database: DatabaseSync) => {
  const { transaction, write } = writerOf(database)
  return (ids: ReadonlyArray<string>) => {
    const now = Date.now()
    transaction(() => ids.forEach((id) => write(id, user(id), now)))
  }
}

/** When the effect of the last transaction had ended: from then on it commits. */
let endedAt = 0

const setAll = (i: number) =>
  Effect.andThen(
    Effect.forEach(idsOf(i), (id) => Cached.set(id, user(id), { ttl: "1 hour" }), { discard: true }),
    Effect.sync(() => endedAt = nanos())
  )

const calls = 10
const commits = "fast, its commit"

const program = Effect.gen(function*() {
  const raw = openRaw(join(directory, "raw.db"))
  const write = writeOf(raw)
  const fast: Body = (i) => Transaction.run(setAll(i), { isolation: "fast" })
  const subjects: { readonly [name: string]: Body } = {
    "node:sqlite, the same rows": (i) => Effect.sync(() => write(idsOf(i))),
    fast,
    [commits]: fast,
    locked: (i) => Transaction.run(setAll(i))
  }
  const rows = yield* inTurn(
    { subjects: Object.keys(subjects), warmup: 20, rounds: 40 },
    (name) =>
      Effect.gen(function*() {
        const start = nanos()
        if (name !== commits) {
          yield* repeat(subjects[name]!, calls)
          return (nanos() - start) / calls
        }
        let spent = 0
        yield* repeat((i) => Effect.tap(fast(i), () => Effect.sync(() => spent += nanos() - endedAt)), calls)
        return spent / calls
      })
  )
  if ((yield* Cached.size) !== ids.length) throw new Error("not all are stored")
  raw.close()
  return rows
})

try {
  print(await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.disk({ directory: join(directory, "cache") })))))
} finally {
  rmSync(directory, { recursive: true, force: true })
}
