/** Three runs of the job in three processes, on the files that the example ships. */
import { Console, Effect, FileSystem, Path, Schema, Stream } from "effect"
import { CliError } from "effect/cli"
import { ChildProcess } from "effect/process"
import { startServer } from "./api.ts"
import { tableHeader, tableRow } from "./table.ts"
import { Summary } from "./verify.ts"

const acts = [
  { title: "1  six users", users: "users.csv" },
  { title: "2  the same six", users: "users.csv" },
  { title: "3  three of them, three new", users: "users_changed.csv" }
]

/** A run has failed, and has said why. */
class ActFailed extends Schema.TaggedError<ActFailed>()("ActFailed", { title: Schema.String, exitCode: Schema.Int }) {
  override get [CliError.userMessage]() {
    return `Act "${this.title}" ended with exit code ${this.exitCode}.`
  }
}

const folder = import.meta.dirname

/** Plays the three acts, beginning with an empty cache unless it is to be kept. */
export const play = Effect.fn("play")(function*({ keep }: { readonly keep: boolean }) {
  const path = yield* Path.Path
  const cache = path.join(folder, ".cache", "acts")
  const out = path.join(folder, "emails_verified.csv")
  if (!keep) yield* (yield* FileSystem.FileSystem).remove(cache, { recursive: true, force: true })

  const server = yield* startServer
  yield* Console.log(tableHeader("act"))
  for (const { title, users } of acts) {
    const before = server.log.length
    const args = [
      "--api",
      server.url.href,
      "--users",
      path.join(folder, users),
      "--out",
      out,
      "--force",
      "--cache",
      cache
    ]
    const summary = yield* runJob(title, args)
    // Requests as counted by the API, not by the job.
    const calls = server.log.length - before
    yield* Console.log(tableRow(title, { ...summary, calls }))
  }
  yield* Console.log("\nEach act is a process of its own. The API calls are counted by the API.")
  yield* Console.log(`Written to ${path.relative("", out)}.`)
  if (!keep) yield* Console.log("Again with the answers as they are now: npm start -- --keep")
}, Effect.scoped)

const runJob = Effect.fn(function*(title: string, args: ReadonlyArray<string>) {
  const main = (yield* Path.Path).join(folder, "main.ts")
  const child = yield* ChildProcess.make(process.execPath, [...process.execArgv, main, ...args, "--json"], {
    stdin: "ignore",
    stderr: "inherit"
  })
  const output = yield* Stream.mkString(Stream.decodeText(child.stdout))
  const exitCode = yield* child.exitCode
  if (exitCode !== 0) return yield* new ActFailed({ title, exitCode })
  return yield* Schema.decodeEffect(Schema.fromJsonString(Summary))(output)
}, Effect.scoped)
