/**
 * A transaction of a hundred sets on disk, beside one of `node:sqlite` that writes the same rows: frames with their
 * checksums, and the notice of the change for others.
 */
import { Effect } from "effect"
import { Cached, CacheLayer, Transaction } from "effect-cached"
import { join } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { type Body, inTurn, measure, nanos, repeat, type Subjects, temporaryFolder, took } from "../measure.ts"
import { openRaw, writerOf } from "../rawTables.ts"
import { user } from "../record.ts"

const sets = 100
const ids = Array.from({ length: 1000 }, (_, i) => `user:${i}`)
const idsOf = (i: number): ReadonlyArray<string> => {
  const from = (i * sets) % ids.length
  return ids.slice(from, from + sets)
}

const directory = temporaryFolder()

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
  const subjects: Subjects<Body> = {
    "node:sqlite, the same rows": (i) => Effect.sync(() => write(idsOf(i))),
    fast,
    [commits]: fast,
    locked: (i) => Transaction.run(setAll(i))
  }
  const rows = yield* inTurn(subjects, { warmup: 20, rounds: 40 }, (body, _, name) => {
    if (name !== commits) return took(repeat(body, calls), calls)
    let spent = 0
    const all = repeat((i) => Effect.tap(body(i), () => Effect.sync(() => spent += nanos() - endedAt)), calls)
    return Effect.map(all, () => spent / calls)
  })
  if ((yield* Cached.size) !== ids.length) throw new Error("not all are stored")
  return rows
})

await measure(program.pipe(Effect.provide(CacheLayer.disk({ directory: join(directory, "cache") }))))
