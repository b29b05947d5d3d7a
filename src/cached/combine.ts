/** Turns combinators and cached functions into requests to the engine, without the users' types. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as CacheKey from "../CacheKey.ts"
import { checkedCalls } from "../internal/defaults/bounds.ts"
import { type Cache, cacheOfKey } from "../internal/engine/boundCache.ts"
import { refreshLoad } from "../internal/engine/load/refreshLoad.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import * as Policy from "../internal/engine/request/callPolicy.ts"
import type { Batch, LoadAll, Request } from "../internal/engine/state.ts"
import { type Key, keyForLoad } from "../internal/key/ofKey.ts"
import { ofEffects } from "../internal/ofEffects.ts"
import type { AnyOptions as StrategyOptions, Kind } from "../internal/strategy/kind.ts"
import { constantOf, isConstant, lifetimeOf } from "../internal/strategy/lifetime.ts"
import { constant, fallsBack, servesFresh } from "../internal/strategy/make.ts"
import type { Decision, Input, Lifetime, Strategy } from "../Strategy.ts"
import {
  type Called,
  calledOf,
  calledWithStrategy,
  checkKey,
  checkLoad,
  checkOptions,
  type CombinatorOptions,
  effectOf,
  mistakeIn,
  noStrategy,
  strategyOf
} from "./checkCall.ts"
import type { AnyReadOptions } from "./options.ts"
import { cacheOfFiber } from "./withCaching.ts"

/**
 * The properties shared by all effects of one combinator, cached function or strategy. All traits have the same fields
 * in the same order, so that V8 finds the fields quickly.
 */
interface Traits {
  /** The kind of a built-in combinator, whose effects are also their own strategies. Otherwise `undefined`. */
  readonly kind: Kind | undefined
  /** The strategy, if there is no `kind`. */
  readonly strategy: Strategy<any, any, any> | undefined
  readonly constant: Lifetime | undefined
  /** The name of the duration option that the kind has besides `ttl`, such as `softTtl`. */
  readonly beside: Kind["beside"]
  readonly deadlinesOnly: boolean
  readonly servesFresh: boolean
  readonly slides: boolean
  readonly refreshLoad: Request["refreshLoad"]
  /** Makes the request with the layer's strategy, for effects without a strategy of their own. */
  readonly ofLayer: ((cache: Cache, self: CachedEffect) => CachedEffect) | undefined
  readonly load: (self: CachedEffect) => Effect.Effect<unknown, unknown, any>
  readonly validate: (self: CachedEffect) => boolean
  readonly captured: Captured | undefined
}

/** The cache and the services that `Cached.make` has captured. */
export interface Captured {
  /** The captured cache, or the view of it that the transaction around the fiber has. */
  readonly cacheIn: (fiber: Fiber.Fiber<any, any>) => Cache
  /** Adds what is captured to the context of a caller. */
  readonly provide: NonNullable<Request["provide"]>
}

type Capture = (of: object, context: Context.Context<never>) => Captured

/** How `Cached.make` makes a function again. It passes `capture`, which other programs thereby do not bundle. */
export const remakers = new WeakMap<object, (context: Context.Context<never>, capture: Capture) => unknown>()

/** The options that a hit needs, in an object of constant shape, which V8 reads faster than the users' objects. */
interface Given {
  readonly key: unknown
  readonly copy?: unknown
  readonly ttl?: unknown
}

/** A cached effect, its strategy and its request in one object, to save allocations. Only a miss parses the options. */
class Parts {
  declare readonly traits: Traits
  /** The effect to load, or the arguments of a cached function without a key class. Otherwise `undefined`. */
  declare readonly source: unknown
  declare readonly options: AnyOptions
  declare readonly key: CacheKey.Any | string
  declare readonly copy: AnyOptions["copy"]
  declare readonly ttl: unknown
  /** Set by `Cached.many` and `Cached.resolver` only, so that other programs do not bundle the code of batches. */
  declare batch?: Batch
  declare rules: Request["rules"]

  constructor(traits: Traits, source: unknown, options: unknown, { copy, key, ttl }: Given) {
    this.traits = traits
    this.source = source
    this.options = options as AnyOptions
    this.key = key as string
    this.copy = copy as undefined
    this.ttl = ttl
    // Assigned in the constructor, so that requests with and without rules have the same shape.
    this.rules = undefined
  }

