/**
 * Explanations: why an entry is fresh, stale or gone, and what the next read will do.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { requestIn } from "../cached/combine.ts"
import { type AnyKey, type CodecsOf, withCaching } from "../cached/withCaching.ts"
import { Caching } from "../Caching.ts"
import { history as defaults } from "../internal/defaults/options.ts"
import { type Cache, cacheOf, type Operation } from "../internal/engine/boundCache.ts"
import { isKey } from "../internal/key/isKey.ts"
import { kindOf } from "../internal/options/given.ts"
import { checkOptions, type Checks, mistake, optional, refuseUnless } from "../internal/options/options.ts"
import * as Collect from "./collect.ts"
import type { Explanation } from "./facts.ts"
import * as History from "./history.ts"
import * as Render from "./render.ts"

export type { Answer, Explanation, Fact } from "./facts.ts"

/**
 * Options for {@link layer}.
 * @category options
 * @since 0.1.0
 */
interface Options {
  /**
   * How many ids without an entry the history remembers, in 32 bytes each. With 0, there is no history.
   * @default 1024
   */
  readonly history?: number | undefined
}

const checks: Checks<Options> = {
  history: optional((slots, of) => {
    if (Number.isInteger(slots) && slots >= 0 && slots <= mostSlots) return
    throw mistake(`history of ${of} must be a whole number from 0 to ${mostSlots}, not ${slots}`)
  })
}

const mostSlots = 2 ** 24

/**
 * Adds a history to a cache: why, when and by whom ids lost their entries. {@link of} then also explains what is gone.
 *
 * **When to use**
 *
 * Use in production too: only removals, loads and invalidations are noted, and a hit costs nothing more.
 *
 * **Details**
 *
 * - The history keeps hashes of ids, and the names of the last 256 invalidated tags, but no value.
 * - If it is full, the oldest of a few slots is overwritten. Its id is then "no longer known".
 *
 * **Example** (Asking why an entry is gone)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { Explanation } from "effect-cached/explain"
 *
 * const cache = Explanation.layer(CacheLayer.memory({ capacity: 1 }))
 * const program = Effect.gen(function*() {
 *   yield* Cached.set("a", 1)
 *   yield* Cached.set("b", 2)
 *   const { facts, status } = yield* Explanation.of("a")
 *   return [status, ...facts.map((fact) => fact._tag === "Past" ? fact.cause : "")]
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => ["gone", "evicted"]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <Out, E, R>(
  cache: Layer.Layer<Out | Caching, E, R>,
  options: Options = {}
): Layer.Layer<Out | Caching, E, R> => {
  refuseUnless(Layer.isLayer(cache), "Explanation.layer needs the layer of a cache first, like CacheLayer.memory()")
  checkOptions("Explanation.layer", options, checks)
  const { history: slots = defaults.slots } = options
  if (slots === 0) return cache
  return Layer.tap(cache, (context) => keep(context as Context.Context<Caching>, slots)) as Layer.Layer<
    Out | Caching,
    E,
    R
  >
}

const keep = (context: Context.Context<Caching>, slots: number): Effect.Effect<unknown, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => cacheOf(Context.get(context, Caching)).perform(attach, slots)),
    (detach) => Effect.sync(detach)
  )

const attach: Operation<[slots: number], () => void> = {
  over: (engine, slots) => {
    if (engine.history !== undefined) {
      throw mistake("This cache has a history already: use one Explanation.layer around it")
    }
    engine.history = History.make(engine, slots)
    return () => {
      engine.history = undefined
    }
  },
  without: () => () => {},
  joined: (all: ReadonlyArray<() => void>) => () => all.forEach((detach) => detach())
}

/**
 * Explains a key or a cached effect: whether it is fresh, stale, gone or was never seen, the facts that decide, and how
 * the next read is answered. Nothing is loaded, counted as a read, or put in memory.
 *
 * **When to use**
 *
 * Use to find out why an entry is loaded again, or why a value is old. For the read that is just happening, use
 * `Cached.detect`.
 *
 * **Details**
 *
 * - Pass the cached effect itself, such as `getUser({ id })` of a cached function, so that its strategy is known. With
 *   a key alone, the answer after the soft deadline is that the strategy decides.
 * - The store is asked within `storeTimeout`. If it does not answer, that is one of the facts.
 * - Without {@link layer}, an id without an entry is `notKnown`: there is no history.
 *
 * **Example** (A stale value)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { TestClock } from "effect/testing"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { Explanation } from "effect-cached/explain"
 *
 * const price = Effect.succeed(12).pipe(Cached.refreshAhead("price", { ttl: "1 hour", refreshAfter: "1 minute" }))
 * const program = Effect.gen(function*() {
 *   yield* price
 *   yield* TestClock.adjust("2 minutes")
 *   const { next, status } = yield* Explanation.of(price)
 *   return [status, ...next.map(({ refresh, source }) => [source, refresh])]
 * })
 * const answers = await Effect.runPromise(program.pipe(Effect.provide([CacheLayer.memory(), TestClock.layer()])))
 * answers // => ["stale", ["stale", true], ["load", false]]
 * ```
 *
 * **Example** (Printing an explanation)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { TestClock } from "effect/testing"
 * import { CacheLayer } from "effect-cached"
 * import { Explanation } from "effect-cached/explain"
 *
 * const cache = Explanation.layer(CacheLayer.memory())
 * const { text } = await Effect.runPromise(Explanation.of("user:1").pipe(Effect.provide([cache, TestClock.layer()])))
 * text.split("\n")[0] // => "user:1 is new to this process, 1970-01-01 00:00:00 UTC"
 * ```
 *
 * @see {@link layer} for what is gone
 * @category accessors
 * @since 0.1.0
 */
export const of: {
  <K extends AnyKey>(key: K): Effect.Effect<Explanation, never, CodecsOf<K> | Caching>
  <A, E, R>(read: Effect.Effect<A, E, R>): Effect.Effect<Explanation, never, R | Caching>
} = (subject: unknown): Effect.Effect<Explanation, never, any> =>
  withCaching((caching) =>
    Effect.map(
      caching.perform(Collect.explain, subjectOf(caching, subject)),
      (explained) => ({ ...explained, text: Render.render(explained) })
    )
  )

const subjectOf = (caching: Cache, subject: unknown): Collect.Subject => {
  if (typeof subject === "string" || isKey(subject)) return { key: subject as never, request: undefined }
  const request = requestIn(caching, subject)
  if (request !== undefined) return { key: request.key, request }
  throw mistake(
    `Explanation.of cannot explain ${kindOf(subject)}: pass a key, or a cached effect as its combinator or cached ` +
      "function returns it, before Effect.map and the like; call a cached function first"
  )
}
