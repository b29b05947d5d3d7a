/** Checks the arguments of combinators and cached functions, and throws errors that name the call. */
import * as Effect from "effect/Effect"
import type * as CacheKey from "../CacheKey.ts"
import { isKey } from "../internal/key/isKey.ts"
import { idOf, type Key } from "../internal/key/ofKey.ts"
import { insteadOfEffect, kindOf as insteadOf } from "../internal/options/given.ts"
import {
  checkGiven,
  type Checks,
  inCall,
  mistake,
  namesIn,
  nearest,
  noOption,
  requireObject,
  unknownOf,
  within
} from "../internal/options/options.ts"
import type { AnyOptions as StrategyOptions, Kind } from "../internal/strategy/kind.ts"
import { strategiesWith, words, wordsOf } from "../internal/strategy/kinds.ts"
import { ofKind } from "../internal/strategy/make.ts"
import { checkJitter, validate } from "../internal/strategy/validate.ts"
import type { Input, Strategy } from "../Strategy.ts"
import { toMillis } from "../Ttl.ts"
import { type AnyReadOptions, fallbackOptions, readOptions } from "./options.ts"

const checks: Checks<AnyReadOptions> = { ...readOptions, ...fallbackOptions }
const namesOfRead = Object.keys(readOptions)
const namesOfFallback = Object.keys(fallbackOptions)

export interface CombinatorOptions extends AnyReadOptions, StrategyOptions {
  readonly strategy?: Input
}

export interface FnOptions extends AnyReadOptions, StrategyOptions {
  readonly strategy?: string | Strategy<any, any, any>
}

/** Describes a combinator for its argument checks and error messages. */
export interface Called {
  readonly name: string
  /** The arguments of a call. */
  readonly example: string
  readonly known: ReadonlySet<string>
  /** The kind of the strategy, or `undefined` for `Cached.withStrategy`, which takes the strategy as an option. */
  readonly kind: Kind | undefined
  /** Whether the options may be left out. */
  readonly isBare: boolean
}

const knownOf = (kind: Kind): ReadonlySet<string> =>
  namesIn(kind.options, namesOfRead, kind.fallsBack ? namesOfFallback : [])

export const calledOf = (kind: Kind): Called => ({
  name: `Cached.${kind.name}`,
  example: `"answer", { ttl: "1 hour" }`,
  known: knownOf(kind),
  kind,
  isBare: kind.name === "untilInvalidated"
})

const shared = namesIn(namesOfRead, namesOfFallback, ["strategy"])

const withStrategy = "Cached.withStrategy"

export const calledWithStrategy: Called = {
  name: withStrategy,
  example: `"answer", { strategy: { ttl: "1 hour" } }`,
  known: shared,
  kind: undefined,
  isBare: true
}

/** Returns the error if a combinator's options are invalid, else `undefined`. Throws if they are not an object. */
export const mistakeIn = (called: Called, key: unknown, options: unknown): unknown => {
  requireForm(called.name, key, options, called.example)
  try {
    checkOptions(called, key, options as CombinatorOptions)
    return undefined
  } catch (mistake) {
    return mistake
  }
}

/** Throws unless the arguments are a key and options. An effect as the key shows that one of them is missing. */
export const requireForm = (name: string, key: unknown, options: unknown, example: string): void =>
  requireObject(name, Effect.isEffect(key) ? undefined : options, `${name}(${example})`)

export const checkOptions = (
  { kind, known, name }: Called,
  key: unknown,
  options: CombinatorOptions
): void => {
  try {
    refuseUnknown(options, known, (option) => homeInCombinator(option, kind))
    refuseKey(key)
    if (kind !== undefined) validate(kind, options)
    // `Cached.withStrategy` without a strategy uses the strategy of the layer.
    else if (options.strategy !== undefined) kindOf(options.strategy)
    checkGiven(name, options, checks)
  } catch (thrown) {
    throw inCall(withKey(name, key), thrown)
  }
}

export const noStrategy = (key: unknown): unknown =>
  inCall(
    withKey(withStrategy, key),
    mistake(
      `there is no strategy, and the layer has none: pass one, like strategy: ${exampleOfStrategy}, here or to ` +
        "CacheLayer.memory (or disk, files, layer)"
    )
  )

export const checkLoad = ({ name }: Called, load: unknown, key: unknown): void => {
  if (Effect.isEffect(load)) return
  throw mistake(`${withKey(name, key)} needs an effect, not ${insteadOfEffect(load)}`)
}

