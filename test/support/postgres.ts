/** PostgreSQL servers of a test's own: on free ports of the loopback, in a folder that is removed. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted } from "effect"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
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
  /** Sends a signal to all processes of the server. */
  readonly signal: (name: "SIGCONT" | "SIGSTOP") => void
  /** A copy of the server, which follows it until it is promoted. */
  readonly follower: () => Promise<Server & { readonly promote: () => void }>
  readonly end: () => Promise<void>
}

type Run = (program: string, ...args: ReadonlyArray<string>) => void

const init = (run: Run, data: string): void =>
  run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")

export const startPostgres = (settings: ReadonlyArray<string> = []): Promise<Server> => startWith(init, settings)

/** `fill` makes the folder of the server's data. */
const startWith = async (
  fill: (run: Run, data: string) => void,
  settings: ReadonlyArray<string>
): Promise<Server & { readonly promote: () => void }> => {
  const folder = mkdtempSync(join(tmpdir(), "postgres-"))
  chmodSync(folder, 0o777)
  const data = join(folder, "data")
  const run: Run = (program, ...args) => {
    const [file, rest] = command(program, args)
    execFileSync(file, rest, { stdio: "pipe", cwd: folder })
  }
  fill(run, data)
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
    signal: (name) => {
      const main = readFileSync(join(data, "postmaster.pid"), "utf8").split("\n")[0]!
      const others = execFileSync("ps", ["-o", "pid=", "--ppid", main], { encoding: "utf8" }).trim().split(/\s+/)
      // The program that runs the server as another user stops with it, and continues only by a signal of its own.
      if (name === "SIGCONT") child?.kill(name)
      for (const id of [main, ...others]) {
        try {
          process.kill(Number(id), name)
        } catch {
          // It has just ended.
        }
      }
    },
    follower: () =>
      startWith(
        (run, data) =>
          run("pg_basebackup", "-h", "127.0.0.1", "-p", String(port), "-U", "postgres", "-D", data, "-R", "-c", "fast"),
        settings
      ),
    promote: () => run("pg_ctl", "promote", "-D", data, "-s"),
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
export const quoted = (name: string): string => `"${name.replaceAll("\"", "\"\"")}"`

export const freshSchema = (): string => `laws ${process.pid} "${++schemas}'`
