/**
 * A transaction of a hundred sets on disk, beside one of `node:sqlite` that writes the same rows: frames with their
 * checksums, and the notice of the change for others.
 */
import { Effect, Exit, Option } from "effect"
import { Cached, CacheLayer, Transaction } from "effect-cached"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { crc32 } from "node:zlib"
import * as Frame from "../../../src/internal/codec/frame.ts"
import { structured } from "../../../src/internal/codec/structured.ts"
import { type Body, inTurn, nanos, print, repeat } from "../measure.ts"
import { user } from "../record.ts"

const sets = 100
const ids = Array.from({ length: 1000 }, (_, i) => `user:${i}`)
const idsOf = (i: number): ReadonlyArray<string> => {
  const from = (i * sets) % ids.length
  return ids.slice(from, from + sets)
}
const hour = 3_600_000

const directory = mkdtempSync(join(tmpdir(), "effect-cached-bench-"))

/** Tables and pragmas are those of the store. */
const openRaw = () => {
  const database = new DatabaseSync(join(directory, "raw.db"))
  database.exec("PRAGMA synchronous = NORMAL; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL")
  database.exec("PRAGMA journal_size_limit = 2097152; PRAGMA wal_autocheckpoint = 448")
  database.exec(`
    CREATE TABLE entry (seq INTEGER PRIMARY KEY, id NOT NULL UNIQUE, frame BLOB NOT NULL, expires_at REAL NOT NULL);
    CREATE INDEX entry_expires_at ON entry (expires_at) WHERE expires_at < 9e999;
    CREATE TABLE change (seq INTEGER PRIMARY KEY, origin INTEGER NOT NULL, kind INTEGER NOT NULL, subject)`)
  return database
}

const writeOf = (database: DatabaseSync) => {
  const write = database.prepare("INSERT OR REPLACE INTO entry (id, frame, expires_at) VALUES (?, ?, ?)")
  const change = database.prepare("INSERT INTO change (origin, kind, subject) VALUES (1, 0, ?)")
  const prune = database.prepare("DELETE FROM change WHERE seq <= (SELECT max(seq) FROM change) - 10000")
  return (ids: ReadonlyArray<string>) => {
    const now = Date.now()
    database.exec("BEGIN IMMEDIATE")
    for (const id of ids) {
      const meta = {
        createdAt: now,
        softExpiresAt: now + hour,
        expiresAt: now + hour,
        loadMillis: 0,
        outcome: "success" as const,
        tags: [],
        writeId: "0".repeat(32),
        serializer: 1
      }
      const payload = Exit.getSuccess(structured.pack(user(id), id)).pipe(Option.getOrThrow)
      write.run(id, Frame.encode(id, { meta, payload }, crc32), now + hour)
      change.run(id)
    }
    prune.run()
    database.exec("COMMIT")
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
  const raw = openRaw()
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
