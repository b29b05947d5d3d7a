/**
 * Reads rows, answers them through a cached function, and writes the results.
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { resolve } from "node:path"
import * as Cached from "../Cached.ts"
import type { StoreError } from "../CacheError.ts"
import * as CacheKey from "../CacheKey.ts"
import * as CachePolicy from "../CachePolicy.ts"
import type { Caching } from "../Caching.ts"
import { transform } from "../internal/defaults/options.ts"
import {
  checkOptions,
  type Checks,
  isFlag,
  isListOfText,
  mistake,
  optional,
  positiveCount,
  positiveMillis,
  refuseUnless
} from "../internal/options/options.ts"
import type * as Ttl from "../Ttl.ts"
import * as Drafts from "./drafts.ts"
import { type Counts, failing, textOf } from "./failures.ts"
import { type Fields, formatOf } from "./format.ts"
import { type Read, read, type Source, sourceOf } from "./input.ts"
import { findLeft, SeenIds } from "./left.ts"
import * as Output from "./output.ts"
import type { PipelineError } from "./PipelineError.ts"
import { shareOf } from "./position.ts"
import { type Progress, progressOf, type Summary, summaryOf } from "./progress.ts"
import * as Results from "./results.ts"

export type { Fields } from "./format.ts"
export { PipelineError } from "./PipelineError.ts"
export type { Progress, Summary } from "./progress.ts"

/**
 * The options of `run`.
 * @category options
 * @since 0.1.0
 */
export interface Options<
  Row extends object,
  K extends CacheKey.Any,
  In,
  E,
  E2,
  R,
  E3 = never,
  R3 = never,
  E4 = never,
  R4 = never
> {
  /** The rows: a `.csv`, `.ndjson` or `.parquet` file, `Pipeline.file` for one with a schema, or any stream. */
  readonly from: string | Stream.Stream<Row, E3, R3>
  /** A function that `Cached.many` has made. */
  readonly through: Cached.CachedMany<K, In, E, E2, R>
  /** The place of the results: a `.csv`, `.ndjson` or `.parquet` file, or any sink. */
  readonly to: string | Sink.Sink<unknown, Fields, unknown, E4, R4>
  /** The payload of a row. For `undefined` there is no call. @default the row itself */
  readonly payload?: ((row: Row) => In | undefined) | undefined
  /** The result of a row. @default the fields of the row and of the value, or a value without fields as `value` */
  readonly output?: ((row: Row, value: CacheKey.Success<K>) => Fields) | undefined
  /** The result of a row that has failed, or has no payload. @default none: such a row is left out */
  readonly otherwise?: ((row: Row) => Fields | undefined) | undefined
  /** The columns of a CSV or Parquet file, in their order. @default those of the first result */
  readonly columns?: ReadonlyArray<string> | undefined
  /** Whether a file of results is replaced. @default `false`: the pipeline fails */
  readonly overwrite?: boolean | undefined
  /** The `.ndjson` file of the rows that failed, or `false`. @default beside the results, `out.failures.ndjson` */
  readonly failures?: string | false | undefined
  /** How many rows the function gets in one call. Their results are stored when the call ends. @default 1000 */
  readonly chunk?: number | undefined
  /** How many calls run at once. @default 4 */
  readonly concurrency?: number | undefined
  /** `true`: the results have the order of the rows. `false`: they are written when their call ends. @default `true` */
  readonly ordered?: boolean | undefined
  /** How long to wait for a store that fails, before results are not stored. @default `"5 minutes"` */
  readonly patience?: Ttl.Input | undefined
  /** The price of a call for one row. The summary then says how much the cache has saved. @default none */
  readonly price?: number | undefined
  /**
   * Treats the cached results of the key class whose rows are not in the input: `"list"` lists them, `"remove"` removes
   * them. @default none
   */
  readonly left?: "list" | "remove" | undefined
  /** How many rows a stream has, for the time left. Of a file, the size is known. @default not known */
  readonly total?: number | undefined
  /** The effect to run with the progress. @default none */
  readonly onProgress?: ((progress: Progress) => Effect.Effect<unknown>) | undefined
  /** The shortest time between two calls of `onProgress`. @default `"200 millis"` */
  readonly every?: Ttl.Input | undefined
}

const what = "Pipeline.run"

type AnyOptions = Options<any, any, any, any, any, any>

const isFunction = (name: string) =>
  optional((given: (...args: ReadonlyArray<any>) => unknown, of) =>
    refuseUnless(typeof given === "function", `${name} of ${of} must be a function`)
  )

