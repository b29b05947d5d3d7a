/** PgBouncer in front of a PostgreSQL server, in each of its modes. */
import { describe, expect } from "@effect/vitest"
import { Effect } from "effect"
import { PgStore } from "effect-cached/postgres"
import { type ChildProcess, spawn } from "node:child_process"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { forAll } from "../support/forAll.ts"
import { isMissing } from "../support/needs.ts"
import { freshSchema, isPostgresMissing, type Server, startPostgres } from "../support/postgres.ts"
import { freePorts } from "../support/redis.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { test } from "../support/tests.ts"

const answers = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true)).once("error", () => resolve(false))
    socket.once("connect", () => socket.destroy())
  })

/** Starts a pooler in front of a server, and returns the URL through it. It refuses to run as root. */
const poolerOf = (server: Server, mode: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const folder = mkdtempSync(join(tmpdir(), "pooler-"))
        const [port] = await freePorts(1)
        const file = join(folder, "pooler.ini")
        const lines = [
          "[databases]",
          `postgres = host=127.0.0.1 port=${server.port} dbname=postgres user=postgres`,
          "[pgbouncer]",
          "listen_addr = 127.0.0.1",
          `listen_port = ${port}`,
          "auth_type = any",
          `pool_mode = ${mode}`,
          `unix_socket_dir = ${folder}`
        ]
        writeFileSync(file, lines.join("\n"))
        chmodSync(folder, 0o777)
        const user = process.getuid?.() === 0 ? ["-u", "postgres"] : []
        const child: ChildProcess = spawn("pgbouncer", [...user, file], { stdio: "ignore" })
        while (!(await answers(port!))) await new Promise((resolve) => setTimeout(resolve, 20))
        return { child, folder, url: server.url.replace(String(server.port), String(port)) }
      }),
      ({ child, folder }) =>
        Effect.sync(() => {
          child.kill("SIGKILL")
          rmSync(folder, { recursive: true, force: true })
        })
    ),
    ({ url }) => url
  )

describe.skipIf(isPostgresMissing() || isMissing("pgbouncer"))("PgBouncer", { timeout: 60_000 }, () => {
  const server = forAll(() => startPostgres())

  const increment = { checks: [], steps: [{ _tag: "Increment", name: "n", by: 1 }] } as const

  test.live("in statement mode is named as the likely reason, by the set-up and by a transaction", function*() {
    const url = yield* poolerOf(server, "statement")
    const schema = freshSchema()
    const refused = yield* Effect.flip(Effect.scoped(storeFrom(PgStore.layer({ url, schema, prepare: false }))))
    expect(refused.message).toContain("pool_mode = statement of PgBouncer")
    yield* Effect.scoped(storeFrom(PgStore.layer({ url: server.url, schema })))
    const store = yield* storeFrom(PgStore.layer({ url, schema, prepare: false }))
    expect(yield* store.increment("n", 1)).toBe(1)
    expect((yield* Effect.flip(store.transact!(increment))).message).toContain("pool_mode = statement of PgBouncer")
  })

  test.live("in transaction mode carries a store that prepares no statement", function*() {
    const url = yield* poolerOf(server, "transaction")
    const store = yield* storeFrom(PgStore.layer({ url, schema: freshSchema(), prepare: false }))
    yield* store.transact!(increment)
    expect((yield* store.counter("n"))?.value).toBe(1)
  })
})
