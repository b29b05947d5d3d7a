/** A cache whose reads follow profiles: each read of a key class has the profile that counts when it begins. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { cacheOfFiber } from "../cached/withCaching.ts"
import { CacheConfigError } from "../CacheError.ts"
import type { Cache, Operation } from "../internal/engine/boundCache.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import type { Request } from "../internal/engine/state.ts"
import { codecsOf } from "../internal/engine/storeTier/codec.ts"
import type { KeyInfo } from "../internal/key/info.ts"
import { infoOf, type Key } from "../internal/key/ofKey.ts"
import { ofEffects } from "../internal/ofEffects.ts"
import { mistake } from "../internal/options/options.ts"
import { fallsBack } from "../internal/strategy/make.ts"
import type { Serializer } from "../Serializer.ts"
import type { Lifetime, Strategy } from "../Strategy.ts"
import * as Profiles from "./profiles.ts"
import { type Group, manyOf } from "./routedCache.ts"

/** A request under a profile. Like a cached effect, it is also its own strategy. */
class Parts {
  readonly of: Request
  readonly active: Profiles.Active
  readonly plan: Profiles.Plan
  readonly key: Request["key"]
  readonly copy: Request["copy"]
  rules: Request["rules"]
  /** The options with those of the profile, once they are needed. */
  given: Request["options"] | undefined

  constructor(of: Request, active: Profiles.Active, plan: Profiles.Plan) {
    this.of = of
    this.active = active
    this.plan = plan
    this.key = of.key
    this.copy = of.copy
    this.rules = undefined
    this.given = undefined
  }

  get load(): Request["load"] {
    return this.of.load
  }

  get strategy(): Strategy<any, any, any> {
    return this as unknown as Strategy<any, any, any>
  }

  get options(): Request["options"] {
    const { active: { given: { inherit } }, of } = this
    if (inherit === undefined) return of.options
    return this.given ??= Object.create(of.options, { inherit: { value: inherit, enumerable: true } })
  }

  get deadlinesOnly(): boolean {
    return this.of.deadlinesOnly
  }

  get servesFresh(): boolean {
    return this.of.servesFresh
  }

  get slides(): boolean {
    return this.of.slides
  }

  get refreshLoad(): Request["refreshLoad"] {
    return this.of.refreshLoad
  }

  get constant(): unknown {
    return this.plan.lifetime ?? this.of.constant
  }

  isConstant(constant: unknown): boolean {
    const { lifetime } = this.plan
    return lifetime === undefined ? this.of.isConstant(constant) : lifetime.is(constant)
  }

  constantLifetime(): Lifetime {
    return this.plan.lifetime ?? this.of.constantLifetime()
  }

  get isProfiled(): boolean {
    return true
  }

  get batch(): Request["batch"] {
    return this.of.batch
  }

  get isAgain(): boolean | undefined {
    return this.of.isAgain
  }

  validate(): boolean {
    const { given } = this.active
    return this.of.validate() || given.inherit !== undefined || given.jitter !== undefined
  }

  get name(): string {
    return this.of.strategy.name
  }

  get [fallsBack](): unknown {
    return (this.of.strategy as { readonly [fallsBack]?: boolean })[fallsBack]
  }

  get countsReads(): boolean | undefined {
    return this.of.strategy.countsReads
  }

  get retryAfter(): Strategy["retryAfter"] {
    return this.of.strategy.retryAfter
  }

  get jitter(): number | undefined {
    return this.active.given.jitter ?? this.of.strategy.jitter
  }

  decide(...args: Parameters<Strategy<any>["decide"]>): ReturnType<Strategy["decide"]> {
    return this.of.strategy.decide(...args)
  }

  touch(entry: Parameters<NonNullable<Strategy["touch"]>>[0], now: number): number {
    const { millis: { idle } } = this.active
    return idle === undefined
      ? this.of.strategy.touch!(entry, now)
      : Math.max(entry.expiresAt, Math.min(now + idle, entry.softExpiresAt))
  }

  lifetime(exit: never, key: unknown): Lifetime | "skip" {
    const { active, of: { strategy }, plan: { lifetime } } = this
    const own = strategy.lifetime(exit, key)
    return own === "skip" || !active.hasTimes ? own : lifetime ?? Profiles.replaced(active, strategy.name, own)
  }
}

const Profiled = ofEffects(Parts, {
  label: "Profiled",
  evaluate(fiber) {
    return cacheOfFiber(fiber).read(fiber, this as unknown as Request)
  }
})

const classOf = (classes: Profiles.Classes, key: Key): Profiles.Classed | undefined =>
  typeof key === "string" ? undefined : classes.get(infoOf(key)?.name as string)

/** Keeps a request that is read again as it was: it belongs to a read that has begun. */
const under = <A, E>(classed: Profiles.Classed | undefined, request: Request<A, E>): Request<A, E> => {
  if (classed === undefined || request instanceof Profiled) return request
  const { active } = classed
  const { constant, strategy } = request
  const { last } = active
  const isLast = last !== undefined && last.strategy === strategy.name &&
    (last.constant === undefined ? constant === undefined : request.isConstant(last.constant))
  const plan = isLast ? last : active.last = Profiles.planFor(classed, {
    strategy: strategy.name,
    isBuiltIn: Profiles.isBuiltIn(strategy),
    constant,
    own: constant === undefined ? undefined : request.constantLifetime()
  })
  return active.isEmpty ? request : new Profiled(request, active, plan) as unknown as Request<A, E>
}

