/**
 * How combinators and cached functions become requests to the engine. In here the types of users end: `combinators.ts`,
 * `functions.ts` and `bulk.ts` declare them, and the engine needs a `Request`.
 */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type * as CacheKey from "../CacheKey.ts"
import { checkedCalls } from "../internal/defaults.ts"
import type { Cache } from "../internal/engine/cache.ts"
import type { Batch, LoadAll } from "../internal/engine/flight/batch.ts"
import * as Policy from "../internal/engine/flight/callPolicy.ts"
import { refreshLoad } from "../internal/engine/flight/refreshLoad.ts"
import type { Request } from "../internal/engine/flight/request.ts"
import * as Operations from "../internal/engine/operations.ts"
import { withPrototype } from "../internal/withPrototype.ts"
import {
  constant,
  constantOf,
  fallsBack,
  isConstant,
  type Kind,
  type Lifetime,
  lifetimeOf,
  servesFresh,
  type Strategy
} from "../Strategy.ts"
import {
  type Called,
  calledOf,
  calledWithStrategy,
  checkKey,
  checkLoad,
  checkOptions,
  type CombinatorOptions,
  effectOf,
  type FnOptions,
  mistakeIn,
  noStrategy,
  type StringFnOptions
} from "./checkCall.ts"
import type { AnyReadOptions } from "./options.ts"
import { cacheIn } from "./withCaching.ts"

interface CachedEffect extends Request {
  /** the combinator that made it, if the effect is its own strategy */
  readonly combinator: Combinator | undefined
  readonly load: Effect.Effect<unknown, unknown, any>
  readonly options: CombinatorOptions
}

/** An effect that asks the cache of its context to read it. */
const EffectPrototype = Effectable.Prototype<CachedEffect>({
  label: "Cached",
  evaluate(fiber) {
    return cacheIn(fiber.context).read(fiber, this)
  }
})

/** A prototype of effects with these members. Nothing is spread: bundlers keep what is. */
const prototypeOf = (...parts: ReadonlyArray<PropertyDescriptorMap>): object => {
  const prototype = Object.create(EffectPrototype)
  for (const part of parts) Object.defineProperties(prototype, part)
  return prototype
}

/** What all effects of one combinator share. */
interface Combinator {
  readonly kind: Kind<any>
  readonly called: Called
  // of the kind, for hits: kinds have many shapes, and combinators have one
  readonly deadlinesOnly: boolean
  readonly servesFresh: boolean
  readonly slides: boolean
  readonly beside: keyof CombinatorOptions | undefined
  readonly refreshLoad: Request["refreshLoad"]
  /** the times that were checked last, and found right. Every miss is checked, and most have the times of the last one */
  right: { readonly ttl: unknown; readonly beside: unknown } | undefined
}

type EffectClass = new(
  combinator: Combinator | undefined,
  load: unknown,
  options: CombinatorOptions,
  key: unknown
) => CachedEffect

/**
 * A class of effects. An instance is effect, strategy and request in one object, because every read makes one. Its
 * options are parsed when something is stored, never for a hit.
 */
const effectClass = (
  parts: ReadonlyArray<PropertyDescriptorMap>,
  prototype: object = EffectPrototype
): EffectClass => {
  class CachedEffect {
    declare readonly combinator: unknown
    declare readonly load: unknown
    declare readonly options: unknown
    declare readonly key: unknown
    declare readonly rules: unknown

    constructor(combinator: unknown, load: unknown, options: unknown, key: unknown) {
      this.combinator = combinator
      this.load = load
      this.options = options
      // of the options, read where each combinator has a few shapes of them
      this.key = key
      // here, so that a request with rules has no other shape than one without
      this.rules = undefined
    }
  }
  Object.setPrototypeOf(CachedEffect.prototype, prototype)
  for (const part of parts) Object.defineProperties(CachedEffect.prototype, part)
  return CachedEffect as never
}

