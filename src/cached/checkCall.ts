/** Checks the arguments of combinators and cached functions, and throws errors that name the call. */
import * as Effect from "effect/Effect"
import type * as CacheKey from "../CacheKey.ts"
import { optionsOfClass } from "../internal/key/info.ts"
import { isKey } from "../internal/key/isKey.ts"
import { idOf, type Key } from "../internal/key/ofKey.ts"
import { insteadOfEffect, kindOf } from "../internal/options/given.ts"
import {
  checkGiven,
  type Checks,
  inCall,
  mistake,
  namesIn,
  noOption,
  requireObject,
  unknownOf,
  within
} from "../internal/options/options.ts"
import { fallingBack, type Kind, strategiesWith } from "../internal/strategy/kind.ts"
import { checkJitter, validate } from "../internal/strategy/validate.ts"
import type { Strategy } from "../Strategy.ts"
import { toMillis } from "../Ttl.ts"
import { type AnyReadOptions, fallbackOptions, readOptions } from "./options.ts"

const checks: Checks<AnyReadOptions> = { ...readOptions, ...fallbackOptions }
const namesOfRead = Object.keys(readOptions)
const namesOfFallback = Object.keys(fallbackOptions)

export interface CombinatorOptions extends AnyReadOptions {
  readonly key: CacheKey.Any | string
  readonly strategy?: Strategy
}

export interface FnOptions extends AnyReadOptions {
  readonly lookup: (key: never) => Effect.Effect<unknown, unknown, any>
  readonly strategy: Strategy<any, any, any>
}

export interface StringFnOptions extends AnyReadOptions {
  readonly lookup: (...args: ReadonlyArray<unknown>) => Effect.Effect<unknown, unknown, any>
  readonly strategy: Strategy<any, any, any>
}

/** Describes a combinator for its argument checks and error messages. */
export interface Called {
  readonly name: string
  readonly example: string
  readonly known: ReadonlySet<string>
  readonly homeOf: HomeOf
  /** The kind of the strategy, or `undefined` for `Cached.withStrategy`, which takes the strategy as an option. */
  readonly kind: Kind | undefined
}

/** Explains which function or strategy a misplaced option belongs to. Returns `undefined` for an unknown option. */
type HomeOf = (option: string) => string | undefined

export const calledOf = (kind: Kind): Called => ({
  name: `Cached.${kind.name}`,
  example: `{ key: "answer"${kind.options.has("ttl") ? `, ttl: "1 hour"` : ""} }`,
  known: new Set(["key", ...kind.options, ...namesOfRead, ...kind.fallsBack ? namesOfFallback : []]),
  homeOf: homeBesideKinds,
  kind
})

const shared = namesIn(namesOfRead, namesOfFallback, ["strategy"])

export const calledWithStrategy: Called = {
  name: "Cached.withStrategy",
  example: `{ key: "answer", strategy: Strategy.ttl({ ttl: "1 hour" }) }`,
  known: namesIn(["key"], shared),
  homeOf: homeBesideStrategy,
  kind: undefined
}

/** Returns the error if a combinator's options are invalid, else `undefined`. Throws if they are not an object. */
export const mistakeIn = (called: Called, options: unknown): unknown => {
  requireObject(called.name, Effect.isEffect(options) ? undefined : options, called.example)
  try {
    checkOptions(called, options as CombinatorOptions)
    return undefined
  } catch (mistake) {
    return mistake
  }
}

export const checkOptions = ({ example, homeOf, kind, known, name }: Called, options: CombinatorOptions): void => {
  requireObject(name, options, example)
  try {
    refuseUnknown(options, known, homeOf)
    refuseKey(options.key)
    if (kind !== undefined) validate(kind, options as never)
    // `Cached.withStrategy` without a strategy uses the strategy of the layer.
    else if (options.strategy !== undefined) checkStrategy(options.strategy)
    checkGiven(name, options, checks)
  } catch (thrown) {
    throw inCall(withKey(name, options.key), thrown)
  }
}

export const noStrategy = ({ key }: CombinatorOptions): unknown =>
  inCall(
    withKey(calledWithStrategy.name, key),
    mistake(
      `there is no strategy, and the layer has none: pass one, like strategy: ${exampleOfStrategy}, here or to ` +
        "CacheLayer.memory (or disk, files, layerWith)"
    )
  )

export const checkLoad = ({ name }: Called, load: unknown, { key }: CombinatorOptions): void => {
  if (Effect.isEffect(load)) return
  throw mistake(`${withKey(name, key)} needs an effect, not ${insteadOfEffect(load)}`)
}

/** Throws if a combinator's key is invalid. No other check is needed if all other options are known to be valid. */
export const checkKey = ({ name }: Called, { key }: CombinatorOptions): void => {
  if (typeof key === "string") return
  within(name, () => refuseKey(key))
}

const refuseKey = (key: unknown): void => {
  if (typeof key === "string" || isKey(key)) return
  throw mistake(`key cannot be ${kindOf(key)}: pass an instance of a CacheKey class, or a string`)
}