export const make = (inner: Cache, classes: Profiles.Classes): Cache => {
  const { beside, inside, prepared } = inner
  const cache: Cache = {
    ...inner,
    read: (fiber, request) => inner.read(fiber, under(classOf(classes, request.key), request)),
    perform: (operation, ...args) => {
      const own = operations.get(operation)
      return (own === undefined ? inner.perform(operation, ...args) : own(classes, inner, ...args)) as never
    },
    prepared: (request) => under(classOf(classes, request.key), prepared === undefined ? request : prepared(request)),
    beside: beside === undefined ? undefined : (other) => {
      const used = beside(other)
      return used === inner ? cache : used
    },
    inside: (transaction) => make(inside === undefined ? transaction : inside(transaction), classes)
  }
  return cache
}

const noProfiles = () =>
  mistake("The cache has no profiles: give it some with CacheProfiles.layer or CacheConfig.profiles")

/** In a cache made of several, the profile of a class belongs to the cache that has its entries. */
const keyOf = (name: string): Key => ({ "~class": { name } }) as unknown as Key

export const set: Operation<[name: string, profile: Profiles.Profile], Effect.Effect<void, CacheConfigError>> = {
  over: () => Effect.fail(noProfiles()),
  without: () => Effect.fail(noProfiles()),
  keyOf
}

/** Whether a class may have a profile. */
const has: Operation<[name: string], boolean> = { over: () => false, without: () => false, keyOf }

type Given = { readonly [name: string]: Profiles.Profile }

export const current: Operation<[], Given> = {
  over: () => ({}),
  without: () => ({}),
  joined: (all: ReadonlyArray<Given>) => Object.assign({}, ...all)
}

/** Encodes the values of a class with another serializer than that of the cache or of the class. */
export const serialize: Operation<[info: KeyInfo, serializer: Serializer], boolean> = {
  over: ({ storeTier: tier }, info, serializer) => {
    if (tier === undefined) return false
    const other: KeyInfo = Object.create(info, { serializer: { value: serializer } })
    tier.codecs.set(info, codecsOf(tier, { "~class": other } as never))
    return true
  },
  without: () => false,
  joined: (all: ReadonlyArray<boolean>) => all.includes(true)
}

interface OfClass extends Group<Key> {
  readonly classed: Profiles.Classed | undefined
}

/** The keys of a bulk call by their classes, each with the profile that it has now. Only resolvers mix classes. */
const byClass = (classes: Profiles.Classes, cache: Cache, keys: ReadonlyArray<Key>): ReadonlyArray<OfClass> => {
  const groups = new Map<Profiles.Classed | undefined, OfClass>()
  const [first] = keys
  const now = (classed: Profiles.Classed | undefined) => classed && { ...classed }
  if (keys.every((key) => classOf(classes, key) === classOf(classes, first!))) {
    return [{ cache, classed: now(classOf(classes, first ?? "")), items: Array.from(keys), places: [] }]
  }
  for (const [place, key] of keys.entries()) {
    const classed = classOf(classes, key)
    const group = groups.get(classed) ?? { cache, classed: now(classed), items: [], places: [] }
    groups.set(classed, group)
    group.items.push(key)
    group.places.push(place)
  }
  return Array.from(groups.values())
}

type Own = (classes: Profiles.Classes, inner: Cache, ...args: ReadonlyArray<any>) => unknown

const on = <Args extends ReadonlyArray<any>, A>(
  operation: Operation<Args, A>,
  own: (classes: Profiles.Classes, inner: Cache, ...args: Args) => A
): readonly [Operation<any, any>, Own] => [operation, own as Own]

const operations = new Map<Operation<any, any>, Own>([
  on(
    Operations.readMany,
    (classes, inner, _, many) =>
      manyOf(
        byClass(classes, inner, many.keys),
        ({ classed, items }) =>
          Effect.withFiber((fiber: Fiber.Fiber<any, any>) =>
            inner.perform(Operations.readMany, fiber, {
              ...many,
              keys: items,
              template: under(classed, many.template),
              requestOf: (key, batch) => under(classed, many.requestOf(key, batch))
            })
          )
      )
  ),
  on(Operations.stream, (classes, inner, streaming) => {
    const classed = classOf(classes, streaming.key)
    if (classed === undefined) return inner.perform(Operations.stream, streaming)
    const { inherit } = classed.active.given
    return inner.perform(Operations.stream, {
      ...streaming,
      strategy: Profiles.strategyUnder(classed, streaming.strategy),
      options: inherit === undefined ? streaming.options : { ...streaming.options, inherit }
    })
  }),
  on(has, (classes, inner, name) => classes.has(name) || inner.perform(has, name)),
  on(set, (classes, inner, name, profile) =>
    Effect.suspend(() => {
      // Another layer of profiles within this one may have other classes.
      if (!classes.has(name) && inner.perform(has, name)) return inner.perform(set, name, profile)
      try {
        const classed = Profiles.classNamed("CacheProfiles.set", classes, name)
        const active = Profiles.check(name, profile)
        for (const strategy of classed.seen) Profiles.plan(active, strategy)
        classed.active = active
        return Effect.void
      } catch (thrown) {
        return thrown instanceof CacheConfigError ? Effect.fail(thrown) : Effect.die(thrown)
      }
    })),
  on(current, (classes, inner) => ({
    ...inner.perform(current),
    ...Object.fromEntries(
      Array.from(classes.values()).flatMap(({ active: { given, isEmpty, name } }) => isEmpty ? [] : [[name, given]])
    )
  }))
])
