/** Makes a strategy from a kind and its options. */
import type { Lifetime, Strategy } from "../../ports/strategy.ts"
import type { AnyOptions, Kind } from "./kind.ts"
import { constantOf, isConstant, lifetimeOf } from "./lifetime.ts"

export const servesFresh = "~servesFresh"

export const fallsBack = "~fallsBack"

export const constant = "~constant"

/** The lifetime that a strategy gives every value, or `undefined` if it depends on the value. */
export const constantOfStrategy = (strategy: Strategy<any, any, any>): Lifetime | undefined =>
  (strategy as { readonly [constant]?: Lifetime })[constant]

const mostConstants = 1000

const constants = new Map<string, Lifetime>()

/** The constant of strategies with equal lifetimes is one object: functions with equal options share their entries. */
const sharedConstant = (kind: Kind, options: AnyOptions): Lifetime => {
  const made = constantOf(kind, options)
  const name = `${kind.name} ${made.softTtl} ${made.ttl}`
  const known = constants.get(name)
  if (known !== undefined) return known
  if (constants.size >= mostConstants) constants.clear()
  constants.set(name, made)
  return made
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
    [constant]: { value: isConstant(kind, options) ? sharedConstant(kind, options) : undefined }
  })
}
