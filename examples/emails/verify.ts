/** The job: read the users, ask about each address what the cache does not know, write them with the answers. */
import { Clock, Console, Effect, FileSystem, Option, Result, Schema } from "effect"
import { Cached, CacheKey, Strategy } from "effect-cached"
import { CliError } from "effect/cli"
import { type ApiError, askApi } from "./api.ts"
import { findColumn, InputError, parse, print, withColumn } from "./csv.ts"
import * as Progress from "./progress.ts"

/** Another API may answer differently: which one it was is part of the key. Its port is not. */
class Disposable extends CacheKey.Class<Disposable>()("Disposable", {
  payload: { host: Schema.String, email: Schema.String },
  success: Schema.Boolean
}) {}

/** A cached function of the address. A failure is no answer, so it is not stored and the next run asks again. */
const disposableAt = (api: URL) => {
  const ask = Cached.fn(Disposable, {
    lookup: ({ email }) => askApi(api, email),
    strategy: Strategy.ttl({ ttl: "30 days" })
  })
  return (email: string) => ask({ host: api.hostname, email })
}

/** The result of a run. */
export const Summary = Schema.Struct({
  rows: Schema.Int,
  /** Rows without an address. */
  blank: Schema.Int,
  calls: Schema.Int,
  /** Rows whose answer came from the cache. */
  saved: Schema.Int,
  /** Addresses without an answer. */
  failed: Schema.Int,
  millis: Schema.Int
})
export type Summary = typeof Summary.Type

/** Ends a run that has left fields empty: everything else is written. */
export class Unanswered extends Schema.TaggedError<Unanswered>()("Unanswered", {
  out: Schema.String,
  failures: Schema.Array(Schema.Struct({ email: Schema.String, reason: Schema.String }))
}) {
  override get [CliError.userMessage]() {
    const shown = this.failures.slice(0, 10).map(({ email, reason }) => `  ${email}: ${reason}`)
    const more = this.failures.length - shown.length
    return [
      `No answer for ${this.failures.length === 1 ? "one address" : `${this.failures.length} addresses`}:`,
      ...shown,
      ...more > 0 ? [`  and ${more} more`] : [],
      `Left empty in ${this.out}, and asked for again in the next run.`
    ].join("\n  ")
  }
}

export interface Options {
  readonly api: URL
  readonly users: string
  readonly out: string
}

const concurrency = 4

/** Runs the job once. `failures` are the addresses without an answer. */
export const verify = Effect.fn("verify")(function*({ api, out, users }: Options) {
  const startedAt = yield* Clock.currentTimeMillis
  const table = yield* readTable(users)
  const emails = table.emails
  const unique = [...new Set(emails)].filter((email) => email !== "")

  const disposable = disposableAt(api)
  const results = yield* Progress.around(
    unique.length,
    (step) =>
      Effect.forEach(unique, (email) => Effect.ensuring(Effect.result(disposable(email)), step), { concurrency })
  )
  const answers = new Map(unique.map((email, i) => [email, results[i]!]))

  const fs = yield* FileSystem.FileSystem
  const cells = emails.map((email) => cellOf(answers.get(email)))
  yield* fs.writeFileString(out, yield* print(withColumn(table, "disposable", cells))).pipe(
    Effect.mapError(({ reason }) => {
      const problem = reason._tag === "NotFound" ? "its folder does not exist" : `cannot be written (${reason._tag})`
      return new InputError({ file: out, problem })
    })
  )

  const stats = yield* Cached.stats
  if (stats.storeFailures > 0) yield* Console.error(`The cache on disk failed ${stats.storeFailures} times.`)
  const answered = cells.filter((cell) => cell !== "").length
  const summary: Summary = {
    rows: emails.length,
    blank: emails.filter((email) => email === "").length,
    calls: stats.loads,
    saved: answered - (stats.loads - stats.loadFailures),
    failed: stats.loadFailures,
    millis: (yield* Clock.currentTimeMillis) - startedAt
  }
  return { summary, failures: results.filter(Result.isFailure).map(({ failure }) => failure) }
})

const readTable = Effect.fn(function*(file: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* fs.readFileString(file).pipe(
    Effect.mapError(({ reason }) =>
      new InputError({ file, problem: reason._tag === "NotFound" ? "no such file" : `cannot be read (${reason._tag})` })
    )
  )
  const table = yield* parse(file, text)
  const column = findColumn(table.header, "email")
  if (Option.isNone(column)) {
    const problem = `there is no column "email", only ${table.header.map((cell) => `"${cell}"`).join(", ")}`
    return yield* new InputError({ file, line: 1, problem })
  }
  return { ...table, emails: table.rows.map((row) => normalize(row[column.value]!)) }
})

/** One mailbox, one spelling: the part before the @ may be case-sensitive, the domain is not. */
const normalize = (email: string) => email.trim().replace(/@[^@]*$/, (domain) => domain.toLowerCase())

const cellOf = (answer: Result.Result<boolean, ApiError> | undefined) =>
  answer !== undefined && Result.isSuccess(answer) ? String(answer.success) : ""
