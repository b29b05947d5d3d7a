/** Writes as fast as it can for some seconds, and says how long its turns were. */
import { Effect } from "effect"
import { SqliteStore } from "effect-cached/sqlite"
import { statSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { singly } from "../../../../src/testing/internal/singly.ts"
import { entry } from "../../../support/stored.ts"
import { storeFrom } from "../../../support/storeFrom.ts"

const [kind, directory, name, seconds] = process.argv.slice(2) as [string, string, string, string]

const bytes = 20_000
const ids = 500
const bound = 2 * 1024 ** 2
const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** A writer with `node:sqlite` alone, with the pragmas of the store, and its bound of the log. */
const raw = () => {
  const file = join(directory, "raw.db")
  const database = new DatabaseSync(file, { timeout: 10_000 })
  database.exec("PRAGMA synchronous = NORMAL; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL")
  database.exec(`PRAGMA journal_size_limit = ${bound}; PRAGMA wal_autocheckpoint = 448`)
  database.exec("CREATE TABLE IF NOT EXISTS record (id TEXT PRIMARY KEY, value BLOB NOT NULL)")
  database.exec("PRAGMA busy_timeout = 5")
  const insert = database.prepare("INSERT OR REPLACE INTO record VALUES (?, ?)")
  const empty = database.prepare("PRAGMA wal_checkpoint(TRUNCATE)")
  const value = new Uint8Array(bytes).fill(1)
  return (i: number) =>
    Effect.promise(async () => {
      for (let pauseMillis = 2;; pauseMillis = Math.min(50, pauseMillis * 2)) {
        try {
          if (statSync(`${file}-wal`).size <= bound || empty.get()!["busy"] === 0) {
            insert.run(`${name} ${i % ids}`, value)
            return
          }
        } catch (error) {
          if ((error as { readonly errcode?: number }).errcode !== 5) throw error
        }
        await pause(pauseMillis)
      }
    })
}

const ours = Effect.map(
  storeFrom(SqliteStore.layer({ directory, maxSize: "1 GiB" })),
  (store) => (i: number) => Effect.ignore(singly(store).set(`${name} ${i % ids}`, entry(i & 255, bytes)))
)

/** Each turn ends where the next one begins: one that does nothing else is short. */
const watch = () => {
  const turns: Array<number> = []
  let last = performance.now()
  const timer = setInterval(() => {
    turns.push(performance.now() - last)
    last = performance.now()
  }, 1)
  return () => {
    clearInterval(timer)
    turns.sort((a, b) => a - b)
    return { longest: turns.at(-1)!, p99: turns[Math.floor(turns.length * 0.99)]! }
  }
}

const program = Effect.gen(function*() {
  const write = kind === "node:sqlite" ? raw() : yield* ours
  for (let i = 0; i < 50; i++) yield* write(i)
  process.send!("ready")
  yield* Effect.promise(() => new Promise((resolve) => process.once("message", resolve)))
  const turns = watch()
  const end = performance.now() + Number(seconds) * 1000
  for (let i = 0; performance.now() < end; i++) {
    yield* write(i)
    yield* Effect.yieldNow
  }
  process.send!(turns())
})

await Effect.runPromise(Effect.scoped(program))
process.disconnect()
