/** The job: read the users, ask about each address what the cache does not know, write them with the answers. */
import { Effect, FileSystem, Option, Schema, Sink, Stream } from "effect"
import { Cached, CacheKey } from "effect-cached"
import { Pipeline } from "effect-cached/pipeline"
import { CliError } from "effect/cli"
import { type ApiError, askApi } from "./api.ts"
import { findColumn, InputError, parse, print, withColumn } from "./csv.ts"
import * as Progress from "./progress.ts"

/** Another API may answer differently: which one it was is part of the key. Its port is not. */
class Disposable extends CacheKey.Class<Disposable>()("Disposable", {
  payload: { host: Schema.String, email: Schema.String },
  success: Schema.Boolean
}) {}

/** A cached function of addresses. A failure is no answer, so it is not stored and the next run asks again. */
const disposableAt = (api: URL, failures: Map<string, ApiError>) =>
  Cached.many(
    Disposable,
    (keys) =>
      Effect.forEach(keys, ({ email }) =>
        Effect.exit(Effect.tapError(askApi(api, email), (error) =>
          Effect.sync(() => failures.set(email, error))))),
    { ttl: "30 days" }
  )

/** Each row is a call of its own, and its answer is stored at once: a run that is killed loses four at most. */
const pace = { chunk: 1, concurrency: 4 }

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
  /** The price of a call, for the summary. */
  readonly price?: number | undefined
}

/** Runs the job once. `failures` are the addresses without an answer. */
export const verify = Effect.fn("verify")(function*(options: Options) {
  const failures = new Map<string, ApiError>()
  const through = disposableAt(options.api, failures)
  const { api, out, price, users } = options
  const keyOf = (email: string) => email === "" ? undefined : { host: api.hostname, email }
  const onProgress = yield* Progress.line
  const shared = { through, price, onProgress, ...pace }

  const isTable = [users, out].every((file) => file.endsWith(".csv"))
  const done = yield* isTable ? tables(options, { ...shared, keyOf }) : Pipeline.run({
    ...shared,
    from: users,
    payload: (row) => keyOf(normalize(String(row["email"] ?? ""))),
    output: (row, disposable) => ({ ...row, disposable }),
    otherwise: (row) => ({ ...row, disposable: null }),
    to: out,
    overwrite: true,
    failures: false
  })
  const stats = yield* Cached.stats
  const { calls, millis, rows, saved, skipped } = done
  const summary: Summary = { rows, blank: skipped, calls, saved, failed: stats.loadFailures, millis }
  return { summary, done, failures: [...failures.values()] }
}, Effect.ensuring(Progress.clear))

type Shared =
  & Pick<
    Pipeline.Options<any, Disposable, typeof Disposable["~type.make.in"], any, any, any>,
    "price" | "onProgress" | "chunk" | "concurrency"
  >
  & {
    readonly through: ReturnType<typeof disposableAt>
    readonly keyOf: (email: string) => typeof Disposable["~type.make.in"] | undefined
  }

/** From one CSV file to another, which has the same layout: the header as it is spelt, its line ends, its order. */
const tables = Effect.fn(function*({ out, users }: Options, { keyOf, ...shared }: Shared) {
  const table = yield* readTable(users)
  const cells: Array<string> = []
  const done = yield* Pipeline.run({
    ...shared,
    from: Stream.fromIterable(table.emails.map((email) => ({ email }))),
    total: table.emails.length,
    payload: ({ email }) => keyOf(email),
    output: (_, disposable) => ({ cell: String(disposable) }),
    otherwise: () => ({ cell: "" }),
    to: Sink.forEach(({ cell }: Pipeline.Fields) => Effect.sync(() => void cells.push(String(cell))))
  })
  const fs = yield* FileSystem.FileSystem
  yield* fs.writeFileString(out, yield* print(withColumn(table, "disposable", cells))).pipe(
    Effect.mapError(({ reason }) => {
      const problem = reason._tag === "NotFound" ? "its folder does not exist" : `cannot be written (${reason._tag})`
      return new InputError({ file: out, problem })
    })
  )
  return { ...done, output: out }
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