/**
 * Options are checked before a load. Those of the first calls are checked where the combinator is called too, so that
 * the stack of a mistake leads there: a program that makes its options for each read would pay for it with every hit.
 */
const dual = (make: EffectClass, called: Called, combinator?: Combinator): never => {
  let unchecked = checkedCalls
  const makeChecked = (first: unknown, second: unknown): unknown => {
    unchecked--
    const options = (second ?? first) as CombinatorOptions | undefined
    const mistake = mistakeIn(called, options)
    const of = (load: unknown) => {
      const effect = new make(combinator, load, options!, options?.key)
      // its load dies with a mistake that is known already
      return mistake === undefined ? effect : Object.defineProperty(effect, "validate", {
        value: () => {
          throw mistake
        }
      })
    }
    return second === undefined ? of : of(first)
  }
  // `arguments` of a closure per call would cost more than the whole hit
  return ((first: unknown, second?: unknown): unknown =>
    unchecked > 0
      ? makeChecked(first, second)
      : second === undefined
      ? (self: unknown) => new make(combinator, self, first as CombinatorOptions, (first as CombinatorOptions).key)
      : new make(combinator, first, second as CombinatorOptions, (second as CombinatorOptions).key)) as never
}

/** One class for all kinds: the engine then sees one shape, and V8 inlines these members. */
const Timed = effectClass([{
  name: {
    get(this: TimedEffect) {
      return this.combinator.kind.name
    }
  },
  deadlinesOnly: {
    get(this: TimedEffect) {
      return this.combinator.deadlinesOnly
    }
  },
  servesFresh: {
    get(this: TimedEffect) {
      return this.combinator.servesFresh
    }
  },
  slides: {
    get(this: TimedEffect) {
      return this.combinator.slides
    }
  },
  [fallsBack]: {
    get(this: TimedEffect) {
      return this.combinator.kind.fallsBack
    }
  },
  refreshLoad: {
    get(this: TimedEffect) {
      return this.combinator.refreshLoad
    }
  },
  countsReads: {
    get(this: TimedEffect) {
      return this.combinator.kind.countsReads
    }
  },
  touch: {
    value(this: TimedEffect, entry: never, now: number) {
      return this.combinator.kind.touch!(this.options, entry, now)
    }
  },
  retryAfter: {
    get(this: TimedEffect) {
      return this.combinator.kind.retryAfter
    }
  },
  strategy: {
    get(this: TimedEffect) {
      return this
    }
  },
  jitter: {
    get(this: TimedEffect) {
      return (this.options as { readonly jitter?: number }).jitter
    }
  },
  decide: {
    value(this: TimedEffect, entry: never, now: number, random: () => number) {
      return this.combinator.kind.decide(this.options, entry, now, random)
    }
  },
  lifetime: {
    value(this: TimedEffect, exit: never, key: unknown) {
      return lifetimeOf(this.combinator.kind, this.options as never, exit, key)
    }
  },
  constant: {
    get(this: TimedEffect) {
      const { combinator: { kind }, options } = this
      if (!isConstant(kind, options as never)) return undefined
      const { ttl = Infinity } = options as TimeOptions
      return kind.beside === undefined ? ttl : new Times(kind, ttl, options[kind.beside as keyof CombinatorOptions])
    }
  },
  isConstant: {
    value(this: TimedEffect, constant: unknown) {
      const { combinator: { beside, kind }, options } = this
      const { ttl = Infinity } = options as TimeOptions
      return beside === undefined
        ? constant === ttl
        : constant instanceof Times && constant.kind === kind && constant.ttl === ttl &&
          constant.beside === options[beside]
    }
  },
  constantLifetime: {
    value(this: TimedEffect) {
      return constantOf(this.combinator.kind, this.options as never)
    }
  },
  validate: {
    value(this: TimedEffect) {
      const { combinator, load, options } = this
      const { called, right } = combinator
      const isPlain = hasTimesAlone(options, combinator.beside)
      const { ttl } = options as TimeOptions
      const beside = combinator.beside && options[combinator.beside]
      if (isPlain && right !== undefined && right.ttl === ttl && right.beside === beside) checkKey(called, options)
      else {
        checkOptions(called, options)
        if (isPlain) combinator.right = { ttl, beside }
      }
      checkLoad(called, load, options)
      return !isPlain
    }
  }
}])