/** Throws if a combinator's key is invalid. No other check is needed if all other options are known to be valid. */
export const checkKey = ({ name }: Pick<Called, "name">, key: unknown): void => {
  if (typeof key === "string") return
  within(name, () => refuseKey(key))
}

const refuseKey = (key: unknown): void => {
  if (typeof key === "string" || isKey(key)) return
  throw mistake(`key cannot be ${insteadOf(key)}: pass an instance of a CacheKey class, or a string`)
}

/** Adds the key to a call's name, so that error messages distinguish calls of the same combinator. */
export const withKey = (name: string, key: unknown): string => {
  try {
    if (typeof key === "string" || isKey(key)) return `${name} (key "${idOf(key as Key)}")`
  } catch {
    // The key has no id, because one of its fields does not match its schema. A read of the key reports the mistake.
  }
  return name
}

/** A call of a function such as `Cached.fn`, for its argument checks and error messages. */
export interface Call {
  readonly name: string
  /** The call before its options, such as `Cached.fn(User, lookup`. */
  readonly before: string
  /** The strategies that the function takes, if not all of them and strategies of one's own. */
  readonly words?: Words
  /** Further options that the caller checks. */
  readonly others?: ReadonlyArray<string>
  /** Read options that the function does not take. */
  readonly without?: ReadonlyArray<string>
}

type Words = { readonly [word: string]: Kind }

/** Checks the options of a function, and returns its strategy. */
export const strategyIn = (call: Call, options: FnOptions): Strategy<any, any, any> => {
  const { before, name, others = [], without = [], words: taken = words } = call
  requireObject(name, options, `${before}, { ttl: "1 hour" })`)
  return within(name, () => {
    const { strategy = "ttl" } = options
    const kind = taken === words && typeof strategy === "object" && isOwn(strategy)
      ? undefined
      : wordIn(taken, strategy)
    const known = Array.from(namesIn(kind === undefined ? shared : knownOf(kind), others, ["strategy"]))
      .filter((option) => !without.includes(option))
    refuseUnknown(options, known, (option) => homeInFunction(option, call, strategy))
    if (kind !== undefined) validate(kind, options)
    checkGiven(name, options, checks)
    return kind === undefined ? strategyOf(strategy as Input) : ofKind(kind, options)
  })
}

const wordIn = (taken: Words, word: unknown): Kind => {
  if (typeof word !== "string") {
    throw mistake(
      `strategy must be the name of a strategy, not ${insteadOf(word)}: its options stand beside the name, like ` +
        "{ strategy: \"softTtl\", ttl, softTtl }"
    )
  }
  if (Object.hasOwn(taken, word)) return taken[word]!
  const names = Object.keys(taken)
  const near = nearest(word, names)
  const hint = near === undefined ? "use" : `did you mean "${near}"? Use`
  const own = taken === words ? ", or a Strategy of your own" : ""
  throw mistake(`there is no strategy "${word}": ${hint} one of ${names.join(", ")}${own}`)
}

/** Whether a strategy is not given by its options, but is the user's own, or invalid. */
const isOwn = (given: Input): given is Strategy =>
  typeof given !== "object" || given === null || "decide" in given || "lifetime" in given

/** The kind that options name; `undefined` for a strategy of a user. Throws if it is neither. */
const kindOf = (given: Input): Kind | undefined => {
  if (isOwn(given)) {
    checkStrategy(given)
    return undefined
  }
  const kind = wordIn(words, given.strategy ?? "ttl")
  refuseUnknown(given, namesIn(kind.options, ["strategy"]), (option) => {
    const owners = strategiesWith(option)
    if (owners.length > 0) return belongsTo(owners)
    return namesOfRead.includes(option)
      ? "options of a read stand beside the strategy, or in `defaults` of a layer."
      : undefined
  })
  validate(kind, given as StrategyOptions)
  return kind
}

/** The strategy of an option, which is an object. Throws if it is not valid. */
export const strategyOf = (given: Input<any, any, any>): Strategy<any, any, any> => {
  const kind = kindOf(given)
  return kind === undefined ? given as Strategy : ofKind(kind, given as StrategyOptions)
}

/** Returns the name of a call in messages. Throws if the arguments before the options are invalid. */
export const checkFn = (name: string, keyClass: CacheKey.AnyClass, lookup: unknown): string => {
  const className: string | undefined = keyClass?.keyName
  if (typeof keyClass !== "function" || className === undefined) {
    throw mistake(
      `${name} needs a key class: pass a class made with CacheKey.Class as its first argument` +
        (name === "Cached.fn" ? ", or a function that returns a key" : "")
    )
  }
  const call = `${name}(${className})`
  checkLookup(call, lookup, className)
  return call
}

