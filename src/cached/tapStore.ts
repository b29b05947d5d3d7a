/**
 * A store seen through: its part of the ids, a largest value, and effects around its operations.
 *
 * @since 0.1.0
 */
import * as ByteSize from "effect/ByteSize"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { CacheConfigError, type StoreError } from "../CacheError.ts"
import { checkOptions, type Checks, optional } from "../internal/options.ts"
import * as Tapped from "../internal/store/tap.ts"
import { Store } from "../ports/store.ts"

/**
 * What a cache asks of its store.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoreCall {
  readonly operation: Exclude<keyof Store, "name" | "capabilities" | "getUnsafe" | "changes" | "changesUnsafe">
  /** the ids, tags or the name of a number that it is about, without any prefix; none for `scan`, `size`, `clear` */
  readonly ids: ReadonlyArray<string>
  /** the store's name */
  readonly store: string
}

/**
 * What `tapStore` takes.
 *
 * @category options
 * @since 0.1.0
 */
export interface TapStoreOptions<R> {
  /**
   * runs every operation: logs, times, counts, repeats or refuses it. A store that would answer at once is asked as an
   * effect then. Of a `scan` each page is a call; listening to what other processes change is none
   */
  readonly around?:
    | (<A>(call: StoreCall, effect: Effect.Effect<A, StoreError>) => Effect.Effect<A, StoreError, R>)
    | undefined
  /** ids, tags and numbers are written with it and read back without: caches of other prefixes never meet them */
  readonly prefix?: string | undefined
  /**
   * of a payload: a larger one is not written
   *
   * @default unlimited
   */
  readonly maxSize?: ByteSize.Input | undefined
  /**
   * of a payload: a smaller one is not written
   *
   * @default 0
   */
  readonly minSize?: ByteSize.Input | undefined
}

/**
 * Changes what a cache asks of its store: watches every operation, keeps to a part of the store, leaves out payloads
 * that are too large or too small.
 *
 * `prefix` lets several caches share one store. What is written is the prefix, a slash, and the id (`%` and `/` in the
 * prefix are percent-encoded), so `"a"` and `"a:v"` never meet. `clear` empties its own part alone, in one step and in
 * all processes: a load that runs elsewhere is waited for still, and not stored. Then it frees room for up to 100 ms;
 * what is left cannot be read any more, and goes as it expires. That costs a look at one more tag with every operation
 * on entries, for a write or a lease a question of its own; `size` reads the whole part.
 *
 * What is not written because of `maxSize` or `minSize` stays in memory, fails with reason `TooLarge` where somebody
 * asks (`CachePolicy.strict`), and counts among `storeFailures`. An explicit `set` of it removes what was stored.
 *
 * The services that `around` needs are those of the layer, taken when it is built; what the program around a read has of
 * its own comes before them.
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import * as MemoryStore from "effect-cached/stores/MemoryStore"
 *
 * const calls: Array<string> = []
 * const store = MemoryStore.layer.pipe(Cached.tapStore({
 *   prefix: "app:",
 *   maxSize: "1 MB",
 *   around: ({ operation, ids }, effect) => Effect.tap(effect, () => Effect.sync(() => calls.push(`${operation} ${ids}`)))
 * }))
 *
 * const program = Effect.succeed(42).pipe(Cached.ttl({ key: "answer", ttl: "1 hour" }))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.layer.pipe(Layer.provide(store)))))
 * calls[0] // => "get answer"
 * calls.at(-1) // => "commit answer"
 * ```
 *
 * Throws a `CacheConfigError` at once for options that it does not know or cannot use.
 *
 * @category layers
 * @since 0.1.0
 */
export const tapStore = <R = never>(
  options: TapStoreOptions<R>
): <E, RLayer>(layer: Layer.Layer<Store, E, RLayer>) => Layer.Layer<Store, E, R | RLayer> => {
  const tap = check(options)
  return (layer) =>
    Layer.provide(
      Layer.effect(
        Store,
        Effect.contextWith((context: Context.Context<R | Store>) =>
          Effect.succeed(tap(Context.get(context, Store), context))
        )
      ) as Layer.Layer<Store, never, R | Store>,
      layer
    ) as Layer.Layer<Store, never, any>
}

const check = <R>(options: TapStoreOptions<R>): (store: Store, context: Context.Context<R>) => Store => {
  checkOptions<TapStoreOptions<R>>("Cached.tapStore", options, tapStoreOptions)
  const { around, prefix } = options
  const minBytes = bytes("minSize", options.minSize, 0)
  const maxBytes = bytes("maxSize", options.maxSize, Infinity)
  refuseUnless("maxSize is at least minSize and above zero", maxBytes >= minBytes && maxBytes > 0)
  return (store, context) => {
    const own = prefix === undefined ? store : Tapped.part(store, prefix)
    const fitting = minBytes === 0 && maxBytes === Infinity ? own : Tapped.sized(own, minBytes, maxBytes)
    return around === undefined ? fitting : Tapped.tapped(fitting, watch(store.name, around, context))
  }
}

const tapStoreOptions: Checks<TapStoreOptions<any>> = {
  around: optional((around) => refuseUnless("around is a function", typeof around === "function")),
  prefix: optional((prefix) =>
    refuseUnless("prefix is a text that is not empty", typeof prefix === "string" && prefix !== "")
  ),
  maxSize: (maxSize) => void bytes("maxSize", maxSize, Infinity),
  minSize: (minSize) => void bytes("minSize", minSize, 0)
}

const refuseUnless = (rule: string, holds: boolean): void => {
  if (!holds) throw new CacheConfigError({ message: `Cached.tapStore: ${rule}` })
}

const bytes = (name: string, input: ByteSize.Input | undefined, otherwise: number): number => {
  if (input === undefined) return otherwise
  const size = ByteSize.fromInput(input)
  refuseUnless(`${name} is a size, like "1 MB"`, Option.isSome(size))
  return Number(Option.getOrThrow(size))
}

// The surroundings of who asks come first: spans, logs and the clock are theirs.
const watch = <R>(
  store: string,
  around: NonNullable<TapStoreOptions<R>["around"]>,
  context: Context.Context<R>
): Tapped.Tap =>
(operation, ids, effect) =>
  Effect.updateContext(
    around({ operation: operation as StoreCall["operation"], ids, store }, effect),
    (own: Context.Context<never>) => Context.merge(context, own)
  )