interface TimeOptions {
  readonly ttl?: unknown
}

/** Whether there are no options beside the key and the times. Those of a class may have getters, which are not listed. */
const hasTimesAlone = (options: CombinatorOptions, beside: string | undefined): boolean => {
  if (Object.getPrototypeOf(options) !== Object.prototype) return false
  for (const name in options) if (name !== "key" && name !== "ttl" && name !== beside) return false
  return true
}

/** The constant of a strategy with two times, as they were given. Of one with `ttl` alone it is that. */
class Times {
  readonly kind: Kind<any>
  readonly ttl: unknown
  readonly beside: unknown

  constructor(kind: Kind<any>, ttl: unknown, beside: unknown) {
    this.kind = kind
    this.ttl = ttl
    this.beside = beside
  }
}

type TimedEffect = CachedEffect & { readonly combinator: Combinator }

export const combinator = (kind: Kind<any>, refreshLoad?: Request["refreshLoad"]): never => {
  const { beside, deadlinesOnly, servesFresh, touch } = kind
  const called = calledOf(kind)
  return dual(Timed, called, {
    kind,
    called,
    deadlinesOnly,
    servesFresh,
    slides: touch !== undefined,
    beside: beside as keyof CombinatorOptions | undefined,
    refreshLoad,
    right: undefined
  })
}

const delegating: PropertyDescriptorMap = {
  refreshLoad: { value: refreshLoad },
  deadlinesOnly: { value: false },
  servesFresh: {
    get(this: CachedEffect) {
      return (this.strategy as { readonly [servesFresh]?: boolean })[servesFresh] === true
    }
  },
  slides: {
    get(this: CachedEffect) {
      return this.strategy.touch !== undefined
    }
  },
  constant: {
    get(this: CachedEffect) {
      return (this.strategy as { readonly [constant]?: Lifetime })[constant]
    }
  },
  isConstant: {
    value(this: CachedEffect, other: unknown) {
      return (this.strategy as { readonly [constant]?: Lifetime })[constant] === other
    }
  },
  constantLifetime: {
    value(this: CachedEffect) {
      return this.constant
    }
  },
  strategy: {
    get(this: CachedEffect) {
      return this.options.strategy
    }
  }
}

interface StrategyEffect extends CachedEffect {
  /** the request to the cache that it asked last, where the strategy is that of the layer */
  ofLayer?: CachedEffect
}

/** As `EffectPrototype`; without a strategy it has that of its layer, and is another request to each cache. */
const StrategyPrototype = Effectable.Prototype<StrategyEffect>({
  label: "Cached",
  evaluate(fiber) {
    const cache = cacheIn(fiber.context)
    return cache.read(fiber, this.options.strategy === undefined ? withStrategyOf(cache, this) : this)
  }
})

const withStrategyOf = ({ strategy }: Cache, self: StrategyEffect): CachedEffect => {
  const { combinator, key, load, ofLayer, options } = self
  if (strategy === undefined) {
    // an option that belongs to a strategy may be why there is none
    checkOptions(calledWithStrategy, options)
    throw noStrategy(options)
  }
  return ofLayer?.strategy === strategy
    ? ofLayer
    : self.ofLayer = new WithStrategy(combinator, load, { ...options, strategy }, key)
}

const WithStrategy = effectClass([delegating, {
  validate: {
    value(this: CachedEffect) {
      checkOptions(calledWithStrategy, this.options)
      checkLoad(calledWithStrategy, this.load, this.options)
      return true
    }
  }
}], StrategyPrototype)