const checks: Checks<AnyOptions> = {
  from(given) {
    if (typeof given === "string") return void formatOf(given)
    refuseUnless(
      Stream.isStream(given),
      `from of ${what} must be a file or a stream of rows: for a list pass Stream.fromIterable(list)`
    )
  },
  through: (given) =>
    refuseUnless(
      typeof given === "function" && typeof given.key === "function",
      `through of ${what} must be a function that Cached.many has made`
    ),
  to(given) {
    if (typeof given === "string") return void formatOf(given)
    refuseUnless(Sink.isSink(given), `to of ${what} must be a file or a sink`)
  },
  payload: isFunction("payload"),
  output: isFunction("output"),
  otherwise: isFunction("otherwise"),
  columns: optional((given) =>
    refuseUnless(
      isListOfText(given) && given.length > 0 && new Set(given).size === given.length,
      `columns of ${what} must be a list of different names`
    )
  ),
  overwrite: isFlag("overwrite"),
  failures: optional((given) =>
    refuseUnless(
      given === false || typeof given === "string" && formatOf(given) === "ndjson",
      `failures of ${what} must be false or a file with the extension .ndjson`
    )
  ),
  chunk: positiveCount("chunk"),
  concurrency: positiveCount("concurrency"),
  ordered: isFlag("ordered"),
  patience: optional((given) => void positiveMillis(`patience of ${what}`, given)),
  price: optional((given) =>
    refuseUnless(Number.isFinite(given) && given >= 0, `price of ${what} must be a number of at least 0`)
  ),
  left: optional((given) =>
    refuseUnless(given === "list" || given === "remove", `left of ${what} must be "list" or "remove"`)
  ),
  total: optional((given) =>
    refuseUnless(Number.isInteger(given) && given >= 0, `total of ${what} must be a whole number of at least 0`)
  ),
  onProgress: isFunction("onProgress"),
  every: optional((given) => void positiveMillis(`every of ${what}`, given))
}

/**
 * The rows of a file, decoded by a schema.
 *
 * **When to use**
 *
 * Use instead of the name of a file if its fields are other than text: numbers, dates, checked values.
 *
 * **Details**
 *
 * - `run` writes values by the schema of its function in such a way that this reads them with the same schema.
 * - A row that does not fit the schema ends the stream with a `PipelineError` that names the row. In `run`, only that
 *   row fails.
 *
 * **Example** (A file with numbers)
 *
 * ```ts
 * import { Schema, Stream } from "effect"
 * import { Pipeline } from "effect-cached/pipeline"
 * Stream.isStream(Pipeline.file("cities.csv", Schema.Struct({ zip: Schema.FiniteFromString }))) // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const file = <A>(path: string, schema: Schema.Codec<A, any>): Stream.Stream<A, PipelineError> =>
  read(path, schema)

/** Stands in for the value of a row without a payload. */
const skipped = Symbol()

/** How many ids that have failed are remembered, so that a later row does not ask for them again. */
const rememberedFailures = 10_000

interface Numbered extends Read {
  readonly number: number
  /** The id of its key, if the function was asked for it. */
  id: string | undefined
}

const fiveMinutes = 300_000

/**
 * Runs rows through a cached function of many, in bounded memory.
 *
 * **When to use**
 *
 * Use for a job over a file or a table whose source is slow or paid: a second run calls it only for new rows.
 *
 * **Details**
 *
 * - A file of results appears when it is whole. If the process is killed, the next run continues: it reads the stored
 *   results from the cache, and calls the source only for the rest and for the chunks that were in flight.
 * - A row that fails goes to the file of failures, and is not cached unless the strategy says so. If a call fails as a
 *   whole, or a file cannot be read, the pipeline fails.
 * - If the store fails, the pipeline waits for it (`patience`), and makes no new calls meanwhile.
 *
 * **Example** (From a stream to a sink)
 *
 * ```ts
 * import { Effect, Exit, Schema, Sink, Stream } from "effect"
 * import { Cached, CacheKey, CacheLayer } from "effect-cached"
 * import { Pipeline } from "effect-cached/pipeline"
 *
 * class City extends CacheKey.Class<City>()("City", { payload: { zip: Schema.Int }, success: Schema.String }) {}
 * const load = (keys: ReadonlyArray<City>) => Effect.succeed(keys.map(({ zip }) => Exit.succeed(`city of ${zip}`)))
 * const cities = Cached.many(City, load, { ttl: "30 days" })
 * const rows: Array<Pipeline.Fields> = []
 * const program = Pipeline.run({
 *   from: Stream.make({ zip: 1010 }, { zip: 8000 }, { zip: 1010 }),
 *   through: cities,
 *   to: Sink.forEach((row) => Effect.sync(() => void rows.push(row)))
 * })
 * const { calls, saved } = await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory())))
 * rows[1] // => { zip: 8000, value: "city of 8000" }
 * calls // => 2
 * saved // => 1
 * ```
 *
 * @see `Cached.transform` for a stream of results without files and numbers
 * @category running
 * @since 0.1.0
 */
