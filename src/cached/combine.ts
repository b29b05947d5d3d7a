/**
 * How combinators and cached functions become requests to the engine. In here the types of users end: `combinators.ts`,
 * `functions.ts` and `bulk.ts` declare them, and the engine needs a `Request`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import { CacheConfigError } from "../CacheError.ts"
import * as CacheKey from "../CacheKey.ts"
import { Caching } from "../Caching.ts"
import { cacheOf } from "../internal/engine/cache.ts"
import type { Batch, LoadAll } from "../internal/engine/flight/batch.ts"
import * as Policy from "../internal/engine/flight/callPolicy.ts"
import type { Request } from "../internal/engine/flight/request.ts"
import { checkGiven, type Checks, refuseUnknown } from "../internal/options.ts"
import {
  checkJitter,
  constant,
  constantOf,
  isConstant,
  type Kind,
  type Lifetime,
  lifetimeOf,
  servesFresh,
  type Strategy,
  validate
} from "../Strategy.ts"
import { toMillis } from "../Ttl.ts"
import { type AnyReadOptions, fallbackOptions, readOptions } from "./options.ts"

const checks: Checks<AnyReadOptions> = { ...readOptions, ...fallbackOptions }
const namesOfRead = Object.keys(readOptions)
const namesOfFallback = Object.keys(fallbackOptions)

interface CombinatorOptions extends AnyReadOptions {
  readonly key: CacheKey.Any | string
  readonly strategy?: Strategy
}

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
    return cacheOf(Context.get(fiber.context as Context.Context<Caching>, Caching)).read(fiber, this)
  }
})

/** What all effects of one combinator share. */
interface Combinator {
  readonly kind: Kind<any>
  readonly known: ReadonlySet<string>
  // of the kind, for hits: kinds have many shapes, and combinators have one
  readonly deadlinesOnly: boolean
  readonly servesFresh: boolean
  readonly slides: boolean
  readonly beside: keyof CombinatorOptions | undefined
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
const effectClass = (parts: PropertyDescriptorMap): EffectClass => {
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
  Object.setPrototypeOf(CachedEffect.prototype, EffectPrototype)
  Object.defineProperties(CachedEffect.prototype, parts)
  return CachedEffect as never
}

const dual = (make: EffectClass, combinator?: Combinator): never =>
  // `arguments` of a closure per call would cost more than the whole hit
  ((first: unknown, second?: unknown): unknown =>
    second === undefined
      ? (self: unknown) => new make(combinator, self, first as CombinatorOptions, (first as CombinatorOptions).key)
      : new make(combinator, first, second as CombinatorOptions, (second as CombinatorOptions).key)) as never

/** One class for all kinds: the engine then sees one shape, and V8 inlines these members. */
const Timed = effectClass({
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
      const { kind, known } = this.combinator
      validate(kind, this.options as never, known)
      validateRead(kind.name, this.options)
    }
  }
})