  get load(): Effect.Effect<unknown, unknown, any> {
    return this.traits.load(this)
  }

  get strategy(): Strategy<any, any, any> {
    return this.traits.kind === undefined ? this.traits.strategy! : this as unknown as Strategy<any, any, any>
  }

  get deadlinesOnly(): boolean {
    return this.traits.deadlinesOnly
  }

  get servesFresh(): boolean {
    return this.traits.servesFresh
  }

  get slides(): boolean {
    return this.traits.slides
  }

  get refreshLoad(): Request["refreshLoad"] {
    return this.traits.refreshLoad
  }

  get provide(): Request["provide"] {
    return this.traits.captured?.provide
  }

  get constant(): unknown {
    const { options, traits: { constant, kind } } = this
    if (kind === undefined) return constant
    if (!isConstant(kind, options)) return undefined
    const { ttl = Infinity } = options
    if (kind.beside === undefined) return ttl
    if (!this.isConstant(lastTimes)) lastTimes = new Times(kind, ttl, options[kind.beside])
    return lastTimes
  }

  isConstant(constant: unknown): boolean {
    const { options, traits, ttl = Infinity } = this
    if (traits.kind === undefined) return constant === traits.constant
    return traits.beside === undefined
      ? constant === ttl
      : constant instanceof Times && constant.kind === traits.kind && constant.ttl === ttl &&
        constant.beside === options[traits.beside]
  }

  constantLifetime(): Lifetime {
    const { options, traits: { constant, kind } } = this
    return kind === undefined ? constant! : constantOf(kind, options)
  }

  validate(): boolean {
    return this.traits.validate(this)
  }

  get name(): string {
    return this.traits.kind!.name
  }

  get [fallsBack](): boolean {
    return this.traits.kind!.fallsBack
  }

  get countsReads(): boolean {
    return this.traits.kind!.countsReads
  }

  get retryAfter(): Strategy["retryAfter"] {
    return this.traits.kind!.retryAfter
  }

  get jitter(): number | undefined {
    return this.options.jitter
  }

  touch(entry: never, now: number): number {
    return this.traits.kind!.touch!(this.options, entry, now)
  }

  decide(entry: never, now: number, random: () => number): Decision {
    return this.traits.kind!.decide(this.options, entry, now, random)
  }

  lifetime(exit: never, key: unknown): Lifetime | "skip" {
    return lifetimeOf(this.traits.kind!, this.options, exit, key)
  }
}

type CachedEffect = Parts

const CachedEffect = ofEffects(Parts, {
  label: "Cached",
  evaluate(fiber) {
    const { captured } = this.traits
    const cache = captured === undefined ? cacheOfFiber(fiber) : captured.cacheIn(fiber)
    return cache.read(fiber, requestOf(cache, this))
  }
})

/** The request of a cached effect. `undefined` for any other value. */
export const requestIn = (cache: Cache, value: unknown): Request | undefined => {
  const request = value instanceof CachedEffect ? requestOf(cache, value) : undefined
  return request && (cache.prepared?.(request) ?? request)
}

const requestOf = (cache: Cache, self: CachedEffect): Request => {
  const { ofLayer } = self.traits
  return (ofLayer === undefined ? self : ofLayer(cache, self)) as unknown as Request
}

interface AnyOptions extends CombinatorOptions, StrategyOptions {}

/** A constant lifetime of two durations, as the user passed them. A lifetime of `ttl` alone needs no object. */
class Times {
  readonly kind: Kind
  readonly ttl: unknown
  readonly beside: unknown

  constructor(kind: Kind, ttl: unknown, beside: unknown) {
    this.kind = kind
    this.ttl = ttl
    this.beside = beside
  }
}

/** The most recent `Times`, which consecutive entries with the same lifetime share. */
let lastTimes: Times | undefined

const none: AnyOptions = {}

/**
 * Makes a combinator. A load dies if its options are invalid. The first calls already check them, so that the stack of
 * the error shows the call. Later calls leave the check to the load, because checks for every read would slow hits.
 */