export const run = <
  Row extends object = Fields,
  K extends CacheKey.Any = CacheKey.Any,
  In = never,
  E = never,
  E2 = never,
  R = never,
  E3 = never,
  R3 = never,
  E4 = never,
  R4 = never
>(
  options: Options<Row, K, In, E, E2, R, E3, R3, E4, R4>
): Effect.Effect<Summary, PipelineError | StoreError | E2 | E3 | E4, Caching | R | R3 | R4> => {
  checkOptions(what, options, checks as never)
  checkFailures(options as AnyOptions)
  return Effect.scoped(start(options as AnyOptions)) as never
}

const failuresOf = ({ failures, to }: AnyOptions) =>
  failures ?? (typeof to === "string" ? to.replace(/\.[^.]*$/, ".failures.ndjson") : false)

/** The file of failures is replaced or removed at the end, so it must not be one that the pipeline reads or writes. */
const checkFailures = (options: AnyOptions): void => {
  const { from, to } = options
  const failures = failuresOf(options)
  if (failures === false) return
  for (const file of [typeof from === "string" ? from : sourceOf(from)?.position.file, to]) {
    if (typeof file === "string" && resolve(file) === resolve(failures)) {
      throw mistake(`failures of ${what} must be another file than from and to, not "${failures}"`)
    }
  }
}

const start = Effect.fnUntraced(function*(
  options: AnyOptions
): Effect.fn.Return<Summary, unknown, Caching | Scope.Scope> {
  const { chunk = transform.chunk, concurrency = transform.concurrency } = options
  const { columns, from, left, ordered, otherwise, output, overwrite = false, patience, price, to } = options
  const every = options.every === undefined ? 200 : positiveMillis("every", options.every)
  const failures = failuresOf(options)
  if (typeof to === "string") yield* Drafts.refuseExisting(to, overwrite)
  if (failures !== false) yield* Drafts.refuseExisting(failures, true)

  const target = typeof to === "string" ? yield* Drafts.draft(to) : undefined
  const scope = yield* Scope.Scope
  const job = CachePolicy.makeJob(patience === undefined ? fiveMinutes : positiveMillis("patience", patience))
  // Steps that then still wait for the store try once more.
  yield* Scope.addFinalizer(scope, Effect.sync(() => void (job.isOut = true)))
  const rows: Stream.Stream<any, unknown, any> = typeof from === "string" ? read(from, undefined) : from
  const source = sourceOf(rows)
  const seen = left === undefined ? undefined : new SeenIds()
  const startedAt = yield* Clock.currentTimeMillis
  const reading = { rows: 0 }
  const counts: Counts = { rows: 0, saved: 0, failed: 0, skipped: 0 }
  const failed = failing(failures, counts, scope, target?.file)
  let success: Schema.Constraint | undefined
  const format = target && formatOf(target.file)
  const { cellsOf, columnOf, names, own } = Results.make({ format, output, source, success: () => success })
  const columnsOf = format && Output.columnsIn(format, columns, names)

  const now = Effect.gen(function*() {
    return progressOf({
      ...counts,
      calls: job.calls,
      unsaved: job.unsaved,
      millis: (yield* Clock.currentTimeMillis) - startedAt,
      share: shareOf(source?.position ?? { done: 0, inRows: true, total: options.total ?? 0 }, {
        answered: counts.rows,
        read: reading.rows
      })
    })
  })

  let toldAt = startedAt
  const tell = options.onProgress && Effect.suspend(() =>
    Effect.flatMap(Clock.currentTimeMillis, (millis) => {
      if (millis - toldAt < every) return Effect.void
      toldAt = millis
      return Effect.flatMap(now, options.onProgress!)
    })
  )

  /** Counts answered rows, and makes their results. A row whose result cannot be written fails alone. */
  const finish = Effect.fnUntraced(function*(some: ReadonlyArray<readonly [Numbered, Exit.Exit<unknown, unknown>]>) {
    const found: Array<Output.Result> = []
    for (const [one, exit] of some) {
      counts.rows++
      if (one.problem !== undefined) {
        yield* failed.unfit(one, one.problem, source!.position.file)
        continue
      }
      const isLoaded = one.id !== undefined && job.loaded.delete(one.id)
      const isFound = Exit.isSuccess(exit) && exit.value !== skipped
      if (isFound && !isLoaded) counts.saved++
      if (Exit.isFailure(exit)) yield* failed.fail(one, textOf(Cause.squash(exit.cause)))
      else if (!isFound) counts.skipped++
      const made = isFound ? cellsOf(one, exit.value) : own(() => otherwise?.(one.row))
      yield* Effect.matchEffect(Effect.tap(made, (cells) => Results.fitting(() => cells && columnsOf?.(cells))), {
        onFailure: (problem) => failed.unfit(one, problem),
        onSuccess: (cells) => Effect.sync(() => cells && found.push({ number: one.number, row: one.row, cells }))
      })
    }
    return found as [Output.Result, ...Array<Output.Result>]
  })

  const answer = answering(options, {
    seen,
    meet: (key) => {
      success ??= (key.constructor as CacheKey.AnyClass).success
    }
  })
  const inJob = (part: ReadonlyArray<Numbered>) => CachePolicy.inJob(answer(part), job)
  const finished = Cached.transform(numbered(source, rows, reading), inJob, { chunk, concurrency, ordered }).pipe(
    Stream.mapArrayEffect((some) => Effect.tap(finish(some), tell ?? Effect.void))
  )
  if (target === undefined) {
    const fields = Stream.map(finished, ({ cells }) => cells)
    yield* Stream.run(fields, to as Sink.Sink<unknown, Fields, unknown, unknown>)
  } else {
    yield* Output.write(finished, target, { columnsOf: columnsOf!, given: columns, columnOf, fail: failed.unfit })
  }
  // They are calls of this run, and their results are stored before it ends.
  while (job.refreshes > 0) yield* Effect.sleep(20)
  const gone = seen && (yield* findLeft(seen, left === "remove"))
  const failedTo = failed.draft()
  if (failures !== false) yield* failedTo === undefined ? Drafts.remove(failures) : Drafts.publish(failedTo)
  if (target !== undefined) yield* Drafts.publish(target)
  if (options.onProgress !== undefined) yield* Effect.flatMap(now, options.onProgress)

  const { millisLeft: _, share: __, ...progress } = yield* now
  return summaryOf({
    ...progress,
    output: target?.file,
    failures: failedTo?.file,
    calledAgain: target?.wasKilled === true ? Math.min(counts.rows, progress.calls, chunk * concurrency) : undefined,
    cost: price === undefined ? undefined : { spent: progress.calls * price, saved: progress.saved * price },
    left: gone
  })
})

