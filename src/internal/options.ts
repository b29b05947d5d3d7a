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
