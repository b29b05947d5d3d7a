/**
 * A process of its own that uses the locks of a directory:
 *
 * - `worker.ts <directory> count <file> <rounds>` adds to the number in a file, and notes each token in `<file>.tokens`
 * - `worker.ts <directory> hold <lease>` holds the lock, says so, and never ends
 */
import { Effect } from "effect"
import { SqliteGuards } from "effect-cached/sqlite"
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { lockOf } from "../../support/services.ts"

const [directory, task, ...rest] = process.argv.slice(2) as [string, string, ...Array<string>]

const count = (file: string, rounds: number) =>
  Effect.gen(function*() {
    const lock = yield* lockOf(SqliteGuards.layer({ directory }))
    const once = Effect.gen(function*() {
      const { token } = yield* lock.acquire("counter", { lease: "5 seconds", wait: "1 minute" })
      const value = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0
      // Time for another to read the same, if it were inside.
      yield* Effect.sleep("1 millis")
      writeFileSync(file, String(value + 1))
      appendFileSync(`${file}.tokens`, `${token}\n`)
    })
    for (let i = 0; i < rounds; i++) yield* Effect.scoped(once)
  })

const hold = (lease: number) =>
  Effect.gen(function*() {
    const lock = yield* lockOf(SqliteGuards.layer({ directory }))
    const { token } = yield* lock.acquire("counter", { lease, wait: 0 })
    process.stdout.write(`${token}\n`)
    return yield* Effect.never
  })

await Effect.runPromise(Effect.scoped(task === "count" ? count(rest[0]!, Number(rest[1])) : hold(Number(rest[0]))))
