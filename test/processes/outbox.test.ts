/** The outbox of SQL transactions, with processes that are killed between the commit and the invalidation. */
import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Layer, Option } from "effect"
import { Cached, CacheLayer, Transaction } from "effect-cached"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { tempDirectory } from "../support/tempDirectory.ts"
import * as Sql from "./outbox/sql.ts"

const worker = fileURLToPath(new URL("outbox/worker.ts", import.meta.url))

/** How the process has ended. */
const renamed = (folder: string, name: string) =>
  Effect.promise(() =>
    new Promise<string | null>((resolve) => {
      const process_ = spawn(process.execPath, ["--conditions=effect-cached-source", worker, folder, name], {
        stdio: ["ignore", "ignore", "inherit"]
      })
      process_.on("exit", (_, signal) => resolve(signal))
    })
  )

const kills = Number(process.env["OUTBOX_KILLS"] ?? 3)

describe("the outbox", () => {
  it.live(
    "changes of processes that were killed after their commit are invalidated by the next look",
    () =>
      Effect.gen(function*() {
        const folder = yield* tempDirectory
        const sql = yield* Layer.build(Sql.layer(folder))
        const cache = yield* Layer.build(CacheLayer.disk({ directory: `${folder}/cache` }))
        const user = Effect.gen(function*() {
          const sql = yield* SqlClient.SqlClient
          return (yield* sql<{ name: string }>`SELECT name FROM users`)[0]!.name
        }).pipe(Cached.ttl("user", { ttl: "1 day" }))
        const inProgram = <A, E, R>(self: Effect.Effect<A, E, R>) =>
          self.pipe(Effect.provideContext(cache), Effect.provideContext(sql)) as Effect.Effect<A, E>
        yield* inProgram(Effect.flatMap(SqlClient.SqlClient, (sql) => sql`INSERT INTO users VALUES ('an intruder')`))
        yield* inProgram(Effect.scoped(Layer.build(Transaction.outbox({ table: "cache_outbox" }))))
        for (let kill = 1; kill <= kills; kill++) {
          const before = yield* inProgram(user)
          expect(yield* renamed(folder, `name ${kill}`)).toBe("SIGKILL")
          // Committed, and not invalidated.
          expect([before, yield* inProgram(user)]).toEqual([before, before])
          // Another process starts, six seconds later.
          const later = (yield* Clock.currentTimeMillis) + 6000
          const look = Effect.gen(function*() {
            yield* TestClock.setTime(later)
            yield* Layer.build(Transaction.outbox({ table: "cache_outbox" }))
            while (Option.isSome(yield* Cached.getOption("user"))) yield* Effect.yieldNow
          })
          yield* inProgram(look.pipe(Effect.provide(TestClock.layer()), Effect.scoped, Effect.timeout("20 seconds")))
          expect(yield* inProgram(user)).toBe(`name ${kill}`)
        }
        const rows = yield* inProgram(Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT * FROM cache_outbox`))
        expect(rows).toEqual([])
      }).pipe(Effect.scoped),
    60_000 + kills * 20_000
  )
})
