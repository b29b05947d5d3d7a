/** Makes a strategy from a kind and its options. */
import type { Lifetime, Strategy } from "../../ports/strategy.ts"
import { mistake, nearest, noOption, requireObject, unknownOf, within } from "../options/options.ts"
import { type AnyOptions, type Kind, strategiesWith } from "./kind.ts"
import { constantOf, isConstant, lifetimeOf } from "./lifetime.ts"
import { validate } from "./validate.ts"

export const servesFresh = "~servesFresh"

export const fallsBack = "~fallsBack"

export const constant = "~constant"

/** The lifetime that a strategy gives every value, or `undefined` if it depends on the value. */
export const constantOfStrategy = (strategy: Strategy<any, any, any>): Lifetime | undefined =>
  (strategy as { readonly [constant]?: Lifetime })[constant]

export const make = (kind: Kind, options: AnyOptions): Strategy<any, any, any> => {
  checkOptions(kind, options)
  return ofKind(kind, options)
}

/** Makes a strategy from checked options, which may contain those of a read. */
export const ofKind = (kind: Kind, options: AnyOptions): Strategy<any, any, any> => {
  const strategy: Strategy<any, any, any> = {
    name: kind.name,
    jitter: options.jitter,
    retryAfter: kind.retryAfter,
    countsReads: kind.countsReads,
    touch: kind.touch && ((entry, now) => kind.touch!(options, entry, now)),
    decide: (entry, now, random) => kind.decide(options, entry, now, random),
    lifetime: (exit, key) => lifetimeOf(kind, options, exit, key)
  }
  // The properties are not enumerable, so that a strategy made by spreading this one does not get them.
  return Object.defineProperties(strategy, {
    [servesFresh]: { value: kind.servesFresh },
    [fallsBack]: { value: kind.fallsBack },
    [constant]: { value: isConstant(kind, options) ? constantOf(kind, options) : undefined }
  })
}

const checkOptions = (kind: Kind, options: AnyOptions): void => {
  const call = `Strategy.${kind.name}`
  requireObject(call, options, "{ ttl: \"1 hour\" }")
  const unknown = unknownOf(options, kind.options)
  if (unknown !== undefined) throw mistake(`${call} has ${noOption(unknown, kind.options, homeOf(unknown, kind))}`)
  within(call, () => validate(kind, options))
}

const homeOf = (option: string, { options }: Kind): string | undefined => {
  const [owner] = strategiesWith(option)
  if (owner !== undefined) return `it belongs to Strategy.${owner}.`
  if (nearest(option, Array.from(options)) !== undefined) return undefined
  return "options of a read stand beside the strategy, in Cached.fn or the combinator."
}
