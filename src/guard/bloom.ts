/**
 * Bloom filters: compact sets that never report an added item as absent, but may report an absent item as added.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { StoreError } from "../CacheError.ts"
import * as Defaults from "../internal/defaults/guards.ts"
import * as Policy from "../internal/engine/request/callPolicy.ts"
import { strictly } from "../internal/engine/request/strict.ts"
import * as Bits from "../internal/guard/bits.ts"
import {
  checkOptions,
  type Checks,
  mistake,
  optional,
  refuseUnknown,
  requireList
} from "../internal/options/options.ts"
import { checkCount, checkOneOf, checkThat } from "./checks.ts"
import * as Filter from "./filter.ts"
import type { Guardable } from "./guardable.ts"

/**
 * The options of `Guard.bloom`.
 * @category options
 * @since 0.1.0
 */
interface BloomOptions {
  /** The name of the filter. Filters of the same name and size in one guard store are the same filter. */
  readonly key: string
  /** The number of items to size the filter for. For more, the filter adds layers, each twice as large as the last. */
  readonly capacity: number
  /** The share of absent items that may be reported as added, above 0 and below 1. @default 0.01 */
  readonly errorRate?: number | undefined
}

/**
 * The size and fill of a filter, as `Bloom.report` returns them.
 * @category models
 * @since 0.1.0
 */
export interface BloomReport {
  /** The approximate number of distinct items added. */
  readonly items: number
  readonly layers: number
  /** The total size of all layers in bytes. */
  readonly bytes: number
  /** The share of bits that are set in the last layer. At about one half, the layer is full. */
  readonly fill: number
  /** The current share of absent items that are reported as added, estimated from the set bits. */
  readonly errorRate: number
}

/**
 * The progress of `Bloom.fill`: the number of items added so far, together with the filter's report.
 * @category models
 * @since 0.1.0
 */
export interface BloomProgress extends BloomReport {
  readonly added: number
}

/** The type of a choice between two effects or between two streams. An effect and a stream cannot be mixed. */
type Either<Self, Other> = [Self, Other] extends
  [Effect.Effect<infer A, infer E, infer R>, Effect.Effect<infer A2, infer E2, infer R2>]
  ? Effect.Effect<A | A2, E | E2, R | R2>
  : [Self, Other] extends [Stream.Stream<infer A, infer E, infer R>, Stream.Stream<infer A2, infer E2, infer R2>]
    ? Stream.Stream<A | A2, E | E2, R | R2>
  : never

/**
 * A Bloom filter. It never reports an added item as absent, but may report an absent item as added.
 * @category models
 * @since 0.1.0
 */
export interface Bloom {
  readonly key: string
  /** Adds an item. Completes when all processes that share the guard store can see the item. */
  readonly add: (item: string) => Effect.Effect<void, StoreError>
  readonly addAll: (items: Iterable<string>) => Effect.Effect<void, StoreError>
  /** Adds the items of a stream in large batches, and reports the progress after each batch. */
  readonly fill: <E, R, E2 = never, R2 = never>(
    items: Stream.Stream<string, E, R>,
    options?: {
      readonly onProgress?: ((progress: BloomProgress) => Effect.Effect<unknown, E2, R2>) | undefined
    }
  ) => Effect.Effect<BloomProgress, E | E2 | StoreError, R | R2>
  /** Returns `true` if the item may have been added or the guard store fails, and `false` if it was never added. */
  readonly mayHave: (item: string) => Effect.Effect<boolean>
  /** Runs the effect or stream if the item may have been added, and the alternative if it never was. */
  readonly guard: {
    <Other extends Guardable>(
      item: string,
      orElse: () => Other
    ): <Self extends Guardable>(self: Self) => Either<Self, Other>
    <Self extends Guardable, Other extends Guardable>(
      self: Self,
      item: string,
      orElse: () => Other
    ): Either<Self, Other>
  }
  /** Returns the size and the fill of the filter. Reads all bits of the filter to compute them. */
  readonly report: Effect.Effect<BloomReport, StoreError>
  /** Removes all items. Other processes may still report some items as added. If that matters, use a new key. */
  readonly clear: Effect.Effect<void, StoreError>
}

const checks: Checks<BloomOptions> = {
  key: (given, of) => {
    if (typeof given !== "string") throw mistake(`${of} needs "key", a string`)
  },
  capacity: (given, of) => {
    checkCount("capacity")(given, of)
    if (given <= Defaults.filters.mostItems) return
    throw mistake(`capacity of ${of} must be at most ${Defaults.filters.mostItems}, not ${given}`)
  },
  errorRate: optional(checkThat(
    "errorRate",
    `above 0 and below 1 (and not below ${Defaults.filters.leastErrorRate})`,
    (given) => typeof given === "number" && given >= Defaults.filters.leastErrorRate && given < 1
  ))
}

const requireItem = (item: unknown): void => {
  if (typeof item === "string") return
  throw mistake(`An item of a filter must be a string, not a value of type ${typeof item}`)
}

