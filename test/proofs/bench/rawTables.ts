/** The tables of the store, as `node:sqlite` writes the same rows without it. */
import { Exit, Option } from "effect"
import { DatabaseSync } from "node:sqlite"
import { crc32 } from "node:zlib"
import * as Frame from "../../../src/internal/codec/frame.ts"
import { structured } from "../../../src/internal/codec/structured.ts"

export const hour = 3_600_000

/** Opens a database with the tables and pragmas of the store. */
export const openRaw = (file: string): DatabaseSync => {
  const database = new DatabaseSync(file)
  database.exec("PRAGMA synchronous = NORMAL; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL")
  database.exec("PRAGMA journal_size_limit = 2097152; PRAGMA wal_autocheckpoint = 448")
  database.exec(`
    CREATE TABLE entry (seq INTEGER PRIMARY KEY, id NOT NULL UNIQUE, frame BLOB NOT NULL, expires_at REAL NOT NULL);
    CREATE INDEX entry_expires_at ON entry (expires_at) WHERE expires_at < 9e999;
    CREATE TABLE change (seq INTEGER PRIMARY KEY, origin INTEGER NOT NULL, kind INTEGER NOT NULL, subject)`)
  return database
}

/** The statements of writers, and a function that runs steps in one transaction. */
export const writerOf = (database: DatabaseSync) => {
  const insert = database.prepare("INSERT OR REPLACE INTO entry (id, frame, expires_at) VALUES (?, ?, ?)")
  const change = database.prepare("INSERT INTO change (origin, kind, subject) VALUES (1, 0, ?)")
  const prune = database.prepare("DELETE FROM change WHERE seq <= (SELECT max(seq) FROM change) - 10000")
  return {
    insert,
    change,
    write: (id: string, value: unknown, now: number): void => {
      insert.run(id, frameOf(id, value, now), now + hour)
      change.run(id)
    },
    transaction: (steps: () => void): void => {
      database.exec("BEGIN IMMEDIATE")
      steps()
      prune.run()
      database.exec("COMMIT")
    }
  }
}

const frameOf = (id: string, value: unknown, now: number): Uint8Array => {
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
  const payload = Exit.getSuccess(structured.pack(value, id)).pipe(Option.getOrThrow)
  return Frame.encode(id, { meta, payload }, crc32)
}