const fnToKey = { name: "Cached.fn(() => key)" }

export const checkFnToKey = (lookup: unknown): string => {
  checkLookup(fnToKey.name, lookup, "() => key")
  return fnToKey.name
}

const checkLookup = (call: string, lookup: unknown, key: string): void => {
  if (typeof lookup === "function") return
  const name = call.slice(0, call.indexOf("("))
  throw mistake(
    `${call} needs a lookup, a function to an effect, before its options: pass ${name}(${key}, lookup, { ttl: "1 hour" })`
  )
}

/** Returns the result of the user's key function. Throws if the result is no key. */
export const keyInCall = <K>(key: K): K => {
  // Checked here too, because a hit must not make the closure of the check.
  if (!isKey(key)) checkKey(fnToKey, key)
  return key
}

export const effectOf = (
  key: CacheKey.Any | string,
  answer: Effect.Effect<unknown, unknown, any>
): Effect.Effect<unknown, unknown, any> => {
  if (Effect.isEffect(answer)) return answer
  throw mistake(
    `The lookup of "${typeof key === "string" ? key : key["~class"].name}" must return an effect, not ${
      insteadOfEffect(answer)
    }`
  )
}

const exampleOfStrategy = `{ ttl: "1 hour" }`

const checkStrategy = (strategy: Partial<Strategy>): void => {
  if (typeof strategy?.decide !== "function" || typeof strategy.lifetime !== "function") {
    throw mistake(
      `strategy cannot be ${typeof strategy === "function" ? "a function" : insteadOf(strategy)}: pass one like ` +
        `${exampleOfStrategy}, or an object with decide and lifetime`
    )
  }
  // An object with options beside `decide` looks as if they counted. The fields of a class are its own.
  const names = Object.getPrototypeOf(strategy) === Object.prototype ? Object.keys(strategy) : []
  const stray = names.find((name) => name === "strategy" || (name !== "jitter" && strategiesWith(name).length > 0))
  if (stray !== undefined) {
    throw mistake(`a Strategy of your own takes no "${stray}": it has decide and lifetime`)
  }
  const { jitter, retryAfter, touch } = strategy
  if (touch !== undefined && typeof touch !== "function") {
    throw mistake("touch of the strategy must be a function")
  }
  checkJitter(jitter)
  if (retryAfter !== undefined) toMillis(retryAfter, "retryAfter")
}

const refuseUnknown = (
  options: object,
  known: ReadonlySet<string> | ReadonlyArray<string>,
  homeOf: (option: string) => string | undefined
): void => {
  const unknown = unknownOf(options, known)
  if (unknown === undefined) return
  throw mistake(`there is ${noOption(unknown, known, homeOf(unknown))}`)
}

const ownersOf = (option: string): ReadonlyArray<string> =>
  namesOfFallback.includes(option) ? wordsOf(({ fallsBack }) => fallsBack) : strategiesWith(option)

/** The names that other caches have for the lifetime of a failure. */
const lifetimesOfFailures = new Set(["failureTtl", "errorTtl", "negativeTtl"])

const homeOfAny = (option: string): string | undefined =>
  lifetimesOfFailures.has(option)
    ? "storeFailures names the failures to store, and ttl can be a function: (exit) => exit._tag === \"Success\" ? … : …"
    : undefined

const homeInCombinator = (option: string, kind: Kind | undefined): string | undefined => {
  if (option === "key") return "the key stands before the options."
  if (option === "strategy") return "it belongs to Cached.withStrategy."
  const owners = ownersOf(option)
  if (owners.length === 0) return homeOfAny(option)
  return `it belongs to ${kind === undefined ? "the strategy" : owners.map((name) => `Cached.${name}`).join(", ")}.${
    kind?.hints?.[option] ?? ""
  }`
}

const homeInFunction = (
  option: string,
  { before, words: taken = words }: Call,
  strategy: unknown
): string | undefined => {
  if (option === "key" || option === "lookup") return `it stands before the options: ${before}, { ttl: "1 hour" }).`
  const owners = ownersOf(option).filter((name) => name in taken)
  if (owners.length === 0) return homeOfAny(option)
  return typeof strategy === "string"
    ? belongsTo(owners) + (taken[strategy]!.hints?.[option] ?? "")
    : "it belongs to the strategy."
}

const belongsTo = (owners: ReadonlyArray<string>): string =>
  `it belongs to strategy: ${owners.map((name) => `"${name}"`).join(", ")}.`