const checked = function*(items: Iterable<string>): Generator<string> {
  for (const item of items) {
    requireItem(item)
    yield item
  }
}

/** The number of items added in one step. A block that several of these items change is saved only once per step. */
const itemsOfStep = 10_000

/**
 * Creates a Bloom filter (Bloom, 1970), and keeps its bits in the guard store, where all guards keep their state. The
 * filter never reports an added item as absent.
 *
 * **When to use**
 *
 * Use it before lookups that mostly find nothing, such as checks whether a user name is taken.
 *
 * **Details**
 *
 * - `add` completes when the bits are saved. From then on, no process that shares the guard store reports the item as
 *   absent. A process asks the guard store before it reports an absence, but not if its own bits already say "maybe".
 * - At an `errorRate` of 0.01, an item takes about 1.5 bytes (3 bytes after growth), both in this process and in the
 *   guard store. If more than `capacity` items are added, the filter grows, and its error rate stays below `errorRate`.
 * - Single items cannot be removed.
 *
 * **Example** (Asking only for names that may be taken)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { CacheLayer, Guard } from "effect-cached"
 *
 * const names = Guard.bloom({ key: "names", capacity: 1000 })
 * let asked = 0
 * const isTaken = (name: string) =>
 *   Effect.sync(() => ++asked > 0).pipe(names.guard(name, () => Effect.succeed(false)))
 * await Effect.runPromise(Effect.gen(function*() {
 *   yield* names.add("ann")
 *   return [yield* isTaken("ann"), yield* isTaken("bob"), asked]
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => [true, false, 1]
 * ```
 *
 * @see {@link dualBloom} for remembering yes-or-no answers
 * @category constructors
 * @since 0.1.0
 */
export const bloom = (options: BloomOptions): Bloom => {
  checkOptions("Guard.bloom", options, checks)
  const { capacity, errorRate = Defaults.guard.errorRate, key } = options
  const size: Bits.Size = { capacity, errorRate }
  const over = <A, E, R>(use: (fiber: Fiber.Fiber<any, any>, filter: Filter.Filter) => Effect.Effect<A, E, R>) =>
    Effect.withFiber((fiber) => use(fiber, Filter.filterOf(fiber, key, size)))
  const addAll = (items: Iterable<string>) => over((fiber, filter) => Filter.addMany(fiber, filter, checked(items)))
  const report = over((fiber, filter) => Effect.map(Filter.readAll(fiber, filter), reportOf))
  const mayHave = (item: string) => {
    requireItem(item)
    return over((fiber, filter) => orMaybe(fiber, Filter.mayHave(fiber, filter, item)))
  }
  const guard = (self: unknown, item: string, orElse: () => unknown): unknown => {
    if (typeof orElse !== "function") {
      throw mistake("guard of a filter needs a function that returns the alternative")
    }
    const choice = Effect.map(mayHave(item), (mayHave) => mayHave ? self : orElse())
    if (Stream.isStream(self)) return Stream.unwrap(choice as Effect.Effect<Stream.Stream<unknown>>)
    if (Effect.isEffect(self)) return Effect.flatten(choice as Effect.Effect<Effect.Effect<unknown>>)
    throw mistake("guard of a filter needs an effect or a stream")
  }
  return {
    key,
    add: (item) => {
      requireItem(item)
      return over((fiber, filter) => Filter.add(fiber, filter, item))
    },
    addAll: (items) => {
      requireList("addAll of a filter", items, "item")
      return addAll(items)
    },
    fill: (items, options = {}) => {
      refuseUnknown("fill of a filter", options, ["onProgress"])
      const { onProgress } = options
      if (!Stream.isStream(items)) throw mistake("fill of a filter needs a stream of items")
      if (onProgress !== undefined && typeof onProgress !== "function") {
        throw mistake("onProgress of a filter must be a function")
      }
      return Effect.suspend(() => {
        let added = 0
        const step = (items: ReadonlyArray<string>) =>
          Effect.gen(function*() {
            yield* addAll(items)
            added += items.length
            if (onProgress !== undefined) yield* onProgress({ ...yield* report, added })
          })
        return Effect.flatMap(
          Stream.runForEach(Stream.grouped(items, itemsOfStep), step),
          () => Effect.map(report, (report) => ({ ...report, added }))
        )
      })
    },
    mayHave,
    guard: (...args: [item: string, orElse: () => any] | [self: any, item: string, orElse: () => any]): any =>
      args.length === 3 ? guard(...args) : (self: unknown) => guard(self, ...args),
    report,
    clear: over(Filter.clear)
  }
}

/** Answers `true` ("maybe") while the guard store fails. Under a strict policy, the call fails instead. */
const orMaybe = (fiber: Fiber.Fiber<any, any>, answer: Effect.Effect<boolean, StoreError>): Effect.Effect<boolean> =>
  Effect.catch(answer, (error) => fiber.getRef(Policy.Current).strict ? strictly(error) : Effect.succeed(true))