const dual = (called: Called, traitsIn: (options: AnyOptions) => Traits): never => {
  const { isBare } = called
  let unchecked = checkedCalls
  const isDataFirst = (first: unknown, third: unknown): boolean =>
    third !== undefined || (isBare && Effect.isEffect(first))
  const makeChecked = (first: unknown, second: unknown, third: unknown): unknown => {
    unchecked--
    const isFirst = isDataFirst(first, third)
    const key = isFirst ? second : first
    const options = ((isFirst ? third : second) ?? (isBare && none)) as AnyOptions
    const mistake = mistakeIn(called, key, options)
    const { copy, ttl } = options
    const of = (load: unknown) => {
      const effect = new CachedEffect(traitsIn(options), load, options, { copy, key, ttl })
      // If the check has found a mistake, a load of this effect dies with that mistake.
      return mistake === undefined ? effect : Object.assign(effect, {
        validate: () => {
          throw mistake
        }
      })
    }
    return isFirst ? of(first) : of
  }
  // Does not use `arguments`: capturing it for the inner function would take longer than an entire hit.
  return ((first: unknown, second: unknown, third?: AnyOptions): unknown => {
    if (unchecked > 0) return makeChecked(first, second, third)
    if (isDataFirst(first, third)) {
      const options = third ?? none
      const { copy, ttl } = options
      return new CachedEffect(traitsIn(options), first, options, { copy, key: second, ttl })
    }
    const options = second as AnyOptions ?? none
    const { copy, ttl } = options
    return (self: unknown) => new CachedEffect(traitsIn(options), self, options, { copy, key: first, ttl })
  }) as never
}

export const combinator = (kind: Kind, refreshLoad?: Request["refreshLoad"]): never => {
  const { deadlinesOnly, servesFresh, touch } = kind
  const called = calledOf(kind)
  const traits: Traits = {
    kind,
    strategy: undefined,
    constant: undefined,
    beside: kind.beside,
    deadlinesOnly,
    servesFresh,
    slides: touch !== undefined,
    refreshLoad,
    ofLayer: undefined,
    load: sourceOf,
    validate: checkerOf(called),
    captured: undefined
  }
  return dual(called, () => traits)
}

const sourceOf = ({ source }: CachedEffect): Effect.Effect<unknown, unknown, any> => source as Effect.Effect<unknown>

const checkerOf = (called: Called): Traits["validate"] => {
  // The last valid durations. Most misses repeat the previous durations, and then only the key has to be checked.
  let right: { readonly ttl: unknown; readonly beside: unknown } | undefined
  return ({ key, options, source, traits }) => {
    const isPlain = hasTimesAlone(options, traits.beside)
    const { ttl } = options
    const beside = traits.beside && options[traits.beside]
    if (isPlain && right !== undefined && right.ttl === ttl && right.beside === beside) checkKey(called, key)
    else {
      checkOptions(called, key, options)
      if (isPlain) right = { ttl, beside }
    }
    checkLoad(called, source, key)
    return !isPlain
  }
}

/** Whether the durations are the only options. `false` for class instances, which may have getters. */
const hasTimesAlone = (options: CombinatorOptions, beside: string | undefined): boolean => {
  if (Object.getPrototypeOf(options) !== Object.prototype) return false
  for (const name in options) if (name !== "ttl" && name !== beside) return false
  return true
}

type Ways = Pick<Traits, "load" | "validate"> & Partial<Pick<Traits, "ofLayer" | "captured">>

const traitsOf = (strategy: AnyStrategy | undefined, { captured, load, ofLayer, validate }: Ways): Traits => ({
  kind: undefined,
  strategy,
  constant: strategy?.[constant],
  beside: undefined,
  deadlinesOnly: false,
  servesFresh: strategy?.[servesFresh] === true,
  slides: strategy?.touch !== undefined,
  refreshLoad,
  ofLayer,
  load,
  validate,
  captured
})

interface AnyStrategy extends Strategy<any, any, any> {
  readonly [constant]?: Lifetime
  readonly [servesFresh]?: boolean
}

const validateGiven: Traits["validate"] = ({ key, options, source }) => {
  checkOptions(calledWithStrategy, key, options)
  checkLoad(calledWithStrategy, source, key)
  return true
}

interface OfLayer extends CachedEffect {
  last?: CachedEffect
}