export const withStrategy: never = dual(WithStrategy, calledWithStrategy)

interface Call extends Request {
  readonly key: CacheKey.Any
  readonly options: FnOptions
}

/** A call of a cached function. A hit does not call its lookup. */
const Call = withPrototype<new(key: CacheKey.Any, options: FnOptions) => Call>(
  function(this: { key: unknown; options: unknown; rules: unknown }, key: unknown, options: unknown) {
    this.key = key
    this.options = options
    this.rules = undefined
  },
  prototypeOf(delegating, {
    load: {
      get(this: Call) {
        return Effect.suspend(() => effectOf(this.key, this.options.lookup(this.key as never)))
      }
    },
    validate: { value: () => true }
  })
)

interface StringCalled {
  readonly key: string
  readonly args: ReadonlyArray<unknown>
  readonly options: StringFnOptions
}

/** As `Call`, under a string key: what the lookup is given is not in it. */
const StringCall = withPrototype<new(key: string, options: StringFnOptions, args: ReadonlyArray<unknown>) => Request>(
  function(
    this: { key: unknown; options: unknown; args: unknown; rules: unknown },
    key: unknown,
    options: unknown,
    args: unknown
  ) {
    this.key = key
    this.options = options
    this.args = args
    this.rules = undefined
  },
  prototypeOf(delegating, {
    load: {
      get(this: StringCalled) {
        return Effect.suspend(() => effectOf(this.key, this.options.lookup(...this.args)))
      }
    },
    validate: { value: () => {} }
  })
)

/** What `Cached.many` takes, without its types. */
export interface ManyOptions extends AnyReadOptions {
  readonly lookup: (keys: ReadonlyArray<never>) => ReturnType<LoadAll>
  readonly strategy: Strategy<any, any, any>
  /** each key has a reader of its own */
  readonly isPerKey?: boolean | undefined
}

const manies = new WeakSet<object>()

export const markMany = (call: object): void => void manies.add(call)

/** Whether a cached function takes many payloads at once. */
export const isMany = (call: object): boolean => manies.has(call)

/** One key of many: its load is a part of the load of a batch. */
const BatchCall = withPrototype<new(key: unknown, options: ManyOptions, batch: Batch | undefined) => Request>(
  function(
    this: { key: unknown; options: unknown; batch: unknown; rules: unknown },
    key: unknown,
    options: unknown,
    batch: unknown
  ) {
    this.key = key
    this.options = options
    this.batch = batch
    this.rules = undefined
  },
  prototypeOf(delegating, {
    load: {
      get(this: Request) {
        return this.batch!.load(this.key)
      }
    },
    validate: { value: () => true }
  })
)

/** A read of many keys, each once. */
export const callMany = (options: ManyOptions): (keys: ReadonlyArray<CacheKey.Any>) => Effect.Effect<never> => {
  const template = new BatchCall(undefined, options, undefined)
  const requestOf = (key: unknown, batch: Batch) => new BatchCall(key, options, batch)
  const { isPerKey = false } = options
  const loadAll: LoadAll = (keys) =>
    effectOf(keys[0] as CacheKey.Any, options.lookup(keys as ReadonlyArray<never>)) as ReturnType<LoadAll>
  return (keys) =>
    Effect.withFiber((fiber) =>
      cacheIn(fiber.context).perform(Operations.readMany, fiber, {
        keys,
        template,
        requestOf,
        loadAll,
        isPerKey
      }) as Effect.Effect<never>
    )
}

export const call = (key: CacheKey.Any, options: FnOptions): Effect.Effect<unknown, unknown, any> =>
  new Call(key, options)

export const callString = (
  key: string,
  args: ReadonlyArray<unknown>,
  options: StringFnOptions
): Effect.Effect<unknown, unknown, any> => new StringCall(key, options, args)

export const refreshing = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateService(self, Policy.Current, Policy.refreshing)