const reportOf = ({ layers }: Filter.Known): BloomReport => {
  let items = 0
  let bits = 0
  let right = 1
  for (const layer of layers) {
    items += Bits.itemsOf(layer, layer.setBits)
    bits += layer.bits
    right *= 1 - (layer.setBits / layer.bits) ** layer.hashes
  }
  const { bits: bitsOfLast, setBits } = layers.at(-1)!
  return {
    items: Math.round(items),
    layers: layers.length,
    bytes: Math.ceil(bits / 8),
    fill: setBits / bitsOfLast,
    errorRate: 1 - right
  }
}

/**
 * The options of `Guard.dualBloom`.
 * @category options
 * @since 0.1.0
 */
interface DualBloomOptions extends BloomOptions {
  /**
   * Whether an answer is remembered only if none of the item's bits is set yet. This gives fewer wrong answers, but
   * also remembers fewer answers.
   * @default `false`
   */
  readonly noCollisions?: boolean | undefined
}

/**
 * Remembered yes-or-no answers, in two Bloom filters: one for yes and one for no.
 * @category models
 * @since 0.1.0
 */
export interface DualBloom {
  readonly key: string
  /** Returns the remembered answer for the item, or runs the effect and remembers its answer. */
  readonly remember: {
    (item: string): <E, R>(self: Effect.Effect<boolean, E, R>) => Effect.Effect<boolean, E, R>
    <E, R>(self: Effect.Effect<boolean, E, R>, item: string): Effect.Effect<boolean, E, R>
  }
  /** Returns the remembered answer for an item, or `undefined` if neither or both of the filters report the item. */
  readonly answer: (item: string) => Effect.Effect<boolean | undefined>
  readonly yes: Bloom
  readonly no: Bloom
}

/**
 * Remembers yes-or-no answers for many items in few bits, with one Bloom filter for each answer.
 *
 * **When to use**
 *
 * Use it for an expensive question about very many items, if the answers never change and may occasionally be wrong.
 * For any other question, use a cached effect.
 *
 * **Details**
 *
 * - If only one filter reports an item, that filter answers. Otherwise, the effect runs, and its answer is kept.
 * - For an item whose answer was never remembered, the probability of a wrong answer is about `errorRate`.
 * - While the guard store fails, the effect runs, and its answer is not remembered.
 *
 * **Example** (Asking once)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { CacheLayer, Guard } from "effect-cached"
 *
 * const even = Guard.dualBloom({ key: "even", capacity: 1000, errorRate: 0.001 })
 * let asked = 0
 * const isEven = (n: number) => Effect.sync(() => ++asked > 0 && n % 2 === 0).pipe(even.remember(String(n)))
 * const program = Effect.all([isEven(7), isEven(8), isEven(7), isEven(8)])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [false, true, false, true]
 * asked // => 2
 * ```
 *
 * @see {@link bloom} for a set of items that exist
 * @category constructors
 * @since 0.1.0
 */
export const dualBloom = (options: DualBloomOptions): DualBloom => {
  const what = "Guard.dualBloom"
  checkOptions<DualBloomOptions>(what, options, {
    ...checks,
    noCollisions: optional(checkOneOf("noCollisions", true, false))
  })
  const { capacity, errorRate = Defaults.guard.errorRate, key, noCollisions = false } = options
  const size: Bits.Size = { capacity, errorRate }
  const yes = bloom({ key: `${key}:yes`, ...size })
  const no = bloom({ key: `${key}:no`, ...size })
  const answer = (item: string) =>
    Effect.zipWith(yes.mayHave(item), no.mayHave(item), (isYes, isNo) => isYes === isNo ? undefined : isYes)
  const learn = (item: string, answer: boolean) =>
    Effect.withFiber((fiber) => {
      const filter = Filter.filterOf(fiber, (answer ? yes : no).key, size)
      const isFree = noCollisions
        ? Effect.map(Filter.isTouched(fiber, filter, item), (is) => !is)
        : Effect.succeed(true)
      const added = Effect.flatMap(isFree, (isFree) => isFree ? Filter.add(fiber, filter, item) : Effect.void)
      return Effect.catch(added, (error) => fiber.getRef(Policy.Current).strict ? strictly(error) : Effect.void)
    })
  const remember = (self: Effect.Effect<boolean, unknown, unknown>, item: string) => {
    if (!Effect.isEffect(self)) throw mistake(`remember of ${what} needs an effect: a stream has no single answer`)
    return Effect.flatMap(answer(item), (known) => {
      if (known !== undefined) return Effect.succeed(known)
      return Effect.tap(self, (answer) => {
        if (typeof answer === "boolean") return learn(item, answer)
        const message = `remember of ${what} needs an effect of true or false, not of a value of type ${typeof answer}`
        return Effect.die(mistake(message))
      })
    })
  }
  return {
    key,
    answer,
    remember: (...args: [item: string] | [self: any, item: string]): any => {
      requireItem(args.at(-1))
      return args.length === 2 ? remember(...args) : (self: any) => remember(self, args[0])
    },
    yes,
    no
  }
}
