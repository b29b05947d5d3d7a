/**
 * Reads rows, answers them through a cached function, and writes the results.
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { resolve } from "node:path"
import { inspect } from "node:util"
import * as Cached from "../Cached.ts"
import type { StoreError } from "../CacheError.ts"
import * as CacheKey from "../CacheKey.ts"
import type { Caching } from "../Caching.ts"
import { transform } from "../internal/defaults/options.ts"
import {
  checkOptions,
  type Checks,
  isListOfText,
  mistake,
  optional,
  positiveCount,
  positiveMillis
} from "../internal/options/options.ts"
import type * as Ttl from "../Ttl.ts"
import { type Fields, formatOf } from "./format.ts"
import { positionOf, read } from "./input.ts"
import { findLeft, SeenIds } from "./left.ts"
import * as Output from "./output.ts"
import { inLine, PipelineError } from "./PipelineError.ts"
import { shareOf } from "./position.ts"
import { type Progress, progressOf, type Summary } from "./progress.ts"

export { type Fields, PipelineError, type Progress, type Summary }
export { progressText, summaryText } from "./progress.ts"

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
  /** The price of a call for one row. The summary then says how much the cache has saved. @default none */
  readonly price?: number | undefined
  /** Whether to list or remove the cached results of the key class whose rows are not in the input. @default none */
  readonly left?: "list" | "remove" | undefined
  /** How many rows a stream has, for the time left. Of a file, the size is known. @default not known */
  readonly total?: number | undefined
  /** Called with the progress. @default none */
  readonly onProgress?: ((progress: Progress) => Effect.Effect<unknown>) | undefined
  /** The shortest time between two calls of `onProgress`. @default `"200 millis"` */
  readonly every?: Ttl.Input | undefined
}

const what = "Pipeline.run"

const isFlag = (name: string) =>
  optional((given: boolean, of) => {
    if (typeof given !== "boolean") throw mistake(`${name} of ${of} must be true or false`)
  })

const isFunction = (name: string) =>
  optional((given: (...args: ReadonlyArray<any>) => unknown, of) => {
    if (typeof given !== "function") throw mistake(`${name} of ${of} must be a function`)
  })

