/** The profiles of key classes: their checks, and the lifetimes that they give in place of those of strategies. */
import { checkInherit, type Inherit } from "../cached/options.ts"
import {
  checkAll,
  type Checks,
  mistake,
  nearest,
  noOption,
  optional,
  positiveMillis,
  refuseUnknown,
  within
} from "../internal/options/options.ts"
import { strategiesWith } from "../internal/strategy/kinds.ts"
import { constant, constantOfStrategy, fallsBack } from "../internal/strategy/make.ts"
import { checkJitter } from "../internal/strategy/validate.ts"
import type { Lifetime, Strategy } from "../Strategy.ts"
import type * as Ttl from "../Ttl.ts"

/**
 * Options that replace those of all reads of a key class. Those that are left out stay as the program has them.
 * @category models
 * @since 0.1.0
 */
export interface Profile {
  /** How long an entry is kept. Results that the program does not store stay unstored. @default as in the program */
  readonly ttl?: Ttl.Input | undefined
  /** The soft lifetime, for `softTtl`. It must be below the `ttl`. @default as in the program */
  readonly softTtl?: Ttl.Input | undefined
  /**
   * The age from which reads refresh an entry, for `refreshAhead`. It must be below the `ttl`.
   * @default as in the program
   */
  readonly refreshAfter?: Ttl.Input | undefined
  /**
   * How long an entry is kept without a read, for `sliding`. It may be as long as the `ttl`.
   * @default as in the program
   */
  readonly idle?: Ttl.Input | undefined
  /** The largest share of a lifetime, from 0 to 1, that is subtracted at random. @default as in the program */
  readonly jitter?: number | undefined
  /**
   * How an entry inherits from inputs: `"life"`, `"changes"`, `"age"`, `"refuse"` or `false`.
   * @default as in the program
   */
  readonly inherit?: Inherit | undefined
}

const times = ["ttl", "softTtl", "refreshAfter", "idle"] as const

type Time = typeof times[number]

const time = (name: Time) => optional((given: Ttl.Input, of: string) => void positiveMillis(`${name} of ${of}`, given))

const checks: Checks<Profile> = {
  ttl: time("ttl"),
  softTtl: time("softTtl"),
  refreshAfter: time("refreshAfter"),
  idle: time("idle"),
  jitter: optional((jitter) => void checkJitter(jitter)),
  inherit: optional((inherit, of) => checkInherit(inherit, `inherit of ${of}`))
}

/** A checked profile. It never changes: a class that gets another profile gets another object. */
export interface Active {
  readonly name: string
  readonly given: Profile
  readonly millis: { readonly [Name in Time]: number | undefined }
  readonly isEmpty: boolean
  readonly hasTimes: boolean
  /** The plan of the last read. Most classes have one strategy. */
  last: Plan | undefined
  /** The strategies of streams under this profile, by those of the program. */
  readonly strategies: WeakMap<object, Strategy<any, any, any>>
}

/** A strategy of reads, as far as profiles need to know it. */
interface Strategic {
  readonly strategy: string
  readonly isBuiltIn: boolean
  /** Stands for the constant lifetime of the strategy. `undefined` if the lifetime depends on results. */
  readonly constant: unknown
  readonly own: Lifetime | undefined
}

/** The effect of a profile on one strategy. */
export interface Plan extends Strategic {
  /** The lifetime in place of the constant one. `undefined` if there is none, or the profile leaves it as it is. */
  readonly lifetime: ProfileLifetime | undefined
}

/** A class of the program, with the profile that counts now. */
export interface Classed {
  readonly name: string
  active: Active
  /** The strategies of its reads so far, against which a new profile is checked. */
  readonly seen: Array<Strategic>
}

/** A constant lifetime that a profile has set. Equal lifetimes count as one, however often profiles change. */
class ProfileLifetime implements Lifetime {
  readonly softTtl: number
  readonly ttl: number

  constructor({ softTtl, ttl }: Lifetime) {
    this.softTtl = softTtl
    this.ttl = ttl
  }

  is(other: unknown): boolean {
    return other === this ||
      other instanceof ProfileLifetime && other.ttl === this.ttl && other.softTtl === this.softTtl
  }
}

/** Checks a profile, as far as that needs no strategy. Throws a `CacheConfigError`. */
export const check = (name: string, profile: Profile): Active => {
  const what = `the profile of "${name}"`
  refuseUnknown(what, profile, Object.keys(checks), {
    serializer: "it is an option of CacheProfiles.layer alone, because it cannot change while the program runs."
  })
  // A copy, because the caller may change the object after the check.
  const given = { ...profile }
  checkAll(what, given, checks)
  const millisOf = (time: Time): number | undefined =>
    given[time] === undefined ? undefined : positiveMillis(time, given[time])
  const millis = {
    ttl: millisOf("ttl"),
    softTtl: millisOf("softTtl"),
    refreshAfter: millisOf("refreshAfter"),
    idle: millisOf("idle")
  }
  for (const time of times) if (time !== "ttl") within(what, () => refuseLate(time, millis[time], millis.ttl))
  const named = Object.values(given).filter((value) => value !== undefined)
  return {
    name,
    given,
    millis,
    isEmpty: named.length === 0,
    hasTimes: times.some((time) => given[time] !== undefined),
    last: undefined,
    strategies: new WeakMap()
  }
}