/** Adds the key to a call's name, so that error messages distinguish calls of the same combinator. */
const withKey = (name: string, key: unknown): string => {
  try {
    if (typeof key === "string" || isKey(key)) return `${name} (key "${idOf(key as Key)}")`
  } catch {
    // The key has no id, because one of its fields does not match its schema. A read of the key reports the mistake.
  }
  return name
}

const knownOfStringFn = shared
const knownOfFn = namesIn(shared, ["lookup"])
const knownOfNamedFn = namesIn(optionsOfClass, knownOfFn)
// A resolver takes no `timeout`, because the error type of a request cannot include `LoadTimeout`.
const knownOfResolver = namesIn(Array.from(shared).filter((name) => name !== "timeout"))

/** Throws if the arguments of a function such as `Cached.fn` are invalid. `name` is the name of that function. */
export const checkFn = (name: string, keyClass: CacheKey.AnyClass, options: FnOptions): void => {
  const className: string | undefined = keyClass?.keyName
  if (typeof keyClass !== "function" || className === undefined) {
    throw mistake(`${name} needs a key class: pass a class made with CacheKey.Class as its first argument`)
  }
  const call = `${name}(${className})`
  checkShared(call, options, knownOfFn, "lookup, ")
  checkLookup(call, options)
}

/** Like `checkFn`, for calls with a name as first argument. `define` checks the options of the key class later. */
export const checkNamedFn = (call: string, options: FnOptions): void => {
  checkShared(call, options, knownOfNamedFn, "payload: { id: Schema.Int }, success: Schema.String, lookup, ")
  checkLookup(call, options)
}

export const checkStringFn = (lookup: unknown, options: Omit<StringFnOptions, "lookup">): void => {
  const call = "Cached.fn(() => key)"
  if (typeof lookup !== "function") {
    throw mistake(
      `${call} needs a lookup: pass a function from the same arguments to an effect as its second argument, and ` +
        "the options as its third"
    )
  }
  checkShared(call, options, knownOfStringFn, "")
}

const checkLookup = (call: string, options: { readonly lookup?: unknown }): void => {
  if (typeof options.lookup === "function") return
  throw mistake(`${call} needs a lookup, a function from a key to an effect`)
}

/** Returns the result of the user's key function. Throws if the result is not a string. */
export const stringKey = (key: string): string => {
  if (typeof key === "string") return key
  throw mistake(`The key of Cached.fn(() => key) cannot be ${kindOf(key)}: return a string, or pass a key class`)
}

export const checkResolver = (options: AnyReadOptions): void =>
  checkShared("Cached.resolver", options, knownOfResolver, "")

const checkShared = (
  call: string,
  options: AnyReadOptions & { readonly strategy?: Strategy },
  known: ReadonlySet<string>,
  example: string
): void => {
  requireObject(call, options, `{ ${example}strategy: ${exampleOfStrategy} }`)
  within(call, () => {
    refuseUnknown(options, known, homeBesideStrategy)
    checkStrategy(options.strategy)
    checkGiven(call, options, checks)
  })
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

const exampleOfStrategy = `Strategy.ttl({ ttl: "1 hour" })`

export const checkStrategy = (strategy: Partial<Strategy> | undefined): void => {
  if (strategy === undefined) throw mistake(`there is no strategy: pass one, like strategy: ${exampleOfStrategy}`)
  if (typeof strategy?.decide !== "function" || typeof strategy.lifetime !== "function") {
    throw mistake(
      `strategy cannot be ${typeof strategy === "function" ? "a function" : kindOf(strategy)}: pass one like ` +
        `${exampleOfStrategy}, or an object with decide and lifetime`
    )
  }
  const { jitter, retryAfter, touch } = strategy
  if (touch !== undefined && typeof touch !== "function") {
    throw mistake("touch of the strategy must be a function")
  }
  checkJitter(jitter)
  if (retryAfter !== undefined) toMillis(retryAfter, "retryAfter")
}

const refuseUnknown = (options: object, known: ReadonlySet<string>, homeOf: HomeOf): void => {
  const unknown = unknownOf(options, known)
  if (unknown === undefined) return
  throw mistake(`there is ${noOption(unknown, known, homeOf(unknown))}`)
}

const ownersOf = (option: string): ReadonlyArray<string> =>
  namesOfFallback.includes(option) ? fallingBack : strategiesWith(option)

function homeBesideKinds(option: string): string | undefined {
  if (option === "lookup") return "it belongs to Cached.fn."
  if (option === "strategy") return "it belongs to Cached.withStrategy and Cached.fn."
  const owners = ownersOf(option).map((name) => `Cached.${name}`)
  return owners.length === 0 ? undefined : `it belongs to ${owners.join(", ")}.`
}

function homeBesideStrategy(option: string): string | undefined {
  if (option === "key") return "the payload makes the key."
  if (option === "lookup") return "it belongs to Cached.fn."
  const [owner] = ownersOf(option)
  return owner && `it belongs to the strategy, like strategy: Strategy.${owner}({ ${option}, … }).`
}