const ofLayer = (cache: Cache, self: OfLayer): CachedEffect => {
  const { key, last, options, source } = self
  const { strategy } = cacheOfKey(cache, key)
  if (strategy === undefined) {
    // Names a misplaced strategy option first, because that mistake explains why there is no strategy.
    checkOptions(calledWithStrategy, key, options)
    throw noStrategy(key)
  }
  return last?.options.strategy === strategy
    ? last
    : self.last = new CachedEffect(traitsIn({ strategy }), source, { ...options, strategy }, self)
}

const traitsOfNone = traitsOf(undefined, { load: sourceOf, validate: validateGiven, ofLayer })

const traitsOfStrategies = new WeakMap<object, Traits>()

const traitsIn = ({ strategy }: Pick<CombinatorOptions, "strategy">): Traits => {
  if (strategy === undefined) return traitsOfNone
  const known = traitsOfStrategies.get(strategy)
  if (known !== undefined) return known
  const traits = traitsOf(resolved(strategy), { load: sourceOf, validate: validateGiven })
  // An invalid strategy that is not an object cannot be a key of a `WeakMap`. The check before the load rejects it.
  if (Object(strategy) === strategy) traitsOfStrategies.set(strategy, traits)
  return traits
}

/** An invalid strategy stays as it is. The check before the load rejects it. */
const resolved = (strategy: Input): AnyStrategy => {
  try {
    return strategyOf(strategy)
  } catch {
    return strategy as AnyStrategy
  }
}

export const withStrategy: never = dual(calledWithStrategy, traitsIn)

const unchecked = (): boolean => true

/** The arguments of a function such as `Cached.fn`, which have been checked. */
export interface Checked {
  readonly lookup: (...args: ReadonlyArray<never>) => Effect.Effect<unknown, unknown, any>
  readonly options: AnyReadOptions
  readonly strategy: Strategy<any, any, any>
}

type CallOf = (key: CacheKey.Any | string, args?: ReadonlyArray<unknown>) => Effect.Effect<unknown, unknown, any>

/**
 * Returns a function from a key to the cached effect. Only a load calls `lookup`: with the arguments or, if none are
 * given, with the key.
 */
export const callsOf = ({ lookup, options, strategy }: Checked, captured?: Captured): CallOf => {
  const load = ({ key, source }: CachedEffect) =>
    Effect.suspend(() => {
      const args = source ?? [keyForLoad(key)]
      return effectOf(key, lookup(...args as ReadonlyArray<never>))
    })
  const traits = traitsOf(strategy, { load, validate: unchecked, captured })
  const { copy } = options
  return (key, args) => new CachedEffect(traits, args, options, { copy, key }) as never
}

/** The same for `Cached.many` and `Cached.resolver`. */
export interface CheckedMany extends Checked {
  /** Whether each key has its own reader. If so, the failure of a key's load reaches only that reader. */
  readonly isPerKey?: boolean | undefined
}

const manies = new WeakSet<object>()

export const markMany = (call: object): void => void manies.add(call)

export const isMany = (call: object): boolean => manies.has(call)

/** Returns a function that reads many keys and loads the missing ones together, as a batch. */
export const callMany = (
  { isPerKey = false, lookup, options, strategy }: CheckedMany
): (keys: ReadonlyArray<CacheKey.Any>) => Effect.Effect<never> => {
  const load = ({ batch }: CachedEffect) => batch!.load
  const traits = traitsOf(strategy, { load, validate: unchecked })
  const { copy } = options
  const make = (key: unknown) => new CachedEffect(traits, undefined, options, { copy, key })
  const template = make(undefined) as unknown as Request
  const requestOf = (key: unknown, batch: Batch) => {
    const request = make(key)
    request.batch = batch
    return request as unknown as Request
  }
  const loadAll: LoadAll = (keys) =>
    effectOf(
      keys[0] as CacheKey.Any,
      lookup((keys as ReadonlyArray<Key>).map(keyForLoad) as never)
    ) as ReturnType<LoadAll>
  return (keys) =>
    Effect.withFiber((fiber) =>
      cacheOfFiber(fiber).perform(Operations.readMany, fiber, {
        keys,
        template,
        requestOf,
        loadAll,
        isPerKey
      }) as Effect.Effect<never>
    )
}

export const refreshing = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateService(self, Policy.Current, Policy.refreshing)