const numbered = (
  source: Source | undefined,
  rows: Stream.Stream<unknown, unknown, any>,
  reading: { rows: number }
): Stream.Stream<Numbered, unknown, any> =>
  source === undefined
    ? Stream.map(rows, (row) => ({ row, raw: undefined, number: ++reading.rows, id: undefined }))
    : Stream.map(source.rows, (read) => ({ ...read, number: ++reading.rows, id: undefined }))

/** Makes no call for a row without a valid payload, nor for an id that has failed before. */
const answering = (
  { payload, through }: AnyOptions,
  { meet, seen }: { readonly seen: SeenIds | undefined; readonly meet: (key: CacheKey.Any) => void }
) => {
  const failed = new Map<string, Exit.Exit<unknown, unknown>>()
  return (part: ReadonlyArray<Numbered>) =>
    Effect.suspend(() => {
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const asked: Array<number> = []
      const keys: Array<CacheKey.Any> = []
      part.forEach(({ problem, row }, i) => {
        try {
          const given = problem !== undefined ? undefined : payload === undefined ? row : payload(row)
          if (given === undefined) return void (exits[i] = Exit.succeed(skipped))
          const key: CacheKey.Any = through.key(given)
          // The id throws for a payload that does not fit.
          const before = failed.get(CacheKey.id(key))
          seen?.add(key)
          meet(key)
          if (before !== undefined) exits[i] = before
          else {
            asked.push(i)
            keys.push(key)
          }
        } catch (thrown) {
          exits[i] = Exit.die(thrown)
        }
      })
      if (keys.length === 0) return Effect.succeed(exits)
      return Effect.map(through(keys), (answers) => {
        answers.forEach((exit, k) => {
          const [id, i] = [CacheKey.id(keys[k]!), asked[k]!]
          exits[i] = exit
          part[i]!.id = id
          if (Exit.isFailure(exit) && failed.size < rememberedFailures) failed.set(id, exit)
        })
        return exits
      })
    })
}
