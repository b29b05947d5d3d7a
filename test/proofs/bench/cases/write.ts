/**
 * The cost of a load in the store: `acquire` and `commit` of `SqliteStore`, beside one write of `node:sqlite`. In a
 * folder that has not changed for some seconds, as they are in programs that run for longer than that.
 */
import { Effect } from "effect"
import { SqliteStore } from "effect-cached/sqlite"
import { join } from "node:path"
import { singly } from "../../../../src/testing/internal/singly.ts"
import { stored } from "../../../support/stored.ts"
import { storeFrom } from "../../../support/storeFrom.ts"
import { inTurn, measure, type Subjects, temporaryFolder, took } from "../measure.ts"
import { openRaw } from "../rawTables.ts"
import { user } from "../record.ts"

const keys = 1000
const calls = 500
const idOf = (i: number): string => `user:${i % keys}`

const directory = temporaryFolder()

/** The store looks at a folder that has changed since more closely: `src/drivers/sqlite/file/inUse.ts`. */
const settled = Effect.sleep("3 seconds")

const payload = Buffer.from(JSON.stringify(user("user:1")))

const entry = stored(payload)

// The entry of the last round is the one that is to be replaced.
const asked = { owner: "bench", leaseMillis: 5000, rejectedWriteId: entry.meta.writeId, join: false }

const program = Effect.gen(function*() {
  const raw = openRaw(join(directory, "raw.db"))
  raw.exec("CREATE TABLE record (id TEXT PRIMARY KEY, value BLOB NOT NULL)")
  // Every statement is a transaction of its own.
  const replace = raw.prepare("INSERT OR REPLACE INTO record VALUES (?, ?)")
  const store = yield* storeFrom(SqliteStore.layer({ directory: join(directory, "cache") }))
  const subjects: Subjects<(id: string) => Effect.Effect<unknown, unknown>> = {
    "node:sqlite, INSERT OR REPLACE": (id) => Effect.sync(() => replace.run(id, payload)),
    "acquire and commit": (id) =>
      Effect.flatMap(
        singly(store).acquire(id, asked),
        (acquired) =>
          acquired._tag === "Granted"
            ? singly(store).commit(id, acquired.generation, entry)
            : Effect.die(`answered ${acquired._tag}`)
      )
  }
  yield* settled
  const rows = yield* inTurn(subjects, { warmup: 20, rounds: 40 }, (write, round) =>
    took(
      Effect.gen(function*() {
        for (let i = 0; i < calls; i++) yield* write(idOf(round * calls + i))
      }),
      calls
    ))
  if ((yield* store.size) !== keys) throw new Error("not all are stored")
  return rows
})

await measure(program)