const checks: Checks<Options<any, any, any, any, any, any>> = {
  from(given) {
    if (typeof given === "string") formatOf(given)
    else if (!Stream.isStream(given)) {
      throw mistake(`from of ${what} must be a file or a stream of rows: for a list pass Stream.fromIterable(list)`)
    }
  },
  through(given) {
    if (typeof given !== "function" || typeof given.key !== "function") {
      throw mistake(`through of ${what} must be a function that Cached.many has made`)
    }
  },
  to(given) {
    if (typeof given === "string") formatOf(given)
    else if (!Sink.isSink(given)) throw mistake(`to of ${what} must be a file or a sink`)
  },
  payload: isFunction("payload"),
  output: isFunction("output"),
  otherwise: isFunction("otherwise"),
  columns: optional((given) => {
    if (!isListOfText(given) || given.length === 0 || new Set(given).size < given.length) {
      throw mistake(`columns of ${what} must be a list of different names`)
    }
  }),
  overwrite: isFlag("overwrite"),
  failures: optional((given) => {
    if (given !== false && (typeof given !== "string" || formatOf(given) !== "ndjson")) {
      throw mistake(`failures of ${what} must be false or a file with the extension .ndjson`)
    }
  }),
  chunk: positiveCount("chunk"),
  concurrency: positiveCount("concurrency"),
  ordered: isFlag("ordered"),
  price: optional((given) => {
    if (!Number.isFinite(given) || given < 0) throw mistake(`price of ${what} must be a number of at least 0`)
  }),
  left: optional((given) => {
    if (given !== "list" && given !== "remove") throw mistake(`left of ${what} must be "list" or "remove"`)
  }),
  total: optional((given) => {
    if (!Number.isInteger(given) || given < 0) throw mistake(`total of ${what} must be a whole number of at least 0`)
  }),
  onProgress: isFunction("onProgress"),
  every: optional((given) => void positiveMillis("every", given))
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
 * - Cells of CSV are text for the schema, which converts them. NDJSON and Parquet have the schema's JSON form.
 * - A row that does not fit the schema ends the stream with a `PipelineError` that names the row.
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

interface Numbered<Row> {
  readonly row: Row
  readonly number: number
}

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
 * - `calls` counts the loads of the cache while the pipeline runs, so other users of the cache are counted too.
 *
 * **Example** (From a stream to a sink)
 *
 * ```ts
 * import { Effect, Exit, Schema, Sink, Stream } from "effect"
 * import { Cached, CacheKey, CacheLayer, Strategy } from "effect-cached"
 * import { Pipeline } from "effect-cached/pipeline"
 *
 * class City extends CacheKey.Class<City>()("City", { payload: { zip: Schema.Int }, success: Schema.String }) {}
 * const cities = Cached.many(City, {
 *   lookup: (keys) => Effect.succeed(keys.map(({ zip }) => Exit.succeed(`city of ${zip}`))),
 *   strategy: Strategy.ttl({ ttl: "30 days" })
 * })
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
  checkFailures(options as Options<any, any, any, any, any, any>)
  return Effect.scoped(start(options as Options<any, any, any, any, any, any>)) as never
}

const fieldsOf = (row: Fields, value: unknown): Fields =>
  Predicate.isObject(value) ? { ...row, ...value } : { ...row, value }

const failuresOf = ({ failures, to }: Pick<Options<any, any, any, any, any, any>, "failures" | "to">) =>
  failures ?? (typeof to === "string" ? to.replace(/\.[^.]*$/, ".failures.ndjson") : false)

/** The file of failures is replaced or removed at the end, so it must not be one that the pipeline reads or writes. */
const checkFailures = (options: Options<any, any, any, any, any, any>): void => {
  const { from, to } = options
  const failures = failuresOf(options)
  if (failures === false) return
  for (const file of [typeof from === "string" ? from : positionOf(from)?.file, to]) {
    if (typeof file === "string" && resolve(file) === resolve(failures)) {
      throw mistake(`failures of ${what} must be another file than from and to, not "${failures}"`)
    }
  }
}

const start = Effect.fnUntraced(function*(
  options: Options<any, any, any, any, any, any>
): Effect.fn.Return<Summary, unknown, Caching | Scope.Scope> {
  const { chunk = transform.chunk, concurrency = transform.concurrency } = options
  const { from, left, ordered, otherwise, output = fieldsOf, overwrite = false, price, to } = options
  const every = options.every === undefined ? 200 : positiveMillis("every", options.every)
  const failures = failuresOf(options)
  if (typeof to === "string") yield* Output.refuseExisting(to, overwrite)
  if (failures !== false) yield* Output.refuseExisting(failures, true)

  const target = typeof to === "string" ? yield* Output.draft(to) : undefined
  const scope = yield* Scope.Scope
  const rows: Stream.Stream<any, unknown, any> = typeof from === "string" ? read(from, undefined) : from
  const seen = left === undefined ? undefined : new SeenIds()
  const before = yield* Cached.stats
  const startedAt = yield* Clock.currentTimeMillis
  const reading = { rows: 0 }
  const counts = { rows: 0, succeeded: 0, failed: 0, skipped: 0 }

  const now = Effect.gen(function*() {
    const stats = yield* Cached.stats
    const position = positionOf(rows)
    return progressOf({
      ...counts,
      calls: stats.loads - before.loads,
      failedCalls: stats.loadFailures - before.loadFailures,
      millis: (yield* Clock.currentTimeMillis) - startedAt,
      share: position !== undefined
        ? shareOf(position, { answered: counts.rows, read: reading.rows })
        : options.total === undefined || options.total === 0
        ? undefined
        : Math.min(1, counts.rows / options.total)
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

  let failed: Output.Draft | undefined
  const writeFailures = Effect.fnUntraced(function*(lines: ReadonlyArray<string>) {
    if (failures === false || lines.length === 0) return
    failed ??= yield* Scope.provide(Output.draft(failures), scope)
    yield* Output.append(failed, lines)
  })

  const results = Cached.transform(numbered(rows, reading), answering(options, seen), { chunk, concurrency, ordered })
    .pipe(
      Stream.mapArrayEffect((some) =>
        Effect.gen(function*() {
          const lines: Array<string> = []
          const found: Array<Fields> = []
          for (const [{ number, row }, exit] of some) {
            counts.rows++
            if (Exit.isSuccess(exit) && exit.value !== skipped) {
              counts.succeeded++
              found.push(output(row, exit.value))
              continue
            }
            if (Exit.isFailure(exit)) {
              counts.failed++
              lines.push(lineOf({ row: number, error: textOf(exit.cause), input: row }))
            } else counts.skipped++
            const instead = otherwise?.(row)
            if (instead !== undefined) found.push(instead)
          }
          yield* writeFailures(lines)
          if (tell !== undefined) yield* tell
          return found as [Fields, ...Array<Fields>]
        })
      )
    )

  if (target === undefined) yield* Stream.run(results, to as Sink.Sink<unknown, Fields, unknown, unknown>)
  else yield* Output.write(results, target, options.columns)
  const gone = seen && (yield* findLeft(seen, left === "remove"))
  if (failures !== false) yield* failed === undefined ? Output.remove(failures) : Output.publish(failed)
  if (target !== undefined) yield* Output.publish(target)
  if (options.onProgress !== undefined) yield* Effect.flatMap(now, options.onProgress)

  const { millisLeft: _, share: __, ...progress } = yield* now
  return {
    ...progress,
    output: target?.file,
    failures: failed?.file,
    calledAgain: target?.wasKilled === true ? Math.min(counts.rows, progress.calls, chunk * concurrency) : undefined,
    cost: price === undefined ? undefined : { spent: progress.calls * price, saved: progress.saved * price },
    left: gone
  }
})

const numbered = <Row, E, R>(
  rows: Stream.Stream<Row, E, R>,
  reading: { rows: number }
): Stream.Stream<Numbered<Row>, E, R> => Stream.map(rows, (row) => ({ row, number: ++reading.rows }))

/** Makes no call for a row without a valid payload, nor for an id that has failed before. */
const answering = (
  { payload, through }: Options<any, any, any, any, any, any>,
  seen: SeenIds | undefined
) => {
  const failed = new Map<string, Exit.Exit<unknown, unknown>>()
  return (part: ReadonlyArray<Numbered<object>>) =>
    Effect.suspend(() => {
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const asked: Array<number> = []
      const keys: Array<CacheKey.Any> = []
      part.forEach(({ row }, i) => {
        try {
          const given = payload === undefined ? row : payload(row)
          if (given === undefined) {
            exits[i] = Exit.succeed(skipped)
            return
          }
          const key: CacheKey.Any = through.key(given)
          // The id throws for a payload that does not fit.
          const before = failed.get(CacheKey.id(key))
          seen?.add(key)
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
          exits[asked[k]!] = exit
          if (Exit.isFailure(exit) && failed.size < rememberedFailures) failed.set(CacheKey.id(keys[k]!), exit)
        })
        return exits
      })
    })
}

const textOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  if (typeof error === "string") return inLine(error)
  try {
    const { _tag: tag, message } = (Predicate.isObject(error) ? error : {}) as { _tag?: unknown; message?: unknown }
    return inLine([tag, message].filter((part) => typeof part === "string" && part !== "").join(": ") || String(error))
  } catch {
    return "an error without a text"
  }
}

const lineOf = (failure: { readonly row: number; readonly error: string; readonly input: unknown }): string => {
  const write = (given: typeof failure) =>
    `${JSON.stringify(given, (_, value) => typeof value === "bigint" ? String(value) : value)}\n`
  try {
    return write(failure)
  } catch {
    // A row of a stream may have no JSON form, such as a circular one.
    return write({ ...failure, input: inspect(failure.input) })
  }
}
