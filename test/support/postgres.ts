/** PostgreSQL servers of a test's own: on free ports of the loopback, in a folder that is removed. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted } from "effect"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePorts } from "./redis.ts"

const root = "/usr/lib/postgresql"

/** The folder of the newest server of this machine. */
const bin = existsSync(root)
  ? join(root, readdirSync(root).toSorted((a, b) => Number(a) - Number(b)).at(-1)!, "bin")
  : undefined

/** Whether PostgreSQL is not installed, which is said: `describe.skipIf(isPostgresMissing())`. */
export const isPostgresMissing = (): boolean => {
  if (bin !== undefined) return false
  console.warn("SKIPPED: PostgreSQL is not installed; .ci/setup, run as root, installs what CI needs")
  return true
}

/** The server refuses to run as root, so root runs it as the user of its package. */
const asUser = process.getuid?.() === 0 ? ["runuser", "-u", "postgres", "--"] : []

const command = (program: string, args: ReadonlyArray<string>): readonly [string, ReadonlyArray<string>] => {
  const [first, ...rest] = [...asUser, join(bin!, program), ...args]
  return [first!, rest]
}

const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

export interface Server {
  readonly port: number
  readonly url: string
  /** Runs a statement as the administrator, and returns its rows. */
  readonly ask: (statement: string) => Promise<ReadonlyArray<ReadonlyArray<unknown>>>
  readonly stop: (mode?: "fast" | "immediate") => Promise<void>
  readonly start: () => Promise<void>
  readonly end: () => Promise<void>
}

export const startPostgres = async (settings: ReadonlyArray<string> = []): Promise<Server> => {
  const folder = mkdtempSync(join(tmpdir(), "postgres-"))
  chmodSync(folder, 0o777)
  const data = join(folder, "data")
  const run = (program: string, ...args: ReadonlyArray<string>) => {
    const [file, rest] = command(program, args)
    execFileSync(file, rest, { stdio: "pipe", cwd: folder })
  }
  run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
  const [port] = await freePorts(1)
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  let child: ChildProcess | undefined
  const ask: Server["ask"] = (statement) =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function*() {
          const sql = yield* PgClient.PgClient
          return yield* sql.unsafe(statement).values
        }).pipe(Effect.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 1 })))
      )
    )
  const start = async () => {
    const options = ["-D", data, "-p", String(port), "-h", "127.0.0.1", "-k", folder, "-c", "max_connections=200"]
    const quick = ["-c", "fsync=off", ...settings.flatMap((setting) => ["-c", setting])]
    const [file, rest] = command("postgres", [...options, ...quick])
    child = spawn(file, rest, { stdio: "ignore", cwd: folder })
    for (let tries = 0;; tries++) {
      try {
        await ask("SELECT 1")
        return
      } catch (error) {
        if (tries === 200) throw error
        await sleep(50)
      }
    }
  }
  const stop: Server["stop"] = async (mode = "fast") => {
    const ended = new Promise((resolve) => child?.once("exit", resolve))
    run("pg_ctl", "stop", "-D", data, "-m", mode, "-s")
    await ended
  }
  await start()
  return {
    port: port!,
    url,
    ask,
    start,
    stop,
    end: async () => {
      try {
        await stop("immediate")
      } catch {
        // It was stopped already.
      }
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

let schemas = 0

/** A schema that no other test uses. */
export const freshSchema = (): string => `laws ${process.pid} "${++schemas}'`
