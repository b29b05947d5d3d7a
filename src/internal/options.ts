/** Checks of options. */
import { CacheConfigError } from "../CacheError.ts"

/** Throws for options that are missing, or are no object. */
export const requireObject = (what: string, options: unknown): void => {
  if (typeof options === "object" && options !== null && !Array.isArray(options)) return
  throw new CacheConfigError({ message: `${what} got no options: pass an object` })
}

/** Throws for the first option that is not in `known`: a misspelt option must not be ignored in silence. */
export const refuseUnknown = (
  what: string,
  options: object,
  known: ReadonlySet<string> | ReadonlyArray<string>
): void => {
  requireObject(what, options)
  const isKnown = known instanceof Set ? known : new Set(known)
  for (const option in options) {
    if (isKnown.has(option) || !Object.hasOwn(options, option)) continue
    throw new CacheConfigError({
      message: `${what} has no option "${option}": it knows ${Array.from(known).join(", ")}`
    })
  }
}

/** Whether a value is a list of strings: a string alone is none, though it has letters. */
export const isListOfText = (value: unknown): value is ReadonlyArray<string> =>
  Array.isArray(value) && value.every((one) => typeof one === "string")

/** Throws a `CacheConfigError` for a wrong value of an option; `of` names the function or layer that was given it. */
type Check<A> = (given: A, of: string) => void

/** A check for each option of a type: an option without its check does not compile, nor a check without its option. */
export type Checks<O> = { readonly [Name in keyof O]-?: Check<O[Name]> }

/** A check that accepts a missing option. */
export const optional = <A>(check: Check<A>): Check<A | undefined> => (given, of) => {
  if (given !== undefined) check(given, of)
}

/** Checks all options of one list. */
export const checkAll = <O extends object>(of: string, options: O, checks: Checks<O>): void => {
  for (const name of Object.keys(checks) as Array<keyof O>) checks[name](options[name], of)
}

/** As `checkAll`, of a list that may be missing: only what is given is looked at, because every miss is checked. */
export const checkGiven = <O extends object>(
  of: string,
  options: O,
  checks: { readonly [Name in keyof O]?: Check<O[Name]> }
): void => {
  // own checks only: every object has a `constructor`, and some programs add to `Object.prototype`
  for (const name in options) if (Object.hasOwn(checks, name)) checks[name]!(options[name], of)
}

/** As `checkAll`, where the list is all that may be given. */
export const checkOptions = <O extends object>(of: string, options: O, checks: Checks<O>): void => {
  refuseUnknown(of, options, Object.keys(checks))
  checkAll(of, options, checks)
}

/** Throws where a required option is missing or of another type. */
export const requireType = (
  what: string,
  options: object,
  names: ReadonlyArray<string>,
  type: "string" | "function"
): void => {
  requireObject(what, options)
  for (const name of names) {
    if (typeof (options as Record<string, unknown>)[name] === type) continue
    throw new CacheConfigError({ message: `${what} needs "${name}", a ${type}` })
  }
}
