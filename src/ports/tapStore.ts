/**
 * Wraps the store of a cache: adds a prefix, size limits, and an effect around each operation.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { StoreError } from "../CacheError.ts"
import { checkOptions, type Checks, mistake, optional } from "../internal/options/options.ts"
import { bytesIn, type SizeInput } from "../internal/options/size.ts"
import { sized } from "../internal/store/sized.ts"
import { type OperationName, type Tap, tapped } from "../internal/store/tapped.ts"
import { Store } from "./store.ts"

/**
 * A call of one store operation.
 * @category models
 * @since 0.1.0
 */
export interface StoreCall {
  readonly operation: OperationName
  /** Ids, tags or a counter name. Empty for `scan`, `scanCounters`, `size`, `clear`, `transact`. */
  readonly ids: ReadonlyArray<string>
  readonly store: string
}

/**
 * Options for `Store.tap`.
 * @category options
 * @since 0.1.0
 */
interface TapOptions<R> {
  /**
   * Wraps every operation, to log, time, count, repeat or refuse it. If set, even a synchronous store is called through
   * effects. Each page of a `scan` is one call. Receiving other processes' changes is not a call.
   */
  readonly around?:
    | (<A>(call: StoreCall, effect: Effect.Effect<A, StoreError>) => Effect.Effect<A, StoreError, R>)
    | undefined
  /** The largest payload that is written to the store. @default unlimited */
  readonly maxSize?: SizeInput | undefined
  /** The smallest payload that is written to the store. @default 0 */
  readonly minSize?: SizeInput | undefined
}

/**
 * Wraps the store of a cache: runs an effect around each operation, and skips writes of payloads that are too large or
 * too small.
 *
 * **When to use**
 *
 * Use the size limits to keep some payloads in memory only, and `around` to watch a store or to make it fail in a test.
 *
 * **Details**
 *
 * - A payload that is too large or too small is kept only in memory. Even under `CachePolicy.strict`, this is not a
 *   failure. `Cached.set` of such a value removes the stored entry; with a condition, it fails with reason `TooLarge`.
 * - The services that `around` needs are captured when the layer is built. The caller's services take precedence.
 *
 * **Example** (Recording the calls of a store)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { Store } from "effect-cached/adapters"
 * import { MemoryStore } from "effect-cached/memory"
 *
 * const calls: Array<string> = []
 * const store = MemoryStore.layer.pipe(Store.tap({
 *   maxSize: "1 MB",
 *   around: ({ operation, ids }, effect) => Effect.tap(effect, () => Effect.sync(() => calls.push(`${operation} ${ids}`)))
 * }))
 * const program = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.layer().pipe(Layer.provide(store)))))
 * calls[0] // => "get answer"
 * calls.at(-1) // => "commit answer"
 * ```
 *
 * @see `Store.timings` for an `around` that measures
 * @category layers
 * @since 0.1.0
 */
export const tap = <R = never>(
  options: TapOptions<R>
): <E, RLayer>(layer: Layer.Layer<Store, E, RLayer>) => Layer.Layer<Store, E, R | RLayer> => {
  const wrap = check(options)
  return (layer) =>
    Layer.provide(
      Layer.effect(
        Store,
        Effect.contextWith((context: Context.Context<R | Store>) =>
          Effect.succeed(wrap(Context.get(context, Store), context))
        )
      ) as Layer.Layer<Store, never, R | Store>,
      layer
    ) as Layer.Layer<Store, never, any>
}

const check = <R>(options: TapOptions<R>): (store: Store, context: Context.Context<R>) => Store => {
  checkOptions<TapOptions<R>>("Store.tap", options, tapChecks)
  const { around } = options
  const minBytes = bytes("minSize", options.minSize, 0)
  const maxBytes = bytes("maxSize", options.maxSize, Infinity)
  refuseUnless("maxSize must be above zero, and not below minSize", maxBytes >= minBytes && maxBytes > 0)
  return (store, context) => {
    const fitting = minBytes === 0 && maxBytes === Infinity ? store : sized(store, minBytes, maxBytes)
    return around === undefined ? fitting : tapped(fitting, runAround(store.name, around, context))
  }
}

const tapChecks: Checks<TapOptions<any>> = {
  around: optional((around) =>
    refuseUnless(
      "around must be a function from a call and its effect to an effect",
      typeof around === "function"
    )
  ),
  maxSize: (maxSize) => void bytes("maxSize", maxSize, Infinity),
  minSize: (minSize) => void bytes("minSize", minSize, 0)
}

const refuseUnless = (complaint: string, holds: boolean): void => {
  if (!holds) throw mistake(`Store.tap: ${complaint}`)
}

const bytes = (name: string, input: SizeInput | undefined, otherwise: number): number => {
  if (input === undefined) return otherwise
  const size = bytesIn(input)
  refuseUnless(`${name} must be a size like "1 MB"`, size !== undefined)
  return size!
}

// The caller's context takes precedence over the layer's, so that spans, logs and the clock are the caller's.
const runAround = <R>(
  store: string,
  around: NonNullable<TapOptions<R>["around"]>,
  context: Context.Context<R>
): Tap =>
(operation, ids, effect) =>
  Effect.updateContext(
    around({ operation: operation as StoreCall["operation"], ids, store }, effect),
    (own: Context.Context<never>) => Context.merge(context, own)
  )
