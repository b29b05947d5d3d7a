/**
 * Reads a stream of payloads through a function made by `Cached.many`.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as Defaults from "../internal/defaults/options.ts"
import { problemOf } from "../internal/options/exits.ts"
import { insteadOfEffect } from "../internal/options/given.ts"
import { checkOptions, type Checks, isFlag, mistake, positiveCount } from "../internal/options/options.ts"

/**
 * Options for `Cached.transform`.
 * @category options
 * @since 0.1.0
 */
interface TransformOptions {
  /** How many payloads the function gets in one call. @default 1000 */
  readonly chunk?: number | undefined
  /** How many calls run at once. @default 4 */
  readonly concurrency?: number | undefined
  /** `true`: emits results in the order of their payloads. `false`: emits each when its call ends. @default `true` */
  readonly ordered?: boolean | undefined
}

/**
 * Reads the payloads of a stream through a function made by `Cached.many`, and streams each payload with its result.
 * Memory is bounded by `chunk` and `concurrency`, so the input may be larger than memory.
 *
 * **When to use**
 *
 * Use for the rows of a file or a table, if a list of all payloads or of all results would be too large.
 *
 * **Details**
 *
 * - If the stream of payloads fails, or a call fails as a whole, the returned stream fails. Results that are already
 *   stored stay cached, so a second run continues where the first one ended.
 * - A payload whose load failed is paired with a failed `Exit`, and the stream continues.
 *
 * **Example** (Enriching a stream of rows)
 *
 * ```ts
 * import { Effect, Exit, Schema, Stream } from "effect"
 * import { Cached, CacheKey, CacheLayer } from "effect-cached"
 *
 * class City extends CacheKey.Class<City>()("City", { payload: { zip: Schema.String }, success: Schema.String }) {}
 * const load = (keys: ReadonlyArray<City>) => Effect.succeed(keys.map(({ zip }) => Exit.succeed(`city of ${zip}`)))
 * const cities = Cached.many(City, load, { ttl: "30 days" })
 * const rows = Stream.make({ zip: "1010" }, { zip: "8000" })
 * const enriched = Cached.transform(rows, cities, { chunk: 500 })
 * const all = await Effect.runPromise(Stream.runCollect(enriched).pipe(Effect.provide(CacheLayer.memory())))
 * all[1] // => [{ zip: "8000" }, Exit.succeed("city of 8000")]
 * ```
 *
 * @see `Cached.many` for the function
 * @see `Cached.warm` for filling a cache without using the results
 * @category caching
 * @since 0.1.0
 */
export const transform = <In, A, E, E2, R, E3, R2>(
  payloads: Stream.Stream<In, E3, R2>,
  self: (payloads: ReadonlyArray<In>) => Effect.Effect<ReadonlyArray<Exit.Exit<A, E>>, E2, R>,
  options: TransformOptions = {}
): Stream.Stream<readonly [payload: In, result: Exit.Exit<A, E>], E2 | E3, R | R2> => {
  if (!Stream.isStream(payloads as unknown)) {
    throw mistake("Cached.transform needs a stream of payloads: for a list pass Stream.fromIterable(list)")
  }
  if (typeof self !== "function") {
    throw mistake(`Cached.transform needs a function of many, not a value of type ${typeof self}: see Cached.many`)
  }
  checkOptions("Cached.transform", options, transformOptions)
  const { chunk = Defaults.transform.chunk, concurrency = Defaults.transform.concurrency, ordered = true } = options
  const read = (part: ReadonlyArray<In>) =>
    Effect.map(
      Effect.suspend(() => {
        const exits = self(part)
        if (Effect.isEffect(exits)) return exits
        throw mistake(`The function of Cached.transform must return an effect, not ${insteadOfEffect(exits)}`)
      }),
      (exits) => {
        const problem = problemOf(exits, part.length, results)
        if (problem !== undefined) throw mistake(`The function of Cached.transform ${problem}`)
        return part.map((payload, i) => [payload, exits[i]!] as const)
      }
    )
  return Stream.grouped(payloads, chunk).pipe(
    Stream.mapEffect(read, { concurrency, unordered: !ordered }),
    Stream.flattenIterable
  )
}

const results = { item: "payload", list: "a list", advice: "return one Exit for each payload, in their order" }

const transformOptions: Checks<TransformOptions> = {
  chunk: positiveCount("chunk"),
  concurrency: positiveCount("concurrency"),
  ordered: isFlag("ordered")
}
