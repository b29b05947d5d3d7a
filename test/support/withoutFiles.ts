/** A process that may open no more files just when the log of its database was removed: `SqliteReplaced.test.ts`. */
import { Effect } from "effect"
import { SqliteStore } from "effect-cached/sqlite"
import { TestClock } from "effect/testing"
import { fork } from "node:child_process"
import * as fs from "node:fs"
import { singly } from "../../src/testing/internal/singly.ts"
import { connection, entry, fileOf, read } from "./sqlite.ts"
import { storeFrom } from "./storeFrom.ts"
import { tempDirectory } from "./tempDirectory.ts"

/** Has it open, and does nothing: in its own process, as those of one share what they know of a file. */
const idle = (directory: string) =>
  Effect.gen(function*() {
    const store = yield* storeFrom(SqliteStore.layer({ directory }))
    read(store, "id")
    process.send!("open")
    yield* Effect.never
  })

const another = (directory: string) =>
  Effect.acquireRelease(
    Effect.promise(() =>
      new Promise<ReturnType<typeof fork>>((resolve) => {
        const other = fork(import.meta.filename, [directory])
        other.once("message", () => resolve(other))
      })
    ),
    (other) => Effect.sync(() => other.kill())
  )

/** Opens files until there are none left. Answers how they are closed. */
const openAll = () => {
  const files: Array<number> = []
  try {
    for (;;) files.push(fs.openSync(process.execPath, "r"))
  } catch {
    return () => files.forEach((file) => fs.closeSync(file))
  }
}

const program = Effect.gen(function*() {
  const directory = yield* tempDirectory
  const store = yield* storeFrom(SqliteStore.layer({ directory }))
  yield* singly(store).set("id", entry(1))
  yield* Effect.scoped(Effect.map(connection(directory), (foreign) => foreign.exec("PRAGMA wal_checkpoint(TRUNCATE)")))
  yield* another(directory)
  // Is in the log alone.
  yield* singly(store).remove("id")
  // More than is remembered.
  yield* TestClock.adjust("11 seconds")
  for (const suffix of ["-wal", "-shm"]) fs.rmSync(`${fileOf(directory)}${suffix}`)
  const closeAll = openAll()
  const { _tag: meanwhile } = yield* Effect.exit(singly(store).set("other", entry(2)))
  closeAll()
  yield* singly(store).set("other", entry(2))
  const found = read(store, "id")
  console.log(JSON.stringify({ meanwhile, isBack: found !== undefined, hasNext: fs.existsSync(fileOf(directory, 2)) }))
})

const [, , idlesIn] = process.argv
const run = idlesIn === undefined ? program : idle(idlesIn)
await Effect.runPromise(run.pipe(Effect.scoped, Effect.provide(TestClock.layer())))
