/**
 * Which users have a disposable e-mail address? A pipeline that asks an HTTP API about each row of a CSV file, and
 * keeps the answers on disk: a second run asks for nothing, a changed file only for its new rows.
 *
 *     npm start                                       three acts on the files in this folder, by an API in this process
 *     npm start -- --keep                             the same, with the cache of the last time
 *     npm start -- --users FILE --api URL             your users, and a real API
 *     npm start -- emails.ndjson out.csv              a file of this folder or your own: .csv, .ndjson or .parquet
 *     npm start -- emails.ndjson out.csv --force --price 0.002   replaces out.csv, and says what the cache has saved
 *
 * Watch the column "API calls": 6, then 0, then 3.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect, FileSystem, Layer, Option, Path, References } from "effect"
import { CacheError, CacheLayer } from "effect-cached"
import { Argument, CliConfig, CliError, Command, Flag, GlobalFlag } from "effect/cli"
import { FetchHttpClient } from "effect/http"
import { play } from "./acts.ts"
import { startServer } from "./api.ts"
import { tableHeader, tableRow } from "./table.ts"
import { Unanswered, verify } from "./verify.ts"

const folder = import.meta.dirname

const flags = {
  input: Argument.File("input").pipe(
    Argument.withDescription("Users with a field \"email\": .csv, .ndjson or .parquet"),
    Argument.optional
  ),
  output: Argument.File("output").pipe(
    Argument.withDescription("By default emails_verified.csv beside the users"),
    Argument.optional
  ),
  price: Flag.Finite("price").pipe(
    Flag.withMetavar("AMOUNT"),
    Flag.withDescription("The price of a call: shows what the cache has saved"),
    Flag.optional
  ),
  api: Flag.String("api").pipe(
    Flag.withMetavar("URL"),
    Flag.withDescription("Asked at URL/v1/disposable/{email}; by default a stand-in"),
    Flag.mapTryCatch(parseUrl, () => "an http or https URL"),
    Flag.optional
  ),
  users: Flag.File("users").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("CSV with a column \"email\"; by default six users"),
    Flag.optional
  ),
  out: Flag.File("out").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("By default emails_verified.csv beside the users"),
    Flag.optional
  ),
  cache: Flag.Directory("cache").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription("Keeps the answers; by default in this example"),
    Flag.optional
  ),
  force: Flag.Boolean("force").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Replaces a named output that exists")
  ),
  json: Flag.Boolean("json").pipe(Flag.withDefault(false), Flag.withDescription("One run, summed up in JSON")),
  keep: Flag.Boolean("keep").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Three runs, with the answers of the last time")
  )
}

function parseUrl(text: string): URL {
  const url = new URL(text)
  if (!/^https?:$/.test(url.protocol)) throw new Error(`not http: ${text}`)
  return url
}

const emails = Command.make(
  "emails",
  flags,
  Effect.fn(function*({ keep, json, force, ...own }) {
    const single = json || Object.values(own).some((flag) => flag._tag === "Some")
    const { input, output, ...rest } = own
    const users = Option.isSome(input) ? Option.some(yield* found(input.value)) : own.users
    const out = Option.orElse(output, () => own.out)
    yield* single ? run({ ...rest, users, out, force, json }) : play({ keep })
  })
).pipe(Command.withDescription(
  "Marks users that have a disposable e-mail address: three runs on the files of this example, or with --api, --users, " +
    "--out or --cache one run on your own."
))

/** A file, or that of the example if the current folder has none of this name. */
const found = Effect.fn(function*(file: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const shipped = path.join(folder, path.basename(file))
  const isHere = path.dirname(file) === path.resolve() && (yield* fs.exists(shipped))
  return isHere && !(yield* fs.exists(file)) ? shipped : file
})

interface Own {
  readonly api: Option.Option<URL>
  readonly users: Option.Option<string>
  readonly out: Option.Option<string>
  readonly cache: Option.Option<string>
  readonly price: Option.Option<number>
  readonly force: boolean
  readonly json: boolean
}

/** One run on the user's own files, or on the example's where none are given. */
const run = Effect.fn("run")(function*({ force, json, ...own }: Own) {
  const path = yield* Path.Path
  const fs = yield* FileSystem.FileSystem
  if (!force && Option.isSome(own.out) && (yield* fs.exists(own.out.value))) {
    const userMessage = `${own.out.value} exists: add --force to replace it, or choose another name`
    return yield* new CliError.UserError({ cause: undefined, userMessage })
  }
  const users = Option.getOrElse(own.users, () => path.join(folder, "users.csv"))
  const out = Option.getOrElse(own.out, () => path.join(path.dirname(users), "emails_verified.csv"))
  const cache = Option.getOrElse(
    own.cache,
    () => path.join(folder, ".cache", Option.isSome(own.api) ? "answers" : "stand-in")
  )
  const api = Option.isSome(own.api) ? own.api.value : (yield* startServer).url

  const price = Option.getOrUndefined(own.price)
  const { done, failures, summary } = yield* verify({ api, users, out, price }).pipe(
    Effect.provide(Layer.mergeAll(CacheLayer.disk({ directory: cache }), FetchHttpClient.layer)),
    Effect.catchTag("PipelineError", (cause) => new CliError.UserError({ cause, userMessage: cause.message })),
    Effect.catchDefect((defect) =>
      defect instanceof CacheError.CacheConfigError
        ? Effect.fail(new CliError.UserError({ cause: defect, userMessage: defect.message }))
        : Effect.die(defect)
    ),
    Effect.catchTag(
      "StoreError",
      (cause) =>
        new CliError.UserError({ cause, userMessage: `The cache in ${cache} cannot be opened: ${cause.reason}` })
    )
  )
  if (json) yield* Console.log(JSON.stringify(summary))
  else {
    const name = path.basename(users)
    yield* Console.log(`${tableHeader("users")}\n${tableRow(name, summary)}\n`)
    if (summary.blank > 0) yield* Console.log(`Rows without an address: ${summary.blank}.`)
    if (done.cost !== undefined) yield* Console.log(done.text)
    else yield* Console.log(`Written to ${out}.`)
  }
  if (failures.length > 0) return yield* new Unanswered({ failures, out })
}, Effect.scoped)

emails.pipe(
  Command.run({ version: "0.1.0" }),
  Effect.provide([NodeServices.layer, CliConfig.layer({ builtIns: [GlobalFlag.Help] })]),
  // The output is for the summary.
  Effect.provideService(References.LogToStderr, true),
  NodeRuntime.runMain
)