interface TimeOptions {
  readonly ttl?: unknown
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

export const combinator = (kind: Kind<any>): never => {
  const known = new Set(["key", ...kind.options, ...namesOfRead, ...kind.fallsBack ? namesOfFallback : []])
  const { beside, deadlinesOnly, servesFresh, touch } = kind
  return dual(Timed, {
    kind,
    known,
    deadlinesOnly,
    servesFresh,
    slides: touch !== undefined,
    beside: beside as keyof CombinatorOptions | undefined
  })
}

const shared = [...namesOfRead, ...namesOfFallback, "strategy"]
const knownWithStrategy = new Set(["key", ...shared])

const delegating: PropertyDescriptorMap = {
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

const WithStrategy = effectClass({
  ...delegating,
  validate: {
    value(this: CachedEffect) {
      validateStrategy("withStrategy", this.options.strategy)
      refuseUnknown("withStrategy", this.options, knownWithStrategy)
      validateRead("withStrategy", this.options)
    }
  }
})

interface OfLayer extends Effect.Effect<unknown, unknown, any> {
  readonly load: Effect.Effect<unknown, unknown, any>
  readonly options: CombinatorOptions
  /** the request to the cache that it asked last */
  request: CachedEffect | undefined
}

/** An effect whose strategy its layer says: to each cache it is a request of its own. */
const OfLayer = function(this: OfLayer, load: OfLayer["load"], options: CombinatorOptions) {
  Object.assign(this, { load, options, request: undefined })
} as unknown as new(load: unknown, options: CombinatorOptions) => OfLayer
Object.defineProperty(OfLayer, "prototype", {
  value: Effectable.Prototype<OfLayer>({
    label: "Cached",
    evaluate(fiber) {
      const cache = cacheOf(Context.get(fiber.context as Context.Context<Caching>, Caching))
      const { strategy } = cache
      if (strategy === undefined) return Effect.die(noStrategy())
      const { load, options, request } = this
      return cache.read(
        fiber,
        request?.options.strategy === strategy
          ? request
          : this.request = new WithStrategy(undefined, load, { ...options, strategy }, options.key)
      )
    }
  })
})

const noStrategy = (): CacheConfigError =>
  new CacheConfigError({
    message: "Cached.withStrategy got no strategy, and its layer has none: pass one here, or to the layer, like " +
      `CacheLayer.memory({ strategy: Strategy.ttl({ ttl: "10m" }) })`
  })

const makeWithStrategy = (load: unknown, options: CombinatorOptions): CachedEffect | OfLayer =>
  options.strategy === undefined
    ? new OfLayer(load, options)
    : new WithStrategy(undefined, load, options, options.key)

export const withStrategy = ((first: unknown, second?: unknown): unknown =>
  second === undefined
    ? (self: unknown) => makeWithStrategy(self, first as CombinatorOptions)
    : makeWithStrategy(first, second as CombinatorOptions)) as never

const validateRead = (name: string, options: CombinatorOptions): void => {
  const { key } = options
  if (typeof key !== "string" && !CacheKey.isCacheKey(key)) {
    throw new CacheConfigError({
      message: `The key of ${name} cannot be used: pass an instance of a CacheKey class, or a string`
    })
  }
  validateRest(name, options)
}

const validateRest = (name: string, options: AnyReadOptions): void => {
  checkGiven(name, options, checks)
}

export const validateStrategy = (name: string, strategy: Partial<Strategy> | undefined): void => {
  if (typeof strategy?.decide !== "function" || typeof strategy.lifetime !== "function") {
    throw new CacheConfigError({
      message: `The strategy of ${name} cannot be used: pass one of Strategy, or an object with decide and lifetime`
    })
  }
  const { jitter, retryAfter, touch } = strategy
  if (touch !== undefined && typeof touch !== "function") {
    throw new CacheConfigError({ message: `The touch of the strategy of ${name} is no function: pass one, or none` })
  }
  checkJitter(jitter)
  if (retryAfter !== undefined) toMillis(retryAfter, "retryAfter")
}

/** What `Cached.fn` takes, without its types. */
export interface FnOptions extends AnyReadOptions {
  readonly lookup: (key: never) => Effect.Effect<unknown, unknown, any>
  readonly strategy: Strategy<any, any, any>
}

const knownOfFn = new Set([...shared, "lookup"])
// the types of a request have no room for a `LoadTimeout`
const knownOfResolver = new Set(shared.filter((name) => name !== "timeout"))

export const validateFn = (keyClass: CacheKey.AnyClass, options: FnOptions): void => {
  const name: string | undefined = keyClass?.keyName
  if (typeof keyClass !== "function" || name === undefined) {
    throw new CacheConfigError({
      message: "A cached function got no key class: pass a class made with CacheKey.Class as its first argument"
    })
  }
  validateShared(name, options, knownOfFn)
  if (typeof options.lookup !== "function") {
    throw new CacheConfigError({ message: `The lookup of ${name} is no function: pass one that gives an effect` })
  }
}

export const validateResolver = (options: AnyReadOptions): void => validateShared("resolver", options, knownOfResolver)

const validateShared = (
  name: string,
  options: AnyReadOptions & { readonly strategy?: Strategy },
  known: ReadonlySet<string>
): void => {
  validateStrategy(name, options?.strategy)
  refuseUnknown(name, options, known)
  validateRest(name, options)
}

interface Call extends Request {
  readonly key: CacheKey.Any
  readonly options: FnOptions
}

/** A call of a cached function. A hit does not call its lookup. */
const Call = function(this: { key: unknown; options: unknown; rules: unknown }, key: unknown, options: unknown) {
  this.key = key
  this.options = options
  this.rules = undefined
} as unknown as new(key: CacheKey.Any, options: FnOptions) => Call
Object.defineProperty(Call, "prototype", {
  value: Object.create(EffectPrototype, {
    ...delegating,
    load: {
      get(this: Call) {
        return Effect.suspend(() => this.options.lookup(this.key as never))
      }
    },
    validate: { value: () => {} }
  })
})

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
const BatchCall = function(
  this: { key: unknown; options: unknown; batch: unknown; rules: unknown },
  key: unknown,
  options: unknown,
  batch: unknown
) {
  this.key = key
  this.options = options
  this.batch = batch
  this.rules = undefined
} as unknown as new(key: unknown, options: ManyOptions, batch: Batch | undefined) => Request
Object.defineProperty(BatchCall, "prototype", {
  value: Object.create(EffectPrototype, {
    ...delegating,
    load: {
      get(this: Request) {
        return this.batch!.load(this.key)
      }
    },
    validate: { value: () => {} }
  })
})

/** A read of many keys, each once. */
export const callMany = (options: ManyOptions): (keys: ReadonlyArray<CacheKey.Any>) => Effect.Effect<never> => {
  const template = new BatchCall(undefined, options, undefined)
  const requestOf = (key: unknown, batch: Batch) => new BatchCall(key, options, batch)
  const { isPerKey = false } = options
  const loadAll: LoadAll = (keys) => options.lookup(keys as ReadonlyArray<never>)
  return (keys) =>
    Effect.withFiber((fiber) =>
      cacheOf(Context.get(fiber.context as Context.Context<Caching>, Caching))
        .readMany(fiber, { keys, template, requestOf, loadAll, isPerKey }) as Effect.Effect<never>
    )
}

export const call = (key: CacheKey.Any, options: FnOptions): Effect.Effect<unknown, unknown, any> =>
  new Call(key, options)

export const refreshing = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateService(self, Policy.Current, Policy.refreshing)
