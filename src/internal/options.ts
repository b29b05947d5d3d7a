/** Checks of options: a misspelt one must not be silently without effect. */
import { CacheConfigError } from "../CacheError.ts"

/** Throws for the first option that `known` does not name: a misspelt option must not be silently without effect. */
export const refuseUnknown = (
  what: string,
  options: object,
  known: ReadonlySet<string> | ReadonlyArray<string>
): void => {
  for (const option of Object.keys(options)) {
    if (known instanceof Set ? known.has(option) : Array.from(known).includes(option)) continue
    throw new CacheConfigError({
      message: `${what} has no option "${option}": it knows ${Array.from(known).join(", ")}`
    })
  }
}

/** Throws a `CacheConfigError` for an option that is not what it should be; `of` is who was given it. */
type Check<A> = (given: A, of: string) => void

/** A check for each option of a type: an option without its check does not compile, nor a check without its option. */
export type Checks<O> = { readonly [Name in keyof O]-?: Check<O[Name]> }

/** What is not given needs no check. */
export const optional = <A>(check: Check<A>): Check<A | undefined> => (given, of) => {
  if (given !== undefined) check(given, of)
}

/** Checks all options of one list. */
export const checkAll = <O extends object>(of: string, options: O, checks: Checks<O>): void => {
  for (const name of Object.keys(checks) as Array<keyof O>) checks[name](options[name], of)
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
  for (const name of names) {
    if (typeof (options as Record<string, unknown>)[name] === type) continue
    throw new CacheConfigError({ message: `${what} needs "${name}", a ${type}` })
  }
}