const refuseLate = (name: Time, soft: number | undefined, ttl: number | undefined): void => {
  if (soft === undefined || ttl === undefined || soft < ttl || (name === "idle" && soft === ttl)) return
  const relation = soft > ttl ? "is longer than" : "is as long as"
  throw mistake(`${name} (${soft} ms) ${relation} ttl (${ttl} ms): shorten ${name}, or lengthen ttl`)
}

/** The option of a strategy, besides `ttl`, that is a duration. */
const besideOf: { readonly [strategy: string]: Exclude<Time, "ttl"> } = {
  softTtl: "softTtl",
  refreshAhead: "refreshAfter",
  sliding: "idle"
}

/** Throws a `CacheConfigError` if a profile has a value for which the strategy has no option. */
const refuseUnfit = ({ given, name }: Active, { isBuiltIn, strategy }: Strategic): void => {
  const beside = besideOf[strategy]
  const known = (["ttl", ...beside === undefined ? [] : [beside], "jitter"] as const)
    .filter((option) => isBuiltIn ? strategiesWith(option).includes(strategy) : option === "jitter")
  for (const option of [...times, "jitter"] as const) {
    if (given[option] === undefined || known.some((one) => one === option)) continue
    throw mistake(`${unfit(name, strategy, isBuiltIn)}: it has ${noOption(option, [...known, "inherit"])}`)
  }
}

const unfit = (name: string, strategy: string, isBuiltIn: boolean): string =>
  `The profile of "${name}" does not fit ${
    isBuiltIn ? `strategy: "${strategy}"` : `the strategy "${strategy}"`
  } of its reads`

/** The lifetime that a profile makes of a strategy's lifetime. */
export const replaced = ({ millis }: Active, strategy: string, own: Lifetime): Lifetime => {
  const beside = besideOf[strategy]
  // The entry of a sliding strategy has its end as the soft deadline, and `idle` as the hard one.
  const isSliding = beside === "idle"
  const { ttl = isSliding ? own.softTtl : own.ttl } = millis
  if (beside === undefined) return { softTtl: ttl, ttl }
  const soft = Math.min(millis[beside] ?? (isSliding ? own.ttl : own.softTtl), ttl)
  return isSliding ? { softTtl: ttl, ttl: soft } : { softTtl: soft, ttl }
}

/** The plan for a strategy. Throws a `CacheConfigError` if the profile does not fit it. */
export const plan = (active: Active, of: Strategic): Plan => {
  refuseUnfit(active, of)
  const { isBuiltIn, own, strategy } = of
  if (own === undefined || !active.hasTimes) return { ...of, lifetime: undefined }
  const beside = besideOf[strategy]
  const { millis, name } = active
  if (beside !== undefined) {
    const [soft, ttl] = beside === "idle" ? [own.ttl, own.softTtl] : [own.softTtl, own.ttl]
    within(
      unfit(name, strategy, isBuiltIn),
      () => refuseLate(beside, millis[beside] ?? soft, millis.ttl ?? ttl)
    )
  }
  return { ...of, lifetime: new ProfileLifetime(replaced(active, strategy, own)) }
}

/** The most strategies of a class against which a new profile is checked. A program rarely has more than two. */
const mostSeen = 16

/** The plan of a class for a strategy, which is noted. */
export const planFor = (classed: Classed, of: Strategic): Plan => {
  const { active, seen } = classed
  const planned = plan(active, of)
  const isSeen = seen.some(({ isBuiltIn, own, strategy }) =>
    strategy === of.strategy && isBuiltIn === of.isBuiltIn && own?.ttl === of.own?.ttl &&
    own?.softTtl === of.own?.softTtl
  )
  if (!isSeen && seen.length < mostSeen) seen.push(of)
  return planned
}

export const isBuiltIn = (strategy: Strategy<any, any, any>): boolean => fallsBack in strategy

/** The strategy of a stream under a profile. It stays one object, because entries remember which one has made them. */
export const strategyUnder = (classed: Classed, strategy: Strategy<any, any, any>): Strategy<any, any, any> => {
  const { active } = classed
  const known = active.strategies.get(strategy)
  if (known !== undefined) return known
  const own = constantOfStrategy(strategy)
  const { lifetime } = planFor(classed, {
    strategy: strategy.name,
    isBuiltIn: isBuiltIn(strategy),
    constant: own,
    own
  })
  const made: Strategy<any, any, any> = active.isEmpty ? strategy : Object.defineProperties({}, {
    ...Object.getOwnPropertyDescriptors(strategy),
    jitter: { value: active.given.jitter ?? strategy.jitter },
    lifetime: {
      value: ((exit, key) => {
        const given = strategy.lifetime(exit, key)
        return given === "skip" ? given : lifetime ?? replaced(active, strategy.name, given)
      }) satisfies Strategy["lifetime"]
    },
    [constant]: { value: lifetime ?? own }
  }) as Strategy<any, any, any>
  active.strategies.set(strategy, made)
  return made
}

/** The classes of the program, by their names. */
export type Classes = ReadonlyMap<string, Classed>

export const classNamed = (what: string, classes: Classes, name: string): Classed => {
  const known = classes.get(name)
  if (known !== undefined) return known
  const names = Array.from(classes.keys())
  const near = nearest(name, names)
  throw mistake(
    `${what} has no class "${name}": ${near === undefined ? "use" : `did you mean "${near}"? Use`} one of ${
      names.join(", ")
    }`
  )
}
